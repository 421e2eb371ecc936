/* 64 threads touch one and the same page a thousand times, each time just after it was evicted; every fourth writes.
 *
 * Most messages are late here: the chunk has been filled, written or dropped again before they are read. Each must
 * still wake its thread, and no increment may be lost. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <ufostore/ufostore.h>

enum { THREADS = 64, ROUNDS = 1000, PAGE = 4096 };

static ufo_pool *pool;
static ufo_region *region;
static _Atomic uint64_t *body;
static pthread_barrier_t barrier;
static _Atomic int failures;

static int populate(void *user, uint64_t first, uint64_t count, void *target, ufo_error *error) {
  (void)user, (void)error;
  uint64_t *out = target;
  for (uint64_t i = 0; i < count; i++) out[i] = first + i;
  return UFO_OK;
}

static void *toucher(void *argument) {
  uint64_t self = (uint64_t)(uintptr_t)argument;
  ufo_error error;
  for (int round = 0; round < ROUNDS; round++) {
    /* One thread evicts before all touch together, and another, in some rounds, while they do. */
    bool evicts = self == 0 || (self == THREADS - 1 && round % 3 == 0);
    if (self != 0 || round % 2) pthread_barrier_wait(&barrier);
    if (evicts && ufo_region_advise(region, 0, PAGE, UFO_ADVICE_DONTNEED, &error) != UFO_OK) failures++;
    if (self == 0 && round % 2 == 0) pthread_barrier_wait(&barrier);
    if (self % 4 == 0) atomic_fetch_add_explicit(&body[self], 1, memory_order_relaxed);
    else if (atomic_load_explicit(&body[self], memory_order_relaxed) != self) failures++;
  }
  return NULL;
}

int main(void) {
  ufo_error error;
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = 4 * PAGE};
  if (ufo_pool_create(&options, &pool, &error) != UFO_OK) return fprintf(stderr, "%s\n", error.message), 1;
  ufo_region_options shape = {.struct_size = sizeof shape,
                              .element_bytes = 8,
                              .count = 2 * PAGE / 8,
                              .chunk_elements = PAGE / 8,
                              .source = {.populate = populate}};
  if (ufo_region_create(pool, &shape, &region, &error) != UFO_OK) return fprintf(stderr, "%s\n", error.message), 1;
  body = ufo_region_body(region);
  pthread_barrier_init(&barrier, NULL, THREADS);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, toucher, (void *)(uintptr_t)i)) return 1;
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  for (uint64_t i = 0; i < THREADS; i++)
    if (body[i] != i + (i % 4 ? 0 : ROUNDS)) failures++;
  ufo_pool_stats stats = {.struct_size = sizeof stats};
  ufo_pool_get_stats(pool, &stats);
  printf("messages %llu, fills %llu, first writes %llu, evictions %llu, failures %d\n",
         (unsigned long long)stats.faults, (unsigned long long)stats.fills, (unsigned long long)stats.write_faults,
         (unsigned long long)(stats.evictions_clean + stats.evictions_dirty), failures);
  ufo_region_release(region);
  if (ufo_pool_destroy(pool, &error) != UFO_OK) failures++;
  pthread_barrier_destroy(&barrier);
  return failures != 0;
}
