/* Snapshots among processes: one rewrites everything, makes snapshots and removes them, and is killed again and again;
 * others open what there is, and read it while it is being removed. What a snapshot gives is of its time, all of it, or
 * the answer is that it is gone. */
#include "fixture.h"

#include <sys/mman.h>

enum { CHUNK = 4096, PER_CHUNK = CHUNK / 8, COUNT = 6 * PER_CHUNK + 5, NAMES = 3, KEPT = 4 };

static char path[PATH_MAX];

static void make(void) {
  fixture_make();
  snprintf(path, sizeof path, "%s", in_folder("s.ufo"));
}

TestSuite(snapshots_processes, .init = make, .fini = fixture_remove, .timeout = 1700);

static uint64_t element(uint64_t state, uint64_t object, uint64_t i) {
  return i == 0 ? state : mix(state * 64 + object + (i << 32));
}

static void fill(uint64_t state, uint64_t object, uint64_t *values) {
  for (uint64_t i = 0; i < COUNT; i++) values[i] = element(state, object, i);
}

static int is_of(const uint64_t *values, uint64_t state, uint64_t object) {
  for (uint64_t i = 0; i < COUNT; i++)
    if (values[i] != element(state, object, i)) return 0;
  return 1;
}

/* Object 2 is called by another name every third state, and made anew every fifth. */
static const char *name_of(uint64_t state, int object) {
  static const char *const names[] = {"a", "b", "c"};
  return object == 2 && state % 3 == 0 ? "other" : names[object];
}

static int write_state(ufo_store *store, uint64_t state) {
  uint64_t values[COUNT];
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, COUNT, CHUNK);
  ufo_txn *txn;
  CHECK(!ufo_txn_begin(store, &txn, &error));
  for (int object = 0; object < NAMES; object++) {
    const char *name = name_of(state, object), *before = name_of(state - 1, object);
    fill(state, (uint64_t)object, values);
    if (state > 1 && strcmp(name, before) != 0) CHECK(!ufo_txn_rename(txn, before, name, &error));
    if (state == 1 || (state + (uint64_t)object) % 5 == 0) CHECK(!ufo_txn_put(txn, name, &spec, values, &error));
    else CHECK(!ufo_txn_write(txn, name, 0, COUNT, values, &error));
  }
  ufo_status status = ufo_txn_commit(txn, &error);
  if (status) ufo_txn_abort(txn);
  if (status == UFO_CONFLICT) return -1;
  CHECK(!status);
  return 0;
}

static uint64_t state_of(const char *label) { return strtoull(label + 1, NULL, 10); }

typedef struct labels {
  int count;
  char label[64][32];
} labels;

static int add_label(void *user, const ufo_snapshot_info *info) {
  labels *all = user;
  if (all->count < 64) snprintf(all->label[all->count++], sizeof all->label[0], "%.31s", info->label);
  return 0;
}

static int write_for_ever(void *unused) {
  (void)unused;
  ufo_store *store;
  uint64_t state = 0;
  CHECK(!ufo_store_open(path, NULL, &store, &error));
  if (ufo_store_read(store, NULL, "a", 0, 0, 1, &state, &error)) CHECK(error.code == UFO_MISSING);
  for (int first = 1;; first = 0) {
    labels all = {0};
    char label[32];
    int result = write_state(store, ++state);
    /* The last commit of a writer that was killed inside of it may be seen only once the next one has LMDB's lock. */
    if (result < 0 && first) {
      CHECK(!ufo_store_read(store, NULL, "a", 0, 0, 1, &state, &error));
      result = write_state(store, ++state);
    }
    CHECK(!result);
    snprintf(label, sizeof label, "s%" PRIu64, state);
    if (state % 2) CHECK(!ufo_snapshot_create(store, label, &error));
    CHECK(!ufo_snapshot_list(store, add_label, &all, &error));
    for (int i = 0; i + KEPT < all.count; i++) {
      int which = state % 4 ? i : all.count - 2 - i; /* not only the oldest */
      CHECK(!ufo_snapshot_remove(store, all.label[which], &error));
    }
  }
}

typedef struct reading {
  uint64_t seed;
  int writable;     /* a handle that could write is open, too */
  uint64_t *counts; /* shared: whole readings, and those that found it gone */
} reading;

static int is_gone(ufo_status status) { return status == UFO_MISSING && strstr(error.message, "was removed") != NULL; }

/* 0: whole; -1: gone; else a failure. */
static int read_one(ufo_pool *pool, const char *label, uint64_t *random) {
  static uint64_t values[COUNT];
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY, .snapshot = label};
  ufo_store *at;
  uint64_t state = state_of(label);
  ufo_status status = ufo_store_open(path, &options, &at, &error);
  if (status == UFO_MISSING) return -1;
  CHECK(!status);
  int result = 0;
  for (int object = 0; object < NAMES && !result; object++) {
    ufo_view *view = NULL;
    const char *name = name_of(state, object);
    if (random_below(random, 2)) {
      status = ufo_store_read(at, NULL, name, 0, 0, COUNT, values, &error);
      if (!status) CHECK(is_of(values, state, (uint64_t)object));
    } else {
      status = ufo_view_open(at, NULL, pool, name, NULL, &view, &error);
      if (!status && random_below(random, 4) == 0) usleep(20000); /* meanwhile it may well be removed */
      if (!status) CHECK(is_of(ufo_view_data(view), state, (uint64_t)object));
      ufo_view_release(view);
    }
    if (is_gone(status)) result = -1;
    else CHECK(!status);
  }
  ufo_store_close(at);
  return result;
}

static int read_for_ever(void *argument) {
  reading *job = argument;
  uint64_t random = job->seed;
  ufo_store *store = NULL, *any = NULL;
  ufo_pool *pool;
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  CHECK(!ufo_pool_create(NULL, &pool, &error));
  if (job->writable) CHECK(!ufo_store_open(path, NULL, &any, &error));
  CHECK(!ufo_store_open(path, &options, &store, &error));
  for (;;) {
    labels all = {0};
    CHECK(!ufo_snapshot_list(store, add_label, &all, &error));
    if (all.count == 0) continue;
    int result = read_one(pool, all.label[random_below(&random, (uint64_t)all.count)], &random);
    if (result > 0) return result;
    __atomic_fetch_add(&job->counts[result ? 1 : 0], 1, __ATOMIC_RELAXED);
  }
}

static pid_t start(int (*run)(void *), void *argument) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    signal(SIGALRM, SIG_DFL);
    alarm(100);
    _exit(run(argument));
  }
  return child;
}

Test(snapshots_processes, whole_or_gone) {
  uint64_t *counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), random = 20261124;
  reading readers[2] = {{11, 0, counts}, {12, 1, counts}};
  pid_t children[2];
  ufo_store_close(open_store(path));
  for (int i = 0; i < 2; i++) children[i] = start(read_for_ever, &readers[i]);
  int rounds = nightly() ? 300 : 30;
  for (int round = 0; round < rounds; round++) {
    pid_t writer = start(write_for_ever, NULL);
    usleep((useconds_t)(20000 + random_below(&random, 250000)));
    kill(writer, SIGKILL);
    cr_assert_eq(wait_for(writer), 128 + SIGKILL, "the writer failed in round %d", round);
    if (round % 5 == 0) {
      ufo_store *store = open_store(path);
      assert_sound(store);
      ufo_store_close(store);
    }
  }
  for (int i = 0; i < 2; i++) {
    kill(children[i], SIGKILL);
    cr_assert_eq(wait_for(children[i]), 128 + SIGKILL, "reader %d failed", i);
  }
  /* With everybody gone: each snapshot that is left is whole, and then nothing of them stays. */
  ufo_store *store = open_store(path);
  ufo_pool *pool = make_pool(1 << 24);
  labels all = {0};
  OK(ufo_snapshot_list(store, add_label, &all, &error));
  cr_assert_gt(all.count, 0);
  for (int i = 0; i < all.count; i++) cr_assert_eq(read_one(pool, all.label[i], &random), 0, "'%s'", all.label[i]);
  for (int i = 0; i < all.count; i++) OK(ufo_snapshot_remove(store, all.label[i], &error));
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, NAMES * ((COUNT + PER_CHUNK - 1) / PER_CHUNK));
  cr_assert_eq(stat_of(store).garbage, 0);
  assert_sound(store);
  ufo_store_close(store);
  OK(ufo_pool_destroy(pool, &error));
  printf("%" PRIu64 " whole, %" PRIu64 " gone\n", counts[0], counts[1]);
  cr_assert_gt(counts[0], 10);
  tally(counts[0], "snapshots read whole while others removed them");
  tally((uint64_t)rounds, "writers of snapshots killed");
  munmap(counts, 4096);
}
