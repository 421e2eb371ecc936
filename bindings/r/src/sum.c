/* sum.c - sums in the order of R, several numbers at a time. */
#include "sum.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

/* Not inlined: the sum is to stay in a register. */
static __attribute__((noinline)) long double add_in_order(long double sum, const double *values, size_t count) {
  for (size_t i = 0; i < count; i++) sum += values[i];
  return sum;
}

static long double add_some_in_order(long double sum, const double *values, size_t count, int skip_nan) {
  if (!skip_nan) return add_in_order(sum, values, count);
  for (size_t i = 0; i < count; i++)
    if (!isnan(values[i])) sum += values[i];
  return sum;
}

#if LDBL_MANT_DIG == 64 && FLT_EVAL_METHOD == 0 && defined(__x86_64__)

/* Numbers of a group, added or given up as a whole. */
#define GROUP 16
/* After this many groups in vain, groups are tried less often. */
#define PATIENCE_MAX 32

typedef double pair __attribute__((vector_size(16)));
/* Without a sign: numbers that are too large for their group overflow before that is found out. */
typedef unsigned long long bit_pair __attribute__((vector_size(16)));

/* A sum as units * 2^exponent, with the highest bit of `units` set, and what rounds a double to such units: adding
 * 1.5 * 2^52 of them leaves no bits for parts of one. Its bits, as a whole number, then differ from those of the shift
 * by the number of units. */
struct grid {
  uint64_t units;
  uint16_t head; /* sign and exponent, as in a long double */
  uint64_t origin;
  double shift; /* the number whose bits are `origin` */
  double half;  /* of a unit */
};

/* A number of a group is less than 2^51 units, so a group changes the sum by less than 2^55. If the sum has that
 * distance from both powers of two, it cannot leave them in between. */
#define SAFE_MIN ((UINT64_C(1) << 63) + (UINT64_C(1) << 56))
#define SAFE_RANGE ((UINT64_C(1) << 63) - (UINT64_C(1) << 57))

static double power_of_two(int exponent) { return ldexp(1, exponent); }

/* Whether the sum can be written that way, with numbers that doubles can hold. */
static int to_grid(struct grid *grid, long double sum) {
  memcpy(&grid->units, &sum, sizeof grid->units);
  memcpy(&grid->head, (const char *)&sum + sizeof grid->units, sizeof grid->head);
  const int exponent = (grid->head & 0x7fff) - 16383 - 63;
  if (exponent < -900 || exponent > 900 || grid->units - SAFE_MIN > SAFE_RANGE) return 0;
  grid->shift = 1.5 * power_of_two(52 + exponent);
  grid->half = power_of_two(exponent - 1);
  memcpy(&grid->origin, &grid->shift, sizeof grid->origin);
  return 1;
}

static long double from_grid(const struct grid *grid) {
  long double sum = 0;
  memcpy(&sum, &grid->units, sizeof grid->units);
  memcpy((char *)&sum + sizeof grid->units, &grid->head, sizeof grid->head);
  return sum;
}

/* Units after a group in which some number lies halfway between two units. */
static uint64_t add_with_ties(const struct grid *grid, uint64_t units, const double *values) {
  const int is_negative = grid->head >> 15;
  for (int i = 0; i < GROUP; i++) {
    double rounded = values[i] + grid->shift, rest = values[i] - (rounded - grid->shift);
    uint64_t by;
    memcpy(&by, &rounded, sizeof by);
    by -= grid->origin;
    units += is_negative ? -by : by;
    /* The number was rounded to an even one. If the sum is odd, it must go to the other side. */
    uint64_t other_side = (rest > 0) != is_negative ? 1 : (uint64_t)-1;
    if (fabs(rest) == grid->half && (units & 1)) units += other_side;
  }
  return units;
}

/* Adds groups as long as that is possible. Returns how many numbers were added. */
static size_t add_groups(struct grid *grid, const double *values, size_t count) {
  const pair shift = {grid->shift, grid->shift}, half = {grid->half, grid->half};
  const bit_pair origin = {grid->origin, grid->origin};
  const bit_pair magnitude = {INT64_MAX, INT64_MAX};
  const int is_negative = grid->head >> 15;
  uint64_t units = grid->units;
  size_t at = 0;
  for (; count - at >= GROUP && units - SAFE_MIN <= SAFE_RANGE; at += GROUP) {
    bit_pair sum = {0, 0}, outside = {0, 0}, untied = {UINT64_MAX, UINT64_MAX};
    for (int i = 0; i < GROUP; i += 2) {
      pair value;
      memcpy(&value, values + at + i, sizeof value);
      pair rounded = value + shift, rest = value - (rounded - shift);
      sum += (bit_pair)rounded - origin;
      outside |= (bit_pair)rounded ^ origin;
      untied &= (bit_pair)((pair)((bit_pair)rest & magnitude) < half);
    }
    /* Sign and exponent of what was rounded differ from those of the shift if the number was too large or not finite.
     */
    if ((outside[0] | outside[1]) >> 52 != 0) break;
    uint64_t by = sum[0] + sum[1];
    if ((untied[0] & untied[1]) == 0) units = add_with_ties(grid, units, values + at);
    else units += is_negative ? -by : by;
  }
  grid->units = units;
  return at;
}

long double ufor_sum_doubles(long double sum, const double *values, size_t count, int skip_nan) {
  size_t patience = 1;
  while (count > 0) {
    struct grid grid;
    size_t done = to_grid(&grid, sum) ? add_groups(&grid, values, count) : 0;
    if (done > 0) sum = from_grid(&grid);
    patience = done > 0 ? 1 : patience < PATIENCE_MAX ? 2 * patience : PATIENCE_MAX;
    size_t next = count - done < patience * GROUP ? count - done : patience * GROUP;
    sum = add_some_in_order(sum, values + done, next, skip_nan);
    values += done + next;
    count -= done + next;
  }
  return sum;
}

#else

long double ufor_sum_doubles(long double sum, const double *values, size_t count, int skip_nan) {
  return add_some_in_order(sum, values, count, skip_nan);
}

#endif

size_t ufor_sum_integers(int64_t *sum, const int *values, size_t count) {
  int64_t total = 0;
  size_t missing = 0;
  for (size_t i = 0; i < count; i++) {
    int is_missing = values[i] == INT_MIN;
    missing += (size_t)is_missing;
    total += is_missing ? 0 : values[i];
  }
  *sum += total;
  return missing;
}
