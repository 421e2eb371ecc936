/* verify_walk.c - going through a table with suspicion, and reporting what is found; see verify.h. */
#include <stdio.h>
#include <string.h>

#include "store/snapshots.h"
#include "store/verify.h"
#include "util/bytes.h"
#include "util/checked.h"
#include "util/fail.h"

enum { STEP_BYTES = 1 << 22, STEP_RECORDS = 10000 };

/* ---- reporting ------------------------------------------------------------------------------------------------- */

static void report(ufo_verifier *v, const ufo_damage *found) {
  if (v->stop || v->muted || v->starved) return; /* what was not looked at is not damaged */
  v->damages++;
  if (v->report && v->report(v->user, found)) v->stop = true;
}

void ufo_verify_damage_store(ufo_verifier *v, const char *cause) {
  report(v, &(ufo_damage){.kind = UFO_DAMAGE_STORE, .cause = cause});
}

void ufo_verify_damage_name(ufo_verifier *v, const char *name, const char *cause) {
  report(v, &(ufo_damage){.kind = UFO_DAMAGE_NAME, .name = name, .cause = cause});
}

bool ufo_verify_good(ufo_verifier *v, ufo_status status) {
  if (status == UFO_FULL) v->starved = true;
  return status == UFO_OK;
}

enum { NAME_TEXT_BYTES = UFO_NAME_MAX + 64 };

/* The object's name, "list[[3]]" for a child, or "object 17" for one that nothing leads to. The name of one that only
 * snapshots have is returned, too. */
static const ufo_verify_past *name_of(const ufo_verifier *v, uint64_t id, char text[NAME_TEXT_BYTES]) {
  char tail[64] = "";
  for (int depth = 0; depth < 8; depth++) {
    const ufo_verify_place *at = ufo_u64map_get(&v->places, id);
    if (!at) break;
    if (at->parent == 0) {
      snprintf(text, NAME_TEXT_BYTES, "%.*s%s", UFO_NAME_MAX, at->name, tail);
      return NULL;
    }
    char longer[sizeof tail];
    int length = snprintf(longer, sizeof longer, "[[%llu]]%s", (unsigned long long)at->index + 1, tail);
    if (length > 0 && (size_t)length < sizeof longer) memcpy(tail, longer, sizeof tail);
    id = at->parent;
  }
  const ufo_verify_past *past = ufo_u64map_get(&v->past, id);
  if (past) snprintf(text, NAME_TEXT_BYTES, "%.*s%s", UFO_NAME_MAX, past->name, tail);
  else snprintf(text, NAME_TEXT_BYTES, "object %llu%s", (unsigned long long)id, tail);
  return past;
}

void ufo_verify_report(ufo_verifier *v, uint64_t id, ufo_damage found) {
  char name[NAME_TEXT_BYTES], label[UFO_NAME_MAX + 1];
  ufo_error longer;
  ufo_snapshot_record record;
  const ufo_verify_past *past = name_of(v, id, name);
  /* Something else may have the name and the version now. */
  if (past && ufo_snapshots_find_label(v->txn, past->generation, label, &record, NULL) == UFO_OK) {
    ufo_fail(&longer, UFO_CORRUPT, "in snapshot '%s': %s", label, found.cause);
    found.cause = longer.message;
  }
  found.name = name;
  report(v, &found);
}

void ufo_verify_damage_object(ufo_verifier *v, ufo_damage_kind kind, uint64_t id, uint64_t version, uint64_t count,
                              const char *cause) {
  ufo_verify_report(v, id, (ufo_damage){.kind = kind, .version = version, .count = count, .cause = cause});
}

void ufo_verify_report_unread(ufo_verifier *v, uint64_t id, ufo_damage found, const ufo_error *cause) {
  char name[NAME_TEXT_BYTES];
  if (v->unread++ == 0) {
    name_of(v, id, name);
    v->first_unread = *cause;
    ufo_fail_prefix(&v->first_unread, cause->code, "'%s' version %llu, elements %llu:%llu (from 0, end excluded)", name,
                    (unsigned long long)found.version, (unsigned long long)found.first,
                    (unsigned long long)(found.first + found.count));
  }
  ufo_verify_report(v, id, found);
}

ufo_status ufo_verify_progress(ufo_verifier *v, uint64_t bytes) {
  v->done_bytes += bytes;
  v->steps++;
  if (!v->progress || (v->done_bytes - v->shown_bytes < STEP_BYTES && v->steps < STEP_RECORDS)) return UFO_OK;
  v->shown_bytes = v->done_bytes;
  v->steps = 0;
  if (!v->progress(v->user, v->done_bytes, ufo_max(v->total_bytes, v->done_bytes))) return UFO_OK;
  v->stop = v->ended = true;
  return UFO_END;
}

/* ---- walking a table ------------------------------------------------------------------------------------------- */

/* The record with this key is damaged: whose is it? */
static void damage_record(ufo_verifier *v, ufo_table table, ufo_slice key, const char *cause) {
  uint64_t id = key.bytes >= UFO_OBJECT_KEY_BYTES ? ufo_get_be64(key.data) : 0;
  uint64_t last = id ? ufo_get_be64(key.data + key.bytes - 8) : 0; /* a version; in two tables the newest come first */
  if (table == UFO_TABLE_MAP && key.bytes == UFO_MAP_KEY_BYTES) {
    ufo_verify_damage_entry(v, id, ~last, ufo_get_be64(key.data + 8), cause);
  } else if (table == UFO_TABLE_OBJECTS && id) {
    ufo_verify_damage_object(v, UFO_DAMAGE_OBJECT, id, ~last, 0, cause);
  } else if (table == UFO_TABLE_ATTRIBUTES && id) {
    ufo_verify_damage_object(v, UFO_DAMAGE_ATTRIBUTES, id, last, 0, cause);
  } else if (table == UFO_TABLE_NAMES && key.bytes <= UFO_NAME_MAX) {
    char name[UFO_NAME_MAX + 1];
    memcpy(name, key.data, key.bytes);
    name[key.bytes] = '\0';
    ufo_verify_damage_name(v, name, cause);
  } else {
    ufo_verify_damage_store(v, cause);
  }
}

/* The keys in LMDB's index pages have no checksum. If each key that is there is also found by a search, then a search
 * for any other key ends at the right place, too: between the same two leaves. */
static void check_key(ufo_verifier *v, ufo_table table, ufo_slice key, ufo_slice value) {
  ufo_slice found;
  ufo_status status = ufo_engine_get(v->txn, table, key.data, key.bytes, &found, NULL);
  if (ufo_verify_good(v, status) && found.data == value.data) return;
  ufo_error cause;
  ufo_fail(&cause, UFO_CORRUPT,
           "a record of table %s is there, but a search does not find it: an index page is damaged",
           ufo_table_name(table));
  damage_record(v, table, key, cause.message);
}

static ufo_status check_record(ufo_verifier *v, ufo_table table, size_t key_bytes, ufo_slice key, ufo_slice value,
                               ufo_verify_visit_fn visit, ufo_error *error) {
  ufo_error cause;
  if (key_bytes && key.bytes != key_bytes) {
    ufo_fail(&cause, UFO_CORRUPT, "a key of table %s has %zu bytes, not %zu", ufo_table_name(table), key.bytes,
             key_bytes);
    ufo_verify_damage_store(v, cause.message);
    return UFO_OK;
  }
  if (table == UFO_TABLE_BLOBS) return visit(v, key, value, error);
  if (ufo_record_check(table, key.data, key.bytes, value, &cause) != UFO_OK) {
    damage_record(v, table, key, cause.message);
    return UFO_OK;
  }
  return visit(v, key, (ufo_slice){value.data, value.bytes - UFO_SEAL_BYTES}, error);
}

static bool ascends(ufo_slice before, ufo_slice key) {
  size_t common = ufo_min(before.bytes, key.bytes);
  int order = common ? memcmp(before.data, key.data, common) : 0;
  return order < 0 || (order == 0 && before.bytes < key.bytes);
}

ufo_status ufo_verify_walk(ufo_verifier *v, ufo_table table, size_t key_bytes, ufo_verify_visit_fn visit,
                           ufo_error *error) {
  ufo_cursor *cursor;
  uint64_t entries, count = 0;
  ufo_status status = ufo_engine_get_entries(v->txn, table, &entries, error);
  if (status == UFO_OK) status = ufo_cursor_open(v->txn, table, &cursor, error);
  if (status != UFO_OK) return status;
  ufo_slice key, value, before = {0}; /* keys stay where they are as long as the transaction reads */
  ufo_error cause;
  status = ufo_cursor_seek(cursor, NULL, 0, &key, &value, error);
  while (status == UFO_OK && !v->stop) {
    if (count > 0 && !ascends(before, key)) { /* it might go round in circles */
      ufo_fail(&cause, UFO_CORRUPT, "the keys of table %s are out of order: the rest of it was not checked",
               ufo_table_name(table));
      ufo_verify_damage_store(v, cause.message);
      break;
    }
    check_key(v, table, key, value);
    status = check_record(v, table, key_bytes, key, value, visit, error);
    before = key;
    count++;
    if (status == UFO_OK && v->starved) status = ufo_fail(error, UFO_FULL, "cannot verify: out of memory");
    if (status == UFO_OK) status = ufo_verify_progress(v, 0);
    if (status == UFO_OK) status = ufo_cursor_next(cursor, &key, &value, error);
  }
  ufo_cursor_close(cursor);
  if (status != UFO_END || v->stop) return status;
  if (count != entries) {
    ufo_fail(&cause, UFO_CORRUPT, "table %s has %llu records, and should have %llu", ufo_table_name(table),
             (unsigned long long)count, (unsigned long long)entries);
    ufo_verify_damage_store(v, cause.message);
  }
  return UFO_OK;
}
