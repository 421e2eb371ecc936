/* test_hash.c - the checksum is XXH3-64, whichever way it is computed. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <xxhash.h>

#include "random.h"
#include "util/hash.h"
#include "util/hash_avx2.h"

enum { BYTES = 1 << 16, SHORT = 2200 }; /* more than the block of 1,024 bytes that xxHash works in */

Test(hash, is_that_of_the_library_for_every_length_and_alignment) {
  uint8_t *bytes = malloc(BYTES + 64);
  cr_assert(bytes);
  uint64_t random = 7;
  random_fill(&random, bytes, BYTES + 64);
  for (size_t count = 0; count <= SHORT; count++)
    cr_assert_eq(ufo_hash(bytes + count % 64, count), XXH3_64bits(bytes + count % 64, count), "%zu bytes", count);
  for (size_t offset = 0; offset < 64; offset++)
    cr_assert_eq(ufo_hash(bytes + offset, BYTES), XXH3_64bits(bytes + offset, BYTES), "at %zu", offset);
#if UFO_HASH_AVX2
  if (__builtin_cpu_supports("avx2")) cr_assert_eq(ufo_hash_avx2(bytes, BYTES), XXH3_64bits(bytes, BYTES));
#endif
  free(bytes);
}
