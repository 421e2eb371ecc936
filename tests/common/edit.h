/* edit.h - changing a store behind the library's back: with LMDB itself, and with seals that hold. For stores that no
 * handle has open. */
#ifndef UFO_TEST_EDIT_H
#define UFO_TEST_EDIT_H

#include <criterion/criterion.h>
#include <lmdb.h>
#include <stdint.h>
#include <string.h>

#include "store/record.h"

enum { EDIT_BYTES_MAX = 4000 }; /* of a record, seal included */

typedef struct edit {
  MDB_env *env;
  MDB_txn *txn;
  MDB_dbi dbi;
  ufo_table table;
} edit;

static inline edit edit_begin(const char *path, ufo_table table) {
  edit e = {.table = table};
  cr_assert_eq(mdb_env_create(&e.env), 0);
  mdb_env_set_maxdbs(e.env, 16);
  mdb_env_set_mapsize(e.env, UINT64_C(1) << 30);
  cr_assert_eq(mdb_env_open(e.env, path, MDB_NOSUBDIR, 0600), 0);
  cr_assert_eq(mdb_txn_begin(e.env, NULL, 0, &e.txn), 0);
  cr_assert_eq(mdb_dbi_open(e.txn, ufo_table_name(table), 0, &e.dbi), 0);
  return e;
}

static inline void edit_end(edit e) {
  cr_assert_eq(mdb_txn_commit(e.txn), 0);
  mdb_env_close(e.env);
}

static inline MDB_val edit_value(const void *bytes, size_t count) { return (MDB_val){count, (void *)(uintptr_t)bytes}; }

/* The content of a record, which must be there; its length, without the seal. */
static inline size_t edit_get(edit e, const void *key, size_t key_bytes, uint8_t content[EDIT_BYTES_MAX]) {
  MDB_val at = edit_value(key, key_bytes), value;
  cr_assert_eq(mdb_get(e.txn, e.dbi, &at, &value), 0, "no such record in table %s", ufo_table_name(e.table));
  cr_assert(value.mv_size >= UFO_SEAL_BYTES && value.mv_size <= EDIT_BYTES_MAX);
  memcpy(content, value.mv_data, value.mv_size);
  return value.mv_size - UFO_SEAL_BYTES;
}

/* Seals and puts. */
static inline void edit_put(edit e, const void *key, size_t key_bytes, const void *content, size_t content_bytes) {
  uint8_t record[EDIT_BYTES_MAX];
  cr_assert_leq(content_bytes, sizeof record - UFO_SEAL_BYTES);
  memcpy(record, content, content_bytes);
  ufo_record_seal(e.table, key, key_bytes, record, content_bytes);
  MDB_val at = edit_value(key, key_bytes), value = {content_bytes + UFO_SEAL_BYTES, record};
  cr_assert_eq(mdb_put(e.txn, e.dbi, &at, &value, 0), 0);
}

/* The first record of the table: its key, content and the length of that. */
static inline size_t edit_first(edit e, uint8_t key[UFO_KEY_MAX], size_t *key_bytes, uint8_t content[EDIT_BYTES_MAX]) {
  MDB_cursor *cursor;
  MDB_val at, value;
  cr_assert_eq(mdb_cursor_open(e.txn, e.dbi, &cursor), 0);
  cr_assert_eq(mdb_cursor_get(cursor, &at, &value, MDB_FIRST), 0);
  mdb_cursor_close(cursor);
  memcpy(key, at.mv_data, *key_bytes = at.mv_size);
  return edit_get(e, key, *key_bytes, content);
}

/* ---- one change, committed ----------------------------------------------------------------------------------------
 */

static inline void edit_put_now(const char *path, ufo_table table, const void *key, size_t key_bytes,
                                const void *content, size_t content_bytes) {
  edit e = edit_begin(path, table);
  edit_put(e, key, key_bytes, content, content_bytes);
  edit_end(e);
}

static inline void edit_delete_now(const char *path, ufo_table table, const void *key, size_t key_bytes) {
  edit e = edit_begin(path, table);
  MDB_val at = edit_value(key, key_bytes);
  cr_assert_eq(mdb_del(e.txn, e.dbi, &at, NULL), 0);
  edit_end(e);
}

/* Writes `count` bytes into a record. */
static inline void edit_field_now(const char *path, ufo_table table, const void *key, size_t key_bytes, size_t offset,
                                  const void *bytes, size_t count) {
  uint8_t content[EDIT_BYTES_MAX];
  edit e = edit_begin(path, table);
  size_t length = edit_get(e, key, key_bytes, content);
  cr_assert_leq(offset + count, length);
  memcpy(content + offset, bytes, count);
  edit_put(e, key, key_bytes, content, length);
  edit_end(e);
}

/* Copies a record to another key of the same length. */
static inline void edit_copy_now(const char *path, ufo_table table, const void *from, const void *to,
                                 size_t key_bytes) {
  uint8_t content[EDIT_BYTES_MAX];
  edit e = edit_begin(path, table);
  size_t length = edit_get(e, from, key_bytes, content);
  edit_put(e, to, key_bytes, content, length);
  edit_end(e);
}

/* Flips a bit of the first record, whose seal then does not hold. */
static inline void edit_spoil_first(const char *path, ufo_table table) {
  uint8_t key[UFO_KEY_MAX], content[EDIT_BYTES_MAX];
  size_t key_bytes;
  edit e = edit_begin(path, table);
  size_t length = edit_first(e, key, &key_bytes, content);
  content[3] ^= 4;
  MDB_val at = {key_bytes, key}, value = {length + UFO_SEAL_BYTES, content};
  cr_assert_eq(mdb_put(e.txn, e.dbi, &at, &value, 0), 0);
  edit_end(e);
}

#endif
