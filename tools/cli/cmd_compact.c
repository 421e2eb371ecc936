/* cmd_compact.c - `ufostore compact`: rewrites a store without its free room. */
#include "cli.h"
#include "print.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static int run(const arguments *args) {
  const char *path = args->operands[0], *out = args->operand_count > 1 ? args->operands[1] : NULL;
  int status = EXIT_DONE;
  struct stat before, after;
  ufo_store *store = open_store(path, true, &status);
  if (!store) return status;
  ufo_error error = {0};
  bool measured = stat(path, &before) == 0;
  ufo_status result = ufo_store_compact(store, out, &error);
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
        "With OUT, which must not exist, the compact copy goes there and PATH stays as it is. Without, it takes\n"
        "the place of PATH, which nothing else may have open.",
    .operands_min = 1,
    .operands_max = 2,
    .run = run,
};
