/* sum.c - see sum.h. */
#include "sum.h"

#include <string.h>

/* The same operations on eight doubles at once, in whatever registers the machine has. */
typedef double eight __attribute__((vector_size(SUM_LANES * sizeof(double)), aligned(8), may_alias));

void sum_add(lanes *l, const double *values, uint64_t count) {
  eight sums;
  memcpy(&sums, l->sums, sizeof sums);
  const eight *from = (const eight *)(const void *)values;
  for (uint64_t i = 0; i < count / SUM_LANES; i++) sums += from[i];
  memcpy(l->sums, &sums, sizeof sums);
}

double sum_total(const lanes *l) {
  double total = 0;
  for (int i = 0; i < SUM_LANES; i++) total += l->sums[i];
  return total;
}
