/* case.h - what a case is, and what it gives.
 *
 *   bench.h          the way in: options, and the run as a whole             (bench.c; cases.c: the table of cases)
 *   case.h           a case, its series and goals; running one               (run.c)
 *   table.h          results for people      result_json.h  for programs
 *   workspace.h      folder, stored data, pools                              machine.h   facts of the machine
 *   data.h sum.h     what is stored, and the scan                            statistics.h  medians, quantiles
 *   pack.h           the limit of decoding   reference.h    the handler to compare with
 *   page_cache.h     dropping and reading    clock.h        the clock
 *   scan.c codec.c random.c cold.c write.c many.c memory.c r.c growth.c              the cases, by what they measure
 *
 * A case has series (each measures one thing, by its role the figure of ufostore, a limit, a reference, or more to
 * know) and goals (a series divided by another, or by a number, and what that must reach). It is run in rounds: each
 * round measures every series once, so that what disturbs the machine for a while disturbs them alike. */
#ifndef UFOSTORE_BENCH_CASE_H
#define UFOSTORE_BENCH_CASE_H

#include "statistics.h"
#include "workspace.h"

typedef enum series_role { ROLE_FIGURE, ROLE_LIMIT, ROLE_REFERENCE, ROLE_MORE } series_role;

typedef struct series_spec {
  const char *key; /* within the case; NULL ends the list */
  series_role role;
  const char *unit; /* "GB/s", "us", ... */
  const char *what;
} series_spec;

#define OTHERS_MAX 0.1 /* cores that others may use without a warning */

enum { SERIES_MAX = 14, GOALS_MAX = 5, RUNS_MAX = 100, CURVES_MAX = 8, CURVE_POINTS_MAX = 64, NOT_A_SERIES = -1 };

typedef struct goal_spec {
  const char *what; /* NULL ends the list */
  int figure;       /* number of a series ... */
  int divisor;      /* ... divided by this one; NOT_A_SERIES: by nothing */
  bool at_most;     /* else: at least */
  double target;
} goal_spec;

typedef struct round {
  double sample[SERIES_MAX]; /* NaN: not measured in this round */
} round_samples;

typedef struct bench_case bench_case;

/* A line for a plot: y against x. */
typedef struct curve {
  const char *key, *x_unit, *y_unit;
  unsigned count;
  double x[CURVE_POINTS_MAX], y[CURVE_POINTS_MAX];
} curve;

typedef enum case_state { CASE_RAN, CASE_NOT_RUN, CASE_FAILED } case_state;

typedef struct result {
  const bench_case *of;
  case_state state;
  char reason[UFO_ERROR_MESSAGE_BYTES]; /* why it did not run, or not to its end */
  double seconds;
  double others; /* cores that others used meanwhile: what they disturbed */
  unsigned rounds;
  double samples[SERIES_MAX][RUNS_MAX];
  unsigned sample_count[SERIES_MAX];
  summary series[SERIES_MAX];
  struct verdict {
    double ratio; /* of the medians */
    bool known, met;
  } goals[GOALS_MAX];
  curve curves[CURVES_MAX];
  unsigned curve_count;
} result;

/* A prepared case is an opaque `state` of the case's own. All may return UFO_UNSUPPORTED with the reason why it cannot
 * be run here, and UFO_END if the user wants to stop. */
struct bench_case {
  const char *name, *title;
  const series_spec *series;
  const goal_spec *goals;
  int variant; /* tells cases apart that share their functions */
  bool once;   /* one round, without a first one to warm up */
  ufo_status (*prepare)(workspace *w, const bench_case *self, void **state_out, ufo_error *error);
  ufo_status (*run)(workspace *w, void *state, round_samples *round, ufo_error *error);
  /* Frees the state, which may be half prepared; adds curves to `r` if it is not NULL. */
  void (*finish)(workspace *w, void *state, result *r);
};

extern const bench_case *const bench_cases[]; /* ends with NULL */

/* Runs a case. *r is large; the caller owns it. UFO_OK also if the case could not be run or failed: see r->state; only
 * UFO_END ends everything. */
ufo_status case_run(workspace *w, const bench_case *c, result *r, ufo_error *error);

/* Appends a point to the curve with that key, which is made at its first point. Points beyond the limits are dropped.
 */
void result_point(result *r, const char *key, const char *x_unit, const char *y_unit, double x, double y);

#endif
