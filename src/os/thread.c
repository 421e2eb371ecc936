#include "os/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

bool ufo_thread_start(pthread_t *thread, void *(*run)(void *), void *argument, bool detached) {
  pthread_attr_t attributes;
  int failed = pthread_attr_init(&attributes);
  if (failed) {
    errno = failed;
    return false;
  }
  if (detached) pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
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

void ufo_thread_set_name(const char *name) { pthread_setname_np(pthread_self(), name); }

int ufo_thread_id(void) { return (int)syscall(SYS_gettid); }

unsigned ufo_thread_processors(void) {
  cpu_set_t allowed;
  int count = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
  return count > 0 ? (unsigned)count : 1;
}
