/* repack.h - giving back text that no string needs any more.
 *
 * Strings that are assigned add to their object's text, and what they replace stays in it: a column of which something
 * is changed each day grows for ever. */
#ifndef UFO_STORE_REPACK_H
#define UFO_STORE_REPACK_H

#include <ufostore/store.h>

/* Writes words and text of each object of strings anew, in a transaction of its own, if more than a third of the text
 * is gained by that: it is needed by no string, and kept by no snapshot. Elements of lists included. What cannot be
 * read, or is changed by others meanwhile, stays as it is. Memory: up to 16 MiB for the map of what is needed, then
 * 64 MiB for text. No transaction of the store may be open in this thread. */
void ufo_texts_repack(ufo_store *store);

#endif
