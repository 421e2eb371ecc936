/* engine_lmdb_values.c - reading and writing entries, cursors and figures of the LMDB engine; see engine_lmdb.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/file.h"
#include "store/engine_lmdb.h"
#include "store/pages.h"
#include "util/checked.h"
#include "util/fail.h"

enum { LEAVES = 16 };                             /* of pages that are fetched ahead of look-ups */
enum { SLOW_NS = 200000, WAIT_NS_MAX = 4000000 }; /* more than that tells no more: one read alone makes a disk slow */
#define PIECE_BYTES (UINT64_C(1) << 16)
#define TOUCH_BYTES (UINT64_C(1) << 19) /* what the kernel may map around touched pages of the tree and the blob */

/* ---- values ---------------------------------------------------------------------------------------------------- */

static ufo_status lookup(ufo_etxn *txn, ufo_table table, const void *key, size_t key_bytes, MDB_val *value,
                         ufo_error *error) {
  MDB_val name = {key_bytes, (void *)(uintptr_t)key};
  int code = mdb_get(txn->handle, txn->engine->tables[table], &name, value);
  if (code == MDB_NOTFOUND) return UFO_MISSING;
  return code ? ufo_lmdb_fail(txn->engine, code, "read", error) : UFO_OK;
}

ufo_status ufo_engine_get(ufo_etxn *txn, ufo_table table, const void *key, size_t key_bytes, ufo_slice *value,
                          ufo_error *error) {
  MDB_val found;
  ufo_status status = lookup(txn, table, key, key_bytes, &found, error);
  if (status) return status;
  *value = (ufo_slice){found.mv_data, found.mv_size};
  return UFO_OK;
}

static ufo_status read_file(ufo_engine *engine, uint64_t offset, uint8_t *target, size_t bytes, ufo_error *error) {
  while (bytes > 0) {
    ssize_t got = pread(engine->fd, target, bytes, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return ufo_fail_errno(error, errno, "cannot read %zu bytes at offset %llu of store %s", bytes,
                            (unsigned long long)offset, engine->path);
    }
    if (got == 0) {
      return ufo_fail(error, UFO_CORRUPT, "store %s was cut short: it ends before byte %llu", engine->path,
                      (unsigned long long)(offset + bytes));
    }
    offset += (uint64_t)got;
    target += got;
    bytes -= (size_t)got;
  }
  return UFO_OK;
}

ufo_status ufo_engine_read(ufo_etxn *txn, ufo_table table, const void *key, size_t key_bytes, void *target,
                           size_t bytes, ufo_error *error) {
  MDB_val found;
  ufo_status status = lookup(txn, table, key, key_bytes, &found, error);
  if (status) return status;
  ufo_engine *engine = txn->engine;
  if (found.mv_size != bytes) {
    return ufo_fail(error, UFO_CORRUPT, "a value of table %s has %zu bytes and should have %zu", ufo_table_name(table),
                    found.mv_size, bytes);
  }
  uintptr_t at = (uintptr_t)found.mv_data, map = engine->map;
  bool on_leaf = bytes <= 2048; /* then its page was read to find it */
  bool mapped = map && at >= map && at - map < engine->map_bytes;
  if (on_leaf || !mapped) {                          /* not mapped: written by this very transaction */
    if (bytes) memcpy(target, found.mv_data, bytes); /* for no bytes the caller may have no room at all */
    return UFO_OK;
  }
  ufo_lmdb_trim(engine, bytes); /* for the B-tree pages on the way */
  return read_file(engine, at - map, target, bytes, error);
}

/* A page has a header of 16 bytes. Behind it are a large value's bytes, or where the entries of a leaf lie. */
bool ufo_engine_place(const ufo_etxn *txn, ufo_slice value, uint64_t *offset_out) {
  const ufo_engine *engine = txn->engine;
  uintptr_t at = (uintptr_t)value.data;
  if (!engine->map || at < engine->map || at - engine->map >= engine->map_bytes) return false;
  *offset_out = at - engine->map;
  return *offset_out % engine->page_bytes == UFO_PAGE_HEADER;
}

/* Is this read to be timed? One in four of long ones is, one in sixteen of short ones: two looks at the clock take as
 * long as a short read's tenth. */
static bool is_sample(const ufo_engine *engine, uint64_t offset, size_t bytes) {
  uint64_t mixed = offset / engine->page_bytes * UINT64_C(0x9E3779B97F4A7C15);
  return mixed >> 60 <= ufo_min(bytes / (PIECE_BYTES / 4), 3);
}

/* Threads that overwrite each other's average do no harm. */
ufo_status ufo_engine_read_at(ufo_engine *engine, uint64_t offset, void *target, size_t bytes, ufo_error *error) {
  ufo_lmdb_trim(engine, UFO_TRIM_BYTES / 256);
  bool timed = is_sample(engine, offset, bytes);
  uint64_t begin = timed ? ufo_clock_monotonic_ns() : 0;
  ufo_status status = read_file(engine, offset, target, bytes, error);
  if (timed) {
    unsigned average = atomic_load_explicit(&engine->wait_ns, memory_order_relaxed);
    uint64_t pieces = ufo_max(1, bytes / PIECE_BYTES); /* a long read is not slow because it is long */
    uint64_t took = ufo_min((ufo_clock_monotonic_ns() - begin) / pieces, WAIT_NS_MAX);
    average = (unsigned)(average - average / 16 + took / 16);
    atomic_store_explicit(&engine->wait_ns, average, memory_order_relaxed);
  }
  return status;
}

bool ufo_engine_is_slow(const ufo_etxn *txn) {
  return atomic_load_explicit(&txn->engine->wait_ns, memory_order_relaxed) >= SLOW_NS;
}

bool ufo_engine_would_wait(const ufo_etxn *txn, uint64_t offset) {
  return ufo_file_would_wait(txn->engine->fd, offset);
}

void ufo_engine_expect_order(const ufo_etxn *txn, bool in_order) {
  ufo_engine *engine = txn->engine;
  if (atomic_load_explicit(&engine->in_order, memory_order_relaxed) == in_order) return;
  atomic_store_explicit(&engine->in_order, in_order, memory_order_relaxed);
  ufo_file_expect_order(engine->fd, in_order);
}

void ufo_engine_fetch(const ufo_etxn *txn, uint64_t offset, uint64_t bytes) {
  ufo_file_fetch(txn->engine->fd, offset, bytes);
}

void ufo_engine_fetch_leaves(const ufo_etxn *txn, ufo_table table, bool behind) {
  const ufo_engine *engine = txn->engine;
  const ufo_cursor *cursor = &txn->cursors[table];
  MDB_val key, value;
  uint64_t offset = 0;
  if (txn->write || !cursor->handle || mdb_cursor_get(cursor->handle, &key, &value, MDB_GET_CURRENT)) return;
  if (ufo_engine_place(txn, (ufo_slice){value.mv_data, value.mv_size}, &offset) || offset == 0) return;
  uint64_t page = offset / engine->page_bytes;
  if (!behind && page < LEAVES) return;
  uint64_t middle = behind ? page + LEAVES / 2 : page - LEAVES / 2, first = behind ? page + 1 : page - LEAVES;
  if (ufo_file_would_wait(engine->fd, middle * engine->page_bytes))
    ufo_file_fetch(engine->fd, first * engine->page_bytes, LEAVES * engine->page_bytes);
}

ufo_status ufo_engine_put(ufo_etxn *txn, ufo_table table, const void *key, size_t key_bytes, const void *value,
                          size_t value_bytes, bool append, ufo_error *error) {
  MDB_val name = {key_bytes, (void *)(uintptr_t)key}, content = {value_bytes, (void *)(uintptr_t)value};
  ufo_lmdb_trim(txn->engine, UFO_TRIM_BYTES / 64);
  int code = mdb_put(txn->handle, txn->engine->tables[table], &name, &content, append ? MDB_APPEND : 0);
  ufo_lmdb_trim(txn->engine, table == UFO_TABLE_BLOBS ? TOUCH_BYTES : UFO_TRIM_BYTES / 64);
  return code ? ufo_lmdb_fail(txn->engine, code, "write to", error) : UFO_OK;
}

ufo_status ufo_engine_delete(ufo_etxn *txn, ufo_table table, const void *key, size_t key_bytes, ufo_error *error) {
  MDB_val name = {key_bytes, (void *)(uintptr_t)key};
  int code = mdb_del(txn->handle, txn->engine->tables[table], &name, NULL);
  ufo_lmdb_trim(txn->engine, table == UFO_TABLE_BLOBS ? TOUCH_BYTES : UFO_TRIM_BYTES / 64);
  if (code == MDB_NOTFOUND) return UFO_MISSING;
  return code ? ufo_lmdb_fail(txn->engine, code, "write to", error) : UFO_OK;
}

/* ---- cursors --------------------------------------------------------------------------------------------------- */

ufo_status ufo_cursor_open(ufo_etxn *txn, ufo_table table, ufo_cursor **cursor_out, ufo_error *error) {
  *cursor_out = NULL;
  ufo_engine *engine = txn->engine;
  ufo_cursor *cursor = &txn->cursors[table];
  int code;
  if (!txn->write && cursor->handle && !cursor->current) {
    code = mdb_cursor_renew(txn->handle, cursor->handle);
    cursor->current = true;
  } else if (!txn->write && !cursor->handle) {
    *cursor = (ufo_cursor){.txn = txn, .cached = true, .current = true};
    code = mdb_cursor_open(txn->handle, engine->tables[table], &cursor->handle);
    if (code) cursor->handle = NULL;
  } else { /* of a write transaction, or a second one on the same table */
    cursor = calloc(1, sizeof *cursor);
    if (!cursor) return ufo_fail(error, UFO_FULL, "cannot read store %s: out of memory", engine->path);
    cursor->txn = txn;
    code = mdb_cursor_open(txn->handle, engine->tables[table], &cursor->handle);
    if (code) free(cursor);
  }
  if (code) return ufo_lmdb_fail(engine, code, "read", error);
  *cursor_out = cursor;
  return UFO_OK;
}

void ufo_cursor_close(ufo_cursor *cursor) {
  if (!cursor) return;
  if (cursor->cached) {
    cursor->current = false; /* free to be used again, after renewal */
    return;
  }
  mdb_cursor_close(cursor->handle);
  free(cursor);
}

static ufo_status move(ufo_cursor *cursor, MDB_val *key, MDB_cursor_op operation, ufo_slice *key_out,
                       ufo_slice *value_out, ufo_error *error) {
  MDB_val value;
  int code = mdb_cursor_get(cursor->handle, key, &value, operation);
  if (code == MDB_NOTFOUND) return UFO_END;
  if (code) return ufo_lmdb_fail(cursor->txn->engine, code, "read", error);
  *key_out = (ufo_slice){key->mv_data, key->mv_size};
  *value_out = (ufo_slice){value.mv_data, value.mv_size};
  return UFO_OK;
}

ufo_status ufo_cursor_seek(ufo_cursor *cursor, const void *key, size_t key_bytes, ufo_slice *key_out,
                           ufo_slice *value_out, ufo_error *error) {
  MDB_val name = {key_bytes, (void *)(uintptr_t)key};
  ufo_engine *engine = cursor->txn->engine;
  ufo_lmdb_trim(engine, UFO_TRIM_BYTES / 256);
  ufo_status status = move(cursor, &name, key_bytes ? MDB_SET_RANGE : MDB_FIRST, key_out, value_out, error);
  if (status || key_bytes == 0) return status;
  /* Index pages have no checksum, and a damaged one leads to another leaf. Who seeks on from what was found must not go
   * round in circles. */
  size_t common = key_out->bytes < key_bytes ? key_out->bytes : key_bytes;
  int order = memcmp(key_out->data, key, common);
  if (order > 0 || (order == 0 && key_out->bytes >= key_bytes)) return UFO_OK;
  return ufo_fail(error, UFO_CORRUPT, "cannot read store %s: an index page is damaged, a search ended too early",
                  engine->path);
}

ufo_status ufo_cursor_next(ufo_cursor *cursor, ufo_slice *key_out, ufo_slice *value_out, ufo_error *error) {
  MDB_val name;
  ufo_lmdb_trim(cursor->txn->engine, UFO_TRIM_BYTES / 4096); /* a walk of a whole table maps all of its leaves */
  return move(cursor, &name, MDB_NEXT, key_out, value_out, error);
}

ufo_status ufo_cursor_delete(ufo_cursor *cursor, ufo_error *error) {
  int code = mdb_cursor_del(cursor->handle, 0);
  return code ? ufo_lmdb_fail(cursor->txn->engine, code, "write to", error) : UFO_OK;
}

/* ---- figures --------------------------------------------------------------------------------------------------- */

ufo_status ufo_engine_get_entries(ufo_etxn *txn, ufo_table table, uint64_t *entries_out, ufo_error *error) {
  MDB_stat stat;
  int code = mdb_stat(txn->handle, txn->engine->tables[table], &stat);
  if (code) return ufo_lmdb_fail(txn->engine, code, "read", error);
  *entries_out = stat.ms_entries;
  return UFO_OK;
}

ufo_status ufo_engine_get_stat(ufo_etxn *txn, ufo_engine_stat *stat, ufo_error *error) {
  ufo_engine *engine = txn->engine;
  *stat = (ufo_engine_stat){0};
  MDB_stat table;
  MDB_envinfo info;
  MDB_cursor *cursor;
  mdb_env_info(engine->env, &info);
  for (int i = 0; i < UFO_TABLE_COUNT; i++) {
    int code = mdb_stat(txn->handle, engine->tables[i], &table);
    if (code) return ufo_lmdb_fail(engine, code, "read", error);
    stat->entries[i] = table.ms_entries;
    stat->page_bytes = table.ms_psize;
  }
  stat->map_bytes = info.me_mapsize;
  int code = mdb_cursor_open(txn->handle, 0, &cursor); /* table 0 lists the free pages */
  if (code) return ufo_lmdb_fail(engine, code, "read", error);
  MDB_val key, value;
  while (!(code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT))) {
    size_t count;
    memcpy(&count, value.mv_data, sizeof count);
    stat->free_pages += count;
  }
  mdb_cursor_close(cursor);
  if (code != MDB_NOTFOUND) return ufo_lmdb_fail(engine, code, "read", error);
  uint64_t pages = info.me_last_pgno + 1;
  stat->used_pages = pages > stat->free_pages ? pages - stat->free_pages : 0;
  return UFO_OK;
}
