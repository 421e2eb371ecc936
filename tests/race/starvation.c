/* A budget of two chunks, which is the least there can be, and work that wants a hundred times as much: a commit of
 * changed memory, read(2), write(2) and fwrite(3) on it, memcpy from one region to another, 64 threads on one page and
 * on all of them. Everything ends, and every byte is right. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <ufostore/ufostore.h>

#include "child.h"
#include "tally.h"

enum {
  CHUNK = 4096,
  PER_CHUNK = CHUNK / 8,
  CHUNKS = 200,
  LENGTH = CHUNKS * PER_CHUNK,
  BYTES = LENGTH * 8,
  THREADS = 64
};

static ufo_error error;
static char folder[300], path[320], file_path[320];
static ufo_store *store;
static ufo_pool *pool;
static uint64_t plain[LENGTH];

#define DEMAND(condition)                                                                                              \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: %s (%s, %s)\n", __FILE__, __LINE__, #condition, error.message, strerror(errno));         \
      return 1;                                                                                                        \
    }                                                                                                                  \
  } while (0)

static uint64_t value(uint64_t kind, uint64_t i) {
  uint64_t x = (kind << 40) + i + 1;
  x *= UINT64_C(0x9E3779B97F4A7C15);
  return x ^ x >> 31;
}

static int is_kind(const uint64_t *data, uint64_t kind) {
  for (uint64_t i = 0; i < LENGTH; i++)
    if (data[i] != value(kind, i)) return 0;
  return 1;
}

static int commit_view(const char *name, ufo_view *view) {
  ufo_txn *txn;
  DEMAND(ufo_txn_begin(store, &txn, &error) == UFO_OK);
  DEMAND(ufo_txn_put_view(txn, name, view, UFO_PUT_CHECKED, &error) == UFO_OK);
  DEMAND(ufo_txn_commit(txn, &error) == UFO_OK);
  return 0;
}

static int commits(ufo_view *view) {
  uint64_t *data = ufo_view_data(view);
  for (uint64_t kind = 1; kind <= 3; kind++) {
    for (uint64_t i = 0; i < LENGTH; i++) data[i] = value(kind, i);
    if (commit_view("a", view)) return 1;
    DEMAND(ufo_store_read(store, NULL, "a", 0, 0, LENGTH, plain, &error) == UFO_OK && is_kind(plain, kind));
    DEMAND(is_kind(data, kind));
  }
  return 0;
}

/* All of it in one call each, where the kernel may fault; what it needs is never all in memory at once. */
static int system_calls(uint64_t *data) {
  ufo_pool_capabilities can = {.struct_size = sizeof can};
  ufo_pool_get_capabilities(pool, &can);
  if (!can.kernel_faults) return puts("system calls were left out: they need privilege"), 0;
  int file = open(file_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  for (uint64_t i = 0; i < LENGTH; i++) data[i] = value(4, i);
  size_t done = 0;
  while (done < BYTES) { /* a call may end early; it must get on */
    ssize_t n = write(file, (char *)data + done, BYTES - done);
    DEMAND(n > 0);
    done += (size_t)n;
  }
  DEMAND(pread(file, plain, BYTES, 0) == BYTES && is_kind(plain, 4));
  for (uint64_t i = 0; i < LENGTH; i++) plain[i] = value(5, i);
  DEMAND(pwrite(file, plain, BYTES, 0) == BYTES && lseek(file, 0, SEEK_SET) == 0);
  for (done = 0; done < BYTES;) {
    ssize_t n = read(file, (char *)data + done, BYTES - done);
    DEMAND(n > 0);
    done += (size_t)n;
  }
  DEMAND(is_kind(data, 5));
  close(file);
  FILE *stream = fopen(file_path, "w+");
  DEMAND(stream && fwrite(data, 8, LENGTH, stream) == LENGTH && fflush(stream) == 0);
  rewind(stream);
  DEMAND(fread(plain, 8, LENGTH, stream) == LENGTH && is_kind(plain, 5));
  fclose(stream);
  return 0;
}

static int two_regions(uint64_t *from, ufo_view *view) {
  uint64_t *to = ufo_view_data(view);
  for (uint64_t i = 0; i < LENGTH; i++) from[i] = value(6, i);
  memcpy(to, from, BYTES);
  DEMAND(is_kind(to, 6) && is_kind(from, 6));
  DEMAND(memcmp(to, from, BYTES) == 0);
  return commit_view("b", view);
}

static _Atomic int wrong;
static uint64_t *shared;

/* Element i of each chunk belongs to thread i % THREADS. */
static void *crowd(void *argument) {
  uint64_t self = (uint64_t)(uintptr_t)argument;
  for (int round = 0; round < 20; round++) shared[self] = value(7, (uint64_t)round);
  if (shared[self] != value(7, 19)) wrong = 1;
  for (uint64_t step = 0; step < CHUNKS; step += 10) {
    uint64_t chunk = (step * 7 + self * 3) % CHUNKS, at = chunk * PER_CHUNK + THREADS + self;
    shared[at] = value(8, at);
    if (shared[at] != value(8, at)) wrong = 1;
  }
  return NULL;
}

static int many_threads(uint64_t *data) {
  pthread_t threads[THREADS];
  shared = data;
  for (uint64_t i = 0; i < THREADS; i++)
    DEMAND(pthread_create(&threads[i], NULL, crowd, (void *)(uintptr_t)i) == 0); // NOLINT(performance-no-int-to-ptr)
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  DEMAND(!wrong);
  for (uint64_t self = 0; self < THREADS; self++) {
    DEMAND(data[self] == value(7, 19));
    for (uint64_t step = 0; step < CHUNKS; step += 10) {
      uint64_t at = (step * 7 + self * 3) % CHUNKS * PER_CHUNK + THREADS + self;
      DEMAND(data[at] == value(8, at));
    }
  }
  return 0;
}

static int run(void) {
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = 2 * CHUNK};
  ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_DOUBLE, .length = LENGTH, .chunk_bytes = CHUNK};
  ufo_view *a, *b;
  ufo_txn *txn;
  DEMAND(ufo_store_open(path, NULL, &store, &error) == UFO_OK && ufo_pool_create(&options, &pool, &error) == UFO_OK);
  DEMAND(ufo_txn_begin(store, &txn, &error) == UFO_OK && ufo_txn_create(txn, "a", &spec, &error) == UFO_OK &&
         ufo_txn_create(txn, "b", &spec, &error) == UFO_OK && ufo_txn_commit(txn, &error) == UFO_OK);
  DEMAND(ufo_view_open(store, NULL, pool, "a", NULL, &a, &error) == UFO_OK);
  DEMAND(ufo_view_open(store, NULL, pool, "b", NULL, &b, &error) == UFO_OK);
  for (int round = 0; round < (nightly() ? 20 : 2); round++) {
    if (commits(a) || system_calls(ufo_view_data(a)) || two_regions(ufo_view_data(a), b)) return 1;
    if (many_threads(ufo_view_data(a))) return 1;
  }
  ufo_pool_stats stats = {.struct_size = sizeof stats};
  ufo_pool_get_stats(pool, &stats);
  DEMAND(stats.resident_bytes_peak <= 2 * CHUNK);
  ufo_view_release(a);
  ufo_view_release(b);
  DEMAND(ufo_store_verify(store, NULL, NULL, NULL, &error) == UFO_OK);
  ufo_store_close(store);
  DEMAND(ufo_pool_destroy(pool, &error) == UFO_OK);
  printf("%llu faults, %llu fills, %llu waits\n", (unsigned long long)stats.faults, (unsigned long long)stats.fills,
         (unsigned long long)stats.waits);
  return 0;
}

int main(void) {
  if (make_folder(folder, sizeof folder, NULL)) return 2;
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  snprintf(file_path, sizeof file_path, "%s/file", folder);
  int result = run();
  remove_folder(folder);
  return result;
}
