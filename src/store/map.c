/* map.c - see map.h. Versions are inverted in keys, so the newest entry <= v is the first key >= (id, chunk, ~v). */
#include "store/map.h"

#include <string.h>

#include "util/bytes.h"
#include "util/fail.h"

static ufo_status decode(ufo_slice key, ufo_slice value, ufo_entry *entry, ufo_error *error) {
  ufo_status status = ufo_record_check(UFO_TABLE_MAP, key.data, key.bytes, value, error);
  if (status) return status;
  value.bytes -= UFO_SEAL_BYTES;
  if (~ufo_get_be64(key.data + 16) >= UFO_VERSION_LIMIT)
    return ufo_fail(error, UFO_CORRUPT, "the version of an entry of the map cannot be right");
  return ufo_record_decode_entry(value, entry, error);
}

ufo_status ufo_map_find(ufo_etxn *txn, uint64_t id, uint64_t chunk, uint64_t version, ufo_entry *entry,
                        uint64_t *entry_version_out, ufo_error *error) {
  uint8_t wanted[UFO_MAP_KEY_BYTES];
  ufo_key_map(wanted, id, chunk, version);
  ufo_cursor *cursor;
  ufo_slice key, value;
  ufo_status status = ufo_cursor_open(txn, UFO_TABLE_MAP, &cursor, error);
  if (status) return status;
  status = ufo_cursor_seek(cursor, wanted, sizeof wanted, &key, &value, error);
  if (status == UFO_END || (!status && (key.bytes != sizeof wanted || memcmp(key.data, wanted, 16)))) {
    status = UFO_MISSING;
  }
  if (!status) status = decode(key, value, entry, error);
  if (!status && entry_version_out) *entry_version_out = ~ufo_get_be64(key.data + 16);
  ufo_cursor_close(cursor);
  return status;
}

ufo_status ufo_map_put(ufo_etxn *txn, uint64_t id, uint64_t chunk, uint64_t version, const ufo_entry *entry,
                       ufo_error *error) {
  uint8_t key[UFO_MAP_KEY_BYTES], record[UFO_ENTRY_BYTES_MAX];
  ufo_key_map(key, id, chunk, version);
  size_t bytes = ufo_record_encode_entry(entry, record);
  return ufo_record_put(txn, UFO_TABLE_MAP, key, sizeof key, record, bytes, false, error);
}

/* Seeks anew for each chunk: the cursor stays right whatever `visit` writes, and old versions are skipped at once. */
ufo_status ufo_map_walk(ufo_etxn *txn, uint64_t id, uint64_t first_chunk, uint64_t version, ufo_map_visit_fn visit,
                        void *user, ufo_error *error) {
  ufo_cursor *cursor;
  ufo_status status = ufo_cursor_open(txn, UFO_TABLE_MAP, &cursor, error);
  if (status) return status;
  uint8_t wanted[UFO_MAP_KEY_BYTES];
  uint64_t chunk = first_chunk;
  for (;;) {
    ufo_slice key, value;
    ufo_key_map(wanted, id, chunk, version);
    status = ufo_cursor_seek(cursor, wanted, sizeof wanted, &key, &value, error);
    if (status || key.bytes != sizeof wanted || memcmp(key.data, wanted, 8)) break;
    uint64_t found = ufo_get_be64(key.data + 8), entry_version = ~ufo_get_be64(key.data + 16);
    if (found != chunk && entry_version > version) { /* a later chunk, in a version too new */
      chunk = found;
      continue;
    }
    ufo_entry entry;
    status = decode(key, value, &entry, error);
    if (!status) status = visit(user, found, entry_version, &entry, error);
    if (status || found == UINT64_MAX) break;
    chunk = found + 1;
  }
  ufo_cursor_close(cursor);
  return status == UFO_END ? UFO_OK : status;
}

/* ---- blobs ----------------------------------------------------------------------------------------------------- */

ufo_status ufo_blob_put(ufo_etxn *txn, uint64_t blob, const void *bytes, uint32_t count, ufo_error *error) {
  uint8_t key[UFO_BLOB_KEY_BYTES];
  ufo_put_be64(key, blob);
  return ufo_engine_put(txn, UFO_TABLE_BLOBS, key, sizeof key, bytes, count, true, error);
}

static ufo_status fail_missing(uint64_t blob, ufo_error *error) {
  return ufo_fail(error, UFO_CORRUPT, "blob %llu is missing", (unsigned long long)blob);
}

ufo_status ufo_blob_read(ufo_etxn *txn, uint64_t blob, void *target, uint32_t count, ufo_error *error) {
  uint8_t key[UFO_BLOB_KEY_BYTES];
  ufo_put_be64(key, blob);
  ufo_status status = ufo_engine_read(txn, UFO_TABLE_BLOBS, key, sizeof key, target, count, error);
  return status == UFO_MISSING ? fail_missing(blob, error) : status;
}

ufo_status ufo_blob_extra_referents(ufo_etxn *txn, uint64_t blob, uint64_t *extra_out, ufo_error *error) {
  uint8_t key[UFO_BLOB_KEY_BYTES];
  ufo_slice content;
  *extra_out = 0;
  ufo_put_be64(key, blob);
  ufo_status status = ufo_record_get(txn, UFO_TABLE_REFS, key, sizeof key, &content, error);
  if (status == UFO_MISSING) return UFO_OK;
  if (!status && content.bytes != 8) return ufo_fail(error, UFO_CORRUPT, "a count of referents cannot be right");
  if (!status) *extra_out = ufo_get_le64(content.data);
  return status;
}

static ufo_status set_extra(ufo_etxn *txn, uint64_t blob, uint64_t extra, ufo_error *error) {
  uint8_t key[UFO_BLOB_KEY_BYTES], record[UFO_U64_RECORD_BYTES];
  ufo_put_be64(key, blob);
  if (extra == 0) return ufo_engine_delete(txn, UFO_TABLE_REFS, key, sizeof key, error);
  ufo_put_le64(record, extra);
  return ufo_record_put(txn, UFO_TABLE_REFS, key, sizeof key, record, 8, false, error);
}

ufo_status ufo_blob_add_referent(ufo_etxn *txn, uint64_t blob, ufo_error *error) {
  uint8_t key[UFO_BLOB_KEY_BYTES];
  ufo_slice content;
  uint64_t extra;
  ufo_put_be64(key, blob);
  ufo_status status = ufo_engine_get(txn, UFO_TABLE_BLOBS, key, sizeof key, &content, error);
  if (status == UFO_MISSING) return fail_missing(blob, error);
  if (!status) status = ufo_blob_extra_referents(txn, blob, &extra, error);
  return status ? status : set_extra(txn, blob, extra + 1, error);
}

ufo_status ufo_blob_drop_referent(ufo_etxn *txn, uint64_t blob, ufo_error *error) {
  uint8_t key[UFO_BLOB_KEY_BYTES];
  uint64_t extra;
  ufo_put_be64(key, blob);
  ufo_status status = ufo_blob_extra_referents(txn, blob, &extra, error);
  if (status) return status;
  if (extra > 0) return set_extra(txn, blob, extra - 1, error);
  status = ufo_engine_delete(txn, UFO_TABLE_BLOBS, key, sizeof key, error);
  return status == UFO_MISSING ? UFO_OK : status;
}
