#include "os/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/checked.h"

/* What the calling thread may use when it does not stay in one place. */
static _Thread_local cpu_set_t free_to_use;
static _Thread_local bool stays;

bool ufo_thread_start(pthread_t *thread, void *(*run)(void *), void *argument, bool detached) {
  pthread_attr_t attributes;
  int failed = pthread_attr_init(&attributes);
  if (failed) {
    errno = failed;
    return false;
  }
  if (detached) pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  if (stays) pthread_attr_setaffinity_np(&attributes, sizeof free_to_use, &free_to_use);
  /* A thread inherits the mask. The faults that a callback itself may raise stay open: a blocked SIGBUS kills. */
  sigset_t blocked, before;
  sigfillset(&blocked);
  sigdelset(&blocked, SIGBUS);
  sigdelset(&blocked, SIGSEGV);
  sigdelset(&blocked, SIGFPE);
  sigdelset(&blocked, SIGILL);
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  failed = pthread_create(thread, &attributes, run, argument);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  if (failed) {
    errno = failed;
    return false;
  }
  return true;
}

typedef struct shared_work {
  void (*work)(void *user);
  void *user;
} shared_work;

static void *run_shared(void *argument) {
  const shared_work *shared = argument;
  ufo_thread_set_name("ufo-share");
  shared->work(shared->user);
  return NULL;
}

void ufo_thread_share(uint64_t most, void (*work)(void *user), void *user) {
  enum { OTHERS_MAX = 7 };
  pthread_t others[OTHERS_MAX];
  shared_work shared = {work, user};
  uint64_t wanted = most > 1 ? ufo_min(ufo_min(most, ufo_thread_processors()) - 1, OTHERS_MAX) : 0, started = 0;
  while (started < wanted && ufo_thread_start(&others[started], run_shared, &shared, false)) started++;
  work(user);
  while (started > 0) pthread_join(others[--started], NULL);
}

void ufo_thread_set_name(const char *name) { pthread_setname_np(pthread_self(), name); }

void ufo_thread_is_background(void) {
  struct sched_param none = {0};
  int before = sched_getscheduler(0);
  if (before == SCHED_OTHER) sched_setscheduler(0, SCHED_BATCH, &none); /* else the program has its reasons */
}

int ufo_thread_id(void) { return (int)syscall(SYS_gettid); }

/* More processors than a set of this size holds: nobody stays anywhere. */
static bool allowed_processors(cpu_set_t *allowed) {
  if (stays) *allowed = free_to_use;
  return stays || sched_getaffinity(0, sizeof *allowed, allowed) == 0;
}

unsigned ufo_thread_processors(void) {
  cpu_set_t allowed;
  int count = allowed_processors(&allowed) ? CPU_COUNT(&allowed) : 1;
  return count > 0 ? (unsigned)count : 1;
}

bool ufo_thread_stay(unsigned which) {
  cpu_set_t allowed, one;
  if (!allowed_processors(&allowed) || CPU_COUNT(&allowed) < 2) return false;
  which %= (unsigned)CPU_COUNT(&allowed);
  int cpu = 0;
  while (!CPU_ISSET(cpu, &allowed) || which-- > 0) cpu++;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  if (sched_setaffinity(0, sizeof one, &one)) return false;
  free_to_use = allowed;
  stays = true;
  return true;
}

void ufo_thread_roam(void) {
  if (!stays) return;
  stays = false;
  sched_setaffinity(0, sizeof free_to_use, &free_to_use);
}
