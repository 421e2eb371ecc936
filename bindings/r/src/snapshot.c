/* snapshot.c - see snapshot.h.
 *
 * The library calls back for each snapshot and version, where R must not be called: what it says is copied first and
 * made into R vectors afterwards. */
#include "snapshot.h"

#include "condition.h"
#include "store.h"

#include <stdlib.h>
#include <string.h>

static void check_no_transaction(const ufor_store *handle, const char *what, const char *label) {
  if (handle->txn == NULL) return;
  const char *path = ufo_store_path(handle->store);
  ufor_raise_format(UFO_USAGE, path, NULL,
                    "Cannot %s snapshot '%s' of '%s': a transaction is open, which a snapshot could not be part of; "
                    "ufo_commit() or ufo_rollback() it first",
                    what, label, path);
}

SEXP ufor_snapshot_create(SEXP pointer, SEXP label) {
  ufor_store *handle = ufor_store_from(pointer);
  check_no_transaction(handle, "make", ufor_name(label));
  ufo_error error;
  if (ufo_snapshot_create(handle->store, ufor_name(label), &error) != UFO_OK)
    ufor_raise_in("snapshot", &error, ufo_store_path(handle->store), NULL);
  return R_NilValue;
}

SEXP ufor_snapshot_remove(SEXP pointer, SEXP label) {
  ufor_store *handle = ufor_store_from(pointer);
  check_no_transaction(handle, "remove", ufor_name(label));
  ufo_error error;
  if (ufo_snapshot_remove(handle->store, ufor_name(label), &error) != UFO_OK)
    ufor_raise_in("snapshot", &error, ufo_store_path(handle->store), NULL);
  return R_NilValue;
}

/* ---- listing ---------------------------------------------------------------------------------------------------- */

struct listing {
  void *items;
  size_t item_bytes, count, capacity;
};

/* False: out of memory. */
static int add_item(struct listing *list, const void *item) {
  if (list->count == list->capacity) {
    size_t capacity = list->capacity ? 2 * list->capacity : 16;
    void *items = realloc(list->items, capacity * list->item_bytes);
    if (items == NULL) return 0;
    list->items = items;
    list->capacity = capacity;
  }
  memcpy((char *)list->items + list->count++ * list->item_bytes, item, list->item_bytes);
  return 1;
}

static int add_snapshot(void *user, const ufo_snapshot_info *info) { return !add_item(user, info); }
static int add_version(void *user, const ufo_version_info *info) { return !add_item(user, info); }

static void free_listing(void *data, Rboolean jump) {
  (void)jump;
  struct listing *list = data;
  free(list->items);
}

static SEXP column(SEXP frame, int index, SEXPTYPE type, size_t length) {
  SEXP vector = Rf_allocVector(type, (R_xlen_t)length);
  SET_VECTOR_ELT(frame, index, vector);
  return vector;
}

static SEXP text_or_na(const char *text) { return *text ? Rf_mkCharCE(text, CE_UTF8) : NA_STRING; }

static SEXP build_snapshots(void *data) {
  struct listing *list = data;
  const ufo_snapshot_info *items = list->items;
  const char *fields[] = {"label", "created", "objects", "held_bytes", ""};
  SEXP frame = PROTECT(Rf_mkNamed(VECSXP, fields));
  SEXP label = column(frame, 0, STRSXP, list->count);
  double *created = REAL(column(frame, 1, REALSXP, list->count));
  double *objects = REAL(column(frame, 2, REALSXP, list->count));
  double *held = REAL(column(frame, 3, REALSXP, list->count));
  for (size_t i = 0; i < list->count; i++) {
    SET_STRING_ELT(label, (R_xlen_t)i, text_or_na(items[i].label));
    created[i] = (double)items[i].created_ns / 1e9;
    objects[i] = (double)items[i].objects;
    held[i] = (double)items[i].held_bytes;
  }
  UNPROTECT(1);
  return frame;
}

static SEXP build_versions(void *data) {
  struct listing *list = data;
  const ufo_version_info *items = list->items;
  const char *fields[] = {"version", "changed",  "length",    "chunks_changed", "stored_bytes",
                          "current", "snapshot", "snapshots", "open",           ""};
  SEXP frame = PROTECT(Rf_mkNamed(VECSXP, fields));
  double *version = REAL(column(frame, 0, REALSXP, list->count));
  double *changed = REAL(column(frame, 1, REALSXP, list->count));
  double *length = REAL(column(frame, 2, REALSXP, list->count));
  double *chunks = REAL(column(frame, 3, REALSXP, list->count));
  double *stored = REAL(column(frame, 4, REALSXP, list->count));
  int *current = LOGICAL(column(frame, 5, LGLSXP, list->count));
  SEXP snapshot = column(frame, 6, STRSXP, list->count);
  double *snapshots = REAL(column(frame, 7, REALSXP, list->count));
  int *open = LOGICAL(column(frame, 8, LGLSXP, list->count));
  for (size_t i = 0; i < list->count; i++) {
    const ufo_version_info *item = &items[i];
    version[i] = (double)item->version;
    changed[i] = (double)item->changed_ns / 1e9;
    length[i] = (double)item->length;
    chunks[i] = (double)item->chunks_changed;
    stored[i] = (double)item->stored_bytes;
    current[i] = item->is_current != 0;
    SET_STRING_ELT(snapshot, (R_xlen_t)i, text_or_na(item->snapshot));
    snapshots[i] = (double)item->snapshots;
    open[i] = item->is_open != 0;
  }
  UNPROTECT(1);
  return frame;
}

/* The list is freed whatever happens. UFO_END: a callback found no memory. */
static SEXP finish(ufor_store *handle, struct listing *list, ufo_status status, ufo_error *error, const char *name,
                   SEXP (*build)(void *)) {
  const char *path = ufo_store_path(handle->store);
  if (status != UFO_OK) free(list->items);
  if (status == UFO_END) ufor_raise_format(UFO_FULL, path, name, "Cannot list what '%s' holds: out of memory", path);
  if (status != UFO_OK) ufor_raise(error, path, name);
  return R_UnwindProtect(build, list, free_listing, list, NULL);
}

SEXP ufor_snapshots(SEXP pointer) {
  ufor_store *handle = ufor_store_from(pointer);
  struct listing list = {.item_bytes = sizeof(ufo_snapshot_info)};
  ufo_error error;
  ufo_status status = ufo_snapshot_list(handle->store, add_snapshot, &list, &error);
  return finish(handle, &list, status, &error, NULL, build_snapshots);
}

SEXP ufor_versions(SEXP pointer, SEXP name) {
  ufor_store *handle = ufor_store_from(pointer);
  struct listing list = {.item_bytes = sizeof(ufo_version_info)};
  ufo_error error;
  ufo_status status = ufo_store_versions(handle->store, ufor_name(name), add_version, &list, &error);
  return finish(handle, &list, status, &error, ufor_name(name), build_versions);
}
