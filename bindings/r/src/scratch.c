/* scratch.c - results: see scratch.h. */
#include "scratch.h"

#include "condition.h"
#include "memory.h"
#include "store.h"
#include "strings.h"
#include "view.h"
#include "words.h"

#include <string.h>

static ufo_status create(const ufor_store *handle, ufo_pool *pool, const ufo_object_spec *spec, ufo_view **view,
                         ufo_error *error) {
  return ufo_view_create(handle->store, pool, spec, NULL, view, error);
}

SEXP ufor_scratch(SEXP pointer, SEXP type, SEXP length) {
  const ufor_store *handle = ufor_store_from(pointer);
  const ufo_object_spec spec = {
      .struct_size = sizeof spec, .type = ufo_type_from_name(ufor_name(type)), .length = (uint64_t)Rf_asReal(length)};
  ufo_pool *pool = ufor_pool();
  SEXP shell = PROTECT(ufor_view_shell(handle->path));
  ufo_view *view;
  ufo_error error;
  ufo_status status = create(handle, pool, &spec, &view, &error);
  if (status == UFO_FULL) {
    ufor_memory_collect();
    status = create(handle, pool, &spec, &view, &error);
  }
  if (status == UFO_OK) {
    ufo_view_info info = {.struct_size = sizeof info};
    status = ufo_view_get_info(view, &info, &error);
    ufo_object_info shape = {.struct_size = sizeof shape,
                             .name = UFO_VIEW_OF_NOTHING,
                             .type = spec.type,
                             .element_bytes = info.element_bytes,
                             .chunk_bytes = info.chunk_bytes};
    if (status == UFO_OK) status = ufor_view_fill(shell, view, &shape, &error);
    else ufo_view_release(view);
  }
  if (status != UFO_OK) ufor_raise(&error, NULL, NULL);
  SEXP vector = ufor_view_vector(shell);
  UNPROTECT(1);
  return vector;
}

SEXP ufor_own(SEXP x) { return Rf_shallow_duplicate(x); }

static R_xlen_t position(SEXP number) { return (R_xlen_t)Rf_asReal(number); }

static void check_range(SEXP x, R_xlen_t first, R_xlen_t count) {
  if (TYPEOF(x) != STRSXP && ufor_element_bytes(TYPEOF(x)) == 0)
    ufor_raise_format(UFO_USAGE, NULL, NULL, "A piece of a vector of type %s cannot be taken", Rf_type2char(TYPEOF(x)));
  if (first < 0 || count < 0 || first > Rf_xlength(x) || count > Rf_xlength(x) - first)
    ufor_raise_format(UFO_USAGE, NULL, NULL, "Elements %.0f to %.0f are not in a vector of length %.0f",
                      (double)first + 1, (double)first + (double)count, (double)Rf_xlength(x));
}

SEXP ufor_piece(SEXP x, SEXP first, SEXP count) {
  R_xlen_t from = position(first), length = position(count);
  check_range(x, from, length);
  if (TYPEOF(x) == STRSXP) return ufor_strings_range(x, from, length);
  SEXP piece = PROTECT(Rf_allocVector(TYPEOF(x), length));
  if (length > 0) ufor_copy_elements(x, from, length, ufor_vector_data(piece));
  UNPROTECT(1);
  return piece;
}

SEXP ufor_piece_na(SEXP x, SEXP first, SEXP count) {
  R_xlen_t from = position(first), length = position(count);
  check_range(x, from, length);
  SEXP missing = PROTECT(Rf_allocVector(LGLSXP, length));
  if (length > 0) ufor_words_are_na(x, from, length, LOGICAL(missing));
  UNPROTECT(1);
  return missing;
}

static void write_strings(SEXP pointer, SEXP x, R_xlen_t first, SEXP values) {
  if (ufor_view_behind(x) != NULL) {
    ufor_words_write(pointer, x, first, values);
    return;
  }
  for (R_xlen_t i = 0; i < Rf_xlength(values); i++) SET_STRING_ELT(x, first + i, STRING_ELT(values, i));
}

SEXP ufor_piece_write(SEXP pointer, SEXP x, SEXP first, SEXP values) {
  R_xlen_t from = position(first), length = Rf_xlength(values);
  check_range(x, from, length);
  if (TYPEOF(x) != TYPEOF(values))
    ufor_raise_format(UFO_USAGE, NULL, NULL, "Values of type %s cannot be written to a vector of type %s",
                      Rf_type2char(TYPEOF(values)), Rf_type2char(TYPEOF(x)));
  if (TYPEOF(x) == STRSXP) {
    write_strings(pointer, x, from, values);
    return R_NilValue;
  }
  char *target = length > 0 ? ufor_vector_data(x) : NULL;
  if (length > 0) ufor_copy_elements(values, 0, length, target + (size_t)from * ufor_element_bytes(TYPEOF(x)));
  return R_NilValue;
}

SEXP ufor_statistics(SEXP x) {
  const ufor_view *view = ufor_view_behind(x);
  if (view == NULL || view->strings != NULL) return R_NilValue;
  ufo_view_info info = {.struct_size = sizeof info};
  ufo_view_statistics known = {.struct_size = sizeof known};
  ufo_error error;
  if (ufo_view_get_info(view->view, &info, &error) != UFO_OK) return R_NilValue;
  if (info.version == 0 || info.chunks_changed > 0) return R_NilValue;
  /* What cannot be told is found by reading, with the right error if that fails, too. */
  if (ufo_view_get_statistics(view->view, &known, &error) != UFO_OK || !known.is_known) return R_NilValue;
  const double figures[] = {(double)known.missing,      known.has_range,    known.least, known.greatest,
                            (double)known.is_ascending, known.is_descending};
  SEXP result = Rf_allocVector(REALSXP, sizeof figures / sizeof figures[0]);
  memcpy(REAL(result), figures, sizeof figures);
  return result;
}
