/* Every allocation of a representative run fails, one after the other: once, and for ever from there on.
 *
 *   fault_allocation              the test: points spread over the run, nightly every point
 *   fault_allocation all          every point
 *   fault_allocation K once|ever  one point, in this process; for a debugger
 *
 * The linker puts the functions below in the place of malloc, calloc, realloc, posix_memalign, strdup, mmap and
 * pthread_create, for the library and, where there is a static one, for LMDB. Each point is tried in a process of its
 * own with a time limit. A step of the run that fails must say so, with a text, as UFO_FULL; after that it is tried
 * again without injection, in the same process, and must succeed with everything in place. What views hold, what was
 * committed and what verify says is compared at the end, and no memory may be lost. In this test no touch of managed
 * memory may ever read zeros in the place of a chunk that could not be produced. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <ufostore/ufostore.h>

#include "child.h"
#include "refusing.h"
#include "tally.h"
#include "whole_run.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

/* ---- the run -------------------------------------------------------------------------------------------------------
 */

static int accepted(ufo_status status) {
  if (status == UFO_FULL) return 1;
  fprintf(stderr, "it is %s, not full\n", ufo_status_name(status));
  return 0;
}

/* The whole run, with the failure that is set up in *shared. */
static void run(void) {
  for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
    long injected = shared->injected;
    error = (ufo_error){0};
    atomic_store(&shared->armed, 1);
    ufo_status status = steps[s].run();
    /* What fails for ever fails again, or gets through without what it lacks; then there is memory again. */
    for (int again = 0; status != UFO_OK && shared->for_ever && again < 2; again++) {
      DEMAND(status < 0 && error.code == status && error.message[0]);
      error = (ufo_error){0};
      status = steps[s].run();
    }
    atomic_store(&shared->armed, 0);
    if (shared->injected != injected && getenv("UFO_SHOW"))
      fprintf(stderr, "%s: %d %s\n", steps[s].name, status, error.message);
    if (status != UFO_OK) {
      fprintf(stderr, "%s failed: %s\n", steps[s].name, error.message);
      DEMAND(status < 0 && error.code == status && error.message[0]);
      DEMAND(shared->injected > injected);
      DEMAND(accepted(status));
      error = (ufo_error){0};
      if (steps[s].run() != UFO_OK) {
        fprintf(stderr, "%s, tried again, gave: %s\n", steps[s].name, error.message);
        _exit(1);
      }
    }
    if (shared->injected) atomic_store(&shared->for_ever, 0); /* one step suffers */
  }
  DEMAND(open_store() == UFO_OK && verify() == UFO_OK && read_again() == UFO_OK);
  DEMAND(right(store, "zeros", 5000, 700, 9) == UFO_OK && right(store, "renamed", 0, LENGTH, 6) == UFO_OK);
  ufo_store_close(store);
  DEMAND(ufo_store_open(copy, NULL, &store, &error) == UFO_OK && verify() == UFO_OK && read_again() == UFO_OK);
  ufo_store_close(store);
}

/* ---- all of them --------------------------------------------------------------------------------------------------
 */

static void set_up(long fail_at, int for_ever) {
  empty_folder(folder);
  atomic_store(&shared->count, 0);
  atomic_store(&shared->injected, 0);
  shared->fail_at = fail_at;
  shared->for_ever = for_ever;
  shared->where = NULL;
}

static long lost_before; /* what a run without failures leaves: the buffers of threads that live on */

/* In a process of its own; the exit status, or 128 + signal. *left_out: how many allocations were not freed. */
static int attempt(long fail_at, int for_ever, long *left_out) {
  int ends[2];
  set_up(fail_at, for_ever);
  fflush(NULL);
  if (pipe(ends) != 0) return 2;
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    signal(SIGALRM, SIG_DFL);
    alarm(60);
    dup2(ends[1], 2); /* shown only if the point is bad */
    long before = atomic_load(&living);
    run();
#if defined(__SANITIZE_ADDRESS__)
    if (__lsan_do_recoverable_leak_check()) _exit(4);
#endif
    fprintf(stderr, "\nleft %ld", atomic_load(&living) - before);
    fflush(NULL);
    _exit(0);
  }
  close(ends[1]);
  static char said[65536];
  size_t bytes = 0;
  ssize_t got;
  while ((got = read(ends[0], said + bytes, sizeof said - 1 - bytes)) > 0) bytes += (size_t)got;
  said[bytes] = 0;
  close(ends[0]);
  int result = wait_for(child);
  const char *left = strstr(said, "\nleft ");
  *left_out = left ? strtol(left + 6, NULL, 10) : 0;
  if (result == 0 && fail_at > 0 && *left_out > lost_before) {
    fprintf(stderr, "%ld allocations were lost\n", *left_out - lost_before);
    result = 5;
  }
  if (result != 0) fprintf(stderr, "%s\n", said);
  return result;
}

int main(int argc, char **argv) {
  /* In memory where that can be: what costs time here is the disk's flushes, which are not the subject. */
  shared = __real_mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED || make_folder(folder, sizeof folder, fast_folder())) return 2;
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  snprintf(copy, sizeof copy, "%s/copy.ufo", folder);
  int bad = 0;
  if (argc == 3) {
    set_up(strtol(argv[1], NULL, 10), !strcmp(argv[2], "ever"));
    run();
  } else {
    long left = 0, points, tried = 0;
    for (int i = 0; i < 3; i++) { /* threads begin and end as they like */
      bad |= attempt(0, 0, &left);
      if (left > lost_before) lost_before = left;
    }
    points = shared->count;
    if (bad) return fprintf(stderr, "the run without a failure failed\n"), 1;
      /* Threads do not always allocate as often: a few more than were counted. */
#if defined(__SANITIZE_ADDRESS__)
    long wanted = 40; /* each looks for leaks */
#else
    long wanted = 150;
#endif
    long step = argc > 1 || nightly() ? 1 : points / wanted + 1;
    for (long k = 1; bad < 40 && k <= points + 8; k += step) {
      for (int for_ever = 0; for_ever < 2; for_ever++) {
        int result = attempt(k, for_ever, &left);
        if (shared->injected == 0) continue;
        tried++;
        if (result == 0) continue;
        fprintf(stderr, "allocation %ld of %ld failing %s: outcome %d; it was asked for at %p\n", k, points,
                for_ever ? "for ever" : "once", result, shared->where);
        bad++;
      }
    }
    printf("a run makes %ld allocations; %ld runs with a failure, %d bad\n", points, tried, bad);
    tally((uint64_t)tried, "runs with an allocation that fails");
  }
  remove_folder(folder);
  return bad != 0;
}
