/* slot.c - where windows are produced, and the pages for it.
 *
 * Pages come out of what the budget leaves, or from windows that nobody needs any more, so a stream in its steady state
 * neither takes memory from the kernel nor gives any back. */
#include <stdlib.h>

#include "os/memory.h"
#include "region/window.h"
#include "util/checked.h"

enum { DEPTH_MAX = 4, STALE_REQUESTS = 2 * UFO_SLOTS, WAITS_MAX = 8 };

/* At most an eighth of the budget, since it is memory that nobody has asked for yet. */
uint64_t ufo_slot_depth(const ufo_pool *pool) { return ufo_min(pool->budget / 8 / UFO_WINDOW_BYTES, DEPTH_MAX); }

ufo_slot *ufo_slot_find(const ufo_pool *pool, const ufo_region *region, uint64_t window) {
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
  ufo_slots_unblock(pool);
  pthread_cond_broadcast(&pool->room);
}

void ufo_slots_unblock(ufo_pool *pool) {
  for (unsigned i = 0; pool->slots && i < UFO_SLOTS; i++) {
    if (!pool->slots[i].blocked) continue;
    pool->slots[i].blocked = false;
    pthread_cond_signal(&pool->ahead_wanted);
  }
}

bool ufo_slot_any_busy(const ufo_pool *pool) {
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

bool ufo_slot_shed(ufo_pool *pool) {
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

ufo_slot *ufo_slot_idle(ufo_pool *pool) {
  do {
    for (unsigned i = 0; i < UFO_SLOTS; i++)
      if (pool->slots[i].state == UFO_SLOT_IDLE) return &pool->slots[i];
  } while (shed_stale(pool));
  return NULL;
}

/* ---- pages --------------------------------------------------------------------------------------------------------
 */

/* Whoever reads for the first time what does not fit leaves the other half of memory alone: new pages are slow to come
 * by, and what he has passed will be gone before he comes back. If he does come back, he may have it all. */
static bool takes_enough(const ufo_pool *pool, const ufo_region *region) {
  return region->mapped_bytes > pool->budget && !ufo_stream_returns(region) && region->resident >= pool->budget / 2;
}

bool ufo_slot_provide_page(ufo_pool *pool, ufo_slot *slot) {
  for (;;) {
    pthread_mutex_lock(&pool->residency_lock);
    if (slot->spoiled) break;
    while (pool->staged + UFO_WINDOW_BYTES > ufo_slot_depth(pool) * UFO_WINDOW_BYTES && shed_stale(pool)) continue;
    if (pool->staged + UFO_WINDOW_BYTES > ufo_slot_depth(pool) * UFO_WINDOW_BYTES) break;
    ufo_frame *frame = takes_enough(pool, slot->region) ? ufo_residency_pick_own(pool, slot->region) : NULL;
    if (!frame && ufo_pool_used(pool) + UFO_WINDOW_BYTES <= ufo_min(pool->high, pool->limit)) {
      pool->staged += UFO_WINDOW_BYTES;
      ufo_pool_note_peak(pool);
      slot->page = slot->nursery;
      break;
    }
    if (!frame) frame = ufo_residency_pick_behind(pool, slot->region, slot->window);
    if (!frame) frame = ufo_residency_pick(pool, true, true);
    if (!frame) {
      /* A stream of writes has left nothing clean. Waiting for the evictors costs less than going on chunk by chunk,
       * but others may be quicker each time. */
      slot->blocked = ufo_slot_any_busy(pool) || (slot->waits++ < WAITS_MAX && ufo_evictors_ask(pool));
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

/* ---- life ---------------------------------------------------------------------------------------------------------
 */

#define ALL_BYTES (UFO_SLOTS * UFO_WINDOW_BYTES)

static void free_slots(ufo_slot *slots) {
  if (slots) ufo_memory_release(slots[0].arena, 2 * ALL_BYTES);
  free(slots);
}

/* All arenas lie together, then all nurseries: a first view waits for each call. */
static ufo_slot *make_slots(ufo_uffd *uffd) {
  ufo_slot *slots = calloc(UFO_SLOTS, sizeof *slots);
  char *arenas = slots ? ufo_memory_reserve_watched_aligned(2 * ALL_BYTES, UFO_WINDOW_BYTES) : NULL;
  char *nurseries = arenas ? arenas + ALL_BYTES : NULL;
  for (unsigned i = 0; arenas && i < UFO_SLOTS; i++) {
    slots[i].arena = arenas + i * UFO_WINDOW_BYTES;
    slots[i].nursery = nurseries + i * UFO_WINDOW_BYTES;
  }
  if (!arenas || !ufo_uffd_register_target(uffd, arenas, ALL_BYTES) || !ufo_memory_allow(arenas, 2 * ALL_BYTES, true)) {
    free_slots(slots);
    return NULL;
  }
  ufo_memory_want_huge(nurseries, ALL_BYTES, true); /* else small pages move, more slowly */
  if (uffd->can_move && !ufo_uffd_split_keeps_protection(uffd, arenas, nurseries, UFO_WINDOW_BYTES))
    ufo_memory_want_huge(nurseries, ALL_BYTES, false);
  return slots;
}

void ufo_slots_prepare(ufo_pool *pool) {
  pthread_mutex_lock(&pool->residency_lock);
  bool needed = !pool->slots && !pool->ahead_refused && ufo_slot_depth(pool) > 0;
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

void ufo_slots_abandon(ufo_pool *pool) {
  pool->workers = 0;
  for (unsigned i = 0; pool->slots && i < UFO_SLOTS; i++) {
    ufo_slot *slot = &pool->slots[i];
    if (slot->state != UFO_SLOT_IDLE) ufo_slot_end(pool, slot);
  }
  /* A page may just have been moved out, by a thread that had not noted it yet. */
  if (pool->slots) ufo_memory_drop(pool->slots[0].arena, 2 * ALL_BYTES);
  pool->staged = 0;
}

bool ufo_slots_register(ufo_pool *pool) {
  return !pool->slots || ufo_uffd_register_target(&pool->uffd, pool->slots[0].arena, ALL_BYTES);
}

void ufo_slots_free(ufo_pool *pool) {
  free_slots(pool->slots);
  pool->slots = NULL;
}
