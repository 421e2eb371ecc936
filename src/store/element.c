/* element.c - edits in place: of what a name holds, or of an element of a list, of which nothing else is touched.
 *
 * The list becomes a pending edit, too, since a new version of an element is a new version of its lists; and the list's
 * version at that time is what the commit must find. So all versions below it are known: an element has the one that
 * its list had. Elements are kept for the current version of their list only, so an element is pinned first, and then
 * the list must still be current. */
#include <stdlib.h>
#include <string.h>

#include "store/catalogue.h"
#include "store/transaction.h"
#include "util/fail.h"

/* ---- an edit that fails leaves nothing ------------------------------------------------------------------------- */

static bool is_unchanged(const ufo_draft *draft) {
  if (draft->references > 1 || draft->is_put || draft->attributes_set || draft->extents.count || draft->tail ||
      !draft->base || draft->record.length != draft->base->record.length) {
    return false;
  }
  for (uint64_t i = 0; i < draft->child_count; i++) {
    if (draft->children[i] && !is_unchanged(draft->children[i])) return false;
  }
  return true;
}

void ufo_txn_unedit(ufo_txn *txn, const char *name) {
  ufo_pending *pending = ufo_txn_find(txn, name);
  const ufo_draft *draft = pending ? pending->draft : NULL;
  if (!draft || draft->origin_id == 0 || draft->origin_id != pending->base_id || !is_unchanged(draft)) return;
  ufo_pending_set(pending, NULL);
  ufo_txn_tidy(txn, pending);
}

/* ---- the way to an element --------------------------------------------------------------------------------------- */

static ufo_status find_way(ufo_txn *txn, const char *path, ufo_way *way, ufo_error *error) {
  ufo_etxn *etxn;
  ufo_status status = ufo_core_begin_read(txn->core, &etxn, error);
  if (status) return status;
  status = ufo_lookup_way(etxn, txn, path, way, error);
  ufo_core_end(txn->core, etxn);
  return status;
}

/* `list`, which has a name of its own, is as it was when it was edited first. */
static ufo_status check_current(ufo_etxn *etxn, const ufo_draft *list, ufo_error *error) {
  if (!list->base) return ufo_fail(error, UFO_CORRUPT, "an element that was committed is in a list that was not");
  const ufo_object_info *mine = &list->base->info;
  uint64_t id, version = 0;
  ufo_record record;
  ufo_status status = ufo_catalogue_get_name(etxn, mine->name, &id, error);
  if (!status && id == mine->id) status = ufo_catalogue_get_object(etxn, id, 0, &version, &record, error);
  if (status || version == mine->version) return status;
  return ufo_fail(error, UFO_CONFLICT, "the list was edited from version %llu, and another commit has changed it since",
                  (unsigned long long)mine->version);
}

/* The element as its list has it, pinned. `named` is the list, or one that it is in, that has a name. */
static ufo_status pin_element(ufo_txn *txn, ufo_draft *list, uint64_t index, const ufo_draft *named, const char *path,
                              ufo_object **object_out, ufo_error *error) {
  ufo_core *core = txn->core;
  ufo_etxn *etxn;
  ufo_found in = {.draft = list, .record = list->record}, found;
  ufo_object_info info;
  ufo_pin *pin;
  ufo_status status = ufo_core_begin_read(core, &etxn, error);
  if (status) return status;
  status = ufo_lookup_child(etxn, &in, index, &found, error);
  if (!status) status = ufo_info_fill(etxn, &found, "", &info, error);
  ufo_core_end(core, etxn);
  if (!status) status = ufo_pin_create(core, found.id, found.version, &pin, error);
  if (status) return status;
  status = ufo_core_begin_read(core, &etxn, error);
  if (!status) {
    status = check_current(etxn, named, error);
    ufo_core_end(core, etxn);
  }
  if (!status) return ufo_object_make(core, path, &info, &found.record, pin, object_out, error);
  ufo_pin_release(pin);
  return status;
}

/* The draft of element `index` of a list. */
static ufo_status edit_element(ufo_txn *txn, ufo_draft *list, uint64_t index, const ufo_draft *named, const char *path,
                               ufo_draft **draft_out, ufo_error *error) {
  ufo_object *base;
  if (!list->children) {
    list->children = calloc((size_t)list->record.length + 1, sizeof(ufo_draft *));
    if (!list->children) return ufo_fail(error, UFO_FULL, "out of memory");
    list->child_count = list->record.length;
  }
  *draft_out = list->children[index];
  if (*draft_out) return UFO_OK;
  ufo_status status = pin_element(txn, list, index, named, path, &base, error);
  if (!status) status = ufo_draft_continue(base, draft_out, error);
  if (!status) list->children[index] = *draft_out;
  return status;
}

static ufo_status go(ufo_txn *txn, const ufo_way *way, const char *path, ufo_edit *edit, ufo_error *error) {
  const ufo_draft *named = edit->draft;
  ufo_status status = UFO_OK;
  for (unsigned i = 0; i < way->length && !status; i++) {
    ufo_draft *list = edit->draft;
    if (list->base && list->base->info.name[0]) named = list;
    status = edit_element(txn, list, way->steps[i], named, path, &edit->draft, error);
  }
  return status;
}

ufo_status ufo_txn_edit_path(ufo_txn *txn, const char *path, ufo_edit *edit, ufo_error *error) {
  strcpy(edit->name, path);
  ufo_status status = ufo_txn_edit(txn, path, &edit->draft, error);
  if (status != UFO_MISSING || !(strchr(path, '$') || strstr(path, "[["))) return status;
  ufo_way way, seen;
  status = find_way(txn, path, &seen, error);
  while (!status) {
    way = seen;
    strcpy(edit->name, way.list_name);
    status = ufo_txn_edit(txn, way.list_name, &edit->draft, error);
    /* What the path means in the version that is edited now: another commit may have come in between. */
    if (!status) status = find_way(txn, path, &seen, error);
    if (!status && strcmp(way.list_name, seen.list_name) == 0) status = go(txn, &seen, path, edit, error);
    else if (!status) {
      ufo_txn_unedit(txn, way.list_name);
      continue;
    }
    if (status) ufo_txn_unedit(txn, way.list_name);
    break;
  }
  if (status == UFO_MISSING) {
    return ufo_fail(error, UFO_MISSING, "there is no object '%s' in store %s", path, txn->core->path);
  }
  return status ? ufo_fail_prefix(error, status, "cannot change '%s' of store %s", path, txn->core->path) : UFO_OK;
}
