/* staging.c - extents become blobs of the store ahead of a commit; see spill.h.
 *
 * A batch is staged in one short write transaction: blobs, and a record {owner, blob} for each, by which the blobs of a
 * dead process are found and reclaimed. The first staging of a process takes an owner id and locks its byte (pin.c)
 * before that transaction commits.
 *
 * A thread stages one batch and ends. It knows the bytes, not the extents, which may go or be committed meanwhile: who
 * lets go of one takes it off the batch. It holds no reference to the spill, whose end waits for it. If it fails, all
 * stays in memory, and the next batch is written by who needs the room, and gets the error. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/memory.h"
#include "os/thread.h"
#include "store/garbage.h"
#include "store/map.h"
#include "store/spill.h"
#include "util/bytes.h"
#include "util/fail.h"

/* ---- one transaction ----------------------------------------------------------------------------------------------
 */

typedef struct staging {
  ufo_core *core;
  ufo_etxn *txn;
  ufo_counters counters;
} staging;

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

static ufo_status begin_staging(staging *to, ufo_error *error) {
  ufo_status status = ufo_core_begin_write(to->core, &to->txn, error);
  if (status) return status;
  status = ufo_counters_get(to->txn, &to->counters, error);
  if (!status) status = take_owner(to->core, &to->counters, error);
  if (status) ufo_core_end(to->core, to->txn);
  return status;
}

static ufo_status put_staged(staging *to, const void *bytes, uint32_t count, uint64_t *blob_out, ufo_error *error) {
  uint8_t key[UFO_STAGED_KEY_BYTES], record[UFO_U64_RECORD_BYTES];
  *blob_out = to->counters.next_blob++;
  ufo_status status = ufo_blob_put(to->txn, *blob_out, bytes, count, error);
  if (status) return status;
  ufo_key_pair(key, to->core->owner, *blob_out);
  ufo_put_le64(record, count);
  return ufo_record_put(to->txn, UFO_TABLE_STAGED, key, sizeof key, record, 8, false, error);
}

/* Commits, if `status` is UFO_OK. */
static ufo_status end_staging(staging *to, ufo_status status, ufo_error *error) {
  ufo_unstaged unstaged = {0};
  if (!status) status = ufo_garbage_unstage(to->core, to->txn, &unstaged, error);
  if (!status) status = ufo_counters_put(to->txn, &to->counters, error);
  if (!status) status = ufo_core_commit(to->core, to->txn, error);
  else ufo_core_end(to->core, to->txn);
  ufo_garbage_unstage_done(to->core, &unstaged, !status);
  return status;
}

/* ---- extents, in the calling thread --------------------------------------------------------------------------------
 */

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

static ufo_status stage_one(staging *to, ufo_extent *extent, ufo_work *work, uint64_t *blob_out, ufo_error *error) {
  *blob_out = 0;
  ufo_extent_place place = ufo_extent_find(extent);
  if (place.state != UFO_EXTENT_MEMORY && place.state != UFO_EXTENT_SCRATCH) return UFO_OK;
  const void *bytes = NULL;
  ufo_status status = read_place(extent, &place, work, &bytes, error);
  if (!status) status = put_staged(to, bytes, extent->meta.stored_bytes, blob_out, error);
  ufo_extent_bytes_release(place.bytes);
  return status;
}

/* One transaction. blobs[i] is 0 for an extent that is not in memory or in scratch (any more). */
static ufo_status write_batch(ufo_core *core, ufo_extent *const *extents, uint64_t *blobs, uint64_t count,
                              ufo_error *error) {
  ufo_work *work = ufo_core_take_work(core);
  if (!work) return ufo_fail(error, UFO_FULL, "out of memory");
  staging to = {.core = core};
  ufo_status status = begin_staging(&to, error);
  if (!status) {
    for (uint64_t i = 0; i < count && !status; i++) status = stage_one(&to, extents[i], work, &blobs[i], error);
    status = end_staging(&to, status, error);
  }
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

ufo_status ufo_staging_write(ufo_core *core, ufo_extent *const *extents, uint64_t count, const ufo_spill *locked,
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
  return count ? ufo_staging_write(core, extents, count, NULL, error) : UFO_OK;
}

/* ---- a batch, in a thread of its own --------------------------------------------------------------------------------
 */

struct ufo_batch {
  ufo_spill *spill;
  pthread_t thread;
  bool is_over; /* under the spill's lock */
  uint64_t count;
  ufo_batch_item items[];
};

static void free_batch(ufo_batch *batch) {
  for (uint64_t i = 0; i < batch->count; i++) {
    ufo_batch_item *item = &batch->items[i];
    if (item->extent) item->extent->item = NULL;
    ufo_extent_bytes_release(item->bytes);
  }
  free(batch);
}

static ufo_status write_items(ufo_batch *batch) {
  staging to = {.core = batch->spill->core};
  ufo_status status = begin_staging(&to, NULL);
  if (status) return status;
  for (uint64_t i = 0; i < batch->count && !status; i++) {
    ufo_batch_item *item = &batch->items[i];
    status = put_staged(&to, item->bytes->data, item->stored_bytes, &item->blob, NULL);
  }
  return end_staging(&to, status, NULL);
}

/* Called with the spill's lock held. */
static void take_over(ufo_batch *batch) {
  ufo_core *core = batch->spill->core;
  for (uint64_t i = 0; i < batch->count; i++) {
    ufo_batch_item *item = &batch->items[i];
    if (item->extent) {
      ufo_extent_leave_memory_list(item->extent);
      set_staged(core, item->extent, item->blob);
    } else {
      pthread_mutex_lock(&core->lock);
      ufo_extent_unstage(core, item->blob);
      pthread_mutex_unlock(&core->lock);
    }
  }
}

static void *stage_batch(void *argument) {
  ufo_batch *batch = argument;
  ufo_spill *spill = batch->spill;
  ufo_thread_set_name("ufo-stager");
  ufo_status status = write_items(batch);
  pthread_mutex_lock(&spill->lock);
  if (!status) take_over(batch);
  for (uint64_t i = 0; i < batch->count; i++) {
    ufo_extent_bytes_release(batch->items[i].bytes);
    batch->items[i].bytes = NULL;
  }
  spill->batch_failed = status != UFO_OK;
  batch->is_over = true;
  pthread_cond_broadcast(&spill->batch_over);
  pthread_mutex_unlock(&spill->lock);
  ufo_memory_trim_heap(); /* the engine took as much again for its pages */
  return NULL;
}

bool ufo_staging_is_on(const ufo_spill *spill) { return spill->batch && !spill->batch->is_over; }

void ufo_staging_wait(ufo_spill *spill) {
  while (spill->batch && !spill->batch->is_over) pthread_cond_wait(&spill->batch_over, &spill->lock);
  ufo_batch *batch = spill->batch;
  if (!batch) return;
  spill->batch = NULL;
  pthread_join(batch->thread, NULL); /* it does not take the lock any more */
  free_batch(batch);
}

bool ufo_staging_start(ufo_spill *spill) {
  uint64_t count = 0;
  for (const ufo_extent *extent = spill->memory; extent; extent = extent->next) count++;
  ufo_batch *batch = count ? calloc(1, sizeof *batch + count * sizeof(ufo_batch_item)) : NULL;
  if (!batch) return false;
  batch->spill = spill;
  batch->count = count;
  /* The list has the newest first; blobs are to lie in the order in which they came. */
  for (ufo_extent *extent = spill->memory; extent; extent = extent->next) {
    ufo_batch_item *item = &batch->items[--count];
    *item = (ufo_batch_item){.extent = extent, .bytes = extent->bytes, .stored_bytes = extent->meta.stored_bytes};
    atomic_fetch_add(&item->bytes->references, 1);
    extent->item = item;
  }
  if (ufo_thread_start(&batch->thread, stage_batch, batch, false)) {
    spill->batch = batch;
    return true;
  }
  free_batch(batch);
  return false;
}

void ufo_staging_forget(ufo_spill *spill) {
  if (spill->batch) free_batch(spill->batch);
  spill->batch = NULL;
  pthread_cond_init(&spill->batch_over, NULL); /* whoever waited for it is not here */
}
