/* What verifying says, and when it ends. Damage is made by writing into the file's tables with LMDB itself. */
#include "fixture.h"

#include "edit.h"

TestSuite(verify, .init = fixture_make, .fini = fixture_remove, .timeout = 60);

static int stop(void *user, uint64_t done, uint64_t total) {
  (void)done, (void)total;
  return ++*(int *)user == 2;
}

/* Someone who waits no longer must be heard while entries are read that have no bytes of their own. */
Test(verify, progress_ends_it) {
  enum { CHUNK = 4096, CHUNKS = 40000 };
  int32_t *values = malloc((size_t)CHUNKS * CHUNK);
  for (int i = 0; i < CHUNKS * CHUNK / 4; i++) values[i] = i / (CHUNK / 4) + 1; /* each chunk is a constant */
  ufo_store *store = open_store(in_folder("s.ufo"));
  put_now(store, "x", spec_of(UFO_INTEGER, 0, CHUNKS * CHUNK / 4, CHUNK), values);
  free(values);
  int calls = 0;
  cr_assert_eq(ufo_store_verify(store, NULL, stop, &calls, &error), UFO_END);
  cr_assert_eq(calls, 2);
  calls = 2;
  OK(ufo_store_verify(store, show_damage, stop, &calls, &error));
  cr_assert_gt(calls, 4);
  ufo_store_close(store);
}

/* ---- damage ------------------------------------------------------------------------------------------------------ */

typedef struct found {
  int count; /* and of the first: */
  char name[UFO_NAME_MAX + 100], cause[1000];
  bool passes_counters; /* records that were added have numbers that were never given out */
} found;

static int note(void *user, const ufo_damage *damage) {
  found *f = user;
  if (strstr(damage->cause, "counters are too small") && f->passes_counters) return 0;
  if (f->count++ > 0) return 0;
  snprintf(f->name, sizeof f->name, "%s", damage->name ? damage->name : "(store)");
  snprintf(f->cause, sizeof f->cause, "%s", damage->cause);
  return 0;
}

static found verify_but(bool passes_counters) {
  found f = {.passes_counters = passes_counters};
  ufo_store *store;
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  OK(ufo_store_open(in_folder("s.ufo"), &options, &store, &error));
  ufo_status status = ufo_store_verify(store, note, NULL, &f, &error);
  cr_assert_eq(status, f.count ? UFO_CORRUPT : UFO_OK, "%s", error.message);
  ufo_store_close(store);
  return f;
}

static found verify(void) { return verify_but(false); }

/* A list "df" of one vector with noise and attributes. */
static void build(void) {
  enum { LENGTH = 2000 };
  int32_t values[LENGTH];
  for (int i = 0; i < LENGTH; i++) values[i] = (int32_t)mix((uint64_t)i);
  ufo_store *store = open_store(in_folder("s.ufo"));
  ufo_txn *txn = begin(store);
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, LENGTH, 0);
  ufo_attributes *set;
  OK(ufo_attributes_create(&set, &error));
  OK(ufo_attributes_set(set, "unit", UFO_ATTRIBUTE_INTEGER, values, 1, &error));
  OK(ufo_txn_put(txn, "a", &spec, values, &error));
  OK(ufo_txn_set_attributes(txn, "a", set, &error));
  OK(ufo_txn_put_list(txn, "df", (const char *[]){"a"}, 1, &error));
  OK(ufo_txn_commit(txn, &error));
  ufo_attributes_free(set);
  ufo_store_close(store);
  cr_assert_eq(verify().count, 0);
}

Test(verify, damaged_attributes_name_their_object) {
  build();
  edit_spoil_first(in_folder("s.ufo"), UFO_TABLE_ATTRIBUTES);
  found f = verify();
  cr_assert_eq(f.count, 1);
  cr_assert_str_eq(f.name, "df[[1]]");
  cr_assert(strstr(f.cause, "attributes"), "%s", f.cause);
}

Test(verify, a_damaged_name_is_named) {
  build();
  edit_spoil_first(in_folder("s.ufo"), UFO_TABLE_NAMES);
  found f = verify();
  cr_assert_geq(f.count, 1);
  cr_assert_str_eq(f.name, "df");
}

/* ---- records that lead nowhere ----------------------------------------------------------------------------------- */

/* A sound record of one number. */
static void add_number(ufo_table table, const void *key, size_t key_bytes, uint64_t number) {
  edit_put_now(in_folder("s.ufo"), table, key, key_bytes, &number, sizeof number);
}

static void assert_one(const char *cause) {
  found f = verify_but(true);
  cr_assert_eq(f.count, 1, "%d damages; %s", f.count, f.cause);
  cr_assert(strstr(f.cause, cause), "%s", f.cause);
}

Test(verify, stray_referents) {
  uint8_t key[UFO_BLOB_KEY_BYTES] = {0, 0, 0, 0, 0, 0, 0, 99};
  build();
  add_number(UFO_TABLE_REFS, key, sizeof key, 1);
  assert_one("blob 99 is of a blob that is missing");
}

Test(verify, referents_that_are_none) {
  uint8_t key[UFO_BLOB_KEY_BYTES] = {0, 0, 0, 0, 0, 0, 0, 1};
  build();
  add_number(UFO_TABLE_REFS, key, sizeof key, 0);
  assert_one("counts none");
}

Test(verify, staged_without_a_blob) {
  uint8_t key[UFO_STAGED_KEY_BYTES] = {[7] = 1, [15] = 99};
  build();
  add_number(UFO_TABLE_STAGED, key, sizeof key, 10);
  assert_one("leads to a blob that is missing");
}

Test(verify, staged_with_another_length) {
  uint8_t staged[UFO_STAGED_KEY_BYTES] = {[7] = 1, [15] = 1}, refs[UFO_BLOB_KEY_BYTES] = {[7] = 1};
  build();
  add_number(UFO_TABLE_STAGED, staged, sizeof staged, 10);
  add_number(UFO_TABLE_REFS, refs, sizeof refs, 1);
  assert_one("does not have the length of its blob");
}

Test(verify, damaged_referents) {
  uint8_t key[UFO_BLOB_KEY_BYTES] = {[7] = 99};
  build();
  add_number(UFO_TABLE_REFS, key, sizeof key, 1);
  edit_spoil_first(in_folder("s.ufo"), UFO_TABLE_REFS);
  assert_one("table refs is damaged");
}

/* ---- records that are whole and mean something else -------------------------------------------------------------- */

/* Copies the first record of a table to `to` (NULL: where it is) with `bytes` at `offset`. */
static void forge(ufo_table table, const uint8_t *to, size_t offset, const void *bytes, size_t count) {
  uint8_t key[UFO_KEY_MAX], content[EDIT_BYTES_MAX];
  size_t key_bytes;
  edit e = edit_begin(in_folder("s.ufo"), table);
  size_t length = edit_first(e, key, &key_bytes, content);
  memcpy(content + offset, bytes, count);
  edit_put(e, to ? to : key, key_bytes, content, length);
  edit_end(e);
}

static void assert_forged(ufo_table table, const uint8_t *key, size_t offset, uint64_t number, size_t count,
                          const char *name, const char *cause) {
  unlink(in_folder("s.ufo"));
  build();
  forge(table, key, offset, &number, count);
  found f = verify();
  cr_assert_eq(f.count, 1, "%d damages; %s", f.count, f.cause);
  cr_assert_str_eq(f.name, name);
  cr_assert(strstr(f.cause, cause), "%s", f.cause);
}

Test(verify, statistics_that_are_not_of_the_values) {
  assert_forged(UFO_TABLE_MAP, NULL, 32, 5, 4, "df[[1]]", "statistics"); /* NAs */
}
Test(verify, a_range_that_is_not_of_the_values) {
  assert_forged(UFO_TABLE_MAP, NULL, 40, 0, 8, "df[[1]]", "statistics");
}
Test(verify, an_order_that_is_not_of_the_values) {
  assert_forged(UFO_TABLE_MAP, NULL, 12, 1 | 2 | 4, 1, "df[[1]]", "statistics");
}
Test(verify, totals_that_are_not_of_the_entries) {
  assert_forged(UFO_TABLE_OBJECTS, NULL, 40, 77, 8, "df[[1]]", "totals");
  assert_forged(UFO_TABLE_OBJECTS, NULL, 48, 7, 8, "df[[1]]", "totals");
}
Test(verify, entries_that_a_version_did_not_write) {
  assert_forged(UFO_TABLE_OBJECTS, NULL, 32, 7, 8, "df[[1]]", "this version wrote 1 entries");
}
Test(verify, attributes_that_are_not_counted) {
  assert_forged(UFO_TABLE_OBJECTS, NULL, 104, 2, 8, "df[[1]]", "as many attributes");
}
Test(verify, counters_that_are_too_small) {
  assert_forged(UFO_TABLE_META, NULL, 0, 1, 8, "(store)", "object 2 is in use, and 1");
  assert_forged(UFO_TABLE_META, NULL, 8, 1, 8, "(store)", "blob 1 is in use, and 1");
  assert_forged(UFO_TABLE_META, NULL, 24, 0, 8, "(store)", "generation 1 is in use, and 1");
}
Test(verify, attributes_that_nobody_has) {
  uint8_t key[UFO_OBJECT_KEY_BYTES];
  ufo_key_attributes(key, 1, 7);
  assert_forged(UFO_TABLE_ATTRIBUTES, key, 0, 1, 1, "df[[1]]", "no version of the object has these attributes");
}
Test(verify, an_element_of_a_version_that_is_not_there) {
  uint8_t key[UFO_MAP_KEY_BYTES];
  ufo_entry entry = {.is_child = true, .child_id = 1, .child_version = 2};
  uint8_t record[UFO_ENTRY_BYTES_MAX];
  build();
  ufo_key_map(key, 2, 0, 1);
  edit_put_now(in_folder("s.ufo"), UFO_TABLE_MAP, key, sizeof key, record, ufo_record_encode_entry(&entry, record));
  assert_one("this element of the list is missing");
}
Test(verify, entries_of_no_object_and_of_versions_to_come) {
  uint8_t key[UFO_MAP_KEY_BYTES];
  build();
  ufo_key_map(key, 9, 0, 1);
  forge(UFO_TABLE_MAP, key, 0, "\1", 1);
  found f = verify_but(true);
  cr_assert_str_eq(f.name, "object 9");
  cr_assert(strstr(f.cause, "an object that is not there"), "%s", f.cause);
  ufo_key_map(key, 1, 0, 6);
  forge(UFO_TABLE_MAP, key, 0, "\1", 1);
  cr_assert_gt(verify_but(true).count, f.count);
}
