/* clean.c - writing a changed chunk back and dropping chunks, safely against threads that write meanwhile.
 *
 * The order that loses no write: protect, copy, hand the copy to writeback, and only if no write fault came in between,
 * drop. The write-fault path takes the same chunk lock and moves CLEANING to DIRTY, which is how "in between" is known.
 * The copy costs a few microseconds, and lets writers go on at once while the chunk is being compressed. */
#include "region/clean.h"

#include <errno.h>
#include <stdlib.h>

#include "os/clock.h"
#include "os/memory.h"
#include "region/window.h"
#include "util/fail.h"
#include "util/hash.h"
#include "util/plant.h"

/* The state is CLEAN, CLEANING or (to be forgotten) DIRTY; the frame is gone afterwards. False if the kernel refuses,
 * which it does for locked memory (mlock); the chunk then stays as it is. */
static bool drop(ufo_region *region, ufo_frame *frame, bool evicted, ufo_error *error) {
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
  if (frame->idle) region->chunks[frame->chunk] |= UFO_CHUNK_LEFT_IDLE;
  pthread_mutex_lock(&pool->residency_lock);
  if (evicted) pool->evicted += frame->bytes;
  ufo_frame_free(pool, frame);
  pthread_mutex_unlock(&pool->residency_lock);
  return true;
}

bool ufo_frame_drop_evicted(ufo_region *region, ufo_frame *frame, bool was_dirty, ufo_error *error) {
  uint64_t offset = frame->chunk * region->chunk_bytes, bytes = frame->bytes;
  if (!drop(region, frame, true, error)) return false;
  ufo_count(was_dirty ? &region->pool->counters.evictions_dirty : &region->pool->counters.evictions_clean, 1);
  ufo_event_emit(region, was_dirty ? UFO_EVENT_CHUNK_EVICTED_DIRTY : UFO_EVENT_CHUNK_EVICTED_CLEAN, offset, bytes);
  return true;
}

bool ufo_cleaning_begin(ufo_region *region, ufo_frame *frame, void *copy, ufo_error *error) {
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
  ufo_window_part_protected(region, frame->chunk);
  ufo_cleaning_copy(region, frame, copy);
  return true;
}

void ufo_cleaning_copy(ufo_region *region, ufo_frame *frame, void *copy) {
  char *address = ufo_chunk_address(region, frame->chunk);
  if (copy) ufo_memory_copy_shared(copy, address, frame->bytes);
  bool same = frame->presumed && !frame->open && ufo_hash(copy ? copy : address, frame->bytes) == frame->hash;
  frame->unwritten = same || (frame->presumed && ufo_planted("presumed-unwritten"));
  frame->presumed = false; /* it is known now; and from here on the source may have something else than that hash */
}

ufo_status ufo_cleaning_write(ufo_region *region, const ufo_frame *frame, const void *copy, ufo_error *error) {
  if (frame->unwritten) return UFO_OK;
  uint64_t chunk = frame->chunk;
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

bool ufo_cleaning_end(ufo_region *region, ufo_frame *frame, ufo_status written) {
  ufo_pool *pool = region->pool;
  ufo_chunk *word = &region->chunks[frame->chunk];
  if (written == UFO_OK && !frame->unwritten)
    ufo_event_emit(region, UFO_EVENT_CHUNK_STAGED, frame->chunk * region->chunk_bytes, frame->bytes);
  if (ufo_chunk_get_state(*word) == UFO_DIRTY) {
    if (frame->fruitless < UFO_FRUITLESS_MAX) frame->fruitless++;
    return false;
  }
  frame->fruitless = 0;
  bool clean = written == UFO_OK && !frame->open;
  ufo_chunk_set_state(word, clean ? UFO_CLEAN : UFO_DIRTY);
  if (!clean) {
    ufo_window_part_protected(region, frame->chunk);
    ufo_uffd_protect(&pool->uffd, ufo_chunk_address(region, frame->chunk), frame->bytes, false);
  }
  pthread_mutex_lock(&pool->residency_lock);
  ufo_frame_mark_dirty(pool, frame, !clean);
  pthread_mutex_unlock(&pool->residency_lock);
  return clean;
}

void ufo_frame_put_back(ufo_pool *pool, ufo_frame *frame, bool stuck, const ufo_error *error) {
  /* Pins move a frame between lists under both locks, so both are needed to read `pins` here. */
  pthread_mutex_t *lock = ufo_chunk_lock(frame->region, frame->chunk);
  pthread_mutex_lock(lock);
  pthread_mutex_lock(&pool->residency_lock);
  if (stuck) pool->stuck_error = *error;
  if (frame->idle && !stuck) ufo_residency_was_not_idle(pool); /* it was written to meanwhile */
  frame->idle = false;
  ufo_frame_enlist(pool, frame, stuck && frame->pins == 0 ? UFO_LIST_STUCK : ufo_frame_home(frame));
  pthread_mutex_unlock(&pool->residency_lock);
  pthread_mutex_unlock(lock);
}

void ufo_hands_free(ufo_pool *pool) {
  pthread_mutex_lock(&pool->residency_lock);
  pool->evictions--;
  pthread_cond_broadcast(&pool->room);
  pthread_mutex_unlock(&pool->residency_lock);
}

/* ---- one chunk, on request -----------------------------------------------------------------------------------------
 */

void ufo_wait_for_others(ufo_pool *pool) {
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

/* Takes the frame of a chunk out of its list, so that no evictor picks it. The chunk lock is held. False if one has. */
static bool take_frame(ufo_pool *pool, ufo_frame *frame) {
  pthread_mutex_lock(&pool->residency_lock);
  bool free_to_take = frame->list != UFO_LIST_NONE;
  if (free_to_take) {
    ufo_frame_enlist(pool, frame, UFO_LIST_NONE);
    pool->evictions++; /* until ufo_hands_free: a fill that needs room may hope for this frame */
  }
  pthread_mutex_unlock(&pool->residency_lock);
  return free_to_take;
}

ufo_frame *ufo_chunk_take(ufo_region *region, uint64_t chunk, pthread_mutex_t *lock) {
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
    ufo_wait_for_others(region->pool);
  }
}

ufo_status ufo_chunk_clean(ufo_region *region, uint64_t chunk, bool drop_too, void *copy, ufo_error *error) {
  ufo_pool *pool = region->pool;
  pthread_mutex_t *lock = ufo_chunk_lock(region, chunk);
  ufo_error local = {.code = UFO_OK};
  ufo_status status = UFO_OK;
  ufo_frame *frame = ufo_chunk_take(region, chunk, lock);
  if (!frame) return UFO_OK;
  bool was_dirty = ufo_chunk_get_state(region->chunks[chunk]) == UFO_DIRTY;
  if (was_dirty) {
    if (ufo_cleaning_begin(region, frame, copy, &local)) {
      pthread_mutex_unlock(lock);
      status = ufo_cleaning_write(region, frame, copy, &local);
      pthread_mutex_lock(lock);
      ufo_cleaning_end(region, frame, status);
    } else {
      status = local.code;
    }
  }
  bool gone = false;
  if (drop_too && frame->pins == 0 && ufo_chunk_get_state(region->chunks[chunk]) == UFO_CLEAN) {
    gone =
        ufo_frame_drop_evicted(region, frame, was_dirty && !frame->unwritten, NULL); /* advice: locked memory stays */
  }
  pthread_mutex_unlock(lock);
  if (!gone) ufo_frame_put_back(pool, frame, false, NULL);
  ufo_hands_free(pool);
  if (status != UFO_OK && error) *error = local;
  return status;
}

ufo_status ufo_chunk_forget(ufo_region *region, uint64_t chunk, ufo_error *error) {
  ufo_pool *pool = region->pool;
  pthread_mutex_t *lock = ufo_chunk_lock(region, chunk);
  ufo_status status = UFO_OK;
  ufo_frame *frame = ufo_chunk_take(region, chunk, lock);
  if (frame) {
    uint64_t bytes = frame->bytes;
    bool pinned = frame->pins > 0; /* since the caller looked */
    bool gone = !pinned && drop(region, frame, false, error);
    if (gone) {
      region->chunks[chunk] &= ~(uint64_t)(UFO_CHUNK_EVICTED_BEFORE | UFO_CHUNK_LEFT_IDLE);
      ufo_event_emit(region, UFO_EVENT_CHUNK_FORGOTTEN, chunk * region->chunk_bytes, bytes);
    }
    pthread_mutex_unlock(lock);
    if (!gone) ufo_frame_put_back(pool, frame, false, NULL);
    ufo_hands_free(pool);
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
