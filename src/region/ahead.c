/* ahead.c - windows produced ahead of the touches that will reach them, by threads of their own.
 *
 * A slot's life is drawn in pool.h. The chunks of a slot are given out one by one, so that all threads, and the
 * resolver whose faulting thread waits, work on the same window. Pages come out of what the budget leaves, or from
 * windows that nobody needs any more, so a stream in its steady state neither takes memory from the kernel nor gives
 * any back. */
#include <stdlib.h>

#include "os/memory.h"
#include "os/thread.h"
#include "region/pool.h"
#include "util/checked.h"
#include "util/hash.h"

enum { DEPTH_MAX = 4, WORKERS_MAX = 4, STALE_REQUESTS = 2 * UFO_SLOTS };

/* ---- slots: the residency lock is held ----------------------------------------------------------------------------
 */

/* At most an eighth of the budget, since it is memory that nobody has asked for yet. */
static uint64_t depth(const ufo_pool *pool) { return ufo_min(pool->budget / 8 / UFO_WINDOW_BYTES, DEPTH_MAX); }

static ufo_slot *find(const ufo_pool *pool, const ufo_region *region, uint64_t window) {
  for (unsigned i = 0; pool->slots && i < UFO_SLOTS; i++) {
    ufo_slot *slot = &pool->slots[i];
    if (slot->state != UFO_SLOT_IDLE && slot->region == region && slot->window == window) return slot;
  }
  return NULL;
}

void ufo_slot_end(ufo_pool *pool, ufo_slot *slot) {
  if (slot->page) {
    ufo_memory_drop(slot->page, UFO_WINDOW_BYTES);
    pool->staged -= UFO_WINDOW_BYTES;
  }
  while (slot->frames) {
    ufo_frame *frame = slot->frames;
    slot->frames = frame->region_next;
    free(frame);
  }
  slot->page = NULL;
  slot->region = NULL;
  slot->state = UFO_SLOT_IDLE;
  for (unsigned i = 0; i < UFO_SLOTS; i++) {
    if (!pool->slots[i].blocked) continue;
    pool->slots[i].blocked = false;
    pthread_cond_signal(&pool->ahead_wanted);
  }
  pthread_cond_broadcast(&pool->room);
}

bool ufo_ahead_busy(const ufo_pool *pool) {
  for (unsigned i = 0; pool->slots && i < UFO_SLOTS; i++)
    if (pool->slots[i].state == UFO_SLOT_MOVING || pool->slots[i].state == UFO_SLOT_CHECKING) return true;
  return false;
}

static void end_unused(ufo_pool *pool, ufo_slot *slot) {
  ufo_stream_judge(slot->region, false);
  ufo_count(&pool->counters.windows_wasted, 1);
  ufo_slot_end(pool, slot);
}

static ufo_slot *oldest_ready(ufo_pool *pool) {
  ufo_slot *oldest = NULL;
  for (unsigned i = 0; pool->slots && i < UFO_SLOTS; i++) {
    ufo_slot *slot = &pool->slots[i];
    if (slot->state == UFO_SLOT_READY && (!oldest || slot->asked < oldest->asked)) oldest = slot;
  }
  return oldest;
}

bool ufo_ahead_shed(ufo_pool *pool) {
  ufo_slot *slot = oldest_ready(pool);
  if (slot) end_unused(pool, slot);
  return slot != NULL;
}

/* Of a stream that has not come on while others did. */
static bool shed_stale(ufo_pool *pool) {
  ufo_slot *slot = oldest_ready(pool);
  if (!slot || slot->asked + STALE_REQUESTS > pool->requests) return false;
  end_unused(pool, slot);
  return true;
}

static ufo_slot *idle_slot(ufo_pool *pool) {
  do {
    for (unsigned i = 0; i < UFO_SLOTS; i++)
      if (pool->slots[i].state == UFO_SLOT_IDLE) return &pool->slots[i];
  } while (shed_stale(pool));
  return NULL;
}

/* ---- producing ----------------------------------------------------------------------------------------------------
 */

/* No lock is held. A page for the slot: new while the budget has room, else that of a window that can go. */
static bool provide_page(ufo_pool *pool, ufo_slot *slot) {
  for (;;) {
    pthread_mutex_lock(&pool->residency_lock);
    if (slot->spoiled) break;
    while (pool->staged + UFO_WINDOW_BYTES > depth(pool) * UFO_WINDOW_BYTES && shed_stale(pool)) continue;
    if (pool->staged + UFO_WINDOW_BYTES > depth(pool) * UFO_WINDOW_BYTES) break;
    if (ufo_pool_used(pool) + UFO_WINDOW_BYTES <= ufo_min(pool->high, pool->limit)) {
      pool->staged += UFO_WINDOW_BYTES;
      ufo_pool_note_peak(pool);
      slot->page = slot->nursery;
      break;
    }
    ufo_frame *frame = ufo_residency_pick(pool, true, true);
    if (!frame) {
      slot->blocked = ufo_ahead_busy(pool);
      break;
    }
    pthread_mutex_unlock(&pool->residency_lock);
    enum ufo_evicted evicted = ufo_evict_frame(pool, frame, NULL, slot->arena);
    if (evicted == UFO_EVICTED) continue;
    pthread_mutex_lock(&pool->residency_lock);
    if (evicted == UFO_EVICTED_KEPT) slot->page = slot->arena;
    break;
  }
  bool provided = slot->page != NULL;
  pthread_mutex_unlock(&pool->residency_lock);
  return provided;
}

/* No lock is held. */
static bool produce(const ufo_slot *slot, unsigned i, uint64_t *hash) {
  ufo_region *region = slot->region;
  ufo_error error = {.code = UFO_OK};
  char *target = slot->page + i * region->chunk_bytes;
  if (ufo_chunk_produce(region, ufo_window_first_chunk(region, slot->window) + i, target, hash, &error) != UFO_OK)
    return false;
  if (*hash == 0) *hash = ufo_hash(target, region->chunk_bytes);
  return true;
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
  bool ready = ufo_window_is_absent(slot->region, slot->window) && provide_page(pool, slot);
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
  ufo_thread_set_name("ufo-ahead");
  pthread_mutex_lock(&pool->residency_lock);
  while (!pool->stopping) {
    ufo_slot *urgent = NULL;
    for (unsigned i = 0; i < UFO_SLOTS; i++) {
      ufo_slot *slot = &pool->slots[i];
      if (has_work(slot) && (!urgent || more_urgent(slot, urgent))) urgent = slot;
    }
    if (urgent) work(pool, urgent);
    else pthread_cond_wait(&pool->ahead_wanted, &pool->residency_lock);
  }
  pool->workers--;
  pthread_cond_broadcast(&pool->resolver_ended);
  pthread_mutex_unlock(&pool->residency_lock);
  return NULL;
}

/* The residency lock is held. As many threads as processors, at the first request. */
static bool have_workers(ufo_pool *pool) {
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
  if (!pool->slots || pool->stopping || region->closing || !have_workers(pool)) return;
  uint64_t most = depth(pool);
  bool any = false;
  for (uint64_t i = 1; i <= most; i++) {
    uint64_t next = direction > 0 ? window + i : window - i;
    if (next >= region->window_count) break; /* also below the first one */
    ufo_slot *slot = find(pool, region, next);
    if (slot) {
      slot->asked = ++pool->requests;
      continue;
    }
    slot = idle_slot(pool);
    if (!slot) break;
    slot->state = UFO_SLOT_WANTED;
    slot->spoiled = slot->failed = slot->awaited = slot->blocked = slot->urgent = false;
    slot->direction = direction;
    slot->region = region;
    slot->window = next;
    slot->asked = ++pool->requests;
    slot->next = slot->working = 0;
    any = true;
  }
  if (any) pthread_cond_broadcast(&pool->ahead_wanted);
}

enum ufo_ahead ufo_ahead_touch(ufo_region *region, uint64_t chunk, ufo_slot **slot_out) {
  ufo_pool *pool = region->pool;
  uint64_t window = ufo_window_of(region, chunk);
  enum ufo_ahead ahead = UFO_AHEAD_NONE;
  pthread_mutex_lock(&pool->residency_lock);
  ufo_slot *slot = find(pool, region, window);
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
    if (ahead != UFO_AHEAD_COMING) ufo_stream_enter(region, window, direction);
  } else if (slot && (slot->state == UFO_SLOT_FILLING || slot->state == UFO_SLOT_PREPARING)) {
    /* Somebody may be producing this very chunk, and nobody else may meanwhile. */
    slot->spoiled = slot->awaited = true;
    ahead = UFO_AHEAD_COMING;
  } else {
    direction = ufo_stream_note(region, chunk);
  }
  if (direction) request(region, window, direction);
  pthread_mutex_unlock(&pool->residency_lock);
  return ahead;
}

void ufo_ahead_check(ufo_region *region, uint64_t chunk) {
  ufo_pool *pool = region->pool;
  pthread_mutex_lock(&pool->residency_lock);
  ufo_slot *slot = find(pool, region, ufo_window_of(region, chunk));
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
    ufo_slot *slot = find(pool, region, ufo_window_of(region, chunk));
    if (!slot || slot->state == UFO_SLOT_CHECKING || !has_work(slot)) break;
    work(pool, slot);
  }
  pthread_mutex_unlock(&pool->residency_lock);
}

void ufo_ahead_forget(ufo_region *region) {
  ufo_pool *pool = region->pool;
  pthread_mutex_lock(&pool->residency_lock);
  for (bool pending = pool->slots != NULL; pending;) {
    pending = false;
    for (unsigned i = 0; i < UFO_SLOTS; i++) {
      ufo_slot *slot = &pool->slots[i];
      if (slot->state == UFO_SLOT_IDLE || slot->region != region) continue;
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

/* ---- life -----------------------------------------------------------------------------------------------------------
 */

static void free_slots(ufo_slot *slots) {
  for (unsigned i = 0; slots && i < UFO_SLOTS; i++) {
    ufo_memory_release(slots[i].arena, UFO_WINDOW_BYTES);
    ufo_memory_release(slots[i].nursery, UFO_WINDOW_BYTES);
  }
  free(slots);
}

static ufo_slot *make_slots(ufo_uffd *uffd) {
  ufo_slot *slots = calloc(UFO_SLOTS, sizeof *slots);
  bool made = slots != NULL;
  for (unsigned i = 0; made && i < UFO_SLOTS; i++) {
    ufo_slot *slot = &slots[i];
    slot->arena = ufo_memory_reserve_watched_aligned(UFO_WINDOW_BYTES, UFO_WINDOW_BYTES);
    slot->nursery = ufo_memory_reserve_watched_aligned(UFO_WINDOW_BYTES, UFO_WINDOW_BYTES);
    made = slot->arena && slot->nursery && ufo_uffd_register_target(uffd, slot->arena, UFO_WINDOW_BYTES) &&
           ufo_memory_allow(slot->arena, UFO_WINDOW_BYTES, true) &&
           ufo_memory_allow(slot->nursery, UFO_WINDOW_BYTES, true);
    if (made) ufo_memory_want_huge(slot->nursery, UFO_WINDOW_BYTES, true); /* else small pages move, more slowly */
  }
  if (made && uffd->can_move &&
      !ufo_uffd_split_keeps_protection(uffd, slots[0].arena, slots[0].nursery, UFO_WINDOW_BYTES))
    for (unsigned i = 0; i < UFO_SLOTS; i++) ufo_memory_want_huge(slots[i].nursery, UFO_WINDOW_BYTES, false);
  if (made) return slots;
  free_slots(slots);
  return NULL;
}

void ufo_ahead_prepare(ufo_pool *pool) {
  pthread_mutex_lock(&pool->residency_lock);
  bool needed = !pool->slots && !pool->ahead_refused && depth(pool) > 0;
  pthread_mutex_unlock(&pool->residency_lock);
  if (!needed) return;
  ufo_slot *slots = make_slots(&pool->uffd);
  pthread_mutex_lock(&pool->residency_lock);
  bool used = !pool->slots;
  if (used) pool->slots = slots;
  if (!slots) pool->ahead_refused = true;
  pthread_mutex_unlock(&pool->residency_lock);
  if (!used) free_slots(slots);
}

void ufo_ahead_stop(ufo_pool *pool) {
  pthread_cond_broadcast(&pool->ahead_wanted);
  while (pool->workers > 0) pthread_cond_wait(&pool->resolver_ended, &pool->residency_lock);
}

void ufo_ahead_abandon(ufo_pool *pool) {
  pool->workers = 0;
  for (unsigned i = 0; pool->slots && i < UFO_SLOTS; i++) {
    ufo_slot *slot = &pool->slots[i];
    if (slot->state != UFO_SLOT_IDLE) ufo_slot_end(pool, slot);
    /* A page may just have been moved out, by a thread that had not noted it yet. */
    ufo_memory_drop(slot->arena, UFO_WINDOW_BYTES);
    ufo_memory_drop(slot->nursery, UFO_WINDOW_BYTES);
  }
  pool->staged = 0;
}

bool ufo_ahead_register(ufo_pool *pool) {
  bool done = true;
  for (unsigned i = 0; done && pool->slots && i < UFO_SLOTS; i++)
    done = ufo_uffd_register_target(&pool->uffd, pool->slots[i].arena, UFO_WINDOW_BYTES);
  return done;
}

void ufo_ahead_free(ufo_pool *pool) {
  free_slots(pool->slots);
  pool->slots = NULL;
}
