/* Shuffle and delta follow their definition for every width and length, and their inverses undo them. */
#include "codec/delta.h"
#include "codec/shuffle.h"
#include "random.h"

#include <criterion/criterion.h>
#include <string.h>

/* Once more, as it is on processors without AVX2. */
#define UFO_BASELINE
#define ufo_shuffle baseline_shuffle
#define ufo_unshuffle baseline_unshuffle
#define ufo_unshuffle_undelta baseline_unshuffle_undelta
void baseline_shuffle(uint8_t *restrict target, const uint8_t *restrict source, size_t bytes, unsigned width);
void baseline_unshuffle(uint8_t *restrict target, const uint8_t *restrict source, size_t bytes, unsigned width);
void baseline_unshuffle_undelta(uint8_t *restrict target, const uint8_t *restrict source, size_t bytes, unsigned width);
#include "codec/shuffle.c"
#undef ufo_shuffle
#undef ufo_unshuffle
#undef ufo_unshuffle_undelta

#define LONGEST 3000

Test(shuffle, follows_the_definition, .timeout = 30) {
  static uint8_t raw[LONGEST], expected[LONGEST], got[LONGEST + 1], back[LONGEST + 1];
  uint64_t state = 3;
  random_fill(&state, raw, sizeof raw);
  for (unsigned width = 1; width <= 255; width++)
    for (int i = 0; i < 40; i++) {
      size_t n = i < 3 ? (size_t)i : (size_t)random_below(&state, LONGEST + 1), units = n / width;
      for (size_t u = 0; u < units; u++)
        for (unsigned p = 0; p < width; p++) expected[p * units + u] = raw[u * width + p];
      memcpy(expected + units * width, raw + units * width, n - units * width);
      got[n] = back[n] = 0xA5;
      ufo_shuffle(got, raw, n, width);
      cr_assert(memcmp(got, expected, n) == 0, "width %u, %zu bytes", width, n);
      ufo_unshuffle(back, got, n, width);
      cr_assert(memcmp(back, raw, n) == 0, "width %u, %zu bytes back", width, n);
      cr_assert(got[n] == 0xA5 && back[n] == 0xA5, "width %u, %zu bytes: wrote past the end", width, n);
      memset(back, 0, n);
      baseline_unshuffle(back, got, n, width);
      cr_assert(memcmp(back, raw, n) == 0, "width %u, %zu bytes back without AVX2", width, n);
    }
}

Test(shuffle, buffers_need_no_alignment) {
  static uint8_t raw[1001], shuffled[1003], back[1005];
  uint64_t state = 4;
  random_fill(&state, raw, sizeof raw);
  for (unsigned width = 2; width <= 16; width *= 2) {
    ufo_shuffle(shuffled + 3, raw + 1, 1000, width);
    ufo_unshuffle(back + 5, shuffled + 3, 1000, width);
    cr_assert(memcmp(back + 5, raw + 1, 1000) == 0, "width %u", width);
  }
}

Test(delta, wraps_around_and_is_undone) {
  uint32_t values[] = {5, 4, UINT32_MAX, 0, 1, 0x80000000u, 0x7FFFFFFFu};
  uint32_t expected[] = {5, UINT32_MAX, UINT32_MAX - 4, 1, 1, 0x7FFFFFFFu, UINT32_MAX};
  uint8_t got[sizeof values];
  ufo_delta(got, (const uint8_t *)values, sizeof values, 4);
  cr_assert(memcmp(got, expected, sizeof expected) == 0);
  ufo_undelta(got, sizeof got, 4);
  cr_assert(memcmp(got, values, sizeof values) == 0);
}

Test(delta, is_undone_for_every_length) {
  static uint8_t raw[300], got[300];
  uint64_t state = 5;
  random_fill(&state, raw, sizeof raw);
  for (unsigned width = 4; width <= 8; width += 4)
    for (size_t n = 0; n <= sizeof raw; n++) {
      ufo_delta(got, raw, n, width);
      cr_assert(memcmp(got + n - n % width, raw + n - n % width, n % width) == 0, "the tail stays");
      ufo_undelta(got, n, width);
      cr_assert(memcmp(got, raw, n) == 0, "width %u, %zu bytes", width, n);
    }
}

Test(shuffle, and_sums_in_one_pass, .timeout = 30) {
  static uint8_t raw[LONGEST], expected[LONGEST], got[LONGEST + 1];
  uint64_t state = 6;
  random_fill(&state, raw, sizeof raw);
  for (unsigned width = 4; width <= 8; width += 4)
    for (size_t n = 0; n <= LONGEST; n += n < 600 ? 1 : 37) {
      ufo_unshuffle(expected, raw, n, width);
      ufo_undelta(expected, n, width);
      got[n] = 0xA5;
      ufo_unshuffle_undelta(got, raw, n, width);
      cr_assert(memcmp(got, expected, n) == 0, "width %u, %zu bytes", width, n);
      cr_assert_eq(got[n], 0xA5, "width %u, %zu bytes: wrote past the end", width, n);
      memset(got, 0, n);
      baseline_unshuffle_undelta(got, raw, n, width);
      cr_assert(memcmp(got, expected, n) == 0, "width %u, %zu bytes without AVX2", width, n);
    }
}
