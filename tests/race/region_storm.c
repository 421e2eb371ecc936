/* Many threads read and write regions that exceed the budget many times, while the evictor runs, the budget changes
 * and other regions come and go: every value must be right, and the budget never exceeded.
 *
 * Each element of the shared region belongs to one writer, element % WRITERS, and is only ever counted up by it; what a
 * thread wrote it must read again. Readers check a second region whose content is a formula. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <ufostore/ufostore.h>
#include <unistd.h>

enum { WRITERS = 4, READERS = 3, CHUNK = 8192, ELEMENTS = 64 * CHUNK / 8, ROUNDS = 30000 };
static const uint64_t budget = 12 * CHUNK;

static ufo_pool *pool;
static uint64_t *shared, *formula;
static _Atomic int failures;

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                                  \
      atomic_fetch_add(&failures, 1);                                                                                  \
    }                                                                                                                  \
  } while (0)

static uint64_t value(uint64_t i) { return i * 0x9E3779B97F4A7C15u ^ i; }

static int populate_formula(void *user, uint64_t first, uint64_t count, void *target, ufo_error *error) {
  (void)user, (void)error;
  uint64_t *out = target;
  for (uint64_t i = 0; i < count; i++) out[i] = value(first + i);
  return UFO_OK;
}

static int populate_zero(void *user, uint64_t first, uint64_t count, void *target, ufo_error *error) {
  (void)user, (void)error, (void)first;
  uint64_t *out = target;
  for (uint64_t i = 0; i < count; i++) out[i] = 0;
  return UFO_OK;
}

static ufo_region *make(ufo_populate_fn populate, uint64_t count) {
  ufo_region_options options = {.struct_size = sizeof options,
                                .element_bytes = 8,
                                .count = count,
                                .chunk_elements = CHUNK / 8,
                                .source = {.populate = populate}};
  ufo_error error;
  ufo_region *region = NULL;
  if (ufo_region_create(pool, &options, &region, &error) != UFO_OK) {
    fprintf(stderr, "%s\n", error.message);
    exit(1);
  }
  return region;
}

static uint64_t next(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static void *writer(void *argument) {
  uint64_t self = (uint64_t)(uintptr_t)argument;
  uint64_t state = 88172645463325252u + self;
  static uint64_t expected[WRITERS][ELEMENTS / WRITERS];
  for (int round = 0; round < ROUNDS; round++) {
    uint64_t slot = next(&state) % (ELEMENTS / WRITERS);
    uint64_t *element = &shared[slot * WRITERS + self];
    CHECK(*element == expected[self][slot]);
    *element = ++expected[self][slot];
  }
  for (uint64_t slot = 0; slot < ELEMENTS / WRITERS; slot++)
    CHECK(shared[slot * WRITERS + self] == expected[self][slot]);
  return NULL;
}

static void *reader(void *argument) {
  uint64_t state = 362436069u + (uint64_t)(uintptr_t)argument;
  for (int round = 0; round < ROUNDS; round++) {
    uint64_t i = next(&state) % ELEMENTS;
    CHECK(formula[i] == value(i));
  }
  return NULL;
}

/* Regions that live for a moment, and a budget that moves. */
static void *disturber(void *argument) {
  (void)argument;
  ufo_error error;
  for (int round = 0; round < 200; round++) {
    ufo_region *region = make(populate_formula, 5 * CHUNK / 8 + 3);
    uint64_t *body = ufo_region_body(region);
    for (uint64_t i = 0; i < 5 * CHUNK / 8 + 3; i += 500) CHECK(body[i] == value(i));
    body[1] = 7;
    if (round % 3 == 0) CHECK(ufo_region_flush(region, &error) == UFO_OK);
    if (round % 5 == 0) {
      CHECK(ufo_region_reset(region, &error) == UFO_OK);
      CHECK(body[1] == value(1));
    }
    ufo_region_release(region);
    uint64_t wanted = round % 2 ? budget : budget / 2;
    CHECK(ufo_pool_set_budget(pool, wanted, &error) == UFO_OK);
  }
  return NULL;
}

int main(void) {
  ufo_error error;
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = budget};
  if (ufo_pool_create(&options, &pool, &error) != UFO_OK) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  ufo_region *shared_region = make(populate_zero, ELEMENTS), *formula_region = make(populate_formula, ELEMENTS);
  shared = ufo_region_body(shared_region);
  formula = ufo_region_body(formula_region);
  pthread_t threads[WRITERS + READERS + 1];
  for (int i = 0; i < WRITERS; i++) pthread_create(&threads[i], NULL, writer, (void *)(uintptr_t)i);
  for (int i = 0; i < READERS; i++) pthread_create(&threads[WRITERS + i], NULL, reader, (void *)(uintptr_t)i);
  pthread_create(&threads[WRITERS + READERS], NULL, disturber, NULL);
  for (int i = 0; i < WRITERS + READERS + 1; i++) pthread_join(threads[i], NULL);
  ufo_pool_stats stats = {.struct_size = sizeof stats};
  ufo_pool_get_stats(pool, &stats);
  CHECK(stats.resident_bytes_peak <= budget);
  CHECK(stats.evictions_dirty > 100 && stats.evictions_clean > 100);
  printf("faults %llu, fills %llu, evicted clean %llu, dirty %llu, waits %llu, peak %llu of %llu\n",
         (unsigned long long)stats.faults, (unsigned long long)stats.fills, (unsigned long long)stats.evictions_clean,
         (unsigned long long)stats.evictions_dirty, (unsigned long long)stats.waits,
         (unsigned long long)stats.resident_bytes_peak, (unsigned long long)budget);
  ufo_region_release(shared_region);
  ufo_region_release(formula_region);
  CHECK(ufo_pool_destroy(pool, &error) == UFO_OK);
  return failures != 0;
}
