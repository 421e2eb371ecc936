/* extent_many.c - many chunks encoded at once, by as many threads as processors; see extent.h.
 *
 * Compressing a chunk of 64 KiB takes 50 to 150 us, starting a thread 20: so it is worth it from a few chunks on. Their
 * spill gets them in the order of the chunks, whichever was ready first: blobs must lie as they will be read. */
#include <pthread.h>
#include <stdatomic.h>

#include "os/thread.h"
#include "store/spill.h"

typedef struct encoding {
  ufo_spill *spill; /* constant, as all down to `extents`, whose elements belong to who took their number */
  ufo_type type;
  uint32_t element_bytes, chunk_bytes;
  const uint8_t *raw;
  unsigned count;
  ufo_codec_habit *habit;
  ufo_extent **extents;
  atomic_uint next;
  pthread_mutex_t lock; /* guards what follows */
  ufo_status status;
  ufo_error error;
} encoding;

static void encode(void *user) {
  encoding *e = user;
  unsigned i;
  while ((i = atomic_fetch_add(&e->next, 1)) < e->count) {
    ufo_error error;
    ufo_status status = ufo_extent_encode(e->spill, e->type, e->element_bytes, e->raw + (uint64_t)i * e->chunk_bytes,
                                          e->chunk_bytes, e->habit, &e->extents[i], &error);
    if (status == UFO_OK) continue;
    atomic_store(&e->next, e->count);
    pthread_mutex_lock(&e->lock);
    e->status = status;
    e->error = error;
    pthread_mutex_unlock(&e->lock);
  }
}

ufo_status ufo_extents_create(ufo_spill *spill, ufo_type type, uint32_t element_bytes, const uint8_t *raw,
                              uint32_t chunk_bytes, unsigned count, ufo_codec_habit *habit, ufo_extent **extents_out,
                              ufo_error *error) {
  encoding e = {.spill = spill,
                .type = type,
                .element_bytes = element_bytes,
                .chunk_bytes = chunk_bytes,
                .raw = raw,
                .count = count,
                .habit = habit,
                .extents = extents_out};
  for (unsigned i = 0; i < count; i++) extents_out[i] = NULL;
  pthread_mutex_init(&e.lock, NULL);
  ufo_thread_share(count, encode, &e);
  pthread_mutex_destroy(&e.lock);
  for (unsigned i = 0; i < count && e.status == UFO_OK; i++) e.status = ufo_extent_admit(extents_out[i], &e.error);
  if (e.status == UFO_OK) return UFO_OK;
  for (unsigned i = 0; i < count; i++) ufo_extent_release(extents_out[i]);
  if (error) *error = e.error;
  return e.status;
}
