/* edit.c - changing what a transaction holds under a name: elements, attributes, names, lists. */
#include <stdlib.h>
#include <string.h>
#include <ufostore/text.h>

#include "store/attributes.h"
#include "store/transaction.h"
#include "util/checked.h"
#include "util/fail.h"

/* ---- elements -------------------------------------------------------------------------------------------------- */

/* New extents, not yet in the draft. */
typedef struct changes {
  uint64_t first;
  uint64_t count;
  ufo_extent **extents;
} changes;

static void forget(changes *made) {
  for (uint64_t i = 0; i < made->count; i++) ufo_extent_release(made->extents[i]);
  free(made->extents);
}

/* Makes the chunks that bytes at .. at + bytes of a body of `record` touch; the rest of them is as the draft has it. */
static ufo_status make_changes(ufo_spill *spill, ufo_draft *draft, const ufo_record *record, uint64_t at,
                               uint64_t bytes, const uint8_t *data, changes *made, ufo_error *error) {
  uint64_t chunk = at / record->chunk_bytes, end = at + bytes;
  uint64_t chunks = (end - 1) / record->chunk_bytes - chunk + 1;
  *made = (changes){.first = chunk};
  uint8_t *buffer = malloc(record->chunk_bytes);
  made->extents = calloc((size_t)chunks, sizeof(ufo_extent *));
  ufo_status status = buffer && made->extents ? UFO_OK : ufo_fail(error, UFO_FULL, "out of memory");
  for (; at < end && !status; chunk++) {
    uint32_t there = ufo_record_chunk_raw_bytes(record, chunk), skip = (uint32_t)(at % record->chunk_bytes);
    uint32_t count = (uint32_t)ufo_min(there - skip, end - at);
    if (count < there) status = ufo_draft_load(draft, chunk, buffer, there, error);
    if (status) break;
    memcpy(buffer + skip, data, count);
    status = ufo_extent_create(spill, record->type, record->element_bytes, buffer, there, &draft->habit,
                               &made->extents[made->count], error);
    if (!status) made->count++;
    data += count;
    at += count;
  }
  free(buffer);
  if (!status) return UFO_OK;
  forget(made);
  return status;
}

static ufo_status apply(ufo_draft *draft, changes *made, ufo_error *error) {
  /* Room for all keys first, so that what follows cannot fail half way. */
  for (uint64_t i = 0; i < made->count; i++) {
    ufo_extent *there = ufo_u64map_get(&draft->extents, made->first + i);
    if (there) continue;
    if (!ufo_u64map_put(&draft->extents, made->first + i, made->extents[i], NULL)) {
      for (uint64_t k = 0; k < i; k++) {
        if (ufo_u64map_get(&draft->extents, made->first + k) == made->extents[k]) {
          ufo_u64map_take(&draft->extents, made->first + k);
        }
      }
      forget(made);
      return ufo_fail(error, UFO_FULL, "out of memory");
    }
  }
  for (uint64_t i = 0; i < made->count; i++) {
    void *old = NULL;
    if (ufo_u64map_put(&draft->extents, made->first + i, made->extents[i], &old) && old != made->extents[i]) {
      ufo_extent_release(old);
    }
  }
  if (made->count) draft->changed = true;
  free(made->extents);
  return UFO_OK;
}

/* Which elements an edit writes. */
typedef struct range {
  uint64_t first, count;
} range;

ufo_status ufo_txn_check_elements(const ufo_txn *txn, const char *name, const ufo_record *record, ufo_error *error) {
  if (!ufo_has_children(record->type) && record->type != UFO_SERIALIZED) return UFO_OK;
  return ufo_fail(error, UFO_USAGE, "cannot change elements of '%s' of store %s: it is a %s object", name,
                  txn->core->path, ufo_type_name(record->type));
}

static ufo_status check_range(const ufo_txn *txn, const char *name, const ufo_record *record, const range *at,
                              ufo_error *error) {
  ufo_status status = ufo_txn_check_elements(txn, name, record, error);
  if (status) return status;
  if (!ufo_range_inside(at->first, at->count, record->length)) {
    return ufo_fail(error, UFO_USAGE, "cannot write elements %llu to %llu of '%s' of store %s: it has %llu",
                    (unsigned long long)at->first, (unsigned long long)(at->first + at->count), name, txn->core->path,
                    (unsigned long long)record->length);
  }
  return UFO_OK;
}

static ufo_status write_range(ufo_txn *txn, const char *name, ufo_draft *draft, const range *at, const void *data,
                              ufo_error *error) {
  const ufo_record *record = &draft->record;
  changes made;
  ufo_spill *spill;
  ufo_status status = ufo_txn_get_spill(txn, &spill, error);
  if (!status) status = ufo_draft_settle(txn, draft, error);
  if (!status) {
    status = make_changes(spill, draft, record, at->first * record->element_bytes, at->count * record->element_bytes,
                          data, &made, error);
  }
  if (!status) status = apply(draft, &made, error);
  if (!status) draft->edits++;
  return status ? ufo_fail_prefix(error, status, "cannot change '%s' of store %s", name, txn->core->path) : UFO_OK;
}

ufo_status ufo_txn_write(ufo_txn *txn, const char *name, uint64_t first, uint64_t count, const void *data,
                         ufo_error *error) {
  ufo_edit edit;
  ufo_status status = ufo_txn_check_edit(txn, name, error);
  if (!status && count && !data) status = ufo_fail(error, UFO_USAGE, "cannot change '%s': no data", name);
  if (!status) status = ufo_txn_edit_path(txn, name, &edit, error);
  if (status) return status;
  range at = {.first = first, .count = count};
  status = check_range(txn, name, &edit.draft->record, &at, error);
  if (!status && count) status = write_range(txn, name, edit.draft, &at, data, error);
  if (status) ufo_txn_unedit(txn, edit.name);
  return status;
}

/* ---- attributes ------------------------------------------------------------------------------------------------ */

ufo_status ufo_txn_set_attributes(ufo_txn *txn, const char *name, const ufo_attributes *attributes, ufo_error *error) {
  uint64_t count = attributes ? ufo_attributes_count(attributes) : 0;
  uint64_t length = count ? ufo_attributes_encoded_bytes(attributes) : 0;
  ufo_status status = ufo_txn_check_edit(txn, name, error);
  if (status) return status;
  if (length > UINT32_MAX - 64) {
    return ufo_fail(error, UFO_USAGE, "the attributes of '%s' take more than 4 GiB", name);
  }
  uint8_t *bytes = NULL;
  if (length > 0) {
    bytes = malloc(length);
    if (!bytes) return ufo_fail(error, UFO_FULL, "out of memory");
    ufo_attributes_encode(attributes, bytes);
  }
  ufo_edit edit;
  status = ufo_txn_edit_path(txn, name, &edit, error);
  if (status) {
    free(bytes);
    return status;
  }
  ufo_draft *draft = edit.draft;
  free(draft->attributes);
  draft->attributes = bytes;
  draft->attributes_bytes = length;
  draft->attribute_count = count;
  draft->attributes_set = true; /* whether they differ from what is stored is found out at commit */
  return UFO_OK;
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

ufo_status ufo_txn_rename(ufo_txn *txn, const char *from, const char *to, ufo_error *error) {
  ufo_draft *draft;
  ufo_pending *source, *target;
  ufo_status status = ufo_txn_check_edit(txn, from, error);
  if (!status) status = ufo_txn_check_target(txn, to, error);
  if (!status) status = ufo_txn_touch(txn, to, &target, error);
  if (status) return status;
  if (target->draft || (target->base_id && !target->removed)) {
    ufo_txn_tidy(txn, target);
    return ufo_fail(error, UFO_USAGE, "cannot rename '%s' to '%s' in store %s: that name is taken", from, to,
                    txn->core->path);
  }
  status = ufo_txn_edit(txn, from, &draft, error);
  if (!status) status = ufo_txn_touch(txn, from, &source, error);
  if (status) {
    ufo_txn_unedit(txn, from);
    if (strcmp(from, to) != 0) ufo_txn_tidy(txn, target); /* else it is gone */
    return status;
  }
  ufo_pending_set(target, ufo_draft_retain(draft));
  ufo_pending_remove(source);
  ufo_txn_tidy(txn, source);
  return UFO_OK;
}

ufo_status ufo_txn_remove(ufo_txn *txn, const char *name, ufo_error *error) {
  ufo_pending *pending;
  ufo_status status = ufo_txn_check_edit(txn, name, error);
  if (!status) status = ufo_txn_touch(txn, name, &pending, error);
  if (status) return status;
  if (!pending->draft && (pending->removed || !pending->base_id)) {
    ufo_txn_tidy(txn, pending);
    return ufo_fail(error, UFO_MISSING, "there is no object '%s' in store %s", name, txn->core->path);
  }
  ufo_pending_remove(pending);
  ufo_txn_tidy(txn, pending);
  return UFO_OK;
}

/* ---- lists ----------------------------------------------------------------------------------------------------- */

static ufo_status fail_child(ufo_txn *txn, const char *child, const char *name, ufo_error *error) {
  ufo_pending *pending;
  ufo_status status = ufo_txn_touch(txn, child, &pending, error);
  if (status) return status;
  bool exists = pending->base_id && !pending->removed;
  ufo_txn_tidy(txn, pending);
  if (!exists) return ufo_fail(error, UFO_MISSING, "there is no '%s' to become an element of '%s'", child, name);
  return ufo_fail(error, UFO_USAGE, "'%s' was not put in this transaction, so it cannot become an element of '%s'",
                  child, name);
}

/* Deeper ones could not be read. */
static ufo_status check_depth(ufo_txn *txn, const char *name, ufo_draft *list, ufo_error *error) {
  ufo_etxn *etxn;
  ufo_found found = {.draft = list, .record = list->record};
  ufo_status status = ufo_core_begin_read(txn->core, &etxn, error);
  if (status) return status;
  status = ufo_lookup_depth(etxn, &found, &list->depth, error);
  ufo_core_end(txn->core, etxn);
  if (status) return ufo_fail_prefix(error, status, "cannot put '%s' into store %s", name, txn->core->path);
  if (list->depth <= UFO_LIST_DEPTH_MAX) return UFO_OK;
  return ufo_fail(error, UFO_USAGE, "cannot put '%s' into store %s: more than %d lists would be inside of each other",
                  name, txn->core->path, UFO_LIST_DEPTH_MAX);
}

static ufo_status check_parts(const ufo_txn *txn, const char *name, const ufo_draft *list, ufo_error *error) {
  const ufo_record *words = &list->children[UFO_TEXT_WORDS]->record, *text = &list->children[UFO_TEXT_BYTES]->record;
  if (ufo_text_parts_fit(words, text)) return UFO_OK;
  return ufo_fail(error, UFO_USAGE,
                  "cannot put strings as '%s' into store %s: words must be records of 8 bytes, and their text raw",
                  name, txn->core->path);
}

static ufo_status put_children(ufo_txn *txn, const char *name, ufo_type type, const char *const *children,
                               uint64_t count, ufo_error *error) {
  ufo_status status = ufo_txn_check_target(txn, name, error);
  if (status) return status;
  if (count > UFO_LENGTH_MAX || (count && !children)) return ufo_fail(error, UFO_USAGE, "no children were given");
  ufo_draft *list = ufo_draft_create();
  if (!list || !(list->children = calloc((size_t)count + 1, sizeof(ufo_draft *)))) {
    ufo_draft_release(list);
    return ufo_fail(error, UFO_FULL, "out of memory");
  }
  list->record.type = type;
  list->record.length = count;
  list->attributes_set = true; /* to none, also if the commit finds that it is the next version of another */
  ufo_u64map seen = UFO_U64MAP_INIT;
  for (uint64_t i = 0; i < count && !status; i++) {
    status = ufo_txn_check_edit(txn, children[i], error);
    ufo_pending *child = status ? NULL : ufo_txn_find(txn, children[i]);
    if (!status && (!child || !child->draft)) status = fail_child(txn, children[i], name, error);
    void *before = NULL;
    if (!status && !ufo_u64map_put(&seen, (uintptr_t)child->draft, child->draft, &before)) {
      status = ufo_fail(error, UFO_FULL, "out of memory");
    }
    if (!status && before) {
      status = ufo_fail(error, UFO_USAGE, "'%s' is given twice as an element of '%s'", children[i], name);
    }
    if (!status) list->children[list->child_count++] = ufo_draft_retain(child->draft);
  }
  ufo_u64map_clear(&seen);
  if (!status && type == UFO_CHARACTER) status = check_parts(txn, name, list, error);
  if (!status) status = check_depth(txn, name, list, error);
  ufo_pending *pending;
  if (!status) status = ufo_txn_touch(txn, name, &pending, error);
  if (status) {
    ufo_draft_release(list);
    return status;
  }
  for (uint64_t i = 0; i < count; i++) {
    ufo_pending *child = ufo_txn_find(txn, children[i]);
    if (child == pending) continue; /* the list takes its name */
    ufo_pending_remove(child);
    ufo_txn_tidy(txn, child);
  }
  ufo_pending_set(pending, list);
  return UFO_OK;
}

ufo_status ufo_txn_put_list(ufo_txn *txn, const char *name, const char *const *children, uint64_t count,
                            ufo_error *error) {
  return put_children(txn, name, UFO_LIST, children, count, error);
}

ufo_status ufo_txn_put_text(ufo_txn *txn, const char *name, const char *words, const char *text, ufo_error *error) {
  if (!words || !text) return ufo_fail(error, UFO_USAGE, "strings need words and text");
  return put_children(txn, name, UFO_CHARACTER, (const char *[UFO_TEXT_PARTS]){words, text}, UFO_TEXT_PARTS, error);
}
