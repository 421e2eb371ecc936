/* Encoded chunks that a thread stages while others are made: ahead of need, and whatever becomes of them meanwhile. */
#include "fixture.h"

#include <signal.h>
#include <sys/resource.h>

#include "store/object.h"
#include "store/spill.h"
#include "store/store.h"

enum { BYTES = 65536, STORED = BYTES - UFO_TAIL_BYTES, MANY = 40 /* more than one batch, less than the limit */ };

static ufo_store *store;
static ufo_txn *txn;
static ufo_spill *spill;
static ufo_extent *extents[MANY];

static void make(void) {
  fixture_make();
  store = open_store(in_folder("s.ufo"));
  int32_t one = 1;
  put_now(store, "x", spec_of(UFO_INTEGER, 0, 1, 0), &one);
  txn = begin(store);
  OK(ufo_spill_open(store, txn, UFO_SPILL_STORE, &spill, &error));
}

static void end(void) {
  ufo_spill_release(spill);
  ufo_txn_abort(txn);
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).staged_blobs, 0);
  cr_assert_eq(stat_of(store).garbage, 0);
  cr_assert_eq(stat_of(store).blobs, 0);
  assert_sound(store);
  ufo_store_close(store);
  fixture_remove();
}

TestSuite(staging, .init = make, .fini = end, .timeout = 60);

/* Noise, which is as long as it was when it is encoded. */
static const uint64_t *noise_of(uint64_t seed) {
  static uint64_t raw[BYTES / 8];
  for (uint64_t i = 0; i < BYTES / 8; i++) raw[i] = mix(seed * 1000000 + i);
  return raw;
}

static void make_extents(int first, int end_of_them) {
  for (int i = first; i < end_of_them; i++) {
    OK(ufo_extent_create(spill, UFO_DOUBLE, 8, noise_of((uint64_t)i), BYTES, NULL, &extents[i], &error));
  }
}

static int check_extents(void) {
  static uint64_t raw[BYTES / 8];
  for (int i = 0; i < MANY; i++) {
    CHECK(!ufo_extent_load(extents[i], raw, &error));
    CHECK(memcmp(raw, noise_of((uint64_t)i), BYTES) == 0);
  }
  return 0;
}

static void release_extents(void) {
  for (int i = 0; i < MANY; i++) ufo_extent_release(extents[i]);
}

static uint64_t outside_bytes(void) {
  uint64_t outside, memory;
  ufo_spill_get_sizes(spill, &outside, &memory);
  cr_assert_leq(memory, UFO_SPILL_LIMIT_BYTES);
  return outside;
}

/* While this has the store's write lock, a batch waits for it. */
static ufo_etxn *stop_writers(void) {
  ufo_etxn *etxn;
  OK(ufo_core_begin_write(store->core, &etxn, &error));
  return etxn;
}

/* Encoding every second one takes much longer, so that those beside it are ready first. */
Test(staging, blobs_lie_in_the_order_of_the_chunks, .timeout = 60) {
  enum { TIMES = 20, AT_ONCE = 16 };
  static uint64_t raw[AT_ONCE][BYTES / 8];
  static ufo_extent *many[TIMES * AT_ONCE];
  uint64_t last = 0;
  for (unsigned time = 0; time < TIMES; time++) {
    for (unsigned i = 0; i < AT_ONCE; i++) {
      memcpy(raw[i], noise_of(time * AT_ONCE + i), BYTES);
      for (unsigned k = 0; k < BYTES / 8 && i % 2; k++) raw[i][k] %= 100000;
    }
    OK(ufo_extents_create(spill, UFO_DOUBLE, 8, (const uint8_t *)raw, BYTES, AT_ONCE, NULL, &many[time * AT_ONCE],
                          &error));
  }
  ufo_spill_settle(spill);
  unsigned staged = 0;
  for (unsigned i = 0; i < TIMES * AT_ONCE; i++) {
    ufo_extent_place place = ufo_extent_find(many[i]);
    ufo_extent_bytes_release(place.bytes);
    if (place.state != UFO_EXTENT_STAGED) continue;
    cr_assert_gt(place.blob, last, "chunk %u lies before the one that it follows", i);
    last = place.blob;
    staged++;
  }
  cr_assert_gt(staged, TIMES * AT_ONCE / 2);
  for (unsigned i = 0; i < TIMES * AT_ONCE; i++) ufo_extent_release(many[i]);
}

Test(staging, begins_before_there_is_need) {
  make_extents(0, MANY);
  cr_assert_lt((uint64_t)MANY * STORED, UFO_SPILL_LIMIT_BYTES);
  while (outside_bytes() < UFO_SPILL_BATCH_BYTES) usleep(1000); /* or the test's time is up */
  cr_assert_eq(check_extents(), 0);
  release_extents();
}

Test(staging, holds_up_nobody_who_has_room) {
  ufo_etxn *etxn = stop_writers();
  make_extents(0, MANY);
  cr_assert_eq(outside_bytes(), 0);
  cr_assert_eq(check_extents(), 0);
  ufo_core_end(store->core, etxn);
  ufo_spill_settle(spill);
  cr_assert_geq(outside_bytes(), UFO_SPILL_BATCH_BYTES);
  cr_assert_eq(check_extents(), 0);
  release_extents();
}

/* Its blobs are nobody's then; the end of the test sees that they went. */
Test(staging, of_what_is_released_meanwhile) {
  ufo_etxn *etxn = stop_writers();
  make_extents(0, MANY);
  release_extents();
  ufo_core_end(store->core, etxn);
  ufo_spill_settle(spill);
  cr_assert_eq(outside_bytes(), 0);
  cr_assert_geq(stat_of(store).staged_bytes, UFO_SPILL_BATCH_BYTES, "written in vain, to be deleted");
}

Test(staging, outlives_its_transaction) {
  ufo_etxn *etxn = stop_writers();
  make_extents(0, MANY);
  release_extents();
  ufo_spill_release(spill);
  ufo_core_end(store->core, etxn);
  ufo_txn_abort(txn); /* waits for the batch */
  cr_assert_eq(stat_of(store).staged_blobs, 0);
  txn = begin(store);
  OK(ufo_spill_open(store, txn, UFO_SPILL_STORE, &spill, &error));
}

/* The file may not grow while a batch is written: all stays in memory, and whoever needs room gets the error. */
Test(staging, that_fails_loses_nothing) {
  struct rlimit before, tight;
  cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, SIG_IGN);
  tight = (struct rlimit){.rlim_cur = size_of_file(in_folder("s.ufo")), .rlim_max = before.rlim_max};
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
  make_extents(0, MANY);
  ufo_spill_settle(spill);
  cr_assert_eq(outside_bytes(), 0);
  cr_assert_eq(check_extents(), 0);
  ufo_status status = UFO_OK;
  ufo_extent *more[MANY] = {0};
  int made = 0;
  for (; made < MANY && !status; made++) {
    status = ufo_extent_create(spill, UFO_DOUBLE, 8, noise_of(1000), BYTES, NULL, &more[made], &error);
  }
  cr_assert(status == UFO_IO || status == UFO_FULL, "%d", (int)status);
  cr_assert(strstr(error.message, "s.ufo"), "%s", error.message);
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
  cr_assert_eq(check_extents(), 0);
  for (; made < MANY; made++) { /* and now it can be repeated */
    OK(ufo_extent_create(spill, UFO_DOUBLE, 8, noise_of(1000), BYTES, NULL, &more[made], &error));
  }
  ufo_spill_settle(spill);
  cr_assert_geq(outside_bytes(), UFO_SPILL_BATCH_BYTES);
  cr_assert_eq(check_extents(), 0);
  release_extents();
  for (int i = 0; i < MANY; i++) ufo_extent_release(more[i]);
}

static int go_on_in_the_child(void) {
  alarm(30);
  CHECK(!check_extents());
  ufo_spill_settle(spill);
  for (int i = 0; i < MANY; i++) {
    ufo_extent_release(extents[i]);
    CHECK(!ufo_extent_create(spill, UFO_DOUBLE, 8, noise_of((uint64_t)i), BYTES, NULL, &extents[i], &error));
  }
  CHECK(!check_extents());
  release_extents();
  return 0;
}

/* The thread is the parent's alone. */
Test(staging, goes_on_across_a_fork) {
  ufo_etxn *etxn = stop_writers();
  make_extents(0, MANY);
  pid_t child = fork();
  if (child == 0) _exit(go_on_in_the_child());
  ufo_core_end(store->core, etxn);
  ufo_spill_settle(spill);
  cr_assert_geq(outside_bytes(), UFO_SPILL_BATCH_BYTES);
  cr_assert_eq(check_extents(), 0);
  cr_assert_eq(wait_for(child), 0);
  cr_assert_eq(check_extents(), 0);
  release_extents();
}
