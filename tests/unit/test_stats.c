/* The statistics of a chunk agree with a plain loop over its values, special values included. */
#include "codec/stats.h"
#include "random.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

/* Once more, as it is on processors without AVX2. */
#define UFO_BASELINE
#define ufo_stats_of baseline_stats_of
ufo_chunk_stats baseline_stats_of(ufo_type type, const void *raw, uint32_t bytes);
#include "codec/stats.c"
#undef ufo_stats_of

enum { BOTH_ORDERS = UFO_STATS_ASCENDING | UFO_STATS_DESCENDING };

static ufo_chunk_stats of(ufo_type type, const void *values, uint32_t bytes) {
  ufo_chunk_stats stats = ufo_stats_of(type, values, bytes), baseline = baseline_stats_of(type, values, bytes);
  cr_assert_eq(stats.flags, baseline.flags, "flags %x, without AVX2 %x", stats.flags, baseline.flags);
  cr_assert_eq(stats.na_count, baseline.na_count);
  cr_assert(stats.min == baseline.min && stats.max == baseline.max);
  return stats;
}

static ufo_chunk_stats of_f64(const double *values, size_t n) {
  return of(UFO_DOUBLE, values, (uint32_t)(n * sizeof *values));
}

static ufo_chunk_stats of_i32(const int32_t *values, size_t n) {
  return of(UFO_INTEGER, values, (uint32_t)(n * sizeof *values));
}

Test(stats, agree_with_a_plain_loop, .timeout = 30) {
  static double values[400];
  static int32_t integers[400];
  uint64_t state = 21;
  for (int round = 0; round < 4000; round++) {
    size_t n = (size_t)random_below(&state, round % 2 ? 40 : 400);
    int with_na = round % 3 == 0, order = round % 5;
    uint32_t na = 0;
    double min = INFINITY, max = -INFINITY;
    int ascending = 1, descending = 1;
    for (size_t i = 0; i < n; i++) {
      int32_t v = (int32_t)random_below(&state, 2000) - 1000;
      if (order == 1) v = (int32_t)i / 3;
      if (order == 2) v = -(int32_t)i;
      if (order == 3) v = (int32_t)i + (i == n / 2 ? -2 : 0); /* one fall */
      if (with_na && random_below(&state, 50) == 0) v = INT32_MIN;
      integers[i] = v;
      values[i] = v == INT32_MIN ? NAN : v;
      na += v == INT32_MIN;
      if (v != INT32_MIN) min = fmin(min, v), max = fmax(max, v);
      if (i && integers[i] < integers[i - 1]) ascending = 0;
      if (i && integers[i] > integers[i - 1]) descending = 0;
    }
    for (int type = 0; type < 2; type++) {
      ufo_chunk_stats stats = type ? of_f64(values, n) : of_i32(integers, n);
      cr_assert(stats.flags & UFO_STATS_PRESENT);
      cr_assert_eq(stats.na_count, na);
      cr_assert_eq(!!(stats.flags & UFO_STATS_HAS_RANGE), na < n);
      if (na < n) cr_assert(stats.min == min && stats.max == max, "%g %g, not %g %g", stats.min, stats.max, min, max);
      cr_assert_eq(!!(stats.flags & UFO_STATS_ASCENDING), ascending && !na, "round %d", round);
      cr_assert_eq(!!(stats.flags & UFO_STATS_DESCENDING), descending && !na, "round %d", round);
    }
  }
}

Test(stats, special_doubles) {
  double all_na[] = {NAN, NAN, NAN};
  ufo_chunk_stats stats = of_f64(all_na, 3);
  cr_assert_eq(stats.flags, UFO_STATS_PRESENT);
  cr_assert_eq(stats.na_count, 3);

  double infinite[] = {-INFINITY, 0, INFINITY};
  stats = of_f64(infinite, 3);
  cr_assert_eq(stats.min, -INFINITY);
  cr_assert_eq(stats.max, INFINITY);
  cr_assert_eq(stats.flags, UFO_STATS_PRESENT | UFO_STATS_HAS_RANGE | UFO_STATS_ASCENDING);

  double zeros[] = {-0.0, 0.0, -0.0};
  stats = of_f64(zeros, 3);
  cr_assert_eq(stats.flags, UFO_STATS_PRESENT | UFO_STATS_HAS_RANGE | BOTH_ORDERS);
  cr_assert(!signbit(stats.min) && !signbit(stats.max), "zero is given as +0");

  double only_infinity[] = {INFINITY, NAN};
  stats = of_f64(only_infinity, 2);
  cr_assert(stats.min == INFINITY && stats.max == INFINITY);
}

Test(stats, special_integers) {
  int32_t all_na[] = {INT32_MIN, INT32_MIN};
  cr_assert_eq(of_i32(all_na, 2).flags, UFO_STATS_PRESENT);
  int32_t limits[] = {INT32_MAX, -INT32_MAX};
  ufo_chunk_stats stats = of_i32(limits, 2);
  cr_assert_eq(stats.min, -(double)INT32_MAX);
  cr_assert_eq(stats.max, (double)INT32_MAX);
  int32_t one[] = {INT32_MAX};
  stats = of_i32(one, 1);
  cr_assert_eq(stats.min, (double)INT32_MAX);
  cr_assert_eq(stats.flags, UFO_STATS_PRESENT | UFO_STATS_HAS_RANGE | BOTH_ORDERS);
}

Test(stats, other_types_and_broken_elements_have_none) {
  double values[] = {1, 2};
  cr_assert_eq(ufo_stats_of(UFO_COMPLEX, values, 16).flags, 0);
  cr_assert_eq(ufo_stats_of(UFO_RAW, values, 16).flags, 0);
  cr_assert_eq(ufo_stats_of(UFO_RECORD, values, 16).flags, 0);
  cr_assert_eq(ufo_stats_of(UFO_DOUBLE, values, 15).flags, 0);
  cr_assert_eq(ufo_stats_of(UFO_DOUBLE, values, 0).flags, UFO_STATS_PRESENT | BOTH_ORDERS);
}

/* Wherever among the lanes they are. */
Test(stats, special_values_at_every_place) {
  static const double special[] = {NAN, INFINITY, -INFINITY, -0.0, 3};
  double values[40];
  int32_t integers[40];
  for (size_t n = 1; n <= 40; n++)
    for (size_t place = 0; place < n; place++)
      for (int kind = 0; kind < 5; kind++) {
        for (size_t i = 0; i < n; i++) values[i] = integers[i] = 2;
        values[place] = special[kind];
        integers[place] = kind == 0 ? INT32_MIN : kind == 1 ? INT32_MAX : kind == 2 ? INT32_MIN + 1 : kind;
        ufo_chunk_stats stats = of_f64(values, n);
        cr_assert_eq(stats.na_count, kind == 0);
        if (kind > 0) cr_assert(stats.min == fmin(special[kind], n > 1 ? 2 : special[kind]));
        stats = of_i32(integers, n);
        cr_assert_eq(stats.na_count, kind == 0);
        if (kind > 0) cr_assert(stats.max == fmax(integers[place], n > 1 ? 2 : integers[place]));
      }
}

Test(stats, need_no_alignment) {
  uint8_t bytes[8 * 20 + 1];
  for (int i = 0; i < 20; i++) {
    double value = i;
    memcpy(bytes + 1 + 8 * i, &value, sizeof value);
  }
  ufo_chunk_stats stats = of(UFO_DOUBLE, bytes + 1, 160);
  cr_assert(stats.min == 0 && stats.max == 19 && (stats.flags & UFO_STATS_ASCENDING));
  of(UFO_INTEGER, bytes + 1, 160);
}
