/* changed.c - which chunks of a region are in memory, and which of them were changed.
 *
 * Two kinds are not what they seem: chunks that are being filled may be written to before their fill has ended, and
 * presumed chunks (window.c) are DIRTY although nobody may have written to them. */
#include <stdlib.h>

#include "os/clock.h"
#include "region/clean.h"
#include "region/window.h"
#include "util/fail.h"
#include "util/hash.h"

static bool fills_before(const ufo_region *region, uint64_t when_ns, bool windows_only) {
  for (const ufo_frame *frame = region->pool->lists[UFO_LIST_FILLING].head; frame; frame = frame->next)
    if (frame->region == region && frame->begun_ns <= when_ns && (frame->streamed || !windows_only)) return true;
  return false;
}

static void await_fills(ufo_region *region, bool windows_only) {
  ufo_pool *pool = region->pool;
  uint64_t now = ufo_clock_monotonic_ns();
  for (bool running = true; running;) {
    pthread_mutex_lock(&pool->residency_lock);
    running = fills_before(region, now, windows_only);
    pthread_mutex_unlock(&pool->residency_lock);
    if (running) ufo_wait_for_others(pool);
  }
}

void ufo_fills_await(ufo_region *region) { await_fills(region, false); }

static int ascending(const void *a, const void *b) {
  uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
  return (left > right) - (left < right);
}

/* The residency lock is held. Counts the chunks, and lists them if `chunks` is not NULL. */
static size_t list_chunks(ufo_region *region, bool dirty_only, uint64_t *chunks) {
  size_t count = 0;
  for (ufo_frame *frame = region->frames; frame; frame = frame->region_next) {
    if (dirty_only && !frame->dirty) continue;
    if (chunks) chunks[count] = frame->chunk;
    count++;
  }
  for (ufo_frame *frame = region->pool->lists[UFO_LIST_FILLING].head; frame; frame = frame->next) {
    if (frame->region != region || (dirty_only && (!frame->for_write || frame->streamed))) continue;
    if (chunks) chunks[count] = frame->chunk;
    count++;
  }
  return count;
}

ufo_status ufo_region_resident_chunks(ufo_region *region, bool dirty_only, uint64_t **chunks_out, size_t *count_out,
                                      ufo_error *error) {
  ufo_pool *pool = region->pool;
  *chunks_out = NULL;
  *count_out = 0;
  /* Whether a window was written to is known when it was checked; those to come were not written to before this call.
   */
  if (dirty_only) await_fills(region, true);
  pthread_mutex_lock(&pool->residency_lock);
  size_t count = list_chunks(region, dirty_only, NULL);
  uint64_t *chunks = count ? malloc(count * sizeof *chunks) : NULL;
  if (chunks) list_chunks(region, dirty_only, chunks);
  pthread_mutex_unlock(&pool->residency_lock);
  if (count && !chunks) return ufo_fail(error, UFO_FULL, "out of memory for a list of %zu chunks", count);
  if (chunks) qsort(chunks, count, sizeof *chunks, ascending);
  *chunks_out = chunks;
  *count_out = count;
  return UFO_OK;
}

/* ---- presumed chunks ----------------------------------------------------------------------------------------------
 */

bool ufo_chunk_was_written(ufo_region *region, uint64_t chunk) {
  pthread_mutex_t *lock = ufo_chunk_lock(region, chunk);
  pthread_mutex_lock(lock);
  ufo_chunk word = region->chunks[chunk];
  const ufo_frame *frame = ufo_chunk_get_frame(word);
  bool written = ufo_chunk_get_state(word) == UFO_DIRTY;
  if (written && frame->presumed && !frame->sealed && !region->pool->lost)
    written = ufo_hash(ufo_chunk_address(region, chunk), frame->bytes) != frame->hash;
  pthread_mutex_unlock(lock);
  return written;
}

/* No lock is held. */
static void settle_one(ufo_region *region, uint64_t chunk) {
  ufo_pool *pool = region->pool;
  pthread_mutex_t *lock = ufo_chunk_lock(region, chunk);
  pthread_mutex_lock(lock);
  ufo_frame *frame = ufo_chunk_get_frame(region->chunks[chunk]);
  bool presumed = frame && frame->presumed;
  pthread_mutex_unlock(lock);
  frame = presumed ? ufo_chunk_take(region, chunk, lock) : NULL;
  if (!frame) return;
  ufo_error ignored;
  bool to_do = ufo_chunk_get_state(region->chunks[chunk]) == UFO_DIRTY && frame->presumed && frame->dirty_pins == 0 &&
               !ufo_pool_is_broken(pool) && ufo_cleaning_begin(region, frame, NULL, &ignored);
  if (to_do) ufo_cleaning_end(region, frame, frame->unwritten ? UFO_OK : UFO_IO); /* CLEAN, or DIRTY as before */
  pthread_mutex_unlock(lock);
  ufo_frame_put_back(pool, frame, false, NULL);
  ufo_hands_free(pool);
}

void ufo_region_settle_presumed(ufo_region *region) {
  uint64_t *chunks;
  size_t count;
  if (ufo_region_resident_chunks(region, true, &chunks, &count, NULL) != UFO_OK) return; /* they stay presumed */
  for (size_t i = 0; i < count; i++) settle_one(region, chunks[i]);
  free(chunks);
}
