/* put.c - from R values to objects of a store.
 *
 *   value                                   stored as
 *   a view of a stored object               the chunks that were changed in it
 *   a logical, integer, ... raw vector      a vector, written in pieces; never materialised if it is ALTREP
 *   a character vector                      words and text, written in pieces
 *   a list that form.h lets be taken apart  a list of its elements, put under temporary names of the transaction first
 *   anything else                           its serialization
 *
 * R may jump out of this code wherever it allocates or looks for an interrupt, so all that the library holds is
 * reachable from the job, and released by `clean_up`. */
#include "put.h"

#include "attributes.h"
#include "condition.h"
#include "form.h"
#include "reference.h"
#include "serialize.h"
#include "store.h"
#include "strings.h"
#include "view.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)1 << 20)
#define TEMPORARY_NAME_BYTES 64
/* Elements are read by paths that begin with the name of the list, and paths have the limit of names. */
#define LIST_NAME_BYTES_MAX 300

struct put_job {
  ufor_store *handle;
  ufo_txn *txn;
  int own_txn;
  const char *name;
  SEXP value;
  uint32_t chunk_bytes;
  ufo_put_mode mode;
  ufo_writer *writer;         /* open, or NULL */
  ufo_text_writer *strings;   /* open, or NULL */
  ufo_attributes *attributes; /* of the value being put, or NULL */
  ufo_attributes *stored;     /* what they are compared with, or NULL */
  unsigned long serial;       /* makes the temporary names of this job its own */
  unsigned long temporaries;  /* how many there were */
  int is_partial;             /* the object was put, its attributes were not yet */
  int done;
  ufo_status status;
  ufo_error error;
};

static ufo_status put_value(struct put_job *job, const char *name, SEXP value);

static void temporary_name(const struct put_job *job, unsigned long number, char *name) {
  snprintf(name, TEMPORARY_NAME_BYTES, "\001R.%ld.%lu.%lu", (long)getpid(), job->serial, number);
}

/* ---- attributes ------------------------------------------------------------------------------------------------- */

static ufo_status set_attributes(struct put_job *job, const char *name) {
  ufo_status status = ufo_txn_set_attributes(job->txn, name, job->attributes, &job->error);
  if (status == UFO_OK) job->is_partial = 0;
  return status;
}

/* After a view was put: the object kept the attributes it had, which are written again only if they differ. */
static ufo_status update_attributes(struct put_job *job, const char *name) {
  ufo_status status = ufo_store_attributes(job->handle->store, job->txn, name, 0, &job->stored, &job->error);
  if (status != UFO_OK) return status;
  int is_equal = ufor_attributes_equal(job->attributes, job->stored);
  ufo_attributes_free(job->stored);
  job->stored = NULL;
  if (!is_equal) return set_attributes(job, name);
  job->is_partial = 0;
  return UFO_OK;
}

static void drop_attributes(struct put_job *job) {
  ufo_attributes_free(job->attributes);
  job->attributes = NULL;
}

/* ---- vectors ---------------------------------------------------------------------------------------------------- */

static ufo_status open_writer(struct put_job *job, const char *name, ufo_type type) {
  const ufo_object_spec spec = {.struct_size = sizeof spec, .type = type, .chunk_bytes = job->chunk_bytes};
  return ufo_writer_open(job->txn, name, &spec, &job->writer, &job->error);
}

static ufo_status finish_writer(struct put_job *job) {
  ufo_writer *writer = job->writer;
  job->writer = NULL; /* freed in every case */
  ufo_status status = ufo_writer_finish(writer, &job->error);
  if (status == UFO_OK) job->is_partial = 1;
  return status;
}

static ufo_status finish_vector(struct put_job *job, const char *name) {
  job->is_partial = 1;
  if (ufo_attributes_count(job->attributes) > 0) return set_attributes(job, name);
  job->is_partial = 0;
  return UFO_OK;
}

static ufo_status put_vector(struct put_job *job, const char *name, SEXP value) {
  ufo_status status = open_writer(job, name, ufor_type_of(TYPEOF(value)));
  if (status != UFO_OK) return status;
  size_t element_bytes = ufor_element_bytes(TYPEOF(value));
  R_xlen_t length = XLENGTH(value), piece = (R_xlen_t)(PIECE_BYTES / element_bytes);
  /* Elements of a view or of an ALTREP vector are copied out first: a failing page fault must not happen inside the
   * library. */
  const void *top = vmaxget();
  char *copy = ALTREP(value) || ufor_view_behind(value) != NULL ? R_alloc(PIECE_BYTES, 1) : NULL;
  for (R_xlen_t first = 0; first < length && status == UFO_OK; first += piece) {
    R_xlen_t count = length - first < piece ? length - first : piece;
    const void *data = copy;
    if (copy != NULL) ufor_copy_elements(value, first, count, copy);
    else data = (const char *)ufor_vector_data(value) + (size_t)first * element_bytes;
    status = ufo_writer_write(job->writer, data, (uint64_t)count * element_bytes, &job->error);
    R_CheckUserInterrupt();
  }
  vmaxset(top);
  if (status != UFO_OK) return status;
  status = finish_writer(job);
  return status == UFO_OK ? finish_vector(job, name) : status;
}

static ufo_status put_strings(struct put_job *job, const char *name, SEXP value) {
  ufo_status status = ufo_text_writer_open(job->txn, name, job->chunk_bytes, &job->strings, &job->error);
  if (status == UFO_OK) status = ufor_strings_write(job->strings, value, &job->error);
  if (status != UFO_OK) return status;
  ufo_text_writer *writer = job->strings;
  job->strings = NULL; /* freed in every case */
  status = ufo_text_writer_finish(writer, &job->error);
  return status == UFO_OK ? finish_vector(job, name) : status;
}

/* The view behind `value` if its chunks can be put as they are. The library also takes a view of another store. */
static ufor_view *view_to_put(const struct put_job *job, SEXP value) {
  ufor_view *view = ufor_view_behind(value);
  if (view == NULL || (view->strings != NULL && !ufor_strings_are_of_object(view))) return NULL;
  return job->chunk_bytes == 0 || job->chunk_bytes == view->chunk_bytes ? view : NULL;
}

/* A view that is put back under its own name must not hide that another object has come there since: to the library
 * that is a new object, which it may replace; to the user it is the same case as a newer version. */
static ufo_status check_not_replaced(struct put_job *job, ufor_view *view) {
  char path[UFO_NAME_MAX + 8];
  snprintf(path, sizeof path, "%s%s", job->name, view->strings != NULL ? "[[1]]" : "");
  if (strlen(path) > UFO_NAME_MAX) return UFO_OK;
  if (job->mode == UFO_PUT_REPLACE) return UFO_OK;
  /* In another store it has no place of its own, and numbers of objects say nothing. */
  if (strcmp(ufor_view_path(view), ufo_store_path(job->handle->store)) != 0) return UFO_OK;
  ufo_view_info own = {.struct_size = sizeof own};
  ufo_object_info current = {.struct_size = sizeof current};
  ufo_status status = ufo_view_get_info(view->view, &own, &job->error);
  if (status != UFO_OK || own.object_id == 0 || strcmp(own.name, path) != 0) return status;
  status = ufo_store_info(job->handle->store, job->txn, job->name, 0, &current, &job->error);
  if (status == UFO_MISSING) return UFO_OK;
  if (status == UFO_OK && view->strings != NULL) {
    status = ufo_store_info(job->handle->store, job->txn, path, 0, &current, &job->error);
    if (status == UFO_OK && current.id == 0) return UFO_OK; /* put by this transaction, which knows what was there */
    if (status == UFO_MISSING) status = UFO_OK;             /* no strings: `current` is of another object */
  }
  if (status == UFO_OK && current.id == own.object_id) return UFO_OK;
  if (status != UFO_OK) return status;
  return ufor_fail(&job->error, UFO_CONFLICT,
                   "Cannot put back '%s' of store %s: it was replaced as a whole since the vector was got", job->name,
                   ufo_store_path(job->handle->store));
}

static ufo_status put_atomic(struct put_job *job, const char *name, SEXP value) {
  ufo_status status = ufo_attributes_create(&job->attributes, &job->error);
  if (status == UFO_OK) status = ufor_attributes_encode(value, job->attributes, &job->error);
  if (status != UFO_OK) return status;
  ufor_view *view = view_to_put(job, value);
  if (view != NULL && name == job->name) status = check_not_replaced(job, view);
  if (status != UFO_OK) return status;
  if (view == NULL && TYPEOF(value) == STRSXP) {
    status = put_strings(job, name, value);
  } else if (view == NULL) {
    status = put_vector(job, name, value);
  } else if (view->strings != NULL) {
    status = ufo_txn_put_text_views(job->txn, name, view->view, view->strings->text, view->strings->added, job->mode,
                                    &job->error);
    if (status == UFO_OK) {
      job->is_partial = 1;
      status = set_attributes(job, name);
    }
  } else {
    status = ufo_txn_put_view(job->txn, name, view->view, job->mode, &job->error);
    if (status == UFO_OK) {
      job->is_partial = 1;
      /* What an element of a list keeps is decided at commit, so its attributes are always said. */
      status = name == job->name ? update_attributes(job, name) : set_attributes(job, name);
    }
  }
  if (status == UFO_OK) drop_attributes(job);
  return status;
}

/* ---- serialized objects ----------------------------------------------------------------------------------------- */

static ufo_status put_serialized(struct put_job *job, const char *name, SEXP value) {
  ufo_status status = ufo_attributes_create(&job->attributes, &job->error);
  if (status == UFO_OK) status = ufor_attributes_describe(value, job->attributes, &job->error);
  if (status == UFO_OK) status = open_writer(job, name, UFO_SERIALIZED);
  if (status != UFO_OK) return status;
  const void *top = vmaxget();
  status = ufor_serialize(value, job->writer, &job->error);
  vmaxset(top);
  if (status == UFO_OK) status = finish_writer(job);
  if (status == UFO_OK) status = set_attributes(job, name);
  if (status == UFO_OK) drop_attributes(job);
  return status;
}

/* ---- lists ------------------------------------------------------------------------------------------------------ */

static ufo_status put_list(struct put_job *job, const char *name, SEXP value) {
  R_xlen_t count = XLENGTH(value);
  char *names = R_alloc((size_t)count + 1, TEMPORARY_NAME_BYTES);
  const char **children = (const char **)R_alloc((size_t)count + 1, sizeof *children);
  ufo_status status = UFO_OK;
  for (R_xlen_t i = 0; i < count && status == UFO_OK; i++) {
    char *child = names + (size_t)i * TEMPORARY_NAME_BYTES;
    temporary_name(job, job->temporaries++, child);
    children[i] = child;
    status = put_value(job, child, VECTOR_ELT(value, i));
    R_CheckUserInterrupt();
  }
  if (status == UFO_OK) status = ufo_attributes_create(&job->attributes, &job->error);
  if (status == UFO_OK) status = ufor_attributes_encode(value, job->attributes, &job->error);
  if (status == UFO_OK) status = ufo_txn_put_list(job->txn, name, children, (uint64_t)count, &job->error);
  if (status == UFO_OK) {
    job->is_partial = 1;
    status = set_attributes(job, name);
  }
  if (status == UFO_OK) drop_attributes(job);
  return status;
}

static ufo_status put_value(struct put_job *job, const char *name, SEXP value) {
  ufor_form form = ufor_form_of(value);
  if (form == UFOR_FORM_VECTOR) return put_atomic(job, name, value);
  if (form == UFOR_FORM_LIST && strlen(name) <= LIST_NAME_BYTES_MAX) return put_list(job, name, value);
  return put_serialized(job, name, value);
}

/* ---- the job ---------------------------------------------------------------------------------------------------- */

static SEXP run(void *data) {
  struct put_job *job = data;
  job->status = put_value(job, job->name, job->value);
  if (job->status == UFO_OK) job->status = ufor_store_end_edit(&job->txn, job->own_txn, &job->error);
  job->done = job->status == UFO_OK;
  return R_NilValue;
}

static void clean_up(void *data, Rboolean jump) {
  (void)jump;
  struct put_job *job = data;
  ufor_reference_forbid(0);
  if (job->writer != NULL) ufo_writer_cancel(job->writer);
  ufo_text_writer_cancel(job->strings);
  drop_attributes(job);
  ufo_attributes_free(job->stored);
  if (job->done) return;
  if (job->own_txn) {
    ufo_txn_abort(job->txn);
    return;
  }
  /* In a transaction of the user's: take back the elements of a list that did not come to be. */
  for (unsigned long i = 0; i < job->temporaries; i++) {
    char name[TEMPORARY_NAME_BYTES];
    ufo_error ignored;
    temporary_name(job, i, name);
    if (ufo_txn_remove(job->txn, name, &ignored) == UFO_IO) job->handle->txn_broken = 1;
  }
  if (job->is_partial) job->handle->txn_broken = 1;
}

static ufo_put_mode mode_of(const char *conflict) {
  if (strcmp(conflict, "merge") == 0) return UFO_PUT_MERGE;
  return strcmp(conflict, "replace") == 0 ? UFO_PUT_REPLACE : UFO_PUT_CHECKED;
}

SEXP ufor_put(SEXP pointer, SEXP name, SEXP value, SEXP chunk, SEXP conflict) {
  static unsigned long serial;
  struct put_job job = {.handle = ufor_store_from(pointer),
                        .name = ufor_name(name),
                        .value = value,
                        .chunk_bytes = (uint32_t)Rf_asReal(chunk),
                        .mode = mode_of(ufor_name(conflict)),
                        .serial = serial++};
  const char *path = ufo_store_path(job.handle->store);
  job.txn = ufor_store_begin_edit(job.handle, job.name, &job.own_txn);
  ufor_reference_forbid(1);
  R_UnwindProtect(run, &job, clean_up, &job, NULL);
  if (job.status != UFO_OK) ufor_raise(&job.error, path, job.name);
  return R_NilValue;
}
