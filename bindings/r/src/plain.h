/* plain.h - a view as an ordinary R vector, for code that does not know ALTREP vectors or refuses them.
 *
 * R lays an ordinary vector out as a header with the elements right behind it, and lets an allocator say where. The
 * view has room for the header before its body (header_bytes), so the elements of the vector are the view's memory:
 *
 *     | room | R_allocator_t | header of the vector | elements: the body, filled on touch
 *                                                   page boundary
 *
 * The vector owns its view: R's collector frees the vector through the allocator, which releases the view. Nothing
 * tells the package of a duplicate: R copies the elements into memory.
 *
 * Which R offers it is decided when this file is compiled. Both entry points that it takes, Rf_allocVector3 and
 * SETLENGTH, are outside the interface for packages since R 4.5. */
#ifndef UFOR_PLAIN_H
#define UFOR_PLAIN_H

#include "r.h"

#include "view.h"

/* What a view is opened with (ufo_view_options.header_bytes) if its vector is to be plain. R takes 80 of them. */
#define UFOR_PLAIN_HEADER_BYTES 256

/* 1 if objects of `type` can be plain vectors. */
int ufor_plain_suits(ufo_type type);

/* The plain vector of a filled shell whose view was opened with that header, without attributes. The shell is empty
 * afterwards; before an error it is not. To be called only if it is offered. */
SEXP ufor_plain_vector(SEXP shell);

/* The view of a plain vector; NULL for any other object that is no ALTREP one. In general a comparison or two. */
ufor_view *ufor_plain_view(SEXP x);

/* .Call: TRUE if this R offers it. */
SEXP ufor_plain_offered(void);

#endif
