/* power_cut.c - the real thing: a store on an ext4 of its own, which is shut down in mid-work without writing out
 * anything (EXT4_IOC_SHUTDOWN, no flush of the log). What is then mounted again is what had reached the device. Needs
 * root and a loop device. Twelve cuts, nightly 300. */
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "common/child.h"
#include "crash/judge.h"
#include "crash/world.h"
#include "tally.h"

#define SHUTDOWN_REQUEST _IOR('X', 125, uint32_t)
enum { SHUTDOWN_WITHOUT_LOG = 2 };

static atomic_uint_fast64_t *acked; /* 1 + generation; 0: not even open */
static uint64_t *found;

static int live(const char *path) {
  world w = {.path = path, .attempts = 1};
  uint64_t g;
  if (world_open(&w) != UFO_OK || generation_of(w.store, &g) || resume(&w, g) != UFO_OK) return 3;
  for (;;) {
    atomic_store(acked, g + 1);
    if (one_generation(&w, ++g) != UFO_OK) return 3;
    atomic_store(acked, g + 1);
    if (follow_up(&w, g)) return 3;
  }
}

static int make_disk(const char *image) {
  char command[8000];
  snprintf(command, sizeof command, "truncate -s 128M '%s' && mkfs.ext4 -q -F '%s' >/dev/null 2>&1", image, image);
  return system(command);
}

static int mount_disk(const char *image, const char *disk) {
  char command[8000];
  snprintf(command, sizeof command, "mount -o loop '%s' '%s' 2>/dev/null", image, disk);
  return system(command);
}

static void clear_disk(const char *path) {
  char name[COPY_NAME_BYTES + 8], copy[COPY_NAME_BYTES];
  copy_name(copy, path);
  unlink(path);
  unlink(copy);
  snprintf(name, sizeof name, "%s-lock", path);
  unlink(name);
  snprintf(name, sizeof name, "%s-lock", copy);
  unlink(name);
  sync();
}

/* The disk is gone from one moment to the next: no commit may succeed any more. Then the process is killed. */
static int cut(const char *mount_point, const char *path, uint64_t delay_us) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) _exit(live(path));
  usleep((useconds_t)delay_us);
  int folder = open(mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  uint32_t how = SHUTDOWN_WITHOUT_LOG;
  int result = ioctl(folder, SHUTDOWN_REQUEST, &how);
  close(folder);
  usleep(2000);
  kill(child, SIGKILL);
  wait_for(child);
  return result;
}

static int judge_found(const char *path) {
  uint64_t known = atomic_load(acked);
  bool there = access(path, F_OK) == 0;
  if (known > 0) DEMAND(there);
  if (verify_found(path, known ? known - 1 : 0, found)) return 1;
  atomic_store(acked, there ? *found + 1 : 0); /* from here it goes on */
  return 0;
}

static int judge_alone(const char *path) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(judge_found(path));
  }
  return wait_for(child);
}

int main(void) {
  char folder[3000], image[3100], disk[3100], path[3200];
  uint64_t cuts = nightly() ? 300 : 12, state;
  shape = dense;
  state = seed = choose_seed();
  acked = shared_memory(sizeof *acked + sizeof *found);
  if (!acked || make_folder(folder, sizeof folder, NULL)) return 2;
  found = (uint64_t *)(void *)(acked + 1);
  snprintf(image, sizeof image, "%s/image", folder);
  snprintf(disk, sizeof disk, "%s/disk", folder);
  snprintf(path, sizeof path, "%s/s.ufo", disk);
  /* In a name space of its own, so that the disk goes with this process. */
  if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
      mkdir(disk, 0700) != 0 || make_disk(image) != 0 || mount_disk(image, disk) != 0) {
    remove_folder(folder);
    printf("needs root, mkfs.ext4 and a loop device\n");
    return 77;
  }
  int result = 0;
  uint64_t commits = 0, done = 0;
  for (; done < cuts && !result; done++) {
    state = mix(state);
    if (done % 4 == 0) {
      clear_disk(path);
      atomic_store(acked, 0);
    }
    judge_is_last = done % 4 == 3;
    uint64_t before = atomic_load(acked);
    if (cut(disk, path, done % 4 == 0 ? state % 20000 : state % 150000) != 0) {
      printf("this ext4 cannot be shut down\n");
      result = 77;
      break;
    }
    commits += atomic_load(acked) - before;
    bool back = umount2(disk, 0) == 0 && mount_disk(image, disk) == 0;
    result = back ? judge_alone(path) : 2;
    if (result) fprintf(stderr, "cut %" PRIu64 " of seed %" PRIu64 ": %d\n", done, seed, result);
  }
  umount2(disk, 0);
  remove_folder(folder);
  printf("seed %" PRIu64 ": %" PRIu64 " commits acknowledged\n", seed, commits);
  if (result == 0) tally(done, "cuts of an ext4's power");
  return result;
}
