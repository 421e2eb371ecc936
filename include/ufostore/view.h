/* view.h - a stored vector as ordinary, writable memory: a private, copy-on-write region over one version.
 *
 * Reading the memory loads and verifies chunks as they are touched. Writing changes the view alone: the store changes
 * only by ufo_txn_put_view and a commit. A view keeps seeing its version until it is released, whatever others commit.
 * Changed chunks that the pool must evict are kept compressed: in the store file (staged) if the view was opened in a
 * transaction, so that a commit need not write them again; else in an unlinked scratch file, so that results that are
 * never put back do not grow the store.
 *
 * THREADS  The memory may be used by any number of threads. A view must not be put, cloned or released by two threads
 *   at once; different views may. FORK  A child reads the same content; its writes are its own. */
#ifndef UFOSTORE_VIEW_H
#define UFOSTORE_VIEW_H

#include <ufostore/region.h>
#include <ufostore/store.h>
#include <ufostore/txn.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ufo_view ufo_view;

typedef struct ufo_view_options {
  size_t struct_size;
  uint64_t version;      /* 0: the current one */
  uint64_t header_bytes; /* as in ufo_region_options */
  ufo_access access;     /* READ_ONLY: writes raise SIGSEGV */
} ufo_view_options;

/* Opens a view of `name`. With a transaction, its pending content is seen, and the view stages what it must spill. No
 * data is read. The view keeps what it needs of the store; the store handle may be closed before the view. Errors:
 * UFO_MISSING; UFO_USAGE for a list; those of ufo_region_create. */
UFO_API UFO_MUST_CHECK ufo_status ufo_view_open(ufo_store *store, ufo_txn *txn, ufo_pool *pool, const char *name,
                                                const ufo_view_options *options, ufo_view **view_out, ufo_error *error);

/* Child `index` (zero-based) of a list. */
UFO_API UFO_MUST_CHECK ufo_status ufo_view_open_child(ufo_store *store, ufo_txn *txn, ufo_pool *pool, const char *name,
                                                      uint64_t index, const ufo_view_options *options,
                                                      ufo_view **view_out, ufo_error *error);

/* A view of no object: spec->length zeros, for a result that may be as large as what it is computed from. Chunks that
 * are written and must be evicted go to the scratch file of `store`, which has to be open read-write and does not
 * change. ufo_txn_put_view makes it an object, of this or any other store. Its name is UFO_VIEW_OF_NOTHING, its
 * object_id and version 0. Nothing is written to disk by this call. `options` may be NULL; its version must be 0.
 * Errors: UFO_USAGE (specification, version, read-only store); those of ufo_region_create. */
#define UFO_VIEW_OF_NOTHING "(result)"
UFO_API UFO_MUST_CHECK ufo_status ufo_view_create(ufo_store *store, ufo_pool *pool, const ufo_object_spec *spec,
                                                  const ufo_view_options *options, ufo_view **view_out,
                                                  ufo_error *error);

/* A second view with the same content, changes included, that goes its own way from here. Costs what the changes cost,
 * whatever the length. */
UFO_API UFO_MUST_CHECK ufo_status ufo_view_clone(ufo_view *view, ufo_view **clone_out, ufo_error *error);

/* Unmaps the memory and forgets changes that were not put. NULL is allowed. */
UFO_API void ufo_view_release(ufo_view *view);

UFO_API void *ufo_view_data(const ufo_view *view);         /* valid until release; constant time, no lock */
UFO_API const char *ufo_view_name(const ufo_view *view);   /* of its object, as opened; valid until release; no lock */
UFO_API uint64_t ufo_view_length(const ufo_view *view);    /* elements */
UFO_API ufo_region *ufo_view_region(const ufo_view *view); /* for advise, pin, guarded, info */

typedef struct ufo_view_info {
  size_t struct_size;
  char name[UFO_NAME_MAX + 1]; /* as opened */
  uint64_t object_id, version; /* what unchanged chunks come from; version 0 for a pending object */
  ufo_type type;
  uint32_t element_bytes;
  uint64_t length;
  uint32_t chunk_bytes;
  uint64_t chunk_count;
  uint64_t chunks_changed; /* since it was opened, or last put and committed */
  uint64_t spilled_bytes;  /* changed chunks kept outside memory, compressed */
} ufo_view_info;

UFO_API UFO_MUST_CHECK ufo_status ufo_view_get_info(ufo_view *view, ufo_view_info *info, ufo_error *error);

/* Calls `visit` for each run of changed elements (in whole chunks), in order; non-zero ends the walk with UFO_END. */
typedef int (*ufo_view_changed_fn)(void *user, uint64_t first, uint64_t count);
UFO_API UFO_MUST_CHECK ufo_status ufo_view_changed(ufo_view *view, ufo_view_changed_fn visit, void *user,
                                                   ufo_error *error);

/* What is known of all values of a view without reading them. Integers are exact in a double; 0 and -0 count as the
 * same. */
typedef struct ufo_view_statistics {
  size_t struct_size;
  int is_known;     /* 0: some chunk has no statistics, or the type is not logical, integer or double; then all that
                       follows is 0 */
  uint64_t missing; /* NA and NaN */
  int has_range;    /* some value is not missing; else `least` and `greatest` are 0 */
  double least, greatest; /* of the values that are not missing */
  int is_ascending;       /* none missing, and none less than the one before it */
  int is_descending;      /* none missing, and none greater than the one before it */
} ufo_view_statistics;

/* Puts together what is kept of each chunk. Changed chunks that are in memory are encoded first; those of the version
 * are told by their entries, of which all are looked at, and none is decoded. UFO_CORRUPT if an entry cannot be right;
 * UFO_IO, UFO_FULL. */
UFO_API UFO_MUST_CHECK ufo_status ufo_view_get_statistics(ufo_view *view, ufo_view_statistics *statistics,
                                                          ufo_error *error);

typedef enum ufo_put_mode {
  UFO_PUT_CHECKED = 0, /* UFO_CONFLICT at commit if the object moved on since the view's version */
  UFO_PUT_MERGE,       /* write the changed chunks onto the current version; UFO_CONFLICT if it has other
                          chunks there, or another length */
  UFO_PUT_REPLACE,     /* make the view's content the next version, whatever is current */
} ufo_put_mode;

/* Makes the view's content the next version of `name`. If the view is of that object, only its changed chunks are
 * written, and the object's attributes stay; else the object is made anew, sharing with the view's object every chunk
 * that did not change, without attributes. After the commit the view is based on the new version; but a view put under
 * another name stays on its own object (also if it is put under both). The view's pointer and content stay as they are;
 * it may be changed further, before the commit too, without effect on the transaction. */
UFO_API UFO_MUST_CHECK ufo_status ufo_txn_put_view(ufo_txn *txn, const char *name, ufo_view *view, ufo_put_mode mode,
                                                   ufo_error *error);

#ifdef __cplusplus
}
#endif
#endif
