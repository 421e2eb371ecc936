/* A store's file and its locks: what is held stays held whatever is reopened, and it is always the same file. */
#include "one_store.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "store/object.h"
#include "store/spill.h"
#include "store/store.h"

enum { CHUNK = 4096, LENGTH = 8 * CHUNK / 4 };

/* LMDB writes its meta page with these; the next write of one fails. */
static atomic_int meta_failures;

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  int left = atomic_load(&meta_failures);
  if (count == 120 && left > 0) {
    atomic_store(&meta_failures, left - 1);
    errno = EIO;
    return -1;
  }
  return syscall(SYS_pwrite64, fd, bytes, count, at);
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return pwrite64(fd, bytes, count, at); }

/* The next sync of a directory fails. */
static atomic_int directory_failures;

int fsync(int fd) {
  struct stat file;
  if (atomic_load(&directory_failures) > 0 && fstat(fd, &file) == 0 && S_ISDIR(file.st_mode)) {
    atomic_fetch_sub(&directory_failures, 1);
    errno = EIO;
    return -1;
  }
  return (int)syscall(SYS_fsync, fd);
}

static int32_t values[LENGTH];

static void make(void) {
  store_make();
  put_x(values, LENGTH, CHUNK);
}

TestSuite(identity, .init = make, .fini = store_end, .timeout = 60);

static ufo_store *open_as(const char *path, ufo_open_mode mode) {
  ufo_store_options options = {.struct_size = sizeof options, .mode = mode};
  ufo_store *opened = NULL;
  OK(ufo_store_open(path, &options, &opened, &error));
  return opened;
}

static ufo_object *open_x(ufo_store *of) {
  ufo_object *object = NULL;
  OK(ufo_object_open(of, NULL, "x", -1, 0, &object, &error));
  return object;
}

/* ---- watching locks ---------------------------------------------------------------------------------------------- */

#define PRESENCE (INT64_C(1) << 60)
#define OWNER (INT64_C(1) << 61)
#define PIN (INT64_C(1) << 62)

static int64_t pin_of(const ufo_object *object) {
  const ufo_object_info *info = ufo_object_get_info(object);
  return PIN + (int64_t)(info->id << 32) + (int64_t)info->version;
}

typedef struct watch {
  int fd;
  int64_t bytes[3];
  atomic_bool stop;
  atomic_int gaps, looks;
} watch;

static bool is_locked(int fd, int64_t byte) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
  return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static void *watch_locks(void *argument) {
  watch *task = argument;
  while (!atomic_load(&task->stop)) {
    for (int i = 0; i < 3; i++) {
      if (task->bytes[i] && !is_locked(task->fd, task->bytes[i])) atomic_fetch_add(&task->gaps, 1);
    }
    atomic_fetch_add(&task->looks, 1);
  }
  return NULL;
}

static pthread_t start_watch(watch *task) {
  pthread_t thread;
  task->fd = open(in_folder("s.ufo"), O_RDWR | O_CLOEXEC);
  cr_assert(task->fd >= 0 && pthread_create(&thread, NULL, watch_locks, task) == 0);
  while (atomic_load(&task->looks) == 0) sched_yield();
  return thread;
}

static void end_watch(watch *task, pthread_t thread) {
  atomic_store(&task->stop, true);
  pthread_join(thread, NULL);
  close(task->fd);
  cr_assert_eq(atomic_load(&task->gaps), 0, "unlocked at %d of %d looks", task->gaps, task->looks);
}

/* ---- locks ------------------------------------------------------------------------------------------------------- */

Test(identity, opened_for_writing_too_its_pins_stay) {
  ufo_store_close(store);
  for (int i = 0; i < 30; i++) {
    store = open_as(in_folder("s.ufo"), UFO_OPEN_READ_ONLY);
    ufo_object *object = open_x(store);
    watch task = {.bytes = {PRESENCE, pin_of(object)}};
    pthread_t thread = start_watch(&task);
    ufo_store *writer = open_store(in_folder("s.ufo"));
    end_watch(&task, thread);
    ufo_object_release(object);
    if (i < 29) ufo_store_close(store);
    ufo_store_close(writer);
  }
}

Test(identity, reopened_after_a_failed_write_its_locks_stay) {
  ufo_object *object = open_x(store);
  ufo_txn *txn = begin(store);
  ufo_spill *spill;
  ufo_extent *extent;
  OK(ufo_spill_open(store, txn, UFO_SPILL_STORE, &spill, &error));
  OK(ufo_extent_create(spill, UFO_INTEGER, 4, values, CHUNK, NULL, &extent, &error));
  OK(ufo_extents_stage(store->core, &extent, 1, &error));
  watch task = {.bytes = {PRESENCE, pin_of(object), OWNER + (int64_t)store->core->owner}};
  pthread_t thread = start_watch(&task);
  for (int i = 0; i < 20; i++) {
    ufo_txn *other = begin(store);
    OK(ufo_txn_write(other, "x", 0, 1, &(int32_t){i}, &error));
    atomic_store(&meta_failures, 1);
    FAILS(UFO_IO, ufo_txn_commit(other, &error));
    OK(ufo_txn_commit(other, &error));
  }
  end_watch(&task, thread);
  ufo_extent_release(extent);
  ufo_spill_release(spill);
  ufo_txn_abort(txn);
  ufo_object_release(object);
  assert_sound(store);
}

/* The id that a failed first staging took is not given to another process. */
Test(identity, an_owner_whose_first_staging_failed) {
  ufo_txn *txn = begin(store);
  ufo_spill *spill;
  ufo_extent *extent;
  ufo_etxn *etxn;
  ufo_counters counters;
  OK(ufo_spill_open(store, txn, UFO_SPILL_STORE, &spill, &error));
  OK(ufo_extent_create(spill, UFO_INTEGER, 4, values, CHUNK, NULL, &extent, &error));
  atomic_store(&meta_failures, 1);
  FAILS(UFO_IO, ufo_extents_stage(store->core, &extent, 1, &error));
  OK(ufo_extents_stage(store->core, &extent, 1, &error));
  OK(ufo_core_begin_read(store->core, &etxn, &error));
  OK(ufo_counters_get(etxn, &counters, &error));
  ufo_core_end(store->core, etxn);
  cr_assert_gt(counters.next_owner, store->core->owner);
  ufo_extent_release(extent);
  ufo_spill_release(spill);
  ufo_txn_abort(txn);
}

Test(identity, a_failed_reopening_keeps_the_pins) {
  ufo_store_close(store);
  store = open_as(in_folder("s.ufo"), UFO_OPEN_READ_ONLY);
  ufo_object *object = open_x(store);
  cr_assert_eq(rename(in_folder("s.ufo"), in_folder("moved.ufo")), 0);
  ufo_store *writer;
  cr_assert_neq(ufo_store_open(in_folder("moved.ufo"), NULL, &writer, &error), UFO_OK);
  int fd = open(in_folder("moved.ufo"), O_RDWR);
  cr_assert(is_locked(fd, pin_of(object)) && is_locked(fd, PRESENCE));
  close(fd);
  int32_t chunk[CHUNK / 4];
  OK(ufo_object_load(object, 0, chunk, &error)); /* and goes on reading */
  cr_assert_eq(memcmp(chunk, values, CHUNK), 0);
  ufo_object_release(object);
}

/* ---- standard files ---------------------------------------------------------------------------------------------- */

static int print_without_files(void *unused) {
  (void)unused;
  ufo_store *mine;
  ufo_txn *txn;
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, LENGTH, CHUNK);
  static const char message[] = "a message that nobody can see";
  for (int fd = 0; fd <= 2; fd++) close(fd);
  if (ufo_store_open(in_folder("new.ufo"), NULL, &mine, &error) || ufo_txn_begin(mine, &txn, &error)) return 1;
  if (ufo_txn_put(txn, "x", &spec, values, &error) || ufo_txn_commit(txn, &error)) return 2;
  for (int fd = 0; fd <= 2; fd++) {
    if (write(fd, message, sizeof message) >= 0 || errno != EBADF) return 3;
  }
  ufo_store_close(mine);
  return 0;
}

Test(identity, messages_are_not_written_into_a_store) {
  cr_assert_eq(in_child(print_without_files, NULL, 20), 0);
  ufo_store *made = open_as(in_folder("new.ufo"), UFO_OPEN_READ_ONLY);
  assert_content(made, NULL, "x", values, sizeof values);
  ufo_store_close(made);
}

/* ---- the same file ----------------------------------------------------------------------------------------------- */

/* Another store under the name of this one. */
static void replace(void) {
  ufo_store *other = open_store(in_folder("other.ufo"));
  int32_t *wrong = calloc(LENGTH, 4);
  put_now(other, "x", spec_of(UFO_INTEGER, 0, LENGTH, CHUNK), wrong);
  free(wrong);
  ufo_store_close(other);
  cr_assert_eq(rename(in_folder("other.ufo"), in_folder("s.ufo")), 0);
}

Test(identity, reopened_it_is_the_same_file) {
  ufo_txn *txn = begin(store);
  OK(ufo_txn_write(txn, "x", 0, 1, values, &error));
  atomic_store(&meta_failures, 1);
  FAILS(UFO_IO, ufo_txn_commit(txn, &error));
  replace();
  int32_t value;
  FAILS(UFO_IO, ufo_store_read(store, NULL, "x", 0, 0, 1, &value, &error));
  cr_assert(strstr(error.message, "took its place"), "%s", error.message);
  FAILS(UFO_IO, ufo_txn_commit(txn, &error));
  ufo_txn_abort(txn);
}

static ufo_object *held;

static int read_held(void *unused) {
  (void)unused;
  int32_t chunk[CHUNK / 4];
  for (int i = 0; i < 2; i++) {
    ufo_status status = held ? ufo_object_load(held, 0, chunk, &error)
                             : ufo_store_read(store, NULL, "x", 0, 0, CHUNK / 4, chunk, &error);
    CHECK(status == UFO_IO && strstr(error.message, "took its place"));
  }
  return 0;
}

Test(identity, a_child_reads_the_same_file) {
  replace();
  cr_assert_eq(in_child(read_held, NULL, 20), 0);
  held = open_x(store); /* the parent goes on with the old one */
  cr_assert_eq(in_child(read_held, NULL, 20), 0);
  ufo_object_release(held);
  held = NULL;
}

static int read_after_compaction(void *argument) {
  int *go = argument;
  char byte;
  int32_t chunk[CHUNK / 4];
  CHECK(read(go[0], &byte, 1) == 1);
  CHECK(!ufo_store_read(store, NULL, "x", 0, 0, CHUNK / 4, chunk, &error));
  CHECK(memcmp(chunk, values, CHUNK) == 0);
  return 0;
}

Test(identity, a_child_without_pins_follows_a_compaction) {
  int go[2];
  cr_assert_eq(pipe(go), 0);
  pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(read_after_compaction(go));
  }
  OK(ufo_store_compact(store, NULL, &error));
  cr_assert_eq(write(go[1], "g", 1), 1);
  cr_assert_eq(wait_for(child), 0);
  assert_content(store, NULL, "x", values, sizeof values);
}

/* The copy has its name already when its directory cannot be synced: it is the store, whatever the call returned. */
Test(identity, a_compaction_that_may_not_last) {
  atomic_store(&directory_failures, 1);
  FAILS(UFO_IO, ufo_store_compact(store, NULL, &error));
  cr_assert_eq(error.os_errno, EIO);
  put_now(store, "y", spec_of(UFO_INTEGER, 0, LENGTH, CHUNK), values);
  ufo_store_close(store);
  store = open_store(in_folder("s.ufo"));
  assert_content(store, NULL, "x", values, sizeof values);
  assert_content(store, NULL, "y", values, sizeof values);
  assert_sound(store);
  OK(ufo_store_compact(store, NULL, &error));
}

/* ---- pins of a child --------------------------------------------------------------------------------------------- */

typedef struct forked {
  int go[2];
  pid_t child;
} forked;

/* Waits to be told, and only then uses what it inherited. 0: the right values; 1: an error. */
static int use_late(const forked *of, rlim_t descriptors) {
  char byte;
  int32_t chunk[CHUNK / 4];
  struct rlimit limit = {descriptors, descriptors};
  alarm(30);
  if (read(of->go[0], &byte, 1) != 1 || (descriptors && setrlimit(RLIMIT_NOFILE, &limit))) return 2;
  for (uint64_t c = 0; c < LENGTH * 4 / CHUNK; c++) {
    if (ufo_object_load(held, c, chunk, &error)) return error.message[0] ? 1 : 2;
    if (memcmp(chunk, values + c * CHUNK / 4, CHUNK) != 0) return 3;
  }
  int fd = open(in_folder("s.ufo"), O_RDWR); /* from here on nothing is locked that it does not have */
  return is_locked(fd, PIN + (INT64_C(100000) << 32)) ? 4 : 0;
}

static forked fork_late(rlim_t descriptors) {
  forked made;
  cr_assert_eq(pipe(made.go), 0);
  made.child = fork();
  if (made.child == 0) _exit(use_late(&made, descriptors));
  return made;
}

static int go_on(forked of) {
  cr_assert_eq(write(of.go[1], "g", 1), 1);
  close(of.go[0]), close(of.go[1]);
  return wait_for(of.child);
}

static void write_over(int rounds) {
  int32_t *other = malloc(sizeof values);
  for (int r = 1; r <= rounds; r++) {
    for (int i = 0; i < LENGTH; i++) other[i] = (int32_t)mix((uint64_t)(i + r * 1000003));
    write_now(store, "x", 0, LENGTH, other);
  }
  free(other);
  let_it_reclaim(store);
}

Test(identity, a_child_has_its_pins_before_it_uses_them) {
  held = open_x(store);
  forked one = fork_late(0);
  ufo_object_release(held);
  write_over(3);
  cr_assert_eq(stat_of(store).blobs, 2 * LENGTH * 4 / CHUNK, "the child's version and the current one");
  cr_assert_eq(go_on(one), 0);
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, LENGTH * 4 / CHUNK);
}

Test(identity, a_child_of_a_child_has_them_too) {
  held = open_x(store);
  pid_t middle = fork();
  if (middle == 0) {
    alarm(30);
    forked one = fork_late(0);
    ufo_object_release(held);
    _exit(go_on(one));
  }
  ufo_object_release(held);
  write_over(3);
  cr_assert_eq(wait_for(middle), 0);
}

/* So many that they are locked one by one only when the child uses the store. */
Test(identity, a_child_with_many_pins) {
  enum { MANY = 200 };
  ufo_object *objects[MANY];
  for (int i = 0; i < MANY; i++) {
    char name[16];
    snprintf(name, sizeof name, "y%d", i);
    put_now(store, name, spec_of(UFO_INTEGER, 0, 1, 0), &i);
    OK(ufo_object_open(store, NULL, name, -1, 0, &objects[i], &error));
  }
  held = open_x(store);
  int fd = open(in_folder("s.ufo"), O_RDWR);
  int64_t unused = PIN + (INT64_C(100000) << 32);
  forked one = fork_late(0);
  cr_assert(is_locked(fd, unused));
  for (int i = 0; i < MANY; i++) ufo_object_release(objects[i]);
  ufo_object_release(held);
  write_over(3);
  cr_assert_eq(go_on(one), 0);
  close(fd);
}

/* The last descriptor but none is taken: the child cannot be given one. */
static rlim_t exhaust_descriptors(struct rlimit *before) {
  int next = open("/dev/null", O_RDONLY);
  close(next);
  cr_assert_eq(getrlimit(RLIMIT_NOFILE, before), 0);
  cr_assert_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)next, before->rlim_max}), 0);
  return before->rlim_cur;
}

Test(identity, a_child_that_lost_its_pins_says_so) {
  for (int lose = 0; lose < 2; lose++) {
    held = open_x(store);
    forked one;
    struct rlimit before;
    cr_assert_eq(pipe(one.go), 0);
    rlim_t enough = exhaust_descriptors(&before);
    one.child = fork();
    if (one.child == 0) _exit(use_late(&one, enough));
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    if (lose) ufo_object_release(held);
    if (lose) write_over(3);
    cr_assert_eq(go_on(one), lose);
    if (!lose) ufo_object_release(held);
  }
}

static int count_descriptors(void) {
  int count = 0;
  for (int fd = 0; fd < 256; fd++) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

Test(identity, forks_leave_no_descriptors) {
  held = open_x(store);
  int before = count_descriptors();
  for (int i = 0; i < 20; i++) {
    pid_t child = fork();
    if (child == 0) _exit(count_descriptors() > before);
    cr_assert_eq(wait_for(child), 0);
  }
  cr_assert_eq(count_descriptors(), before);
  ufo_object_release(held);
}

/* A name for the store itself: the same through every handle and in every copy, and another one for every other. */
Test(identity, a_store_is_known_by_its_uuid) {
  char own[37], again[37], copied[37], others[37], path[420], copy[420];
  ufo_store *second, *moved, *other;
  ufo_store_stat stat = {.struct_size = sizeof stat};
  snprintf(copy, sizeof copy, "%s.copy", ufo_store_path(store));
  snprintf(path, sizeof path, "%s.other", ufo_store_path(store));
  OK(ufo_store_open(ufo_store_path(store), NULL, &second, &error));
  OK(ufo_store_compact(store, copy, &error));
  OK(ufo_store_open(copy, NULL, &moved, &error));
  OK(ufo_store_open(path, NULL, &other, &error));
  ufo_store_uuid(store, own);
  ufo_store_uuid(second, again);
  ufo_store_uuid(moved, copied);
  ufo_store_uuid(other, others);
  OK(ufo_store_get_stat(store, &stat, &error));
  cr_assert_eq(strlen(own), 36);
  cr_assert_str_eq(own, stat.uuid);
  cr_assert_str_eq(own, again);
  cr_assert_str_eq(own, copied);
  cr_assert_str_neq(own, others);
  ufo_store_close(second);
  ufo_store_close(moved);
  ufo_store_close(other);
}
