/* pin.c - keeping a range in memory, for system calls that cannot wait for a fault. */
#include <unistd.h>

#include "os/memory.h"
#include "region/range.h"
#include "util/checked.h"
#include "util/fail.h"

ufo_status ufo_chunk_range_of(const ufo_region *region, uint64_t offset, uint64_t bytes, ufo_chunk_range *range,
                              ufo_error *error) {
  *range = (ufo_chunk_range){0};
  if (!ufo_range_inside(offset, bytes, region->body_bytes))
    return ufo_fail(error, UFO_USAGE, "bytes %llu to %llu are not inside the region's %llu bytes",
                    (unsigned long long)offset, (unsigned long long)(offset + bytes),
                    (unsigned long long)region->body_bytes);
  range->first = offset / region->chunk_bytes;
  range->end = bytes ? ufo_div_up(offset + bytes, region->chunk_bytes) : range->first;
  return UFO_OK;
}

typedef struct touch {
  char *address;
  bool write;
} touch;

/* clang's no_sanitize leaves atomic operations in view. */
#if __has_attribute(disable_sanitizer_instrumentation)
#define UNSEEN __attribute__((disable_sanitizer_instrumentation))
#else
#define UNSEEN __attribute__((no_sanitize("thread")))
#endif

/* It may meet an ordinary access of the program to the same bytes, which thread sanitizers need not report. Exchanging
 * a byte for itself is a write that no concurrent writer can notice; compilers turn an atomic "or" with 0 into a load.
 */
UNSEEN static int touch_now(void *user) {
  const touch *t = user;
  volatile char *byte = t->address;
  char value = __atomic_load_n(byte, __ATOMIC_RELAXED);
  while (t->write && !__atomic_compare_exchange_n(byte, &value, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    continue;
  return 0;
}

ufo_status ufo_chunk_touch(ufo_region *region, uint64_t chunk, bool write, ufo_error *error) {
  touch t = {ufo_chunk_address(region, chunk), write};
  return ufo_guarded(region, touch_now, &t, NULL, error);
}

/* Pins the chunk if it is in memory, and dirty if it must be. If nobody had before, its bytes
 * come out of the promise. */
static bool pin_if_ready(ufo_region *region, uint64_t chunk, bool for_write, uint64_t *promise) {
  ufo_pool *pool = region->pool;
  bool pinned = false;
  pthread_mutex_t *lock = ufo_chunk_lock(region, chunk);
  pthread_mutex_lock(lock);
  ufo_chunk_state state = ufo_chunk_get_state(region->chunks[chunk]);
  bool resident = state == UFO_CLEAN || state == UFO_DIRTY || state == UFO_CLEANING;
  ufo_frame *frame = resident ? ufo_chunk_get_frame(region->chunks[chunk]) : NULL;
  if (frame && !frame->sealed && (!for_write || state == UFO_DIRTY)) {
    frame->pins++;
    if (for_write) frame->dirty_pins++;
    pthread_mutex_lock(&pool->residency_lock);
    if (frame->pins == 1) {
      uint64_t kept = ufo_min(frame->bytes, *promise); /* less only if others unpinned what was counted as theirs */
      *promise -= kept;
      pool->promised -= kept;
      pool->pinned += frame->bytes;
      region->pinned += frame->bytes;
    }
    /* A frame in somebody's hands finds its list when it is put back. */
    if (frame->list != UFO_LIST_NONE) ufo_frame_enlist(pool, frame, UFO_LIST_PINNED);
    pthread_mutex_unlock(&pool->residency_lock);
    pinned = true;
  }
  pthread_mutex_unlock(lock);
  return pinned;
}

/* Which of several pins were for writing is not recorded, so a chunk stays open to writes until the last is gone. */
static void unpin_chunk(ufo_region *region, uint64_t chunk) {
  ufo_pool *pool = region->pool;
  pthread_mutex_t *lock = ufo_chunk_lock(region, chunk);
  pthread_mutex_lock(lock);
  ufo_frame *frame = ufo_chunk_get_frame(region->chunks[chunk]);
  UFO_ASSERT(frame && frame->pins > 0);
  if (frame && frame->pins > 0 && --frame->pins == 0) {
    frame->dirty_pins = 0;
    pthread_mutex_lock(&pool->residency_lock);
    pool->pinned -= frame->bytes;
    region->pinned -= frame->bytes;
    if (frame->list != UFO_LIST_NONE) ufo_frame_enlist(pool, frame, ufo_frame_home(frame));
    pthread_cond_broadcast(&pool->room);
    pthread_mutex_unlock(&pool->residency_lock);
  }
  pthread_mutex_unlock(lock);
}

/* The chunks of a range that are pinned already, and so cost nothing more. */
static uint64_t count_pinned(ufo_region *region, ufo_chunk_range range) {
  uint64_t pinned = 0;
  for (uint64_t chunk = range.first; chunk < range.end; chunk++) {
    pthread_mutex_t *lock = ufo_chunk_lock(region, chunk);
    pthread_mutex_lock(lock);
    const ufo_frame *frame = ufo_chunk_get_frame(region->chunks[chunk]);
    if (frame && frame->pins > 0) pinned++;
    pthread_mutex_unlock(lock);
  }
  return pinned;
}

/* Promises the range what it will pin, if the pool then still has room for two of its largest chunks. */
static bool promise_room(ufo_region *region, ufo_chunk_range range, uint64_t *promise) {
  ufo_pool *pool = region->pool;
  uint64_t chunk_bytes = ufo_region_largest_chunk(region), largest = ufo_table_largest_chunk(pool);
  uint64_t chunks = range.end - range.first, spare, wanted;
  pthread_mutex_lock(&pool->residency_lock);
  bool hopeless = chunks > pool->limit / chunk_bytes, any = pool->pinned > 0;
  pthread_mutex_unlock(&pool->residency_lock);
  if (hopeless) return false; /* before anything is done for each chunk */
  if (any) chunks -= count_pinned(region, range);
  if (ufo_mul_overflows(chunks, chunk_bytes, promise) || ufo_mul_overflows(2, largest, &spare) ||
      ufo_add_overflows(*promise, spare, &wanted))
    return false;
  pthread_mutex_lock(&pool->residency_lock);
  bool fits = wanted <= pool->limit && pool->pinned + pool->promised <= pool->limit - wanted;
  if (fits) pool->promised += *promise;
  pthread_mutex_unlock(&pool->residency_lock);
  return fits;
}

static void end_promise(ufo_pool *pool, uint64_t rest) {
  pthread_mutex_lock(&pool->residency_lock);
  UFO_ASSERT(pool->promised >= rest);
  pool->promised -= rest;
  pthread_mutex_unlock(&pool->residency_lock);
}

ufo_status ufo_region_pin(ufo_region *region, uint64_t offset, uint64_t bytes, int for_write, ufo_error *error) {
  ufo_chunk_range range;
  ufo_status status = ufo_chunk_range_of(region, offset, bytes, &range, error);
  if (status != UFO_OK) return status;
  if (for_write && region->access == UFO_ACCESS_READ_ONLY)
    return ufo_fail(error, UFO_USAGE, "cannot pin a read-only region for writing");
  uint64_t promise;
  if (!promise_room(region, range, &promise))
    return ufo_fail(error, UFO_FULL, "cannot pin %llu bytes: the budget cannot hold them and two chunks more",
                    (unsigned long long)bytes);
  for (uint64_t chunk = range.first; chunk < range.end && status == UFO_OK; chunk++) {
    /* The touch brings it in; an evictor may be faster than the pin, then once more. */
    for (int tries = 0; status == UFO_OK && !pin_if_ready(region, chunk, for_write, &promise); tries++) {
      if (tries > 0) usleep(20); /* it is there, but its window is still being checked */
      status = ufo_chunk_touch(region, chunk, for_write, error);
    }
    if (status == UFO_OK) continue;
    while (chunk > range.first) unpin_chunk(region, --chunk);
    break;
  }
  end_promise(region->pool, promise);
  return status;
}

void ufo_region_unpin(ufo_region *region, uint64_t offset, uint64_t bytes) {
  ufo_chunk_range range;
  if (ufo_chunk_range_of(region, offset, bytes, &range, NULL) != UFO_OK) return;
  for (uint64_t chunk = range.first; chunk < range.end; chunk++) unpin_chunk(region, chunk);
}
