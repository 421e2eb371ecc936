/* snapshot.h - snapshots of a store, and the versions of an object. */
#ifndef UFOR_SNAPSHOT_H
#define UFOR_SNAPSHOT_H

#include "r.h"

/* .Call: makes, and removes, the snapshot `label` of the last commit; NULL. Refused while a transaction is open, which
 * it would be taken to be part of. */
SEXP ufor_snapshot_create(SEXP pointer, SEXP label);
SEXP ufor_snapshot_remove(SEXP pointer, SEXP label);

/* .Call: a named list of vectors (label, created, objects, held_bytes), one element for each snapshot, oldest first. */
SEXP ufor_snapshots(SEXP pointer);

/* .Call: the same (version, changed, length, chunks_changed, stored_bytes, current, snapshot, snapshots, open) for the
 * versions of object `name` that can be read, newest first. */
SEXP ufor_versions(SEXP pointer, SEXP name);

#endif
