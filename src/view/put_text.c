/* put_text.c - the strings that two views show become the next version of an object: see <ufostore/text.h>.
 *
 * Added text goes behind the text that the view's base has. That may be longer than the view already: then it begins
 * with what was added up to an earlier put of the same views, for only the view that put it was given the longer base.
 */
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

static void remove_pending(ufo_txn *txn, const char *name) {
  if (ufo_txn_find(txn, name)) (void)!ufo_txn_remove(txn, name, NULL);
}

ufo_status ufo_txn_put_text_views(ufo_txn *txn, const char *name, ufo_view *words, ufo_view *text,
                                  const ufo_text *added, ufo_put_mode mode, ufo_error *error) {
  if (!txn || !name || !words || !text)
    return ufo_fail(error, UFO_USAGE, "cannot put strings without a transaction, name and views");
  ufo_text_names names = ufo_text_make_names();
  ufo_status status = ufo_txn_put_view(txn, names.words, words, mode, error);
  if (status == UFO_OK) status = ufo_txn_put_view(txn, names.text, text, mode, error);
  if (status == UFO_OK) status = append_added(txn, names.text, text, added, error);
  if (status == UFO_OK) status = ufo_txn_put_text(txn, name, names.words, names.text, error);
  if (status == UFO_OK) return UFO_OK;
  if (!ufo_txn_check(txn, NULL)) {
    remove_pending(txn, names.words);
    remove_pending(txn, names.text);
  }
  return ufo_fail_prefix(error, status, "cannot put '%s'", name);
}
