/* window_out.c - how windows leave memory: written back as one, dropped as one, or split.
 *
 * The kernel frees the memory of a huge page only when its last part is dropped. So a window goes as a whole, or its
 * page is split before the first chunk of it goes alone: of 31 chunks in 32 that were dropped from unsplit pages
 * nothing was freed. Splitting takes 160 us, dropping a whole window 7, moving a page out 2.
 *
 * Where most of a window was changed it is protected by one call, which keeps its page whole, and its chunks are
 * written back one after the other, each from a copy, as clean.c does with single ones. */
#include <string.h>

#include "os/memory.h"
#include "region/clean.h"
#include "region/window.h"
#include "util/fail.h"
#include "util/plant.h"

/* ---- all of a window in one pair of hands ------------------------------------------------------------------------
 */

static bool is_at_rest(const ufo_frame *frame) {
  return frame->list == UFO_LIST_STREAMED || frame->list == UFO_LIST_CLEAN || frame->list == UFO_LIST_DIRTY;
}

/* The chunk lock is held. Takes all frames of the window off their lists, or none if one of them must stay. `mine`,
 * which may be NULL, is in the caller's hands already. If `dirty_too` changed ones may be among them, and have to be a
 * half at least: fewer are better written back alone. */
static bool take_all(ufo_region *region, uint64_t first, const ufo_frame *mine, bool dirty_too) {
  ufo_pool *pool = region->pool;
  bool may_go = true;
  uint64_t dirty = 0;
  pthread_mutex_lock(&pool->residency_lock);
  for (uint64_t i = 0; may_go && i < region->window_chunks; i++) {
    ufo_chunk word = region->chunks[first + i];
    ufo_chunk_state state = ufo_chunk_get_state(word);
    const ufo_frame *frame = ufo_chunk_get_frame(word);
    dirty += state == UFO_DIRTY;
    may_go = (state == UFO_CLEAN || (state == UFO_DIRTY && dirty_too)) && (word & UFO_CHUNK_IN_WINDOW) &&
             frame->pins == 0 && (frame == mine || is_at_rest(frame)) && !frame->sealed &&
             frame->fruitless < UFO_FRUITLESS_MAX;
  }
  may_go = may_go && (!dirty_too || dirty * 2 >= region->window_chunks);
  for (uint64_t i = 0; may_go && i < region->window_chunks; i++) {
    ufo_frame *frame = ufo_chunk_get_frame(region->chunks[first + i]);
    if (frame != mine) ufo_frame_enlist(pool, frame, UFO_LIST_NONE);
  }
  pthread_mutex_unlock(&pool->residency_lock);
  return may_go;
}

/* The chunk lock is held. All but `mine` come to rest again. */
static void give_back(ufo_region *region, uint64_t first, const ufo_frame *mine) {
  ufo_pool *pool = region->pool;
  pthread_mutex_lock(&pool->residency_lock);
  for (uint64_t i = 0; i < region->window_chunks; i++) {
    ufo_frame *frame = ufo_chunk_get_frame(region->chunks[first + i]);
    if (frame != mine) ufo_frame_enlist(pool, frame, ufo_frame_home(frame));
  }
  pthread_mutex_unlock(&pool->residency_lock);
}

/* ---- dropping ----------------------------------------------------------------------------------------------------
 */

/* The chunk lock is held, and all frames are in the caller's hands and CLEAN. NOTHING: they are so still. `written`
 * tells which were written back on their way; NULL: none. */
static enum ufo_evicted drop_all(ufo_region *region, uint64_t first, const bool *written, char *keep) {
  ufo_pool *pool = region->pool;
  char *address = ufo_chunk_address(region, first);
  bool tried = keep && (region->chunks[first] & UFO_CHUNK_WHOLE_WINDOW);
  bool kept = tried && ufo_uffd_move(&pool->uffd, keep, address, UFO_WINDOW_BYTES);
  /* Pages that were swapped out come with their protection, and nobody serves faults there. */
  kept = kept && ufo_uffd_protect(&pool->uffd, keep, UFO_WINDOW_BYTES, false);
  if (tried && !kept) ufo_memory_drop(keep, UFO_WINDOW_BYTES); /* where some of it may be */
  /* Refused for memory that is locked, of which nothing can have been moved either. */
  if (!kept && !ufo_memory_drop(address, UFO_WINDOW_BYTES)) return UFO_EVICTED_NOTHING;
  pthread_mutex_lock(&pool->residency_lock);
  for (uint64_t i = 0; i < region->window_chunks; i++) {
    ufo_chunk *word = &region->chunks[first + i];
    ufo_frame *gone = ufo_chunk_get_frame(*word);
    *word &= ~(uint64_t)(UFO_CHUNK_IN_WINDOW | UFO_CHUNK_WHOLE_WINDOW);
    ufo_chunk_set_evicted(word);
    if (gone->idle) *word |= UFO_CHUNK_LEFT_IDLE;
    ufo_frame_free(pool, gone);
  }
  pool->evicted += UFO_WINDOW_BYTES;
  region->window_left[ufo_window_of(region, first)] = pool->evicted;
  if (kept) pool->staged += UFO_WINDOW_BYTES;
  pthread_mutex_unlock(&pool->residency_lock);
  for (uint64_t i = 0; i < region->window_chunks; i++) {
    bool changed = written && written[i];
    ufo_count(changed ? &pool->counters.evictions_dirty : &pool->counters.evictions_clean, 1);
    ufo_event_emit(region, changed ? UFO_EVENT_CHUNK_EVICTED_DIRTY : UFO_EVENT_CHUNK_EVICTED_CLEAN,
                   (first + i) * region->chunk_bytes, region->chunk_bytes);
  }
  return kept ? UFO_EVICTED_KEPT : UFO_EVICTED;
}

enum ufo_evicted ufo_window_drop(ufo_region *region, ufo_frame *frame, char *keep) {
  uint64_t first = ufo_window_first_chunk(region, ufo_window_of(region, frame->chunk));
  if (ufo_pool_is_broken(region->pool) || !take_all(region, first, frame, false)) return UFO_EVICTED_NOTHING;
  enum ufo_evicted evicted = drop_all(region, first, NULL, keep);
  if (evicted == UFO_EVICTED_NOTHING) give_back(region, first, frame);
  return evicted;
}

void ufo_window_split(ufo_region *region, uint64_t chunk) {
  if (!(region->chunks[chunk] & UFO_CHUNK_IN_WINDOW)) return;
  uint64_t first = ufo_window_first_chunk(region, ufo_window_of(region, chunk));
  if (!ufo_planted("page-unsplit")) ufo_memory_split_huge(ufo_chunk_address(region, first), UFO_WINDOW_BYTES);
  for (uint64_t i = 0; i < region->window_chunks; i++)
    region->chunks[first + i] &= ~(uint64_t)(UFO_CHUNK_IN_WINDOW | UFO_CHUNK_WHOLE_WINDOW);
  pthread_mutex_lock(&region->pool->residency_lock);
  region->window_left[ufo_window_of(region, chunk)] = region->pool->evicted;
  pthread_mutex_unlock(&region->pool->residency_lock);
}

/* ---- writing back --------------------------------------------------------------------------------------------------
 */

/* The chunk lock is held. Takes a window and protects it: its DIRTY chunks are CLEANING afterwards. */
static bool begin(ufo_region *region, uint64_t first, const ufo_frame *mine) {
  ufo_pool *pool = region->pool;
  if (ufo_pool_is_broken(pool) || pool->lost || !take_all(region, first, mine, true)) return false;
  bool begun = ufo_planted("window-unprotected") ||
               ufo_uffd_protect(&pool->uffd, ufo_chunk_address(region, first), UFO_WINDOW_BYTES, true);
  for (uint64_t i = 0; begun && i < region->window_chunks; i++) {
    ufo_chunk *word = &region->chunks[first + i];
    ufo_chunk_get_frame(*word)->open = false;
    if (ufo_chunk_get_state(*word) == UFO_DIRTY) ufo_chunk_set_state(word, UFO_CLEANING);
  }
  if (!begun) give_back(region, first, mine);
  return begun;
}

/* The chunk lock is held, and the frame is in the caller's hands. Copies a CLEANING chunk if *status is UFO_OK. If
 * `all`, one whose cleaning a write has undone before it could be copied is CLEANING again: what was written to it
 * before is not yet written back, either. False: the chunk is not CLEANING. */
static bool copy_one(ufo_region *region, ufo_frame *frame, bool all, void *copy, ufo_status *status, ufo_error *error) {
  ufo_chunk_state state = ufo_chunk_get_state(region->chunks[frame->chunk]);
  if (state == UFO_CLEANING) {
    if (*status == UFO_OK && frame->sealed)
      *status = ufo_pool_fail_broken(region->pool, error); /* since it was taken */
    if (*status == UFO_OK) ufo_cleaning_copy(region, frame, copy);
    return true;
  }
  if (state != UFO_DIRTY) return false;
  if (!all && frame->fruitless < UFO_FRUITLESS_MAX) frame->fruitless++;
  if (!all || *status != UFO_OK) return false;
  bool begun = ufo_cleaning_begin(region, frame, copy, error);
  if (!begun) *status = error->code;
  return begun;
}

/* No lock is held. Writes the CLEANING chunks back one by one, and none after an error: all are CLEAN or DIRTY
 * afterwards. `all`: see above. `written`, if not NULL, tells which it took over. */
static ufo_status write_all(ufo_region *region, uint64_t first, bool all, void *copy, bool *written, ufo_error *error) {
  pthread_mutex_t *lock = ufo_chunk_lock(region, first);
  ufo_status status = UFO_OK;
  for (uint64_t i = 0; i < region->window_chunks; i++) {
    pthread_mutex_lock(lock);
    ufo_frame *frame = ufo_chunk_get_frame(region->chunks[first + i]);
    bool to_do = copy_one(region, frame, all, copy, &status, error);
    if (to_do && status == UFO_OK) {
      pthread_mutex_unlock(lock);
      status = ufo_cleaning_write(region, frame, copy, error);
      pthread_mutex_lock(lock);
    }
    bool clean = to_do && ufo_cleaning_end(region, frame, status);
    if (written) written[i] = clean && !frame->unwritten;
    pthread_mutex_unlock(lock);
  }
  return status;
}

/* Nobody has written to the window or pinned a part of it meanwhile, and nothing failed. */
static bool may_be_dropped(const ufo_region *region, uint64_t first) {
  bool may_be = !ufo_pool_is_broken(region->pool);
  for (uint64_t i = 0; may_be && i < region->window_chunks; i++) {
    ufo_chunk word = region->chunks[first + i];
    may_be = ufo_chunk_get_state(word) == UFO_CLEAN && ufo_chunk_get_frame(word)->pins == 0;
  }
  return may_be;
}

bool ufo_window_evict(ufo_region *region, ufo_frame *frame, void *copy, enum ufo_evicted *evicted_out,
                      ufo_error *error) {
  uint64_t first = ufo_window_first_chunk(region, ufo_window_of(region, frame->chunk));
  pthread_mutex_t *lock = ufo_chunk_lock(region, first);
  if (!begin(region, first, frame)) return false;
  bool written[UFO_WINDOW_CHUNKS_MAX];
  pthread_mutex_unlock(lock);
  ufo_status status = write_all(region, first, false, copy, written, error);
  error->code = status; /* whatever a callback left there */
  pthread_mutex_lock(lock);
  *evicted_out = may_be_dropped(region, first) ? drop_all(region, first, written, NULL) : UFO_EVICTED_NOTHING;
  if (*evicted_out == UFO_EVICTED_NOTHING) give_back(region, first, frame);
  return true;
}

bool ufo_window_clean(ufo_region *region, uint64_t window, void *copy, ufo_status *status_out, ufo_error *error) {
  ufo_pool *pool = region->pool;
  uint64_t first = ufo_window_first_chunk(region, window);
  pthread_mutex_t *lock = ufo_chunk_lock(region, first);
  pthread_mutex_lock(lock);
  bool begun = begin(region, first, NULL);
  if (begun) { /* a fill that needs room may hope for these */
    pthread_mutex_lock(&pool->residency_lock);
    pool->evictions++;
    pthread_mutex_unlock(&pool->residency_lock);
  }
  pthread_mutex_unlock(lock);
  if (!begun) return false;
  *status_out = write_all(region, first, true, copy, NULL, error);
  pthread_mutex_lock(lock);
  give_back(region, first, NULL);
  pthread_mutex_unlock(lock);
  ufo_hands_free(pool);
  return true;
}
