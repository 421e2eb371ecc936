/* evict.c - making room: the evictor's thread, and who has to make room himself.
 *
 * How a changed chunk is written back before it goes is in clean.c. Where every chunk in memory is written all the
 * time, that would never end, so a chunk that was written during several cleanings in a row is held (frame->held): its
 * writers wait until it has been dropped, or turned out not to be. */
#include <errno.h>

#include "os/memory.h"
#include "os/thread.h"
#include "region/clean.h"
#include "region/window.h"
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
  if (*word & UFO_CHUNK_IN_WINDOW && frame->pins == 0 && ufo_chunk_get_state(*word) == UFO_CLEAN)
    window = ufo_window_drop(region, frame, keep);
  if (window != UFO_EVICTED_NOTHING) {
    freed = true;
  } else if (frame->pins == 0 && ufo_chunk_get_state(*word) == UFO_CLEAN) {
    freed = ufo_frame_drop_evicted(region, frame, false, &error);
    stuck = !freed;
  } else if (frame->pins == 0 && ufo_chunk_get_state(*word) == UFO_DIRTY && room) {
    frame->held = frame->fruitless == UFO_FRUITLESS_MAX;
    if (grow_copy(room, frame->bytes, &error) && ufo_cleaning_begin(region, frame, room->bytes, &error)) {
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
