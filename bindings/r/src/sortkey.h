/* sortkey.h - the keys of base R's radix sort, which no error may interrupt.
 *
 * order() and all that sorts by it (sort(), factor(), merge(), ...) keep their state in static variables of base R. An
 * error in the middle, such as that of a damaged chunk, leaves these as they are, and no radix sort works any more in
 * the session. So keys are read whole before a sort begins, while an error does no harm. */
#ifndef UFOR_SORTKEY_H
#define UFOR_SORTKEY_H

#include "r.h"

#include "compat.h"
#include "view.h"

/* Touches every chunk of `view`, unless that was done before. Raises the error of one that cannot be read. */
void ufor_sortkey_read(ufor_view *view);

/* Reads `view` as above if `frame`, one of base R's own functions, is about to sort by its vector. */
void ufor_sortkey_check_frame(ufor_view *view, SEXP frame);

/* Call this when R asks for the length of the vector of `view`: reads it as above if R is about to sort by it. Here in
 * full because a loop over elements asks each time. */
static inline void ufor_sortkey_check(ufor_view *view) {
  if (view->was_read) return;
  SEXP frame = R_GetCurrentEnv();
  if (TYPEOF(frame) == ENVSXP && ufor_parent_environment(frame) == R_BaseNamespace)
    ufor_sortkey_check_frame(view, frame);
}

#endif
