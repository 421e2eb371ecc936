/* subject.h - a short life of a store with everything in it, as a function to be traced, and what it reports. */
#ifndef UFO_TEST_SUBJECT_H
#define UFO_TEST_SUBJECT_H

#include <dirent.h>

#include "common/child.h"
#include "crash/judge.h"
#include "crash/tracer.h"
#include "crash/world.h"

typedef struct report {
  atomic_uint_fast64_t acked;
  atomic_uint failures; /* steps that failed, and were tried again */
  ufo_error first;      /* of them */
  char first_step[32];
} report;

typedef struct subject {
  const char *path;
  report *report;
  bool persistent; /* what fails is checked and tried again */
} subject;

static report *subject_report; /* for world_failed's callback */
static int subject_wrong;

/* A pool that broke stays so: the life goes on with another one. */
static inline void subject_renew_pool(world *w) {
  ufo_error why;
  if (!w->pool || ufo_pool_check(w->pool, &why) == UFO_OK) return;
  release_kept(w);
  if (ufo_pool_destroy(w->pool, &why) != UFO_OK) {
    fprintf(stderr, "%s\n", why.message);
    subject_wrong = 1;
  }
  w->pool = NULL;
  if (persist(w, "create a pool", make_pool, 0) != UFO_OK) subject_wrong = 1;
}

/* Memory is what it was, once there is no trouble any more; or an error if the pool broke, which may be found out only
 * by this touch. */
static inline void subject_check_kept(world *w, const char *when) {
  int wrong = 0;
  ufo_error why = {.code = UFO_OK}, broken;
  if (!w->kept) return;
  ufo_status status = ufo_guarded(NULL, check_kept, w, &wrong, &why);
  bool excused = status != UFO_OK && ufo_pool_check(w->pool, &broken) != UFO_OK;
  if ((status == UFO_OK && !wrong) || excused) return;
  fprintf(stderr, "memory is not what it was %s: %s\n", when, wrong ? "a wrong value" : why.message);
  subject_wrong = 1;
}

static inline void subject_failed(world *w, const char *what) {
  report *r = subject_report;
  if (atomic_fetch_add(&r->failures, 1) == 0) {
    r->first = error;
    snprintf(r->first_step, sizeof r->first_step, "%s", what);
  }
  if (error.code >= 0 || !error.message[0]) {
    fprintf(stderr, "%s failed with status %d and the message '%s'\n", what, (int)error.code, error.message);
    subject_wrong = 1;
  }
  /* Memory is unharmed while the cause lasts: what cannot be loaded now is an error, never a wrong value. */
  int wrong = 0;
  ufo_error ignored;
  if (w->kept && ufo_guarded(NULL, check_kept, w, &wrong, &ignored) == UFO_OK && wrong) {
    fprintf(stderr, "a wrong value in memory after: %s\n", error.message);
    subject_wrong = 1;
  }
  tracer_mend();
  subject_check_kept(w, what);
  subject_renew_pool(w);
}

static inline int open_descriptors(void) {
  int count = 0;
  for (int fd = 3; fd < 64; fd++) count += dup2(fd, fd) >= 0;
  return count;
}

/* Exit status: 0 done, 3 a step failed in spite of all attempts, 4 wrong. */
static inline int subject_run(void *user) {
  const subject *s = user;
  world w = {.path = s->path, .attempts = 1, .keeps = true};
  const char *failed = NULL;
  uint64_t g = 0;
  subject_report = s->report;
  if (s->persistent) {
    w.attempts = 4;
    w.failed = subject_failed;
  }
  int descriptors = open_descriptors();
  if (world_open(&w) != UFO_OK) failed = "open";
  while (!failed && g < DENSE_GENERATIONS) {
    if (one_generation(&w, ++g) != UFO_OK) failed = "generation";
    if (failed) break;
    atomic_store(&s->report->acked, g);
    failed = follow_up(&w, g);
  }
  if (failed) fprintf(stderr, "%s: %s\n", failed, error.message);
  tracer_mend();
  if (!failed && right_generation(w.store, g)) subject_wrong = 1;
  subject_check_kept(&w, "at the end");
  world_close(&w);
  if (open_descriptors() != descriptors) {
    fprintf(stderr, "%d descriptors were left open\n", open_descriptors() - descriptors);
    subject_wrong = 5;
  }
  return subject_wrong ? 3 + subject_wrong : failed ? 3 : 0;
}

/* Temporary files that an interrupted creation or compaction left. */
static inline int leftovers(const char *folder) {
  int count = 0;
  DIR *directory = opendir(folder);
  struct dirent *entry;
  while (directory && (entry = readdir(directory))) count += strncmp(entry->d_name, ".ufostore-", 10) == 0;
  if (directory) closedir(directory);
  return count;
}

/* In a child of its own, whose death is a verdict too. */
static inline int judge_in_child(const char *path, uint64_t acked, uint64_t *found) {
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    judge_is_last = 1;
    _exit(verify_found(path, acked, found));
  }
  return wait_for(child);
}

/* Runs the life once, undisturbed: what can be disturbed in it. 0, or the exit status of a test that cannot go on. */
static inline int subject_count(report *told, traced *counted) {
  char folder[3000], path[3100];
  seed = 1;
  shape = dense;
  if (make_folder(folder, sizeof folder, NULL)) return 2;
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  subject s = {.path = path, .report = told};
  bool works = trace(subject_run, &s, NULL, 60, counted);
  remove_folder(folder);
  if (!works) {
    printf("cannot trace here, or not with this build\n");
    return 77;
  }
  if (counted->status == 0) return 0;
  fprintf(stderr, "the run itself ended with %d\n", counted->status);
  return 1;
}

#endif
