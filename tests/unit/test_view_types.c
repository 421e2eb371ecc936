/* Views of every type, four times the pool's budget: what is written through memory is what the store keeps. */
#include "fixture.h"

TestSuite(view_types, .init = fixture_make, .fini = fixture_remove, .timeout = 60);

enum { BUDGET = 512 * 1024, CHUNK = 16 * 1024 };

/* Elements of the type that make four budgets and a bit. */
static uint64_t length_of(typed type) { return (4 * BUDGET + 1000) / type.element_bytes; }

static void written_and_read(typed type, uint32_t chunk) {
  ufo_store *store = open_store(in_folder("s.ufo"));
  ufo_pool *pool = make_pool(BUDGET);
  uint64_t length = length_of(type), bytes = length * type.element_bytes;
  uint8_t *expected = malloc(bytes);
  fill_values(type.type, type.element_bytes, 11, length, expected);
  ufo_object_spec spec = spec_of(type.type, type.element_bytes, length, chunk);

  ufo_txn *txn = begin(store);
  OK(ufo_txn_create(txn, "x", &spec, &error));
  OK(ufo_txn_commit(txn, &error));
  ufo_view *view = open_view(store, NULL, pool, "x");
  cr_assert_eq(ufo_view_length(view), length);
  uint8_t *data = ufo_view_data(view);
  for (uint64_t i = 0; i < bytes; i += 997) cr_assert_eq(data[i], 0, "a created object is zero at byte %" PRIu64, i);
  memcpy(data, expected, bytes);
  cr_assert_eq(memcmp(data, expected, bytes), 0, "the view holds what was written, past the budget");
  cr_assert_eq(info_of(store, NULL, "x").chunks_written, 0, "nothing is stored yet");
  put_view_now(store, "x", view);
  cr_assert_eq(memcmp(data, expected, bytes), 0, "the view holds the same after the commit");
  ufo_view_release(view);
  assert_content(store, NULL, "x", expected, bytes);

  ufo_store_close(store);
  store = open_store(in_folder("s.ufo"));
  view = open_view(store, NULL, pool, "x");
  cr_assert_eq(memcmp(ufo_view_data(view), expected, bytes), 0, "a new view of the reopened store");
  ufo_view_info info = view_info(view);
  cr_assert_eq(info.type, type.type);
  cr_assert_eq(info.element_bytes, type.element_bytes);
  cr_assert_eq(info.length, length);
  cr_assert_eq(info.chunk_bytes, chunk);
  cr_assert_eq(info.chunk_count, (bytes + chunk - 1) / chunk);
  cr_assert_eq(info.chunks_changed, 0, "reading changes nothing");
  ufo_view_release(view);

  ufo_pool_stats stats = pool_stats(pool);
  cr_assert_leq(stats.resident_bytes_peak, BUDGET, "the budget is never exceeded");
  cr_assert_gt(stats.evictions_dirty, 0);
  cr_assert_gt(stats.evictions_clean, 0);
  cr_assert_eq(stats.resident_bytes, 0, "released views leave nothing in memory");
  OK(ufo_pool_destroy(pool, &error));
  assert_sound(store);
  ufo_store_close(store);
  free(expected);
}

Test(view_types, logical) { written_and_read((typed){UFO_LOGICAL, 4}, CHUNK); }
Test(view_types, integer) { written_and_read((typed){UFO_INTEGER, 4}, CHUNK); }
Test(view_types, double_) { written_and_read((typed){UFO_DOUBLE, 8}, CHUNK); }
Test(view_types, complex_) { written_and_read((typed){UFO_COMPLEX, 16}, CHUNK); }
Test(view_types, raw) { written_and_read((typed){UFO_RAW, 1}, CHUNK); }
Test(view_types, record_of_24_bytes) { written_and_read((typed){UFO_RECORD, 24}, CHUNK); }
Test(view_types, record_of_10_bytes) { written_and_read((typed){UFO_RECORD, 10}, 4096); }
Test(view_types, record_larger_than_a_chunk) { written_and_read((typed){UFO_RECORD, 50000}, CHUNK); }

/* Scattered reads and writes of single elements, each checked against an array in memory. */
Test(view_types, scattered_elements) {
  enum { LENGTH = 4 * BUDGET / 8 + 77 };
  ufo_store *store = open_store(in_folder("s.ufo"));
  ufo_pool *pool = make_pool(BUDGET);
  uint64_t *expected = malloc(LENGTH * 8), state = 7;
  fill_values(UFO_DOUBLE, 8, 5, LENGTH, expected);
  put_now(store, "x", spec_of(UFO_DOUBLE, 0, LENGTH, CHUNK), expected);
  ufo_view *view = open_view(store, NULL, pool, "x");
  uint64_t *data = ufo_view_data(view);
  for (int round = 0; round < 20000; round++) {
    uint64_t i = random_below(&state, LENGTH);
    cr_assert_eq(data[i], expected[i], "element %" PRIu64 " in round %d", i, round);
    if (round % 3 == 0) data[i] = expected[i] = random_u64(&state);
  }
  put_view_now(store, "x", view);
  cr_assert_eq(memcmp(data, expected, LENGTH * 8), 0);
  ufo_view_release(view);
  assert_content(store, NULL, "x", expected, LENGTH * 8);
  cr_assert_leq(pool_stats(pool).resident_bytes_peak, BUDGET);
  OK(ufo_pool_destroy(pool, &error));
  ufo_store_close(store);
  free(expected);
}

Test(view_types, no_elements_and_one) {
  ufo_store *store = open_store(in_folder("s.ufo"));
  ufo_pool *pool = make_pool(BUDGET);
  double one = 42;
  put_now(store, "none", spec_of(UFO_DOUBLE, 0, 0, 0), NULL);
  put_now(store, "one", spec_of(UFO_DOUBLE, 0, 1, 0), &one);
  ufo_view *none = open_view(store, NULL, pool, "none"), *single = open_view(store, NULL, pool, "one");
  cr_assert_eq(ufo_view_length(none), 0);
  cr_assert_neq(ufo_view_data(none), NULL, "a valid pointer to no bytes");
  double *data = ufo_view_data(single);
  cr_assert_eq(data[0], 42);
  data[0] = 43;
  put_view_now(store, "one", single);
  put_view_now(store, "none", none);
  one = 43;
  assert_content(store, NULL, "one", &one, 8);
  assert_content(store, NULL, "none", "", 0);
  ufo_view_release(none);
  ufo_view_release(single);
  OK(ufo_pool_destroy(pool, &error));
  ufo_store_close(store);
}

/* Header bytes lie directly before the body, belong to the view and are not stored. */
Test(view_types, header_bytes) {
  ufo_store *store = open_store(in_folder("s.ufo"));
  ufo_pool *pool = make_pool(BUDGET);
  int32_t values[3] = {1, 2, 3};
  put_now(store, "x", spec_of(UFO_INTEGER, 0, 3, 0), values);
  ufo_view_options options = {.struct_size = sizeof options, .header_bytes = 48};
  ufo_view *view, *clone;
  OK(ufo_view_open(store, NULL, pool, "x", &options, &view, &error));
  uint8_t *header = ufo_region_header(ufo_view_region(view));
  cr_assert_eq(header + 48, ufo_view_data(view));
  for (int i = 0; i < 48; i++) cr_assert_eq(header[i], 0);
  memset(header, 0xAB, 48);
  cr_assert_eq(((int32_t *)ufo_view_data(view))[2], 3);
  OK(ufo_view_clone(view, &clone, &error));
  cr_assert_eq((uint8_t *)ufo_region_header(ufo_view_region(clone)) + 48, ufo_view_data(clone), "a clone has one too");
  cr_assert_eq(view_info(view).chunks_changed, 0);
  ufo_view_release(clone);
  ufo_view_release(view);
  OK(ufo_pool_destroy(pool, &error));
  ufo_store_close(store);
}
