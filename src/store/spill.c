/* spill.c - making extents, and moving them out of memory when they are many; see extent.h and spill.h.
 *
 * What is spilled is in scratch or staged in the store. A batch is staged in one short write transaction: blobs, and a
 * record {owner, blob} for each, by which the blobs of a dead process are found and reclaimed. The first staging of a
 * process takes an owner id and locks its byte (pin.c) before that transaction commits. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/memory.h"
#include "store/garbage.h"
#include "store/map.h"
#include "store/spill.h"
#include "store/store.h"
#include "store/transaction.h"
#include "util/bytes.h"
#include "util/checked.h"
#include "util/fail.h"

/* ---- staging --------------------------------------------------------------------------------------------------- */

static ufo_status take_owner(ufo_core *core, ufo_counters *counters, ufo_error *error) {
  pthread_mutex_lock(&core->lock);
  for (int attempt = 0; core->owner == 0 && attempt < 1000; attempt++) {
    uint64_t owner = counters->next_owner++; /* taken already if its taker's first transaction failed */
    if (ufo_pin_owner(core->lock_fd, owner)) core->owner = owner;
  }
  /* Each transaction makes sure that the id is not given out again: the one that took it may have failed. */
  if (counters->next_owner <= core->owner) counters->next_owner = core->owner + 1;
  bool taken = core->owner != 0;
  pthread_mutex_unlock(&core->lock);
  return taken ? UFO_OK : ufo_fail_errno(error, errno, "cannot lock staging in store %s", core->path);
}

static ufo_status read_place(ufo_extent *extent, const ufo_extent_place *place, ufo_work *work, const void **bytes_out,
                             ufo_error *error) {
  if (place->state == UFO_EXTENT_MEMORY) {
    *bytes_out = place->bytes->data;
    return UFO_OK;
  }
  if (!ufo_work_reserve(work, place->piece.bytes)) return ufo_fail(error, UFO_FULL, "out of memory");
  *bytes_out = work->buffer;
  return ufo_scratch_read(extent->spill->scratch, place->piece, work->buffer, error);
}

static ufo_status stage_one(ufo_core *core, ufo_etxn *txn, ufo_extent *extent, uint64_t blob, ufo_work *work,
                            ufo_error *error) {
  ufo_extent_place place = ufo_extent_find(extent);
  const void *bytes = NULL;
  ufo_status status = read_place(extent, &place, work, &bytes, error);
  if (!status) status = ufo_blob_put(txn, blob, bytes, extent->meta.stored_bytes, error);
  if (!status) {
    uint8_t key[UFO_STAGED_KEY_BYTES], record[UFO_U64_RECORD_BYTES];
    ufo_key_pair(key, core->owner, blob);
    ufo_put_le64(record, extent->meta.stored_bytes);
    status = ufo_record_put(txn, UFO_TABLE_STAGED, key, sizeof key, record, 8, false, error);
  }
  ufo_extent_bytes_release(place.bytes);
  return status;
}

/* One transaction. blobs[i] is 0 for an extent that is not in memory or in scratch (any more). */
static ufo_status write_batch(ufo_core *core, ufo_extent *const *extents, uint64_t *blobs, uint64_t count,
                              ufo_error *error) {
  ufo_work *work = ufo_core_take_work(core);
  if (!work) return ufo_fail(error, UFO_FULL, "out of memory");
  ufo_etxn *txn;
  ufo_counters counters;
  ufo_unstaged unstaged = {0};
  ufo_status status = ufo_core_begin_write(core, &txn, error);
  if (!status) status = ufo_counters_get(txn, &counters, error);
  if (!status) status = take_owner(core, &counters, error);
  for (uint64_t i = 0; i < count && !status; i++) {
    ufo_extent_place place = ufo_extent_find(extents[i]);
    ufo_extent_bytes_release(place.bytes);
    blobs[i] = 0;
    if (place.state != UFO_EXTENT_MEMORY && place.state != UFO_EXTENT_SCRATCH) continue;
    blobs[i] = counters.next_blob++;
    status = stage_one(core, txn, extents[i], blobs[i], work, error);
  }
  if (!status) status = ufo_garbage_unstage(core, txn, &unstaged, error);
  if (!status) status = ufo_counters_put(txn, &counters, error);
  if (!status) status = ufo_core_commit(core, txn, error);
  else ufo_core_end(core, txn);
  ufo_garbage_unstage_done(core, &unstaged, !status);
  ufo_core_give_work(core, work);
  if (status) ufo_fail_prefix(error, status, "cannot stage changes in store %s", core->path);
  return status;
}

static void set_staged(ufo_core *core, ufo_extent *extent, uint64_t blob) {
  if (blob == 0) return;
  pthread_mutex_lock(&core->lock);
  ufo_extent_bytes *bytes = NULL;
  if (extent->state == UFO_EXTENT_MEMORY || extent->state == UFO_EXTENT_SCRATCH) {
    if (!extent->piece.bytes) atomic_fetch_add(&extent->spill->outside_bytes, extent->meta.stored_bytes);
    bytes = extent->bytes;
    extent->bytes = NULL;
    extent->state = UFO_EXTENT_STAGED;
    extent->blob = blob;
    extent->owner = core->owner;
  } else {
    ufo_extent_unstage(core, blob); /* written twice */
  }
  pthread_mutex_unlock(&core->lock);
  ufo_extent_bytes_release(bytes);
}

/* Stages extents of any spills. `locked` is the spill whose lock the caller holds, or NULL. */
static ufo_status stage(ufo_core *core, ufo_extent *const *extents, uint64_t count, const ufo_spill *locked,
                        ufo_error *error) {
  uint64_t *blobs = malloc(count * sizeof *blobs);
  if (!blobs) return ufo_fail(error, UFO_FULL, "out of memory");
  ufo_status status = UFO_OK;
  for (uint64_t first = 0; first < count && !status;) {
    uint64_t n = 0, bytes = 0;
    while (first + n < count && bytes < UFO_STAGE_BATCH_BYTES) bytes += extents[first + n++]->meta.stored_bytes;
    status = write_batch(core, extents + first, blobs + first, n, error);
    for (uint64_t i = first; i < first + n && !status; i++) {
      ufo_spill *spill = extents[i]->spill;
      if (spill != locked) pthread_mutex_lock(&spill->lock);
      ufo_extent_leave_memory_list(extents[i]);
      set_staged(core, extents[i], blobs[i]);
      if (spill != locked) pthread_mutex_unlock(&spill->lock);
    }
    first += n;
  }
  free(blobs);
  return status;
}

ufo_status ufo_extents_stage(ufo_core *core, ufo_extent *const *extents, uint64_t count, ufo_error *error) {
  return count ? stage(core, extents, count, NULL, error) : UFO_OK;
}

/* ---- leaving memory -------------------------------------------------------------------------------------------- */

static ufo_status flush_to_scratch(ufo_spill *spill, ufo_error *error) {
  ufo_status status = UFO_OK;
  while (spill->memory && !status) {
    ufo_extent *extent = spill->memory;
    ufo_piece piece;
    status = ufo_scratch_write(spill->scratch, extent->bytes->data, extent->meta.stored_bytes, &piece, error);
    if (status) break;
    ufo_extent_leave_memory_list(extent);
    atomic_fetch_add(&spill->outside_bytes, extent->meta.stored_bytes);
    pthread_mutex_lock(&spill->core->lock);
    ufo_extent_bytes *bytes = extent->bytes;
    extent->bytes = NULL;
    extent->state = UFO_EXTENT_SCRATCH;
    extent->piece = piece;
    pthread_mutex_unlock(&spill->core->lock);
    ufo_extent_bytes_release(bytes);
  }
  ufo_memory_trim_heap();
  return status;
}

/* Called with the spill's lock held. */
static ufo_status flush(ufo_spill *spill, ufo_error *error) {
  if (spill->kind == UFO_SPILL_SCRATCH) return flush_to_scratch(spill, error);
  uint64_t count = 0;
  for (const ufo_extent *extent = spill->memory; extent; extent = extent->next) count++;
  if (count == 0) return UFO_OK;
  ufo_extent **extents = malloc((size_t)count * sizeof(ufo_extent *));
  if (!extents) return ufo_fail(error, UFO_FULL, "out of memory");
  uint64_t at = count; /* the list has the newest first; blobs are to lie in the order in which they came */
  for (ufo_extent *extent = spill->memory; extent; extent = extent->next) extents[--at] = extent;
  ufo_status status = stage(spill->core, extents, count, spill, error);
  free(extents);
  ufo_memory_trim_heap(); /* the engine took as much again for its pages */
  return status;
}

ufo_status ufo_extent_create(ufo_spill *spill, ufo_type type, uint32_t element_bytes, const void *raw,
                             uint32_t raw_bytes, ufo_codec_habit *habit, ufo_extent **extent_out, ufo_error *error) {
  *extent_out = NULL;
  ufo_core *core = spill->core;
  ufo_status status = ufo_core_enter(core, error);
  if (status) return status;
  ufo_work *work = ufo_core_take_work(core);
  ufo_extent *extent = calloc(1, sizeof *extent);
  if (!work || !extent) {
    status = ufo_fail(error, UFO_FULL, "out of memory");
    goto done;
  }
  const void *stored = NULL;
  status = ufo_codec_encode(work->codec, type, element_bytes, raw, raw_bytes, habit, &extent->meta, &stored, error);
  if (status) goto done;
  uint32_t bytes = extent->meta.stored_bytes;
  atomic_init(&extent->references, 1);
  extent->spill = spill;
  if (bytes > 0) {
    extent->bytes = malloc(sizeof *extent->bytes + bytes);
    if (!extent->bytes) {
      status = ufo_fail(error, UFO_FULL, "out of memory");
      goto done;
    }
    atomic_init(&extent->bytes->references, 1);
    memcpy(extent->bytes->data, stored, bytes);
    extent->state = UFO_EXTENT_MEMORY;
    pthread_mutex_lock(&spill->lock);
    if (spill->memory_bytes > 0 && spill->memory_bytes + bytes > UFO_SPILL_LIMIT_BYTES) status = flush(spill, error);
    if (!status) {
      extent->next = spill->memory;
      if (extent->next) extent->next->previous = extent;
      spill->memory = extent;
      spill->memory_bytes += bytes;
    }
    pthread_mutex_unlock(&spill->lock);
    if (status) goto done;
  }
  atomic_fetch_add(&spill->references, 1);
  *extent_out = extent;
done:
  ufo_core_give_work(core, work);
  if (status && extent) {
    ufo_extent_bytes_release(extent->bytes);
    free(extent);
  }
  return status;
}

/* ---- spills ---------------------------------------------------------------------------------------------------- */

static ufo_status core_scratch(ufo_core *core, ufo_scratch **scratch_out, ufo_error *error) {
  pthread_mutex_lock(&core->lock);
  ufo_status status = UFO_OK;
  if (!core->scratch) status = ufo_scratch_create(core->scratch_dir, &core->scratch, error);
  *scratch_out = core->scratch;
  pthread_mutex_unlock(&core->lock);
  return status;
}

ufo_status ufo_spill_open(ufo_store *store, ufo_txn *txn, ufo_spill_kind kind, ufo_spill **spill_out,
                          ufo_error *error) {
  *spill_out = NULL;
  ufo_status status = ufo_store_check(store, txn, error);
  if (status) return status;
  ufo_core *core = store->core;
  if (kind == UFO_SPILL_STORE && store->read_only) {
    return ufo_fail(error, UFO_USAGE, "store %s is open read-only", core->path);
  }
  return ufo_spill_of_core(core, txn, kind, spill_out, error);
}

/* The spill that others use already, retained, or NULL. One of a core can be ending just now: then it is let be. */
static ufo_spill *retain_shared(ufo_core *core, ufo_spill *const *shared) {
  pthread_mutex_lock(&core->lock);
  ufo_spill *spill = *shared;
  unsigned references = spill ? atomic_load(&spill->references) : 0;
  while (references > 0 && !atomic_compare_exchange_weak(&spill->references, &references, references + 1)) continue;
  pthread_mutex_unlock(&core->lock);
  return references > 0 ? spill : NULL;
}

ufo_status ufo_spill_of_core(ufo_core *core, ufo_txn *txn, ufo_spill_kind kind, ufo_spill **spill_out,
                             ufo_error *error) {
  ufo_spill **shared = NULL;
  if (kind == UFO_SPILL_SCRATCH || txn) {
    shared = kind == UFO_SPILL_SCRATCH ? &core->scratch_spill : ufo_txn_spill_slot(txn);
    *spill_out = retain_shared(core, shared);
    if (*spill_out) return UFO_OK;
  }
  ufo_spill *spill = calloc(1, sizeof *spill);
  if (!spill) return ufo_fail(error, UFO_FULL, "out of memory");
  spill->core = core;
  spill->kind = kind;
  atomic_init(&spill->references, 1);
  if (kind == UFO_SPILL_SCRATCH) {
    ufo_status status = core_scratch(core, &spill->scratch, error);
    if (status) {
      free(spill);
      return status;
    }
  }
  pthread_mutex_init(&spill->lock, NULL);
  ufo_core_retain(core);
  ufo_core_add_spill(core, spill);
  if (shared) {
    pthread_mutex_lock(&core->lock);
    *shared = spill;
    pthread_mutex_unlock(&core->lock);
    if (kind == UFO_SPILL_STORE) atomic_fetch_add(&spill->references, 1); /* the transaction's own */
  }
  *spill_out = spill;
  return UFO_OK;
}

ufo_spill *ufo_spill_retain(ufo_spill *spill) {
  atomic_fetch_add(&spill->references, 1);
  return spill;
}

void ufo_spill_release(ufo_spill *spill) {
  if (!spill) return;
  ufo_core *core = spill->core;
  pthread_mutex_lock(&core->lock);
  bool last = atomic_fetch_sub(&spill->references, 1) == 1;
  if (last && core->scratch_spill == spill) core->scratch_spill = NULL;
  pthread_mutex_unlock(&core->lock);
  if (!last) return;
  ufo_core_remove_spill(core, spill);
  pthread_mutex_destroy(&spill->lock);
  free(spill);
  ufo_core_release(core);
}

const char *ufo_spill_path(const ufo_spill *spill) { return spill->core->path; }

void ufo_spill_get_sizes(const ufo_spill *spill, uint64_t *outside_bytes, uint64_t *memory_bytes) {
  ufo_spill *writable = (ufo_spill *)(uintptr_t)spill; /* for its lock alone */
  pthread_mutex_lock(&writable->lock);
  *memory_bytes = spill->memory_bytes;
  pthread_mutex_unlock(&writable->lock);
  *outside_bytes = atomic_load(&spill->outside_bytes);
}
