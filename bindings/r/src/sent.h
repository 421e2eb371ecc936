/* sent.h - the handle of a store in another session than the one that opened it.
 *
 * R serializes an external pointer with what it protects, and without its address. What the pointer of a store protects
 * says which store it is of, and has a mark, a vector of no elements whose class R looks for in this package: so the
 * package is loaded where the handle arrives, and `$` and its like are what they are here. Used there, the store is
 * opened for reading. */
#ifndef UFOR_SENT_H
#define UFOR_SENT_H

#include "r.h"

/* The fields of what the pointer protects, a list. */
enum { UFOR_SENT_PATH, UFOR_SENT_UUID, UFOR_SENT_SNAPSHOT, UFOR_SENT_PREFLIGHT, UFOR_SENT_MARK, UFOR_SENT_FIELDS };

void ufor_sent_init(DllInfo *dll);

/* That list; `path` is a string, `snapshot` one or NULL of R. Opened with a preflight, it is so again elsewhere. */
SEXP ufor_sent_fields(const ufo_store *store, SEXP path, SEXP snapshot, int preflight);

/* Was the store open when it was serialized? `pointer` has no address, and may have been made by anything. */
int ufor_is_sent(SEXP pointer);

/* Opens the store that it was of. Calls nothing of R. UFO_MISSING also if another one is at the path by now. */
ufo_status ufor_sent_open(SEXP pointer, ufo_store **store_out, ufo_error *error);

#endif
