/* merge.h - sorting and selecting in vectors that are larger than memory. */
#ifndef UFOR_MERGE_H
#define UFOR_MERGE_H

#include "r.h"

/* .Call: merges sorted runs of `keys` into `keys_to`, at the same places. Run i is elements starts[i] + 1 ...
 * starts[i + 1]; there are at most MERGE_RUNS_MAX runs. Keys are integer or double, none of them missing. Where keys
 * are equal, those of earlier runs come first. `payload`, NULL or a vector of the same length, goes the same way to
 * `payload_to`. Both targets are vectors that nobody else has seen. NULL. */
SEXP ufor_merge(SEXP keys, SEXP payload, SEXP starts, SEXP decreasing, SEXP keys_to, SEXP payload_to);

/* .Call: the elements of integer or double `x` with the given ranks among those that are not missing: ranks from 1 on
 * that exist, in ascending order without repetition. Reads `x` once for every 16 bits of an element, and needs half a
 * megabyte for each rank. */
SEXP ufor_select(SEXP x, SEXP ranks);

#endif
