/* Views at the limits of the system: very many of them, few descriptors, and a scratch disk without room. */
#include "one_store.h"

#include <sys/mount.h>
#include <sys/resource.h>

enum { CHUNK = 16 * 1024, PER_CHUNK = CHUNK / 8, CHUNKS = 64, LENGTH = CHUNKS * PER_CHUNK - 100 };

static uint64_t *stored;

static void make(void) {
  store_make();
  stored = malloc(LENGTH * 8);
  for (uint64_t i = 0; i < LENGTH; i++) stored[i] = mix(i);
  put_now(store, "x", spec_of(UFO_DOUBLE, 0, LENGTH, CHUNK), stored);
}

static void unmake(void) {
  free(stored);
  store_end();
}

TestSuite(limits, .init = make, .fini = unmake, .timeout = 100);

Test(limits, ten_thousand_views_need_no_descriptors) {
  enum { VIEWS = 10000, FEW = 32 };
  ufo_pool *pool = make_pool(64 * CHUNK);
  static ufo_view *views[VIEWS];
  struct rlimit before, few;
  cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
  few = before;
  few.rlim_cur = FEW;
  cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
  for (uint64_t v = 0; v < VIEWS; v++) {
    if (v % 2) OK(ufo_view_clone(views[v - 1], &views[v], &error));
    else views[v] = open_view(store, NULL, pool, "x");
    ((uint64_t *)ufo_view_data(views[v]))[v % LENGTH] = ~v; /* a chunk of each is changed, and most must leave memory */
  }
  for (uint64_t v = 0; v < VIEWS; v++) {
    const uint64_t *data = ufo_view_data(views[v]);
    uint64_t other = (v + LENGTH / 2) % LENGTH;
    cr_assert_eq(data[v % LENGTH], ~v);
    cr_assert_eq(data[other], mix(other));
  }
  cr_assert_gt(pool_stats(pool).evictions_dirty, VIEWS / 4); /* cloning writes the others back before */
  for (uint64_t v = 0; v < VIEWS; v++) ufo_view_release(views[v]);
  cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
  cr_assert_eq(pool_stats(pool).resident_bytes, 0);
  OK(ufo_pool_destroy(pool, &error));
}

/* Fills one chunk with noise. */
typedef struct writing {
  uint64_t *data, first;
} writing;
static int write_chunk(void *argument) {
  const writing *w = argument;
  for (uint64_t i = w->first; i < w->first + PER_CHUNK; i++) ((volatile uint64_t *)w->data)[i] = mix(~i);
  return 0;
}

Test(limits, a_full_scratch_disk_is_an_error_until_there_is_room) {
  enum { LARGE = 1024 }; /* chunks: 16 MiB, of which memory may hold 1 MiB, scratch 4 MiB more before it writes */
  char disk[PATH_MAX];
  snprintf(disk, sizeof disk, "%s", in_folder("disk"));
  cr_assert_eq(mkdir(disk, 0700), 0);
  if (mount("tmpfs", disk, "tmpfs", 0, "size=2m")) cr_skip_test("mounting needs privilege");
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_WRITE, .scratch_dir = disk};
  ufo_store *scarce;
  OK(ufo_store_open(in_folder("t.ufo"), &options, &scarce, &error));
  ufo_txn *txn = begin(scarce);
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, (uint64_t)LARGE * PER_CHUNK, CHUNK);
  OK(ufo_txn_create(txn, "large", &spec, &error));
  OK(ufo_txn_commit(txn, &error));
  ufo_pool *pool = make_pool(64 * CHUNK);
  ufo_view *view = open_view(scarce, NULL, pool, "large");
  writing w = {.data = ufo_view_data(view)};
  ufo_status status = UFO_OK;
  uint64_t chunk = 0;
  for (; chunk < LARGE && status == UFO_OK; chunk++) {
    w.first = chunk * PER_CHUNK;
    status = ufo_guarded(ufo_view_region(view), write_chunk, &w, NULL, &error);
  }
  cr_assert_eq(status, UFO_FULL, "%s", error.message);
  cr_assert_not_null(strstr(error.message, disk), "%s", error.message);
  txn = begin(scarce);
  FAILS(UFO_FULL, ufo_txn_put_view(txn, "large", view, UFO_PUT_CHECKED, &error));
  ufo_txn_abort(txn);
  put_now(scarce, "other", spec_of(UFO_DOUBLE, 0, LENGTH, CHUNK), stored); /* the store itself goes on */
  cr_assert_eq(mount("tmpfs", disk, "tmpfs", MS_REMOUNT, "size=64m"), 0);
  for (chunk--; chunk < LARGE; chunk++) {
    w.first = chunk * PER_CHUNK;
    OK(ufo_guarded(ufo_view_region(view), write_chunk, &w, NULL, &error));
  }
  for (uint64_t i = 0; i < (uint64_t)LARGE * PER_CHUNK; i++) cr_assert_eq(w.data[i], mix(~i), "element %" PRIu64, i);
  put_view_now(scarce, "large", view);
  ufo_view_release(view);
  OK(ufo_pool_destroy(pool, &error));
  assert_sound(scarce);
  ufo_store_close(scarce);
  cr_assert_eq(umount2(disk, MNT_DETACH), 0);
}

/* Windows that were moved in ahead of a reader, and are still to be checked, are no changes. */
Test(limits, reading_changes_nothing) {
  enum { COUNT = 3 << 20, STEP = 4096 };
  double *values = malloc(COUNT * sizeof *values);
  cr_assert_not_null(values);
  for (uint64_t i = 0; i < COUNT; i++) values[i] = (double)i;
  put_now(store, "long", spec_of(UFO_DOUBLE, 0, COUNT, 65536), values);
  free(values);
  ufo_pool *pool;
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = 32 << 20};
  OK(ufo_pool_create(&options, &pool, &error));
  for (int pass = 0; pass < 4; pass++) {
    ufo_view *view;
    OK(ufo_view_open(store, NULL, pool, "long", NULL, &view, &error));
    const double *data = ufo_view_data(view);
    for (uint64_t i = 0; i < COUNT; i += STEP) {
      ufo_view_info info = {.struct_size = sizeof info};
      cr_assert_eq(data[i], (double)i);
      OK(ufo_view_get_info(view, &info, &error));
      cr_assert_eq(info.chunks_changed, 0);
    }
    ufo_view_release(view);
  }
  OK(ufo_pool_destroy(pool, &error));
}
