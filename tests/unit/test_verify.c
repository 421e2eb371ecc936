/* What verifying says, and when it ends. Damage is made by writing into the file's tables with LMDB itself. */
#include "fixture.h"

#include <lmdb.h>

#include "store/record.h"

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

typedef struct edit {
  MDB_env *env;
  MDB_txn *txn;
  MDB_dbi dbi;
} edit;

static edit begin_edit(const char *table) {
  edit e;
  cr_assert_eq(mdb_env_create(&e.env), 0);
  mdb_env_set_maxdbs(e.env, 16);
  mdb_env_set_mapsize(e.env, UINT64_C(1) << 30);
  cr_assert_eq(mdb_env_open(e.env, in_folder("s.ufo"), MDB_NOSUBDIR, 0600), 0);
  cr_assert_eq(mdb_txn_begin(e.env, NULL, 0, &e.txn), 0);
  cr_assert_eq(mdb_dbi_open(e.txn, table, 0, &e.dbi), 0);
  return e;
}

static void end_edit(edit e) {
  cr_assert_eq(mdb_txn_commit(e.txn), 0);
  mdb_env_close(e.env);
}

/* Flips a bit of the first record of a table. */
static void spoil_first(const char *table) {
  edit e = begin_edit(table);
  MDB_cursor *cursor;
  MDB_val key, value;
  uint8_t copy[600];
  cr_assert_eq(mdb_cursor_open(e.txn, e.dbi, &cursor), 0);
  cr_assert_eq(mdb_cursor_get(cursor, &key, &value, MDB_FIRST), 0);
  cr_assert_leq(value.mv_size, sizeof copy);
  memcpy(copy, value.mv_data, value.mv_size);
  copy[3] ^= 4;
  MDB_val spoiled = {value.mv_size, copy};
  cr_assert_eq(mdb_cursor_put(cursor, &key, &spoiled, MDB_CURRENT), 0);
  mdb_cursor_close(cursor);
  end_edit(e);
}

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
  spoil_first("attributes");
  found f = verify();
  cr_assert_eq(f.count, 1);
  cr_assert_str_eq(f.name, "df[[1]]");
  cr_assert(strstr(f.cause, "attributes"), "%s", f.cause);
}

Test(verify, a_damaged_name_is_named) {
  build();
  spoil_first("names");
  found f = verify();
  cr_assert_geq(f.count, 1);
  cr_assert_str_eq(f.name, "df");
}

/* ---- records that lead nowhere ----------------------------------------------------------------------------------- */

/* A sound record of one number. */
static void add_number(ufo_table table, const void *key, size_t key_bytes, uint64_t number) {
  uint8_t record[UFO_U64_RECORD_BYTES];
  for (int i = 0; i < 8; i++) record[i] = (uint8_t)(number >> 8 * i);
  ufo_record_seal(table, key, key_bytes, record, 8);
  edit e = begin_edit(ufo_table_name(table));
  MDB_val name = {key_bytes, (void *)(uintptr_t)key}, value = {sizeof record, record};
  cr_assert_eq(mdb_put(e.txn, e.dbi, &name, &value, 0), 0);
  end_edit(e);
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
  spoil_first("refs");
  assert_one("table refs is damaged");
}

/* ---- records that are whole and mean something else ----------------------------------------------------------------
 */

/* Copies the first record of a table to `key` (NULL: where it is) with `bytes` at `offset`, and a seal that holds. */
static void forge(ufo_table table, const uint8_t *key, size_t offset, const void *bytes, size_t count) {
  edit e = begin_edit(ufo_table_name(table));
  MDB_cursor *cursor;
  MDB_val name, value;
  uint8_t copy[600], at[UFO_KEY_MAX];
  cr_assert_eq(mdb_cursor_open(e.txn, e.dbi, &cursor), 0);
  cr_assert_eq(mdb_cursor_get(cursor, &name, &value, MDB_FIRST), 0);
  cr_assert_leq(value.mv_size, sizeof copy);
  memcpy(copy, value.mv_data, value.mv_size);
  memcpy(at, key ? key : name.mv_data, name.mv_size);
  memcpy(copy + offset, bytes, count);
  ufo_record_seal(table, at, name.mv_size, copy, value.mv_size - UFO_SEAL_BYTES);
  MDB_val to = {name.mv_size, at}, forged = {value.mv_size, copy};
  mdb_cursor_close(cursor);
  cr_assert_eq(mdb_put(e.txn, e.dbi, &to, &forged, 0), 0);
  end_edit(e);
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
  size_t bytes = ufo_record_encode_entry(&entry, record);
  ufo_record_seal(UFO_TABLE_MAP, key, sizeof key, record, bytes);
  edit e = begin_edit("map");
  MDB_val to = {sizeof key, key}, value = {bytes + UFO_SEAL_BYTES, record};
  cr_assert_eq(mdb_put(e.txn, e.dbi, &to, &value, 0), 0);
  end_edit(e);
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
