/* broken_pool.c - the kernel goes on refusing what a pool cannot do without: reading faults, waking, lifting
 * protection, or everything at once.
 *
 * Demanded: whoever waits for a page is released with an error, SIGBUS or EFAULT, never with zeros and never late; what
 * is in memory stays and can be read, written, flushed and committed; everything else says that the pool is broken, in
 * a child of fork() too; releasing and destroying work, and leave nothing; a new pool works. The same where the process
 * can have no more mappings; changes that cannot be kept then are an error to flush. `fault_broken_pool N` does one
 * case. */
#include "common/child.h"
#include "crash/tracer.h"
#include "tally.h"

#include <pthread.h>
#include <setjmp.h>
#include <sys/socket.h>
#include <ufostore/ufostore.h>

enum {
  CHUNKS = 128,
  CHANGED = 80,
  CHANGED_END = 84,
  ELEMENTS = 512,
  PAGE = 4096,
  BYTES = CHUNKS * PAGE,
  WAITERS = 6,
  FILLERS_MAX = 1 << 20
};

typedef struct trouble {
  const char *name;
  injection what;
  unsigned flags;
  bool fails; /* every touch that waits must fail; else it may have been served before */
  int room;   /* mappings that are left to the process; -1: enough */
} trouble;

#define FOR_EVER(refused, cause)                                                                                       \
  { .call = (refused), .number = 1, .forever = true, .awaited = true, .error = (cause) }

static const trouble troubles[] = {
    {"read: EIO", FOR_EVER(SYS_read, EIO), 0, true, -1},
    {"read: EBADF", FOR_EVER(SYS_read, EBADF), UFO_POOL_USER_FAULTS_ONLY, true, -1},
    {"all ioctl: EINVAL", FOR_EVER(CALL_UFFD_IOCTL, EINVAL), 0, true, -1},
    {"all ioctl: ENOMEM", FOR_EVER(CALL_UFFD_IOCTL, ENOMEM), UFO_POOL_NO_POISON, true, -1},
    {"protect: EINVAL", FOR_EVER(CALL_PROTECT_IOCTL, EINVAL), 0, false, -1},
    {"protect: ENOMEM", FOR_EVER(CALL_PROTECT_IOCTL, ENOMEM), 0, false, -1},
    {"protect: EAGAIN", FOR_EVER(CALL_PROTECT_IOCTL, EAGAIN), 0, false, -1},
    {"wake: EINVAL", FOR_EVER(CALL_SURE_IOCTL, EINVAL), UFO_POOL_NO_POISON, true, -1},
    {"read: EIO, few mappings", FOR_EVER(SYS_read, EIO), 0, true, 60},
    {"read: EIO, no mappings", FOR_EVER(SYS_read, EIO), 0, true, 0},
};

static const trouble *now;
static char folder[3000];
static ufo_pool *pool;
static ufo_region *changed, *fixed;
static ufo_store *store;
static ufo_view *view;
static uint64_t *changed_body, *fixed_body, taken[CHUNKS * ELEMENTS];
static ufo_error error;
static atomic_bool populate_fails, go;
static bool keeps_clean, keeps_changed;

/* The line that is not as promised becomes the exit status. */
#define DEMAND(condition)                                                                                              \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s: line %d: %s (%d %s)\n", now->name, __LINE__, #condition, (int)error.code, error.message);   \
      return 1;                                                                                                        \
    }                                                                                                                  \
  } while (0)

/* ---- sources ----------------------------------------------------------------------------------------------------- */

static uint64_t element(uint64_t i) { return 7 * i + 1; }

static int populate(void *user, uint64_t first, uint64_t count, void *target, ufo_error *failed) {
  (void)user;
  if (atomic_load(&populate_fails)) {
    *failed = (ufo_error){.code = UFO_IO, .message = "no element of this region today"};
    return UFO_IO;
  }
  for (uint64_t i = 0; i < count; i++) ((uint64_t *)target)[i] = element(first + i);
  return UFO_OK;
}

static int take_over(void *user, uint64_t offset, uint64_t bytes, const void *data, ufo_error *failed) {
  (void)user, (void)failed;
  memcpy((char *)taken + offset, data, bytes);
  return UFO_OK;
}

static ufo_region *new_region(ufo_pool *in, ufo_access access, ufo_writeback_fn writeback) {
  ufo_region *region = NULL;
  ufo_region_options options = {.struct_size = sizeof options,
                                .element_bytes = 8,
                                .count = CHUNKS * ELEMENTS,
                                .chunk_elements = ELEMENTS,
                                .access = access,
                                .source = {.populate = populate, .writeback = writeback}};
  return ufo_region_create(in, &options, &region, &error) == UFO_OK ? region : NULL;
}

/* ---- touches ----------------------------------------------------------------------------------------------------- */

static int read_one(void *user) { return (int)*(volatile uint64_t *)user; }
static int write_one(void *user) {
  *(volatile uint64_t *)user = 99;
  return 99;
}

static ufo_status touch(ufo_guarded_fn how, uint64_t *body, uint64_t chunk, int *value) {
  return ufo_guarded(NULL, how, body + chunk * ELEMENTS, value, &error);
}

static bool reads(uint64_t *body, uint64_t chunk, uint64_t value) {
  int found = -1;
  return touch(read_one, body, chunk, &found) == UFO_OK && found == (int)value;
}

static bool is_broken(ufo_status status) { return status == UFO_IO && strstr(error.message, "the pool is broken"); }

/* ---- threads that wait ------------------------------------------------------------------------------------------- */

static _Thread_local sigjmp_buf way_out;
static _Thread_local bool expects;

static void on_bus(int number) {
  if (expects) siglongjmp(way_out, number);
  _exit(9);
}

typedef struct waiter {
  char kind; /* g: under ufo_guarded, w: a write under it, s: gets the signal, k: in the kernel */
  uint64_t *body, chunk;
  int result; /* 0: served, else it failed */
  int value;
} waiter;

static void *wait_for_page(void *user) {
  waiter *w = user;
  uint64_t *at = w->body + w->chunk * ELEMENTS;
  ufo_error ignored;
  while (!atomic_load(&go)) usleep(1000);
  w->value = -1;
  if (w->kind == 'k') {
    int ends[2];
    uint64_t found = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) return NULL;
    w->result = write(ends[1], at, 8) == 8 ? 0 : errno;
    if (w->result == 0 && recv(ends[0], &found, 8, 0) == 8) w->value = (int)found;
    close(ends[0]);
    close(ends[1]);
  } else if (w->kind == 's') {
    expects = true;
    w->result = sigsetjmp(way_out, 1);
    if (w->result == 0) w->value = (int)*(volatile uint64_t *)at;
    expects = false;
  } else {
    w->result = ufo_guarded(NULL, w->kind == 'w' ? write_one : read_one, at, &w->value, &ignored);
  }
  return NULL;
}

static pthread_t threads[WAITERS];
static waiter waiters[WAITERS];

static int start_waiters(void) {
  const waiter all[WAITERS] = {{'g', changed_body, 90, 0, 0}, {'w', changed_body, 0, 0, 0},
                               {'s', changed_body, 91, 0, 0}, {'k', changed_body, 92, 0, 0},
                               {'g', fixed_body, 93, 0, 0},   {'w', changed_body, 94, 0, 0}};
  memcpy(waiters, all, sizeof all);
  for (int i = 0; i < WAITERS; i++) DEMAND(pthread_create(&threads[i], NULL, wait_for_page, &waiters[i]) == 0);
  return 0;
}

static int judge_waiters(void) {
  for (int i = 0; i < WAITERS; i++) {
    waiter *w = &waiters[i];
    pthread_join(threads[i], NULL);
    bool resident = w->chunk == 0; /* it waits for protection to be lifted, so it can go on */
    error.code = w->result;
    snprintf(error.message, sizeof error.message, "waiter %d got %d", i, w->value);
    if (w->result == 0) DEMAND(w->value == (w->kind == 'w' ? 99 : (int)element(w->chunk * ELEMENTS)));
    if (w->result == 0) DEMAND(resident ? keeps_clean || !now->fails : !now->fails);
    if (w->result && resident) DEMAND(!keeps_clean);
    if (w->result && w->kind == 's') DEMAND(w->result == SIGBUS || (now->room >= 0 && w->result == SIGSEGV));
    if (w->result && w->kind == 'k') DEMAND(w->result == EFAULT);
    if (w->result && w->kind != 's' && w->kind != 'k') DEMAND(w->result == UFO_IO || w->result == UFO_FULL);
  }
  return 0;
}

/* ---- mappings ---------------------------------------------------------------------------------------------------- */

static char *fillers;
static size_t filled;

/* Every other page of a large mapping gets another protection, until no more than `room` mappings are left. */
static int use_mappings_up(int room) {
  if (!fillers)
    fillers = mmap(NULL, (size_t)FILLERS_MAX * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (fillers == MAP_FAILED) return -1;
  while (filled + 2 < FILLERS_MAX && mprotect(fillers + filled * PAGE, PAGE, PROT_READ) == 0) filled += 2;
  if (filled + 2 >= FILLERS_MAX) return 1; /* this system allows more than can be used up here */
  for (int freed = 0; freed < room && filled > 0; freed += 2) {
    filled -= 2;
    if (mprotect(fillers + filled * PAGE, PAGE, PROT_NONE)) return -1;
  }
  return 0;
}

/* ---- the pool is broken ------------------------------------------------------------------------------------------ */

/* What is in memory, whatever happened: chunks 0, 2, 4, ... 78 were read, 80 and 82 changed. */
static int what_is_there(void) {
  if (now->room == 0) keeps_changed = reads(changed_body, CHANGED, 1000 + CHANGED);
  if (keeps_clean) {
    for (uint64_t chunk = 2; chunk < CHANGED; chunk += 2) DEMAND(reads(changed_body, chunk, element(chunk * ELEMENTS)));
    DEMAND(reads(fixed_body, 0, element(0)));
    DEMAND(touch(write_one, fixed_body, 0, NULL) == UFO_USAGE);
    DEMAND(touch(write_one, changed_body, 18, NULL) == UFO_OK && reads(changed_body, 18, 99));
    changed_body[18 * ELEMENTS] = element(18 * ELEMENTS);
  } else {
    for (uint64_t chunk = 2; chunk < CHANGED; chunk += 2) DEMAND(is_broken(touch(read_one, changed_body, chunk, NULL)));
  }
  for (uint64_t chunk = CHANGED; chunk < CHANGED_END; chunk += 2) {
    if (keeps_changed) DEMAND(reads(changed_body, chunk, 1000 + chunk));
    else DEMAND(is_broken(touch(read_one, changed_body, chunk, NULL)));
  }
  for (uint64_t chunk = 1; chunk < CHANGED_END; chunk += 2) {
    DEMAND(is_broken(touch(read_one, changed_body, chunk, NULL)));
    DEMAND(is_broken(touch(write_one, changed_body, chunk, NULL)));
    DEMAND(is_broken(touch(read_one, fixed_body, chunk, NULL)));
  }
  return 0;
}

static int what_can_be_done(void) {
  uint64_t two = 2 * PAGE;
  ufo_pool_stats stats = {.struct_size = sizeof stats};
  ufo_pool_get_stats(pool, &stats);
  DEMAND(stats.broken == 1 && is_broken(ufo_pool_check(pool, &error)));
  DEMAND(new_region(pool, UFO_ACCESS_READ_WRITE, NULL) == NULL && is_broken(error.code));
  DEMAND(is_broken(ufo_region_reset(changed, &error)));
  DEMAND(is_broken(ufo_pool_set_budget(pool, 1 << 20, &error)));
  DEMAND(is_broken(ufo_region_advise(changed, PAGE, PAGE, UFO_ADVICE_WILLNEED, &error)));
  DEMAND(is_broken(ufo_region_pin(changed, CHANGED * PAGE, two, 1, &error)));
  if (keeps_changed) {
    DEMAND(ufo_region_pin(changed, CHANGED * PAGE, PAGE, 1, &error) == UFO_OK);
    ufo_region_unpin(changed, CHANGED * PAGE, PAGE);
    DEMAND(ufo_region_advise(changed, 0, BYTES, UFO_ADVICE_DONTNEED, &error) == UFO_OK);
    DEMAND(ufo_region_flush(changed, &error) == UFO_OK);
    for (uint64_t chunk = CHANGED; chunk < CHANGED_END; chunk += 2) {
      DEMAND(taken[chunk * ELEMENTS] == 1000 + chunk);
      DEMAND(taken[chunk * ELEMENTS + 1] == element(chunk * ELEMENTS + 1));
    }
    DEMAND(taken[0] == (keeps_clean && waiters[1].result == 0 ? 99 : 0) || !keeps_clean);
  } else {
    DEMAND(is_broken(ufo_region_flush(changed, &error)));
  }
  return what_is_there();
}

static int child_looks(int (*look)(void)) {
  pid_t child = fork();
  if (child == 0) {
    alarm(20);
    int wrong = look();
    ufo_view_release(view);
    ufo_region_release(changed);
    ufo_region_release(fixed);
    _exit(wrong || ufo_pool_destroy(pool, &error) != UFO_OK);
  }
  return wait_for(child);
}

static int touch_plainly(void) {
  signal(SIGBUS, SIG_DFL);
  signal(SIGSEGV, SIG_DFL);
  return read_one(&changed_body[ELEMENTS]) == 0;
}

/* ---- a view ------------------------------------------------------------------------------------------------------ */

static int change_view(void *user) {
  ((double *)user)[7] = 77;
  return ((double *)user)[5 * ELEMENTS] == 5 * ELEMENTS;
}

static int open_view(void) {
  static double values[8 * ELEMENTS];
  char path[4000];
  ufo_txn *txn;
  ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_DOUBLE, .length = 8 * ELEMENTS, .chunk_bytes = PAGE};
  for (int i = 0; i < 8 * ELEMENTS; i++) values[i] = i;
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  DEMAND(ufo_store_open(path, NULL, &store, &error) == UFO_OK);
  DEMAND(ufo_txn_begin(store, &txn, &error) == UFO_OK);
  DEMAND(ufo_txn_put(txn, "x", &spec, values, &error) == UFO_OK && ufo_txn_commit(txn, &error) == UFO_OK);
  DEMAND(ufo_view_open(store, NULL, pool, "x", NULL, &view, &error) == UFO_OK);
  int right = 0;
  DEMAND(ufo_guarded(NULL, change_view, ufo_view_data(view), &right, &error) == UFO_OK && right);
  return 0;
}

static int commit_view(void) {
  ufo_txn *txn;
  ufo_view *another;
  double found[8 * ELEMENTS];
  DEMAND(is_broken(ufo_view_open(store, NULL, pool, "x", NULL, &another, &error)));
  DEMAND(ufo_txn_begin(store, &txn, &error) == UFO_OK);
  ufo_status put = ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error);
  bool kept = put == UFO_OK;
  DEMAND(kept || (now->room == 0 && put == UFO_IO && strstr(error.message, "the pool is broken")));
  if (kept) DEMAND(ufo_txn_commit(txn, &error) == UFO_OK);
  else ufo_txn_abort(txn);
  DEMAND(ufo_store_read(store, NULL, "x", 0, 0, 8 * ELEMENTS, found, &error) == UFO_OK);
  for (int i = 0; i < 8 * ELEMENTS; i++) DEMAND(found[i] == (i == 7 && kept ? 77 : i));
  DEMAND(ufo_store_verify(store, NULL, NULL, NULL, &error) == UFO_OK);
  return 0;
}

/* ---- one case ---------------------------------------------------------------------------------------------------- */

static int open_descriptors(void) {
  int count = 0;
  for (int fd = 3; fd < 64; fd++) count += dup2(fd, fd) >= 0;
  return count;
}

static int prepare(void) {
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = 1 << 20, .flags = now->flags};
  DEMAND(ufo_pool_create(&options, &pool, &error) == UFO_OK);
  DEMAND((changed = new_region(pool, UFO_ACCESS_READ_WRITE, take_over)) != NULL);
  DEMAND((fixed = new_region(pool, UFO_ACCESS_READ_ONLY, NULL)) != NULL);
  changed_body = ufo_region_body(changed);
  fixed_body = ufo_region_body(fixed);
  DEMAND(reads(fixed_body, 0, element(0)));
  for (uint64_t chunk = 0; chunk < CHANGED; chunk += 2) DEMAND(reads(changed_body, chunk, element(chunk * ELEMENTS)));
  for (uint64_t chunk = CHANGED; chunk < CHANGED_END; chunk += 2) {
    DEMAND(touch(write_one, changed_body, chunk, NULL) == UFO_OK);
    changed_body[chunk * ELEMENTS] = 1000 + chunk;
  }
  return open_view() || start_waiters();
}

/* Where touches are served as ever, something has to be refused first. */
static int await_the_end(void) {
  while (ufo_pool_check(pool, &error) == UFO_OK) {
    (void)touch(read_one, changed_body, 100, NULL);
    usleep(1000);
  }
  return judge_waiters();
}

static int new_pool_works(void) {
  ufo_pool *another;
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = 1 << 20};
  DEMAND(ufo_pool_create(&options, &another, &error) == UFO_OK);
  ufo_region *region = new_region(another, UFO_ACCESS_READ_WRITE, NULL);
  DEMAND(region != NULL);
  for (uint64_t chunk = 0; chunk < CHUNKS; chunk++)
    DEMAND(reads(ufo_region_body(region), chunk, element(chunk * ELEMENTS)));
  ufo_region_release(region);
  DEMAND(ufo_pool_destroy(another, &error) == UFO_OK);
  return 0;
}

static int life(void *user) {
  (void)user;
  struct sigaction action = {.sa_handler = on_bus, .sa_flags = SA_NODEFER};
  sigaction(SIGBUS, &action, NULL);
  sigaction(SIGSEGV, &action, NULL);
  int descriptors = open_descriptors();
  if (prepare()) return 1;
  keeps_changed = true;
  keeps_clean = now->room < 0;
  atomic_store(&populate_fails, now->what.call == CALL_SURE_IOCTL);
  if (now->room >= 0) {
    int used_up = use_mappings_up(now->room);
    if (used_up) return used_up > 0 ? 70 : 1;
  }
  tracer_spoil();
  atomic_store(&go, true);
  if (await_the_end() || what_is_there() || what_can_be_done() || commit_view()) return 1;
  DEMAND(child_looks(what_is_there) == 0);
  int death = child_looks(touch_plainly);
  DEMAND(death == 128 + SIGBUS || (now->room >= 0 && death == 128 + SIGSEGV));
  tracer_mend();
  if (fillers) munmap(fillers, (size_t)FILLERS_MAX * PAGE);
  atomic_store(&populate_fails, false);
  if (new_pool_works()) return 1;
  DEMAND(what_is_there() == 0); /* a pool that is broken stays so */
  ufo_view_release(view);
  ufo_store_close(store);
  ufo_region_release(changed);
  ufo_region_release(fixed);
  DEMAND(ufo_pool_destroy(pool, &error) == UFO_OK);
  DEMAND(open_descriptors() == descriptors);
  return 0;
}

static int one_case(const trouble *which) {
  traced result;
  now = which;
  if (make_folder(folder, sizeof folder, fast_folder())) return 2;
  if (which->room >= 0 && use_mappings_up(1000) < 0) return 2; /* most of it here, where nobody counts the calls */
  bool works = trace(life, NULL, &which->what, 40, &result);
  if (fillers) munmap(fillers, (size_t)FILLERS_MAX * PAGE);
  fillers = NULL;
  filled = 0;
  remove_folder(folder);
  if (!works) return 77;
  if (result.status == 70) {
    printf("%s: not tried, since this system allows too many mappings\n", which->name);
    return 0;
  }
  if (result.status == 0 && result.hit && !result.hung) return 0;
  fprintf(stderr, "%s: it ended with %d%s%s\n", which->name, result.status, result.hung ? ": it hung" : "",
          result.hit ? "" : ": nothing was refused");
  return 1;
}

int main(int argc, char **argv) {
  uint64_t tried = 0, wrong = 0, count = sizeof troubles / sizeof *troubles;
  for (uint64_t i = 0; i < count; i++) {
    if (argc > 1 && strtoull(argv[1], NULL, 10) != i) continue;
    int result = one_case(&troubles[i]);
    if (result == 77) {
      printf("cannot trace here, or not with this build\n");
      return 77;
    }
    tried++;
    wrong += result != 0;
  }
  tally(tried, "ways in which a pool breaks");
  return wrong > 0;
}
