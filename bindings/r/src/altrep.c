/* altrep.c - ALTREP classes for logical, integer, double, complex and raw views.
 *
 * data1 of a vector is the shell of its view (view.h), data2 is unused. Base R calls Length and Elt for each element of
 * a loop, so both are a few loads. What is serialized of a vector is told in reference.h. Extremes are left to R, which
 * runs over the data pointer as fast as we could. */
#include "altrep.h"

#include "compat.h"
#include "condition.h"
#include "memory.h"
#include "reference.h"
#include "sortkey.h"
#include "store.h"
#include "strings.h"
#include "subset.h"
#include "sum.h"
#include "view.h"

#include <R_ext/Altrep.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

static R_altrep_class_t class_logical, class_integer, class_double, class_complex, class_raw;

/* ---- from a vector to its view ---------------------------------------------------------------------------------- */

/* Asking R for data1 and for what is in it takes three calls, longer than all the rest of an access. So the views used
 * last are remembered, each in a place that depends on the address of its vector.
 *
 * A vector may be collected and another one get its address. If that is one of ours, too, it takes the place when it is
 * made; if not, nobody asks here for it. A view that is released leaves its place. */
#define PLACES 16
static ufor_view nobody;
static ufor_view *recent[PLACES];

static ufor_view **place_of(SEXP x) { return &recent[(uintptr_t)x / 64 % PLACES]; }

/* Objects that R finalizes together may refer to each other: a finalizer in R may touch a vector whose view has been
 * released just before. So may code that runs when R ends. */
static _Noreturn void raise_released(SEXP shell) {
  SEXP path = R_ExternalPtrProtected(shell);
  ufor_raise_format(UFO_USAGE, TYPEOF(path) == CHARSXP || TYPEOF(path) == STRSXP ? ufor_name(path) : NULL, NULL,
                    "Cannot use a vector that was released together with what refers to it, or because R ends: a "
                    "finalizer comes too late for that");
}

static __attribute__((noinline)) ufor_view *look_up(SEXP x) {
  SEXP shell = R_altrep_data1(x);
  ufor_view *view = R_ExternalPtrAddr(shell);
  if (view == NULL) raise_released(shell);
  return *place_of(x) = view;
}

/* Raises a condition if the view is no more. */
static inline ufor_view *view_of(SEXP x) {
  ufor_view *view = *place_of(x);
  return view->vector == x ? view : look_up(x);
}

ufor_view *ufor_altrep_view(SEXP x) { return view_of(x); }

void ufor_altrep_forget(const ufor_view *view) {
  if (view->vector != NULL && *place_of(view->vector) == view) *place_of(view->vector) = &nobody;
}

/* ---- methods of all classes ------------------------------------------------------------------------------------- */

static R_xlen_t length_method(SEXP x) {
  ufor_view *view = view_of(x);
  ufor_sortkey_check(view);
  return view->length;
}

/* Asked before a sort by one number. That the answer is not known makes R do what it would do with any vector. */
static int is_sorted_method(SEXP x) {
  ufor_sortkey_read(view_of(x));
  return UNKNOWN_SORTEDNESS;
}

static void *dataptr_method(SEXP x, Rboolean writable) {
  (void)writable; /* the memory is private: read-only functions of base R ask for a writable pointer too */
  return view_of(x)->data;
}

static const void *dataptr_or_null_method(SEXP x) { return view_of(x)->data; }

/* R hands over an index that it has worked out: whole numbers from 1, or NA. */
static SEXP extract_subset_method(SEXP x, SEXP index, SEXP call) {
  (void)call;
  if (TYPEOF(index) != INTSXP && TYPEOF(index) != REALSXP) return NULL;
  return ufor_subset(view_of(x), TYPEOF(x), index);
}

/* R copies the attributes afterwards. NULL makes R copy the values into ordinary memory instead. */
static SEXP duplicate_method(SEXP x, Rboolean deep) {
  (void)deep;
  ufor_view *source = view_of(x);
  SEXP shell = PROTECT(ufor_view_shell(source->path));
  ufo_view *clone = NULL;
  ufo_error error;
  SEXP copy = NULL;
  ufo_status status = ufo_view_clone(source->view, &clone, &error);
  if (status == UFO_FULL) {
    ufor_memory_collect();
    status = ufo_view_clone(source->view, &clone, &error);
  }
  if (status == UFO_OK) {
    ufor_view_fill_clone(shell, clone, source);
    copy = ufor_view_vector(shell);
  }
  UNPROTECT(1);
  return copy;
}

/* NULL makes R write the values. */
static SEXP serialized_state_method(SEXP x) { return ufor_reference(view_of(x)); }

static SEXP unserialize_logical(SEXP class, SEXP state) { return (void)class, ufor_dereference(state, LGLSXP); }
static SEXP unserialize_integer(SEXP class, SEXP state) { return (void)class, ufor_dereference(state, INTSXP); }
static SEXP unserialize_double(SEXP class, SEXP state) { return (void)class, ufor_dereference(state, REALSXP); }
static SEXP unserialize_complex(SEXP class, SEXP state) { return (void)class, ufor_dereference(state, CPLXSXP); }
static SEXP unserialize_raw(SEXP class, SEXP state) { return (void)class, ufor_dereference(state, RAWSXP); }

static Rboolean inspect_method(SEXP x, int pre, int deep, int pvec, void (*inspect_subtree)(SEXP, int, int, int)) {
  (void)pre, (void)deep, (void)pvec, (void)inspect_subtree;
  ufo_view_info info = {.struct_size = sizeof info};
  ufo_error error;
  if (ufo_view_get_info(view_of(x)->view, &info, &error) != UFO_OK) return FALSE;
  Rprintf(" ufostore view of '%s' version %.0f, length %.0f, %.0f of %.0f chunks changed\n", info.name,
          (double)info.version, (double)info.length, (double)info.chunks_changed, (double)info.chunk_count);
  return TRUE;
}

/* ---- methods by element type ------------------------------------------------------------------------------------ */

static R_xlen_t copy_region(SEXP x, R_xlen_t first, R_xlen_t count, void *target, size_t element_bytes) {
  const ufor_view *view = view_of(x);
  R_xlen_t rest = view->length - first;
  if (count > rest) count = rest;
  if (count <= 0) return 0;
  memcpy(target, (const char *)view->data + (size_t)first * element_bytes, (size_t)count * element_bytes);
  return count;
}

#define ELEMENT_METHODS(kind, ctype)                                                                                   \
  static ctype kind##_elt_method(SEXP x, R_xlen_t i) { return ((const ctype *)view_of(x)->data)[i]; }                  \
  static R_xlen_t kind##_region_method(SEXP x, R_xlen_t first, R_xlen_t count, ctype *target) {                        \
    return copy_region(x, first, count, target, sizeof(ctype));                                                        \
  }

ELEMENT_METHODS(logical, int)
ELEMENT_METHODS(integer, int)
ELEMENT_METHODS(real, double)
ELEMENT_METHODS(complex, Rcomplex)
ELEMENT_METHODS(raw, Rbyte)

/* ---- sums ------------------------------------------------------------------------------------------------------- */

/* Elements added up between two looks for an interrupt. */
#define SUM_PIECE ((R_xlen_t)1 << 20)

static R_xlen_t piece_at(const ufor_view *view, R_xlen_t first) {
  return view->length - first < SUM_PIECE ? view->length - first : SUM_PIECE;
}

/* R can be built to add up in double. Its own loop is used then. */
static int adds_in_long_double(void) {
  static int answer = -1;
  if (answer < 0) {
    SEXP call = PROTECT(Rf_lang1(Rf_install("has_long_double")));
    answer = Rf_asLogical(Rf_eval(call, ufor_namespace())) == TRUE;
    UNPROTECT(1);
  }
  return answer;
}

static SEXP real_sum_method(SEXP x, Rboolean na_rm) {
  if (!adds_in_long_double()) return NULL;
  const ufor_view *view = view_of(x);
  long double sum = 0;
  for (R_xlen_t first = 0; first < view->length; first += SUM_PIECE) {
    sum = ufor_sum_doubles(sum, (const double *)view->data + first, (size_t)piece_at(view, first), na_rm == TRUE);
    if (isnan(sum)) return NULL; /* which of NA and NaN it is, if both are there, is a matter of R's own loop */
    R_CheckUserInterrupt();
  }
  /* As R does: what rounds to the largest double counts as infinite, too. */
  return Rf_ScalarReal(sum > DBL_MAX ? R_PosInf : sum < -DBL_MAX ? R_NegInf : (double)sum);
}

/* NULL makes R add up again: it warns about an overflow in the name of the call, and goes over to doubles for sums that
 * are larger than can be here. */
static SEXP integer_sum_method(SEXP x, Rboolean na_rm) {
  const ufor_view *view = view_of(x);
  if (view->length > INT_MAX) return NULL;
  int64_t sum = 0;
  for (R_xlen_t first = 0; first < view->length; first += SUM_PIECE) {
    size_t missing = ufor_sum_integers(&sum, (const int *)view->data + first, (size_t)piece_at(view, first));
    if (missing > 0 && !na_rm) return Rf_ScalarInteger(NA_INTEGER);
    R_CheckUserInterrupt();
  }
  return sum > INT_MAX || sum < -INT_MAX ? NULL : Rf_ScalarInteger((int)sum);
}

static void set_common_methods(R_altrep_class_t class) {
  R_set_altrep_Length_method(class, length_method);
  R_set_altrep_Duplicate_method(class, duplicate_method);
  R_set_altrep_Inspect_method(class, inspect_method);
  R_set_altrep_Serialized_state_method(class, serialized_state_method);
  R_set_altvec_Dataptr_method(class, dataptr_method);
  R_set_altvec_Dataptr_or_null_method(class, dataptr_or_null_method);
  R_set_altvec_Extract_subset_method(class, extract_subset_method);
}

void ufor_altrep_init(DllInfo *dll) {
  for (int i = 0; i < PLACES; i++) recent[i] = &nobody;
  class_logical = R_make_altlogical_class("ufo_logical", "ufostore", dll);
  class_integer = R_make_altinteger_class("ufo_integer", "ufostore", dll);
  class_double = R_make_altreal_class("ufo_double", "ufostore", dll);
  class_complex = R_make_altcomplex_class("ufo_complex", "ufostore", dll);
  class_raw = R_make_altraw_class("ufo_raw", "ufostore", dll);
  set_common_methods(class_logical);
  set_common_methods(class_integer);
  set_common_methods(class_double);
  set_common_methods(class_complex);
  set_common_methods(class_raw);
  R_set_altrep_Unserialize_method(class_logical, unserialize_logical);
  R_set_altrep_Unserialize_method(class_integer, unserialize_integer);
  R_set_altrep_Unserialize_method(class_double, unserialize_double);
  R_set_altrep_Unserialize_method(class_complex, unserialize_complex);
  R_set_altrep_Unserialize_method(class_raw, unserialize_raw);
  R_set_altlogical_Elt_method(class_logical, logical_elt_method);
  R_set_altlogical_Get_region_method(class_logical, logical_region_method);
  R_set_altinteger_Elt_method(class_integer, integer_elt_method);
  R_set_altinteger_Get_region_method(class_integer, integer_region_method);
  R_set_altinteger_Is_sorted_method(class_integer, is_sorted_method);
  R_set_altinteger_Sum_method(class_integer, integer_sum_method);
  R_set_altreal_Is_sorted_method(class_double, is_sorted_method);
  R_set_altreal_Sum_method(class_double, real_sum_method);
  R_set_altreal_Elt_method(class_double, real_elt_method);
  R_set_altreal_Get_region_method(class_double, real_region_method);
  R_set_altcomplex_Elt_method(class_complex, complex_elt_method);
  R_set_altcomplex_Get_region_method(class_complex, complex_region_method);
  R_set_altraw_Elt_method(class_raw, raw_elt_method);
  R_set_altraw_Get_region_method(class_raw, raw_region_method);
  ufor_strings_init(dll);
}

SEXP ufor_altrep_new(SEXP shell) {
  ufor_view *view = ufor_view_in(shell);
  const ufo_type type = view->type;
  R_altrep_class_t class = type == UFO_LOGICAL   ? class_logical
                           : type == UFO_INTEGER ? class_integer
                           : type == UFO_DOUBLE  ? class_double
                           : type == UFO_COMPLEX ? class_complex
                                                 : class_raw;
  SEXP vector = type == UFO_CHARACTER ? ufor_strings_new(shell) : R_new_altrep(class, shell, R_NilValue);
  view->vector = vector;
  *place_of(vector) = view;
  return vector;
}

/* ---- recognising our vectors ------------------------------------------------------------------------------------ */

static int is_ours(SEXP x) {
  switch (TYPEOF(x)) {
  case LGLSXP:
    return R_altrep_inherits(x, class_logical);
  case INTSXP:
    return R_altrep_inherits(x, class_integer);
  case REALSXP:
    return R_altrep_inherits(x, class_double);
  case CPLXSXP:
    return R_altrep_inherits(x, class_complex);
  case RAWSXP:
    return R_altrep_inherits(x, class_raw);
  case STRSXP:
    return ufor_strings_is_view(x);
  default:
    return 0;
  }
}

/* Base R wraps a long shared vector, instead of copying it, when its attributes are changed. The wrapped vector is
 * data1 of the wrapper, whose class is named wrap_integer, wrap_real ... of package base. */
static int is_wrapper(SEXP x) {
  SEXP name = ufor_altrep_class_name(x);
  if (TYPEOF(name) != SYMSXP || strncmp(CHAR(PRINTNAME(name)), "wrap_", 5) != 0) return 0;
  return ufor_altrep_class_package(x) == Rf_install("base");
}

SEXP ufor_altrep_unwrapped(SEXP x) {
  for (int depth = 0; depth < 8 && ALTREP(x) && !is_ours(x) && is_wrapper(x); depth++) x = R_altrep_data1(x);
  return x;
}

SEXP ufor_altrep_shell(SEXP x) {
  x = ufor_altrep_unwrapped(x);
  return ALTREP(x) && is_ours(x) ? R_altrep_data1(x) : NULL;
}
