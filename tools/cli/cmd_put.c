/* cmd_put.c - `ufostore put`: an array of elements from a file or standard input becomes an object. */
#include "args.h"
#include "lines.h"
#include "new_store.h"
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "put and get copy elements as they are in memory, and promise little-endian ones"
#endif

enum { OPT_TYPE, OPT_CHUNK, PIECE_BYTES = 1024 * 1024 };

static const option_spec options[] = {
    [OPT_TYPE] = {"type", 't', "TYPE", "logical, integer, double, complex, raw or character (required)"},
    [OPT_CHUNK] = {"chunk", 'c', "SIZE", "bytes of a chunk, a power of two from 4K to 16M; default 64K"},
    {0},
};

/* Reads until `buffer` is full or the input ends; -1 on error or signal, with errno. */
static ssize_t read_piece(int fd, char *buffer, size_t bytes) {
  size_t filled = 0;
  while (filled < bytes) {
    ssize_t got = read(fd, buffer + filled, bytes - filled);
    if (got < 0 && errno == EINTR && !interrupted()) continue;
    if (got < 0) return -1;
    if (!got) break;
    filled += (size_t)got;
  }
  return (ssize_t)filled;
}

/* Copies all of `fd` into the writer. UFO_END if a signal came. */
static ufo_status copy_in(int fd, const char *file, ufo_writer *writer, ufo_error *error) {
  struct stat facts;
  uint64_t done = 0, total = fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) ? (uint64_t)facts.st_size : 0;
  char *buffer = malloc(PIECE_BYTES);
  if (!buffer) return set_errno(error, "cannot read '%s'", file);
  progress p = progress_start("put");
  ufo_status status = UFO_OK;
  while (!status) {
    ssize_t got = read_piece(fd, buffer, PIECE_BYTES);
    if (interrupted()) status = UFO_END;
    else if (got < 0) status = set_errno(error, "cannot read '%s'", file);
    else if (!got) break;
    else status = ufo_writer_write(writer, buffer, (uint64_t)got, error);
    if (got > 0) progress_update(&p, done += (uint64_t)got, total);
  }
  progress_end(&p);
  free(buffer);
  return status;
}

static ufo_status put_lines(ufo_txn *txn, const char *name, uint32_t chunk_bytes, int fd, const char *file,
                            ufo_error *error) {
  ufo_text_writer *writer = NULL;
  ufo_status status = ufo_text_writer_open(txn, name, chunk_bytes, &writer, error);
  if (!status) status = lines_copy(fd, file, writer, error);
  if (!status) return ufo_text_writer_finish(writer, error);
  ufo_text_writer_cancel(writer);
  return status;
}

static ufo_status put_elements(ufo_txn *txn, const char *name, const ufo_object_spec *spec, int fd, const char *file,
                               ufo_error *error) {
  ufo_writer *writer = NULL;
  ufo_status status = ufo_writer_open(txn, name, spec, &writer, error);
  if (!status) status = copy_in(fd, file, writer, error);
  if (!status) return ufo_writer_finish(writer, error);
  if (writer) ufo_writer_cancel(writer);
  return status;
}

static ufo_status put(ufo_store *store, const char *name, const ufo_object_spec *spec, int fd, const char *file,
                      ufo_error *error) {
  ufo_txn *txn = NULL;
  ufo_status status = ufo_txn_begin(store, &txn, error);
  if (!status && spec->type == UFO_CHARACTER) status = put_lines(txn, name, spec->chunk_bytes, fd, file, error);
  else if (!status) status = put_elements(txn, name, spec, fd, file, error);
  if (!status) status = ufo_txn_commit(txn, error);
  if (status) ufo_txn_abort(txn);
  return status;
}

/* What can be refused before the store is opened or made: a folder, a file that is not whole elements. */
static ufo_status check_input(int fd, const char *file, const char *path, ufo_type type, ufo_error *error) {
  struct stat facts;
  if (fstat(fd, &facts)) return set_errno(error, "cannot read '%s'", file);
  if (S_ISDIR(facts.st_mode)) return set_error(error, UFO_IO, "cannot read '%s': it is a directory", file);
  if (is_same_file(path, &facts))
    return set_error(error, UFO_USAGE, "cannot read '%s': it is the store itself; nothing was stored", file);
  if (type == UFO_CHARACTER) return UFO_OK;
  off_t at = S_ISREG(facts.st_mode) ? lseek(fd, 0, SEEK_CUR) : 0;
  if (S_ISREG(facts.st_mode) && (facts.st_size - at) % ufo_type_bytes(type))
    return set_error(error, UFO_USAGE,
                     "'%s' holds %lld bytes, which are not whole elements of %u bytes (%s); nothing was stored", file,
                     (long long)(facts.st_size - at), ufo_type_bytes(type), ufo_type_name(type));
  return UFO_OK;
}

static int parse(const arguments *args, ufo_object_spec *spec) {
  static const char *const types[] = {"logical", "integer", "double", "complex", "raw", "character", NULL};
  const char *type = args->values[OPT_TYPE], *chunk = args->values[OPT_CHUNK];
  uint64_t bytes;
  if (!type) return fail_usage(&cmd_put, "--type is missing: logical, integer, double, complex, raw or character");
  for (unsigned i = 0; types[i]; i++)
    if (strcmp(type, types[i]) == 0) spec->type = ufo_type_from_name(type);
  if (!spec->type) {
    const char *near = args_nearest(type, types);
    if (near) return fail_usage(&cmd_put, "unknown type '%s'; did you mean '%s'?", type, near);
    return fail_usage(&cmd_put, "unknown type '%s': it is logical, integer, double, complex, raw or character", type);
  }
  if (!chunk) return EXIT_DONE;
  if (!args_size(chunk, &bytes)) return fail_usage(&cmd_put, "'%s' is no size; write 65536, 64K or 64KiB", chunk);
  if (bytes < UFO_CHUNK_BYTES_MIN || bytes > UFO_CHUNK_BYTES_MAX || (bytes & (bytes - 1)))
    return fail_usage(&cmd_put, "a chunk of %s: it must be a power of two from 4K to 16M", chunk);
  spec->chunk_bytes = (uint32_t)bytes;
  return EXIT_DONE;
}

static int run(const arguments *args) {
  const char *path = args->operands[0], *name = args->operands[1];
  const char *file = args->operand_count > 2 ? args->operands[2] : "-";
  ufo_object_spec spec = {.struct_size = sizeof spec};
  ufo_error error = {0};
  int status = parse(args, &spec);
  if (status) return status;
  bool standard = strcmp(file, "-") == 0;
  int fd = standard ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
  if (standard) file = "standard input";
  if (fd < 0) set_errno(&error, "cannot read '%s'", file);
  if (fd < 0 || check_input(fd, file, path, spec.type, &error)) status = fail_status(path, name, &error);
  bool made = false;
  if (!status) catch_signals(); /* from here on there may be a store to be taken away again */
  ufo_store *store = status ? NULL : open_or_make_store(path, &made, &status);
  if (store) {
    ufo_status result = put(store, name, &spec, fd, file, &error);
    ufo_store_close(store);
    if (result && made) unmake_store(path);
    if (result == UFO_END) status = fail_interrupted("nothing was stored");
    else if (result) status = fail_status(path, name, &error);
  }
  if (fd >= 0 && !standard) close(fd);
  return status;
}

const command cmd_put = {
    .name = "put",
    .operands = "PATH NAME [FILE]",
    .summary = "store an array of elements",
    .details = "FILE holds little-endian elements as R keeps them: logical and integer 4 bytes (NA is -2147483648),\n"
               "double 8, complex two doubles, raw 1; for character it holds text, UTF-8, a string a line, where\n"
               "\\n, \\t, \\r, \\xHH and \\\\ are read as 'get' writes them, and NA is missing. Without FILE, or with "
               "'-', standard input is read. The store is\n"
               "created if it is missing. A NAME that is there becomes a new object, whose versions begin at 1 again.\n"
               "All is stored or nothing.",
    .operands_min = 2,
    .operands_max = 3,
    .options = options,
    .options_required = 1,
    .run = run,
};
