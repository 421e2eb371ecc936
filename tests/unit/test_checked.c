/* The helpers at 0, 1, the largest value, and one past it. */
#include "util/checked.h"

#include <criterion/criterion.h>

Test(checked, add) {
  uint64_t out;
  cr_assert(!ufo_add_overflows(0, 0, &out) && out == 0);
  cr_assert(!ufo_add_overflows(UINT64_MAX, 0, &out) && out == UINT64_MAX);
  cr_assert(!ufo_add_overflows(UINT64_MAX - 1, 1, &out) && out == UINT64_MAX);
  cr_assert(ufo_add_overflows(UINT64_MAX, 1, &out));
  cr_assert(ufo_add_overflows(UINT64_MAX, UINT64_MAX, &out));
}

Test(checked, mul) {
  uint64_t out;
  cr_assert(!ufo_mul_overflows(0, UINT64_MAX, &out) && out == 0);
  cr_assert(!ufo_mul_overflows(1, UINT64_MAX, &out) && out == UINT64_MAX);
  cr_assert(!ufo_mul_overflows(UINT32_MAX, UINT32_MAX, &out) && out == UINT64_C(0xFFFFFFFE00000001));
  cr_assert(ufo_mul_overflows(UINT64_C(1) << 32, UINT64_C(1) << 32, &out));
  cr_assert(ufo_mul_overflows(2, UINT64_C(1) << 63, &out));
}

Test(checked, round_up) {
  uint64_t out;
  cr_assert(!ufo_round_up_overflows(0, 4096, &out) && out == 0);
  cr_assert(!ufo_round_up_overflows(1, 4096, &out) && out == 4096);
  cr_assert(!ufo_round_up_overflows(4096, 4096, &out) && out == 4096);
  cr_assert(!ufo_round_up_overflows(4097, 4096, &out) && out == 8192);
  cr_assert(!ufo_round_up_overflows(10, 3, &out) && out == 12);
  cr_assert(!ufo_round_up_overflows(UINT64_MAX - 4095, 4096, &out) && out == UINT64_MAX - 4095);
  cr_assert(ufo_round_up_overflows(UINT64_MAX - 4094, 4096, &out));
  cr_assert(!ufo_round_up_overflows(UINT64_MAX, 1, &out) && out == UINT64_MAX);
}

Test(checked, div_up) {
  cr_assert_eq(ufo_div_up(0, 7), 0);
  cr_assert_eq(ufo_div_up(1, 7), 1);
  cr_assert_eq(ufo_div_up(7, 7), 1);
  cr_assert_eq(ufo_div_up(8, 7), 2);
  cr_assert_eq(ufo_div_up(UINT64_MAX, 1), UINT64_MAX);
  cr_assert_eq(ufo_div_up(UINT64_MAX, UINT64_MAX), 1);
  cr_assert_eq(ufo_div_up(UINT64_MAX, 2), UINT64_C(1) << 63);
}

Test(checked, range_inside) {
  cr_assert(ufo_range_inside(0, 0, 0));
  cr_assert(ufo_range_inside(5, 0, 5));
  cr_assert(ufo_range_inside(0, 5, 5));
  cr_assert_not(ufo_range_inside(1, 5, 5));
  cr_assert_not(ufo_range_inside(6, 0, 5));
  cr_assert_not(ufo_range_inside(UINT64_MAX, UINT64_MAX, 5));
  cr_assert_not(ufo_range_inside(1, UINT64_MAX, UINT64_MAX));
  cr_assert(ufo_range_inside(0, UINT64_MAX, UINT64_MAX));
}

Test(checked, small_helpers) {
  cr_assert_eq(ufo_min(1, UINT64_MAX), 1);
  cr_assert_eq(ufo_max(1, UINT64_MAX), UINT64_MAX);
  cr_assert_not(ufo_is_power_of_two(0));
  cr_assert(ufo_is_power_of_two(1));
  cr_assert_not(ufo_is_power_of_two(3));
  cr_assert(ufo_is_power_of_two(UINT64_C(1) << 63));
  cr_assert_not(ufo_is_power_of_two(UINT64_MAX));
}

Test(checked, memory_that_grows) {
  uint64_t out;
  cr_assert(!ufo_grow_overflows(0, 5, 1024, &out) && out == 1029);
  cr_assert(!ufo_grow_overflows(1000, 5000, 24, &out) && out == 7024);
  cr_assert(!ufo_grow_overflows(SIZE_MAX / 2, 1, 0, &out) && out == SIZE_MAX);
  cr_assert(ufo_grow_overflows(SIZE_MAX / 2, 1, 1, &out));
  cr_assert(ufo_grow_overflows(SIZE_MAX / 2, 2, 0, &out));
  cr_assert(ufo_grow_overflows(SIZE_MAX / 2 + 1, 0, 0, &out));
  cr_assert(ufo_grow_overflows(0, SIZE_MAX, 1, &out));
}
