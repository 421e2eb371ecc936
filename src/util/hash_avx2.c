/* hash_avx2.c - xxHash's own code, compiled for AVX2 under names of this file alone. The target is set here and not by
 * a compiler option, so that every build system can compile all files alike. */
#include "util/hash.h"

#ifdef __x86_64__
#include <immintrin.h> /* before the target is set: it has its own */
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC target("avx2")
#endif
#define XXH_VECTOR XXH_AVX2
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t ufo_hash_avx2(const void *bytes, size_t count) { return XXH3_64bits(bytes, count); }

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
