/* pool.h - the map of the fault engine: its structures, its locks and who calls whom.
 *
 *   resolver.c   threads that read faults from the kernel      fill.c       absent -> resident, or poisoned
 *   evict.c      making room                                   residency.c  lists of frames, the budget, waiting
 *   clean.h      writing back, resident -> absent              changed.c    what is in memory, what of it is changed
 *   region.c     create, find, release, reset                  table.c      which region holds an address
 *   pin.c advise.c   ranges kept or wanted                     guard.c      failed touches: signals, ufo_guarded
 *   backing.c    changes of regions without a writeback        fork.c       both sides of fork()
 *   stream.c     which touches come one after the other        window.h     the map of windows: many chunks at once,
 *                                                              before they are touched (slot.c ahead.c window.c)
 *   broken.c     the end of a pool that the kernel does not serve any more
 *
 * LOCK ORDER, outermost first. A thread may take a later one while it holds an earlier one, never the reverse, and at
 * most one of each kind.
 *   1. pools_lock     the list of pools (fork.c)
 *   2. table lock     address -> region
 *   3. chunk lock     one of UFO_CHUNK_LOCKS, by region and chunk: the chunk's word, its frame's `pins`, and every
 *                     ioctl and madvise on its pages
 *   4. residency lock budget, frame lists, counters of fills, regions' `busy`, resolver slots
 *   5. failure lock   a region's record of failed fills; event lock; a backing lock
 * Populate, writeback, reset and destroy callbacks run with none of them held, and none is held across I/O. Nobody
 * touches managed memory while holding one, but a chunk that is known to be in memory under its own chunk lock. */
#ifndef UFO_REGION_POOL_H
#define UFO_REGION_POOL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <ufostore/region.h>

#include "os/scratch.h"
#include "os/uffd.h"
#include "region/chunk.h"
#include "region/stream.h"
#include "util/u64map.h"

enum {
  UFO_CHUNK_LOCKS = 64, /* Touches that begin a fill from outside a callback, served at once; and threads enough for
                           those that nest. */
  UFO_OUTER_FILLS_MAX = 32,
  UFO_RESOLVERS_MAX = 512,
  UFO_EVICTORS_MAX = 4
};

typedef struct ufo_slot ufo_slot; /* window.h */

/* A filling or resident chunk. Exists from the begin of the fill to the end of the eviction. */
typedef struct ufo_frame {
  ufo_region *region;
  uint64_t chunk;
  uint64_t bytes;
  uint32_t pins;       /* chunk lock */
  uint32_t dirty_pins; /* chunk lock: of these, for writing: the chunk then never gets clean */
  bool open;           /* chunk lock: while CLEANING, writes go unseen because it was pinned for writing */
  bool held;           /* chunk lock: while CLEANING, writers wait for its end instead of making it dirty again */
  bool sealed;         /* chunk lock: inaccessible, in a broken pool that could not keep its pages apart */
  uint8_t fruitless;   /* chunk lock: cleanings in a row that a write has undone; see evict.c */
  uint8_t list;        /* residency lock, as all below: enum ufo_frame_list */
  bool dirty;          /* counted in dirty_bytes */
  bool second_chance;  /* came back soon after an eviction: passed over once */
  bool for_write;      /* constant: the fill was begun by a write, so the chunk will be dirty */
  bool waiting;        /* a fill without its memory yet */
  bool optional;       /* constant: a fill that nobody waits for yet: it fails rather than wait */
  bool idle;           /* taken as such by an evictor */
  bool ending;         /* a fill that waits for nothing any more */
  bool streamed;       /* came with its window */
  bool promoted;       /* constant: its window came back soon after an eviction, so it is not a scan's alone */
  bool present;        /* of a window that is being checked: filling, but its pages are there */
  bool presumed;       /* chunk lock: DIRTY, though nobody may have written to it: of a window made ahead of a writer */
  bool unwritten;      /* chunk lock: presumed, and found to be as it was when its cleaning began */
  unsigned awaited;    /* running fills that cannot go on before this fill has ended */
  uint64_t begun_ns;   /* monotonic; constant: when the fill began */
  uint64_t hash;       /* if presumed: of what it was filled with */
  struct ufo_frame *previous, *next;               /* in `list` */
  struct ufo_frame *region_previous, *region_next; /* frames of one region */
} ufo_frame;

/* Does its window count as a scan's, which has to go first? */
static inline bool ufo_frame_is_of_scan(const ufo_frame *frame) { return frame->streamed && !frame->promoted; }

enum ufo_frame_list {
  UFO_LIST_NONE = 0, /* in an evictor's hands */
  UFO_LIST_FILLING,  /* so that the child of a fork finds what its parent's threads had begun */
  UFO_LIST_CLEAN,
  UFO_LIST_STREAMED, /* clean, and came with a window: of a scan, most likely */
  UFO_LIST_DIRTY,
  UFO_LIST_STUCK, /* could not be written back, or not dropped; tried again when nothing else is left */
  UFO_LIST_PINNED,
  UFO_LIST_COUNT,
};

typedef struct ufo_frame_queue {
  ufo_frame *head, *tail;
  uint64_t bytes;
} ufo_frame_queue;

/* A thread that may run populate callbacks, so that a fault of its own is known as nested. */
typedef struct ufo_resolver_slot {
  int thread; /* kernel id; 0: free */
  int depth;  /* of the fill that it runs; 0: none */
} ufo_resolver_slot;

/* A chunk that is to be filled before it is touched; its region is kept busy by it. */
enum { UFO_PREFETCHES = 32 };
typedef struct ufo_wish {
  ufo_region *region;
  uint64_t chunk;
} ufo_wish;

/* What an evictor has in its hands. */
typedef struct ufo_departure {
  uint64_t bytes;
  const ufo_region *region; /* of `window`, all of which it may take; NULL: a chunk alone, or nothing */
  uint64_t window;
} ufo_departure;

typedef struct ufo_counters {
  _Atomic uint64_t faults, write_faults, fills, fill_bytes, fill_failures, evictions_clean, evictions_dirty, writebacks,
      writeback_bytes, writeback_failures, waits, windows, windows_wasted;
} ufo_counters;

struct ufo_pool {
  ufo_uffd uffd;
  unsigned flags;
  ufo_scratch *scratch;
  ufo_pool *next_pool; /* pools_lock */

  pthread_rwlock_t table_lock;
  ufo_region **table; /* by address; table_lock */
  size_t table_count, table_room;

  pthread_mutex_t chunk_locks[UFO_CHUNK_LOCKS];

  pthread_mutex_t residency_lock; /* guards down to the next blank line */
  pthread_cond_t room;            /* memory was freed, a fill or an eviction ended: whoever waits looks again */
  pthread_cond_t evictor_wanted;
  uint64_t budget, high, low;
  uint64_t limit;    /* what fills obey: the budget, or the smaller one that a change of budget is trying for */
  bool changing;     /* such a change is going on: one at a time */
  uint64_t promised; /* to pins that are bringing their chunks in */
  uint64_t resident, resident_peak, dirty, pinned;
  uint64_t streamed;   /* of `resident`, what came with windows, and was not promoted */
  uint64_t evicted;    /* bytes evicted so far, for room: the clock of `window_left` */
  uint64_t missed;     /* bytes of clean chunks read again after their eviction, less what idle ones cost */
  uint64_t idle_price; /* of a changed byte that seems idle, in bytes missed: see residency.c */
  uint64_t staged;     /* pages of slots: memory in use besides `resident`, within the same budget */
  ufo_frame_queue lists[UFO_LIST_COUNT];
  unsigned fills_waiting; /* fills without their memory yet */
  unsigned fills_running; /* fills that have it */
  unsigned fills_blocked; /* of the running, those that wait for another fill: the sum of all frames' `awaited` */
  unsigned fills_awaited; /* of the waiting, those with `awaited` > 0 */
  unsigned evictions;     /* frames in hands */
  bool evictor_kicked, stopping;
  bool making_room;  /* evictors work down to the low mark */
  bool room_awaited; /* by a slot, meanwhile */
  uint64_t leaving;  /* what they have in their hands, in bytes; `evictors_running` of the departures */
  ufo_departure departures[UFO_EVICTORS_MAX];
  unsigned evictors_running;
  ufo_error stuck_error; /* why the last writeback or drop failed */
  ufo_resolver_slot resolvers[UFO_RESOLVERS_MAX];
  unsigned resolver_slots; /* in use are only slots below this */
  unsigned resolver_count, resolver_idle, resolver_standing;
  unsigned resolver_outer;                   /* at work on a touch from outside any callback */
  unsigned resolver_aside, resolver_fetched; /* waiting for `resolver_wanted`; called back, but not there yet */
  pthread_cond_t resolver_wanted, resolver_ended;

  pthread_cond_t ahead_wanted;       /* slots have work, or chunks are wished for */
  ufo_wish prefetch[UFO_PREFETCHES]; /* a ring: prefetch.c */
  unsigned prefetch_first, prefetches;
  ufo_slot *slots; /* UFO_SLOTS of them, from the first request on */
  uint64_t requests;
  unsigned workers;   /* running */
  bool ahead_refused; /* slots or threads could not be had: no more attempts */

  bool lost; /* a child of fork() could not set it up again: its memory is inaccessible */

  atomic_bool broken;  /* set with all chunk locks and the residency lock held; never cleared: see broken.c */
  ufo_error breakdown; /* why; constant once `broken` is set */
  void *spare;         /* table lock: mappings to be given back when it breaks */
  uint64_t spare_bytes;

  pthread_rwlock_t event_lock;
  ufo_event_fn on_event; /* event_lock */
  void *event_user;
  _Atomic bool has_events; /* a hint to skip the lock */

  pthread_t evictors[UFO_EVICTORS_MAX]; /* who starts and stops the pool's threads */
  unsigned evictor_count;
  ufo_counters counters;
};

struct ufo_region {
  ufo_pool *pool;
  char *mapping; /* header pages, then body */
  uint64_t mapping_bytes;
  char *body;
  uint64_t body_bytes;   /* of elements */
  uint64_t mapped_bytes; /* of the body, whole pages */
  uint64_t header_bytes, element_bytes, count, chunk_bytes, chunk_count;
  ufo_access access;
  ufo_source source;
  ufo_chunk *chunks; /* chunk locks */
  uint32_t hash;     /* spreads the chunk locks */
  _Atomic int advice;
  uint64_t window_chunks; /* chunks of a window; 1: no windows, each chunk for itself */
  uint64_t window_count;  /* whole windows */
  uint64_t *window_left;  /* residency lock: when each was last evicted; takes memory only where they were */

  ufo_stream streams[UFO_STREAMS]; /* residency lock */
  uint64_t touches;                /* residency lock */
  unsigned patience;               /* residency lock: touches in a row that make a stream */
  unsigned returns;                /* residency lock: windows in a row that came back after an eviction */

  ufo_frame *frames;                /* residency lock */
  uint64_t resident, dirty, pinned; /* residency lock */
  _Atomic unsigned healed;          /* failed chunks that were given another chance: see guard.c */
  unsigned busy;                    /* residency lock: threads of the pool at work on the region */
  bool closing;                     /* residency lock */
  bool sealed;                      /* table lock: all of it is inaccessible, in a broken pool */

  pthread_mutex_t failure_lock;
  ufo_u64map failures;    /* failure_lock: failed chunk -> malloc'ed ufo_error, or a mark that its story is lost */
  bool failures_unlisted; /* failure_lock: there may be failed chunks that are not in the map */
  pthread_mutex_t backing_lock;
  ufo_u64map backed; /* backing_lock: chunk -> malloc'ed ufo_piece; only without a writeback */
};

/* ---- region.c -------------------------------------------------------------------------------------------------- */
static inline char *ufo_chunk_address(const ufo_region *region, uint64_t chunk) {
  return region->body + chunk * region->chunk_bytes;
}
/* Mapped bytes of a chunk: whole pages; the last may be short. */
static inline uint64_t ufo_chunk_mapped_bytes(const ufo_region *region, uint64_t chunk) {
  uint64_t offset = chunk * region->chunk_bytes;
  uint64_t left = region->mapped_bytes - offset;
  return left < region->chunk_bytes ? left : region->chunk_bytes;
}
/* Bytes of a chunk that belong to elements. */
static inline uint64_t ufo_chunk_body_bytes(const ufo_region *region, uint64_t chunk) {
  uint64_t offset = chunk * region->chunk_bytes;
  uint64_t left = region->body_bytes - offset;
  return left < region->chunk_bytes ? left : region->chunk_bytes;
}
pthread_mutex_t *ufo_chunk_lock(const ufo_region *region, uint64_t chunk);
/* Mapped bytes of its largest chunk: a chunk may have been asked for that is larger than the body. */
static inline uint64_t ufo_region_largest_chunk(const ufo_region *region) {
  return region->mapped_bytes < region->chunk_bytes ? region->mapped_bytes : region->chunk_bytes;
}
/* The end of a thread's work on a region that it took from ufo_table_take. */
void ufo_region_leave(ufo_region *region);

/* ---- table.c --------------------------------------------------------------------------------------------------- */
bool ufo_table_insert(ufo_pool *pool, ufo_region *region); /* false: out of memory, or the pool is broken */
/* Removes it if no thread of the pool is at work on it, and tells whether. */
bool ufo_table_remove_idle(ufo_pool *pool, ufo_region *region);
uint64_t ufo_table_largest_chunk(ufo_pool *pool);
/* The region whose body holds `address`, marked busy so that it outlives the caller's work; NULL if there is none. */
ufo_region *ufo_table_take(ufo_pool *pool, uint64_t address);

/* The residency lock is held. All memory that the budget counts. */
static inline uint64_t ufo_pool_used(const ufo_pool *pool) { return pool->resident + pool->staged; }
/* The residency lock is held. To be called when that has grown. */
static inline void ufo_pool_note_peak(ufo_pool *pool) {
  if (ufo_pool_used(pool) > pool->resident_peak) pool->resident_peak = ufo_pool_used(pool);
}

/* ---- residency.c: the callers hold the residency lock unless said otherwise ----------------------------------------
 */
/* Takes no lock before. A fill is about to wait for its memory; `nested` tells whether another running fill waits for
 * it from the first. */
void ufo_residency_fill_begins(ufo_pool *pool, ufo_frame *frame, bool nested);
/* Takes no lock before. A running fill was found at `when_ns` to wait for this one, which another touch began. False
 * if that is not certain, because this one began later. */
bool ufo_residency_fill_awaited(ufo_pool *pool, ufo_frame *frame, uint64_t when_ns);
/* Takes no lock before. Reserves memory for a fill, evicting clean chunks and waiting for the evictor as needed. When
 * nothing that could free memory is left, UFO_FULL, or the error that keeps changed chunks from being written back. On
 * success the fill counts as running until ufo_residency_fill_ended. */
ufo_status ufo_residency_reserve(ufo_pool *pool, ufo_frame *frame, ufo_error *error);
/* Takes no lock before. The fill will now end, well or badly: those that wait for it do not count as blocked any more.
 * To be called before they are woken, or what they touch next would seem to have nobody left to wait for. */
void ufo_residency_fill_ending(ufo_pool *pool, ufo_frame *frame);
/* Takes no lock before. Ends a running fill; `kept` tells whether its memory is in use now or given back. */
void ufo_residency_fill_ended(ufo_pool *pool, uint64_t bytes, bool kept);
/* Chunks that could not be written back will be tried again. False if there are none. */
bool ufo_residency_retry_stuck(ufo_pool *pool);
/* Appends a frame to a list, taking it from the one it is in. */
void ufo_frame_enlist(ufo_pool *pool, ufo_frame *frame, enum ufo_frame_list list);
/* The list where a frame belongs at rest. */
enum ufo_frame_list ufo_frame_home(const ufo_frame *frame);
void ufo_frame_mark_dirty(ufo_pool *pool, ufo_frame *frame, bool dirty);
/* Takes the best victim off its list, marks its region busy and counts an eviction; NULL if there is none. If
 * `patient`, rather none than what is used again and again, while windows of a stream are in the hands of others. */
ufo_frame *ufo_residency_pick(ufo_pool *pool, bool clean_only, bool patient);
/* A clean chunk was read again after it had been evicted. */
void ufo_residency_missed(ufo_pool *pool, uint64_t bytes);
/* A changed chunk came back that was taken for idle. */
void ufo_residency_was_not_idle(ufo_pool *pool);
/* The same for a stream of the region that comes to `window`: what it has just passed, not what it passed first. NULL
 * if that is not known to be better. */
ufo_frame *ufo_residency_pick_behind(ufo_pool *pool, const ufo_region *region, uint64_t window);
/* The oldest that came with windows of that region; NULL if there is none. */
ufo_frame *ufo_residency_pick_own(ufo_pool *pool, const ufo_region *region);
/* The frame becomes one of its region's, counted as resident by it; its memory was reserved before. */
void ufo_frame_settle(ufo_pool *pool, ufo_frame *frame, bool dirty);
/* The budget no longer counts the frame, and it is freed. */
void ufo_frame_free(ufo_pool *pool, ufo_frame *frame);
/* Frees a frame that never settled. Reservations are not its matter. */
void ufo_frame_discard(ufo_pool *pool, ufo_frame *frame);

/* What came of an attempt to evict. */
enum ufo_evicted {
  UFO_EVICTED_NOTHING = 0,
  UFO_EVICTED, /* memory was freed: the chunk's, or that of its whole window */
  UFO_EVICTED_KEPT,
};

/* ---- fill.c ---------------------------------------------------------------------------------------------------- */
typedef struct ufo_fill_memory {
  void *buffer;
  uint64_t bytes;
} ufo_fill_memory;
void ufo_fill_memory_free(ufo_fill_memory *memory);
/* The content of a chunk at `target`, which has room for its mapped bytes; zeros after the last element. Not for
 * regions by elements that do not divide a chunk. *hash_out is their XXH3-64, from the source if it knows it. */
ufo_status ufo_chunk_produce(ufo_region *region, uint64_t chunk, char *target, uint64_t *hash_out, ufo_error *error);
/* Serves one fault. `depth` is that of the fill that the faulting thread runs itself, or 0 for other threads. */
void ufo_fault_serve(ufo_region *region, const ufo_fault *fault, int depth, ufo_fill_memory *memory);
/* No lock is held. Fills a chunk that nobody has touched, if it is absent and there is memory for it at once. What goes
 * wrong is for the touch to find out. */
void ufo_chunk_prefetch(ufo_region *region, uint64_t chunk, ufo_fill_memory *memory);
/* Poisons a filling chunk; the chunk lock is held. */
void ufo_chunk_fail(ufo_region *region, uint64_t chunk, const ufo_error *error);

/* ---- evict.c --------------------------------------------------------------------------------------------------- */
bool ufo_evictors_start(ufo_pool *pool, ufo_error *error);
void ufo_evictors_stop(ufo_pool *pool); /* `stopping` is set */
/* The residency lock is held. Somebody needs more memory than is left below the high mark, and could not take it from
 * clean chunks: false if evictors cannot make any. If they can, they unblock slots when they have. */
bool ufo_evictors_ask(ufo_pool *pool);
/* Buffers of threads that are larger than this are given back after use: they are not in the budget. */
#define UFO_KEPT_BUFFER_BYTES (UINT64_C(4) << 20)
/* Nor is what threads compress at once: where their chunks are more than this, fewer share the work. */
#define UFO_SHARED_WORK_BYTES (UINT64_C(8) << 20)
/* A buffer to hand changed chunks to a writeback from. Zeroed to begin with. */
typedef struct ufo_copy_room {
  void *bytes;
  uint64_t size;
} ufo_copy_room;
void ufo_copy_room_free(ufo_copy_room *room);
/* Carries out the eviction of a frame from ufo_residency_pick; afterwards it is gone or back in a list. `room` is grown
 * as needed; NULL for clean frames only. If `keep` is not NULL and the frame's window goes as one huge page, that page
 * is at `keep` afterwards and counts as staged. */
enum ufo_evicted ufo_evict_frame(ufo_pool *pool, ufo_frame *frame, ufo_copy_room *room, char *keep);

/* ---- clean.c --------------------------------------------------------------------------------------------------- */
/* Writes one chunk back if it is dirty, and drops it if `drop`, waiting for whoever is at work on it. */
ufo_status ufo_chunk_clean(ufo_region *region, uint64_t chunk, bool drop, void *copy, ufo_error *error);
/* Forgets a chunk's content, changed or not, and its failure, waiting for whoever is at work on it. UFO_USAGE if it is
 * pinned, UFO_IO if the kernel refuses; it then stays as it is. */
ufo_status ufo_chunk_forget(ufo_region *region, uint64_t chunk, ufo_error *error);

/* ---- changed.c ------------------------------------------------------------------------------------------------- */
/* Waits for the fills of the region that have begun before this call. */
void ufo_fills_await(ufo_region *region);
/* Finds out which presumed chunks of the region were written to: the others are CLEAN afterwards. */
void ufo_region_settle_presumed(ufo_region *region);
/* No lock is held. Is the chunk in memory, and was it written to? */
bool ufo_chunk_was_written(ufo_region *region, uint64_t chunk);
/* Chunks of the region that are filling or resident, in ascending order, malloc'ed; or only those that are dirty, or
 * about to be: the copy that ends a fill wakes the writer before the frame is listed as dirty. */
ufo_status ufo_region_resident_chunks(ufo_region *region, bool dirty_only, uint64_t **chunks_out, size_t *count_out,
                                      ufo_error *error);

/* ---- backing.c ------------------------------------------------------------------------------------------------- */
ufo_status ufo_backing_write(ufo_region *region, uint64_t chunk, const void *data, uint64_t bytes, ufo_error *error);
/* 1: loaded; 0: never spilled; else an error. */
int ufo_backing_read(ufo_region *region, uint64_t chunk, void *target, ufo_error *error);
/* The region forgets its pieces: populate gives its content again. They are to be discarded once no fill that began
 * before can be reading them. */
ufo_u64map ufo_backing_take(ufo_region *region);
void ufo_backing_discard(ufo_region *region, ufo_u64map *pieces);

/* ---- resolver.c ------------------------------------------------------------------------------------------------ */
bool ufo_resolvers_start(ufo_pool *pool, ufo_error *error);
void ufo_pool_fail_thread(ufo_error *error, const char *what); /* errno says why it could not be started */
ufo_status ufo_pool_fail_lost(ufo_error *error);
void ufo_resolvers_stop(ufo_pool *pool);

/* ---- guard.c --------------------------------------------------------------------------------------------------- */
void ufo_guard_install(void);
/* A poisoned chunk becomes absent, so that its next touch tries again; its lock is held. */
bool ufo_chunk_heal(ufo_region *region, uint64_t chunk);
void ufo_failure_record(ufo_region *region, uint64_t chunk, const ufo_error *error);
void ufo_failure_forget_all(ufo_region *region);
void ufo_failures_clear(ufo_region *region); /* the same with the failure lock held */
/* All chunks that have failed, in ascending order, malloc'ed. */
ufo_status ufo_failure_list(ufo_region *region, uint64_t **chunks_out, size_t *count_out, ufo_error *error);

/* ---- fork.c ---------------------------------------------------------------------------------------------------- */
void ufo_pools_add(ufo_pool *pool);
void ufo_pools_remove(ufo_pool *pool);
/* The region of any pool whose body holds `address`, marked busy; NULL if there is none. */
ufo_region *ufo_pools_take(uint64_t address);

/* ---- broken.c --------------------------------------------------------------------------------------------------
 */
/* For a pool whose userfaultfd has failed; no lock is held. Waits until it is done, whoever does it. */
void ufo_pool_break(ufo_pool *pool);
static inline bool ufo_pool_is_broken(const ufo_pool *pool) { return atomic_load(&pool->broken); }
ufo_status ufo_pool_fail_broken(const ufo_pool *pool, ufo_error *error);

/* ---- pool.c ---------------------------------------------------------------------------------------------------- */
/* What of userfaultfd the pool is to do without, by its flags. */
static inline unsigned ufo_pool_uffd_without(const ufo_pool *pool) {
  return (pool->flags & UFO_POOL_USER_FAULTS_ONLY ? UFO_UFFD_USER_FAULTS_ONLY : 0u) |
         (pool->flags & UFO_POOL_NO_POISON ? UFO_UFFD_NO_POISON : 0u) |
         (pool->flags & UFO_POOL_NO_MOVE ? UFO_UFFD_NO_MOVE : 0u);
}
bool ufo_pool_start_threads(ufo_pool *pool, ufo_error *error);
void ufo_pool_init_rwlocks(ufo_pool *pool);
/* The chunk lock is held, or the event concerns the whole region. */
void ufo_event_emit(ufo_region *region, ufo_event_type type, uint64_t offset, uint64_t bytes);

static inline void ufo_count(_Atomic uint64_t *counter, uint64_t by) {
  atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

#endif
