/* Written so that compilers make vector code of it: no branches in the loops, and for doubles, whose minimum a compiler
 * may not reorder by itself, a few independent lanes. A comparison with NaN is false, so NaN never becomes a minimum or
 * maximum, and never counts as out of order; it is counted as NA, and any NA withdraws the claims of order at the end.
 */
#include "codec/stats.h"

#include "codec/stats_avx2.h"

#include <math.h>
#include <string.h>

#define LANES 8

/* Loads from any address; may_alias since the chunk's bytes have no declared type. */
typedef int32_t loose_i32 __attribute__((aligned(1), may_alias));
typedef double loose_f64 __attribute__((aligned(1), may_alias));

/* Of as many as the processor does by itself: none, without AVX2. */
static ufo_stats_part begin(bool doubles, const void *values, size_t n) {
#if defined(__x86_64__) && !defined(UFO_BASELINE)
  if (__builtin_cpu_supports("avx2")) return doubles ? ufo_stats_f64_avx2(values, n) : ufo_stats_i32_avx2(values, n);
#endif
  (void)values, (void)n;
  /* Both in double: INFINITY is a float, which INT32_MAX would become, too, and then be too great for an integer. */
  ufo_stats_part none = {.min = doubles ? (double)INFINITY : (double)INT32_MAX,
                         .max = doubles ? -(double)INFINITY : (double)INT32_MIN};
  return none;
}

static ufo_chunk_stats stats_of_i32(const loose_i32 *values, size_t n) {
  ufo_chunk_stats stats = {.flags = UFO_STATS_PRESENT};
  ufo_stats_part part = begin(false, values, n);
  int32_t min = (int32_t)part.min, max = (int32_t)part.max; /* NA is INT32_MIN, so it never raises the maximum */
  uint32_t na = (uint32_t)part.na, falls = part.falls, rises = part.rises;
  for (size_t i = part.count; i < n; i++) {
    int32_t value = values[i];
    int32_t low = value == INT32_MIN ? INT32_MAX : value;
    na += value == INT32_MIN;
    min = low < min ? low : min;
    max = value > max ? value : max;
  }
  for (size_t i = part.count + 1; i < n; i++) {
    falls |= values[i] < values[i - 1];
    rises |= values[i] > values[i - 1];
  }
  stats.na_count = na;
  if (na < n) {
    stats.flags |= UFO_STATS_HAS_RANGE;
    stats.min = min;
    stats.max = max;
  }
  if (!na && !falls) stats.flags |= UFO_STATS_ASCENDING;
  if (!na && !rises) stats.flags |= UFO_STATS_DESCENDING;
  return stats;
}

static ufo_chunk_stats stats_of_f64(const loose_f64 *values, size_t n) {
  ufo_chunk_stats stats = {.flags = UFO_STATS_PRESENT};
  double min[LANES], max[LANES];
  uint64_t na[LANES] = {0}, falls[LANES] = {0}, rises[LANES] = {0};
  for (int lane = 0; lane < LANES; lane++) min[lane] = INFINITY, max[lane] = -INFINITY;
  ufo_stats_part part = begin(true, values, n);
  min[0] = part.min, max[0] = part.max, na[0] = part.na, falls[0] = part.falls, rises[0] = part.rises;
  size_t i = part.count;
  /* One element beyond the block is read, for the comparison with the next neighbour. */
  for (; i + LANES < n; i += LANES)
    for (int lane = 0; lane < LANES; lane++) {
      double value = values[i + lane], next = values[i + lane + 1];
      na[lane] += value != value;
      min[lane] = value < min[lane] ? value : min[lane];
      max[lane] = value > max[lane] ? value : max[lane];
      falls[lane] |= next < value;
      rises[lane] |= next > value;
    }
  for (; i < n; i++) {
    double value = values[i], next = i + 1 < n ? values[i + 1] : value;
    na[0] += value != value;
    min[0] = value < min[0] ? value : min[0];
    max[0] = value > max[0] ? value : max[0];
    falls[0] |= next < value;
    rises[0] |= next > value;
  }
  for (int lane = 1; lane < LANES; lane++) {
    na[0] += na[lane];
    min[0] = min[lane] < min[0] ? min[lane] : min[0];
    max[0] = max[lane] > max[0] ? max[lane] : max[0];
    falls[0] |= falls[lane];
    rises[0] |= rises[lane];
  }
  stats.na_count = (uint32_t)na[0];
  if (na[0] < n) {
    stats.flags |= UFO_STATS_HAS_RANGE;
    stats.min = min[0] + 0.0; /* -0 becomes +0, so that the record does not depend on the order of lanes */
    stats.max = max[0] + 0.0;
  }
  if (!na[0] && !falls[0]) stats.flags |= UFO_STATS_ASCENDING;
  if (!na[0] && !rises[0]) stats.flags |= UFO_STATS_DESCENDING;
  return stats;
}

ufo_chunk_stats ufo_stats_of(ufo_type type, const void *raw, uint32_t bytes) {
  switch (type) {
  case UFO_LOGICAL:
  case UFO_INTEGER:
    if (bytes % sizeof(int32_t) == 0) return stats_of_i32(raw, bytes / sizeof(int32_t));
    break;
  case UFO_DOUBLE:
    if (bytes % sizeof(double) == 0) return stats_of_f64(raw, bytes / sizeof(double));
    break;
  default:
    break;
  }
  return (ufo_chunk_stats){0};
}
