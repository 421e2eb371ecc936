/* run.c - running one case: rounds, medians, verdicts. See case.h. */
#include "case.h"

#include "cli/cli.h"
#include "clock.h"
#include "machine.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void result_point(result *r, const char *key, const char *x_unit, const char *y_unit, double x, double y) {
  unsigned i = 0;
  while (i < r->curve_count && strcmp(r->curves[i].key, key) != 0) i++;
  if (i == CURVES_MAX) return;
  if (i == r->curve_count) r->curves[r->curve_count++] = (curve){.key = key, .x_unit = x_unit, .y_unit = y_unit};
  curve *c = &r->curves[i];
  if (c->count == CURVE_POINTS_MAX) return;
  c->x[c->count] = x;
  c->y[c->count++] = y;
}

static void keep(const bench_case *c, const round_samples *round, result *r) {
  for (int i = 0; c->series[i].key; i++)
    if (!isnan(round->sample[i])) r->samples[i][r->sample_count[i]++] = round->sample[i];
  r->rounds++;
}

static void judge(const bench_case *c, result *r) {
  for (int i = 0; c->series[i].key; i++) {
    double sorted[RUNS_MAX];
    memcpy(sorted, r->samples[i], r->sample_count[i] * sizeof *sorted);
    r->series[i] = summarize(sorted, r->sample_count[i]);
  }
  for (int i = 0; c->goals && c->goals[i].what; i++) {
    const goal_spec *goal = &c->goals[i];
    double ratio = r->series[goal->figure].median;
    if (goal->divisor != NOT_A_SERIES) ratio /= r->series[goal->divisor].median;
    r->goals[i].ratio = ratio;
    r->goals[i].known = isfinite(ratio);
    r->goals[i].met = isfinite(ratio) && (goal->at_most ? ratio <= goal->target : ratio >= goal->target);
  }
}

static ufo_status run_rounds(workspace *w, const bench_case *c, void *state, result *r, ufo_error *error) {
  unsigned rounds = c->once ? 1 : w->runs, warm_up = c->once || w->quick ? 0 : 1;
  for (unsigned i = 0; i < rounds + warm_up; i++) {
    round_samples round;
    for (int k = 0; k < SERIES_MAX; k++) round.sample[k] = NAN;
    ufo_status status = workspace_check(w, error);
    if (!status) status = c->run(w, state, &round, error);
    if (status) return status;
    if (i >= warm_up) keep(c, &round, r);
  }
  return UFO_OK;
}

ufo_status case_run(workspace *w, const bench_case *c, result *r, ufo_error *error) {
  void *state = NULL;
  uint64_t begin = now_ns();
  double others = machine_others_s();
  memset(r, 0, sizeof *r);
  r->of = c;
  ufo_status status = c->prepare(w, c, &state, error);
  if (!status) status = run_rounds(w, c, state, r, error);
  if (status) {
    r->state = status == UFO_UNSUPPORTED ? CASE_NOT_RUN : CASE_FAILED;
    snprintf(r->reason, sizeof r->reason, "%s", error->message);
  }
  c->finish(w, state, status ? NULL : r);
  judge(c, r);
  r->seconds = (double)(now_ns() - begin) / 1e9;
  r->others = r->seconds > 0 ? fmax(0, (machine_others_s() - others) / r->seconds) : 0;
  return status == UFO_END ? UFO_END : UFO_OK;
}
