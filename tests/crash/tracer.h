/* tracer.h - runs a function in a child whose system calls can be counted, failed, cut short, or made its last.
 *
 * By ptrace, so no call escapes, whoever makes it: the library, LMDB, libc, on any thread. Calls are numbered over the
 * whole process, from the begin of the function on. The child can say that the cause of its trouble is gone
 * (tracer_mend), which ends an injection that was to last for ever. */
#ifndef UFO_TEST_TRACER_H
#define UFO_TEST_TRACER_H

#include <errno.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define TRACER_WORKS 1
#else
#define TRACER_WORKS 0
#endif

/* ioctl's of a userfaultfd count as calls of their own, for the errors that they can give: those that only wake or let
 * go, which the kernel never refuses; that protect, which it may refuse for a moment; and that fill or poison. And
 * all of them together once more. */
enum { CALL_SURE_IOCTL = 511, CALL_PROTECT_IOCTL = 510, CALL_COPY_IOCTL = 509, CALL_UFFD_IOCTL = 508 };

#define UFFDIO_POISON_REQUEST 0xc020aa08u /* newer than Debian 12's headers */

enum { CALLS_MAX = 512, TRACED_THREADS_MAX = 64, MEND = 0x7ffe0001, SPOIL = 0x7ffe0002 };

typedef struct injection {
  bool kill;       /* at call `number` of all, */
  bool after;      /* or when it has been done, before the program goes on */
  long call;       /* else: from call `number` of this one, */
  uint64_t number; /* once, or for ever, */
  bool forever;
  bool awaited; /* calls count only once the child has said so (tracer_spoil) */
  int error;    /* fails with this, */
  int shorten;  /* or, if not 0, does only a part of what it was to do: bytes / shorten */
} injection;

typedef struct traced {
  int status; /* exit status, or 128 + signal */
  bool hit, hung;
  uint64_t all, calls[CALLS_MAX];
} traced;

/* In the child: whatever was injected, that is over. */
static inline void tracer_mend(void) { syscall(SYS_getpgid, MEND); }

/* In the child: an injection that is awaited begins now. */
static inline void tracer_spoil(void) { syscall(SYS_getpgid, SPOIL); }

static volatile sig_atomic_t tracer_late;
static inline void tracer_alarm(int number) {
  (void)number;
  tracer_late = 1;
}

#if TRACER_WORKS

typedef struct traced_thread {
  pid_t id;
  bool inside; /* a call that has begun */
  bool last;   /* that one is the last */
  int error;   /* that it is to give, or 0 */
} traced_thread;

typedef struct tracer {
  pid_t child;
  const injection *what;
  traced *out;
  bool over, begun;
  uint64_t seen; /* calls of the kind that is to fail */
  traced_thread threads[TRACED_THREADS_MAX];
} tracer;

static inline traced_thread *tracer_thread(tracer *t, pid_t id, bool *is_new) {
  for (int i = 0; i < TRACED_THREADS_MAX; i++) {
    *is_new = t->threads[i].id == 0;
    if (*is_new) t->threads[i] = (traced_thread){.id = id};
    if (t->threads[i].id == id) return &t->threads[i];
  }
  return NULL;
}

static inline void tracer_forget(tracer *t, pid_t id) {
  for (int i = 0; i < TRACED_THREADS_MAX; i++)
    if (t->threads[i].id == id) t->threads[i].id = -1;
}

/* All others are for setting one up. */
static inline bool tracer_is_uffd(long call) {
  return call == SYS_ioctl || call == CALL_COPY_IOCTL || call == CALL_PROTECT_IOCTL || call == CALL_SURE_IOCTL;
}

/* Is this call to be tampered with? */
static inline bool tracer_chooses(tracer *t, long call) {
  if (!t->what || t->over) return false;
  if (t->what->kill) return t->out->all == t->what->number;
  if (call != t->what->call && !(tracer_is_uffd(call) && t->what->call == CALL_UFFD_IOCTL)) return false;
  if (t->what->awaited && !t->begun) return false;
  t->seen++;
  return t->seen == t->what->number || (t->what->forever && t->seen > t->what->number);
}

static inline long tracer_call(const struct user_regs_struct *registers) {
  long call = (long)registers->orig_rax;
  if (call != SYS_ioctl) return call;
  switch ((unsigned)registers->rsi) {
  case (unsigned)UFFDIO_WAKE:
  case (unsigned)UFFDIO_UNREGISTER:
    return CALL_SURE_IOCTL;
  case (unsigned)UFFDIO_WRITEPROTECT:
    return CALL_PROTECT_IOCTL;
  case (unsigned)UFFDIO_COPY:
  case (unsigned)UFFDIO_POISON_REQUEST:
    return CALL_COPY_IOCTL;
  default:
    return call;
  }
}

static inline void tracer_enter(tracer *t, traced_thread *thread, struct user_regs_struct *registers) {
  long call = tracer_call(registers);
  if (call == SYS_getpgid && registers->rdi == MEND) {
    t->over = true;
    return;
  }
  if (call == SYS_getpgid && registers->rdi == SPOIL) t->begun = true;
  if (call < 0 || call >= CALLS_MAX) return;
  t->out->all++;
  t->out->calls[call]++;
  if (tracer_is_uffd(call)) t->out->calls[CALL_UFFD_IOCTL]++;
  if (!tracer_chooses(t, call)) return;
  t->out->hit = true;
  if (t->what->kill && t->what->after) {
    thread->last = true;
  } else if (t->what->kill) {
    kill(t->child, SIGKILL);
  } else if (t->what->shorten) { /* the third argument of all calls for which that is done */
    registers->rdx /= (unsigned long long)t->what->shorten;
    ptrace(PTRACE_SETREGS, thread->id, NULL, registers);
  } else {
    thread->error = t->what->error;
    if (call == SYS_close) return; /* which closes the descriptor in any case */
    registers->orig_rax = (unsigned long long)-1;
    ptrace(PTRACE_SETREGS, thread->id, NULL, registers);
  }
}

static inline void tracer_stop(tracer *t, pid_t id, int status) {
  struct user_regs_struct registers;
  bool is_new;
  traced_thread *thread = tracer_thread(t, id, &is_new);
  int signal_number = WSTOPSIG(status);
  if (signal_number == (SIGTRAP | 0x80) && thread) {
    signal_number = 0;
    if (ptrace(PTRACE_GETREGS, id, NULL, &registers) == 0) {
      thread->inside = !thread->inside;
      if (thread->inside) {
        tracer_enter(t, thread, &registers);
      } else if (thread->last) {
        kill(t->child, SIGKILL);
      } else if (thread->error) {
        registers.rax = (unsigned long long)-(long long)thread->error;
        thread->error = 0;
        ptrace(PTRACE_SETREGS, id, NULL, &registers);
      }
    }
  } else if (signal_number == SIGTRAP || (signal_number == SIGSTOP && is_new)) {
    signal_number = 0; /* a thread was made, or begins */
  }
  ptrace(PTRACE_SYSCALL, id, NULL, (void *)(uintptr_t)signal_number);
}

/* run(argument) in a child, with `what` (NULL: only counted). False if this machine does not let us trace. */
static inline bool trace(int (*run)(void *), void *argument, const injection *what, int seconds, traced *out) {
  tracer t = {.what = what, .out = out};
  int status;
  memset(out, 0, sizeof *out);
  fflush(NULL);
  t.child = fork();
  if (t.child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(77);
    raise(SIGSTOP);
    _exit(run(argument));
  }
  if (t.child < 0 || waitpid(t.child, &status, 0) < 0 || !WIFSTOPPED(status)) return false;
  long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
  bool is_new;
  tracer_thread(&t, t.child, &is_new);
  if (ptrace(PTRACE_SETOPTIONS, t.child, NULL, (void *)options) != 0) return false;
  struct sigaction on_alarm = {.sa_handler = tracer_alarm};
  sigaction(SIGALRM, &on_alarm, NULL);
  tracer_late = 0;
  alarm((unsigned)seconds);
  ptrace(PTRACE_SYSCALL, t.child, NULL, NULL);
  for (;;) {
    pid_t id = waitpid(-1, &status, __WALL);
    if (tracer_late && !out->hung) {
      out->hung = true;
      kill(t.child, SIGKILL);
    }
    if (id < 0 && errno == EINTR) continue;
    if (id < 0) break;
    if (WIFSTOPPED(status)) {
      tracer_stop(&t, id, status);
      continue;
    }
    tracer_forget(&t, id);
    if (id != t.child) continue;
    out->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    break;
  }
  alarm(0);
  return out->status != 77;
}

#else

static inline bool trace(int (*run)(void *), void *argument, const injection *what, int seconds, traced *out) {
  (void)run, (void)argument, (void)what, (void)seconds;
  memset(out, 0, sizeof *out);
  return false;
}

#endif
#endif
