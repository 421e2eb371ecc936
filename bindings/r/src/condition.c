/* condition.c - raises the library's errors as R conditions.
 *
 * The condition object is made by R code (R/conditions.R), so that its class, its message and the
 * advice on what to do are written in one place. */
#include "condition.h"

#include <stdarg.h>
#include <stdio.h>

SEXP ufor_namespace(void) {
  SEXP name = PROTECT(Rf_mkString("ufostore"));
  SEXP namespace = R_FindNamespace(name);
  UNPROTECT(1);
  return namespace;
}

static SEXP string_or_null(const char *text) {
  if (text == NULL) return R_NilValue;
  SEXP string = PROTECT(Rf_mkCharCE(text, CE_UTF8));
  SEXP vector = Rf_ScalarString(string);
  UNPROTECT(1);
  return vector;
}

void ufor_raise_in(const char *situation, const ufo_error *error, const char *path, const char *object) {
  SEXP kind = PROTECT(Rf_mkString(ufo_status_name(error->code)));
  SEXP message = PROTECT(string_or_null(error->message));
  SEXP path_value = PROTECT(string_or_null(path));
  SEXP object_value = PROTECT(string_or_null(object));
  SEXP situation_value = PROTECT(Rf_mkString(situation));
  SEXP call = PROTECT(Rf_lang6(Rf_install("raise_library"), kind, message, path_value, object_value, situation_value));
  Rf_eval(call, ufor_namespace());
  Rf_error("ufostore: a condition was not raised"); /* raise_library does not return */
}

void ufor_raise(const ufo_error *error, const char *path, const char *object) {
  ufor_raise_in("", error, path, object);
}

void ufor_raise_format(ufo_status code, const char *path, const char *object, const char *format, ...) {
  ufo_error error = {.code = code};
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error.message, sizeof error.message, format, arguments);
  va_end(arguments);
  ufor_raise(&error, path, object);
}

ufo_status ufor_fail(ufo_error *error, ufo_status code, const char *format, ...) {
  error->code = code;
  error->os_errno = 0;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  return code;
}

static void check_interrupt(void *unused) {
  (void)unused;
  R_CheckUserInterrupt();
}

int ufor_interrupt_pending(void) { return !R_ToplevelExec(check_interrupt, NULL); }

void ufor_raise_interrupt(void) {
  SEXP call = PROTECT(Rf_lang1(Rf_install("raise_interrupt")));
  Rf_eval(call, ufor_namespace());
  Rf_error("ufostore: interrupted");
}
