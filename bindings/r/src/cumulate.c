/* cumulate.c - see cumulate.h; the loops are those of base R, with what they carry taken out. */
#include "cumulate.h"

#include "store.h"
#include "view.h"

#include <limits.h>
#include <string.h>

#define PIECE ((R_xlen_t)65536) /* elements */

struct carry {
  long double total; /* of sums and products */
  double extreme;
  int integer_extreme;
  int started;
  int missing;  /* an integer NA was met: all that follows is NA */
  int overflow; /* an integer sum went over: so it is then */
};

typedef void (*step)(struct carry *carry, const void *from, void *to, R_xlen_t count);

static void double_sum(struct carry *carry, const void *from, void *to, R_xlen_t count) {
  const double *x = from;
  double *result = to;
  for (R_xlen_t i = 0; i < count; i++) result[i] = (double)(carry->total += x[i]);
}

static void double_product(struct carry *carry, const void *from, void *to, R_xlen_t count) {
  const double *x = from;
  double *result = to;
  for (R_xlen_t i = 0; i < count; i++) result[i] = (double)(carry->total *= x[i]);
}

static void integer_product(struct carry *carry, const void *from, void *to, R_xlen_t count) {
  const int *x = from;
  double *result = to;
  for (R_xlen_t i = 0; i < count; i++)
    result[i] = (double)(carry->total *= x[i] == NA_INTEGER ? NA_REAL : (double)x[i]);
}

static void double_maximum(struct carry *carry, const void *from, void *to, R_xlen_t count) {
  const double *x = from;
  double *result = to, most = carry->started ? carry->extreme : R_NegInf;
  for (R_xlen_t i = 0; i < count; i++) {
    if (ISNAN(x[i]) || ISNAN(most)) most = most + x[i]; /* NA and NaN go on */
    else most = most > x[i] ? most : x[i];
    result[i] = most;
  }
  carry->extreme = most;
}

static void double_minimum(struct carry *carry, const void *from, void *to, R_xlen_t count) {
  const double *x = from;
  double *result = to, least = carry->started ? carry->extreme : R_PosInf;
  for (R_xlen_t i = 0; i < count; i++) {
    if (ISNAN(x[i]) || ISNAN(least)) least = least + x[i];
    else least = least < x[i] ? least : x[i];
    result[i] = least;
  }
  carry->extreme = least;
}

static void integer_sum(struct carry *carry, const void *from, void *to, R_xlen_t count) {
  const int *x = from;
  int *result = to;
  for (R_xlen_t i = 0; i < count; i++) {
    if (x[i] == NA_INTEGER) carry->missing = 1;
    if (!carry->missing && !carry->overflow) {
      carry->total += x[i];
      if (carry->total > INT_MAX || carry->total < -INT_MAX) carry->overflow = 1;
    }
    result[i] = carry->missing || carry->overflow ? NA_INTEGER : (int)carry->total;
  }
}

static void integer_extreme(struct carry *carry, const int *x, int *result, R_xlen_t count, int greatest) {
  for (R_xlen_t i = 0; i < count; i++) {
    if (x[i] == NA_INTEGER) carry->missing = 1;
    int first = !carry->started && i == 0;
    if (first || (greatest ? x[i] > carry->integer_extreme : x[i] < carry->integer_extreme))
      carry->integer_extreme = x[i];
    result[i] = carry->missing ? NA_INTEGER : carry->integer_extreme;
  }
}

static void integer_maximum(struct carry *carry, const void *from, void *to, R_xlen_t count) {
  integer_extreme(carry, from, to, count, 1);
}

static void integer_minimum(struct carry *carry, const void *from, void *to, R_xlen_t count) {
  integer_extreme(carry, from, to, count, 0);
}

static step step_for(const char *what, int is_double) {
  if (strcmp(what, "cumsum") == 0) return is_double ? double_sum : integer_sum;
  if (strcmp(what, "cumprod") == 0) return is_double ? double_product : integer_product;
  if (strcmp(what, "cummax") == 0) return is_double ? double_maximum : integer_maximum;
  return is_double ? double_minimum : integer_minimum;
}

SEXP ufor_cumulate(SEXP x, SEXP target, SEXP what) {
  const char *name = ufor_name(what);
  const R_xlen_t length = Rf_xlength(x);
  const step next = step_for(name, TYPEOF(x) == REALSXP);
  const size_t bytes = ufor_element_bytes(TYPEOF(target));
  struct carry carry = {.total = strcmp(name, "cumprod") == 0 ? 1 : 0};
  const void *top = vmaxget();
  void *piece = R_alloc((size_t)PIECE, sizeof(double));
  char *to = length > 0 ? ufor_vector_data(target) : NULL;
  for (R_xlen_t first = 0; first < length; first += PIECE) {
    R_xlen_t count = length - first < PIECE ? length - first : PIECE;
    ufor_copy_elements(x, first, count, piece);
    next(&carry, piece, to + (size_t)first * bytes, count);
    carry.started = 1;
    R_CheckUserInterrupt();
  }
  vmaxset(top);
  return Rf_ScalarLogical(carry.overflow);
}
