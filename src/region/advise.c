/* advise.c - what a program knows about its accesses in advance. */
#include <stdlib.h>

#include "region/range.h"
#include "util/fail.h"

/* Brings chunks in as long as there is room below the low watermark, so that nothing else is evicted for them. */
static ufo_status will_need(ufo_region *region, ufo_chunk_range range, ufo_error *error) {
  ufo_pool *pool = region->pool;
  for (uint64_t chunk = range.first; chunk < range.end; chunk++) {
    pthread_mutex_lock(&pool->residency_lock);
    bool room = ufo_pool_used(pool) + ufo_region_largest_chunk(region) <= pool->low;
    pthread_mutex_unlock(&pool->residency_lock);
    if (!room) return UFO_OK;
    ufo_status status = ufo_chunk_touch(region, chunk, false, error);
    if (status != UFO_OK) return status;
  }
  return UFO_OK;
}

static ufo_status dont_need(ufo_region *region, ufo_chunk_range range, ufo_error *error) {
  uint64_t *chunks;
  size_t count;
  ufo_status status = ufo_region_resident_chunks(region, false, &chunks, &count, error);
  if (status != UFO_OK || count == 0) return status;
  void *copy = malloc(ufo_region_largest_chunk(region));
  if (!copy) status = ufo_fail(error, UFO_FULL, "out of memory to evict a range");
  for (size_t i = 0; i < count && status == UFO_OK; i++)
    if (chunks[i] >= range.first && chunks[i] < range.end)
      status = ufo_chunk_clean(region, chunks[i], true, copy, error);
  free(copy);
  free(chunks);
  return status;
}

ufo_status ufo_region_advise(ufo_region *region, uint64_t offset, uint64_t bytes, ufo_advice advice, ufo_error *error) {
  ufo_chunk_range range;
  ufo_status status = ufo_chunk_range_of(region, offset, bytes, &range, error);
  if (status != UFO_OK) return status;
  switch (advice) {
  case UFO_ADVICE_NORMAL:
  case UFO_ADVICE_SEQUENTIAL:
  case UFO_ADVICE_RANDOM:
    atomic_store(&region->advice, (int)advice);
    return UFO_OK;
  case UFO_ADVICE_WILLNEED:
    return will_need(region, range, error);
  case UFO_ADVICE_DONTNEED:
    return dont_need(region, range, error);
  }
  return ufo_fail(error, UFO_USAGE, "there is no advice number %d", (int)advice);
}
