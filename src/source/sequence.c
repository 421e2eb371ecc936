/* sequence.c - arithmetic sequences as sources: every chunk is computed from the number of its first element.
 *
 * Integers are checked once, when the source is made: a sequence is monotonic, so all of its elements fit if the first
 * and the last do. Doubles are computed by one fused multiply-add, which rounds once. Its first factor, the element's
 * number, is exact as a double up to 2^53, and no region is longer: its body would exceed the address space. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <ufostore/sequence.h>

#include "util/fail.h"

typedef struct integer_sequence {
  int64_t from, by;
  uint64_t count;
} integer_sequence;

typedef struct double_sequence {
  double from, by;
} double_sequence;

static int populate_integer(void *user, uint64_t first, uint64_t count, void *target, ufo_error *error) {
  const integer_sequence *sequence = user;
  if (first >= sequence->count || count > sequence->count - first)
    return ufo_fail(error, UFO_USAGE, "the region is longer than the sequence of %llu elements that fills it",
                    (unsigned long long)sequence->count);
  int32_t *out = target;
  /* Modulo 2^64; the true value fits, so it is what comes out. */
  uint64_t from = (uint64_t)sequence->from, by = (uint64_t)sequence->by;
  for (uint64_t i = 0; i < count; i++) out[i] = (int32_t)(int64_t)(from + by * (first + i));
  return UFO_OK;
}

static int populate_double(void *user, uint64_t first, uint64_t count, void *target, ufo_error *error) {
  (void)error;
  const double_sequence *sequence = user;
  double *out = target;
  for (uint64_t i = 0; i < count; i++) out[i] = fma((double)(first + i), sequence->by, sequence->from);
  return UFO_OK;
}

static bool fits_int32(int64_t value) { return value > INT32_MIN && value <= INT32_MAX; }

ufo_status ufo_sequence_integer(int64_t from, int64_t by, uint64_t count, ufo_source *source, ufo_error *error) {
  *source = (ufo_source){0};
  int64_t distance = 0, last = from;
  bool overflows =
      count > 0 && (__builtin_mul_overflow(by, count - 1, &distance) || __builtin_add_overflow(from, distance, &last));
  if (count > 0 && (overflows || !fits_int32(from) || !fits_int32(last)))
    return ufo_fail(error, UFO_USAGE,
                    "an integer sequence from %lld by %lld with %llu elements leaves the range of %d to %d",
                    (long long)from, (long long)by, (unsigned long long)count, INT32_MIN + 1, INT32_MAX);
  integer_sequence *sequence = malloc(sizeof *sequence);
  if (!sequence) return ufo_fail(error, UFO_FULL, "out of memory for a sequence");
  *sequence = (integer_sequence){from, by, count};
  *source =
      (ufo_source){.populate = populate_integer, .destroy = free, .user = sequence, .flags = UFO_SOURCE_READ_AHEAD};
  return UFO_OK;
}

ufo_status ufo_sequence_double(double from, double by, ufo_source *source, ufo_error *error) {
  *source = (ufo_source){0};
  double_sequence *sequence = malloc(sizeof *sequence);
  if (!sequence) return ufo_fail(error, UFO_FULL, "out of memory for a sequence");
  *sequence = (double_sequence){from, by};
  *source =
      (ufo_source){.populate = populate_double, .destroy = free, .user = sequence, .flags = UFO_SOURCE_READ_AHEAD};
  return UFO_OK;
}
