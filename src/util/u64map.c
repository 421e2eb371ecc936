/* Linear probing over a power-of-two table that is at most three quarters full. A removal moves later entries of the
 * same run back instead of leaving a mark, so that probes stay short however often keys come and go. */
#include "util/u64map.h"

#include <stdlib.h>

#define SLOTS_MIN 16

/* Chunk numbers come in runs; the multiplication (Fibonacci hashing, then the high bits folded in) spreads them. */
static size_t home_of(uint64_t key, size_t slots) {
  uint64_t mixed = key * UINT64_C(0x9E3779B97F4A7C15);
  return (size_t)(mixed ^ mixed >> 32) & (slots - 1);
}

/* The slot that holds `key`, or the empty one where it would go. There is always an empty one. */
static size_t find_slot(const ufo_u64map *map, uint64_t key) {
  size_t slot = home_of(key, map->slots);
  while (map->values[slot] && map->keys[slot] != key) slot = (slot + 1) & (map->slots - 1);
  return slot;
}

static bool grow(ufo_u64map *map) {
  size_t slots = map->slots ? map->slots * 2 : SLOTS_MIN;
  if (slots < map->slots) return false;
  ufo_u64map wider = {.slots = slots, .count = map->count};
  wider.keys = calloc(slots, sizeof *wider.keys);
  wider.values = calloc(slots, sizeof *wider.values);
  if (!wider.keys || !wider.values) {
    ufo_u64map_clear(&wider);
    return false;
  }
  for (size_t i = 0; i < map->slots; i++) {
    if (!map->values[i]) continue;
    size_t slot = find_slot(&wider, map->keys[i]);
    wider.keys[slot] = map->keys[i];
    wider.values[slot] = map->values[i];
  }
  free(map->keys);
  free(map->values);
  map->keys = wider.keys;
  map->values = wider.values;
  map->slots = slots;
  return true;
}

void *ufo_u64map_get(const ufo_u64map *map, uint64_t key) {
  return map->slots ? map->values[find_slot(map, key)] : NULL;
}

bool ufo_u64map_put(ufo_u64map *map, uint64_t key, void *value, void **old_out) {
  void *old = ufo_u64map_get(map, key);
  if (!old && map->count >= map->slots - map->slots / 4 && !grow(map)) return false;
  size_t slot = find_slot(map, key);
  map->keys[slot] = key;
  map->values[slot] = value;
  if (!old) map->count++;
  if (old_out) *old_out = old;
  return true;
}

void *ufo_u64map_take(ufo_u64map *map, uint64_t key) {
  if (!map->slots) return NULL;
  size_t mask = map->slots - 1;
  size_t hole = find_slot(map, key);
  void *value = map->values[hole];
  if (!value) return NULL;
  for (size_t next = (hole + 1) & mask; map->values[next]; next = (next + 1) & mask) {
    /* The entry at `next` may fill the hole if the hole lies between its home and where it is. */
    size_t home = home_of(map->keys[next], map->slots);
    if (((next - home) & mask) < ((next - hole) & mask)) continue;
    map->keys[hole] = map->keys[next];
    map->values[hole] = map->values[next];
    hole = next;
  }
  map->values[hole] = NULL;
  map->count--;
  return value;
}

static int compare_keys(const void *left, const void *right) {
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return (a > b) - (a < b);
}

uint64_t *ufo_u64map_sorted_keys(const ufo_u64map *map, bool *failed) {
  if (failed) *failed = false;
  if (!map->count) return NULL;
  uint64_t *keys = malloc(map->count * sizeof *keys);
  if (!keys) {
    if (failed) *failed = true;
    return NULL;
  }
  size_t n = 0;
  for (size_t i = 0; i < map->slots; i++)
    if (map->values[i]) keys[n++] = map->keys[i];
  qsort(keys, n, sizeof *keys, compare_keys);
  return keys;
}

void ufo_u64map_clear(ufo_u64map *map) {
  free(map->keys);
  free(map->values);
  *map = (ufo_u64map)UFO_U64MAP_INIT;
}
