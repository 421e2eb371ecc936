/* snapshots.c - see snapshots.h. */
#include "store/snapshots.h"

#include <stdlib.h>
#include <string.h>

#include "util/bytes.h"
#include "util/fail.h"
#include "util/plant.h"

enum {
  LABEL = 1, /* kinds of keys */
  PAST_NAME = 2,
  PAST_HEAD_BYTES = 9,
  KEY_BYTES_MAX = PAST_HEAD_BYTES + UFO_NAME_MAX + 1, /* and one more, to seek behind a key */
  RECORD_BYTES = 32,
};

static size_t label_key(uint8_t key[KEY_BYTES_MAX], const char *label) {
  size_t bytes = strlen(label);
  key[0] = LABEL;
  memcpy(key + 1, label, bytes);
  return 1 + bytes;
}

static size_t past_key(uint8_t key[KEY_BYTES_MAX], uint64_t generation, const char *name) {
  size_t bytes = strlen(name);
  key[0] = PAST_NAME;
  ufo_put_be64(key + 1, generation);
  memcpy(key + PAST_HEAD_BYTES, name, bytes);
  return PAST_HEAD_BYTES + bytes;
}

bool ufo_snapshots_split_key(ufo_slice key, ufo_snapshot_key *out) {
  size_t head = key.bytes > 0 && key.data[0] == LABEL ? 1 : PAST_HEAD_BYTES;
  if (key.bytes <= head || key.bytes > head + UFO_NAME_MAX || (head > 1 && key.data[0] != PAST_NAME)) return false;
  out->generation = head > 1 ? ufo_get_be64(key.data + 1) : 0;
  /* No text holds a NUL; what looks for the one behind it would find the same again. */
  if (memchr(key.data + head, 0, key.bytes - head)) return false;
  memcpy(out->text, key.data + head, key.bytes - head);
  out->text[key.bytes - head] = '\0';
  return head == 1 || out->generation > 0;
}

/* ---- records --------------------------------------------------------------------------------------------------- */

ufo_status ufo_snapshots_decode(ufo_slice content, ufo_snapshot_record *record, ufo_error *error) {
  *record = (ufo_snapshot_record){0};
  if (content.bytes == RECORD_BYTES) {
    record->generation = ufo_get_le64(content.data);
    record->created_ns = (int64_t)ufo_get_le64(content.data + 8);
    record->names = ufo_get_le64(content.data + 16);
  }
  if (record->generation > 0 && record->generation < UFO_PARKED) return UFO_OK;
  return ufo_fail(error, UFO_CORRUPT, "the record of a snapshot cannot be right");
}

ufo_status ufo_snapshots_get(ufo_etxn *txn, const char *label, ufo_snapshot_record *record, ufo_error *error) {
  uint8_t key[KEY_BYTES_MAX];
  ufo_slice content;
  ufo_status status = ufo_record_get(txn, UFO_TABLE_SNAPSHOTS, key, label_key(key, label), &content, error);
  return status ? status : ufo_snapshots_decode(content, record, error);
}

ufo_status ufo_snapshots_put(ufo_etxn *txn, const char *label, const ufo_snapshot_record *record, ufo_error *error) {
  uint8_t key[KEY_BYTES_MAX], bytes[RECORD_BYTES + UFO_SEAL_BYTES] = {0};
  ufo_put_le64(bytes, record->generation);
  ufo_put_le64(bytes + 8, (uint64_t)record->created_ns);
  ufo_put_le64(bytes + 16, record->names);
  return ufo_record_put(txn, UFO_TABLE_SNAPSHOTS, key, label_key(key, label), bytes, RECORD_BYTES, false, error);
}

ufo_status ufo_snapshots_check(ufo_etxn *txn, const ufo_sight *sight, ufo_error *error) {
  ufo_snapshot_record record;
  ufo_status status = ufo_snapshots_get(txn, sight->label, &record, error);
  if (status && status != UFO_MISSING) return status;
  if (!status && record.generation == sight->generation) return UFO_OK;
  return ufo_fail(error, UFO_MISSING, "the snapshot '%s' was removed", sight->label);
}

/* The first key of the table at or after `wanted`: a copy, and its content. Keys that cannot be are damage. */
static ufo_status seek(ufo_etxn *txn, const uint8_t *wanted, size_t wanted_bytes, ufo_snapshot_key *key,
                       ufo_slice *content, ufo_error *error) {
  ufo_cursor *cursor;
  ufo_slice found, value;
  ufo_status status = ufo_cursor_open(txn, UFO_TABLE_SNAPSHOTS, &cursor, error);
  if (status) return status;
  status = ufo_cursor_seek(cursor, wanted, wanted_bytes, &found, &value, error);
  if (!status) status = ufo_record_check(UFO_TABLE_SNAPSHOTS, found.data, found.bytes, value, error);
  if (!status && !ufo_snapshots_split_key(found, key)) {
    status = ufo_fail(error, UFO_CORRUPT, "a key in table snapshots cannot be right");
  }
  if (!status) *content = (ufo_slice){value.data, value.bytes - UFO_SEAL_BYTES};
  ufo_cursor_close(cursor);
  return status;
}

/* ---- their generations ----------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b) {
  uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
  return (left > right) - (left < right);
}

/* With one cursor: there may be thousands. */
ufo_status ufo_snapshots_walk(ufo_etxn *txn, ufo_snapshots_visit_fn visit, void *user, ufo_error *error) {
  static const uint8_t first[] = {LABEL};
  ufo_cursor *cursor;
  ufo_slice key, value;
  ufo_snapshot_record record;
  ufo_status status = ufo_cursor_open(txn, UFO_TABLE_SNAPSHOTS, &cursor, error);
  if (status) return status;
  status = ufo_cursor_seek(cursor, first, sizeof first, &key, &value, error);
  while (!status && key.bytes > 0 && key.data[0] <= LABEL) {
    status = ufo_record_check(UFO_TABLE_SNAPSHOTS, key.data, key.bytes, value, error);
    if (!status && (key.bytes < 2 || key.bytes > 1 + UFO_NAME_MAX || key.data[0] != LABEL))
      status = ufo_fail(error, UFO_CORRUPT, "a key in table snapshots cannot be right");
    if (!status) {
      status = ufo_snapshots_decode((ufo_slice){value.data, value.bytes - UFO_SEAL_BYTES}, &record, error);
    }
    if (!status) status = visit(user, (ufo_slice){key.data + 1, key.bytes - 1}, &record, error);
    if (!status) status = ufo_cursor_next(cursor, &key, &value, error);
  }
  ufo_cursor_close(cursor);
  return status == UFO_END ? UFO_OK : status;
}

typedef struct label_search {
  uint64_t generation;
  char *label;
  ufo_snapshot_record *record;
} label_search;

static ufo_status compare_label(void *user, ufo_slice label, const ufo_snapshot_record *record, ufo_error *error) {
  (void)error;
  label_search *search = user;
  if (record->generation != search->generation) return UFO_OK;
  memcpy(search->label, label.data, label.bytes);
  search->label[label.bytes] = '\0';
  *search->record = *record;
  return UFO_END;
}

ufo_status ufo_snapshots_find_label(ufo_etxn *txn, uint64_t generation, char label[UFO_NAME_MAX + 1],
                                    ufo_snapshot_record *record, ufo_error *error) {
  label_search search = {generation, label, record};
  label[0] = '\0';
  ufo_status status = ufo_snapshots_walk(txn, compare_label, &search, error);
  return status || label[0] ? status : UFO_END;
}

static ufo_status add_generation(void *user, ufo_slice label, const ufo_snapshot_record *record, ufo_error *error) {
  (void)label;
  ufo_snapshot_index *index = user;
  if (index->count == index->capacity) {
    size_t capacity = index->capacity ? 2 * index->capacity : 16;
    uint64_t *larger = realloc(index->generations, capacity * sizeof *larger);
    if (!larger) return ufo_fail(error, UFO_FULL, "out of memory");
    index->generations = larger;
    index->capacity = capacity;
  }
  index->generations[index->count++] = record->generation;
  return UFO_OK;
}

ufo_status ufo_snapshots_load(ufo_etxn *txn, ufo_snapshot_index *index, ufo_error *error) {
  *index = (ufo_snapshot_index){0};
  uint64_t entries;
  ufo_status status = ufo_engine_get_entries(txn, UFO_TABLE_SNAPSHOTS, &entries, error);
  if (status || entries == 0) return status;
  status = ufo_snapshots_walk(txn, add_generation, index, error);
  if (index->count) qsort(index->generations, index->count, sizeof *index->generations, compare);
  return status;
}

void ufo_snapshots_free(ufo_snapshot_index *index) {
  free(index->generations);
  *index = (ufo_snapshot_index){0};
}

/* How many are before `generation`. */
static size_t place_of(const ufo_snapshot_index *index, uint64_t generation) {
  size_t low = 0, high = index->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (index->generations[middle] < generation) low = middle + 1;
    else high = middle;
  }
  return low;
}

bool ufo_snapshots_have(const ufo_snapshot_index *index, uint64_t generation) {
  size_t place = place_of(index, generation);
  return place < index->count && index->generations[place] == generation;
}

uint64_t ufo_snapshots_before(const ufo_snapshot_index *index, uint64_t generation) {
  size_t place = place_of(index, generation);
  return place ? index->generations[place - 1] : 0;
}

/* ---- objects --------------------------------------------------------------------------------------------------- */

ufo_status ufo_snapshots_get_object(ufo_etxn *txn, uint64_t generation, uint64_t id, uint64_t *version_out,
                                    ufo_record *record, ufo_error *error) {
  for (uint64_t at = UINT64_MAX;; at = *version_out - 1) {
    ufo_status status = ufo_catalogue_get_newest(txn, id, at, version_out, record, error);
    if (status || record->generation <= generation) return status;
    if (*version_out == 0) return UFO_MISSING;
  }
}

ufo_status ufo_snapshots_holder(ufo_etxn *txn, const ufo_snapshot_index *index, uint64_t id, uint64_t first,
                                uint64_t last, uint64_t end, uint64_t *generation_out, uint64_t *version_out,
                                ufo_error *error) {
  *generation_out = *version_out = 0;
  if (index->count == 0 || ufo_planted("snapshots-ignored")) return UFO_OK;
  /* A version is seen by the snapshots from its own generation on and before that of the next newer one. */
  for (uint64_t at = UINT64_MAX;;) {
    uint64_t version;
    ufo_record record;
    ufo_status status = ufo_catalogue_get_newest(txn, id, at, &version, &record, error);
    if (status) return status == UFO_MISSING ? UFO_OK : status;
    if (version < first) return UFO_OK;
    uint64_t newest = ufo_snapshots_before(index, end);
    if (version <= last && newest && newest >= record.generation) {
      *generation_out = newest;
      *version_out = version;
      return UFO_OK;
    }
    if (record.generation < end) end = record.generation;
    if (version == 0) return UFO_OK;
    at = version - 1;
  }
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

/* What the snapshot of `generation`, or a later one, noted of a name: for those who go through all of them. */
static ufo_status get_past(ufo_etxn *txn, uint64_t generation, const char *name, ufo_named *named, ufo_error *error) {
  uint8_t key[KEY_BYTES_MAX];
  ufo_slice content;
  size_t bytes = past_key(key, generation, name);
  ufo_status status = ufo_record_get(txn, UFO_TABLE_SNAPSHOTS, key, bytes, &content, error);
  return status ? status : ufo_catalogue_decode_named(content, named, error);
}

/* Is there a note at or after this place? Of the first one: its generation, and whether it is this very place. Names of
 * the past are few, and labels may be thousands: so the notes lead from one to the next. UFO_END. */
static ufo_status next_noted(ufo_etxn *txn, uint64_t generation, const char *name, uint64_t *noted_out, bool *same_out,
                             ufo_error *error) {
  uint8_t wanted[KEY_BYTES_MAX];
  ufo_cursor *cursor;
  ufo_slice key, value;
  size_t bytes = past_key(wanted, generation, name);
  ufo_status status = ufo_cursor_open(txn, UFO_TABLE_SNAPSHOTS, &cursor, error);
  if (status) return status;
  status = ufo_cursor_seek(cursor, wanted, bytes, &key, &value, error);
  if (!status && key.data[0] > PAST_NAME) {
    status = UFO_END; /* verifying says that it cannot be */
  } else if (!status && key.bytes <= PAST_HEAD_BYTES) {
    status = ufo_fail(error, UFO_CORRUPT, "a key in table snapshots cannot be right");
  } else if (!status) {
    *noted_out = ufo_get_be64(key.data + 1);
    *same_out = key.bytes == bytes && memcmp(key.data, wanted, bytes) == 0;
  }
  ufo_cursor_close(cursor);
  return status;
}

ufo_status ufo_snapshots_get_name(ufo_etxn *txn, uint64_t generation, const char *name, uint64_t *id_out,
                                  ufo_error *error) {
  ufo_named named;
  uint64_t at = generation, noted;
  bool same;
  *id_out = 0;
  ufo_status status;
  while (!(status = next_noted(txn, at, name, &noted, &same, error))) {
    if (same) status = get_past(txn, noted, name, &named, error);
    if (status) return status;
    if (same && named.since <= generation) {
      *id_out = named.id;
      return UFO_OK;
    }
    at = noted > at ? noted : at + 1;
  }
  if (status != UFO_END) return status;
  status = ufo_catalogue_get_named(txn, name, &named, error);
  if (!status && named.since <= generation) *id_out = named.id;
  return status;
}

/* The first name noted at `noted` that sorts after `after` and was in force at `generation`; `found` may be the same
 * place. UFO_END. */
static ufo_status next_past(ufo_etxn *txn, uint64_t noted, uint64_t generation, const char *after,
                            char found[UFO_NAME_MAX + 1], ufo_error *error) {
  uint8_t wanted[KEY_BYTES_MAX];
  if (found != after) strcpy(found, after);
  for (;;) {
    size_t bytes = past_key(wanted, noted, found);
    wanted[bytes++] = 0;
    ufo_snapshot_key key;
    ufo_slice content;
    ufo_named named;
    ufo_status status = seek(txn, wanted, bytes, &key, &content, error);
    if (status) return status;
    if (key.generation != noted) return UFO_END;
    strcpy(found, key.text);
    status = ufo_catalogue_decode_named(content, &named, error);
    if (status || named.since <= generation) return status;
  }
}

static ufo_status next_present(ufo_etxn *txn, uint64_t generation, const char *after, char found[UFO_NAME_MAX + 1],
                               ufo_error *error) {
  ufo_cursor *cursor;
  ufo_slice key, value;
  uint8_t wanted[UFO_NAME_MAX + 1];
  size_t bytes = strlen(after);
  memcpy(wanted, after, bytes);
  wanted[bytes++] = 0;
  ufo_status status = ufo_cursor_open(txn, UFO_TABLE_NAMES, &cursor, error);
  if (status) return status;
  status = ufo_cursor_seek(cursor, wanted, bytes, &key, &value, error);
  while (!status) {
    if (key.bytes == 0 || key.bytes > UFO_NAME_MAX || memchr(key.data, 0, key.bytes)) {
      status = ufo_fail(error, UFO_CORRUPT, "a name cannot be right");
      break;
    }
    memcpy(found, key.data, key.bytes);
    found[key.bytes] = '\0';
    ufo_named named;
    /* One that is damaged may belong to the snapshot: whoever looks at it then learns of the damage. */
    if (ufo_record_check(UFO_TABLE_NAMES, key.data, key.bytes, value, NULL)) break;
    ufo_slice content = {value.data, value.bytes - UFO_SEAL_BYTES};
    if (ufo_catalogue_decode_named(content, &named, NULL) || named.since <= generation) break;
    status = ufo_cursor_next(cursor, &key, &value, error);
  }
  ufo_cursor_close(cursor);
  return status;
}

ufo_status ufo_snapshots_next_name(ufo_etxn *txn, uint64_t generation, char name[UFO_NAME_MAX + 1], ufo_error *error) {
  char found[UFO_NAME_MAX + 1], least[UFO_NAME_MAX + 1] = "";
  uint64_t noted = generation;
  bool same;
  ufo_status status = next_present(txn, generation, name, found, error);
  for (;;) {
    if (!status && (!least[0] || strcmp(found, least) < 0)) strcpy(least, found);
    if (status && status != UFO_END) return status;
    status = next_noted(txn, noted, "", &noted, &same, error);
    if (status == UFO_END) break;
    if (!status) status = next_past(txn, noted++, generation, name, found, error);
  }
  strcpy(name, least);
  return least[0] ? UFO_OK : UFO_END;
}

static ufo_status put_past(ufo_etxn *txn, uint64_t generation, const char *name, const ufo_named *named,
                           ufo_error *error) {
  uint8_t key[KEY_BYTES_MAX], record[UFO_NAMED_BYTES + UFO_SEAL_BYTES];
  ufo_catalogue_encode_named(named, record);
  size_t bytes = past_key(key, generation, name);
  return ufo_record_put(txn, UFO_TABLE_SNAPSHOTS, key, bytes, record, UFO_NAMED_BYTES, false, error);
}

ufo_status ufo_snapshots_keep_name(ufo_etxn *txn, uint64_t newest, const char *name, ufo_error *error) {
  ufo_named named;
  if (newest == 0) return UFO_OK;
  ufo_status status = ufo_catalogue_get_named(txn, name, &named, error);
  if (status || named.id == 0 || named.since > newest) return status;
  return put_past(txn, newest, name, &named, error);
}

/* ---- the end of one -------------------------------------------------------------------------------------------- */

ufo_status ufo_snapshots_delete(ufo_etxn *txn, const ufo_sight *sight, ufo_error *error) {
  ufo_snapshot_index index;
  uint8_t key[KEY_BYTES_MAX];
  char name[UFO_NAME_MAX + 1] = "";
  ufo_status status = ufo_snapshots_load(txn, &index, error);
  uint64_t before = ufo_snapshots_before(&index, sight->generation);
  ufo_snapshots_free(&index);
  while (!status && !(status = next_past(txn, sight->generation, UINT64_MAX, name, name, error))) {
    ufo_named named;
    status = get_past(txn, sight->generation, name, &named, error);
    if (!status && before && named.since <= before) status = put_past(txn, before, name, &named, error);
    size_t bytes = past_key(key, sight->generation, name);
    if (!status) status = ufo_engine_delete(txn, UFO_TABLE_SNAPSHOTS, key, bytes, error);
  }
  if (status && status != UFO_END) return status;
  return ufo_engine_delete(txn, UFO_TABLE_SNAPSHOTS, key, label_key(key, sight->label), error);
}
