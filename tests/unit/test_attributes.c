/* Sets of attributes keep values, order and NA, through memory and through bytes; hostile bytes are refused. */
#include "random.h"
#include "store/attributes.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ufostore/store.h>

static const char *const names[] = {"a", NULL, "", "gr\xC3\xBC\xC3\x9F"};

/* One of everything, empty vectors included. */
static ufo_attributes *sample(void) {
  ufo_attributes *set;
  const int32_t dim[] = {3, 4}, flags[] = {1, 0, INT32_MIN};
  const uint64_t na_bits = UINT64_C(0x7FF00000000007A2);
  double numbers[] = {0, -0.0, INFINITY, NAN, 1e-310};
  memcpy(&numbers[0], &na_bits, sizeof na_bits);
  cr_assert_eq(ufo_attributes_create(&set, NULL), UFO_OK);
  cr_assert_eq(ufo_attributes_set_strings(set, "names", names, NULL, 4, NULL), UFO_OK);
  cr_assert_eq(ufo_attributes_set(set, "dim", UFO_ATTRIBUTE_INTEGER, dim, 2, NULL), UFO_OK);
  cr_assert_eq(ufo_attributes_set(set, "flags", UFO_ATTRIBUTE_LOGICAL, flags, 3, NULL), UFO_OK);
  cr_assert_eq(ufo_attributes_set(set, "numbers", UFO_ATTRIBUTE_DOUBLE, numbers, 5, NULL), UFO_OK);
  cr_assert_eq(ufo_attributes_set(set, "raw", UFO_ATTRIBUTE_RAW, "a\0b", 3, NULL), UFO_OK);
  cr_assert_eq(ufo_attributes_set(set, "foreign", UFO_ATTRIBUTE_FOREIGN, "X\n\0\0", 4, NULL), UFO_OK);
  cr_assert_eq(ufo_attributes_set_strings(set, "no strings", NULL, NULL, 0, NULL), UFO_OK);
  cr_assert_eq(ufo_attributes_set(set, "no doubles", UFO_ATTRIBUTE_DOUBLE, NULL, 0, NULL), UFO_OK);
  return set;
}

static void assert_same(const ufo_attributes *left, const ufo_attributes *right) {
  cr_assert_eq(ufo_attributes_count(left), ufo_attributes_count(right));
  static const size_t bytes[] = {0, 4, 4, 8, 1, 0, 1};
  ufo_attribute a, b;
  for (uint64_t i = 0; ufo_attributes_at(left, i, &a); i++) {
    cr_assert(ufo_attributes_at(right, i, &b));
    cr_assert_str_eq(a.key, b.key);
    cr_assert_eq(a.type, b.type);
    cr_assert_eq(a.count, b.count);
    if (a.type != UFO_ATTRIBUTE_STRING) cr_assert(memcmp(a.data, b.data, a.count * bytes[a.type]) == 0, "%s", a.key);
    else
      for (uint64_t s = 0; s < a.count; s++) {
        uint32_t n, m;
        const char *x = ufo_attributes_string(&a, s, &n), *y = ufo_attributes_string(&b, s, &m);
        cr_assert_eq(!x, !y);
        cr_assert(n == m && (!x || memcmp(x, y, n) == 0));
      }
  }
}

static uint8_t *encoded(const ufo_attributes *set, uint64_t *length_out) {
  *length_out = ufo_attributes_encoded_bytes(set);
  uint8_t *bytes = malloc(*length_out);
  ufo_attributes_encode(set, bytes);
  return bytes;
}

Test(attributes, values_come_back) {
  ufo_attributes *set = sample();
  ufo_attribute found;
  uint32_t length;
  cr_assert_eq(ufo_attributes_count(set), 8);
  cr_assert(ufo_attributes_find(set, "names", &found));
  cr_assert_eq(found.count, 4);
  cr_assert_null(found.data);
  cr_assert(memcmp(ufo_attributes_string(&found, 0, &length), "a", 1) == 0 && length == 1);
  cr_assert(!ufo_attributes_string(&found, 1, &length) && length == 0, "NA");
  cr_assert(ufo_attributes_string(&found, 2, &length) && length == 0, "empty is not NA");
  cr_assert(memcmp(ufo_attributes_string(&found, 3, &length), names[3], 6) == 0 && length == 6);
  cr_assert_null(ufo_attributes_string(&found, 4, &length));
  cr_assert(ufo_attributes_find(set, "raw", &found) && found.count == 3 && memcmp(found.data, "a\0b", 3) == 0);
  cr_assert_null(ufo_attributes_string(&found, 0, &length));
  cr_assert(ufo_attributes_find(set, "no strings", &found) && found.count == 0);
  cr_assert_not(ufo_attributes_find(set, "nam", &found));
  cr_assert_not(ufo_attributes_at(set, 8, &found));
  ufo_attributes_free(set);
}

Test(attributes, replacing_keeps_the_place_and_removing_closes_it) {
  ufo_attributes *set = sample();
  ufo_attribute found;
  cr_assert_eq(ufo_attributes_set(set, "dim", UFO_ATTRIBUTE_RAW, "\7", 1, NULL), UFO_OK);
  cr_assert_eq(ufo_attributes_count(set), 8);
  cr_assert(ufo_attributes_at(set, 1, &found));
  cr_assert_str_eq(found.key, "dim");
  cr_assert_eq(found.type, UFO_ATTRIBUTE_RAW);
  /* A value may come from the set itself. */
  cr_assert(ufo_attributes_find(set, "raw", &found));
  cr_assert_eq(ufo_attributes_set(set, found.key, UFO_ATTRIBUTE_RAW, found.data, 2, NULL), UFO_OK);
  cr_assert(ufo_attributes_find(set, "raw", &found) && found.count == 2 && memcmp(found.data, "a", 2) == 0);

  cr_assert_eq(ufo_attributes_remove(set, "dim", NULL), UFO_OK);
  ufo_error error = {0};
  cr_assert_eq(ufo_attributes_remove(set, "dim", &error), UFO_MISSING);
  cr_assert(ufo_attributes_at(set, 1, &found));
  cr_assert_str_eq(found.key, "flags");
  cr_assert_eq(ufo_attributes_count(set), 7);
  ufo_attributes_free(set);
}

Test(attributes, wrong_calls_change_nothing) {
  ufo_attributes *set = sample(), *before;
  char key[UFO_ATTRIBUTE_KEY_MAX + 2];
  memset(key, 'k', sizeof key - 1);
  key[sizeof key - 1] = '\0';
  cr_assert_eq(ufo_attributes_copy(set, &before, NULL), UFO_OK);
  const char *string = "x";
  const uint32_t too_long = UINT32_MAX;
  cr_expect_eq(ufo_attributes_set(set, key, UFO_ATTRIBUTE_RAW, "", 1, NULL), UFO_USAGE);
  cr_expect_eq(ufo_attributes_set(set, "", UFO_ATTRIBUTE_RAW, "", 1, NULL), UFO_USAGE);
  cr_expect_eq(ufo_attributes_set(set, "\xFF", UFO_ATTRIBUTE_RAW, "", 1, NULL), UFO_USAGE);
  cr_expect_eq(ufo_attributes_set(set, "x", UFO_ATTRIBUTE_RAW, NULL, 1, NULL), UFO_USAGE);
  cr_expect_eq(ufo_attributes_set(set, "x", UFO_ATTRIBUTE_STRING, "", 1, NULL), UFO_USAGE);
  cr_expect_eq(ufo_attributes_set(set, "x", (ufo_attribute_type)7, "", 1, NULL), UFO_USAGE);
  cr_expect_eq(ufo_attributes_set(set, "x", UFO_ATTRIBUTE_DOUBLE, "", UINT64_MAX / 8 + 1, NULL), UFO_FULL);
  cr_expect_eq(ufo_attributes_set(set, "x", UFO_ATTRIBUTE_RAW, "", UINT64_MAX - 8, NULL), UFO_FULL);
  cr_expect_eq(ufo_attributes_set_strings(set, "x", &string, &too_long, 1, NULL), UFO_USAGE);
  cr_expect_eq(ufo_attributes_set_strings(set, "x", NULL, NULL, 1, NULL), UFO_USAGE);
  assert_same(set, before);
  key[UFO_ATTRIBUTE_KEY_MAX] = '\0';
  cr_expect_eq(ufo_attributes_set(set, key, UFO_ATTRIBUTE_RAW, "", 1, NULL), UFO_OK);
  ufo_attributes_free(set);
  ufo_attributes_free(before);
}

Test(attributes, there_is_a_limit_to_their_number) {
  ufo_attributes *set;
  cr_assert_eq(ufo_attributes_create(&set, NULL), UFO_OK);
  char key[16];
  for (int i = 0; i < UFO_ATTRIBUTE_COUNT_MAX; i++) {
    snprintf(key, sizeof key, "%d", i);
    cr_assert_eq(ufo_attributes_set(set, key, UFO_ATTRIBUTE_RAW, NULL, 0, NULL), UFO_OK);
  }
  cr_assert_eq(ufo_attributes_set(set, "more", UFO_ATTRIBUTE_RAW, NULL, 0, NULL), UFO_FULL);
  cr_assert_eq(ufo_attributes_set(set, "17", UFO_ATTRIBUTE_RAW, NULL, 0, NULL), UFO_OK);
  ufo_attributes_free(set);
}

Test(attributes, bytes_round_trip) {
  ufo_attributes *set = sample(), *back, *none;
  uint64_t length, again_length;
  uint8_t *bytes = encoded(set, &length);
  cr_assert_eq(ufo_attributes_decode(bytes, length, &back, NULL), UFO_OK);
  assert_same(set, back);
  uint8_t *again = encoded(back, &again_length);
  cr_assert(length == again_length && memcmp(bytes, again, length) == 0);
  cr_assert_eq(ufo_attributes_decode(NULL, 0, &none, NULL), UFO_OK);
  cr_assert_eq(ufo_attributes_count(none), 0);
  cr_assert_eq(ufo_attributes_encoded_bytes(none), 4);
  free(bytes);
  free(again);
  ufo_attributes_free(set);
  ufo_attributes_free(back);
  ufo_attributes_free(none);
}

Test(attributes, the_bytes_are_those_of_the_format) {
  static const uint8_t expected[] = {1, 0, 0, 0, 5, 1,   2, 0, 0, 0, 0,    0,    0,    0,    10,  0,  0,
                                     0, 0, 0, 0, 0, 'k', 2, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 'h', 'i'};
  const char *strings[] = {"hi", NULL};
  ufo_attributes *set;
  uint64_t length;
  cr_assert_eq(ufo_attributes_create(&set, NULL), UFO_OK);
  cr_assert_eq(ufo_attributes_set_strings(set, "k", strings, NULL, 2, NULL), UFO_OK);
  uint8_t *bytes = encoded(set, &length);
  cr_assert_eq(length, sizeof expected);
  cr_assert_arr_eq(bytes, expected, sizeof expected);
  free(bytes);
  ufo_attributes_free(set);
}

/* Decodes from a block of exactly this length, so that the address sanitizer sees a read past it. A set that is
 * accepted must be whole: it is read through, and writes again as the same bytes. */
static ufo_status decode_hostile(const uint8_t *bytes, uint64_t n) {
  uint8_t *exact = malloc(n ? n : 1);
  memcpy(exact, bytes, n);
  ufo_attributes *set;
  ufo_error error = {0};
  ufo_status status = ufo_attributes_decode(exact, n, &set, &error);
  if (status == UFO_OK) {
    uint64_t length;
    uint8_t *again = encoded(set, &length);
    cr_assert(n == 0 || (length == n && memcmp(again, exact, n) == 0));
    assert_same(set, set);
    free(again);
    ufo_attributes_free(set);
  } else {
    cr_assert_null(set);
    cr_assert(status == UFO_CORRUPT || status == UFO_UNSUPPORTED, "status %d: %s", status, error.message);
    cr_assert_eq(error.code, status);
  }
  free(exact);
  return status;
}

Test(attributes, every_truncation_is_refused) {
  ufo_attributes *set = sample();
  uint64_t length;
  uint8_t *bytes = encoded(set, &length);
  for (uint64_t n = 1; n < length; n++) cr_assert_eq(decode_hostile(bytes, n), UFO_CORRUPT, "%d bytes", (int)n);
  uint8_t *longer = calloc(1, length + 1);
  memcpy(longer, bytes, length);
  cr_assert_eq(decode_hostile(longer, length + 1), UFO_CORRUPT);
  free(longer);
  free(bytes);
  ufo_attributes_free(set);
}

Test(attributes, flipped_bits_are_refused_or_make_another_whole_set, .timeout = 60) {
  ufo_attributes *set = sample();
  uint64_t length, state = 31;
  uint8_t *bytes = encoded(set, &length);
  int refused = 0;
  for (int i = 0; i < 10000; i++) {
    int flips = 1 + i % 3;
    uint8_t *bad = malloc(length);
    memcpy(bad, bytes, length);
    for (int f = 0; f < flips; f++) bad[random_below(&state, length)] ^= (uint8_t)(1u << random_below(&state, 8));
    refused += decode_hostile(bad, length) != UFO_OK;
    free(bad);
  }
  cr_assert_gt(refused, 1000);
  free(bytes);
  ufo_attributes_free(set);
}

Test(attributes, a_key_may_not_come_twice) {
  uint8_t bytes[4 + 2 * 19] = {2, 0, 0, 0};
  for (int i = 0; i < 2; i++) {
    uint8_t *at = bytes + 4 + i * 19;
    at[0] = UFO_ATTRIBUTE_RAW, at[1] = 1, at[18] = 'k';
  }
  cr_assert_eq(decode_hostile(bytes, sizeof bytes), UFO_CORRUPT);
  bytes[sizeof bytes - 1] = 'l';
  cr_assert_eq(decode_hostile(bytes, sizeof bytes), UFO_OK);
  bytes[4] = 9;
  cr_assert_eq(decode_hostile(bytes, sizeof bytes), UFO_UNSUPPORTED);
}

Test(types, names_go_both_ways) {
  for (int type = UFO_LOGICAL; type <= UFO_SERIALIZED; type++) {
    cr_assert_not_null(ufo_type_name((ufo_type)type));
    cr_assert_eq((int)ufo_type_from_name(ufo_type_name((ufo_type)type)), type);
  }
  cr_assert_null(ufo_type_name((ufo_type)0));
  cr_assert_null(ufo_type_name((ufo_type)10));
  cr_assert_eq((int)ufo_type_from_name("none"), 0);
  cr_assert_eq((int)ufo_type_from_name(NULL), 0);
  cr_assert_eq(ufo_type_bytes(UFO_COMPLEX), 16);
  cr_assert_eq(ufo_type_bytes((ufo_type)99), 0);
  for (int codec = 0; codec < UFO_CODEC_COUNT; codec++) cr_assert_not_null(ufo_codec_name((ufo_codec)codec));
  cr_assert_str_eq(ufo_codec_name(UFO_CODEC_LOST), "lost");
  cr_assert_null(ufo_codec_name((ufo_codec)7));
}
