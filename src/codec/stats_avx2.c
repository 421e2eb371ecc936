/* stats_avx2.c - as stats.c does it. The second operand of a minimum or maximum of doubles is the result if one of them
 * is NaN, so a value that is NaN leaves what was there. */
#include "codec/stats_avx2.h"

#ifdef __x86_64__
#include <immintrin.h>
#include <math.h>
#include <stdint.h>

#define FOR_AVX2 __attribute__((target("avx2")))

enum { F64_LANES = 4, I32_LANES = 8 };

/* Two rows of lanes, or each minimum would wait for the one before. */
FOR_AVX2 ufo_stats_part ufo_stats_f64_avx2(const void *values, size_t n) {
  const double *at = values;
  __m256d min[2], max[2], falls = _mm256_setzero_pd(), rises = falls;
  __m256i na = _mm256_setzero_si256();
  min[0] = min[1] = _mm256_set1_pd(INFINITY);
  max[0] = max[1] = _mm256_set1_pd(-INFINITY);
  size_t i = 0;
  for (; i + 2 * F64_LANES < n; i += 2 * F64_LANES) {
    for (int row = 0; row < 2; row++) {
      __m256d value = _mm256_loadu_pd(at + i + row * F64_LANES), next = _mm256_loadu_pd(at + i + row * F64_LANES + 1);
      min[row] = _mm256_min_pd(value, min[row]);
      max[row] = _mm256_max_pd(value, max[row]);
      na = _mm256_sub_epi64(na, _mm256_castpd_si256(_mm256_cmp_pd(value, value, _CMP_UNORD_Q)));
      falls = _mm256_or_pd(falls, _mm256_cmp_pd(next, value, _CMP_LT_OQ));
      rises = _mm256_or_pd(rises, _mm256_cmp_pd(next, value, _CMP_GT_OQ));
    }
  }
  double least[F64_LANES], greatest[F64_LANES];
  uint64_t missing[F64_LANES];
  _mm256_storeu_pd(least, _mm256_min_pd(min[0], min[1]));
  _mm256_storeu_pd(greatest, _mm256_max_pd(max[0], max[1]));
  _mm256_storeu_si256((__m256i *)(void *)missing, na);
  ufo_stats_part part = {.count = i, .min = INFINITY, .max = -INFINITY};
  for (int lane = 0; lane < F64_LANES; lane++) {
    part.min = least[lane] < part.min ? least[lane] : part.min;
    part.max = greatest[lane] > part.max ? greatest[lane] : part.max;
    part.na += missing[lane];
  }
  part.falls = _mm256_movemask_pd(falls) != 0;
  part.rises = _mm256_movemask_pd(rises) != 0;
  return part;
}

/* NA is the least integer, which would always be the minimum: so it is counted as the greatest there. */
FOR_AVX2 ufo_stats_part ufo_stats_i32_avx2(const void *values, size_t n) {
  const int32_t *at = values;
  const __m256i na_value = _mm256_set1_epi32(INT32_MIN);
  __m256i min = _mm256_set1_epi32(INT32_MAX), max = na_value, na = _mm256_setzero_si256(), falls = na, rises = na;
  size_t i = 0;
  for (; i + I32_LANES < n; i += I32_LANES) {
    __m256i value = _mm256_loadu_si256((const __m256i *)(const void *)(at + i));
    __m256i next = _mm256_loadu_si256((const __m256i *)(const void *)(at + i + 1));
    __m256i is_na = _mm256_cmpeq_epi32(value, na_value);
    na = _mm256_sub_epi32(na, is_na);
    max = _mm256_max_epi32(max, value);
    min = _mm256_min_epi32(min, _mm256_xor_si256(value, is_na)); /* the bits of the least, turned, are the greatest */
    falls = _mm256_or_si256(falls, _mm256_cmpgt_epi32(value, next));
    rises = _mm256_or_si256(rises, _mm256_cmpgt_epi32(next, value));
  }
  int32_t least[I32_LANES], greatest[I32_LANES];
  uint32_t missing[I32_LANES];
  _mm256_storeu_si256((__m256i *)(void *)least, min);
  _mm256_storeu_si256((__m256i *)(void *)greatest, max);
  _mm256_storeu_si256((__m256i *)(void *)missing, na);
  ufo_stats_part part = {.count = i, .min = INFINITY, .max = -INFINITY};
  for (int lane = 0; lane < I32_LANES; lane++) {
    part.min = least[lane] < part.min ? least[lane] : part.min;
    part.max = greatest[lane] > part.max ? greatest[lane] : part.max;
    part.na += missing[lane];
  }
  part.falls = _mm256_movemask_epi8(falls) != 0;
  part.rises = _mm256_movemask_epi8(rises) != 0;
  return part;
}
#endif
