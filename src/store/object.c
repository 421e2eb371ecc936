/* object.c - pinned versions: see object.h, and pin.c for why two looks are needed. */
#include "store/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/catalogue.h"
#include "store/map.h"
#include "store/transaction.h"
#include "util/fail.h"

#define NO_CHUNK (UINT64_MAX / 2) /* far from all that there are */
enum { LABEL_BYTES = sizeof((ufo_object *)0)->label };

ufo_status ufo_object_make(ufo_core *core, const char *label, const ufo_object_info *info, const ufo_record *record,
                           ufo_pin *pin, ufo_object **object_out, ufo_error *error) {
  static atomic_uint_fast64_t serials;
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
  object->serial = atomic_fetch_add_explicit(&serials, 1, memory_order_relaxed) + 1;
  atomic_init(&object->last_chunk, NO_CHUNK);
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

bool ufo_object_same_store(const ufo_object *a, const ufo_object *b) { return a->core == b->core; }

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
  ufo_status status = txn && !version ? ufo_txn_settle(txn, error) : UFO_OK;
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
