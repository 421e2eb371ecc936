/* subset.h - x[i] for many i: from the memory of a view to an ordinary vector. */
#ifndef UFOR_SUBSET_H
#define UFOR_SUBSET_H

#include "r.h"

#include "view.h"

/* The elements of `view`, a vector of R type `type`, that `index` says: whole numbers from 1, integer or double, as
 * base R's [ works them out from whatever it was given. NA for what is no position in the vector (0 in a raw vector).
 * Without attributes, which R adds. Raises the error of a chunk that cannot be read. */
SEXP ufor_subset(const ufor_view *view, SEXPTYPE type, SEXP index);

/* The same of the words of strings (strings.h), to `target`; what is not there is NA. */
void ufor_subset_words(const ufor_view *view, SEXP index, uint64_t *target);
/* Would as many reads here and there in this view read the same chunks again and again? */
int ufor_subset_may_thrash(const ufo_view *view, R_xlen_t reads);

#endif
