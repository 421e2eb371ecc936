/* ahead.c - windows produced ahead of the touches that will reach them, by threads of their own.
 *
 * A slot's life is drawn in window.h. The chunks of a slot are given out one by one, so that all threads, and the
 * resolver whose faulting thread waits, work on the same window. */
#include <stdlib.h>

#include "os/thread.h"
#include "region/window.h"
#include "util/checked.h"

enum { WORKERS_MAX = 4 };

/* ---- producing ----------------------------------------------------------------------------------------------------
 */

/* No lock is held. */
static bool produce(const ufo_slot *slot, unsigned i, uint64_t *hash) {
  ufo_region *region = slot->region;
  ufo_error error = {.code = UFO_OK};
  char *target = slot->page + i * region->chunk_bytes;
  return ufo_chunk_produce(region, ufo_window_first_chunk(region, slot->window) + i, target, hash, &error) == UFO_OK;
}

/* No lock is held. Ahead of need, so that the touch does not wait for the allocator. */
static bool make_frames(ufo_slot *slot) {
  for (uint64_t i = 0; i < slot->region->window_chunks; i++) {
    ufo_frame *frame = malloc(sizeof *frame);
    if (!frame) return false;
    frame->region_next = slot->frames;
    slot->frames = frame;
  }
  return true;
}

/* ---- work: the residency lock is held on entry and on return --------------------------------------------------------
 */

static void give_up(ufo_pool *pool, ufo_slot *slot) {
  char *address = ufo_chunk_address(slot->region, ufo_window_first_chunk(slot->region, slot->window));
  bool awaited = slot->awaited;
  ufo_slot_end(pool, slot);
  if (awaited) ufo_uffd_wake(&pool->uffd, address, UFO_WINDOW_BYTES);
}

static void finish(ufo_pool *pool, ufo_slot *slot) {
  bool complete = !slot->failed && !slot->spoiled;
  if (complete) {
    pthread_mutex_unlock(&pool->residency_lock);
    complete = make_frames(slot);
    pthread_mutex_lock(&pool->residency_lock);
  }
  if (!complete || slot->spoiled) {
    give_up(pool, slot);
  } else if (slot->awaited) {
    slot->state = UFO_SLOT_MOVING;
    pthread_mutex_unlock(&pool->residency_lock);
    ufo_window_publish(pool, slot);
    pthread_mutex_lock(&pool->residency_lock);
  } else {
    slot->state = UFO_SLOT_READY;
    pthread_cond_broadcast(&pool->room); /* who waits for memory may have this page */
  }
}

/* While a slot is for it, no chunk of a window becomes resident on its own; those that are so already would be written
 * back after they were produced here, and then be older here. */
static void prepare(ufo_pool *pool, ufo_slot *slot) {
  slot->state = UFO_SLOT_PREPARING;
  pthread_mutex_unlock(&pool->residency_lock);
  bool ready = ufo_window_is_absent(slot->region, slot->window) && ufo_slot_provide_page(pool, slot);
  pthread_mutex_lock(&pool->residency_lock);
  if (!ready && slot->blocked && !slot->spoiled) {
    slot->state = UFO_SLOT_WANTED;
    return;
  }
  if (!ready || slot->spoiled) {
    give_up(pool, slot);
    return;
  }
  slot->state = UFO_SLOT_FILLING;
  pthread_cond_broadcast(&pool->ahead_wanted);
}

static void fill_one(ufo_pool *pool, ufo_slot *slot) {
  unsigned i = slot->next++;
  slot->working++;
  pthread_mutex_unlock(&pool->residency_lock);
  bool produced = produce(slot, i, &slot->hashes[i]);
  pthread_mutex_lock(&pool->residency_lock);
  slot->working--;
  if (!produced) slot->failed = true;
  if (slot->failed || slot->spoiled) slot->next = (unsigned)slot->region->window_chunks; /* no more of it */
  if (slot->working == 0 && slot->next == slot->region->window_chunks) finish(pool, slot);
}

static bool has_work(const ufo_slot *slot) {
  return (slot->state == UFO_SLOT_WANTED && !slot->blocked) || (slot->state == UFO_SLOT_CHECKING && slot->next == 0) ||
         (slot->state == UFO_SLOT_FILLING && slot->next < slot->region->window_chunks);
}

static void work(ufo_pool *pool, ufo_slot *slot) {
  if (slot->state == UFO_SLOT_WANTED) {
    prepare(pool, slot);
  } else if (slot->state == UFO_SLOT_CHECKING) {
    slot->next = 1;
    pthread_mutex_unlock(&pool->residency_lock);
    ufo_window_check(pool, slot);
    pthread_mutex_lock(&pool->residency_lock);
  } else {
    fill_one(pool, slot);
  }
}

/* Checks first, since writers may wait for them; then what is waited for; then the oldest request. */
static bool more_urgent(const ufo_slot *slot, const ufo_slot *than) {
  if ((slot->state == UFO_SLOT_CHECKING) != (than->state == UFO_SLOT_CHECKING)) return slot->state == UFO_SLOT_CHECKING;
  if (slot->awaited != than->awaited) return slot->awaited;
  return slot->asked < than->asked;
}

static void *run(void *argument) {
  ufo_pool *pool = argument;
  ufo_fill_memory memory = {0};
  ufo_thread_set_name("ufo-ahead");
  pthread_mutex_lock(&pool->residency_lock);
  while (!pool->stopping) {
    ufo_slot *urgent = NULL;
    for (unsigned i = 0; pool->slots && i < UFO_SLOTS; i++) {
      ufo_slot *slot = &pool->slots[i];
      if (has_work(slot) && (!urgent || more_urgent(slot, urgent))) urgent = slot;
    }
    if (urgent) work(pool, urgent);
    else if (!ufo_prefetch_work(pool, &memory)) pthread_cond_wait(&pool->ahead_wanted, &pool->residency_lock);
  }
  pool->workers--;
  pthread_cond_broadcast(&pool->resolver_ended);
  pthread_mutex_unlock(&pool->residency_lock);
  ufo_fill_memory_free(&memory);
  return NULL;
}

bool ufo_ahead_have_workers(ufo_pool *pool) {
  if (pool->workers > 0 || pool->ahead_refused) return pool->workers > 0;
  unsigned wanted = (unsigned)ufo_min(ufo_thread_processors(), WORKERS_MAX);
  while (pool->workers < wanted && !pool->ahead_refused) {
    pthread_t thread;
    pool->ahead_refused = !ufo_thread_start(&thread, run, pool, true);
    if (!pool->ahead_refused) pool->workers++;
  }
  return pool->workers > 0;
}

/* ---- asking ---------------------------------------------------------------------------------------------------------
 */

/* The residency lock is held. A stream is at this window: the next ones will be wanted. */
static void request(ufo_region *region, uint64_t window, int direction) {
  ufo_pool *pool = region->pool;
  if (!pool->slots || pool->stopping || region->closing || !ufo_ahead_have_workers(pool)) return;
  uint64_t most = ufo_slot_depth(pool);
  bool any = false;
  for (uint64_t i = 1; i <= most; i++) {
    uint64_t next = direction > 0 ? window + i : window - i;
    if (next >= region->window_count) break; /* also below the first one */
    ufo_slot *slot = ufo_slot_find(pool, region, next);
    if (slot) {
      slot->asked = ++pool->requests;
      continue;
    }
    slot = ufo_slot_idle(pool);
    if (!slot) break;
    slot->state = UFO_SLOT_WANTED;
    slot->spoiled = slot->failed = slot->awaited = slot->blocked = slot->urgent = false;
    slot->entered = slot->writing = false;
    slot->direction = direction;
    slot->region = region;
    slot->window = next;
    slot->made = slot->asked = ++pool->requests;
    slot->next = slot->working = slot->waits = 0;
    any = true;
  }
  if (any) pthread_cond_broadcast(&pool->ahead_wanted);
}

enum ufo_ahead ufo_ahead_touch(ufo_region *region, uint64_t chunk, bool write, ufo_slot **slot_out) {
  ufo_pool *pool = region->pool;
  uint64_t window = ufo_window_of(region, chunk);
  enum ufo_ahead ahead = UFO_AHEAD_NONE;
  pthread_mutex_lock(&pool->residency_lock);
  bool in_window = window < region->window_count;
  ufo_slot *slot = in_window ? ufo_slot_find(pool, region, window) : NULL;
  bool usable = slot && !slot->spoiled && !slot->failed && slot->state != UFO_SLOT_CHECKING;
  if (usable && slot->state == UFO_SLOT_READY) {
    slot->state = UFO_SLOT_MOVING;
    *slot_out = slot;
    ahead = UFO_AHEAD_PRESENT;
  } else if (usable) {
    slot->awaited = true;
    ahead = slot->state == UFO_SLOT_MOVING ? UFO_AHEAD_COMING : UFO_AHEAD_HELP;
  }
  int direction = 0;
  if (usable) {
    direction = slot->direction;
    if (ahead != UFO_AHEAD_COMING && !slot->entered) {
      slot->writing = ufo_stream_enter(region, window, direction, write, &slot->prove);
      slot->entered = true;
      ufo_stream_returned(region, region->chunks[chunk] & UFO_CHUNK_EVICTED_BEFORE);
    }
  } else if (slot && (slot->state == UFO_SLOT_FILLING || slot->state == UFO_SLOT_PREPARING)) {
    /* Somebody may be producing this very chunk, and nobody else may meanwhile. */
    slot->spoiled = slot->awaited = true;
    ahead = UFO_AHEAD_COMING;
  } else {
    bool windows = in_window && pool->slots && ufo_slot_depth(pool) > 0;
    unsigned depth = ufo_prefetch_depth(region);
    int64_t stride = ufo_stream_note(region, chunk, windows ? 0 : depth, depth);
    if (windows && ufo_stride_is_near(stride)) direction = (int)stride;
    else if (stride) ufo_prefetch_request(region, chunk, stride, depth);
  }
  if (direction) request(region, window, direction);
  pthread_mutex_unlock(&pool->residency_lock);
  return ahead;
}

void ufo_ahead_check(ufo_region *region, uint64_t chunk) {
  ufo_pool *pool = region->pool;
  pthread_mutex_lock(&pool->residency_lock);
  ufo_slot *slot = ufo_slot_find(pool, region, ufo_window_of(region, chunk));
  bool mine = slot && slot->state == UFO_SLOT_CHECKING && slot->next == 0;
  if (mine) slot->next = 1;
  else if (slot && slot->state == UFO_SLOT_MOVING) slot->urgent = true;
  pthread_mutex_unlock(&pool->residency_lock);
  if (mine) ufo_window_check(pool, slot);
}

void ufo_ahead_help(ufo_region *region, uint64_t chunk) {
  ufo_pool *pool = region->pool;
  pthread_mutex_lock(&pool->residency_lock);
  for (;;) {
    ufo_slot *slot = ufo_slot_find(pool, region, ufo_window_of(region, chunk));
    if (!slot || slot->state == UFO_SLOT_CHECKING || !has_work(slot)) break;
    work(pool, slot);
  }
  pthread_mutex_unlock(&pool->residency_lock);
}

void ufo_ahead_forget(ufo_region *region) {
  ufo_pool *pool = region->pool;
  pthread_mutex_lock(&pool->residency_lock);
  ufo_prefetch_forget(region);
  uint64_t now = pool->requests; /* readers may go on asking for more, without end */
  for (bool pending = pool->slots != NULL; pending;) {
    pending = false;
    for (unsigned i = 0; i < UFO_SLOTS; i++) {
      ufo_slot *slot = &pool->slots[i];
      if (slot->state == UFO_SLOT_IDLE || slot->region != region || slot->made > now) continue;
      if (slot->state == UFO_SLOT_READY || slot->state == UFO_SLOT_WANTED) {
        give_up(pool, slot);
      } else {
        slot->spoiled = true;
        pending = true;
      }
    }
    if (pending) pthread_cond_wait(&pool->room, &pool->residency_lock);
  }
  pthread_mutex_unlock(&pool->residency_lock);
}

void ufo_ahead_stop(ufo_pool *pool) {
  pthread_cond_broadcast(&pool->ahead_wanted);
  while (pool->workers > 0) pthread_cond_wait(&pool->resolver_ended, &pool->residency_lock);
}
