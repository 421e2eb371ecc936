/* From the disk: what is read in order is asked for ahead of need, and nothing else is. The kernel's own read-ahead is
 * switched off for the store's descriptors, so that only what the store asked for comes. */
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "store/object.h"
#include "store/store.h"

enum { CHUNK = 65536, CHUNKS = 1024, MIB = 1 << 20 };

static uint8_t *values; /* noise */

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

/* Reads the chunks from an empty cache. Returns how much of the file is in memory then: as soon as it is `wanted`
 * bytes, else after a while. */
static uint64_t read_chunks(const uint64_t *chunks, int count, uint64_t wanted) {
  char *path = strdup(in_folder("s.ufo"));
  uint8_t *buffer = malloc(CHUNK);
  ufo_object *x;
  drop(path);
  ufo_store *store = open_store(path);
  stop_the_kernels_own(path);
  OK(ufo_object_open(store, NULL, "x", -1, 0, &x, &error));
  for (int i = 0; i < count; i++) {
    OK(ufo_object_load(x, chunks[i], buffer, &error));
    cr_assert_eq(memcmp(buffer, values + chunks[i] * CHUNK, CHUNK), 0);
  }
  uint64_t got = 0;
  for (int i = 0; i < (wanted ? 400 : 4) && (got = bytes_in_memory(path)) < (wanted ? wanted : UINT64_MAX); i++)
    usleep(50000);
  ufo_object_release(x);
  ufo_store_close(store);
  free(path);
  free(buffer);
  return got;
}

Test(fetch, ahead_of_reads_in_order_alone, .timeout = 110) {
  enum { FEW = 8 };
  uint64_t up[FEW], down[FEW], far[2 * FEW];
  uint64_t state = 3;
  fixture_make();
  values = malloc((size_t)CHUNKS * CHUNK);
  random_fill(&state, values, (size_t)CHUNKS * CHUNK);
  ufo_store *store = open_store(in_folder("s.ufo"));
  put_now(store, "x", spec_of(UFO_RAW, 0, (uint64_t)CHUNKS * CHUNK, CHUNK), values);
  ufo_store_close(store);
  drop(in_folder("s.ufo"));
  if (bytes_in_memory(in_folder("s.ufo")) > MIB) {
    fixture_remove();
    cr_skip_test("the page cache cannot be dropped here");
  }
  for (uint64_t i = 0; i < FEW; i++) {
    up[i] = 100 + i;
    down[i] = 900 - i;
    far[2 * i] = 50 + i * 117 % CHUNKS; /* and the next, as where what is read lies in both */
    far[2 * i + 1] = far[2 * i] + 1;
  }
  uint64_t alone = read_chunks(far, 2 * FEW, 0);
  cr_assert_lt(alone, 3 * MIB, "reads here and there brought %" PRIu64 " bytes", alone);
  uint64_t ahead = read_chunks(up, FEW, 16 * MIB);
  cr_assert_geq(ahead, 16 * MIB, "going up");
  cr_assert_lt(ahead, 32 * MIB);
  ahead = read_chunks(down, FEW, 16 * MIB);
  cr_assert_geq(ahead, 16 * MIB, "going down");
  cr_assert_lt(ahead, 32 * MIB);
  free(values);
  fixture_remove();
}
