/* statistics.h - what is said of several measurements of one thing. */
#ifndef UFOSTORE_BENCH_STATISTICS_H
#define UFOSTORE_BENCH_STATISTICS_H

#include <stddef.h>

typedef struct summary {
  size_t count; /* 0: the rest is NaN */
  double min, q1, median, q3, max;
} summary;

void sort_doubles(double *values, size_t count);

/* Quantile `share` (0 to 1) of ascending values, between two of them by interpolation. NaN of none. */
double quantile(const double *sorted, size_t count, double share);

/* `values` are sorted in place. */
summary summarize(double *values, size_t count);

#endif
