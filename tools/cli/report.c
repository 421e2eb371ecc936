/* report.c - messages and exit statuses, opening the store, signals. See cli.h. */
#define CLI_REPORT_C
#include "cli.h"
#include "print.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Messages quote names and file contents, so control bytes are escaped here, once for all. */
static void say(const char *text) {
  fputs("ufostore: ", stderr);
  print_escaped(stderr, text, strlen(text), false);
  putc('\n', stderr);
}

__attribute__((format(printf, 1, 0))) static void say_formatted(const char *format, va_list values) {
  char text[2 * UFO_ERROR_MESSAGE_BYTES];
  vsnprintf(text, sizeof text, format, values);
  say(text);
}

int fail(const char *format, ...) {
  va_list values;
  va_start(values, format);
  say_formatted(format, values);
  va_end(values);
  return EXIT_FAILED;
}

int fail_usage(const command *cmd, const char *format, ...) {
  va_list values;
  va_start(values, format);
  say_formatted(format, values);
  va_end(values);
  if (!cmd) {
    fputs("usage: ufostore COMMAND ...\n'ufostore --help' lists the commands.\n", stderr);
    return EXIT_USAGE;
  }
  fprintf(stderr, "usage: ufostore %s", cmd->name);
  for (const option_spec *spec = cmd->options; spec && spec->name; spec++)
    if (spec->what) fprintf(stderr, spec->value ? " [--%s %s]" : " [--%s]", spec->name, spec->value);
  fprintf(stderr, " %s\n'ufostore %s --help' says more.\n", cmd->operands, cmd->name);
  return EXIT_USAGE;
}

int fail_status(const char *path, const char *object, const ufo_error *error) {
  char text[2 * UFO_ERROR_MESSAGE_BYTES + 512];
  const char *base = path ? strrchr(path, '/') : NULL;
  base = base && base[1] ? base + 1 : path;
  bool path_missing = path && !strstr(error->message, base);
  bool object_missing = object && *object && !strstr(error->message, object);
  snprintf(text, sizeof text, "%s%s%s%s%s%s", path_missing ? path : "", path_missing ? ": " : "",
           object_missing ? "object '" : "", object_missing ? object : "", object_missing ? "': " : "",
           error->message[0] ? error->message : ufo_status_name(error->code));
  say(text);
  return error->code == UFO_CORRUPT ? EXIT_DAMAGED : EXIT_FAILED;
}

ufo_status fill_error(ufo_error *error, ufo_status code, const char *format, ...) {
  va_list values;
  va_start(values, format);
  vsnprintf(error->message, sizeof error->message, format, values);
  va_end(values);
  error->code = code;
  error->os_errno = 0;
  return code;
}

ufo_status fill_errno(ufo_error *error, const char *format, ...) {
  int cause = errno;
  va_list values;
  va_start(values, format);
  int length = vsnprintf(error->message, sizeof error->message, format, values);
  va_end(values);
  if (length >= 0 && (size_t)length < sizeof error->message)
    snprintf(error->message + length, sizeof error->message - (size_t)length, ": %s", strerror(cause));
  error->os_errno = cause;
  error->code = cause == ENOMEM || cause == ENOSPC || cause == EDQUOT ? UFO_FULL
                : cause == ENOENT                                     ? UFO_MISSING
                                                                      : UFO_IO;
  return error->code;
}

/* ---- the store ---- */

static ufo_store *open_mode(const char *path, ufo_open_mode mode, int *status_out) {
  ufo_error error = {0};
  ufo_store *store = NULL;
  const ufo_store_options options = {.struct_size = sizeof options, .mode = mode};
  if (!ufo_store_open(path, &options, &store, &error)) return store;
  *status_out = fail_status(path, NULL, &error);
  return NULL;
}

ufo_store *open_store(const char *path, bool writable, int *status_out) {
  /* Opening read-write creates a missing file, which only put and import are meant to do. */
  if (writable && access(path, F_OK) != 0) {
    *status_out = fail("%s: cannot open the store: %s", path, strerror(errno));
    return NULL;
  }
  return open_mode(path, writable ? UFO_OPEN_READ_WRITE : UFO_OPEN_READ_ONLY, status_out);
}

ufo_store *open_or_create_store(const char *path, int *status_out) {
  return open_mode(path, UFO_OPEN_READ_WRITE, status_out);
}

bool is_same_file(const char *path, const struct stat *facts) {
  struct stat own;
  return stat(path, &own) == 0 && own.st_dev == facts->st_dev && own.st_ino == facts->st_ino;
}

/* ---- signals ---- */

static volatile sig_atomic_t signal_seen;

static void note_signal(int number) { signal_seen = number; }

void catch_signals(void) {
  /* No SA_RESTART: a read that waits for input ends. SA_RESETHAND: a second signal is not held up by anything. */
  struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESETHAND};
  const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    struct sigaction before;
    /* What the parent had ignored (nohup) stays ignored. */
    if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) sigaction(numbers[i], &action, NULL);
  }
}

int interrupted(void) { return signal_seen; }

int fail_interrupted(const char *what) {
  fail("interrupted: %s", what);
  return 128 + signal_seen;
}
