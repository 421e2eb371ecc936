/* compact.c - a store without holes: every table copied, in the order of its keys, into a new file.
 *
 * Entry by entry through the engine's interface, not by its own page copy: large values then go by pread instead of
 * making the old file's map resident, and memory stays at a batch. The copy is one state of the store; it is synced and
 * renamed when it is whole. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/attach.h"
#include "store/create.h"
#include "store/garbage.h"
#include "store/registry.h"
#include "store/repack.h"
#include "store/store.h"
#include "util/fail.h"

#define BATCH_BYTES (UINT64_C(16) << 20)
#define BATCH_ENTRIES 20000

typedef struct copying {
  ufo_etxn *from;
  ufo_engine *engine;
  ufo_etxn *to; /* NULL between batches */
  uint64_t bytes, entries;
  uint8_t *buffer;
  size_t capacity;
} copying;

static ufo_status end_batch(copying *copy, ufo_error *error) {
  ufo_etxn *txn = copy->to;
  copy->to = NULL;
  copy->bytes = copy->entries = 0;
  return txn ? ufo_engine_commit(txn, error) : UFO_OK;
}

static ufo_status copy_entry(copying *copy, ufo_table table, ufo_slice key, ufo_slice value, ufo_error *error) {
  ufo_status status = UFO_OK;
  if (!copy->to) status = ufo_engine_begin_write(copy->engine, NULL, &copy->to, error);
  const uint8_t *data = value.data;
  if (!status && table == UFO_TABLE_BLOBS) {
    if (value.bytes > copy->capacity) {
      uint8_t *buffer = realloc(copy->buffer, value.bytes);
      if (!buffer) return ufo_fail(error, UFO_FULL, "out of memory");
      copy->buffer = buffer;
      copy->capacity = value.bytes;
    }
    status = ufo_engine_read(copy->from, table, key.data, key.bytes, copy->buffer, value.bytes, error);
    data = copy->buffer;
  }
  if (!status) status = ufo_engine_put(copy->to, table, key.data, key.bytes, data, value.bytes, true, error);
  copy->bytes += value.bytes;
  copy->entries++;
  bool full = copy->bytes >= BATCH_BYTES || copy->entries >= BATCH_ENTRIES;
  return !status && full ? end_batch(copy, error) : status;
}

static ufo_status copy_table(copying *copy, ufo_table table, ufo_error *error) {
  ufo_cursor *cursor;
  ufo_slice key, value;
  ufo_status status = ufo_cursor_open(copy->from, table, &cursor, error);
  if (status) return status;
  status = ufo_cursor_seek(cursor, NULL, 0, &key, &value, error);
  while (!status) {
    status = copy_entry(copy, table, key, value, error);
    if (!status) status = ufo_cursor_next(cursor, &key, &value, error);
  }
  ufo_cursor_close(cursor);
  return status == UFO_END ? UFO_OK : status;
}

/* Who may read and write the store stays as it is, as far as the system lets us. */
static void copy_permissions(int fd, const char *path) {
  struct stat file;
  if (fstat(fd, &file)) return;
  int ignored = chown(path, file.st_uid, file.st_gid);
  ignored |= chmod(path, file.st_mode & 07777);
  (void)ignored;
}

/* `from` is a read transaction of the old file. The file at `temporary` is whole on success, gone on an error. */
static ufo_status copy_store(ufo_core *core, ufo_etxn *from, const char *temporary, const char *name,
                             ufo_error *error) {
  ufo_engine_options options = {.name = name,
                                .writable = true,
                                .create = true,
                                .no_sync = true,
                                .permissions = 0600,
                                .map_bytes = core->map_bytes};
  copying copy = {.from = from};
  ufo_status status = ufo_engine_open(temporary, &options, &copy.engine, error);
  for (int table = 0; table < UFO_TABLE_COUNT && !status; table++) {
    status = copy_table(&copy, (ufo_table)table, error);
  }
  if (!status) status = end_batch(&copy, error);
  ufo_engine_end(copy.to);
  ufo_engine_close(copy.engine);
  free(copy.buffer);
  if (status) unlink(temporary);
  else copy_permissions(core->lock_fd, temporary);
  return status;
}

static ufo_status copy_to(ufo_core *core, const char *path, ufo_error *error) {
  char *temporary = ufo_create_temporary_name(path);
  if (!temporary) return ufo_fail(error, UFO_FULL, "out of memory");
  ufo_etxn *txn;
  ufo_status status = UFO_OK;
  struct stat file;
  if (lstat(path, &file) == 0) status = ufo_fail(error, UFO_USAGE, "%s exists already", path);
  if (!status) status = ufo_create_clear_name(path, error);
  if (!status) status = ufo_core_begin_read(core, &txn, error);
  if (!status) {
    status = copy_store(core, txn, temporary, path, error);
    ufo_core_end(core, txn);
    ufo_naming naming = UFO_NAME_NOT_GIVEN;
    if (!status) status = ufo_create_publish(temporary, path, false, &naming, error);
    if (naming == UFO_NAME_TAKEN) status = ufo_fail(error, UFO_USAGE, "%s exists already", path);
  }
  free(temporary);
  return status;
}

/* A descriptor of the new file that says already what the old one's says: nobody else may use it yet. */
static ufo_status open_copy(const ufo_core *core, const char *temporary, int *fd_out, struct stat *copy,
                            ufo_error *error) {
  *fd_out = open(temporary, O_RDWR | O_CLOEXEC);
  if (*fd_out < 0) return ufo_fail_errno(error, errno, "cannot open the copy");
  if (!fstat(*fd_out, copy) && ufo_pin_presence_exclusive(*fd_out) && ufo_binding_add(&core->binding, *fd_out)) {
    return UFO_OK;
  }
  ufo_status status = ufo_fail_errno(error, errno, "cannot lock the copy");
  close(*fd_out);
  return status;
}

static ufo_status replace_file(ufo_core *core, ufo_error *error) {
  char *temporary = ufo_create_temporary_name(core->path);
  if (!temporary) return ufo_fail(error, UFO_FULL, "out of memory");
  int fd = -1;
  struct stat copy;
  ufo_etxn *txn;
  ufo_status status = ufo_engine_begin_read(core->engine, NULL, &txn, error);
  if (!status) {
    status = copy_store(core, txn, temporary, core->path, error);
    ufo_engine_end(txn);
  }
  if (!status) {
    status = open_copy(core, temporary, &fd, &copy, error);
    if (status) unlink(temporary);
  }
  if (!status) {
    ufo_naming naming;
    status = ufo_create_publish(temporary, core->path, true, &naming, error);
    if (naming == UFO_NAME_GIVEN) { /* whether or not it is sure to last: the old file has no name any more */
      ufo_status attached = ufo_attach_replaced(core, fd, &copy, status ? NULL : error);
      if (!status) status = attached;
    } else {
      close(fd);
      ufo_binding_remove(&core->binding, copy.st_ino);
    }
  }
  free(temporary);
  return status;
}

static ufo_status do_nothing(ufo_core *core, ufo_error *error) { return (void)core, (void)error, UFO_OK; }

/* Nobody may open, read or write the store during `work`: the registry is locked, and the gate. */
static ufo_status do_alone(ufo_core *core, ufo_status (*work)(ufo_core *, ufo_error *), ufo_error *error) {
  ufo_status status = ufo_core_enter(core, error);
  if (status) return status;
  ufo_registry_lock();
  pthread_rwlock_wrlock(&core->gate);
  bool alone = ufo_core_is_alone(core);
  if (!alone) status = ufo_fail(error, UFO_USAGE, "other handles, transactions or views in this process use it");
  else if (!core->engine) status = ufo_attach_reopen(core, error); /* it was lost to an earlier error */
  if (!status && !ufo_pin_presence_exclusive(core->lock_fd)) {
    status = ufo_fail(error, UFO_USAGE, "another process has it open");
  } else if (!status) {
    status = work(core, error);
    /* Others may use the file again, be it the old one or the new one. */
    ufo_status shared = ufo_pin_presence(core->lock_fd, core->path, NULL);
    (void)shared;
  }
  pthread_rwlock_unlock(&core->gate);
  ufo_registry_unlock();
  return status;
}

static ufo_status compact_in_place(ufo_store *store, ufo_error *error) {
  ufo_core *core = store->core;
  /* Others might be about to change what is repacked. */
  ufo_status status = do_alone(core, do_nothing, error);
  if (status) return status;
  ufo_texts_repack(store);
  ufo_garbage_collect(core, UINT_MAX);
  return do_alone(core, replace_file, error);
}

ufo_status ufo_store_compact(ufo_store *store, const char *path_out, ufo_error *error) {
  ufo_status status = ufo_store_check(store, NULL, error);
  if (status) return status;
  ufo_core *core = store->core;
  if (!path_out && store->read_only) {
    return ufo_fail(error, UFO_USAGE, "cannot compact store %s: it is open read-only", core->path);
  }
  if (path_out && !*path_out) return ufo_fail(error, UFO_USAGE, "cannot compact store %s: no path given", core->path);
  if (path_out && !store->read_only) ufo_garbage_collect(core, UINT_MAX);
  status = path_out ? copy_to(core, path_out, error) : compact_in_place(store, error);
  if (!status) return UFO_OK;
  if (path_out) return ufo_fail_prefix(error, status, "cannot compact store %s to %s", core->path, path_out);
  return ufo_fail_prefix(error, status, "cannot compact store %s", core->path);
}
