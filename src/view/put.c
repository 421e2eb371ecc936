/* put.c - a view's content becomes the next version of an object.
 *
 * The changed chunks are handed over as extents, encoded once; the view keeps them in its overlay until it is known
 * whether the transaction was committed. Then the new version has them, and the view is based on that. */
#include <stdlib.h>
#include <string.h>

#include "store/transaction.h"
#include "util/fail.h"
#include "view/view.h"

static const ufo_put_policy policies[] = {
    [UFO_PUT_CHECKED] = UFO_POLICY_CHECKED,
    [UFO_PUT_MERGE] = UFO_POLICY_MERGE,
    [UFO_PUT_REPLACE] = UFO_POLICY_REPLACE,
};

/* Is the committed version what the view shows? Not if it was put under the name of another object or into another
 * store, where the view stays with its own (a view of nothing has none); nor if a merge brought in changes of others,
 * or another length than the view's: but text that was only added to (ufo_txn_put_text_views) begins as the view does.
 */
static bool shows(const ufo_view *view, const ufo_object *committed) {
  const ufo_object_info *base = ufo_object_get_info(view->base);
  const ufo_object_info *next = ufo_object_get_info(committed);
  if (next->length != view->length && !(view->put_grows && next->length > view->length)) return false;
  bool same_store = ufo_object_same_store(view->base, committed) || strcmp(view->name, UFO_VIEW_OF_NOTHING) == 0;
  bool same_object = same_store && (base->id == next->id || base->version == 0);
  bool moved_on = committed->from_version && committed->from_version != view->base->map_version;
  bool merged = view->put_mode == UFO_PUT_MERGE && moved_on;
  return same_object && !merged;
}

static void ended(void *user, ufo_object *committed) {
  ufo_view *view = user;
  if (committed && shows(view, committed)) ufo_overlay_rebase(view, committed, &view->put_changes);
  else ufo_object_release(committed);
  ufo_changes_free(&view->put_changes);
  atomic_store(&view->put_is_open, false);
}

ufo_status ufo_txn_put_view(ufo_txn *txn, const char *name, ufo_view *view, ufo_put_mode mode, ufo_error *error) {
  return ufo_view_put(txn, name, name, view, mode, error);
}

ufo_status ufo_view_put(ufo_txn *txn, const char *name, const char *final_name, ufo_view *view, ufo_put_mode mode,
                        ufo_error *error) {
  if (!view || !txn || !name)
    return ufo_fail(error, UFO_USAGE, "cannot put a view without a transaction, name and view");
  if ((unsigned)mode >= sizeof policies / sizeof *policies)
    return ufo_fail(error, UFO_USAGE, "cannot put '%s': there is no put mode %d", name, (int)mode);
  ufo_status status = ufo_region_flush(view->region, error);
  if (status != UFO_OK) return ufo_fail_prefix(error, status, "cannot put '%s' into store %s", name, txn->core->path);
  ufo_changes changes;
  status = ufo_overlay_list(view, &changes, error);
  if (status != UFO_OK) return status;
  ufo_put *put = NULL;
  status = ufo_txn_put_extents(txn, name, view->base, changes.chunks, changes.extents, changes.count, policies[mode],
                               ended, view, &put, error);
  if (status != UFO_OK) {
    ufo_changes_free(&changes);
    return status;
  }
  /* One put decides what the view is based on: that under its own name, else the last one. */
  bool own = strcmp(final_name, view->name) == 0;
  if (!own && view->put_is_own && atomic_load(&view->put_is_open)) {
    ufo_put_forget(put);
    ufo_changes_free(&changes);
    return UFO_OK;
  }
  ufo_put_forget(view->pending);
  ufo_changes_free(&view->put_changes);
  view->pending = put;
  view->put_changes = changes;
  view->put_mode = mode;
  view->put_is_own = own;
  view->put_grows = false;
  atomic_store(&view->put_is_open, true);
  return UFO_OK;
}
