/* broken.c - the end of a pool that the kernel does not serve any more.
 *
 * When the userfaultfd has failed (os/uffd.h says when that is), threads wait for pages that nobody can give them. The
 * end of the descriptor wakes them all, but where it was registered the kernel would then fill in zeros, and let
 * writes to protected pages go unseen. So before, with everything locked: what is absent is replaced by a mapping that
 * raises SIGBUS, and what can be written to counts as changed from now on. Whoever is woken faults again and meets that
 * mapping; signal handlers wait for the table's lock, and then know what happened.
 *
 * Resident chunks stay where they are, each run of them a mapping of its own. The system allows a process only so many
 * (vm.max_map_count). If they are too many, clean chunks go, too, which merges mappings; and if there are still too
 * many, the whole region, whose changes are then lost. */
#include <unistd.h>

#include "os/memory.h"
#include "region/pool.h"
#include "util/fail.h"

ufo_status ufo_pool_fail_broken(const ufo_pool *pool, ufo_error *error) {
  if (error) *error = pool->breakdown;
  return pool->breakdown.code;
}

ufo_status ufo_pool_check(const ufo_pool *pool, ufo_error *error) {
  if (pool->lost) return ufo_pool_fail_lost(error);
  return ufo_pool_is_broken(pool) ? ufo_pool_fail_broken(pool, error) : UFO_OK;
}

/* ---- everything below is called with the table lock, all chunk locks and the residency lock held ----------------- */

typedef enum kept { KEPT_RESIDENT, KEPT_CHANGED, KEPT_NOTHING } kept;

static bool stays(ufo_chunk word, kept which) {
  ufo_chunk_state state = ufo_chunk_get_state(word);
  const ufo_frame *frame = ufo_chunk_get_frame(word);
  if (frame && frame->sealed) return false; /* by an attempt before this one */
  bool changed = state == UFO_DIRTY || state == UFO_CLEANING || (frame && frame->present);
  return which == KEPT_RESIDENT ? changed || state == UFO_CLEAN : which == KEPT_CHANGED && changed;
}

static bool replace_chunks(ufo_region *region, uint64_t first, uint64_t end) {
  if (first == end) return true;
  uint64_t bytes = (end - first) * region->chunk_bytes, offset = first * region->chunk_bytes;
  if (end == region->chunk_count) bytes = region->mapped_bytes - offset;
  if (ufo_memory_map_sigbus(region->body + offset, bytes, region->pool->uffd.empty_fd)) return true;
  /* In parts: the first may make one mapping of several, and so room for the next. */
  uint64_t middle = first + (end - first) / 2;
  return middle > first && replace_chunks(region, first, middle) && replace_chunks(region, middle, end);
}

/* Replaces all that is not kept. May be repeated, with less to keep. */
static bool cut_off(ufo_region *region, kept which) {
  uint64_t gap = 0;
  for (uint64_t chunk = 0; chunk < region->chunk_count; chunk++) {
    if (!stays(region->chunks[chunk], which)) continue;
    if (!replace_chunks(region, gap, chunk)) return false;
    gap = chunk + 1;
  }
  return replace_chunks(region, gap, region->chunk_count);
}

static bool cut_off_somehow(ufo_region *region, kept *which) {
  ufo_pool *pool = region->pool;
  for (*which = KEPT_RESIDENT; *which <= KEPT_NOTHING; ++*which) {
    if (cut_off(region, *which)) return true;
    /* At its limit the system refuses even what would need fewer mappings than before. */
    ufo_memory_release(pool->spare, pool->spare_bytes);
    pool->spare = NULL;
  }
  return region->sealed = ufo_memory_forbid(region->body, region->mapped_bytes);
}

/* Writes are not seen any more, so whatever can be written to counts as changed. What did not stay is left as it is, as
 * somebody may have the frame in his hands or pinned. */
static void settle_frames(ufo_region *region, kept which) {
  ufo_pool *pool = region->pool;
  for (ufo_frame *frame = region->frames; frame; frame = frame->region_next) {
    ufo_chunk *word = &region->chunks[frame->chunk];
    if (!stays(*word, which)) frame->sealed = true;
    frame->held = false;
    if (frame->sealed || region->access == UFO_ACCESS_READ_ONLY) continue;
    if (ufo_chunk_get_state(*word) == UFO_DIRTY) continue;
    ufo_chunk_set_state(word, UFO_DIRTY);
    ufo_frame_mark_dirty(pool, frame, true);
    if (frame->list != UFO_LIST_NONE) ufo_frame_enlist(pool, frame, ufo_frame_home(frame));
  }
}

/* What is being checked is not yet among the region's frames, and will be, as changed. */
static void seal_windows(ufo_region *region, kept which) {
  for (ufo_frame *frame = region->pool->lists[UFO_LIST_FILLING].head; frame; frame = frame->next)
    if (frame->region == region && frame->present && !stays(region->chunks[frame->chunk], which)) frame->sealed = true;
}

static bool cut_off_all(ufo_pool *pool) {
  for (size_t i = 0; i < pool->table_count; i++) {
    ufo_region *region = pool->table[i];
    kept which;
    if (region->chunk_count == 0) continue;
    if (!cut_off_somehow(region, &which)) return false;
    settle_frames(region, which);
    seal_windows(region, which);
  }
  return true;
}

static void release_everybody(ufo_pool *pool) {
  ufo_uffd_explain(&pool->uffd, &pool->breakdown);
  ufo_fail_prefix(&pool->breakdown, pool->breakdown.code,
                  "the pool is broken, and what is not in memory cannot be loaded (go on with a new pool)");
  atomic_store(&pool->broken, true);
  for (size_t i = 0; i < pool->table_count; i++) {
    ufo_region *region = pool->table[i];
    if (region->chunk_count) ufo_uffd_wake(&pool->uffd, region->body, region->mapped_bytes);
  }
  ufo_uffd_retire(&pool->uffd);
  pthread_cond_broadcast(&pool->room);
}

static bool try_to_break(ufo_pool *pool) {
  pthread_rwlock_wrlock(&pool->table_lock);
  for (unsigned i = 0; i < UFO_CHUNK_LOCKS; i++) pthread_mutex_lock(&pool->chunk_locks[i]);
  pthread_mutex_lock(&pool->residency_lock);
  bool before = ufo_pool_is_broken(pool), done = before || cut_off_all(pool);
  if (done && !before) release_everybody(pool);
  pthread_mutex_unlock(&pool->residency_lock);
  for (unsigned i = 0; i < UFO_CHUNK_LOCKS; i++) pthread_mutex_unlock(&pool->chunk_locks[i]);
  pthread_rwlock_unlock(&pool->table_lock);
  return done;
}

void ufo_pool_break(ufo_pool *pool) {
  /* Without any memory for mappings, waiting is all that is left: anything else would show zeros. */
  while (!try_to_break(pool)) usleep(10000);
}
