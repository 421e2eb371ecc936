/* catalogue.c - see catalogue.h. */
#include "store/catalogue.h"

#include <stdlib.h>
#include <string.h>

#include "util/bytes.h"
#include "util/fail.h"
#include "util/utf8.h"

ufo_status ufo_catalogue_check_name(const char *name, ufo_error *error) {
  if (!name || !*name) return ufo_fail(error, UFO_USAGE, "an object needs a name of at least one byte");
  size_t bytes = strnlen(name, UFO_NAME_MAX + 1);
  if (bytes > UFO_NAME_MAX) {
    return ufo_fail(error, UFO_USAGE, "the name '%.40s...' is longer than %d bytes", name, UFO_NAME_MAX);
  }
  if (!ufo_utf8_is_text(name, bytes)) return ufo_fail(error, UFO_USAGE, "a name must be valid UTF-8");
  return UFO_OK;
}

void ufo_catalogue_encode_named(const ufo_named *named, uint8_t content[UFO_NAMED_BYTES]) {
  ufo_put_le64(content, named->id);
  ufo_put_le64(content + 8, named->since);
}

ufo_status ufo_catalogue_decode_named(ufo_slice content, ufo_named *named, ufo_error *error) {
  *named = (ufo_named){0};
  bool whole = content.bytes == UFO_NAMED_BYTES;
  if (whole || content.bytes == UFO_NAMED_BYTES_1_0) named->id = ufo_get_le64(content.data);
  if (whole) named->since = ufo_get_le64(content.data + 8);
  if (named->id > 0 && named->id < UFO_ID_LIMIT) return UFO_OK;
  return ufo_fail(error, UFO_CORRUPT, "the name's record cannot be right");
}

ufo_status ufo_catalogue_get_named(ufo_etxn *txn, const char *name, ufo_named *named, ufo_error *error) {
  *named = (ufo_named){0};
  ufo_slice content;
  ufo_status status = ufo_record_get(txn, UFO_TABLE_NAMES, name, strlen(name), &content, error);
  if (status == UFO_MISSING) return UFO_OK;
  return status ? status : ufo_catalogue_decode_named(content, named, error);
}

ufo_status ufo_catalogue_get_name(ufo_etxn *txn, const char *name, uint64_t *id_out, ufo_error *error) {
  ufo_named named;
  ufo_status status = ufo_catalogue_get_named(txn, name, &named, error);
  *id_out = named.id;
  return status;
}

ufo_status ufo_catalogue_put_name(ufo_etxn *txn, const char *name, const ufo_named *named, ufo_error *error) {
  uint8_t record[UFO_NAMED_BYTES + UFO_SEAL_BYTES];
  ufo_catalogue_encode_named(named, record);
  return ufo_record_put(txn, UFO_TABLE_NAMES, name, strlen(name), record, UFO_NAMED_BYTES, false, error);
}

ufo_status ufo_catalogue_delete_name(ufo_etxn *txn, const char *name, ufo_error *error) {
  ufo_status status = ufo_engine_delete(txn, UFO_TABLE_NAMES, name, strlen(name), error);
  return status == UFO_MISSING ? UFO_OK : status;
}

ufo_status ufo_catalogue_get_newest(ufo_etxn *txn, uint64_t id, uint64_t version, uint64_t *version_out,
                                    ufo_record *record, ufo_error *error) {
  uint8_t wanted[UFO_OBJECT_KEY_BYTES];
  ufo_key_object(wanted, id, version);
  ufo_cursor *cursor;
  ufo_slice key, value;
  ufo_status status = ufo_cursor_open(txn, UFO_TABLE_OBJECTS, &cursor, error);
  if (status) return status;
  status = ufo_cursor_seek(cursor, wanted, sizeof wanted, &key, &value, error);
  if (status == UFO_END || (!status && (key.bytes != sizeof wanted || memcmp(key.data, wanted, 8)))) {
    status = UFO_MISSING;
  }
  if (!status) status = ufo_record_check(UFO_TABLE_OBJECTS, key.data, key.bytes, value, error);
  if (!status) {
    value.bytes -= UFO_SEAL_BYTES;
    *version_out = ~ufo_get_be64(key.data + 8);
    status = ufo_record_decode_object(value, record, error);
    if (!status && *version_out >= UFO_VERSION_LIMIT)
      status = ufo_fail(error, UFO_CORRUPT, "the version of an object cannot be right");
  }
  ufo_cursor_close(cursor);
  return status;
}

ufo_status ufo_catalogue_get_object(ufo_etxn *txn, uint64_t id, uint64_t version, uint64_t *version_out,
                                    ufo_record *record, ufo_error *error) {
  ufo_status status = ufo_catalogue_get_newest(txn, id, version ? version : UINT64_MAX, version_out, record, error);
  if (version == 0) {
    if (status != UFO_MISSING) return status;
    return ufo_fail(error, UFO_CORRUPT, "object %llu has no record", (unsigned long long)id);
  }
  if (status == UFO_MISSING || (!status && *version_out != version)) {
    return ufo_fail(error, UFO_MISSING, "version %llu is not kept (any more)", (unsigned long long)version);
  }
  return status;
}

ufo_status ufo_catalogue_put_object(ufo_etxn *txn, uint64_t id, uint64_t version, const ufo_record *record,
                                    ufo_error *error) {
  uint8_t key[UFO_OBJECT_KEY_BYTES], bytes[UFO_OBJECT_RECORD_BYTES];
  ufo_key_object(key, id, version);
  ufo_record_encode_object(record, bytes);
  return ufo_record_put(txn, UFO_TABLE_OBJECTS, key, sizeof key, bytes, sizeof bytes - UFO_SEAL_BYTES, false, error);
}

ufo_status ufo_catalogue_get_attributes(ufo_etxn *txn, uint64_t id, const ufo_record *record, ufo_slice *bytes_out,
                                        ufo_error *error) {
  *bytes_out = (ufo_slice){NULL, 0};
  if (record->attributes_version == 0) return UFO_OK;
  uint8_t key[UFO_OBJECT_KEY_BYTES];
  ufo_key_attributes(key, id, record->attributes_version);
  ufo_status status = ufo_record_get(txn, UFO_TABLE_ATTRIBUTES, key, sizeof key, bytes_out, error);
  if (status == UFO_MISSING) return ufo_fail(error, UFO_CORRUPT, "its attributes are missing");
  return status;
}

ufo_status ufo_catalogue_put_attributes(ufo_etxn *txn, uint64_t id, uint64_t version, const uint8_t *bytes,
                                        size_t count, ufo_error *error) {
  uint8_t key[UFO_OBJECT_KEY_BYTES];
  ufo_key_attributes(key, id, version);
  uint8_t *record = malloc(count + UFO_SEAL_BYTES);
  if (!record) return ufo_fail(error, UFO_FULL, "out of memory");
  memcpy(record, bytes, count);
  ufo_status status = ufo_record_put(txn, UFO_TABLE_ATTRIBUTES, key, sizeof key, record, count, false, error);
  free(record);
  return status;
}
