/* Putting a view back: only what changed is written, again and again; conflicts; sharing under another name. */
#include "one_store.h"

enum { CHUNK = 4096, PER_CHUNK = CHUNK / 4, CHUNKS = 40, LENGTH = CHUNKS * PER_CHUNK - 10, BYTES = LENGTH * 4 };

static ufo_pool *pool;
static int32_t *stored;

static void make(void) {
  store_make();
  pool = make_pool(8 * CHUNK);
  stored = malloc(BYTES);
  put_x(stored, LENGTH, CHUNK);
}

static void unmake(void) {
  free(stored);
  OK(ufo_pool_destroy(pool, &error));
  store_end();
}

TestSuite(view_put, .init = make, .fini = unmake, .timeout = 60);

static int32_t *data_of(ufo_view *view) { return ufo_view_data(view); }

Test(view_put, one_element_rewrites_one_chunk) {
  ufo_view *view = open_view(store, NULL, pool, "x");
  uint64_t blobs = stat_of(store).blobs;
  data_of(view)[5 * PER_CHUNK + 7] = stored[5 * PER_CHUNK + 7] = 3;
  cr_assert_eq(view_info(view).chunks_changed, 1);
  put_view_now(store, "x", view);
  ufo_object_info info = info_of(store, NULL, "x");
  cr_assert_eq(info.chunks_changed, 1);
  cr_assert_eq(info.version, 2);
  cr_assert_eq(info.chunks_written, CHUNKS);
  cr_assert_leq(stat_of(store).blobs, blobs + 1);
  cr_assert_eq(view_info(view).chunks_changed, 0, "after the commit the view is based on the new version");
  cr_assert_eq(view_info(view).version, 2);
  assert_content(store, NULL, "x", stored, BYTES);
  ufo_view_release(view);
}

Test(view_put, nothing_changed) {
  ufo_view *view = open_view(store, NULL, pool, "x");
  put_view_now(store, "x", view);
  cr_assert_leq(info_of(store, NULL, "x").version, 2);
  assert_content(store, NULL, "x", stored, BYTES);
  ufo_view_release(view);
  assert_sound(store);
}

Test(view_put, attributes_stay) {
  ufo_attributes *attributes, *back;
  double unit = 2.5;
  OK(ufo_attributes_create(&attributes, &error));
  OK(ufo_attributes_set(attributes, "unit", UFO_ATTRIBUTE_DOUBLE, &unit, 1, &error));
  ufo_txn *txn = begin(store);
  OK(ufo_txn_set_attributes(txn, "x", attributes, &error));
  OK(ufo_txn_commit(txn, &error));
  ufo_view *view = open_view(store, NULL, pool, "x");
  data_of(view)[0] = 1;
  put_view_now(store, "x", view);
  put_view_now(store, "y", view);
  OK(ufo_store_attributes(store, NULL, "x", 0, &back, &error));
  cr_assert_eq(ufo_attributes_count(back), 1, "the object's attributes stay");
  ufo_attributes_free(back);
  OK(ufo_store_attributes(store, NULL, "y", 0, &back, &error));
  cr_assert_eq(ufo_attributes_count(back), 0, "a new object has none");
  ufo_attributes_free(back);
  ufo_attributes_free(attributes);
  ufo_view_release(view);
}

Test(view_put, again_and_again) {
  ufo_view *view = open_view(store, NULL, pool, "x");
  uint64_t state = 3;
  for (uint64_t round = 0; round < 30; round++) {
    uint64_t chunks[CHUNKS] = {0}, changed = 0;
    for (uint64_t k = 0; k < round % 7; k++) {
      uint64_t i = random_below(&state, LENGTH);
      data_of(view)[i] = stored[i] = (int32_t)random_u64(&state);
      if (!chunks[i / PER_CHUNK]++) changed++;
    }
    cr_assert_eq(view_info(view).chunks_changed, changed);
    put_view_now(store, "x", view);
    if (changed) cr_assert_eq(info_of(store, NULL, "x").chunks_changed, changed, "round %" PRIu64, round);
    assert_content(store, NULL, "x", stored, BYTES);
    cr_assert_eq(memcmp(data_of(view), stored, BYTES), 0);
  }
  ufo_view_release(view);
  assert_sound(store);
}

/* What is changed between the put and the commit stays in the view, and is part of the next put. */
Test(view_put, changes_between_put_and_commit) {
  ufo_view *view = open_view(store, NULL, pool, "x");
  data_of(view)[0] = stored[0] = 1;
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error));
  data_of(view)[1] = 2;                 /* in the chunk that was put */
  data_of(view)[9 * PER_CHUNK + 1] = 3; /* in another */
  OK(ufo_txn_commit(txn, &error));
  assert_content(store, NULL, "x", stored, BYTES);
  cr_assert_eq(data_of(view)[1], 2);
  cr_assert_eq(view_info(view).chunks_changed, 2);
  stored[1] = 2;
  stored[9 * PER_CHUNK + 1] = 3;
  put_view_now(store, "x", view);
  assert_content(store, NULL, "x", stored, BYTES);
  cr_assert_eq(memcmp(data_of(view), stored, BYTES), 0);
  ufo_view_release(view);
}

/* The last put of a transaction counts. */
Test(view_put, twice_in_one_transaction) {
  ufo_view *view = open_view(store, NULL, pool, "x");
  ufo_txn *txn = begin(store);
  for (int round = 0; round < 3; round++) {
    data_of(view)[round * PER_CHUNK] = stored[round * PER_CHUNK] = round + 100;
    OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error));
    assert_content(store, txn, "x", stored, BYTES);
  }
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(info_of(store, NULL, "x").version, 2);
  assert_content(store, NULL, "x", stored, BYTES);
  data_of(view)[3 * PER_CHUNK] = stored[3 * PER_CHUNK] = 7;
  put_view_now(store, "x", view);
  cr_assert_eq(info_of(store, NULL, "x").chunks_changed, 1);
  assert_content(store, NULL, "x", stored, BYTES);
  ufo_view_release(view);
}

Test(view_put, an_aborted_put_leaves_the_view_changed) {
  ufo_view *view = open_view(store, NULL, pool, "x");
  data_of(view)[0] = 77;
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error));
  ufo_txn_abort(txn);
  assert_content(store, NULL, "x", stored, BYTES);
  cr_assert_eq(view_info(view).chunks_changed, 1);
  cr_assert_eq(data_of(view)[0], 77);
  stored[0] = 77;
  put_view_now(store, "x", view);
  assert_content(store, NULL, "x", stored, BYTES);
  ufo_view_release(view);
}

/* ---- conflicts --------------------------------------------------------------------------------------------------- */

/* Two views of version 1: `first` has changed chunk 1 and committed it, `second` has changed chunk 2. */
static void make_conflict(ufo_view **first, ufo_view **second) {
  *first = open_view(store, NULL, pool, "x");
  *second = open_view(store, NULL, pool, "x");
  data_of(*first)[PER_CHUNK] = 111;
  data_of(*second)[2 * PER_CHUNK] = 222;
  put_view_now(store, "x", *first);
}

Test(view_put, conflict_checked) {
  ufo_view *first, *second;
  make_conflict(&first, &second);
  ufo_txn *txn = begin(store);
  double other = 1;
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, 1, 0);
  OK(ufo_txn_put(txn, "bystander", &spec, &other, &error));
  OK(ufo_txn_put_view(txn, "x", second, UFO_PUT_CHECKED, &error));
  FAILS(UFO_CONFLICT, ufo_txn_commit(txn, &error));
  cr_assert(strstr(error.message, "'x'"), "names the object: %s", error.message);
  cr_assert(strchr(error.message, '1') && strchr(error.message, '2'), "names both versions: %s", error.message);
  ufo_txn_abort(txn);
  ufo_object_info info = {.struct_size = sizeof info};
  FAILS(UFO_MISSING, ufo_store_info(store, NULL, "bystander", 0, &info, &error));
  stored[PER_CHUNK] = 111;
  assert_content(store, NULL, "x", stored, BYTES);
  cr_assert_eq(data_of(second)[2 * PER_CHUNK], 222, "nothing is lost");
  cr_assert_eq(view_info(second).chunks_changed, 1);
  ufo_view_release(first);
  ufo_view_release(second);
  assert_sound(store);
}

Test(view_put, conflict_merged) {
  ufo_view *first, *second;
  make_conflict(&first, &second);
  data_of(second)[PER_CHUNK * 3] = 333;
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put_view(txn, "x", second, UFO_PUT_MERGE, &error));
  OK(ufo_txn_commit(txn, &error));
  int32_t mine = stored[PER_CHUNK];
  stored[PER_CHUNK] = 111;
  stored[2 * PER_CHUNK] = 222;
  stored[3 * PER_CHUNK] = 333;
  assert_content(store, NULL, "x", stored, BYTES);
  cr_assert_eq(info_of(store, NULL, "x").version, 3);
  cr_assert_eq(info_of(store, NULL, "x").chunks_changed, 2);
  cr_assert_eq(data_of(second)[PER_CHUNK], mine, "the view's content stays as it is");
  cr_assert_eq(data_of(second)[2 * PER_CHUNK], 222);
  ufo_view_release(first);
  ufo_view_release(second);
  assert_sound(store);
}

/* The commit makes no version: that of others is the next one, and not what the view shows. */
Test(view_put, merge_of_nothing_leaves_the_view_as_it_is) {
  ufo_view *view = open_view(store, NULL, pool, "x");
  int32_t other = 111;
  write_now(store, "x", PER_CHUNK, 1, &other);
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_MERGE, &error));
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(info_of(store, NULL, "x").version, 2);
  cr_assert_eq(view_info(view).version, 1);
  cr_assert_eq(data_of(view)[PER_CHUNK], stored[PER_CHUNK]);
  ufo_view_release(view);
}

/* Taking either side would undo what the other wrote beside it in the chunk. */
Test(view_put, merge_of_the_same_chunk_is_a_conflict) {
  ufo_view *first, *second;
  make_conflict(&first, &second);
  data_of(second)[PER_CHUNK + 1] = 5;
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put_view(txn, "x", second, UFO_PUT_MERGE, &error));
  FAILS(UFO_CONFLICT, ufo_txn_commit(txn, &error));
  cr_assert(strstr(error.message, "chunk 1"), "names the chunk: %s", error.message);
  ufo_txn_abort(txn);
  stored[PER_CHUNK] = 111;
  assert_content(store, NULL, "x", stored, BYTES);
  ufo_view_release(first);
  ufo_view_release(second);
}

Test(view_put, conflict_replaced) {
  ufo_view *first, *second;
  make_conflict(&first, &second);
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put_view(txn, "x", second, UFO_PUT_REPLACE, &error));
  OK(ufo_txn_commit(txn, &error));
  stored[2 * PER_CHUNK] = 222;
  assert_content(store, NULL, "x", stored, BYTES);
  cr_assert_eq(memcmp(data_of(second), stored, BYTES), 0);
  cr_assert_eq(info_of(store, NULL, "x").chunks_changed, 2, "its own chunk, and the one taken back");
  data_of(second)[0] = stored[0] = 9; /* and it goes on from there */
  put_view_now(store, "x", second);
  cr_assert_eq(info_of(store, NULL, "x").chunks_changed, 1);
  assert_content(store, NULL, "x", stored, BYTES);
  ufo_view_release(first);
  ufo_view_release(second);
  assert_sound(store);
}

/* The same after the object changed its length. */
Test(view_put, conflict_with_another_length) {
  ufo_view *view = open_view(store, NULL, pool, "x");
  data_of(view)[0] = 5;
  int32_t more[3] = {1, 2, 3};
  ufo_txn *txn = begin(store);
  OK(ufo_txn_append(txn, "x", more, 3, &error));
  OK(ufo_txn_commit(txn, &error));
  txn = begin(store);
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_MERGE, &error));
  FAILS(UFO_CONFLICT, ufo_txn_commit(txn, &error));
  ufo_txn_abort(txn);
  cr_assert_eq(info_of(store, NULL, "x").length, LENGTH + 3);
  txn = begin(store);
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_REPLACE, &error));
  OK(ufo_txn_commit(txn, &error));
  stored[0] = 5;
  assert_content(store, NULL, "x", stored, BYTES);
  data_of(view)[1] = stored[1] = 6; /* it is still the view's object */
  put_view_now(store, "x", view);
  assert_content(store, NULL, "x", stored, BYTES);
  ufo_view_release(view);
  assert_sound(store);
}

/* What others appended goes, and so may the chunks that it took; the object stays the same one. */
Test(view_put, replaced_after_appends) {
  enum { MOST = 6 * LENGTH };
  int32_t *rival = malloc(MOST * sizeof *rival);
  uint64_t state = 5, id = info_of(store, NULL, "x").id;
  ufo_attributes *attributes;
  OK(ufo_attributes_create(&attributes, &error));
  OK(ufo_attributes_set(attributes, "unit", UFO_ATTRIBUTE_INTEGER, stored, 1, &error));
  ufo_txn *txn = begin(store);
  OK(ufo_txn_set_attributes(txn, "x", attributes, &error));
  OK(ufo_txn_commit(txn, &error));
  ufo_attributes_free(attributes);
  ufo_view *view = open_view(store, NULL, pool, "x"), *longer = NULL;
  for (uint64_t round = 0; round < 40; round++) {
    uint64_t length = info_of(store, NULL, "x").length, added = 1 + random_below(&state, LENGTH);
    for (uint64_t i = 0; i < added; i++) rival[i] = (int32_t)mix(round * 77777 + i);
    txn = begin(store);
    OK(ufo_txn_append(txn, "x", rival, added, &error));
    if (random_below(&state, 2)) OK(ufo_txn_write(txn, "x", random_below(&state, LENGTH), 1, rival, &error));
    OK(ufo_txn_commit(txn, &error));
    if (round % 5 == 2) longer = open_view(store, NULL, pool, "x"); /* is put back after it was cut */
    uint64_t at = random_below(&state, LENGTH);
    data_of(view)[at] = stored[at] = (int32_t)round;
    txn = begin(store);
    OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_REPLACE, &error));
    OK(ufo_txn_commit(txn, &error));
    ufo_object_info info = info_of(store, NULL, "x");
    cr_assert(info.id == id && info.attribute_count == 1 && info.length == LENGTH);
    cr_assert_eq(view_info(view).version, info.version, "round %" PRIu64, round);
    assert_content(store, NULL, "x", stored, BYTES);
    put_view_now(store, "copy", view); /* shares what is within the length only */
    assert_sound(store);
    if (!longer) continue;
    length = ufo_view_length(longer);
    memcpy(rival, data_of(longer), length * 4);
    txn = begin(store);
    OK(ufo_txn_put_view(txn, "x", longer, UFO_PUT_REPLACE, &error));
    OK(ufo_txn_commit(txn, &error));
    assert_content(store, NULL, "x", rival, length * 4);
    assert_sound(store);
    ufo_view_release(longer);
    longer = NULL;
  }
  ufo_view_release(view);
  let_it_reclaim(store);
  assert_sound(store);
  cr_assert_leq(stat_of(store).blobs, 12 * CHUNKS);
  remove_now(store, "x"), remove_now(store, "copy");
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, 0);
  free(rival);
}

Test(view_put, conflict_with_a_removal) {
  ufo_view *view = open_view(store, NULL, pool, "x");
  data_of(view)[0] = 5;
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error));
  remove_now(store, "x");
  FAILS(UFO_CONFLICT, ufo_txn_commit(txn, &error));
  ufo_txn_abort(txn);
  stored[0] = 5;
  cr_assert_eq(memcmp(data_of(view), stored, BYTES), 0, "the view still reads the removed version, cold chunks too");
  ufo_view_release(view);
}

/* The name holds another object by the time of the put: that is somebody else's work, which a stale view must not undo.
 */
Test(view_put, conflict_with_a_replacement) {
  ufo_view *view = open_view(store, NULL, pool, "x");
  data_of(view)[0] = 5;
  int32_t theirs = 7;
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, 1, 0);
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put(txn, "x", &spec, &theirs, &error));
  OK(ufo_txn_commit(txn, &error));
  txn = begin(store);
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error));
  FAILS(UFO_CONFLICT, ufo_txn_commit(txn, &error));
  cr_assert(strstr(error.message, "replaced"), "%s", error.message);
  ufo_txn_abort(txn);
  assert_content(store, NULL, "x", &theirs, sizeof theirs);
  txn = begin(store);
  OK(ufo_txn_remove(txn, "x", &error)); /* one's own edit of the name is no conflict */
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error));
  OK(ufo_txn_commit(txn, &error));
  stored[0] = 5;
  assert_content(store, NULL, "x", stored, BYTES);
  ufo_view_release(view);
  assert_sound(store);
}

/* ---- under another name --------------------------------------------------------------------------------------------
 */

Test(view_put, under_another_name_shares_and_parts) {
  uint64_t blobs = stat_of(store).blobs;
  ufo_view *view = open_view(store, NULL, pool, "x");
  int32_t *other = memcpy(malloc(BYTES), stored, BYTES);
  data_of(view)[4 * PER_CHUNK] = other[4 * PER_CHUNK] = 44;
  put_view_now(store, "y", view);
  cr_assert_leq(stat_of(store).blobs, blobs + 1, "unchanged chunks are shared");
  cr_assert_eq(info_of(store, NULL, "y").version, 1);
  cr_assert_neq(info_of(store, NULL, "y").id, info_of(store, NULL, "x").id);
  assert_content(store, NULL, "x", stored, BYTES);
  assert_content(store, NULL, "y", other, BYTES);
  ufo_view_release(view);

  for (int round = 0; round < 10; round++) { /* both sides change */
    int32_t value = round;
    write_now(store, "x", (uint64_t)round * 2500, 1, &value);
    stored[round * 2500] = value;
    value = -round;
    write_now(store, "y", (uint64_t)round * 1999, 1, &value);
    other[round * 1999] = value;
  }
  assert_content(store, NULL, "x", stored, BYTES);
  assert_content(store, NULL, "y", other, BYTES);
  assert_sound(store);
  remove_now(store, "x");
  let_it_reclaim(store);
  assert_content(store, NULL, "y", other, BYTES);
  assert_sound(store);
  remove_now(store, "y");
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, 0, "%" PRIu64 " blobs are left", stat_of(store).blobs);
  cr_assert_eq(stat_of(store).garbage, 0);
  free(other);
}

/* In whichever order: the view goes on with its own object. */
static void with_a_copy(ufo_txn *txn, ufo_view *view, const char *name, int copy_first) {
  if (copy_first) OK(ufo_txn_put_view(txn, "copy", view, UFO_PUT_CHECKED, &error));
  OK(ufo_txn_put_view(txn, name, view, UFO_PUT_CHECKED, &error));
  if (!copy_first) OK(ufo_txn_put_view(txn, "copy", view, UFO_PUT_CHECKED, &error));
}

Test(view_put, beside_a_copy) {
  ufo_view *view = open_view(store, NULL, pool, "x");
  for (int round = 0; round < 6; round++) {
    data_of(view)[7] = stored[7] = round;
    ufo_txn *txn = begin(store);
    with_a_copy(txn, view, "x", round % 2);
    OK(ufo_txn_commit(txn, &error));
    cr_assert_eq(view_info(view).version, info_of(store, NULL, "x").version, "round %d", round);
    cr_assert_eq(view_info(view).chunks_changed, 0);
    assert_content(store, NULL, "x", stored, BYTES);
    assert_content(store, NULL, "copy", stored, BYTES);
  }
  ufo_view_release(view);
}

Test(view_put, pending_beside_a_copy) {
  for (int round = 0; round < 2; round++) {
    const char *name = round ? "two" : "one"; /* sort after "copy" */
    ufo_txn *txn = begin(store);
    ufo_object_spec spec = spec_of(UFO_INTEGER, 0, LENGTH, CHUNK);
    OK(ufo_txn_put(txn, name, &spec, stored, &error));
    ufo_view *view = open_view(store, txn, pool, name);
    data_of(view)[1] = stored[1] = round + 10;
    with_a_copy(txn, view, name, round);
    OK(ufo_txn_commit(txn, &error));
    cr_assert_eq(view_info(view).object_id, info_of(store, NULL, name).id);
    data_of(view)[2] = stored[2] = round + 20;
    put_view_now(store, name, view);
    assert_content(store, NULL, name, stored, BYTES);
    ufo_view_release(view);
  }
}

/* A chain of copies: each shares with the one before; they go in any order. */
Test(view_put, many_copies) {
  char name[16];
  int32_t *content[6];
  ufo_view *view = open_view(store, NULL, pool, "x");
  for (int copy = 0; copy < 6; copy++) {
    snprintf(name, sizeof name, "copy%d", copy);
    data_of(view)[copy * PER_CHUNK] = stored[copy * PER_CHUNK] = copy;
    put_view_now(store, name, view);
    content[copy] = memcpy(malloc(BYTES), stored, BYTES);
  }
  ufo_view_release(view);
  remove_now(store, "x");
  static const int order[] = {2, 0, 5, 1, 4, 3};
  for (int i = 0; i < 6; i++) {
    for (int k = i; k < 6; k++) {
      snprintf(name, sizeof name, "copy%d", order[k]);
      assert_content(store, NULL, name, content[order[k]], BYTES);
    }
    snprintf(name, sizeof name, "copy%d", order[i]);
    remove_now(store, name);
    let_it_reclaim(store);
    assert_sound(store);
  }
  cr_assert_eq(stat_of(store).blobs, 0);
  for (int i = 0; i < 6; i++) free(content[i]);
}

/* What the transaction does to the object beside the put is not in the view. */
Test(view_put, appended_to_in_the_same_transaction) {
  ufo_view *view = open_view(store, NULL, pool, "x");
  int32_t more[100] = {7};
  data_of(view)[3] = stored[3] = 3;
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error));
  OK(ufo_txn_append(txn, "x", more, 100, &error));
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(info_of(store, NULL, "x").length, LENGTH + 100);
  for (int i = 0; i < LENGTH; i++) cr_assert_eq(data_of(view)[i], stored[i], "element %d", i);
  ufo_view_release(view);
}

/* Objects of two stores may have the same number, name and version. */
Test(view_put, into_another_store) {
  ufo_store *other = open_store(in_folder("other.ufo"));
  ufo_view *view = open_view(store, NULL, pool, "x");
  data_of(view)[3] = stored[3] = 3;
  put_view_now(other, "x", view);
  cr_assert_eq(info_of(other, NULL, "x").id, info_of(store, NULL, "x").id, "what the test is about");
  assert_content(other, NULL, "x", stored, BYTES);
  cr_assert_eq(view_info(view).chunks_changed, 1, "the view is that of the first store as before");
  put_view_now(store, "x", view);
  assert_content(store, NULL, "x", stored, BYTES);
  cr_assert_eq(view_info(view).chunks_changed, 0);
  cr_assert_eq(info_of(store, NULL, "x").chunks_changed, 1);
  ufo_view_release(view);
  ufo_store_close(other);
}
