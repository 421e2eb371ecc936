/* cmd_export.c - `ufostore export`: an object as a CSV file, which appears whole or not at all. */
#include "cli.h"
#include "csv_writer.h"
#include "print.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes the renaming last, as far as the file system can. */
static void sync_folder(const char *file) {
  char *folder = strdup(file);
  if (!folder) return;
  char *slash = strrchr(folder, '/');
  if (slash) slash[slash == folder] = 0;
  int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    (void)!fsync(fd);
    close(fd);
  }
  free(folder);
}

/* A temporary file beside `file`, with the rights that `file` has or would get. */
static FILE *open_beside(const char *file, char **name_out) {
  struct stat before;
  mode_t mask = umask(0);
  umask(mask);
  mode_t mode = stat(file, &before) == 0 ? before.st_mode & 0777 : 0666 & ~mask;
  FILE *out = NULL;
  if (asprintf(name_out, "%s.XXXXXX", file) < 0) {
    *name_out = NULL;
    return NULL;
  }
  int fd = mkostemp(*name_out, O_CLOEXEC);
  if (fd >= 0 && (fchmod(fd, mode) || !(out = fdopen(fd, "w")))) {
    int cause = errno;
    close(fd);
    unlink(*name_out);
    errno = cause;
  }
  return out;
}

/* The file that is to be written: where `file` leads to if it is a symbolic link, which itself stays. Allocated. */
static char *resolve_target(ufo_store *store, const char *path, const char *file, ufo_error *error) {
  struct stat facts;
  char *lock_file = NULL, *target = NULL;
  bool there = stat(file, &facts) == 0;
  if (asprintf(&lock_file, "%s-lock", ufo_store_path(store)) < 0) lock_file = NULL;
  if (there && is_same_file(path, &facts))
    set_error(error, UFO_USAGE, "cannot write '%s': it is the store itself", file);
  else if (there && lock_file && is_same_file(lock_file, &facts))
    set_error(error, UFO_USAGE, "cannot write '%s': it is the store's lock file", file);
  else if (there && !S_ISREG(facts.st_mode))
    set_error(error, UFO_USAGE, "cannot write '%s': it is no ordinary file; use '-' for standard output", file);
  else if (!there && lstat(file, &facts) == 0 && S_ISLNK(facts.st_mode))
    set_error(error, UFO_USAGE, "cannot write '%s': it is a symbolic link to nothing", file);
  else if (!lock_file || !(target = there ? realpath(file, NULL) : strdup(file)))
    set_errno(error, "cannot write '%s'", file);
  free(lock_file);
  return target;
}

/* The file is made, and known to be unfinished, as one: a signal finds both or neither. NULL: error. */
static FILE *begin_file(const char *target, char **temporary_out) {
  hold_signals(true);
  FILE *out = open_beside(target, temporary_out);
  int cause = errno;
  if (out) {
    catch_signals();
    remove_when_interrupted(*temporary_out);
  }
  hold_signals(false);
  errno = cause;
  return out;
}

/* Gives the temporary file its name if `result` is UFO_OK, else removes it; a signal comes before this, or finds it
 * done. `file` is the target's name for messages. */
static ufo_status end_file(const char *temporary, const char *target, const char *file, ufo_status result,
                           ufo_error *error) {
  hold_signals(true);
  if (!result && rename(temporary, target)) result = set_errno(error, "cannot write '%s'", file);
  if (result) unlink(temporary);
  remove_when_interrupted(NULL);
  hold_signals(false);
  if (!result) sync_folder(target);
  return result;
}

static int export_to_file(ufo_store *store, const char *path, const char *name, const char *file) {
  char *temporary = NULL;
  ufo_error error = {0};
  char *target = resolve_target(store, path, file, &error);
  if (!target) return fail_status(path, name, &error);
  FILE *out = begin_file(target, &temporary);
  ufo_status result = out ? UFO_OK : set_errno(&error, "cannot write '%s'", file);
  if (out) {
    progress p = progress_start("export");
    result = csv_write(store, name, 0, 0, UINT64_MAX, out, file, &p, &error);
    progress_end(&p);
    if (!result && (fflush(out) || ferror(out) || fsync(fileno(out))))
      result = set_errno(&error, "cannot write '%s'", file);
    if (fclose(out) && !result) result = set_errno(&error, "cannot write '%s'", file);
    result = end_file(temporary, target, file, result, &error);
  }
  free(temporary);
  free(target);
  return result ? fail_status(path, name, &error) : EXIT_DONE;
}

enum { OPT_SNAPSHOT };

static const option_spec options[] = {
    [OPT_SNAPSHOT] = {"snapshot", 0, "LABEL", "the object as it was at that snapshot"},
    {0},
};

static int run(const arguments *args) {
  const char *path = args->operands[0], *name = args->operands[1], *file = args->operands[2];
  int status = EXIT_DONE;
  ufo_store *store = open_store_at(path, args->values[OPT_SNAPSHOT], &status);
  if (!store) return status;
  if (strcmp(file, "-") == 0) {
    ufo_error error = {0};
    ufo_status result = csv_write(store, name, 0, 0, UINT64_MAX, stdout, "standard output", NULL, &error);
    status = result ? fail_status(path, name, &error) : finish_output(EXIT_DONE);
  } else {
    status = export_to_file(store, path, name, file);
  }
  ufo_store_close(store);
  return status;
}

const command cmd_export = {
    .name = "export",
    .operands = "PATH NAME FILE.csv",
    .summary = "write a data frame or a vector as CSV",
    .details =
        "Fields are quoted only where they must be; missing values are NA, factors their labels, dates and times\n"
        "ISO (UTC). The file appears whole or not at all, a symbolic link is followed; '-' is standard output.",
    .operands_min = 3,
    .operands_max = 3,
    .options = options,
    .run = run,
};
