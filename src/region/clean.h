/* clean.h - writing one chunk back, and dropping it: the steps, for evict.c and changed.c. */
#ifndef UFO_REGION_CLEAN_H
#define UFO_REGION_CLEAN_H

#include "region/pool.h"

enum { UFO_FRUITLESS_MAX = 3 }; /* cleanings in a row that writes have undone, before writers have to wait */

/* ---- the chunk lock is held, and the frame is in the caller's hands -------------------------------------------------
 */

/* DIRTY -> CLEANING: no write goes unseen from here on, and `copy` holds the content (NULL: who only wants to know if
 * it was written to, which frame->unwritten then tells). A chunk pinned for writing is
 * left open to the kernel, so it counts as written in any case. */
bool ufo_cleaning_begin(ufo_region *region, ufo_frame *frame, void *copy, ufo_error *error);
/* A step of it, for who has protected the chunk himself: copies it, and finds out if it was written to. */
void ufo_cleaning_copy(ufo_region *region, ufo_frame *frame, void *copy);
/* Ends what that began: the chunk is CLEAN, or DIRTY if it was written meanwhile or could not be written back. Returns
 * whether it is clean; writers of a held chunk then still wait. */
bool ufo_cleaning_end(ufo_region *region, ufo_frame *frame, ufo_status written);
/* An eviction, which is counted and told. The state is CLEAN or CLEANING; the frame is gone afterwards. False if the
 * kernel refuses, which it does for locked memory (mlock); the chunk then stays as it is. */
bool ufo_frame_drop_evicted(ufo_region *region, ufo_frame *frame, bool was_dirty, ufo_error *error);

/* ---- no lock is held ------------------------------------------------------------------------------------------------
 */

/* Between begin and end. */
ufo_status ufo_cleaning_write(ufo_region *region, const ufo_frame *frame, const void *copy, ufo_error *error);
/* Locks the chunk and returns its frame, taken out of its list so that no evictor picks it, or NULL (unlocked) if it is
 * not resident. Waits for whoever is at work on it. */
ufo_frame *ufo_chunk_take(ufo_region *region, uint64_t chunk, pthread_mutex_t *lock);
/* The frame that was taken comes to rest again. */
void ufo_frame_put_back(ufo_pool *pool, ufo_frame *frame, bool stuck, const ufo_error *error);
/* A frame that was taken is gone or back in a list. */
void ufo_hands_free(ufo_pool *pool);
/* Waits until an eviction or a fill has ended somewhere, or a moment. */
void ufo_wait_for_others(ufo_pool *pool);

#endif
