/* compat.h - what R has ways for since 4.5 or 4.6, and an older R only entry points that are none of its interface for
 * packages (R-devel counts or hides them).
 *
 * The older ones are used here, in attributes.c and in plain.c only, and only where R is older. The test of
 * tests/testthat/test-api.R compares what the package takes from R with a list. */
#ifndef UFOR_COMPAT_H
#define UFOR_COMPAT_H

#include "r.h"

#include <R_ext/Altrep.h>
#include <Rversion.h>

/* The environment of a closure, and the one around an environment. */
static inline SEXP ufor_closure_environment(SEXP closure) {
#if R_VERSION >= R_Version(4, 5, 0)
  return R_ClosureEnv(closure);
#else
  return CLOENV(closure);
#endif
}

static inline SEXP ufor_parent_environment(SEXP environment) {
#if R_VERSION >= R_Version(4, 5, 0)
  return R_ParentEnv(environment);
#else
  return ENCLOS(environment);
#endif
}

/* The value that a variable in `frame` itself was given, NULL if there is none. */
static inline SEXP ufor_variable(SEXP frame, const char *name) {
  SEXP symbol = Rf_install(name);
#if R_VERSION >= R_Version(4, 6, 0)
  return R_GetBindingType(symbol, frame) == R_BindingTypeValue ? R_getVarEx(symbol, frame, FALSE, R_NilValue)
                                                               : R_NilValue;
#else
  SEXP value = Rf_findVarInFrame(frame, symbol);
  return value == R_UnboundValue || TYPEOF(value) == PROMSXP ? R_NilValue : value;
#endif
}

#if R_VERSION >= R_Version(4, 5, 0) && R_VERSION < R_Version(4, 6, 0)
static inline SEXP ufor_force(void *promise) { return Rf_eval(promise, R_EmptyEnv); }
static inline SEXP ufor_no_value(SEXP problem, void *data) { return (void)problem, (void)data, R_NilValue; }
#endif

/* The same of an argument; NULL as long as it is not evaluated. R 4.5 does not tell: it is evaluated then, which gives
 * NULL while its evaluation is under way, and nobody hears of an error. */
static inline SEXP ufor_argument(SEXP frame, const char *name) {
  SEXP symbol = Rf_install(name);
#if R_VERSION >= R_Version(4, 6, 0)
  R_BindingType_t type = R_GetBindingType(symbol, frame);
  if (type != R_BindingTypeValue && type != R_BindingTypeForced) return R_NilValue;
  return R_getVarEx(symbol, frame, FALSE, R_NilValue);
#else
  SEXP value = Rf_findVarInFrame(frame, symbol);
  if (TYPEOF(value) == PROMSXP) {
#if R_VERSION >= R_Version(4, 5, 0)
    PROTECT(value);
    value = R_tryCatchError(ufor_force, value, ufor_no_value, NULL);
    UNPROTECT(1);
#else
    value = PRVALUE(value);
#endif
  }
  return value == R_UnboundValue ? R_NilValue : value;
#endif
}

/* The names of the class of an ALTREP vector and of its package, as symbols; R_NilValue if they are not to be had. */
static inline SEXP ufor_altrep_class_name(SEXP x) {
#if R_VERSION >= R_Version(4, 6, 0)
  return R_altrep_class_name(x);
#else
  SEXP description = ATTRIB(ALTREP_CLASS(x));
  return TYPEOF(description) == LISTSXP ? CAR(description) : R_NilValue;
#endif
}

static inline SEXP ufor_altrep_class_package(SEXP x) {
#if R_VERSION >= R_Version(4, 6, 0)
  return R_altrep_class_package(x);
#else
  SEXP description = ATTRIB(ALTREP_CLASS(x));
  return TYPEOF(description) == LISTSXP ? CADR(description) : R_NilValue;
#endif
}

#endif
