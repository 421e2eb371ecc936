/* lazy.h - the object that a lazy vector is in R (R/lazy.R). */
#ifndef UFOR_LAZY_H
#define UFOR_LAZY_H

#include "r.h"

/* .Call: an object of R's type for S4 objects, which is no vector, with `vector` as its attribute of that name and
 * `class` as its class. */
SEXP ufor_lazy(SEXP vector, SEXP class);

#endif
