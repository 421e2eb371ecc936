/* window.h - windows: many chunks at once, produced ahead of the touches that will reach them.
 *
 * A window is 2 MiB of a region's body, aligned like a huge page, a whole number of chunks. Chunks ahead of a stream of
 * touches are produced in slots, each a page of that size. The touch that reaches the window finds it ready: the page
 * is moved in, all chunks of it at once, and a page that is not needed any more is moved out to be the next slot's.
 *
 *   IDLE --asked for--> WANTED --has a page--> FILLING --all chunks--> READY --touched--> MOVING --> CHECKING --> IDLE
 *                          |                      |                      |                  |
 *                          +-- no memory for it   +-- a chunk failed     +-- given up       +-- not all absent --> IDLE
 *
 *   stream.c   finds the streams, from touches     slot.c     the slots and their pages
 *   ahead.c    asks for windows, produces them     window.c   moves them in, checks them
 *                                                         window_out.c  writes them back, drops them
 *
 * Where touches follow each other with larger strides, or there are no windows (read-only regions, small budgets,
 * chunks that do not divide a window), single chunks are filled ahead (prefetch.c). */
#ifndef UFO_REGION_WINDOW_H
#define UFO_REGION_WINDOW_H

#include "region/pool.h"

#define UFO_WINDOW_BYTES (UINT64_C(2) << 20)
enum { UFO_SLOTS = 16, UFO_WINDOW_CHUNKS_MAX = 512 };

typedef enum ufo_slot_state {
  UFO_SLOT_IDLE = 0,
  UFO_SLOT_WANTED,
  UFO_SLOT_PREPARING, /* a thread is finding memory for it */
  UFO_SLOT_FILLING,
  UFO_SLOT_READY,
  UFO_SLOT_MOVING,   /* in the hands of the thread that moves it in */
  UFO_SLOT_CHECKING, /* its page is in the region; was it written before it could be protected? */
} ufo_slot_state;

/* Fields are guarded by the residency lock; those of its content belong to whoever the state says. */
struct ufo_slot {
  char *arena;   /* constant: where pages come back to */
  char *nursery; /* constant: where new pages come from */
  char *page;    /* one of the two; NULL: none */
  ufo_slot_state state;
  bool spoiled;   /* a chunk of the window became resident meanwhile, or must not be shown any more */
  bool failed;    /* a chunk could not be produced: who touches it will be told */
  bool awaited;   /* a touch waits for it */
  bool urgent;    /* MOVING: who moves it in checks it, too, as a write waits for that */
  bool blocked;   /* WANTED, and to be looked at again when another slot ends or the evictors have made room */
  unsigned waits; /* how often it was blocked */
  bool entered;   /* its stream has come to it */
  bool writing;   /* MOVING: its stream writes to all that it reads, so its chunks are DIRTY at once */
  uint64_t prove; /* if writing: a chunk that must have been written to, else it stops here; UINT64_MAX: none */
  int direction;
  ufo_region *region;
  uint64_t window;
  uint64_t made;     /* when it became this window's, in requests of the pool */
  uint64_t asked;    /* when the window was last asked for */
  unsigned next;     /* chunks that were given out to threads */
  unsigned working;  /* threads at work on one */
  ufo_frame *frames; /* of the chunks, linked by region_next, made ahead of need */
  uint64_t hashes[UFO_WINDOW_CHUNKS_MAX];
};

/* ---- slot.c: the callers hold the residency lock unless said otherwise ------------------------------------------ */
/* How many windows may be ahead of those that were touched. */
uint64_t ufo_slot_depth(const ufo_pool *pool);
/* The slot that is for a window; NULL if there is none. */
ufo_slot *ufo_slot_find(const ufo_pool *pool, const ufo_region *region, uint64_t window);
/* One for another window; that of a stream that has stopped, if need be. NULL: all are in use. */
ufo_slot *ufo_slot_idle(ufo_pool *pool);
/* A slot in the caller's hands becomes idle, and its page is given back. */
void ufo_slot_end(ufo_pool *pool, ufo_slot *slot);
/* Memory may be had again: slots that are blocked try again. */
void ufo_slots_unblock(ufo_pool *pool);
/* Is a window being moved in or checked? */
bool ufo_slot_any_busy(const ufo_pool *pool);
/* Gives back the memory of a window that nobody has touched yet; false if there is none. */
bool ufo_slot_shed(ufo_pool *pool);
/* Takes no lock before. A page for a slot that is PREPARING: new while the budget has room, else that of a window that
 * can go. */
bool ufo_slot_provide_page(ufo_pool *pool, ufo_slot *slot);
/* Takes no lock before. Address space for the slots, once there is a region that can use them. */
void ufo_slots_prepare(ufo_pool *pool);
/* In the child of a fork, where no threads run: what was ahead is forgotten; then with the pool's new userfaultfd. */
void ufo_slots_abandon(ufo_pool *pool);
bool ufo_slots_register(ufo_pool *pool);
void ufo_slots_free(ufo_pool *pool);

/* ---- ahead.c --------------------------------------------------------------------------------------------------- */
enum ufo_ahead {
  UFO_AHEAD_NONE,    /* fill the chunk */
  UFO_AHEAD_COMING,  /* somebody will wake whoever waits for the window */
  UFO_AHEAD_HELP,    /* the same, and the caller may help, with ufo_ahead_help */
  UFO_AHEAD_CHECK,   /* it is there, but a write has to wait for its check, with ufo_ahead_check */
  UFO_AHEAD_PRESENT, /* *slot_out is the caller's, for ufo_window_publish */
};
/* The chunk lock is held, and the chunk is absent: is its window there, or on its way? If not, nobody will show it
 * from now on. Asks for the next windows if the touch belongs to a stream. */
enum ufo_ahead ufo_ahead_touch(ufo_region *region, uint64_t chunk, bool write, ufo_slot **slot_out);
/* No lock is held. Takes part in the work on that window until nothing of it is left to be begun. */
void ufo_ahead_help(ufo_region *region, uint64_t chunk);
/* No lock is held. A write waits for the check of that window: it is done here and now, or by whoever is at it. */
void ufo_ahead_check(ufo_region *region, uint64_t chunk);
/* No lock is held. Windows of the region that were produced before this call will not be shown any more. */
void ufo_ahead_forget(ufo_region *region);
/* The residency lock is held, `stopping` is set: waits for the end of the threads. */
void ufo_ahead_stop(ufo_pool *pool);

/* The residency lock is held. As many threads as processors, at the first request. False if there are none. */
bool ufo_ahead_have_workers(ufo_pool *pool);

/* ---- prefetch.c: the callers hold the residency lock unless said otherwise
 * -------------------------------------------
 */
/* How many chunks of the region to ask for at once; 0: none. */
unsigned ufo_prefetch_depth(const ufo_region *region);
/* So many chunks after this one, so far apart, are wanted. What does not fit into the queue is not asked for. */
void ufo_prefetch_request(ufo_region *region, uint64_t chunk, int64_t stride, unsigned count);
/* Fills one of them, if any is left. */
bool ufo_prefetch_work(ufo_pool *pool, ufo_fill_memory *memory);
/* Those of the region are not wanted any more. */
void ufo_prefetch_forget(ufo_region *region);
/* In the child of a fork. */
void ufo_prefetch_abandon(ufo_pool *pool);

/* ---- window.c -------------------------------------------------------------------------------------------------- */
static inline uint64_t ufo_window_of(const ufo_region *region, uint64_t chunk) {
  UFO_ASSERT(region->window_chunks > 0);
  return chunk / region->window_chunks;
}
static inline uint64_t ufo_window_first_chunk(const ufo_region *region, uint64_t window) {
  return window * region->window_chunks;
}
/* The chunk lock is held. A part of the window is protected or unprotected alone, which takes its huge page apart. */
static inline void ufo_window_part_protected(ufo_region *region, uint64_t chunk) {
  if (region->chunks[chunk] & UFO_CHUNK_IN_WINDOW)
    region->chunks[ufo_window_first_chunk(region, ufo_window_of(region, chunk))] &= ~(uint64_t)UFO_CHUNK_WHOLE_WINDOW;
}
/* No lock is held. Is no chunk of the window resident, being filled, or failed? */
bool ufo_window_is_absent(ufo_region *region, uint64_t window);
/* No lock is held. Moves a slot's page in, or gives it up if chunks of its window are not absent any more, and wakes
 * whoever waits. The slot, MOVING, is CHECKING or IDLE afterwards. */
void ufo_window_publish(ufo_pool *pool, ufo_slot *slot);
/* No lock is held. Finds out which chunks of the window were written between its move and its protection, makes those
 * dirty and the others clean. The slot is IDLE afterwards. */
void ufo_window_check(ufo_pool *pool, ufo_slot *slot);

/* ---- window_out.c ----------------------------------------------------------------------------------------------
 */
/* The chunk lock is held. The frame is in the caller's hands, its chunk is CLEAN and came with its window. Drops the
 * whole window, if all of it may go, keeping its page at `keep` if that is not NULL and it is a whole one. */
enum ufo_evicted ufo_window_drop(ufo_region *region, ufo_frame *frame, char *keep);
/* The same for a DIRTY one: writes all changed chunks of the window back, from `copy`, with the chunk lock let go
 * meanwhile, and drops the window if nobody wrote to it. False, with nothing done, if not most of it was changed, or a
 * part of it has to stay. NOTHING came of it: the frame is still in the caller's hands, and *error tells what failed,
 * if anything. */
bool ufo_window_evict(ufo_region *region, ufo_frame *frame, void *copy, enum ufo_evicted *evicted_out,
                      ufo_error *error);
/* No lock is held. Writes all changed chunks of the window back, from `copy`, and keeps it. False as above. Chunks that
 * were written to after they were copied, or that follow an error, are DIRTY still. */
bool ufo_window_clean(ufo_region *region, uint64_t window, void *copy, ufo_status *status_out, ufo_error *error);
/* The chunk lock is held. A part of the window will be dropped alone. */
void ufo_window_split(ufo_region *region, uint64_t chunk);

#endif
