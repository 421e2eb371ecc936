/* clock.h - the time of day and of the machine, in nanoseconds. */
#ifndef UFO_OS_CLOCK_H
#define UFO_OS_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t ufo_clock_monotonic_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline int64_t ufo_clock_realtime_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
