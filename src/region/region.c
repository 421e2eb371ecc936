/* region.c - a region's life. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/memory.h"
#include "region/window.h"
#include "util/checked.h"
#include "util/fail.h"

enum { DEFAULT_CHUNK_BYTES = 64 * 1024 };
static const uint64_t element_bytes_max = (uint64_t)1 << 30, chunk_bytes_max = (uint64_t)1 << 30;

pthread_mutex_t *ufo_chunk_lock(const ufo_region *region, uint64_t chunk) {
  /* All chunks of a window have the same. */
  return &region->pool->chunk_locks[(region->hash + chunk / region->window_chunks) % UFO_CHUNK_LOCKS];
}

void ufo_region_leave(ufo_region *region) {
  ufo_pool *pool = region->pool;
  pthread_mutex_lock(&pool->residency_lock);
  UFO_ASSERT(region->busy > 0);
  region->busy--;
  /* Only a release waits for this, and it is rare. */
  if (region->busy == 0 && region->closing) pthread_cond_broadcast(&pool->room);
  pthread_mutex_unlock(&pool->residency_lock);
}

/* ---- create ---------------------------------------------------------------------------------------------------- */

static ufo_status check_options(const ufo_region_options *options, ufo_error *error) {
  if (!options || options->struct_size != sizeof *options)
    return ufo_fail(error, UFO_USAGE, "cannot create a region: options are missing or of another struct_size");
  if (options->element_bytes == 0 || options->element_bytes > element_bytes_max)
    return ufo_fail(error, UFO_USAGE, "cannot create a region with elements of %llu bytes",
                    (unsigned long long)options->element_bytes);
  if (!options->source.populate == !options->source.populate_bytes)
    return ufo_fail(error, UFO_USAGE, "cannot create a region: its source needs one populate callback, not %s",
                    options->source.populate ? "two" : "none");
  if (options->access != UFO_ACCESS_READ_WRITE && options->access != UFO_ACCESS_READ_ONLY)
    return ufo_fail(error, UFO_USAGE, "cannot create a region with access %d", (int)options->access);
  return UFO_OK;
}

/* Windows are moved only between writable mappings. */
static void measure_windows(ufo_region *region) {
  const ufo_source *source = &region->source;
  bool whole = UFO_WINDOW_BYTES % region->chunk_bytes == 0 &&
               (source->populate_bytes || region->chunk_bytes % region->element_bytes == 0);
  bool wanted = (source->flags & UFO_SOURCE_READ_AHEAD) && region->access == UFO_ACCESS_READ_WRITE;
  region->window_chunks = 1;
  if (!whole || !wanted || region->mapped_bytes < UFO_WINDOW_BYTES) return;
  region->window_chunks = UFO_WINDOW_BYTES / region->chunk_bytes;
  region->window_count = region->mapped_bytes / UFO_WINDOW_BYTES;
}

/* All sizes, each overflow-checked. */
static bool measure(ufo_region *region, const ufo_region_options *options) {
  uint64_t page = ufo_page_bytes();
  uint64_t request, header;
  region->element_bytes = options->element_bytes;
  region->count = options->count;
  region->header_bytes = options->header_bytes;
  if (ufo_mul_overflows(options->count, options->element_bytes, &region->body_bytes)) return false;
  if (ufo_round_up_overflows(ufo_max(region->body_bytes, 1), page, &region->mapped_bytes)) return false;
  if (ufo_mul_overflows(options->chunk_elements, options->element_bytes, &request)) return false;
  if (request == 0) request = DEFAULT_CHUNK_BYTES;
  if (ufo_round_up_overflows(request, page, &region->chunk_bytes)) return false;
  if (ufo_round_up_overflows(options->header_bytes, page, &header)) return false;
  if (ufo_add_overflows(header, region->mapped_bytes, &region->mapping_bytes)) return false;
  region->chunk_count = ufo_div_up(region->body_bytes, region->chunk_bytes);
  measure_windows(region);
  return region->mapping_bytes < (uint64_t)1 << 56;
}

static uint64_t whole_pages(uint64_t bytes) { return ufo_div_up(bytes, ufo_page_bytes()) * ufo_page_bytes(); }

static uint64_t table_bytes(const ufo_region *region) {
  return whole_pages(ufo_max(region->chunk_count, 1) * sizeof(ufo_chunk));
}

static uint64_t times_bytes(const ufo_region *region) {
  return whole_pages(region->window_count * sizeof *region->window_left);
}

static void free_region(ufo_region *region) {
  ufo_failure_forget_all(region);
  pthread_mutex_destroy(&region->failure_lock);
  pthread_mutex_destroy(&region->backing_lock);
  ufo_memory_release(region->chunks, table_bytes(region));
  ufo_memory_release(region->window_left, times_bytes(region));
  ufo_memory_release(region->mapping, region->mapping_bytes);
  free(region);
}

/* Address space for header and body; only a body with elements is watched. The body is accessible only once it is. */
static ufo_status map_region(ufo_region *region, ufo_error *error) {
  bool writable = region->access == UFO_ACCESS_READ_WRITE;
  uint64_t header = region->mapping_bytes - region->mapped_bytes;
  /* The body begins where a huge page does. */
  uint64_t before = region->window_count ? -header & (UFO_WINDOW_BYTES - 1) : 0;
  char *reserved = region->window_count
                       ? ufo_memory_reserve_watched_aligned(before + region->mapping_bytes, UFO_WINDOW_BYTES)
                       : ufo_memory_reserve_watched(region->mapping_bytes);
  region->mapping = reserved ? reserved + before : NULL;
  if (reserved && before) ufo_memory_release(reserved, before);
  region->chunks = ufo_memory_reserve_watched(table_bytes(region));
  if (region->window_count) region->window_left = ufo_memory_reserve(times_bytes(region), true);
  bool times = !region->window_count || region->window_left;
  if (!region->mapping || !region->chunks || !times || !ufo_memory_allow(region->chunks, table_bytes(region), true))
    return ufo_fail_errno(error, errno,
                          "cannot reserve %llu bytes of address space for a region (see ulimit -v and sysctl "
                          "vm.overcommit_memory)",
                          (unsigned long long)region->mapping_bytes);
  region->body = region->mapping + header;
  if (header && !ufo_memory_replace(region->mapping, header, true))
    return ufo_fail_errno(error, errno, "cannot map the header of a region");
  if (region->chunk_count && !ufo_uffd_register(&region->pool->uffd, region->body, region->mapped_bytes))
    return ufo_fail_errno(error, errno, "cannot register %llu bytes with userfaultfd",
                          (unsigned long long)region->mapped_bytes);
  if (!ufo_memory_allow(region->body, region->mapped_bytes, writable))
    return ufo_fail_errno(error, errno, "cannot make %llu bytes of a region accessible",
                          (unsigned long long)region->mapped_bytes);
  return UFO_OK;
}

ufo_status ufo_region_create(ufo_pool *pool, const ufo_region_options *options, ufo_region **region_out,
                             ufo_error *error) {
  *region_out = NULL;
  if (!pool) return ufo_fail(error, UFO_USAGE, "cannot create a region without a pool");
  if (pool->lost) return ufo_pool_fail_lost(error);
  if (ufo_pool_is_broken(pool)) return ufo_pool_fail_broken(pool, error);
  ufo_status status = check_options(options, error);
  if (status != UFO_OK) return status;
  ufo_region *region = calloc(1, sizeof *region);
  if (!region) return ufo_fail(error, UFO_FULL, "out of memory for a region");
  region->pool = pool;
  region->access = options->access;
  region->source = options->source;
  pthread_mutex_init(&region->failure_lock, NULL);
  pthread_mutex_init(&region->backing_lock, NULL);
  region->hash = (uint32_t)(((uintptr_t)region >> 6) * 2654435761u);
  if (!measure(region, options)) {
    status = ufo_fail(error, UFO_USAGE, "cannot create a region of %llu elements of %llu bytes: too large",
                      (unsigned long long)options->count, (unsigned long long)options->element_bytes);
    goto failed;
  }
  uint64_t chunk = ufo_region_largest_chunk(region);
  if (chunk > chunk_bytes_max) {
    status = ufo_fail(error, UFO_USAGE, "cannot create a region with chunks of %llu bytes: 1 GiB is the most",
                      (unsigned long long)chunk);
    goto failed;
  }
  pthread_mutex_lock(&pool->residency_lock);
  uint64_t budget = pool->limit, pinned = pool->pinned + pool->promised;
  pthread_mutex_unlock(&pool->residency_lock);
  if (region->chunk_count && chunk > budget / 2) {
    status = ufo_fail(error, UFO_USAGE,
                      "cannot create a region with chunks of %llu bytes: the budget of %llu bytes must hold two",
                      (unsigned long long)chunk, (unsigned long long)budget);
    goto failed;
  }
  if (region->chunk_count && budget - 2 * chunk < pinned) {
    status = ufo_fail(error, UFO_FULL,
                      "cannot create a region with chunks of %llu bytes: of the budget of %llu bytes, %llu are pinned",
                      (unsigned long long)chunk, (unsigned long long)budget, (unsigned long long)pinned);
    goto failed;
  }
  status = map_region(region, error);
  if (status != UFO_OK) goto failed;
  if (!ufo_table_insert(pool, region)) {
    status = ufo_pool_is_broken(pool) ? ufo_pool_fail_broken(pool, error)
                                      : ufo_fail(error, UFO_FULL, "out of memory for the table of regions");
    goto failed;
  }
  if (region->window_count) ufo_slots_prepare(pool);
  ufo_event_emit(region, UFO_EVENT_REGION_CREATED, 0, region->body_bytes);
  *region_out = region;
  return UFO_OK;
failed:
  free_region(region);
  return status;
}

/* ---- release and reset ---------------------------------------------------------------------------------------------
 */

void ufo_region_release(ufo_region *region) {
  if (!region) return;
  ufo_pool *pool = region->pool;
  pthread_mutex_lock(&pool->residency_lock);
  region->closing = true;
  pthread_cond_broadcast(&pool->room); /* fills of touches that were given up */
  pthread_mutex_unlock(&pool->residency_lock);
  ufo_ahead_forget(region);
  /* Such a fill may still touch lower chunks of the region, so it can be found until nobody is at work on it. */
  while (!ufo_table_remove_idle(pool, region)) {
    pthread_mutex_lock(&pool->residency_lock);
    while (region->busy > 0) pthread_cond_wait(&pool->room, &pool->residency_lock);
    pthread_mutex_unlock(&pool->residency_lock);
  }
  /* Unmapped first: the memory is free before the budget says so. Unregistering wakes a stray waiter. */
  bool woken = !region->chunk_count || ufo_uffd_unregister(&pool->uffd, region->body, region->mapped_bytes);
  ufo_memory_release(region->mapping, region->mapping_bytes);
  if (!woken) ufo_uffd_wake(&pool->uffd, region->body, region->mapped_bytes);
  region->mapping = NULL;
  pthread_mutex_lock(&pool->residency_lock);
  pool->pinned -= region->pinned;
  while (region->frames) {
    region->frames->pins = 0;
    ufo_frame_free(pool, region->frames);
  }
  pthread_mutex_unlock(&pool->residency_lock);
  ufo_event_emit(region, UFO_EVENT_REGION_RELEASED, 0, region->body_bytes);
  ufo_u64map pieces = ufo_backing_take(region);
  ufo_backing_discard(region, &pieces);
  if (region->source.destroy) region->source.destroy(region->source.user);
  free_region(region);
}

/* Forgets the listed chunks, going on past an error, and frees the list. The first error is returned. */
static ufo_status forget_chunks(ufo_region *region, uint64_t *chunks, size_t count, ufo_error *error) {
  ufo_status status = UFO_OK;
  for (size_t i = 0; i < count; i++) {
    ufo_status one = ufo_chunk_forget(region, chunks[i], status == UFO_OK ? error : NULL);
    if (status == UFO_OK) status = one;
  }
  free(chunks);
  return status;
}

static ufo_status forget_resident(ufo_region *region, ufo_error *error) {
  uint64_t *chunks;
  size_t count;
  ufo_status status = ufo_region_resident_chunks(region, false, &chunks, &count, error);
  return status == UFO_OK ? forget_chunks(region, chunks, count, error) : status;
}

/* Failed chunks have no frame; their records tell which they are. */
static ufo_status forget_failed(ufo_region *region, ufo_error *error) {
  uint64_t *chunks;
  size_t count;
  ufo_status status = ufo_failure_list(region, &chunks, &count, error);
  if (status == UFO_OK) status = forget_chunks(region, chunks, count, error);
  if (status == UFO_OK) ufo_failure_forget_all(region);
  return status;
}

ufo_status ufo_region_reset(ufo_region *region, ufo_error *error) {
  ufo_pool *pool = region->pool;
  if (ufo_pool_is_broken(pool)) return ufo_pool_fail_broken(pool, error);
  pthread_mutex_lock(&pool->residency_lock);
  uint64_t pinned = region->pinned;
  pthread_mutex_unlock(&pool->residency_lock);
  if (pinned)
    return ufo_fail(error, UFO_USAGE, "cannot reset a region: %llu bytes of it are pinned", (unsigned long long)pinned);
  ufo_status status = forget_resident(region, error);
  if (status != UFO_OK) return status;
  ufo_u64map pieces = ufo_backing_take(region);
  if (region->source.reset) region->source.reset(region->source.user);
  /* Again: what was filled from the old content meanwhile. Its places may be reused once those fills are over. */
  ufo_ahead_forget(region);
  ufo_fills_await(region);
  status = forget_resident(region, error);
  ufo_backing_discard(region, &pieces);
  if (status == UFO_OK) status = forget_failed(region, error);
  if (status == UFO_OK) ufo_event_emit(region, UFO_EVENT_REGION_RESET, 0, region->body_bytes);
  return status;
}

/* ---- questions ------------------------------------------------------------------------------------------------------
 */

void *ufo_region_body(const ufo_region *region) { return region->body; }

void *ufo_region_header(const ufo_region *region) {
  return region->header_bytes ? region->body - region->header_bytes : NULL;
}

void ufo_region_get_info(const ufo_region *region, ufo_region_info *info) {
  ufo_region_info now = {
      .struct_size = info->struct_size,
      .pool = region->pool,
      .body = region->body,
      .body_bytes = region->body_bytes,
      .element_bytes = region->element_bytes,
      .count = region->count,
      .chunk_bytes = region->chunk_bytes,
      .chunk_count = region->chunk_count,
      .access = region->access,
  };
  pthread_mutex_lock(&region->pool->residency_lock);
  now.resident_bytes = region->resident;
  now.dirty_bytes = region->dirty;
  now.pinned_bytes = region->pinned;
  pthread_mutex_unlock(&region->pool->residency_lock);
  memcpy(info, &now, ufo_min(info->struct_size, sizeof now));
}
