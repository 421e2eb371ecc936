/* descent.h - going down from a list to what it holds, in a store that may be damaged.
 *
 * Lists are trees, at most UFO_LIST_DEPTH_MAX deep (FORMAT.md, section 7). In a damaged or hostile file a list may be
 * inside of itself, or in many places at once: whoever follows every path is then on its way for ever. So a descent
 * enters each list once. Vectors need no such care: each entry of the map leads to one at most once. */
#ifndef UFO_STORE_DESCENT_H
#define UFO_STORE_DESCENT_H

#include <ufostore/store.h>

#include "util/u64map.h"

typedef struct ufo_descent {
  ufo_u64map lists; /* ids of those that were entered; the values mean nothing */
  int depth;
} ufo_descent;

/* Before the elements of a list are gone through. UFO_CORRUPT: it was entered before, or it is too deep; the message
 * names the object. UFO_FULL. After an error the list is not entered. `id` 0: a draft of a transaction; those are
 * trees, and the committed lists that one of them leads to are entered anew. */
ufo_status ufo_descent_enter(ufo_descent *descent, uint64_t id, ufo_error *error);
void ufo_descent_leave(ufo_descent *descent);
bool ufo_descent_was_in(const ufo_descent *descent, uint64_t id);
/* Frees what it remembers; it can begin anew. */
void ufo_descent_end(ufo_descent *descent);

#endif
