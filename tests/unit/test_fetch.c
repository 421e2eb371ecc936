/* From the disk: what is read in order is asked for ahead of need where the kernel's own read-ahead does not do, and
 * nothing else is. That is switched off for the store's descriptors, so that only what the store asked for comes; and
 * the clock is the test's, so that the disk is as slow as it says. */
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "store/object.h"
#include "store/store.h"

enum { CHUNK = 65536, CHUNKS = 1024, MIB = 1 << 20 };

static uint8_t *values; /* noise */

enum { QUICK = 0, SLOW = 5000000 };
static atomic_int read_takes = -1; /* nanoseconds, by the clock; -1: it is the system's */
static atomic_llong now_ns;

int clock_gettime(clockid_t clock, struct timespec *time) {
  int step = atomic_load(&read_takes);
  if (step < 0) return (int)syscall(SYS_clock_gettime, clock, time);
  long long now = atomic_fetch_add(&now_ns, step) + step;
  *time = (struct timespec){.tv_sec = now / 1000000000, .tv_nsec = now % 1000000000};
  return 0;
}

/* What the kernel's own read-ahead is told is noted, and not told: it stays off. */
static atomic_int told = POSIX_FADV_NORMAL;

int posix_fadvise(int fd, off_t offset, off_t bytes, int advice) {
  bool own = advice == POSIX_FADV_SEQUENTIAL || advice == POSIX_FADV_NORMAL;
  if (own) atomic_store(&told, advice);
  return own || !syscall(SYS_fadvise64, fd, offset, bytes, advice) ? 0 : errno;
}

/* A read that must not wait makes the kernel fetch the page, and gets it if that is quick: as quick as a processor that
 * is busy with something else for a moment. Here it tells what is in memory, and no more. */
ssize_t preadv2(int fd, const struct iovec *target, int count, off_t offset, int flags) {
  if (!(flags & RWF_NOWAIT)) return syscall(SYS_preadv2, fd, target, count, offset, 0L, flags);
  unsigned char in = 0;
  void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, offset / 4096 * 4096);
  cr_assert(map != MAP_FAILED && !mincore(map, 4096, &in));
  munmap(map, 4096);
  if (in & 1) return syscall(SYS_preadv2, fd, target, count, offset, 0L, flags & ~RWF_NOWAIT);
  errno = EAGAIN;
  return -1;
}

static uint64_t bytes_in_memory(const char *path) {
  struct stat file;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  cr_assert(fd >= 0 && !fstat(fd, &file));
  size_t pages = (size_t)file.st_size / 4096;
  unsigned char *in = malloc(pages);
  void *map = mmap(NULL, pages * 4096, PROT_READ, MAP_SHARED, fd, 0);
  cr_assert(map != MAP_FAILED && !mincore(map, pages * 4096, in));
  uint64_t count = 0;
  for (size_t i = 0; i < pages; i++) count += in[i] & 1;
  munmap(map, pages * 4096);
  close(fd);
  free(in);
  return count * 4096;
}

static void drop(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  cr_assert(fd >= 0 && !fsync(fd));
  cr_assert_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
  close(fd);
}

static void stop_the_kernels_own(const char *path) {
  struct stat file, other;
  cr_assert_eq(stat(path, &file), 0);
  DIR *list = opendir("/proc/self/fd");
  for (struct dirent *entry; list && (entry = readdir(list));) {
    int fd = atoi(entry->d_name);
    if (entry->d_name[0] != '.' && !fstat(fd, &other) && other.st_ino == file.st_ino && other.st_dev == file.st_dev)
      posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
  }
  if (list) closedir(list);
}

/* Reads the chunks of an object from an empty cache. Returns how much of the file is in memory then: as soon as it is
 * `wanted` bytes, else after a while. */
static uint64_t read_chunks(const char *name, int takes, const uint64_t *chunks, int count, uint64_t wanted) {
  char *path = strdup(in_folder("s.ufo"));
  uint8_t *buffer = malloc(CHUNK);
  ufo_object *x;
  drop(path);
  ufo_store *store = open_store(path);
  stop_the_kernels_own(path);
  atomic_store(&told, POSIX_FADV_NORMAL);
  OK(ufo_object_open(store, NULL, name, -1, 0, &x, &error));
  atomic_store(&read_takes, takes);
  for (int i = 0; i < count; i++) {
    OK(ufo_object_load(x, chunks[i], buffer, &error));
    cr_assert_eq(memcmp(buffer, values + chunks[i] * CHUNK, CHUNK), 0);
  }
  atomic_store(&read_takes, -1);
  uint64_t got = 0;
  for (int i = 0; i < (wanted ? 400 : 4) && (got = bytes_in_memory(path)) < (wanted ? wanted : UINT64_MAX); i++)
    usleep(50000);
  ufo_object_release(x);
  ufo_store_close(store);
  free(path);
  free(buffer);
  return got;
}

static void check_ahead(const char *name, int takes, const uint64_t *chunks, int count, const char *what) {
  uint64_t ahead = read_chunks(name, takes, chunks, count, 16 * MIB);
  cr_assert(ahead >= 16 * MIB && ahead < 32 * MIB, "%s brought %" PRIu64 " bytes", what, ahead);
}

static void check_alone(const char *name, int takes, const uint64_t *chunks, int count, const char *what) {
  uint64_t alone = read_chunks(name, takes, chunks, count, 0);
  cr_assert_lt(alone, 3 * MIB, "%s brought %" PRIu64 " bytes", what, alone);
}

/* The blobs of "x" follow each other in the file; of those of "y" each second was written later. */
static void make_store(void) {
  uint64_t state = 3;
  values = malloc((size_t)CHUNKS * CHUNK);
  random_fill(&state, values, (size_t)CHUNKS * CHUNK);
  ufo_store *store = open_store(in_folder("s.ufo"));
  const ufo_object_spec spec = spec_of(UFO_RAW, 0, (uint64_t)CHUNKS * CHUNK, CHUNK);
  put_now(store, "x", spec, values);
  uint8_t *before = malloc((size_t)CHUNKS * CHUNK);
  memcpy(before, values, (size_t)CHUNKS * CHUNK);
  for (uint64_t i = 0; i < CHUNKS; i += 2) before[i * CHUNK]++;
  put_now(store, "y", spec, before);
  ufo_txn *txn = begin(store);
  for (uint64_t i = 0; i < CHUNKS; i += 2) OK(ufo_txn_write(txn, "y", i * CHUNK, CHUNK, values + i * CHUNK, &error));
  OK(ufo_txn_commit(txn, &error));
  ufo_store_close(store);
  free(before);
}

Test(fetch, ahead_of_reads_in_order_alone, .timeout = 110) {
  enum { FEW = 8, MORE = 24 };
  uint64_t up[MORE], down[FEW], far[2 * FEW];
  fixture_make();
  make_store();
  drop(in_folder("s.ufo"));
  if (bytes_in_memory(in_folder("s.ufo")) > MIB) {
    fixture_remove();
    cr_skip_test("the page cache cannot be dropped here");
  }
  for (uint64_t i = 0; i < MORE; i++) up[i] = 100 + i;
  for (uint64_t i = 0; i < FEW; i++) {
    down[i] = 900 - i;
    far[2 * i] = 50 + i * 117 % CHUNKS; /* and the next, as where what is read lies in both */
    far[2 * i + 1] = far[2 * i] + 1;
  }
  check_alone("x", QUICK, far, 2 * FEW, "reading here and there");
  check_alone("x", SLOW, far, 2 * FEW, "reading here and there, slowly");
  cr_assert_eq(told, POSIX_FADV_NORMAL);
  check_alone("x", QUICK, up, MORE, "going up, which is the kernel's to read ahead");
  cr_assert_eq(told, POSIX_FADV_SEQUENTIAL);
  check_ahead("x", SLOW, up, MORE, "going up, slowly");
  check_ahead("x", QUICK, down, FEW, "going down");
  check_ahead("y", QUICK, up, FEW, "going up to and fro");
  cr_assert_eq(told, POSIX_FADV_NORMAL);
  free(values);
  fixture_remove();
}
