/* random.h - reproducible random numbers for tests (xorshift64*). The state is the caller's; seed it with non-zero. */
#ifndef UFO_TEST_RANDOM_H
#define UFO_TEST_RANDOM_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t random_u64(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * UINT64_C(0x2545F4914F6CDD1D);
}

/* 0 .. limit - 1 */
static inline uint64_t random_below(uint64_t *state, uint64_t limit) { return (random_u64(state) >> 11) % limit; }

/* [0, 1) */
static inline double random_unit(uint64_t *state) { return (double)(random_u64(state) >> 11) * 0x1p-53; }

static inline void random_fill(uint64_t *state, uint8_t *bytes, size_t n) {
  for (size_t i = 0; i < n; i++) bytes[i] = (uint8_t)(random_u64(state) >> 32);
}

#endif
