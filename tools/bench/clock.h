/* clock.h - the clock of every measurement. Reading it takes some 25 ns and no system call. */
#ifndef UFOSTORE_BENCH_CLOCK_H
#define UFOSTORE_BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_read(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static inline uint64_t now_ns(void) { return clock_read(CLOCK_MONOTONIC); }
/* Of all threads of the process. */
static inline uint64_t cpu_ns(void) { return clock_read(CLOCK_PROCESS_CPUTIME_ID); }

/* Bytes in nanoseconds are GB (10^9 bytes) in seconds. */
static inline double gb_per_s(uint64_t bytes, uint64_t ns) { return ns ? (double)bytes / (double)ns : 0; }

#endif
