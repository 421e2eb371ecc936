/* A view keeps its version: while this or another process commits, after the handle is closed; and the file stays
 * bounded all the while. */
#include "fixture.h"

enum { CHUNK = 16 * 1024, LENGTH = 2 * 1024 * 1024 / 8, BYTES = LENGTH * 8 };

TestSuite(view_version, .init = fixture_make, .fini = fixture_remove, .timeout = 90);

static uint64_t *noise(uint64_t seed) {
  uint64_t *values = malloc(BYTES);
  for (uint64_t i = 0; i < LENGTH; i++) values[i] = mix(mix(seed) + i);
  return values;
}

/* In a process that never saw the parent's store: `commits` times the whole object anew. */
typedef struct job {
  const char *path;
  int commits;
} job;

static int commit_often(void *user) {
  const job *work = user;
  ufo_store *other;
  CHECK(ufo_store_open(work->path, NULL, &other, &error) == UFO_OK);
  for (int i = 1; i <= work->commits; i++) {
    uint64_t *values = noise((uint64_t)i);
    ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, LENGTH, CHUNK);
    ufo_txn *txn;
    CHECK(ufo_txn_begin(other, &txn, &error) == UFO_OK);
    if (i % 2) CHECK(ufo_txn_write(txn, "x", 0, LENGTH, values, &error) == UFO_OK);
    else CHECK(ufo_txn_put(txn, "x", &spec, values, &error) == UFO_OK);
    CHECK(ufo_txn_commit(txn, &error) == UFO_OK);
    free(values);
  }
  ufo_store_close(other);
  return 0;
}

/* A child made before anything is opened here, which starts when told. */
typedef struct helper {
  int (*run)(void *);
  void *argument;
  int start[2];
  pid_t child;
} helper;

static void helper_make(helper *h, int (*run)(void *), void *argument) {
  *h = (helper){.run = run, .argument = argument};
  cr_assert_eq(pipe(h->start), 0);
  fflush(NULL);
  h->child = fork();
  if (h->child == 0) {
    char go;
    close(h->start[1]);
    alarm(60);
    _exit(read(h->start[0], &go, 1) == 1 ? run(argument) : 99);
  }
  close(h->start[0]);
}

static void helper_run(helper *h) {
  cr_assert_eq(write(h->start[1], "g", 1), 1);
  close(h->start[1]);
  int result = wait_for(h->child);
  cr_assert_eq(result, 0, "the other process failed near line %d of its check (%d)", result - 1, result);
}

Test(view_version, while_another_process_commits) {
  char *path = in_folder("s.ufo");
  job work = {path, 50};
  helper other;
  helper_make(&other, commit_often, &work);
  ufo_store *store = open_store(path);
  ufo_pool *pool = make_pool(8 * CHUNK);
  uint64_t *old = noise(0), *new = noise(50);
  put_now(store, "x", spec_of(UFO_DOUBLE, 0, LENGTH, CHUNK), old);
  ufo_view *view = open_view(store, NULL, pool, "x");
  uint64_t *data = ufo_view_data(view);
  data[7] = old[7] = 77;

  helper_run(&other);
  cr_assert_eq(memcmp(data, old, BYTES), 0, "the view reads its version, chunks never touched before too");
  ufo_view *clone;
  OK(ufo_view_clone(view, &clone, &error));
  assert_content(store, NULL, "x", new, BYTES);
  uint64_t pinned = size_of_file(path);
  cr_assert_lt(pinned, 12u * BYTES, "50 commits beside a pinned version made %" PRIu64 " bytes", pinned);
  ufo_view_release(view);
  cr_assert_eq(memcmp(ufo_view_data(clone), old, BYTES), 0, "the clone holds the version too");
  ufo_view_release(clone);

  job more = {path, 20};
  cr_assert_eq(in_child(commit_often, &more, 60), 0);
  let_it_reclaim(store);
  cr_assert_leq(size_of_file(path), pinned + 2u * BYTES, "the file is bounded once nothing is pinned: %" PRIu64,
                size_of_file(path));
  cr_assert_leq(stat_of(store).blobs, 2 * BYTES / CHUNK);
  assert_sound(store);
  OK(ufo_pool_destroy(pool, &error));
  ufo_store_close(store);
  free(old), free(new);
}

Test(view_version, file_stays_bounded_under_rewriting) {
  ufo_store *store = open_store(in_folder("s.ufo"));
  ufo_pool *pool = make_pool(4 << 20);
  uint64_t *values = noise(0), early = 0;
  put_now(store, "x", spec_of(UFO_DOUBLE, 0, LENGTH, CHUNK), values);
  ufo_view *view = open_view(store, NULL, pool, "x");
  for (uint64_t round = 1; round <= 40; round++) {
    for (uint64_t i = 0; i < LENGTH; i++) ((uint64_t *)ufo_view_data(view))[i] = mix(round + mix(i));
    put_view_now(store, "x", view);
    if (round == 10) early = size_of_file(in_folder("s.ufo"));
  }
  uint64_t late = size_of_file(in_folder("s.ufo"));
  cr_assert_leq(late, early + BYTES, "after 10 rewrites %" PRIu64 " bytes, after 40 %" PRIu64, early, late);
  ufo_view_release(view);
  OK(ufo_pool_destroy(pool, &error));
  ufo_store_close(store);
  free(values);
}

Test(view_version, opening_a_version_by_number) {
  ufo_store *store = open_store(in_folder("s.ufo"));
  ufo_pool *pool = make_pool(8 * CHUNK);
  uint64_t *one = noise(1), *two = noise(2);
  put_now(store, "x", spec_of(UFO_DOUBLE, 0, LENGTH, CHUNK), one);
  ufo_view *view = open_view(store, NULL, pool, "x");
  write_now(store, "x", 0, LENGTH, two);
  let_it_reclaim(store);
  ufo_view_options options = {.struct_size = sizeof options, .version = 1};
  ufo_view *old, *current;
  OK(ufo_view_open(store, NULL, pool, "x", &options, &old, &error)); /* kept, because `view` is of it */
  cr_assert_eq(memcmp(ufo_view_data(old), one, BYTES), 0);
  cr_assert_eq(view_info(old).version, 1);
  uint64_t probe;
  OK(ufo_store_read(store, NULL, "x", 1, 1000, 1, &probe, &error));
  cr_assert_eq(probe, one[1000]);
  options.version = 2;
  OK(ufo_view_open(store, NULL, pool, "x", &options, &current, &error));
  cr_assert_eq(memcmp(ufo_view_data(current), two, BYTES), 0);
  options.version = 3;
  ufo_view *none = NULL;
  FAILS(UFO_MISSING, ufo_view_open(store, NULL, pool, "x", &options, &none, &error));
  cr_assert_eq(none, NULL);
  FAILS(UFO_MISSING, ufo_view_open(store, NULL, pool, "nothing", NULL, &none, &error));
  ufo_view_release(view);
  ufo_view_release(old);
  ufo_view_release(current);
  let_it_reclaim(store);
  options.version = 1;
  FAILS(UFO_MISSING, ufo_view_open(store, NULL, pool, "x", &options, &none, &error));
  OK(ufo_pool_destroy(pool, &error));
  ufo_store_close(store);
  free(one), free(two);
}

/* A renamed, then removed object is still what its view shows. */
Test(view_version, outlives_name_and_object) {
  ufo_store *store = open_store(in_folder("s.ufo"));
  ufo_pool *pool = make_pool(8 * CHUNK);
  uint64_t *values = noise(5);
  put_now(store, "x", spec_of(UFO_DOUBLE, 0, LENGTH, CHUNK), values);
  ufo_view *view = open_view(store, NULL, pool, "x");
  ufo_txn *txn = begin(store);
  OK(ufo_txn_rename(txn, "x", "z", &error));
  OK(ufo_txn_commit(txn, &error));
  remove_now(store, "z");
  let_it_reclaim(store);
  cr_assert_eq(memcmp(ufo_view_data(view), values, BYTES), 0);
  put_view_now(store, "again", view);
  ufo_view_release(view);
  let_it_reclaim(store);
  assert_content(store, NULL, "again", values, BYTES);
  assert_sound(store);
  OK(ufo_pool_destroy(pool, &error));
  ufo_store_close(store);
  free(values);
}

Test(view_version, outlives_the_handle) {
  ufo_store *store = open_store(in_folder("s.ufo"));
  ufo_pool *pool = make_pool(8 * CHUNK);
  uint64_t *values = noise(6);
  put_now(store, "x", spec_of(UFO_DOUBLE, 0, LENGTH, CHUNK), values);
  ufo_view *view = open_view(store, NULL, pool, "x"), *clone;
  ufo_txn *txn = begin(store);
  ufo_view *staging = open_view(store, txn, pool, "x");
  ((uint64_t *)ufo_view_data(staging))[0] = 1;
  ufo_store_close(store); /* aborts the transaction */
  ufo_txn_abort(txn);
  uint64_t *data = ufo_view_data(view);
  cr_assert_eq(memcmp(data, values, BYTES), 0);
  for (uint64_t i = 0; i < LENGTH; i += 2) data[i] = values[i] = i; /* evicts changes */
  cr_assert_eq(memcmp(data, values, BYTES), 0);
  OK(ufo_view_clone(view, &clone, &error));
  cr_assert_eq(((uint64_t *)ufo_view_data(staging))[0], 1);

  store = open_store(in_folder("s.ufo")); /* a new handle: the view can be put through it */
  put_view_now(store, "x", view);
  assert_content(store, NULL, "x", values, BYTES);
  ufo_view_release(view);
  ufo_store_close(store);
  cr_assert_eq(memcmp(ufo_view_data(clone), values, BYTES), 0);
  ufo_view_release(clone);
  ufo_view_release(staging);
  OK(ufo_pool_destroy(pool, &error));
  store = open_store(in_folder("s.ufo"));
  assert_content(store, NULL, "x", values, BYTES);
  assert_sound(store);
  ufo_store_close(store);
  free(values);
}
