/* object.h - one version of an object, pinned so that no commit of any process reclaims what it needs; what views read.
 *
 * For an object pending in a transaction, the handle holds the pending extents too, so a view of it sees them; it stays
 * readable after the transaction ended either way. Thread-safe; after fork() usable in the child. */
#ifndef UFO_STORE_OBJECT_H
#define UFO_STORE_OBJECT_H

#include "store/extent.h"

typedef struct ufo_object ufo_object;

/* `index` < 0: the object itself; else child `index` of the list `name`. */
ufo_status ufo_object_open(ufo_store *store, ufo_txn *txn, const char *name, int64_t index, uint64_t version,
                           ufo_object **object_out, ufo_error *error);
ufo_object *ufo_object_retain(ufo_object *object);
void ufo_object_release(ufo_object *object); /* NULL is allowed */

/* Info of this version; constant while the handle lives. For a pending object, version is that of its base, 0 if new.
 */
const ufo_object_info *ufo_object_get_info(const ufo_object *object);
/* Numbers of objects say something within one store only. */
bool ufo_object_same_store(const ufo_object *a, const ufo_object *b);

/* Bytes of chunk `chunk` of this version: chunk_bytes, less for the last. */
uint32_t ufo_object_chunk_raw_bytes(const ufo_object *object, uint64_t chunk);

/* Decodes chunk `chunk` into `target`, verified; zeros if it was never written. The message of an error names store,
 * object, version, chunk and range of elements. Takes no lock that is held across I/O of a writer. */
ufo_status ufo_object_load(ufo_object *object, uint64_t chunk, void *target, ufo_error *error);
/* The same; *hash_out is XXH3-64 of the chunk if that was known from its verification, else 0. */
ufo_status ufo_object_load_hashed(ufo_object *object, uint64_t chunk, void *target, uint64_t *hash_out,
                                  ufo_error *error);

/* Copies `count` bytes of the chunk, from byte `skip` on, to `target`, which may be managed memory: it is touched by
 * this thread alone, with no lock held and outside of transactions. What it holds after an error is not specified. */
ufo_status ufo_object_read(ufo_object *object, uint64_t chunk, uint32_t skip, uint32_t count, void *target,
                           ufo_error *error);
/* The same of bytes at .. at + count - 1 of the whole body, which has them. */
ufo_status ufo_object_read_bytes(ufo_object *object, uint64_t at, uint64_t count, void *target, ufo_error *error);
/* Chunks up to `end` (exclusive) will be read in order: for who has the object alone. */
void ufo_object_expect(ufo_object *object, uint64_t end);

/* Calls `visit` for each chunk in ascending order, with what is known of its values; non-zero ends the walk and is
 * returned. Runs inside a read transaction of the engine: `visit` must not call the store. A chunk that
 * was never written has the statistics of zeros. UFO_CORRUPT. */
typedef ufo_status (*ufo_object_stats_fn)(void *user, uint64_t chunk, const ufo_chunk_stats *stats, ufo_error *error);
ufo_status ufo_object_each_stats(ufo_object *object, ufo_object_stats_fn visit, void *user, ufo_error *error);

/* ---- putting changed chunks --------------------------------------------------------------------------------------
 * What ufo_txn_put_view does below the view. */

typedef struct ufo_put ufo_put;
typedef enum ufo_put_policy { UFO_POLICY_CHECKED, UFO_POLICY_MERGE, UFO_POLICY_REPLACE } ufo_put_policy;

/* Called when the transaction ended: with the new version, already pinned (the callee takes over the reference), after
 * a commit; with NULL if it was aborted or the edit was replaced by a later one. Runs in the thread that ends the
 * transaction, with no lock of the store held. */
typedef void (*ufo_put_ended_fn)(void *user, ufo_object *committed);

/* Records in `txn`: `name` becomes `base` with chunks[i] replaced by extents[i] (ascending, n of them; both arrays are
 * copied, the extents retained). How the edit is carried out is decided at commit:
 *   - `name` holds the object of `base`: its next version, of which only the n chunks are written. If its current
 *     version is not the base's: CHECKED -> UFO_CONFLICT; MERGE -> the n chunks onto the current version (lengths and
 *     types must agree, and nobody else have written one of the n, else UFO_CONFLICT); REPLACE -> chunks that others
 * changed are taken back to the base's.
 *   - the edit became child of list `name` by ufo_txn_put_list, and that list's current version has the object of
 *     `base` as a child: the same, and with n == 0 the child is taken over untouched.
 *   - otherwise: a new object, whose other chunks share the blobs of `base`.
 * On success *put_out is a handle that the caller gives back by ufo_put_forget, before or after the end. */
ufo_status ufo_txn_put_extents(ufo_txn *txn, const char *name, ufo_object *base, const uint64_t *chunks,
                               ufo_extent *const *extents, uint64_t n, ufo_put_policy policy, ufo_put_ended_fn ended,
                               void *user, ufo_put **put_out, ufo_error *error);

/* The callee will not be called any more once this returns. NULL is allowed. */
void ufo_put_forget(ufo_put *put);

#endif
