/* verify.c - reads everything there is and checks it: seals, fields, references, owners of blobs, and every chunk by
 * decoding it.
 *
 * Works in one read transaction, so that what refers and what is referred to are of one commit; space that others free
 * meanwhile is reclaimed after it. Goes on past damage: each is reported with the object, version and elements that it
 * makes unreadable, and only a failure of the reading itself ends the work. */
#include "store/verify.h"

#include <stdlib.h>
#include <string.h>

#include "store/attributes.h"
#include "store/catalogue.h"
#include "store/map.h"
#include "util/bytes.h"
#include "util/checked.h"
#include "util/fail.h"

/* The newest record of an object at or below `version`. UFO_MISSING if there is none that is sound, and no *error then;
 * UFO_FULL if memory ran out, which is no damage. */
static ufo_status find_object(ufo_verifier *v, uint64_t id, uint64_t version, ufo_record *record, ufo_error *error) {
  ufo_cursor *cursor;
  ufo_status opened = ufo_cursor_open(v->txn, UFO_TABLE_OBJECTS, &cursor, error);
  if (opened != UFO_OK) return opened == UFO_FULL ? UFO_FULL : UFO_MISSING;
  uint8_t wanted[UFO_OBJECT_KEY_BYTES];
  ufo_key_object(wanted, id, version);
  ufo_slice key, value;
  bool found = ufo_cursor_seek(cursor, wanted, sizeof wanted, &key, &value, NULL) == UFO_OK &&
               key.bytes == sizeof wanted && ufo_get_be64(key.data) == id &&
               ufo_record_check(UFO_TABLE_OBJECTS, key.data, key.bytes, value, NULL) == UFO_OK &&
               ufo_record_decode_object((ufo_slice){value.data, value.bytes - UFO_SEAL_BYTES}, record, NULL) == UFO_OK;
  ufo_cursor_close(cursor);
  return found ? UFO_OK : UFO_MISSING;
}

/* ---- names and lists --------------------------------------------------------------------------------------------- */

static ufo_status add_place(ufo_verifier *v, uint64_t id, uint64_t parent, uint64_t index, ufo_slice name,
                            ufo_error *error) {
  ufo_verify_place *at = malloc(sizeof *at + name.bytes + 1);
  void *old = NULL;
  if (!at) return ufo_fail(error, UFO_FULL, "cannot verify: out of memory");
  at->parent = parent;
  at->index = index;
  if (name.bytes) memcpy(at->name, name.data, name.bytes);
  at->name[name.bytes] = '\0';
  if (!ufo_u64map_put(&v->places, id, at, &old)) {
    free(at);
    return ufo_fail(error, UFO_FULL, "cannot verify: out of memory");
  }
  if (old && !parent) {
    ufo_error cause;
    ufo_fail(&cause, UFO_CORRUPT, "object %llu has two names", (unsigned long long)id);
    ufo_verify_damage(v, at->name, 0, 0, 0, cause.message);
  }
  free(old);
  return UFO_OK;
}

static ufo_status visit_name(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  char name[UFO_NAME_MAX + 1];
  size_t length = ufo_min(key.bytes, UFO_NAME_MAX);
  memcpy(name, key.data, length);
  name[length] = '\0';
  ufo_named named;
  if (key.bytes > UFO_NAME_MAX || ufo_catalogue_decode_named(content, &named, NULL) != UFO_OK) {
    ufo_verify_damage(v, name, 0, 0, 0, "its entry in the table of names cannot be right");
    return UFO_OK;
  }
  uint64_t id = named.id;
  ufo_record record;
  ufo_status status = find_object(v, id, UFO_VERSION_LIMIT - 1, &record, error);
  if (status == UFO_FULL) return status;
  if (status != UFO_OK) {
    ufo_verify_damage(v, name, 0, 0, 0, "the name leads to an object that is not there, or whose record is damaged");
  }
  return add_place(v, id, 0, 0, key, error);
}

static ufo_status visit_child(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  ufo_entry entry;
  if (ufo_record_decode_entry(content, &entry, NULL) != UFO_OK || !entry.is_child) return UFO_OK;
  return add_place(v, entry.child_id, ufo_get_be64(key.data), ufo_get_be64(key.data + 8), (ufo_slice){NULL, 0}, error);
}

static ufo_status visit_garbage(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  (void)key;
  ufo_garbage garbage;
  ufo_error cause;
  if (ufo_record_decode_garbage(content, &garbage, &cause) != UFO_OK) {
    ufo_verify_damage(v, NULL, 0, 0, 0, cause.message);
    return UFO_OK;
  }
  if (garbage.kind == UFO_GARBAGE_DROPPED && !ufo_u64map_put(&v->dropped, garbage.id, v, NULL))
    return ufo_fail(error, UFO_FULL, "cannot verify: out of memory");
  return UFO_OK;
}

/* ---- objects and attributes ----------------------------------------------------------------------------------------
 */

typedef struct counting {
  ufo_verifier *verifier;
  uint64_t end; /* entries behind the end of the version are not in force */
  uint64_t count;
} counting;

static ufo_status count_entry(void *user, uint64_t chunk, uint64_t entry_version, const ufo_entry *entry,
                              ufo_error *error) {
  (void)entry_version, (void)entry, (void)error;
  counting *so_far = user;
  so_far->count += chunk < so_far->end;
  return ufo_verify_progress(so_far->verifier, 0);
}

/* A lost entry reads as a chunk that was never written, so the record's count is the only witness. */
static ufo_status check_count(ufo_verifier *v, uint64_t id, uint64_t version, const ufo_record *record,
                              ufo_error *error) {
  uint64_t expected = record->type == UFO_LIST ? record->length : record->chunks_written;
  counting found = {.verifier = v, .end = record->type == UFO_LIST ? record->length : ufo_record_chunk_count(record)};
  ufo_error cause;
  ufo_status status = ufo_map_walk(v->txn, id, 0, version, count_entry, &found, error);
  if (status == UFO_FULL) return status;
  if (status != UFO_OK || found.count == expected) return UFO_OK; /* damage is reported with the map */
  ufo_fail(&cause, UFO_CORRUPT, "the map has %llu entries of it, and should have %llu", (unsigned long long)found.count,
           (unsigned long long)expected);
  ufo_verify_damage_object(v, id, version, 0, 0, cause.message);
  return UFO_OK;
}

static ufo_status visit_object(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  uint64_t id = ufo_get_be64(key.data), version = ~ufo_get_be64(key.data + 8);
  ufo_record record;
  ufo_error cause;
  if (ufo_record_decode_object(content, &record, &cause) != UFO_OK) {
    ufo_verify_damage_object(v, id, version, 0, 0, cause.message);
    return UFO_OK;
  }
  ufo_status status = check_count(v, id, version, &record, error);
  if (status != UFO_OK) return status;
  if (!ufo_u64map_get(&v->places, id) && !ufo_u64map_get(&v->dropped, id)) {
    ufo_verify_damage_object(v, id, version, 0, record.length, "no name and no list leads to it (any more)");
  }
  if (record.attributes_version) {
    uint8_t wanted[UFO_OBJECT_KEY_BYTES];
    ufo_key_attributes(wanted, id, record.attributes_version);
    ufo_slice value;
    if (ufo_engine_get(v->txn, UFO_TABLE_ATTRIBUTES, wanted, sizeof wanted, &value, NULL) != UFO_OK)
      ufo_verify_damage_object(v, id, version, 0, 0, "its attributes are missing");
  }
  return UFO_OK;
}

static ufo_status visit_attributes(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  ufo_attributes *attributes;
  ufo_error cause;
  ufo_status status = ufo_attributes_decode(content.data, content.bytes, &attributes, &cause);
  if (status == UFO_OK) ufo_attributes_free(attributes);
  else if (status == UFO_FULL) return ufo_fail(error, UFO_FULL, "cannot verify: out of memory");
  else ufo_verify_damage_object(v, ufo_get_be64(key.data), ufo_get_be64(key.data + 8), 0, 0, cause.message);
  return UFO_OK;
}

/* ---- chunks -------------------------------------------------------------------------------------------------------
 */

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

/* Children have pins of their own: what only an old version of a list, or one that waits to be reclaimed, leads to may
 * be gone. */
static bool is_in_force(ufo_verifier *v, uint64_t list, uint64_t chunk, uint64_t version) {
  ufo_entry newest;
  uint64_t found;
  if (ufo_u64map_get(&v->dropped, list)) return false;
  return ufo_map_find(v->txn, list, chunk, UINT64_MAX, &newest, &found, NULL) != UFO_OK || found == version;
}

static ufo_status visit_entry(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  uint64_t id = ufo_get_be64(key.data), chunk = ufo_get_be64(key.data + 8), version = ~ufo_get_be64(key.data + 16);
  ufo_entry entry;
  ufo_error cause;
  ufo_record record;
  ufo_status status = find_object(v, id, version, &record, error);
  if (status == UFO_MISSING) status = find_object(v, id, UFO_VERSION_LIMIT - 1, &record, error);
  if (status == UFO_FULL) return status;
  bool known = status == UFO_OK;
  uint64_t first = 0, count = 0;
  if (known && record.element_bytes) {
    first = ufo_min(chunk * record.chunk_bytes / record.element_bytes, record.length);
    count = ufo_min(ufo_div_up(record.chunk_bytes, record.element_bytes), record.length - first);
  }
  if (ufo_record_decode_entry(content, &entry, &cause) != UFO_OK) {
    ufo_verify_damage_object(v, id, version, first, count, cause.message);
    return UFO_OK;
  }
  if (entry.is_child) {
    if (!is_in_force(v, id, chunk, version)) return UFO_OK;
    status = find_object(v, entry.child_id, entry.child_version, &record, error);
    if (status == UFO_FULL) return status;
    if (status != UFO_OK)
      ufo_verify_damage_object(v, id, version, chunk, 1,
                               "this element of the list is missing or its record is damaged");
    return UFO_OK;
  }
  status = entry.blob ? count_owner(v, entry.blob, error) : UFO_OK;
  if (status != UFO_OK) return status;
  /* What nobody can name any more is garbage that waits to be reclaimed; its blobs still need their referents. */
  if (!known) return UFO_OK;
  status = decode_chunk(v, &entry, &cause);
  if (status == UFO_FULL) {
    if (error) *error = cause;
    return status;
  }
  if (status != UFO_OK) ufo_verify_damage_object(v, id, version, first, count, cause.message);
  return ufo_verify_progress(v, entry.meta.stored_bytes + UFO_ENTRY_BYTES_MAX);
}

/* ---- owners of blobs ------------------------------------------------------------------------------------------------
 */

/* Length of a blob, which is not read; false if it is not there. */
static bool find_blob(ufo_verifier *v, uint64_t blob, uint64_t *bytes_out) {
  uint8_t key[UFO_BLOB_KEY_BYTES];
  ufo_slice value;
  ufo_put_be64(key, blob);
  if (ufo_engine_get(v->txn, UFO_TABLE_BLOBS, key, sizeof key, &value, NULL) != UFO_OK) return false;
  *bytes_out = value.bytes;
  return true;
}

static ufo_status visit_staged(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  uint64_t blob = ufo_get_be64(key.data + 8), bytes = 0;
  ufo_error cause;
  const char *wrong = NULL;
  if (content.bytes != 8) wrong = "has a wrong length";
  else if (!find_blob(v, blob, &bytes)) wrong = "leads to a blob that is missing";
  else if (bytes != ufo_get_le64(content.data)) wrong = "does not have the length of its blob";
  if (wrong) {
    ufo_fail(&cause, UFO_CORRUPT, "the staged record of owner %llu and blob %llu %s",
             (unsigned long long)ufo_get_be64(key.data), (unsigned long long)blob, wrong);
    ufo_verify_damage(v, NULL, 0, 0, 0, cause.message);
  }
  return count_owner(v, blob, error);
}

/* Whether the number is right is seen at the blob. */
static ufo_status visit_refs(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  (void)error;
  uint64_t blob = ufo_get_be64(key.data), bytes;
  ufo_error cause;
  const char *wrong = NULL;
  if (content.bytes != 8) wrong = "has a wrong length";
  else if (!find_blob(v, blob, &bytes)) wrong = "is of a blob that is missing";
  else if (ufo_get_le64(content.data) == 0) wrong = "counts none, and should not be there";
  if (!wrong) return UFO_OK;
  ufo_fail(&cause, UFO_CORRUPT, "the number of further referents of blob %llu %s", (unsigned long long)blob, wrong);
  ufo_verify_damage(v, NULL, 0, 0, 0, cause.message);
  return UFO_OK;
}

static ufo_status visit_blob(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  (void)content, (void)error;
  uint64_t blob = ufo_get_be64(key.data);
  uint64_t counted = (uintptr_t)ufo_u64map_get(&v->owners, blob), recorded = 1;
  ufo_slice further;
  if (ufo_record_get(v->txn, UFO_TABLE_REFS, key.data, key.bytes, &further, NULL) == UFO_OK && further.bytes == 8)
    recorded = 1 + ufo_get_le64(further.data);
  if (counted == recorded) return UFO_OK;
  ufo_error cause;
  ufo_fail(&cause, UFO_CORRUPT, "blob %llu is referred to %llu times, and %llu are recorded", (unsigned long long)blob,
           (unsigned long long)counted, (unsigned long long)recorded);
  ufo_verify_damage(v, NULL, 0, 0, 0, cause.message);
  return UFO_OK;
}

/* ---- all of it
 * ------------------------------------------------------------------------------------------------------- */

static ufo_status verify_all(ufo_verifier *v, ufo_error *error) {
  ufo_engine_stat stat;
  ufo_status status = ufo_engine_get_stat(v->txn, &stat, error);
  if (status != UFO_OK) return status;
  v->total_bytes = stat.used_pages * stat.page_bytes;
  ufo_counters counters;
  ufo_error cause;
  if (ufo_counters_get(v->txn, &counters, &cause) != UFO_OK) {
    counters.generation = 0;
    ufo_verify_damage(v, NULL, 0, 0, 0, cause.message);
  }
  status = ufo_verify_walk(v, UFO_TABLE_NAMES, 0, visit_name, error);
  /* Damaged entries of the map are reported by the second walk, when lists are known by name. */
  uint64_t before = v->damages;
  ufo_damage_fn report = v->report;
  v->report = NULL;
  if (status == UFO_OK) status = ufo_verify_walk(v, UFO_TABLE_MAP, UFO_MAP_KEY_BYTES, visit_child, error);
  v->report = report;
  v->damages = before;
  if (status == UFO_OK) status = ufo_verify_walk(v, UFO_TABLE_GARBAGE, 0, visit_garbage, error);
  if (status == UFO_OK) status = ufo_verify_walk(v, UFO_TABLE_OBJECTS, UFO_OBJECT_KEY_BYTES, visit_object, error);
  if (status == UFO_OK)
    status = ufo_verify_walk(v, UFO_TABLE_ATTRIBUTES, UFO_OBJECT_KEY_BYTES, visit_attributes, error);
  if (status == UFO_OK) status = ufo_verify_walk(v, UFO_TABLE_MAP, UFO_MAP_KEY_BYTES, visit_entry, error);
  if (status == UFO_OK) status = ufo_verify_snapshots(v, counters.generation, error);
  if (status == UFO_OK) status = ufo_verify_walk(v, UFO_TABLE_STAGED, UFO_STAGED_KEY_BYTES, visit_staged, error);
  if (status == UFO_OK) status = ufo_verify_walk(v, UFO_TABLE_REFS, UFO_BLOB_KEY_BYTES, visit_refs, error);
  if (status == UFO_OK) status = ufo_verify_walk(v, UFO_TABLE_BLOBS, UFO_BLOB_KEY_BYTES, visit_blob, error);
  return status;
}

static void free_places(ufo_verifier *v) {
  for (size_t i = 0; i < v->places.slots; i++) free(v->places.values[i]);
  ufo_u64map_clear(&v->places);
  ufo_u64map_clear(&v->owners);
  ufo_u64map_clear(&v->dropped);
}

ufo_status ufo_core_verify(ufo_core *core, ufo_damage_fn report, ufo_progress_fn progress, void *user,
                           ufo_error *error) {
  ufo_verifier v = {.core = core, .report = report, .progress = progress, .user = user};
  v.work = ufo_core_take_work(core);
  if (!v.work) return ufo_fail(error, UFO_FULL, "cannot verify %s: out of memory", core->path);
  ufo_status status = ufo_core_begin_read(core, &v.txn, error);
  if (status == UFO_OK) status = verify_all(&v, error);
  ufo_core_end(core, v.txn);
  ufo_core_give_work(core, v.work);
  free_places(&v);
  free(v.raw);
  if (v.ended) return UFO_END;
  if (status != UFO_OK && status != UFO_END) return ufo_fail_prefix(error, status, "cannot verify %s", core->path);
  if (v.damages == 0) return UFO_OK;
  return ufo_fail(error, UFO_CORRUPT, "%s is damaged: %llu damages were found", core->path,
                  (unsigned long long)v.damages);
}
