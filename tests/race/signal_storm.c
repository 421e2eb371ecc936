/* Signals during faults: an alarm every 200 us and SIGUSR1 to every thread, with and without SA_RESTART, while the
 * threads read, write and make system calls on managed memory under a small budget.
 *
 * A signal takes a thread out of its wait for a fault, and the access starts over; the library's own threads must not
 * run the handlers, and no wait of the library may end early by EINTR. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <ufostore/ufostore.h>
#include <unistd.h>

enum { WORKERS = 4, PAGE = 4096, ELEMENTS = 64 * PAGE / 8, ROUNDS = 15000, SEED = 20240611 };

static ufo_pool *pool;
static ufo_region *region;
static uint64_t *body;
static _Atomic int failures, stop;
static _Atomic uint64_t alarms, users, strangers;
static _Thread_local volatile int is_ours;

static uint64_t value(uint64_t i) { return i * 0x9E3779B97F4A7C15u ^ i; }

static int populate(void *user, uint64_t first, uint64_t count, void *target, ufo_error *error) {
  (void)user, (void)error;
  uint64_t *out = target;
  for (uint64_t i = 0; i < count; i++) out[i] = value(first + i);
  return UFO_OK;
}

static void on_signal(int number) {
  atomic_fetch_add_explicit(number == SIGALRM ? &alarms : &users, 1, memory_order_relaxed);
  if (!is_ours) atomic_fetch_add_explicit(&strangers, 1, memory_order_relaxed);
}

static void set_signals(int how) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(how, &set, NULL);
}

/* Threads begin with the signals blocked, so that none comes before this mark is set. */
static void open_to_signals(void) {
  is_ours = 1;
  set_signals(SIG_UNBLOCK);
}

static uint64_t next(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

/* Element i belongs to worker i % WORKERS. */
static void *worker(void *argument) {
  uint64_t self = (uint64_t)(uintptr_t)argument, state = SEED + self;
  open_to_signals();
  ufo_error error;
  for (int round = 0; round < ROUNDS; round++) {
    uint64_t i = next(&state) % (ELEMENTS / WORKERS) * WORKERS + self;
    if (body[i] != value(i)) failures++;
    if (round % 5 == 0) body[i] = value(i); /* a change, though not of the value */
    if (round % 500 == 0 && ufo_region_flush(region, &error) != UFO_OK) failures++;
    if (round % 300 == 0) {
      if (ufo_region_pin(region, i * 8, 8, 1, &error) != UFO_OK) failures++;
      else ufo_region_unpin(region, i * 8, 8);
    }
  }
  return NULL;
}

static void *killer(void *argument) {
  pthread_t *threads = argument;
  open_to_signals();
  while (!atomic_load(&stop)) {
    for (int i = 0; i < WORKERS; i++) pthread_kill(threads[i], SIGUSR1);
    usleep(300);
  }
  return NULL;
}

static void storm(int flags) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
  sigaction(SIGALRM, &action, NULL);
  sigaction(SIGUSR1, &action, NULL);
  struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
  pthread_t threads[WORKERS], kills;
  atomic_store(&stop, 0);
  set_signals(SIG_BLOCK);
  for (int i = 0; i < WORKERS; i++)
    if (pthread_create(&threads[i], NULL, worker, (void *)(uintptr_t)i)) exit(1);
  if (pthread_create(&kills, NULL, killer, threads)) exit(1);
  set_signals(SIG_UNBLOCK);
  setitimer(ITIMER_REAL, &often, NULL);
  /* The workers are joined only after the killer: it needs their identities. */
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += 2;
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) continue;
  atomic_store(&stop, 1);
  pthread_join(kills, NULL);
  for (int i = 0; i < WORKERS; i++) pthread_join(threads[i], NULL);
  setitimer(ITIMER_REAL, &never, NULL);
}

int main(void) {
  ufo_error error;
  is_ours = 1;
  printf("seed %d\n", SEED);
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = 12 * PAGE};
  if (ufo_pool_create(&options, &pool, &error) != UFO_OK) return fprintf(stderr, "%s\n", error.message), 1;
  ufo_region_options shape = {.struct_size = sizeof shape,
                              .element_bytes = 8,
                              .count = ELEMENTS,
                              .chunk_elements = PAGE / 8,
                              .source = {.populate = populate}};
  if (ufo_region_create(pool, &shape, &region, &error) != UFO_OK) return fprintf(stderr, "%s\n", error.message), 1;
  body = ufo_region_body(region);
  storm(SA_RESTART);
  storm(0);
  for (uint64_t i = 0; i < ELEMENTS; i++)
    if (body[i] != value(i)) failures++;
  ufo_pool_stats stats = {.struct_size = sizeof stats};
  ufo_pool_get_stats(pool, &stats);
  if (stats.resident_bytes_peak > options.budget_bytes || strangers > 0) failures++;
  printf("alarms %llu, SIGUSR1 %llu, on threads of the library %llu; messages %llu, fills %llu, failures %d\n",
         (unsigned long long)alarms, (unsigned long long)users, (unsigned long long)strangers,
         (unsigned long long)stats.faults, (unsigned long long)stats.fills, failures);
  ufo_region_release(region);
  if (ufo_pool_destroy(pool, &error) != UFO_OK) failures++;
  return failures != 0;
}
