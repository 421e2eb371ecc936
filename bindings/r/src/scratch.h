/* scratch.h - vectors for results: views of no object, whose contents spill to a scratch file when memory is short.
 *
 * The calls that write change a vector in place, whoever else refers to it: R code gives them only what it made by
 * ufor_scratch or ufor_own, and nobody else has seen yet. */
#ifndef UFOR_SCRATCH_H
#define UFOR_SCRATCH_H

#include "r.h"

/* .Call: a view of `length` zeros of a type such as "double". `pointer` is an open store, whose scratch file is used.
 * Strings have their own: words.h. */
SEXP ufor_scratch(SEXP pointer, SEXP type, SEXP length);
/* .Call: a vector with the same elements and attributes that can be written to without changing `x`. For a view it is a
 * clone. */
SEXP ufor_own(SEXP x);
/* .Call: elements first + 1 ... first + count of an atomic vector, as an ordinary one without attributes. */
SEXP ufor_piece(SEXP x, SEXP first, SEXP count);
/* .Call: is.na() of the same elements of a character vector. */
SEXP ufor_piece_na(SEXP x, SEXP first, SEXP count);
/* .Call: writes all of `values`, of the same type, to elements first + 1 ... of `x`, in place; NULL. `pointer` as
 * above: strings may need more scratch. */
SEXP ufor_piece_write(SEXP pointer, SEXP x, SEXP first, SEXP values);
/* .Call: what is known of the values of a view of a stored vector that was not changed, without reading them: a double
 * vector (missing, has range, least, greatest, ascending, descending); NULL if nothing is known. */
SEXP ufor_statistics(SEXP x);

#endif
