/* syscall_kill.c - SIGKILL at each system call of a store's life, from its creation to its close: as many as there is
 * time for, nightly all. After each, the store is judged. UFO_POINT=N kills at call N + 1 alone. */
#include "crash/subject.h"
#include "crash/sweep.h"

static report *shared;
static uint64_t *found;

static int try_point(uint64_t point, const char *folder) {
  char path[4000];
  traced result;
  injection what = {.kill = true, .number = point + 1};
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  subject s = {.path = path, .report = shared};
  memset(shared, 0, sizeof *shared);
  trace(subject_run, &s, &what, 60, &result);
  /* The last calls may not be reached: threads never take quite the same turns. */
  if (result.status != 128 + SIGKILL && !(result.status == 0 && !result.hit)) {
    fprintf(stderr, "call %llu: the run ended with %d\n", (unsigned long long)what.number, result.status);
    return 1;
  }
  return judge_in_child(path, atomic_load(&shared->acked), found);
}

static void begin(void) {
  shared = shared_memory(sizeof *shared + sizeof *found);
  if (!shared) _exit(2);
  found = (uint64_t *)(shared + 1);
}

int main(void) {
  traced counted;
  begin();
  int failed = subject_count(shared, &counted);
  if (failed) return failed;
  sweep all = {.points = counted.all, .base = fast_folder(), .begin = begin, .try_point = try_point, .seconds = 10};
  int result = sweep_run(&all);
  printf("%llu of the %llu calls of a run\n", (unsigned long long)all.tried, (unsigned long long)all.points);
  tally(all.tried, "runs killed at a system call");
  return result;
}
