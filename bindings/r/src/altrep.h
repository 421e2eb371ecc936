/* altrep.h - the ALTREP classes: what R calls when it uses a view as a vector. */
#ifndef UFOR_ALTREP_H
#define UFOR_ALTREP_H

#include "r.h"

#include <R_ext/Rdynload.h>

void ufor_altrep_init(DllInfo *dll);

/* A vector of the class for `type` around a filled shell (view.h); records are raw vectors. */
SEXP ufor_altrep_new(ufo_type type, SEXP shell);

/* The shell of a vector of our classes, also behind wrappers of R; NULL for any other object. */
SEXP ufor_altrep_shell(SEXP x);

#endif
