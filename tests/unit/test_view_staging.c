/* Staged chunks with more than one owner: clones, two names, two transactions, a forked child. Whoever lets go first,
 * the others keep their content, and in the end nothing is left. */
#include "fixture.h"

enum { CHUNK = 64 * 1024, MIB = 1 << 20, BYTES = 20 * MIB, LENGTH = BYTES / 8 };

static ufo_store *store;
static ufo_pool *pool;
static ufo_txn *txn;
static ufo_view *view; /* in txn, all of it changed, most of it staged */

static void write_noise(ufo_view *v, uint64_t seed) {
  uint64_t *data = ufo_view_data(v);
  for (uint64_t i = 0; i < LENGTH; i++) data[i] = mix(seed + i);
}

static int is_noise(ufo_view *v, uint64_t seed) {
  const uint64_t *data = ufo_view_data(v);
  for (uint64_t i = 0; i < LENGTH; i++)
    if (data[i] != mix(seed + i)) return 0;
  return 1;
}

static void assert_stored(const char *name, uint64_t seed) {
  uint64_t *values = malloc(BYTES);
  OK(ufo_store_read(store, NULL, name, 0, 0, LENGTH, values, &error));
  for (uint64_t i = 0; i < LENGTH; i++) cr_assert_eq(values[i], mix(seed + i), "'%s' at %" PRIu64, name, i);
  free(values);
}

static void make(void) {
  fixture_make();
  store = open_store(in_folder("s.ufo"));
  pool = make_pool(2 * MIB);
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, LENGTH, CHUNK);
  txn = begin(store);
  OK(ufo_txn_create(txn, "x", &spec, &error));
  OK(ufo_txn_commit(txn, &error));
  txn = begin(store);
  view = open_view(store, txn, pool, "x");
  write_noise(view, 1);
  cr_assert_gt(stat_of(store).staged_bytes, 6 * MIB);
}

/* Every object is removed: nothing may be left of anything. */
static void unmake(void) {
  OK(ufo_pool_destroy(pool, &error));
  static const char *const names[] = {"x", "y", "z"};
  ufo_object_info info = {.struct_size = sizeof info};
  for (int n = 0; n < 3; n++)
    if (ufo_store_info(store, NULL, names[n], 0, &info, &error) == UFO_OK) remove_now(store, names[n]);
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).staged_blobs, 0);
  cr_assert_eq(stat_of(store).blobs, 0, "%" PRIu64 " blobs are left", stat_of(store).blobs);
  assert_sound(store);
  ufo_store_close(store);
  fixture_remove();
}

TestSuite(view_staging, .init = make, .fini = unmake, .timeout = 60);

static void overwrite(const char *name) {
  uint64_t *zeros = calloc(LENGTH, 8);
  for (int i = 0; i < 2; i++) {
    zeros[0] = (uint64_t)i;
    write_now(store, name, 0, LENGTH, zeros);
    let_it_reclaim(store);
  }
  free(zeros);
}

Test(view_staging, clone_outlives_the_commit) {
  ufo_view *clone;
  OK(ufo_view_clone(view, &clone, &error));
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error));
  ufo_view_release(view);
  OK(ufo_txn_commit(txn, &error));
  overwrite("x"); /* the clone alone needs the adopted blobs now */
  cr_assert(is_noise(clone, 1));
  ((uint64_t *)ufo_view_data(clone))[0] = mix(1);
  put_view_now(store, "y", clone);
  ufo_view_release(clone);
  let_it_reclaim(store);
  assert_stored("y", 1);
  assert_sound(store);
}

Test(view_staging, clone_outlives_the_abort) {
  ufo_view *clone;
  OK(ufo_view_clone(view, &clone, &error));
  ufo_view_release(view);
  ufo_txn_abort(txn);
  let_it_reclaim(store);
  cr_assert(is_noise(clone, 1));
  put_view_now(store, "x", clone);
  assert_stored("x", 1);
  ufo_view_release(clone);
}

Test(view_staging, under_two_names) {
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error));
  OK(ufo_txn_put_view(txn, "y", view, UFO_PUT_CHECKED, &error));
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(stat_of(store).blobs, BYTES / CHUNK, "shared: %" PRIu64 " blobs", stat_of(store).blobs);
  ufo_view_release(view);
  assert_sound(store);
  overwrite("x");
  assert_stored("y", 1);
  assert_sound(store);
}

Test(view_staging, in_two_transactions) {
  ufo_txn *other = begin(store);
  OK(ufo_txn_put_view(txn, "y", view, UFO_PUT_CHECKED, &error));
  OK(ufo_txn_put_view(other, "z", view, UFO_PUT_CHECKED, &error));
  ufo_view_release(view);
  ufo_txn_abort(txn);
  let_it_reclaim(store);
  OK(ufo_txn_commit(other, &error));
  assert_stored("z", 1);
  assert_sound(store);
}

Test(view_staging, both_transactions_commit) {
  ufo_txn *other = begin(store);
  OK(ufo_txn_put_view(txn, "y", view, UFO_PUT_CHECKED, &error));
  OK(ufo_txn_put_view(other, "z", view, UFO_PUT_CHECKED, &error));
  OK(ufo_txn_commit(txn, &error));
  OK(ufo_txn_commit(other, &error));
  cr_assert(is_noise(view, 1));
  ufo_view_release(view);
  remove_now(store, "y");
  let_it_reclaim(store);
  assert_stored("z", 1);
  assert_sound(store);
}

/* A put that a later put of the same name replaced leaves nothing behind. */
Test(view_staging, replaced_in_the_transaction) {
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error));
  write_noise(view, 2);
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error));
  OK(ufo_txn_commit(txn, &error));
  assert_stored("x", 2);
  cr_assert_eq(view_info(view).chunks_changed, 0, "%" PRIu64 " chunks still count as changed, version %" PRIu64,
               view_info(view).chunks_changed, view_info(view).version);
  ufo_view_release(view);
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, BYTES / CHUNK);
}

Test(view_staging, two_views_of_one_transaction) {
  ufo_view *second = open_view(store, txn, pool, "x");
  write_noise(second, 3);
  OK(ufo_txn_put_view(txn, "y", second, UFO_PUT_CHECKED, &error));
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error));
  ufo_view_release(view);
  OK(ufo_txn_commit(txn, &error));
  ufo_view_release(second);
  assert_stored("x", 1);
  assert_stored("y", 3);
}

/* ---- fork ----------------------------------------------------------------------------------------------------------
 */

static int read_staged(void *user) {
  (void)user;
  CHECK(is_noise(view, 1));
  ((uint64_t *)ufo_view_data(view))[7] = 8;
  CHECK(((uint64_t *)ufo_view_data(view))[7] == 8);
  ufo_view_release(view);
  ufo_txn_abort(txn); /* the child's copy: the parent's transaction goes on */
  double value = 1;
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, 1, 0);
  ufo_txn *own;
  CHECK(ufo_txn_begin(store, &own, &error) == UFO_OK);
  CHECK(ufo_txn_put(own, "z", &spec, &value, &error) == UFO_OK);
  CHECK(ufo_txn_commit(own, &error) == UFO_OK);
  ufo_store_close(store);
  return 0;
}

Test(view_staging, a_forked_child_reads_it_and_leaves_it) {
  int result = in_child(read_staged, NULL, 30);
  cr_assert_eq(result, 0, "the child gave %d", result);
  let_it_reclaim(store);
  cr_assert(is_noise(view, 1));
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error));
  OK(ufo_txn_commit(txn, &error));
  ufo_view_release(view);
  assert_stored("x", 1);
  assert_sound(store);
}
