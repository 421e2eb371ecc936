/* put_text.c - the strings that two views show become the next version of an object: see <ufostore/text.h>.
 *
 * Added text goes behind the text that the view's base has. That may be longer than the view already: then it begins
 * with what was added up to an earlier put of the same views, for only the view that put it was given the longer base.
 */
#include <stdio.h>
#include <string.h>

#include "store/text.h"
#include "store/transaction.h"
#include "util/fail.h"
#include "view/view.h"

static ufo_status append_added(ufo_txn *txn, const char *name, ufo_view *text, const ufo_text *added,
                               ufo_error *error) {
  uint64_t bytes = 0, there = ufo_txn_find(txn, name)->draft->record.length - text->length;
  const char *at = added ? ufo_text_bytes(added, &bytes) : NULL;
  if (there > bytes) return ufo_fail(error, UFO_USAGE, "the text that was added before is not in what is added now");
  ufo_status status = there < bytes ? ufo_txn_append(txn, name, at + there, bytes - there, error) : UFO_OK;
  if (status == UFO_OK) text->put_grows = true;
  return status;
}

enum { PART_NAME_BYTES = UFO_NAME_MAX + 32 };

/* As views are named. */
static void name_part(const char *name, int part, char label[PART_NAME_BYTES]) {
  snprintf(label, PART_NAME_BYTES, "%.*s[[%d]]", UFO_NAME_MAX, name, part + 1);
}

/* Puts a part of the strings `name` under a temporary name. */
static ufo_status put_part(ufo_txn *txn, const char *name, int part, const char *temporary, ufo_view *view,
                           ufo_put_mode mode, ufo_error *error) {
  char label[PART_NAME_BYTES];
  name_part(name, part, label);
  return ufo_view_put(txn, temporary, label, view, mode, error);
}

/* As with vectors: where the name holds other strings by now than those that the views are of, what these were edited
 * from is what the commit must find. */
static void expect_base(ufo_txn *txn, const char *name, const ufo_view *words) {
  ufo_pending *pending = ufo_txn_find(txn, name);
  const ufo_object *base = words->base;
  ufo_object_info info = {.struct_size = sizeof info};
  char label[PART_NAME_BYTES];
  name_part(name, UFO_TEXT_WORDS, label);
  if (strcmp(label, words->name) != 0 || base->core != txn->core || !base->map_id || pending->base_id == 0) return;
  if (!ufo_store_child_info(txn->store, NULL, name, 0, UFO_TEXT_WORDS, &info, NULL) && info.id == base->map_id) return;
  pending->base_id = base->map_id;
  pending->base_version = base->map_version;
}

ufo_status ufo_txn_put_text_views(ufo_txn *txn, const char *name, ufo_view *words, ufo_view *text,
                                  const ufo_text *added, ufo_put_mode mode, ufo_error *error) {
  if (!txn || !name || !words || !text)
    return ufo_fail(error, UFO_USAGE, "cannot put strings without a transaction, name and views");
  ufo_text_names names = ufo_text_make_names();
  bool fresh = ufo_txn_check(txn, NULL) == UFO_OK && !ufo_txn_find(txn, name);
  ufo_status status = put_part(txn, name, UFO_TEXT_WORDS, names.words, words, mode, error);
  if (status == UFO_OK) status = put_part(txn, name, UFO_TEXT_BYTES, names.text, text, mode, error);
  if (status == UFO_OK) status = append_added(txn, names.text, text, added, error);
  if (status == UFO_OK) status = ufo_txn_put_text(txn, name, names.words, names.text, error);
  if (status == UFO_OK) {
    if (fresh && mode == UFO_PUT_CHECKED) expect_base(txn, name, words);
    return UFO_OK;
  }
  ufo_text_forget(txn, &names);
  return ufo_fail_prefix(error, status, "cannot put '%s'", name);
}
