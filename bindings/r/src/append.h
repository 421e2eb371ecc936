/* append.h - adding elements to stored vectors, and rows to stored data frames. */
#ifndef UFOR_APPEND_H
#define UFOR_APPEND_H

#include "r.h"

/* .Call entry points. What fits to what is decided in R (append.R), from the shape of what is stored. */

/* What is stored under `name`, without its elements: list(path, type, r_type, length, id, version, attributes,
 * columns), the attributes as they are stored, the columns of a list being shapes themselves. NULL: it was changed
 * meanwhile. */
SEXP ufor_append_shape(SEXP pointer, SEXP name);

/* Carries out `parts`, all or none, each of which is a list(path, type, values, map, attributes):
 *   type        as typeof() says it of what is stored
 *   values      an atomic vector of the stored type or a lower one, or NULL
 *   map         NULL, or integers: code i of the factor `values` is stored as map[i]
 *   attributes  a named list of those to be set; NULL in it removes one
 * FALSE, and nothing was done: `name` is not object `id` at `version`, or not any more once this is to be committed. */
SEXP ufor_append(SEXP pointer, SEXP name, SEXP id, SEXP version, SEXP parts);

#endif
