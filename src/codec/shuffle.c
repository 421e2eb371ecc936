/* With SSE2, 16 units of a power-of-two width W are W registers, and a byte's place among them is an index of
 * 4 + log2(W) bits. Interleaving the lower half of the registers with the upper half rotates that index by one bit:
 * four rotations carry (unit, byte) to (byte, unit), and log2(W) more carry it back. So both directions are the same
 * few lines with another number of rounds. What the blocks of 16 leave over, and every other width, takes the plain
 * loops.
 *
 * The sums that undo differences are a chain from each unit to the next. In registers it is one step for 16 units:
 * first the sums within each register, then within pairs, fours and all of them, then that of all before. */
#include "codec/shuffle.h"

#include "codec/delta.h"
#include "codec/unshuffle_avx2.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BLOCK_UNITS 16

/* Units first .. units - 1, by the definition. */
static inline void shuffle_plain(uint8_t *restrict target, const uint8_t *restrict source, size_t units, unsigned width,
                                 size_t first) {
  for (unsigned p = 0; p < width; p++)
    for (size_t u = first; u < units; u++) target[p * units + u] = source[u * width + p];
}

static inline void unshuffle_plain(uint8_t *restrict target, const uint8_t *restrict source, size_t units,
                                   unsigned width, size_t first) {
  for (size_t u = first; u < units; u++)
    for (unsigned p = 0; p < width; p++) target[u * width + p] = source[p * units + u];
}

#ifdef __SSE2__
static inline __attribute__((always_inline)) void interleave(__m128i *registers, unsigned width, unsigned rounds) {
  UNROLLED
  for (unsigned round = 0; round < rounds; round++) {
    __m128i next[16];
    UNROLLED
    for (unsigned i = 0; i < width / 2; i++) {
      next[2 * i] = _mm_unpacklo_epi8(registers[i], registers[i + width / 2]);
      next[2 * i + 1] = _mm_unpackhi_epi8(registers[i], registers[i + width / 2]);
    }
    UNROLLED
    for (unsigned i = 0; i < width; i++) registers[i] = next[i];
  }
}

/* Both return the number of units done, a multiple of 16. `width` is a constant where they are expanded. */
static inline __attribute__((always_inline)) size_t
shuffle_blocks(uint8_t *restrict target, const uint8_t *restrict source, size_t units, unsigned width) {
  __m128i registers[16];
  size_t u = 0;
  for (; u + BLOCK_UNITS <= units; u += BLOCK_UNITS) {
    const __m128i *from = (const __m128i *)(const void *)(source + u * width);
    UNROLLED
    for (unsigned i = 0; i < width; i++) registers[i] = _mm_loadu_si128(from + i);
    interleave(registers, width, 4);
    UNROLLED
    for (unsigned p = 0; p < width; p++) _mm_storeu_si128((__m128i *)(void *)(target + p * units + u), registers[p]);
  }
  return u;
}

static inline __attribute__((always_inline)) __m128i add(__m128i a, __m128i b, unsigned width) {
  return width == 8 ? _mm_add_epi64(a, b) : _mm_add_epi32(a, b);
}

/* The last unit, in every place. */
static inline __attribute__((always_inline)) __m128i last_of(__m128i a, unsigned width) {
  return width == 8 ? _mm_unpackhi_epi64(a, a) : _mm_shuffle_epi32(a, 0xFF);
}

/* As many registers as a unit has bytes. */
static inline __attribute__((always_inline)) void sum_up(__m128i *registers, unsigned width, __m128i *before) {
  UNROLLED
  for (unsigned i = 0; i < width; i++) {
    if (width == 4) registers[i] = add(registers[i], _mm_slli_si128(registers[i], 4), width);
    registers[i] = add(registers[i], _mm_slli_si128(registers[i], 8), width);
  }
  UNROLLED
  for (unsigned step = 1; step < width; step *= 2) {
    UNROLLED
    for (unsigned i = step; i < width; i++)
      if (i & step) registers[i] = add(registers[i], last_of(registers[(i & ~(step - 1)) - 1], width), width);
  }
  UNROLLED
  for (unsigned i = 0; i < width; i++) registers[i] = add(registers[i], *before, width);
  *before = last_of(registers[width - 1], width);
}

static inline __attribute__((always_inline)) size_t unshuffle_blocks(uint8_t *restrict target,
                                                                     const uint8_t *restrict source, size_t units,
                                                                     unsigned width, unsigned log2_width, int sums) {
  __m128i registers[16], before = _mm_setzero_si128();
  size_t u = 0;
  for (; u + BLOCK_UNITS <= units; u += BLOCK_UNITS) {
    UNROLLED
    for (unsigned p = 0; p < width; p++)
      registers[p] = _mm_loadu_si128((const __m128i *)(const void *)(source + p * units + u));
    interleave(registers, width, log2_width);
    if (sums) sum_up(registers, width, &before);
    __m128i *to = (__m128i *)(void *)(target + u * width);
    UNROLLED
    for (unsigned i = 0; i < width; i++) _mm_storeu_si128(to + i, registers[i]);
  }
  return u;
}
#endif

void ufo_shuffle(uint8_t *restrict target, const uint8_t *restrict source, size_t bytes, unsigned width) {
  size_t units = bytes / width, done = 0;
#ifdef __SSE2__
  switch (width) {
  case 2:
    done = shuffle_blocks(target, source, units, 2);
    break;
  case 4:
    done = shuffle_blocks(target, source, units, 4);
    break;
  case 8:
    done = shuffle_blocks(target, source, units, 8);
    break;
  case 16:
    done = shuffle_blocks(target, source, units, 16);
    break;
  default:
    break;
  }
#endif
  shuffle_plain(target, source, units, width, done);
  memcpy(target + units * width, source + units * width, bytes - units * width);
}

/* The units that were done; those that are left have their place behind them. */
static size_t unshuffle_fast(uint8_t *restrict target, const uint8_t *restrict source, size_t units, unsigned width,
                             int sums) {
#if defined(__x86_64__) && !defined(UFO_BASELINE)
  if ((width == 4 || width == 8) && __builtin_cpu_supports("avx2"))
    return ufo_unshuffle_avx2(target, source, units, width, sums);
#endif
#ifdef __SSE2__
  switch (width) {
  case 2:
    return unshuffle_blocks(target, source, units, 2, 1, 0);
  case 4:
    return sums ? unshuffle_blocks(target, source, units, 4, 2, 1) : unshuffle_blocks(target, source, units, 4, 2, 0);
  case 8:
    return sums ? unshuffle_blocks(target, source, units, 8, 3, 1) : unshuffle_blocks(target, source, units, 8, 3, 0);
  case 16:
    return unshuffle_blocks(target, source, units, 16, 4, 0);
  default:
    break;
  }
#endif
  (void)sums;
  return 0;
}

static size_t unshuffle(uint8_t *restrict target, const uint8_t *restrict source, size_t bytes, unsigned width,
                        int sums) {
  size_t units = bytes / width, done = unshuffle_fast(target, source, units, width, sums);
  unshuffle_plain(target, source, units, width, done);
  memcpy(target + units * width, source + units * width, bytes - units * width);
  return done;
}

void ufo_unshuffle(uint8_t *restrict target, const uint8_t *restrict source, size_t bytes, unsigned width) {
  unshuffle(target, source, bytes, width, 0);
}

void ufo_unshuffle_undelta(uint8_t *restrict target, const uint8_t *restrict source, size_t bytes, unsigned width) {
  ufo_undelta_from(target, bytes, width, unshuffle(target, source, bytes, width, 1));
}
