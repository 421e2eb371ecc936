/* verify.c - collects what ufo_store_verify and ufo_store_salvage report.
 *
 * The library's callbacks must not jump, so damage is kept in plain memory until it is done. */
#include "verify.h"

#include "condition.h"
#include "store.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct damage {
  char *object; /* NULL if it concerns the store */
  char *cause;
  double version, first, count;
};

struct verify_job {
  struct damage *damages;
  size_t count, room;
  const char *doing;
  int out_of_memory, is_interrupted, has_shown;
  int form;   /* of the progress: 0 not shown, 1 in one place, 2 in lines, one for each tenth */
  int tenths; /* of the last line */
  struct timespec last_shown;
};

static char *copy_text(const char *text) { return text == NULL ? NULL : strdup(text); }

static int on_damage(void *user, const ufo_damage *damage) {
  struct verify_job *job = user;
  if (job->count == job->room) {
    size_t room = job->room == 0 ? 16 : 2 * job->room;
    struct damage *larger = realloc(job->damages, room * sizeof *larger);
    if (larger == NULL) return job->out_of_memory = 1;
    job->damages = larger;
    job->room = room;
  }
  job->damages[job->count++] = (struct damage){.object = copy_text(damage->name),
                                               .cause = copy_text(damage->cause),
                                               .version = (double)damage->version,
                                               .first = (double)damage->first,
                                               .count = (double)damage->count};
  return 0;
}

struct progress {
  const struct verify_job *job;
  double share;
};

static void show(void *data) {
  const struct progress *progress = data;
  const struct verify_job *job = progress->job;
  if (job->form == 1) REprintf("\r%s: %3.0f %%", job->doing, 100 * progress->share);
  else REprintf("%s: %d %%\n", job->doing, 10 * job->tenths);
}

static int on_progress(void *user, uint64_t done, uint64_t total) {
  struct verify_job *job = user;
  if (ufor_interrupt_pending()) return job->is_interrupted = 1;
  if (job->form == 0) return 0;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (now.tv_sec == job->last_shown.tv_sec) return 0; /* once a second, and not at all if it is quick */
  job->last_shown = now;
  double share = total == 0 || done > total ? 1 : (double)done / (double)total;
  if (job->form == 2 && (int)(10 * share) <= job->tenths) return 0;
  job->tenths = (int)(10 * share);
  struct progress progress = {job, share};
  R_ToplevelExec(show, &progress); /* where messages go may be R code of the user's */
  job->has_shown = 1;
  return 0;
}

static SEXP strings(const struct verify_job *job, int wants_cause) {
  SEXP values = PROTECT(Rf_allocVector(STRSXP, (R_xlen_t)job->count));
  for (size_t i = 0; i < job->count; i++) {
    const char *text = wants_cause ? job->damages[i].cause : job->damages[i].object;
    SET_STRING_ELT(values, (R_xlen_t)i, text == NULL ? NA_STRING : Rf_mkCharCE(text, CE_UTF8));
  }
  UNPROTECT(1);
  return values;
}

/* Elements are counted from one in R; a damage that concerns none has none. */
static SEXP numbers(const struct verify_job *job, char which) {
  SEXP values = Rf_allocVector(REALSXP, (R_xlen_t)job->count);
  for (size_t i = 0; i < job->count; i++) {
    const struct damage *damage = &job->damages[i];
    REAL(values)
    [i] = which == 'v'         ? damage->version
          : damage->count == 0 ? NA_REAL
          : which == 'f'       ? damage->first + 1
                               : damage->first + damage->count;
  }
  return values;
}

static SEXP build(void *data) {
  const struct verify_job *job = data;
  const char *fields[] = {"object", "version", "first", "last", "cause", ""};
  SEXP result = PROTECT(Rf_mkNamed(VECSXP, fields));
  SET_VECTOR_ELT(result, 0, strings(job, 0));
  SET_VECTOR_ELT(result, 1, numbers(job, 'v'));
  SET_VECTOR_ELT(result, 2, numbers(job, 'f'));
  SET_VECTOR_ELT(result, 3, numbers(job, 'l'));
  SET_VECTOR_ELT(result, 4, strings(job, 1));
  UNPROTECT(1);
  return result;
}

static void clean_up(void *data, Rboolean jump) {
  (void)jump;
  struct verify_job *job = data;
  for (size_t i = 0; i < job->count; i++) {
    free(job->damages[i].object);
    free(job->damages[i].cause);
  }
  free(job->damages);
}

/* What was found, as a list. `status` is what the library said of the store at `path`. */
static SEXP finish(struct verify_job *job, ufo_status status, const ufo_error *error, const char *path) {
  if (job->has_shown && job->form == 1) REprintf("\r                    \r");
  SEXP result = PROTECT(R_UnwindProtect(build, job, clean_up, job, NULL));
  if (job->is_interrupted) ufor_raise_interrupt();
  if (job->out_of_memory)
    ufor_raise_format(UFO_FULL, path, NULL, "Cannot %s '%s': out of memory",
                      job->doing[0] == 'v' ? "verify" : "salvage", path);
  if (status != UFO_OK && status != UFO_CORRUPT) ufor_raise(error, path, NULL);
  if (status == UFO_CORRUPT && job->count == 0) ufor_raise(error, path, NULL);
  UNPROTECT(1);
  return result;
}

static struct verify_job start(const char *doing, SEXP progress) {
  struct verify_job job = {.doing = doing, .form = Rf_asInteger(progress)};
  clock_gettime(CLOCK_MONOTONIC, &job.last_shown);
  return job;
}

SEXP ufor_verify(SEXP pointer, SEXP progress) {
  ufor_store *handle = ufor_store_from(pointer);
  struct verify_job job = start("verifying", progress);
  ufo_error error;
  ufo_status status = ufo_store_verify(handle->store, on_damage, on_progress, &job, &error);
  return finish(&job, status, &error, ufo_store_path(handle->store));
}

SEXP ufor_salvage(SEXP path, SEXP out, SEXP progress) {
  const char *from = R_ExpandFileName(Rf_translateChar(STRING_ELT(path, 0)));
  char *copy = strdup(from); /* the next call may use the same memory */
  struct verify_job job = start("salvaging", progress);
  ufo_error error;
  if (copy == NULL) ufor_raise_format(UFO_FULL, NULL, NULL, "Cannot salvage a store: out of memory");
  ufo_status status = ufo_store_salvage(copy, R_ExpandFileName(Rf_translateChar(STRING_ELT(out, 0))), on_damage,
                                        on_progress, &job, &error);
  free(copy);
  return finish(&job, status, &error, Rf_translateChar(STRING_ELT(path, 0)));
}
