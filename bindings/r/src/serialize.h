/* serialize.h - R objects without a form of their own in a store: strings, functions, environments, S4, calls, ...
 *
 * They are kept in R's serialization (XDR, version 3) as an object of type UFO_SERIALIZED, written and read as a stream
 * in bounded memory. Two attributes tell other programs what is inside: "R.type" (what typeof() says) and "R.length".
 */
#ifndef UFOR_SERIALIZE_H
#define UFOR_SERIALIZE_H

#include "r.h"

/* Serializes `value` into `writer`, which stays open. Looks for interrupts: call it inside R_UnwindProtect. */
ufo_status ufor_serialize(SEXP value, ufo_writer *writer, ufo_error *error);

/* The value in a view of a UFO_SERIALIZED object, given by its shell (view.h). Raises a condition if it is damaged. */
SEXP ufor_unserialize(SEXP shell);

/* One value to and from a raw vector, for attributes of any type. */
SEXP ufor_serialize_raw(SEXP value);
SEXP ufor_unserialize_raw(SEXP raw);

#endif
