/* extent.c - one encoded chunk outside the committed store; see extent.h and spill.h. */
#include <stdlib.h>
#include <string.h>

#include "store/map.h"
#include "store/spill.h"
#include "util/fail.h"

void ufo_extent_bytes_release(ufo_extent_bytes *bytes) {
  if (bytes && atomic_fetch_sub(&bytes->references, 1) == 1) free(bytes);
}

ufo_extent *ufo_extent_retain(ufo_extent *extent) {
  if (extent) atomic_fetch_add(&extent->references, 1);
  return extent;
}

const ufo_chunk_meta *ufo_extent_meta(const ufo_extent *extent) { return &extent->meta; }

ufo_extent_place ufo_extent_find(ufo_extent *extent) {
  ufo_core *core = extent->spill->core;
  pthread_mutex_lock(&core->lock);
  ufo_extent_place place = {extent->state, extent->bytes, extent->piece, extent->blob, extent->owner};
  if (place.bytes) atomic_fetch_add(&place.bytes->references, 1);
  pthread_mutex_unlock(&core->lock);
  return place;
}

/* The blob stays for as long as the caller holds the extent: by the staged record, or by the version's pin. */
static ufo_status read_blob(ufo_core *core, uint64_t blob, void *target, uint32_t count, ufo_error *error) {
  ufo_etxn *txn;
  ufo_status status = ufo_core_begin_read(core, &txn, error);
  if (status) return status;
  status = ufo_blob_read(txn, blob, target, count, error);
  ufo_core_end(core, txn);
  return status;
}

/* Reads what is not in memory; straight into `target` if it is not encoded. */
static ufo_status read_bytes(ufo_extent *extent, const ufo_extent_place *place, ufo_work *work, void *target,
                             const void **bytes_out, ufo_error *error) {
  uint32_t count = extent->meta.stored_bytes;
  bool plain = ufo_codec_is_plain(&extent->meta);
  if (!plain && !ufo_work_reserve(work, count)) return ufo_fail(error, UFO_FULL, "out of memory");
  void *bytes = plain ? target : work->buffer;
  *bytes_out = bytes;
  if (place->state != UFO_EXTENT_SCRATCH) return read_blob(extent->spill->core, place->blob, bytes, count, error);
  return ufo_scratch_read(extent->spill->scratch, place->piece, bytes, error);
}

ufo_status ufo_extent_load(ufo_extent *extent, void *target, ufo_error *error) {
  ufo_core *core = extent->spill->core;
  ufo_work *work = ufo_core_take_work(core);
  if (!work) return ufo_fail(error, UFO_FULL, "out of memory");
  ufo_status status = UFO_OK;
  ufo_extent_place place = ufo_extent_find(extent);
  const void *bytes = place.bytes ? place.bytes->data : NULL;
  if (place.state == UFO_EXTENT_SCRATCH || place.state == UFO_EXTENT_STAGED || place.state == UFO_EXTENT_COMMITTED) {
    status = read_bytes(extent, &place, work, target, &bytes, error);
  }
  if (!status) status = ufo_codec_decode(work->codec, &extent->meta, bytes, target, error);
  ufo_extent_bytes_release(place.bytes);
  ufo_core_give_work(core, work);
  return status;
}

/* ---- the end of an extent -------------------------------------------------------------------------------------- */

/* Remembers a staged blob for deletion. If there is no memory for that, it is reclaimed once this process is dead. */
void ufo_extent_unstage(ufo_core *core, uint64_t blob) {
  if (core->unstage_count == core->unstage_capacity) {
    size_t capacity = core->unstage_capacity ? 2 * core->unstage_capacity : 64;
    uint64_t *blobs = realloc(core->unstage, capacity * sizeof *blobs);
    if (!blobs) return;
    core->unstage = blobs;
    core->unstage_capacity = capacity;
  }
  core->unstage[core->unstage_count++] = blob;
}

void ufo_extent_leave_memory_list(ufo_extent *extent) {
  ufo_spill *spill = extent->spill;
  if (extent->previous) extent->previous->next = extent->next;
  else if (spill->memory == extent) spill->memory = extent->next;
  else return; /* not on the list */
  if (extent->next) extent->next->previous = extent->previous;
  extent->previous = extent->next = NULL;
  spill->memory_bytes -= extent->meta.stored_bytes;
}

void ufo_extent_release(ufo_extent *extent) {
  if (!extent || atomic_fetch_sub(&extent->references, 1) != 1) return;
  ufo_spill *spill = extent->spill;
  ufo_core *core = spill->core;
  bool entered = ufo_core_enter(core, NULL) == UFO_OK; /* so that a forked child forgets its parent's staging first */
  pthread_mutex_lock(&spill->lock);
  ufo_extent_leave_memory_list(extent);
  if (extent->item) extent->item->extent = NULL;
  pthread_mutex_unlock(&spill->lock);
  pthread_mutex_lock(&core->lock);
  bool staged = extent->state == UFO_EXTENT_STAGED;
  if (staged && entered && extent->owner == core->owner) ufo_extent_unstage(core, extent->blob);
  pthread_mutex_unlock(&core->lock);
  if (extent->piece.bytes) ufo_scratch_discard(spill->scratch, extent->piece);
  if (extent->piece.bytes || staged) atomic_fetch_sub(&spill->outside_bytes, extent->meta.stored_bytes);
  ufo_extent_bytes_release(extent->bytes);
  ufo_pin_release(extent->pin);
  free(extent);
  ufo_spill_release(spill);
}

void ufo_extent_set_committed(ufo_extent *extent, uint64_t blob, ufo_pin *pin) {
  ufo_spill *spill = extent->spill;
  ufo_core *core = spill->core;
  pthread_mutex_lock(&spill->lock);
  ufo_extent_leave_memory_list(extent);
  pthread_mutex_lock(&core->lock);
  ufo_extent_bytes *bytes = NULL;
  bool staged = extent->state == UFO_EXTENT_STAGED;
  if (extent->state != UFO_EXTENT_INLINE && extent->state != UFO_EXTENT_COMMITTED) {
    /* Staged meanwhile, by a spill that waited for the commit which wrote the blob: then there are two. */
    if (staged && extent->blob != blob && extent->owner == core->owner) ufo_extent_unstage(core, extent->blob);
    if (staged && !extent->piece.bytes) atomic_fetch_sub(&spill->outside_bytes, extent->meta.stored_bytes);
    bytes = extent->bytes;
    extent->bytes = NULL;
    extent->state = UFO_EXTENT_COMMITTED;
    extent->blob = blob;
    extent->pin = ufo_pin_retain(pin);
  }
  pthread_mutex_unlock(&core->lock);
  pthread_mutex_unlock(&spill->lock);
  ufo_extent_bytes_release(bytes);
}
