/* What a call may ask for: names, lengths, chunks, types, struct sizes, NULL. What is refused changes nothing. */
#include "one_store.h"

TestSuite(promises_names, .init = store_make, .fini = store_end, .timeout = 60);

static void put_number(const char *name, int32_t value) { put_now(store, name, spec_of(UFO_INTEGER, 0, 1, 0), &value); }

static int32_t number(const char *name) {
  int32_t value = -1;
  OK(ufo_store_read(store, NULL, name, 0, 0, 1, &value, &error));
  return value;
}

Test(promises_names, accepted) {
  char longest[UFO_NAME_MAX + 1];
  memset(longest, 'n', UFO_NAME_MAX);
  longest[UFO_NAME_MAX] = 0;
  const char *names[] = {
      "a",    "\x01\x1B[31m\n\x7F", "h\xC3\xA9llo", "\xE2\x82\xAC", "\xF0\x9F\xA6\x98", " ", "a/b", "..", "-", "a$b",
      longest};
  int n = (int)(sizeof names / sizeof *names);
  for (int i = 0; i < n; i++) put_number(names[i], i);
  for (int i = 0; i < n; i++) {
    cr_assert_eq(number(names[i]), i);
    cr_assert_str_eq(info_of(store, NULL, names[i]).name, names[i]);
  }
  ufo_store_close(store);
  store = open_store(in_folder("s.ufo"));
  for (int i = 0; i < n; i++) cr_assert_eq(number(names[i]), i);
  cr_assert_eq(stat_of(store).objects, (uint64_t)n);
}

Test(promises_names, refused) {
  char too_long[UFO_NAME_MAX + 2];
  memset(too_long, 'n', UFO_NAME_MAX + 1);
  too_long[UFO_NAME_MAX + 1] = 0;
  put_number("x", 1);
  const char *names[] = {"", too_long, "\xFF", "\xC3", "a\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80"};
  int32_t value = 5;
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, 1, 0);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    ufo_txn *txn = begin(store);
    ufo_writer *writer = NULL;
    FAILS(UFO_USAGE, ufo_txn_put(txn, names[i], &spec, &value, &error));
    FAILS(UFO_USAGE, ufo_txn_create(txn, names[i], &spec, &error));
    FAILS(UFO_USAGE, ufo_writer_open(txn, names[i], &spec, &writer, &error));
    FAILS(UFO_USAGE, ufo_txn_rename(txn, "x", names[i], &error));
    OK(ufo_txn_commit(txn, &error));
  }
  cr_assert_eq(stat_of(store).objects, 1);
  cr_assert_eq(number("x"), 1);
}

Test(promises_names, rename_of_nothing_to_itself) {
  ufo_txn *txn = begin(store);
  FAILS(UFO_MISSING, ufo_txn_rename(txn, "x", "x", &error));
  OK(ufo_txn_commit(txn, &error));
  put_number("x", 1);
  txn = begin(store);
  FAILS(UFO_USAGE, ufo_txn_rename(txn, "x", "x", &error));
  OK(ufo_txn_remove(txn, "x", &error));
  FAILS(UFO_MISSING, ufo_txn_rename(txn, "x", "x", &error));
  ufo_txn_abort(txn);
}

Test(promises_names, in_byte_order) {
  static const char *const names[] = {"b", "a", "\xC3\xA9", "B", "aa", "\x02"}, *const sorted[] = {"\x02", "B",
                                                                                                   "a",    "aa",
                                                                                                   "b",    "\xC3\xA9"};
  for (int i = 0; i < 6; i++) put_number(names[i], i);
  ufo_store_iterator *iterator;
  ufo_object_info info = {.struct_size = sizeof info};
  OK(ufo_store_list(store, NULL, &iterator, &error));
  for (int i = 0; i < 6; i++) {
    OK(ufo_store_iterator_next(iterator, &info, &error));
    cr_assert_str_eq(info.name, sorted[i]);
  }
  cr_assert_eq(ufo_store_iterator_next(iterator, &info, &error), UFO_END);
  cr_assert_eq(ufo_store_iterator_next(iterator, &info, &error), UFO_END);
  ufo_store_iterator_free(iterator);
}

/* The list may change while it is being walked. */
Test(promises_names, changes_during_a_walk) {
  for (int i = 0; i < 20; i++) put_number((char[]){(char)('a' + i), 0}, i);
  ufo_store_iterator *iterator;
  ufo_object_info info = {.struct_size = sizeof info};
  OK(ufo_store_list(store, NULL, &iterator, &error));
  int seen = 0;
  char last[2] = "";
  while (ufo_store_iterator_next(iterator, &info, &error) == UFO_OK) {
    cr_assert_gt(strcmp(info.name, last), 0, "in order");
    strcpy(last, info.name);
    remove_now(store, info.name);
    seen++;
  }
  cr_assert_eq(seen, 20);
  ufo_store_iterator_free(iterator);
  cr_assert_eq(stat_of(store).objects, 0);
}

/* A transaction's list shows what is pending, and hides what it removed. */
Test(promises_names, list_of_a_transaction) {
  put_number("a", 1);
  put_number("c", 3);
  ufo_txn *txn = begin(store);
  ufo_object_spec spec = spec_of(UFO_RAW, 0, 0, 0);
  OK(ufo_txn_create(txn, "b", &spec, &error));
  OK(ufo_txn_create(txn, "d", &spec, &error));
  OK(ufo_txn_remove(txn, "c", &error));
  static const char *const expected[] = {"a", "b", "d"};
  ufo_store_iterator *iterator;
  ufo_object_info info = {.struct_size = sizeof info};
  OK(ufo_store_list(store, txn, &iterator, &error));
  for (int i = 0; i < 3; i++) {
    OK(ufo_store_iterator_next(iterator, &info, &error));
    cr_assert_str_eq(info.name, expected[i]);
  }
  cr_assert_eq(ufo_store_iterator_next(iterator, &info, &error), UFO_END);
  ufo_store_iterator_free(iterator);
  ufo_txn_abort(txn);
  cr_assert_eq(stat_of(store).objects, 2);
}

/* ---- lengths and chunks --------------------------------------------------------------------------------------------
 */

Test(promises_names, lengths) {
  ufo_txn *txn = begin(store);
  ufo_object_spec spec = spec_of(UFO_RAW, 0, UFO_LENGTH_MAX, 0);
  OK(ufo_txn_create(txn, "longest", &spec, &error));
  spec.length++;
  FAILS(UFO_USAGE, ufo_txn_create(txn, "longer", &spec, &error));
  spec.length = UINT64_MAX;
  FAILS(UFO_USAGE, ufo_txn_create(txn, "longer", &spec, &error));
  FAILS(UFO_USAGE, ufo_txn_put(txn, "longer", &spec, "", &error));
  spec = spec_of(UFO_RECORD, UFO_RECORD_BYTES_MAX, UFO_LENGTH_MAX, 0); /* 2^68 bytes */
  FAILS(UFO_USAGE, ufo_txn_create(txn, "overflow", &spec, &error));
  FAILS(UFO_USAGE, ufo_txn_put(txn, "overflow", &spec, "", &error));
  spec = spec_of(UFO_COMPLEX, 0, UFO_LENGTH_MAX, UFO_CHUNK_BYTES_MAX);
  OK(ufo_txn_create(txn, "many", &spec, &error));
  FAILS(UFO_USAGE, ufo_txn_append(txn, "longest", "x", 1, &error));
  OK(ufo_txn_commit(txn, &error));
  uint8_t byte = 1;
  OK(ufo_store_read(store, NULL, "longest", 0, UFO_LENGTH_MAX - 1, 1, &byte, &error));
  cr_assert_eq(byte, 0);
  FAILS(UFO_USAGE, ufo_store_read(store, NULL, "longest", 0, UFO_LENGTH_MAX, 1, &byte, &error));
  FAILS(UFO_USAGE, ufo_store_read(store, NULL, "longest", 0, UINT64_MAX, 2, &byte, &error));
  FAILS(UFO_USAGE, ufo_store_read(store, NULL, "longest", 0, 2, UINT64_MAX, &byte, &error));
  OK(ufo_store_read(store, NULL, "longest", 0, UFO_LENGTH_MAX, 0, &byte, &error));
  assert_sound(store);
}

/* 10^12 elements at once: no room taken, zeros everywhere, and one written element costs one chunk. */
Test(promises_names, a_trillion_elements) {
  uint64_t length = UINT64_C(1000000000000), first = UINT64_C(123456789012);
  double value = 1, some[3];
  uint64_t before = size_of_file(in_folder("s.ufo"));
  ufo_txn *txn = begin(store);
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, length, 0);
  OK(ufo_txn_create(txn, "huge", &spec, &error));
  OK(ufo_txn_commit(txn, &error));
  cr_assert_leq(size_of_file(in_folder("s.ufo")), before + (1 << 20));
  static const uint64_t places[] = {0, 1, 8191, 8192, 500000000000, 999999999999};
  for (int i = 0; i < 6; i++) {
    value = 1;
    OK(ufo_store_read(store, NULL, "huge", 0, places[i], 1, &value, &error));
    cr_assert_eq(value, 0);
  }
  cr_assert_eq(info_of(store, NULL, "huge").chunks_written, 0);
  value = 2.5;
  write_now(store, "huge", length - 1, 1, &value);
  cr_assert_eq(info_of(store, NULL, "huge").chunks_written, 1);
  cr_assert_eq(info_of(store, NULL, "huge").chunks_changed, 1);
  write_now(store, "huge", first, 1, &value);
  OK(ufo_store_read(store, NULL, "huge", 0, first - 1, 3, some, &error));
  cr_assert(some[0] == 0 && some[1] == 2.5 && some[2] == 0);
  OK(ufo_store_read(store, NULL, "huge", 0, length - 3, 3, some, &error));
  cr_assert(some[0] == 0 && some[1] == 0 && some[2] == 2.5);
  cr_assert_leq(size_of_file(in_folder("s.ufo")), before + (1 << 20));
  txn = begin(store);
  OK(ufo_txn_append(txn, "huge", some, 3, &error));
  OK(ufo_txn_commit(txn, &error));
  OK(ufo_store_read(store, NULL, "huge", 0, length - 1, 3, some, &error));
  cr_assert(some[0] == 2.5 && some[1] == 0 && some[2] == 0);
  assert_sound(store); /* in time that does not depend on the length */
  remove_now(store, "huge");
}

Test(promises_names, chunk_sizes) {
  static const uint32_t refused[] = {1, 4095, 2048, 4097, 12288, 65537, 100000, 32u << 20, UINT32_MAX};
  static const uint32_t accepted[] = {4096, 8192, 65536, 1 << 20, 16 << 20};
  ufo_txn *txn = begin(store);
  double values[700];
  fill_values(UFO_DOUBLE, 8, 1, 700, values);
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, 700, refused[i]);
    FAILS(UFO_USAGE, ufo_txn_create(txn, "x", &spec, &error));
    FAILS(UFO_USAGE, ufo_txn_put(txn, "x", &spec, values, &error));
  }
  OK(ufo_txn_commit(txn, &error));
  for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
    put_now(store, "x", spec_of(UFO_DOUBLE, 0, 700, accepted[i]), values);
    cr_assert_eq(info_of(store, NULL, "x").chunk_bytes, accepted[i]);
    assert_content(store, NULL, "x", values, sizeof values);
  }
  put_now(store, "x", spec_of(UFO_DOUBLE, 0, 700, 0), values);
  cr_assert_eq(info_of(store, NULL, "x").chunk_bytes, UFO_CHUNK_BYTES_DEFAULT);
}

Test(promises_names, default_chunk_of_a_store) {
  ufo_store *other;
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_CREATE, .default_chunk_bytes = 8192};
  OK(ufo_store_open(in_folder("d.ufo"), &options, &other, &error));
  ufo_store_close(other);
  other = open_store(in_folder("d.ufo"));
  put_now(other, "x", spec_of(UFO_DOUBLE, 0, 1, 0), &(double){1});
  cr_assert_eq(info_of(other, NULL, "x").chunk_bytes, 8192, "kept in the store");
  ufo_store_close(other);
  options.default_chunk_bytes = 5000;
  FAILS(UFO_USAGE, ufo_store_open(in_folder("e.ufo"), &options, &other, &error));
  cr_assert_neq(access(in_folder("e.ufo"), F_OK), 0);
}

/* ---- wrong calls
 * ----------------------------------------------------------------------------------------------------- */

Test(promises_names, types) {
  ufo_txn *txn = begin(store);
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, 1, 0);
  static const int refused[] = {0, UFO_LIST, 10, -1, 255};
  for (int i = 0; i < 5; i++) {
    spec.type = (ufo_type)refused[i];
    FAILS(UFO_USAGE, ufo_txn_create(txn, "x", &spec, &error));
    FAILS(UFO_USAGE, ufo_txn_put(txn, "x", &spec, "0123456789abcdef", &error));
  }
  spec = spec_of(UFO_RECORD, 0, 1, 0);
  FAILS(UFO_USAGE, ufo_txn_create(txn, "x", &spec, &error));
  spec = spec_of(UFO_RECORD, UFO_RECORD_BYTES_MAX + 1, 1, 0);
  FAILS(UFO_USAGE, ufo_txn_create(txn, "x", &spec, &error));
  ufo_txn_abort(txn);
  for (size_t i = 0; i < EVERY_TYPE; i++) {
    cr_assert_eq(ufo_type_from_name(ufo_type_name(every_type[i].type)), every_type[i].type);
    if (every_type[i].type != UFO_RECORD) cr_assert_eq(ufo_type_bytes(every_type[i].type), every_type[i].element_bytes);
  }
  cr_assert_eq(ufo_type_name((ufo_type)99), NULL);
  cr_assert_eq(ufo_type_from_name("float"), 0);
}

Test(promises_names, missing_pointers_and_struct_sizes) {
  int32_t value = 1;
  put_number("x", 1);
  ufo_store *other = (ufo_store *)&value;
  ufo_store_options options = {.struct_size = 3};
  FAILS(UFO_USAGE, ufo_store_open(NULL, NULL, &other, &error));
  cr_assert_eq(other, NULL);
  FAILS(UFO_USAGE, ufo_store_open(in_folder("t.ufo"), &options, &other, &error));
  cr_assert_eq(other, NULL);
  ufo_txn *txn = begin(store);
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, 1, 0), wrong = spec;
  wrong.struct_size = 0;
  FAILS(UFO_USAGE, ufo_txn_put(txn, "y", &wrong, &value, &error));
  FAILS(UFO_USAGE, ufo_txn_create(txn, "y", &wrong, &error));
  FAILS(UFO_USAGE, ufo_txn_put(txn, NULL, &spec, &value, &error));
  FAILS(UFO_USAGE, ufo_txn_put(txn, "y", NULL, &value, &error));
  FAILS(UFO_USAGE, ufo_txn_put(txn, "y", &spec, NULL, &error));
  FAILS(UFO_USAGE, ufo_txn_append(txn, "x", NULL, 1, &error));
  FAILS(UFO_USAGE, ufo_txn_write(txn, "x", 0, 1, NULL, &error));
  FAILS(UFO_USAGE, ufo_txn_remove(txn, NULL, &error));
  FAILS(UFO_USAGE, ufo_txn_rename(txn, "x", NULL, &error));
  FAILS(UFO_USAGE, ufo_txn_set_attributes(txn, NULL, NULL, &error));
  FAILS(UFO_USAGE, ufo_txn_put_view(txn, "x", NULL, UFO_PUT_CHECKED, &error));
  OK(ufo_txn_commit(txn, &error));
  ufo_object_info info = {.struct_size = sizeof info};
  FAILS(UFO_USAGE, ufo_store_info(store, NULL, NULL, 0, &info, &error));
  FAILS(UFO_USAGE, ufo_store_read(store, NULL, "x", 0, 0, 1, NULL, &error));
  cr_assert_eq(ufo_store_info(store, NULL, "absent", 0, &info, NULL), UFO_MISSING, "an error may be left out");
  ufo_txn_abort(NULL);
  ufo_view_release(NULL);
  ufo_store_close(NULL);
  ufo_store_iterator_free(NULL);
  cr_assert_eq(number("x"), 1);
  cr_assert_eq(stat_of(store).objects, 1);
}

/* An info structure of an older, shorter layout is filled as far as it goes. */
Test(promises_names, shorter_info) {
  put_number("x", 1);
  struct {
    ufo_object_info info;
    uint64_t canary;
  } short_one = {.canary = 0x5555};
  short_one.info.struct_size = offsetof(ufo_object_info, codec_chunks);
  memset(short_one.info.codec_chunks, 0x77, sizeof short_one.info.codec_chunks);
  ufo_status status = ufo_store_info(store, NULL, "x", 0, &short_one.info, &error);
  cr_assert(status == UFO_OK || status == UFO_USAGE);
  cr_assert_eq(short_one.info.codec_chunks[0], UINT64_C(0x7777777777777777), "wrote past the caller's structure");
  cr_assert_eq(short_one.canary, 0x5555);
}

Test(promises_names, open_writers) {
  ufo_txn *txn = begin(store);
  ufo_writer *writer;
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, 0, 0);
  OK(ufo_writer_open(txn, "x", &spec, &writer, &error));
  OK(ufo_writer_write(writer, "0123456789", 10, &error));
  FAILS(UFO_USAGE, ufo_txn_commit(txn, &error));
  FAILS(UFO_USAGE, ufo_writer_finish(writer, &error)); /* ten bytes are not whole doubles */
  OK(ufo_writer_open(txn, "x", &spec, &writer, &error));
  OK(ufo_writer_write(writer, "0123456789", 10, &error));
  ufo_writer_cancel(writer);
  OK(ufo_writer_open(txn, "y", &spec, &writer, &error));
  OK(ufo_writer_finish(writer, &error));
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(stat_of(store).objects, 1);
  cr_assert_eq(info_of(store, NULL, "y").length, 0);
}
