/* info.c - an object's catalogue entry as an R list, in R's terms. */
#include "info.h"

#include "attributes.h"
#include "condition.h"
#include "store.h"

#include <stdio.h>
#include <string.h>

#define PATH_BYTES 2048

struct info_job {
  ufor_store *handle;
  const char *name;
  uint64_t version;
  ufo_attributes *attributes;
  ufo_status status;
  ufo_error error;
};

/* What the values take uncompressed. For a list, the sum over its elements; not known of an older version of one. */
static ufo_status value_bytes(struct info_job *job, const char *path, const ufo_object_info *info, double *bytes) {
  if (info->type == UFO_CHARACTER) { /* a word each, and the text */
    ufo_object_info text = {.struct_size = sizeof text};
    char text_path[PATH_BYTES];
    snprintf(text_path, sizeof text_path, "%s[[2]]", path);
    ufo_status status = job->version != 0
                            ? UFO_MISSING
                            : ufo_store_info(job->handle->store, job->handle->txn, text_path, 0, &text, &job->error);
    *bytes += status == UFO_OK ? (double)info->length * 8 + (double)text.length : NA_REAL;
    return UFO_OK;
  }
  if (info->type != UFO_LIST) {
    *bytes += (double)info->length * (double)info->element_bytes;
    return UFO_OK;
  }
  if (job->version != 0) {
    *bytes = NA_REAL;
    return UFO_OK;
  }
  for (uint64_t i = 0; i < info->length; i++) {
    ufo_object_info child = {.struct_size = sizeof child};
    ufo_status status = ufo_store_child_info(job->handle->store, job->handle->txn, path, 0, i, &child, &job->error);
    char child_path[PATH_BYTES];
    snprintf(child_path, sizeof child_path, "%s[[%.0f]]", path, (double)i + 1);
    if (status == UFO_OK) status = value_bytes(job, child_path, &child, bytes);
    if (status != UFO_OK) return status;
  }
  return UFO_OK;
}

/* "R.length" of a serialized object; -1 if it was not R that stored it. */
static double described_length(const ufo_attributes *attributes) {
  ufo_attribute attribute;
  if (!ufo_attributes_find(attributes, "R.length", &attribute) || attribute.type != UFO_ATTRIBUTE_DOUBLE ||
      attribute.count != 1)
    return -1;
  double length;
  memcpy(&length, attribute.data, sizeof length);
  return length;
}

static SEXP attribute_or_null(const ufo_attributes *attributes, const char *key) {
  ufo_attribute attribute;
  if (!ufo_attributes_find(attributes, key, &attribute)) return R_NilValue;
  return ufor_attribute_value(&attribute);
}

/* Rows of a data frame, whose row names may be there as {NA, -rows}; NULL if there are no row names. */
static SEXP count_rows(const ufo_attributes *attributes) {
  ufo_attribute names;
  if (!ufo_attributes_find(attributes, "row.names", &names)) return R_NilValue;
  int compact[2] = {0};
  if (names.type == UFO_ATTRIBUTE_INTEGER && names.count == 2) memcpy(compact, names.data, sizeof compact);
  if (compact[0] != NA_INTEGER) return Rf_ScalarReal((double)names.count);
  return Rf_ScalarReal(compact[1] < 0 ? -(double)compact[1] : (double)compact[1]);
}

static SEXP codec_chunks(const ufo_object_info *info) {
  SEXP counts = PROTECT(Rf_allocVector(REALSXP, UFO_CODEC_COUNT));
  SEXP names = PROTECT(Rf_allocVector(STRSXP, UFO_CODEC_COUNT));
  for (int codec = 0; codec < UFO_CODEC_COUNT; codec++) {
    REAL(counts)[codec] = (double)info->codec_chunks[codec];
    SET_STRING_ELT(names, codec, Rf_mkChar(ufo_codec_name((ufo_codec)codec)));
  }
  Rf_setAttrib(counts, R_NamesSymbol, names);
  UNPROTECT(2);
  return counts;
}

static SEXP build(void *data) {
  struct info_job *job = data;
  const ufor_store *handle = job->handle;
  ufo_object_info info = {.struct_size = sizeof info};
  double bytes = 0;
  job->status = ufo_store_info(handle->store, handle->txn, job->name, job->version, &info, &job->error);
  if (job->status == UFO_OK)
    job->status =
        ufo_store_attributes(handle->store, handle->txn, job->name, job->version, &job->attributes, &job->error);
  if (job->status == UFO_OK) job->status = value_bytes(job, job->name, &info, &bytes);
  if (job->status != UFO_OK) return R_NilValue;

  double length = (double)info.length;
  if (info.type == UFO_RECORD) length *= info.element_bytes;
  if (info.type == UFO_SERIALIZED && described_length(job->attributes) >= 0) length = described_length(job->attributes);

  const char *fields[] = {"name",
                          "type",
                          "class",
                          "r_type",
                          "length",
                          "dim",
                          "rows",
                          "version",
                          "chunk_bytes",
                          "chunks",
                          "chunks_written",
                          "chunks_changed",
                          "chunks_lost",
                          "bytes",
                          "stored_bytes",
                          "codecs",
                          "created",
                          "changed",
                          ""};
  SEXP result = PROTECT(Rf_mkNamed(VECSXP, fields));
  SEXP name = PROTECT(Rf_mkCharCE(job->name, CE_UTF8));
  int i = 0;
  SET_VECTOR_ELT(result, i++, Rf_ScalarString(name));
  SET_VECTOR_ELT(result, i++, Rf_mkString(ufo_type_name(info.type)));
  SET_VECTOR_ELT(result, i++, attribute_or_null(job->attributes, "class"));
  SET_VECTOR_ELT(result, i++, attribute_or_null(job->attributes, "R.type"));
  SET_VECTOR_ELT(result, i++, Rf_ScalarReal(length));
  SET_VECTOR_ELT(result, i++, attribute_or_null(job->attributes, "dim"));
  SET_VECTOR_ELT(result, i++, count_rows(job->attributes));
  SET_VECTOR_ELT(result, i++, Rf_ScalarReal((double)info.version));
  SET_VECTOR_ELT(result, i++, Rf_ScalarReal((double)info.chunk_bytes));
  SET_VECTOR_ELT(result, i++, Rf_ScalarReal((double)info.chunk_count));
  SET_VECTOR_ELT(result, i++, Rf_ScalarReal((double)info.chunks_written));
  SET_VECTOR_ELT(result, i++, Rf_ScalarReal((double)info.chunks_changed));
  SET_VECTOR_ELT(result, i++, Rf_ScalarReal((double)info.chunks_lost));
  SET_VECTOR_ELT(result, i++, Rf_ScalarReal(bytes));
  SET_VECTOR_ELT(result, i++, Rf_ScalarReal((double)info.stored_bytes));
  SET_VECTOR_ELT(result, i++, codec_chunks(&info));
  SET_VECTOR_ELT(result, i++, Rf_ScalarReal((double)info.created_ns / 1e9));
  SET_VECTOR_ELT(result, i++, Rf_ScalarReal((double)info.changed_ns / 1e9));
  UNPROTECT(2);
  return result;
}

static void clean_up(void *data, Rboolean jump) {
  (void)jump;
  struct info_job *job = data;
  ufo_attributes_free(job->attributes);
}

SEXP ufor_info(SEXP pointer, SEXP name, SEXP version) {
  struct info_job job = {.handle = ufor_store_from(pointer),
                         .name = ufor_name(name),
                         .version = version == R_NilValue ? 0 : (uint64_t)Rf_asReal(version)};
  SEXP result = PROTECT(R_UnwindProtect(build, &job, clean_up, &job, NULL));
  if (job.status != UFO_OK) ufor_store_raise(job.handle, &job.error, job.name, job.version);
  UNPROTECT(1);
  return result;
}
