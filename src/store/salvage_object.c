/* salvage_object.c - what becomes of one object of a damaged store, and of what it leads to; see salvage.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/attributes.h"
#include "store/catalogue.h"
#include "store/map.h"
#include "store/salvage.h"
#include "util/bytes.h"
#include "util/checked.h"
#include "util/fail.h"

enum { LABEL_BYTES = UFO_NAME_MAX + 64 };

/* ---- records --------------------------------------------------------------------------------------------------- */

/* Has the map, or have the attributes, something of a later version? A commit writes both with the object's record. */
static ufo_status has_later(ufo_salvager *s, uint64_t id, uint64_t version, bool *later_out) {
  uint8_t from[UFO_MAP_KEY_BYTES];
  ufo_cursor *cursor;
  ufo_slice key, value;
  *later_out = false;
  ufo_key_attributes(from, id, version + 1);
  ufo_status status = ufo_cursor_open(s->current, UFO_TABLE_ATTRIBUTES, &cursor, NULL);
  if (status) return status;
  status = ufo_cursor_seek(cursor, from, UFO_OBJECT_KEY_BYTES, &key, &value, NULL);
  if (!status) *later_out = ufo_get_be64(key.data) == id;
  ufo_cursor_close(cursor);
  if (*later_out || (status && status != UFO_END)) return status;
  status = ufo_cursor_open(s->current, UFO_TABLE_MAP, &cursor, NULL);
  if (status) return status;
  ufo_key_map(from, id, 0, UINT64_MAX);
  status = ufo_cursor_seek(cursor, from, sizeof from, &key, &value, NULL);
  while (!status && !*later_out && ufo_get_be64(key.data) == id) {
    *later_out = ~ufo_get_be64(key.data + 16) > version;
    status = ufo_cursor_next(cursor, &key, &value, NULL);
  }
  ufo_cursor_close(cursor);
  return status == UFO_END ? UFO_OK : status;
}

ufo_status ufo_salvage_find_record(ufo_salvager *s, uint64_t id, uint64_t version, uint64_t *found, ufo_record *record,
                                   const char **doubt) {
  uint8_t newest[UFO_MAP_KEY_BYTES] = {0}, there[UFO_MAP_KEY_BYTES] = {0};
  uint64_t at = version ? version : UFO_VERSION_LIMIT - 1;
  *doubt = NULL;
  ufo_status status = ufo_catalogue_get_newest(s->current, id, at, found, record, NULL);
  if (!status && *found == version) return UFO_OK;
  if (!status && !version) {
    bool later;
    status = has_later(s, id, *found, &later);
    if (status) return status;
    if (later) *doubt = "its record is of an earlier commit: there are chunks or attributes of a later version";
    if (later || !s->hurt[UFO_TABLE_OBJECTS]) return UFO_OK;
    ufo_key_object(newest, id, at);
    ufo_key_object(there, id, *found);
    if (ufo_gaps_meet(&s->gaps[UFO_TABLE_OBJECTS], newest, there))
      *doubt = "a newer version may have been lost: this one is kept";
    return UFO_OK;
  }
  status = ufo_catalogue_get_newest(s->past, id, at, found, record, NULL);
  if (status || (version && *found != version)) return UFO_MISSING;
  if (!version) *doubt = "its record was found in a page of an earlier commit: it may not be the newest version";
  return UFO_OK;
}

/* Its attributes to the new store, if they are there. */
static ufo_status copy_attributes(ufo_salvager *s, const char *name, uint64_t id, uint64_t version, ufo_record *record,
                                  ufo_error *error) {
  uint64_t from = record->attributes_version;
  uint8_t key[UFO_OBJECT_KEY_BYTES];
  ufo_slice content;
  ufo_attributes *set = NULL;
  record->attributes_version = record->attribute_count = 0;
  if (from == 0) return UFO_OK;
  ufo_key_attributes(key, id, from);
  ufo_status status = ufo_record_get(s->current, UFO_TABLE_ATTRIBUTES, key, sizeof key, &content, NULL);
  if (status) status = ufo_record_get(s->past, UFO_TABLE_ATTRIBUTES, key, sizeof key, &content, NULL);
  if (!status) status = ufo_attributes_decode(content.data, content.bytes, &set, NULL);
  if (status) return ufo_salvage_damage(s, UFO_DAMAGE_ATTRIBUTES, name, version, "its attributes are lost");
  record->attributes_version = version;
  record->attribute_count = ufo_attributes_count(set);
  ufo_attributes_free(set);
  status = ufo_filling_begin(&s->out, error);
  if (!status) status = ufo_catalogue_put_attributes(s->out.txn, id, version, content.data, content.bytes, error);
  return status ? status : ufo_filling_count(&s->out, content.bytes, error);
}

static ufo_status put_object(ufo_salvager *s, uint64_t id, uint64_t version, ufo_record *record, ufo_error *error) {
  record->generation = 1;
  ufo_status status = ufo_filling_begin(&s->out, error);
  if (!status) status = ufo_catalogue_put_object(s->out.txn, id, version, record, error);
  return status ? status : ufo_filling_count(&s->out, UFO_OBJECT_RECORD_BYTES, error);
}

static ufo_status take(ufo_salvager *s, uint64_t id, ufo_error *error) {
  if (ufo_u64map_put(&s->taken, id, s, NULL)) return UFO_OK;
  return ufo_fail(error, UFO_FULL, "out of memory");
}

/* ---- objects --------------------------------------------------------------------------------------------------- */

/* In place of an element that is lost. */
static ufo_status put_placeholder(ufo_salvager *s, uint64_t number, const char *cause, uint64_t *id_out,
                                  ufo_error *error) {
  char text[300];
  if (number) snprintf(text, sizeof text, "object %llu: %s", (unsigned long long)number, cause);
  else snprintf(text, sizeof text, "%s", cause);
  ufo_attributes *set;
  ufo_status status = ufo_attributes_create(&set, error);
  if (status) return status;
  status = ufo_attributes_set_strings(set, "ufostore.lost", (const char *[]){text}, NULL, 1, error);
  uint64_t bytes = ufo_attributes_encoded_bytes(set), id = s->next_object++;
  uint8_t *encoded = malloc(bytes);
  if (!status && !encoded) status = ufo_fail(error, UFO_FULL, "out of memory");
  if (!status && id >= UFO_ID_LIMIT) status = ufo_fail(error, UFO_FULL, "there are no numbers left for objects");
  ufo_record record = {.type = UFO_RAW,
                       .element_bytes = 1,
                       .chunk_bytes = UFO_CHUNK_BYTES_DEFAULT,
                       .attributes_version = 1,
                       .attribute_count = 1,
                       .created_ns = s->now_ns,
                       .changed_ns = s->now_ns};
  if (!status) status = put_object(s, id, 1, &record, error);
  if (!status) status = ufo_filling_begin(&s->out, error);
  if (!status) {
    ufo_attributes_encode(set, encoded);
    status = ufo_catalogue_put_attributes(s->out.txn, id, 1, encoded, bytes, error);
  }
  free(encoded);
  ufo_attributes_free(set);
  *id_out = id;
  return status;
}

static ufo_status copy_child(ufo_salvager *s, const char *name, uint64_t list, uint64_t version, uint64_t index,
                             bool doubtful, int depth, bool *lost_out, ufo_error *error) {
  ufo_entry entry;
  char label[LABEL_BYTES];
  int length = snprintf(label, sizeof label, "%s[[%llu]]", name, (unsigned long long)index + 1);
  if (length >= (int)sizeof label) memcpy(label + sizeof label - 4, "...", 4);
  const char *cause = NULL;
  ufo_status status = ufo_salvage_find_entry(s, list, index, version, doubtful, &entry, error);
  if (status == UFO_MISSING || (!status && !entry.is_child)) {
    entry = (ufo_entry){.is_child = true};
    cause = "which object it is, is lost";
  } else if (status) {
    return status;
  } else if (ufo_u64map_get(&s->taken, entry.child_id)) {
    cause = "the object belongs to another list or name already";
  } else {
    status = ufo_salvage_object(s, label, entry.child_id, entry.child_version, doubtful, depth + 1, error);
    if (status == UFO_MISSING) cause = "its record is lost";
    else if (status) return status;
  }
  if (cause) {
    status = ufo_salvage_damage(s, UFO_DAMAGE_ELEMENT, label, entry.child_version, cause);
    if (!status) status = put_placeholder(s, entry.child_id, cause, &entry.child_id, error);
    entry.child_version = 1;
    *lost_out = true;
  }
  if (!status) status = ufo_filling_begin(&s->out, error);
  if (!status) status = ufo_map_put(s->out.txn, list, index, version, &entry, error);
  return status ? status : ufo_filling_count(&s->out, UFO_ENTRY_BYTES_MAX, error);
}

/* One more than the highest element that there is an entry of. */
static ufo_status count_elements(ufo_etxn *txn, uint64_t list, uint64_t *count, ufo_error *error) {
  uint8_t from[UFO_MAP_KEY_BYTES];
  ufo_cursor *cursor;
  ufo_slice key, value;
  ufo_key_map(from, list, 0, UINT64_MAX);
  ufo_status status = ufo_cursor_open(txn, UFO_TABLE_MAP, &cursor, error);
  if (status) return status;
  status = ufo_cursor_seek(cursor, from, sizeof from, &key, &value, error);
  for (; !status && ufo_get_be64(key.data) == list; status = ufo_cursor_next(cursor, &key, &value, error)) {
    uint64_t index = ufo_get_be64(key.data + 8);
    if (index < UINT64_MAX && *count <= index) *count = index + 1;
  }
  ufo_cursor_close(cursor);
  return status == UFO_END ? UFO_OK : status;
}

/* Each element takes an entry in the file. A list that says that it has more than fit there, as only a hostile file
 * can, has as many as were found, or else what stands for the others would fill the disk. */
static ufo_status limit_length(ufo_salvager *s, const char *name, uint64_t id, uint64_t version, ufo_record *record,
                               ufo_error *error) {
  uint64_t most = s->file_bytes / UFO_MAP_KEY_BYTES, found = 0;
  if (record->length <= most) return UFO_OK;
  ufo_status status = count_elements(s->current, id, &found, error);
  if (!status) status = count_elements(s->past, id, &found, error);
  record->length = ufo_min(found, most);
  if (status) return status;
  return ufo_salvage_damage(s, UFO_DAMAGE_OBJECT, name, version,
                            "the list says that it has more elements than the file has room for");
}

static ufo_status copy_children(ufo_salvager *s, const char *name, uint64_t id, uint64_t version, ufo_record *record,
                                bool doubtful, int depth, ufo_error *error) {
  ufo_status status = limit_length(s, name, id, version, record, error);
  record->chunks_written = record->stored_bytes = 0;
  record->chunks_changed = record->length;
  bool whole = true;
  for (uint64_t i = 0; i < record->length && !status; i++) {
    bool lost = false;
    status = copy_child(s, name, id, version, i, doubtful, depth, &lost, error);
    whole = whole && !lost;
    if (!status) status = ufo_salvage_progress(s, 0);
  }
  if (status || whole || record->type != UFO_CHARACTER) return status;
  record->type = UFO_LIST;
  return ufo_salvage_damage(s, UFO_DAMAGE_OBJECT, name, version,
                            "of its strings the words or the text are lost: what is left is kept as a list");
}

typedef struct counting {
  uint64_t version, end;
  uint64_t written, changed, stored_bytes, codec_chunks[UFO_CODEC_COUNT];
} counting;

static ufo_status count_entry(void *user, uint64_t chunk, uint64_t entry_version, const ufo_entry *entry,
                              ufo_error *error) {
  counting *c = user;
  (void)error;
  c->changed += entry_version == c->version;
  if (chunk >= c->end) return UFO_OK;
  c->written++;
  if (entry->is_child) return UFO_OK;
  c->stored_bytes += entry->meta.stored_bytes;
  if (entry->meta.codec < UFO_CODEC_COUNT) c->codec_chunks[entry->meta.codec]++;
  return UFO_OK;
}

/* Where all entries of an object seem to be there, and are not those that its record counts, a page of the map is of an
 * earlier commit: then any of them may be lost. */
static ufo_status compare_counts(ufo_salvager *s, const char *name, uint64_t id, uint64_t version,
                                 const ufo_record *record, ufo_error *error) {
  uint8_t first[UFO_MAP_KEY_BYTES], end[UFO_MAP_KEY_BYTES];
  ufo_key_map(first, id, 0, UINT64_MAX);
  ufo_key_map(end, id + 1, 0, UINT64_MAX);
  if (ufo_gaps_meet(&s->gaps[UFO_TABLE_MAP], first, end)) return UFO_OK;
  bool list = ufo_has_children(record->type);
  counting c = {.version = version, .end = list ? record->length : ufo_record_chunk_count(record)};
  ufo_status status = ufo_map_walk(s->current, id, 0, version, count_entry, &c, error);
  if (status) return status;
  bool same = c.written == (list ? record->length : record->chunks_written) && c.changed == record->chunks_changed;
  if (!list && c.stored_bytes != record->stored_bytes) same = false;
  if (!list && memcmp(c.codec_chunks, record->codec_chunks, sizeof c.codec_chunks) != 0) same = false;
  if (same) return UFO_OK;
  if (!ufo_gaps_open(&s->gaps[UFO_TABLE_MAP], first, end)) return ufo_fail(error, UFO_FULL, "out of memory");
  return ufo_salvage_damage(s, UFO_DAMAGE_OBJECT, name, version,
                            "the map does not have the entries that its record counts: some may be older ones");
}

ufo_status ufo_salvage_object(ufo_salvager *s, const char *name, uint64_t id, uint64_t version, bool doubtful,
                              int depth, ufo_error *error) {
  ufo_record record;
  const char *doubt;
  if (depth > UFO_LIST_DEPTH_MAX) return UFO_MISSING;
  ufo_status status = ufo_salvage_find_record(s, id, version, &version, &record, &doubt);
  if (status) return status;
  status = take(s, id, error);
  if (!status && doubt) status = ufo_salvage_damage(s, UFO_DAMAGE_OBJECT, name, version, doubt);
  doubtful |= doubt != NULL;
  if (!status && !doubtful) status = compare_counts(s, name, id, version, &record, error);
  if (!status) {
    status = ufo_has_children(record.type) ? copy_children(s, name, id, version, &record, doubtful, depth, error)
                                           : ufo_salvage_chunks(s, name, id, version, doubtful, &record, error);
  }
  if (!status) status = copy_attributes(s, name, id, version, &record, error);
  return status ? status : put_object(s, id, version, &record, error);
}
