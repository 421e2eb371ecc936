/* garbage.c - see garbage.h.
 *
 * A commit frees nothing of what it supersedes: a reader may have seen the old version and be about to pin it (pin.c).
 * It queues the chunks; later write transactions look at them, each before it writes versions of its own: the newest
 * entry of a chunk is then of a committed version, and the older ones are what commits superseded. An old entry of a
 * chunk, of version u with the next newer entry of version s, is what versions u .. s-1 see, so it may go when none of
 * these is pinned, and the records of these versions go before it: a version that has a record has all its chunks.
 *
 * Work is bounded: each call has a budget, continues where the last one ended, and leaves pinned garbage queued. */
#include "store/garbage.h"

#include <stdlib.h>
#include <string.h>

#include "store/catalogue.h"
#include "store/map.h"
#include "util/bytes.h"
#include "util/fail.h"

enum { COLLECT_BUDGET = 20000, KEPT_MAX = 200 };

/* ---- queueing -------------------------------------------------------------------------------------------------- */

static ufo_status write_record(ufo_etxn *txn, uint64_t generation, uint32_t sequence, const ufo_garbage *garbage,
                               ufo_error *error) {
  uint8_t key[UFO_GARBAGE_KEY_BYTES], record[UFO_GARBAGE_BYTES_MAX];
  ufo_key_garbage(key, generation, sequence);
  size_t bytes = ufo_record_encode_garbage(garbage, record);
  return ufo_record_put(txn, UFO_TABLE_GARBAGE, key, sizeof key, record, bytes, false, error);
}

void ufo_garbage_begin(ufo_garbage_queue *queue, ufo_etxn *txn, uint64_t generation, uint32_t *sequence, uint64_t id,
                       uint64_t version) {
  queue->txn = txn;
  queue->generation = generation;
  queue->sequence = sequence;
  queue->record.kind = UFO_GARBAGE_SUPERSEDED;
  queue->record.id = id;
  queue->record.version = version;
  queue->record.run_count = 0;
}

ufo_status ufo_garbage_add(ufo_garbage_queue *queue, uint64_t chunk, ufo_error *error) {
  ufo_garbage *record = &queue->record;
  ufo_run *last = record->run_count ? &record->runs[record->run_count - 1] : NULL;
  if (last && last->first + last->count == chunk && last->count < UINT32_MAX) {
    last->count++;
    return UFO_OK;
  }
  ufo_status status = UFO_OK;
  if (record->run_count == UFO_GARBAGE_RUNS_MAX) {
    status = write_record(queue->txn, queue->generation, (*queue->sequence)++, record, error);
    record->run_count = 0;
  }
  if (!status) record->runs[record->run_count++] = (ufo_run){chunk, 1};
  return status;
}

ufo_status ufo_garbage_end(ufo_garbage_queue *queue, bool always, ufo_error *error) {
  if (queue->record.run_count == 0 && !always) return UFO_OK;
  return write_record(queue->txn, queue->generation, (*queue->sequence)++, &queue->record, error);
}

ufo_status ufo_garbage_drop(ufo_etxn *txn, uint64_t generation, uint32_t *sequence, uint64_t id, uint64_t version,
                            ufo_error *error) {
  ufo_garbage record = {.kind = UFO_GARBAGE_DROPPED, .id = id, .version = version};
  return write_record(txn, generation, (*sequence)++, &record, error);
}

/* Deletes a record that was just found in walking. */
static ufo_status delete_found(ufo_etxn *txn, ufo_table table, const uint8_t *key, size_t key_bytes, ufo_error *error) {
  ufo_status status = ufo_engine_delete(txn, table, key, key_bytes, error);
  if (status != UFO_MISSING) return status;
  return ufo_fail(error, UFO_CORRUPT, "a record of table %s is there, but a search does not find it",
                  ufo_table_name(table));
}

/* ---- superseded versions --------------------------------------------------------------------------------------- */

/* What is being reclaimed of one object. */
typedef struct object_garbage {
  ufo_core *core;
  ufo_etxn *txn;
  uint64_t id;
  ufo_reclaim *reclaim;
  bool known; /* the last answer about pins, and then that the records of the range are gone */
  bool pinned;
  uint64_t first, last;
} object_garbage;

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
    status = delete_found(object->txn, UFO_TABLE_OBJECTS, key, sizeof key, error);
    if (!status) status = drop_attributes(object, version, &record, error);
    if (status) return status;
    object->reclaim->deleted++;
  }
  return status == UFO_MISSING ? UFO_OK : status;
}

/* May versions first .. last go? If so their records go now. */
static ufo_status release_versions(object_garbage *object, uint64_t first, uint64_t last, bool *pinned_out,
                                   ufo_error *error) {
  if (!object->known || object->first != first || object->last != last) {
    object->known = true;
    object->first = first;
    object->last = last;
    object->pinned = ufo_pin_any(object->core, object->id, first, last);
    if (!object->pinned) {
      ufo_status status = drop_versions(object, first, last, error);
      if (status) return status;
    }
  }
  *pinned_out = object->pinned;
  return UFO_OK;
}

static ufo_status delete_entry(object_garbage *object, uint64_t chunk, uint64_t version, const ufo_entry *entry,
                               ufo_error *error) {
  uint8_t key[UFO_MAP_KEY_BYTES];
  ufo_key_map(key, object->id, chunk, version);
  ufo_status status = delete_found(object->txn, UFO_TABLE_MAP, key, sizeof key, error);
  if (!status && entry->blob) status = ufo_blob_drop_referent(object->txn, entry->blob, error);
  object->reclaim->deleted++;
  return status;
}

/* All entries of a chunk but the newest. *kept: one older than `version` is pinned. */
static ufo_status reclaim_chunk(object_garbage *object, uint64_t chunk, uint64_t version, bool *kept,
                                ufo_error *error) {
  uint64_t successor = 0, at = UINT64_MAX;
  for (;;) {
    ufo_entry entry;
    uint64_t found;
    ufo_status status = ufo_map_find(object->txn, object->id, chunk, at, &entry, &found, error);
    if (status) return status == UFO_MISSING ? UFO_OK : status;
    if (object->reclaim->budget > 0) object->reclaim->budget--;
    bool pinned = false;
    if (successor) {
      status = release_versions(object, found, successor - 1, &pinned, error);
      if (!status && !pinned) status = delete_entry(object, chunk, found, &entry, error);
      if (status) return status;
      if (pinned && found < version) *kept = true;
    }
    if (!successor || pinned) successor = found;
    if (found == 0) return UFO_OK;
    at = found - 1;
  }
}

/* *kept: something is still needed; *rest: the record was cut to what the budget did not reach. */
static ufo_status reclaim_superseded(object_garbage *object, ufo_garbage *garbage, bool *kept, bool *rest,
                                     ufo_error *error) {
  ufo_status status = release_versions(object, garbage->version - 1, garbage->version - 1, kept, error);
  /* That version sees what was superseded of every chunk; what is older has records of its own. */
  if (*kept) return UFO_OK;
  for (uint32_t r = 0; r < garbage->run_count && !status; r++) {
    ufo_run *run = &garbage->runs[r];
    while (run->count > 0 && !status) {
      if (object->reclaim->budget == 0) {
        *rest = true;
        memmove(garbage->runs, run, (garbage->run_count - r) * sizeof *run);
        garbage->run_count -= r;
        return UFO_OK;
      }
      status = reclaim_chunk(object, run->first, garbage->version, kept, error);
      run->first++;
      run->count--;
    }
  }
  return status;
}

/* ---- dropped objects ------------------------------------------------------------------------------------------- */

/* Deletes entries of a table whose keys begin with the object's id. */
static ufo_status delete_all(object_garbage *object, ufo_table table, bool *rest, ufo_error *error) {
  uint8_t prefix[8];
  ufo_put_be64(prefix, object->id);
  for (;;) {
    ufo_cursor *cursor;
    ufo_slice key, value;
    uint8_t copy[UFO_MAP_KEY_BYTES];
    uint64_t blob = 0;
    ufo_status status = ufo_cursor_open(object->txn, table, &cursor, error);
    if (status) return status;
    status = ufo_cursor_seek(cursor, prefix, sizeof prefix, &key, &value, error);
    bool ours = !status && key.bytes <= sizeof copy && key.bytes >= 8 && memcmp(key.data, prefix, 8) == 0;
    if (ours && table == UFO_TABLE_MAP) {
      ufo_entry entry; /* a damaged entry goes without its blob, which verify then reports as unused */
      bool whole = !ufo_record_check(table, key.data, key.bytes, value, NULL);
      if (whole) value.bytes -= UFO_SEAL_BYTES;
      if (whole && !ufo_record_decode_entry(value, &entry, NULL)) blob = entry.blob;
    }
    size_t key_bytes = ours ? key.bytes : 0;
    if (ours) memcpy(copy, key.data, key_bytes);
    ufo_cursor_close(cursor);
    if (!ours) return status == UFO_END ? UFO_OK : status;
    if (object->reclaim->budget == 0) {
      *rest = true;
      return UFO_OK;
    }
    object->reclaim->budget--;
    object->reclaim->deleted++;
    status = delete_found(object->txn, table, copy, key_bytes, error);
    if (!status && blob) status = ufo_blob_drop_referent(object->txn, blob, error);
    if (status) return status;
  }
}

static ufo_status reclaim_dropped(object_garbage *object, bool *kept, bool *rest, ufo_error *error) {
  *kept = ufo_pin_any(object->core, object->id, 0, UFO_VERSION_LIMIT - 1);
  if (*kept) return UFO_OK;
  ufo_status status = delete_all(object, UFO_TABLE_OBJECTS, rest, error);
  if (!status && !*rest) status = delete_all(object, UFO_TABLE_ATTRIBUTES, rest, error);
  if (!status && !*rest) status = delete_all(object, UFO_TABLE_MAP, rest, error);
  return status;
}

/* ---- the queue ------------------------------------------------------------------------------------------------- */

static ufo_status reclaim_record(ufo_core *core, ufo_etxn *txn, const uint8_t *key, ufo_slice content,
                                 ufo_reclaim *reclaim, bool *kept, ufo_error *error) {
  ufo_garbage garbage;
  bool rest = false;
  *kept = false;
  ufo_status status = ufo_record_decode_garbage(content, &garbage, error);
  if (status) return status;
  object_garbage object = {.core = core, .txn = txn, .id = garbage.id, .reclaim = reclaim};
  status = garbage.kind == UFO_GARBAGE_DROPPED ? reclaim_dropped(&object, kept, &rest, error)
                                               : reclaim_superseded(&object, &garbage, kept, &rest, error);
  if (status) return status;
  if (rest && garbage.kind == UFO_GARBAGE_SUPERSEDED && !*kept) {
    return write_record(txn, ufo_get_be64(key), ufo_get_be32(key + 8), &garbage, error);
  }
  if (rest || *kept) return UFO_OK;
  reclaim->deleted++;
  return delete_found(txn, UFO_TABLE_GARBAGE, key, UFO_GARBAGE_KEY_BYTES, error);
}

ufo_status ufo_garbage_reclaim(ufo_core *core, ufo_etxn *txn, uint64_t generation, ufo_reclaim *reclaim,
                               ufo_error *error) {
  uint8_t at[UFO_GARBAGE_KEY_BYTES], first[UFO_GARBAGE_KEY_BYTES];
  ufo_key_garbage(at, core->garbage_generation, core->garbage_sequence);
  memcpy(first, at, sizeof first);
  bool wrapped = false;
  ufo_status status = UFO_OK;
  for (unsigned kept_count = 0; reclaim->budget > 0 && kept_count < KEPT_MAX;) {
    ufo_cursor *cursor;
    ufo_slice key, value;
    status = ufo_cursor_open(txn, UFO_TABLE_GARBAGE, &cursor, error);
    if (status) return status;
    status = ufo_cursor_seek(cursor, at, sizeof at, &key, &value, error);
    ufo_cursor_close(cursor);
    bool past = status == UFO_END || (!status && ufo_get_be64(key.data) >= generation);
    if (past && wrapped) break;
    if (past) {
      wrapped = true;
      memset(at, 0, sizeof at);
      continue;
    }
    if (status) return status;
    if (wrapped && memcmp(key.data, first, sizeof first) >= 0) break;
    if (key.bytes != sizeof at) return ufo_fail(error, UFO_CORRUPT, "a key in table garbage cannot be right");
    memcpy(at, key.data, sizeof at);
    status = ufo_record_check(UFO_TABLE_GARBAGE, key.data, key.bytes, value, error);
    if (status) break;
    value.bytes -= UFO_SEAL_BYTES;
    bool kept;
    status = reclaim_record(core, txn, at, value, reclaim, &kept, error);
    if (status) break;
    if (kept) kept_count++;
    /* One that may have a rest comes first the next time, but not if it is needed: the others would wait for its end.
     */
    if (reclaim->budget == 0 && !kept) break;
    ufo_key_garbage(at, ufo_get_be64(at), ufo_get_be32(at + 8) + 1);
  }
  core->garbage_generation = ufo_get_be64(at);
  core->garbage_sequence = ufo_get_be32(at + 8);
  if (status <= UFO_OK && status != UFO_OK) { /* the next call passes over the damaged record */
    core->garbage_sequence++;
    return status;
  }
  return UFO_OK;
}

/* ---- on its own ------------------------------------------------------------------------------------------------ */

bool ufo_garbage_present(ufo_core *core) {
  ufo_etxn *txn;
  uint64_t entries;
  pthread_mutex_lock(&core->lock);
  bool present = core->unstage_count > 0;
  pthread_mutex_unlock(&core->lock);
  if (present || ufo_core_begin_read(core, &txn, NULL)) return present;
  if (!ufo_engine_get_entries(txn, UFO_TABLE_GARBAGE, &entries, NULL)) present = entries > 0;
  if (!ufo_engine_get_entries(txn, UFO_TABLE_STAGED, &entries, NULL)) present |= entries > 0;
  ufo_core_end(core, txn);
  return present;
}

static bool collect_once(ufo_core *core) {
  ufo_etxn *txn;
  ufo_counters counters;
  ufo_unstaged unstaged = {0};
  ufo_reclaim reclaim = {.budget = COLLECT_BUDGET};
  ufo_status status = ufo_core_begin_write(core, &txn, NULL);
  if (status) return false;
  status = ufo_counters_get(txn, &counters, NULL);
  if (!status) status = ufo_garbage_unstage(core, txn, &unstaged, NULL);
  if (!status) status = ufo_garbage_reclaim_dead(core, txn, &reclaim, NULL);
  if (!status) status = ufo_garbage_reclaim(core, txn, counters.generation + 1, &reclaim, NULL);
  bool any = reclaim.deleted > 0 || unstaged.count > 0;
  if (!status && any) status = ufo_core_commit(core, txn, NULL);
  else ufo_core_end(core, txn);
  ufo_garbage_unstage_done(core, &unstaged, !status && any);
  return !status && any;
}

void ufo_garbage_collect(ufo_core *core, unsigned rounds) {
  if (!core->writable) return;
  while (rounds-- > 0 && collect_once(core)) continue;
}
