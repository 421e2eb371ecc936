/* store.h - one file of named, typed, versioned objects; reading them without page faults.
 *
 * A store is one LMDB file (plus LMDB's lock file PATH-lock while in use), documented in store-format/FORMAT.md. All
 * changes go through transactions (txn.h). A commit that returned UFO_OK survives kill -9 and power loss; one that did
 * not is there wholly, or not at all. Any number of processes may have the store open; readers never wait for writers.
 *
 * NAMES  UTF-8, 1 to UFO_NAME_MAX bytes, no NUL. Element E of a list (data frame) object L can be addressed as "L$E"
 *   or, by position, "L[[3]]" (one-based), wherever a function reads; an object whose whole name is "L$E" goes first.
 *   What is put or renamed goes under its whole name: a name that would hide an element of a list that exists is
 *   UFO_USAGE. An element is changed by putting its list anew.
 *
 * VERSIONS  Every object counts its own: 1 when created, one more with each commit that changes it. A superseded
 *   version is kept exactly as long as a view or a reader of it is open in any process, or a snapshot has it
 *   (snapshot.h).
 *
 * THREADS  A ufo_store may be used from any thread. FORK  A child may go on using it: its environment is reopened.
 * CAVEATS  Not for network file systems. LMDB's own pages carry no checksums: what this library reads is verified, and
 *   ufo_store_verify finds accidental damage of those pages. But LMDB trusts them, so a file made to harm can crash the
 *   process that opens or verifies it, or worse, unless it is opened with `preflight`: then every page of LMDB's is
 *   looked at before LMDB sees the file, and whoever can write to it, or to its directory, while it is open is trusted
 *   still. A preflight does not tell whether the values are those that somebody meant: checksums can be computed by
 *   anybody. */
#ifndef UFOSTORE_STORE_H
#define UFOSTORE_STORE_H

#include <stddef.h>
#include <stdint.h>
#include <ufostore/attributes.h>
#include <ufostore/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ufo_store ufo_store;
typedef struct ufo_txn ufo_txn; /* txn.h */

#define UFO_NAME_MAX 480
#define UFO_LENGTH_MAX (UINT64_C(1) << 52) /* elements of an object */
#define UFO_CHUNK_BYTES_MIN 4096
#define UFO_CHUNK_BYTES_MAX (16 * 1024 * 1024)
#define UFO_CHUNK_BYTES_DEFAULT (64 * 1024)
#define UFO_RECORD_BYTES_MAX 65536
#define UFO_LIST_DEPTH_MAX 64 /* lists inside of each other */

typedef enum ufo_type {
  UFO_LOGICAL = 1,    /* int32: 0, 1, INT32_MIN for NA */
  UFO_INTEGER = 2,    /* int32: INT32_MIN for NA */
  UFO_DOUBLE = 3,     /* binary64; NaN payloads are kept (R's NA is one of them) */
  UFO_COMPLEX = 4,    /* two binary64 */
  UFO_RAW = 5,        /* bytes */
  UFO_RECORD = 6,     /* element_bytes bytes each, for C; R sees raw */
  UFO_LIST = 7,       /* an ordered set of child objects; a data frame is one with attribute class */
  UFO_SERIALIZED = 8, /* one value of a host language in its own serialization; length counts bytes */
  UFO_CHARACTER = 9,  /* strings: text.h. Its parts are addressed like elements of a list, L[[1]] and L[[2]] */
} ufo_type;

/* "logical", "integer", ... ; NULL for an unknown type. */
UFO_API const char *ufo_type_name(ufo_type type);
/* The type of a name above; 0 if there is none. */
UFO_API ufo_type ufo_type_from_name(const char *name);
/* Bytes of an element: 4, 4, 8, 16, 1; 1 for SERIALIZED; 0 for RECORD, LIST and CHARACTER, whose size is not the
 * type's.
 */
UFO_API uint32_t ufo_type_bytes(ufo_type type);

typedef enum ufo_codec {
  UFO_CODEC_ZERO = 0,              /* never written, or all zero: no bytes stored */
  UFO_CODEC_CONSTANT = 1,          /* one element, repeated */
  UFO_CODEC_RAW = 2,               /* as it is */
  UFO_CODEC_LZ4 = 3,               /* LZ4 block */
  UFO_CODEC_SHUFFLE_LZ4 = 4,       /* byte-shuffled, then LZ4 */
  UFO_CODEC_DELTA_SHUFFLE_LZ4 = 5, /* differences of neighbours, byte-shuffled, then LZ4 */
  UFO_CODEC_LOST = 6,              /* lost before the store was salvaged: reading it is UFO_CORRUPT */
} ufo_codec;
#define UFO_CODEC_COUNT 6 /* of those that hold values: all but LOST */
UFO_API const char *ufo_codec_name(ufo_codec codec);

typedef enum ufo_open_mode {
  UFO_OPEN_READ_ONLY = 0, /* must exist */
  UFO_OPEN_READ_WRITE,    /* created if missing */
  UFO_OPEN_CREATE,        /* must not exist */
} ufo_open_mode;

typedef struct ufo_store_options {
  size_t struct_size;
  ufo_open_mode mode;
  unsigned permissions;         /* of a file that is created; 0: 0600 */
  uint32_t default_chunk_bytes; /* for objects that ask for none, kept in a store that is created; 0: 64 KiB */
  uint64_t map_bytes;           /* address space to reserve, the largest the file can get; 0: 1 TiB, less if limited */
  const char *scratch_dir;      /* as in ufo_pool_options */
  const char *snapshot;         /* read this snapshot (snapshot.h); needs READ_ONLY; NULL: the store as it is */
  int preflight;                /* non-zero: ufo_store_preflight first, on the very file that is then opened */
} ufo_store_options;

/* Opens or creates a store. Creation is atomic: the file appears whole or not at all. Opening a file twice in a
 * process gives two handles on one shared environment. `options` may be NULL: read-write. Errors: UFO_MISSING (the
 * file, or its snapshot), UFO_IO,
 * UFO_CORRUPT (not a store, truncated, damaged), UFO_UNSUPPORTED (newer format, network file system),
 * UFO_USAGE (CREATE of what exists; a file that another process has open under another name, be it a hard link or
 * because it was renamed; a name whose former store, replaced by another file since, is still open). *store_out is
 * NULL then. A store that was deleted while it is open may be made anew: that is another store. The deleted one, like
 * one that was moved or replaced, goes on to be used by who has it open, but if it has to be reopened (in a forked
 * child, after a failed write) everything fails with UFO_IO. */
UFO_API UFO_MUST_CHECK ufo_status ufo_store_open(const char *path, const ufo_store_options *options,
                                                 ufo_store **store_out, ufo_error *error);

/* Closes a handle. Views keep what they need and stay valid. Open transactions on it are aborted: what is done with
 * them gives UFO_USAGE, and they must still be given to ufo_txn_abort. NULL is allowed. */
UFO_API void ufo_store_close(ufo_store *store);

UFO_API const char *ufo_store_path(const ufo_store *store); /* absolute; valid until close */
UFO_API int ufo_store_is_read_only(const ufo_store *store);
/* What tells this store from any other that may come to lie at its path: a version 4 UUID as 36 characters and a
 * zero, written to `text`. Constant for the life of a store; a compacted copy has it, too. Reads no file. */
UFO_API void ufo_store_uuid(const ufo_store *store, char text[37]);

/* ---- the catalogue --------------------------------------------------------------------------------------------- */

typedef struct ufo_object_info {
  size_t struct_size;
  char name[UFO_NAME_MAX + 1]; /* empty for an unnamed child of a list */
  uint64_t id;                 /* never reused in a store */
  uint64_t version;
  ufo_type type;
  uint32_t element_bytes;
  uint64_t length;      /* elements; children of a list; strings */
  uint32_t chunk_bytes; /* of the body: chunk k holds bytes k * chunk_bytes ... */
  uint64_t chunk_count;
  uint64_t chunks_written; /* chunks that have an entry in the map; the others are zero */
  uint64_t chunks_changed; /* chunks that this version wrote */
  uint64_t stored_bytes;   /* encoded bytes of this version's chunks, but for the up to 16 that an index entry holds */
  uint64_t codec_chunks[UFO_CODEC_COUNT];
  uint64_t attribute_count;
  int64_t created_ns, changed_ns; /* CLOCK_REALTIME of the commits */
  uint64_t chunks_lost; /* that ufo_store_salvage could not save: they cannot be read until they are written */
} ufo_object_info;

/* In all that follow, `txn` may be NULL: the last commit is seen. Otherwise it is a transaction of this store, and its
 * own pending changes are seen too. `version` 0 is the current one. */

/* UFO_MISSING (name, version). For a list the sizes are sums over its children; UFO_CORRUPT if it is none of the trees
 * that lists are: in a damaged file a list may be inside of itself, or in many places. For a character object the sizes
 * are sums over words and text (text.h), chunk_bytes are those of the words, and element_bytes is 0. */
UFO_API UFO_MUST_CHECK ufo_status ufo_store_info(ufo_store *store, ufo_txn *txn, const char *name, uint64_t version,
                                                 ufo_object_info *info, ufo_error *error);

/* Child `index` (zero-based) of list `name`: its info and, in its `name`, the element's name if it has one. */
UFO_API UFO_MUST_CHECK ufo_status ufo_store_child_info(ufo_store *store, ufo_txn *txn, const char *name,
                                                       uint64_t version, uint64_t index, ufo_object_info *info,
                                                       ufo_error *error);

/* The object's attributes; the caller frees them. */
UFO_API UFO_MUST_CHECK ufo_status ufo_store_attributes(ufo_store *store, ufo_txn *txn, const char *name,
                                                       uint64_t version, ufo_attributes **attributes_out,
                                                       ufo_error *error);

/* Iterates over the named objects in byte order of their names. Each step sees the store as it then is. */
typedef struct ufo_store_iterator ufo_store_iterator;
UFO_API UFO_MUST_CHECK ufo_status ufo_store_list(ufo_store *store, ufo_txn *txn, ufo_store_iterator **iterator_out,
                                                 ufo_error *error);
/* UFO_OK and *info filled, UFO_END, or an error. */
UFO_API UFO_MUST_CHECK ufo_status ufo_store_iterator_next(ufo_store_iterator *iterator, ufo_object_info *info,
                                                          ufo_error *error);
UFO_API void ufo_store_iterator_free(ufo_store_iterator *iterator);

/* Copies elements first .. first + count - 1 into `buffer` (count * element_bytes bytes): no region, no faults, every
 * checksum verified. UFO_USAGE if the range is outside the object or the object is a list or of strings (for these:
 * ufo_text_read). On UFO_CORRUPT the message
 * names the object, the chunk and its range of elements. After an error what `buffer` holds is not specified. */
UFO_API UFO_MUST_CHECK ufo_status ufo_store_read(ufo_store *store, ufo_txn *txn, const char *name, uint64_t version,
                                                 uint64_t first, uint64_t count, void *buffer, ufo_error *error);

/* ---- the whole store ------------------------------------------------------------------------------------------- */

typedef struct ufo_store_stat {
  size_t struct_size;
  char uuid[37];
  uint32_t format_major, format_minor;
  uint64_t file_bytes; /* size of the file; only ufo_store_compact makes it smaller */
  uint64_t used_bytes; /* pages in use */
  uint64_t free_bytes; /* pages to be reused */
  uint64_t map_bytes;
  uint64_t objects;    /* named */
  uint64_t generation; /* commits so far */
  uint64_t blobs, blob_bytes;
  uint64_t staged_blobs, staged_bytes; /* not yet part of a commit */
  uint64_t garbage;                    /* superseded entries waiting to be reclaimed */
  uint64_t live_bytes;                 /* encoded bytes of all current versions */
  uint64_t element_bytes;              /* what these would take uncompressed */
} ufo_store_stat;

UFO_API UFO_MUST_CHECK ufo_status ufo_store_get_stat(ufo_store *store, ufo_store_stat *stat, ufo_error *error);

/* Verifies every catalogue record, every map entry, every reference, the search for each of them and, by decoding it,
 * every chunk. Calls `report` for each damage (return non-zero to stop) and `progress` now and then; both may be NULL.
 * UFO_OK if all is sound, UFO_CORRUPT if damage was reported. What to do then: salvage.h. A chunk that the system
 * refuses to read (a bad disk) is reported like damage, and the work goes on; if nothing else is wrong the result is
 * UFO_IO, and the message names the first of them. So it does beside damage; os_errno is set in both cases, and only in
 * these. */
typedef enum ufo_damage_kind {
  UFO_DAMAGE_STORE = 0,  /* a page, a table or a record that belongs to no object: `name` is NULL */
  UFO_DAMAGE_NAME,       /* a name, or what it leads to, be it as a snapshot knows it */
  UFO_DAMAGE_OBJECT,     /* an object's record, or what that says of the rest */
  UFO_DAMAGE_ATTRIBUTES, /* an object's attributes */
  UFO_DAMAGE_ELEMENT,    /* which object an element of a list is; `name` is the list's, or that element's own */
  UFO_DAMAGE_CHUNK,      /* the entry of a chunk, or its bytes */
} ufo_damage_kind;
/* "store", "name", ...; never NULL. */
UFO_API const char *ufo_damage_kind_name(ufo_damage_kind kind);

typedef struct ufo_damage {
  const char *name; /* object, or NULL if it concerns the store; not always UTF-8 */
  uint64_t version;
  uint64_t first, count; /* elements that cannot be read */
  const char *cause;
  ufo_damage_kind kind;
  uint64_t first_chunk, chunks; /* of UFO_DAMAGE_CHUNK; else 0 */
} ufo_damage;
typedef int (*ufo_damage_fn)(void *user, const ufo_damage *damage);
/* Return non-zero to stop: the function then returns UFO_END. */
typedef int (*ufo_progress_fn)(void *user, uint64_t done_bytes, uint64_t total_bytes);
UFO_API UFO_MUST_CHECK ufo_status ufo_store_verify(ufo_store *store, ufo_damage_fn report, ufo_progress_fn progress,
                                                   void *user, ufo_error *error);

/* Looks at a file that may have been made to harm, before anything trusts it: the header and every page of LMDB's (the
 * trees, the first page of each large value, the list of free pages) are read with bounds-checked reads, and must be
 * what LMDB 0.9 writes: each page in one place, inside the file, with keys in order, and counts that are right. LMDB
 * can then read from the file, and write to it, without going astray. What is in the values is ufo_store_verify's. The
 * file may be in use; if others commit so fast that they overtake every attempt to read it, UFO_IO. Memory: one bit for
 * each page of the file. UFO_CORRUPT: refused; the message names the page and the cause. UFO_MISSING, UFO_UNSUPPORTED
 * (another version of LMDB), UFO_END (`progress`, which may be NULL, wanted to stop). To open what was looked at, use
 * the option `preflight`: under its name there may be another file by then. A file that this process has open already
 * is mapped, and was trusted when it was opened first: the option comes too late then, though it still refuses. */
UFO_API UFO_MUST_CHECK ufo_status ufo_store_preflight(const char *path, ufo_progress_fn progress, void *user,
                                                      ufo_error *error);

/* Reclaims what nothing needs any more, then writes a compact copy to `path_out` (which must not exist; atomic). With
 * NULL, the copy replaces the store's own file: UFO_USAGE while anything else has it open, in this process or in
 * another. Before that, objects of strings (<ufostore/text.h>) are written anew, as their next version, if more than a
 * third of their text is of strings that were replaced, and that much can be gained: snapshots keep what they see of
 * it, and strings share text only with others that are not far from them. After UFO_IO the handle is on whichever file
 * has the name: the old one or, if only its directory could not be synced, the copy. */
UFO_API UFO_MUST_CHECK ufo_status ufo_store_compact(ufo_store *store, const char *path_out, ufo_error *error);

#ifdef __cplusplus
}
#endif
#endif
