/* sweep.h - a list of points, each tried in a scratch folder of its own, as many as there is time for.
 *
 * At the gate the points are taken in an order that spreads over all of them, until the time is up; nightly, all of
 * them, $UFO_TEST_JOBS at a time. UFO_POINT=N tries one. */
#ifndef UFO_TEST_SWEEP_H
#define UFO_TEST_SWEEP_H

#include "common/child.h"
#include "tally.h"

enum { GATE_FAILURES_MAX = 5 };

typedef struct sweep {
  uint64_t points, first;                               /* the first of them are always tried, in their order */
  void (*begin)(void);                                  /* in each process that tries points */
  int (*try_point)(uint64_t point, const char *folder); /* 0: as promised */
  const char *base;                                     /* where scratch folders go; may be NULL */
  double seconds;                                       /* at the gate */
  uint64_t tried, failed;
} sweep;

typedef struct sweep_progress {
  atomic_uint_fast64_t next, tried, failed;
} sweep_progress;

/* A number near points * 0.618 that has no factor in common with `points`: steps of it visit each of them once. */
static inline uint64_t sweep_step(uint64_t points) {
  uint64_t step = points * 618 / 1000;
  for (;; step++) {
    uint64_t a = points, b = step;
    while (b) {
      uint64_t rest = a % b;
      a = b;
      b = rest;
    }
    if (a == 1) return step;
  }
}

static inline void sweep_some(const sweep *s, sweep_progress *progress) {
  char folder[3000];
  const char *only = getenv("UFO_POINT");
  double until = seconds_now() + s->seconds;
  uint64_t others = s->points - s->first, step = sweep_step(others);
  if (make_folder(folder, sizeof folder, s->base)) return;
  s->begin();
  for (;;) {
    uint64_t k = atomic_fetch_add(&progress->next, 1);
    if (k >= s->points || (only && k > 0)) break;
    if (!nightly() && ((k >= s->first && seconds_now() > until) || atomic_load(&progress->failed) >= GATE_FAILURES_MAX))
      break;
    uint64_t point = only ? strtoull(only, NULL, 10) : k < s->first ? k : s->first + (k - s->first) * step % others;
    atomic_fetch_add(&progress->tried, 1);
    if (s->try_point(point, folder) == 0) {
      empty_folder(folder);
      continue;
    }
    fprintf(stderr, "point %llu is not as promised; what it left is in %s\n", (unsigned long long)point, folder);
    atomic_fetch_add(&progress->failed, 1);
    if (make_folder(folder, sizeof folder, s->base)) return;
  }
  remove_folder(folder);
}

/* 0 if all was as promised. */
static inline int sweep_run(sweep *s) {
  sweep_progress *progress = shared_memory(sizeof *progress);
  pid_t workers[64];
  unsigned jobs = choose_jobs();
  int result = 0;
  if (!progress) return 2;
  fflush(NULL);
  for (unsigned i = 0; i < jobs; i++) {
    workers[i] = fork();
    if (workers[i] == 0) {
      sweep_some(s, progress);
      _exit(0);
    }
  }
  for (unsigned i = 0; i < jobs; i++)
    if (wait_for(workers[i]) != 0) result = 2;
  s->tried = atomic_load(&progress->tried);
  s->failed = atomic_load(&progress->failed);
  return s->failed ? 1 : result;
}

#endif
