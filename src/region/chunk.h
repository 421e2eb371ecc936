/* chunk.h - the life of a chunk.
 *
 *                 touched                    filled (read)
 *      ABSENT ----------------> FILLING ----------------------> CLEAN <--------------+
 *        ^  ^                    |   |                          |   |                |
 *        |  |                    |   | filled (write)   written |   | room wanted    | written back,
 *        |  |        fill failed |   +-------------> DIRTY <----+   |                | not written meanwhile
 *        |  |                    v                   ^  |           v                |
 *        |  +--- retried --- POISONED                |  +-----> EVICTING <--- CLEANING
 *        |                                           |  to be written      ^     |
 *        |                                           |  back: CLEANING ----+     |
 *        |                                           +------ written meanwhile --+
 *        +------------------ dropped ----- EVICTING
 *
 *   state      pages        write-protected   content is also in
 *   ABSENT     none                           the source (populate), or the spill
 *   FILLING    none                           being produced by one thread, without the chunk lock
 *   CLEAN      present      yes               the source, or the spill
 *   DIRTY      present      no                nowhere else
 *   CLEANING   present      yes               being handed to writeback from a copy, without the chunk lock
 *   EVICTING   present      yes               as CLEAN; passes within one hold of the chunk lock
 *   POISONED   SIGBUS                         unknown: the last fill failed
 *
 * A read-only region's pages are read-only by mapping; its chunks are never DIRTY.
 * The word below is guarded by the chunk's lock (pool.h). */
#ifndef UFO_REGION_CHUNK_H
#define UFO_REGION_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/assert.h"

typedef enum ufo_chunk_state {
  UFO_ABSENT = 0, /* zero, so that a fresh table of chunks is right as it is */
  UFO_FILLING,
  UFO_CLEAN,
  UFO_DIRTY,
  UFO_CLEANING,
  UFO_EVICTING,
  UFO_POISONED,
} ufo_chunk_state;

struct ufo_frame;

/* One word a chunk, in a table that takes memory only where chunks were used: bits 0-3 state, bit 4 "was evicted
 * before", bit 5 "came in with its window, and may share a huge page with the rest of it", bit 6, of
 * the first chunk of a window only, "no part of that page was protected alone" (window.c), bit 7 "it was changed, and
 * left as idle (residency.c)", bits 8-63 the frame while the chunk is resident or filling. */
typedef uint64_t ufo_chunk;

enum {
  UFO_CHUNK_STATE_MASK = 0xF,
  UFO_CHUNK_EVICTED_BEFORE = 0x10,
  UFO_CHUNK_IN_WINDOW = 0x20,
  UFO_CHUNK_WHOLE_WINDOW = 0x40,
  UFO_CHUNK_LEFT_IDLE = 0x80,
  UFO_CHUNK_FRAME_SHIFT = 8
};

static inline ufo_chunk_state ufo_chunk_get_state(ufo_chunk chunk) {
  return (ufo_chunk_state)(chunk & UFO_CHUNK_STATE_MASK);
}

static inline struct ufo_frame *ufo_chunk_get_frame(ufo_chunk chunk) {
  return (struct ufo_frame *)(uintptr_t)(chunk >> UFO_CHUNK_FRAME_SHIFT);
}

static inline bool ufo_chunk_move_allowed(ufo_chunk_state from, ufo_chunk_state to) {
  static const uint8_t allowed[] = {
      [UFO_ABSENT] = 1 << UFO_FILLING,
      [UFO_FILLING] = 1 << UFO_CLEAN | 1 << UFO_DIRTY | 1 << UFO_POISONED | 1 << UFO_ABSENT,
      [UFO_CLEAN] = 1 << UFO_DIRTY | 1 << UFO_EVICTING,
      [UFO_DIRTY] = 1 << UFO_CLEANING | 1 << UFO_EVICTING, /* evicted dirty only to be forgotten: reset, release */
      [UFO_CLEANING] = 1 << UFO_CLEAN | 1 << UFO_DIRTY | 1 << UFO_EVICTING,
      [UFO_EVICTING] = 1 << UFO_ABSENT,
      [UFO_POISONED] = 1 << UFO_ABSENT,
  };
  return (allowed[from] >> to) & 1;
}

static inline void ufo_chunk_set_state(ufo_chunk *chunk, ufo_chunk_state to) {
  UFO_ASSERT(ufo_chunk_move_allowed(ufo_chunk_get_state(*chunk), to));
  *chunk = (*chunk & ~(uint64_t)UFO_CHUNK_STATE_MASK) | (uint64_t)to;
}

static inline void ufo_chunk_set_frame(ufo_chunk *chunk, struct ufo_frame *frame) {
  *chunk = (*chunk & 0xFF) | ((uint64_t)(uintptr_t)frame << UFO_CHUNK_FRAME_SHIFT);
}

/* Its pages were dropped. */
static inline void ufo_chunk_set_evicted(ufo_chunk *chunk) {
  ufo_chunk_set_state(chunk, UFO_EVICTING);
  ufo_chunk_set_frame(chunk, NULL);
  *chunk |= UFO_CHUNK_EVICTED_BEFORE;
  ufo_chunk_set_state(chunk, UFO_ABSENT);
}

#endif
