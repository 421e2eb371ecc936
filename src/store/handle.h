/* handle.h - inside of ufo_object; and finding what a name, an element path or a version means. */
#ifndef UFO_STORE_HANDLE_H
#define UFO_STORE_HANDLE_H

#include "store/core.h"
#include "store/object.h"
#include "store/snapshots.h"

typedef struct ufo_draft ufo_draft; /* transaction.h */

struct ufo_object {
  atomic_uint references;
  ufo_core *core;
  ufo_object_info info;
  char label[UFO_NAME_MAX + 32]; /* for messages: its name, or where it is in its list */
  ufo_record record;
  ufo_pin *pin;    /* on map_id and map_version; NULL: none is needed */
  uint64_t map_id; /* whose entries give the chunks that `extents` does not have; 0: they are zeros */
  uint64_t map_version;
  uint64_t from_version;                         /* of what a commit made: the version that it carried on; else 0 */
  ufo_record map_record;                         /* of that version: its length may be smaller */
  uint64_t draft_serial;                         /* of the draft it was made from; 0: it is a committed version */
  ufo_u64map extents;                            /* chunk -> ufo_extent, each retained */
  uint64_t serial;                               /* no other object of this process has it, or will have */
  uint64_t expected_end;                         /* chunks before it will be read one after the other; 0: not known */
  atomic_uint_fast64_t last_chunk;               /* that was read of the committed ones */
  atomic_uint_fast64_t fetched_from, fetched_to; /* chunks that the disk was asked for; equal: none */
};

/* What a lookup found: a draft of the transaction (borrowed, valid until it is edited) or a committed version. */
typedef struct ufo_found {
  ufo_draft *draft;
  uint64_t id, version;
  ufo_record record;
} ufo_found;

/* Finds `name`: exactly, else as element of a list ("L$E", "L[[1]]"). `version` 0: the current one; else a version of
 * what is found, and drafts are not looked at. `txn` may be NULL. `at`: as this snapshot sees it, and `txn` is NULL;
 * NULL: as the last commit left it. UFO_MISSING names what is missing. */
ufo_status ufo_lookup(ufo_etxn *etxn, ufo_txn *txn, const ufo_sight *at, const char *name, uint64_t version,
                      ufo_found *found, ufo_error *error);
/* From a name to an element: of the list of that name the element steps[0], in that element steps[1], ... */
typedef struct ufo_way {
  char list_name[UFO_NAME_MAX + 1];
  uint64_t steps[UFO_LIST_DEPTH_MAX];
  unsigned length;
} ufo_way;
/* The way to an element by its path, as the transaction sees it. UFO_MISSING without a message: there is none. */
ufo_status ufo_lookup_way(ufo_etxn *etxn, ufo_txn *txn, const char *path, ufo_way *way, ufo_error *error);
/* Child `index` of a list that was found. UFO_MISSING, UFO_USAGE (not a list). */
ufo_status ufo_lookup_child(ufo_etxn *etxn, const ufo_found *list, uint64_t index, ufo_found *found, ufo_error *error);
/* How many lists are inside of each other, what was found included; 0 for a vector. Above
 * UFO_LIST_DEPTH_MAX: at least so many. UFO_CORRUPT: they are no tree. */
ufo_status ufo_lookup_depth(ufo_etxn *etxn, const ufo_found *found, unsigned *depth_out, ufo_error *error);
/* The list's "names" attribute: the set (to be freed; NULL if there is none) and the attribute in it. */
ufo_status ufo_lookup_names(ufo_etxn *etxn, const ufo_found *list, ufo_attributes **set_out, ufo_attribute *names,
                            ufo_error *error);
/* The encoded attributes of what was found, valid like engine slices or the draft. */
ufo_status ufo_lookup_attributes(ufo_etxn *etxn, const ufo_found *found, ufo_slice *bytes_out, ufo_error *error);

/* Info of what was found; `name` is copied into it. Sums over children for a list. */
ufo_status ufo_info_fill(ufo_etxn *etxn, const ufo_found *found, const char *name, ufo_object_info *info,
                         ufo_error *error);

/* Reads a part of one chunk of what was found in the transaction, and not in a draft, and ends that: nothing has to be
 * pinned for it. False: it has to be read otherwise, or to learn why it cannot. `target` as in ufo_object_read. */
bool ufo_object_read_once(ufo_core *core, ufo_etxn *etxn, const ufo_found *found, uint64_t chunk, uint32_t skip,
                          uint32_t count, void *target);

/* Takes over the reference to `pin`, which may be NULL, in every case. `label` is copied. */
ufo_status ufo_object_make(ufo_core *core, const char *label, const ufo_object_info *info, const ufo_record *record,
                           ufo_pin *pin, ufo_object **object_out, ufo_error *error);
/* The same as ufo_object_open, for those who checked store and transaction. */
ufo_status ufo_object_pin(ufo_core *core, ufo_txn *txn, const ufo_sight *at, const char *name, int64_t index,
                          uint64_t version, ufo_object **object_out, ufo_error *error);

#endif
