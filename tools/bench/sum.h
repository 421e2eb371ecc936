/* sum.h - the scan: adding doubles up at the speed of memory. Eight sums side by side, element i goes to sum i % 8, so
 * the compiler may use vector registers, and the result is the same bit for bit however the range is cut into pieces
 * of whole eights: every scan's sum is compared with that of the data as they were made. */
#ifndef UFOSTORE_BENCH_SUM_H
#define UFOSTORE_BENCH_SUM_H

#include <stdint.h>

enum { SUM_LANES = 8 };

typedef struct lanes {
  double sums[SUM_LANES];
} lanes;

/* `count` is a multiple of SUM_LANES. */
void sum_add(lanes *l, const double *values, uint64_t count);
double sum_total(const lanes *l);

#endif
