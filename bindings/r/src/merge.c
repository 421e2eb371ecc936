/* merge.c - see merge.h. */
#include "merge.h"

#include "condition.h"
#include "view.h"

#include <stdint.h>
#include <string.h>

#define MERGE_RUNS_MAX 64
#define BETWEEN_INTERRUPTS (1 << 20) /* elements */
#define PIECE ((R_xlen_t)65536)

/* ---- merging ---------------------------------------------------------------------------------------------------- */

/* Runs are read in blocks into ordinary memory: taken one by one, their elements would want a chunk of each run in
 * memory at once. All blocks together have this many elements. */
#define BLOCK_ELEMENTS ((R_xlen_t)1 << 20)

struct run {
  R_xlen_t at, end;         /* in the vector */
  R_xlen_t block, in_block; /* where the block begins in the vector, and how many elements it has */
  char *keys, *payload;     /* of the block */
  double key;               /* of the element at `at`; integers are exact */
};

struct merge {
  SEXP keys, payload; /* payload: R_NilValue if there is none */
  size_t key_bytes, payload_bytes;
  int is_double, decreasing;
  R_xlen_t block_elements;
  int count;
  struct run runs[MERGE_RUNS_MAX];
  int heap[MERGE_RUNS_MAX]; /* numbers of runs; the one that comes next is heap[0] */
};

static void load_key(const struct merge *merge, struct run *run) {
  R_xlen_t i = run->at - run->block;
  if (merge->is_double) run->key = ((const double *)(const void *)run->keys)[i];
  else run->key = (double)((const int *)(const void *)run->keys)[i];
}

/* The run is not at its end. */
static void read_block(const struct merge *merge, struct run *run) {
  run->block = run->at;
  run->in_block = run->end - run->at < merge->block_elements ? run->end - run->at : merge->block_elements;
  ufor_copy_elements(merge->keys, run->block, run->in_block, run->keys);
  if (merge->payload != R_NilValue) ufor_copy_elements(merge->payload, run->block, run->in_block, run->payload);
}

static int comes_before(const struct merge *merge, int a, int b) {
  double x = merge->runs[a].key, y = merge->runs[b].key;
  if (x == y) return a < b;
  return merge->decreasing ? x > y : x < y;
}

static void sift_down(struct merge *merge, int place) {
  int *heap = merge->heap;
  for (;;) {
    int child = 2 * place + 1;
    if (child >= merge->count) return;
    if (child + 1 < merge->count && comes_before(merge, heap[child + 1], heap[child])) child++;
    if (!comes_before(merge, heap[child], heap[place])) return;
    int kept = heap[place];
    heap[place] = heap[child];
    heap[child] = kept;
    place = child;
  }
}

static void fill_heap(struct merge *merge, SEXP starts) {
  const int runs = (int)XLENGTH(starts) - 1;
  /* A power of two, so that blocks that begin with a chunk end with one. */
  merge->block_elements = 1;
  while (merge->block_elements * 2 * runs <= BLOCK_ELEMENTS) merge->block_elements *= 2;
  for (int i = 0; i < runs; i++) {
    struct run *run = &merge->runs[i];
    run->at = (R_xlen_t)REAL(starts)[i];
    run->end = (R_xlen_t)REAL(starts)[i + 1];
    if (run->at == run->end) continue;
    size_t elements = (size_t)(run->end - run->at < merge->block_elements ? run->end - run->at : merge->block_elements);
    run->keys = R_alloc(elements, (int)merge->key_bytes);
    if (merge->payload_bytes > 0) run->payload = R_alloc(elements, (int)merge->payload_bytes);
    read_block(merge, run);
    load_key(merge, run);
    merge->heap[merge->count++] = i;
  }
  for (int place = merge->count / 2 - 1; place >= 0; place--) sift_down(merge, place);
}

SEXP ufor_merge(SEXP keys, SEXP payload, SEXP starts, SEXP decreasing, SEXP keys_to, SEXP payload_to) {
  if (XLENGTH(starts) < 2 || XLENGTH(starts) > MERGE_RUNS_MAX + 1)
    ufor_raise_format(UFO_USAGE, NULL, NULL, "So many runs cannot be merged");
  if (Rf_xlength(keys) == 0) return R_NilValue;
  const int carries = payload != R_NilValue;
  struct merge merge = {.keys = keys,
                        .payload = payload,
                        .key_bytes = ufor_element_bytes(TYPEOF(keys)),
                        .payload_bytes = carries ? ufor_element_bytes(TYPEOF(payload)) : 0,
                        .is_double = TYPEOF(keys) == REALSXP,
                        .decreasing = Rf_asLogical(decreasing) == 1};
  const void *top = vmaxget();
  fill_heap(&merge, starts);
  char *to = carries ? ufor_vector_data(payload_to) : NULL, *key_to = ufor_vector_data(keys_to);
  R_xlen_t at = (R_xlen_t)REAL(starts)[0];
  for (uint64_t done = 1; merge.count > 0; done++, at++) {
    struct run *run = &merge.runs[merge.heap[0]];
    const size_t i = (size_t)(run->at - run->block), bytes = merge.payload_bytes;
    memcpy(key_to + (size_t)at * merge.key_bytes, run->keys + i * merge.key_bytes, merge.key_bytes);
    if (carries) memcpy(to + (size_t)at * bytes, run->payload + i * bytes, bytes);
    if (++run->at == run->end) {
      merge.heap[0] = merge.heap[--merge.count];
    } else {
      if (run->at == run->block + run->in_block) read_block(&merge, run);
      load_key(&merge, run);
    }
    sift_down(&merge, 0);
    if (done % BETWEEN_INTERRUPTS == 0) R_CheckUserInterrupt();
  }
  vmaxset(top);
  return R_NilValue;
}

/* ---- selecting -------------------------------------------------------------------------------------------------- */

#define DIGIT_BITS 16
#define DIGITS (1 << DIGIT_BITS)

/* A number whose order as an unsigned one is that of the double; 0 and -0 are one. */
static uint64_t bits_of_double(double value) {
  uint64_t bits;
  if (value == 0) value = 0;
  memcpy(&bits, &value, sizeof bits);
  return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static double double_of_bits(uint64_t bits) {
  double value;
  bits = bits >> 63 ? bits & ~(UINT64_C(1) << 63) : ~bits;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static uint64_t bits_of_integer(int value) { return (uint32_t)value ^ UINT32_C(0x80000000); }
static int integer_of_bits(uint64_t bits) { return (int)((uint32_t)bits ^ UINT32_C(0x80000000)); }

struct wanted {
  uint64_t prefix; /* the digits found so far */
  uint64_t rank;   /* from 0 on, among the elements with these digits */
  size_t counts;   /* which table counts them; ranks with the same digits share one */
};

struct selection {
  struct wanted *wanted;
  size_t count, tables;
  uint64_t *prefixes; /* of the tables, ascending */
  uint64_t *counts;   /* DIGITS for each */
};

/* In which table elements with such a prefix are counted; `tables` if in none. */
static size_t table_of(const struct selection *selection, uint64_t prefix) {
  size_t low = 0, high = selection->tables;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (selection->prefixes[middle] < prefix) low = middle + 1;
    else high = middle;
  }
  return low < selection->tables && selection->prefixes[low] == prefix ? low : selection->tables;
}

/* The ranks ascend, and so do their prefixes. */
static void prepare_tables(struct selection *selection) {
  selection->tables = 0;
  for (size_t i = 0; i < selection->count; i++) {
    struct wanted *wanted = &selection->wanted[i];
    if (selection->tables == 0 || selection->prefixes[selection->tables - 1] != wanted->prefix)
      selection->prefixes[selection->tables++] = wanted->prefix;
    wanted->counts = selection->tables - 1;
  }
  memset(selection->counts, 0, selection->tables * DIGITS * sizeof *selection->counts);
}

static void count_one(struct selection *selection, uint64_t bits, int shift) {
  uint64_t prefix = shift + DIGIT_BITS == 64 ? 0 : bits >> (shift + DIGIT_BITS);
  size_t table = selection->tables == 1 && selection->prefixes[0] == prefix ? 0 : table_of(selection, prefix);
  if (table < selection->tables) selection->counts[table * DIGITS + ((bits >> shift) & (DIGITS - 1))]++;
}

static void count_digits(struct selection *selection, SEXP x, void *piece, int shift) {
  const R_xlen_t length = Rf_xlength(x);
  for (R_xlen_t first = 0; first < length; first += PIECE) {
    R_xlen_t count = length - first < PIECE ? length - first : PIECE;
    ufor_copy_elements(x, first, count, piece);
    const double *doubles = piece;
    const int *integers = piece;
    if (TYPEOF(x) == REALSXP) {
      for (R_xlen_t i = 0; i < count; i++)
        if (!ISNAN(doubles[i])) count_one(selection, bits_of_double(doubles[i]), shift);
    } else {
      for (R_xlen_t i = 0; i < count; i++)
        if (integers[i] != NA_INTEGER) count_one(selection, bits_of_integer(integers[i]), shift);
    }
    R_CheckUserInterrupt();
  }
}

static void find_digit(const struct selection *selection, struct wanted *wanted) {
  const uint64_t *counts = selection->counts + wanted->counts * DIGITS;
  uint64_t digit = 0;
  while (digit < DIGITS - 1 && wanted->rank >= counts[digit]) wanted->rank -= counts[digit++];
  wanted->prefix = wanted->prefix << DIGIT_BITS | digit;
}

SEXP ufor_select(SEXP x, SEXP ranks) {
  const size_t count = (size_t)XLENGTH(ranks);
  const int is_double = TYPEOF(x) == REALSXP;
  SEXP result = PROTECT(Rf_allocVector(is_double ? REALSXP : INTSXP, (R_xlen_t)count));
  const void *top = vmaxget();
  struct selection selection = {.count = count};
  selection.wanted = (struct wanted *)(void *)R_alloc(count + 1, sizeof *selection.wanted);
  selection.prefixes = (uint64_t *)(void *)R_alloc(count + 1, sizeof *selection.prefixes);
  selection.counts = (uint64_t *)(void *)R_alloc((count + 1) * DIGITS, sizeof *selection.counts);
  void *piece = R_alloc((size_t)PIECE, sizeof(double));
  for (size_t i = 0; i < count; i++) selection.wanted[i] = (struct wanted){.rank = (uint64_t)REAL(ranks)[i] - 1};
  for (int shift = (is_double ? 64 : 32) - DIGIT_BITS; count > 0 && shift >= 0; shift -= DIGIT_BITS) {
    prepare_tables(&selection);
    count_digits(&selection, x, piece, shift);
    for (size_t i = 0; i < count; i++) find_digit(&selection, &selection.wanted[i]);
  }
  for (size_t i = 0; i < count; i++) {
    if (is_double) REAL(result)[i] = double_of_bits(selection.wanted[i].prefix);
    else INTEGER(result)[i] = integer_of_bits(selection.wanted[i].prefix);
  }
  vmaxset(top);
  UNPROTECT(1);
  return result;
}
