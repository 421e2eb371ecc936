/* reclaim.c - see reclaim.h. */
#include "store/reclaim.h"

#include <string.h>

#include "store/map.h"
#include "util/bytes.h"
#include "util/fail.h"

ufo_status ufo_reclaim_delete(ufo_etxn *txn, ufo_table table, const uint8_t *key, size_t key_bytes, ufo_error *error) {
  ufo_status status = ufo_engine_delete(txn, table, key, key_bytes, error);
  if (status != UFO_MISSING) return status;
  return ufo_fail(error, UFO_CORRUPT, "a record of table %s is there, but a search does not find it",
                  ufo_table_name(table));
}

/* What is being reclaimed of one object. */
typedef struct object_garbage {
  ufo_core *core;
  ufo_etxn *txn;
  const ufo_snapshot_index *snapshots;
  ufo_reclaim *reclaim;
  uint64_t id;
  bool known; /* the last answer of release_versions(); if nobody needs the range, its records are gone */
  bool pinned;
  uint64_t held;
  uint64_t first, last;
} object_garbage;

/* ---- superseded versions --------------------------------------------------------------------------------------- */

/* The attributes of a version that went are needed if a neighbouring version has them, too. */
static ufo_status drop_attributes(object_garbage *object, uint64_t version, const ufo_record *record,
                                  ufo_error *error) {
  uint64_t attributes = record->attributes_version, found, at = UINT64_MAX;
  ufo_record neighbour;
  ufo_status status = UFO_OK;
  if (attributes == 0) return UFO_OK;
  /* From the newest version down to the first one that is older than this one: few are kept. */
  while (!(status = ufo_catalogue_get_newest(object->txn, object->id, at, &found, &neighbour, error))) {
    if (neighbour.attributes_version == attributes) return UFO_OK;
    if (found < version) break;
    at = found - 1;
  }
  if (status && status != UFO_MISSING) return status;
  uint8_t key[UFO_OBJECT_KEY_BYTES];
  ufo_key_attributes(key, object->id, attributes);
  status = ufo_engine_delete(object->txn, UFO_TABLE_ATTRIBUTES, key, sizeof key, error);
  return status == UFO_MISSING ? UFO_OK : status;
}

static ufo_status drop_versions(object_garbage *object, uint64_t first, uint64_t last, ufo_error *error) {
  uint64_t version;
  ufo_record record;
  ufo_status status;
  while (!(status = ufo_catalogue_get_newest(object->txn, object->id, last, &version, &record, error)) &&
         version >= first) {
    uint8_t key[UFO_OBJECT_KEY_BYTES];
    ufo_key_object(key, object->id, version);
    status = ufo_reclaim_delete(object->txn, UFO_TABLE_OBJECTS, key, sizeof key, error);
    if (!status) status = drop_attributes(object, version, &record, error);
    if (status) return status;
    object->reclaim->deleted++;
  }
  return status == UFO_MISSING ? UFO_OK : status;
}

/* May versions first .. last go? If so (neither pinned nor held) their records go now. */
static ufo_status release_versions(object_garbage *object, uint64_t first, uint64_t last, ufo_error *error) {
  if (object->known && object->first == first && object->last == last) return UFO_OK;
  uint64_t seen;
  object->pinned = ufo_pin_any(object->core, object->id, first, last);
  ufo_status status = ufo_snapshots_holder(object->txn, object->snapshots, object->id, first, last, UINT64_MAX,
                                           &object->held, &seen, error);
  if (!status && !object->pinned && !object->held) status = drop_versions(object, first, last, error);
  object->known = !status;
  object->first = first;
  object->last = last;
  return status;
}

static ufo_status delete_entry(object_garbage *object, uint64_t chunk, uint64_t version, const ufo_entry *entry,
                               ufo_error *error) {
  uint8_t key[UFO_MAP_KEY_BYTES];
  ufo_key_map(key, object->id, chunk, version);
  ufo_status status = ufo_reclaim_delete(object->txn, UFO_TABLE_MAP, key, sizeof key, error);
  if (!status && entry->blob) status = ufo_blob_drop_referent(object->txn, entry->blob, error);
  object->reclaim->deleted++;
  return status;
}

/* All entries of a chunk that are older than `version`. What `version` itself superseded may be pinned: verdict->kept;
 * or held by a snapshot: *held. Entries that others superseded have records of their own, so this one need not stay for
 * them: else, while one snapshot or view is there, each commit would leave a record. An entry is `version`'s to keep if
 * the next newer one that is there is not older than it. */
static ufo_status reclaim_chunk(object_garbage *object, uint64_t chunk, uint64_t version, ufo_verdict *verdict,
                                uint64_t *held, ufo_error *error) {
  uint64_t successor = 0, next = 0, at = UINT64_MAX;
  *held = 0;
  for (;;) {
    ufo_entry entry;
    uint64_t found;
    ufo_status status = ufo_map_find(object->txn, object->id, chunk, at, &entry, &found, error);
    /* A chunk that has no entry costs something, too: a damaged record may name as many as it likes. */
    if ((!status || !successor) && object->reclaim->budget > 0) object->reclaim->budget--;
    if (status) return status == UFO_MISSING ? UFO_OK : status;
    bool needed = false;
    if (found < version && successor) {
      status = release_versions(object, found, successor - 1, error);
      needed = object->pinned || object->held;
      if (!status && !needed) status = delete_entry(object, chunk, found, &entry, error);
      if (status) return status;
      if (object->pinned && version <= next) verdict->kept = true;
      if (object->held && version <= next) *held = object->held;
    }
    if (!successor || needed || found >= version) successor = found;
    next = found;
    if (found == 0) return UFO_OK;
    at = found - 1;
  }
}

/* False: there is no room for another run. */
static bool add_chunk(ufo_garbage *garbage, uint64_t chunk) {
  ufo_run *last = garbage->run_count ? &garbage->runs[garbage->run_count - 1] : NULL;
  if (last && last->first + last->count == chunk && last->count < UINT32_MAX) {
    last->count++;
    return true;
  }
  if (garbage->run_count == UFO_GARBAGE_RUNS_MAX) return false;
  garbage->runs[garbage->run_count++] = (ufo_run){chunk, 1};
  return true;
}

static ufo_status reclaim_superseded(object_garbage *object, ufo_garbage *garbage, ufo_verdict *verdict,
                                     ufo_error *error) {
  ufo_garbage *parked = &verdict->parked;
  ufo_status status = release_versions(object, garbage->version - 1, garbage->version - 1, error);
  if (status) return status;
  /* That version sees what was superseded of every chunk; what is older has records of its own. */
  verdict->kept = object->pinned;
  verdict->held = object->held;
  *parked = *garbage;
  if (verdict->kept || verdict->held) return UFO_OK;
  parked->run_count = 0;
  for (uint32_t r = 0; r < garbage->run_count && !status; r++) {
    ufo_run *run = &garbage->runs[r];
    while (run->count > 0 && !status) {
      if (object->reclaim->budget == 0 || parked->run_count == UFO_GARBAGE_RUNS_MAX) {
        verdict->rest = true;
        memmove(garbage->runs, run, (garbage->run_count - r) * sizeof *run);
        garbage->run_count -= r;
        return UFO_OK;
      }
      uint64_t held;
      status = reclaim_chunk(object, run->first, garbage->version, verdict, &held, error);
      if (!status && held) {
        verdict->held = held;
        add_chunk(parked, run->first);
      }
      run->first++;
      run->count--;
    }
  }
  return status;
}

/* ---- dropped objects ------------------------------------------------------------------------------------------- */

static uint64_t version_of_key(ufo_table table, const uint8_t *key) {
  if (table == UFO_TABLE_MAP) return ~ufo_get_be64(key + 16);
  return table == UFO_TABLE_OBJECTS ? ~ufo_get_be64(key + 8) : ufo_get_be64(key + 8);
}

/* Deletes entries of a table whose keys begin with the object's id, of versions after `after`. */
static ufo_status delete_all(object_garbage *object, ufo_table table, uint64_t after, bool *rest, ufo_error *error) {
  uint8_t at[UFO_MAP_KEY_BYTES + 1];
  size_t at_bytes = 8, expected = table == UFO_TABLE_MAP ? UFO_MAP_KEY_BYTES : UFO_OBJECT_KEY_BYTES;
  ufo_put_be64(at, object->id);
  for (;;) {
    ufo_cursor *cursor;
    ufo_slice key, value;
    uint64_t blob = 0;
    ufo_status status = ufo_cursor_open(object->txn, table, &cursor, error);
    if (status) return status;
    status = ufo_cursor_seek(cursor, at, at_bytes, &key, &value, error);
    bool ours = !status && key.bytes == expected && ufo_get_be64(key.data) == object->id;
    while (ours && version_of_key(table, key.data) <= after) {
      status = ufo_cursor_next(cursor, &key, &value, error);
      ours = !status && key.bytes == expected && ufo_get_be64(key.data) == object->id;
    }
    if (ours && table == UFO_TABLE_MAP) {
      ufo_entry entry; /* a damaged entry goes without its blob, which verify then reports as unused */
      bool whole = !ufo_record_check(table, key.data, key.bytes, value, NULL);
      if (whole) value.bytes -= UFO_SEAL_BYTES;
      if (whole && !ufo_record_decode_entry(value, &entry, NULL)) blob = entry.blob;
    }
    if (ours) memcpy(at, key.data, expected);
    ufo_cursor_close(cursor);
    if (!ours) return status == UFO_END ? UFO_OK : status;
    if (object->reclaim->budget == 0) {
      *rest = true;
      return UFO_OK;
    }
    object->reclaim->budget--;
    object->reclaim->deleted++;
    status = ufo_reclaim_delete(object->txn, table, at, expected, error);
    if (!status && blob) status = ufo_blob_drop_referent(object->txn, blob, error);
    if (status) return status;
    at_bytes = expected;
  }
}

/* All of it, or of what is newer than the version that a snapshot sees. */
static ufo_status reclaim_dropped(object_garbage *object, uint64_t generation, const ufo_garbage *garbage,
                                  ufo_verdict *verdict, ufo_error *error) {
  verdict->kept = ufo_pin_any(object->core, object->id, 0, UFO_VERSION_LIMIT - 1);
  if (verdict->kept) return UFO_OK;
  uint64_t seen;
  bool *rest = &verdict->rest;
  ufo_status status = ufo_snapshots_holder(object->txn, object->snapshots, object->id, 0, UFO_VERSION_LIMIT - 1,
                                           generation, &verdict->held, &seen, error);
  if (!status && verdict->held) verdict->parked = *garbage;
  if (status || (verdict->held && seen >= garbage->version)) return status;
  if (!status) status = delete_all(object, UFO_TABLE_OBJECTS, seen, rest, error);
  if (!status && !*rest) status = delete_all(object, UFO_TABLE_ATTRIBUTES, seen, rest, error);
  if (!status && !*rest) status = delete_all(object, UFO_TABLE_MAP, seen, rest, error);
  if (*rest) verdict->held = 0; /* it waits for the snapshot's end once that is done */
  return status;
}

ufo_status ufo_reclaim_record(const ufo_reclaiming *with, uint64_t generation, ufo_garbage *garbage,
                              ufo_verdict *verdict, ufo_error *error) {
  verdict->kept = verdict->rest = false;
  verdict->held = 0;
  object_garbage object = {
      .core = with->core, .txn = with->txn, .snapshots = with->snapshots, .reclaim = with->reclaim, .id = garbage->id};
  if (garbage->kind == UFO_GARBAGE_SUPERSEDED) return reclaim_superseded(&object, garbage, verdict, error);
  return reclaim_dropped(&object, generation, garbage, verdict, error);
}
