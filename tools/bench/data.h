/* data.h - the doubles that are stored and scanned. Every element follows from its index, so any piece can be made
 * again to compare with. */
#ifndef UFOSTORE_BENCH_DATA_H
#define UFOSTORE_BENCH_DATA_H

#include <stdint.h>

typedef enum data_kind {
  DATA_PRICES,   /* sums of three random amounts, with two decimals: what LZ4 can halve, and decoding is bound by LZ4 */
  DATA_SEQUENCE, /* 0, 1, 2, ... */
  DATA_CONSTANT, /* 42.5 */
  DATA_NOISE,    /* random bits, but for the one that would make infinities and NaN: stored as they are */
  DATA_READINGS, /* of a range of values and without pattern: shuffled, since the upper bytes are alike */
  DATA_KINDS,
} data_kind;

const char *data_name(data_kind kind);
double data_at(data_kind kind, uint64_t index);
/* Elements first .. first + count - 1. */
void data_fill(data_kind kind, uint64_t first, uint64_t count, double *target);

/* A good mixture of the bits of `value`, for everything that is to be random and the same in every run. */
static inline uint64_t mix(uint64_t value) {
  value += UINT64_C(0x9E3779B97F4A7C15);
  value = (value ^ (value >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  value = (value ^ (value >> 27)) * UINT64_C(0x94D049BB133111EB);
  return value ^ (value >> 31);
}

/* 0 .. count - 1 in random order. The caller frees it; NULL: no memory. */
uint64_t *data_permutation(uint64_t count, uint64_t seed);

#endif
