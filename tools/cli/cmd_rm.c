/* cmd_rm.c - `ufostore rm`: removes an object. */
#include "cli.h"

static int run(const arguments *args) {
  const char *path = args->operands[0], *name = args->operands[1];
  ufo_error error = {0};
  ufo_txn *txn = NULL;
  int status = EXIT_DONE;
  ufo_store *store = open_store(path, true, &status);
  if (!store) return status;
  ufo_status result = ufo_txn_begin(store, &txn, &error);
  if (!result) result = ufo_txn_remove(txn, name, &error);
  if (!result) result = ufo_txn_commit(txn, &error);
  if (result) {
    status = fail_status(path, name, &error);
    ufo_txn_abort(txn);
  }
  ufo_store_close(store);
  return status;
}

const command cmd_rm = {
    .name = "rm",
    .operands = "PATH NAME",
    .summary = "remove an object",
    .details = "The room is used again by later commits; `ufostore compact` makes the file smaller.",
    .operands_min = 2,
    .operands_max = 2,
    .run = run,
};
