/* Records of the catalogue: every decoder takes any bytes; what it accepts can be computed with, and written again.
 *
 * Input: byte 0 chooses the decoder, the rest is the record's content, at the end of a page. */
#include "fuzz.h"

#include "store/catalogue.h"
#include "store/snapshots.h"
#include "util/utf8.h"

static guarded content_room;

static void check_object(ufo_slice content) {
  ufo_record record, again;
  ufo_error error = {0};
  ufo_status status = ufo_record_decode_object(content, &record, &error);
  PROMISE(status == UFO_OK || status == UFO_CORRUPT || status == UFO_UNSUPPORTED);
  if (status) return;
  uint64_t bytes = ufo_record_body_bytes(&record), chunks = ufo_record_chunk_count(&record);
  PROMISE((__uint128_t)record.length * record.element_bytes == bytes && bytes <= INT64_MAX);
  PROMISE(ufo_type_name(record.type) && record.length <= UFO_LENGTH_MAX);
  if (record.type == UFO_LIST) {
    PROMISE(chunks == 0 && bytes == 0);
  } else {
    PROMISE(record.chunk_bytes >= UFO_CHUNK_BYTES_MIN && record.chunk_bytes <= UFO_CHUNK_BYTES_MAX);
    PROMISE(!chunks || ufo_record_chunk_raw_bytes(&record, 0) <= record.chunk_bytes);
    PROMISE((chunks ? chunks - 1 : 0) * record.chunk_bytes <= bytes &&
            chunks <= (uint64_t)INT64_MAX / record.chunk_bytes + 1);
    if (chunks) {
      uint64_t last = ufo_record_chunk_raw_bytes(&record, chunks - 1);
      PROMISE(last > 0 && (chunks - 1) * record.chunk_bytes + last == bytes);
    }
  }
  uint8_t first[UFO_OBJECT_RECORD_BYTES], second[UFO_OBJECT_RECORD_BYTES];
  const size_t length = UFO_OBJECT_RECORD_BYTES - UFO_SEAL_BYTES;
  ufo_record_encode_object(&record, first);
  PROMISE(ufo_record_decode_object((ufo_slice){first, length}, &again, &error) == UFO_OK);
  ufo_record_encode_object(&again, second);
  PROMISE(!memcmp(first, second, length));
}

static void check_entry(ufo_slice content) {
  ufo_entry entry = {0}, again = {0};
  ufo_error error = {0};
  ufo_status status = ufo_record_decode_entry(content, &entry, &error);
  PROMISE(status == UFO_OK || status == UFO_CORRUPT || status == UFO_UNSUPPORTED);
  if (status) return;
  if (entry.is_child) PROMISE(entry.child_id > 0 && entry.child_id < UFO_ID_LIMIT && entry.child_version > 0);
  else PROMISE(entry.meta.raw_bytes > 0 && entry.meta.raw_bytes <= UFO_CHUNK_BYTES_MAX);
  uint8_t first[UFO_ENTRY_BYTES_MAX], second[UFO_ENTRY_BYTES_MAX];
  size_t length = ufo_record_encode_entry(&entry, first);
  PROMISE(length == content.bytes && length <= UFO_ENTRY_BYTES_MAX - UFO_SEAL_BYTES);
  PROMISE(ufo_record_decode_entry((ufo_slice){first, length}, &again, &error) == UFO_OK);
  PROMISE(ufo_record_encode_entry(&again, second) == length && !memcmp(first, second, length));
}

static void check_garbage(ufo_slice content) {
  ufo_garbage garbage, again;
  ufo_error error = {0};
  if (ufo_record_decode_garbage(content, &garbage, &error)) return;
  PROMISE(garbage.run_count <= UFO_GARBAGE_RUNS_MAX && garbage.version > 0);
  uint8_t first[UFO_GARBAGE_BYTES_MAX], second[UFO_GARBAGE_BYTES_MAX];
  size_t length = ufo_record_encode_garbage(&garbage, first);
  PROMISE(length == content.bytes && length <= UFO_GARBAGE_BYTES_MAX - UFO_SEAL_BYTES);
  PROMISE(ufo_record_decode_garbage((ufo_slice){first, length}, &again, &error) == UFO_OK);
  PROMISE(ufo_record_encode_garbage(&again, second) == length && !memcmp(first, second, length));
}

static void check_superblock(ufo_slice content) {
  for (int writable = 0; writable < 2; writable++) {
    ufo_superblock superblock, again;
    ufo_error error = {0};
    ufo_status status = ufo_record_decode_superblock(content, writable, &superblock, &error);
    PROMISE(status == UFO_OK || status == UFO_CORRUPT || status == UFO_UNSUPPORTED);
    if (status) continue;
    PROMISE(superblock.major == UFO_FORMAT_MAJOR && !(superblock.incompat & ~UFO_INCOMPAT_KNOWN));
    PROMISE(!writable || !(superblock.ro_compat & ~UFO_RO_COMPAT_KNOWN));
    uint8_t first[UFO_SUPERBLOCK_BYTES], second[UFO_SUPERBLOCK_BYTES];
    const size_t length = UFO_SUPERBLOCK_BYTES - UFO_SEAL_BYTES;
    ufo_record_encode_superblock(&superblock, first);
    PROMISE(ufo_record_decode_superblock((ufo_slice){first, length}, writable, &again, &error) == UFO_OK);
    ufo_record_encode_superblock(&again, second);
    PROMISE(!memcmp(first, second, length));
  }
}

static void check_named(ufo_slice content) {
  ufo_named named, again;
  ufo_error error = {0};
  if (ufo_catalogue_decode_named(content, &named, &error)) return;
  uint8_t first[UFO_NAMED_BYTES];
  ufo_catalogue_encode_named(&named, first);
  PROMISE(ufo_catalogue_decode_named((ufo_slice){first, sizeof first}, &again, &error) == UFO_OK);
  PROMISE(again.id == named.id && again.since == named.since);
}

static void check_snapshot(ufo_slice content) {
  ufo_snapshot_record record;
  ufo_snapshot_key key;
  ufo_error error = {0};
  if (!ufo_snapshots_decode(content, &record, &error)) PROMISE(record.generation > 0 && record.generation < UFO_PARKED);
  if (ufo_snapshots_split_key(content, &key)) PROMISE(strlen(key.text) <= UFO_NAME_MAX);
}

/* The seal: a record that was sealed is whole, and is not whole any more once a bit of it, or of its key, differs. */
static void check_seal(ufo_slice content) {
  uint8_t record[256], key[UFO_MAP_KEY_BYTES] = {1, 2, 3};
  ufo_error error = {0};
  ufo_table table = content.bytes ? (ufo_table)(content.data[0] % UFO_TABLE_COUNT) : UFO_TABLE_META;
  (void)ufo_record_check(table, key, sizeof key, content, &error);
  size_t bytes = content.bytes < sizeof record - UFO_SEAL_BYTES ? content.bytes : sizeof record - UFO_SEAL_BYTES;
  if (bytes) memcpy(record, content.data, bytes);
  ufo_record_seal(table, key, sizeof key, record, bytes);
  ufo_slice whole = {record, bytes + UFO_SEAL_BYTES};
  PROMISE(ufo_record_check(table, key, sizeof key, whole, &error) == UFO_OK);
  size_t at = content.bytes > 1 ? content.data[1] % whole.bytes : 0;
  record[at] ^= 0x10;
  PROMISE(ufo_record_check(table, key, sizeof key, whole, &error) == UFO_CORRUPT);
  record[at] ^= 0x10;
  key[0] ^= 1;
  PROMISE(ufo_record_check(table, key, sizeof key, whole, &error) == UFO_CORRUPT);
}

/* A name is one iff it is text of the length allowed; text is what two readers of UTF-8 agree on. */
static void check_name(ufo_slice content) {
  char name[1024];
  ufo_error error = {0};
  size_t bytes = content.bytes < sizeof name ? content.bytes : sizeof name - 1;
  if (bytes) memcpy(name, content.data, bytes);
  name[bytes] = 0;
  size_t length = strlen(name);
  int good = length >= 1 && length <= UFO_NAME_MAX && ufo_utf8_is_text(name, length);
  PROMISE((ufo_catalogue_check_name(name, &error) == UFO_OK) == good);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static void (*const checks[])(ufo_slice) = {check_object, check_entry,    check_garbage, check_superblock,
                                              check_named,  check_snapshot, check_seal,    check_name};
  if (!size || size > GUARDED_MAX) return 0;
  ufo_slice content = {guarded_copy(&content_room, data + 1, size - 1), size - 1};
  checks[data[0] % (sizeof checks / sizeof *checks)](content);
  return 0;
}
