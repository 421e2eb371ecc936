/* r.c - the cases in R: each round is one R process, which runs bindings/r/bench/cases.R (built into the tool) and
 * prints "KEY VALUE" lines. */
#include "cases.h"
#include "cli/cli.h"
#include "r_script.h"
#include "sources.h"

#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { R_SUM, R_LOOP, R_INDEX };
enum { STATUS_NO_PACKAGE = 3, STATUS_NO_PROGRAM = 127 };

typedef struct state {
  const bench_case *of;
  const dataset *set;
  ufo_store *store;
  char script[PATH_MAX], messages[PATH_MAX];
} state;

static ufo_status prepare(workspace *w, const bench_case *self, void **state_out, ufo_error *error) {
  state *s = calloc(1, sizeof *s);
  *state_out = s;
  if (!s) return set_error(error, UFO_FULL, "no memory");
  s->of = self;
  workspace_path(w, "cases.R", s->script);
  workspace_path(w, "messages", s->messages);
  FILE *file = fopen(s->script, "we");
  bool written = file && fwrite(r_script, 1, r_script_bytes, file) == r_script_bytes;
  if (!file || fclose(file) || !written) return set_errno(error, "%s: cannot write", s->script);
  ufo_status status = workspace_dataset(w, DATA_PRICES, &s->set, error);
  return status ? status : dataset_open(s->set, false, &s->store, error);
}

static void finish(workspace *w, void *argument, result *r) {
  (void)w, (void)r;
  state *s = argument;
  if (!s) return;
  ufo_store_close(s->store);
  free(s);
}

/* The last line of what R said. */
static void last_message(const state *s, char *out, int size) {
  char line[256];
  snprintf(out, (size_t)size, "no message");
  FILE *file = fopen(s->messages, "re");
  while (file && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    if (line[0]) snprintf(out, (size_t)size, "%s", line);
  }
  if (file) fclose(file);
}

static ufo_status judge_exit(const state *s, int status, ufo_error *error) {
  char message[256];
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return UFO_OK;
  if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NO_PROGRAM)
    return set_error(error, UFO_UNSUPPORTED, "there is no Rscript");
  if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NO_PACKAGE)
    return set_error(error, UFO_UNSUPPORTED, "the R package ufostore is not installed, or not in R_LIBS");
  last_message(s, message, sizeof message);
  return set_error(error, UFO_IO, "R failed: %s", message);
}

/* Starts Rscript with its output in a pipe. */
static ufo_status start(state *s, char *const *words, int *output, pid_t *child, ufo_error *error) {
  int ends[2];
  posix_spawn_file_actions_t actions;
  if (pipe2(ends, O_CLOEXEC)) return set_errno(error, "cannot make a pipe");
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, s->messages, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  int cause = posix_spawnp(child, words[0], &actions, NULL, words, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  *output = ends[0];
  if (!cause) return UFO_OK;
  close(ends[0]);
  return set_error(error, UFO_UNSUPPORTED, "cannot start Rscript: %s", strerror(cause));
}

/* Runs part `what` of the script; values that it prints under a series' key become samples, `sum` goes to *sum_out. */
static ufo_status run_r(workspace *w, state *s, const char *what, round_samples *round, double *sum_out,
                        ufo_error *error) {
  char budget[32], key[32];
  double value;
  snprintf(budget, sizeof budget, "%llu", (unsigned long long)w->budget_bytes);
  const char *words[] = {"Rscript", "--no-save", "--no-restore", s->script, what, s->set->path, budget, NULL};
  int output, status;
  pid_t child;
  ufo_status started = start(s, (char *const *)(void *)words, &output, &child, error);
  if (started) return started;
  FILE *file = fdopen(output, "r");
  while (file && fscanf(file, "%31s %lf", key, &value) == 2) { // NOLINT(cert-err34-c): a script of our own
    for (int i = 0; s->of->series[i].key; i++)
      if (strcmp(s->of->series[i].key, key) == 0) round->sample[i] = value;
    if (sum_out && strcmp(key, "sum") == 0) *sum_out = value;
  }
  if (file) fclose(file);
  else close(output);
  while (waitpid(child, &status, 0) != child) continue;
  return judge_exit(s, status, error);
}

static ufo_status run(workspace *w, void *argument, round_samples *round, ufo_error *error) {
  state *s = argument;
  return run_r(w, s, s->of->variant == R_LOOP ? "loop" : "index", round, NULL, error);
}

/* ---- sum(s$x) ---- */

enum { SUM_R, SUM_C, SUM_PLAIN };

static const series_spec sum_series[] = {
    [SUM_R] = {"ufostore", ROLE_FIGURE, "GB/s", "sum(s$x) in R, not in memory"},
    [SUM_C] = {"c_scan", ROLE_LIMIT, "GB/s", "the same through the pointer in C, as in scan-prices"},
    [SUM_PLAIN] = {"plain", ROLE_MORE, "GB/s", "R's sum() of an ordinary vector, in memory"},
    {0},
};
static const goal_spec sum_goals[] = {{"sum in R / scan in C", SUM_R, SUM_C, false, 0.9}, {0}};

static ufo_status sum_run(workspace *w, void *argument, round_samples *round, ufo_error *error) {
  state *s = argument;
  opened o;
  double sum = 0, r_sum = 0;
  ufo_status status = dataset_view(s->store, w->budget_bytes, &o, error);
  if (status) return status;
  round->sample[SUM_C] = timed_scan(o.values, s->set->count, &sum);
  status = opened_close(&o, error);
  if (!status) status = check_sum(s->set, sum, "ufostore", error);
  if (!status) status = run_r(w, s, "sum", round, &r_sum, error);
  if (status) return status;
  /* R adds up in another order and precision. */
  if (fabs(r_sum - sum) > fabs(sum) * 1e-9)
    return set_error(error, UFO_CORRUPT, "R sums to %.17g, not %.17g", r_sum, sum);
  return UFO_OK;
}

const bench_case case_r_sum = {.name = "r-sum",
                               .title = "R: sum of a stored vector, not in memory",
                               .series = sum_series,
                               .goals = sum_goals,
                               .variant = R_SUM,
                               .prepare = prepare,
                               .run = sum_run,
                               .finish = finish};

/* ---- elements ---- */

enum { VIEW, PLAIN };

static const series_spec loop_series[] = {
    [VIEW] = {"ufostore", ROLE_FIGURE, "ns", "t <- t + x[i] in a compiled loop over a resident view, per element"},
    [PLAIN] = {"plain", ROLE_REFERENCE, "ns", "the same over an ordinary vector"},
    {0},
};
static const goal_spec loop_goals[] = {{"loop over a view / over a vector", VIEW, PLAIN, true, 1.35}, {0}};

const bench_case case_r_loop = {.name = "r-loop",
                                .title = "R: a loop over elements, resident",
                                .series = loop_series,
                                .goals = loop_goals,
                                .variant = R_LOOP,
                                .prepare = prepare,
                                .run = run,
                                .finish = finish};

static const series_spec index_series[] = {
    [VIEW] = {"ufostore", ROLE_FIGURE, "ms", "x[i] of a resident view for 10^6 random i"},
    [PLAIN] = {"plain", ROLE_REFERENCE, "ms", "the same of an ordinary vector"},
    {0},
};
static const goal_spec index_goals[] = {{"x[i] of a view / of a vector", VIEW, PLAIN, true, 1.5}, {0}};

const bench_case case_r_index = {.name = "r-index",
                                 .title = "R: x[i] for a million random resident i",
                                 .series = index_series,
                                 .goals = index_goals,
                                 .variant = R_INDEX,
                                 .prepare = prepare,
                                 .run = run,
                                 .finish = finish};
