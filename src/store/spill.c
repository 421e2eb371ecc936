/* spill.c - making extents, and moving them out of memory when they are many; see extent.h and spill.h.
 *
 * What is spilled is in scratch or staged in the store (staging.c). A thread of its own stages a batch while others
 * encode the next; who makes extents waits for it only when both take as much memory as the spill may have. */
#include <stdlib.h>
#include <string.h>

#include "os/memory.h"
#include "store/spill.h"
#include "store/store.h"
#include "store/transaction.h"
#include "util/fail.h"

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
  ufo_status status = ufo_staging_write(spill->core, extents, count, spill, error);
  free(extents);
  ufo_memory_trim_heap(); /* the engine took as much again for its pages */
  return status;
}

/* Called with the spill's lock held, before so many bytes more are to be in memory. */
static ufo_status make_room(ufo_spill *spill, uint32_t bytes, ufo_error *error) {
  if (spill->kind == UFO_SPILL_STORE && !spill->batch_failed) {
    if (spill->batch && !ufo_staging_is_on(spill)) ufo_staging_wait(spill);
    if (!spill->batch && spill->memory_bytes >= UFO_SPILL_BATCH_BYTES) ufo_staging_start(spill);
  }
  while (spill->memory_bytes + bytes > UFO_SPILL_LIMIT_BYTES && spill->batch) ufo_staging_wait(spill);
  if (spill->memory_bytes == 0 || spill->memory_bytes + bytes <= UFO_SPILL_LIMIT_BYTES) return UFO_OK;
  ufo_status status = flush(spill, error);
  if (!status) spill->batch_failed = false;
  return status;
}

ufo_status ufo_extent_encode(ufo_spill *spill, ufo_type type, uint32_t element_bytes, const void *raw,
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
  if (bytes > 0) {
    extent->bytes = malloc(sizeof *extent->bytes + bytes);
    if (!extent->bytes) {
      status = ufo_fail(error, UFO_FULL, "out of memory");
      goto done;
    }
    atomic_init(&extent->bytes->references, 1);
    memcpy(extent->bytes->data, stored, bytes);
    extent->state = UFO_EXTENT_MEMORY;
  }
  extent->spill = ufo_spill_retain(spill);
  *extent_out = extent;
done:
  ufo_core_give_work(core, work);
  if (status) free(extent);
  return status;
}

ufo_status ufo_extent_admit(ufo_extent *extent, ufo_error *error) {
  ufo_spill *spill = extent->spill;
  uint32_t bytes = extent->meta.stored_bytes;
  if (bytes == 0) return UFO_OK;
  pthread_mutex_lock(&spill->lock);
  ufo_status status = make_room(spill, bytes, error);
  if (!status) {
    extent->next = spill->memory;
    if (extent->next) extent->next->previous = extent;
    spill->memory = extent;
    spill->memory_bytes += bytes;
  }
  pthread_mutex_unlock(&spill->lock);
  return status;
}

ufo_status ufo_extent_create(ufo_spill *spill, ufo_type type, uint32_t element_bytes, const void *raw,
                             uint32_t raw_bytes, ufo_codec_habit *habit, ufo_extent **extent_out, ufo_error *error) {
  ufo_status status = ufo_extent_encode(spill, type, element_bytes, raw, raw_bytes, habit, extent_out, error);
  if (status) return status;
  status = ufo_extent_admit(*extent_out, error);
  if (status) {
    ufo_extent_release(*extent_out);
    *extent_out = NULL;
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
  pthread_cond_init(&spill->batch_over, NULL);
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
  pthread_mutex_lock(&spill->lock);
  ufo_staging_wait(spill);
  pthread_mutex_unlock(&spill->lock);
  ufo_core_remove_spill(core, spill);
  pthread_cond_destroy(&spill->batch_over);
  pthread_mutex_destroy(&spill->lock);
  free(spill);
  ufo_core_release(core);
}

void ufo_spill_settle(ufo_spill *spill) {
  if (!spill || ufo_core_enter(spill->core, NULL)) return;
  pthread_mutex_lock(&spill->lock);
  ufo_staging_wait(spill);
  pthread_mutex_unlock(&spill->lock);
}

const char *ufo_spill_path(const ufo_spill *spill) { return spill->core->path; }

void ufo_spill_get_sizes(const ufo_spill *spill, uint64_t *outside_bytes, uint64_t *memory_bytes) {
  ufo_spill *writable = (ufo_spill *)(uintptr_t)spill; /* for its lock alone */
  pthread_mutex_lock(&writable->lock);
  *memory_bytes = spill->memory_bytes;
  *outside_bytes = atomic_load(&spill->outside_bytes); /* here, so that what is on its way counts once */
  pthread_mutex_unlock(&writable->lock);
}
