/* r.h - what every file of the package includes: R's interface without macros that take common names, and the library.
 *
 * Names of this package's C functions begin with ufor_; the library's begin with ufo_. */
#ifndef UFOR_R_H
#define UFOR_R_H

#ifndef R_NO_REMAP
#define R_NO_REMAP
#endif
#ifndef STRICT_R_HEADERS
#define STRICT_R_HEADERS
#endif

#include <R.h>
#include <Rinternals.h>
#include <ufostore/ufostore.h>

/* A header in which tools/test makes each call of R look at its thread: see r_calls in tools/lib.sh. */
#ifdef UFOR_R_CALLS
#include UFOR_R_CALLS
#endif

#endif
