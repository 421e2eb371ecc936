/* reclaim.h - what one record of garbage frees.
 *
 * An old entry of a chunk, of version u with the next newer entry of version s, is what versions u .. s-1 see, so it
 * may go when none of these is pinned or seen by a snapshot, and the records of these versions go before it: a version
 * that has a record has all its chunks. garbage.c is the queue. */
#ifndef UFO_STORE_RECLAIM_H
#define UFO_STORE_RECLAIM_H

#include "store/core.h"
#include "store/snapshots.h"

/* How much a call may look at, and what it deleted. */
typedef struct ufo_reclaim {
  uint64_t budget; /* entries; counted down */
  uint64_t deleted;
} ufo_reclaim;

typedef struct ufo_reclaiming {
  ufo_core *core;
  ufo_etxn *txn;
  const ufo_snapshot_index *snapshots;
  ufo_reclaim *reclaim;
} ufo_reclaiming;

/* What becomes of the record. */
typedef struct ufo_verdict {
  bool kept;          /* something is pinned: it stays as it is */
  bool rest;          /* there was more than budget or room: what is left is in `garbage` */
  uint64_t held;      /* the generation of the snapshot that holds `parked` back; 0: none does */
  ufo_garbage parked; /* what is to wait for its end */
} ufo_verdict;

/* Frees what a record of `generation` names and nobody needs; `garbage` is cut to what the budget did not reach. */
ufo_status ufo_reclaim_record(const ufo_reclaiming *with, uint64_t generation, ufo_garbage *garbage,
                              ufo_verdict *verdict, ufo_error *error);

/* Deletes a record that was just found in walking. */
ufo_status ufo_reclaim_delete(ufo_etxn *txn, ufo_table table, const uint8_t *key, size_t key_bytes, ufo_error *error);

#endif
