/* spill.h - what extents and their spill know of each other. The interface for others is extent.h. */
#ifndef UFO_STORE_SPILL_H
#define UFO_STORE_SPILL_H

#include "store/core.h"
#include "store/extent.h"

#define UFO_SPILL_LIMIT_BYTES (UINT64_C(4) << 20)
#define UFO_SPILL_BATCH_BYTES (UFO_SPILL_LIMIT_BYTES / 2)
#define UFO_STAGE_BATCH_BYTES (UINT64_C(8) << 20)

typedef enum ufo_extent_state {
  UFO_EXTENT_INLINE,    /* no bytes: zero or constant */
  UFO_EXTENT_MEMORY,    /* `bytes` */
  UFO_EXTENT_SCRATCH,   /* `piece` */
  UFO_EXTENT_STAGED,    /* blob `blob`, recorded under `owner` */
  UFO_EXTENT_COMMITTED, /* blob `blob`, which belongs to the version that `pin` keeps */
} ufo_extent_state;

/* Encoded bytes in memory; counted, because they may be read while the extent moves on. */
typedef struct ufo_extent_bytes {
  atomic_uint references;
  uint8_t data[];
} ufo_extent_bytes;

typedef struct ufo_batch ufo_batch; /* what a thread is staging */
typedef struct ufo_batch_item {
  ufo_extent *extent; /* under the spill's lock; NULL: it is gone, and nobody needs the blob */
  ufo_extent_bytes *bytes;
  uint32_t stored_bytes;
  uint64_t blob;
} ufo_batch_item;

struct ufo_extent {
  atomic_uint references;
  ufo_spill *spill;
  ufo_chunk_meta meta;
  ufo_extent *previous, *next; /* in spill->memory while state is MEMORY; under the spill's lock */
  ufo_batch_item *item;        /* of the batch that is being staged, or NULL; under the spill's lock */
  /* Under core->lock. A piece, once made, stays until the extent is freed, so that it can be read without a lock. */
  ufo_extent_state state;
  ufo_extent_bytes *bytes;
  ufo_piece piece;
  uint64_t blob, owner;
  ufo_pin *pin;
};

struct ufo_spill {
  atomic_uint references;
  ufo_core *core;
  ufo_spill_kind kind;
  ufo_scratch *scratch; /* the core's; for kind SCRATCH */
  ufo_spill *next;      /* of the core's; under the registry's lock */
  pthread_mutex_t lock;
  ufo_extent *memory; /* newest first */
  uint64_t memory_bytes;
  ufo_batch *batch;  /* being staged, of those in `memory`, or over; NULL: none */
  bool batch_failed; /* the last one */
  pthread_cond_t batch_over;
  atomic_uint_fast64_t outside_bytes;
};

/* A consistent look at where an extent is. `bytes` is retained (ufo_extent_bytes_release) if not NULL. */
typedef struct ufo_extent_place {
  ufo_extent_state state;
  ufo_extent_bytes *bytes;
  ufo_piece piece;
  uint64_t blob, owner;
} ufo_extent_place;
ufo_extent_place ufo_extent_find(ufo_extent *extent);
void ufo_extent_bytes_release(ufo_extent_bytes *bytes);

/* After a commit: the bytes are blob `blob` (0: none) of the version that `pin` keeps. Frees memory that they took. */
void ufo_extent_set_committed(ufo_extent *extent, uint64_t blob, ufo_pin *pin);

/* Writes extents that are in memory or in scratch into the store, in batches, recorded as staged by this process: so
 * that a commit has little to write. On an error those that were not written stay where they are. */
ufo_status ufo_extents_stage(ufo_core *core, ufo_extent *const *extents, uint64_t count, ufo_error *error);

/* ---- staging.c ---- */

/* The same for extents of any spills. `locked` is the spill whose lock the caller holds, or NULL. */
ufo_status ufo_staging_write(ufo_core *core, ufo_extent *const *extents, uint64_t count, const ufo_spill *locked,
                             ufo_error *error);
/* With the spill's lock held, for a spill of kind STORE: has all that is in memory staged by a thread. There must be no
 * batch. False: there is no room for one. */
bool ufo_staging_start(ufo_spill *spill);
bool ufo_staging_is_on(const ufo_spill *spill);
/* Waits for the end of the batch, if there is one. The lock is given up meanwhile. */
void ufo_staging_wait(ufo_spill *spill);
/* In a forked child, where the thread is not. */
void ufo_staging_forget(ufo_spill *spill);

/* The two halves of ufo_extent_create. An extent that was not admitted yet is in memory, and nobody writes it out; it
 * is released as any other. Batches are staged in the order in which extents were admitted, and so their blobs lie. */
ufo_status ufo_extent_encode(ufo_spill *spill, ufo_type type, uint32_t element_bytes, const void *raw,
                             uint32_t raw_bytes, ufo_codec_habit *habit, ufo_extent **extent_out, ufo_error *error);
ufo_status ufo_extent_admit(ufo_extent *extent, ufo_error *error);

/* With core->lock held: a blob that this process staged is not needed any more. */
void ufo_extent_unstage(ufo_core *core, uint64_t blob);
/* With the spill's lock held: the extent does not count as being in memory any more. */
void ufo_extent_leave_memory_list(ufo_extent *extent);

/* As ufo_spill_open, for those who know the core. */
ufo_status ufo_spill_of_core(ufo_core *core, ufo_txn *txn, ufo_spill_kind kind, ufo_spill **spill_out,
                             ufo_error *error);

/* Waits for what a thread is staging, so that it need not be written twice. NULL is allowed. */
void ufo_spill_settle(ufo_spill *spill);

/* The list of all spills of a core: see ufo_core.spills. */
void ufo_core_add_spill(ufo_core *core, ufo_spill *spill);
void ufo_core_remove_spill(ufo_core *core, ufo_spill *spill);

#endif
