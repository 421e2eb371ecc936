/* late_commit.c - a process is killed after each system call of a commit, while another one has the store open. Whether
 * the commit is there is decided then: who opens the store next sees it or not, and nothing that others do changes
 * that.
 *
 * LMDB makes a commit visible to others by a number in shared memory, just after it has written the page that makes it
 * last: killed in between, a writer leaves one that comes to light when the next writer finds it. */
#include "common/child.h"
#include "crash/judge.h"
#include "crash/tracer.h"
#include "tally.h"

static char path[4000];
static int to_bystander[2], from_bystander[2];
static uint64_t *found; /* in shared memory */

static int put_number(ufo_store *store, const char *name, uint64_t number) {
  const ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_DOUBLE, .length = 1};
  ufo_txn *txn;
  DEMAND(ufo_txn_begin(store, &txn, &error) == UFO_OK);
  DEMAND(ufo_txn_put(txn, name, &spec, &number, &error) == UFO_OK);
  DEMAND(ufo_txn_commit(txn, &error) == UFO_OK);
  return 0;
}

static int get_number(ufo_store *store, const char *name, uint64_t *number) {
  DEMAND(ufo_store_read(store, NULL, name, 0, 0, 1, number, &error) == UFO_OK);
  return 0;
}

/* What is killed. */
static int commit_next(void *unused) {
  ufo_store *store;
  (void)unused;
  DEMAND(ufo_store_open(path, NULL, &store, &error) == UFO_OK);
  if (put_number(store, "x", *found + 1)) return 1;
  ufo_store_close(store);
  return 0;
}

/* Has the store open all the time, and commits when it is asked to. */
static int stand_by(void) {
  ufo_store *store;
  uint64_t number = 0;
  char order;
  DEMAND(ufo_store_open(path, NULL, &store, &error) == UFO_OK);
  while (read(to_bystander[0], &order, 1) == 1 && order == 'w') {
    if (put_number(store, "y", ++number) || write(from_bystander[1], &order, 1) != 1) return 1;
  }
  ufo_store_close(store);
  return 0;
}

/* Who comes after the death. */
static int look(void) {
  ufo_store *store;
  uint64_t first, then;
  char order = 'w';
  DEMAND(ufo_store_open(path, NULL, &store, &error) == UFO_OK);
  if (get_number(store, "x", &first)) return 1;
  DEMAND(write(to_bystander[1], &order, 1) == 1 && read(from_bystander[0], &order, 1) == 1);
  if (get_number(store, "x", &then)) return 1;
  DEMAND(first == *found || first == *found + 1);
  DEMAND(then == first && "the commit came later");
  *found = then;
  DEMAND(ufo_store_verify(store, NULL, NULL, NULL, &error) == UFO_OK);
  ufo_store_close(store);
  return 0;
}

static pid_t begin_child(int (*run)(void)) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    alarm(100);
    _exit(run());
  }
  return child;
}

static int set_up(void) {
  ufo_store *store;
  DEMAND(ufo_store_open(path, NULL, &store, &error) == UFO_OK);
  if (put_number(store, "x", 0) || put_number(store, "y", 0)) return 1;
  ufo_store_close(store);
  return 0;
}

int main(void) {
  char folder[3000];
  traced run;
  if (make_folder(folder, sizeof folder, fast_folder())) return 2;
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  found = shared_memory(sizeof *found);
  if (!found || pipe(to_bystander) || pipe(from_bystander)) return 2;
  if (wait_for(begin_child(set_up))) return 1;
  if (!trace(commit_next, NULL, NULL, 60, &run)) {
    remove_folder(folder);
    puts("this build or machine does not let a process be traced");
    return 77;
  }
  *found = 1;
  pid_t bystander = begin_child(stand_by);
  uint64_t late = 0, before;
  int failed = run.status;
  for (uint64_t call = 1; call <= run.all && !failed; call++) {
    injection what = {.kill = true, .after = true, .number = call};
    traced killed;
    before = *found;
    trace(commit_next, NULL, &what, 60, &killed);
    failed = killed.status != 128 + SIGKILL && !(killed.status == 0 && !killed.hit);
    if (!failed) failed = wait_for(begin_child(look));
    if (failed)
      fprintf(stderr, "killed after call %llu of %llu\n", (unsigned long long)call, (unsigned long long)run.all);
    late += *found > before;
  }
  if (write(to_bystander[1], "q", 1) != 1 || wait_for(bystander)) failed = 1;
  if (!failed && late == 0) failed = 1, fputs("no commit was there after its process was killed\n", stderr);
  remove_folder(folder);
  if (failed) return 1;
  printf("%llu of %llu commits were there\n", (unsigned long long)late, (unsigned long long)run.all);
  tally(run.all, "processes killed after a system call, with another one at work");
  return 0;
}
