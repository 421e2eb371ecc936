/* pool.h - one memory budget, the threads that serve page faults under it, and its events and figures.
 *
 * GLOSSARY
 *   pool     a memory budget shared by any number of regions, with its resolver threads and its evictor.
 *   region   an address range whose contents appear when touched (a "userfault object"), cut in chunks.
 *   source   what fills a region: callbacks with user data. A store's objects are one source, formulas another.
 *   chunk    the unit that is filled, tracked as changed, written back and evicted.
 *   view     a private, copy-on-write region over one version of a stored object (view.h).
 *   store    one file of named, typed, versioned objects (store.h).
 *
 * LIFE CYCLE  ufo_pool_create -> any number of ufo_region_create / ufo_view_open -> release them all ->
 *   ufo_pool_destroy. One pool per process is the usual case: the budget is then the process's budget.
 *
 * THREADS  Every function may be called from any thread, except ufo_pool_destroy, which must be the last call.
 *   The library blocks all signals in the threads it starts.
 *
 * FORK  A child made by fork() reads right data: the pool re-arms itself in the child with resolver threads of its
 *   own. Writes in the child are the child's alone, as with ordinary memory. vfork() and posix_spawn() are unaffected.
 *
 * BROKEN  If the kernel goes on refusing what a pool cannot do without (reading the faults, or waking threads that wait
 *   for a page), the pool breaks, for good, and everybody who waits is released. What is in memory then stays there
 *   and can be read and written, and counts as changed wherever it can be written to: ufo_region_flush and putting a
 *   view hand it over as ever, but chunks that were only read are then handed over, too. What is not in memory cannot
 *   be touched any more (SIGBUS; an error of ufo_guarded), new regions and views, reset and a new budget are errors,
 *   nothing is evicted. Releasing and destroying work. Changes that had been evicted before are with their writeback,
 *   and of views they can be put; those in the pool's own scratch file, of regions without a writeback, end with the
 *   region. Changes that are in memory are lost only where the process has so many mappings (vm.max_map_count) that the
 *   pages cannot be kept apart; flushing them is an error then. A new pool can be created, and what is flushed or
 *   committed be opened there. In a child of fork() a broken pool is broken, too.
 *
 * CAVEATS
 *   - Without privilege (capabilities().kernel_faults == 0), a system call handed a pointer into a chunk that is not
 *     in memory fails with EFAULT. Call ufo_region_pin() around such calls, or read through ufo_store_read().
 *   - Direct I/O (O_DIRECT) and other long-term uses of pages by the kernel write past the protection by which changes
 *     are seen. Pin such ranges for writing, with privilege too: what arrives in an unpinned range can be lost.
 *   - Memory that is locked (mlock) cannot be evicted: touches fail once the budget is full of it.
 *   - A signal handler must not touch managed memory, since it may have interrupted this library in the middle of its
 *     books; nor must a thread be cancelled (pthread_cancel) while it is in the library.
 *   - Besides the budget, each thread that fills or evicts holds one chunk in a buffer, which it keeps if it has at
 *     most 4 MiB. Up to four threads evict, and up to eight flush a region, as far as there are processors and their
 *     chunks are 8 MiB together; larger chunks are written back by fewer, at last by one.
 *   - A chunk that cannot be produced raises SIGBUS at the touched address. ufo_guarded() turns that into an error.
 *   - Callbacks run on the pool's threads. They may touch other regions, but must not wait for a thread that might be
 *     blocked in a fault. */
#ifndef UFOSTORE_POOL_H
#define UFOSTORE_POOL_H

#include <stddef.h>
#include <stdint.h>
#include <ufostore/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ufo_pool ufo_pool;
typedef struct ufo_region ufo_region;

/* ---- events ---------------------------------------------------------------------------------------------------- */

typedef enum ufo_event_type {
  UFO_EVENT_REGION_CREATED = 1,
  UFO_EVENT_CHUNK_FILLED,        /* populate ran and the chunk is in memory */
  UFO_EVENT_CHUNK_FAILED,        /* populate failed; touching the chunk raises SIGBUS until it is retried */
  UFO_EVENT_CHUNK_EVICTED_CLEAN, /* dropped: its source still has it */
  UFO_EVENT_CHUNK_EVICTED_DIRTY, /* written back or spilled, then dropped */
  UFO_EVENT_CHUNK_STAGED,        /* a changed chunk was written back (it may stay in memory) */
  UFO_EVENT_REGION_RESET,        /* a reset is done; what it dropped was told chunk by chunk */
  UFO_EVENT_REGION_RELEASED,
  UFO_EVENT_CHUNK_FORGOTTEN, /* dropped by a reset, changes included */
} ufo_event_type;

typedef struct ufo_event {
  ufo_event_type type;
  uint64_t time_ns;         /* CLOCK_MONOTONIC */
  const ufo_region *region; /* an identity to compare; do not call functions on it from the handler */
  uint64_t offset;          /* byte offset of the chunk in the body; 0 for events of the whole region */
  uint64_t bytes;           /* length of the chunk, or of the body */
} ufo_event;

/* Called from the thread in which the event happened, while the chunk is locked, so events of one chunk come in order.
 * The handler must be brief, and must not touch managed memory nor call into the library. */
typedef void (*ufo_event_fn)(void *user, const ufo_event *event);

/* ---- pool ------------------------------------------------------------------------------------------------------ */

enum {
  UFO_POOL_USER_FAULTS_ONLY = 1 << 0, /* serve faults of user code only, even where the kernel would allow more */
  UFO_POOL_NO_POISON = 1 << 1,        /* behave as on kernels before 6.6, without UFFDIO_POISON (for tests) */
  UFO_POOL_NO_MOVE = 1 << 2,          /* behave as on kernels before 6.8, without UFFDIO_MOVE (for tests) */
};

typedef struct ufo_pool_options {
  size_t struct_size;        /* sizeof(ufo_pool_options) */
  uint64_t budget_bytes;     /* most bytes of regions in memory, never exceeded; 0: half of what the machine, or the
                                process's memory cgroup, has */
  uint64_t high_bytes;       /* background eviction begins above this; 0: 15/16 of the budget */
  uint64_t low_bytes;        /* ... and ends below this; 0: 7/8 of the budget */
  unsigned resolver_threads; /* threads kept ready for faults; more start when fills nest. 0: one for each
                                processor of a machine of 2 to 8, where it stays; else 2 */
  unsigned flags;            /* UFO_POOL_... */
  const char *scratch_dir;   /* where evicted changes without a writeback go, in an unlinked file; NULL: the value of
                                $UFOSTORE_SCRATCH, else $TMPDIR, else /var/tmp, else /tmp. Copied. */
  ufo_event_fn on_event;     /* may be NULL */
  void *event_user;
} ufo_pool_options;

/* Creates a pool. `options` may be NULL for the defaults. On success *pool_out is the caller's, to be given to
 * ufo_pool_destroy. Errors: UFO_UNSUPPORTED if the kernel or a seccomp profile refuses userfaultfd (the message names
 * the remedies), UFO_USAGE for watermarks above the budget or a wrong struct_size, UFO_FULL. *pool_out is NULL then. */
UFO_API UFO_MUST_CHECK ufo_status ufo_pool_create(const ufo_pool_options *options, ufo_pool **pool_out,
                                                  ufo_error *error);

/* Ends the pool's threads and frees it. UFO_USAGE, and nothing is done, while regions of the pool are alive. NULL is
 * allowed. */
UFO_API ufo_status ufo_pool_destroy(ufo_pool *pool, ufo_error *error);

/* Changes the budget, and the watermarks in proportion. When it shrinks, returns once what is in memory fits; UFO_FULL
 * if pinned chunks, or changes that cannot be written back, do not allow it: the old budget then stays. */
UFO_API UFO_MUST_CHECK ufo_status ufo_pool_set_budget(ufo_pool *pool, uint64_t budget_bytes, ufo_error *error);

/* Replaces the event handler; NULL ends events. Returns once no call of the old handler is running, so its user data
 * may then be freed. Must not be called from a handler. */
UFO_API void ufo_pool_set_event_handler(ufo_pool *pool, ufo_event_fn handler, void *user);

typedef struct ufo_pool_stats {
  size_t struct_size;
  uint64_t budget_bytes, high_bytes, low_bytes;
  uint64_t resident_bytes;      /* in memory now, in every state; <= budget_bytes */
  uint64_t resident_bytes_peak; /* the most since the pool was created */
  uint64_t dirty_bytes;         /* of these, changed since they were last filled or written back, or made ready to be
                                   written to next: some MiB for each stream of writes */
  uint64_t pinned_bytes;
  uint64_t scratch_bytes; /* spilled by the pool itself into its scratch file, live now */
  uint64_t regions;
  uint64_t faults;       /* messages from the kernel */
  uint64_t write_faults; /* of these, first writes to a clean chunk */
  uint64_t fills, fill_bytes;
  uint64_t fill_failures;
  uint64_t evictions_clean, evictions_dirty;
  uint64_t writebacks, writeback_bytes; /* changed chunks handed to a source or spilled */
  uint64_t writeback_failures;
  uint64_t windows; /* of 2 MiB, made ahead of a stream of touches and then touched; their chunks are among `fills` */
  uint64_t windows_wasted; /* made ahead and given up untouched */
  uint64_t waits;          /* fills that had to wait for memory */
  uint64_t threads;        /* resolver threads now */
  uint64_t broken;         /* 1: see ufo_pool_check */
} ufo_pool_stats;

/* Fills *stats, whose struct_size the caller has set. The figures are taken one by one while others go on. */
UFO_API void ufo_pool_get_stats(const ufo_pool *pool, ufo_pool_stats *stats);

/* UFO_OK, or UFO_IO and the reason if the pool is BROKEN (above). Of a pool in a child of fork() that could not be set
 * up again: UFO_FULL. Constant time, no lock. */
UFO_API UFO_MUST_CHECK ufo_status ufo_pool_check(const ufo_pool *pool, ufo_error *error);

typedef struct ufo_pool_capabilities {
  size_t struct_size;
  int kernel_faults; /* 1: system calls may be handed any pointer into a region; 0: pin first */
  int poison;        /* 1: UFFDIO_POISON; 0: the equivalent with a mapping past the end of a file */
  int move; /* 1: the kernel has UFFDIO_MOVE, so windows ahead of a stream of touches cost next to nothing; 0: they
               are copied */
  uint64_t page_bytes;
} ufo_pool_capabilities;

UFO_API void ufo_pool_get_capabilities(const ufo_pool *pool, ufo_pool_capabilities *capabilities);

#ifdef __cplusplus
}
#endif
#endif
