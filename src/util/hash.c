/* hash.c - see hash.h. On ARM the library's own code uses NEON already. */
#include "util/hash.h"

#include <xxhash.h>

uint64_t ufo_hash(const void *bytes, size_t count) {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) return ufo_hash_avx2(bytes, count);
#endif
  return XXH3_64bits(bytes, count);
}
