/* checked.h - arithmetic on sizes and offsets that reports overflow instead of wrapping.
 * All operands are uint64_t; a true result means that the sum or product did not fit and *out is unspecified. */
#ifndef UFO_UTIL_CHECKED_H
#define UFO_UTIL_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

static inline bool ufo_add_overflows(uint64_t a, uint64_t b, uint64_t *out) {
  return __builtin_add_overflow(a, b, out);
}
static inline bool ufo_mul_overflows(uint64_t a, uint64_t b, uint64_t *out) {
  return __builtin_mul_overflow(a, b, out);
}

/* `value` rounded up to a multiple of `unit`, which need not be a power of two; true if it does not fit. */
static inline bool ufo_round_up_overflows(uint64_t value, uint64_t unit, uint64_t *out) {
  uint64_t rest = value % unit;
  return ufo_add_overflows(value, rest ? unit - rest : 0, out);
}

/* The next size in bytes of memory that grows by doubling, from `size` to `more` beyond it at least, and `extra` so
 * that small ones grow fast; true if it is no size_t. */
static inline bool ufo_grow_overflows(uint64_t size, uint64_t more, uint64_t extra, uint64_t *out) {
  return ufo_mul_overflows(size, 2, out) || ufo_add_overflows(*out, more, out) || ufo_add_overflows(*out, extra, out) ||
         *out > SIZE_MAX;
}

/* Whole units needed for `value`; never overflows. */
static inline uint64_t ufo_div_up(uint64_t value, uint64_t unit) { return value / unit + (value % unit != 0); }

/* Is [first, first + count) inside [0, length)? */
static inline bool ufo_range_inside(uint64_t first, uint64_t count, uint64_t length) {
  return first <= length && count <= length - first;
}

static inline uint64_t ufo_min(uint64_t a, uint64_t b) { return a < b ? a : b; }
static inline uint64_t ufo_max(uint64_t a, uint64_t b) { return a > b ? a : b; }
static inline bool ufo_is_power_of_two(uint64_t value) { return value && !(value & (value - 1)); }

#endif
