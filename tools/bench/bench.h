/* bench.h - the benchmark as a whole, for the command `ufostore bench`. README.md here tells what is measured. */
#ifndef UFOSTORE_BENCH_BENCH_H
#define UFOSTORE_BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <ufostore/error.h>

typedef struct bench_options {
  const char *const *cases; /* names; a case is also meant by the beginning of its name up to a hyphen: "scan" */
  int case_count;           /* 0: all */
  uint64_t budget_bytes;    /* 0: 128 MiB, quick 16 MiB; data are four times as long */
  unsigned runs;            /* 0: 5, quick 1 */
  bool quick, json;
  const char *folder;       /* where the data go; NULL: $TMPDIR, else /var/tmp */
  int (*interrupted)(void); /* may be NULL */
} bench_options;

#define BENCH_BUDGET_MIN (UINT64_C(4) << 20)

/* Number `index` of all cases; NULL past the last. */
const char *bench_case_name(int index);
const char *bench_case_title(int index);
/* Does `word` mean a case? */
bool bench_knows(const char *word);

/* Runs the cases and prints the results on standard output: each case as it ends, or all as JSON at the end. UFO_END:
 * interrupted. *failed_out is the number of cases that failed, which is not the number that missed a goal. */
ufo_status bench_run(const bench_options *options, int *failed_out, ufo_error *error);

#endif
