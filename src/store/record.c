/* record.c - see record.h; the offsets here are those of the tables in store-format/FORMAT.md. */
#include "store/record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#include "util/bytes.h"
#include "util/checked.h"
#include "util/fail.h"
#include "util/plant.h"

/* ---- the seal -------------------------------------------------------------------------------------------------- */

static uint64_t seal_of(ufo_table table, const void *key, size_t key_bytes, const uint8_t *content, size_t bytes) {
  if (ufo_planted("seal-without-key")) key_bytes = 0;
  uint64_t seed = XXH3_64bits_withSeed(key, key_bytes, (XXH64_hash_t)table + 1);
  return XXH3_64bits_withSeed(content, bytes, seed);
}

void ufo_record_seal(ufo_table table, const void *key, size_t key_bytes, uint8_t *record, size_t content_bytes) {
  ufo_put_le64(record + content_bytes, seal_of(table, key, key_bytes, record, content_bytes));
}

ufo_status ufo_record_check(ufo_table table, const void *key, size_t key_bytes, ufo_slice record, ufo_error *error) {
  if (record.bytes >= UFO_SEAL_BYTES) {
    size_t bytes = record.bytes - UFO_SEAL_BYTES;
    if (ufo_get_le64(record.data + bytes) == seal_of(table, key, key_bytes, record.data, bytes)) return UFO_OK;
  }
  char text[2 * 24 + 4] = "";
  const uint8_t *at = key;
  for (size_t i = 0; i < key_bytes && i < 24; i++) snprintf(text + 2 * i, 3, "%02x", at[i]);
  return ufo_fail(error, UFO_CORRUPT, "the record of key %s%s in table %s is damaged: its checksum does not hold", text,
                  key_bytes > 24 ? "..." : "", ufo_table_name(table));
}

ufo_status ufo_record_get(ufo_etxn *txn, ufo_table table, const void *key, size_t key_bytes, ufo_slice *content_out,
                          ufo_error *error) {
  ufo_slice record;
  ufo_status status = ufo_engine_get(txn, table, key, key_bytes, &record, error);
  if (!status) status = ufo_record_check(table, key, key_bytes, record, error);
  if (!status) *content_out = (ufo_slice){record.data, record.bytes - UFO_SEAL_BYTES};
  return status;
}

ufo_status ufo_record_put(ufo_etxn *txn, ufo_table table, const void *key, size_t key_bytes, uint8_t *record,
                          size_t content_bytes, bool append, ufo_error *error) {
  ufo_record_seal(table, key, key_bytes, record, content_bytes);
  return ufo_engine_put(txn, table, key, key_bytes, record, content_bytes + UFO_SEAL_BYTES, append, error);
}

static ufo_status fail_record(const char *what, ufo_error *error) {
  return ufo_fail(error, UFO_CORRUPT, "%s cannot be right", what);
}

/* ---- keys ------------------------------------------------------------------------------------------------------ */

void ufo_key_pair(uint8_t key[UFO_STAGED_KEY_BYTES], uint64_t first, uint64_t second) {
  ufo_put_be64(key, first);
  ufo_put_be64(key + 8, second);
}

void ufo_key_object(uint8_t key[UFO_OBJECT_KEY_BYTES], uint64_t id, uint64_t version) {
  ufo_key_pair(key, id, ~version);
}

void ufo_key_attributes(uint8_t key[UFO_OBJECT_KEY_BYTES], uint64_t id, uint64_t version) {
  ufo_key_pair(key, id, version);
}

void ufo_key_map(uint8_t key[UFO_MAP_KEY_BYTES], uint64_t id, uint64_t chunk, uint64_t version) {
  ufo_key_pair(key, id, chunk);
  ufo_put_be64(key + 16, ~version);
}

void ufo_key_garbage(uint8_t key[UFO_GARBAGE_KEY_BYTES], uint64_t generation, uint32_t sequence) {
  ufo_put_be64(key, generation);
  ufo_put_be32(key + 8, sequence);
}

void ufo_key_parked(uint8_t key[UFO_PARKED_KEY_BYTES], uint64_t snapshot, const uint8_t of[UFO_GARBAGE_KEY_BYTES]) {
  ufo_put_be64(key, UFO_PARKED | snapshot);
  memcpy(key + 8, of, UFO_GARBAGE_KEY_BYTES);
}

/* ---- objects --------------------------------------------------------------------------------------------------- */

enum { OBJECT_BYTES_1_0 = 128 };

void ufo_record_encode_object(const ufo_record *record, uint8_t *content) {
  memset(content, 0, UFO_OBJECT_RECORD_BYTES - UFO_SEAL_BYTES);
  content[0] = (uint8_t)record->type;
  ufo_put_le32(content + 4, record->element_bytes);
  ufo_put_le64(content + 8, record->length);
  ufo_put_le32(content + 16, record->chunk_bytes);
  ufo_put_le64(content + 24, record->chunks_written);
  ufo_put_le64(content + 32, record->chunks_changed);
  ufo_put_le64(content + 40, record->stored_bytes);
  for (int i = 0; i < UFO_CODEC_COUNT; i++) ufo_put_le64(content + 48 + 8 * i, record->codec_chunks[i]);
  ufo_put_le64(content + 96, record->attributes_version);
  ufo_put_le64(content + 104, record->attribute_count);
  ufo_put_le64(content + 112, (uint64_t)record->created_ns);
  ufo_put_le64(content + 120, (uint64_t)record->changed_ns);
  ufo_put_le64(content + 128, record->generation);
}

static bool sizes_can_be(const ufo_record *record) {
  uint64_t bytes;
  if (record->length > UFO_LENGTH_MAX) return false;
  if (ufo_has_children(record->type)) {
    bool parts = record->type == UFO_LIST || record->length == UFO_TEXT_PARTS;
    return parts && record->element_bytes == 0 && record->chunk_bytes == 0;
  }
  if (record->type == UFO_RECORD) {
    if (record->element_bytes < 1 || record->element_bytes > UFO_RECORD_BYTES_MAX) return false;
  } else if (ufo_type_bytes(record->type) == 0 || record->element_bytes != ufo_type_bytes(record->type)) {
    return false;
  }
  if (!ufo_is_power_of_two(record->chunk_bytes) || record->chunk_bytes < UFO_CHUNK_BYTES_MIN ||
      record->chunk_bytes > UFO_CHUNK_BYTES_MAX) {
    return false;
  }
  return !ufo_mul_overflows(record->length, record->element_bytes, &bytes) && bytes <= INT64_MAX;
}

ufo_status ufo_record_decode_object(ufo_slice content, ufo_record *record, ufo_error *error) {
  bool has_generation = content.bytes == UFO_OBJECT_RECORD_BYTES - UFO_SEAL_BYTES;
  if (!has_generation && content.bytes != OBJECT_BYTES_1_0)
    return fail_record("the length of an object's record", error);
  const uint8_t *at = content.data;
  *record = (ufo_record){
      .type = (ufo_type)at[0],
      .element_bytes = ufo_get_le32(at + 4),
      .length = ufo_get_le64(at + 8),
      .chunk_bytes = ufo_get_le32(at + 16),
      .chunks_written = ufo_get_le64(at + 24),
      .chunks_changed = ufo_get_le64(at + 32),
      .stored_bytes = ufo_get_le64(at + 40),
      .attributes_version = ufo_get_le64(at + 96),
      .attribute_count = ufo_get_le64(at + 104),
      .created_ns = (int64_t)ufo_get_le64(at + 112),
      .changed_ns = (int64_t)ufo_get_le64(at + 120),
      .generation = has_generation ? ufo_get_le64(at + 128) : 0,
  };
  for (int i = 0; i < UFO_CODEC_COUNT; i++) record->codec_chunks[i] = ufo_get_le64(at + 48 + 8 * i);
  if (!ufo_type_name(record->type)) {
    return ufo_fail(error, UFO_UNSUPPORTED, "objects of type number %d need a newer release", (int)at[0]);
  }
  return sizes_can_be(record) ? UFO_OK : fail_record("the type and sizes of an object", error);
}

void ufo_record_elements_of(const ufo_record *record, uint64_t first, uint64_t end, uint64_t *element_out,
                            uint64_t *count_out) {
  uint64_t chunk = record->chunk_bytes, width = record->element_bytes;
  *element_out = first * chunk / width;
  *count_out = ufo_min(ufo_div_up(end * chunk, width), record->length) - *element_out;
}

uint64_t ufo_record_body_bytes(const ufo_record *record) { return record->length * record->element_bytes; }

uint64_t ufo_record_chunk_count(const ufo_record *record) {
  return record->chunk_bytes ? ufo_div_up(ufo_record_body_bytes(record), record->chunk_bytes) : 0;
}

uint32_t ufo_record_chunk_raw_bytes(const ufo_record *record, uint64_t chunk) {
  uint64_t left = ufo_record_body_bytes(record) - chunk * record->chunk_bytes;
  return (uint32_t)ufo_min(left, record->chunk_bytes);
}

/* ---- entries of the map ---------------------------------------------------------------------------------------- */

enum { KIND_CHUNK = 1, KIND_CHILD = 2, CHUNK_BYTES = 56, CHILD_BYTES = 24 };

size_t ufo_record_encode_entry(const ufo_entry *entry, uint8_t *content) {
  const ufo_chunk_meta *meta = &entry->meta;
  memset(content, 0, CHUNK_BYTES);
  if (entry->is_child) {
    content[0] = KIND_CHILD;
    ufo_put_le64(content + 8, entry->child_id);
    ufo_put_le64(content + 16, entry->child_version);
    return CHILD_BYTES;
  }
  content[0] = KIND_CHUNK;
  content[1] = meta->codec;
  content[2] = meta->width;
  content[3] = meta->inline_bytes;
  ufo_put_le32(content + 4, meta->raw_bytes);
  ufo_put_le32(content + 8, meta->stored_bytes);
  content[12] = meta->stats.flags;
  ufo_put_le64(content + 16, meta->hash);
  ufo_put_le64(content + 24, entry->blob);
  ufo_put_le32(content + 32, meta->stats.na_count);
  ufo_put_le_f64(content + 40, meta->stats.min);
  ufo_put_le_f64(content + 48, meta->stats.max);
  memcpy(content + CHUNK_BYTES, meta->inline_data, meta->inline_bytes);
  return CHUNK_BYTES + (size_t)meta->inline_bytes;
}

ufo_status ufo_record_decode_entry(ufo_slice content, ufo_entry *entry, ufo_error *error) {
  const uint8_t *at = content.data;
  *entry = (ufo_entry){0};
  if (content.bytes == CHILD_BYTES && at[0] == KIND_CHILD) {
    entry->is_child = true;
    entry->child_id = ufo_get_le64(at + 8);
    entry->child_version = ufo_get_le64(at + 16);
    bool good = entry->child_id > 0 && entry->child_id < UFO_ID_LIMIT && entry->child_version > 0 &&
                entry->child_version < UFO_VERSION_LIMIT;
    return good ? UFO_OK : fail_record("a child of a list", error);
  }
  if (content.bytes < CHUNK_BYTES || at[0] != KIND_CHUNK || at[3] > UFO_INLINE_BYTES_MAX ||
      content.bytes != CHUNK_BYTES + (size_t)at[3]) {
    return fail_record("an entry of the map", error);
  }
  ufo_chunk_meta *meta = &entry->meta;
  meta->codec = at[1];
  meta->width = at[2];
  meta->inline_bytes = at[3];
  meta->raw_bytes = ufo_get_le32(at + 4);
  meta->stored_bytes = ufo_get_le32(at + 8);
  meta->stats.flags = at[12];
  meta->hash = ufo_get_le64(at + 16);
  entry->blob = ufo_get_le64(at + 24);
  meta->stats.na_count = ufo_get_le32(at + 32);
  meta->stats.min = ufo_get_le_f64(at + 40);
  meta->stats.max = ufo_get_le_f64(at + 48);
  memcpy(meta->inline_data, at + CHUNK_BYTES, meta->inline_bytes);
  bool stored_can_be = meta->stored_bytes <= 2u * UFO_CHUNK_BYTES_MAX && (meta->stored_bytes > 0) == (entry->blob > 0);
  if (meta->raw_bytes == 0 || meta->raw_bytes > UFO_CHUNK_BYTES_MAX || !stored_can_be) {
    return fail_record("the sizes in an entry of the map", error);
  }
  return UFO_OK;
}

uint64_t ufo_record_entry_features(const ufo_entry *entry) {
  bool has_tail = !entry->is_child && entry->meta.codec == UFO_CODEC_RAW && entry->meta.inline_bytes > 0;
  return has_tail ? UFO_INCOMPAT_TAILS : 0;
}

/* ---- garbage --------------------------------------------------------------------------------------------------- */

enum { GARBAGE_HEAD_BYTES = 32, RUN_BYTES = 12 };

size_t ufo_record_encode_garbage(const ufo_garbage *garbage, uint8_t *content) {
  memset(content, 0, GARBAGE_HEAD_BYTES);
  content[0] = (uint8_t)garbage->kind;
  ufo_put_le32(content + 4, garbage->run_count);
  ufo_put_le64(content + 8, garbage->id);
  ufo_put_le64(content + 16, garbage->version);
  for (uint32_t i = 0; i < garbage->run_count; i++) {
    ufo_put_le64(content + GARBAGE_HEAD_BYTES + RUN_BYTES * i, garbage->runs[i].first);
    ufo_put_le32(content + GARBAGE_HEAD_BYTES + RUN_BYTES * i + 8, garbage->runs[i].count);
  }
  return GARBAGE_HEAD_BYTES + (size_t)RUN_BYTES * garbage->run_count;
}

ufo_status ufo_record_decode_garbage(ufo_slice content, ufo_garbage *garbage, ufo_error *error) {
  const uint8_t *at = content.data;
  if (content.bytes < GARBAGE_HEAD_BYTES) return fail_record("a garbage record", error);
  garbage->kind = (ufo_garbage_kind)at[0];
  garbage->run_count = ufo_get_le32(at + 4);
  garbage->id = ufo_get_le64(at + 8);
  garbage->version = ufo_get_le64(at + 16);
  bool kind_can_be = garbage->kind == UFO_GARBAGE_SUPERSEDED || garbage->kind == UFO_GARBAGE_DROPPED;
  if (!kind_can_be || garbage->run_count > UFO_GARBAGE_RUNS_MAX || garbage->id >= UFO_ID_LIMIT ||
      garbage->version == 0 || garbage->version >= UFO_VERSION_LIMIT ||
      content.bytes != GARBAGE_HEAD_BYTES + (size_t)RUN_BYTES * garbage->run_count) {
    return fail_record("a garbage record", error);
  }
  for (uint32_t i = 0; i < garbage->run_count; i++) {
    garbage->runs[i].first = ufo_get_le64(at + GARBAGE_HEAD_BYTES + RUN_BYTES * i);
    garbage->runs[i].count = ufo_get_le32(at + GARBAGE_HEAD_BYTES + RUN_BYTES * i + 8);
    if (!ufo_range_inside(garbage->runs[i].first, garbage->runs[i].count, UFO_LENGTH_MAX))
      return fail_record("the chunks of a garbage record", error);
  }
  return UFO_OK;
}

/* ---- the store ------------------------------------------------------------------------------------------------- */

static const char magic[16] = "ufostore store\n";
#define ENDIAN_TAG 0x0102030405060708ull

void ufo_record_encode_superblock(const ufo_superblock *superblock, uint8_t *content) {
  memset(content, 0, UFO_SUPERBLOCK_BYTES - UFO_SEAL_BYTES);
  memcpy(content, magic, sizeof magic);
  ufo_put_le16(content + 16, superblock->major);
  ufo_put_le16(content + 18, superblock->minor);
  ufo_put_le32(content + 20, superblock->default_chunk_bytes);
  ufo_put_le64(content + 24, superblock->compat);
  ufo_put_le64(content + 32, superblock->ro_compat);
  ufo_put_le64(content + 40, superblock->incompat);
  memcpy(content + 48, superblock->uuid, 16);
  ufo_put_le64(content + 64, ENDIAN_TAG);
  ufo_put_le64(content + 72, (uint64_t)superblock->created_ns);
}

ufo_status ufo_record_decode_superblock(ufo_slice content, bool writable, ufo_superblock *superblock,
                                        ufo_error *error) {
  const uint8_t *at = content.data;
  if (content.bytes < 24 || memcmp(at, magic, sizeof magic)) return fail_record("the superblock", error);
  superblock->major = ufo_get_le16(at + 16);
  superblock->minor = ufo_get_le16(at + 18);
  if (superblock->major != UFO_FORMAT_MAJOR) {
    return ufo_fail(error, UFO_UNSUPPORTED, "it has format %u.%u and this release reads %u.x: use a newer release",
                    superblock->major, superblock->minor, UFO_FORMAT_MAJOR);
  }
  if (content.bytes < UFO_SUPERBLOCK_BYTES - UFO_SEAL_BYTES || ufo_get_le64(at + 64) != ENDIAN_TAG) {
    return fail_record("the superblock", error);
  }
  superblock->default_chunk_bytes = ufo_get_le32(at + 20);
  superblock->compat = ufo_get_le64(at + 24);
  superblock->ro_compat = ufo_get_le64(at + 32);
  superblock->incompat = ufo_get_le64(at + 40);
  memcpy(superblock->uuid, at + 48, 16);
  superblock->created_ns = (int64_t)ufo_get_le64(at + 72);
  uint64_t unknown = superblock->incompat & ~UFO_INCOMPAT_KNOWN;
  if (unknown) {
    return ufo_fail(error, UFO_UNSUPPORTED, "it uses features (0x%llx) that need a newer release",
                    (unsigned long long)unknown);
  }
  unknown = superblock->ro_compat & ~UFO_RO_COMPAT_KNOWN;
  if (unknown && writable) {
    return ufo_fail(error, UFO_UNSUPPORTED,
                    "it uses features (0x%llx) that need a newer release to write; it can be opened read-only",
                    (unsigned long long)unknown);
  }
  uint32_t chunk = superblock->default_chunk_bytes;
  bool chunk_can_be = ufo_is_power_of_two(chunk) && chunk >= UFO_CHUNK_BYTES_MIN && chunk <= UFO_CHUNK_BYTES_MAX;
  return chunk_can_be ? UFO_OK : fail_record("the superblock's chunk size", error);
}

ufo_status ufo_superblock_make(uint32_t default_chunk_bytes, int64_t created_ns, uint64_t incompat,
                               ufo_superblock *superblock, ufo_error *error) {
  *superblock =
      (ufo_superblock){.major = UFO_FORMAT_MAJOR, .default_chunk_bytes = default_chunk_bytes, .created_ns = created_ns};
  if (getrandom(superblock->uuid, sizeof superblock->uuid, 0) != sizeof superblock->uuid)
    return ufo_fail_errno(error, errno, "no random numbers for the store's id");
  superblock->uuid[6] = (uint8_t)((superblock->uuid[6] & 0x0F) | 0x40); /* a version 4 UUID */
  superblock->uuid[8] = (uint8_t)((superblock->uuid[8] & 0x3F) | 0x80);
  ufo_superblock_need(superblock, incompat, 0);
  return UFO_OK;
}

void ufo_superblock_need(ufo_superblock *superblock, uint64_t incompat, uint16_t least_minor) {
  uint16_t minor = incompat & UFO_INCOMPAT_TAILS ? 2 : incompat & UFO_INCOMPAT_GENERATIONS ? 1 : 0;
  superblock->incompat |= incompat;
  if (superblock->minor < minor) superblock->minor = minor;
  if (superblock->minor < least_minor) superblock->minor = least_minor;
}

ufo_status ufo_superblock_upgrade(ufo_etxn *txn, uint64_t incompat, uint16_t minor, ufo_error *error) {
  ufo_slice content;
  ufo_superblock superblock;
  ufo_status status =
      ufo_record_get(txn, UFO_TABLE_META, UFO_KEY_SUPERBLOCK, strlen(UFO_KEY_SUPERBLOCK), &content, error);
  if (status == UFO_MISSING) return ufo_fail(error, UFO_CORRUPT, "the store's superblock is missing");
  if (!status) status = ufo_record_decode_superblock(content, true, &superblock, error);
  if (status || ((superblock.incompat & incompat) == incompat && superblock.minor >= minor)) return status;
  ufo_superblock_need(&superblock, incompat, minor);
  uint8_t record[UFO_SUPERBLOCK_BYTES];
  ufo_record_encode_superblock(&superblock, record);
  return ufo_record_put(txn, UFO_TABLE_META, UFO_KEY_SUPERBLOCK, strlen(UFO_KEY_SUPERBLOCK), record,
                        sizeof record - UFO_SEAL_BYTES, false, error);
}

ufo_status ufo_counters_get(ufo_etxn *txn, ufo_counters *counters, ufo_error *error) {
  ufo_slice content;
  ufo_status status = ufo_record_get(txn, UFO_TABLE_META, UFO_KEY_COUNTERS, strlen(UFO_KEY_COUNTERS), &content, error);
  if (status == UFO_MISSING || (!status && content.bytes < UFO_COUNTERS_BYTES - UFO_SEAL_BYTES)) {
    return ufo_fail(error, UFO_CORRUPT, "the store's counters are missing");
  }
  if (status) return status;
  *counters = (ufo_counters){ufo_get_le64(content.data), ufo_get_le64(content.data + 8),
                             ufo_get_le64(content.data + 16), ufo_get_le64(content.data + 24)};
  /* The last ones would begin again at 0, and take what is there for new. */
  bool can_be = counters->next_object > 0 && counters->next_blob > 0 && counters->next_blob < UFO_PARKED &&
                counters->next_owner < UINT64_C(1) << 61 && counters->generation < UFO_PARKED;
  return can_be ? UFO_OK : fail_record("the store's counters", error);
}

ufo_status ufo_counters_put(ufo_etxn *txn, const ufo_counters *counters, ufo_error *error) {
  uint8_t record[UFO_COUNTERS_BYTES];
  ufo_put_le64(record, counters->next_object);
  ufo_put_le64(record + 8, counters->next_blob);
  ufo_put_le64(record + 16, counters->next_owner);
  ufo_put_le64(record + 24, counters->generation);
  return ufo_record_put(txn, UFO_TABLE_META, UFO_KEY_COUNTERS, strlen(UFO_KEY_COUNTERS), record, 32, false, error);
}
