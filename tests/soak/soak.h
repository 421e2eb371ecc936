/* soak.h - what soak tests share: a folder with one store, a pool over it, and noise that is told by a number. */
#ifndef UFO_TEST_SOAK_H
#define UFO_TEST_SOAK_H

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "common/child.h"
#include "common/must.h"
#include "common/resources.h"
#include "common/tally.h"

#define MIB (UINT64_C(1) << 20)

static char folder[512], path[600]; /* of the store, which soak_begin() does not make */

/* `base`: where the folder is to be; NULL: where temporary files go. */
static inline void soak_begin(const char *base) {
  MUST_HOLD(make_folder(folder, sizeof folder, base) == 0, "no folder %s", folder);
  snprintf(path, sizeof path, "%s/s.ufo", folder);
}

/* A pool; where there can be none the test is skipped. */
static inline ufo_pool *soak_pool(uint64_t budget_bytes) {
  ufo_pool *pool;
  ufo_error why = {0};
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = budget_bytes, .scratch_dir = folder};
  if (ufo_pool_create(&options, &pool, &why) == UFO_OK) return pool;
  printf("%s\n", why.message);
  remove_folder(folder);
  exit(why.code == UFO_UNSUPPORTED ? 77 : 1);
}

static inline uint64_t file_now(void) {
  struct stat file;
  return stat(path, &file) ? 0 : (uint64_t)file.st_size;
}

/* Spreads a number over all bits (splitmix64); and a row of such numbers, whose place is in *state. */
static inline uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
  return x ^ (x >> 31);
}

static inline uint64_t next_number(uint64_t *state) { return mix(*state += UINT64_C(0x9E3779B97F4A7C15)); }

/* Noise: the row that begins with `*state`, which moves on. `bytes` is a multiple of 8. */
static inline void fill_noise(uint64_t *state, uint64_t bytes, uint8_t *out) {
  for (uint64_t at = 0; at < bytes; at += 8) {
    uint64_t word = next_number(state);
    memcpy(out + at, &word, 8);
  }
}

#endif
