/* power_loss_selftest.c - would power_loss.c notice? The same replay of records in which the syncs of files, the
 * synchronous writes, or the syncs of the folder are taken for nothing: each must be caught. */
#include "crash/power.h"

static int is_caught(const record_log *log, dropped planted, const char *what) {
  char folder[3000];
  outcome *out = shared_memory(sizeof *out);
  if (!out || make_folder(folder, sizeof folder, fast_folder())) return 0;
  uint64_t at = 0;
  while (at <= log->count && power_prefix(log, at, planted, folder, out) == 0) at++;
  remove_folder(folder);
  int caught = at <= log->count;
  printf("without %s: %s after %" PRIu64 " states\n", what, caught ? "caught" : "NOT caught",
         atomic_load(&out->states));
  return caught;
}

int main(void) {
  char folder[3000];
  shape = dense;
  seed = choose_seed();
  printf("seed %" PRIu64 "\n", seed);
  if (make_folder(folder, sizeof folder, fast_folder())) return 2;
  const record_log *log = power_record(folder, DENSE_GENERATIONS);
  remove_folder(folder);
  if (!log) return 2;
  judge_is_quiet = 1;
  int caught = is_caught(log, DROP_SYNC, "syncs of files") + is_caught(log, DROP_DSYNC, "synchronous writes") +
               is_caught(log, DROP_SYNC_FOLDER, "syncs of the folder");
  return caught == 3 ? 0 : 1;
}
