/* Written so that compilers make vector code of it: no branches in the loops, and for doubles, whose minimum a compiler
 * may not reorder by itself, a few independent lanes. A comparison with NaN is false, so NaN never becomes a minimum or
 * maximum, and never counts as out of order; it is counted as NA, and any NA withdraws the claims of order at the end.
 */
#include "codec/stats.h"

#include <math.h>
#include <string.h>

#define LANES 8

/* Loads from any address; may_alias since the chunk's bytes have no declared type. */
typedef int32_t loose_i32 __attribute__((aligned(1), may_alias));
typedef double loose_f64 __attribute__((aligned(1), may_alias));

static ufo_chunk_stats stats_of_i32(const loose_i32 *values, size_t n) {
  ufo_chunk_stats stats = {.flags = UFO_STATS_PRESENT};
  int32_t min = INT32_MAX, max = INT32_MIN; /* NA is INT32_MIN, so it never raises the maximum */
  uint32_t na = 0, falls = 0, rises = 0;
  for (size_t i = 0; i < n; i++) {
    int32_t value = values[i];
    int32_t low = value == INT32_MIN ? INT32_MAX : value;
    na += value == INT32_MIN;
    min = low < min ? low : min;
    max = value > max ? value : max;
  }
  for (size_t i = 1; i < n; i++) {
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
  size_t i = 0;
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
