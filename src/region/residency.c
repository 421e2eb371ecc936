/* residency.c - which chunks are in memory, and the budget that they never exceed.
 *
 * Memory is reserved before a fill begins, so the sum of reservations is what the budget bounds. Victims are taken
 * clean first, oldest first (FIFO: user space is not told about accesses), with a second chance for chunks that came
 * back after an eviction; changed chunks go first once clean ones are few, or a small hot set would thrash; and some
 * that nobody may have touched for long go for what comes back, so that what was changed once does not keep others out
 * of memory for ever: whether it is touched is not known, so that this has a price, which rises if it comes back. What
 * came with the windows of a stream goes first once it takes a quarter of the budget, with what is made ahead, so that
 * a scan of anything does not drive out what is used again and again (as in the 2Q algorithm of Johnson and Shasha,
 * VLDB 1994, whose A1in it is). A window that comes back before half the budget was evicted is promoted: it stays with
 * the other clean chunks from then on (which are its Am; the times of eviction stand for its A1out).
 *
 * A fill that finds no room waits for whoever can make some. Nobody can when every running fill is itself waiting for
 * a nested one, nothing is being evicted and nothing is left to evict: then the fill fails, rather than hang. */
#include "region/window.h"

#include <stdlib.h>

#include "util/checked.h"
#include "util/fail.h"

/* Bytes of clean chunks that come back before a changed byte makes room for them, at least and at most. */
enum { IDLE_PRICE_MIN = 4, IDLE_PRICE_MAX = 4096 };

static void unlink_frame(ufo_pool *pool, ufo_frame *frame) {
  ufo_frame_queue *queue = &pool->lists[frame->list];
  if (frame->list == UFO_LIST_NONE) return;
  if (frame->previous) frame->previous->next = frame->next;
  else queue->head = frame->next;
  if (frame->next) frame->next->previous = frame->previous;
  else queue->tail = frame->previous;
  queue->bytes -= frame->bytes;
  frame->previous = frame->next = NULL;
  frame->list = UFO_LIST_NONE;
}

void ufo_frame_enlist(ufo_pool *pool, ufo_frame *frame, enum ufo_frame_list list) {
  unlink_frame(pool, frame);
  if (list == UFO_LIST_NONE) return;
  ufo_frame_queue *queue = &pool->lists[list];
  frame->list = (uint8_t)list;
  frame->previous = queue->tail;
  if (queue->tail) queue->tail->next = frame;
  else queue->head = frame;
  queue->tail = frame;
  queue->bytes += frame->bytes;
}

enum ufo_frame_list ufo_frame_home(const ufo_frame *frame) {
  if (frame->pins > 0) return UFO_LIST_PINNED;
  return frame->dirty ? UFO_LIST_DIRTY : ufo_frame_is_of_scan(frame) ? UFO_LIST_STREAMED : UFO_LIST_CLEAN;
}

void ufo_frame_mark_dirty(ufo_pool *pool, ufo_frame *frame, bool dirty) {
  if (frame->dirty == dirty) return;
  frame->dirty = dirty;
  if (dirty) {
    pool->dirty += frame->bytes;
    frame->region->dirty += frame->bytes;
  } else {
    pool->dirty -= frame->bytes;
    frame->region->dirty -= frame->bytes;
  }
}

void ufo_frame_settle(ufo_pool *pool, ufo_frame *frame, bool dirty) {
  ufo_region *region = frame->region;
  frame->region_next = region->frames;
  if (region->frames) region->frames->region_previous = frame;
  region->frames = frame;
  region->resident += frame->bytes;
  ufo_frame_mark_dirty(pool, frame, dirty);
  ufo_frame_enlist(pool, frame, ufo_frame_home(frame));
}

void ufo_frame_discard(ufo_pool *pool, ufo_frame *frame) {
  unlink_frame(pool, frame);
  if (ufo_frame_is_of_scan(frame)) pool->streamed -= frame->bytes;
  free(frame);
}

void ufo_frame_free(ufo_pool *pool, ufo_frame *frame) {
  UFO_ASSERT(frame->pins == 0);
  ufo_region *region = frame->region;
  unlink_frame(pool, frame);
  ufo_frame_mark_dirty(pool, frame, false);
  if (frame->region_previous) frame->region_previous->region_next = frame->region_next;
  else region->frames = frame->region_next;
  if (frame->region_next) frame->region_next->region_previous = frame->region_previous;
  UFO_ASSERT(pool->resident >= frame->bytes && region->resident >= frame->bytes);
  pool->resident -= frame->bytes;
  region->resident -= frame->bytes;
  if (ufo_frame_is_of_scan(frame)) pool->streamed -= frame->bytes;
  free(frame);
  pthread_cond_broadcast(&pool->room);
}

/* Is an evictor at work on its window? It takes all of that, unless another has a part of it. */
static bool is_leaving(const ufo_pool *pool, const ufo_frame *frame) {
  for (unsigned i = 0; frame->streamed && i < pool->evictors_running; i++) {
    const ufo_departure *departure = &pool->departures[i];
    if (departure->region == frame->region && departure->window == ufo_window_of(frame->region, frame->chunk))
      return true;
  }
  return false;
}

/* The oldest frame of a list whose region is not being released; second chances are used up on the way. */
static ufo_frame *oldest(ufo_pool *pool, enum ufo_frame_list list) {
  ufo_frame_queue *queue = &pool->lists[list];
  /* Each pass over the queue clears at least one second chance or finds a victim; two passes always suffice. */
  ufo_frame *frame = queue->head;
  ufo_frame *last = queue->tail;
  while (frame) {
    ufo_frame *next = frame == last ? NULL : frame->next;
    if (!frame->region->closing && !is_leaving(pool, frame)) {
      if (!frame->second_chance) return frame;
      frame->second_chance = false;
      ufo_frame_enlist(pool, frame, list);
    }
    frame = next;
  }
  for (frame = queue->head; frame; frame = frame->next)
    if (!frame->region->closing && !is_leaving(pool, frame)) return frame;
  return NULL;
}

static ufo_frame *oldest_clean(ufo_pool *pool, bool patient) {
  ufo_frame *streamed = oldest(pool, UFO_LIST_STREAMED);
  bool many = pool->streamed + pool->staged >= pool->budget / 4;
  if (many && (streamed || (patient && ufo_slot_any_busy(pool)))) return streamed;
  ufo_frame *other = oldest(pool, UFO_LIST_CLEAN);
  return streamed && (!other || streamed->begun_ns < other->begun_ns) ? streamed : other;
}

static ufo_frame *taken(ufo_pool *pool, ufo_frame *frame) {
  unlink_frame(pool, frame);
  frame->region->busy++;
  pool->evictions++;
  return frame;
}

void ufo_residency_missed(ufo_pool *pool, uint64_t bytes) {
  pool->missed = ufo_min(pool->missed + bytes, pool->budget);
}

/* It is dearer then, and gets cheaper again with each that makes room. */
void ufo_residency_was_not_idle(ufo_pool *pool) {
  pool->idle_price = ufo_min(2 * ufo_max(pool->idle_price, IDLE_PRICE_MIN), IDLE_PRICE_MAX);
}

/* A changed chunk that is older than all clean ones, where these have come back after their eviction often enough. */
static ufo_frame *idle_dirty(ufo_pool *pool) {
  ufo_frame *frame = pool->lists[UFO_LIST_DIRTY].head, *clean = pool->lists[UFO_LIST_CLEAN].head;
  uint64_t price = ufo_max(pool->idle_price, IDLE_PRICE_MIN);
  /* First without the queue's second chances, which looking for the oldest uses up. */
  if (!frame || pool->missed < ufo_min(price * frame->bytes, pool->budget)) return NULL;
  frame = oldest(pool, UFO_LIST_DIRTY);
  if (!frame || (clean && clean->begun_ns <= frame->begun_ns)) return NULL;
  uint64_t paid = ufo_min(price * frame->bytes, pool->budget);
  if (pool->missed < paid) return NULL;
  pool->missed -= paid;
  pool->idle_price = price * 7 / 8;
  frame->idle = true;
  return frame;
}

ufo_frame *ufo_residency_pick(ufo_pool *pool, bool clean_only, bool patient) {
  if (ufo_pool_is_broken(pool)) return NULL; /* what was written back would be changed again, without end */
  uint64_t clean = pool->lists[UFO_LIST_CLEAN].bytes + pool->lists[UFO_LIST_STREAMED].bytes;
  bool dirty_first = !clean_only && clean < pool->budget / 16;
  ufo_frame *frame = dirty_first || clean_only ? NULL : idle_dirty(pool);
  if (!frame) frame = dirty_first ? oldest(pool, UFO_LIST_DIRTY) : oldest_clean(pool, patient);
  if (!frame && !clean_only) frame = dirty_first ? oldest_clean(pool, patient) : oldest(pool, UFO_LIST_DIRTY);
  return frame ? taken(pool, frame) : NULL;
}

/* Whoever reads more than fits, from end to end and again, finds nothing in memory if the oldest goes first: it is what
 * he needs next. If the newest goes first, he finds as much as fits, less what is in his way now. */
ufo_frame *ufo_residency_pick_behind(ufo_pool *pool, const ufo_region *region, uint64_t window) {
  enum { NEAR = 6 }; /* windows that may be read now, or are about to be */
  if (ufo_pool_is_broken(pool) || !ufo_stream_returns(region)) return NULL;
  for (ufo_frame *frame = pool->lists[UFO_LIST_STREAMED].tail; frame; frame = frame->previous) {
    if (frame->region != region || region->closing) continue;
    uint64_t at = ufo_window_of(region, frame->chunk);
    if ((at > window ? at - window : window - at) >= NEAR) return taken(pool, frame);
  }
  return NULL;
}

ufo_frame *ufo_residency_pick_own(ufo_pool *pool, const ufo_region *region) {
  if (ufo_pool_is_broken(pool) || region->closing) return NULL;
  for (ufo_frame *frame = pool->lists[UFO_LIST_STREAMED].head; frame; frame = frame->next)
    if (frame->region == region) return taken(pool, frame);
  return NULL;
}

static bool anything_evictable(const ufo_pool *pool) {
  return pool->lists[UFO_LIST_CLEAN].head || pool->lists[UFO_LIST_STREAMED].head || pool->lists[UFO_LIST_DIRTY].head;
}

bool ufo_residency_retry_stuck(ufo_pool *pool) {
  bool any = false;
  while (pool->lists[UFO_LIST_STUCK].head) {
    ufo_frame *frame = pool->lists[UFO_LIST_STUCK].head;
    ufo_frame_enlist(pool, frame, ufo_frame_home(frame));
    any = true;
  }
  return any;
}

/* May a waiting fill hope? Of waiting fills those that block others give up first, since that frees the others. */
static bool others_may_free(const ufo_pool *pool, const ufo_frame *frame) {
  return pool->evictions > 0 || pool->fills_running > pool->fills_blocked || anything_evictable(pool) ||
         (frame->awaited == 0 && pool->fills_awaited > 0) || pool->limit < pool->budget || pool->staged > 0;
}

void ufo_residency_fill_begins(ufo_pool *pool, ufo_frame *frame, bool nested) {
  pthread_mutex_lock(&pool->residency_lock);
  ufo_frame_enlist(pool, frame, UFO_LIST_FILLING);
  frame->waiting = true;
  frame->awaited = nested;
  pool->fills_waiting++;
  pool->fills_blocked += nested;
  pool->fills_awaited += nested;
  pthread_mutex_unlock(&pool->residency_lock);
}

bool ufo_residency_fill_awaited(ufo_pool *pool, ufo_frame *frame, uint64_t when_ns) {
  if (when_ns < frame->begun_ns) return false;
  pthread_mutex_lock(&pool->residency_lock);
  if (!frame->ending) {
    if (frame->awaited == 0 && frame->waiting) pool->fills_awaited++;
    frame->awaited++;
    pool->fills_blocked++;
    /* Who waits for room may have counted on the fill that is blocked now. */
    pthread_cond_broadcast(&pool->room);
  }
  pthread_mutex_unlock(&pool->residency_lock);
  return true;
}

/* Residency lock held. */
static void unblock(ufo_pool *pool, ufo_frame *frame) {
  UFO_ASSERT(pool->fills_blocked >= frame->awaited);
  pool->fills_blocked -= frame->awaited;
  frame->awaited = 0;
  frame->ending = true;
}

void ufo_residency_fill_ending(ufo_pool *pool, ufo_frame *frame) {
  pthread_mutex_lock(&pool->residency_lock);
  unblock(pool, frame);
  pthread_mutex_unlock(&pool->residency_lock);
}

static ufo_status no_room(ufo_pool *pool, uint64_t bytes, ufo_error *error) {
  if (pool->lists[UFO_LIST_STUCK].head && pool->stuck_error.code != UFO_OK) {
    if (error) *error = pool->stuck_error;
    return ufo_fail_prefix(error, pool->stuck_error.code,
                           "no memory within the budget of %llu bytes, and nothing in it can be evicted",
                           (unsigned long long)pool->budget);
  }
  return ufo_fail(error, UFO_FULL,
                  "no memory for a chunk of %llu bytes within the budget of %llu bytes: all of it is pinned, or taken "
                  "by fills that wait for each other; raise the budget",
                  (unsigned long long)bytes, (unsigned long long)pool->budget);
}

ufo_status ufo_residency_reserve(ufo_pool *pool, ufo_frame *frame, ufo_error *error) {
  ufo_status status = UFO_OK;
  uint64_t bytes = frame->bytes;
  bool waited = false, retried = false;
  pthread_mutex_lock(&pool->residency_lock);
  while (ufo_pool_used(pool) + bytes > pool->limit) {
    if (!frame->optional && ufo_slot_shed(pool)) continue;
    /* Dropping a clean chunk costs microseconds: do it here rather than wait for the evictor. */
    ufo_frame *victim = ufo_residency_pick(pool, true, false);
    if (victim) {
      pthread_mutex_unlock(&pool->residency_lock);
      ufo_evict_frame(pool, victim, NULL, NULL);
      pthread_mutex_lock(&pool->residency_lock);
      continue;
    }
    if (ufo_pool_is_broken(pool)) {
      status = ufo_pool_fail_broken(pool, error);
      break;
    }
    if (frame->region->closing) {
      /* A touch that was given up: the release waits for this fill, and its chunks may be all that could be evicted. */
      status = ufo_fail(error, UFO_USAGE, "the region is being released");
      break;
    }
    if (frame->optional) {
      status = ufo_fail(error, UFO_FULL, "no memory at once");
      break;
    }
    if (!others_may_free(pool, frame)) {
      if (retried || !ufo_residency_retry_stuck(pool)) {
        status = no_room(pool, bytes, error);
        break;
      }
      retried = true;
    }
    if (!waited) ufo_count(&pool->counters.waits, 1);
    waited = true;
    if (anything_evictable(pool)) {
      pool->evictor_kicked = true;
      pthread_cond_signal(&pool->evictor_wanted);
    }
    pthread_cond_wait(&pool->room, &pool->residency_lock);
  }
  pool->fills_waiting--;
  frame->waiting = false;
  if (frame->awaited > 0) pool->fills_awaited--;
  if (status == UFO_OK) {
    pool->fills_running++;
    pool->resident += bytes;
    ufo_pool_note_peak(pool);
    if (ufo_pool_used(pool) > pool->high) pthread_cond_signal(&pool->evictor_wanted);
  } else {
    unblock(pool, frame);
    /* Others may wait for a reason that has just changed. */
    pthread_cond_broadcast(&pool->room);
  }
  pthread_mutex_unlock(&pool->residency_lock);
  return status;
}

void ufo_residency_fill_ended(ufo_pool *pool, uint64_t bytes, bool kept) {
  pthread_mutex_lock(&pool->residency_lock);
  UFO_ASSERT(pool->fills_running > 0);
  pool->fills_running--;
  if (!kept) pool->resident -= bytes;
  pthread_cond_broadcast(&pool->room);
  pthread_mutex_unlock(&pool->residency_lock);
}
