/* salvage_index.c - puts the sound records of a damaged file in order, and notes where some may be missing; salvage.h.
 *
 * A record is sound if its seal holds for its table and key. Blobs have no seal: the hash in the map decides later. */
#include <stdlib.h>
#include <string.h>

#include "store/catalogue.h"
#include "store/salvage.h"
#include "util/bytes.h"
#include "util/checked.h"
#include "util/fail.h"

#define BATCH_BYTES (UINT64_C(16) << 20)
#define BATCH_ENTRIES 20000
#define RECORD_BYTES_MAX (UINT64_C(1) << 30) /* of attributes */
#define STEP_BYTES (UINT64_C(4) << 20)
enum { STEP_RECORDS = 10000, PLACE_BYTES = 16 };

/* ---- reporting ------------------------------------------------------------------------------------------------- */

ufo_status ufo_salvage_report(ufo_salvager *s, const ufo_damage *found) {
  if (s->ended) return UFO_END;
  s->damages++;
  if (s->report && s->report(s->user, found)) s->ended = true;
  return s->ended ? UFO_END : UFO_OK;
}

ufo_status ufo_salvage_damage(ufo_salvager *s, ufo_damage_kind kind, const char *name, uint64_t version,
                              const char *cause) {
  return ufo_salvage_report(s, &(ufo_damage){.kind = kind, .name = name, .version = version, .cause = cause});
}

ufo_status ufo_salvage_progress(ufo_salvager *s, uint64_t bytes) {
  s->done_bytes += bytes;
  s->steps++;
  if (s->ended) return UFO_END;
  if (!s->progress || (s->done_bytes - s->shown_bytes < STEP_BYTES && s->steps < STEP_RECORDS)) return UFO_OK;
  s->shown_bytes = s->done_bytes;
  s->steps = 0;
  if (!s->progress(s->user, ufo_min(s->done_bytes, s->total_bytes), s->total_bytes)) return UFO_OK;
  s->ended = true;
  return UFO_END;
}

/* ---- gaps ------------------------------------------------------------------------------------------------------ */

bool ufo_gaps_add(ufo_gaps *gaps, const uint8_t *after, const uint8_t *before) {
  if (gaps->count == gaps->capacity) {
    size_t capacity = gaps->capacity ? 2 * gaps->capacity : 16;
    ufo_gap *list = realloc(gaps->list, capacity * sizeof *list);
    if (!list) return false;
    gaps->list = list;
    gaps->capacity = capacity;
  }
  ufo_gap *gap = &gaps->list[gaps->count++];
  memcpy(gap->after, after, sizeof gap->after);
  memcpy(gap->before, before, sizeof gap->before);
  return true;
}

static int order(const uint8_t *a, const uint8_t *b) { return memcmp(a, b, UFO_MAP_KEY_BYTES); }

/* The first gap that ends behind `key`. */
static size_t find_gap(const ufo_gaps *gaps, const uint8_t *key) {
  size_t low = 0, high = gaps->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (order(gaps->list[middle].before, key) > 0) high = middle;
    else low = middle + 1;
  }
  return low;
}

bool ufo_gaps_meet(const ufo_gaps *gaps, const uint8_t *from, const uint8_t *to) {
  size_t at = find_gap(gaps, from);
  return order(from, to) < 0 && at < gaps->count && order(gaps->list[at].after, to) < 0;
}

bool ufo_gaps_open(ufo_gaps *gaps, const uint8_t *after, const uint8_t *before) {
  size_t at = find_gap(gaps, after);
  if (!ufo_gaps_add(gaps, after, before)) return false;
  ufo_gap gap = gaps->list[gaps->count - 1];
  memmove(gaps->list + at + 1, gaps->list + at, (gaps->count - 1 - at) * sizeof *gaps->list);
  gaps->list[at] = gap;
  return true;
}

bool ufo_gaps_close(ufo_gaps *gaps, const uint8_t *from, const uint8_t *to) {
  size_t at = find_gap(gaps, from);
  if (at == gaps->count || order(gaps->list[at].after, from) >= 0) return true;
  ufo_gap *gap = &gaps->list[at];
  if (order(to, gap->before) >= 0) {
    memcpy(gap->before, from, sizeof gap->before);
    return true;
  }
  ufo_gap tail = *gap;
  memcpy(tail.after, to, sizeof tail.after);
  memcpy(gap->before, from, sizeof gap->before);
  if (!ufo_gaps_add(gaps, tail.after, tail.before)) return false;
  memmove(gaps->list + at + 2, gaps->list + at + 1, (gaps->count - at - 2) * sizeof *gaps->list);
  gaps->list[at + 1] = tail;
  return true;
}

/* ---- filling --------------------------------------------------------------------------------------------------- */

ufo_status ufo_filling_begin(ufo_filling *filling, ufo_error *error) {
  return filling->txn ? UFO_OK : ufo_engine_begin_write(filling->engine, NULL, &filling->txn, error);
}

ufo_status ufo_filling_end(ufo_filling *filling, ufo_error *error) {
  ufo_etxn *txn = filling->txn;
  filling->txn = NULL;
  filling->bytes = filling->entries = 0;
  return txn ? ufo_engine_commit(txn, error) : UFO_OK;
}

ufo_status ufo_filling_count(ufo_filling *filling, uint64_t bytes, ufo_error *error) {
  filling->bytes += bytes;
  filling->entries++;
  bool full = filling->bytes >= BATCH_BYTES || filling->entries >= BATCH_ENTRIES;
  return full ? ufo_filling_end(filling, error) : UFO_OK;
}

void ufo_filling_close(ufo_filling *filling) {
  ufo_engine_end(filling->txn);
  ufo_engine_close(filling->engine);
  *filling = (ufo_filling){0};
}

static ufo_status fill(ufo_filling *filling, ufo_table table, ufo_slice key, ufo_slice value, ufo_error *error) {
  ufo_status status = ufo_filling_begin(filling, error);
  if (!status) status = ufo_engine_put(filling->txn, table, key.data, key.bytes, value.data, value.bytes, false, error);
  return status ? status : ufo_filling_count(filling, key.bytes + value.bytes, error);
}

/* ---- nodes ----------------------------------------------------------------------------------------------------- */

static void padded_key(ufo_slice key, uint8_t padded[UFO_MAP_KEY_BYTES]) {
  memset(padded, 0, UFO_MAP_KEY_BYTES);
  memcpy(padded, key.data, ufo_min(key.bytes, UFO_MAP_KEY_BYTES));
}

static size_t key_bytes_of(ufo_table table) {
  switch (table) {
  case UFO_TABLE_OBJECTS:
  case UFO_TABLE_ATTRIBUTES:
    return UFO_OBJECT_KEY_BYTES;
  case UFO_TABLE_MAP:
    return UFO_MAP_KEY_BYTES;
  case UFO_TABLE_BLOBS:
    return UFO_BLOB_KEY_BYTES;
  default:
    return 0;
  }
}

/* Only these matter: what refers to a blob is counted anew, and what is staged or a snapshot is not salvaged. */
static bool is_wanted(ufo_table table) {
  return table != UFO_TABLE_REFS && table != UFO_TABLE_STAGED && table != UFO_TABLE_SNAPSHOTS;
}

/* Is the node a sound record of this table? */
static bool fits(ufo_table table, ufo_slice key, ufo_slice value) {
  size_t bytes = key_bytes_of(table);
  ufo_record record;
  ufo_entry entry;
  ufo_named named;
  if ((bytes && bytes != key.bytes) || ufo_record_check(table, key.data, key.bytes, value, NULL)) return false;
  ufo_slice content = {value.data, value.bytes - UFO_SEAL_BYTES};
  if (table == UFO_TABLE_OBJECTS || table == UFO_TABLE_MAP) {
    uint64_t id = ufo_get_be64(key.data), version = ~ufo_get_be64(key.data + key.bytes - 8);
    if (id == 0 || id >= UFO_ID_LIMIT || version == 0 || version >= UFO_VERSION_LIMIT) return false;
  }
  if (table == UFO_TABLE_OBJECTS) return !ufo_record_decode_object(content, &record, NULL);
  if (table == UFO_TABLE_MAP) return !ufo_record_decode_entry(content, &entry, NULL);
  return table != UFO_TABLE_NAMES || !ufo_catalogue_decode_named(content, &named, NULL);
}

static const ufo_table sealed[] = {UFO_TABLE_MAP,     UFO_TABLE_OBJECTS,    UFO_TABLE_NAMES,
                                   UFO_TABLE_GARBAGE, UFO_TABLE_ATTRIBUTES, UFO_TABLE_META};

/* Of which table is a node that was found without one? A blob is told from the rest by being nothing else. */
static ufo_table table_of(ufo_slice key, ufo_slice value) {
  for (size_t i = 0; i < sizeof sealed / sizeof *sealed; i++)
    if (fits(sealed[i], key, value)) return sealed[i];
  bool other =
      fits(UFO_TABLE_REFS, key, value) || fits(UFO_TABLE_STAGED, key, value) || fits(UFO_TABLE_SNAPSHOTS, key, value);
  return !other && key.bytes == UFO_BLOB_KEY_BYTES ? UFO_TABLE_BLOBS : UFO_TABLE_COUNT;
}

static void note_ids(ufo_salvager *s, ufo_table table, ufo_slice key) {
  bool has_object = table == UFO_TABLE_OBJECTS || table == UFO_TABLE_MAP || table == UFO_TABLE_ATTRIBUTES;
  uint64_t id = has_object || table == UFO_TABLE_BLOBS ? ufo_get_be64(key.data) : 0;
  if (has_object && id < UFO_ID_LIMIT) s->next_object = ufo_max(s->next_object, id + 1);
  if (table == UFO_TABLE_BLOBS && id < UINT64_MAX / 2) s->next_blob = ufo_max(s->next_blob, id + 1);
}

/* What is past must not be told two ways: of two records of one key, neither holds. A name may have led to several
 * objects, one after the other: the youngest. */
static ufo_status put_past(ufo_salvager *s, ufo_table table, ufo_slice key, ufo_slice value, ufo_error *error) {
  static const uint8_t nothing[1];
  ufo_slice old;
  ufo_status status = ufo_filling_begin(&s->attic, error);
  if (!status) status = ufo_engine_get(s->attic.txn, table, key.data, key.bytes, &old, error);
  if (status == UFO_MISSING) return fill(&s->attic, table, key, value, error);
  if (status) return status;
  if (old.bytes == value.bytes && !memcmp(old.data, value.data, value.bytes)) return UFO_OK;
  if (table == UFO_TABLE_NAMES) {
    bool younger = old.bytes < 8 || ufo_get_le64(value.data) > ufo_get_le64(old.data);
    return younger ? fill(&s->attic, table, key, value, error) : UFO_OK;
  }
  if (table == UFO_TABLE_BLOBS) return UFO_OK;
  return fill(&s->attic, table, key, (ufo_slice){nothing, sizeof nothing}, error);
}

static ufo_status place(ufo_salvager *s, const ufo_scan_node *node, ufo_table table, ufo_slice value,
                        ufo_error *error) {
  uint8_t where[PLACE_BYTES];
  if (table == UFO_TABLE_BLOBS) {
    ufo_put_le64(where, node->value_at);
    ufo_put_le64(where + 8, node->value_bytes);
    value = (ufo_slice){where, sizeof where};
  }
  if (is_wanted(table)) note_ids(s, table, node->key);
  if (!is_wanted(table)) return UFO_OK;
  if (node->origin == UFO_SCAN_STALE) return put_past(s, table, node->key, value, error);
  uint8_t key[UFO_MAP_KEY_BYTES];
  padded_key(node->key, key);
  if (node->origin == UFO_SCAN_ORPHAN && (table == UFO_TABLE_MAP || table == UFO_TABLE_OBJECTS)) {
    if (node->first) memcpy(s->page_key, key, sizeof key);
    if (order(s->page_key, key) <= 0 && !ufo_gaps_close(&s->gaps[table], s->page_key, key))
      return ufo_fail(error, UFO_FULL, "out of memory");
    memcpy(s->page_key, key, sizeof key);
  }
  return fill(&s->index, table, node->key, value, error);
}

/* A reached record must sort after the one before it; a gap ends with it. */
static ufo_status follow(ufo_salvager *s, const ufo_scan_node *node, ufo_error *error) {
  if (node->table != UFO_TABLE_MAP && node->table != UFO_TABLE_OBJECTS) return UFO_OK;
  uint8_t key[UFO_MAP_KEY_BYTES];
  padded_key(node->key, key);
  if (order(key, s->last_key) <= 0) return UFO_CORRUPT;
  if (node->gap && !ufo_gaps_add(&s->gaps[node->table], s->last_key, key))
    return ufo_fail(error, UFO_FULL, "out of memory");
  memcpy(s->last_key, key, sizeof key);
  return UFO_OK;
}

static ufo_status take_node(void *user, const ufo_scan_node *node, ufo_error *error) {
  ufo_salvager *s = user;
  ufo_slice value = node->value;
  uint8_t *copy = NULL;
  ufo_table table = node->table;
  ufo_status status = UFO_OK;
  bool reached = node->origin == UFO_SCAN_REACHED;
  bool may_be_sealed = node->key.bytes != UFO_BLOB_KEY_BYTES && !(reached && table == UFO_TABLE_BLOBS);
  if (node->value_bytes && !value.bytes && may_be_sealed) {
    if (node->value_bytes > RECORD_BYTES_MAX) return UFO_CORRUPT;
    if (!(copy = malloc(node->value_bytes))) return ufo_fail(error, UFO_FULL, "out of memory");
    value = (ufo_slice){copy, node->value_bytes};
    status = ufo_scan_read(s->fd, node->value_at, copy, node->value_bytes, NULL);
  }
  if (!status && !reached) table = table_of(node->key, value);
  else if (!status && table == UFO_TABLE_BLOBS) status = node->key.bytes == UFO_BLOB_KEY_BYTES ? UFO_OK : UFO_CORRUPT;
  else if (!status) status = fits(table, node->key, value) ? UFO_OK : UFO_CORRUPT;
  if (!status && table == UFO_TABLE_COUNT) status = UFO_CORRUPT;
  if (!status && reached) status = follow(s, node, error);
  if (!status) status = place(s, node, table, value, error);
  free(copy);
  return status;
}

/* Of a table that seems sound, and does not have as many records as LMDB counts, a page is of an earlier commit. Which
 * one, its records do not say: any may be lost. */
static ufo_status end_table(void *user, const ufo_scan_end *end, ufo_error *error) {
  ufo_salvager *s = user;
  static const uint8_t first[UFO_MAP_KEY_BYTES];
  uint8_t last[UFO_MAP_KEY_BYTES];
  memset(last, 0xFF, sizeof last);
  bool old = !end->damaged && end->sound != end->entries;
  bool has_gaps = end->table == UFO_TABLE_MAP || end->table == UFO_TABLE_OBJECTS;
  if ((end->gap || old) && has_gaps && !ufo_gaps_add(&s->gaps[end->table], old ? first : s->last_key, last))
    return ufo_fail(error, UFO_FULL, "out of memory");
  memset(s->last_key, 0, sizeof s->last_key);
  s->hurt[end->table] = end->damaged || old;
  if (!s->hurt[end->table]) return UFO_OK;
  ufo_error cause;
  const char *name = ufo_table_name(end->table);
  if (old) {
    ufo_fail(&cause, UFO_CORRUPT,
             "table %s has %llu records, and should have %llu: a page of it may be that of an earlier commit", name,
             (unsigned long long)end->sound, (unsigned long long)end->entries);
  } else {
    ufo_fail(&cause, UFO_CORRUPT, "pages or records of table %s are damaged", name);
  }
  return ufo_salvage_damage(s, UFO_DAMAGE_STORE, NULL, 0, cause.message);
}

static void note_damage(void *user, const char *cause) {
  ufo_status ended = ufo_salvage_damage(user, UFO_DAMAGE_STORE, NULL, 0, cause);
  (void)ended; /* seen at the next progress */
}

static ufo_status note_progress(void *user, uint64_t bytes) { return ufo_salvage_progress(user, bytes); }

ufo_status ufo_salvage_scan(ufo_salvager *s, ufo_error *error) {
  ufo_scan_calls calls = {s, take_node, end_table, note_damage, note_progress};
  ufo_scan *scan;
  ufo_status status = ufo_scan_create(s->fd, &calls, &scan, error);
  if (status) return status;
  s->total_bytes = s->file_bytes = ufo_scan_file_bytes(scan);
  status = ufo_scan_tables(scan, error);
  bool hurt = false;
  for (int table = 0; table < UFO_TABLE_COUNT; table++) hurt |= s->hurt[table];
  if (hurt) s->total_bytes += s->done_bytes; /* every page that was not walked is looked at */
  if (!status && hurt) status = ufo_scan_others(scan, UFO_SCAN_ORPHAN, error);
  if (!status && hurt) status = ufo_scan_others(scan, UFO_SCAN_STALE, error);
  ufo_scan_free(scan);
  if (!status) status = ufo_filling_end(&s->index, error);
  if (!status) status = ufo_filling_end(&s->attic, error);
  if (!status) status = ufo_engine_begin_read(s->index.engine, NULL, &s->current, error);
  if (!status) status = ufo_engine_begin_read(s->attic.engine, NULL, &s->past, error);
  return status;
}
