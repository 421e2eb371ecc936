/* fork.c - every pool of the process, and what fork() does to them.
 *
 * The kernel drops the userfaultfd registration in the child: chunks that are not in memory would read as zeros. So the
 * child gets a new userfaultfd at once, registers every region, protects what is present (write protection is dropped
 * too) and starts threads of its own. The threads of the parent do not exist in the child: what they had begun is
 * undone. Everything is locked across the fork, so all structures are at rest in both processes. If the child cannot
 * be re-armed, its bodies are made inaccessible: a touch then ends in SIGSEGV (an error in ufo_guarded), never in
 * zeros. A pool that was broken before the fork needs no kernel any more, and is so in the child, too. */
#include <stdlib.h>
#include <string.h>

#include "os/memory.h"
#include "region/window.h"
#include "util/plant.h"

static pthread_mutex_t pools_lock = PTHREAD_MUTEX_INITIALIZER;
static ufo_pool *pools;

ufo_region *ufo_pools_take(uint64_t address) {
  ufo_region *region = NULL;
  pthread_mutex_lock(&pools_lock);
  for (ufo_pool *pool = pools; pool && !region; pool = pool->next_pool) region = ufo_table_take(pool, address);
  pthread_mutex_unlock(&pools_lock);
  return region;
}

/* ---- all locks, in their order --------------------------------------------------------------------------------------
 */

static void lock_region(ufo_region *region) {
  pthread_mutex_lock(&region->failure_lock);
  pthread_mutex_lock(&region->backing_lock);
}

static void unlock_region(ufo_region *region) {
  pthread_mutex_unlock(&region->backing_lock);
  pthread_mutex_unlock(&region->failure_lock);
}

static void before_fork(void) {
  pthread_mutex_lock(&pools_lock);
  for (ufo_pool *pool = pools; pool; pool = pool->next_pool) {
    pthread_rwlock_wrlock(&pool->table_lock);
    for (unsigned i = 0; i < UFO_CHUNK_LOCKS; i++) pthread_mutex_lock(&pool->chunk_locks[i]);
    pthread_mutex_lock(&pool->residency_lock);
    for (size_t i = 0; i < pool->table_count; i++) lock_region(pool->table[i]);
    pthread_rwlock_wrlock(&pool->event_lock);
  }
}

static void unlock_mutexes(ufo_pool *pool) {
  for (size_t i = 0; i < pool->table_count; i++) unlock_region(pool->table[i]);
  pthread_mutex_unlock(&pool->residency_lock);
  for (unsigned i = 0; i < UFO_CHUNK_LOCKS; i++) pthread_mutex_unlock(&pool->chunk_locks[i]);
}

static void after_fork_in_parent(void) {
  for (ufo_pool *pool = pools; pool; pool = pool->next_pool) {
    pthread_rwlock_unlock(&pool->event_lock);
    unlock_mutexes(pool);
    pthread_rwlock_unlock(&pool->table_lock);
  }
  pthread_mutex_unlock(&pools_lock);
}

/* ---- the child
 * -------------------------------------------------------------------------------------------------------- */

/* No thread of the child waits for anything yet, whatever the copied structures say. */
static void renew_waiting(ufo_pool *pool) {
  pthread_cond_init(&pool->room, NULL);
  pthread_cond_init(&pool->evictor_wanted, NULL);
  pthread_cond_init(&pool->resolver_wanted, NULL);
  pthread_cond_init(&pool->resolver_ended, NULL);
  pthread_cond_init(&pool->ahead_wanted, NULL);
  pool->fills_waiting = pool->fills_running = pool->fills_blocked = pool->fills_awaited = pool->evictions = 0;
  pool->evictor_kicked = pool->making_room = pool->room_awaited = pool->changing = false;
  pool->evictor_count = pool->evictors_running = 0;
  memset(pool->departures, 0, sizeof pool->departures);
  pool->leaving = 0;
  pool->limit = pool->budget;
  pool->promised = 0;
  memset(pool->resolvers, 0, sizeof pool->resolvers);
  pool->resolver_count = pool->resolver_idle = pool->resolver_outer = pool->resolver_slots = 0;
  pool->resolver_aside = pool->resolver_fetched = 0;
}

/* What evictors of the parent had in their hands comes to rest. */
static void settle_chunks(ufo_region *region) {
  ufo_pool *pool = region->pool;
  region->busy = 0;
  region->closing = false; /* a release that had not got as far as the table is undone */
  for (ufo_frame *frame = region->frames; frame; frame = frame->region_next) {
    ufo_chunk *word = &region->chunks[frame->chunk];
    if (ufo_chunk_get_state(*word) == UFO_CLEANING) {
      ufo_chunk_set_state(word, UFO_DIRTY);
      ufo_frame_mark_dirty(pool, frame, true);
    }
    frame->held = false; /* whom it held back is not here */
    if (frame->list == UFO_LIST_NONE) ufo_frame_enlist(pool, frame, ufo_frame_home(frame));
  }
}

static void forget_fills(ufo_pool *pool) {
  ufo_frame *frame;
  while ((frame = pool->lists[UFO_LIST_FILLING].head)) {
    ufo_chunk *word = &frame->region->chunks[frame->chunk];
    if (frame->present && !frame->region->closing) {
      /* Perhaps written meanwhile: nobody will find out. */
      ufo_chunk_set_state(word, UFO_DIRTY);
      frame->present = false;
      ufo_frame_settle(pool, frame, true);
      continue;
    }
    if (ufo_chunk_get_state(*word) == UFO_FILLING) {
      ufo_chunk_set_state(word, UFO_ABSENT);
      ufo_chunk_set_frame(word, NULL);
    }
    ufo_frame_discard(pool, frame);
  }
}

/* Frames of regions that other threads of the parent were releasing: their memory may be unmapped by now or not, and
 * nobody in the child will touch it again. */
static void forget_released(ufo_pool *pool) {
  for (int list = UFO_LIST_NONE + 1; list < UFO_LIST_COUNT; list++) {
    for (ufo_frame *frame = pool->lists[list].head, *next; frame; frame = next) {
      next = frame->next;
      if (frame->region->closing) ufo_frame_discard(pool, frame);
    }
  }
}

/* Kernels before 5.19 do not protect the mapping past a file's end that stands for a failed chunk, and would refuse the
 * region for it. So failed chunks are absent in the child, and inaccessible until the region is registered. */
static bool retry_failed(ufo_region *region, bool registered) {
  bool done = true;
  for (size_t i = 0; i < region->failures.slots; i++) {
    uint64_t chunk = region->failures.keys[i];
    if (!region->failures.values[i] || ufo_chunk_get_state(region->chunks[chunk]) != UFO_POISONED) continue;
    char *address = ufo_chunk_address(region, chunk);
    uint64_t bytes = ufo_chunk_mapped_bytes(region, chunk);
    if (registered) {
      done = ufo_memory_allow(address, bytes, region->access == UFO_ACCESS_READ_WRITE) && done;
      ufo_chunk_set_state(&region->chunks[chunk], UFO_ABSENT);
    } else {
      done = ufo_memory_replace_forbidden(address, bytes) && done;
    }
  }
  return done;
}

static bool register_region(ufo_pool *pool, ufo_region *region) {
  if (atomic_load(&pool->uffd.can_poison)) return ufo_uffd_register(&pool->uffd, region->body, region->mapped_bytes);
  bool done = retry_failed(region, false) && ufo_uffd_register(&pool->uffd, region->body, region->mapped_bytes) &&
              retry_failed(region, true);
  ufo_failures_clear(region);
  return done;
}

/* Poison markers are inherited as they are, so only registration and protection are to be renewed. Dirty chunks need no
 * protection: their next write is nothing new. */
static bool rearm(ufo_pool *pool) {
  bool poisons = atomic_load(&pool->uffd.can_poison);
  ufo_uffd_close(&pool->uffd);
  if (ufo_uffd_open(&pool->uffd, ufo_pool_uffd_without(pool), NULL) != UFO_OK) return false;
  if (!poisons) atomic_store(&pool->uffd.can_poison, false); /* failed chunks are of the other kind */
  if (!ufo_slots_register(pool)) return false;
  for (size_t i = 0; i < pool->table_count; i++) {
    ufo_region *region = pool->table[i];
    if (region->chunk_count == 0 || ufo_planted("fork-unarmed")) continue;
    if (!register_region(pool, region)) return false;
    for (ufo_frame *frame = region->frames; frame; frame = frame->region_next)
      if (!frame->dirty && !ufo_uffd_protect(&pool->uffd, ufo_chunk_address(region, frame->chunk), frame->bytes, true))
        return false;
  }
  return true;
}

/* Without the reservations of fills that died, and without regions that were being released. */
static void count_again(ufo_pool *pool) {
  pool->resident = pool->streamed = pool->dirty = pool->pinned = 0;
  for (size_t i = 0; i < pool->table_count; i++) {
    pool->resident += pool->table[i]->resident;
    pool->dirty += pool->table[i]->dirty;
    pool->pinned += pool->table[i]->pinned;
    for (const ufo_frame *frame = pool->table[i]->frames; frame; frame = frame->region_next)
      if (ufo_frame_is_of_scan(frame)) pool->streamed += frame->bytes;
  }
}

static void after_fork_in_child(void) {
  for (ufo_pool *pool = pools; pool; pool = pool->next_pool) {
    renew_waiting(pool);
    ufo_slots_abandon(pool);
    ufo_prefetch_abandon(pool);
    forget_fills(pool);
    for (size_t i = 0; i < pool->table_count; i++) settle_chunks(pool->table[i]);
    forget_released(pool);
    count_again(pool);
    bool broken = ufo_pool_is_broken(pool), armed = broken || rearm(pool);
    unlock_mutexes(pool);
    /* A write lock remembers the thread that took it by its kernel id, which is another in the child. */
    ufo_pool_init_rwlocks(pool);
    pool->lost = pool->lost || !armed || (!broken && !ufo_pool_start_threads(pool, NULL));
    for (size_t i = 0; pool->lost && i < pool->table_count; i++)
      (void)ufo_memory_forbid(pool->table[i]->body, pool->table[i]->mapped_bytes);
  }
  pthread_mutex_unlock(&pools_lock);
}

static void watch_forks(void) { pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child); }

void ufo_pools_add(ufo_pool *pool) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, watch_forks);
  pthread_mutex_lock(&pools_lock);
  pool->next_pool = pools;
  pools = pool;
  pthread_mutex_unlock(&pools_lock);
}

void ufo_pools_remove(ufo_pool *pool) {
  pthread_mutex_lock(&pools_lock);
  ufo_pool **link = &pools;
  while (*link != pool) link = &(*link)->next_pool;
  *link = pool->next_pool;
  pthread_mutex_unlock(&pools_lock);
}
