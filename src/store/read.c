/* read.c - copying a range of elements out of the store. */
#include "store/catalogue.h"
#include "store/handle.h"
#include "store/store.h"
#include "util/checked.h"
#include "util/fail.h"

/* What lies in one chunk of a version that is committed. False: not done. */
static bool read_once(ufo_store *store, ufo_txn *txn, const char *name, uint64_t first, uint64_t count, void *buffer) {
  ufo_core *core = store->core;
  ufo_etxn *etxn;
  ufo_found found;
  if (ufo_core_begin_read(core, &etxn, NULL)) return false;
  ufo_status status = ufo_lookup(etxn, txn, ufo_store_sight(store), name, 0, &found, NULL);
  const ufo_record *record = &found.record;
  if (!status && !found.draft && !ufo_has_children(record->type) && ufo_range_inside(first, count, record->length)) {
    uint64_t begin = first * record->element_bytes, bytes = count * record->element_bytes;
    uint64_t chunk = begin / record->chunk_bytes, skip = begin % record->chunk_bytes;
    if (skip + bytes <= record->chunk_bytes)
      return ufo_object_read_once(core, etxn, &found, chunk, (uint32_t)skip, (uint32_t)bytes, buffer);
  }
  ufo_core_end(core, etxn);
  return false;
}

ufo_status ufo_store_read(ufo_store *store, ufo_txn *txn, const char *name, uint64_t version, uint64_t first,
                          uint64_t count, void *buffer, ufo_error *error) {
  ufo_object *object;
  ufo_status status = ufo_store_check(store, txn, error);
  if (!status) status = ufo_catalogue_check_name(name, error);
  if (!status && version == 0 && count > 0 && buffer && read_once(store, txn, name, first, count, buffer))
    return UFO_OK;
  if (!status) status = ufo_object_open(store, txn, name, -1, version, &object, error);
  if (status) return status;
  const ufo_object_info *info = ufo_object_get_info(object);
  if (info->type == UFO_LIST) {
    status = ufo_fail(error, UFO_USAGE, "cannot read '%s' of store %s: it is a list; read its elements", name,
                      ufo_store_path(store));
  } else if (info->type == UFO_CHARACTER) {
    status = ufo_fail(error, UFO_USAGE, "cannot read '%s' of store %s: it has strings, which ufo_text_read reads", name,
                      ufo_store_path(store));
  } else if (!ufo_range_inside(first, count, info->length)) {
    status = ufo_fail(error, UFO_USAGE, "cannot read elements %llu to %llu of '%s' of store %s: it has %llu",
                      (unsigned long long)first, (unsigned long long)(first + count), name, ufo_store_path(store),
                      (unsigned long long)info->length);
  } else if (count > 0 && !buffer) {
    status = ufo_fail(error, UFO_USAGE, "cannot read '%s': no buffer", name);
  } else {
    uint64_t at = first * info->element_bytes, bytes = count * info->element_bytes;
    if (bytes > info->chunk_bytes) ufo_object_expect(object, ufo_div_up(at + bytes, info->chunk_bytes));
    status = ufo_object_read_bytes(object, at, bytes, buffer, error);
  }
  ufo_object_release(object);
  return status;
}
