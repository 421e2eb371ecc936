/* stat.c - figures of the whole store, and the handle's side of verifying it. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "store/catalogue.h"
#include "store/descent.h"
#include "store/handle.h"
#include "store/store.h"
#include "store/verify.h"
#include "util/bytes.h"
#include "util/fail.h"

static void format_uuid(const uint8_t uuid[16], char text[37]) {
  size_t at = 0;
  for (int i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text[at++] = '-';
    snprintf(text + at, 3, "%02x", uuid[i]);
    at += 2;
  }
}

void ufo_store_uuid(const ufo_store *store, char text[37]) { format_uuid(store->core->superblock.uuid, text); }

/* The lengths of a table's values: neither they nor their pages are read. */
static ufo_status sum_lengths(ufo_etxn *txn, ufo_table table, uint64_t *bytes_out, ufo_error *error) {
  ufo_cursor *cursor;
  ufo_slice key, value;
  ufo_status status = ufo_cursor_open(txn, table, &cursor, error);
  if (status) return status;
  status = ufo_cursor_seek(cursor, NULL, 0, &key, &value, error);
  while (!status) {
    *bytes_out += value.bytes;
    status = ufo_cursor_next(cursor, &key, &value, error);
  }
  ufo_cursor_close(cursor);
  return status == UFO_END ? UFO_OK : status;
}

static ufo_status sum_staged(ufo_etxn *txn, uint64_t *bytes_out, ufo_error *error) {
  ufo_cursor *cursor;
  ufo_slice key, value;
  ufo_status status = ufo_cursor_open(txn, UFO_TABLE_STAGED, &cursor, error);
  if (status) return status;
  status = ufo_cursor_seek(cursor, NULL, 0, &key, &value, error);
  while (!status) {
    if (value.bytes == UFO_U64_RECORD_BYTES) *bytes_out += ufo_get_le64(value.data);
    status = ufo_cursor_next(cursor, &key, &value, error);
  }
  ufo_cursor_close(cursor);
  return status == UFO_END ? UFO_OK : status;
}

static ufo_status add_object(ufo_etxn *txn, const ufo_found *found, ufo_store_stat *stat, ufo_descent *descent,
                             ufo_error *error) {
  stat->live_bytes += found->record.stored_bytes;
  stat->element_bytes += ufo_record_body_bytes(&found->record);
  if (!ufo_has_children(found->record.type)) return UFO_OK;
  ufo_status status = ufo_descent_enter(descent, found->id, error);
  if (status) return status;
  for (uint64_t i = 0; i < found->record.length && !status; i++) {
    ufo_found child;
    status = ufo_lookup_child(txn, found, i, &child, error);
    if (!status) status = add_object(txn, &child, stat, descent, error);
  }
  ufo_descent_leave(descent);
  return status;
}

static ufo_status sum_objects(ufo_etxn *txn, ufo_store_stat *stat, ufo_error *error) {
  ufo_cursor *cursor;
  ufo_slice key, value;
  ufo_descent descent = {0}; /* for all names: at one generation no list belongs to two of them */
  ufo_status status = ufo_cursor_open(txn, UFO_TABLE_NAMES, &cursor, error);
  if (status) return status;
  status = ufo_cursor_seek(cursor, NULL, 0, &key, &value, error);
  while (!status) {
    ufo_found found = {0};
    ufo_named named = {0};
    if (value.bytes > UFO_SEAL_BYTES) {
      (void)ufo_catalogue_decode_named((ufo_slice){value.data, value.bytes - UFO_SEAL_BYTES}, &named, NULL);
    }
    found.id = named.id;
    /* What is damaged is left out: figures are wanted of damaged stores, too. */
    status = ufo_catalogue_get_object(txn, found.id, 0, &found.version, &found.record, error);
    if (!status) status = add_object(txn, &found, stat, &descent, error);
    if (status == UFO_CORRUPT || status == UFO_MISSING) status = UFO_OK;
    stat->objects++;
    if (!status) status = ufo_cursor_next(cursor, &key, &value, error);
  }
  ufo_descent_end(&descent);
  ufo_cursor_close(cursor);
  return status == UFO_END ? UFO_OK : status;
}

ufo_status ufo_store_get_stat(ufo_store *store, ufo_store_stat *stat, ufo_error *error) {
  if (!stat || stat->struct_size != sizeof *stat) {
    return ufo_fail(error, UFO_USAGE, "struct_size of ufo_store_stat must be %zu", sizeof *stat);
  }
  ufo_status status = ufo_store_check(store, NULL, error);
  if (status) return status;
  ufo_core *core = store->core;
  ufo_store_stat filled = {.struct_size = sizeof filled};
  ufo_engine_stat engine;
  ufo_counters counters;
  ufo_etxn *txn;
  status = ufo_core_begin_read(core, &txn, error);
  if (status) return status;
  status = ufo_engine_get_stat(txn, &engine, error);
  if (!status) status = ufo_counters_get(txn, &counters, error);
  if (!status) status = sum_lengths(txn, UFO_TABLE_BLOBS, &filled.blob_bytes, error);
  if (!status) status = sum_staged(txn, &filled.staged_bytes, error);
  if (!status) status = sum_objects(txn, &filled, error);
  ufo_core_end(core, txn);
  if (status) return ufo_fail_prefix(error, status, "cannot examine store %s", core->path);
  struct stat file;
  if (!fstat(core->lock_fd, &file)) filled.file_bytes = (uint64_t)file.st_size;
  format_uuid(core->superblock.uuid, filled.uuid);
  filled.format_major = core->superblock.major;
  filled.format_minor = core->superblock.minor;
  filled.used_bytes = engine.used_pages * engine.page_bytes;
  filled.free_bytes = engine.free_pages * engine.page_bytes;
  filled.map_bytes = engine.map_bytes;
  filled.generation = counters.generation;
  filled.blobs = engine.entries[UFO_TABLE_BLOBS];
  filled.staged_blobs = engine.entries[UFO_TABLE_STAGED];
  filled.garbage = engine.entries[UFO_TABLE_GARBAGE];
  *stat = filled;
  return UFO_OK;
}

ufo_status ufo_store_verify(ufo_store *store, ufo_damage_fn report, ufo_progress_fn progress, void *user,
                            ufo_error *error) {
  ufo_status status = ufo_store_check(store, NULL, error);
  return status ? status : ufo_core_verify(store->core, report, progress, user, error);
}
