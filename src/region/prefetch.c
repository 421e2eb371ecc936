/* prefetch.c - single chunks filled ahead of a stream, where windows do not fit.
 *
 * A touch of a stream asks for the next few chunks and leaves out the one after them. So the touch of that one tells
 * that the stream goes on, and asks for the next: a chunk that is there is not seen to be touched. Such a fill takes no
 * memory that it would have to wait for. */
#include "region/window.h"
#include "util/checked.h"

enum { DEPTH_MAX = 8 };

unsigned ufo_prefetch_depth(const ufo_region *region) {
  uint64_t share = region->pool->budget / 16 / region->chunk_bytes;
  bool wanted = (region->source.flags & UFO_SOURCE_READ_AHEAD) && !region->closing && !region->pool->stopping;
  return wanted ? (unsigned)ufo_min(share, DEPTH_MAX) : 0;
}

void ufo_prefetch_request(ufo_region *region, uint64_t chunk, int64_t stride, unsigned count) {
  ufo_pool *pool = region->pool;
  if (count == 0 || !ufo_ahead_have_workers(pool)) return;
  for (unsigned i = 0; i < count && pool->prefetches < UFO_PREFETCHES; i++) {
    uint64_t next = chunk + (uint64_t)stride * (i + 1);
    if (next >= region->chunk_count) break; /* also below the first one */
    region->busy++;
    pool->prefetch[(pool->prefetch_first + pool->prefetches++) % UFO_PREFETCHES] = (ufo_wish){region, next};
  }
  pthread_cond_broadcast(&pool->ahead_wanted);
}

bool ufo_prefetch_work(ufo_pool *pool, ufo_fill_memory *memory) {
  if (pool->prefetches == 0) return false;
  ufo_wish wish = pool->prefetch[pool->prefetch_first];
  pool->prefetch_first = (pool->prefetch_first + 1) % UFO_PREFETCHES;
  pool->prefetches--;
  pthread_mutex_unlock(&pool->residency_lock);
  ufo_chunk_prefetch(wish.region, wish.chunk, memory);
  ufo_region_leave(wish.region);
  pthread_mutex_lock(&pool->residency_lock);
  return true;
}

void ufo_prefetch_forget(ufo_region *region) {
  ufo_pool *pool = region->pool;
  unsigned left = 0;
  for (unsigned i = 0; i < pool->prefetches; i++) {
    ufo_wish wish = pool->prefetch[(pool->prefetch_first + i) % UFO_PREFETCHES];
    if (wish.region == region) region->busy--;
    else pool->prefetch[(pool->prefetch_first + left++) % UFO_PREFETCHES] = wish;
  }
  pool->prefetches = left;
}

void ufo_prefetch_abandon(ufo_pool *pool) { pool->prefetches = 0; }
