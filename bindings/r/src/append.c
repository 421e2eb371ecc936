/* append.c - see append.h.
 *
 * Each vector gets a writer of the library that adds to its end. All is written before any of the writers is finished,
 * since reading the new values may fail, or jump: until then nothing is appended, and all that the library holds is
 * reachable from the job. */
#include "append.h"

#include "attributes.h"
#include "condition.h"
#include "reference.h"
#include "store.h"
#include "strings.h"
#include "view.h"

#include <stdio.h>
#include <string.h>

#define PIECE_BYTES ((size_t)1 << 20)
#define PATH_BYTES 2048

/* ---- what is stored --------------------------------------------------------------------------------------------- */

struct shape_job {
  ufor_store *handle;
  const char *name;
  ufo_attributes *attributes; /* being read, or NULL */
  int is_moved;
  ufo_status status;
  ufo_error error;
};

static SEXP attribute_list(const ufo_attributes *set) {
  uint64_t count = ufo_attributes_count(set);
  SEXP list = PROTECT(Rf_allocVector(VECSXP, (R_xlen_t)count));
  SEXP names = PROTECT(Rf_allocVector(STRSXP, (R_xlen_t)count));
  for (uint64_t i = 0; i < count; i++) {
    ufo_attribute attribute;
    ufo_attributes_at(set, i, &attribute);
    SET_STRING_ELT(names, (R_xlen_t)i, Rf_mkCharCE(attribute.key, CE_UTF8));
    SET_VECTOR_ELT(list, (R_xlen_t)i, ufor_attribute_value(&attribute));
  }
  Rf_setAttrib(list, R_NamesSymbol, names);
  UNPROTECT(2);
  return list;
}

static SEXP shape_of(struct shape_job *job, const char *path, const ufo_object_info *info, int depth);

/* An element is addressed by a path, which an object of just that name would hide. */
static SEXP column_shape(struct shape_job *job, const char *list, uint64_t index) {
  char path[PATH_BYTES];
  ufo_object_info info = {.struct_size = sizeof info}, found = info;
  ufo_store *store = job->handle->store;
  int length = snprintf(path, sizeof path, "%s[[%.0f]]", list, (double)index + 1);
  if (length < 0 || (size_t)length > UFO_NAME_MAX) {
    job->status = ufor_fail(&job->error, UFO_UNSUPPORTED, "Cannot append to '%s': its name is too long", list);
    return R_NilValue;
  }
  job->status = ufo_store_child_info(store, job->handle->txn, list, 0, index, &info, &job->error);
  if (job->status == UFO_OK) job->status = ufo_store_info(store, job->handle->txn, path, 0, &found, &job->error);
  if (job->status == UFO_OK && found.id != info.id)
    job->status = ufor_fail(&job->error, UFO_USAGE,
                            "Cannot append to '%s': an object of the name '%s' hides one of its elements", list, path);
  return job->status == UFO_OK ? shape_of(job, path, &info, 1) : R_NilValue;
}

static SEXP columns_of(struct shape_job *job, const char *path, uint64_t count) {
  SEXP columns = PROTECT(Rf_allocVector(VECSXP, (R_xlen_t)count));
  for (uint64_t i = 0; i < count && job->status == UFO_OK; i++)
    SET_VECTOR_ELT(columns, (R_xlen_t)i, column_shape(job, path, i));
  UNPROTECT(1);
  return columns;
}

static SEXP shape_of(struct shape_job *job, const char *path, const ufo_object_info *info, int depth) {
  static const char *const fields[] = {"path", "type", "length", "id", "version", "attributes", "columns", ""};
  SEXP shape = PROTECT(Rf_mkNamed(VECSXP, (const char **)fields));
  SET_VECTOR_ELT(shape, 0, Rf_ScalarString(Rf_mkCharCE(path, CE_UTF8)));
  SET_VECTOR_ELT(shape, 1, Rf_mkString(ufo_type_name(info->type)));
  SET_VECTOR_ELT(shape, 2, Rf_ScalarReal((double)info->length));
  SET_VECTOR_ELT(shape, 3, Rf_ScalarReal((double)info->id));
  SET_VECTOR_ELT(shape, 4, Rf_ScalarReal((double)info->version));
  job->status = ufo_store_attributes(job->handle->store, job->handle->txn, path, 0, &job->attributes, &job->error);
  if (job->status == UFO_OK) {
    SET_VECTOR_ELT(shape, 5, attribute_list(job->attributes));
    ufo_attributes_free(job->attributes);
    job->attributes = NULL;
  }
  if (job->status == UFO_OK && info->type == UFO_LIST && depth == 0)
    SET_VECTOR_ELT(shape, 6, columns_of(job, path, info->length));
  UNPROTECT(1);
  return shape;
}

static SEXP read_shape(void *data) {
  struct shape_job *job = data;
  ufo_object_info info = {.struct_size = sizeof info}, again = info;
  ufo_error ignored;
  job->status = ufo_store_info(job->handle->store, job->handle->txn, job->name, 0, &info, &job->error);
  if (job->status == UFO_MISSING)
    ufor_fail(&job->error, UFO_MISSING,
              "Cannot append to '%s' of store %s: there is no such object; the first elements are put, with their type "
              "and class",
              job->name, ufo_store_path(job->handle->store));
  if (job->status != UFO_OK) return R_NilValue;
  SEXP shape = PROTECT(shape_of(job, job->name, &info, 0));
  if (job->status != UFO_OK)
    job->is_moved = ufo_store_info(job->handle->store, job->handle->txn, job->name, 0, &again, &ignored) == UFO_OK &&
                    (again.id != info.id || again.version != info.version);
  UNPROTECT(1);
  return shape;
}

static void end_shape(void *data, Rboolean jump) {
  (void)jump;
  struct shape_job *job = data;
  ufo_attributes_free(job->attributes);
  job->attributes = NULL;
}

SEXP ufor_append_shape(SEXP pointer, SEXP name) {
  struct shape_job job = {.handle = ufor_store_from(pointer), .name = ufor_name(name)};
  SEXP shape = PROTECT(R_UnwindProtect(read_shape, &job, end_shape, &job, NULL));
  UNPROTECT(1);
  if (job.status == UFO_OK) return shape;
  if (job.is_moved) return R_NilValue;
  ufor_store_raise(job.handle, &job.error, job.name, 0);
}

/* ---- the new elements ------------------------------------------------------------------------------------------- */

struct part {
  const char *path;
  SEXP values, map, attributes;
  SEXPTYPE type;            /* of what is stored */
  ufo_writer *writer;       /* open, or NULL */
  ufo_text_writer *strings; /* the same for strings */
  ufo_attributes *set;      /* those that the object will have; NULL: they stay */
};

struct append_job {
  ufor_store *handle;
  ufo_txn *txn;
  int own_txn;
  const char *name;
  double id, version;
  SEXP list;
  struct part *parts;
  R_xlen_t count;
  int is_moved, is_partial, done;
  ufo_status status;
  ufo_error error;
};

static void map_codes(const int *codes, R_xlen_t count, SEXP map, int *target) {
  const int *to = INTEGER(map);
  int levels = (int)XLENGTH(map);
  for (R_xlen_t i = 0; i < count; i++)
    target[i] = codes[i] == NA_INTEGER || codes[i] < 1 || codes[i] > levels ? NA_INTEGER : to[codes[i] - 1];
}

/* As c() does it, which is not the same in all versions of R. */
static void to_complex(SEXP piece, void *target) {
  SEXP nothing = PROTECT(Rf_allocVector(CPLXSXP, 0));
  SEXP call = PROTECT(Rf_lang3(Rf_install("c"), nothing, piece));
  SEXP value = PROTECT(Rf_eval(call, R_BaseEnv));
  memcpy(target, COMPLEX(value), (size_t)XLENGTH(value) * sizeof(Rcomplex));
  UNPROTECT(3);
}

/* Elements first .. first + count - 1, as they are stored. */
static void copy_piece(const struct part *part, R_xlen_t first, R_xlen_t count, void *room) {
  SEXPTYPE from = TYPEOF(part->values);
  int is_same = from == part->type || (from == LGLSXP && part->type == INTSXP);
  if (is_same && part->map == R_NilValue) {
    ufor_copy_elements(part->values, first, count, room);
    return;
  }
  SEXP piece = PROTECT(Rf_allocVector(from, count));
  ufor_copy_elements(part->values, first, count, ufor_vector_data(piece));
  if (part->map != R_NilValue) {
    map_codes(INTEGER(piece), count, part->map, room);
  } else if (part->type == CPLXSXP) {
    to_complex(piece, room);
  } else {
    const int *values = from == LGLSXP ? LOGICAL(piece) : INTEGER(piece);
    double *target = room;
    for (R_xlen_t i = 0; i < count; i++) target[i] = values[i] == NA_INTEGER ? NA_REAL : values[i];
  }
  UNPROTECT(1);
}

static ufo_status write_values(struct append_job *job, struct part *part, void *room) {
  if (part->strings != NULL) return ufor_strings_write(part->strings, part->values, &job->error);
  size_t element_bytes = ufor_element_bytes(part->type);
  R_xlen_t length = XLENGTH(part->values), piece = (R_xlen_t)(PIECE_BYTES / element_bytes);
  ufo_status status = UFO_OK;
  for (R_xlen_t first = 0; first < length && status == UFO_OK; first += piece) {
    R_xlen_t count = length - first < piece ? length - first : piece;
    copy_piece(part, first, count, room);
    status = ufo_writer_write(part->writer, room, (uint64_t)count * element_bytes, &job->error);
    R_CheckUserInterrupt();
  }
  return status;
}

/* For a piece of any of the values. */
static size_t room_bytes(const struct append_job *job) {
  size_t most = 0;
  for (R_xlen_t i = 0; i < job->count; i++) {
    size_t length = job->parts[i].type == STRSXP ? 0 : (size_t)Rf_xlength(job->parts[i].values);
    size_t bytes = length < PIECE_BYTES / sizeof(Rcomplex) ? length * sizeof(Rcomplex) : PIECE_BYTES;
    if (bytes > most) most = bytes;
  }
  return most;
}

/* ---- the steps -------------------------------------------------------------------------------------------------- */

/* R's type by the name that typeof() gives. */
static SEXPTYPE type_named(const char *name) {
  static const SEXPTYPE types[] = {LGLSXP, INTSXP, REALSXP, CPLXSXP, RAWSXP, STRSXP};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (strcmp(Rf_type2char(types[i]), name) == 0) return types[i];
  return NILSXP;
}

static void read_parts(struct append_job *job) {
  for (R_xlen_t i = 0; i < job->count; i++) {
    SEXP part = VECTOR_ELT(job->list, i);
    job->parts[i] = (struct part){.path = ufor_name(VECTOR_ELT(part, 0)),
                                  .type = type_named(ufor_name(VECTOR_ELT(part, 1))),
                                  .values = VECTOR_ELT(part, 2),
                                  .map = VECTOR_ELT(part, 3),
                                  .attributes = VECTOR_ELT(part, 4)};
  }
}

static ufo_status open_writers(struct append_job *job) {
  ufo_status status = UFO_OK;
  for (R_xlen_t i = 0; i < job->count && status == UFO_OK; i++) {
    struct part *part = &job->parts[i];
    if (part->values == R_NilValue) continue;
    status = part->type == STRSXP ? ufo_text_writer_open_append(job->txn, part->path, &part->strings, &job->error)
                                  : ufo_writer_open_append(job->txn, part->path, &part->writer, &job->error);
  }
  return status;
}

/* From the first writer on the transaction holds on to one version: is that what the values were made to suit? */
static ufo_status check_version(struct append_job *job) {
  ufo_object_info info = {.struct_size = sizeof info};
  ufo_status status = ufo_store_info(job->handle->store, job->txn, job->name, 0, &info, &job->error);
  if (status == UFO_OK) job->is_moved = (double)info.id != job->id || (double)info.version != job->version;
  return status;
}

static ufo_status make_attributes(struct append_job *job, struct part *part) {
  SEXP names = PROTECT(Rf_getAttrib(part->attributes, R_NamesSymbol));
  ufo_status status = ufo_store_attributes(job->handle->store, job->txn, part->path, 0, &part->set, &job->error);
  for (R_xlen_t i = 0; i < Rf_xlength(part->attributes) && status == UFO_OK; i++) {
    const char *key = Rf_translateCharUTF8(STRING_ELT(names, i));
    SEXP value = VECTOR_ELT(part->attributes, i);
    if (value != R_NilValue) status = ufor_attributes_set(key, value, part->set, &job->error);
    else if (ufo_attributes_remove(part->set, key, &job->error) == UFO_FULL) status = UFO_FULL;
  }
  UNPROTECT(1);
  return status;
}

/* Nothing here calls R. */
static ufo_status finish(struct append_job *job) {
  ufo_status status = UFO_OK;
  for (R_xlen_t i = 0; i < job->count && status == UFO_OK; i++) {
    ufo_writer *writer = job->parts[i].writer;
    ufo_text_writer *strings = job->parts[i].strings;
    job->parts[i].writer = NULL; /* freed in every case */
    job->parts[i].strings = NULL;
    if (writer != NULL) status = ufo_writer_finish(writer, &job->error);
    if (strings != NULL) job->is_partial = 1; /* of words and text the one may be finished alone */
    if (strings != NULL) status = ufo_text_writer_finish(strings, &job->error);
    if (writer != NULL && status == UFO_OK) job->is_partial = 1;
  }
  for (R_xlen_t i = 0; i < job->count && status == UFO_OK; i++) {
    struct part *part = &job->parts[i];
    if (part->set != NULL) status = ufo_txn_set_attributes(job->txn, part->path, part->set, &job->error);
    if (part->set != NULL && status == UFO_OK) job->is_partial = 1;
  }
  return status;
}

static SEXP run(void *data) {
  struct append_job *job = data;
  read_parts(job);
  void *room = R_alloc(room_bytes(job) + 1, 1);
  job->status = open_writers(job);
  if (job->status == UFO_OK) job->status = check_version(job);
  if (job->is_moved || job->status != UFO_OK) return R_NilValue;
  for (R_xlen_t i = 0; i < job->count && job->status == UFO_OK; i++) {
    struct part *part = &job->parts[i];
    if (part->values != R_NilValue) job->status = write_values(job, part, room);
    if (job->status == UFO_OK && part->attributes != R_NilValue) job->status = make_attributes(job, part);
  }
  if (job->status == UFO_OK) job->status = finish(job);
  if (job->status == UFO_OK) job->status = ufor_store_end_edit(&job->txn, job->own_txn, &job->error);
  job->done = job->status == UFO_OK;
  return R_NilValue;
}

static void clean_up(void *data, Rboolean jump) {
  (void)jump;
  struct append_job *job = data;
  ufor_reference_forbid(0);
  for (R_xlen_t i = 0; i < job->count; i++) {
    ufo_writer_cancel(job->parts[i].writer);
    ufo_text_writer_cancel(job->parts[i].strings);
    ufo_attributes_free(job->parts[i].set);
  }
  if (job->done) return;
  if (job->own_txn) ufo_txn_abort(job->txn);
  else if (job->is_partial) job->handle->txn_broken = 1;
}

SEXP ufor_append(SEXP pointer, SEXP name, SEXP id, SEXP version, SEXP parts) {
  struct append_job job = {.handle = ufor_store_from(pointer),
                           .name = ufor_name(name),
                           .id = Rf_asReal(id),
                           .version = Rf_asReal(version),
                           .list = parts,
                           .count = XLENGTH(parts)};
  const char *path = ufo_store_path(job.handle->store);
  job.parts = (struct part *)R_alloc((size_t)job.count + 1, sizeof *job.parts);
  memset(job.parts, 0, ((size_t)job.count + 1) * sizeof *job.parts);
  job.txn = ufor_store_begin_edit(job.handle, job.name, &job.own_txn);
  ufor_reference_forbid(1);
  R_UnwindProtect(run, &job, clean_up, &job, NULL);
  /* Nobody knows of a transaction of our own: what others made of the object meanwhile is appended to. */
  if (job.is_moved || (job.own_txn && job.status == UFO_CONFLICT)) return Rf_ScalarLogical(0);
  if (job.status != UFO_OK) ufor_raise(&job.error, path, job.name);
  return Rf_ScalarLogical(1);
}
