/* form.h - which form an R value takes in a store. */
#ifndef UFOR_FORM_H
#define UFOR_FORM_H

#include "r.h"

typedef enum ufor_form {
  UFOR_FORM_VECTOR,     /* chunks of elements: read lazily, written in part */
  UFOR_FORM_LIST,       /* an object for each element */
  UFOR_FORM_SERIALIZED, /* R's serialization of the whole value */
} ufor_form;

/* Touches no elements of vectors. */
ufor_form ufor_form_of(SEXP value);

#endif
