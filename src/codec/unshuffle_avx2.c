/* unshuffle_avx2.c - as shuffle.c does it, in both halves of wider registers: the lower ones hold 16 units, the upper
 * ones the 16 behind them. */
#include "codec/unshuffle_avx2.h"

#ifdef __x86_64__
#include <immintrin.h>

#define FOR_AVX2 static inline __attribute__((always_inline, target("avx2")))

enum { BLOCK_UNITS = 32, WIDTH_MAX = 8 };

FOR_AVX2 void interleave(__m256i *registers, unsigned width, unsigned rounds) {
  UNROLLED
  for (unsigned round = 0; round < rounds; round++) {
    __m256i next[WIDTH_MAX];
    UNROLLED
    for (unsigned i = 0; i < width / 2; i++) {
      next[2 * i] = _mm256_unpacklo_epi8(registers[i], registers[i + width / 2]);
      next[2 * i + 1] = _mm256_unpackhi_epi8(registers[i], registers[i + width / 2]);
    }
    UNROLLED
    for (unsigned i = 0; i < width; i++) registers[i] = next[i];
  }
}

FOR_AVX2 __m256i add(__m256i a, __m256i b, unsigned width) {
  return width == 8 ? _mm256_add_epi64(a, b) : _mm256_add_epi32(a, b);
}

/* The last unit of each half, in every place of it. */
FOR_AVX2 __m256i last_of(__m256i a, unsigned width) {
  return width == 8 ? _mm256_unpackhi_epi64(a, a) : _mm256_shuffle_epi32(a, 0xFF);
}

/* Each half for itself first; then the upper one is behind the lower one, and both are behind all before. */
FOR_AVX2 void sum_up(__m256i *registers, unsigned width, __m256i *before) {
  UNROLLED
  for (unsigned i = 0; i < width; i++) {
    if (width == 4) registers[i] = add(registers[i], _mm256_slli_si256(registers[i], 4), width);
    registers[i] = add(registers[i], _mm256_slli_si256(registers[i], 8), width);
  }
  UNROLLED
  for (unsigned step = 1; step < width; step *= 2) {
    UNROLLED
    for (unsigned i = step; i < width; i++)
      if (i & step) registers[i] = add(registers[i], last_of(registers[(i & ~(step - 1)) - 1], width), width);
  }
  __m256i last = last_of(registers[width - 1], width);
  __m256i offset = add(*before, _mm256_permute2x128_si256(last, last, 0x08), width);
  UNROLLED
  for (unsigned i = 0; i < width; i++) registers[i] = add(registers[i], offset, width);
  *before = add(*before, add(last, _mm256_permute2x128_si256(last, last, 0x01), width), width);
}

FOR_AVX2 size_t blocks(uint8_t *restrict target, const uint8_t *restrict source, size_t units, unsigned width,
                       unsigned log2_width, bool sums) {
  __m256i registers[WIDTH_MAX], before = _mm256_setzero_si256();
  size_t u = 0;
  for (; u + BLOCK_UNITS <= units; u += BLOCK_UNITS) {
    UNROLLED
    for (unsigned p = 0; p < width; p++)
      registers[p] = _mm256_loadu_si256((const __m256i *)(const void *)(source + p * units + u));
    interleave(registers, width, log2_width);
    if (sums) sum_up(registers, width, &before);
    __m128i *lower = (__m128i *)(void *)(target + u * width), *upper = lower + width;
    UNROLLED
    for (unsigned i = 0; i < width; i++) {
      _mm_storeu_si128(lower + i, _mm256_castsi256_si128(registers[i]));
      _mm_storeu_si128(upper + i, _mm256_extracti128_si256(registers[i], 1));
    }
  }
  return u;
}

__attribute__((target("avx2"))) size_t ufo_unshuffle_avx2(uint8_t *restrict target, const uint8_t *restrict source,
                                                          size_t units, unsigned width, bool sums) {
  if (width == 4) return sums ? blocks(target, source, units, 4, 2, true) : blocks(target, source, units, 4, 2, false);
  return sums ? blocks(target, source, units, 8, 3, true) : blocks(target, source, units, 8, 3, false);
}
#endif
