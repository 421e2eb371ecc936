/* demand.h - what must hold in a test that is a plain main(); else says so and returns 1. `error` is the file's own. */
#ifndef UFO_TEST_DEMAND_H
#define UFO_TEST_DEMAND_H

#include <stdio.h>

#define DEMAND(condition)                                                                                              \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition, error.message);                              \
      return 1;                                                                                                        \
    }                                                                                                                  \
  } while (0)

#endif
