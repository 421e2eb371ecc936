/* hash_avx2.h - XXH3-64 for processors with AVX2, for hash.c alone. */
#ifndef UFO_UTIL_HASH_AVX2_H
#define UFO_UTIL_HASH_AVX2_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#define UFO_HASH_AVX2 1
/* Only where __builtin_cpu_supports("avx2"). */
uint64_t ufo_hash_avx2(const void *bytes, size_t count);
#else
#define UFO_HASH_AVX2 0
#endif

#endif
