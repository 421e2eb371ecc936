/* child.h - processes that a test starts, a scratch folder, and what such a child tells its parent through shared
 * memory. */
#ifndef UFO_TEST_CHILD_H
#define UFO_TEST_CHILD_H

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The exit status, or 128 + signal. */
static inline int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* run(argument) in a forked child that is killed after `seconds`. */
static inline int in_child(int (*run)(void *), void *argument, unsigned seconds) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    signal(SIGALRM, SIG_DFL);
    alarm(seconds);
    _exit(run(argument));
  }
  return child < 0 ? 255 : wait_for(child);
}

/* Zeroed memory that children share with their parent, and that outlives them; NULL if there is none. */
static inline void *shared_memory(size_t bytes) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

static inline int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info, (void)kind;
  if (walk->level) remove(path);
  return 0;
}

static inline void empty_folder(const char *folder) { nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS); }

/* In memory, for what is done very often; NULL if there is no such folder. */
static inline const char *fast_folder(void) { return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : NULL; }

/* A scratch folder, in `base` or else where temporary files go. */
static inline int make_folder(char *folder, size_t bytes, const char *base) {
  const char *given = getenv("TMPDIR");
  if (!base) base = given && *given ? given : "/tmp";
  snprintf(folder, bytes, "%s/ufo-test-XXXXXX", base);
  return mkdtemp(folder) ? 0 : -1;
}

static inline void remove_folder(const char *folder) {
  empty_folder(folder);
  rmdir(folder);
}

/* $UFO_SEED, or one that is new each second. */
static inline uint64_t choose_seed(void) {
  const char *given = getenv("UFO_SEED");
  return given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
}

/* How many to run at once where points are many: $UFO_TEST_JOBS. */
static inline unsigned choose_jobs(void) {
  const char *given = getenv("UFO_TEST_JOBS");
  unsigned long jobs = given ? strtoul(given, NULL, 10) : 1;
  return jobs >= 1 && jobs <= 64 ? (unsigned)jobs : 1;
}

static inline double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif
