/* snapshots.h - which versions and names the snapshots see, and keep; inside a transaction of the engine.
 *
 * A snapshot is a generation. Records of objects and names say since which generation they are in force; what a name
 * was before is noted under the newest snapshot that saw it (FORMAT.md, section 11). */
#ifndef UFO_STORE_SNAPSHOTS_H
#define UFO_STORE_SNAPSHOTS_H

#include <ufostore/store.h>

#include "store/catalogue.h"

/* A snapshot that a store is open at, or that is being made. */
typedef struct ufo_sight {
  char label[UFO_NAME_MAX + 1];
  uint64_t generation;
} ufo_sight;

typedef struct ufo_snapshot_record {
  uint64_t generation, names;
  int64_t created_ns;
} ufo_snapshot_record;

/* UFO_MISSING without a message. */
ufo_status ufo_snapshots_get(ufo_etxn *txn, const char *label, ufo_snapshot_record *record, ufo_error *error);
ufo_status ufo_snapshots_put(ufo_etxn *txn, const char *label, const ufo_snapshot_record *record, ufo_error *error);
/* Deletes the record, and hands names of the past on to the snapshot before it. */
ufo_status ufo_snapshots_delete(ufo_etxn *txn, const ufo_sight *sight, ufo_error *error);
ufo_status ufo_snapshots_decode(ufo_slice content, ufo_snapshot_record *record, ufo_error *error);
/* Is this snapshot still there? UFO_MISSING says that it was removed. */
ufo_status ufo_snapshots_check(ufo_etxn *txn, const ufo_sight *sight, ufo_error *error);
/* The label and the record of the snapshot of this generation. UFO_END. */
ufo_status ufo_snapshots_find_label(ufo_etxn *txn, uint64_t generation, char label[UFO_NAME_MAX + 1],
                                    ufo_snapshot_record *record, ufo_error *error);

/* Calls `visit` for each label, which is not NUL-terminated, until it returns non-zero; UFO_END is then UFO_OK. */
typedef ufo_status (*ufo_snapshots_visit_fn)(void *user, ufo_slice label, const ufo_snapshot_record *record,
                                             ufo_error *error);
ufo_status ufo_snapshots_walk(ufo_etxn *txn, ufo_snapshots_visit_fn visit, void *user, ufo_error *error);

/* ---- their generations ----------------------------------------------------------------------------------------- */

typedef struct ufo_snapshot_index {
  uint64_t *generations; /* ascending */
  size_t count, capacity;
} ufo_snapshot_index;

/* Costs next to nothing where there are no snapshots. Freed by the caller, also after an error. */
ufo_status ufo_snapshots_load(ufo_etxn *txn, ufo_snapshot_index *index, ufo_error *error);
void ufo_snapshots_free(ufo_snapshot_index *index);
bool ufo_snapshots_have(const ufo_snapshot_index *index, uint64_t generation);
/* The newest one before `generation`; 0: none. */
uint64_t ufo_snapshots_before(const ufo_snapshot_index *index, uint64_t generation);

/* ---- objects --------------------------------------------------------------------------------------------------- */

/* What a snapshot sees of an object. UFO_MISSING without a message if the object is younger. */
ufo_status ufo_snapshots_get_object(ufo_etxn *txn, uint64_t generation, uint64_t id, uint64_t *version_out,
                                    ufo_record *record, ufo_error *error);
/* The newest snapshot, among those before `end`, that sees one of the versions first .. last, and which; 0: none. For
 * an object that was dropped, `end` is the generation of that; else UINT64_MAX. */
ufo_status ufo_snapshots_holder(ufo_etxn *txn, const ufo_snapshot_index *index, uint64_t id, uint64_t first,
                                uint64_t last, uint64_t end, uint64_t *generation_out, uint64_t *version_out,
                                ufo_error *error);

/* ---- names ----------------------------------------------------------------------------------------------------- */

/* *id_out is 0 if the snapshot has no such name. */
ufo_status ufo_snapshots_get_name(ufo_etxn *txn, uint64_t generation, const char *name, uint64_t *id_out,
                                  ufo_error *error);
/* The first name the snapshot has that sorts after `name`, which it replaces; UFO_END. */
ufo_status ufo_snapshots_next_name(ufo_etxn *txn, uint64_t generation, char name[UFO_NAME_MAX + 1], ufo_error *error);
/* Before a commit takes `name` from what it leads to: notes that for the `newest` snapshot, if that saw it. */
ufo_status ufo_snapshots_keep_name(ufo_etxn *txn, uint64_t newest, const char *name, ufo_error *error);

/* Keys of the table, for those who walk it. A label, or generation and name; false: it can be neither. */
typedef struct ufo_snapshot_key {
  uint64_t generation; /* 0: `text` is a label */
  char text[UFO_NAME_MAX + 1];
} ufo_snapshot_key;
bool ufo_snapshots_split_key(ufo_slice key, ufo_snapshot_key *out);

#endif
