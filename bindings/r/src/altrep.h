/* altrep.h - the ALTREP classes: what R calls when it uses a view as a vector. Strings have theirs in strings.h. */
#ifndef UFOR_ALTREP_H
#define UFOR_ALTREP_H

#include "r.h"

#include "view.h"

#include <R_ext/Rdynload.h>

void ufor_altrep_init(DllInfo *dll);

/* The vector around a filled shell (view.h), of the class for its type; records are raw vectors. Once for each shell.
 */
SEXP ufor_altrep_new(SEXP shell);

/* The view of a vector of one of our classes. Raises a condition if it was released. */
ufor_view *ufor_altrep_view(SEXP x);

/* Call this before a view is freed. */
void ufor_altrep_forget(const ufor_view *view);

/* What the wrappers of R are around, if `x` is one; else `x`. */
SEXP ufor_altrep_unwrapped(SEXP x);

/* The shell of a vector of our classes, also behind wrappers of R; NULL for any other object, and for strings that
 * became an ordinary vector (strings.h). */
SEXP ufor_altrep_shell(SEXP x);

#endif
