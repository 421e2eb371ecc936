/* Chunks that are read one after the other are found by what was looked up before: always those of the right object,
 * version and number, whatever else is read by the same threads, committed, damaged or forked meanwhile. */
#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>

#include "store/object.h"
#include "store/store.h"

enum { CHUNK = 4096, PER_CHUNK = CHUNK / 8, CHUNKS = 200, LENGTH = CHUNKS * PER_CHUNK - 77 };

static ufo_store *store;

static void make(void) {
  fixture_make();
  store = open_store(in_folder("s.ufo"));
}

static void end(void) {
  ufo_store_close(store);
  fixture_remove();
}

TestSuite(places, .init = make, .fini = end, .timeout = 60);

/* Of one value, highly compressible (its blob lies among others), compressible, or noise; no two chunks are alike. */
static double value_of(uint64_t seed, uint64_t i) {
  uint64_t chunk = i / PER_CHUNK, base = seed * 1000 + chunk;
  switch ((chunk + seed) % 4) {
  case 0:
    return (double)base;
  case 1:
    return (double)(base + i % 3);
  case 2:
    return (double)(base * 4096 + mix(seed + i) % 4096);
  default:
    return (double)(base + (mix(seed + i) >> 12));
  }
}

static double *values_of(uint64_t seed) {
  double *values = malloc(LENGTH * sizeof *values);
  for (uint64_t i = 0; i < LENGTH; i++) values[i] = value_of(seed, i);
  return values;
}

static void put_seed(const char *name, uint64_t seed) {
  double *values = values_of(seed);
  put_now(store, name, spec_of(UFO_DOUBLE, 0, LENGTH, CHUNK), values);
  free(values);
}

static ufo_object *open_object(const char *name) {
  ufo_object *object = NULL;
  OK(ufo_object_open(store, NULL, name, -1, 0, &object, &error));
  return object;
}

/* Is the chunk what it should be? For children and threads, too. */
static int check_chunk(ufo_object *object, uint64_t seed, uint64_t chunk) {
  double buffer[PER_CHUNK];
  uint64_t first = chunk * PER_CHUNK;
  if (ufo_object_load(object, chunk, buffer, &error)) return 1;
  for (uint64_t i = first; i < first + PER_CHUNK && i < LENGTH; i++)
    if (buffer[i - first] != value_of(seed, i)) return 2;
  return 0;
}

Test(places, any_order) {
  put_seed("x", 1);
  ufo_object *x = open_object("x");
  for (uint64_t c = 0; c < CHUNKS; c++) cr_assert_eq(check_chunk(x, 1, c), 0, "up, chunk %" PRIu64, c);
  for (uint64_t c = CHUNKS; c-- > 0;) cr_assert_eq(check_chunk(x, 1, c), 0, "down, chunk %" PRIu64, c);
  uint64_t state = 4, c = 0;
  for (int i = 0; i < 4000; i++) {
    uint64_t step = random_below(&state, 12);
    c = step == 0 ? random_below(&state, CHUNKS) : (c + CHUNKS + step - 5) % CHUNKS;
    cr_assert_eq(check_chunk(x, 1, c), 0, "step %d, chunk %" PRIu64, i, c);
  }
  ufo_object_release(x);
}

/* One thread has one set of places. */
Test(places, of_several_objects_in_turn) {
  for (uint64_t k = 0; k < 4; k++) put_seed((char[]){(char)('a' + k), 0}, k);
  ufo_object *objects[4];
  for (uint64_t k = 0; k < 4; k++) objects[k] = open_object((char[]){(char)('a' + k), 0});
  uint64_t state = 9;
  for (uint64_t c = 0; c < CHUNKS; c += random_below(&state, 3))
    for (uint64_t k = 0; k < 4; k++)
      for (uint64_t near = c; near < c + 3 && near < CHUNKS; near++)
        cr_assert_eq(check_chunk(objects[k], k, near), 0, "object %" PRIu64 " chunk %" PRIu64, k, near);
  for (uint64_t k = 0; k < 4; k++) ufo_object_release(objects[k]);
}

/* A version that is read stays as it is while its chunks are replaced, and what it had is reclaimed only after it. */
Test(places, while_others_commit) {
  put_seed("x", 1);
  for (uint64_t seed = 2; seed < 12; seed++) {
    ufo_object *old = open_object("x");
    uint64_t c = 0;
    for (; c < 40; c++) cr_assert_eq(check_chunk(old, seed - 1, c), 0);
    double *values = values_of(seed);
    if (seed % 2) put_seed("x", seed); /* another object */
    else write_now(store, "x", 0, LENGTH, values);
    free(values);
    put_seed("y", seed + 100);
    ufo_object *now = open_object("x");
    for (; c < CHUNKS; c++) {
      cr_assert_eq(check_chunk(old, seed - 1, c), 0, "version before, chunk %" PRIu64, c);
      cr_assert_eq(check_chunk(now, seed, c), 0, "version now, chunk %" PRIu64, c);
    }
    for (c = 0; c < 40; c++) cr_assert_eq(check_chunk(old, seed - 1, c), 0);
    ufo_object_release(old);
    for (c = 0; c < CHUNKS; c++) cr_assert_eq(check_chunk(now, seed, c), 0);
    ufo_object_release(now);
  }
  assert_sound(store);
}

Test(places, holes_are_zeros) {
  double one = 1, buffer[PER_CHUNK];
  ufo_txn *txn = begin(store);
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, LENGTH, CHUNK);
  OK(ufo_txn_create(txn, "x", &spec, &error));
  for (uint64_t c = 3; c < CHUNKS; c += 7) OK(ufo_txn_write(txn, "x", c * PER_CHUNK + 5, 1, &one, &error));
  OK(ufo_txn_commit(txn, &error));
  ufo_object *x = open_object("x");
  for (int down = 0; down < 2; down++)
    for (uint64_t i = 0; i < CHUNKS; i++) {
      uint64_t c = down ? CHUNKS - 1 - i : i;
      memset(buffer, 0xFF, sizeof buffer);
      OK(ufo_object_load(x, c, buffer, &error));
      uint64_t end = c == CHUNKS - 1 ? LENGTH - c * PER_CHUNK : PER_CHUNK;
      for (uint64_t k = 0; k < end; k++) cr_assert_eq(buffer[k], c % 7 == 3 && k == 5, "chunk %" PRIu64, c);
    }
  ufo_object_release(x);
}

/* Every byte of the file that is not of the index is damaged after chunks were looked up, and before they are read. */
Test(places, damage_is_seen_and_named) {
  put_seed("x", 3);
  ufo_object *x = open_object("x");
  for (uint64_t c = 0; c < 40; c++) cr_assert_eq(check_chunk(x, 3, c), 0);
  int fd = open(ufo_store_path(store), O_RDWR | O_CLOEXEC);
  struct stat file;
  cr_assert_eq(fstat(fd, &file), 0);
  /* Of a blob on pages of its own only the first page has a header: flag 4. */
  unsigned damaged = 0;
  for (off_t page = 2 * 4096; page < file.st_size; page += 4096) {
    uint8_t header[16], byte;
    cr_assert_eq(pread(fd, header, 16, page), 16);
    if (header[10] != 4) continue;
    cr_assert_eq(pread(fd, &byte, 1, page + 700), 1);
    byte ^= 0x10;
    cr_assert_eq(pwrite(fd, &byte, 1, page + 700), 1);
    damaged++;
  }
  cr_assert_geq(damaged, CHUNKS / 4);
  unsigned failed = 0;
  for (uint64_t c = 32; c < CHUNKS; c++) {
    int result = check_chunk(x, 3, c);
    cr_assert_neq(result, 2, "chunk %" PRIu64 " is wrong", c);
    if (result == 0) continue;
    failed++;
    cr_assert_eq(error.code, UFO_CORRUPT);
    char chunk[32];
    snprintf(chunk, sizeof chunk, "chunk %" PRIu64 " ", c);
    cr_assert(strstr(error.message, chunk) && strstr(error.message, "'x'"), "%s", error.message);
  }
  cr_assert_geq(failed, (CHUNKS - 32) / 4 - 1);
  close(fd);
  ufo_object_release(x);
}

Test(places, in_a_child) {
  put_seed("x", 5);
  ufo_object *x = open_object("x");
  for (uint64_t c = 0; c < 50; c++) cr_assert_eq(check_chunk(x, 5, c), 0);
  pid_t child = fork();
  if (child == 0) {
    int wrong = 0;
    for (uint64_t c = 50; c < CHUNKS; c++) wrong |= check_chunk(x, 5, c);
    _exit(wrong);
  }
  put_seed("x", 6);
  put_seed("y", 7);
  for (uint64_t c = 50; c < CHUNKS; c++) cr_assert_eq(check_chunk(x, 5, c), 0);
  int status;
  cr_assert_eq(waitpid(child, &status, 0), child);
  cr_assert_eq(status, 0);
  ufo_object_release(x);
}

typedef struct part {
  pthread_t thread;
  ufo_object *object;
  uint64_t seed;
  atomic_uint_fast64_t *next;
  int wrong;
} part;

/* Threads take chunk after chunk between them, as those do that read ahead. */
static void *take(void *argument) {
  part *p = argument;
  for (uint64_t c; (c = atomic_fetch_add(p->next, 1)) < 20 * CHUNKS;)
    p->wrong |= check_chunk(p->object, p->seed, c % CHUNKS);
  return NULL;
}

Test(places, by_threads_together) {
  enum { THREADS = 4 };
  put_seed("x", 1);
  put_seed("y", 2);
  ufo_object *objects[2] = {open_object("x"), open_object("y")};
  atomic_uint_fast64_t next[2] = {0, 0};
  part parts[THREADS];
  for (int t = 0; t < THREADS; t++) {
    parts[t] = (part){.object = objects[t % 2], .seed = 1 + (uint64_t)t % 2, .next = &next[t % 2]};
    cr_assert_eq(pthread_create(&parts[t].thread, NULL, take, &parts[t]), 0);
  }
  for (int t = 0; t < THREADS; t++) {
    pthread_join(parts[t].thread, NULL);
    cr_assert_eq(parts[t].wrong, 0);
  }
  ufo_object_release(objects[0]);
  ufo_object_release(objects[1]);
}

/* A read of many chunks says so beforehand, and begins and ends in the middle of some. */
Test(places, a_read_of_a_range) {
  put_seed("x", 8);
  double *got = malloc(LENGTH * sizeof *got);
  uint64_t state = 6;
  for (int i = 0; i < 900; i++) {
    uint64_t first = random_below(&state, LENGTH), count = random_below(&state, LENGTH - first) + 1;
    if (i % 3 == 1) count = 1 + (count - 1) % (3 * PER_CHUNK);
    if (i % 3 == 2) count = 1 + (count - 1) % (PER_CHUNK - first % PER_CHUNK); /* inside of a chunk */
    if (i % 15 == 2) {                                                         /* a whole one */
      first -= first % PER_CHUNK;
      count = LENGTH - first < PER_CHUNK ? LENGTH - first : PER_CHUNK;
    }
    OK(ufo_store_read(store, NULL, "x", 0, first, count, got, &error));
    for (uint64_t k = 0; k < count; k++) cr_assert_eq(got[k], value_of(8, first + k), "element %" PRIu64, first + k);
  }
  free(got);
}
