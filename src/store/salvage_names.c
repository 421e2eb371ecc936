/* salvage_names.c - finding the objects of a damaged store: by their names, then what has none (any more); salvage.h.
 */
#include <stdio.h>
#include <string.h>

#include "store/catalogue.h"
#include "store/salvage.h"
#include "util/bytes.h"
#include "util/checked.h"
#include "util/fail.h"
#include "util/utf8.h"

/* ---- names ----------------------------------------------------------------------------------------------------- */

static ufo_status name_is_free(ufo_salvager *s, const char *name, bool *free_out, ufo_error *error) {
  ufo_slice value;
  ufo_status status = ufo_filling_begin(&s->out, error);
  if (!status) status = ufo_engine_get(s->out.txn, UFO_TABLE_NAMES, name, strlen(name), &value, error);
  *free_out = status == UFO_MISSING;
  return status == UFO_MISSING ? UFO_OK : status;
}

static ufo_status copy_named(ufo_salvager *s, const char *name, uint64_t id, const char *doubt, ufo_error *error) {
  bool is_free;
  ufo_status status = name_is_free(s, name, &is_free, error);
  if (status || !is_free) return status;
  if (ufo_u64map_get(&s->taken, id))
    return ufo_salvage_damage(s, UFO_DAMAGE_NAME, name, 0, "its object has another name already");
  if (doubt) status = ufo_salvage_damage(s, UFO_DAMAGE_NAME, name, 0, doubt);
  if (!status) status = ufo_salvage_object(s, name, id, 0, false, 0, error);
  if (status == UFO_MISSING)
    return ufo_salvage_damage(s, UFO_DAMAGE_OBJECT, name, 0, "its record is lost, and with it the object");
  if (!status) status = ufo_filling_begin(&s->out, error);
  if (!status) status = ufo_catalogue_put_name(s->out.txn, name, &(ufo_named){id, 1}, error);
  return status ? status : ufo_filling_count(&s->out, UFO_NAME_MAX, error);
}

typedef ufo_status (*visit_fn)(ufo_salvager *s, ufo_slice key, ufo_slice content, ufo_error *error);

/* Calls `visit` for each record of a table of index or attic that is sound. */
static ufo_status for_each(ufo_salvager *s, ufo_etxn *txn, ufo_table table, visit_fn visit, ufo_error *error) {
  ufo_cursor *cursor;
  ufo_slice key, value;
  uint8_t at[UFO_KEY_MAX];
  ufo_status status = ufo_cursor_open(txn, table, &cursor, error);
  if (status) return status;
  status = ufo_cursor_seek(cursor, NULL, 0, &key, &value, error);
  while (!status) {
    size_t bytes = key.bytes;
    memcpy(at, key.data, bytes);
    ufo_cursor_close(cursor); /* `visit` needs it */
    if (!ufo_record_check(table, key.data, key.bytes, value, NULL))
      status = visit(s, key, (ufo_slice){value.data, value.bytes - UFO_SEAL_BYTES}, error);
    if (!status) status = ufo_salvage_progress(s, 0);
    ufo_status opened = ufo_cursor_open(txn, table, &cursor, error);
    if (opened) return status ? status : opened;
    if (!status) status = ufo_cursor_seek(cursor, at, bytes, &key, &value, error);
    if (!status) status = ufo_cursor_next(cursor, &key, &value, error);
  }
  ufo_cursor_close(cursor);
  return status == UFO_END && !s->ended ? UFO_OK : status;
}

static ufo_status visit_any_name(ufo_salvager *s, ufo_slice key, ufo_slice content, const char *doubt,
                                 ufo_error *error) {
  char name[UFO_NAME_MAX + 1];
  ufo_named named;
  if (key.bytes > UFO_NAME_MAX || !ufo_utf8_is_text((const char *)key.data, key.bytes) ||
      ufo_catalogue_decode_named(content, &named, NULL))
    return UFO_OK;
  memcpy(name, key.data, key.bytes);
  name[key.bytes] = '\0';
  return copy_named(s, name, named.id, doubt, error);
}

/* A name that leads to what is not there any more is of an earlier commit, and others may be. */
static ufo_status visit_name(ufo_salvager *s, ufo_slice key, ufo_slice content, ufo_error *error) {
  ufo_named named;
  ufo_record record;
  uint64_t version;
  const char *doubt = NULL, *unused;
  if (!ufo_catalogue_decode_named(content, &named, NULL)) {
    bool dropped = ufo_u64map_get(&s->dropped, named.id) != NULL;
    if (dropped) doubt = "its object was removed: the name may be of an earlier commit";
    if (dropped || ufo_salvage_find_record(s, named.id, 0, &version, &record, &unused) == UFO_MISSING)
      s->hurt[UFO_TABLE_NAMES] = true;
  }
  return visit_any_name(s, key, content, doubt, error);
}

/* Many of these lead to what was removed long ago. */
static ufo_status visit_past_name(ufo_salvager *s, ufo_slice key, ufo_slice content, ufo_error *error) {
  ufo_named named;
  ufo_record record;
  uint64_t version;
  const char *doubt;
  if (ufo_catalogue_decode_named(content, &named, NULL) || ufo_u64map_get(&s->taken, named.id) ||
      ufo_u64map_get(&s->dropped, named.id) || ufo_u64map_get(&s->children, named.id) ||
      ufo_salvage_find_record(s, named.id, 0, &version, &record, &doubt))
    return UFO_OK;
  return visit_any_name(s, key, content,
                        "its name was found in a page of an earlier commit: it may be one that the object had before",
                        error);
}

/* ---- objects without a name ------------------------------------------------------------------------------------ */

static ufo_status visit_dropped(ufo_salvager *s, ufo_slice key, ufo_slice content, ufo_error *error) {
  ufo_garbage garbage;
  (void)key;
  if (ufo_record_decode_garbage(content, &garbage, NULL) || garbage.kind != UFO_GARBAGE_DROPPED) return UFO_OK;
  if (ufo_u64map_put(&s->dropped, garbage.id, s, NULL)) return UFO_OK;
  return ufo_fail(error, UFO_FULL, "out of memory");
}

/* What there is to copy: the newest version of each object, which comes first. A record that says too much about itself
 * does not count for more than the object's length. */
static ufo_status weigh(ufo_salvager *s, ufo_slice key, ufo_slice content, ufo_error *error) {
  uint64_t id = ufo_get_be64(key.data);
  ufo_record record;
  (void)error;
  if (id == s->weighed || ufo_u64map_get(&s->dropped, id) || ufo_record_decode_object(content, &record, NULL))
    return UFO_OK;
  s->weighed = id;
  if (ufo_has_children(record.type)) return UFO_OK;
  uint64_t bytes = ufo_min(record.stored_bytes, ufo_record_body_bytes(&record));
  if (ufo_add_overflows(s->expected_bytes, bytes, &s->expected_bytes)) s->expected_bytes = INT64_MAX;
  return UFO_OK;
}

static ufo_status weigh_all(ufo_salvager *s, ufo_error *error) {
  ufo_status status = for_each(s, s->current, UFO_TABLE_OBJECTS, weigh, error);
  if (ufo_add_overflows(s->done_bytes, s->expected_bytes, &s->total_bytes)) s->total_bytes = UINT64_MAX;
  return status;
}

static ufo_status visit_child(ufo_salvager *s, ufo_slice key, ufo_slice content, ufo_error *error) {
  ufo_entry entry;
  (void)key;
  if (ufo_record_decode_entry(content, &entry, NULL) || !entry.is_child) return UFO_OK;
  if (ufo_u64map_put(&s->children, entry.child_id, s, NULL)) return UFO_OK;
  return ufo_fail(error, UFO_FULL, "out of memory");
}

static ufo_status copy_nameless(ufo_salvager *s, uint64_t id, ufo_error *error) {
  char name[64];
  if (ufo_u64map_get(&s->taken, id) || ufo_u64map_get(&s->dropped, id)) return UFO_OK;
  const char *doubt = s->hurt[UFO_TABLE_GARBAGE]
                          ? "its own name, or the list that it belongs to, is lost; or it was removed"
                          : "its own name, or the list that it belongs to, is lost";
  bool is_free = false;
  ufo_status status = UFO_OK;
  for (unsigned i = 1; !status && !is_free; i++) {
    if (i == 1) snprintf(name, sizeof name, "lost+found/object-%llu", (unsigned long long)id);
    else snprintf(name, sizeof name, "lost+found/object-%llu-%u", (unsigned long long)id, i);
    status = name_is_free(s, name, &is_free, error);
  }
  return status ? status : copy_named(s, name, id, doubt, error);
}

/* Lists first: what they lead to is theirs. */
static ufo_status visit_top(ufo_salvager *s, ufo_slice key, ufo_slice content, ufo_error *error) {
  (void)content;
  uint64_t id = ufo_get_be64(key.data);
  return ufo_u64map_get(&s->children, id) ? UFO_OK : copy_nameless(s, id, error);
}

static ufo_status visit_rest(ufo_salvager *s, ufo_slice key, ufo_slice content, ufo_error *error) {
  (void)content;
  return copy_nameless(s, ufo_get_be64(key.data), error);
}

/* In a page of the past: an object that may be there still, since a page that is lost may have had its record. */
static ufo_status visit_past(ufo_salvager *s, ufo_slice key, ufo_slice content, ufo_error *error) {
  uint8_t from[UFO_MAP_KEY_BYTES] = {0}, to[UFO_MAP_KEY_BYTES] = {0};
  uint64_t id = ufo_get_be64(key.data);
  (void)content;
  ufo_key_object(from, id, UINT64_MAX);
  ufo_key_object(to, id, 0);
  bool may_be = ufo_gaps_meet(&s->gaps[UFO_TABLE_OBJECTS], from, to) && !ufo_u64map_get(&s->children, id);
  return may_be ? copy_nameless(s, id, error) : UFO_OK;
}

ufo_status ufo_salvage_names(ufo_salvager *s, ufo_error *error) {
  ufo_status status = for_each(s, s->current, UFO_TABLE_GARBAGE, visit_dropped, error);
  if (!status) status = weigh_all(s, error);
  if (!status) status = for_each(s, s->current, UFO_TABLE_NAMES, visit_name, error);
  bool hurt = s->hurt[UFO_TABLE_NAMES] || s->hurt[UFO_TABLE_OBJECTS] || s->hurt[UFO_TABLE_MAP];
  if (status || !hurt) return status;
  status = for_each(s, s->current, UFO_TABLE_MAP, visit_child, error);
  if (!status && s->hurt[UFO_TABLE_NAMES]) status = for_each(s, s->past, UFO_TABLE_NAMES, visit_past_name, error);
  if (!status) status = for_each(s, s->current, UFO_TABLE_OBJECTS, visit_top, error);
  if (!status) status = for_each(s, s->current, UFO_TABLE_OBJECTS, visit_rest, error);
  if (!status && s->hurt[UFO_TABLE_NAMES]) status = for_each(s, s->past, UFO_TABLE_OBJECTS, visit_past, error);
  return status;
}
