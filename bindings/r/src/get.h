/* get.h - reading an object as an R value: views for vectors, lists of views for lists, values for all else. */
#ifndef UFOR_GET_H
#define UFOR_GET_H

#include "r.h"

/* .Call: the object `name` at `version` (NULL: the current one). If there is none, `absent` if that is not NULL, else
 * ufo_missing_error. If `plain` is TRUE, vectors are ordinary ones (plain.h), which R has to offer. Vectors are opened,
 * not read, so the cost depends on the number of columns alone. */
SEXP ufor_get(SEXP pointer, SEXP name, SEXP version, SEXP absent, SEXP plain);

#endif
