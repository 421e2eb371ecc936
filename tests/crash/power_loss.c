/* power_loss.c - power fails while any call of a store's life is being made: creation, commits, staging, compaction in
 * place and to a copy. Every call nightly, for many seeds; at the gate, as many as there is time for. Each state that
 * the disk may then be in (replay.h), or six of them, is judged.
 *
 * UFO_SEED=S UFO_POINT=N judges call N of seed S alone. */
#include "crash/power.h"
#include "crash/sweep.h"

enum { NIGHTLY_SEEDS = 5 };

static const record_log *life;
static outcome *counted;

static void begin(void) {}

static int try_point(uint64_t point, const char *folder) {
  return power_prefix(life, point, DROP_NOTHING, folder, counted);
}

static int one_seed(double seconds) {
  char folder[3000];
  if (make_folder(folder, sizeof folder, fast_folder())) return 2;
  record_log *log = power_record(folder, 2 * DENSE_GENERATIONS);
  remove_folder(folder);
  if (!log) return 2;
  life = log;
  sweep all = {
      .points = log->count + 1, .begin = begin, .try_point = try_point, .seconds = seconds, .base = fast_folder()};
  int result = sweep_run(&all);
  printf("seed %" PRIu64 ": power failed at %" PRIu64 " of %" PRIu64 " calls\n", seed, all.tried, all.points);
  munmap(log, RECORD_LOG_BYTES);
  return result;
}

int main(void) {
  shape = dense;
  seed = choose_seed();
  counted = shared_memory(sizeof *counted);
  if (!counted) return 2;
  int result = 0;
  for (int i = 0; i < (nightly() && !getenv("UFO_POINT") ? NIGHTLY_SEEDS : 1) && !result; i++, seed++)
    result = one_seed(10);
  tally(atomic_load(&counted->states), "power-loss states replayed");
  return result;
}
