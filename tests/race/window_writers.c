/* Streams of writers, whose windows are made ready to be written to: no write is lost, and what nobody wrote to is not
 * written back.
 *
 * Two threads go through a half of the region each, forwards and backwards, one reading each word before it writes.
 * Each of them leaves out every seventh chunk. A third thread flushes all the time, so that chunks are protected, found
 * to be unwritten and written to at once; memory for a quarter of it makes them come and go. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ufostore/ufostore.h>
#include <unistd.h>

#include "common/tally.h"

enum { WINDOW = 2 << 20, WINDOWS = 32, CHUNK = 64 << 10, CHUNKS = WINDOWS * WINDOW / CHUNK, WRITERS = 2 };
enum { CHUNK_WORDS = CHUNK / 8, WORDS = CHUNKS * CHUNK_WORDS, LEFT_OUT = 7 };

#include "kept.h"

static uint64_t *body;
static uint64_t expected[CHUNKS]; /* the only word of a chunk that is written; by its writer alone */
static _Atomic int needless, wrong, passes;
static _Atomic bool stop;

static uint64_t word_of(uint64_t chunk) { return chunk * CHUNK_WORDS + chunk * 37 % CHUNK_WORDS; }

static int writeback(void *user, uint64_t offset, uint64_t bytes, const void *data, ufo_error *error) {
  (void)user, (void)error;
  if (offset / CHUNK % LEFT_OUT == 0) atomic_fetch_add(&needless, 1);
  keep(offset, bytes, data);
  return UFO_OK;
}

static void *write_through(void *argument) {
  uint64_t writer = (uint64_t)(uintptr_t)argument, half = CHUNKS / WRITERS;
  for (int pass = 1; pass <= atomic_load(&passes); pass++) {
    for (uint64_t k = 0; k < half; k++) {
      uint64_t chunk = writer * half + (pass % 3 ? k : half - 1 - k);
      if (chunk % LEFT_OUT == 0) continue;
      uint64_t *word = &body[word_of(chunk)];
      bool reads = (writer + (uint64_t)pass) % 2;
      if (reads && __atomic_load_n(word, __ATOMIC_RELAXED) != expected[chunk]) atomic_fetch_add(&wrong, 1);
      expected[chunk] += 1 + writer;
      __atomic_store_n(word, expected[chunk], __ATOMIC_RELAXED);
    }
  }
  return NULL;
}

static void *flush(void *region) {
  ufo_error error;
  while (!atomic_load(&stop)) {
    if (ufo_region_flush(region, &error) != UFO_OK) atomic_fetch_add(&wrong, 1);
    usleep(3000);
  }
  return NULL;
}

int main(void) {
  ufo_error error;
  ufo_pool *pool;
  ufo_region *region;
  ufo_pool_options pool_options = {.struct_size = sizeof pool_options, .budget_bytes = WINDOWS / 4 * WINDOW};
  ufo_region_options options = {
      .struct_size = sizeof options,
      .element_bytes = 8,
      .count = WORDS,
      .chunk_elements = CHUNK_WORDS,
      .source = {.populate_bytes = populate_kept, .writeback = writeback, .flags = UFO_SOURCE_READ_AHEAD}};
  if (ufo_pool_create(&pool_options, &pool, &error) || ufo_region_create(pool, &options, &region, &error)) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  body = ufo_region_body(region);
  atomic_store(&passes, nightly() ? 300 : 24);
  pthread_t writers[WRITERS], flusher;
  if (pthread_create(&flusher, NULL, flush, region)) return 1;
  for (uintptr_t w = 0; w < WRITERS; w++)
    if (pthread_create(&writers[w], NULL, write_through, (void *)w)) return 1;
  for (int w = 0; w < WRITERS; w++) pthread_join(writers[w], NULL);
  atomic_store(&stop, true);
  pthread_join(flusher, NULL);
  if (ufo_region_flush(region, &error) != UFO_OK) atomic_fetch_add(&wrong, 1);
  uint64_t differ = 0;
  for (uint64_t chunk = 0; chunk < CHUNKS; chunk++)
    differ += kept_word(word_of(chunk)) != expected[chunk] || body[word_of(chunk)] != expected[chunk];
  ufo_pool_stats stats = {.struct_size = sizeof stats};
  ufo_pool_get_stats(pool, &stats);
  uint64_t writes = (uint64_t)atomic_load(&passes) * (CHUNKS - (CHUNKS + LEFT_OUT - 1) / LEFT_OUT);
  printf(
      "%llu writes in order, %llu windows, %llu write faults; lost: %llu, wrong: %d, unwritten but written back: %d\n",
      (unsigned long long)writes, (unsigned long long)stats.windows, (unsigned long long)stats.write_faults,
      (unsigned long long)differ, wrong, needless);
  bool tested = stats.windows >= WINDOWS / 4;
  if (!tested) fprintf(stderr, "too few windows came about: this tested nothing\n");
  tally(writes, "writes in order, beside flushes");
  bool within = stats.resident_bytes_peak <= stats.budget_bytes;
  ufo_region_release(region);
  return !tested || !within || differ || wrong || needless || ufo_pool_destroy(pool, &error) != UFO_OK;
}
