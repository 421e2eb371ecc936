/* What generated columns take in a store: no more than the best single codec would make of each, plus 1 %. The sizes to
 * beat are computed here with LZ4 and filters of the test's own. */
#include "fixture.h"

#include <lz4.h>
#include <math.h>

enum { BYTES = 4 << 20 };

TestSuite(promises_size, .init = fixture_make, .fini = fixture_remove, .timeout = 90);

static void shuffle(uint8_t *to, const uint8_t *from, size_t bytes, size_t width) {
  size_t units = bytes / width;
  for (size_t p = 0; p < width; p++)
    for (size_t u = 0; u < units; u++) to[p * units + u] = from[u * width + p];
  memcpy(to + units * width, from + units * width, bytes - units * width);
}

static void difference(uint8_t *to, const uint8_t *from, size_t bytes, size_t width) {
  memcpy(to, from, bytes);
  for (size_t u = bytes / width; u-- > 1;) {
    if (width == 8) {
      uint64_t a, b;
      memcpy(&a, from + u * 8, 8);
      memcpy(&b, from + u * 8 - 8, 8);
      a -= b;
      memcpy(to + u * 8, &a, 8);
    } else {
      uint32_t a, b;
      memcpy(&a, from + u * 4, 4);
      memcpy(&b, from + u * 4 - 4, 4);
      a -= b;
      memcpy(to + u * 4, &a, 4);
    }
  }
}

/* One codec for the whole column, chunk by chunk: 0 raw, 1 LZ4, 2 shuffle, 3 delta and shuffle. */
static uint64_t size_with(int codec, const uint8_t *column, uint32_t chunk, size_t width) {
  uint64_t sum = 0;
  uint8_t *one = malloc(chunk), *two = malloc(chunk);
  char *out = malloc((size_t)LZ4_compressBound((int)chunk));
  for (size_t at = 0; at < BYTES; at += chunk) {
    const uint8_t *input = column + at;
    if (codec == 3) {
      difference(one, input, chunk, width);
      shuffle(two, one, chunk, width);
    } else if (codec == 2) {
      shuffle(two, input, chunk, width);
    }
    int n = codec == 0 ? (int)chunk
                       : LZ4_compress_default((const char *)(codec > 1 ? two : input), out, (int)chunk,
                                              LZ4_compressBound((int)chunk));
    sum += (uint64_t)n < chunk ? (uint64_t)n : chunk;
  }
  free(one), free(two), free(out);
  return sum;
}

static uint8_t column[BYTES];

static void measure(const char *name, ufo_type type) {
  static const uint32_t chunks[] = {65536, 262144};
  size_t width = type == UFO_DOUBLE ? 8 : 4;
  ufo_store *store = open_store(in_folder("s.ufo"));
  for (int c = 0; c < 2; c++) {
    uint64_t sizes[4], best = UINT64_MAX;
    for (int codec = 0; codec < 4; codec++) {
      sizes[codec] = size_with(codec, column, chunks[c], width);
      if (sizes[codec] < best) best = sizes[codec];
    }
    put_now(store, name, spec_of(type, 0, BYTES / width, chunks[c]), column);
    uint64_t stored = info_of(store, NULL, name).stored_bytes;
    fprintf(stderr,
            "%-22s chunk %6u: stored %8" PRIu64 "; raw %" PRIu64 ", lz4 %" PRIu64 ", shuffle %" PRIu64
            ", delta %" PRIu64 "\n",
            name, chunks[c], stored, sizes[0], sizes[1], sizes[2], sizes[3]);
    cr_expect_leq(stored, best + best / 100, "'%s' takes %" PRIu64 " bytes, the best single codec %" PRIu64, name,
                  stored, best);
    assert_content(store, NULL, name, column, BYTES);
    cr_expect_leq(stat_of(store).used_bytes, stored + stored / 4 + (1 << 20), "the file holds little else");
    remove_now(store, name);
    let_it_reclaim(store);
  }
  ufo_store_close(store);
}

#define EACH(kind, expression)                                                                                         \
  do {                                                                                                                 \
    kind *v_ = (kind *)(void *)column;                                                                                 \
    for (size_t i = 0; i < BYTES / sizeof(kind); i++) v_[i] = (kind)(expression);                                      \
  } while (0)

Test(promises_size, sorted_keys) {
  int32_t key = 5;
  EACH(int32_t, key += 1 + (int32_t)(mix(i) % 4));
  measure("sorted keys", UFO_INTEGER);
}
Test(promises_size, row_numbers) {
  EACH(int32_t, i + 1);
  measure("row numbers", UFO_INTEGER);
}
Test(promises_size, row_numbers_as_doubles) {
  EACH(double, i + 1);
  measure("row numbers (double)", UFO_DOUBLE);
}
Test(promises_size, dates) {
  EACH(double, 19000 + i / 800);
  measure("dates", UFO_DOUBLE);
}
Test(promises_size, prices) {
  EACH(double, round((double)(mix(i) % 20000)) / 100);
  measure("prices", UFO_DOUBLE);
}
Test(promises_size, small_integers_with_na) {
  EACH(int32_t, mix(i) % 23 == 0 ? INT32_MIN : (int32_t)(mix(i + 9) % 31));
  measure("small integers, NA", UFO_INTEGER);
}
Test(promises_size, logical_with_na) {
  EACH(int32_t, mix(i) % 11 == 0 ? INT32_MIN : (int32_t)(mix(i + 9) % 2));
  measure("logical, NA", UFO_LOGICAL);
}
Test(promises_size, noise) {
  EACH(uint64_t, mix(i));
  measure("noise", UFO_DOUBLE);
}
Test(promises_size, times) {
  double time = 1.7e9;
  EACH(double, time += (double)(mix(i) % 120));
  measure("times", UFO_DOUBLE);
}
Test(promises_size, times_with_fractions) {
  double time = 1.7e9;
  EACH(double, time += (double)(mix(i) % 1000) / 1000);
  measure("times with fractions", UFO_DOUBLE);
}
Test(promises_size, delays) {
  EACH(double, (double)(int)(mix(i) % 200) - 30);
  measure("delays", UFO_DOUBLE);
}
Test(promises_size, changing_character) {
  EACH(double, i / 65536 % 3 == 0 ? (double)i : i / 65536 % 3 == 1 ? (double)(mix(i) % 100) : 0.5);
  measure("changing character", UFO_DOUBLE);
}

/* Constants and zeros take no bytes at all. */
Test(promises_size, constants) {
  ufo_store *store = open_store(in_folder("s.ufo"));
  EACH(double, 3.25);
  put_now(store, "c", spec_of(UFO_DOUBLE, 0, BYTES / 8, 0), column);
  memset(column, 0, BYTES);
  put_now(store, "z", spec_of(UFO_DOUBLE, 0, BYTES / 8, 0), column);
  cr_assert_eq(info_of(store, NULL, "c").stored_bytes, 0);
  cr_assert_eq(info_of(store, NULL, "c").codec_chunks[UFO_CODEC_CONSTANT], BYTES / 65536);
  cr_assert_eq(info_of(store, NULL, "z").stored_bytes, 0);
  cr_assert_eq(stat_of(store).blobs, 0);
  assert_content(store, NULL, "z", column, BYTES);
  ufo_store_close(store);
}
