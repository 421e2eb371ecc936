/* info.h - what the catalogue knows of an object. */
#ifndef UFOR_INFO_H
#define UFOR_INFO_H

#include "r.h"

/* .Call: a named list of figures about object `name` at `version` (NULL: the current one); see ufo_info() in R. Raises
 * ufo_missing_error. */
SEXP ufor_info(SEXP pointer, SEXP name, SEXP version);

#endif
