/* The hash of chunks is XXH3-64, whatever code computes it. */
#include "random.h"
#include "util/hash.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <xxhash.h>

#define LONGEST 70000

Test(hash, is_that_of_the_library_at_every_length, .timeout = 60) {
  uint8_t *bytes = malloc(LONGEST + 64);
  uint64_t state = 21;
  random_fill(&state, bytes, LONGEST + 64);
  for (size_t n = 0; n < 5000; n++)
    cr_assert_eq(ufo_hash(bytes + n % 64, n), XXH3_64bits(bytes + n % 64, n), "%zu bytes", n);
  for (size_t n = 5000; n <= LONGEST; n += 97) cr_assert_eq(ufo_hash(bytes, n), XXH3_64bits(bytes, n), "%zu bytes", n);
  free(bytes);
}

/* Of store-format/FORMAT.md, section 2. */
Test(hash, has_the_values_that_the_format_states) {
  static const uint8_t zeros[1024];
  cr_assert_eq(ufo_hash(NULL, 0), UINT64_C(0x2d06800538d394c2));
  cr_assert_eq(ufo_hash("abc", 3), UINT64_C(0x78af5f94892f3950));
  cr_assert_eq(ufo_hash(zeros, sizeof zeros), UINT64_C(0xde5f15ab6daf7941));
}
