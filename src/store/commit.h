/* commit.h - a commit in progress: decided in resolve.c, written in commit.c. */
#ifndef UFO_STORE_COMMIT_H
#define UFO_STORE_COMMIT_H

#include "store/descent.h"
#include "store/transaction.h"

typedef struct ufo_commit {
  ufo_txn *txn;
  ufo_core *core;
  ufo_etxn *etxn;
  ufo_counters counters;
  int64_t now_ns;
  uint32_t garbage_sequence;
  ufo_snapshot_index snapshots;
  uint64_t planned;          /* entries of the map that it will write, at most */
  uint64_t entries;          /* that it wrote */
  uint64_t superseded_bytes; /* queued as garbage */
  uint64_t features;         /* incompat, that what it wrote needs beyond those of every store */
  uint16_t minor;            /* least minor version of the format that what it wrote came with; 0: any */
  ufo_u64map live;           /* ids of the objects that the drafts are; the values mean nothing */
  ufo_u64map kept;     /* id -> draft of an object that goes on, edited in place or renamed, under whatever name */
  ufo_u64map blobs;    /* extent (its address) -> blob */
  ufo_descent dropped; /* through the lists that no name leads to any more */
} ufo_commit;

/* Checks for conflicts and gives every draft its id and version. UFO_CONFLICT names the object and the versions. */
ufo_status ufo_commit_resolve(ufo_commit *commit, ufo_error *error);

#endif
