/* cmd_create.c - `ufostore create`: an empty store. */
#include "cli.h"

static int run(const arguments *args) {
  const char *path = args->operands[0];
  ufo_error error = {0};
  ufo_store *store = NULL;
  const ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_CREATE};
  if (ufo_store_open(path, &options, &store, &error)) return fail_status(path, NULL, &error);
  ufo_store_close(store);
  return EXIT_DONE;
}

const command cmd_create = {
    .name = "create",
    .operands = "PATH",
    .summary = "make an empty store; PATH must not exist",
    .operands_min = 1,
    .operands_max = 1,
    .run = run,
};
