/* pool.c - a pool's life, its budget, its events and its figures. */
#include "region/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/clock.h"
#include "os/memory.h"
#include "os/thread.h"
#include "util/checked.h"
#include "util/fail.h"

/* ---- events ---------------------------------------------------------------------------------------------------- */

void ufo_event_emit(ufo_region *region, ufo_event_type type, uint64_t offset, uint64_t bytes) {
  ufo_pool *pool = region->pool;
  if (!atomic_load_explicit(&pool->has_events, memory_order_relaxed)) return;
  ufo_event event = {
      .type = type, .time_ns = ufo_clock_monotonic_ns(), .region = region, .offset = offset, .bytes = bytes};
  pthread_rwlock_rdlock(&pool->event_lock);
  if (pool->on_event) pool->on_event(pool->event_user, &event);
  pthread_rwlock_unlock(&pool->event_lock);
}

void ufo_pool_set_event_handler(ufo_pool *pool, ufo_event_fn handler, void *user) {
  pthread_rwlock_wrlock(&pool->event_lock);
  pool->on_event = handler;
  pool->event_user = user;
  atomic_store(&pool->has_events, handler != NULL);
  pthread_rwlock_unlock(&pool->event_lock);
}

/* ---- budget ---------------------------------------------------------------------------------------------------- */

static uint64_t default_high(uint64_t budget) { return budget - budget / 16; }
static uint64_t default_low(uint64_t budget) { return budget - budget / 8; }

/* One for each processor of a small machine: see resolver.c. */
static unsigned default_resolvers(void) {
  unsigned processors = ufo_thread_processors();
  return processors < 2 || processors > 8 ? 2 : processors;
}

static ufo_status read_options(const ufo_pool_options *options, ufo_pool_options *read, ufo_error *error) {
  *read = (ufo_pool_options){.struct_size = sizeof *read};
  if (options) {
    if (options->struct_size != sizeof *options)
      return ufo_fail(error, UFO_USAGE, "cannot create a pool: options.struct_size is %zu, not %zu",
                      options->struct_size, sizeof *options);
    *read = *options;
  }
  if (read->budget_bytes == 0) read->budget_bytes = ufo_memory_limit_bytes() / 2;
  if (read->high_bytes == 0) read->high_bytes = default_high(read->budget_bytes);
  if (read->low_bytes == 0) read->low_bytes = ufo_min(default_low(read->budget_bytes), read->high_bytes);
  if (read->resolver_threads == 0) read->resolver_threads = default_resolvers();
  if (read->resolver_threads > UFO_OUTER_FILLS_MAX) read->resolver_threads = UFO_OUTER_FILLS_MAX;
  if (read->budget_bytes < 2 * ufo_page_bytes())
    return ufo_fail(error, UFO_USAGE, "a budget of %llu bytes is too small: two pages are the least",
                    (unsigned long long)read->budget_bytes);
  if (read->high_bytes > read->budget_bytes || read->low_bytes > read->high_bytes)
    return ufo_fail(error, UFO_USAGE, "the watermarks must be low <= high <= budget; they are %llu, %llu and %llu",
                    (unsigned long long)read->low_bytes, (unsigned long long)read->high_bytes,
                    (unsigned long long)read->budget_bytes);
  return UFO_OK;
}

/* No lock held. Evicts in this thread until the limit holds what is in memory. */
static ufo_status shrink(ufo_pool *pool, ufo_error *error) {
  ufo_copy_room room = {0};
  ufo_status status = UFO_OK;
  bool retried = false;
  pthread_mutex_lock(&pool->residency_lock);
  while (ufo_pool_used(pool) > pool->limit) {
    if (ufo_slot_shed(pool)) continue;
    ufo_frame *frame = ufo_residency_pick(pool, false, false);
    if (!frame) {
      if (!retried && ufo_residency_retry_stuck(pool)) {
        retried = true;
        continue;
      }
      if (pool->evictions > 0 || pool->leaving > 0 || pool->fills_running > pool->fills_blocked || pool->staged > 0) {
        pthread_cond_wait(&pool->room, &pool->residency_lock);
        continue;
      }
      status =
          ufo_fail(error, UFO_FULL, "the budget cannot shrink to %llu bytes: %llu are pinned or cannot be written back",
                   (unsigned long long)pool->limit, (unsigned long long)pool->resident);
      break;
    }
    pthread_mutex_unlock(&pool->residency_lock);
    ufo_evict_frame(pool, frame, &room, NULL);
    pthread_mutex_lock(&pool->residency_lock);
  }
  pthread_mutex_unlock(&pool->residency_lock);
  ufo_copy_room_free(&room);
  return status;
}

/* The residency lock is held. Would a budget leave room for two of the largest chunks besides what is pinned? */
static ufo_status check_budget(const ufo_pool *pool, uint64_t budget, uint64_t chunk, ufo_error *error) {
  if (budget / 2 < chunk)
    return ufo_fail(error, UFO_FULL, "a budget of %llu bytes is too small: it must hold two chunks of %llu bytes",
                    (unsigned long long)budget, (unsigned long long)chunk);
  uint64_t pinned = pool->pinned + pool->promised;
  if (budget - 2 * chunk < pinned)
    return ufo_fail(
        error, UFO_FULL,
        "a budget of %llu bytes is too small: %llu are pinned, and it must hold two chunks of %llu bytes more",
        (unsigned long long)budget, (unsigned long long)pinned, (unsigned long long)chunk);
  return UFO_OK;
}

/* What is in memory obeys the new limit before it becomes the budget; fills that need room meanwhile wait, since the
 * limit will be met or taken back. */
ufo_status ufo_pool_set_budget(ufo_pool *pool, uint64_t budget_bytes, ufo_error *error) {
  if (ufo_pool_is_broken(pool)) return ufo_pool_fail_broken(pool, error);
  uint64_t chunk = ufo_max(ufo_table_largest_chunk(pool), ufo_page_bytes());
  pthread_mutex_lock(&pool->residency_lock);
  while (pool->changing) pthread_cond_wait(&pool->room, &pool->residency_lock);
  ufo_status status = check_budget(pool, budget_bytes, chunk, error);
  if (status != UFO_OK) {
    pthread_mutex_unlock(&pool->residency_lock);
    return status;
  }
  pool->changing = true;
  pool->limit = ufo_min(budget_bytes, pool->budget);
  pthread_mutex_unlock(&pool->residency_lock);
  status = shrink(pool, error);
  pthread_mutex_lock(&pool->residency_lock);
  if (status == UFO_OK) {
    long double scale = (long double)budget_bytes / (long double)pool->budget;
    pool->budget = budget_bytes;
    pool->high = ufo_min((uint64_t)((long double)pool->high * scale), budget_bytes);
    pool->low = ufo_min((uint64_t)((long double)pool->low * scale), pool->high);
  }
  pool->limit = pool->budget;
  pool->changing = false;
  pthread_cond_broadcast(&pool->room);
  pthread_mutex_unlock(&pool->residency_lock);
  return status;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

void ufo_pool_init_rwlocks(ufo_pool *pool) {
  /* Faults take the table's lock for reading all the time: without this, a region's creator could wait for ever. */
  pthread_rwlockattr_t attributes;
  pthread_rwlockattr_init(&attributes);
  pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
  pthread_rwlock_init(&pool->table_lock, &attributes);
  pthread_rwlock_init(&pool->event_lock, &attributes);
  pthread_rwlockattr_destroy(&attributes);
}

static void init_locks(ufo_pool *pool) {
  ufo_pool_init_rwlocks(pool);
  pthread_mutex_init(&pool->residency_lock, NULL);
  for (unsigned i = 0; i < UFO_CHUNK_LOCKS; i++) pthread_mutex_init(&pool->chunk_locks[i], NULL);
  pthread_cond_init(&pool->room, NULL);
  pthread_cond_init(&pool->evictor_wanted, NULL);
  pthread_cond_init(&pool->resolver_wanted, NULL);
  pthread_cond_init(&pool->resolver_ended, NULL);
  pthread_cond_init(&pool->ahead_wanted, NULL);
}

static void free_pool(ufo_pool *pool) {
  ufo_uffd_close(&pool->uffd);
  ufo_scratch_free(pool->scratch);
  ufo_memory_release(pool->spare, pool->spare_bytes);
  pthread_rwlock_destroy(&pool->table_lock);
  pthread_rwlock_destroy(&pool->event_lock);
  pthread_mutex_destroy(&pool->residency_lock);
  for (unsigned i = 0; i < UFO_CHUNK_LOCKS; i++) pthread_mutex_destroy(&pool->chunk_locks[i]);
  pthread_cond_destroy(&pool->room);
  pthread_cond_destroy(&pool->evictor_wanted);
  pthread_cond_destroy(&pool->resolver_wanted);
  pthread_cond_destroy(&pool->resolver_ended);
  pthread_cond_destroy(&pool->ahead_wanted);
  ufo_slots_free(pool);
  free(pool->table);
  free(pool);
}

static void stop_threads(ufo_pool *pool) {
  ufo_resolvers_stop(pool);
  ufo_evictors_stop(pool);
}

ufo_status ufo_pool_fail_lost(ufo_error *error) {
  return ufo_fail(error, UFO_FULL,
                  "the regions of a pool cannot be used in this child of fork(): there were no descriptors, threads or "
                  "memory to set it up again");
}

void ufo_pool_fail_thread(ufo_error *error, const char *what) {
  if (errno == EAGAIN)
    ufo_fail(error, UFO_FULL, "%s: no more threads are allowed (RLIMIT_NPROC, pids cgroup), or memory ran out", what);
  else ufo_fail_errno(error, errno, "%s", what);
}

bool ufo_pool_start_threads(ufo_pool *pool, ufo_error *error) {
  return ufo_resolvers_start(pool, error) && ufo_evictors_start(pool, error);
}

ufo_status ufo_pool_create(const ufo_pool_options *options, ufo_pool **pool_out, ufo_error *error) {
  *pool_out = NULL;
  ufo_pool_options read;
  ufo_status status = read_options(options, &read, error);
  if (status != UFO_OK) return status;
  ufo_error local;
  if (!error) error = &local;
  ufo_pool *pool = calloc(1, sizeof *pool);
  if (!pool) return ufo_fail(error, UFO_FULL, "out of memory for a pool");
  init_locks(pool);
  pool->uffd.fd = pool->uffd.stop_fd = pool->uffd.empty_fd = -1;
  pool->flags = read.flags;
  pool->budget = pool->limit = read.budget_bytes;
  pool->high = read.high_bytes;
  pool->low = read.low_bytes;
  pool->resolver_standing = read.resolver_threads;
  pool->on_event = read.on_event;
  pool->event_user = read.event_user;
  atomic_store(&pool->has_events, read.on_event != NULL);
  status = ufo_uffd_open(&pool->uffd, ufo_pool_uffd_without(pool), error);
  if (status == UFO_OK) status = ufo_scratch_create(read.scratch_dir, &pool->scratch, error);
  if (status != UFO_OK) {
    free_pool(pool);
    return status;
  }
  ufo_guard_install();
  if (!ufo_pool_start_threads(pool, error)) {
    stop_threads(pool);
    free_pool(pool);
    return error->code;
  }
  pool->spare = ufo_memory_reserve_mappings(&pool->spare_bytes);
  ufo_pools_add(pool);
  *pool_out = pool;
  return UFO_OK;
}

ufo_status ufo_pool_destroy(ufo_pool *pool, ufo_error *error) {
  if (!pool) return UFO_OK;
  pthread_rwlock_rdlock(&pool->table_lock);
  size_t regions = pool->table_count;
  pthread_rwlock_unlock(&pool->table_lock);
  if (regions > 0) return ufo_fail(error, UFO_USAGE, "cannot destroy the pool: %zu of its regions are alive", regions);
  ufo_pools_remove(pool);
  stop_threads(pool);
  free_pool(pool);
  return UFO_OK;
}

/* ---- figures ------------------------------------------------------------------------------------------------------
 */

void ufo_pool_get_stats(const ufo_pool *pool, ufo_pool_stats *stats) {
  ufo_pool *locked = (ufo_pool *)pool; /* for its locks alone */
  size_t struct_size = stats->struct_size;
  pthread_rwlock_rdlock(&locked->table_lock);
  uint64_t regions = pool->table_count;
  pthread_rwlock_unlock(&locked->table_lock);
  const ufo_counters *counters = &pool->counters;
  pthread_mutex_lock(&locked->residency_lock);
  ufo_pool_stats now = {
      .struct_size = struct_size,
      .budget_bytes = pool->budget,
      .high_bytes = pool->high,
      .low_bytes = pool->low,
      .resident_bytes = ufo_pool_used(pool),
      .resident_bytes_peak = pool->resident_peak,
      .dirty_bytes = pool->dirty,
      .pinned_bytes = pool->pinned,
      .regions = regions,
      .threads = pool->resolver_count,
  };
  pthread_mutex_unlock(&locked->residency_lock);
  now.scratch_bytes = ufo_scratch_used_bytes(pool->scratch);
  now.faults = atomic_load(&counters->faults);
  now.write_faults = atomic_load(&counters->write_faults);
  now.fills = atomic_load(&counters->fills);
  now.fill_bytes = atomic_load(&counters->fill_bytes);
  now.fill_failures = atomic_load(&counters->fill_failures);
  now.evictions_clean = atomic_load(&counters->evictions_clean);
  now.evictions_dirty = atomic_load(&counters->evictions_dirty);
  now.writebacks = atomic_load(&counters->writebacks);
  now.writeback_bytes = atomic_load(&counters->writeback_bytes);
  now.writeback_failures = atomic_load(&counters->writeback_failures);
  now.windows = atomic_load(&counters->windows);
  now.windows_wasted = atomic_load(&counters->windows_wasted);
  now.waits = atomic_load(&counters->waits);
  now.broken = ufo_pool_is_broken(pool);
  memcpy(stats, &now, ufo_min(struct_size, sizeof now));
}

void ufo_pool_get_capabilities(const ufo_pool *pool, ufo_pool_capabilities *capabilities) {
  ufo_pool_capabilities now = {
      .struct_size = capabilities->struct_size,
      .kernel_faults = pool->uffd.kernel_faults,
      .poison = atomic_load(&pool->uffd.can_poison),
      .move = pool->uffd.can_move,
      .page_bytes = ufo_page_bytes(),
  };
  memcpy(capabilities, &now, ufo_min(capabilities->struct_size, sizeof now));
}
