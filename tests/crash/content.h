/* content.h - what a store under test holds: every byte of it as a function of a seed and a generation.
 *
 * Generation g changes, in one transaction, one object of each kind: put whole, written through a view, appended to,
 * created or removed, a list, a table that gets more rows; and, each eighth time, many chunks through a view in a small
 * pool, which are staged ahead of the commit. So a judge needs no record of what was written. Everything here is
 * static: one include per program. */
#ifndef UFO_TEST_CONTENT_H
#define UFO_TEST_CONTENT_H

#include <inttypes.h>
#include <stdio.h>
#include <ufostore/ufostore.h>

enum {
  CHUNK = 4096,
  PER_CHUNK = CHUNK / 8,
  VIEW_CHUNKS = 40,
  LOG_STEP = 700,
  ROWS_STEP = 90,
  MADE = 5,
  MADE_LENGTH = 1000000,
};

/* How large the staged object is, and what follows a generation: a compaction in place after each `period`th, and at
 * three places between, a compact copy, a verification, and the store closed and opened anew. */
typedef struct content_shape {
  uint64_t staged; /* elements; in all more than 4 MiB, or nothing is staged */
  uint32_t staged_chunk;
  uint64_t period, copy_at, verify_at, reopen_at;
} content_shape;

static content_shape shape = {12 * 1024 * 1024 / 8, 65536, 11, 3, 5, 8};

/* All of it in six generations and with few system calls. */
static const content_shape dense = {5 * 1024 * 1024 / 8, 524288, 4, 1, 2, 3};
enum { DENSE_GENERATIONS = 6, COPY_NAME_BYTES = 4200 };

static uint64_t seed;
static ufo_error error;

static inline uint64_t mix(uint64_t x) {
  x += UINT64_C(0x9E3779B97F4A7C15);
  x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
  return x ^ (x >> 31);
}

static inline uint64_t value_of(int kind, uint64_t generation, uint64_t i) {
  return mix(mix(seed * 16 + (uint64_t)kind) + generation * UINT64_C(1000003) + i);
}

enum { PUT, VIEW, LOG, STAGE, LIST, ROWS };

/* The last generation up to g that is `rest` modulo `step`; 0 if there is none. */
static inline uint64_t last_of(uint64_t g, uint64_t step, uint64_t rest) {
  while (g > 0 && g % step != rest) g--;
  return g;
}

static inline uint64_t put_length(uint64_t g) { return 3000 + g * 37 % 2000; }
static inline uint64_t stage_generation(uint64_t g) { return last_of(g, 8, 2); }
static inline void made_name(char name[16], uint64_t g) { snprintf(name, 16, "made%" PRIu64, g % MADE); }
static inline int is_made(uint64_t g) { return g > 0 && g % (2 * MADE) < MADE; }

/* After each third generation there is a snapshot of it, which is removed after the fifth that follows. */
enum { SNAPSHOT_STEP = 3, SNAPSHOT_AT = 1, SNAPSHOT_LIFE = 5 };
static inline void snapshot_name(char name[32], uint64_t g) { snprintf(name, 32, "snap%" PRIu64, g); }
static inline int is_snapped(uint64_t g) { return g % SNAPSHOT_STEP == SNAPSHOT_AT; }
/* Generation whose snapshot goes after generation g; 0: none does. */
static inline uint64_t snapshot_ended(uint64_t g) {
  return g > SNAPSHOT_LIFE && is_snapped(g - SNAPSHOT_LIFE) ? g - SNAPSHOT_LIFE : 0;
}

/* Where the compact copy of a store goes. */
static inline void copy_name(char name[COPY_NAME_BYTES], const char *path) {
  snprintf(name, COPY_NAME_BYTES, "%s.copy", path);
}

static inline ufo_object_spec spec_of(ufo_type type, uint64_t length, uint32_t chunk) {
  return (ufo_object_spec){
      .struct_size = sizeof(ufo_object_spec), .type = type, .length = length, .chunk_bytes = chunk};
}

#endif
