/* cmd_mv.c - `ufostore mv`: gives an object another name. */
#include "cli.h"

static ufo_status rename_object(ufo_txn *txn, const char *const *operands, ufo_error *error) {
  return ufo_txn_rename(txn, operands[1], operands[2], error);
}

static int run(const arguments *args) { return change_store(args, rename_object); }

const command cmd_mv = {
    .name = "mv",
    .operands = "PATH OLD NEW",
    .summary = "rename an object; NEW must not exist",
    .operands_min = 3,
    .operands_max = 3,
    .run = run,
};
