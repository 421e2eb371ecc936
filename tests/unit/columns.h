/* columns.h - columns of the kinds that real tables have, made up for the tests of the codec. */
#ifndef UFO_TEST_COLUMNS_H
#define UFO_TEST_COLUMNS_H

#include "random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <ufostore/store.h>

typedef struct column_kind {
  const char *name;
  ufo_type type;
  uint32_t element_bytes;
} column_kind;

static const column_kind column_kinds[] = {
    {"sorted keys with gaps", UFO_INTEGER, 4},
    {"row numbers", UFO_INTEGER, 4},
    {"dates as doubles", UFO_DOUBLE, 8},
    {"prices with two decimals", UFO_DOUBLE, 8},
    {"cheap prices with two decimals", UFO_DOUBLE, 8},
    {"small integers with NA", UFO_INTEGER, 4},
    {"factor codes", UFO_INTEGER, 4},
    {"logical with NA", UFO_LOGICAL, 4},
    {"bits of noise", UFO_DOUBLE, 8},
    {"uniform doubles", UFO_DOUBLE, 8},
    {"normal doubles", UFO_DOUBLE, 8},
    {"doubles that hold integers", UFO_DOUBLE, 8},
    {"times in seconds", UFO_DOUBLE, 8},
    {"text", UFO_RAW, 1},
    {"complex, both parts random", UFO_COMPLEX, 16},
    {"complex, real only", UFO_COMPLEX, 16},
    {"records of key, time and two bytes", UFO_RECORD, 14},
    {"doubles out of 3000", UFO_DOUBLE, 8},
    {"mostly zero", UFO_DOUBLE, 8},
    {"one half constant, one half noise", UFO_DOUBLE, 8},
    {"runs of 45 that repeat every four", UFO_DOUBLE, 8},
    {"monthly minutes of the day", UFO_INTEGER, 4},
};
#define COLUMN_KINDS (sizeof column_kinds / sizeof *column_kinds)

static inline double hundredths(double value) { return round(value * 100) / 100; }

/* Fills `bytes` bytes, a multiple of 8, with column `kind`. */
static inline void column_fill(size_t kind, uint64_t seed, uint8_t *raw, size_t bytes) {
  uint64_t state = seed * 2 + 1;
  double *d = (double *)(void *)raw, time = 1.6e9;
  int32_t *q = (int32_t *)(void *)raw, key = 1000;
  size_t n = bytes / column_kinds[kind].element_bytes;
  static const char *const words[] = {"the ", "vector ", "of ",  "delay ", "carrier ",
                                      "JFK,", "LGA,",    "EWR,", "\n",     "1,"};
  double dictionary[3000];
  for (size_t i = 0; i < 3000; i++) dictionary[i] = random_unit(&state);
  memset(raw, 0, bytes);
  switch (kind) {
  case 0:
    for (size_t i = 0; i < n; i++) q[i] = key += (int32_t)random_below(&state, 9);
    break;
  case 1:
    for (size_t i = 0; i < n; i++) q[i] = (int32_t)i + 1;
    break;
  case 2:
    for (size_t i = 0; i < n; i++) d[i] = 15706 + (double)(i / 900);
    break;
  case 3:
    for (size_t i = 0; i < n; i++) d[i] = hundredths(1 + random_unit(&state) * 9998);
    break;
  case 4:
    for (size_t i = 0; i < n; i++) d[i] = hundredths(1 + random_unit(&state) * 60);
    break;
  case 5:
    for (size_t i = 0; i < n; i++)
      q[i] = random_below(&state, 30) ? (int32_t)random_below(&state, 300) - 40 : INT32_MIN;
    break;
  case 6:
    for (size_t i = 0; i < n; i++) q[i] = 1 + (int32_t)random_below(&state, 16);
    break;
  case 7:
    for (size_t i = 0; i < n; i++) q[i] = random_below(&state, 10) ? (int32_t)random_below(&state, 2) : INT32_MIN;
    break;
  case 8:
    random_fill(&state, raw, bytes);
    break;
  case 9:
    for (size_t i = 0; i < n; i++) d[i] = random_unit(&state);
    break;
  case 10:
    for (size_t i = 0; i < n; i++)
      d[i] = sqrt(-2 * log(1 - random_unit(&state))) * cos(6.2831853 * random_unit(&state));
    break;
  case 11:
    for (size_t i = 0; i < n; i++) d[i] = (double)random_below(&state, 4983);
    break;
  case 12:
    for (size_t i = 0; i < n; i++) d[i] = time += (double)random_below(&state, 900);
    break;
  case 13:
    for (size_t i = 0; i < n;)
      for (const char *word = words[random_below(&state, 10)]; *word && i < n; word++) raw[i++] = (uint8_t)*word;
    break;
  case 14:
    for (size_t i = 0; i < 2 * n; i++) d[i] = hundredths(random_unit(&state) * 50);
    break;
  case 15:
    for (size_t i = 0; i < n; i++) d[2 * i] = (double)i;
    break;
  case 16:
    for (size_t i = 0; i < n; i++) {
      key += (int32_t)random_below(&state, 4), time += 60;
      memcpy(raw + i * 14, &key, 4);
      memcpy(raw + i * 14 + 4, &time, 8);
      raw[i * 14 + 12] = (uint8_t)random_below(&state, 5);
    }
    break;
  case 17:
    for (size_t i = 0; i < n; i++) d[i] = dictionary[random_below(&state, 3000)];
    break;
  case 18:
    for (size_t i = 0; i < n; i += 1 + random_below(&state, 500)) d[i] = random_unit(&state);
    break;
  case 19:
    random_fill(&state, raw, bytes / 2);
    break;
  case 20:
    for (size_t i = 0; i < n; i++) d[i] = dictionary[i / 45 % 4];
    break;
  default:
    for (size_t i = 0; i < n; i++) q[i] = 517 + (int32_t)random_below(&state, 6) * 100 + (int32_t)(i / 5000);
    break;
  }
}

#endif
