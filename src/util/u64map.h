/* u64map.h - a hash map from uint64_t keys to pointers, open addressing. Not thread-safe: the owner locks. */
#ifndef UFO_UTIL_U64MAP_H
#define UFO_UTIL_U64MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ufo_u64map {
  uint64_t *keys;
  void **values; /* NULL marks an empty slot, so NULL cannot be stored */
  size_t slots;  /* 0 or a power of two */
  size_t count;
} ufo_u64map;
#define UFO_U64MAP_INIT                                                                                                \
  { 0 }

/* The value of `key`, or NULL. */
void *ufo_u64map_get(const ufo_u64map *map, uint64_t key);
/* Sets key to a non-NULL value. The old value or NULL goes to *old_out (may be NULL). False: out of memory, unchanged.
 */
bool ufo_u64map_put(ufo_u64map *map, uint64_t key, void *value, void **old_out);
/* Removes and returns the value, or NULL. Never allocates. */
void *ufo_u64map_take(ufo_u64map *map, uint64_t key);
/* The keys in ascending order in a malloc'ed array of map->count; NULL if empty or out of memory (*failed tells). */
uint64_t *ufo_u64map_sorted_keys(const ufo_u64map *map, bool *failed);
/* Frees the arrays, not the values; the map is empty again. */
void ufo_u64map_clear(ufo_u64map *map);

#endif
