/* unshuffle_avx2.h - 32 units at a time, for processors that have AVX2. */
#ifndef UFO_CODEC_UNSHUFFLE_AVX2_H
#define UFO_CODEC_UNSHUFFLE_AVX2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __x86_64__
/* As ufo_unshuffle or, with `sums`, ufo_unshuffle_undelta, for width 4 or 8: of the first units, as many as are
 * returned, a multiple of 32. */
size_t ufo_unshuffle_avx2(uint8_t *restrict target, const uint8_t *restrict source, size_t units, unsigned width,
                          bool sums);
#endif

/* The loops over registers must be unrolled, or the registers are an array in memory; gcc does so only from -O3 on. */
#ifdef __clang__
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 16")
#endif

#endif
