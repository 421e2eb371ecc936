/* read.c - copying a range of elements out of the store. */
#include <stdlib.h>
#include <string.h>

#include "store/object.h"
#include "store/store.h"
#include "util/checked.h"
#include "util/fail.h"

static ufo_status read_range(ufo_object *object, uint64_t first, uint64_t bytes, uint8_t *buffer, ufo_error *error) {
  const ufo_object_info *info = ufo_object_get_info(object);
  uint8_t *chunk_buffer = NULL;
  ufo_status status = UFO_OK;
  uint64_t at = first * info->element_bytes, end = at + bytes;
  while (at < end && !status) {
    uint64_t chunk = at / info->chunk_bytes, skip = at % info->chunk_bytes;
    uint64_t there = ufo_object_chunk_raw_bytes(object, chunk), count = ufo_min(there - skip, end - at);
    if (!chunk_buffer && !(chunk_buffer = malloc(info->chunk_bytes))) {
      status = ufo_fail(error, UFO_FULL, "cannot read '%s': out of memory", info->name);
      break;
    }
    /* Decoded in private memory even if all of the chunk is wanted: the caller's may be managed memory, which must not
     * be touched in here. */
    status = ufo_object_load(object, chunk, chunk_buffer, error);
    if (!status) memcpy(buffer, chunk_buffer + skip, count);
    buffer += count;
    at += count;
  }
  free(chunk_buffer);
  return status;
}

ufo_status ufo_store_read(ufo_store *store, ufo_txn *txn, const char *name, uint64_t version, uint64_t first,
                          uint64_t count, void *buffer, ufo_error *error) {
  ufo_object *object;
  ufo_status status = ufo_object_open(store, txn, name, -1, version, &object, error);
  if (status) return status;
  const ufo_object_info *info = ufo_object_get_info(object);
  if (info->type == UFO_LIST) {
    status = ufo_fail(error, UFO_USAGE, "cannot read '%s' of store %s: it is a list; read its elements", name,
                      ufo_store_path(store));
  } else if (!ufo_range_inside(first, count, info->length)) {
    status = ufo_fail(error, UFO_USAGE, "cannot read elements %llu to %llu of '%s' of store %s: it has %llu",
                      (unsigned long long)first, (unsigned long long)(first + count), name, ufo_store_path(store),
                      (unsigned long long)info->length);
  } else if (count > 0 && !buffer) {
    status = ufo_fail(error, UFO_USAGE, "cannot read '%s': no buffer", name);
  } else {
    status = read_range(object, first, count * info->element_bytes, buffer, error);
  }
  ufo_object_release(object);
  return status;
}
