/* hash_avx2.c - xxhash.h once more, compiled into this file alone, for AVX2. The compiler ends each function by
 * clearing the upper halves of the registers (vzeroupper): where they are left behind, code for SSE runs at a third of
 * its speed, as it did after libxxhash's own XXH3_64bits_dispatch. */
#include "util/hash_avx2.h"

#if UFO_HASH_AVX2

#include <immintrin.h> /* before the pragma, or clang would not know its types */

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC target("avx2")
#endif

#define XXH_INLINE_ALL
#define XXH_VECTOR 2 /* XXH_AVX2 */
#include <xxhash.h>

uint64_t ufo_hash_avx2(const void *bytes, size_t count) { return XXH3_64bits(bytes, count); }

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
