/* one_store.h - for tests that all begin with one open store, and end with it sound. */
#ifndef UFO_TEST_ONE_STORE_H
#define UFO_TEST_ONE_STORE_H

#include "common/fixture.h"

static ufo_store *store; /* s.ufo in the scratch folder; a test may close it and open it anew */

static inline void store_make(void) {
  fixture_make();
  store = open_store(in_folder("s.ufo"));
}

static inline void store_end(void) {
  assert_sound(store);
  ufo_store_close(store);
  fixture_remove();
}

/* Fills `values` with noise and puts them as the vector "x". */
static inline void put_x(int32_t *values, uint64_t length, uint32_t chunk_bytes) {
  for (uint64_t i = 0; i < length; i++) values[i] = (int32_t)mix(i);
  put_now(store, "x", spec_of(UFO_INTEGER, 0, length, chunk_bytes), values);
}

/* Puts a patchwork of doubles (fill_values) as the vector "x"; returns it, to be freed. */
static inline uint64_t *put_doubles_x(uint64_t seed, uint64_t length, uint32_t chunk_bytes) {
  uint64_t *values = malloc(length * sizeof *values);
  fill_values(UFO_DOUBLE, 8, seed, length, values);
  put_now(store, "x", spec_of(UFO_DOUBLE, 0, length, chunk_bytes), values);
  return values;
}

#endif
