/* The map against an array that remembers the same. */
#include "random.h"
#include "util/u64map.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define KEYS 3000

static uint64_t key_of(size_t i) { return i % 3 == 0 ? i : i % 3 == 1 ? (uint64_t)i << 32 : UINT64_MAX - i; }

Test(u64map, behaves_as_an_array_does, .timeout = 30) {
  static void *model[KEYS];
  static char things[64];
  ufo_u64map map = UFO_U64MAP_INIT;
  uint64_t state = 17;
  size_t count = 0;
  for (int step = 0; step < 200000; step++) {
    size_t i = (size_t)random_below(&state, KEYS);
    /* Alternately mostly growing and mostly shrinking. */
    int put = random_below(&state, 10) < (step / 20000 % 2 ? 3u : 7u);
    if (put) {
      void *thing = &things[random_below(&state, 64)], *old = &state;
      cr_assert(ufo_u64map_put(&map, key_of(i), thing, &old));
      cr_assert_eq(old, model[i]);
      count += !model[i];
      model[i] = thing;
    } else {
      cr_assert_eq(ufo_u64map_take(&map, key_of(i)), model[i]);
      count -= model[i] != NULL;
      model[i] = NULL;
    }
    cr_assert_eq(map.count, count);
    size_t other = (size_t)random_below(&state, KEYS);
    cr_assert_eq(ufo_u64map_get(&map, key_of(other)), model[other]);
  }
  for (size_t i = 0; i < KEYS; i++) cr_assert_eq(ufo_u64map_get(&map, key_of(i)), model[i]);

  bool failed = true;
  uint64_t *keys = ufo_u64map_sorted_keys(&map, &failed);
  cr_assert(keys && !failed);
  for (size_t i = 0; i < count; i++) {
    cr_assert(ufo_u64map_get(&map, keys[i]));
    if (i) cr_assert_lt(keys[i - 1], keys[i]);
  }
  free(keys);
  ufo_u64map_clear(&map);
  cr_assert_eq(map.count, 0);
  cr_assert_null(ufo_u64map_get(&map, 0));
}

Test(u64map, empty) {
  ufo_u64map map = UFO_U64MAP_INIT;
  bool failed = true;
  cr_assert_null(ufo_u64map_get(&map, 5));
  cr_assert_null(ufo_u64map_take(&map, 5));
  cr_assert_null(ufo_u64map_sorted_keys(&map, &failed));
  cr_assert_not(failed);
  ufo_u64map_clear(&map);
}

Test(u64map, stays_small_when_keys_come_and_go) {
  ufo_u64map map = UFO_U64MAP_INIT;
  char thing;
  for (uint64_t key = 0; key < 100000; key++) {
    cr_assert(ufo_u64map_put(&map, key, &thing, NULL));
    if (key >= 8) cr_assert_eq(ufo_u64map_take(&map, key - 8), &thing);
  }
  cr_assert_leq(map.slots, 16);
  ufo_u64map_clear(&map);
}
