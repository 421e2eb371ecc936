/* One store, several processes: conflicts, pins, staging of the dead, fork, and being killed at any moment. */
#include "one_store.h"

#include <fcntl.h>
#include <sys/file.h>

#include "store/object.h"
#include "store/spill.h"
#include "store/store.h"

enum { CHUNK = 4096, LENGTH = 20 * CHUNK / 4 };

static int32_t values[LENGTH];

static void make(void) {
  store_make();
  put_x(values, LENGTH, CHUNK);
}

TestSuite(processes, .init = make, .fini = store_end, .timeout = 1700);

/* A program of its own: exec'ed, so that nothing is shared but the file. The fork alone would share our core. */
static int other_process(int (*run)(void *), void *argument) { return in_child(run, argument, 30); }

/* ---- conflicts --------------------------------------------------------------------------------------------------- */

static int write_seven(void *unused) {
  (void)unused;
  ufo_store *mine;
  ufo_txn *txn;
  int32_t seven = 7;
  CHECK(!ufo_store_open(in_folder("s.ufo"), NULL, &mine, &error));
  CHECK(!ufo_txn_begin(mine, &txn, &error));
  CHECK(!ufo_txn_write(txn, "x", 5000, 1, &seven, &error));
  CHECK(!ufo_txn_commit(txn, &error));
  ufo_store_close(mine);
  return 0;
}

Test(processes, first_commit_wins) {
  ufo_txn *txn = begin(store);
  int32_t one = 1;
  OK(ufo_txn_write(txn, "x", 0, 1, &one, &error));
  cr_assert_eq(other_process(write_seven, NULL), 0);
  FAILS(UFO_CONFLICT, ufo_txn_commit(txn, &error));
  cr_assert(strstr(error.message, "'x'"), "%s", error.message);
  FAILS(UFO_CONFLICT, ufo_txn_commit(txn, &error)); /* and still */
  ufo_txn_abort(txn);
  values[5000] = 7;
  assert_content(store, NULL, "x", values, sizeof values);
  write_now(store, "x", 0, 1, &one);
  values[0] = 1;
  assert_content(store, NULL, "x", values, sizeof values);
}

typedef struct counting {
  int rounds;
} counting;

/* Adds one to element 0 again and again; a conflict is tried anew. */
static int count_up(void *argument) {
  const counting *task = argument;
  ufo_store *mine;
  CHECK(!ufo_store_open(in_folder("s.ufo"), NULL, &mine, &error));
  for (int i = 0; i < task->rounds; i++) {
    for (;;) {
      ufo_txn *txn;
      int32_t now;
      CHECK(!ufo_txn_begin(mine, &txn, &error));
      CHECK(!ufo_txn_write(txn, "x", 1, 1, &(int32_t){i}, &error)); /* the version is remembered from here on */
      CHECK(!ufo_store_read(mine, txn, "x", 0, 0, 1, &now, &error));
      now++;
      CHECK(!ufo_txn_write(txn, "x", 0, 1, &now, &error));
      ufo_status status = ufo_txn_commit(txn, &error);
      if (status == UFO_OK) break;
      CHECK(status == UFO_CONFLICT);
      ufo_txn_abort(txn);
    }
  }
  ufo_store_close(mine);
  return 0;
}

Test(processes, no_update_is_lost) {
  int32_t zero = 0, sum;
  write_now(store, "x", 0, 1, &zero);
  counting task = {.rounds = 60};
  pid_t children[3];
  for (int i = 0; i < 3; i++) {
    children[i] = fork();
    if (children[i] == 0) _exit(count_up(&task));
  }
  for (int i = 0; i < 3; i++) cr_assert_eq(wait_for(children[i]), 0);
  OK(ufo_store_read(store, NULL, "x", 0, 0, 1, &sum, &error));
  cr_assert_eq(sum, 180);
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).garbage, 0);
}

/* ---- pins ----------------------------------------------------------------------------------------------------------
 */

typedef struct reader {
  int ready[2], go[2];
} reader;

/* Holds version 1 open, and reads it when told to. */
static int hold(void *argument) {
  reader *pipes = argument;
  ufo_store *mine;
  ufo_object *object;
  char byte = 0;
  int32_t chunk[CHUNK / 4];
  CHECK(!ufo_store_open(in_folder("s.ufo"), NULL, &mine, &error));
  CHECK(!ufo_object_open(mine, NULL, "x", -1, 0, &object, &error));
  CHECK(write(pipes->ready[1], &byte, 1) == 1);
  CHECK(read(pipes->go[0], &byte, 1) == 1);
  for (uint64_t c = 0; c < 20; c++) {
    CHECK(!ufo_object_load(object, c, chunk, &error));
    CHECK(memcmp(chunk, values + c * CHUNK / 4, CHUNK) == 0);
  }
  ufo_object_release(object);
  ufo_store_close(mine);
  return 0;
}

static pid_t start_holder(reader *pipes) {
  char byte;
  cr_assert(pipe(pipes->ready) == 0 && pipe(pipes->go) == 0);
  pid_t child = fork();
  if (child == 0) {
    alarm(30); /* should the test fail, nobody tells it to go on */
    _exit(hold(pipes));
  }
  cr_assert_eq(read(pipes->ready[0], &byte, 1), 1);
  return child;
}

static void rewrite(int rounds) {
  int32_t *other = malloc(sizeof values);
  for (int r = 0; r < rounds; r++) {
    for (int i = 0; i < LENGTH; i++) other[i] = (int32_t)mix((uint64_t)(i + r * 1000003));
    write_now(store, "x", 0, LENGTH, other);
  }
  free(other);
}

Test(processes, a_reader_elsewhere_keeps_its_version) {
  reader pipes;
  pid_t child = start_holder(&pipes);
  rewrite(20);
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, 40, "the held version and the current one");
  cr_assert_eq(write(pipes.go[1], "g", 1), 1);
  cr_assert_eq(wait_for(child), 0);
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, 20);
  cr_assert_eq(stat_of(store).garbage, 0);
}

Test(processes, a_killed_reader_holds_nothing) {
  reader pipes;
  pid_t child = start_holder(&pipes);
  rewrite(3);
  kill(child, SIGKILL);
  wait_for(child);
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, 20);
}

/* ---- staging
 * --------------------------------------------------------------------------------------------------------- */

/* Stages 30 MiB, then dies. */
static int stage_and_die(void *unused) {
  (void)unused;
  ufo_store *mine;
  ufo_txn *txn;
  ufo_writer *writer;
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, 0, 65536);
  uint64_t *noise = malloc(1 << 20), seed = 1;
  CHECK(!ufo_store_open(in_folder("s.ufo"), NULL, &mine, &error));
  CHECK(!ufo_txn_begin(mine, &txn, &error));
  CHECK(!ufo_writer_open(txn, "big", &spec, &writer, &error));
  for (int i = 0; i < 30; i++) {
    for (int k = 0; k < (1 << 17); k++) noise[k] = mix(seed++);
    CHECK(!ufo_writer_write(writer, noise, 1 << 20, &error));
  }
  kill(getpid(), SIGKILL);
  return 1;
}

Test(processes, staging_of_the_dead_is_reclaimed) {
  ufo_store_close(store);
  store = NULL;
  cr_assert_eq(in_child(stage_and_die, NULL, 30), 128 + SIGKILL);
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  OK(ufo_store_open(in_folder("s.ufo"), &options, &store, &error)); /* does not write */
  cr_assert_geq(stat_of(store).staged_bytes, 15 << 20);
  ufo_store_close(store);
  store = open_store(in_folder("s.ufo"));
  cr_assert_eq(stat_of(store).staged_blobs, 0);
  cr_assert_eq(stat_of(store).blobs, 20);
  FAILS(UFO_MISSING,
        ufo_store_info(store, NULL, "big", 0, &(ufo_object_info){.struct_size = sizeof(ufo_object_info)}, &error));
}

/* A process that lives keeps what it staged, whoever opens the store. */
Test(processes, staging_of_the_living_is_kept) {
  ufo_txn *txn = begin(store);
  ufo_spill *spill;
  ufo_extent *extent;
  OK(ufo_spill_open(store, txn, UFO_SPILL_STORE, &spill, &error));
  OK(ufo_extent_create(spill, UFO_INTEGER, 4, values, CHUNK, NULL, &extent, &error));
  OK(ufo_extents_stage(store->core, &extent, 1, &error));
  cr_assert_eq(other_process(write_seven, NULL), 0); /* opens, commits, closes */
  values[5000] = 7;
  cr_assert_eq(stat_of(store).staged_blobs, 1);
  int32_t chunk[CHUNK / 4];
  OK(ufo_extent_load(extent, chunk, &error));
  cr_assert_eq(memcmp(chunk, values, CHUNK), 0);
  ufo_extent_release(extent);
  ufo_spill_release(spill);
  ufo_txn_abort(txn);
  cr_assert_eq(stat_of(store).staged_blobs, 0);
}

/* ---- fork
 * ------------------------------------------------------------------------------------------------------------ */

static ufo_object *held;

static int use_inherited(void *unused) {
  (void)unused;
  int32_t chunk[CHUNK / 4], nine = 9;
  ufo_txn *txn;
  for (uint64_t c = 0; c < 20; c++) {
    CHECK(!ufo_object_load(held, c, chunk, &error));
    CHECK(memcmp(chunk, values + c * CHUNK / 4, CHUNK) == 0);
  }
  CHECK(!ufo_txn_begin(store, &txn, &error));
  CHECK(!ufo_txn_write(txn, "x", 3, 1, &nine, &error));
  CHECK(!ufo_txn_commit(txn, &error));
  ufo_object_release(held);
  ufo_store_close(store);
  return 0;
}

Test(processes, a_child_goes_on_with_the_store) {
  OK(ufo_object_open(store, NULL, "x", -1, 0, &held, &error));
  for (int i = 0; i < 3; i++) cr_assert_eq(in_child(use_inherited, NULL, 20), 0);
  rewrite(3);
  let_it_reclaim(store);
  int32_t chunk[CHUNK / 4];
  OK(ufo_object_load(held, 0, chunk, &error)); /* the child's end did not take our pin away */
  cr_assert_eq(memcmp(chunk, values, CHUNK), 0);
  ufo_object_release(held);
}

static int sleep_with_pin(void *argument) {
  int *pipes = argument;
  char byte = 0;
  int32_t chunk[CHUNK / 4];
  CHECK(!ufo_object_load(held, 0, chunk, &error)); /* from here on the child has pins of its own */
  CHECK(write(pipes[1], &byte, 1) == 1);
  CHECK(read(pipes[2], &byte, 1) == 1);
  CHECK(!ufo_object_load(held, 7, chunk, &error));
  return memcmp(chunk, values + 7 * CHUNK / 4, CHUNK) != 0;
}

Test(processes, a_child_keeps_what_its_parent_lets_go) {
  int ready[2], go[2];
  char byte;
  cr_assert(pipe(ready) == 0 && pipe(go) == 0);
  OK(ufo_object_open(store, NULL, "x", -1, 0, &held, &error));
  pid_t child = fork();
  if (child == 0) {
    alarm(30);
    _exit(sleep_with_pin((int[]){ready[0], ready[1], go[0]}));
  }
  cr_assert_eq(read(ready[0], &byte, 1), 1);
  ufo_object_release(held);
  rewrite(3);
  let_it_reclaim(store);
  cr_assert_eq(write(go[1], "g", 1), 1);
  cr_assert_eq(wait_for(child), 0);
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, 20);
}

/* ---- being killed
 * ---------------------------------------------------------------------------------------------------- */

enum { TORTURE = 3000 };

static int32_t value_of(int32_t generation, int i) {
  return (int32_t)mix((uint64_t)generation * 1000003 + (uint64_t)i);
}

/* Writes generation after generation and tells each that is durable. */
static int torture(void *argument) {
  int fd = *(int *)argument;
  ufo_store *mine;
  int32_t now[TORTURE];
  CHECK(!ufo_store_open(in_folder("k.ufo"), NULL, &mine, &error));
  for (int32_t generation = 1;; generation++) {
    ufo_txn *txn;
    ufo_object_spec spec = spec_of(UFO_INTEGER, 0, TORTURE, CHUNK);
    for (int i = 0; i < TORTURE; i++) now[i] = value_of(generation, i);
    now[0] = generation;
    CHECK(!ufo_txn_begin(mine, &txn, &error));
    if (generation % 3) CHECK(!ufo_txn_put(txn, "a", &spec, now, &error));
    else
      CHECK(!ufo_txn_put(txn, "a", &spec, now, &error) && !ufo_txn_rename(txn, "a", "a2", &error) &&
            !ufo_txn_rename(txn, "a2", "a", &error));
    CHECK(!ufo_txn_put(txn, "b", &spec, now, &error));
    CHECK(!ufo_txn_commit(txn, &error));
    CHECK(write(fd, &generation, sizeof generation) == sizeof generation);
  }
}

Test(processes, killed_at_any_moment) {
  int runs = nightly() ? 1000 : 100;
  uint64_t state = 11;
  for (int run = 0; run < runs; run++) {
    int acks[2];
    int32_t acked = 0, got, a[TORTURE], b[TORTURE];
    if (run % 10 == 0) { /* creation is a moment, too */
      remove(in_folder("k.ufo"));
      remove(in_folder("k.ufo-lock"));
    }
    cr_assert_eq(pipe(acks), 0);
    pid_t child = fork();
    if (child == 0) {
      close(acks[0]);
      _exit(torture(&acks[1]));
    }
    close(acks[1]);
    usleep(500 + (useconds_t)random_below(&state, 12000));
    kill(child, SIGKILL);
    cr_assert_eq(wait_for(child), 128 + SIGKILL);
    while (read(acks[0], &got, sizeof got) == sizeof got) acked = got;
    close(acks[0]);
    ufo_store *mine;
    ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
    ufo_status status = ufo_store_open(in_folder("k.ufo"), &options, &mine, &error);
    if (status == UFO_MISSING && acked == 0) continue;
    cr_assert_eq(status, UFO_OK, "run %d: %s", run, error.message);
    ufo_object_info info = {.struct_size = sizeof info};
    if (ufo_store_info(mine, NULL, "a", 0, &info, &error) == UFO_MISSING) {
      cr_assert_eq(acked, 0);
    } else {
      OK(ufo_store_read(mine, NULL, "a", 0, 0, TORTURE, a, &error));
      OK(ufo_store_read(mine, NULL, "b", 0, 0, TORTURE, b, &error));
      cr_assert_eq(memcmp(a, b, sizeof a), 0, "run %d: half a commit", run);
      for (int i = 1; i < TORTURE; i++) cr_assert_eq(a[i], value_of(a[0], i));
      if (acked) cr_assert(a[0] >= acked && a[0] <= acked + 1, "run %d: %d acknowledged, %d found", run, acked, a[0]);
    }
    assert_sound(mine);
    ufo_store_close(mine);
  }
}

/* ---- handles
 * --------------------------------------------------------------------------------------------------------- */

Test(processes, two_handles_share_one_core) {
  ufo_store *second = open_store(in_folder("s.ufo"));
  cr_assert_eq(second->core, store->core);
  ufo_txn *txn = begin(second);
  int32_t one = 1;
  OK(ufo_txn_write(txn, "x", 0, 1, &one, &error));
  FAILS(UFO_USAGE,
        ufo_store_info(store, txn, "x", 0, &(ufo_object_info){.struct_size = sizeof(ufo_object_info)}, &error));
  ufo_store_close(second); /* aborts */
  FAILS(UFO_USAGE, ufo_txn_write(txn, "x", 0, 1, &one, &error));
  FAILS(UFO_USAGE, ufo_txn_commit(txn, &error));
  ufo_txn_abort(txn);
  assert_content(store, NULL, "x", values, sizeof values);
}

Test(processes, read_only_then_read_write) {
  ufo_store_close(store);
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  ufo_store *reader_handle;
  OK(ufo_store_open(in_folder("s.ufo"), &options, &reader_handle, &error));
  ufo_object *object;
  OK(ufo_object_open(reader_handle, NULL, "x", -1, 0, &object, &error));
  store = open_store(in_folder("s.ufo"));
  rewrite(2);
  int32_t chunk[CHUNK / 4];
  OK(ufo_object_load(object, 0, chunk, &error));
  cr_assert_eq(memcmp(chunk, values, CHUNK), 0);
  ufo_txn *txn;
  FAILS(UFO_USAGE, ufo_txn_begin(reader_handle, &txn, &error));
  ufo_store_close(reader_handle);
  ufo_object_release(object);
}

Test(processes, compaction_waits_for_nobody) {
  rewrite(30);
  uint64_t size = size_of_file(in_folder("s.ufo"));
  ufo_object *object;
  OK(ufo_object_open(store, NULL, "x", -1, 0, &object, &error));
  FAILS(UFO_USAGE, ufo_store_compact(store, NULL, &error));
  OK(ufo_store_compact(store, in_folder("copy.ufo"), &error));
  FAILS(UFO_USAGE, ufo_store_compact(store, in_folder("copy.ufo"), &error));
  ufo_object_release(object);
  reader pipes;
  pid_t child = start_holder(&pipes);
  FAILS(UFO_USAGE, ufo_store_compact(store, NULL, &error));
  cr_assert(strstr(error.message, "another process"), "%s", error.message);
  kill(child, SIGKILL);
  wait_for(child);
  OK(ufo_store_compact(store, NULL, &error));
  cr_assert_lt(size_of_file(in_folder("s.ufo")), size);
  cr_assert_eq(stat_of(store).objects, 1);
  int32_t one = 1;
  write_now(store, "x", 0, 1, &one);
  ufo_store *copy = open_store(in_folder("copy.ufo"));
  assert_sound(copy);
  cr_assert_eq(stat_of(copy).objects, 1);
  ufo_store_close(copy);
}

/* ---- room
 * ------------------------------------------------------------------------------------------------------------- */

Test(processes, rewriting_in_a_loop_keeps_the_file_bounded) {
  rewrite(10);
  uint64_t size = size_of_file(in_folder("s.ufo"));
  rewrite(100);
  cr_assert_leq(size_of_file(in_folder("s.ufo")), size + size / 4);
  cr_assert_leq(size, 12 * sizeof values, "%" PRIu64 " bytes", size); /* noise in pages of 4 KiB takes two each */
  int32_t one = 1;
  for (int i = 0; i < 200; i++) write_now(store, "x", (uint64_t)i * 20, 1, &one);
  cr_assert_leq(size_of_file(in_folder("s.ufo")), size + size / 2);
  cr_assert_leq(stat_of(store).garbage, 4);
}

/* ---- format
 * ----------------------------------------------------------------------------------------------------------- */

static void set_superblock(uint16_t major, uint64_t ro_compat, uint64_t incompat) {
  ufo_etxn *txn;
  uint8_t record[UFO_SUPERBLOCK_BYTES];
  ufo_superblock block = store->core->superblock;
  block.major = major;
  block.ro_compat = ro_compat;
  block.incompat = incompat;
  ufo_record_encode_superblock(&block, record);
  OK(ufo_core_begin_write(store->core, &txn, &error));
  OK(ufo_record_put(txn, UFO_TABLE_META, UFO_KEY_SUPERBLOCK, strlen(UFO_KEY_SUPERBLOCK), record,
                    sizeof record - UFO_SEAL_BYTES, false, &error));
  OK(ufo_core_commit(store->core, txn, &error));
}

static int grow(void *unused) {
  (void)unused;
  ufo_store *mine;
  CHECK(!ufo_store_open(in_folder("s.ufo"), NULL, &mine, &error));
  for (int32_t round = 0; round < 400; round++) {
    for (int i = 0; i < LENGTH; i++) values[i] = (int32_t)mix((uint64_t)round * LENGTH + (uint64_t)i);
    ufo_txn *txn;
    CHECK(!ufo_txn_begin(mine, &txn, &error));
    CHECK(!ufo_txn_append(txn, "x", values, LENGTH, &error));
    CHECK(!ufo_txn_commit(txn, &error));
  }
  ufo_store_close(mine);
  return 0;
}

/* The file's size is compared with what its header says, which another process makes more at that very moment. */
Test(processes, opened_while_another_process_makes_it_larger) {
  pid_t child = fork();
  if (child == 0) _exit(grow(NULL));
  int file = open(in_folder("s.ufo"), O_RDONLY), status;
  while (waitpid(child, &status, WNOHANG) == 0) {
    for (int i = 0; i < 1000; i++) OK(ufo_engine_preflight(file, in_folder("s.ufo"), &error));
  }
  cr_assert_eq(status, 0);
  close(file);
}

/* Opened by another process: this one has read the superblock already. */
static int open_as(void *argument) {
  ufo_store *mine;
  ufo_store_options options = {.struct_size = sizeof options, .mode = *(ufo_open_mode *)argument};
  ufo_status status = ufo_store_open(in_folder("copy.ufo"), &options, &mine, &error);
  if (!status) ufo_store_close(mine);
  return -status;
}

Test(processes, newer_formats) {
  static const struct {
    uint16_t major;
    uint64_t ro_compat, incompat;
    ufo_status read_only, read_write;
  } cases[] = {{1, 0, 0, UFO_OK, UFO_OK},
               {2, 0, 0, UFO_UNSUPPORTED, UFO_UNSUPPORTED},
               {1, 1, 0, UFO_OK, UFO_UNSUPPORTED},
               {1, 0, UINT64_C(1) << 63, UFO_UNSUPPORTED, UFO_UNSUPPORTED}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    set_superblock(cases[i].major, cases[i].ro_compat, cases[i].incompat);
    remove(in_folder("copy.ufo"));
    OK(ufo_store_compact(store, in_folder("copy.ufo"), &error));
    ufo_open_mode mode = UFO_OPEN_READ_ONLY;
    cr_assert_eq(in_child(open_as, &mode, 10), -cases[i].read_only, "case %zu", i);
    mode = UFO_OPEN_READ_WRITE;
    cr_assert_eq(in_child(open_as, &mode, 10), -cases[i].read_write, "case %zu", i);
  }
  set_superblock(1, 0, 0);
}
