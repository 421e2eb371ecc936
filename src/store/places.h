/* places.h - where the next chunks of an object lie, looked up together while chunks are read one after the other.
 *
 * An entry in force at a version never changes, and a large blob lies where it lies until it is deleted. The object's
 * pin keeps both, so what was looked up in one transaction holds as long as the object does, whatever others commit,
 * and its blobs are read without one. Whoever finds that something is not as it should be looks it up anew: an error
 * is never told from here. */
#ifndef UFO_STORE_PLACES_H
#define UFO_STORE_PLACES_H

#include "store/handle.h"

typedef enum ufo_place_kind {
  UFO_PLACE_UNKNOWN, /* it must be looked up */
  UFO_PLACE_ABSENT,  /* the chunk has no entry */
  UFO_PLACE_HERE,    /* `stored` holds what is stored of it, if anything is */
  UFO_PLACE_FILE,    /* it is in the file, at `offset` */
} ufo_place_kind;

typedef struct ufo_place {
  ufo_place_kind kind;
  ufo_entry entry; /* of HERE and FILE: a chunk's, not longer than the chunk */
  const uint8_t *stored;
  uint64_t offset;
} ufo_place;

/* The place of the chunk, if it is near one read before; else NULL, at no cost. Where the disk is waited for, what will
 * be read next is asked for meanwhile. Valid until the next call with this `work`. */
const ufo_place *ufo_places_find(ufo_work *work, ufo_object *object, uint64_t chunk);
void ufo_places_free(ufo_places *places); /* NULL is allowed */

#endif
