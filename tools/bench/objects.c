/* objects.c - see objects.h. */
#include "objects.h"

#include "cli/cli.h"
#include "clock.h"

#include <stdio.h>

enum { BATCH = 10000 };

void object_name(uint64_t number, char out[32]) { snprintf(out, 32, "object-%07llu", (unsigned long long)number); }

static ufo_status put_batch(ufo_store *store, uint64_t first, uint64_t end, ufo_error *error) {
  const ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_DOUBLE, .length = OBJECT_ELEMENTS};
  ufo_txn *txn;
  ufo_status status = ufo_txn_begin(store, &txn, error);
  if (status) return status;
  for (uint64_t i = first; !status && i < end; i++) {
    char name[32];
    double values[OBJECT_ELEMENTS];
    object_name(i, name);
    for (unsigned k = 0; k < OBJECT_ELEMENTS; k++) values[k] = (double)(i + k);
    status = ufo_txn_put(txn, name, &spec, values, error);
  }
  if (!status) status = ufo_txn_commit(txn, error);
  if (status) ufo_txn_abort(txn);
  return status;
}

ufo_status objects_create(const workspace *w, const char *file, uint64_t count, char path_out[PATH_MAX],
                          ufo_error *error) {
  ufo_store *store;
  workspace_path(w, file, path_out);
  const ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_CREATE};
  ufo_status status = ufo_store_open(path_out, &options, &store, error);
  if (status) return status;
  for (uint64_t at = 0; !status && at < count; at += BATCH) {
    status = workspace_check(w, error);
    if (!status) status = put_batch(store, at, count - at < BATCH ? count : at + BATCH, error);
  }
  ufo_store_close(store);
  return status;
}

ufo_status objects_open_one(const char *path, ufo_open_mode mode, ufo_pool *pool, uint64_t number, uint64_t *ns_out,
                            ufo_error *error) {
  char name[32];
  ufo_store *store;
  ufo_view *view;
  const ufo_store_options options = {.struct_size = sizeof options, .mode = mode};
  object_name(number, name);
  uint64_t begin = now_ns();
  ufo_status status = ufo_store_open(path, &options, &store, error);
  if (status) return status;
  status = ufo_view_open(store, NULL, pool, name, NULL, &view, error);
  if (!status) {
    double value = *(const volatile double *)ufo_view_data(view);
    *ns_out = now_ns() - begin;
    ufo_view_release(view);
    if (value != (double)number) status = set_error(error, UFO_CORRUPT, "object '%s' holds %.17g", name, value);
  }
  ufo_store_close(store);
  return status;
}
