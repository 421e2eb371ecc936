/* An edit that fails leaves the transaction as it was: what it holds, and what it may conflict with. */
#include "one_store.h"

enum { CHUNK = 4096, LENGTH = 3000 };

static int32_t values[LENGTH];

static void make(void) {
  store_make();
  put_x(values, LENGTH, CHUNK);
  put_now(store, "text", spec_of(UFO_SERIALIZED, 0, 100, 0), values);
  ufo_txn *txn = begin(store);
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, LENGTH, CHUNK);
  OK(ufo_txn_put(txn, "child", &spec, values, &error));
  OK(ufo_txn_put_list(txn, "list", (const char *[]){"child"}, 1, &error));
  OK(ufo_txn_commit(txn, &error));
}

TestSuite(promises_edits, .init = make, .fini = store_end, .timeout = 60);

static const char *const names[] = {"x", "text", "list"};

static void fail_edits(ufo_txn *txn) {
  FAILS(UFO_USAGE, ufo_txn_write(txn, "x", LENGTH, 1, values, &error));
  FAILS(UFO_USAGE, ufo_txn_append(txn, "x", values, UFO_LENGTH_MAX, &error));
  FAILS(UFO_USAGE, ufo_txn_write(txn, "text", 0, 1, values, &error));
  FAILS(UFO_USAGE, ufo_txn_append(txn, "list", values, 1, &error));
  FAILS(UFO_USAGE, ufo_txn_rename(txn, "x", "list", &error));
  FAILS(UFO_MISSING, ufo_txn_rename(txn, "none", "other", &error));
  FAILS(UFO_MISSING, ufo_txn_put_list(txn, "list", (const char *[]){"none"}, 1, &error));
}

Test(promises_edits, a_failed_edit_is_no_edit) {
  ufo_txn *txn = begin(store);
  fail_edits(txn);
  OK(ufo_txn_write(txn, "x", 0, 1, values + 1, &error));
  OK(ufo_txn_remove(txn, "x", &error));
  FAILS(UFO_MISSING, ufo_txn_write(txn, "x", 0, 1, values, &error));
  ufo_txn_abort(txn);

  txn = begin(store);
  fail_edits(txn);
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, LENGTH, CHUNK);
  OK(ufo_txn_put(txn, "mine", &spec, values, &error));
  ufo_txn *rival = begin(store);
  for (int i = 0; i < 3; i++) OK(ufo_txn_rename(rival, names[i], i ? names[i - 1] : "theirs", &error));
  OK(ufo_txn_commit(rival, &error));
  OK(ufo_txn_commit(txn, &error));
  assert_content(store, NULL, "mine", values, sizeof values);
}

/* The name of the list may be that of one of its children. */
Test(promises_edits, a_list_named_like_a_child) {
  ufo_txn *txn = begin(store);
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, LENGTH, CHUNK);
  OK(ufo_txn_put(txn, "a", &spec, values, &error));
  OK(ufo_txn_put(txn, "b", &spec, values, &error));
  OK(ufo_txn_put_list(txn, "a", (const char *[]){"a", "b"}, 2, &error));
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(info_of(store, NULL, "a").length, 2);
  assert_content(store, NULL, "a[[2]]", values, sizeof values);
}

/* A call may fill many chunks before the room ends. */
Test(promises_edits, bytes_are_written_again_after_an_error) {
  enum { MIB = 1 << 20, PIECE = 3 * MIB + 777, PIECES = 4 };
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_CREATE, .map_bytes = 16 * MIB};
  ufo_store *small;
  OK(ufo_store_open(in_folder("small.ufo"), &options, &small, &error));
  uint8_t *bytes = malloc(PIECES * PIECE);
  for (int i = 0; i < PIECES * PIECE; i++) bytes[i] = (uint8_t)mix((uint64_t)i);
  put_now(small, "ballast", spec_of(UFO_RAW, 0, 8 * MIB, 0), bytes);
  ufo_txn *txn = begin(small);
  ufo_object_spec spec = spec_of(UFO_RAW, 0, 0, 65536);
  ufo_writer *writer;
  OK(ufo_writer_open(txn, "x", &spec, &writer, &error));
  int failures = 0;
  for (int piece = 0; piece < PIECES; piece++) {
    ufo_status status = ufo_writer_write(writer, bytes + piece * PIECE, PIECE, &error);
    if (status == UFO_OK) continue;
    cr_assert_eq(status, UFO_FULL, "%s", error.message);
    cr_assert_eq(failures++, 0, "%s", error.message);
    remove_now(small, "ballast");
    let_it_reclaim(small);
    piece--;
  }
  cr_assert_eq(failures, 1, "the store was meant to be full once");
  OK(ufo_writer_finish(writer, &error));
  assert_content(small, txn, "x", bytes, PIECES * PIECE);
  ufo_txn_abort(txn);
  ufo_store_close(small);
  free(bytes);
}
