/* sequence - memory that is computed when it is touched: arithmetic sequences longer than any memory, in four pages.
 *
 *   sequence
 *
 * Prints what it did; exits non-zero if a single element differs from the same formula computed directly. */
#include <inttypes.h>
#include <stdio.h>
#include <ufostore/ufostore.h>

static int fail(const char *what, const ufo_error *error) {
  fprintf(stderr, "sequence: %s: %s\n", what, error->message);
  return 1;
}

/* A region of `count` elements over a source that ufo_sequence_... has prepared. From here on the region owns it. */
static ufo_region *make(ufo_pool *pool, uint64_t element_bytes, uint64_t count, ufo_source source, ufo_error *error) {
  ufo_region_options options = {.struct_size = sizeof options,
                                .element_bytes = element_bytes,
                                .count = count,
                                .access = UFO_ACCESS_READ_ONLY,
                                .source = source};
  ufo_region *region = NULL;
  if (ufo_region_create(pool, &options, &region, error) != UFO_OK) source.destroy(source.user);
  return region;
}

int main(void) {
  ufo_error error;
  ufo_pool *pool;
  /* A megabyte at most is in memory, whatever the length of the sequences. */
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = 1 << 20};
  if (ufo_pool_create(&options, &pool, &error) != UFO_OK) return fail("cannot create a pool", &error);

  /* Every seventh integer, downwards: 2000000000, 1999999993, ... */
  const uint64_t few = 500000000;
  ufo_source source;
  if (ufo_sequence_integer(2000000000, -7, few, &source, &error) != UFO_OK) return fail("integers", &error);
  ufo_region *integers = make(pool, sizeof(int32_t), few, source, &error);
  if (!integers) return fail("integers", &error);
  const int32_t *k = ufo_region_body(integers);
  uint64_t wrong = 0, looked = 0;
  for (uint64_t i = 0; i < few; i += 99991, looked++) wrong += k[i] != 2000000000 - 7 * (int64_t)i;

  /* A thousand billion doubles in steps of a quarter, 8 TB if they were stored. A quarter is exact in binary, so the
   * direct computation needs no care. */
  const uint64_t many = 1000000000000;
  if (ufo_sequence_double(-1.0, 0.25, &source, &error) != UFO_OK) return fail("doubles", &error);
  ufo_region *doubles = make(pool, sizeof(double), many, source, &error);
  if (!doubles) return fail("doubles", &error);
  const double *x = ufo_region_body(doubles);
  for (uint64_t i = 0; i < many; i += 999999937, looked++) wrong += x[i] != -1.0 + 0.25 * (double)i;
  wrong += x[many - 1] != -1.0 + 0.25 * (double)(many - 1);

  ufo_pool_stats stats = {.struct_size = sizeof stats};
  ufo_pool_get_stats(pool, &stats);
  printf("looked at %" PRIu64 " elements, %" PRIu64 " wrong; at most %" PRIu64 " KiB were in memory\n", looked + 1,
         wrong, stats.resident_bytes_peak / 1024);
  ufo_region_release(integers);
  ufo_region_release(doubles);
  if (ufo_pool_destroy(pool, &error) != UFO_OK) return fail("cannot end the pool", &error);
  return wrong != 0 || stats.resident_bytes_peak > options.budget_bytes;
}
