/* object.c - pinned versions: see object.h, and pin.c for why two looks are needed. */
#include "store/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/catalogue.h"
#include "store/map.h"
#include "store/transaction.h"
#include "util/fail.h"

enum { LABEL_BYTES = sizeof((ufo_object *)0)->label };

ufo_status ufo_object_make(ufo_core *core, const char *label, const ufo_object_info *info, const ufo_record *record,
                           ufo_pin *pin, ufo_object **object_out, ufo_error *error) {
  *object_out = NULL;
  ufo_object *object = calloc(1, sizeof *object);
  if (!object) {
    ufo_pin_release(pin);
    return ufo_fail(error, UFO_FULL, "out of memory");
  }
  atomic_init(&object->references, 1);
  object->core = core;
  ufo_core_retain(core);
  object->info = *info;
  snprintf(object->label, sizeof object->label, "%s", label);
  object->record = object->map_record = *record;
  object->pin = pin;
  object->map_id = info->id;
  object->map_version = info->version;
  *object_out = object;
  return UFO_OK;
}

ufo_object *ufo_object_retain(ufo_object *object) {
  if (object) atomic_fetch_add(&object->references, 1);
  return object;
}

void ufo_object_release(ufo_object *object) {
  if (!object || atomic_fetch_sub(&object->references, 1) != 1) return;
  for (size_t i = 0; i < object->extents.slots; i++) ufo_extent_release(object->extents.values[i]);
  ufo_u64map_clear(&object->extents);
  ufo_pin_release(object->pin);
  ufo_core_release(object->core);
  free(object);
}

const ufo_object_info *ufo_object_get_info(const ufo_object *object) { return &object->info; }

uint32_t ufo_object_chunk_raw_bytes(const ufo_object *object, uint64_t chunk) {
  return ufo_record_chunk_raw_bytes(&object->record, chunk);
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

/* "name", or "name[[3]]" for a child. */
static void make_label(const char *name, int64_t index, char label[LABEL_BYTES]) {
  if (index < 0) snprintf(label, LABEL_BYTES, "%s", name);
  else snprintf(label, LABEL_BYTES, "%s[[%lld]]", name, (long long)index + 1);
}

/* A snapshot of a draft: what it has now, whatever is edited later. */
static ufo_status make_pending(ufo_core *core, const char *label, const ufo_draft *draft, const ufo_object_info *info,
                               ufo_object **object_out, ufo_error *error) {
  ufo_pin *pin = draft->base ? ufo_pin_retain(draft->base->pin) : NULL;
  ufo_status status = ufo_object_make(core, label, info, &draft->record, pin, object_out, error);
  if (status) return status;
  ufo_object *object = *object_out;
  object->draft_serial = draft->serial;
  object->map_id = draft->base ? draft->base->map_id : 0;
  object->map_version = draft->base ? draft->base->map_version : 0;
  if (draft->base) object->map_record = draft->base->map_record;
  for (size_t i = 0; i < draft->extents.slots; i++) {
    ufo_extent *extent = draft->extents.values[i];
    if (!extent) continue;
    if (!ufo_u64map_put(&object->extents, draft->extents.keys[i], extent, NULL)) {
      ufo_object_release(object);
      *object_out = NULL;
      return ufo_fail(error, UFO_FULL, "out of memory");
    }
    ufo_extent_retain(extent);
  }
  return UFO_OK;
}

static ufo_status look(ufo_etxn *etxn, ufo_txn *txn, const ufo_sight *at, const char *name, int64_t index,
                       uint64_t version, ufo_found *found, ufo_error *error) {
  ufo_status status = ufo_lookup(etxn, txn, at, name, version, found, error);
  if (!status && index >= 0) status = ufo_lookup_child(etxn, found, (uint64_t)index, found, error);
  return status;
}

/* One attempt. *again: what was found had been superseded before the pin was there. */
static ufo_status pin_current(ufo_core *core, ufo_txn *txn, const ufo_sight *at, const char *name, int64_t index,
                              ufo_object **object_out, bool *again, ufo_error *error) {
  ufo_etxn *etxn;
  ufo_found found, second;
  ufo_object_info info;
  ufo_pin *pin = NULL;
  char label[LABEL_BYTES];
  make_label(name, index, label);
  *again = false;
  ufo_status status = ufo_core_begin_read(core, &etxn, error);
  if (status) return status;
  status = look(etxn, txn, at, name, index, 0, &found, error);
  if (!status) status = ufo_info_fill(etxn, &found, index < 0 ? name : "", &info, error);
  if (!status && found.draft) status = make_pending(core, label, found.draft, &info, object_out, error);
  ufo_core_end(core, etxn);
  if (status || found.draft) return status;
  status = ufo_pin_create(core, found.id, found.version, &pin, error);
  if (!status) status = ufo_core_begin_read(core, &etxn, error);
  if (status) {
    ufo_pin_release(pin);
    return status;
  }
  status = look(etxn, txn, at, name, index, 0, &second, error);
  ufo_core_end(core, etxn);
  *again = !status && (second.draft || second.id != found.id || second.version != found.version);
  if (status || *again) {
    ufo_pin_release(pin);
    return status;
  }
  return ufo_object_make(core, label, &info, &found.record, pin, object_out, error);
}

/* A version that a snapshot keeps stays as long as that is there; and who reclaims it afterwards looks for pins. */
static ufo_status check_held(ufo_core *core, const ufo_sight *at, const char *name, int64_t index, uint64_t version,
                             const ufo_found *wanted, ufo_error *error) {
  ufo_etxn *etxn;
  ufo_found found;
  ufo_snapshot_index snapshots = {0};
  uint64_t held = 0, seen;
  ufo_status status = ufo_core_begin_read(core, &etxn, error);
  if (status) return status;
  /* Snapshots made after the object was dropped do not have it: only if the name still leads to it do all count. */
  status = look(etxn, NULL, at, name, index, version, &found, error);
  if (!status && found.id == wanted->id) status = ufo_snapshots_load(etxn, &snapshots, error);
  if (!status && found.id == wanted->id) {
    status = ufo_snapshots_holder(etxn, &snapshots, found.id, wanted->version, wanted->version,
                                  at ? at->generation + 1 : UINT64_MAX, &held, &seen, error);
  }
  ufo_snapshots_free(&snapshots);
  ufo_core_end(core, etxn);
  if (status || held) return status;
  return ufo_fail(error, UFO_UNSUPPORTED,
                  "a version that is not current, and that no snapshot keeps, can be read only through a store opened "
                  "read-write");
}

/* An older version may be reclaimed at any time unless no other write transaction can run, or a snapshot keeps it. */
static ufo_status pin_version(ufo_core *core, const ufo_sight *at, const char *name, int64_t index, uint64_t version,
                              ufo_object **object_out, ufo_error *error) {
  ufo_etxn *etxn;
  ufo_found found;
  ufo_object_info info;
  ufo_pin *pin = NULL;
  bool writable = core->writable;
  ufo_status status = writable ? ufo_core_begin_write(core, &etxn, error) : ufo_core_begin_read(core, &etxn, error);
  if (status) return status;
  status = look(etxn, NULL, at, name, index, version, &found, error);
  if (!status) status = ufo_info_fill(etxn, &found, index < 0 ? name : "", &info, error);
  if (!status) status = ufo_pin_create(core, found.id, found.version, &pin, error);
  ufo_core_end(core, etxn); /* nothing was written */
  if (!status && !writable) {
    status = check_held(core, at, name, index, version, &found, error);
    if (status) ufo_pin_release(pin);
  }
  char label[LABEL_BYTES];
  make_label(name, index, label);
  return status ? status : ufo_object_make(core, label, &info, &found.record, pin, object_out, error);
}

ufo_status ufo_object_pin(ufo_core *core, ufo_txn *txn, const ufo_sight *at, const char *name, int64_t index,
                          uint64_t version, ufo_object **object_out, ufo_error *error) {
  *object_out = NULL;
  ufo_status status = UFO_OK;
  bool again = true;
  while (!status && again) {
    status = pin_current(core, version ? NULL : txn, at, name, index, object_out, &again, error);
  }
  if (version && (status == UFO_OK || status == UFO_MISSING)) {
    /* Asked for a version: of the object, or of the list whose child is wanted. */
    bool current = false;
    if (!status && index < 0) current = (*object_out)->info.version == version;
    if (!current) {
      ufo_object_release(*object_out);
      *object_out = NULL;
      status = pin_version(core, at, name, index, version, object_out, error);
    }
  }
  if (status) {
    char label[LABEL_BYTES];
    make_label(name, index, label);
    ufo_fail_prefix(error, status, "cannot read '%s' of store %s", label, core->path);
  }
  return status;
}

ufo_status ufo_object_open(ufo_store *store, ufo_txn *txn, const char *name, int64_t index, uint64_t version,
                           ufo_object **object_out, ufo_error *error) {
  *object_out = NULL;
  ufo_status status = ufo_store_check(store, txn, error);
  if (!status) status = ufo_catalogue_check_name(name, error);
  if (status) return status;
  return ufo_object_pin(store->core, txn, ufo_store_sight(store), name, index, version, object_out, error);
}

/* ---- loading --------------------------------------------------------------------------------------------------- */

/* The pin keeps entry and blob from being reclaimed, a short transaction their pages from being reused while they are
 * read; decoding is done outside of it. */
static ufo_status load_committed(ufo_object *object, uint64_t chunk, uint8_t *target, uint32_t bytes,
                                 ufo_error *error) {
  ufo_core *core = object->core;
  uint64_t map_chunks = ufo_record_chunk_count(&object->map_record);
  if (object->map_id == 0 || chunk >= map_chunks) {
    memset(target, 0, bytes);
    return UFO_OK;
  }
  ufo_work *work = ufo_core_take_work(core);
  if (!work) return ufo_fail(error, UFO_FULL, "out of memory");
  ufo_etxn *etxn;
  ufo_entry entry;
  uint8_t *stored = NULL;
  ufo_status status = ufo_core_begin_read(core, &etxn, error);
  bool missing = false;
  if (!status) {
    status = ufo_map_find(etxn, object->map_id, chunk, object->map_version, &entry, NULL, error);
    missing = status == UFO_MISSING;
    if (!status && (entry.is_child || entry.meta.raw_bytes > bytes)) {
      status = ufo_fail(error, UFO_CORRUPT, "its entry in the map does not fit the object");
    }
    if (!status && entry.blob && ufo_codec_is_plain(&entry.meta)) {
      stored = target;
    } else if (!status && entry.blob && !ufo_work_reserve(work, entry.meta.stored_bytes)) {
      status = ufo_fail(error, UFO_FULL, "out of memory");
    } else if (!status) {
      stored = work->buffer;
    }
    if (!status && entry.blob) status = ufo_blob_read(etxn, entry.blob, stored, entry.meta.stored_bytes, error);
    ufo_core_end(core, etxn);
  }
  if (missing && object->map_record.chunks_written == map_chunks) {
    status = ufo_fail(error, UFO_CORRUPT, "its entry in the map is missing");
  } else if (missing) {
    memset(target, 0, bytes);
    status = UFO_OK;
  } else if (!status) {
    status = ufo_codec_decode(work->codec, &entry.meta, stored, target, error);
    /* A chunk may end earlier than in this version only if nothing was appended to it since: zeros follow. */
    if (!status) memset(target + entry.meta.raw_bytes, 0, bytes - entry.meta.raw_bytes);
  }
  ufo_core_give_work(core, work);
  return status;
}

ufo_status ufo_object_load(ufo_object *object, uint64_t chunk, void *target, ufo_error *error) {
  if (object->record.type == UFO_LIST || chunk >= object->info.chunk_count) {
    return ufo_fail(error, UFO_USAGE, "'%s' has no chunk %llu", object->label, (unsigned long long)chunk);
  }
  uint32_t bytes = ufo_object_chunk_raw_bytes(object, chunk);
  ufo_extent *extent = ufo_u64map_get(&object->extents, chunk);
  ufo_status status;
  if (!extent) {
    status = load_committed(object, chunk, target, bytes, error);
  } else if (ufo_extent_meta(extent)->raw_bytes != bytes) {
    status = ufo_fail(error, UFO_CORRUPT, "a pending chunk does not fit the object");
  } else {
    status = ufo_extent_load(extent, target, error);
  }
  if (status) {
    uint64_t first_byte = chunk * object->record.chunk_bytes, width = object->record.element_bytes;
    uint64_t first = first_byte / width, last = (first_byte + bytes - 1) / width;
    ufo_fail_prefix(error, status,
                    "cannot read chunk %llu (elements %llu to %llu, zero-based) of '%s' (object %llu) version %llu in "
                    "store %s",
                    (unsigned long long)chunk, (unsigned long long)first, (unsigned long long)last, object->label,
                    (unsigned long long)object->info.id, (unsigned long long)object->info.version, object->core->path);
  }
  return status;
}
