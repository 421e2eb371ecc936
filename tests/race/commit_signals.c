/* Signals during everything that a store does: an alarm every 200 us and SIGUSR1 to every thread, with and without
 * SA_RESTART, while threads change views and commit them, verify, read, compact a copy and snapshot.
 *
 * No call may end early by EINTR, no change may be lost, and the time is bounded by the test's. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <ufostore/ufostore.h>

#include "child.h"
#include "tally.h"

enum { WORKERS = 3, CHUNK = 4096, PER_CHUNK = CHUNK / 8, CHUNKS = 40, LENGTH = CHUNKS * PER_CHUNK };

/* Stores are open beside one another, and thread sanitizer has less room for maps than the reservations that they make
 * unasked: a terabyte each. */
static const ufo_store_options small_map = {
    .struct_size = sizeof small_map, .mode = UFO_OPEN_READ_WRITE, .map_bytes = UINT64_C(1) << 30};

static char folder[300], path[320];
static ufo_store *store;
static ufo_pool *pool;
static _Atomic int failures, stop, running;
static _Atomic uint64_t signals, commits;
static uint64_t rounds;

static void on_signal(int number) {
  (void)number;
  atomic_fetch_add_explicit(&signals, 1, memory_order_relaxed);
}

static void complain(const char *what, const ufo_error *error) {
  fprintf(stderr, "%s: %s\n", what, error->message);
  atomic_fetch_add(&failures, 1);
}

#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    if ((call) != UFO_OK) {                                                                                            \
      complain(#call, &error);                                                                                         \
      return;                                                                                                          \
    }                                                                                                                  \
  } while (0)

static uint64_t value(uint64_t worker, uint64_t round, uint64_t i) {
  uint64_t x = (worker << 40 | round << 24) + i + 1;
  x *= UINT64_C(0x9E3779B97F4A7C15);
  return x ^ x >> 31;
}

/* Every fourth chunk is of this round; the others are of earlier ones. */
static uint64_t round_of(uint64_t round, uint64_t chunk) {
  while (round > 0 && chunk % 4 != round % 4) round--;
  return round;
}

static void check(uint64_t worker, uint64_t round, const uint64_t *data) {
  for (uint64_t i = 0; i < LENGTH; i++) {
    if (data[i] == value(worker, round_of(round, i / PER_CHUNK), i)) continue;
    fprintf(stderr, "worker %d, round %d: element %d is wrong\n", (int)worker, (int)round, (int)i);
    atomic_fetch_add(&failures, 1);
    return;
  }
}

static void one_round(uint64_t worker, uint64_t round, const char *name) {
  static _Thread_local uint64_t back[LENGTH];
  ufo_error error = {0};
  ufo_txn *txn;
  ufo_view *view;
  TRY(ufo_txn_begin(store, &txn, &error));
  TRY(ufo_view_open(store, txn, pool, name, NULL, &view, &error));
  uint64_t *data = ufo_view_data(view);
  for (uint64_t i = 0; i < LENGTH; i++)
    if (i / PER_CHUNK % 4 == round % 4) data[i] = value(worker, round, i);
  TRY(ufo_txn_put_view(txn, name, view, UFO_PUT_CHECKED, &error));
  TRY(ufo_txn_commit(txn, &error));
  atomic_fetch_add(&commits, 1);
  check(worker, round, data);
  ufo_view_release(view);
  TRY(ufo_store_read(store, NULL, name, 0, 0, LENGTH, back, &error));
  check(worker, round, back);
}

/* What concerns the whole store, now and then. */
static void whole_store(uint64_t worker, uint64_t round) {
  char label[40], copy[400], lock[410];
  ufo_error error = {0};
  ufo_store *other;
  snprintf(label, sizeof label, "label%d-%d", (int)worker, (int)round);
  snprintf(copy, sizeof copy, "%s/copy%d-%d", folder, (int)worker, (int)round);
  TRY(ufo_snapshot_create(store, label, &error));
  TRY(ufo_store_verify(store, NULL, NULL, NULL, &error));
  TRY(ufo_snapshot_remove(store, label, &error));
  TRY(ufo_store_compact(store, copy, &error));
  TRY(ufo_store_open(copy, &small_map, &other, &error));
  TRY(ufo_store_verify(other, NULL, NULL, NULL, &error));
  ufo_store_close(other);
  snprintf(lock, sizeof lock, "%s-lock", copy);
  if (unlink(copy) != 0 || unlink(lock) != 0) atomic_fetch_add(&failures, 1);
}

static void *work(void *argument) {
  uint64_t worker = (uint64_t)(uintptr_t)argument;
  char name[16];
  snprintf(name, sizeof name, "w%d", (int)worker);
  for (uint64_t round = 1; round <= rounds && !failures; round++) {
    one_round(worker, round, name);
    if (round % 8 == 0) whole_store(worker, round);
  }
  atomic_fetch_sub(&running, 1);
  while (!atomic_load(&stop)) usleep(1000); /* it is there to be sent signals until nobody sends any */
  return NULL;
}

static void *send_signals(void *argument) {
  pthread_t *threads = argument;
  while (atomic_load(&running) > 0) {
    for (int i = 0; i < WORKERS; i++) pthread_kill(threads[i], SIGUSR1);
    usleep(300);
  }
  return NULL;
}

static int put_first(void) {
  static uint64_t values[LENGTH];
  ufo_error error = {0};
  ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_DOUBLE, .length = LENGTH, .chunk_bytes = CHUNK};
  for (uint64_t worker = 0; worker < WORKERS; worker++) {
    char name[16];
    ufo_txn *txn;
    snprintf(name, sizeof name, "w%d", (int)worker);
    for (uint64_t i = 0; i < LENGTH; i++) values[i] = value(worker, 0, i);
    if (ufo_txn_begin(store, &txn, &error) != UFO_OK || ufo_txn_put(txn, name, &spec, values, &error) != UFO_OK ||
        ufo_txn_commit(txn, &error) != UFO_OK) {
      complain("the first put", &error);
      return 1;
    }
  }
  return 0;
}

static void storm(int flags) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
  struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
  pthread_t threads[WORKERS], sender;
  sigaction(SIGALRM, &action, NULL);
  sigaction(SIGUSR1, &action, NULL);
  if (put_first()) return;
  atomic_store(&stop, 0);
  atomic_store(&running, WORKERS);
  setitimer(ITIMER_REAL, &often, NULL);
  for (int i = 0; i < WORKERS; i++)
    if (pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i)) exit(1);
  if (pthread_create(&sender, NULL, send_signals, threads)) exit(1);
  pthread_join(sender, NULL);
  atomic_store(&stop, 1);
  for (int i = 0; i < WORKERS; i++) pthread_join(threads[i], NULL);
  setitimer(ITIMER_REAL, &never, NULL);
}

int main(void) {
  ufo_error error = {0};
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = 8 * CHUNK};
  rounds = nightly() ? 800 : 64;
  if (make_folder(folder, sizeof folder, NULL))
    return 2; /* on a disk, if it may be: its flushes are what signals meet */
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  if (ufo_store_open(path, &small_map, &store, &error) != UFO_OK ||
      ufo_pool_create(&options, &pool, &error) != UFO_OK) {
    complain("at the start", &error);
    return 1;
  }
  storm(SA_RESTART);
  storm(0);
  if (ufo_store_verify(store, NULL, NULL, NULL, &error) != UFO_OK) complain("at the end", &error);
  ufo_store_close(store);
  if (ufo_pool_destroy(pool, &error) != UFO_OK) complain("the pool", &error);
  printf("%llu signals, %llu commits, %d failures\n", (unsigned long long)signals, (unsigned long long)commits,
         failures);
  tally(commits, "commits in a storm of signals");
  remove_folder(folder);
  return failures != 0;
}
