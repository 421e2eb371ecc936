/* verify.h - checking a whole store. */
#ifndef UFOR_VERIFY_H
#define UFOR_VERIFY_H

#include "r.h"

/* .Call: a list of vectors (object, version, first, last, cause), one element for each damage found; `progress` says
 * how to show how far it is: 0 not at all, 1 in one place of the screen, 2 by a line for every tenth. Interrupts end it
 * as they would any R code. */
SEXP ufor_verify(SEXP pointer, SEXP progress);
SEXP ufor_salvage(SEXP path, SEXP out, SEXP progress);

#endif
