/* Views opened in a transaction: they see what is pending, stage what they spill, and commit adopts it. */
#include "one_store.h"

enum { CHUNK = 64 * 1024, MIB = 1 << 20 };

static ufo_pool *pool;

static void make(void) {
  store_make();
  pool = make_pool(2 * MIB);
}

static void unmake(void) {
  OK(ufo_pool_destroy(pool, &error));
  store_end();
}

TestSuite(view_transaction, .init = make, .fini = unmake, .timeout = 90);

static void create_now(const char *name, uint64_t bytes) {
  ufo_txn *txn = begin(store);
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, bytes / 8, CHUNK);
  OK(ufo_txn_create(txn, name, &spec, &error));
  OK(ufo_txn_commit(txn, &error));
}

static void write_noise(ufo_view *view, uint64_t seed) {
  uint64_t *data = ufo_view_data(view), length = ufo_view_length(view);
  for (uint64_t i = 0; i < length; i++) data[i] = mix(seed + i);
}

static void assert_noise(const char *name, uint64_t seed) {
  enum { STEP = 8192 };
  uint64_t length = info_of(store, NULL, name).length, buffer[STEP];
  for (uint64_t first = 0; first < length; first += STEP) {
    uint64_t n = length - first < STEP ? length - first : STEP;
    OK(ufo_store_read(store, NULL, name, 0, first, n, buffer, &error));
    for (uint64_t i = 0; i < n; i++) cr_assert_eq(buffer[i], mix(seed + first + i), "element %" PRIu64, first + i);
  }
}

Test(view_transaction, sees_what_is_pending) {
  int32_t values[5] = {1, 2, 3, 4, 5};
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, 5, 0);
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put(txn, "x", &spec, values, &error));
  ufo_view *none = NULL;
  FAILS(UFO_MISSING, ufo_view_open(store, NULL, pool, "x", NULL, &none, &error));
  ufo_view *view = open_view(store, txn, pool, "x");
  int32_t *data = ufo_view_data(view);
  cr_assert_eq(memcmp(data, values, sizeof values), 0);
  cr_assert_eq(view_info(view).version, 0, "a pending object has no version yet");
  data[1] = values[1] = 20;
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error));
  assert_content(store, txn, "x", values, sizeof values);
  int32_t six = 6;
  OK(ufo_txn_append(txn, "x", &six, 1, &error));
  cr_assert_eq(info_of(store, txn, "x").length, 6);
  OK(ufo_txn_commit(txn, &error));
  int32_t expected[6] = {1, 20, 3, 4, 5, 6};
  assert_content(store, NULL, "x", expected, sizeof expected);
  cr_assert_eq(memcmp(data, values, sizeof values), 0, "the view's content stays as it is");
  ufo_view_release(view);
  cr_assert_eq(info_of(store, NULL, "x").version, 1);
}

/* After the commit of what it saw pending, the view is based on the new object and can be put again. */
Test(view_transaction, goes_on_after_the_commit) {
  double values[3] = {1, 2, 3};
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, 3, 0);
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put(txn, "x", &spec, values, &error));
  ufo_view *view = open_view(store, txn, pool, "x");
  double *data = ufo_view_data(view);
  data[0] = values[0] = 10;
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error));
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(view_info(view).version, 1);
  for (int round = 0; round < 3; round++) {
    data[2] = values[2] = round;
    put_view_now(store, "x", view);
    assert_content(store, NULL, "x", values, sizeof values);
  }
  ufo_view_release(view);
}

Test(view_transaction, commit_adopts_what_was_staged) {
  enum { BYTES = 48 * MIB };
  create_now("x", BYTES);
  ufo_txn *txn = begin(store);
  ufo_view *view = open_view(store, txn, pool, "x");
  write_noise(view, 1);
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error));
  ufo_store_stat staged = stat_of(store);
  cr_assert_gt(staged.staged_bytes, 30 * MIB, "most of it is staged: %" PRIu64, staged.staged_bytes);
  uint64_t before = size_of_file(in_folder("s.ufo"));
  OK(ufo_txn_commit(txn, &error));
  ufo_store_stat after = stat_of(store);
  cr_assert_eq(after.staged_blobs, 0);
  cr_assert_eq(after.blobs, BYTES / CHUNK);
  cr_assert_leq(size_of_file(in_folder("s.ufo")) - before, BYTES - staged.staged_bytes + 4 * MIB,
                "bytes were written twice");
  cr_assert_eq(view_info(view).chunks_changed, 0);
  ufo_view_release(view);
  assert_noise("x", 1);
  assert_sound(store);
}

static void abort_after_staging(int release_first) {
  enum { BYTES = 24 * MIB };
  create_now("x", BYTES);
  double keep[2] = {1, 2};
  put_now(store, "keep", spec_of(UFO_DOUBLE, 0, 2, 0), keep);
  ufo_store_stat before = stat_of(store);
  ufo_txn *txn = begin(store);
  ufo_view *view = open_view(store, txn, pool, "x");
  write_noise(view, 1);
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error));
  OK(ufo_txn_remove(txn, "keep", &error));
  cr_assert_gt(stat_of(store).staged_blobs, 0);
  if (release_first) ufo_view_release(view);
  ufo_txn_abort(txn);
  if (!release_first) {
    uint64_t *data = ufo_view_data(view);
    for (uint64_t i = 0; i < BYTES / 8; i += 999) cr_assert_eq(data[i], mix(1 + i), "the view keeps its changes");
    ufo_view_release(view);
  }
  let_it_reclaim(store);
  ufo_store_stat after = stat_of(store);
  cr_assert_eq(after.staged_blobs, 0, "%" PRIu64 " staged blobs are left", after.staged_blobs);
  cr_assert_eq(after.blobs, before.blobs);
  cr_assert_eq(after.objects, before.objects);
  assert_content(store, NULL, "keep", keep, sizeof keep);
  cr_assert_eq(info_of(store, NULL, "x").version, 1);
  cr_assert_eq(info_of(store, NULL, "x").chunks_written, 0);
  /* The room is used again: the same once more does not make the file larger. */
  uint64_t size = size_of_file(in_folder("s.ufo"));
  txn = begin(store);
  view = open_view(store, txn, pool, "x");
  write_noise(view, 2);
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error));
  ufo_view_release(view);
  OK(ufo_txn_commit(txn, &error));
  cr_assert_leq(size_of_file(in_folder("s.ufo")), size + BYTES / 2);
  assert_noise("x", 2);
  assert_sound(store);
}

Test(view_transaction, abort_then_release) { abort_after_staging(0); }
Test(view_transaction, release_then_abort) { abort_after_staging(1); }

/* What a closed handle, or a process that went away, had staged is gone after the next opening. */
static int stage_and_die(void *user) {
  ufo_store *mine;
  ufo_pool *small;
  ufo_txn *txn;
  ufo_view *view;
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = 2 * MIB};
  CHECK(ufo_store_open(user, NULL, &mine, &error) == UFO_OK);
  CHECK(ufo_pool_create(&options, &small, &error) == UFO_OK);
  CHECK(ufo_txn_begin(mine, &txn, &error) == UFO_OK);
  CHECK(ufo_view_open(mine, txn, small, "x", NULL, &view, &error) == UFO_OK);
  uint64_t *data = ufo_view_data(view), length = ufo_view_length(view);
  for (uint64_t i = 0; i < length; i++) data[i] = mix(i);
  ufo_store_stat stat = {.struct_size = sizeof stat};
  CHECK(ufo_store_get_stat(mine, &stat, &error) == UFO_OK);
  CHECK(stat.staged_blobs > 0);
  raise(SIGKILL);
  return 0;
}

Test(view_transaction, staged_by_a_killed_process) {
  create_now("x", 24 * MIB);
  char *path = in_folder("s.ufo");
  ufo_store_close(store);
  cr_assert_eq(in_child(stage_and_die, path, 60), 128 + SIGKILL);
  store = open_store(path);
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).staged_blobs, 0);
  cr_assert_eq(stat_of(store).blobs, 0);
  assert_sound(store);
}

Test(view_transaction, staged_then_closed) {
  create_now("x", 24 * MIB);
  ufo_txn *txn = begin(store);
  ufo_view *view = open_view(store, txn, pool, "x");
  write_noise(view, 1);
  cr_assert_gt(stat_of(store).staged_blobs, 0);
  ufo_store_close(store); /* aborts it; the handle remains, to be given back */
  FAILS(UFO_USAGE, ufo_txn_remove(txn, "x", &error));
  FAILS(UFO_USAGE, ufo_txn_commit(txn, &error));
  ufo_txn_abort(txn);
  ufo_view_release(view);
  store = open_store(in_folder("s.ufo"));
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).staged_blobs, 0);
  cr_assert_eq(stat_of(store).blobs, 0);
}

Test(view_transaction, released_before_the_commit) {
  create_now("x", 12 * MIB);
  ufo_txn *txn = begin(store);
  ufo_view *view = open_view(store, txn, pool, "x"), *plain = open_view(store, NULL, pool, "x");
  write_noise(view, 5);
  write_noise(plain, 6);
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error));
  OK(ufo_txn_put_view(txn, "y", plain, UFO_PUT_CHECKED, &error));
  ufo_view_release(view);
  ufo_view_release(plain);
  OK(ufo_txn_commit(txn, &error));
  assert_noise("x", 5);
  assert_noise("y", 6);
  assert_sound(store);
  cr_assert_eq(stat_of(store).staged_blobs, 0);
}

static uint64_t anonymous_kib(void) {
  char line[256];
  uint64_t kib = 0;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file)) sscanf(line, "RssAnon: %" SCNu64, &kib);
  if (file) fclose(file);
  return kib;
}

/* 256 MiB of changes go through a budget of 16 MiB; the process does not grow. */
Test(view_transaction, larger_than_memory) {
  enum { BYTES = 256 * MIB };
  ufo_pool *large = make_pool(16 * MIB);
  create_now("x", BYTES);
  ufo_txn *txn = begin(store);
  ufo_view *view = NULL;
  OK(ufo_view_open(store, txn, large, "x", NULL, &view, &error));
  uint64_t before = anonymous_kib(), *data = ufo_view_data(view), most = 0;
  for (uint64_t i = 0; i < BYTES / 8; i++) {
    data[i] = mix(9 + i);
    if (i % (4 * MIB) == 0 && anonymous_kib() > most) most = anonymous_kib();
  }
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error));
  if (anonymous_kib() > most) most = anonymous_kib();
  OK(ufo_txn_commit(txn, &error));
  cr_assert(SANITIZED || most - before <= 80 * 1024, "the process grew by %" PRIu64 " KiB", most - before);
  for (uint64_t i = 0; i < BYTES / 8; i += 4001) cr_assert_eq(data[i], mix(9 + i));
  ufo_view_release(view);
  OK(ufo_pool_destroy(large, &error));
  assert_noise("x", 9);
  cr_assert_eq(stat_of(store).staged_blobs, 0);
  cr_assert_leq(size_of_file(in_folder("s.ufo")), UINT64_C(320) * MIB);
}

/* The same for plain data: many puts of one transaction are staged, not collected in memory. */
Test(view_transaction, large_puts_are_staged) {
  enum { PIECE = 16 * MIB };
  uint64_t *values = malloc(PIECE);
  char name[16];
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, PIECE / 8, CHUNK);
  for (uint64_t i = 0; i < PIECE / 8; i++) values[i] = mix(i);
  uint64_t before = anonymous_kib();
  ufo_txn *txn = begin(store);
  for (int i = 0; i < 8; i++) {
    snprintf(name, sizeof name, "p%d", i);
    OK(ufo_txn_put(txn, name, &spec, values, &error));
  }
  cr_assert(SANITIZED || anonymous_kib() <= before + 64 * 1024, "the process grew to %" PRIu64 " KiB", anonymous_kib());
  cr_assert_eq(stat_of(store).objects, 0, "nobody can see it yet");
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(stat_of(store).objects, 8);
  assert_noise("p7", 0);
  free(values);
}
