/* words.h - character vectors for results: strings (strings.h) of no object, written piece by piece and in place.
 *
 * Their words are a view of no object, as all of scratch.h. Their text is either one, too, made anew with twice the
 * room when it is full, or that of another vector, if the strings are some of its own: then no byte of them is copied.
 * As there, only what nobody else has seen is written to. */
#ifndef UFOR_WORDS_H
#define UFOR_WORDS_H

#include "r.h"

#include "view.h"

/* .Call: a vector of `length` empty strings. `pointer` is an open store, whose scratch file is used. */
SEXP ufor_words(SEXP pointer, SEXP length);
/* .Call: the same with the text of `x`, for ufor_words_take; NULL where that is of no use. */
SEXP ufor_words_beside(SEXP pointer, SEXP length, SEXP x);
/* .Call: strings `index` of `x`, whose text `target` has, become elements first + 1 ... of `target`. `index`: whole
 * numbers from 1, integer or double; NA for what is no position in `x`. NULL. */
SEXP ufor_words_take(SEXP target, SEXP first, SEXP x, SEXP index);
/* .Call: whether some string of a character vector is NA. */
SEXP ufor_words_any_na(SEXP x);
/* Which of strings first, first + 1, ... of a character vector are NA: `count` numbers 0 or 1. No string is made for
 * it. */
void ufor_words_are_na(SEXP x, R_xlen_t first, R_xlen_t count, int *out);

/* Writes all of `values` to elements first, first + 1, ... of the strings `x`, in place, from the store of `pointer` if
 * there is need of more scratch. Strings that are there already are not written again. */
void ufor_words_write(SEXP pointer, SEXP x, R_xlen_t first, SEXP values);

#endif
