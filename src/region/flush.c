/* flush.c - writing all changed chunks of a region back, by as many threads as processors if they are many.
 *
 * What takes the time is the compression in writeback. Threads are started for each flush that is worth it, since that
 * costs nothing beside the work, and a thread that is not there needs no care when the process forks. */
#include <stdlib.h>

#include "os/thread.h"
#include "region/window.h"
#include "util/checked.h"
#include "util/fail.h"

/* Starting a thread takes some 20 us, compressing so much a millisecond or more. */
#define WORTH_A_THREAD_BYTES (UINT64_C(512) << 10)

typedef struct flush {
  ufo_region *region; /* constant, as the next two */
  const uint64_t *chunks;
  size_t count;
  pthread_mutex_t lock; /* guards what follows */
  size_t next;
  size_t failed; /* of those that failed, the first; then its status and error */
  ufo_status status;
  ufo_error error;
} flush;

/* Hands out the next chunks: all of a window, or one. Their number; 0: there are no more. */
static size_t take(flush *f, size_t *first_out) {
  pthread_mutex_lock(&f->lock);
  size_t first = f->next, end = first;
  uint64_t window = first < f->count ? ufo_window_of(f->region, f->chunks[first]) : 0;
  while (end < f->count && ufo_window_of(f->region, f->chunks[end]) == window) end++;
  f->next = end;
  pthread_mutex_unlock(&f->lock);
  *first_out = first;
  return end - first;
}

static void note(flush *f, size_t index, ufo_status status, const ufo_error *error) {
  pthread_mutex_lock(&f->lock);
  if (f->status == UFO_OK || index < f->failed) {
    f->failed = index;
    f->status = status;
    f->error = *error;
  }
  pthread_mutex_unlock(&f->lock);
}

static void clean_some(flush *f, size_t first, size_t count, void *copy) {
  ufo_region *region = f->region;
  ufo_error error = {.code = UFO_OK};
  ufo_status status = UFO_OK;
  uint64_t window = ufo_window_of(region, f->chunks[first]);
  bool as_one = count > 1 && window < region->window_count && ufo_window_clean(region, window, copy, &status, &error);
  /* What was in other hands, or comes without a window; after an error, so that each has its chance, and tells. */
  for (size_t i = first; i < first + count && (!as_one || status != UFO_OK); i++) {
    ufo_error one = {.code = UFO_OK};
    ufo_status cleaned = ufo_chunk_clean(region, f->chunks[i], false, copy, &one);
    if (cleaned != UFO_OK) note(f, i, cleaned, &one);
  }
}

static void work(void *user) {
  flush *f = user;
  size_t first, count;
  void *copy = malloc(ufo_region_largest_chunk(f->region));
  if (!copy) return; /* others do it, or nobody could: flush_all finds out */
  while ((count = take(f, &first)) > 0) clean_some(f, first, count, copy);
  free(copy);
}

static ufo_status flush_all(flush *f, ufo_error *error) {
  uint64_t bytes = f->count * f->region->chunk_bytes; /* no more than is in memory */
  uint64_t at_once = UFO_SHARED_WORK_BYTES / ufo_region_largest_chunk(f->region);
  pthread_mutex_init(&f->lock, NULL);
  ufo_thread_share(ufo_min(bytes / WORTH_A_THREAD_BYTES + 1, at_once), work, f);
  pthread_mutex_destroy(&f->lock);
  if (f->next < f->count) return ufo_fail(error, UFO_FULL, "out of memory to flush a region");
  if (f->status != UFO_OK && error) *error = f->error;
  return f->status;
}

ufo_status ufo_region_flush(ufo_region *region, ufo_error *error) {
  uint64_t *chunks;
  size_t count;
  ufo_status status = ufo_region_resident_chunks(region, true, &chunks, &count, error);
  if (status != UFO_OK || count == 0) return status;
  flush f = {.region = region, .chunks = chunks, .count = count};
  status = flush_all(&f, error);
  free(chunks);
  return status;
}
