/* encoding.h - what a store is told about the encoding of R's strings, and R about that of stored ones.
 *
 * R marks strings as UTF-8, Latin 1 or bytes, or not at all: then they are in the session's encoding, and those that
 * are not ASCII become UTF-8 on their way into a store. A store says UTF-8 of all that it was not told of, also of
 * bytes that are none, such as text of Latin 1 that was read in a session of UTF-8. R takes those for equal only if
 * they have the same mark, so they come back without one. */
#ifndef UFOR_ENCODING_H
#define UFOR_ENCODING_H

#include "r.h"

/* R's mark for a stored string that is not NA. */
cetype_t ufor_encoding_mark(const ufo_string *string);

/* A string of R for the library, valid while `string` is. May allocate (R_alloc). */
ufo_string ufor_encoding_string(SEXP string);

#endif
