/* window.c - whole windows: a page full of chunks moved in at once. How they leave is in window_out.c.
 *
 * UFFDIO_MOVE cannot write-protect what it moves. So the window is moved, protected, and then its chunks are compared
 * with the hashes of what was moved: equal means that no write slipped in before the protection, and later ones fault;
 * different means that the chunk is dirty. Until then its chunks are FILLING: reads go on, a write waits for the end of
 * the check, nobody evicts or flushes them. Where a page cannot be moved (a child of fork() shares it, or the kernel
 * does not know how) it is copied, protected from the first.
 *
 * A stream that writes to all that it reads would fault for each chunk, and take the huge page apart. So its windows
 * stay as they are moved in, and their chunks are DIRTY at once, presumed to be written to. The hashes tell later which
 * were not: when they would be written back, or somebody asks what was changed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/memory.h"
#include "region/window.h"
#include "util/hash.h"
#include "util/plant.h"

/* ---- in ---------------------------------------------------------------------------------------------------------- */

static bool all_absent(const ufo_region *region, uint64_t first) {
  for (uint64_t i = 0; i < region->window_chunks; i++)
    if (ufo_chunk_get_state(region->chunks[first + i]) != UFO_ABSENT) return false;
  return true;
}

bool ufo_window_is_absent(ufo_region *region, uint64_t window) {
  uint64_t first = ufo_window_first_chunk(region, window);
  pthread_mutex_t *lock = ufo_chunk_lock(region, first);
  pthread_mutex_lock(lock);
  bool absent = all_absent(region, first);
  pthread_mutex_unlock(lock);
  return absent;
}

/* Counts the window as resident. False if it would have to be there twice for a moment and there is no room. */
static bool account(ufo_pool *pool, bool copied) {
  pthread_mutex_lock(&pool->residency_lock);
  bool room = !copied || ufo_pool_used(pool) + UFO_WINDOW_BYTES <= pool->limit;
  if (room) {
    pool->resident += UFO_WINDOW_BYTES;
    if (!copied) pool->staged -= UFO_WINDOW_BYTES;
    ufo_pool_note_peak(pool);
  }
  pthread_mutex_unlock(&pool->residency_lock);
  return room;
}

enum shown { NOT_SHOWN, PROTECTED, TO_BE_CHECKED, UNPROTECTED, PRESUMED };

/* The chunk lock is held, and moving the window as a whole has failed. True if some of it was moved: then all of it is
 * there afterwards, since somebody may have written to what was moved. If the kernel does not let it be completed, that
 * is the end of the pool, and with it of such writes. */
static bool complete(ufo_pool *pool, ufo_slot *slot, char *address) {
  uint64_t page = ufo_page_bytes();
  enum { PATIENCE = 1000 };
  int tries = 0;
  for (uint64_t at = 0; at < UFO_WINDOW_BYTES; at += page) {
    bool there = ufo_uffd_move(&pool->uffd, address + at, slot->page + at, page) || errno == EEXIST || errno == ENOENT;
    if (!there && at == 0) return false; /* nothing was moved: the kernel goes from the first page on */
    while (!there && !ufo_uffd_has_failed(&pool->uffd)) {
      there = ufo_uffd_copy(&pool->uffd, address + at, slot->page + at, page, true);
      if (!there && ++tries == PATIENCE) ufo_uffd_give_up(&pool->uffd, "UFFDIO_COPY", errno);
      if (!there) usleep(1000); /* no memory, it may be */
    }
    if (!there) return false;
  }
  ufo_memory_drop(slot->page, UFO_WINDOW_BYTES); /* what was copied */
  return true;
}

/* The chunk lock is held, nothing of the window is present. */
static enum shown bring_in(ufo_pool *pool, ufo_slot *slot, char *address) {
  /* What was dropped chunk by chunk has left a table of pages, which a huge page would have to be split for. */
  ufo_memory_drop(address, UFO_WINDOW_BYTES);
  if (pool->uffd.can_move &&
      (ufo_uffd_move(&pool->uffd, address, slot->page, UFO_WINDOW_BYTES) || complete(pool, slot, address))) {
    account(pool, false);
    slot->page = NULL;
    if (slot->writing) return PRESUMED;
    bool protected_ = ufo_planted("move-unprotected") || ufo_uffd_protect(&pool->uffd, address, UFO_WINDOW_BYTES, true);
    return protected_ ? TO_BE_CHECKED : UNPROTECTED;
  }
  bool room = !ufo_uffd_has_failed(&pool->uffd) && account(pool, true);
  if (!room) {
    ufo_memory_drop(address, UFO_WINDOW_BYTES);
    return NOT_SHOWN;
  }
  if (ufo_uffd_copy(&pool->uffd, address, slot->page, UFO_WINDOW_BYTES, true)) return PROTECTED;
  ufo_memory_drop(address, UFO_WINDOW_BYTES);
  pthread_mutex_lock(&pool->residency_lock);
  pool->resident -= UFO_WINDOW_BYTES;
  pthread_mutex_unlock(&pool->residency_lock);
  return NOT_SHOWN;
}

static void emit_filled(ufo_region *region, const ufo_frame *frame) {
  ufo_event_emit(region, UFO_EVENT_CHUNK_FILLED, frame->chunk * region->chunk_bytes, frame->bytes);
}

/* The chunk lock is held. The chunks are being filled, as if for writes: who writes to the window before it can be
 * protected and flushes at once must find them, and wait for the check. */
static void begin(ufo_region *region, ufo_slot *slot, uint64_t first) {
  ufo_pool *pool = region->pool;
  uint64_t now = ufo_clock_monotonic_ns();
  pthread_mutex_lock(&pool->residency_lock);
  bool back = region->chunks[first] & UFO_CHUNK_EVICTED_BEFORE;
  bool promoted = back && pool->evicted - region->window_left[slot->window] <= pool->budget / 2;
  for (uint64_t i = 0; i < region->window_chunks; i++) {
    ufo_frame *frame = slot->frames;
    slot->frames = frame->region_next;
    if (region->chunks[first + i] & UFO_CHUNK_LEFT_IDLE) ufo_residency_was_not_idle(pool);
    *frame = (ufo_frame){.region = region,
                         .chunk = first + i,
                         .bytes = region->chunk_bytes,
                         .for_write = true,
                         .streamed = true,
                         .promoted = promoted,
                         .ending = true,
                         .begun_ns = now};
    ufo_chunk_set_state(&region->chunks[first + i], UFO_FILLING);
    ufo_chunk_set_frame(&region->chunks[first + i], frame);
    ufo_frame_enlist(pool, frame, UFO_LIST_FILLING);
  }
  pool->fills_running++;
  if (!promoted) pool->streamed += UFO_WINDOW_BYTES;
  pthread_mutex_unlock(&pool->residency_lock);
}

/* The residency lock is held. The chunks have left FILLING. */
static void end(ufo_pool *pool) {
  UFO_ASSERT(pool->fills_running > 0);
  pool->fills_running--;
  if (ufo_pool_used(pool) > pool->high) pthread_cond_signal(&pool->evictor_wanted);
  pthread_cond_broadcast(&pool->room);
}

/* The chunk lock is held. What became of the chunks. */
static void conclude(ufo_region *region, const ufo_slot *slot, uint64_t first, enum shown shown) {
  ufo_pool *pool = region->pool;
  pthread_mutex_lock(&pool->residency_lock);
  for (uint64_t i = 0; i < region->window_chunks; i++) {
    ufo_chunk *word = &region->chunks[first + i];
    ufo_frame *frame = ufo_chunk_get_frame(*word);
    if (shown == NOT_SHOWN) {
      ufo_chunk_set_state(word, UFO_ABSENT);
      ufo_chunk_set_frame(word, NULL);
      ufo_frame_discard(pool, frame);
      continue;
    }
    *word &= ~(uint64_t)(UFO_CHUNK_EVICTED_BEFORE | UFO_CHUNK_WHOLE_WINDOW | UFO_CHUNK_LEFT_IDLE);
    if (shown != PROTECTED) *word |= UFO_CHUNK_IN_WINDOW;
    frame->present = shown == TO_BE_CHECKED;
    if (frame->present) continue;
    ufo_chunk_set_state(word, shown == PROTECTED ? UFO_CLEAN : UFO_DIRTY);
    frame->presumed = shown == PRESUMED;
    frame->hash = slot->hashes[i];
    ufo_frame_settle(pool, frame, shown != PROTECTED);
  }
  if (shown == TO_BE_CHECKED || shown == PRESUMED) region->chunks[first] |= UFO_CHUNK_WHOLE_WINDOW;
  if (shown != TO_BE_CHECKED) end(pool);
  pthread_mutex_unlock(&pool->residency_lock);
  bool settled = shown != NOT_SHOWN && shown != TO_BE_CHECKED;
  for (uint64_t i = 0; settled && i < region->window_chunks; i++)
    emit_filled(region, ufo_chunk_get_frame(region->chunks[first + i]));
}

void ufo_window_publish(ufo_pool *pool, ufo_slot *slot) {
  ufo_region *region = slot->region;
  uint64_t first = ufo_window_first_chunk(region, slot->window);
  char *address = ufo_chunk_address(region, first);
  pthread_mutex_t *lock = ufo_chunk_lock(region, first);
  enum shown shown = NOT_SHOWN;
  if (slot->writing && slot->prove != UINT64_MAX) slot->writing = ufo_chunk_was_written(region, slot->prove);
  pthread_mutex_lock(lock);
  if (all_absent(region, first) && !ufo_pool_is_broken(pool)) {
    begin(region, slot, first);
    shown = bring_in(pool, slot, address);
    conclude(region, slot, first, shown);
  }
  pthread_mutex_unlock(lock);
  ufo_counters *counters = &pool->counters;
  if (shown != NOT_SHOWN) {
    ufo_count(&counters->windows, 1);
    ufo_count(&counters->fills, region->window_chunks);
    ufo_count(&counters->fill_bytes, UFO_WINDOW_BYTES);
  }
  pthread_mutex_lock(&pool->residency_lock);
  ufo_stream_judge(region, shown != NOT_SHOWN);
  bool check_now = shown == TO_BE_CHECKED && slot->urgent;
  if (shown == TO_BE_CHECKED) {
    slot->state = UFO_SLOT_CHECKING;
    slot->next = check_now;
    if (!check_now) pthread_cond_signal(&pool->ahead_wanted);
  } else {
    ufo_slot_end(pool, slot);
  }
  pthread_mutex_unlock(&pool->residency_lock);
  /* Only now: until then, who touches the window is told that it is coming, and waits. */
  ufo_uffd_wake(&pool->uffd, address, UFO_WINDOW_BYTES);
  if (check_now) ufo_window_check(pool, slot);
}

/* ---- written meanwhile? ------------------------------------------------------------------------------------------ */

typedef struct comparison {
  const ufo_slot *slot;
  bool written[UFO_WINDOW_CHUNKS_MAX];
} comparison;

static int compare(void *user) {
  comparison *c = user;
  const ufo_region *region = c->slot->region;
  uint64_t first = ufo_window_first_chunk(region, c->slot->window);
  for (uint64_t i = 0; i < region->window_chunks; i++) {
    uint64_t hash = ufo_hash(ufo_chunk_address(region, first + i), region->chunk_bytes);
    c->written[i] = hash != c->slot->hashes[i] && !ufo_planted("move-unchecked");
  }
  return 0;
}

void ufo_window_check(ufo_pool *pool, ufo_slot *slot) {
  ufo_region *region = slot->region;
  uint64_t first = ufo_window_first_chunk(region, slot->window);
  comparison c = {.slot = slot};
  bool *written = c.written;
  /* A pool that breaks may take the window away. */
  if (ufo_guarded(NULL, compare, &c, NULL, NULL) != UFO_OK) memset(c.written, 1, sizeof c.written);
  pthread_mutex_t *lock = ufo_chunk_lock(region, first);
  pthread_mutex_lock(lock);
  pthread_mutex_lock(&pool->residency_lock);
  bool unseen = ufo_pool_is_broken(pool); /* writes are, from then on */
  for (uint64_t i = 0; i < region->window_chunks; i++) {
    ufo_chunk *word = &region->chunks[first + i];
    ufo_frame *frame = ufo_chunk_get_frame(*word);
    if (unseen) written[i] = true;
    ufo_chunk_set_state(word, written[i] ? UFO_DIRTY : UFO_CLEAN);
    frame->present = false;
    ufo_frame_settle(pool, frame, written[i]);
    if (written[i]) region->chunks[first] &= ~(uint64_t)UFO_CHUNK_WHOLE_WINDOW;
  }
  end(pool);
  pthread_mutex_unlock(&pool->residency_lock);
  for (uint64_t i = 0; i < region->window_chunks; i++) {
    const ufo_frame *frame = ufo_chunk_get_frame(region->chunks[first + i]);
    if (written[i] && !unseen) ufo_uffd_protect(&pool->uffd, ufo_chunk_address(region, first + i), frame->bytes, false);
    emit_filled(region, frame);
  }
  pthread_mutex_unlock(lock);
  /* Who wrote meanwhile waits. */
  ufo_uffd_wake(&pool->uffd, ufo_chunk_address(region, first), UFO_WINDOW_BYTES);
  pthread_mutex_lock(&pool->residency_lock);
  ufo_slot_end(pool, slot);
  pthread_mutex_unlock(&pool->residency_lock);
}
