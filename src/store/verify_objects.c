/* verify_objects.c - checks of records of objects and of their attributes, against each other and against the map. */
#include <stdlib.h>
#include <string.h>

#include "store/attributes.h"
#include "store/catalogue.h"
#include "store/map.h"
#include "store/verify.h"
#include "util/bytes.h"
#include "util/checked.h"
#include "util/fail.h"
#include "util/u64map.h"

bool ufo_verify_find_object(ufo_verifier *v, uint64_t id, uint64_t version, uint64_t *found_out, ufo_record *record) {
  uint64_t found;
  if (!ufo_verify_good(v, ufo_catalogue_get_newest(v->txn, id, version, &found, record, NULL))) return false;
  if (found_out) *found_out = found;
  return true;
}

static ufo_damage damage_at(ufo_verifier *v, uint64_t id, uint64_t version, uint64_t chunk, const char *cause) {
  ufo_record record;
  ufo_damage found = {.kind = UFO_DAMAGE_CHUNK, .version = version, .first_chunk = chunk, .chunks = 1, .cause = cause};
  bool known = (version && ufo_verify_find_object(v, id, version, NULL, &record)) ||
               ufo_verify_find_object(v, id, UFO_VERSION_LIMIT - 1, NULL, &record);
  if (known && ufo_has_children(record.type)) {
    found = (ufo_damage){.kind = UFO_DAMAGE_ELEMENT, .version = version, .first = chunk, .count = 1, .cause = cause};
  } else if (known && record.element_bytes && chunk < ufo_record_chunk_count(&record)) { /* elements, if only in part */
    ufo_record_elements_of(&record, chunk, chunk + 1, &found.first, &found.count);
  }
  return found;
}

void ufo_verify_damage_entry(ufo_verifier *v, uint64_t id, uint64_t version, uint64_t chunk, const char *cause) {
  ufo_verify_report(v, id, damage_at(v, id, version, chunk, cause));
}

void ufo_verify_unread_entry(ufo_verifier *v, uint64_t id, uint64_t version, uint64_t chunk, const ufo_error *cause) {
  ufo_verify_report_unread(v, id, damage_at(v, id, version, chunk, cause->message), cause);
}

/* ---- what the map has of an object ------------------------------------------------------------------------------- */

typedef struct counting {
  ufo_verifier *verifier;
  const ufo_record *record;
  uint64_t id, version;
  uint64_t end; /* entries behind the end of the version are not in force */
  uint64_t written, changed, stored_bytes, codec_chunks[UFO_CODEC_COUNT];
  ufo_u64map children; /* ids of those of a list; the values mean nothing */
} counting;

/* Does the entry fit the object? */
static void check_fit(const counting *c, uint64_t chunk, const ufo_entry *entry) {
  const ufo_record *record = c->record;
  bool list = ufo_has_children(record->type);
  if (entry->is_child != list) {
    ufo_verify_damage_entry(c->verifier, c->id, c->version, chunk,
                            list ? "an entry of this list is not an element" : "a vector has an entry for an element");
  } else if (!list && entry->meta.raw_bytes > ufo_record_chunk_raw_bytes(record, chunk)) {
    ufo_verify_damage_entry(c->verifier, c->id, c->version, chunk, "its entry in the map is of a longer chunk");
  }
}

static void check_child(counting *c, uint64_t chunk, uint64_t child) {
  ufo_error cause;
  void *before = NULL;
  if (!ufo_u64map_put(&c->children, child, c, &before)) c->verifier->starved = true;
  if (!before) return;
  ufo_fail(&cause, UFO_CORRUPT, "object %llu is an element of this list twice", (unsigned long long)child);
  ufo_verify_damage_entry(c->verifier, c->id, c->version, chunk, cause.message);
}

static ufo_status count_entry(void *user, uint64_t chunk, uint64_t entry_version, const ufo_entry *entry,
                              ufo_error *error) {
  counting *c = user;
  (void)error;
  c->changed += entry_version == c->version;
  if (chunk < c->end) {
    c->written++;
    if (!entry->is_child) {
      c->stored_bytes += entry->meta.stored_bytes;
      if (entry->meta.codec < UFO_CODEC_COUNT) c->codec_chunks[entry->meta.codec]++;
    }
    check_fit(c, chunk, entry);
    if (entry->is_child) check_child(c, chunk, entry->child_id);
  } else if (!entry->is_child && entry->blob && !ufo_has_children(c->record->type) && entry_version == c->version) {
    ufo_verify_damage_entry(c->verifier, c->id, c->version, chunk, "it has an entry with bytes behind its end");
  }
  return ufo_verify_progress(c->verifier, 0);
}

/* A lost entry reads as a chunk that was never written, so the record's counts are the only witnesses. */
static void check_counts(ufo_verifier *v, uint64_t id, uint64_t version, const ufo_record *record) {
  bool list = ufo_has_children(record->type);
  counting c = {.verifier = v, .record = record, .id = id, .version = version};
  c.end = list ? record->length : ufo_record_chunk_count(record);
  uint64_t expected = list ? record->length : record->chunks_written;
  ufo_error cause;
  ufo_status walked = ufo_map_walk(v->txn, id, 0, version, count_entry, &c, NULL);
  ufo_u64map_clear(&c.children);
  if (!ufo_verify_good(v, walked)) return; /* reported with the map */
  if (c.written != expected) {
    ufo_fail(&cause, UFO_CORRUPT, "the map has %llu entries of it, and should have %llu", (unsigned long long)c.written,
             (unsigned long long)expected);
  } else if (c.changed != record->chunks_changed) {
    ufo_fail(&cause, UFO_CORRUPT, "this version wrote %llu entries, and its record says %llu",
             (unsigned long long)c.changed, (unsigned long long)record->chunks_changed);
  } else if (!list && (c.stored_bytes != record->stored_bytes ||
                       memcmp(c.codec_chunks, record->codec_chunks, sizeof c.codec_chunks) != 0)) {
    ufo_fail(&cause, UFO_CORRUPT, "the totals in its record (bytes, chunks by codec) are not those of its entries");
  } else {
    return;
  }
  ufo_verify_damage_object(v, UFO_DAMAGE_OBJECT, id, version, 0, cause.message);
}

/* ---- objects ----------------------------------------------------------------------------------------------------- */

/* From an object up to a name, or to what waits to be reclaimed. Lists that lead to each other have none. */
static bool is_led_to(const ufo_verifier *v, uint64_t id) {
  for (int depth = 0; depth <= UFO_LIST_DEPTH_MAX + 1; depth++) {
    if (ufo_u64map_get(&v->dropped, id)) return true;
    const ufo_verify_place *at = ufo_u64map_get(&v->places, id);
    if (!at) return false;
    if (at->parent == 0) return true;
    id = at->parent;
  }
  return false;
}

/* Are the elements of an object of strings what they must be? Where there are none that is reported with the map. */
static void check_text(ufo_verifier *v, uint64_t id, uint64_t version) {
  ufo_record parts[UFO_TEXT_PARTS];
  for (uint64_t i = 0; i < UFO_TEXT_PARTS; i++) {
    ufo_entry entry;
    if (!ufo_verify_good(v, ufo_map_find(v->txn, id, i, version, &entry, NULL, NULL)) || !entry.is_child ||
        !ufo_verify_find_object(v, entry.child_id, entry.child_version, NULL, &parts[i]))
      return;
  }
  if (!ufo_text_parts_fit(&parts[UFO_TEXT_WORDS], &parts[UFO_TEXT_BYTES]))
    ufo_verify_damage_object(v, UFO_DAMAGE_OBJECT, id, version, 0,
                             "its elements are not the words and text of strings");
}

static void check_attributes(ufo_verifier *v, uint64_t id, uint64_t version, const ufo_record *record) {
  uint8_t wanted[UFO_OBJECT_KEY_BYTES];
  ufo_slice value;
  ufo_attributes *set = NULL;
  const char *wrong = NULL;
  ufo_key_attributes(wanted, id, record->attributes_version);
  ufo_status status = record->attributes_version
                          ? ufo_record_get(v->txn, UFO_TABLE_ATTRIBUTES, wanted, sizeof wanted, &value, NULL)
                          : UFO_OK;
  if (status == UFO_MISSING) {
    wrong = "its attributes are missing";
  } else if (!status && record->attributes_version == 0) {
    if (record->attribute_count) wrong = "its record counts attributes, and it has none";
  } else if (!status && ufo_verify_good(v, ufo_attributes_decode(value.data, value.bytes, &set,
                                                                 NULL))) { /* else reported with the table */
    if (ufo_attributes_count(set) != record->attribute_count)
      wrong = "it does not have as many attributes as its record says";
    ufo_attributes_free(set);
  }
  if (record->attributes_version > version) wrong = "its attributes are of a later version";
  if (wrong) ufo_verify_damage_object(v, UFO_DAMAGE_ATTRIBUTES, id, version, 0, wrong);
}

ufo_status ufo_verify_object(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  (void)error;
  uint64_t id = ufo_get_be64(key.data), version = ~ufo_get_be64(key.data + 8);
  ufo_record record;
  ufo_error cause;
  ufo_verify_use(&v->used.object, id);
  if (ufo_record_decode_object(content, &record, &cause) != UFO_OK) {
    ufo_verify_damage_object(v, UFO_DAMAGE_OBJECT, id, version, 0, cause.message);
    return UFO_OK;
  }
  ufo_verify_use(&v->used.generation, record.generation);
  if (id == 0 || id >= UFO_ID_LIMIT || version == 0 || version >= UFO_VERSION_LIMIT)
    ufo_verify_damage_object(v, UFO_DAMAGE_OBJECT, id, version, record.length, "its number or version cannot be");
  check_counts(v, id, version, &record);
  if (record.type == UFO_CHARACTER) check_text(v, id, version);
  if (!is_led_to(v, id))
    ufo_verify_damage_object(v, UFO_DAMAGE_OBJECT, id, version, record.length,
                             "no name and no list leads to it (any more)");
  check_attributes(v, id, version, &record);
  return UFO_OK;
}

/* ---- attributes -------------------------------------------------------------------------------------------------- */

/* Has a version of the object these attributes? Where one cannot be read that is not known. */
static bool are_used(ufo_verifier *v, uint64_t id, uint64_t attributes) {
  uint64_t at = UFO_VERSION_LIMIT - 1;
  for (;;) {
    ufo_record record;
    uint64_t found;
    ufo_status status = ufo_catalogue_get_newest(v->txn, id, at, &found, &record, NULL);
    if (status == UFO_FULL) v->starved = true;
    if (status || found == 0) return status != UFO_MISSING && status != UFO_OK;
    if (record.attributes_version == attributes) return true;
    at = found - 1;
    if (found <= attributes) return false;
  }
}

ufo_status ufo_verify_attributes(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  (void)error;
  uint64_t id = ufo_get_be64(key.data), version = ufo_get_be64(key.data + 8);
  ufo_attributes *attributes = NULL;
  ufo_error cause;
  ufo_verify_use(&v->used.object, id);
  if (!ufo_verify_good(v, ufo_attributes_decode(content.data, content.bytes, &attributes, &cause)))
    ufo_verify_damage_object(v, UFO_DAMAGE_ATTRIBUTES, id, version, 0, cause.message);
  else if (!ufo_u64map_get(&v->dropped, id) && !are_used(v, id, version))
    ufo_verify_damage_object(v, UFO_DAMAGE_ATTRIBUTES, id, version, 0, "no version of the object has these attributes");
  ufo_attributes_free(attributes);
  return UFO_OK;
}
