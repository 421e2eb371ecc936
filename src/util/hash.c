#include "util/hash.h"

#include <xxhash.h>

#include "util/hash_avx2.h"

uint64_t ufo_hash(const void *bytes, size_t count) {
#if UFO_HASH_AVX2
  if (__builtin_cpu_supports("avx2")) return ufo_hash_avx2(bytes, count);
#endif
  return XXH3_64bits(bytes, count);
}
