/* evict.c - making room: the evictors' threads, and who has to make room himself.
 *
 * As many threads as processors, since what was changed has to be compressed first. One works from the high mark down
 * to the low one, all of them where somebody waits for room; what the others have in their hands counts as gone.
 *
 * How a changed chunk is written back before it goes is in clean.c. Where every chunk in memory is written all the
 * time, that would never end, so a chunk that was written during several cleanings in a row is held (frame->held): its
 * writers wait until it has been dropped, or turned out not to be. */
#include <errno.h>

#include "os/memory.h"
#include "os/thread.h"
#include "region/clean.h"
#include "region/window.h"
#include "util/checked.h"
#include "util/fail.h"

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
  ufo_chunk_state state = ufo_chunk_get_state(*word);
  bool in_window = *word & UFO_CHUNK_IN_WINDOW;
  bool clean = frame->pins == 0 && state == UFO_CLEAN, dirty = frame->pins == 0 && state == UFO_DIRTY && room;
  if (clean && in_window) window = ufo_window_drop(region, frame, keep);
  if (window != UFO_EVICTED_NOTHING) {
    freed = true;
  } else if (clean) {
    freed = ufo_frame_drop_evicted(region, frame, false, &error);
    stuck = !freed;
  } else if (dirty && !grow_copy(room, frame->bytes, &error)) {
    stuck = true;
  } else if (dirty && in_window && ufo_window_evict(region, frame, room->bytes, &window, &error)) {
    freed = window != UFO_EVICTED_NOTHING;
    stuck = error.code != UFO_OK && ufo_chunk_get_state(*word) == UFO_DIRTY; /* else others of it are */
  } else if (dirty) {
    frame->held = frame->fruitless == UFO_FRUITLESS_MAX;
    if (ufo_cleaning_begin(region, frame, room->bytes, &error)) {
      pthread_mutex_unlock(lock);
      ufo_status written = ufo_cleaning_write(region, frame, room->bytes, &error);
      pthread_mutex_lock(lock);
      stuck = written != UFO_OK;
      if (ufo_cleaning_end(region, frame, written) && frame->pins == 0) {
        freed = ufo_frame_drop_evicted(region, frame, !frame->unwritten, &error);
        stuck = !freed;
      }
    } else {
      stuck = true;
    }
    if (!freed) release_writers(region, frame);
  }
  pthread_mutex_unlock(lock);
  if (!freed) ufo_frame_put_back(pool, frame, stuck, &error);
  ufo_hands_free(pool);
  ufo_region_leave(region);
  return window == UFO_EVICTED_KEPT ? window : freed ? UFO_EVICTED : UFO_EVICTED_NOTHING;
}

/* ---- the evictors' threads: the residency lock is held ----------------------------------------------------------- */

/* Room for the window that a stream of writes wants next is below the low mark, too. */
static uint64_t aim(const ufo_pool *pool) {
  bool windows = pool->slots && ufo_slot_depth(pool) > 0;
  return windows ? ufo_min(pool->low, pool->high - UFO_WINDOW_BYTES) : pool->low;
}

/* What is in use when those that are at work have ended. */
static uint64_t used_soon(const ufo_pool *pool) {
  uint64_t used = ufo_pool_used(pool);
  return used - ufo_min(pool->leaving, used);
}

/* Should one more be at work, besides those that are? One alone keeps ahead of most programs and leaves them the other
 * processors; more only where somebody has to wait. */
static bool is_wanted(ufo_pool *pool) {
  uint64_t used = ufo_pool_used(pool);
  if (used > pool->high) pool->making_room = true;
  if (used <= aim(pool)) pool->making_room = pool->room_awaited = false;
  bool awaited = (pool->room_awaited || pool->fills_waiting > 0) && pool->leaving < UFO_SHARED_WORK_BYTES;
  if (pool->making_room && used_soon(pool) > aim(pool)) return pool->leaving == 0 || awaited;
  return pool->evictor_kicked && pool->leaving == 0;
}

bool ufo_evictors_ask(ufo_pool *pool) {
  bool more = pool->lists[UFO_LIST_DIRTY].head && used_soon(pool) > aim(pool);
  if (more) {
    pool->making_room = pool->room_awaited = true;
    pthread_cond_signal(&pool->evictor_wanted);
  }
  return more || pool->leaving > 0;
}

/* No evictor is at work, and nothing is to be done, or can be: whoever waits for room must find out for itself. Others
 * than evictors may have made it since they were asked. */
static void rest(ufo_pool *pool, bool wanted) {
  if (wanted) pool->making_room = pool->room_awaited = false;
  ufo_slots_unblock(pool);
  if (!wanted || !pool->evictor_kicked) return;
  pool->evictor_kicked = false;
  pthread_cond_broadcast(&pool->room);
}

static void evict(ufo_pool *pool, ufo_frame *frame, ufo_departure *mine, ufo_copy_room *room) {
  bool in_window = frame->streamed && frame->region->window_chunks > 1; /* of which all may go, as a rule */
  *mine = (ufo_departure){.bytes = in_window ? UFO_WINDOW_BYTES : frame->bytes,
                          .region = in_window ? frame->region : NULL,
                          .window = ufo_window_of(frame->region, frame->chunk)};
  pool->leaving += mine->bytes;
  /* What has to be compressed first takes all processors; the rest takes microseconds. */
  if (frame->dirty && is_wanted(pool)) pthread_cond_signal(&pool->evictor_wanted);
  pthread_mutex_unlock(&pool->residency_lock);
  bool freed = ufo_evict_frame(pool, frame, room, NULL) != UFO_EVICTED_NOTHING;
  if (room->size > UFO_KEPT_BUFFER_BYTES) ufo_copy_room_free(room);
  pthread_mutex_lock(&pool->residency_lock);
  pool->leaving -= mine->bytes;
  mine->region = NULL;
  ufo_slots_unblock(pool);
  if (pool->changing) pthread_cond_broadcast(&pool->room); /* who makes the budget smaller has passed it over */
  if (freed && pool->fills_waiting == 0) pool->evictor_kicked = false;
}

static void *run(void *argument) {
  ufo_pool *pool = argument;
  ufo_copy_room room = {0};
  ufo_thread_set_name("ufo-evictor");
  ufo_thread_is_background();
  pthread_mutex_lock(&pool->residency_lock);
  ufo_departure *mine = &pool->departures[pool->evictors_running++];
  while (!pool->stopping) {
    bool wanted = is_wanted(pool);
    ufo_frame *frame = wanted ? ufo_residency_pick(pool, false, true) : NULL;
    if (frame) {
      evict(pool, frame, mine, &room);
      continue;
    }
    if (pool->leaving == 0) rest(pool, wanted);
    pthread_cond_wait(&pool->evictor_wanted, &pool->residency_lock);
  }
  pthread_mutex_unlock(&pool->residency_lock);
  ufo_copy_room_free(&room);
  return NULL;
}

/* ---- their life: no lock is held ----------------------------------------------------------------------------------
 */

bool ufo_evictors_start(ufo_pool *pool, ufo_error *error) {
  unsigned wanted = (unsigned)ufo_min(ufo_thread_processors(), UFO_EVICTORS_MAX);
  while (pool->evictor_count < wanted && ufo_thread_start(&pool->evictors[pool->evictor_count], run, pool, false))
    pool->evictor_count++;
  if (pool->evictor_count > 0) return true; /* it does the work of all, more slowly */
  ufo_pool_fail_thread(error, "cannot start the pool's evictor thread");
  return false;
}

void ufo_evictors_stop(ufo_pool *pool) {
  pthread_mutex_lock(&pool->residency_lock);
  pthread_cond_broadcast(&pool->evictor_wanted);
  pthread_mutex_unlock(&pool->residency_lock);
  while (pool->evictor_count > 0) pthread_join(pool->evictors[--pool->evictor_count], NULL);
}
