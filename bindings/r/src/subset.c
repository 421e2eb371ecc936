/* subset.c - gathers elements, in the order of the index or in that of the chunks.
 *
 * An index that jumps about in more than fits into memory would have the same chunks read again and again. The elements
 * of a large piece of it are fetched chunk by chunk then: each chunk is read once for the piece. */
#include "subset.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

/* Numbers of an index that are looked at together, with a look for an interrupt in between. */
#define PIECE 1024
/* ... when they are sorted by chunk: the sorting takes four bytes for each. */
#define SORTED_PIECE ((R_xlen_t)1 << 22)
/* A shorter index is never sorted. */
#define SORTED_LEAST 256
/* More chunks than this are sorted by groups of them. */
#define BUCKETS_MAX ((size_t)1 << 16)

/* What is asked for. The index may be the memory of a view, too. */
struct request {
  const ufor_view *view;
  size_t element_bytes;
  int is_integer;
  const void *numbers; /* of the index: int or double */
  char *target;
};

static const void *numbers_from(const struct request *request, R_xlen_t first) {
  return request->is_integer ? (const void *)((const int *)request->numbers + first)
                             : (const void *)((const double *)request->numbers + first);
}

/* The position from 0 that a number of an index means, -1 if none. Parts of one are cut off, as R does. */
static inline R_xlen_t position_of_int(int number, R_xlen_t length) {
  return number >= 1 && number <= length ? (R_xlen_t)number - 1 : -1;
}
static inline R_xlen_t position_of_double(double number, R_xlen_t length) {
  return number - 1 > -1 && number - 1 < (double)length ? (R_xlen_t)(number - 1) : -1;
}

static inline R_xlen_t position_at(const struct request *request, const void *numbers, R_xlen_t i) {
  const R_xlen_t length = request->view->length;
  return request->is_integer ? position_of_int(((const int *)numbers)[i], length)
                             : position_of_double(((const double *)numbers)[i], length);
}

/* ---- in the order of the index ---------------------------------------------------------------------------------- */

#define GATHER(name, ctype, itype, missing)                                                                            \
  static void name##_by_##itype(const void *source, R_xlen_t length, const void *numbers, R_xlen_t count,              \
                                void *target) {                                                                        \
    const ctype na = missing, *from = source;                                                                          \
    const itype *number = numbers;                                                                                     \
    ctype *to = target;                                                                                                \
    for (R_xlen_t i = 0; i < count; i++) {                                                                             \
      R_xlen_t position = position_of_##itype(number[i], length);                                                      \
      to[i] = position >= 0 ? from[position] : na;                                                                     \
    }                                                                                                                  \
  }
#define GATHER_BOTH(name, ctype, missing) GATHER(name, ctype, int, missing) GATHER(name, ctype, double, missing)

GATHER_BOTH(integers, int, NA_INTEGER) /* logical ones, too: their NA is the same */
GATHER_BOTH(doubles, double, NA_REAL)
GATHER_BOTH(complexes, Rcomplex, ((Rcomplex){.r = NA_REAL, .i = NA_REAL}))
GATHER_BOTH(bytes, Rbyte, 0)
GATHER_BOTH(words, uint64_t, UFO_WORD_NA)

static void gather(const struct request *request, const void *numbers, R_xlen_t count, void *target) {
  const void *source = request->view->data;
  const R_xlen_t length = request->view->length;
  const int is_integer = request->is_integer;
  if (request->view->type == UFO_CHARACTER) {
    (is_integer ? words_by_int : words_by_double)(source, length, numbers, count, target);
    return;
  }
  switch (request->element_bytes) {
  case sizeof(int):
    (is_integer ? integers_by_int : integers_by_double)(source, length, numbers, count, target);
    break;
  case sizeof(double):
    (is_integer ? doubles_by_int : doubles_by_double)(source, length, numbers, count, target);
    break;
  case sizeof(Rcomplex):
    (is_integer ? complexes_by_int : complexes_by_double)(source, length, numbers, count, target);
    break;
  default:
    (is_integer ? bytes_by_int : bytes_by_double)(source, length, numbers, count, target);
  }
}

static void gather_in_order(const struct request *request, R_xlen_t first, R_xlen_t end) {
  for (R_xlen_t at = first; at < end; at += PIECE) {
    gather(request, numbers_from(request, at), end - at < PIECE ? end - at : PIECE,
           request->target + (size_t)at * request->element_bytes);
    if (end - at > PIECE) R_CheckUserInterrupt();
  }
}

/* ---- in the order of the chunks --------------------------------------------------------------------------------- */

/* Positions sorted into buckets of a power of two of bytes each. */
struct buckets {
  int shift; /* position >> shift is the bucket */
  size_t count;
  uint32_t *begin; /* in `order`, of each; one more for the end. The last bucket but the end is for what is NA */
  uint32_t *order; /* numbers of a piece of the index, by bucket */
};

/* Bytes of the vector that surely stay in memory while they are read in any order; all of them if they are there. */
static uint64_t bytes_kept(const ufo_view *view) {
  ufo_region_info info = {.struct_size = sizeof info};
  ufo_region_get_info(ufo_view_region(view), &info);
  if (info.resident_bytes >= info.body_bytes) return UINT64_MAX;
  ufo_pool_stats stats = {.struct_size = sizeof stats};
  ufo_pool_get_stats(info.pool, &stats);
  return stats.budget_bytes / 2;
}

/* From the first to the last byte that the numbers ask for. Too much if some of them are too large, which is rare. */
static uint64_t bytes_spanned(const struct request *request, const void *numbers, R_xlen_t count) {
  double low = (double)request->view->length, high = 0;
  if (request->is_integer) {
    const int *number = numbers;
    int least = INT_MAX, most = 0;
    for (R_xlen_t i = 0; i < count; i++) {
      least = number[i] > 0 && number[i] < least ? number[i] : least;
      most = number[i] > most ? number[i] : most;
    }
    low = least, high = most;
  } else {
    const double *number = numbers;
    for (R_xlen_t i = 0; i < count; i++) {
      low = number[i] > 0 && number[i] < low ? number[i] : low;
      high = number[i] > high ? number[i] : high;
    }
  }
  if (high > (double)request->view->length) high = (double)request->view->length;
  return high < low ? 0 : ((uint64_t)(high - low) + 1) * request->element_bytes;
}

/* For pieces of at most `longest` numbers. */
static void make_buckets(struct buckets *buckets, const struct request *request, R_xlen_t longest) {
  const size_t length = (size_t)request->view->length, bytes = request->element_bytes;
  int shift = 0;
  while (bytes << (shift + 1) <= request->view->chunk_bytes || length >> shift >= BUCKETS_MAX - 2) shift++;
  buckets->shift = shift;
  buckets->count = (length >> shift) + 2;
  buckets->begin = (uint32_t *)(void *)R_alloc(buckets->count + 1, sizeof buckets->begin[0]);
  buckets->order = (uint32_t *)(void *)R_alloc((size_t)longest, sizeof buckets->order[0]);
}

static inline size_t bucket_of(const struct buckets *buckets, R_xlen_t position) {
  return position < 0 ? buckets->count - 1 : (size_t)position >> buckets->shift;
}

/* Counts into begin[bucket + 1]. Whether sorting would save touches: less often than every second time another bucket
 * comes, it is one that did not come before. */
static int count_buckets(struct buckets *buckets, const struct request *request, const void *numbers, R_xlen_t count) {
  size_t changes = 0, used = 0, before = SIZE_MAX;
  memset(buckets->begin, 0, (buckets->count + 1) * sizeof buckets->begin[0]);
  for (R_xlen_t i = 0; i < count; i++) {
    size_t bucket = bucket_of(buckets, position_at(request, numbers, i));
    changes += bucket != before;
    before = bucket;
    used += buckets->begin[bucket + 1]++ == 0;
  }
  return changes > 2 * used;
}

static void sort_into_buckets(struct buckets *buckets, const struct request *request, const void *numbers,
                              R_xlen_t count) {
  for (size_t i = 0; i < buckets->count; i++) buckets->begin[i + 1] += buckets->begin[i];
  for (R_xlen_t i = 0; i < count; i++)
    buckets->order[buckets->begin[bucket_of(buckets, position_at(request, numbers, i))]++] = (uint32_t)i;
}

static void gather_sorted(const struct buckets *buckets, const struct request *request, const void *numbers,
                          R_xlen_t count, char *target) {
  const size_t bytes = request->element_bytes, number_bytes = request->is_integer ? sizeof(int) : sizeof(double);
  for (R_xlen_t at = 0; at < count; at++) {
    size_t i = buckets->order[at];
    gather(request, (const char *)numbers + i * number_bytes, 1, target + i * bytes);
    if (at % PIECE == 0) R_CheckUserInterrupt();
  }
}

/* In the order of the index where `kept` bytes suffice for it. */
static void gather_by_chunk(const struct request *request, R_xlen_t length, uint64_t kept) {
  const void *mark = vmaxget();
  const R_xlen_t longest = length < SORTED_PIECE ? length : SORTED_PIECE;
  struct buckets buckets = {0};
  for (R_xlen_t first = 0; first < length; first += longest) {
    R_xlen_t count = length - first < longest ? length - first : longest;
    const void *numbers = numbers_from(request, first);
    int may_thrash = bytes_spanned(request, numbers, count) > kept;
    if (may_thrash && buckets.order == NULL) make_buckets(&buckets, request, longest);
    if (may_thrash && count_buckets(&buckets, request, numbers, count)) {
      sort_into_buckets(&buckets, request, numbers, count);
      gather_sorted(&buckets, request, numbers, count, request->target + (size_t)first * request->element_bytes);
    } else {
      gather_in_order(request, first, first + count);
    }
  }
  vmaxset(mark);
}

static void gather_all(const struct request *request, R_xlen_t length) {
  const uint64_t kept = length < SORTED_LEAST ? UINT64_MAX : bytes_kept(request->view->view);
  if ((uint64_t)request->view->length * request->element_bytes <= kept) gather_in_order(request, 0, length);
  else gather_by_chunk(request, length, kept);
}

SEXP ufor_subset(const ufor_view *view, SEXPTYPE type, SEXP index) {
  const R_xlen_t length = Rf_xlength(index);
  const int is_integer = TYPEOF(index) == INTSXP;
  SEXP result = PROTECT(Rf_allocVector(type, length));
  struct request request = {
      .view = view,
      .element_bytes = ufor_element_bytes(type),
      .is_integer = is_integer,
      .numbers = is_integer ? (const void *)INTEGER_RO(index) : (const void *)REAL_RO(index),
      .target = length > 0 ? ufor_vector_data(result) : NULL,
  };
  gather_all(&request, length);
  UNPROTECT(1);
  return result;
}

void ufor_subset_words(const ufor_view *view, SEXP index, uint64_t *target) {
  const int is_integer = TYPEOF(index) == INTSXP;
  struct request request = {
      .view = view,
      .element_bytes = sizeof *target,
      .is_integer = is_integer,
      .numbers = is_integer ? (const void *)INTEGER_RO(index) : (const void *)REAL_RO(index),
      .target = (char *)target,
  };
  gather_all(&request, Rf_xlength(index));
}

int ufor_subset_may_thrash(const ufo_view *view, R_xlen_t reads) {
  return reads >= SORTED_LEAST && ufo_view_length(view) > bytes_kept(view);
}
