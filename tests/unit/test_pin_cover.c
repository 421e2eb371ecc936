/* Versions of many objects pinned at once: by few locks while they come and go, exactly when they have settled. */
#include "fixture.h"

#include <fcntl.h>

#include "store/object.h"
#include "store/store.h"

enum { OBJECTS = 1500, CHUNK = 4096, LENGTH = CHUNK / 4, FEW = 64 };

static ufo_store *store;

static const char *name_of(uint64_t i) {
  static char name[32];
  snprintf(name, sizeof name, "o%05" PRIu64, i);
  return name;
}

/* Noise, so that it takes a blob. */
static const int32_t *content_of(uint64_t i, uint64_t version) {
  static int32_t content[LENGTH];
  for (uint64_t k = 0; k < LENGTH; k++) content[k] = (int32_t)mix(i * 1000003 + version * 1000 + k);
  return content;
}

static void make(void) {
  fixture_make();
  store = open_store(in_folder("s.ufo"));
  ufo_txn *txn = begin(store);
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, LENGTH, CHUNK);
  for (uint64_t i = 0; i < OBJECTS; i++) OK(ufo_txn_put(txn, name_of(i), &spec, content_of(i, 1), &error));
  OK(ufo_txn_commit(txn, &error));
}

static void end(void) {
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).garbage, 0);
  cr_assert_eq(stat_of(store).blobs, OBJECTS);
  assert_sound(store);
  ufo_store_close(store);
  fixture_remove();
}

TestSuite(cover, .init = make, .fini = end, .timeout = 100);

static int open_all(ufo_store *from, ufo_object **objects) {
  for (uint64_t i = 0; i < OBJECTS; i++) CHECK(!ufo_object_open(from, NULL, name_of(i), -1, 0, &objects[i], &error));
  return 0;
}

static int check_all(ufo_object **objects) {
  int32_t chunk[LENGTH];
  for (uint64_t i = 0; i < OBJECTS; i++) {
    CHECK(!ufo_object_load(objects[i], 0, chunk, &error));
    CHECK(memcmp(chunk, content_of(i, 1), CHUNK) == 0);
  }
  return 0;
}

static int release_all(ufo_object **objects) {
  for (uint64_t i = 0; i < OBJECTS; i++) ufo_object_release(objects[i]);
  return 0;
}

/* Ranges of bytes of versions that anybody has locked, asked for one after the other. */
static uint64_t locks_now(void) {
  int fd = open(in_folder("s.ufo"), O_RDWR | O_CLOEXEC);
  int64_t at = INT64_C(1) << 62;
  uint64_t count = 0;
  for (;; count++) {
    struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at};
    cr_assert_eq(fcntl(fd, F_OFD_GETLK, &range), 0);
    if (range.l_type == F_UNLCK) break;
    at = range.l_start + range.l_len;
  }
  close(fd);
  return count;
}

/* Longer than pins must have been quiet for. */
static void be_quiet(void) { usleep(300000); }

Test(cover, many_pins_take_few_locks) {
  static ufo_object *objects[OBJECTS];
  uint64_t wide = UINT64_MAX;
  cr_assert_eq(locks_now(), 0);
  for (int attempt = 0; attempt < 20 && wide > FEW; attempt++) { /* a machine that stops for long is quiet */
    cr_assert_eq(open_all(store, objects), 0);
    wide = locks_now();
    cr_assert_eq(release_all(objects), 0);
    cr_assert_eq(locks_now(), 0);
  }
  cr_assert_leq(wide, FEW);
  cr_assert_eq(open_all(store, objects), 0);
  be_quiet();
  cr_assert_eq(check_all(objects), 0);
  cr_assert_eq(locks_now(), OBJECTS, "exact");
  cr_assert_eq(release_all(objects), 0);
  cr_assert_eq(locks_now(), 0);
}

typedef struct holder {
  int ready[2], go[2];
  pid_t child;
} holder;

static int tell(const int *pipe_ends) { return write(pipe_ends[1], "", 1) != 1; }
static int await(const int *pipe_ends) {
  char byte;
  return read(pipe_ends[0], &byte, 1) != 1;
}

/* Holds all; at each word reads them, and in the end lets every third go, and then the rest. */
static int hold(const holder *pipes) {
  static ufo_object *objects[OBJECTS];
  ufo_store *mine;
  CHECK(!ufo_store_open(in_folder("s.ufo"), NULL, &mine, &error));
  CHECK(!open_all(mine, objects));
  for (int turn = 0; turn < 2; turn++) {
    CHECK(!tell(pipes->ready) && !await(pipes->go));
    be_quiet();
    CHECK(!check_all(objects));
  }
  CHECK(!tell(pipes->ready) && !await(pipes->go));
  for (uint64_t i = 0; i < OBJECTS; i += 3) {
    ufo_object_release(objects[i]);
    objects[i] = NULL;
  }
  be_quiet();
  int32_t chunk[LENGTH];
  for (uint64_t i = 1; i < OBJECTS; i += 3) {
    CHECK(!ufo_object_load(objects[i], 0, chunk, &error));
    CHECK(memcmp(chunk, content_of(i, 1), CHUNK) == 0);
  }
  CHECK(!tell(pipes->ready) && !await(pipes->go));
  release_all(objects);
  ufo_store_close(mine);
  return 0;
}

static void start(holder *pipes) {
  cr_assert(pipe(pipes->ready) == 0 && pipe(pipes->go) == 0);
  pipes->child = fork();
  if (pipes->child == 0) {
    alarm(90); /* should the test fail, nobody tells it to go on */
    _exit(hold(pipes));
  }
  cr_assert_eq(await(pipes->ready), 0);
}

enum { CHANGED = 30, TIMES = 4 };

/* Each of some objects several times. */
static void rewrite(uint64_t first_version) {
  for (uint64_t v = first_version; v < first_version + TIMES; v++) {
    for (uint64_t k = 0; k < CHANGED; k++) {
      uint64_t i = k * (OBJECTS / CHANGED);
      write_now(store, name_of(i), 0, LENGTH, content_of(i, v));
    }
  }
  let_it_reclaim(store);
}

Test(cover, a_reader_elsewhere_keeps_its_versions_and_no_more) {
  holder pipes;
  start(&pipes);
  rewrite(2);
  cr_assert_geq(stat_of(store).blobs, OBJECTS + CHANGED, "all that it holds; what it does not may wait");
  for (int turn = 0; turn < 2; turn++) {
    cr_assert(tell(pipes.go) == 0 && await(pipes.ready) == 0, "it reads what it holds");
    rewrite(10 + 10 * (uint64_t)turn);
    cr_assert_eq(stat_of(store).blobs, OBJECTS + CHANGED, "the held versions and the current ones");
  }
  cr_assert(tell(pipes.go) == 0 && await(pipes.ready) == 0);
  let_it_reclaim(store);
  uint64_t released = 0;
  for (uint64_t k = 0; k < CHANGED; k++) released += k * (OBJECTS / CHANGED) % 3 == 0;
  cr_assert_eq(stat_of(store).blobs, OBJECTS + CHANGED - released);
  cr_assert_eq(tell(pipes.go), 0);
  cr_assert_eq(wait_for(pipes.child), 0);
}

Test(cover, a_killed_reader_holds_nothing) {
  holder pipes;
  start(&pipes);
  rewrite(2);
  kill(pipes.child, SIGKILL);
  wait_for(pipes.child);
}

/* The child reads all that the parent had, though that lets go of it at once. */
static int read_twice(const int *go, ufo_object **objects) {
  alarm(90);
  CHECK(!await(go));
  CHECK(!check_all(objects));
  be_quiet();
  CHECK(!check_all(objects));
  return release_all(objects);
}

static void fork_and_let_go(bool settled) {
  static ufo_object *objects[OBJECTS];
  int go[2];
  cr_assert(pipe(go) == 0);
  cr_assert_eq(open_all(store, objects), 0);
  if (settled) {
    be_quiet();
    cr_assert_eq(check_all(objects), 0);
  }
  pid_t child = fork();
  if (child == 0) _exit(read_twice(go, objects));
  cr_assert_eq(release_all(objects), 0);
  rewrite(2);
  cr_assert_geq(stat_of(store).blobs, OBJECTS + CHANGED);
  cr_assert_eq(tell(go), 0);
  cr_assert_eq(wait_for(child), 0);
}

Test(cover, a_child_keeps_what_its_parent_had_just_opened) { fork_and_let_go(false); }
Test(cover, a_child_keeps_what_its_parent_had_long_opened) { fork_and_let_go(true); }

/* Somebody who holds many versions and opens and releases one more all the time never is quiet; what others supersede
 * between his versions must not wait for that. */
Test(cover, does_not_stay_wide_for_one_who_is_never_quiet) {
  static ufo_object *objects[OBJECTS];
  cr_assert_eq(open_all(store, objects), 0);
  bool exact = false;
  for (uint64_t i = 0; i < 500 && !exact; i++) { /* 10 s */
    ufo_object *more;
    OK(ufo_object_open(store, NULL, name_of(i), -1, 0, &more, &error));
    ufo_object_release(objects[i]);
    objects[i] = more;
    usleep(20000);
    (void)stat_of(store);
    exact = locks_now() > OBJECTS / 2;
  }
  cr_assert(exact);
  cr_assert_eq(release_all(objects), 0);
}
