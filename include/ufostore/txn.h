/* txn.h - transactions: what changes a store, all or none.
 *
 * A transaction collects edits; nothing is visible to others before ufo_txn_commit returns UFO_OK. Data given to it is
 * compressed at once and, beyond a few MiB, staged in the store file in short commits of its own that nobody can see,
 * so a transaction may be larger than memory; commit then publishes references. What an aborted transaction or a
 * killed process had staged is reclaimed.
 *
 * CONFLICTS  First commit wins. The transaction remembers the version of each object at its first edit of it (for a
 *   view: the version that the view was opened on). If another commit has changed that object since, ufo_txn_commit
 *   returns UFO_CONFLICT naming the object and both versions, and nothing is stored.
 *
 * THREADS  One transaction is used by one thread at a time; any number may be open. A commit waits for commits of
 *   others, of other processes too. */
#ifndef UFOSTORE_TXN_H
#define UFOSTORE_TXN_H

#include <ufostore/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The store must be open read-write (UFO_USAGE). */
UFO_API UFO_MUST_CHECK ufo_status ufo_txn_begin(ufo_store *store, ufo_txn **txn_out, ufo_error *error);

/* Publishes all edits durably and frees the transaction. On an error nothing was stored, the transaction is still
 * open with all its edits, and commit may be tried again (after space was made, say), or ufo_txn_abort called. After
 * UFO_CONFLICT only abort is of use. UFO_USAGE while a writer of the transaction is open. */
UFO_API UFO_MUST_CHECK ufo_status ufo_txn_commit(ufo_txn *txn, ufo_error *error);

/* Forgets all edits and frees the transaction. NULL is allowed. */
UFO_API void ufo_txn_abort(ufo_txn *txn);

typedef struct ufo_object_spec {
  size_t struct_size;
  ufo_type type;          /* not UFO_LIST: see ufo_txn_put_list; UFO_CHARACTER only to create: see text.h */
  uint32_t element_bytes; /* for UFO_RECORD: 1 .. UFO_RECORD_BYTES_MAX; else 0 */
  uint64_t length;
  uint32_t chunk_bytes; /* a power of two, UFO_CHUNK_BYTES_MIN .. UFO_CHUNK_BYTES_MAX; 0: the store's default */
} ufo_object_spec;

/* Each edit below replaces what the name held, whatever its type; the attributes of the new object are empty until
 * set. After an error the transaction holds the edits it had before. Errors of all: UFO_USAGE (name, type, length),
 * UFO_IO and UFO_FULL (staging). */

/* An object of zeros (of empty strings), in O(1): it takes room only where it is written. */
UFO_API UFO_MUST_CHECK ufo_status ufo_txn_create(ufo_txn *txn, const char *name, const ufo_object_spec *spec,
                                                 ufo_error *error);

/* An object with the spec->length elements at `data` (which may be managed memory; it is read once). */
UFO_API UFO_MUST_CHECK ufo_status ufo_txn_put(ufo_txn *txn, const char *name, const ufo_object_spec *spec,
                                              const void *data, ufo_error *error);

/* The same for data that comes in pieces, of a length not known before (spec->length is ignored). The object becomes
 * part of the transaction at ufo_writer_finish. */
typedef struct ufo_writer ufo_writer;
UFO_API UFO_MUST_CHECK ufo_status ufo_writer_open(ufo_txn *txn, const char *name, const ufo_object_spec *spec,
                                                  ufo_writer **writer_out, ufo_error *error);
/* Appends `bytes` bytes; pieces need not be whole elements. After an error nothing of them was appended: they may be
 * written again. Threads of the call's own compress what comes at once; `data` is read by the calling thread alone, so
 * it may be managed memory. If reading it fails and ufo_guarded leaves the call, a part of the piece may have been
 * appended: only ufo_writer_cancel is of use then. */
UFO_API UFO_MUST_CHECK ufo_status ufo_writer_write(ufo_writer *writer, const void *data, uint64_t bytes,
                                                   ufo_error *error);
/* Ends the object and frees the writer. UFO_USAGE if the bytes written are not whole elements; the writer is freed
 * in every case. */
UFO_API UFO_MUST_CHECK ufo_status ufo_writer_finish(ufo_writer *writer, ufo_error *error);
UFO_API void ufo_writer_cancel(ufo_writer *writer);

/* ---- edits in place ----------------------------------------------------------------------------------------------
 *
 * `name` is that of an object, or leads to an element of a list ("df$price", "df[[2]][[1]]": see store.h). The edit of
 * an element makes a new version of it and of the lists that it is in, and touches nothing else of them: columns of a
 * table that get longer together do so in one transaction. A conflict is one of the outermost list: another commit that
 * changed any part of it came first. UFO_CONFLICT at the edit already if the transaction edited another element of the
 * list before, and another commit has changed the list since. */

/* Adds `count` elements at the end of an existing object of a vector type; its attributes stay. Cost is proportional
 * to `count`. UFO_MISSING, UFO_USAGE (list, serialized or character object). */
UFO_API UFO_MUST_CHECK ufo_status ufo_txn_append(ufo_txn *txn, const char *name, const void *data, uint64_t count,
                                                 ufo_error *error);

/* The same in pieces, by ufo_writer_write. The object gets them at ufo_writer_finish, all or (an error, or
 * ufo_writer_cancel) none. UFO_USAGE from ufo_writer_finish if the transaction changed elements of the object, or
 * replaced it, while the writer was open. Errors as above. */
UFO_API UFO_MUST_CHECK ufo_status ufo_writer_open_append(ufo_txn *txn, const char *name, ufo_writer **writer_out,
                                                         ufo_error *error);

/* Writes `count` elements at position `first` of an existing object of a vector type, rewriting the chunks they touch.
 * UFO_MISSING, UFO_USAGE (range, type). */
UFO_API UFO_MUST_CHECK ufo_status ufo_txn_write(ufo_txn *txn, const char *name, uint64_t first, uint64_t count,
                                                const void *data, ufo_error *error);

/* Makes `name` a list of `count` children, which are the pending objects children[i] of this transaction: each must
 * have been put or created in it under that (temporary) name, and loses the name by this. UFO_USAGE if more than
 * UFO_LIST_DEPTH_MAX lists were inside of each other. */
UFO_API UFO_MUST_CHECK ufo_status ufo_txn_put_list(ufo_txn *txn, const char *name, const char *const *children,
                                                   uint64_t count, ufo_error *error);

/* Replaces all attributes of an existing or pending object; NULL: none. They are copied. */
UFO_API UFO_MUST_CHECK ufo_status ufo_txn_set_attributes(ufo_txn *txn, const char *name,
                                                         const ufo_attributes *attributes, ufo_error *error);

/* UFO_MISSING; for rename UFO_USAGE if `to` exists. A list takes its children along. A damaged list that is inside of
 * itself, or in many places, cannot be renamed (UFO_CORRUPT), but removed. */
UFO_API UFO_MUST_CHECK ufo_status ufo_txn_rename(ufo_txn *txn, const char *from, const char *to, ufo_error *error);
UFO_API UFO_MUST_CHECK ufo_status ufo_txn_remove(ufo_txn *txn, const char *name, ufo_error *error);

#ifdef __cplusplus
}
#endif
#endif
