/* cumulate.h - cumulative sums, products and extremes over vectors that are larger than memory, as base R has them. */
#ifndef UFOR_CUMULATE_H
#define UFOR_CUMULATE_H

#include "r.h"

/* .Call: writes the cumulative `what` ("cumsum", "cumprod", "cummax", "cummin") of `x` to `target`, a vector of the
 * same length that nobody else has seen. `x` is logical, integer or double; `target` is double if `x` is, or for
 * "cumprod", else integer. TRUE if an integer sum went over. Sums and products are carried in long double, so every
 * element is what base R gives. */
SEXP ufor_cumulate(SEXP x, SEXP target, SEXP what);

#endif
