/* evict.c - writing changed chunks back and dropping chunks, safely against threads that write meanwhile.
 *
 * The order that loses no write: protect, copy, hand the copy to writeback, and only if no write fault came in between,
 * drop. The write-fault path takes the same chunk lock and moves CLEANING to DIRTY, which is how "in between" is known.
 * The copy costs a few microseconds, and lets writers go on at once while the chunk is being compressed. Where every
 * chunk in memory is written all the time, that would never end, so a chunk that was written during several cleanings
 * in a row is held (frame->held): its writers wait until it has been dropped, or turned out not to be. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/clock.h"
#include "os/memory.h"
#include "os/thread.h"
#include "region/window.h"
#include "util/fail.h"
#include "util/plant.h"

enum { FRUITLESS_CLEANINGS_MAX = 3 };

/* The chunk lock is held, the state is CLEAN, CLEANING or (to be forgotten) DIRTY. The frame is gone afterwards. False
 * if the kernel refuses, which it does for locked memory (mlock); the chunk then stays as it is. */
static bool drop(ufo_region *region, ufo_frame *frame, ufo_error *error) {
  ufo_pool *pool = region->pool;
  char *address = ufo_chunk_address(region, frame->chunk);
  /* Nothing would fill it again, and the next touch would find zeros. */
  if (ufo_pool_is_broken(pool)) return ufo_pool_fail_broken(pool, error), false;
  ufo_window_split(region, frame->chunk);
  if (!ufo_memory_drop(address, frame->bytes)) {
    ufo_fail_errno(error, errno, "cannot drop a chunk of %llu bytes: its memory is locked (mlock, mlockall)",
                   (unsigned long long)frame->bytes);
    return false;
  }
  if (frame->held) ufo_uffd_wake(&pool->uffd, address, frame->bytes);
  ufo_chunk_set_evicted(&region->chunks[frame->chunk]);
  pthread_mutex_lock(&pool->residency_lock);
  ufo_frame_free(pool, frame);
  pthread_mutex_unlock(&pool->residency_lock);
  return true;
}

/* The same for an eviction, which is counted and told. */
static bool drop_evicted(ufo_region *region, ufo_frame *frame, bool was_dirty, ufo_error *error) {
  uint64_t offset = frame->chunk * region->chunk_bytes, bytes = frame->bytes;
  if (!drop(region, frame, error)) return false;
  ufo_count(was_dirty ? &region->pool->counters.evictions_dirty : &region->pool->counters.evictions_clean, 1);
  ufo_event_emit(region, was_dirty ? UFO_EVENT_CHUNK_EVICTED_DIRTY : UFO_EVENT_CHUNK_EVICTED_CLEAN, offset, bytes);
  return true;
}

/* The chunk lock is held, the state is DIRTY: no write goes unseen from here on, and `copy` holds the content. A chunk
 * pinned for writing is left open to the kernel, so it counts as written in any case. */
static bool begin_cleaning(ufo_region *region, ufo_frame *frame, void *copy, ufo_error *error) {
  char *address = ufo_chunk_address(region, frame->chunk);
  bool broken = ufo_pool_is_broken(region->pool);
  if (region->pool->lost) return ufo_pool_fail_lost(error), false;
  if (frame->sealed) return ufo_pool_fail_broken(region->pool, error), false;
  frame->open = frame->dirty_pins > 0 || broken;
  if (!frame->open && !ufo_planted("evict-unprotected") &&
      !ufo_uffd_protect(&region->pool->uffd, address, frame->bytes, true)) {
    ufo_fail_errno(error, errno, "cannot write-protect a chunk of %llu bytes", (unsigned long long)frame->bytes);
    return false;
  }
  ufo_chunk_set_state(&region->chunks[frame->chunk], UFO_CLEANING);
  ufo_memory_copy_shared(copy, address, frame->bytes);
  return true;
}

/* No lock is held. */
static ufo_status write_back(ufo_region *region, uint64_t chunk, const void *copy, ufo_error *error) {
  uint64_t bytes = ufo_chunk_body_bytes(region, chunk);
  uint64_t offset = chunk * region->chunk_bytes;
  int status;
  if (region->source.writeback) {
    error->code = UFO_OK;
    status = region->source.writeback(region->source.user, offset, bytes, copy, error);
    if (status != UFO_OK && error->code == UFO_OK)
      ufo_fail(error, UFO_IO, "the writeback of the region failed with status %d and no message", status);
  } else {
    status = ufo_backing_write(region, chunk, copy, bytes, error);
  }
  ufo_counters *counters = &region->pool->counters;
  if (status != UFO_OK) {
    ufo_count(&counters->writeback_failures, 1);
    return error->code;
  }
  ufo_count(&counters->writebacks, 1);
  ufo_count(&counters->writeback_bytes, bytes);
  return UFO_OK;
}

/* The chunk lock is held. Ends what begin_cleaning began: the chunk is CLEAN, or DIRTY if it was written meanwhile or
 * could not be written back. Returns whether it is clean; writers of a held chunk then still wait. */
static bool end_cleaning(ufo_region *region, ufo_frame *frame, ufo_status written) {
  ufo_pool *pool = region->pool;
  ufo_chunk *word = &region->chunks[frame->chunk];
  if (written == UFO_OK)
    ufo_event_emit(region, UFO_EVENT_CHUNK_STAGED, frame->chunk * region->chunk_bytes, frame->bytes);
  if (ufo_chunk_get_state(*word) == UFO_DIRTY) {
    if (frame->fruitless < FRUITLESS_CLEANINGS_MAX) frame->fruitless++;
    return false;
  }
  frame->fruitless = 0;
  bool clean = written == UFO_OK && !frame->open;
  ufo_chunk_set_state(word, clean ? UFO_CLEAN : UFO_DIRTY);
  if (!clean) ufo_uffd_protect(&pool->uffd, ufo_chunk_address(region, frame->chunk), frame->bytes, false);
  pthread_mutex_lock(&pool->residency_lock);
  ufo_frame_mark_dirty(pool, frame, !clean);
  pthread_mutex_unlock(&pool->residency_lock);
  return clean;
}

/* No lock is held. The frame that a pick took comes to rest again. */
static void put_back(ufo_pool *pool, ufo_frame *frame, bool stuck, const ufo_error *error) {
  /* Pins move a frame between lists under both locks, so both are needed to read `pins` here. */
  pthread_mutex_t *lock = ufo_chunk_lock(frame->region, frame->chunk);
  pthread_mutex_lock(lock);
  pthread_mutex_lock(&pool->residency_lock);
  if (stuck) pool->stuck_error = *error;
  ufo_frame_enlist(pool, frame, stuck && frame->pins == 0 ? UFO_LIST_STUCK : ufo_frame_home(frame));
  pthread_mutex_unlock(&pool->residency_lock);
  pthread_mutex_unlock(lock);
}

/* No lock is held. A frame that somebody had in his hands is gone or back in a list. */
static void hands_free(ufo_pool *pool) {
  pthread_mutex_lock(&pool->residency_lock);
  pool->evictions--;
  pthread_cond_broadcast(&pool->room);
  pthread_mutex_unlock(&pool->residency_lock);
}

void ufo_copy_room_free(ufo_copy_room *room) {
  ufo_memory_release(room->bytes, room->size);
  *room = (ufo_copy_room){0};
}

static bool grow_copy(ufo_copy_room *room, uint64_t bytes, ufo_error *error) {
  if (room->size >= bytes) return true;
  ufo_copy_room_free(room);
  room->bytes = ufo_memory_reserve(bytes, true);
  room->size = room->bytes ? bytes : 0;
  if (!room->bytes)
    ufo_fail_errno(error, errno, "cannot copy a changed chunk of %llu bytes", (unsigned long long)bytes);
  return room->bytes != NULL;
}

/* The chunk lock is held; the chunk was not dropped. Writers that it held back try again. */
static void release_writers(ufo_region *region, ufo_frame *frame) {
  if (!frame->held) return;
  frame->held = false;
  ufo_uffd_wake(&region->pool->uffd, ufo_chunk_address(region, frame->chunk), frame->bytes);
}

enum ufo_evicted ufo_evict_frame(ufo_pool *pool, ufo_frame *frame, ufo_copy_room *room, char *keep) {
  ufo_region *region = frame->region;
  uint64_t chunk = frame->chunk;
  ufo_chunk *word = &region->chunks[chunk];
  ufo_error error = {.code = UFO_OK};
  bool freed = false, stuck = false;
  enum ufo_evicted window = UFO_EVICTED_NOTHING;
  pthread_mutex_t *lock = ufo_chunk_lock(region, chunk);
  pthread_mutex_lock(lock);
  if (*word & UFO_CHUNK_IN_WINDOW && frame->pins == 0 && ufo_chunk_get_state(*word) == UFO_CLEAN)
    window = ufo_window_drop(region, frame, keep);
  if (window != UFO_EVICTED_NOTHING) {
    freed = true;
  } else if (frame->pins == 0 && ufo_chunk_get_state(*word) == UFO_CLEAN) {
    freed = drop_evicted(region, frame, false, &error);
    stuck = !freed;
  } else if (frame->pins == 0 && ufo_chunk_get_state(*word) == UFO_DIRTY && room) {
    frame->held = frame->fruitless == FRUITLESS_CLEANINGS_MAX;
    if (grow_copy(room, frame->bytes, &error) && begin_cleaning(region, frame, room->bytes, &error)) {
      pthread_mutex_unlock(lock);
      ufo_status written = write_back(region, chunk, room->bytes, &error);
      pthread_mutex_lock(lock);
      stuck = written != UFO_OK;
      if (end_cleaning(region, frame, written) && frame->pins == 0) {
        freed = drop_evicted(region, frame, true, &error);
        stuck = !freed;
      }
    } else {
      stuck = true;
    }
    if (!freed) release_writers(region, frame);
  }
  pthread_mutex_unlock(lock);
  if (!freed) put_back(pool, frame, stuck, &error);
  hands_free(pool);
  ufo_region_leave(region);
  return window == UFO_EVICTED_KEPT ? window : freed ? UFO_EVICTED : UFO_EVICTED_NOTHING;
}

/* ---- the evictor thread ----------------------------------------------------------------------------------------- */

void *ufo_evictor_run(void *argument) {
  ufo_pool *pool = argument;
  ufo_copy_room room = {0};
  bool down_to_low = false;
  ufo_thread_set_name("ufo-evictor");
  pthread_mutex_lock(&pool->residency_lock);
  while (!pool->stopping) {
    if (ufo_pool_used(pool) > pool->high) down_to_low = true;
    if (ufo_pool_used(pool) <= pool->low) down_to_low = false;
    ufo_frame *frame = NULL;
    if (down_to_low || pool->evictor_kicked) frame = ufo_residency_pick(pool, false, true);
    if (!frame) {
      /* Nothing to do, or nothing that can be done: whoever waits for room must find out for itself. */
      down_to_low = false;
      if (pool->evictor_kicked) {
        pool->evictor_kicked = false;
        pthread_cond_broadcast(&pool->room);
      }
      pthread_cond_wait(&pool->evictor_wanted, &pool->residency_lock);
      continue;
    }
    pthread_mutex_unlock(&pool->residency_lock);
    bool freed = ufo_evict_frame(pool, frame, &room, NULL) != UFO_EVICTED_NOTHING;
    if (room.size > UFO_KEPT_BUFFER_BYTES) ufo_copy_room_free(&room);
    pthread_mutex_lock(&pool->residency_lock);
    if (freed && pool->fills_waiting == 0) pool->evictor_kicked = false;
  }
  pthread_mutex_unlock(&pool->residency_lock);
  ufo_copy_room_free(&room);
  return NULL;
}

/* ---- one chunk, on request -----------------------------------------------------------------------------------------
 */

/* Waits, without any lock, until an eviction or a fill has ended somewhere. */
static void wait_for_others(ufo_pool *pool) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 2000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_nsec -= 1000000000;
    until.tv_sec++;
  }
  pthread_mutex_lock(&pool->residency_lock);
  /* The time limit covers an end between the caller's look and this wait. */
  pthread_cond_timedwait(&pool->room, &pool->residency_lock, &until);
  pthread_mutex_unlock(&pool->residency_lock);
}

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
    if (running) wait_for_others(pool);
  }
}

void ufo_fills_await(ufo_region *region) { await_fills(region, false); }

/* Takes the frame of a chunk out of its list, so that no evictor picks it. The chunk lock is held. False if one has. */
static bool take_frame(ufo_pool *pool, ufo_frame *frame) {
  pthread_mutex_lock(&pool->residency_lock);
  bool free_to_take = frame->list != UFO_LIST_NONE;
  if (free_to_take) {
    ufo_frame_enlist(pool, frame, UFO_LIST_NONE);
    pool->evictions++; /* until hands_free: a fill that needs room may hope for this frame */
  }
  pthread_mutex_unlock(&pool->residency_lock);
  return free_to_take;
}

/* Locks the chunk and returns its frame, taken, or NULL (unlocked) if it is not resident. */
static ufo_frame *settle(ufo_region *region, uint64_t chunk, pthread_mutex_t *lock) {
  for (;;) {
    pthread_mutex_lock(lock);
    ufo_chunk word = region->chunks[chunk];
    ufo_chunk_state state = ufo_chunk_get_state(word);
    bool resident = state == UFO_CLEAN || state == UFO_DIRTY;
    if (state == UFO_ABSENT || state == UFO_POISONED) {
      pthread_mutex_unlock(lock);
      return NULL;
    }
    if (resident && take_frame(region->pool, ufo_chunk_get_frame(word))) return ufo_chunk_get_frame(word);
    pthread_mutex_unlock(lock);
    wait_for_others(region->pool);
  }
}

ufo_status ufo_chunk_clean(ufo_region *region, uint64_t chunk, bool drop_too, void *copy, ufo_error *error) {
  ufo_pool *pool = region->pool;
  pthread_mutex_t *lock = ufo_chunk_lock(region, chunk);
  ufo_error local = {.code = UFO_OK};
  ufo_status status = UFO_OK;
  ufo_frame *frame = settle(region, chunk, lock);
  if (!frame) return UFO_OK;
  bool was_dirty = ufo_chunk_get_state(region->chunks[chunk]) == UFO_DIRTY;
  if (was_dirty) {
    if (begin_cleaning(region, frame, copy, &local)) {
      pthread_mutex_unlock(lock);
      status = write_back(region, chunk, copy, &local);
      pthread_mutex_lock(lock);
      end_cleaning(region, frame, status);
    } else {
      status = local.code;
    }
  }
  bool gone = false;
  if (drop_too && frame->pins == 0 && ufo_chunk_get_state(region->chunks[chunk]) == UFO_CLEAN) {
    gone = drop_evicted(region, frame, was_dirty, NULL); /* advice: locked memory stays */
  }
  pthread_mutex_unlock(lock);
  if (!gone) put_back(pool, frame, false, NULL);
  hands_free(pool);
  if (status != UFO_OK && error) *error = local;
  return status;
}

ufo_status ufo_chunk_forget(ufo_region *region, uint64_t chunk, ufo_error *error) {
  ufo_pool *pool = region->pool;
  pthread_mutex_t *lock = ufo_chunk_lock(region, chunk);
  ufo_status status = UFO_OK;
  ufo_frame *frame = settle(region, chunk, lock);
  if (frame) {
    uint64_t bytes = frame->bytes;
    bool pinned = frame->pins > 0; /* since the caller looked */
    bool gone = !pinned && drop(region, frame, error);
    if (gone) {
      region->chunks[chunk] &= ~(uint64_t)UFO_CHUNK_EVICTED_BEFORE;
      ufo_event_emit(region, UFO_EVENT_CHUNK_FORGOTTEN, chunk * region->chunk_bytes, bytes);
    }
    pthread_mutex_unlock(lock);
    if (!gone) put_back(pool, frame, false, NULL);
    hands_free(pool);
    if (pinned) return ufo_fail(error, UFO_USAGE, "cannot reset a region: a part of it is pinned");
    return gone ? UFO_OK : UFO_IO;
  }
  pthread_mutex_lock(lock);
  if (ufo_chunk_get_state(region->chunks[chunk]) == UFO_POISONED && !ufo_chunk_heal(region, chunk))
    status = ufo_fail(error, UFO_IO, "cannot reset a region: chunk %llu cannot be given another chance",
                      (unsigned long long)chunk);
  pthread_mutex_unlock(lock);
  return status;
}

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
