/* cmd_compact.c - `ufostore compact`: rewrites a store without its free room. */
#include "cli.h"
#include "print.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Are there entries that nothing needs any more, but which only a writer may take out? */
static bool has_leftovers(ufo_store *store) {
  ufo_store_stat figures = {.struct_size = sizeof figures};
  return !ufo_store_get_stat(store, &figures, NULL) && (figures.garbage || figures.staged_blobs);
}

/* Writes the copy. PATH is only read, so what is left over in it goes along; it is then taken out of the copy. */
static ufo_status compact_to(ufo_store *store, const char *out, ufo_error *error) {
  bool leftovers = has_leftovers(store);
  ufo_status status = ufo_store_compact(store, out, error);
  if (status || !leftovers) return status;
  ufo_store *copy;
  const ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_WRITE};
  if (ufo_store_open(out, &options, &copy, NULL)) return UFO_OK; /* the copy is sound, only larger than need be */
  status = ufo_store_compact(copy, NULL, NULL);
  (void)status;
  ufo_store_close(copy);
  return UFO_OK;
}

static int run(const arguments *args) {
  const char *path = args->operands[0], *out = args->operand_count > 1 ? args->operands[1] : NULL;
  int status = EXIT_DONE;
  struct stat before, after;
  ufo_store *store = open_store(path, !out, &status);
  if (!store) return status;
  ufo_error error = {0};
  bool measured = stat(path, &before) == 0;
  ufo_status result = out ? compact_to(store, out, &error) : ufo_store_compact(store, NULL, &error);
  ufo_store_close(store);
  if (result) return fail_status(path, NULL, &error);
  if (!measured || stat(out ? out : path, &after)) return fail("%s: %s", out ? out : path, strerror(errno));
  char a[32], b[32];
  print_escaped(stdout, out ? out : path, strlen(out ? out : path), true);
  printf(": %s before, %s after\n", format_size(a, sizeof a, (uint64_t)before.st_size),
         format_size(b, sizeof b, (uint64_t)after.st_size));
  return finish_output(EXIT_DONE);
}

const command cmd_compact = {
    .name = "compact",
    .operands = "PATH [OUT]",
    .summary = "rewrite a store without its free room",
    .details =
        "With OUT, which must not exist, the compact copy goes there; PATH is only read and stays as it is, and "
        "others\n"
        "may use it meanwhile. Without, the copy takes the place of PATH, which no other process may have open, not\n"
        "even for reading. Then text of strings that were assigned over goes, too, where it is more than a third of a\n"
        "column's and no snapshot needs it.",
    .operands_min = 1,
    .operands_max = 2,
    .run = run,
};
