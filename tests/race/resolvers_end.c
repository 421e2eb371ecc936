/* Bursts of touches whose fills nest: threads that serve faults come, wait aside, are fetched and end, and somebody is
 * always left to read the next fault. Nobody was, once in fifty runs, when a thread that was about to end still
 * counted: then all others waited for a fault that nobody read. (tests/CMakeLists.txt has the time after which this has
 * failed.) */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <ufostore/ufostore.h>
#include <unistd.h>

#include "common/tally.h"

enum { CHUNKS = 20000, WORDS = 512, THREADS = 24, TOUCHES = 1000 };

static const uint64_t *_Atomic lower;
static uint64_t *upper;
static _Atomic int wrong;

static int populate_lower(void *user, uint64_t first, uint64_t count, void *target, ufo_error *error) {
  (void)user, (void)error;
  for (uint64_t i = 0; i < count; i++) ((uint64_t *)target)[i] = first + i;
  return UFO_OK;
}

static int populate_upper(void *user, uint64_t first, uint64_t count, void *target, ufo_error *error) {
  (void)user, (void)error;
  uint64_t base = __atomic_load_n(&atomic_load(&lower)[first], __ATOMIC_RELAXED);
  for (uint64_t i = 0; i < count; i++) ((uint64_t *)target)[i] = base + i;
  return UFO_OK;
}

static void *touch(void *argument) {
  unsigned id = (unsigned)(uintptr_t)argument;
  uint64_t state = id * UINT64_C(7919) + 1;
  int touches = nightly() ? 20 * TOUCHES : TOUCHES;
  for (int i = 0; i < touches; i++) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t word = (state >> 33) % CHUNKS * WORDS;
    if (__atomic_load_n(&upper[word], __ATOMIC_RELAXED) != word) atomic_fetch_add(&wrong, 1);
    if (i % 8 == (int)(id % 8)) usleep((useconds_t)(state >> 60) << 7);
  }
  return NULL;
}

int main(void) {
  ufo_error error;
  ufo_pool *pool;
  ufo_region *below, *above;
  ufo_pool_options pool_options = {.struct_size = sizeof pool_options, .budget_bytes = 4096 * 512};
  ufo_region_options options = {.struct_size = sizeof options,
                                .element_bytes = 8,
                                .count = (uint64_t)CHUNKS * WORDS,
                                .chunk_elements = WORDS,
                                .source = {.populate = populate_lower}};
  bool made = !ufo_pool_create(&pool_options, &pool, &error) && !ufo_region_create(pool, &options, &below, &error);
  options.source.populate = populate_upper;
  if (!made || ufo_region_create(pool, &options, &above, &error)) return fprintf(stderr, "%s\n", error.message), 1;
  lower = ufo_region_body(below);
  upper = ufo_region_body(above);
  pthread_t threads[THREADS];
  for (uintptr_t i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, touch, (void *)i)) return 1;
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  tally((uint64_t)THREADS * TOUCHES, "touches whose fills nest, in bursts");
  ufo_region_release(above);
  ufo_region_release(below);
  return wrong || ufo_pool_destroy(pool, &error) != UFO_OK;
}
