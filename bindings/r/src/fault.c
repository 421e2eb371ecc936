/* fault.c - the hook that turns a failed page fault into a condition.
 *
 * Leaving a signal handler by longjmp is allowed here because the signal is synchronous: the interrupted code is the
 * one instruction that touched the vector, not some function in the middle of keeping its own state consistent, and R
 * code that is given a pointer must expect errors between any two of its calls into R. */
#include "fault.h"

#include "condition.h"

#include <pthread.h>
#include <signal.h>

static pthread_t main_thread;

static void on_fault(void *user, void *address, const ufo_error *error) {
  (void)user;
  (void)address;
  /* R's interface is for R's thread only. In another one (OpenMP, say) the signal takes its ordinary course. */
  if (!pthread_equal(pthread_self(), main_thread)) return;
  ufo_error copy = *error;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGBUS);
  sigaddset(&signals, SIGSEGV);
  pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
  ufor_raise(&copy, NULL, NULL);
}

void ufor_fault_install(void) {
  main_thread = pthread_self();
  ufo_set_fault_hook(on_fault, NULL);
}
