#include <ufostoreR.h>

#include <R_ext/Utils.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

SEXP caller_info(SEXP x) {
  ufostore_vector_info info = {.struct_size = sizeof info};
  void *data = TYPEOF(x) == REALSXP ? REAL(x) : NULL;
  if (ufostore_api_version() < 1 || ufostore_info(x, &info) != ufostore_is_view(x)) return R_NilValue;
  if (!ufostore_is_view(x)) return Rf_ScalarLogical(0);
  const char *names[] = {"length",  "element_bytes", "chunk_bytes", "chunk_count", "chunks_changed",
                         "version", "path",          "name",        "is_plain",    "is_data",
                         ""};
  SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(list, 0, Rf_ScalarReal((double)info.length));
  SET_VECTOR_ELT(list, 1, Rf_ScalarReal((double)info.element_bytes));
  SET_VECTOR_ELT(list, 2, Rf_ScalarReal((double)info.chunk_bytes));
  SET_VECTOR_ELT(list, 3, Rf_ScalarReal((double)info.chunk_count));
  SET_VECTOR_ELT(list, 4, Rf_ScalarReal((double)info.chunks_changed));
  SET_VECTOR_ELT(list, 5, Rf_ScalarReal((double)info.version));
  SET_VECTOR_ELT(list, 6, Rf_mkString(info.path));
  SET_VECTOR_ELT(list, 7, Rf_mkString(info.name));
  SET_VECTOR_ELT(list, 8, Rf_ScalarLogical(info.is_plain));
  SET_VECTOR_ELT(list, 9, Rf_ScalarLogical(data == info.data));
  UNPROTECT(1);
  return list;
}

SEXP caller_advise(SEXP x, SEXP first, SEXP count, SEXP advice) {
  return Rf_ScalarInteger(ufostore_advise(x, (R_xlen_t)Rf_asReal(first), (R_xlen_t)Rf_asReal(count),
                                          (enum ufostore_advice)Rf_asInteger(advice)));
}

struct job {
  const double *doubles;
  const int *integers;
  R_xlen_t count;
  double sum;
};

static void *run(void *user) {
  struct job *job = user;
  for (R_xlen_t i = 0; i < job->count; i++) job->sum += job->doubles != NULL ? job->doubles[i] : job->integers[i];
  return NULL;
}

SEXP caller_sum(SEXP x, SEXP first, SEXP count) {
  R_xlen_t from = (R_xlen_t)Rf_asReal(first);
  struct job job = {.count = (R_xlen_t)Rf_asReal(count)};
  if (TYPEOF(x) == REALSXP) job.doubles = REAL_RO(x) + from;
  else job.integers = INTEGER_RO(x) + from;
  pthread_t thread;
  ufostore_pin(x, from, job.count, 0);
  int failed = pthread_create(&thread, NULL, run, &job);
  if (!failed) pthread_join(thread, NULL);
  ufostore_unpin(x, from, job.count);
  return failed ? R_NilValue : Rf_ScalarReal(job.sum);
}

SEXP caller_write(SEXP x, SEXP path) {
  size_t bytes = (size_t)XLENGTH(x) * sizeof(double);
  const double *data = REAL_RO(x);
  int file = open(CHAR(STRING_ELT(path, 0)), O_WRONLY | O_CREAT, 0600);
  ufostore_pin(x, 0, XLENGTH(x), 0);
  ssize_t written = write(file, data, bytes);
  ufostore_unpin(x, 0, XLENGTH(x));
  close(file);
  return Rf_ScalarReal((double)written);
}

SEXP caller_get(SEXP store, SEXP name) { return ufostore_get(store, CHAR(STRING_ELT(name, 0))); }
