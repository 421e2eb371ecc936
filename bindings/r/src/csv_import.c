/* csv_import.c - from files to objects of a store: see csv.h.
 *
 * The file is scanned before the transaction begins, so that nobody waits for it, and nothing is undone if it is no
 * good. What the library holds is reachable from the job, and released by `clean_up` if R jumps. */
#include "attributes.h"
#include "condition.h"
#include "csv.h"
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct import_job {
  ufor_store *handle;
  const char *name, *label;
  ufo_csv_options options;
  SEXP show; /* R_NilValue: nobody wants to see it */
  double share;
  struct timespec last_shown;
  int fd;
  ufo_csv *csv;
  ufo_txn *txn;
  int own_txn, is_begun, is_interrupted, done;
  ufo_status status;
  ufo_error error;
};

static void show(void *data) {
  const struct import_job *job = data;
  SEXP share = PROTECT(Rf_ScalarReal(job->share));
  SEXP call = PROTECT(Rf_lang2(job->show, share));
  Rf_eval(call, R_GlobalEnv);
  UNPROTECT(2);
}

/* Ten times a second: the function that shows it is R's. */
static int on_progress(void *user, uint64_t done, uint64_t total) {
  struct import_job *job = user;
  if (ufor_interrupt_pending()) return job->is_interrupted = 1;
  struct timespec now;
  if (job->show == R_NilValue || total == 0) return 0;
  clock_gettime(CLOCK_MONOTONIC, &now);
  double seconds =
      (double)(now.tv_sec - job->last_shown.tv_sec) + 1e-9 * (double)(now.tv_nsec - job->last_shown.tv_nsec);
  if (seconds < 0.1) return 0;
  job->last_shown = now;
  job->share = (double)done / (double)total;
  if (job->share > 1) job->share = 1;
  return job->is_interrupted = !R_ToplevelExec(show, job); /* where messages go may be R code of the user's */
}

/* ---- options ---- */

static const char **texts(SEXP strings) {
  R_xlen_t count = Rf_xlength(strings);
  const char **result = (const char **)R_alloc((size_t)count + 1, sizeof *result);
  for (R_xlen_t i = 0; i < count; i++) result[i] = Rf_translateCharUTF8(STRING_ELT(strings, i));
  return result;
}

static ufo_csv_options options_of(SEXP list) {
  ufo_csv_options options = {.struct_size = sizeof options};
  SEXP names = VECTOR_ELT(list, 5), positions = VECTOR_ELT(list, 7);
  R_xlen_t by_name = Rf_xlength(names), by_place = Rf_xlength(positions);
  ufo_csv_column *columns = (ufo_csv_column *)R_alloc((size_t)(by_name + by_place) + 1, sizeof *columns);
  const char **column_names = texts(names);
  options.delimiter = ufor_name(VECTOR_ELT(list, 0))[0];
  options.decimal = ufor_name(VECTOR_ELT(list, 1))[0];
  options.no_header = !Rf_asLogical(VECTOR_ELT(list, 2));
  options.skip_lines = (uint64_t)Rf_asReal(VECTOR_ELT(list, 3));
  options.na = texts(VECTOR_ELT(list, 4));
  options.na_count = (uint64_t)Rf_xlength(VECTOR_ELT(list, 4));
  for (R_xlen_t i = 0; i < by_name; i++)
    columns[i] = (ufo_csv_column){.name = column_names[i], .type = (ufo_csv_type)INTEGER(VECTOR_ELT(list, 6))[i]};
  for (R_xlen_t i = 0; i < by_place; i++)
    columns[by_name + i] = (ufo_csv_column){.index = (uint64_t)REAL(positions)[i] - 1,
                                            .type = (ufo_csv_type)INTEGER(VECTOR_ELT(list, 8))[i]};
  options.columns = columns;
  options.column_count = (uint64_t)(by_name + by_place);
  options.all_type = (ufo_csv_type)INTEGER(VECTOR_ELT(list, 9))[0];
  options.text_type = (ufo_csv_type)INTEGER(VECTOR_ELT(list, 10))[0];
  return options;
}

/* ---- the job ---- */

static SEXP run(void *data) {
  struct import_job *job = data;
  job->status = ufo_csv_scan(job->fd, job->label, &job->options, on_progress, job, &job->csv, &job->error);
  if (job->status != UFO_OK) return R_NilValue;
  job->txn = ufor_store_begin_edit(job->handle, job->name, &job->own_txn);
  job->is_begun = 1;
  job->status = ufo_csv_load(job->csv, job->txn, job->name, on_progress, job, &job->error);
  if (job->status == UFO_OK) job->status = ufor_store_end_edit(&job->txn, job->own_txn, &job->error);
  job->done = job->status == UFO_OK;
  return R_NilValue;
}

static void clean_up(void *data, Rboolean jump) {
  (void)jump;
  struct import_job *job = data;
  ufo_csv_free(job->csv);
  close(job->fd);
  if (job->done || !job->is_begun) return;
  if (job->own_txn) ufo_txn_abort(job->txn);
  else job->handle->txn_broken = 1; /* some columns may be in it under names of their own */
}

SEXP ufor_csv_import(SEXP pointer, SEXP name, SEXP path, SEXP label, SEXP options, SEXP show_share) {
  struct import_job job = {.handle = ufor_store_from(pointer),
                           .name = ufor_name(name),
                           .label = ufor_name(label),
                           .options = options_of(options),
                           .show = show_share};
  const char *store = ufo_store_path(job.handle->store);
  job.fd = open(R_ExpandFileName(Rf_translateChar(STRING_ELT(path, 0))), O_RDONLY | O_CLOEXEC);
  if (job.fd < 0)
    ufor_raise_format(errno == ENOENT ? UFO_MISSING : UFO_IO, NULL, NULL, "Cannot read '%s': %s", job.label,
                      strerror(errno));
  clock_gettime(CLOCK_MONOTONIC, &job.last_shown);
  R_UnwindProtect(run, &job, clean_up, &job, NULL);
  if (job.is_interrupted) ufor_raise_interrupt();
  if (job.status != UFO_OK) ufor_raise(&job.error, job.is_begun ? store : NULL, job.is_begun ? job.name : NULL);
  return R_NilValue;
}

/* ---- columns that were put one by one ---- */

struct gather_job {
  ufor_store *handle;
  const char *name;
  SEXP children, list;
  ufo_attributes *attributes;
  ufo_status status;
  ufo_error error;
};

static SEXP gather(void *data) {
  struct gather_job *job = data;
  SEXP keys = PROTECT(Rf_getAttrib(job->list, R_NamesSymbol));
  job->status = ufo_attributes_create(&job->attributes, &job->error);
  for (R_xlen_t i = 0; i < Rf_xlength(job->list) && job->status == UFO_OK; i++)
    job->status = ufor_attributes_set(Rf_translateCharUTF8(STRING_ELT(keys, i)), VECTOR_ELT(job->list, i),
                                      job->attributes, &job->error);
  const char **children = texts(job->children);
  if (job->status == UFO_OK)
    job->status =
        ufo_txn_put_list(job->handle->txn, job->name, children, (uint64_t)Rf_xlength(job->children), &job->error);
  if (job->status == UFO_OK)
    job->status = ufo_txn_set_attributes(job->handle->txn, job->name, job->attributes, &job->error);
  UNPROTECT(1);
  return R_NilValue;
}

static void free_attributes(void *data, Rboolean jump) {
  (void)jump;
  ufo_attributes_free(((struct gather_job *)data)->attributes);
}

SEXP ufor_gather(SEXP pointer, SEXP name, SEXP children, SEXP attributes) {
  struct gather_job job = {
      .handle = ufor_store_from(pointer), .name = ufor_name(name), .children = children, .list = attributes};
  const char *path = ufo_store_path(job.handle->store);
  if (job.handle->txn == NULL)
    ufor_raise_format(UFO_USAGE, path, job.name, "Cannot gather columns without a transaction");
  R_UnwindProtect(gather, &job, free_attributes, &job, NULL);
  if (job.status != UFO_OK) {
    job.handle->txn_broken = 1;
    ufor_raise(&job.error, path, job.name);
  }
  return R_NilValue;
}
