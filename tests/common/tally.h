/* tally.h - what a test counted (points injected, states replayed, bits flipped), for the table that tools/test prints.
 *
 * A line "COUNT<tab>WHAT" is added to the file that $UFO_TALLY names, and printed. The same WHAT is summed over tests,
 * builds and users. */
#ifndef UFO_TEST_TALLY_H
#define UFO_TEST_TALLY_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static inline void tally(uint64_t count, const char *what) {
  printf("counted: %" PRIu64 " %s\n", count, what);
  const char *path = getenv("UFO_TALLY");
  FILE *file = path ? fopen(path, "a") : NULL;
  if (!file) return;
  fprintf(file, "%" PRIu64 "\t%s\n", count, what);
  fclose(file);
}

/* True where tests are to be thorough: tools/test --nightly and --release. */
static inline int nightly(void) {
  const char *level = getenv("UFO_TEST_LEVEL");
  return level && (level[0] == 'n' || level[0] == 'r');
}

#endif
