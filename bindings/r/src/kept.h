/* kept.h - the strings that a vector of stored strings (strings.h) has given away one by one, by their words.
 *
 * R holds them in the vector's data2, a table of strings with free places; which of them stands for what is here. As
 * long as the vector is expanded there is no table. `x` is such a vector, which is not expanded, in all calls. */
#ifndef UFOR_KEPT_H
#define UFOR_KEPT_H

#include "r.h"

#include <stddef.h>
#include <stdint.h>

typedef struct ufor_kept {
  uint64_t *keys; /* of the strings in the table, 0 where there is none; NULL: no table */
  size_t places, count;
} ufor_kept;

/* NULL: none is kept for this word. */
SEXP ufor_kept_get(SEXP x, uint64_t word);
/* Allocates; raises an error where there is no memory. */
void ufor_kept_put(SEXP x, uint64_t word, SEXP string);
/* For a word for which another string is kept already. */
void ufor_kept_put_beside(SEXP x, SEXP string);
void ufor_kept_forget(SEXP x);
/* If they are so many that they weigh more than making them anew. */
void ufor_kept_forget_many(SEXP x);

/* A hash of a word. */
static inline size_t ufor_kept_spread(uint64_t word) { return (size_t)((word * UINT64_C(0x9E3779B97F4A7C15)) >> 20); }

#endif
