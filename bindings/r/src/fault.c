/* fault.c - the hook that turns a failed page fault into a condition.
 *
 * Leaving a signal handler by longjmp is allowed here because the signal is synchronous: the interrupted code is the
 * one instruction that touched the vector. The functions around it are left half done, though, and that is not always
 * harmless: C code that was given a pointer need not expect an error between two of its own statements. What it had
 * allocated is lost, as with any error of R; what it keeps in static variables stays half changed. Base R's radix sort
 * is of the latter kind, so its keys are read before it begins: see sortkey.h. */
#include "fault.h"

#include "condition.h"
#include "store.h"
#include "strings.h"
#include "view.h"

#include <pthread.h>
#include <signal.h>

static pthread_t main_thread;

static void on_fault(void *user, void *address, const ufo_error *error) {
  (void)user;
  /* R's interface is for R's thread only. In another one (OpenMP, say) the signal takes its ordinary course. */
  if (!pthread_equal(pthread_self(), main_thread)) return;
  ufo_error copy = *error;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGBUS);
  sigaddset(&signals, SIGSEGV);
  pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
  ufor_view *view = ufor_view_at(address);
  if (view == NULL) ufor_raise_in("touching", &copy, NULL, NULL);
  ufor_raise_in("touching", &copy, ufor_view_path(view),
                view->strings != NULL ? ufor_strings_name(view) : ufo_view_name(view->view));
}

void ufor_fault_install(void) {
  main_thread = pthread_self();
  ufo_set_fault_hook(on_fault, NULL);
}
