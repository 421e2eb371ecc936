/* fill.c - serving one fault: from absent to resident, from clean to dirty, or to poisoned.
 *
 * A message from the kernel may be late: the chunk may have been filled, evicted or written to since. So what to do is
 * decided by the chunk's state under its lock, and every outcome wakes the faulting thread, which then simply tries
 * again. While one thread is filling a chunk, messages about it are dropped: the copy that ends the fill wakes all. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/clock.h"
#include "os/memory.h"
#include "region/window.h"
#include "util/checked.h"
#include "util/fail.h"
#include "util/hash.h"
#include "util/plant.h"

void ufo_fill_memory_free(ufo_fill_memory *memory) {
  ufo_memory_release(memory->buffer, memory->bytes);
  *memory = (ufo_fill_memory){0};
}

static void *fill_memory(ufo_fill_memory *memory, uint64_t bytes) {
  if (memory->bytes >= bytes) return memory->buffer;
  ufo_fill_memory_free(memory);
  memory->buffer = ufo_memory_reserve(bytes, true);
  memory->bytes = memory->buffer ? bytes : 0;
  return memory->buffer;
}

/* ---- producing the bytes ------------------------------------------------------------------------------------- */

typedef struct production {
  ufo_region *region;
  uint64_t chunk;
  char *buffer;       /* room for the chunk and two elements */
  char *start;        /* where in it the chunk begins afterwards */
  uint64_t *hash_out; /* NULL: not wanted */
  ufo_error *error;
} production;

/* By elements: a chunk that begins or ends inside an element gets the whole element, and is cut out after. */
static int populate_elements(const production *p) {
  const ufo_region *region = p->region;
  uint64_t begin = p->chunk * region->chunk_bytes;
  uint64_t end = begin + ufo_chunk_body_bytes(region, p->chunk);
  uint64_t first = begin / region->element_bytes;
  uint64_t last = ufo_div_up(end, region->element_bytes);
  int status = region->source.populate(region->source.user, first, last - first, p->buffer, p->error);
  ((production *)p)->start = p->buffer + (begin - first * region->element_bytes);
  return status;
}

static int produce(void *user) {
  production *p = user;
  ufo_region *region = p->region;
  p->start = p->buffer;
  if (!region->source.writeback) {
    int found = ufo_backing_read(region, p->chunk, p->buffer, p->error);
    if (found) return found > 0 ? UFO_OK : found;
  }
  if (region->source.populate) return populate_elements(p);
  if (p->hash_out && region->source.populate_hashed)
    return region->source.populate_hashed(region->source.user, p->chunk * region->chunk_bytes,
                                          ufo_chunk_body_bytes(region, p->chunk), p->buffer, p->hash_out, p->error);
  return region->source.populate_bytes(region->source.user, p->chunk * region->chunk_bytes,
                                       ufo_chunk_body_bytes(region, p->chunk), p->buffer, p->error);
}

/* The chunk's mapped bytes at p->start, zeros after the last element. */
static ufo_status produce_at(production *p) {
  ufo_region *region = p->region;
  ufo_error *error = p->error;
  error->code = UFO_OK;
  error->message[0] = '\0';
  int status = UFO_OK;
  ufo_status guarded = ufo_guarded(NULL, produce, p, &status, error);
  if (guarded != UFO_OK) return guarded;
  uint64_t used = ufo_chunk_body_bytes(region, p->chunk), mapped = ufo_chunk_mapped_bytes(region, p->chunk);
  if (status != UFO_OK && ufo_planted("zeros-for-failure")) {
    memset(p->start, 0, mapped);
  } else if (status != UFO_OK) {
    if (error->code == UFO_OK)
      return ufo_fail(error, UFO_IO, "the source of the region failed with status %d and no message", status);
    return error->code;
  }
  memset(p->start + used, 0, mapped - used);
  return UFO_OK;
}

/* The chunk's mapped bytes at *start_out, zeros after the last element. */
static ufo_status produce_chunk(ufo_region *region, uint64_t chunk, ufo_fill_memory *memory, char **start_out,
                                ufo_error *error) {
  uint64_t mapped = ufo_chunk_mapped_bytes(region, chunk);
  char *buffer = fill_memory(memory, ufo_region_largest_chunk(region) + 2 * region->element_bytes);
  if (!buffer) return ufo_fail(error, UFO_FULL, "out of memory for a chunk of %llu bytes", (unsigned long long)mapped);
  production p = {.region = region, .chunk = chunk, .buffer = buffer, .error = error};
  ufo_status status = produce_at(&p);
  *start_out = p.start;
  return status;
}

ufo_status ufo_chunk_produce(ufo_region *region, uint64_t chunk, char *target, uint64_t *hash_out, ufo_error *error) {
  production p = {.region = region, .chunk = chunk, .buffer = target, .hash_out = hash_out, .error = error};
  *hash_out = 0;
  ufo_status status = produce_at(&p);
  uint64_t mapped = ufo_chunk_mapped_bytes(region, chunk);
  bool known = *hash_out != 0 && ufo_chunk_body_bytes(region, chunk) == mapped; /* else zeros follow */
  if (status == UFO_OK && !known) *hash_out = ufo_hash(target, mapped);
  return status;
}

/* ---- publishing them ----------------------------------------------------------------------------------------- */

void ufo_chunk_fail(ufo_region *region, uint64_t chunk, const ufo_error *error) {
  ufo_count(&region->pool->counters.fill_failures, 1);
  ufo_chunk_set_frame(&region->chunks[chunk], NULL);
  ufo_event_emit(region, UFO_EVENT_CHUNK_FAILED, chunk * region->chunk_bytes, ufo_chunk_mapped_bytes(region, chunk));
  if (ufo_pool_is_broken(region->pool)) { /* it cannot be touched already, and all its chunks tell the same story */
    ufo_chunk_set_state(&region->chunks[chunk], UFO_POISONED);
    return;
  }
  /* Where the kernel has no room even for that, the touch is simply tried again: slow, but neither wrong nor stuck. */
  bool poisoned =
      ufo_uffd_poison(&region->pool->uffd, ufo_chunk_address(region, chunk), ufo_chunk_mapped_bytes(region, chunk));
  if (poisoned) ufo_failure_record(region, chunk, error);
  ufo_chunk_set_state(&region->chunks[chunk], poisoned ? UFO_POISONED : UFO_ABSENT);
}

/* The chunk lock is held, the chunk is FILLING, `start` holds its content. */
static bool publish(ufo_region *region, uint64_t chunk, ufo_frame *frame, const char *start, bool write,
                    ufo_error *error) {
  ufo_pool *pool = region->pool;
  char *address = ufo_chunk_address(region, chunk);
  if (ufo_pool_is_broken(pool)) return ufo_pool_fail_broken(pool, error), false;
  /* Not protecting on a write saves the second fault that would follow at once. */
  bool done = ufo_uffd_copy(&pool->uffd, address, start, frame->bytes, !write && !ufo_planted("write-unseen"));
  if (!done && errno == EEXIST) {
    /* Left over from a copy that failed half way. */
    ufo_memory_drop(address, frame->bytes);
    done = ufo_uffd_copy(&pool->uffd, address, start, frame->bytes, !write);
  }
  if (!done) {
    ufo_fail_errno(error, errno, "cannot make a chunk of %llu bytes resident", (unsigned long long)frame->bytes);
    ufo_memory_drop(address, frame->bytes);
    return false;
  }
  ufo_chunk *word = &region->chunks[chunk];
  ufo_chunk_set_state(word, write ? UFO_DIRTY : UFO_CLEAN);
  bool came_back = (*word & UFO_CHUNK_EVICTED_BEFORE) != 0, left_idle = (*word & UFO_CHUNK_LEFT_IDLE) != 0;
  *word &= ~(uint64_t)(UFO_CHUNK_EVICTED_BEFORE | UFO_CHUNK_LEFT_IDLE);
  pthread_mutex_lock(&pool->residency_lock);
  frame->second_chance = came_back && atomic_load(&region->advice) != UFO_ADVICE_SEQUENTIAL;
  if (left_idle) ufo_residency_was_not_idle(pool);
  else if (frame->second_chance && !write) ufo_residency_missed(pool, frame->bytes);
  ufo_frame_settle(pool, frame, write);
  if (write) ufo_stream_wrote(region, chunk);
  pthread_mutex_unlock(&pool->residency_lock);
  ufo_count(&pool->counters.fills, 1);
  ufo_count(&pool->counters.fill_bytes, frame->bytes);
  ufo_event_emit(region, UFO_EVENT_CHUNK_FILLED, chunk * region->chunk_bytes, frame->bytes);
  return true;
}

/* The chunk lock is held and the chunk is ABSENT. It is FILLING afterwards, or POISONED and NULL is returned; if
 * `optional`, then ABSENT. */
static ufo_frame *begin_fill(ufo_region *region, uint64_t chunk, bool write, bool optional, int depth) {
  ufo_pool *pool = region->pool;
  ufo_error error;
  ufo_chunk_set_state(&region->chunks[chunk], UFO_FILLING);
  ufo_frame *frame = depth >= UFO_FILL_DEPTH_MAX ? NULL : calloc(1, sizeof *frame);
  if (frame) {
    *frame = (ufo_frame){.region = region,
                         .chunk = chunk,
                         .bytes = ufo_chunk_mapped_bytes(region, chunk),
                         .for_write = write,
                         .optional = optional,
                         .begun_ns = ufo_clock_monotonic_ns()};
    ufo_chunk_set_frame(&region->chunks[chunk], frame);
    ufo_residency_fill_begins(pool, frame, depth > 0);
    return frame;
  }
  if (optional) {
    ufo_chunk_set_state(&region->chunks[chunk], UFO_ABSENT);
    return NULL;
  }
  if (depth >= UFO_FILL_DEPTH_MAX)
    ufo_fail(&error, UFO_FULL,
             "fills nest more than %d deep, or too many nest at once: a populate callback reads chunks that are not in "
             "memory, whose callbacks do the same",
             UFO_FILL_DEPTH_MAX);
  else ufo_fail(&error, UFO_FULL, "out of memory for the record of a chunk");
  ufo_chunk_fail(region, chunk, &error);
  return NULL;
}

/* The chunk is FILLING, and this thread is the one that does it; no lock is held. */
static void fill(ufo_region *region, ufo_frame *frame, bool write, ufo_fill_memory *memory) {
  ufo_pool *pool = region->pool;
  uint64_t chunk = frame->chunk, bytes = frame->bytes;
  ufo_error error = {.code = UFO_OK};
  char *start = NULL;
  ufo_status status = ufo_residency_reserve(pool, frame, &error);
  bool reserved = status == UFO_OK;
  if (status == UFO_OK) status = produce_chunk(region, chunk, memory, &start, &error);
  pthread_mutex_t *lock = ufo_chunk_lock(region, chunk);
  pthread_mutex_lock(lock);
  ufo_residency_fill_ending(pool, frame);
  bool resident = status == UFO_OK && publish(region, chunk, frame, start, write, &error);
  if (!resident && frame->optional) {
    ufo_chunk_set_state(&region->chunks[chunk], UFO_ABSENT);
    ufo_chunk_set_frame(&region->chunks[chunk], NULL);
    ufo_uffd_wake(&pool->uffd, ufo_chunk_address(region, chunk), bytes);
  } else if (!resident) {
    ufo_chunk_fail(region, chunk, &error);
  }
  pthread_mutex_unlock(lock);
  if (!resident) {
    pthread_mutex_lock(&pool->residency_lock);
    ufo_frame_discard(pool, frame);
    pthread_mutex_unlock(&pool->residency_lock);
  }
  if (reserved) ufo_residency_fill_ended(pool, bytes, resident);
  if (memory->bytes > UFO_KEPT_BUFFER_BYTES) ufo_fill_memory_free(memory);
}

void ufo_chunk_prefetch(ufo_region *region, uint64_t chunk, ufo_fill_memory *memory) {
  ufo_pool *pool = region->pool;
  pthread_mutex_t *lock = ufo_chunk_lock(region, chunk);
  ufo_frame *frame = NULL;
  pthread_mutex_lock(lock);
  pthread_mutex_lock(&pool->residency_lock);
  /* Its window may be produced at this moment, and would not see that the chunk is there. */
  bool apart = ufo_window_of(region, chunk) >= region->window_count ||
               !ufo_slot_find(pool, region, ufo_window_of(region, chunk));
  pthread_mutex_unlock(&pool->residency_lock);
  if (apart && !ufo_pool_is_broken(pool) && ufo_chunk_get_state(region->chunks[chunk]) == UFO_ABSENT)
    frame = begin_fill(region, chunk, false, true, 0);
  pthread_mutex_unlock(lock);
  if (frame) fill(region, frame, false, memory);
}

/* ---- deciding --------------------------------------------------------------------------------------------------- */

/* The first write to a clean chunk, or to one that is being written back. The chunk lock is held. */
static void make_dirty(ufo_region *region, uint64_t chunk) {
  ufo_pool *pool = region->pool;
  ufo_chunk *word = &region->chunks[chunk];
  ufo_frame *frame = ufo_chunk_get_frame(*word);
  ufo_chunk_set_state(word, UFO_DIRTY);
  ufo_window_part_protected(region, chunk);
  frame->presumed = false;
  pthread_mutex_lock(&pool->residency_lock);
  ufo_frame_mark_dirty(pool, frame, true);
  ufo_stream_wrote(region, chunk);
  /* A frame in an evictor's hands is in no list: the evictor sees the new state and puts it back. */
  if (frame->list != UFO_LIST_NONE) ufo_frame_enlist(pool, frame, ufo_frame_home(frame));
  pthread_mutex_unlock(&pool->residency_lock);
  ufo_count(&pool->counters.write_faults, 1);
  ufo_uffd_protect(&pool->uffd, ufo_chunk_address(region, chunk), frame->bytes, false);
}

void ufo_fault_serve(ufo_region *region, const ufo_fault *fault, int depth, ufo_fill_memory *memory) {
  ufo_pool *pool = region->pool;
  uint64_t chunk = (fault->address - (uint64_t)(uintptr_t)region->body) / region->chunk_bytes;
  UFO_ASSERT(chunk < region->chunk_count);
  char *address = ufo_chunk_address(region, chunk);
  uint64_t bytes = ufo_chunk_mapped_bytes(region, chunk);
  bool write = (fault->write || fault->protected_) && region->access == UFO_ACCESS_READ_WRITE;
  ufo_frame *to_fill = NULL;
  ufo_slot *slot = NULL;
  enum ufo_ahead ahead = UFO_AHEAD_NONE;
  pthread_mutex_t *lock = ufo_chunk_lock(region, chunk);
  pthread_mutex_lock(lock);
  ufo_chunk *word = &region->chunks[chunk];
  if (ufo_pool_is_broken(pool)) { /* which has woken everybody */
    pthread_mutex_unlock(lock);
    return;
  }
  switch (ufo_chunk_get_state(*word)) {
  case UFO_ABSENT:
    if (region->source.flags & UFO_SOURCE_READ_AHEAD) ahead = ufo_ahead_touch(region, chunk, write, &slot);
    if (ahead == UFO_AHEAD_NONE) to_fill = begin_fill(region, chunk, write, false, depth);
    break;
  case UFO_FILLING:
    /* The thread that fills will wake the faulting one. If that is a fill itself, others must know that it waits; when
     * the message is older than the fill, a new one will tell for certain. */
    if (ufo_chunk_get_frame(*word)->present) ahead = UFO_AHEAD_CHECK;
    else if (depth > 0 && !ufo_residency_fill_awaited(pool, ufo_chunk_get_frame(*word), fault->read_ns))
      ufo_uffd_wake(&pool->uffd, address, bytes);
    break;
  case UFO_CLEAN:
  case UFO_CLEANING:
    if (!write) ufo_uffd_wake(&pool->uffd, address, bytes);
    else if (!ufo_chunk_get_frame(*word)->held) make_dirty(region, chunk);
    /* Else the evictor will wake the writer. */
    break;
  case UFO_DIRTY:
    /* After a fork the child protects everything: lift it again. */
    if (fault->protected_) ufo_uffd_protect(&pool->uffd, address, bytes, false);
    else ufo_uffd_wake(&pool->uffd, address, bytes);
    break;
  case UFO_POISONED:
  case UFO_EVICTING:
    ufo_uffd_wake(&pool->uffd, address, bytes);
    break;
  }
  pthread_mutex_unlock(lock);
  if (to_fill) fill(region, to_fill, write, memory);
  if (ahead == UFO_AHEAD_PRESENT) ufo_window_publish(pool, slot);
  else if (ahead == UFO_AHEAD_HELP) ufo_ahead_help(region, chunk);
  else if (ahead == UFO_AHEAD_CHECK) ufo_ahead_check(region, chunk);
}
