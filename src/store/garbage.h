/* garbage.h - queueing what a commit superseded, and reclaiming it once nobody can need it. */
#ifndef UFO_STORE_GARBAGE_H
#define UFO_STORE_GARBAGE_H

#include "store/reclaim.h"

/* Collects the chunks that one version superseded into as few records as they need. */
typedef struct ufo_garbage_queue {
  ufo_etxn *txn;
  uint64_t generation;
  uint32_t *sequence;
  ufo_garbage record;
} ufo_garbage_queue;

/* `sequence` counts the records of this commit. */
void ufo_garbage_begin(ufo_garbage_queue *queue, ufo_etxn *txn, uint64_t generation, uint32_t *sequence, uint64_t id,
                       uint64_t version);
/* Chunks come in ascending order. */
ufo_status ufo_garbage_add(ufo_garbage_queue *queue, uint64_t chunk, ufo_error *error);
/* `always`: write a record even without chunks, so that the older version's record goes. */
ufo_status ufo_garbage_end(ufo_garbage_queue *queue, bool always, ufo_error *error);
ufo_status ufo_garbage_drop(ufo_etxn *txn, uint64_t generation, uint32_t *sequence, uint64_t id, uint64_t version,
                            ufo_error *error);

/* Reclaims, inside a write transaction that has not written a version yet, what was queued before `generation` and is
 * neither pinned nor seen by one of the `snapshots`, which are those of this transaction. */
ufo_status ufo_garbage_reclaim(ufo_core *core, ufo_etxn *txn, const ufo_snapshot_index *snapshots, uint64_t generation,
                               ufo_reclaim *reclaim, ufo_error *error);

/* Blobs that this process staged and does not need any more. */
typedef struct ufo_unstaged {
  uint64_t *blobs;
  size_t count;
} ufo_unstaged;
/* Deletes them; *taken is given to _done after the transaction, with its outcome. */
ufo_status ufo_garbage_unstage(ufo_core *core, ufo_etxn *txn, ufo_unstaged *taken, ufo_error *error);
void ufo_garbage_unstage_done(ufo_core *core, ufo_unstaged *taken, bool committed);
/* Deletes staged blobs whose process is dead. */
ufo_status ufo_garbage_reclaim_dead(ufo_core *core, ufo_etxn *txn, ufo_reclaim *reclaim, ufo_error *error);

/* All three in write transactions of their own, at most `rounds` of them; errors are left for a later time. Does
 * nothing on a read-only store. */
void ufo_garbage_collect(ufo_core *core, unsigned rounds);
/* Something is there to be collected: a cheap look in a read transaction. */
bool ufo_garbage_present(ufo_core *core);

#endif
