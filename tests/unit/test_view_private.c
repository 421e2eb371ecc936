/* A view is private: writing to it changes neither the store nor any other view; a clone goes its own way. */
#include "one_store.h"

enum { CHUNK = 16 * 1024, PER_CHUNK = CHUNK / 8, CHUNKS = 64, LENGTH = CHUNKS * PER_CHUNK - 100, BUDGET = 16 * CHUNK };

static ufo_pool *pool;
static uint64_t *stored; /* what the store holds */

static void make(void) {
  store_make();
  pool = make_pool(BUDGET);
  stored = put_doubles_x(3, LENGTH, CHUNK);
}

static void unmake(void) {
  free(stored);
  OK(ufo_pool_destroy(pool, &error));
  store_end();
}

TestSuite(private_view, .init = make, .fini = unmake, .timeout = 60);

static uint64_t *copy_of_stored(void) { return memcpy(malloc(LENGTH * 8), stored, LENGTH * 8); }

static void assert_same(ufo_view *view, const uint64_t *expected) {
  const uint64_t *data = ufo_view_data(view);
  for (uint64_t i = 0; i < LENGTH; i++)
    cr_assert_eq(data[i], expected[i], "element %" PRIu64 " is %" PRIx64 ", not %" PRIx64, i, data[i], expected[i]);
}

Test(private_view, writes_stay_in_the_view) {
  uint64_t generation = stat_of(store).generation;
  ufo_view *view = open_view(store, NULL, pool, "x"), *other = open_view(store, NULL, pool, "x");
  uint64_t *data = ufo_view_data(view), *expected = copy_of_stored();
  for (uint64_t i = 0; i < LENGTH; i++) data[i] = expected[i] = ~i;
  assert_same(view, expected);
  assert_same(other, stored);
  assert_content(store, NULL, "x", stored, LENGTH * 8);
  ufo_view_release(view);
  view = open_view(store, NULL, pool, "x");
  assert_same(view, stored);
  ufo_view_release(view);
  ufo_view_release(other);
  cr_assert_eq(stat_of(store).generation, generation, "nothing was committed");
  cr_assert_eq(info_of(store, NULL, "x").version, 1);
  free(expected);
}

Test(private_view, clones_are_isolated_both_ways) {
  ufo_view *a = open_view(store, NULL, pool, "x"), *b, *c;
  uint64_t *in_a = copy_of_stored(), *in_b = copy_of_stored(), *in_c = copy_of_stored(), state = 9;
  uint64_t *data = ufo_view_data(a);
  for (int i = 0; i < 500; i++) {
    uint64_t k = random_below(&state, LENGTH);
    data[k] = in_a[k] = in_b[k] = in_c[k] = random_u64(&state);
  }
  OK(ufo_view_clone(a, &b, &error));
  assert_same(b, in_b);
  for (int i = 0; i < 3000; i++) { /* both go on, under eviction */
    uint64_t k = random_below(&state, LENGTH), l = random_below(&state, LENGTH);
    ((uint64_t *)ufo_view_data(a))[k] = in_a[k] = random_u64(&state);
    ((uint64_t *)ufo_view_data(b))[l] = in_b[l] = in_c[l] = random_u64(&state);
  }
  OK(ufo_view_clone(b, &c, &error)); /* a clone of a clone, with its changes */
  ((uint64_t *)ufo_view_data(c))[5] = in_c[5] = 55;
  assert_same(a, in_a);
  assert_same(b, in_b);
  assert_same(c, in_c);
  ufo_view_release(b);
  assert_same(c, in_c);
  ufo_view_release(a);
  assert_same(c, in_c);
  put_view_now(store, "x", c);
  assert_content(store, NULL, "x", in_c, LENGTH * 8);
  ufo_view_release(c);
  assert_sound(store);
  free(in_a), free(in_b), free(in_c);
}

Test(private_view, a_clone_costs_what_was_changed) {
  ufo_view *view = open_view(store, NULL, pool, "x"), *clone;
  uint64_t *data = ufo_view_data(view);
  data[3 * PER_CHUNK] = 1;
  data[7 * PER_CHUNK + 5] = 2;
  ufo_pool_stats before = quiet_stats(pool);
  OK(ufo_view_clone(view, &clone, &error));
  ufo_pool_stats after = quiet_stats(pool);
  cr_assert_eq(after.fills, before.fills, "cloning loads nothing");
  cr_assert_leq(after.writebacks - before.writebacks, 2, "cloning sets two changed chunks aside");
  cr_assert_leq(after.resident_bytes, before.resident_bytes, "cloning takes no memory for data");
  cr_assert_eq(view_info(clone).chunks_changed, 2);
  cr_assert_eq(view_info(view).chunks_changed, 2);
  before = after;
  ufo_view *again;
  OK(ufo_view_clone(view, &again, &error));
  cr_assert_eq(quiet_stats(pool).writebacks, before.writebacks, "what is set aside is shared");
  ufo_view_release(again);
  ufo_view_release(clone);
  ufo_view_release(view);
}

/* 80 GB of zeros: a clone of a view of it, and the same with one change, cost next to nothing. */
Test(private_view, clone_of_a_huge_object) {
  ufo_txn *txn = begin(store);
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, UINT64_C(10000000000), 0);
  OK(ufo_txn_create(txn, "huge", &spec, &error));
  OK(ufo_txn_commit(txn, &error));
  ufo_view *view, *clone;
  ufo_pool *roomy = make_pool(8 << 20);
  OK(ufo_view_open(store, NULL, roomy, "huge", NULL, &view, &error));
  double *data = ufo_view_data(view);
  data[UINT64_C(9999999999)] = 1.5;
  OK(ufo_view_clone(view, &clone, &error));
  double *cloned = ufo_view_data(clone);
  cr_assert_eq(cloned[UINT64_C(9999999999)], 1.5);
  cr_assert_eq(cloned[UINT64_C(5000000000)], 0);
  cloned[0] = 2;
  cr_assert_eq(data[0], 0);
  cr_assert_eq(quiet_stats(roomy).fills, 5, "%" PRIu64 " chunks were loaded", quiet_stats(roomy).fills);
  put_view_now(store, "huge", clone);
  cr_assert_eq(info_of(store, NULL, "huge").chunks_written, 2);
  ufo_view_release(clone);
  ufo_view_release(view);
  OK(ufo_pool_destroy(roomy, &error));
}

/* ---- which elements changed -------------------------------------------------------------------------------------- */

typedef struct runs {
  uint64_t first[16], count[16];
  int n, stop_after;
} runs;

static int collect(void *user, uint64_t first, uint64_t count) {
  runs *seen = user;
  seen->first[seen->n] = first;
  seen->count[seen->n] = count;
  seen->n++;
  return seen->n == seen->stop_after;
}

static void assert_runs(ufo_view *view) {
  runs seen = {0};
  OK(ufo_view_changed(view, collect, &seen, &error));
  cr_assert_eq(seen.n, 3, "%d runs", seen.n);
  cr_assert_eq(seen.first[0], 0);
  cr_assert_eq(seen.count[0], 3 * PER_CHUNK);
  cr_assert_eq(seen.first[1], 5 * PER_CHUNK);
  cr_assert_eq(seen.count[1], PER_CHUNK);
  cr_assert_eq(seen.first[2], (CHUNKS - 1) * PER_CHUNK);
  cr_assert_eq(seen.count[2], LENGTH - (CHUNKS - 1) * PER_CHUNK, "the last chunk is a short one");
  cr_assert_eq(view_info(view).chunks_changed, 5);
  seen = (runs){.stop_after = 2};
  cr_assert_eq(ufo_view_changed(view, collect, &seen, &error), UFO_END);
  cr_assert_eq(seen.n, 2);
}

Test(private_view, changed_runs) {
  ufo_view *view = open_view(store, NULL, pool, "x");
  uint64_t *data = ufo_view_data(view), sum = 0;
  runs seen = {0};
  OK(ufo_view_changed(view, collect, &seen, &error));
  cr_assert_eq(seen.n, 0);
  data[2 * PER_CHUNK] = data[0] = data[2 * PER_CHUNK - 1] = data[5 * PER_CHUNK + 9] = data[LENGTH - 1] = 8;
  assert_runs(view);
  for (uint64_t i = 0; i < LENGTH; i++) sum += data[i]; /* evicts the changed chunks */
  cr_assert_neq(sum, 0);
  assert_runs(view);
  data[5 * PER_CHUNK] = 9; /* changed again after it came back */
  assert_runs(view);
  ufo_view *clone;
  OK(ufo_view_clone(view, &clone, &error));
  assert_runs(clone);
  ufo_view_release(clone);
  ufo_view_release(view);
}

/* Elements that lie in a changed chunk only in part belong to the run. */
Test(private_view, changed_runs_of_odd_records) {
  enum { BYTES = 10, RECORDS = 4096 };
  uint8_t *records = malloc(BYTES * RECORDS);
  fill_values(UFO_RECORD, BYTES, 1, RECORDS, records);
  put_now(store, "odd", spec_of(UFO_RECORD, BYTES, RECORDS, 4096), records);
  ufo_view *view = open_view(store, NULL, pool, "odd");
  ((uint8_t *)ufo_view_data(view))[4096 + 100] ^= 1;
  runs seen = {0};
  OK(ufo_view_changed(view, collect, &seen, &error));
  cr_assert_eq(seen.n, 1);
  cr_assert_eq(seen.first[0], 409, "element 409 begins in chunk 0 and ends in chunk 1");
  cr_assert_eq(seen.count[0], 820 - 409, "up to element 819, which begins in chunk 1: %" PRIu64, seen.count[0]);
  ufo_view_release(view);
  free(records);
}

/* ---- views that must not be written --------------------------------------------------------------------------------
 */

static int write_first(void *user) {
  *(volatile uint64_t *)user = 1;
  return 0;
}

Test(private_view, read_only_view_refuses_writes) {
  ufo_view_options options = {.struct_size = sizeof options, .access = UFO_ACCESS_READ_ONLY};
  ufo_view *view;
  OK(ufo_view_open(store, NULL, pool, "x", &options, &view, &error));
  assert_same(view, stored);
  int result;
  cr_assert_neq(ufo_guarded(ufo_view_region(view), write_first, ufo_view_data(view), &result, &error), UFO_OK);
  assert_same(view, stored);
  cr_assert_eq(view_info(view).chunks_changed, 0);
  ufo_view_release(view);
}

Test(private_view, read_only_store) {
  ufo_store_close(store);
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  OK(ufo_store_open(in_folder("s.ufo"), &options, &store, &error));
  cr_assert(ufo_store_is_read_only(store));
  uint64_t size = size_of_file(in_folder("s.ufo"));
  ufo_txn *txn = NULL;
  FAILS(UFO_USAGE, ufo_txn_begin(store, &txn, &error));
  ufo_view *view = open_view(store, NULL, pool, "x"), *clone;
  uint64_t *data = ufo_view_data(view), *expected = copy_of_stored();
  for (uint64_t i = 0; i < LENGTH; i += 3) data[i] = expected[i] = mix(i);
  assert_same(view, expected);
  OK(ufo_view_clone(view, &clone, &error));
  ((uint64_t *)ufo_view_data(clone))[1] = 0;
  assert_same(view, expected);
  cr_assert_gt(pool_stats(pool).evictions_dirty, 0);
  ufo_view_release(clone);
  ufo_view_release(view);
  assert_content(store, NULL, "x", stored, LENGTH * 8);
  cr_assert_eq(size_of_file(in_folder("s.ufo")), size);
  free(expected);
}

/* Changes that are never put spill to scratch, not into the store's file. */
Test(private_view, spills_do_not_grow_the_store) {
  uint64_t length = (UINT64_C(40) << 20) / 8, size = size_of_file(in_folder("s.ufo"));
  ufo_txn *txn = begin(store);
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, length, 0);
  OK(ufo_txn_create(txn, "large", &spec, &error));
  OK(ufo_txn_commit(txn, &error));
  size = size_of_file(in_folder("s.ufo"));
  ufo_pool *small = make_pool(2 << 20);
  ufo_view *view = open_view(store, NULL, small, "large");
  uint64_t *data = ufo_view_data(view);
  for (uint64_t i = 0; i < length; i++) data[i] = mix(i);
  cr_assert_gt(view_info(view).spilled_bytes, UINT64_C(30) << 20);
  for (uint64_t i = 0; i < length; i++) cr_assert_eq(data[i], mix(i), "element %" PRIu64, i);
  cr_assert_eq(size_of_file(in_folder("s.ufo")), size, "the store's file grew");
  cr_assert_eq(stat_of(store).staged_blobs, 0);
  put_view_now(store, "large", view); /* and are stored once they are put after all */
  uint64_t *back = malloc(length * 8);
  OK(ufo_store_read(store, NULL, "large", 0, 0, length, back, &error));
  for (uint64_t i = 0; i < length; i++) cr_assert_eq(back[i], mix(i), "stored element %" PRIu64, i);
  free(back);
  ufo_view_release(view);
  OK(ufo_pool_destroy(small, &error));
}
