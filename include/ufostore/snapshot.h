/* snapshot.h - named states of a whole store that are kept, and the versions of an object that can be read.
 *
 * A snapshot keeps every object as the last commit before it left it: also those that are changed, renamed or removed
 * afterwards. Making one writes one record, however large the store; what it costs later is the space of what is
 * changed or removed after it. Open a store at a snapshot with ufo_store_options.snapshot: everything that reads then
 * reads that state. Labels follow the rules of names: UTF-8, 1 to UFO_NAME_MAX bytes, no NUL.
 *
 * Snapshots hold committed states only; open transactions do not take part. Threads, processes and forks: as in
 * store.h. */
#ifndef UFOSTORE_SNAPSHOT_H
#define UFOSTORE_SNAPSHOT_H

#include <ufostore/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Makes a snapshot of the last commit, durable when this returns UFO_OK and absent otherwise. UFO_USAGE: there is a
 * snapshot of that label, the label cannot be one, the store is open read-only. */
UFO_API UFO_MUST_CHECK ufo_status ufo_snapshot_create(ufo_store *store, const char *label, ufo_error *error);

/* Removes a snapshot, durably. The space of what neither another snapshot nor anybody who has it open needs is reused
 * by later commits; some of it at once. Handles that are open at it then fail with UFO_MISSING; their views stay
 * valid. UFO_MISSING: there is none of that label. */
UFO_API UFO_MUST_CHECK ufo_status ufo_snapshot_remove(ufo_store *store, const char *label, ufo_error *error);

typedef struct ufo_snapshot_info {
  size_t struct_size;
  char label[UFO_NAME_MAX + 1];
  uint64_t generation; /* the commit that made it: snapshots are in this order */
  int64_t created_ns;  /* CLOCK_REALTIME */
  uint64_t objects;    /* named objects in it */
  uint64_t held_bytes; /* encoded bytes that nothing but this snapshot keeps: what removing it would free (but see
                          below) */
} ufo_snapshot_info;
/* Return non-zero to stop. */
typedef int (*ufo_snapshot_fn)(void *user, const ufo_snapshot_info *info);

/* Calls `visit` for every snapshot, the oldest first. The store may be used, and changed, inside of it. UFO_END:
 * stopped by it. Costs time in proportion to what was changed since each snapshot. A read-only handle cannot put away
 * what the last commits superseded or removed, and counts it for no snapshot yet: removing one may free so much more
 * than `held_bytes` says, as the next handle that is open for writing will say, too. */
UFO_API UFO_MUST_CHECK ufo_status ufo_snapshot_list(ufo_store *store, ufo_snapshot_fn visit, void *user,
                                                    ufo_error *error);

typedef struct ufo_version_info {
  size_t struct_size;
  uint64_t version;
  uint64_t generation;                           /* the commit that made it; 0: not known (a store of format 1.0) */
  int64_t changed_ns;                            /* its time */
  uint64_t length, chunks_changed, stored_bytes; /* as in ufo_object_info; of a list: without its elements;
                                                    of strings whose parts are not kept: 0 */
  int is_current;                                /* as the store is now */
  uint64_t snapshots;                            /* how many see this version */
  char snapshot[UFO_NAME_MAX + 1];               /* the newest of these; empty: none */
  int is_open;                                   /* a view or a reader has it open, in some process */
} ufo_version_info;
typedef int (*ufo_version_fn)(void *user, const ufo_version_info *info);

/* Calls `visit` for every version of `name` that can be read, the newest first: the current one, those that snapshots
 * keep, and those that somebody has open (and only as long). On a store opened at a snapshot: as it was then, without
 * later versions and snapshots. The store may be used inside of it. UFO_END: stopped by it. UFO_MISSING. */
UFO_API UFO_MUST_CHECK ufo_status ufo_store_versions(ufo_store *store, const char *name, ufo_version_fn visit,
                                                     void *user, ufo_error *error);

/* Where an older version of `name` can be read as a whole: a list's elements, which are objects with versions of their
 * own, are kept for it by a snapshot only. Says which (the newest that sees the version) and what the object was called
 * then: open the store at `label` and read `name_then`. UFO_MISSING: no snapshot sees it. */
UFO_API UFO_MUST_CHECK ufo_status ufo_snapshot_of_version(ufo_store *store, const char *name, uint64_t version,
                                                          char label[UFO_NAME_MAX + 1],
                                                          char name_then[UFO_NAME_MAX + 1], ufo_error *error);

#ifdef __cplusplus
}
#endif
#endif
