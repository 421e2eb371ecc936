/* altrep.c - ALTREP classes for logical, integer, double, complex and raw views.
 *
 * data1 of a vector is the shell of its view (view.h), data2 is unused. Base R calls Dataptr and Elt once per element
 * in places, so both are two loads, and Length is little more (sortkey.h). There is no Serialized_state method on
 * purpose: R then writes the values, so what saveRDS() and parallel clusters send is an ordinary vector that needs no
 * store to be read again. Sums and extremes are left to R, which runs over the data pointer as fast as we could. */
#include "altrep.h"

#include "memory.h"
#include "sortkey.h"
#include "view.h"

#include <R_ext/Altrep.h>
#include <stdint.h>
#include <string.h>

static R_altrep_class_t class_logical, class_integer, class_double, class_complex, class_raw;

static ufor_view *view_of(SEXP x) { return R_ExternalPtrAddr(R_altrep_data1(x)); }

/* ---- methods of all classes ------------------------------------------------------------------------------------- */

static R_xlen_t length_method(SEXP x) {
  ufor_sortkey_check(R_altrep_data1(x));
  return view_of(x)->length;
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

static void set_common_methods(R_altrep_class_t class) {
  R_set_altrep_Length_method(class, length_method);
  R_set_altrep_Duplicate_method(class, duplicate_method);
  R_set_altrep_Inspect_method(class, inspect_method);
  R_set_altvec_Dataptr_method(class, dataptr_method);
  R_set_altvec_Dataptr_or_null_method(class, dataptr_or_null_method);
}

void ufor_altrep_init(DllInfo *dll) {
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
  R_set_altlogical_Elt_method(class_logical, logical_elt_method);
  R_set_altlogical_Get_region_method(class_logical, logical_region_method);
  R_set_altinteger_Elt_method(class_integer, integer_elt_method);
  R_set_altinteger_Get_region_method(class_integer, integer_region_method);
  R_set_altinteger_Is_sorted_method(class_integer, is_sorted_method);
  R_set_altreal_Is_sorted_method(class_double, is_sorted_method);
  R_set_altreal_Elt_method(class_double, real_elt_method);
  R_set_altreal_Get_region_method(class_double, real_region_method);
  R_set_altcomplex_Elt_method(class_complex, complex_elt_method);
  R_set_altcomplex_Get_region_method(class_complex, complex_region_method);
  R_set_altraw_Elt_method(class_raw, raw_elt_method);
  R_set_altraw_Get_region_method(class_raw, raw_region_method);
}

SEXP ufor_altrep_new(ufo_type type, SEXP shell) {
  R_altrep_class_t class = type == UFO_LOGICAL   ? class_logical
                           : type == UFO_INTEGER ? class_integer
                           : type == UFO_DOUBLE  ? class_double
                           : type == UFO_COMPLEX ? class_complex
                                                 : class_raw;
  return R_new_altrep(class, shell, R_NilValue);
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
  default:
    return 0;
  }
}

/* Base R wraps a long shared vector, instead of copying it, when its attributes are changed. The wrapped vector is
 * data1 of the wrapper, whose class is named wrap_integer, wrap_real ... of package base. */
static int is_wrapper(SEXP x) {
  SEXP description = ATTRIB(ALTREP_CLASS(x));
  if (TYPEOF(description) != LISTSXP || TYPEOF(CAR(description)) != SYMSXP) return 0;
  return strncmp(CHAR(PRINTNAME(CAR(description))), "wrap_", 5) == 0 && CADR(description) == Rf_install("base");
}

SEXP ufor_altrep_shell(SEXP x) {
  for (int depth = 0; depth < 8 && ALTREP(x); depth++) {
    if (is_ours(x)) return R_altrep_data1(x);
    if (!is_wrapper(x)) return NULL;
    x = R_altrep_data1(x);
    if (TYPEOF(x) == NILSXP) return NULL;
  }
  return NULL;
}
