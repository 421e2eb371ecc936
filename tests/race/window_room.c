/* A stream of writes that waits for room, which comes from others than evictors: regions that are released. The stream
 * goes on, whoever made the room.
 *
 * On one processor, so that an evictor that was asked often comes too late. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ufostore/ufostore.h>
#include <unistd.h>

#include "common/must.h"
#include "common/tally.h"

enum { WINDOW = 2 << 20, WINDOWS = 64, CHUNK = 64 << 10, CHUNKS = WINDOWS * WINDOW / CHUNK };
enum { CHUNK_WORDS = CHUNK / 8, WORDS = CHUNKS * CHUNK_WORDS, BUDGET = WINDOWS / 4 * WINDOW };

#include "kept.h"

static ufo_pool *pool;
static _Atomic bool stop;

static int writeback(void *user, uint64_t offset, uint64_t bytes, const void *data, ufo_error *error) {
  (void)user, (void)error;
  keep(offset, bytes, data);
  return UFO_OK;
}

static ufo_region *new_region(uint64_t words, ufo_source source) {
  ufo_region *region;
  ufo_region_options options = {.struct_size = sizeof options,
                                .element_bytes = 8,
                                .count = words,
                                .chunk_elements = CHUNK_WORDS,
                                .source = source};
  MUST(ufo_region_create(pool, &options, &region, e));
  return region;
}

static int populate_zeros(void *user, uint64_t offset, uint64_t bytes, void *target, ufo_error *error) {
  (void)user, (void)error, (void)offset;
  memset(target, 0, bytes);
  return UFO_OK;
}

/* Regions that take a quarter to a half of the budget, changed, and give it back at once. */
static void *come_and_go(void *ignored) {
  for (uint64_t round = 0; !atomic_load(&stop); round++) {
    ufo_region *region = new_region(BUDGET / 2 / 8, (ufo_source){.populate_bytes = populate_zeros});
    uint64_t *body = ufo_region_body(region), chunks = BUDGET / 4 / CHUNK + round % 8 * (BUDGET / 32 / CHUNK);
    for (uint64_t k = 0; k < chunks && !atomic_load(&stop); k++) body[k * CHUNK_WORDS] = 1;
    usleep(round * 37 % 2000);
    ufo_region_release(region);
  }
  return ignored;
}

int main(void) {
  cpu_set_t one;
  pthread_t other;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  MUST_HOLD(sched_setaffinity(0, sizeof one, &one) == 0, "cannot stay on one processor");
  ufo_pool_options pool_options = {.struct_size = sizeof pool_options, .budget_bytes = BUDGET};
  MUST(ufo_pool_create(&pool_options, &pool, e));
  ufo_region *region = new_region(
      WORDS, (ufo_source){.populate_bytes = populate_kept, .writeback = writeback, .flags = UFO_SOURCE_READ_AHEAD});
  uint64_t *body = ufo_region_body(region), wrong = 0, passes = nightly() ? 300 : 24;
  MUST_HOLD(pthread_create(&other, NULL, come_and_go, NULL) == 0, "no thread");
  for (uint64_t pass = 1; pass <= passes; pass++) {
    for (uint64_t chunk = 0; chunk < CHUNKS; chunk++) {
      wrong += body[chunk * CHUNK_WORDS] != pass - 1;
      body[chunk * CHUNK_WORDS] = pass;
    }
  }
  atomic_store(&stop, true);
  pthread_join(other, NULL);
  MUST(ufo_region_flush(region, e));
  for (uint64_t chunk = 0; chunk < CHUNKS; chunk++) wrong += kept_word(chunk * CHUNK_WORDS) != passes;
  ufo_pool_stats stats = {.struct_size = sizeof stats};
  ufo_pool_get_stats(pool, &stats);
  printf("%llu writes in order, %llu windows; wrong: %llu\n", (unsigned long long)(passes * CHUNKS),
         (unsigned long long)stats.windows, (unsigned long long)wrong);
  tally(passes * CHUNKS, "writes in order, beside regions that come and go");
  MUST_HOLD(wrong == 0 && stats.windows >= WINDOWS, "too few windows, or something was lost");
  MUST_HOLD(stats.resident_bytes_peak <= BUDGET, "more than the budget");
  ufo_region_release(region);
  MUST(ufo_pool_destroy(pool, e));
  return 0;
}
