/* statistics.c - see statistics.h. */
#include "statistics.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

void sort_doubles(double *values, size_t count) { qsort(values, count, sizeof *values, compare); }

double quantile(const double *sorted, size_t count, double share) {
  if (count == 0) return NAN;
  double place = share * (double)(count - 1);
  size_t below = (size_t)place;
  if (below + 1 >= count) return sorted[count - 1];
  return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

summary summarize(double *values, size_t count) {
  sort_doubles(values, count);
  return (summary){
      .count = count,
      .min = quantile(values, count, 0),
      .q1 = quantile(values, count, 0.25),
      .median = quantile(values, count, 0.5),
      .q3 = quantile(values, count, 0.75),
      .max = quantile(values, count, 1),
  };
}
