/* cli.h - what the command files share: the shape of a command, exit statuses, messages, signals.
 *
 * A command is one cmd_*.c file with one `const command cmd_x`, listed in main.c. main.c parses the arguments after
 * the command's own table, so `run` starts with checked options and the right number of operands. */
#ifndef UFOSTORE_CLI_H
#define UFOSTORE_CLI_H

#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <ufostore/ufostore.h>

/* Exit statuses. After a signal it is 128 + its number, as shells have it. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_DAMAGED = 3 };

enum { OPTION_MAX = 8 };

typedef struct option_spec {
  const char *name;  /* without the dashes */
  char letter;       /* 0: no short form */
  const char *value; /* the word for its value in the help; NULL: it is a switch */
  const char *what;  /* one line of help; NULL: parsed, but not shown */
} option_spec;

typedef struct arguments {
  const char **operands;
  int operand_count;
  const char *values[OPTION_MAX]; /* in the order of the command's table; NULL: not given. A switch has "". */
} arguments;

typedef struct command {
  const char *name;
  const char *operands; /* "PATH NAME", for the usage line */
  const char *summary;  /* one line for the list of commands */
  const char *details;  /* paragraphs for COMMAND --help; NULL: none */
  int operands_min, operands_max;
  const option_spec *options;        /* ends with a NULL name; NULL: none */
  int options_required;              /* so many of the first ones must be given */
  int (*run)(const arguments *args); /* an exit status */
} command;

extern const command cmd_create, cmd_ls, cmd_info, cmd_stat, cmd_put, cmd_get, cmd_import, cmd_export, cmd_rm, cmd_mv,
    cmd_snapshot, cmd_verify, cmd_compact, cmd_bench;

/* Prints "ufostore: message" on standard error, control bytes escaped. Returns EXIT_FAILED. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Reports a library error, with `path` and `object` (each may be NULL) in front if the message does not name them.
 * Returns the exit status that fits its code. */
int fail_status(const char *path, const char *object, const ufo_error *error);

/* Reports wrong usage of `cmd` (NULL: of the program) with its usage line. Returns EXIT_USAGE. */
int fail_usage(const command *cmd, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Fills *error as the library does and returns `code`; for the parts of the tool that report like it. */
#define set_error(...) not_ok(fill_error(__VA_ARGS__))
/* The same for a failed system call, with the text of errno appended. */
#define set_errno(...) not_ok(fill_errno(__VA_ARGS__))

ufo_status fill_error(ufo_error *error, ufo_status code, const char *format, ...) __attribute__((format(printf, 3, 4)));
ufo_status fill_errno(ufo_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A failure is never UFO_OK; written here, where a static analyzer sees it at each use. */
static inline ufo_status not_ok(ufo_status status) { return status == UFO_OK ? UFO_IO : status; }

/* Opens an existing store. On failure prints the message, sets *status_out and returns NULL. */
ufo_store *open_store(const char *path, bool writable, int *status_out);
/* The same for reading, as it was at the snapshot `label`; NULL: as it is. */
ufo_store *open_store_at(const char *path, const char *label, int *status_out);

/* For commands whose operands are PATH NAME ...: opens the store and commits what `change` does to the object. Prints
 * what fails; returns the exit status. */
typedef ufo_status (*change_fn)(ufo_txn *txn, const char *const *operands, ufo_error *error);
int change_store(const arguments *args, change_fn change);

/* Is the file at `path` the one that `facts` (from stat) describe? Guards against a store as its own input or output.
 */
bool is_same_file(const char *path, const struct stat *facts);

/* Makes SIGINT, SIGTERM and SIGHUP set a flag, so that long work can stop in order; a second signal ends the process.
 * interrupted() is the number of the signal that came, or 0. */
void catch_signals(void);
int interrupted(void);
/* Says on standard error that the work was cancelled and what that means; returns the exit status. */
int fail_interrupted(const char *what);

/* While `file` is given (NULL: no longer), such a signal ends the process at once, whatever the library is in the
 * middle of, and removes that file; message and status are those of fail_interrupted("nothing was written"). For
 * commands that change nothing but that file. Only the pointer is kept. */
void remove_when_interrupted(const char *file);
/* Puts such signals off, or lets them in again, so that what is done between the two is done as one. */
void hold_signals(bool hold);

/* clang's analyzer does not see into report.c; without this it would follow paths on which a failure returns success.
 */
#if defined(__clang_analyzer__) && !defined(CLI_REPORT_C)
#define fail(...) ((void)fail(__VA_ARGS__), EXIT_FAILED)
#define fail_usage(cmd, ...) ((void)fail_usage(cmd, __VA_ARGS__), EXIT_USAGE)
#define set_error(error, code, ...) ((void)set_error(error, code, __VA_ARGS__), (code))
#define set_errno(error, ...) ((void)set_errno(error, __VA_ARGS__), UFO_IO)
#endif

#endif
