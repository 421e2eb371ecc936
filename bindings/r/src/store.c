/* store.c - open, close, transactions, and the edits that need no value. */
#include "store.h"

#include "condition.h"
#include "sent.h"

#include <stdlib.h>
#include <string.h>

static void close_store(ufor_store *handle) {
  if (handle == NULL) return;
  ufo_txn_abort(handle->txn);
  ufo_store_close(handle->store);
  free(handle);
}

static void finalize_store(SEXP pointer) {
  ufor_store *handle = R_ExternalPtrAddr(pointer);
  R_ClearExternalPtr(pointer);
  close_store(handle);
}

/* The handle of a pointer, NULL if it has none: another package's, given the class of a store, is none of ours. */
static ufor_store *handle_of(SEXP pointer) {
  int is_ours = TYPEOF(pointer) == EXTPTRSXP && R_ExternalPtrTag(pointer) == Rf_install("ufo_store");
  return is_ours ? R_ExternalPtrAddr(pointer) : NULL;
}

static SEXP field_of(SEXP pointer, int field) {
  SEXP fields = TYPEOF(pointer) == EXTPTRSXP ? R_ExternalPtrProtected(pointer) : R_NilValue;
  return TYPEOF(fields) == VECSXP && XLENGTH(fields) == UFOR_SENT_FIELDS ? VECTOR_ELT(fields, field) : R_NilValue;
}

/* The handle of a pointer without one, if it came from another session; NULL and *status_out UFO_OK if it is closed. */
static ufor_store *open_sent(SEXP pointer, ufo_status *status_out, ufo_error *error) {
  *status_out = UFO_OK;
  if (TYPEOF(pointer) != EXTPTRSXP || !ufor_is_sent(pointer)) return NULL;
  ufor_store *handle = calloc(1, sizeof *handle);
  *status_out = handle == NULL ? ufor_fail(error, UFO_FULL, "Cannot open a store that was sent: out of memory")
                               : ufor_sent_open(pointer, &handle->store, error);
  if (*status_out != UFO_OK) {
    free(handle);
    return NULL;
  }
  handle->path = field_of(pointer, UFOR_SENT_PATH);
  handle->at_snapshot = field_of(pointer, UFOR_SENT_SNAPSHOT) != R_NilValue;
  handle->is_sent = 1;
  R_SetExternalPtrAddr(pointer, handle);
  R_RegisterCFinalizerEx(pointer, finalize_store, TRUE);
  return handle;
}

ufor_store *ufor_store_from(SEXP pointer) {
  ufor_store *handle = handle_of(pointer);
  if (handle != NULL) return handle;
  SEXP path = field_of(pointer, UFOR_SENT_PATH);
  const char *name = TYPEOF(path) == STRSXP && XLENGTH(path) == 1 ? ufor_name(path) : NULL;
  ufo_status status;
  ufo_error error;
  handle = open_sent(pointer, &status, &error);
  if (handle != NULL) return handle;
  if (status != UFO_OK) ufor_raise_in("sent", &error, name, NULL);
  ufor_raise_format(UFO_USAGE, name, NULL, "The store '%s' is closed", name == NULL ? "?" : name);
}

/* A store that came from another session is not changed by accident. */
static void check_not_sent(const ufor_store *handle) {
  const char *path = ufo_store_path(handle->store);
  if (handle->is_sent)
    ufor_raise_format(UFO_USAGE, path, NULL,
                      "Cannot change the store '%s' by what was sent or saved of it, which reads only; open the store "
                      "here, by ufo_open(path)",
                      path);
}

ufo_txn *ufor_store_begin_edit(const ufor_store *handle, const char *name, int *is_own) {
  check_not_sent(handle);
  ufo_txn *txn = handle->txn;
  ufo_error error;
  *is_own = txn == NULL;
  if (*is_own && ufo_txn_begin(handle->store, &txn, &error) != UFO_OK)
    ufor_raise(&error, ufo_store_path(handle->store), name);
  return txn;
}

ufo_status ufor_store_end_edit(ufo_txn **txn, int is_own, ufo_error *error) {
  if (!is_own) return UFO_OK;
  ufo_status status = ufo_txn_commit(*txn, error);
  if (status == UFO_OK) *txn = NULL;
  return status;
}

void ufor_store_raise(const ufor_store *handle, const ufo_error *error, const char *name, uint64_t version) {
  ufo_object_info current = {.struct_size = sizeof current};
  ufo_error ignored;
  int is_version = error->code == UFO_MISSING && version != 0 &&
                   ufo_store_info(handle->store, handle->txn, name, 0, &current, &ignored) == UFO_OK;
  ufor_raise_in(is_version ? "version" : "", error, ufo_store_path(handle->store), name);
}

const char *ufor_name(SEXP name) { return Rf_translateCharUTF8(STRING_ELT(name, 0)); }

SEXP ufor_store_open(SEXP path, SEXP mode, SEXP snapshot, SEXP preflight) {
  const char *path_text = ufor_name(path);
  const char *mode_text = ufor_name(mode);
  ufo_store_options options = {.struct_size = sizeof options};
  options.mode = strcmp(mode_text, "r") == 0        ? UFO_OPEN_READ_ONLY
                 : strcmp(mode_text, "create") == 0 ? UFO_OPEN_CREATE
                                                    : UFO_OPEN_READ_WRITE;
  if (snapshot != R_NilValue) options.snapshot = ufor_name(snapshot);
  options.preflight = Rf_asLogical(preflight) == 1;
  SEXP pointer = PROTECT(R_MakeExternalPtr(NULL, Rf_install("ufo_store"), path));
  R_RegisterCFinalizerEx(pointer, finalize_store, TRUE);

  ufor_store *handle = calloc(1, sizeof *handle);
  if (handle == NULL) ufor_raise_format(UFO_FULL, path_text, NULL, "Cannot open '%s': out of memory", path_text);
  ufo_error error;
  if (ufo_store_open(path_text, &options, &handle->store, &error) != UFO_OK) {
    free(handle);
    ufor_raise_in(options.snapshot == NULL ? "opening" : "opening snapshot", &error, path_text, NULL);
  }
  handle->at_snapshot = options.snapshot != NULL;
  R_SetExternalPtrAddr(pointer, handle);
  SEXP opened = PROTECT(Rf_mkCharCE(ufo_store_path(handle->store), CE_UTF8));
  handle->path = PROTECT(Rf_ScalarString(opened));
  R_SetExternalPtrProtected(pointer, ufor_sent_fields(handle->store, handle->path, snapshot, options.preflight));
  UNPROTECT(3);
  return pointer;
}

SEXP ufor_store_close(SEXP pointer) {
  if (R_ExternalPtrTag(pointer) != Rf_install("ufo_store")) return R_NilValue;
  finalize_store(pointer);
  R_SetExternalPtrTag(pointer, R_NilValue); /* nor is it opened where it is sent from now on */
  return R_NilValue;
}

SEXP ufor_store_state(SEXP pointer) {
  const ufor_store *handle = handle_of(pointer);
  ufo_status status;
  ufo_error ignored;
  if (handle == NULL) handle = open_sent(pointer, &status, &ignored);
  if (handle == NULL) return Rf_mkString("closed");
  if (handle->txn != NULL) return Rf_mkString("transaction");
  return Rf_mkString(ufo_store_is_read_only(handle->store) ? "read-only" : "read-write");
}

SEXP ufor_store_path(SEXP pointer) { return field_of(pointer, UFOR_SENT_PATH); }

SEXP ufor_store_snapshot(SEXP pointer) { return field_of(pointer, UFOR_SENT_SNAPSHOT); }

/* ---- names ------------------------------------------------------------------------------------------------------ */

struct names_job {
  ufor_store *handle;
  ufo_store_iterator *iterator;
  ufo_status status;
  ufo_error error;
};

static SEXP collect_names(void *data) {
  struct names_job *job = data;
  job->status = ufo_store_list(job->handle->store, job->handle->txn, &job->iterator, &job->error);
  if (job->status != UFO_OK) return R_NilValue;
  R_xlen_t count = 0, room = 64;
  PROTECT_INDEX index;
  SEXP names = Rf_allocVector(STRSXP, room);
  PROTECT_WITH_INDEX(names, &index);
  ufo_object_info info = {.struct_size = sizeof info};
  while ((job->status = ufo_store_iterator_next(job->iterator, &info, &job->error)) == UFO_OK) {
    if (count == room) REPROTECT(names = Rf_xlengthgets(names, room *= 2), index);
    SET_STRING_ELT(names, count++, Rf_mkCharCE(info.name, CE_UTF8));
  }
  names = Rf_xlengthgets(names, count);
  UNPROTECT(1);
  return names;
}

static void free_iterator(void *data, Rboolean jump) {
  (void)jump;
  struct names_job *job = data;
  ufo_store_iterator_free(job->iterator);
}

SEXP ufor_store_names(SEXP pointer) {
  struct names_job job = {.handle = ufor_store_from(pointer)};
  SEXP names = PROTECT(R_UnwindProtect(collect_names, &job, free_iterator, &job, NULL));
  if (job.status < 0) ufor_raise(&job.error, ufo_store_path(job.handle->store), NULL);
  UNPROTECT(1);
  return names;
}

/* ---- transactions ----------------------------------------------------------------------------------------------- */

SEXP ufor_store_begin(SEXP pointer) {
  ufor_store *handle = ufor_store_from(pointer);
  const char *path = ufo_store_path(handle->store);
  check_not_sent(handle);
  if (handle->txn != NULL)
    ufor_raise_format(UFO_USAGE, path, NULL, "Cannot begin a transaction on '%s': one is open already", path);
  ufo_error error;
  if (ufo_txn_begin(handle->store, &handle->txn, &error) != UFO_OK) {
    handle->txn = NULL;
    ufor_raise(&error, path, NULL);
  }
  handle->txn_broken = 0;
  return R_NilValue;
}

SEXP ufor_store_commit(SEXP pointer) {
  ufor_store *handle = ufor_store_from(pointer);
  const char *path = ufo_store_path(handle->store);
  if (handle->txn == NULL)
    ufor_raise_format(UFO_USAGE, path, NULL, "Cannot commit on '%s': no transaction is open", path);
  if (handle->txn_broken)
    ufor_raise_format(UFO_USAGE, path, NULL,
                      "Cannot commit on '%s': an earlier edit of this transaction was carried out only in part", path);
  ufo_error error;
  ufo_status status = ufo_txn_commit(handle->txn, &error);
  if (status == UFO_CONFLICT) ufo_txn_abort(handle->txn); /* it can never be committed */
  if (status == UFO_OK || status == UFO_CONFLICT) handle->txn = NULL;
  if (status != UFO_OK) ufor_raise(&error, path, NULL);
  return R_NilValue;
}

SEXP ufor_store_rollback(SEXP pointer) {
  ufor_store *handle = ufor_store_from(pointer);
  const char *path = ufo_store_path(handle->store);
  if (handle->txn == NULL)
    ufor_raise_format(UFO_USAGE, path, NULL, "Cannot roll back on '%s': no transaction is open", path);
  ufo_txn_abort(handle->txn);
  handle->txn = NULL;
  return R_NilValue;
}

/* ---- edits without a value -------------------------------------------------------------------------------------- */

/* Runs `edit` in the open transaction or, if there is none, in one of its own. Nothing here calls R. */
static ufo_status with_txn(const ufor_store *handle, ufo_status (*edit)(ufo_txn *txn, void *user, ufo_error *error),
                           void *user, ufo_error *error) {
  if (handle->txn != NULL) return edit(handle->txn, user, error);
  ufo_txn *txn;
  ufo_status status = ufo_txn_begin(handle->store, &txn, error);
  if (status != UFO_OK) return status;
  status = edit(txn, user, error);
  if (status == UFO_OK) status = ufo_txn_commit(txn, error);
  if (status != UFO_OK) ufo_txn_abort(txn);
  return status;
}

struct create_edit {
  const char *name;
  ufo_object_spec spec;
};

static ufo_status create_edit(ufo_txn *txn, void *user, ufo_error *error) {
  const struct create_edit *edit = user;
  return ufo_txn_create(txn, edit->name, &edit->spec, error);
}

static ufo_status remove_edit(ufo_txn *txn, void *user, ufo_error *error) { return ufo_txn_remove(txn, user, error); }

SEXP ufor_store_spoil(SEXP pointer) {
  ufor_store_from(pointer)->txn_broken = 1;
  return R_NilValue;
}

SEXP ufor_store_create(SEXP pointer, SEXP name, SEXP type, SEXP length, SEXP chunk) {
  ufor_store *handle = ufor_store_from(pointer);
  struct create_edit edit = {.name = ufor_name(name),
                             .spec = {.struct_size = sizeof edit.spec,
                                      .type = ufo_type_from_name(ufor_name(type)),
                                      .length = (uint64_t)Rf_asReal(length),
                                      .chunk_bytes = (uint32_t)Rf_asReal(chunk)}};
  ufo_error error;
  check_not_sent(handle);
  if (with_txn(handle, create_edit, &edit, &error) != UFO_OK)
    ufor_raise(&error, ufo_store_path(handle->store), edit.name);
  return R_NilValue;
}

SEXP ufor_store_remove(SEXP pointer, SEXP name) {
  ufor_store *handle = ufor_store_from(pointer);
  check_not_sent(handle);
  char *key = R_alloc(strlen(ufor_name(name)) + 1, 1);
  strcpy(key, ufor_name(name));
  ufo_error error;
  ufo_status status = with_txn(handle, remove_edit, key, &error);
  /* As for a list or an environment, removing what is not there is no error. */
  if (status != UFO_OK && status != UFO_MISSING) ufor_raise(&error, ufo_store_path(handle->store), key);
  return Rf_ScalarLogical(status == UFO_OK);
}

SEXP ufor_store_compact(SEXP pointer, SEXP path) {
  ufor_store *handle = ufor_store_from(pointer);
  const char *own = ufo_store_path(handle->store);
  if (path == R_NilValue) check_not_sent(handle);
  if (handle->txn != NULL) ufor_raise_format(UFO_USAGE, own, NULL, "Cannot compact '%s': a transaction is open", own);
  ufo_error error;
  if (ufo_store_compact(handle->store, path == R_NilValue ? NULL : ufor_name(path), &error) != UFO_OK)
    ufor_raise(&error, own, NULL);
  return R_NilValue;
}
