/* cmd_mv.c - `ufostore mv`: gives an object another name. */
#include "cli.h"

static int run(const arguments *args) {
  const char *path = args->operands[0], *from = args->operands[1], *to = args->operands[2];
  ufo_error error = {0};
  ufo_txn *txn = NULL;
  int status = EXIT_DONE;
  ufo_store *store = open_store(path, true, &status);
  if (!store) return status;
  ufo_status result = ufo_txn_begin(store, &txn, &error);
  if (!result) result = ufo_txn_rename(txn, from, to, &error);
  if (!result) result = ufo_txn_commit(txn, &error);
  if (result) {
    status = fail_status(path, from, &error);
    ufo_txn_abort(txn);
  }
  ufo_store_close(store);
  return status;
}

const command cmd_mv = {
    .name = "mv",
    .operands = "PATH OLD NEW",
    .summary = "rename an object; NEW must not exist",
    .operands_min = 3,
    .operands_max = 3,
    .run = run,
};
