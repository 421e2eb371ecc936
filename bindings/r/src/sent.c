#include "sent.h"

#include "condition.h"

#include <R_ext/Altrep.h>
#include <R_ext/Rdynload.h>
#include <string.h>

/* ---- the mark --------------------------------------------------------------------------------------------------- */

static R_altrep_class_t class_mark;

static SEXP new_mark(void) {
  SEXP none = PROTECT(Rf_allocVector(RAWSXP, 0));
  SEXP mark = R_new_altrep(class_mark, none, R_NilValue);
  UNPROTECT(1);
  return mark;
}

static R_xlen_t mark_length(SEXP mark) {
  (void)mark;
  return 0;
}

static void *mark_dataptr(SEXP mark, Rboolean writable) {
  (void)writable;
  return RAW(R_altrep_data1(mark));
}

static const void *mark_dataptr_or_null(SEXP mark) { return mark_dataptr(mark, FALSE); }

/* There is nothing to say, but NULL would mean an ordinary vector. */
static SEXP mark_serialized_state(SEXP mark) {
  (void)mark;
  return Rf_ScalarLogical(1);
}

static SEXP mark_unserialize(SEXP class, SEXP state) {
  (void)class;
  (void)state;
  return new_mark();
}

void ufor_sent_init(DllInfo *dll) {
  class_mark = R_make_altraw_class("ufo_sent", "ufostore", dll);
  R_set_altrep_Length_method(class_mark, mark_length);
  R_set_altrep_Serialized_state_method(class_mark, mark_serialized_state);
  R_set_altrep_Unserialize_method(class_mark, mark_unserialize);
  R_set_altvec_Dataptr_method(class_mark, mark_dataptr);
  R_set_altvec_Dataptr_or_null_method(class_mark, mark_dataptr_or_null);
}

/* ---- which store ------------------------------------------------------------------------------------------------ */

SEXP ufor_sent_fields(const ufo_store *store, SEXP path, SEXP snapshot, int preflight) {
  char uuid[37];
  ufo_store_uuid(store, uuid);
  SEXP fields = PROTECT(Rf_allocVector(VECSXP, UFOR_SENT_FIELDS));
  SET_VECTOR_ELT(fields, UFOR_SENT_PATH, path);
  SET_VECTOR_ELT(fields, UFOR_SENT_UUID, Rf_mkString(uuid));
  SET_VECTOR_ELT(fields, UFOR_SENT_SNAPSHOT, snapshot);
  SET_VECTOR_ELT(fields, UFOR_SENT_PREFLIGHT, Rf_ScalarLogical(preflight));
  SET_VECTOR_ELT(fields, UFOR_SENT_MARK, new_mark());
  UNPROTECT(1);
  return fields;
}

static int is_string(SEXP x) { return TYPEOF(x) == STRSXP && XLENGTH(x) == 1 && STRING_ELT(x, 0) != R_NaString; }

int ufor_is_sent(SEXP pointer) {
  SEXP fields = R_ExternalPtrProtected(pointer);
  if (R_ExternalPtrTag(pointer) != Rf_install("ufo_store") || TYPEOF(fields) != VECSXP ||
      XLENGTH(fields) != UFOR_SENT_FIELDS)
    return 0;
  SEXP snapshot = VECTOR_ELT(fields, UFOR_SENT_SNAPSHOT);
  return is_string(VECTOR_ELT(fields, UFOR_SENT_PATH)) && is_string(VECTOR_ELT(fields, UFOR_SENT_UUID)) &&
         TYPEOF(VECTOR_ELT(fields, UFOR_SENT_PREFLIGHT)) == LGLSXP &&
         XLENGTH(VECTOR_ELT(fields, UFOR_SENT_PREFLIGHT)) == 1 && (snapshot == R_NilValue || is_string(snapshot));
}

static const char *text_of(SEXP fields, int field) { return CHAR(STRING_ELT(VECTOR_ELT(fields, field), 0)); }

ufo_status ufor_sent_open(SEXP pointer, ufo_store **store_out, ufo_error *error) {
  SEXP fields = R_ExternalPtrProtected(pointer);
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  if (VECTOR_ELT(fields, UFOR_SENT_SNAPSHOT) != R_NilValue) options.snapshot = text_of(fields, UFOR_SENT_SNAPSHOT);
  options.preflight = Rf_asLogical(VECTOR_ELT(fields, UFOR_SENT_PREFLIGHT)) != FALSE;
  ufo_status status = ufo_store_open(text_of(fields, UFOR_SENT_PATH), &options, store_out, error);
  if (status != UFO_OK) return status;
  char uuid[37];
  ufo_store_uuid(*store_out, uuid);
  if (strcmp(uuid, text_of(fields, UFOR_SENT_UUID)) == 0) return UFO_OK;
  ufo_store_close(*store_out);
  *store_out = NULL;
  return ufor_fail(error, UFO_MISSING,
                   "Cannot open the store at '%s' by what was sent or saved of it: another one is there",
                   text_of(fields, UFOR_SENT_PATH));
}
