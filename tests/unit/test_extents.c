/* What views build on: encoded chunks outside the store, and putting them as the next version of an object. */
#include "fixture.h"

#include "store/object.h"
#include "store/spill.h"
#include "store/store.h"

enum { CHUNK = 4096, PER_CHUNK = CHUNK / 8, CHUNKS = 10, LENGTH = CHUNKS * PER_CHUNK - 100 };

static ufo_store *store;
static double values[LENGTH];

static void make(void) {
  fixture_make();
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_CREATE, .scratch_dir = fixture_folder};
  OK(ufo_store_open(in_folder("s.ufo"), &options, &store, &error));
  for (int i = 0; i < LENGTH; i++) values[i] = (double)mix((uint64_t)i);
  put_now(store, "x", spec_of(UFO_DOUBLE, 0, LENGTH, CHUNK), values);
}

static void end(void) {
  assert_sound(store);
  ufo_store_close(store);
  fixture_remove();
}

TestSuite(extents, .init = make, .fini = end, .timeout = 60);

static ufo_extent *extent_of(ufo_spill *spill, uint64_t seed, uint32_t bytes) {
  uint64_t *raw = malloc(bytes);
  for (uint32_t i = 0; i < bytes / 8; i++) raw[i] = mix(seed + i);
  ufo_extent *extent;
  OK(ufo_extent_create(spill, UFO_DOUBLE, 8, raw, bytes, NULL, &extent, &error));
  free(raw);
  return extent;
}

static void assert_extent(ufo_extent *extent, uint64_t seed, uint32_t bytes) {
  uint64_t *raw = malloc(bytes);
  OK(ufo_extent_load(extent, raw, &error));
  for (uint32_t i = 0; i < bytes / 8; i++) cr_assert_eq(raw[i], mix(seed + i));
  free(raw);
}

/* 40 MiB of noise through a spill: memory stays under its limit, the rest is outside, and all of it can be read. */
static void spill_much(ufo_txn *txn, ufo_spill_kind kind) {
  enum { N = 640, BYTES = 65536 };
  static ufo_extent *extents[N];
  ufo_spill *spill;
  OK(ufo_spill_open(store, txn, kind, &spill, &error));
  uint64_t outside, memory;
  for (int i = 0; i < N; i++) {
    extents[i] = extent_of(spill, (uint64_t)i * 1000000, BYTES);
    ufo_spill_get_sizes(spill, &outside, &memory);
    cr_assert_leq(memory, UFO_SPILL_LIMIT_BYTES);
    cr_assert_eq(outside + memory, (uint64_t)(i + 1) * (BYTES - UFO_TAIL_BYTES));
  }
  ufo_spill_settle(spill);
  ufo_spill_get_sizes(spill, &outside, &memory);
  cr_assert_geq(outside, 30 << 20);
  cr_assert_eq(stat_of(store).staged_bytes, kind == UFO_SPILL_STORE ? outside : 0);
  for (int i = 0; i < N; i++) assert_extent(extents[i], (uint64_t)i * 1000000, BYTES);
  for (int i = 0; i < N; i++) ufo_extent_release(extents[i]);
  ufo_spill_get_sizes(spill, &outside, &memory);
  cr_assert(outside == 0 && memory == 0, "%" PRIu64 " and %" PRIu64 " bytes are left", outside, memory);
  ufo_spill_release(spill);
}

Test(extents, spill_to_scratch) {
  uint64_t before = size_of_file(in_folder("s.ufo"));
  spill_much(NULL, UFO_SPILL_SCRATCH);
  cr_assert_eq(size_of_file(in_folder("s.ufo")), before, "results that are never put back do not grow the store");
}

Test(extents, spill_to_the_store) {
  ufo_txn *txn = begin(store);
  spill_much(txn, UFO_SPILL_STORE);
  cr_assert_gt(stat_of(store).staged_blobs, 0, "they go in the next write transaction");
  ufo_txn_abort(txn);
  cr_assert_eq(stat_of(store).staged_blobs, 0);
  cr_assert_eq(stat_of(store).blobs, CHUNKS);
}

Test(extents, without_bytes) {
  ufo_spill *spill;
  OK(ufo_spill_open(store, NULL, UFO_SPILL_SCRATCH, &spill, &error));
  double raw[PER_CHUNK] = {0}, back[PER_CHUNK];
  ufo_extent *zeros, *sevens;
  OK(ufo_extent_create(spill, UFO_DOUBLE, 8, raw, CHUNK, NULL, &zeros, &error));
  for (int i = 0; i < PER_CHUNK; i++) raw[i] = 7;
  OK(ufo_extent_create(spill, UFO_DOUBLE, 8, raw, CHUNK, NULL, &sevens, &error));
  cr_assert(ufo_extent_meta(zeros)->codec == UFO_CODEC_ZERO && ufo_extent_meta(sevens)->codec == UFO_CODEC_CONSTANT);
  OK(ufo_extent_load(sevens, back, &error));
  cr_assert_eq(memcmp(raw, back, CHUNK), 0);
  ufo_spill_release(spill); /* extents keep what they need */
  OK(ufo_extent_load(zeros, back, &error));
  cr_assert(back[0] == 0 && back[PER_CHUNK - 1] == 0);
  ufo_extent_release(zeros);
  ufo_extent_release(sevens);
}

/* ---- putting -------------------------------------------------------------------------------------------------------
 */

typedef struct outcome {
  int calls;
  ufo_object *committed;
} outcome;

static void ended(void *user, ufo_object *committed) {
  outcome *seen = user;
  seen->calls++;
  seen->committed = committed;
}

static ufo_object *open_object(const char *name, int64_t index) {
  ufo_object *object;
  OK(ufo_object_open(store, NULL, name, index, 0, &object, &error));
  return object;
}

static void fill_chunk(double *chunk, double value) {
  for (int i = 0; i < PER_CHUNK; i++) chunk[i] = value + i;
}

/* Puts chunk `chunk` := value, value + 1, ... */
static ufo_put *put_chunk(ufo_txn *txn, const char *name, ufo_object *base, uint64_t chunk, double value,
                          ufo_put_policy policy, outcome *seen) {
  double raw[PER_CHUNK];
  ufo_spill *spill;
  ufo_extent *extent;
  ufo_put *put;
  fill_chunk(raw, value);
  OK(ufo_spill_open(store, txn, UFO_SPILL_STORE, &spill, &error));
  OK(ufo_extent_create(spill, UFO_DOUBLE, 8, raw, ufo_object_chunk_raw_bytes(base, chunk), NULL, &extent, &error));
  OK(ufo_txn_put_extents(txn, name, base, &chunk, &extent, 1, policy, ended, seen, &put, &error));
  ufo_extent_release(extent);
  ufo_spill_release(spill);
  return put;
}

static void set_chunk(double *all, uint64_t chunk, double value) {
  for (uint64_t i = 0; i < PER_CHUNK && chunk * PER_CHUNK + i < LENGTH; i++)
    all[chunk * PER_CHUNK + i] = value + (double)i;
}

Test(extents, put_writes_one_chunk) {
  outcome seen = {0};
  ufo_object *base = open_object("x", -1);
  ufo_txn *txn = begin(store);
  ufo_put *put = put_chunk(txn, "x", base, 3, 100, UFO_POLICY_CHECKED, &seen);
  set_chunk(values, 3, 100);
  assert_content(store, txn, "x", values, sizeof values);
  cr_assert_eq(seen.calls, 0);
  OK(ufo_txn_commit(txn, &error));
  cr_assert(seen.calls == 1 && seen.committed);
  cr_assert_eq(ufo_object_get_info(seen.committed)->version, 2);
  cr_assert_eq(info_of(store, NULL, "x").chunks_changed, 1);
  assert_content(store, NULL, "x", values, sizeof values);
  double raw[PER_CHUNK];
  OK(ufo_object_load(base, 3, raw, &error)); /* the base keeps its content */
  cr_assert_eq(raw[0], (double)mix(3 * PER_CHUNK));
  OK(ufo_object_load(seen.committed, 3, raw, &error));
  cr_assert_eq(raw[0], 100);
  let_it_reclaim(store);
  OK(ufo_object_load(base, 3, raw, &error)); /* pinned */
  cr_assert_eq(raw[0], (double)mix(3 * PER_CHUNK));
  cr_assert_eq(stat_of(store).blobs, CHUNKS + 1);
  ufo_object_release(base);
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, CHUNKS);
  cr_assert_eq(stat_of(store).garbage, 0);
  ufo_object_release(seen.committed);
  ufo_put_forget(put);
}

Test(extents, put_tells_the_end_once) {
  outcome aborted = {0}, replaced = {0}, forgotten = {0};
  ufo_object *base = open_object("x", -1);
  ufo_txn *txn = begin(store);
  ufo_put *one = put_chunk(txn, "x", base, 0, 1, UFO_POLICY_CHECKED, &replaced);
  ufo_put *two = put_chunk(txn, "x", base, 0, 2, UFO_POLICY_CHECKED, &aborted);
  cr_assert(replaced.calls == 1 && !replaced.committed, "a later edit took its place");
  ufo_put *three = put_chunk(txn, "y", base, 0, 2, UFO_POLICY_CHECKED, &forgotten);
  ufo_put_forget(three);
  ufo_txn_abort(txn);
  cr_assert(aborted.calls == 1 && !aborted.committed && forgotten.calls == 0 && replaced.calls == 1);
  ufo_put_forget(one);
  ufo_put_forget(two);
  ufo_object_release(base);
}

Test(extents, policies) {
  double theirs[LENGTH], mine[LENGTH];
  static const ufo_put_policy policies[] = {UFO_POLICY_CHECKED, UFO_POLICY_MERGE, UFO_POLICY_REPLACE};
  for (int p = 0; p < 3; p++) {
    outcome seen = {0};
    ufo_object *base = open_object("x", -1);
    double one = -1 - p;
    write_now(store, "x", 7 * PER_CHUNK, 1, &one); /* another commit, of another chunk */
    memcpy(mine, values, sizeof mine);
    memcpy(theirs, values, sizeof theirs);
    theirs[7 * PER_CHUNK] = one;
    uint64_t version = info_of(store, NULL, "x").version;
    ufo_txn *txn = begin(store);
    ufo_put *put = put_chunk(txn, "x", base, 2, 1000 * p, policies[p], &seen);
    if (policies[p] == UFO_POLICY_CHECKED) {
      FAILS(UFO_CONFLICT, ufo_txn_commit(txn, &error));
      cr_assert(strstr(error.message, "'x'") && strstr(error.message, "version 1") &&
                    strstr(error.message, "version 2"),
                "%s", error.message);
      cr_assert_eq(seen.calls, 0);
      ufo_txn_abort(txn);
      memcpy(values, theirs, sizeof values);
    } else {
      OK(ufo_txn_commit(txn, &error));
      cr_assert_eq(info_of(store, NULL, "x").version, version + 1);
      double *expected = policies[p] == UFO_POLICY_MERGE ? theirs : mine;
      set_chunk(expected, 2, 1000 * p);
      memcpy(values, expected, sizeof values);
    }
    assert_content(store, NULL, "x", values, sizeof values);
    ufo_object_release(seen.committed);
    ufo_object_release(base);
    ufo_put_forget(put);
    assert_sound(store);
  }
}

/* Another name: the chunks that did not change are shared, and counted until the last one goes. */
Test(extents, shared_chunks) {
  outcome seen = {0};
  double copy[LENGTH];
  ufo_object *base = open_object("x", -1);
  ufo_txn *txn = begin(store);
  ufo_put *put = put_chunk(txn, "y", base, 9, 5, UFO_POLICY_CHECKED, &seen);
  ufo_put_forget(put);
  ufo_object_release(base);
  OK(ufo_txn_commit(txn, &error));
  memcpy(copy, values, sizeof copy);
  set_chunk(copy, 9, 5);
  assert_content(store, NULL, "y", copy, sizeof copy);
  cr_assert_eq(stat_of(store).blobs, CHUNKS + 1);
  cr_assert_eq(info_of(store, NULL, "y").version, 1);
  assert_sound(store);
  remove_now(store, "x");
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, CHUNKS);
  assert_content(store, NULL, "y", copy, sizeof copy);
  remove_now(store, "y");
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, 0);
}

/* The same extent under two names in one commit, and again after it: one blob. */
Test(extents, one_extent_in_many_objects) {
  ufo_object *base = open_object("x", -1);
  ufo_txn *txn = begin(store);
  ufo_spill *spill;
  OK(ufo_spill_open(store, txn, UFO_SPILL_STORE, &spill, &error));
  ufo_extent *extent = extent_of(spill, 77, CHUNK);
  uint64_t chunk = 0;
  ufo_put *puts[3];
  outcome seen[3] = {0};
  OK(ufo_txn_put_extents(txn, "a", base, &chunk, &extent, 1, UFO_POLICY_CHECKED, ended, &seen[0], &puts[0], &error));
  OK(ufo_txn_put_extents(txn, "b", base, &chunk, &extent, 1, UFO_POLICY_CHECKED, ended, &seen[1], &puts[1], &error));
  OK(ufo_txn_commit(txn, &error));
  assert_extent(extent, 77, CHUNK);
  txn = begin(store);
  OK(ufo_txn_put_extents(txn, "c", base, &chunk, &extent, 1, UFO_POLICY_CHECKED, ended, &seen[2], &puts[2], &error));
  OK(ufo_txn_commit(txn, &error));
  for (int i = 0; i < 3; i++) {
    ufo_put_forget(puts[i]);
    cr_assert_eq(seen[i].calls, 1);
    ufo_object_release(seen[i].committed);
  }
  cr_assert_eq(stat_of(store).blobs, CHUNKS + 1);
  remove_now(store, "a");
  let_it_reclaim(store);
  assert_extent(extent, 77, CHUNK);
  ufo_extent_release(extent);
  ufo_spill_release(spill);
  ufo_object_release(base);
  double copy[LENGTH];
  memcpy(copy, values, sizeof copy);
  for (int i = 0; i < PER_CHUNK; i++) {
    uint64_t bits = mix(77 + (uint64_t)i);
    memcpy(&copy[i], &bits, 8);
  }
  assert_content(store, NULL, "c", copy, sizeof copy);
  remove_now(store, "b");
  remove_now(store, "c");
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, CHUNKS);
}

/* An extent that was staged before the commit is adopted: its bytes are not written again. */
Test(extents, staged_blobs_are_adopted) {
  outcome seen = {0};
  ufo_object *base = open_object("x", -1);
  ufo_txn *txn = begin(store);
  ufo_spill *spill;
  OK(ufo_spill_open(store, txn, UFO_SPILL_STORE, &spill, &error));
  uint64_t chunks[2] = {1, 4};
  ufo_extent *extents[2] = {extent_of(spill, 5, CHUNK), extent_of(spill, 6, CHUNK)};
  OK(ufo_extents_stage(store->core, extents, 2, &error));
  cr_assert_eq(stat_of(store).staged_blobs, 2);
  ufo_put *put;
  OK(ufo_txn_put_extents(txn, "x", base, chunks, extents, 2, UFO_POLICY_CHECKED, ended, &seen, &put, &error));
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(stat_of(store).staged_blobs, 0);
  cr_assert_eq(stat_of(store).blobs, CHUNKS + 2);
  for (int i = 0; i < 2; i++) {
    assert_extent(extents[i], 5 + (uint64_t)i, CHUNK);
    ufo_extent_release(extents[i]);
  }
  ufo_put_forget(put);
  ufo_object_release(seen.committed);
  ufo_object_release(base);
  ufo_spill_release(spill);
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, CHUNKS);
}

/* ---- lists
 * ----------------------------------------------------------------------------------------------------------- */

static void put_frame(const char *name) {
  static const char *const columns[] = {"c1", "c2", "c3"};
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, LENGTH, CHUNK);
  ufo_txn *txn = begin(store);
  for (int i = 0; i < 3; i++) OK(ufo_txn_put(txn, columns[i], &spec, values, &error));
  OK(ufo_txn_put_list(txn, name, columns, 3, &error));
  OK(ufo_txn_commit(txn, &error));
}

/* Puts all columns of a list back, the second with a changed chunk. */
static ufo_status put_back(const char *name, double value, ufo_object *columns[3]) {
  static const char *const names[] = {"t1", "t2", "t3"};
  outcome seen = {0};
  ufo_put *puts[3];
  ufo_txn *txn = begin(store);
  for (int i = 0; i < 3; i++) {
    if (i == 1) puts[i] = put_chunk(txn, names[i], columns[i], 6, value, UFO_POLICY_CHECKED, &seen);
    else
      OK(ufo_txn_put_extents(txn, names[i], columns[i], NULL, NULL, 0, UFO_POLICY_CHECKED, ended, &seen, &puts[i],
                             &error));
  }
  for (int i = 0; i < 3; i++) ufo_put_forget(puts[i]);
  OK(ufo_txn_put_list(txn, name, names, 3, &error));
  ufo_status status = ufo_txn_commit(txn, &error);
  if (status) ufo_txn_abort(txn);
  return status;
}

Test(extents, a_list_s_child_gets_its_next_version) {
  put_frame("df");
  ufo_object_info before[3], after[3], list = info_of(store, NULL, "df");
  ufo_object *columns[3];
  for (int i = 0; i < 3; i++) {
    columns[i] = open_object("df", i);
    before[i] = *ufo_object_get_info(columns[i]);
  }
  uint64_t blobs = stat_of(store).blobs;
  OK(put_back("df", 42, columns));
  for (int i = 0; i < 3; i++) {
    after[i] = (ufo_object_info){.struct_size = sizeof after[i]};
    OK(ufo_store_child_info(store, NULL, "df", 0, (uint64_t)i, &after[i], &error));
    cr_assert_eq(after[i].id, before[i].id);
    cr_assert_eq(after[i].version, before[i].version + (i == 1));
  }
  cr_assert_eq(after[1].chunks_changed, 1);
  cr_assert_eq(info_of(store, NULL, "df").id, list.id);
  cr_assert_eq(info_of(store, NULL, "df").version, list.version + 1);
  cr_assert_leq(stat_of(store).blobs, blobs + 1);
  double changed[LENGTH];
  memcpy(changed, values, sizeof changed);
  set_chunk(changed, 6, 42);
  assert_content(store, NULL, "df[[2]]", changed, sizeof changed);
  assert_content(store, NULL, "df[[3]]", values, sizeof values);
  FAILS(UFO_CONFLICT, put_back("df", 43, columns)); /* their versions are not the list's any more */
  for (int i = 0; i < 3; i++) ufo_object_release(columns[i]);
  assert_sound(store);
  remove_now(store, "df");
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, CHUNKS);
  cr_assert_eq(stat_of(store).garbage, 0);
}

/* Under another name the columns are copies that share their chunks. */
Test(extents, a_list_under_another_name) {
  put_frame("df");
  uint64_t blobs = stat_of(store).blobs;
  ufo_object *columns[3];
  for (int i = 0; i < 3; i++) columns[i] = open_object("df", i);
  OK(put_back("dg", 42, columns));
  for (int i = 0; i < 3; i++) ufo_object_release(columns[i]);
  cr_assert_eq(stat_of(store).blobs, blobs + 1);
  cr_assert_neq(info_of(store, NULL, "df").id, info_of(store, NULL, "dg").id);
  remove_now(store, "df");
  let_it_reclaim(store);
  assert_content(store, NULL, "dg[[1]]", values, sizeof values);
  assert_sound(store);
  remove_now(store, "dg");
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, CHUNKS);
}
