/* report.c - messages and exit statuses, opening the store, signals. See cli.h. */
#define CLI_REPORT_C
#include "cli.h"
#include "print.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A message that quotes a path and a name, each as long as it can be, still tells the cause behind them. */
enum { TEXT_BYTES = PATH_MAX + UFO_NAME_MAX + UFO_ERROR_MESSAGE_BYTES };

/* Messages quote names and file contents, so control bytes are escaped here, once for all. */
static void say(const char *text) {
  fputs("ufostore: ", stderr);
  print_escaped(stderr, text, strlen(text), false);
  putc('\n', stderr);
}

__attribute__((format(printf, 1, 0))) static void say_formatted(const char *format, va_list values) {
  char text[TEXT_BYTES];
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
  for (const option_spec *spec = cmd->options; spec && spec->name; spec++) {
    bool required = spec - cmd->options < cmd->options_required;
    if (!spec->what) continue;
    fprintf(stderr, " %s--%s%s%s%s", required ? "" : "[", spec->name, spec->value ? " " : "",
            spec->value ? spec->value : "", required ? "" : "]");
  }
  fprintf(stderr, " %s\n'ufostore %s --help' says more.\n", cmd->operands, cmd->name);
  return EXIT_USAGE;
}

/* Does `path` stand in the message by itself, not as part of another word? (In quotes it is the file in another role.)
 * A bare file name is a word like any other, so it must be where a store's path is put: after "store", or first and
 * before a colon. */
static bool mentions_path(const char *message, const char *path) {
  size_t length = strlen(path);
  bool bare = !strchr(path, '/');
  for (const char *at = message; length && (at = strstr(at, path)); at++) {
    char before = at == message ? ' ' : at[-1], after = at[length];
    if (before != ' ' || (after && !strchr(" ,:;", after))) continue;
    if (!bare || (at == message && after == ':')) return true;
    if (at - message >= 6 && memcmp(at - 6, "store ", 6) == 0) return true;
  }
  return false;
}

/* As given, or as the library has it: absolute and without links. */
static bool names_path(const char *message, const char *path) {
  if (mentions_path(message, path)) return true;
  char *absolute = realpath(path, NULL);
  bool named = absolute && mentions_path(message, absolute);
  free(absolute);
  return named;
}

/* Quoted names may be those of files, too. It is the object's if the message says so, or speaks of the store. */
static bool names_object(const char *message, const char *object, bool path_named) {
  static const char word[] = "object ";
  size_t length = strlen(object);
  for (const char *at = message; (at = strstr(at, object)); at++) {
    if (at == message || at[-1] != '\'' || at[length] != '\'') continue;
    ptrdiff_t start = at - 1 - message, needed = sizeof word - 1;
    if (path_named || (start >= needed && memcmp(at - 1 - needed, word, sizeof word - 1) == 0)) return true;
  }
  return false;
}

int fail_status(const char *path, const char *object, const ufo_error *error) {
  char text[TEXT_BYTES + 64];
  bool path_missing = path && !names_path(error->message, path);
  bool object_missing = object && *object && !names_object(error->message, object, !path_missing);
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

static ufo_store *open_with(const char *path, const ufo_store_options *options, int *status_out) {
  ufo_error error = {0};
  ufo_store *store = NULL;
  if (!ufo_store_open(path, options, &store, &error)) return store;
  *status_out = fail_status(path, NULL, &error);
  return NULL;
}

ufo_store *open_store(const char *path, bool writable, int *status_out) {
  /* Opening read-write creates a missing file, which only put and import are meant to do. */
  if (writable && access(path, F_OK) != 0) {
    *status_out = fail("%s: cannot open the store: %s", path, strerror(errno));
    return NULL;
  }
  const ufo_store_options options = {.struct_size = sizeof options,
                                     .mode = writable ? UFO_OPEN_READ_WRITE : UFO_OPEN_READ_ONLY};
  return open_with(path, &options, status_out);
}

ufo_store *open_store_at(const char *path, const char *label, int *status_out) {
  const ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY, .snapshot = label};
  return open_with(path, &options, status_out);
}

int change_store(const arguments *args, change_fn change) {
  const char *path = args->operands[0], *name = args->operands[1];
  ufo_error error = {0};
  ufo_txn *txn = NULL;
  int status = EXIT_DONE;
  ufo_store *store = open_store(path, true, &status);
  if (!store) return status;
  ufo_status result = ufo_txn_begin(store, &txn, &error);
  if (!result) result = change(txn, args->operands, &error);
  if (!result) result = ufo_txn_commit(txn, &error);
  if (result) {
    status = fail_status(path, name, &error);
    ufo_txn_abort(txn);
  }
  ufo_store_close(store);
  return status;
}

bool is_same_file(const char *path, const struct stat *facts) {
  struct stat own;
  return stat(path, &own) == 0 && own.st_dev == facts->st_dev && own.st_ino == facts->st_ino;
}

/* ---- signals ---- */

static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
enum { CAUGHT = sizeof caught / sizeof *caught };

static volatile sig_atomic_t signal_seen;
static const char *_Atomic unfinished; /* the file that goes with the process; NULL: none */
static bool on_terminal;               /* where a progress bar may have to be erased */

/* Does only what a handler may: the thread may be anywhere in the library. */
static void note_signal(int number) {
  static const char text[] = "\r\033[Kufostore: interrupted: nothing was written\n";
  enum { ERASING = sizeof "\r\033[K" - 1 };
  const char *file = atomic_load(&unfinished);
  signal_seen = number;
  if (!file) return;
  unlink(file);
  size_t skipped = on_terminal ? 0 : ERASING;
  (void)!write(STDERR_FILENO, text + skipped, sizeof text - 1 - skipped);
  _exit(128 + number);
}

void catch_signals(void) {
  /* No SA_RESTART: a read that waits for input ends. SA_RESETHAND: a second signal is not held up by anything. */
  struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESETHAND};
  for (unsigned i = 0; i < CAUGHT; i++) {
    struct sigaction before;
    /* What the parent had ignored (nohup) stays ignored. */
    if (sigaction(caught[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) sigaction(caught[i], &action, NULL);
  }
}

void remove_when_interrupted(const char *file) {
  on_terminal = isatty(STDERR_FILENO);
  atomic_store(&unfinished, file);
}

void hold_signals(bool hold) {
  static sigset_t before; /* what the parent had blocked stays blocked */
  sigset_t signals;
  sigemptyset(&signals);
  for (unsigned i = 0; i < CAUGHT; i++) sigaddset(&signals, caught[i]);
  if (hold) sigprocmask(SIG_BLOCK, &signals, &before);
  else sigprocmask(SIG_SETMASK, &before, NULL);
}

int interrupted(void) { return signal_seen; }

int fail_interrupted(const char *what) {
  fail("interrupted: %s", what);
  return 128 + signal_seen;
}
