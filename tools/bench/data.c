/* data.c - see data.h. */
#include "data.h"

#include <stdlib.h>
#include <string.h>

const char *data_name(data_kind kind) {
  static const char *const names[DATA_KINDS] = {"prices", "sequence", "constant", "noise", "readings"};
  return names[kind];
}

double data_at(data_kind kind, uint64_t index) {
  switch (kind) {
  case DATA_PRICES: {
    uint64_t bits = mix(index);
    return (double)(bits % 10000 + (bits >> 20) % 10000 + (bits >> 40) % 10000) / 100;
  }
  case DATA_SEQUENCE:
    return (double)index;
  case DATA_CONSTANT:
    return 42.5;
  case DATA_READINGS:
    return 1000 + (double)(mix(index) % 100000000) / 7e6;
  default: {
    double value;
    uint64_t bits = mix(index) & ~(UINT64_C(1) << 62);
    memcpy(&value, &bits, sizeof value);
    return value;
  }
  }
}

void data_fill(data_kind kind, uint64_t first, uint64_t count, double *target) {
  for (uint64_t i = 0; i < count; i++) target[i] = data_at(kind, first + i);
}

uint64_t *data_permutation(uint64_t count, uint64_t seed) {
  uint64_t *order = malloc((count ? count : 1) * sizeof *order);
  if (!order) return NULL;
  for (uint64_t i = 0; i < count; i++) order[i] = i;
  for (uint64_t i = count; i > 1; i--) {
    uint64_t other = mix(seed ^ (i << 20)) % i, kept = order[i - 1];
    order[i - 1] = order[other];
    order[other] = kept;
  }
  return order;
}
