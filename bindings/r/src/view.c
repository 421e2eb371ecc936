/* view.c - the life of a view in R's hands, and copying out of any atomic vector. */
#include "view.h"

#include "altrep.h"
#include "condition.h"
#include "memory.h"
#include "plain.h"
#include "store.h"
#include "strings.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Elements are copied in pieces of this many bytes, with a look for an interrupt between them. */
#define PIECE_BYTES ((size_t)4 << 20)

/* All views that have a shell. Only R's thread comes here. */
static ufor_view *first_view;

static void list_insert(ufor_view *view) {
  view->next = first_view;
  if (first_view != NULL) first_view->previous = view;
  first_view = view;
}

static void list_remove(ufor_view *view) {
  if (view->previous != NULL) view->previous->next = view->next;
  else first_view = view->next;
  if (view->next != NULL) view->next->previous = view->previous;
}

void ufor_view_end(ufor_view *view) {
  ufor_altrep_forget(view);
  list_remove(view);
  ufo_view_release(view->view);
  free(view->plain_path);
  ufor_strings_free(view->strings);
  free(view);
  ufor_memory_view_released();
}

static void finalize_view(SEXP shell) {
  ufor_view *view = R_ExternalPtrAddr(shell);
  R_ClearExternalPtr(shell);
  if (view != NULL) ufor_view_end(view);
}

SEXP ufor_view_shell(SEXP path) {
  ufor_memory_relieve();
  SEXP shell = PROTECT(R_MakeExternalPtr(NULL, Rf_install("ufo_view"), path));
  R_RegisterCFinalizerEx(shell, finalize_view, TRUE);
  ufor_view *view = calloc(1, sizeof *view);
  if (view == NULL) ufor_raise_format(UFO_FULL, NULL, NULL, "Cannot open a view: out of memory");
  view->path = path;
  list_insert(view);
  ufor_memory_view_opened();
  R_SetExternalPtrAddr(shell, view);
  UNPROTECT(1);
  return shell;
}

ufor_view *ufor_view_in(SEXP shell) { return R_ExternalPtrAddr(shell); }

ufo_status ufor_view_fill(SEXP shell, ufo_view *view, const ufo_object_info *shape, ufo_error *error) {
  ufor_view *self = ufor_view_in(shell);
  self->view = view;
  /* A record of n bytes is n raw elements to R. */
  uint64_t length = ufo_view_length(view), per_element = shape->type == UFO_RECORD ? shape->element_bytes : 1;
  if (length > (uint64_t)R_XLEN_T_MAX / per_element)
    return ufor_fail(error, UFO_UNSUPPORTED, "Cannot open '%s': %.0f elements are more than a vector of R can have",
                     shape->name, (double)length * (double)per_element);
  self->data = ufo_view_data(view);
  self->length = (R_xlen_t)(length * per_element);
  self->type = shape->type;
  self->chunk_bytes = shape->chunk_bytes;
  return UFO_OK;
}

void ufor_view_fill_clone(SEXP shell, ufo_view *clone, const ufor_view *source) {
  ufor_view *self = ufor_view_in(shell);
  self->view = clone;
  self->data = ufo_view_data(clone);
  self->length = source->length;
  self->type = source->type;
  self->chunk_bytes = source->chunk_bytes;
  self->was_read = source->was_read;
}

SEXP ufor_view_vector(SEXP shell) { return ufor_altrep_new(shell); }

ufor_view *ufor_view_behind(SEXP x) {
  x = ufor_altrep_unwrapped(x);
  if (!ALTREP(x)) return ufor_plain_view(x);
  SEXP shell = ufor_altrep_shell(x);
  return shell == NULL ? NULL : ufor_view_in(shell);
}

ufor_view *ufor_view_of_plain(SEXP x) {
  for (ufor_view *view = first_view; view != NULL; view = view->next)
    if (view->plain_path != NULL && view->vector == x) return view;
  return NULL;
}

const char *ufor_view_path(const ufor_view *view) {
  return view->plain_path != NULL ? view->plain_path : ufor_name(view->path);
}

static int holds(const ufo_view *view, const void *address) {
  if (view == NULL) return 0;
  ufo_region_info info = {.struct_size = sizeof info};
  ufo_region_get_info(ufo_view_region(view), &info);
  uintptr_t body = (uintptr_t)info.body;
  return (uintptr_t)address >= body && (uintptr_t)address - body < info.body_bytes;
}

ufor_view *ufor_view_at(const void *address) {
  for (ufor_view *view = first_view; view != NULL; view = view->next) {
    if (holds(view->view, address) || (view->strings != NULL && holds(view->strings->text, address))) return view;
  }
  return NULL;
}

static uint64_t chunk_of(const ufo_view *view) {
  if (view == NULL) return 0;
  ufo_region_info info = {.struct_size = sizeof info};
  ufo_region_get_info(ufo_view_region(view), &info);
  return info.body_bytes < info.chunk_bytes ? info.body_bytes : info.chunk_bytes;
}

uint64_t ufor_view_largest_chunk(void) {
  uint64_t largest = 0;
  for (const ufor_view *view = first_view; view != NULL; view = view->next) {
    uint64_t chunk = chunk_of(view->view), text = view->strings == NULL ? 0 : chunk_of(view->strings->text);
    if (chunk > largest) largest = chunk;
    if (text > largest) largest = text;
  }
  return largest;
}

/* ---- atomic vectors in general ---------------------------------------------------------------------------------- */

size_t ufor_element_bytes(SEXPTYPE type) { return ufo_type_bytes(ufor_type_of(type)); }

ufo_type ufor_type_of(SEXPTYPE type) {
  switch (type) {
  case LGLSXP:
    return UFO_LOGICAL;
  case INTSXP:
    return UFO_INTEGER;
  case REALSXP:
    return UFO_DOUBLE;
  case CPLXSXP:
    return UFO_COMPLEX;
  case RAWSXP:
    return UFO_RAW;
  case STRSXP:
    return UFO_CHARACTER;
  default:
    return (ufo_type)0;
  }
}

void ufor_copy_elements(SEXP x, R_xlen_t first, R_xlen_t count, void *target) {
  switch (TYPEOF(x)) {
  case LGLSXP:
    LOGICAL_GET_REGION(x, first, count, target);
    break;
  case INTSXP:
    INTEGER_GET_REGION(x, first, count, target);
    break;
  case REALSXP:
    REAL_GET_REGION(x, first, count, target);
    break;
  case CPLXSXP:
    COMPLEX_GET_REGION(x, first, count, target);
    break;
  case RAWSXP:
    RAW_GET_REGION(x, first, count, target);
    break;
  default:
    break;
  }
}

void *ufor_vector_data(SEXP x) {
  switch (TYPEOF(x)) {
  case LGLSXP:
    return LOGICAL(x);
  case INTSXP:
    return INTEGER(x);
  case REALSXP:
    return REAL(x);
  case CPLXSXP:
    return COMPLEX(x);
  default:
    return RAW(x);
  }
}

SEXP ufor_is_view(SEXP x) { return Rf_ScalarLogical(ufor_view_behind(x) != NULL); }

static SEXP materialize_strings(SEXP x) {
  const R_xlen_t piece = 1 << 16, length = Rf_xlength(x);
  SEXP copy = PROTECT(Rf_allocVector(STRSXP, length));
  for (R_xlen_t first = 0; first < length; first += piece) {
    R_xlen_t count = length - first < piece ? length - first : piece;
    SEXP part = PROTECT(ufor_strings_range(x, first, count));
    for (R_xlen_t i = 0; i < count; i++) SET_STRING_ELT(copy, first + i, STRING_ELT(part, i));
    UNPROTECT(1);
    R_CheckUserInterrupt();
  }
  SHALLOW_DUPLICATE_ATTRIB(copy, x);
  UNPROTECT(1);
  return copy;
}

SEXP ufor_materialize(SEXP x) {
  if (ufor_view_behind(x) == NULL) return x;
  if (TYPEOF(x) == STRSXP) return materialize_strings(x);
  R_xlen_t length = Rf_xlength(x);
  size_t bytes = ufor_element_bytes(TYPEOF(x));
  R_xlen_t piece = (R_xlen_t)(PIECE_BYTES / bytes);
  SEXP copy = PROTECT(Rf_allocVector(TYPEOF(x), length));
  char *target = length > 0 ? ufor_vector_data(copy) : NULL;
  for (R_xlen_t first = 0; first < length; first += piece) {
    ufor_copy_elements(x, first, length - first < piece ? length - first : piece, target + (size_t)first * bytes);
    R_CheckUserInterrupt();
  }
  SHALLOW_DUPLICATE_ATTRIB(copy, x);
  UNPROTECT(1);
  return copy;
}
