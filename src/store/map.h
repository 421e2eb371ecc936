/* map.h - which bytes a chunk of a version is made of; and the blobs that hold them. Inside an engine transaction. */
#ifndef UFO_STORE_MAP_H
#define UFO_STORE_MAP_H

#include "store/record.h"

/* The entry of the chunk (or child) that is visible at `version`: the newest not newer. UFO_MISSING without a message
 * if the chunk was never written. */
ufo_status ufo_map_find(ufo_etxn *txn, uint64_t id, uint64_t chunk, uint64_t version, ufo_entry *entry,
                        uint64_t *entry_version_out, ufo_error *error);
ufo_status ufo_map_put(ufo_etxn *txn, uint64_t id, uint64_t chunk, uint64_t version, const ufo_entry *entry,
                       ufo_error *error);

/* Calls `visit` for each entry of the object visible at `version`, in order of chunks; non-zero ends the walk and is
 * returned. `visit` may write to other tables, or other objects, of the same transaction. */
typedef ufo_status (*ufo_map_visit_fn)(void *user, uint64_t chunk, uint64_t entry_version, const ufo_entry *entry,
                                       ufo_error *error);
ufo_status ufo_map_walk(ufo_etxn *txn, uint64_t id, uint64_t first_chunk, uint64_t version, ufo_map_visit_fn visit,
                        void *user, ufo_error *error);

/* Blobs. A blob has one referent (an entry of the map, or a record of `staged`) plus the extra ones in `refs`. */
ufo_status ufo_blob_put(ufo_etxn *txn, uint64_t blob, const void *bytes, uint32_t count, ufo_error *error);
ufo_status ufo_blob_read(ufo_etxn *txn, uint64_t blob, void *target, uint32_t count, ufo_error *error);
/* UFO_CORRUPT if there is no such blob. */
ufo_status ufo_blob_add_referent(ufo_etxn *txn, uint64_t blob, ufo_error *error);
/* Deletes the blob with its last referent. A blob that is missing already is not an error. */
ufo_status ufo_blob_drop_referent(ufo_etxn *txn, uint64_t blob, ufo_error *error);
ufo_status ufo_blob_extra_referents(ufo_etxn *txn, uint64_t blob, uint64_t *extra_out, ufo_error *error);

#endif
