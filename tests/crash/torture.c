/* torture.c - a store under continuous change, to be killed, starved and refused service at any moment, and its judge.
 *
 *   torture                                 the test: `kill` in a scratch folder, 100 runs, nightly 2,000
 *   torture run PATH SEED UNTIL [--retry]   commits generations up to UNTIL; prints each one's number once it is
 * durable torture verify PATH SEED ACKED          finds the last generation G, demands ACKED <= G <= ACKED + 1, and
 * every byte torture kill PATH SEED RUNS             kills runs at random moments, and verifies after each torture full
 * PATH SEED COMMAND          runs until the disk is full, checks, runs COMMAND to make room, and goes on
 *
 * What a generation is: content.h. With --retry, a failed step is tried again a few times. Exit status: 0 done, 1
 * something is not as promised, 3 a step failed and was reported properly. */
#include "common/child.h"
#include "crash/judge.h"
#include "crash/world.h"
#include "tally.h"

enum { ATTEMPTS = 8 };

static int reported(const char *what) {
  fprintf(stderr, "%s: %s\n", what, error.message);
  return error.message[0] && error.code < 0 ? 3 : 1;
}

static int run(const char *path, uint64_t until, int ack, int retry) {
  world w = {.path = path, .attempts = retry ? ATTEMPTS : 1};
  uint64_t g;
  if (world_open(&w) != UFO_OK) return reported(w.store ? "pool" : "open");
  if (generation_of(w.store, &g)) return 1;
  if (resume(&w, g) != UFO_OK) return reported("snapshot");
  int result = 0;
  while (result == 0 && ++g <= until) {
    if (one_generation(&w, g) != UFO_OK) {
      result = reported("generation");
      break;
    }
    char line[32];
    int n = snprintf(line, sizeof line, "%" PRIu64 "\n", g);
    if (write(ack, line, (size_t)n) != n) result = 2;
    const char *failed = follow_up(&w, g);
    if (failed && (!retry || !w.store)) result = reported(failed);
  }
  world_close(&w);
  return result;
}

static int kill_one(const char *path, uint64_t delay_us, uint64_t *acked, uint64_t *commits) {
  int ends[2];
  if (pipe(ends) != 0) return 2;
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    _exit(run(path, UINT64_MAX, ends[1], 0));
  }
  close(ends[1]);
  usleep((useconds_t)delay_us);
  kill(child, SIGKILL);
  int result = wait_for(child);
  FILE *acks = fdopen(ends[0], "r");
  char line[32];
  while (fgets(line, sizeof line, acks)) {
    if (line[strlen(line) - 1] == '\n') *acked = strtoull(line, NULL, 10);
    ++*commits;
  }
  fclose(acks);
  if (result == 128 + SIGKILL) return 0;
  fprintf(stderr, "it ended by itself with %d\n", result);
  return 1;
}

static int kill_runs(const char *path, uint64_t runs) {
  uint64_t acked = 0, state = seed, commits = 0;
  char lock[4096];
  uint64_t *found = shared_memory(sizeof *found);
  if (!found) return 2;
  snprintf(lock, sizeof lock, "%s-lock", path);
  for (uint64_t r = 0; r < runs; r++) {
    if (r % 10 == 0) { /* begin anew, so that creation is hit too */
      unlink(path);
      unlink(lock);
      acked = 0;
    }
    state = mix(state);
    judge_is_last = r % 10 == 9;
    int result = kill_one(path, r % 10 == 0 ? state % 8000 : state % 150000, &acked, &commits);
    if (result == 0) {
      pid_t child = fork();
      if (child == 0) {
        alarm(60);
        _exit(verify_found(path, acked, found));
      }
      result = wait_for(child);
    }
    if (result != 0) {
      fprintf(stderr, "run %" PRIu64 " of seed %" PRIu64 ": %d\n", r, seed, result);
      return 1;
    }
    acked = *found; /* the next run goes on from there */
  }
  printf("%" PRIu64 " commits acknowledged, seed %" PRIu64 "\n", commits, seed);
  tally(runs, "runs killed at a random moment");
  return 0;
}

/* ---- disk full --------------------------------------------------------------------------------------------------- */

/* What follows generation *g, as far as the judge knows, and the next one. */
static ufo_status advance(world *w, uint64_t *g) {
  ufo_status status = resume(w, *g);
  if (status == UFO_OK) status = one_generation(w, *g + 1);
  if (status == UFO_OK) ++*g;
  return status;
}

static int run_full(const char *path, const char *make_room) {
  world w = {.path = path, .attempts = 1};
  uint64_t g = 0;
  if (world_open(&w) != UFO_OK) return reported("open");
  DEMAND(advance(&w, &g) == UFO_OK);
  ufo_view *kept;
  DEMAND(ufo_view_open(w.store, NULL, w.pool, "view", NULL, &kept, &error) == UFO_OK);
  uint64_t *data = ufo_view_data(kept);
  data[3] = 33;
  ufo_status status;
  do status = advance(&w, &g);
  while (status == UFO_OK && g < 200);
  DEMAND(status == UFO_FULL || status == UFO_IO);
  fprintf(stderr, "after generation %" PRIu64 ": %s\n", g, error.message);
  DEMAND(data[3] == 33 && data[PER_CHUNK] == value_of(VIEW, 1, PER_CHUNK) && data[2 * PER_CHUNK] == 0);
  if (right_generation(w.store, g)) return 1;
  for (int again = 0; again < 3; again++) DEMAND(one_generation(&w, g + 1) != UFO_OK);
  if (right_generation(w.store, g)) return 1;
  /* A commit that failed for want of room is tried again with the same transaction once there is room. */
  ufo_txn *txn;
  DEMAND(ufo_txn_begin(w.store, &txn, &error) == UFO_OK);
  status = edit(&w, txn, g + 1);
  int kept_edits = status == UFO_OK;
  if (kept_edits) DEMAND(ufo_txn_commit(txn, &error) != UFO_OK);
  if (system(make_room) != 0) return 2;
  DEMAND(resume(&w, g) == UFO_OK);
  if (kept_edits) {
    DEMAND(ufo_txn_commit(txn, &error) == UFO_OK);
    g++;
  } else {
    ufo_txn_abort(txn);
  }
  for (int i = 0; i < 5; i++) DEMAND(advance(&w, &g) == UFO_OK);
  if (right_generation(w.store, g)) return 1;
  DEMAND(data[3] == 33 && data[PER_CHUNK] == value_of(VIEW, 1, PER_CHUNK));
  ufo_view_release(kept);
  world_close(&w);
  printf("%" PRIu64 "\n", g);
  return 0;
}

static int run_test(void) {
  char folder[3000], path[3100];
  if (make_folder(folder, sizeof folder, NULL)) return 2;
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  seed = choose_seed();
  int result = kill_runs(path, nightly() ? 2000 : 100);
  if (result != 0) fprintf(stderr, "what is left is in %s\n", folder);
  else remove_folder(folder);
  return result;
}

int main(int argc, char **argv) {
  if (argc == 1) return run_test();
  if (argc < 5) {
    fprintf(stderr, "usage: torture run|verify|kill|full PATH SEED ARGUMENT [--retry]\n");
    return 2;
  }
  const char *what = argv[1], *path = argv[2];
  seed = strtoull(argv[3], NULL, 10);
  uint64_t number = strtoull(argv[4], NULL, 10), found;
  signal(SIGXFSZ, SIG_IGN);
  if (!strcmp(what, "run")) return run(path, number, 1, argc > 5 && !strcmp(argv[5], "--retry"));
  if (!strcmp(what, "verify")) return verify_found(path, number, &found);
  if (!strcmp(what, "kill")) return kill_runs(path, number);
  if (!strcmp(what, "full")) return run_full(path, argv[4]);
  return 2;
}
