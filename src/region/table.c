/* table.c - which region holds an address: a sorted array, searched by halves. */
#include <stdlib.h>
#include <string.h>

#include "region/pool.h"

/* The number of regions that begin at or below `address`. */
static size_t upper_bound(const ufo_pool *pool, uint64_t address) {
  size_t low = 0, high = pool->table_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if ((uint64_t)(uintptr_t)pool->table[middle]->mapping <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}

static ufo_region *holder(const ufo_pool *pool, uint64_t address) {
  size_t above = upper_bound(pool, address);
  if (above == 0) return NULL;
  ufo_region *region = pool->table[above - 1];
  return address - (uint64_t)(uintptr_t)region->mapping < region->mapping_bytes ? region : NULL;
}

bool ufo_table_insert(ufo_pool *pool, ufo_region *region) {
  bool done = false;
  pthread_rwlock_wrlock(&pool->table_lock);
  /* What is not in the table when the pool breaks is not cut off, and would read as zeros. */
  if (ufo_pool_is_broken(pool)) goto out;
  if (pool->table_count == pool->table_room) {
    size_t room = pool->table_room ? pool->table_room * 2 : 64;
    ufo_region **grown = realloc(pool->table, room * sizeof(ufo_region *));
    if (!grown) goto out;
    pool->table = grown;
    pool->table_room = room;
  }
  size_t place = upper_bound(pool, (uint64_t)(uintptr_t)region->mapping);
  memmove(&pool->table[place + 1], &pool->table[place], (pool->table_count - place) * sizeof(ufo_region *));
  pool->table[place] = region;
  pool->table_count++;
  done = true;
out:
  pthread_rwlock_unlock(&pool->table_lock);
  return done;
}

bool ufo_table_remove_idle(ufo_pool *pool, ufo_region *region) {
  pthread_rwlock_wrlock(&pool->table_lock);
  pthread_mutex_lock(&pool->residency_lock);
  bool idle = region->busy == 0;
  pthread_mutex_unlock(&pool->residency_lock);
  if (idle) {
    size_t place = upper_bound(pool, (uint64_t)(uintptr_t)region->mapping) - 1;
    UFO_ASSERT(pool->table[place] == region);
    pool->table_count--;
    memmove(&pool->table[place], &pool->table[place + 1], (pool->table_count - place) * sizeof(ufo_region *));
  }
  pthread_rwlock_unlock(&pool->table_lock);
  return idle;
}

uint64_t ufo_table_largest_chunk(ufo_pool *pool) {
  uint64_t largest = 0;
  pthread_rwlock_rdlock(&pool->table_lock);
  for (size_t i = 0; i < pool->table_count; i++) {
    uint64_t chunk = ufo_region_largest_chunk(pool->table[i]);
    if (chunk > largest) largest = chunk;
  }
  pthread_rwlock_unlock(&pool->table_lock);
  return largest;
}

ufo_region *ufo_table_take(ufo_pool *pool, uint64_t address) {
  pthread_rwlock_rdlock(&pool->table_lock);
  ufo_region *region = holder(pool, address);
  if (region && address < (uint64_t)(uintptr_t)region->body) region = NULL;
  if (region) {
    pthread_mutex_lock(&pool->residency_lock);
    region->busy++;
    pthread_mutex_unlock(&pool->residency_lock);
  }
  pthread_rwlock_unlock(&pool->table_lock);
  return region;
}

ufo_region *ufo_region_find(ufo_pool *pool, const void *address) {
  if (!pool) return NULL;
  pthread_rwlock_rdlock(&pool->table_lock);
  ufo_region *region = holder(pool, (uint64_t)(uintptr_t)address);
  pthread_rwlock_unlock(&pool->table_lock);
  return region;
}
