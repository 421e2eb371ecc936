/* mark.h - what R is told about the encoding of a stored string. */
#ifndef UFOR_MARK_H
#define UFOR_MARK_H

#include "r.h"

/* The mark for a string that is not NA. A store says UTF-8 of all that R had no mark for (see ufor_string_of), also of
 * bytes that are none, such as text of Latin 1 that was read in a session of UTF-8. R takes those for equal only if
 * they have the same mark, so they get none again. */
cetype_t ufor_mark_of(const ufo_string *string);

#endif
