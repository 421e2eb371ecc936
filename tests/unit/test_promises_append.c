/* Append, write and pieces give what one put gives; versions count; attributes of every type come back exactly. */
#include "one_store.h"

enum { CHUNK = 4096 };

TestSuite(promises_append, .init = store_make, .fini = store_end, .timeout = 60);

/* From nothing, through partial, whole and many chunks at once. */
static void append_equals_put(typed type, int in_one_transaction) {
  static const uint64_t counts[] = {0, 1, 2, 300, 5, 1024, 4096, 1, 0, 9000, 7};
  uint64_t total = 0, at = 0;
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) total += counts[i];
  uint8_t *values = malloc(total * type.element_bytes);
  fill_values(type.type, type.element_bytes, 31, total, values);
  ufo_object_spec spec = spec_of(type.type, type.element_bytes, 0, CHUNK);
  ufo_txn *txn = begin(store);
  OK(ufo_txn_create(txn, "grown", &spec, &error));
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    if (!in_one_transaction) {
      OK(ufo_txn_commit(txn, &error));
      txn = begin(store);
    }
    OK(ufo_txn_append(txn, "grown", values + at * type.element_bytes, counts[i], &error));
    at += counts[i];
    assert_content(store, txn, "grown", values, at * type.element_bytes);
  }
  OK(ufo_txn_commit(txn, &error));
  put_now(store, "put", spec_of(type.type, type.element_bytes, total, CHUNK), values);
  assert_content(store, NULL, "grown", values, total * type.element_bytes);
  ufo_object_info grown = info_of(store, NULL, "grown"), put = info_of(store, NULL, "put");
  cr_assert_eq(grown.stored_bytes, put.stored_bytes, "%" PRIu64 " and %" PRIu64 " bytes", grown.stored_bytes,
               put.stored_bytes);
  cr_assert_eq(grown.chunk_count, put.chunk_count);
  assert_sound(store);
  free(values);
}

Test(promises_append, of_every_type) {
  for (size_t i = 0; i < EVERY_TYPE; i++) append_equals_put(every_type[i], 0);
}
Test(promises_append, in_one_transaction) {
  for (size_t i = 0; i < EVERY_TYPE; i++) append_equals_put(every_type[i], 1);
}
Test(promises_append, records_that_straddle_chunks) { append_equals_put((typed){UFO_RECORD, 100}, 0); }

/* Cost is proportional to what is added: the full chunks stay. */
Test(promises_append, rewrites_only_the_last_chunk) {
  enum { N = 100 * CHUNK / 8 + 10 };
  double *values = malloc(N * 8);
  for (int i = 0; i < N; i++) values[i] = (double)mix((uint64_t)i);
  put_now(store, "x", spec_of(UFO_DOUBLE, 0, N, CHUNK), values);
  ufo_attributes *attributes, *back;
  OK(ufo_attributes_create(&attributes, &error));
  OK(ufo_attributes_set(attributes, "k", UFO_ATTRIBUTE_RAW, "abc", 3, &error));
  ufo_txn *txn = begin(store);
  OK(ufo_txn_set_attributes(txn, "x", attributes, &error));
  OK(ufo_txn_commit(txn, &error));
  txn = begin(store);
  OK(ufo_txn_append(txn, "x", values, 10, &error));
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(info_of(store, NULL, "x").chunks_changed, 1);
  cr_assert_eq(info_of(store, NULL, "x").length, N + 10);
  cr_assert_eq(info_of(store, NULL, "x").version, 3);
  OK(ufo_store_attributes(store, NULL, "x", 0, &back, &error));
  cr_assert_eq(ufo_attributes_count(back), 1, "its attributes stay");
  ufo_attributes_free(back);
  ufo_attributes_free(attributes);
  free(values);
}

/* Over a tail that was never written: zeros up to the old end, the values after it. */
Test(promises_append, after_a_hole) {
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, 100000, CHUNK);
  int32_t more[3] = {1, 2, 3}, back[5];
  ufo_txn *txn = begin(store);
  OK(ufo_txn_create(txn, "x", &spec, &error));
  OK(ufo_txn_append(txn, "x", more, 3, &error));
  OK(ufo_txn_commit(txn, &error));
  OK(ufo_store_read(store, NULL, "x", 0, 99998, 5, back, &error));
  cr_assert(back[0] == 0 && back[1] == 0 && back[2] == 1 && back[3] == 2 && back[4] == 3);
  cr_assert_leq(info_of(store, NULL, "x").chunks_written, 2);
}

Test(promises_append, write_in_the_middle) {
  enum { N = 20 * CHUNK / 4 };
  int32_t *values = malloc(N * 4);
  for (int i = 0; i < N; i++) values[i] = (int32_t)mix((uint64_t)i);
  put_now(store, "x", spec_of(UFO_INTEGER, 0, N, CHUNK), values);
  static const struct {
    uint64_t first, count, chunks;
  } pieces[] = {{0, 1, 1}, {1023, 2, 2}, {1024, 1024, 1}, {5000, 3000, 4}, {N - 1, 1, 1}, {0, N, 20}};
  for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
    for (uint64_t i = 0; i < pieces[p].count; i++) values[pieces[p].first + i] ^= (int32_t)(p + 1);
    write_now(store, "x", pieces[p].first, pieces[p].count, values + pieces[p].first);
    assert_content(store, NULL, "x", values, N * 4);
    cr_assert_eq(info_of(store, NULL, "x").chunks_changed, pieces[p].chunks, "piece %zu", p);
    cr_assert_eq(info_of(store, NULL, "x").version, p + 2);
  }
  free(values);
}

/* Data may come from managed memory, a view of the very object that is replaced included. */
Test(promises_append, put_from_managed_memory) {
  enum { N = 50 * CHUNK / 8 };
  ufo_pool *pool = make_pool(10 * CHUNK);
  double *values = malloc(2 * N * 8);
  for (int i = 0; i < N; i++) values[i] = values[N + i] = (double)mix((uint64_t)i);
  put_now(store, "x", spec_of(UFO_DOUBLE, 0, N, CHUNK), values);
  ufo_view *view = open_view(store, NULL, pool, "x");
  ((double *)ufo_view_data(view))[3] = values[3] = values[N + 3] = 33;
  put_now(store, "x", spec_of(UFO_DOUBLE, 0, N, CHUNK), ufo_view_data(view));
  assert_content(store, NULL, "x", values, N * 8);
  ufo_txn *txn = begin(store);
  OK(ufo_txn_append(txn, "x", ufo_view_data(view), N, &error));
  OK(ufo_txn_commit(txn, &error));
  assert_content(store, NULL, "x", values, 2 * N * 8);
  cr_assert_leq(pool_stats(pool).resident_bytes_peak, 10 * CHUNK);
  ufo_view_release(view);
  OK(ufo_pool_destroy(pool, &error));
  free(values);
}

/* ---- attributes
 * ------------------------------------------------------------------------------------------------------ */

static void assert_attribute(const ufo_attributes *set, uint64_t index, const char *key, ufo_attribute_type type,
                             const void *data, uint64_t count, size_t element) {
  ufo_attribute found;
  cr_assert_eq(ufo_attributes_at(set, index, &found), 1);
  cr_assert_str_eq(found.key, key);
  cr_assert_eq(found.type, type);
  cr_assert_eq(found.count, count);
  cr_assert_eq(memcmp(found.data, data, count * element), 0, "%s", key);
}

Test(promises_append, attributes_of_every_type) {
  static const int32_t logical[] = {0, 1, INT32_MIN}, integer[] = {-1, INT32_MIN, INT32_MAX};
  static const uint64_t doubles[] = {0x7FF00000000007A2u, 0x8000000000000000u, 0x7FF8000000000001u};
  static const char *const strings[] = {"", "plain", NULL, "h\xC3\xA9", "embedded"};
  static const char *const key = "\xE2\x82\xAC key";
  ufo_attributes *set, *back;
  OK(ufo_attributes_create(&set, &error));
  OK(ufo_attributes_set(set, "l", UFO_ATTRIBUTE_LOGICAL, logical, 3, &error));
  OK(ufo_attributes_set(set, key, UFO_ATTRIBUTE_INTEGER, integer, 3, &error));
  OK(ufo_attributes_set(set, "d", UFO_ATTRIBUTE_DOUBLE, doubles, 3, &error));
  OK(ufo_attributes_set(set, "r", UFO_ATTRIBUTE_RAW, "\0\1\2", 3, &error));
  OK(ufo_attributes_set_strings(set, "s", strings, NULL, 5, &error));
  OK(ufo_attributes_set(set, "f", UFO_ATTRIBUTE_FOREIGN, "X\n\0\0", 4, &error));
  OK(ufo_attributes_set(set, "empty", UFO_ATTRIBUTE_DOUBLE, NULL, 0, &error));
  put_now(store, "x", spec_of(UFO_RAW, 0, 1, 0), "x");
  ufo_txn *txn = begin(store);
  OK(ufo_txn_set_attributes(txn, "x", set, &error));
  ufo_attributes_free(set); /* they were copied */
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(info_of(store, NULL, "x").attribute_count, 7);
  ufo_store_close(store);
  store = open_store(in_folder("s.ufo"));
  OK(ufo_store_attributes(store, NULL, "x", 0, &back, &error));
  cr_assert_eq(ufo_attributes_count(back), 7);
  assert_attribute(back, 0, "l", UFO_ATTRIBUTE_LOGICAL, logical, 3, 4);
  assert_attribute(back, 1, key, UFO_ATTRIBUTE_INTEGER, integer, 3, 4);
  assert_attribute(back, 2, "d", UFO_ATTRIBUTE_DOUBLE, doubles, 3, 8);
  assert_attribute(back, 3, "r", UFO_ATTRIBUTE_RAW, "\0\1\2", 3, 1);
  assert_attribute(back, 5, "f", UFO_ATTRIBUTE_FOREIGN, "X\n\0\0", 4, 1);
  ufo_attribute s;
  cr_assert_eq(ufo_attributes_find(back, "s", &s), 1);
  cr_assert_eq(s.count, 5);
  for (uint64_t i = 0; i < 5; i++) {
    uint32_t length = 0;
    const char *string = ufo_attributes_string(&s, i, &length);
    if (!strings[i]) cr_assert_eq(string, NULL);
    else cr_assert(length == strlen(strings[i]) && memcmp(string, strings[i], length) == 0);
  }
  ufo_attributes_free(back);
  assert_sound(store);
}

/* Each version has its own; a change of attributes alone is a version. */
Test(promises_append, attributes_by_version) {
  put_now(store, "x", spec_of(UFO_RAW, 0, 1, 0), "x");
  for (int32_t i = 1; i <= 3; i++) {
    ufo_attributes *set, *back;
    ufo_attribute found;
    OK(ufo_attributes_create(&set, &error));
    OK(ufo_attributes_set(set, "i", UFO_ATTRIBUTE_INTEGER, &i, 1, &error));
    ufo_txn *txn = begin(store);
    OK(ufo_txn_set_attributes(txn, "x", set, &error));
    OK(ufo_txn_commit(txn, &error));
    ufo_attributes_free(set);
    cr_assert_eq(info_of(store, NULL, "x").version, (uint64_t)i + 1);
    OK(ufo_store_attributes(store, NULL, "x", 0, &back, &error));
    cr_assert(ufo_attributes_find(back, "i", &found) && *(const int32_t *)found.data == i);
    ufo_attributes_free(back);
  }
  ufo_txn *txn = begin(store);
  OK(ufo_txn_set_attributes(txn, "x", NULL, &error));
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(info_of(store, NULL, "x").attribute_count, 0);
  put_now(store, "x", spec_of(UFO_RAW, 0, 1, 0), "y");
  cr_assert_eq(info_of(store, NULL, "x").attribute_count, 0);
}

/* A megabyte of row names is an attribute too. */
Test(promises_append, large_attribute) {
  enum { N = 100000 };
  const char **strings = malloc(N * sizeof *strings);
  for (int i = 0; i < N; i++) {
    strings[i] = malloc(16);
    snprintf((char *)(uintptr_t)strings[i], 16, "row %d", i);
  }
  ufo_attributes *set, *back;
  ufo_attribute found;
  OK(ufo_attributes_create(&set, &error));
  OK(ufo_attributes_set_strings(set, "names", strings, NULL, N, &error));
  put_now(store, "x", spec_of(UFO_RAW, 0, 1, 0), "x");
  ufo_txn *txn = begin(store);
  OK(ufo_txn_set_attributes(txn, "x", set, &error));
  OK(ufo_txn_commit(txn, &error));
  ufo_attributes_free(set);
  OK(ufo_store_attributes(store, NULL, "x", 0, &back, &error));
  cr_assert(ufo_attributes_find(back, "names", &found) && found.count == N);
  for (uint64_t i = 0; i < N; i++) {
    uint32_t length;
    const char *string = ufo_attributes_string(&found, i, &length);
    cr_assert(string && length == strlen(strings[i]) && memcmp(string, strings[i], length) == 0, "row %" PRIu64, i);
  }
  ufo_attributes_free(back);
  for (int i = 0; i < N; i++) free((char *)(uintptr_t)strings[i]);
  free(strings);
}
