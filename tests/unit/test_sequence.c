/* Arithmetic sequences: exact values at any place, and refusal of what does not fit. */
#include "region_kit.h"

#include <math.h>

static ufo_region *integers(ufo_pool *pool, int64_t from, int64_t by, uint64_t count) {
  ufo_source source;
  OK(ufo_sequence_integer(from, by, count, &source, &error));
  return new_region(pool, 4, count, 0, UFO_ACCESS_READ_ONLY, source);
}

Test(sequence, integers_up_down_and_constant, .timeout = 60) {
  ufo_pool *pool = new_pool(1 << 20);
  static const struct {
    int64_t from, by;
    uint64_t count;
  } cases[] = {{1, 1, 100000},    {-50, 7, 100001},          {INT32_MAX, -1, 70000}, {INT32_MAX, -4294967294, 2},
               {0, INT64_MIN, 1}, {INT32_MIN + 1, 1, 50000}, {5, 0, 100000},         {3, 3, 1},
               {9, 9, 0}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    ufo_region *region = integers(pool, cases[c].from, cases[c].by, cases[c].count);
    const int32_t *x = ufo_region_body(region);
    int64_t expected = cases[c].from;
    for (uint64_t i = 0; i < cases[c].count; i++) {
      cr_assert_eq(x[i], expected);
      if (i + 1 < cases[c].count) expected += cases[c].by;
    }
    ufo_region_release(region);
  }
  /* More elements than an int can count. */
  ufo_region *region = integers(pool, -2000000000, 1, 4000000000);
  const int32_t *x = ufo_region_body(region);
  for (uint64_t i = 0; i < 4000000000; i += 9999991) cr_assert_eq(x[i], -2000000000 + (int64_t)i);
  cr_assert_eq(x[3999999999], 1999999999);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

Test(sequence, integers_that_do_not_fit_are_refused, .timeout = 30) {
  ufo_source source;
  FAILS(UFO_USAGE, ufo_sequence_integer(INT32_MAX, 1, 2, &source, &error));
  FAILS(UFO_USAGE, ufo_sequence_integer(INT32_MIN, 1, 2, &source, &error)); /* R's NA */
  FAILS(UFO_USAGE, ufo_sequence_integer(0, -1, (uint64_t)1 << 31 | 1, &source, &error));
  FAILS(UFO_USAGE, ufo_sequence_integer(INT64_MAX, INT64_MAX, 3, &source, &error));
  FAILS(UFO_USAGE, ufo_sequence_integer(0, INT64_MAX, UINT64_MAX, &source, &error));
  FAILS(UFO_USAGE, ufo_sequence_integer(0, INT64_MIN, UINT64_MAX, &source, &error));
  FAILS(UFO_USAGE, ufo_sequence_integer(-1, INT64_MAX / 2 + 1, 3, &source, &error));
  FAILS(UFO_USAGE, ufo_sequence_integer(1, 1, UINT64_MAX, &source, &error));
  OK(ufo_sequence_integer(0, -1, (uint64_t)1 << 31, &source, &error)); /* ends at -2^31 + 1 */
  source.destroy(source.user);
}

Test(sequence, a_region_longer_than_its_sequence_fails, .timeout = 30) {
  ufo_pool *pool = new_pool(1 << 20);
  ufo_source source;
  OK(ufo_sequence_integer(1, 1, 1000, &source, &error));
  ufo_region *region = new_region(pool, 4, 3000, 1024, UFO_ACCESS_READ_ONLY, source);
  FAILS(UFO_USAGE, ufo_guarded(region, touch_read, (int32_t *)ufo_region_body(region) + 2000, NULL, &error));
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

Test(sequence, doubles_are_rounded_once, .timeout = 60) {
  ufo_pool *pool = new_pool(1 << 20);
  static const double cases[][2] = {{0, 0.1},         {1, 1.0 / 3},  {-7.25, -0.3}, {1e300, 1e290}, {0.1, 0},
                                    {5e-324, 5e-324}, {-0.0, -1e-3}, {1e16, 0.7},   {3, -1e-17}};
  const uint64_t count = (uint64_t)1 << 40;
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    double from = cases[c][0], by = cases[c][1];
    ufo_source source;
    OK(ufo_sequence_double(from, by, &source, &error));
    ufo_region *region = new_region(pool, 8, count, 0, UFO_ACCESS_READ_ONLY, source);
    const double *x = ufo_region_body(region);
    uint64_t state = 42 + c;
    for (int round = 0; round < 300; round++) {
      uint64_t i = next_random(&state) % count >> next_random(&state) % 40;
      cr_assert_eq(x[i], fma((double)i, by, from));
    }
    cr_assert_eq(x[0], from);
    ufo_region_release(region);
  }
  /* A place where rounding the product first gives another number: 3 * 0.1 - 0.3 is not 0 exactly. */
  ufo_source source;
  OK(ufo_sequence_double(-0.3, 0.1, &source, &error));
  ufo_region *region = new_region(pool, 8, 10, 0, UFO_ACCESS_READ_ONLY, source);
  double third = ((double *)ufo_region_body(region))[3];
  cr_assert_eq(third, 0x1p-55, "%a", third); /* rounded twice it would be 0x1p-54 */
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}
