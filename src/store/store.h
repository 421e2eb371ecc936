/* store.h (internal) - a handle on an open store. */
#ifndef UFO_STORE_STORE_H
#define UFO_STORE_STORE_H

#include <ufostore/txn.h>

#include "store/core.h"
#include "store/snapshots.h"

struct ufo_store {
  atomic_uint references; /* the user's, and one of each transaction */
  atomic_bool closed;
  bool read_only;
  bool at_snapshot;
  ufo_sight snapshot; /* if so */
  ufo_core *core;
  pthread_mutex_t lock;
  ufo_txn *txns; /* open ones, aborted by close; under `lock` */
};

/* UFO_USAGE for NULL, for a closed store, and for a transaction that belongs to another store. */
ufo_status ufo_store_check(const ufo_store *store, const ufo_txn *txn, ufo_error *error);
/* The snapshot that the handle reads; NULL: the last commit. */
const ufo_sight *ufo_store_sight(const ufo_store *store);
void ufo_store_release(ufo_store *store);

#endif
