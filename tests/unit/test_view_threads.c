/* One view in several threads while its chunks are evicted; and after fork(), where the child reads right data, writes
 * for itself alone, and can commit. */
#include "one_store.h"

#include <pthread.h>

enum { CHUNK = 16 * 1024, THREADS = 4, LENGTH = 3 * 1024 * 1024 / 8, BUDGET = 24 * CHUNK, BYTES = LENGTH * 8 };

static ufo_pool *pool;
static uint64_t *stored;

static void make(void) {
  store_make();
  pool = make_pool(BUDGET);
  stored = put_doubles_x(21, LENGTH, CHUNK);
}

static void unmake(void) {
  free(stored);
  OK(ufo_pool_destroy(pool, &error));
  store_end();
}

TestSuite(view_threads, .init = make, .fini = unmake, .timeout = 90);
TestSuite(view_fork, .init = make, .fini = unmake, .timeout = 90);

/* Element i belongs to thread i % THREADS, which alone writes it; all of them read everything of theirs back. */
typedef struct worker {
  pthread_t thread;
  uint64_t *data, *expected;
  uint64_t self, wrong;
} worker;

static void *work(void *user) {
  worker *w = user;
  uint64_t state = 99 + w->self;
  for (int round = 0; round < 20000; round++) {
    uint64_t i = random_below(&state, LENGTH / THREADS) * THREADS + w->self;
    if (w->data[i] != w->expected[i]) w->wrong++;
    if (round % 2) w->data[i] = w->expected[i] = random_u64(&state);
  }
  return NULL;
}

Test(view_threads, four_threads_over_one_view) {
  ufo_view *view = open_view(store, NULL, pool, "x");
  worker workers[THREADS];
  for (int t = 0; t < THREADS; t++) {
    workers[t] = (worker){.data = ufo_view_data(view), .expected = stored, .self = (uint64_t)t};
    cr_assert_eq(pthread_create(&workers[t].thread, NULL, work, &workers[t]), 0);
  }
  for (int t = 0; t < THREADS; t++) pthread_join(workers[t].thread, NULL);
  for (int t = 0; t < THREADS; t++) cr_assert_eq(workers[t].wrong, 0, "thread %d read %" PRIu64, t, workers[t].wrong);
  cr_assert_eq(memcmp(ufo_view_data(view), stored, BYTES), 0);
  put_view_now(store, "x", view);
  assert_content(store, NULL, "x", stored, BYTES);
  ufo_view_release(view);
  ufo_pool_stats stats = pool_stats(pool);
  cr_assert_leq(stats.resident_bytes_peak, BUDGET);
  cr_assert_gt(stats.evictions_dirty, 0);
  assert_sound(store);
}

/* Each thread has a clone of its own and commits it under a name of its own, at the same time as the others. */
typedef struct cloner {
  pthread_t thread;
  ufo_view *view;
  int self, failed_line;
} cloner;

static int clone_and_commit(cloner *c) {
  char name[16];
  uint64_t *data = ufo_view_data(c->view);
  snprintf(name, sizeof name, "t%d", c->self);
  for (uint64_t round = 0; round < 5; round++) {
    ufo_error mine;
    ufo_txn *txn;
    for (uint64_t i = (uint64_t)c->self; i < LENGTH; i += 1000) data[i] = mix(round + i);
    if (ufo_txn_begin(store, &txn, &mine) != UFO_OK) return __LINE__;
    if (ufo_txn_put_view(txn, name, c->view, UFO_PUT_REPLACE, &mine) != UFO_OK) return __LINE__;
    if (ufo_txn_commit(txn, &mine) != UFO_OK) return __LINE__;
  }
  return 0;
}

static void *cloner_run(void *user) {
  cloner *c = user;
  c->failed_line = clone_and_commit(c);
  return NULL;
}

Test(view_threads, commits_at_the_same_time) {
  ufo_view *view = open_view(store, NULL, pool, "x");
  cloner cloners[THREADS];
  for (int t = 0; t < THREADS; t++) {
    cloners[t] = (cloner){.self = t};
    OK(ufo_view_clone(view, &cloners[t].view, &error));
  }
  for (int t = 0; t < THREADS; t++) cr_assert_eq(pthread_create(&cloners[t].thread, NULL, cloner_run, &cloners[t]), 0);
  for (int t = 0; t < THREADS; t++) pthread_join(cloners[t].thread, NULL);
  uint64_t *expected = malloc(BYTES);
  for (int t = 0; t < THREADS; t++) {
    char name[16];
    snprintf(name, sizeof name, "t%d", t);
    cr_assert_eq(cloners[t].failed_line, 0, "thread %d failed in line %d", t, cloners[t].failed_line);
    memcpy(expected, stored, BYTES);
    for (uint64_t i = (uint64_t)t; i < LENGTH; i += 1000) expected[i] = mix(4 + i);
    assert_content(store, NULL, name, expected, BYTES);
    ufo_view_release(cloners[t].view);
  }
  ufo_view_release(view);
  assert_content(store, NULL, "x", stored, BYTES);
  assert_sound(store);
  free(expected);
}

/* ---- fork -------------------------------------------------------------------------------------------------------- */

enum { PER_CHUNK = CHUNK / 8, RESIDENT = 180, CHANGED = 181 };

/* A view with a chunk in memory, chunks never touched, a change in memory, and many changes that were evicted. */
static ufo_view *varied_view(uint64_t *expected) {
  ufo_view *view = open_view(store, NULL, pool, "x");
  uint64_t *data = ufo_view_data(view);
  memcpy(expected, stored, BYTES);
  for (uint64_t chunk = 0; chunk < 60; chunk++)
    data[chunk * PER_CHUNK + chunk] = expected[chunk * PER_CHUNK + chunk] = mix(chunk);
  cr_assert_gt(pool_stats(pool).evictions_dirty, 0);
  cr_assert_eq(data[RESIDENT * PER_CHUNK], expected[RESIDENT * PER_CHUNK]);
  data[CHANGED * PER_CHUNK] = expected[CHANGED * PER_CHUNK] = 4711;
  return view;
}

typedef struct forked {
  ufo_view *view;
  uint64_t *expected;
} forked;

static int read_and_write(void *user) {
  forked *f = user;
  uint64_t *data = ufo_view_data(f->view);
  CHECK(data[RESIDENT * PER_CHUNK] == f->expected[RESIDENT * PER_CHUNK]);
  CHECK(data[CHANGED * PER_CHUNK] == 4711);
  CHECK(data[150 * PER_CHUNK + 3] == f->expected[150 * PER_CHUNK + 3]); /* cold */
  CHECK(data[5 * PER_CHUNK + 5] == mix(5));                             /* changed and evicted */
  CHECK(memcmp(data, f->expected, BYTES) == 0);
  for (uint64_t i = 0; i < LENGTH; i += 50) data[i] = f->expected[i] = ~i; /* f->expected is this process's copy */
  CHECK(memcmp(data, f->expected, BYTES) == 0);
  ufo_view *clone;
  CHECK(ufo_view_clone(f->view, &clone, &error) == UFO_OK);
  CHECK(memcmp(ufo_view_data(clone), f->expected, BYTES) == 0);
  ufo_view_release(clone);
  return 0;
}

Test(view_fork, child_reads_everything_and_writes_for_itself) {
  forked f = {.expected = malloc(BYTES)};
  f.view = varied_view(f.expected);
  int result = in_child(read_and_write, &f, 30);
  cr_assert_eq(result, 0, "the child gave %d", result);
  cr_assert_eq(memcmp(ufo_view_data(f.view), f.expected, BYTES), 0, "the child's writes reached the parent");
  put_view_now(store, "x", f.view);
  assert_content(store, NULL, "x", f.expected, BYTES);
  ufo_view_release(f.view);
  free(f.expected);
}

static int commit_another(void *user) {
  forked *f = user;
  uint64_t *data = ufo_view_data(f->view);
  ufo_txn *txn;
  double value = 12.5;
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, 1, 0);
  CHECK(ufo_txn_begin(store, &txn, &error) == UFO_OK);
  CHECK(ufo_txn_put(txn, "from-child", &spec, &value, &error) == UFO_OK);
  data[0] = 1;
  CHECK(ufo_txn_put_view(txn, "x-of-child", f->view, UFO_PUT_CHECKED, &error) == UFO_OK);
  CHECK(ufo_txn_commit(txn, &error) == UFO_OK);
  CHECK(ufo_store_read(store, NULL, "from-child", 0, 0, 1, &value, &error) == UFO_OK);
  CHECK(value == 12.5);
  ufo_view_release(f->view);
  ufo_store_close(store);
  return 0;
}

Test(view_fork, child_commits_and_parent_goes_on) {
  forked f = {.expected = malloc(BYTES)};
  f.view = varied_view(f.expected);
  for (int round = 0; round < 3; round++) {
    int result = in_child(commit_another, &f, 30);
    cr_assert_eq(result, 0, "the child gave %d in round %d", result, round);
    double value;
    OK(ufo_store_read(store, NULL, "from-child", 0, 0, 1, &value, &error));
    cr_assert_eq(value, 12.5);
    uint64_t first;
    OK(ufo_store_read(store, NULL, "x-of-child", 0, 0, 1, &first, &error));
    cr_assert_eq(first, 1);
    cr_assert_eq(memcmp(ufo_view_data(f.view), f.expected, BYTES), 0);
    ((uint64_t *)ufo_view_data(f.view))[9] = f.expected[9] = (uint64_t)round;
    put_view_now(store, "x", f.view);
    assert_content(store, NULL, "x", f.expected, BYTES);
  }
  ufo_view_release(f.view);
  assert_sound(store);
  free(f.expected);
}

/* Commits that would use the room of the version that was there, if nobody held it. */
static void change_all(void) {
  uint64_t *other = calloc(LENGTH, 8);
  for (int i = 0; i < 3; i++) {
    other[0] = (uint64_t)i;
    write_now(store, "x", 0, LENGTH, other);
    let_it_reclaim(store);
  }
  free(other);
}

/* The end of a child must not unlock what the parent has pinned. */
static int leave(void *user) {
  forked *f = user;
  uint64_t value = *(volatile uint64_t *)ufo_view_data(f->view);
  ufo_view_release(f->view);
  ufo_store_close(store);
  return value == f->expected[0] ? 0 : 1;
}

Test(view_fork, a_child_s_end_leaves_the_parent_s_version_pinned) {
  forked f = {.expected = stored};
  f.view = open_view(store, NULL, pool, "x");
  cr_assert_eq(in_child(leave, &f, 30), 0);
  change_all();
  cr_assert_eq(memcmp(ufo_view_data(f.view), stored, BYTES), 0);
  ufo_view_release(f.view);
}

/* The other way round: the child keeps the version while the parent lets go of it and commits. */
static int read_late(void *user) {
  forked *f = user;
  char go;
  int *pipe_ends = (int *)(void *)f->expected;
  uint64_t first = *(volatile uint64_t *)ufo_view_data(f->view);
  CHECK(write(pipe_ends[3], "r", 1) == 1);
  CHECK(read(pipe_ends[0], &go, 1) == 1);
  CHECK(first == stored[0]);
  CHECK(memcmp(ufo_view_data(f->view), stored, BYTES) == 0);
  return 0;
}

Test(view_fork, the_child_keeps_its_version) {
  int ends[4];
  char ready;
  cr_assert(pipe(ends) == 0 && pipe(ends + 2) == 0);
  forked f = {.view = open_view(store, NULL, pool, "x"), .expected = (uint64_t *)(void *)ends};
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(read_late(&f));
  }
  cr_assert_eq(read(ends[2], &ready, 1), 1); /* the child has used the view once */
  ufo_view_release(f.view);
  change_all();
  cr_assert_eq(write(ends[1], "g", 1), 1);
  int result = wait_for(child);
  cr_assert_eq(result, 0, "the child gave %d", result);
}

/* A child that has not used the store yet when the parent lets go of the version may find it reclaimed: an error then,
 * but never a wrong value. */
static int read_all(void *data) { return memcmp(data, stored, BYTES) == 0 ? 0 : 2; }

static int read_too_late(void *user) {
  forked *f = user;
  char go;
  int result = 0;
  CHECK(read(*(int *)(void *)f->expected, &go, 1) == 1);
  if (ufo_guarded(NULL, read_all, ufo_view_data(f->view), &result, &error) != UFO_OK) return error.message[0] ? 0 : 3;
  CHECK(result == 0);
  return 0;
}

Test(view_fork, a_child_that_reads_late) {
  int ends[2];
  cr_assert_eq(pipe(ends), 0);
  forked f = {.view = open_view(store, NULL, pool, "x"), .expected = (uint64_t *)(void *)ends};
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(read_too_late(&f));
  }
  ufo_view_release(f.view);
  change_all();
  cr_assert_eq(write(ends[1], "g", 1), 1);
  int result = wait_for(child);
  cr_assert_eq(result, 0, "the child gave %d", result);
}

/* Forks while other threads fault and evict: no child may hang or read wrong data. */
typedef struct churn {
  ufo_view *view;
  _Atomic int stop;
} churn;

static void *churn_run(void *user) {
  churn *c = user;
  uint64_t *data = ufo_view_data(c->view), state = 5;
  while (!c->stop) data[random_below(&state, LENGTH)] += 1;
  return NULL;
}

static int read_some(void *user) {
  const uint64_t *data = ufo_view_data(user);
  for (uint64_t i = 0; i < LENGTH; i += PER_CHUNK * 3) CHECK(data[i] == stored[i]);
  return 0;
}

Test(view_fork, while_threads_fault) {
  churn c = {.view = open_view(store, NULL, pool, "x")};
  ufo_view *quiet = open_view(store, NULL, pool, "x");
  pthread_t threads[2];
  for (int t = 0; t < 2; t++) pthread_create(&threads[t], NULL, churn_run, &c);
#ifdef __SANITIZE_ADDRESS__
  int children = 0; /* address sanitizer's allocator does not survive a fork while other threads allocate */
#else
  int children = 20;
#endif
  for (int i = 0; i < children; i++) {
    int result = in_child(read_some, quiet, 20);
    if (result != 0) {
      c.stop = 1;
      cr_assert_fail("child %d gave %d", i, result);
    }
  }
  c.stop = 1;
  for (int t = 0; t < 2; t++) pthread_join(threads[t], NULL);
  ufo_view_release(c.view);
  ufo_view_release(quiet);
}
