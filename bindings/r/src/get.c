/* get.c - from objects of a store to R values.
 *
 * A list is read in several calls of the library. Another process may commit between them, so what was read is used
 * only if the object still has the same version afterwards; else it is read again. */
#include "get.h"

#include "attributes.h"
#include "condition.h"
#include "memory.h"
#include "plain.h"
#include "serialize.h"
#include "store.h"
#include "strings.h"
#include "view.h"

#include <stdio.h>
#include <string.h>

#define ATTEMPTS_MAX 100
/* Room for a name and the positions of nested elements after it: "name[[3]][[1]]". */
#define PATH_BYTES 2048

struct get_job {
  ufor_store *handle;
  ufo_pool *pool;
  const char *name;
  uint64_t version;
  int is_plain; /* vectors are to be ordinary ones: see plain.h */
  SEXP absent;
  /* For a version of a list, instead of the handle given: without its transaction, and perhaps of the store at a
   * snapshot, which is closed at the end, where the list has the name `name_then`. */
  ufor_store committed;
  ufo_store *at_snapshot;
  char name_then[UFO_NAME_MAX + 1];
  ufo_attributes *attributes; /* the set being applied: freed if R jumps */
  SEXP value;                 /* the result, protected at `index` */
  PROTECT_INDEX index;
  ufo_status status;
  ufo_error error;
};

/* Where an object is: by its path, or as child `index` of the list at `parent`. */
struct place {
  const char *path;
  const char *parent; /* NULL for a named object */
  uint64_t index;
};

static SEXP load(struct get_job *job, const ufo_object_info *info, const struct place *place);

static SEXP failed(struct get_job *job, ufo_status status) {
  job->status = status;
  return R_NilValue;
}

static ufo_status try_view(struct get_job *job, const struct place *place, ufo_view **view) {
  const ufor_store *handle = job->handle;
  const ufo_view_options options = {.struct_size = sizeof options,
                                    .version = job->version,
                                    .header_bytes = job->is_plain ? UFOR_PLAIN_HEADER_BYTES : UFOR_ROOM_BYTES};
  if (place->parent == NULL)
    return ufo_view_open(handle->store, handle->txn, job->pool, place->path, &options, view, &job->error);
  return ufo_view_open_child(handle->store, handle->txn, job->pool, place->parent, place->index, &options, view,
                             &job->error);
}

/* A view of the object, in its shell. */
static SEXP open_view(struct get_job *job, const ufo_object_info *info, const struct place *place) {
  SEXP shell = PROTECT(ufor_view_shell(job->handle->path));
  ufo_view *view;
  ufo_status status = try_view(job, place, &view);
  if (status == UFO_FULL) {
    ufor_memory_collect();
    status = try_view(job, place, &view);
  }
  if (status == UFO_OK) status = ufor_view_fill(shell, view, info, &job->error);
  UNPROTECT(1);
  if (status != UFO_OK) return failed(job, status);
  return shell;
}

/* Elements are addressed by position in a path, which a named object of just that name would hide. */
static ufo_status check_path(struct get_job *job, const ufo_object_info *info, const struct place *place) {
  if (place->parent == NULL) return UFO_OK;
  ufo_object_info found = {.struct_size = sizeof found};
  ufo_status status =
      ufo_store_info(job->handle->store, job->handle->txn, place->path, job->version, &found, &job->error);
  if (status != UFO_OK || found.id == info->id) return status;
  return ufor_fail(&job->error, UFO_USAGE, "Cannot read the list element '%s': an object of just this name hides it",
                   place->path);
}

static SEXP with_attributes(struct get_job *job, SEXP value, const ufo_object_info *info, const struct place *place) {
  if (info->attribute_count == 0) return value;
  ufo_status status = check_path(job, info, place);
  if (status == UFO_OK)
    status = ufo_store_attributes(job->handle->store, job->handle->txn, place->path, job->version, &job->attributes,
                                  &job->error);
  if (status != UFO_OK) return failed(job, status);
  value = ufor_attributes_apply(value, job->attributes, place->path);
  ufo_attributes_free(job->attributes);
  job->attributes = NULL;
  return value;
}

/* Words and text, in one shell. */
static SEXP open_strings(struct get_job *job, const ufo_object_info *info, const struct place *place) {
  ufo_status status = check_path(job, info, place);
  if (status != UFO_OK) return failed(job, status);
  SEXP shell = PROTECT(ufor_view_shell(job->handle->path));
  for (int attempt = 0; attempt < 2; attempt++) {
    status =
        ufor_strings_open(shell, job->handle->store, job->handle->txn, place->path, job->version, info, &job->error);
    if (status != UFO_FULL || ufor_view_in(shell)->strings != NULL) break;
    ufor_memory_collect();
  }
  UNPROTECT(1);
  if (status != UFO_OK) return failed(job, status);
  return shell;
}

/* Strings have no plain form: an ordinary vector is made of them. */
static SEXP plain_or_view(const struct get_job *job, SEXP shell, const ufo_object_info *info) {
  if (!job->is_plain) return ufor_view_vector(shell);
  if (info->type != UFO_CHARACTER) return ufor_plain_vector(shell);
  SEXP strings = PROTECT(ufor_view_vector(shell));
  SEXP value = ufor_strings_range(strings, 0, Rf_xlength(strings));
  UNPROTECT(1);
  return value;
}

static SEXP load_vector(struct get_job *job, const ufo_object_info *info, const struct place *place) {
  if (job->is_plain && info->type != UFO_CHARACTER && !ufor_plain_suits(info->type))
    return failed(job,
                  ufor_fail(&job->error, UFO_UNSUPPORTED,
                            "Cannot get '%s' in the form \"plain\": only logical, integer, double, complex and raw "
                            "vectors have it; ufo_materialize() makes an ordinary copy",
                            place->path));
  SEXP shell = PROTECT(info->type == UFO_CHARACTER ? open_strings(job, info, place) : open_view(job, info, place));
  SEXP value = R_NilValue;
  if (job->status == UFO_OK) {
    value = PROTECT(plain_or_view(job, shell, info));
    value = with_attributes(job, value, info, place);
    UNPROTECT(1);
  }
  UNPROTECT(1);
  return value;
}

static SEXP load_serialized(struct get_job *job, const ufo_object_info *info, const struct place *place) {
  SEXP shell = PROTECT(open_view(job, info, place));
  SEXP value = job->status == UFO_OK ? ufor_unserialize(shell) : R_NilValue;
  UNPROTECT(1);
  return value;
}

static SEXP load_child(struct get_job *job, const char *parent, uint64_t index) {
  ufo_object_info info = {.struct_size = sizeof info};
  ufo_status status =
      ufo_store_child_info(job->handle->store, job->handle->txn, parent, job->version, index, &info, &job->error);
  if (status != UFO_OK) return failed(job, status);
  char path[PATH_BYTES];
  int length = snprintf(path, sizeof path, "%s[[%.0f]]", parent, (double)index + 1);
  if (length < 0 || (size_t)length >= sizeof path)
    return failed(job, ufor_fail(&job->error, UFO_UNSUPPORTED, "Cannot read '%s': it is nested too deeply", job->name));
  const struct place place = {.path = path, .parent = parent, .index = index};
  return load(job, &info, &place);
}

static SEXP load_list(struct get_job *job, const ufo_object_info *info, const struct place *place) {
  if (info->length > (uint64_t)R_XLEN_T_MAX)
    return failed(job, ufor_fail(&job->error, UFO_UNSUPPORTED, "Cannot open '%s': too long for R", place->path));
  ufo_status status = check_path(job, info, place);
  if (status != UFO_OK) return failed(job, status);
  SEXP list = PROTECT(Rf_allocVector(VECSXP, (R_xlen_t)info->length));
  for (uint64_t i = 0; i < info->length && job->status == UFO_OK; i++)
    SET_VECTOR_ELT(list, (R_xlen_t)i, load_child(job, place->path, i));
  SEXP value = job->status == UFO_OK ? with_attributes(job, list, info, place) : R_NilValue;
  UNPROTECT(1);
  return value;
}

static SEXP load(struct get_job *job, const ufo_object_info *info, const struct place *place) {
  switch (info->type) {
  case UFO_LIST:
    return load_list(job, info, place);
  case UFO_SERIALIZED:
    return load_serialized(job, info, place);
  default:
    return load_vector(job, info, place);
  }
}

static ufo_status look_up(struct get_job *job, ufo_object_info *info) {
  info->struct_size = sizeof *info;
  return ufo_store_info(job->handle->store, job->handle->txn, job->name, job->version, info, &job->error);
}

/* A list's elements are objects of their own, found through its current version. Of an older one a snapshot has kept
 * them: it is read from there. */
static ufo_status go_to_version(struct get_job *job) {
  const uint64_t wanted = job->version;
  ufo_object_info current;
  ufo_store *store = job->handle->store;
  job->committed = (ufor_store){.store = store, .path = job->handle->path};
  job->handle = &job->committed;
  job->version = 0;
  ufo_status status = look_up(job, &current);
  if (status != UFO_OK || current.version == wanted) return status;
  char label[UFO_NAME_MAX + 1];
  status = ufo_snapshot_of_version(store, job->name, wanted, label, job->name_then, &job->error);
  if (status == UFO_MISSING)
    return ufor_fail(
        &job->error, UFO_MISSING,
        "Cannot get version %.0f of the list '%s' from store '%s': of lists and strings only the current version, "
        "%.0f, and those that a snapshot keeps can be read",
        (double)wanted, job->name, ufo_store_path(store), (double)current.version);
  const ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY, .snapshot = label};
  if (status == UFO_OK) status = ufo_store_open(ufo_store_path(store), &options, &job->at_snapshot, &job->error);
  if (status != UFO_OK) return status;
  job->committed.store = job->at_snapshot;
  job->name = job->name_then;
  return UFO_OK;
}

/* A value that R_UnwindProtect returned would count as referred to, and arithmetic would copy it instead of using its
 * memory for the result. */
static SEXP deliver(struct get_job *job, SEXP value) {
  REPROTECT(job->value = value, job->index);
  return R_NilValue;
}

/* "No such object" is an answer; that the snapshot is gone, with all its objects, is an error. */
static ufo_status check_snapshot(struct get_job *job) {
  ufo_store_iterator *iterator;
  ufo_object_info info = {.struct_size = sizeof info};
  if (!job->handle->at_snapshot) return UFO_OK;
  ufo_status status = ufo_store_list(job->handle->store, NULL, &iterator, &job->error);
  if (status != UFO_OK) return status;
  status = ufo_store_iterator_next(iterator, &info, &job->error);
  ufo_store_iterator_free(iterator);
  return status == UFO_MISSING ? status : UFO_OK;
}

static SEXP get_consistently(void *data) {
  struct get_job *job = data;
  for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    ufo_object_info before, after;
    ufo_status status = look_up(job, &before);
    if (status == UFO_MISSING && job->absent != R_NilValue) {
      status = check_snapshot(job);
      if (status == UFO_OK) return deliver(job, VECTOR_ELT(job->absent, 0));
    }
    if (status != UFO_OK) return failed(job, status);
    if (job->version != 0 && (before.type == UFO_LIST || before.type == UFO_CHARACTER)) {
      status = go_to_version(job);
      if (status != UFO_OK) return failed(job, status);
      continue;
    }
    const struct place place = {.path = job->name};
    job->status = UFO_OK;
    SEXP value = PROTECT(load(job, &before, &place));
    if (job->status != UFO_OK && job->status != UFO_MISSING) {
      UNPROTECT(1);
      return R_NilValue;
    }
    ufo_error first_error = job->error;
    int is_same = job->version != 0 ||
                  (look_up(job, &after) == UFO_OK && after.id == before.id && after.version == before.version);
    if (is_same) job->error = first_error;
    if (is_same) deliver(job, value);
    UNPROTECT(1);
    if (is_same) return R_NilValue;
    R_CheckUserInterrupt();
  }
  return failed(job, ufor_fail(&job->error, UFO_CONFLICT, "Cannot read '%s': others change it faster than it is read",
                               job->name));
}

static void clean_up(void *data, Rboolean jump) {
  (void)jump;
  struct get_job *job = data;
  ufo_attributes_free(job->attributes);
  job->attributes = NULL;
  ufo_store_close(job->at_snapshot);
  job->at_snapshot = NULL;
}

SEXP ufor_get(SEXP pointer, SEXP name, SEXP version, SEXP absent, SEXP plain) {
  ufor_store *handle = ufor_store_from(pointer);
  const char *text = ufor_name(name);
  const uint64_t wanted = version == R_NilValue ? 0 : (uint64_t)Rf_asReal(version);
  struct get_job job = {.handle = handle, .name = text, .version = wanted, .absent = absent};
  job.is_plain = Rf_asLogical(plain) == TRUE;
  job.pool = ufor_pool();
  PROTECT_WITH_INDEX(job.value = R_NilValue, &job.index);
  R_UnwindProtect(get_consistently, &job, clean_up, &job, NULL);
  if (job.status != UFO_OK) ufor_store_raise(handle, &job.error, text, wanted);
  UNPROTECT(1);
  return job.value;
}
