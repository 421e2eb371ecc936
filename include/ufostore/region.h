/* region.h - userfault objects: ordinary memory whose contents appear when touched.
 *
 * A region is a page-aligned body of count * element_bytes bytes, optionally with header bytes of ordinary memory
 * directly before it. The body is cut in chunks. The first touch of a chunk runs the source's populate callback; the
 * chunk stays in memory until the pool needs the room. What the program wrote is never lost: a changed chunk is given
 * to the source's writeback before it is dropped, or kept in the pool's scratch file if the source has none.
 *
 * A chunk's life (drawn in src/region/chunk.h): absent -> filling -> clean <-> dirty -> cleaning -> absent, or
 * poisoned after a failed fill. */
#ifndef UFOSTORE_REGION_H
#define UFOSTORE_REGION_H

#include <ufostore/pool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Produces elements first .. first + count - 1 at `target` (count * element_bytes bytes of private memory, which the
 * callback may leave uninitialised only if it fails). Runs on a thread of the pool, for different chunks of one region
 * possibly at the same time, never twice at once for one chunk. It may read other regions, and lower chunks of its
 * own: at most UFO_FILL_DEPTH_MAX fills nest, and a pool has 512 threads for all that nest at once; beyond either, the
 * touch fails. Returns UFO_OK, or an error with *error filled: the access that needed
 * the chunk then ends in SIGBUS, or in an error of ufo_guarded(). A nested access that fails unwinds the callback by
 * siglongjmp, so a callback that holds locks or memory across such an access must make it through ufo_guarded().
 * Of a region with UFO_SOURCE_READ_AHEAD, the thread may be kept on one processor meanwhile, which threads that the
 * callback started would inherit. */
typedef int (*ufo_populate_fn)(void *user, uint64_t first, uint64_t count, void *target, ufo_error *error);

/* The same by bytes, for sources whose chunks are not whole elements. `offset` is a multiple of the chunk size. */
typedef int (*ufo_populate_bytes_fn)(void *user, uint64_t offset, uint64_t bytes, void *target, ufo_error *error);

/* The same for a source that verifies what it produces by XXH3-64 (64 bits, seed 0): *hash_out, 0 before, becomes the
 * hash of the `bytes` bytes at `target`, or stays 0 if that is not known. A hash that is wrong makes chunks that nobody
 * wrote to count as changed, and does no other harm. */
typedef int (*ufo_populate_hashed_fn)(void *user, uint64_t offset, uint64_t bytes, void *target, uint64_t *hash_out,
                                      ufo_error *error);

/* Takes over a changed chunk: `bytes` bytes at `data`, to lie at byte `offset` of the body. After UFO_OK the chunk may
 * be dropped and populate must give these bytes. After an error the chunk stays in memory, changed, and the callback
 * is tried again later. If the program writes to the chunk meanwhile, the callback is called again with the newer
 * content. Called by one thread at a time for one chunk, by several at once for different ones. Must not touch managed
 * memory. */
typedef int (*ufo_writeback_fn)(void *user, uint64_t offset, uint64_t bytes, const void *data, ufo_error *error);

/* Called by ufo_region_reset: forget what writeback took over. */
typedef void (*ufo_reset_fn)(void *user);

/* Called once, when the region is gone. */
typedef void (*ufo_destroy_fn)(void *user);

#define UFO_FILL_DEPTH_MAX 64

enum {
  /* Populate may be called for elements that nobody has touched, ahead of touches that follow each other at equal
   * distances: some MiB of neighbours, or eight chunks that lie apart. So it runs on several threads at once, and for
   * chunks that are not needed in the end. It touches no managed memory and starts no threads. */
  UFO_SOURCE_READ_AHEAD = 1 << 0,
};

typedef struct ufo_source {
  ufo_populate_fn populate; /* exactly one of the two populates */
  ufo_populate_bytes_fn populate_bytes;
  ufo_writeback_fn writeback; /* NULL: changes are kept in the pool's scratch file */
  ufo_reset_fn reset;         /* may be NULL */
  ufo_destroy_fn destroy;     /* may be NULL */
  void *user;
  unsigned flags; /* UFO_SOURCE_... */
  /* May be NULL; only beside populate_bytes, and called in its place where the pool needs a chunk's hash. Saves a pass
   * over each chunk that is read ahead. */
  ufo_populate_hashed_fn populate_hashed;
} ufo_source;

typedef enum ufo_access {
  UFO_ACCESS_READ_WRITE = 0,
  UFO_ACCESS_READ_ONLY = 1, /* a write raises SIGSEGV (an error in ufo_guarded) and changes nothing */
} ufo_access;

typedef struct ufo_region_options {
  size_t struct_size;
  uint64_t header_bytes;   /* ordinary zeroed memory ending where the body begins; 0 for none */
  uint64_t element_bytes;  /* > 0 */
  uint64_t count;          /* elements; 0 is allowed: the body is then a valid pointer to no bytes */
  uint64_t chunk_elements; /* requested chunk; rounded up to whole pages and never more. 0: 64 KiB */
  ufo_access access;
  ufo_source source;
} ufo_region_options;

/* Creates a region; O(1) in its size. On success the region, and the source's user data until `destroy` is called,
 * belong together; on an error *region_out is NULL and `destroy` is not called. Errors: UFO_USAGE (options; a chunk
 * larger than half the budget), UFO_FULL (address space, memory; two chunks do not fit beside what is pinned). */
UFO_API UFO_MUST_CHECK ufo_status ufo_region_create(ufo_pool *pool, const ufo_region_options *options,
                                                    ufo_region **region_out, ufo_error *error);

/* Unmaps the region and calls the source's destroy. Changes not yet written back are dropped: call ufo_region_flush
 * first to keep them. Pointers into the region end here. No thread may be touching it. NULL is allowed. */
UFO_API void ufo_region_release(ufo_region *region);

/* The page-aligned body, valid until release. Constant time, no lock. */
UFO_API void *ufo_region_body(const ufo_region *region);

/* The first of the header bytes, which end where the body begins; NULL if the region has none. */
UFO_API void *ufo_region_header(const ufo_region *region);

/* The region whose header or body holds `address`, or NULL. The answer is valid until that region is released. */
UFO_API ufo_region *ufo_region_find(ufo_pool *pool, const void *address);

typedef struct ufo_region_info {
  size_t struct_size;
  ufo_pool *pool;
  void *body;
  uint64_t body_bytes; /* count * element_bytes */
  uint64_t element_bytes, count;
  uint64_t chunk_bytes; /* the request rounded up to whole pages; the last chunk may be shorter */
  uint64_t chunk_count;
  uint64_t resident_bytes, dirty_bytes, pinned_bytes;
  ufo_access access;
} ufo_region_info;

UFO_API void ufo_region_get_info(const ufo_region *region, ufo_region_info *info);

/* Forgets all content, changes included, and failed fills: the next touch populates again. Calls the source's reset.
 * Waits for fills in progress. UFO_USAGE while a part of the region is pinned; UFO_IO if a part is locked in memory
 * (mlock), UFO_FULL. After an error some of the content may have been forgotten; the reset may be tried again. */
UFO_API ufo_status ufo_region_reset(ufo_region *region, ufo_error *error);

/* Writes every changed chunk back (or to scratch); they stay in memory, clean. Returns the first error; chunks it
 * concerns stay changed. Writes by other threads during the call may or may not be included. */
UFO_API UFO_MUST_CHECK ufo_status ufo_region_flush(ufo_region *region, ufo_error *error);

typedef enum ufo_advice {
  UFO_ADVICE_NORMAL = 0,
  UFO_ADVICE_SEQUENTIAL, /* evict behind the reader first */
  UFO_ADVICE_RANDOM,     /* no assumption about neighbours */
  UFO_ADVICE_WILLNEED,   /* fill the range now, as far as the budget allows without evicting changed chunks */
  UFO_ADVICE_DONTNEED,   /* evict the range now; changes are written back first, nothing is lost */
} ufo_advice;

/* Advice about bytes offset .. offset + bytes - 1 of the body. SEQUENTIAL and RANDOM concern the whole region. */
UFO_API UFO_MUST_CHECK ufo_status ufo_region_advise(ufo_region *region, uint64_t offset, uint64_t bytes,
                                                    ufo_advice advice, ufo_error *error);

/* Brings a range of bytes into memory and keeps it there until unpinned, so that it can be handed to a system call.
 * With `for_write`, the chunks are marked changed, so that the kernel may write to them. Pins nest. All or nothing.
 * Errors: UFO_USAGE (range; for_write on a read-only region), UFO_FULL (the budget cannot hold it and two of
 * the pool's largest chunks more), or the error of a failed fill. */
UFO_API UFO_MUST_CHECK ufo_status ufo_region_pin(ufo_region *region, uint64_t offset, uint64_t bytes, int for_write,
                                                 ufo_error *error);
UFO_API void ufo_region_unpin(ufo_region *region, uint64_t offset, uint64_t bytes);

/* Runs callback(user) and returns its value in *result_out (may be NULL). If the callback, in this thread, touches a
 * chunk of a region of any pool that cannot be filled, or writes to a read-only region, it is left by siglongjmp and
 * the error of the fill is returned; the failed chunk will be tried again at its next touch. If `region` is not NULL,
 * only faults in that region are caught. Guards nest. As after any longjmp, what the callback had locked or allocated
 * stays so. The callback must return, not leave by a longjmp or an exception of its own. */
typedef int (*ufo_guarded_fn)(void *user);
UFO_API UFO_MUST_CHECK ufo_status ufo_guarded(ufo_region *region, ufo_guarded_fn callback, void *user, int *result_out,
                                              ufo_error *error);

/* For hosts with an error mechanism of their own (an interpreter): called in the faulting thread, inside the signal
 * handler, when a touch of managed memory failed outside any ufo_guarded(). The chunk will be tried again at its next
 * touch. The hook may leave by longjmp after unblocking SIGBUS and SIGSEGV; if it returns, the signal takes its
 * ordinary course. One hook per process; NULL removes it. */
typedef void (*ufo_fault_hook_fn)(void *user, void *address, const ufo_error *error);
UFO_API void ufo_set_fault_hook(ufo_fault_hook_fn hook, void *user);

#ifdef __cplusplus
}
#endif
#endif
