/* peak.c - measures a program from outside: peak FILE COMMAND [ARGUMENT...]
 *
 * Runs COMMAND, writes "KIB SECONDS" to FILE (the most memory it had resident, as the kernel counted it, and how long
 * it took) and ends with its exit status, or 128 plus the signal that ended it. Resident memory includes the pages of
 * the store file that were mapped, so nothing is left out in our favour. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: peak FILE COMMAND [ARGUMENT...]\n");
    return 2;
  }
  const double began_s = now_s();
  const pid_t child = fork();
  if (child == 0) {
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    _exit(127);
  }
  int status;
  struct rusage usage;
  if (child < 0 || wait4(child, &status, 0, &usage) != child) {
    perror("peak");
    return 2;
  }
  FILE *file = fopen(argv[1], "w");
  if (!file || fprintf(file, "%ld %.2f\n", usage.ru_maxrss, now_s() - began_s) < 0 || fclose(file) != 0) {
    perror(argv[1]);
    return 2;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
