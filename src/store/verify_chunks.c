/* verify_chunks.c - checks of the entries of the map, by decoding each chunk, and of the owners of blobs. */
#include <stdlib.h>
#include <string.h>

#include "codec/stats.h"
#include "store/catalogue.h"
#include "store/map.h"
#include "store/verify.h"
#include "util/bytes.h"
#include "util/checked.h"
#include "util/fail.h"

/* ---- chunks ------------------------------------------------------------------------------------------------------ */

/* Referents are counted in the map's pointers: numbers from 1. */
static ufo_status count_owner(ufo_verifier *v, uint64_t blob, ufo_error *error) {
  uintptr_t count = (uintptr_t)ufo_u64map_get(&v->owners, blob);
  /* The map keeps whatever is not NULL; no pointer is ever followed. */
  if (!ufo_u64map_put(&v->owners, blob, (void *)(count + 1), NULL)) // NOLINT(performance-no-int-to-ptr)
    return ufo_fail(error, UFO_FULL, "cannot verify: out of memory");
  return UFO_OK;
}

static ufo_status decode_chunk(ufo_verifier *v, const ufo_entry *entry, ufo_error *error) {
  const ufo_chunk_meta *meta = &entry->meta;
  if (v->raw_capacity < meta->raw_bytes) {
    free(v->raw);
    v->raw = malloc(meta->raw_bytes);
    v->raw_capacity = v->raw ? meta->raw_bytes : 0;
  }
  if (!v->raw || !ufo_work_reserve(v->work, meta->stored_bytes))
    return ufo_fail(error, UFO_FULL, "cannot verify: out of memory");
  if (entry->blob) {
    uint8_t key[UFO_BLOB_KEY_BYTES];
    ufo_put_be64(key, entry->blob);
    ufo_status status =
        ufo_engine_read(v->txn, UFO_TABLE_BLOBS, key, sizeof key, v->work->buffer, meta->stored_bytes, error);
    if (status == UFO_MISSING)
      return ufo_fail(error, UFO_CORRUPT, "blob %llu is missing", (unsigned long long)entry->blob);
    if (status != UFO_OK) return status;
  }
  return ufo_codec_decode(v->work->codec, meta, v->work->buffer, v->raw, error);
}

bool ufo_verify_in_force(ufo_verifier *v, uint64_t list, uint64_t chunk, uint64_t version) {
  ufo_entry newest;
  uint64_t found;
  if (ufo_u64map_get(&v->dropped, list)) return false;
  return !ufo_verify_good(v, ufo_map_find(v->txn, list, chunk, UINT64_MAX, &newest, &found, NULL)) || found == version;
}

/* Bit by bit: zeros have signs. */
static bool is_same(double a, double b) {
  uint64_t bits[2];
  memcpy(&bits[0], &a, sizeof a);
  memcpy(&bits[1], &b, sizeof b);
  return bits[0] == bits[1];
}

/* Statistics may claim less than is true of the values, but nothing else. */
static bool stats_hold(const ufo_record *record, const ufo_chunk_meta *meta, const uint8_t *raw) {
  const ufo_chunk_stats *claimed = &meta->stats;
  if (!(claimed->flags & UFO_STATS_PRESENT)) return claimed->flags == 0;
  ufo_chunk_stats real = ufo_stats_of(record->type, raw, meta->raw_bytes);
  if ((claimed->flags & ~real.flags) || claimed->na_count != real.na_count) return false;
  if (!(claimed->flags & UFO_STATS_HAS_RANGE)) return !(real.flags & UFO_STATS_HAS_RANGE);
  return is_same(claimed->min, real.min) && is_same(claimed->max, real.max);
}

/* Entries of what was removed, or of a version to come. Where the object's record is damaged that is reported as such.
 */
static const char *check_owner(ufo_verifier *v, uint64_t id, uint64_t version, bool known) {
  uint64_t newest;
  ufo_record record;
  if (ufo_u64map_get(&v->dropped, id)) return NULL;
  ufo_status status = ufo_catalogue_get_newest(v->txn, id, UFO_VERSION_LIMIT - 1, &newest, &record, NULL);
  if (status == UFO_FULL) v->starved = true;
  if (status == UFO_OK && version > newest) return "the map has an entry of a version that is not there";
  return !known && status == UFO_MISSING ? "the map has an entry of an object that is not there" : NULL;
}

/* A child has one place. (What was dropped, or an old version, may lead to what others took over.) */
static void check_place(ufo_verifier *v, uint64_t list, uint64_t index, uint64_t version, uint64_t child) {
  const ufo_verify_place *at = ufo_u64map_get(&v->places, child);
  ufo_error cause;
  if (!at || at->parent == list || !at->in_force || !ufo_verify_in_force(v, list, index, version)) return;
  ufo_fail(&cause, UFO_CORRUPT, "object %llu, an element of this list, belongs to another list or name, too",
           (unsigned long long)child);
  ufo_verify_damage_entry(v, list, version, index, cause.message);
}

ufo_status ufo_verify_entry(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  uint64_t id = ufo_get_be64(key.data), chunk = ufo_get_be64(key.data + 8), version = ~ufo_get_be64(key.data + 16);
  ufo_entry entry;
  ufo_error cause;
  ufo_record record;
  bool known = ufo_verify_find_object(v, id, version, NULL, &record) ||
               ufo_verify_find_object(v, id, UFO_VERSION_LIMIT - 1, NULL, &record);
  ufo_verify_use(&v->used.object, id);
  if (ufo_record_decode_entry(content, &entry, &cause) != UFO_OK) {
    ufo_verify_damage_entry(v, id, version, chunk, cause.message);
    return UFO_OK;
  }
  const char *stray = check_owner(v, id, version, known);
  if (stray) ufo_verify_damage_entry(v, id, version, chunk, stray);
  if (entry.is_child) {
    uint64_t found = 0;
    ufo_verify_use(&v->used.object, entry.child_id);
    check_place(v, id, chunk, version, entry.child_id);
    if (ufo_verify_in_force(v, id, chunk, version) &&
        (!ufo_verify_find_object(v, entry.child_id, entry.child_version, &found, &record) ||
         found != entry.child_version))
      ufo_verify_damage_entry(v, id, version, chunk, "this element of the list is missing or its record is damaged");
    return UFO_OK;
  }
  ufo_verify_use(&v->used.blob, entry.blob);
  v->features |= ufo_record_entry_features(&entry);
  ufo_status status = entry.blob ? count_owner(v, entry.blob, error) : UFO_OK;
  if (status != UFO_OK) return status;
  /* What nobody can name any more is garbage that waits to be reclaimed; its blobs still need their referents. */
  if (!known) return UFO_OK;
  status = decode_chunk(v, &entry, &cause);
  if (status == UFO_FULL) {
    if (error) *error = cause;
    return status;
  }
  if (status == UFO_IO) ufo_verify_unread_entry(v, id, version, chunk, &cause);
  else if (status != UFO_OK) ufo_verify_damage_entry(v, id, version, chunk, cause.message);
  else if (!stats_hold(&record, &entry.meta, v->raw))
    ufo_verify_damage_entry(v, id, version, chunk, "the statistics of the chunk are not those of its values");
  else if (record.type == UFO_RECORD && record.element_bytes == sizeof(uint64_t))
    ufo_verify_words(v, id, version, chunk, entry.meta.raw_bytes);
  return ufo_verify_progress(v, entry.meta.stored_bytes + UFO_ENTRY_BYTES_MAX);
}

/* ---- owners of blobs --------------------------------------------------------------------------------------------- */

/* Length of a blob, which is not read; false if it is not there. */
static bool find_blob(ufo_verifier *v, uint64_t blob, uint64_t *bytes_out) {
  uint8_t key[UFO_BLOB_KEY_BYTES];
  ufo_slice value;
  ufo_put_be64(key, blob);
  if (!ufo_verify_good(v, ufo_engine_get(v->txn, UFO_TABLE_BLOBS, key, sizeof key, &value, NULL))) return false;
  *bytes_out = value.bytes;
  return true;
}

ufo_status ufo_verify_staged(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  uint64_t blob = ufo_get_be64(key.data + 8), bytes = 0;
  ufo_verify_use(&v->used.blob, blob);
  ufo_verify_use(&v->used.owner, ufo_get_be64(key.data));
  ufo_error cause;
  const char *wrong = NULL;
  if (content.bytes != 8) wrong = "has a wrong length";
  else if (!find_blob(v, blob, &bytes)) wrong = "leads to a blob that is missing";
  else if (bytes != ufo_get_le64(content.data)) wrong = "does not have the length of its blob";
  if (wrong) {
    ufo_fail(&cause, UFO_CORRUPT, "the staged record of owner %llu and blob %llu %s",
             (unsigned long long)ufo_get_be64(key.data), (unsigned long long)blob, wrong);
    ufo_verify_damage_store(v, cause.message);
  }
  return count_owner(v, blob, error);
}

/* Whether the number is right is seen at the blob. */
ufo_status ufo_verify_refs(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  (void)error;
  uint64_t blob = ufo_get_be64(key.data), bytes;
  ufo_error cause;
  const char *wrong = NULL;
  if (content.bytes != 8) wrong = "has a wrong length";
  else if (!find_blob(v, blob, &bytes)) wrong = "is of a blob that is missing";
  else if (ufo_get_le64(content.data) == 0) wrong = "counts none, and should not be there";
  if (!wrong) return UFO_OK;
  ufo_fail(&cause, UFO_CORRUPT, "the number of further referents of blob %llu %s", (unsigned long long)blob, wrong);
  ufo_verify_damage_store(v, cause.message);
  return UFO_OK;
}

ufo_status ufo_verify_blob(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  (void)content, (void)error;
  uint64_t blob = ufo_get_be64(key.data);
  ufo_verify_use(&v->used.blob, blob);
  uint64_t counted = (uintptr_t)ufo_u64map_get(&v->owners, blob), recorded = 0;
  ufo_slice further;
  if (ufo_verify_good(v, ufo_record_get(v->txn, UFO_TABLE_REFS, key.data, key.bytes, &further, NULL)) &&
      further.bytes == 8)
    recorded = ufo_get_le64(further.data);
  if (recorded < UINT64_MAX) recorded++;
  if (counted == recorded) return UFO_OK;
  ufo_error cause;
  ufo_fail(&cause, UFO_CORRUPT, "blob %llu is referred to %llu times, and %llu are recorded", (unsigned long long)blob,
           (unsigned long long)counted, (unsigned long long)recorded);
  ufo_verify_damage_store(v, cause.message);
  return UFO_OK;
}
