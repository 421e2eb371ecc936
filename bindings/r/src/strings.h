/* strings.h - character vectors over stored strings: an ALTREP class like those of altrep.h.
 *
 * The view in the vector's shell is that of the words (<ufostore/text.h>); what it has beside them is here. A string is
 * made when R asks for it. R's own code may use a string that it was given for as long as the vector is there, without
 * saying so, and tells strings apart by their addresses: so each that was given away one by one is kept, with its word,
 * until the vector goes, or until the next x[...] once there are many. x[...] itself gives a vector of its own, which
 * needs no keeping. Code that asks for an array of strings gets an ordinary vector, which the ALTREP object has as
 * data2 and stands for from then on ("expanded"): it is no view any more. */
#ifndef UFOR_STRINGS_H
#define UFOR_STRINGS_H

#include "kept.h"
#include "view.h"

#include <R_ext/Rdynload.h>

typedef struct ufor_strings {
  ufo_view *text; /* never written to, but by words.c */
  const char *bytes;
  uint64_t length;     /* of the text in the view */
  uint64_t room;       /* for text in the view, if it is one of no object (words.h); else 0 */
  ufo_view *next_text; /* while the text is copied to a larger view; else NULL */
  int is_beside;       /* words are taken from another vector with the same text: see words.h */
  ufo_text *added;     /* behind that: strings that were assigned. NULL: none yet */
  ufor_kept kept;      /* in data2 */
  int is_expanded;
} ufor_strings;

void ufor_strings_init(DllInfo *dll);
int ufor_strings_is(SEXP x);       /* of the class; also if it was expanded */
int ufor_strings_is_view(SEXP x);  /* of the class, and not expanded */
SEXP ufor_strings_new(SEXP shell); /* the vector around a filled shell */

/* Opens words and text, children of the object at `parent`, into the shell. `shape` is the object's. */
ufo_status ufor_strings_open(SEXP shell, ufo_store *store, ufo_txn *txn, const char *parent, uint64_t version,
                             const ufo_object_info *shape, ufo_error *error);
/* Gives views of words and text to the shell, which releases them one day, also if this fails. */
ufo_status ufor_strings_fill(SEXP shell, ufo_view *words, ufo_view *text, const ufo_object_info *shape,
                             ufo_error *error);
void ufor_strings_free(ufor_strings *strings); /* NULL is allowed */

/* Are words and text views of one object, the text as it is there? Such strings are put by what was changed. */
int ufor_strings_are_of_object(const ufor_view *view);

/* Strings first .. first + count - 1 of any character vector, as a vector of their own; none is kept by a view. */
SEXP ufor_strings_range(SEXP x, R_xlen_t first, R_xlen_t count);

/* Writes all of any character vector. With a look for an interrupt now and then, so `writer` must be reachable. */
ufo_status ufor_strings_write(ufo_text_writer *writer, SEXP x, ufo_error *error);

/* Name of the object, without the part that leads to the words; one buffer for all. */
const char *ufor_strings_name(const ufor_view *view);
/* Raises an error if a word leads nowhere; reads all words and all text. */
void ufor_strings_read(const ufor_view *view);

#endif
