/* lazy.c - see lazy.h. */
#include "lazy.h"

SEXP ufor_lazy(SEXP vector, SEXP class) {
  SEXP x = PROTECT(Rf_allocS4Object());
  Rf_setAttrib(x, Rf_install("vector"), vector);
  Rf_setAttrib(x, R_ClassSymbol, class);
  UNPROTECT(1);
  return x;
}
