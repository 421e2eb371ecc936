/* view.h - the map of the view layer, which joins regions (that know no store) and objects (that know no region).
 *
 *   view.c        open, create, clone, release, questions; the region's source callbacks
 *   overlay.c     the chunks in which a view differs from its base
 *   statistics.c  what is known of its values without reading them
 *   put.c         ufo_txn_put_view, and what happens to the view when the transaction ends
 *   put_text.c    the same for strings: words and text (text.h)
 *
 * Where a chunk's content is:   changed in memory (region: DIRTY)   else   overlay   else   base version.
 *
 * LOCKS  An overlay lock guards a view's `base`, `overlay` and `pending`. It is a leaf: nothing is called under it that
 * takes another lock or does I/O. Overlay locks are a fixed few, shared by views, so that fork() can hold them all. */
#ifndef UFO_VIEW_VIEW_H
#define UFO_VIEW_VIEW_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <ufostore/view.h>

#include "store/object.h"
#include "util/u64map.h"

/* Changed chunks as handed to a transaction: ascending, extents retained. */
typedef struct ufo_changes {
  uint64_t *chunks;
  ufo_extent **extents;
  uint64_t count;
} ufo_changes;

struct ufo_view {
  ufo_region *region;
  ufo_pool *pool;
  ufo_spill *spill; /* where changed chunks go when they are evicted or put */
  ufo_codec_habit habit;
  char name[UFO_NAME_MAX + 32];
  ufo_access access;
  uint64_t header_bytes;
  ufo_type type;
  uint32_t element_bytes, chunk_bytes;
  uint64_t length, chunk_count;

  ufo_object *base;   /* overlay lock; never NULL */
  ufo_u64map overlay; /* overlay lock: chunk -> ufo_extent, one reference each */

  ufo_put *pending; /* of the put that decides what the view is based on; used by the view's thread only */
  ufo_changes put_changes;
  ufo_put_mode put_mode;
  bool put_is_own;         /* under the view's own name */
  bool put_grows;          /* with text added at the end; nothing else is done to it in the transaction */
  atomic_bool put_is_open; /* its transaction has not ended */
};

/* ---- put.c ------------------------------------------------------------------------------------------------------ */
/* ufo_txn_put_view, of a view that will be an element `final_name` of what takes it from its temporary name. */
ufo_status ufo_view_put(ufo_txn *txn, const char *name, const char *final_name, ufo_view *view, ufo_put_mode mode,
                        ufo_error *error);

/* ---- overlay.c -------------------------------------------------------------------------------------------------- */
pthread_mutex_t *ufo_overlay_lock(const ufo_view *view);
/* The base and, if the chunk has one, the extent, both retained. */
ufo_extent *ufo_overlay_get(ufo_view *view, uint64_t chunk, ufo_object **base_out);
/* Takes over the reference, on success only. */
ufo_status ufo_overlay_set(ufo_view *view, uint64_t chunk, ufo_extent *extent, ufo_error *error);
/* All of it, in ascending order. */
ufo_status ufo_overlay_list(ufo_view *view, ufo_changes *changes, ufo_error *error);
void ufo_changes_free(ufo_changes *changes);
/* The base becomes `base` (whose reference is taken over), and every listed extent that is still in place leaves. */
void ufo_overlay_rebase(ufo_view *view, ufo_object *base, const ufo_changes *changes);
void ufo_overlay_clear(ufo_view *view);

#endif
