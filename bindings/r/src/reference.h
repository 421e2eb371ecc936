/* reference.h - a view as a few words that another process can open it by.
 *
 * What R serializes of a view, for a worker or a file, is a reference: the store's path and UUID, the object's name,
 * number and version. It is opened where it is unserialized. What such words cannot say travels by value: a view that
 * was changed, or of an object that is not committed or not to be found any more. So does everything that is put into a
 * store, which must not need another one, and all if options(ufostore.serialize = "value"). */
#ifndef UFOR_REFERENCE_H
#define UFOR_REFERENCE_H

#include "view.h"

/* The reference of a view, an ordinary list; NULL if its values have to be written. */
SEXP ufor_reference(const ufor_view *view);
/* The vector of R type `type` that a reference leads to, without attributes. Raises a condition if the store, the
 * object or the version is not there, or if it was not made by ufor_reference. */
SEXP ufor_dereference(SEXP state, SEXPTYPE type);

/* Nests: until as many calls with 0, no references are made. */
void ufor_reference_forbid(int forbid);

#endif
