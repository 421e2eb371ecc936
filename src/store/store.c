/* store.c - opening and closing a store. */
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/create.h"
#include "store/garbage.h"
#include "store/transaction.h"
#include "util/checked.h"
#include "util/fail.h"

static ufo_status check_options(const char *path, const ufo_store_options *options, ufo_error *error) {
  if (!path || !*path) return ufo_fail(error, UFO_USAGE, "a store needs a path");
  if (options->struct_size != sizeof *options) {
    return ufo_fail(error, UFO_USAGE, "ufo_store_options has %zu bytes and struct_size says %zu", sizeof *options,
                    options->struct_size);
  }
  if (options->mode != UFO_OPEN_READ_ONLY && options->mode != UFO_OPEN_READ_WRITE && options->mode != UFO_OPEN_CREATE) {
    return ufo_fail(error, UFO_USAGE, "cannot open store %s: unknown mode %d", path, (int)options->mode);
  }
  if (options->permissions & ~0777u) {
    return ufo_fail(error, UFO_USAGE, "cannot open store %s: permissions 0%o", path, options->permissions);
  }
  if (options->snapshot && options->mode != UFO_OPEN_READ_ONLY) {
    return ufo_fail(error, UFO_USAGE, "cannot open snapshot '%s' of store %s: a snapshot is opened read-only",
                    options->snapshot, path);
  }
  uint32_t chunk = options->default_chunk_bytes;
  if (chunk && (!ufo_is_power_of_two(chunk) || chunk < UFO_CHUNK_BYTES_MIN || chunk > UFO_CHUNK_BYTES_MAX)) {
    return ufo_fail(error, UFO_USAGE, "a chunk of %u bytes: it must be a power of two from %d to %d", chunk,
                    UFO_CHUNK_BYTES_MIN, UFO_CHUNK_BYTES_MAX);
  }
  return UFO_OK;
}

/* Creates the file if the mode asks for it and it is not there. */
static ufo_status ensure_file(const char *path, const ufo_store_options *options, ufo_error *error) {
  struct stat file;
  bool exists = stat(path, &file) == 0;
  if (!exists && errno != ENOENT) return ufo_fail_errno(error, errno, "cannot open store %s", path);
  if (!exists && options->mode == UFO_OPEN_READ_ONLY) {
    return ufo_fail(error, UFO_MISSING, "cannot open store %s: no such file", path);
  }
  if (!exists) {
    ufo_status status = ufo_create_file(
        path, options->permissions,
        options->default_chunk_bytes ? options->default_chunk_bytes : UFO_CHUNK_BYTES_DEFAULT, &exists, error);
    if (status) return status;
  }
  if (exists && options->mode == UFO_OPEN_CREATE) {
    return ufo_fail(error, UFO_USAGE, "cannot create store %s: it exists already", path);
  }
  return UFO_OK;
}

static ufo_status find_snapshot(ufo_store *store, const char *label, ufo_error *error) {
  ufo_etxn *txn;
  ufo_snapshot_record record;
  ufo_status status = ufo_catalogue_check_name(label, error);
  if (!status) status = ufo_core_begin_read(store->core, &txn, error);
  if (status) return status;
  status = ufo_snapshots_get(txn, label, &record, error);
  ufo_core_end(store->core, txn);
  if (status == UFO_MISSING) {
    return ufo_fail(error, UFO_MISSING, "store %s has no snapshot '%s'", store->core->path, label);
  }
  if (status) return ufo_fail_prefix(error, status, "cannot open snapshot '%s' of store %s", label, store->core->path);
  store->at_snapshot = true;
  strcpy(store->snapshot.label, label);
  store->snapshot.generation = record.generation;
  return UFO_OK;
}

ufo_status ufo_store_open(const char *path, const ufo_store_options *options, ufo_store **store_out, ufo_error *error) {
  static const ufo_store_options defaults = {.struct_size = sizeof defaults, .mode = UFO_OPEN_READ_WRITE};
  if (!store_out) return ufo_fail(error, UFO_USAGE, "no place for the store's handle");
  *store_out = NULL;
  if (!options) options = &defaults;
  ufo_status status = check_options(path, options, error);
  if (!status) status = ensure_file(path, options, error);
  if (status) return status;
  ufo_store *store = calloc(1, sizeof *store);
  if (!store) return ufo_fail(error, UFO_FULL, "cannot open store %s: out of memory", path);
  atomic_init(&store->references, 1);
  store->read_only = options->mode == UFO_OPEN_READ_ONLY;
  pthread_mutex_init(&store->lock, NULL);
  ufo_core_options core = {.writable = !store->read_only,
                           .map_bytes = options->map_bytes,
                           .scratch_dir = options->scratch_dir,
                           .preflight = options->preflight != 0};
  status = ufo_core_open(path, &core, &store->core, error);
  if (status) {
    pthread_mutex_destroy(&store->lock);
    free(store);
    return status;
  }
  status = options->snapshot ? find_snapshot(store, options->snapshot, error) : UFO_OK;
  if (status) {
    ufo_store_close(store);
    return status;
  }
  if (!store->read_only && ufo_garbage_present(store->core)) ufo_garbage_collect(store->core, 4);
  *store_out = store;
  return UFO_OK;
}

void ufo_store_release(ufo_store *store) {
  if (atomic_fetch_sub(&store->references, 1) != 1) return;
  pthread_mutex_destroy(&store->lock);
  free(store);
}

void ufo_store_close(ufo_store *store) {
  if (!store || atomic_exchange(&store->closed, true)) return;
  ufo_txn_abort_all(store);
  if (!store->read_only && ufo_garbage_present(store->core)) ufo_garbage_collect(store->core, 8);
  ufo_core *core = store->core;
  ufo_core_drop_handle(core);
  ufo_store_release(store);
}

ufo_status ufo_store_check(const ufo_store *store, const ufo_txn *txn, ufo_error *error) {
  if (!store) return ufo_fail(error, UFO_USAGE, "no store was given");
  if (atomic_load(&store->closed)) return ufo_fail(error, UFO_USAGE, "the store is closed");
  if (txn && ufo_txn_store(txn) != store) {
    return ufo_fail(error, UFO_USAGE, "the transaction is not of this handle on store %s", store->core->path);
  }
  return txn ? ufo_txn_check(txn, error) : UFO_OK;
}

const char *ufo_store_path(const ufo_store *store) { return store->core->path; }

const ufo_sight *ufo_store_sight(const ufo_store *store) { return store->at_snapshot ? &store->snapshot : NULL; }

int ufo_store_is_read_only(const ufo_store *store) { return store->read_only; }
