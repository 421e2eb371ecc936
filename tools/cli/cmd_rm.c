/* cmd_rm.c - `ufostore rm`: removes an object. */
#include "cli.h"

static ufo_status remove_object(ufo_txn *txn, const char *const *operands, ufo_error *error) {
  return ufo_txn_remove(txn, operands[1], error);
}

static int run(const arguments *args) { return change_store(args, remove_object); }

const command cmd_rm = {
    .name = "rm",
    .operands = "PATH NAME",
    .summary = "remove an object",
    .details = "The room is used again by later commits; `ufostore compact` makes the file smaller.",
    .operands_min = 2,
    .operands_max = 2,
    .run = run,
};
