/* put.h - storing an R value. */
#ifndef UFOR_PUT_H
#define UFOR_PUT_H

#include "r.h"

/* .Call: makes `value` the next version of `name`, in the open transaction or in one of its own. `chunk` is bytes, 0
 * for the default; `conflict` is "error", "merge" or "replace" and concerns views that are put back. An error or an
 * interrupt leaves the store, and an open transaction, as they were. */
SEXP ufor_put(SEXP pointer, SEXP name, SEXP value, SEXP chunk, SEXP conflict);

#endif
