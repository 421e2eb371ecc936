/* plain.c - puts the header of an ordinary vector before the body of a view.
 *
 * R counts what allocVector3() allocates as if it were its own: for one vector of a TiB the trigger of the garbage
 * collector grows to a TiB, and garbage is not collected any more, long after the vector is gone. So the vector is
 * allocated with a few elements, and given its length afterwards. R counts neither a vector of an allocator's nor its
 * length when it is freed. Vectors of length one, for which R does not ask the allocator, come about in the same way.
 */
#include "plain.h"

#include "condition.h"

#include <Rversion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int ufor_plain_suits(ufo_type type) {
  return type == UFO_LOGICAL || type == UFO_INTEGER || type == UFO_DOUBLE || type == UFO_COMPLEX || type == UFO_RAW ||
         type == UFO_RECORD;
}

#if R_VERSION < R_Version(4, 5, 0) && !defined(UFOR_NO_PLAIN)

#include <R_ext/Rallocators.h>

/* What the vector has when it is allocated: whole units of R's for every type, and never one element. */
#define FIRST_BYTES 32

/* From the address of a vector to its elements; 0 before there is a plain vector. */
static size_t header_bytes;

/* R asks for the allocator, which it keeps there, the header and the elements in one piece. */
static void *place(R_allocator_t *allocator, size_t bytes) {
  const ufor_view *view = allocator->data;
  size_t before = bytes - FIRST_BYTES;
  return before <= UFOR_PLAIN_HEADER_BYTES ? (char *)view->data - before : NULL;
}

/* In the middle of a garbage collection. `allocator` is the one kept before the header: it goes with the view. */
static void release(R_allocator_t *allocator, void *memory) {
  (void)memory;
  ufor_view_end(allocator->data);
}

static SEXPTYPE r_type_of(ufo_type type) {
  switch (type) {
  case UFO_LOGICAL:
    return LGLSXP;
  case UFO_INTEGER:
    return INTSXP;
  case UFO_DOUBLE:
    return REALSXP;
  case UFO_COMPLEX:
    return CPLXSXP;
  default:
    return RAWSXP;
  }
}

SEXP ufor_plain_vector(SEXP shell) {
  ufor_view *view = ufor_view_in(shell);
  const SEXPTYPE type = r_type_of(view->type);
  view->plain_path = strdup(ufor_view_path(view));
  if (view->plain_path == NULL) ufor_raise_format(UFO_FULL, NULL, NULL, "Cannot open a view: out of memory");
  R_allocator_t allocator = {.mem_alloc = place, .mem_free = release, .data = view};
  SEXP vector = Rf_allocVector3(type, (R_xlen_t)(FIRST_BYTES / ufor_element_bytes(type)), &allocator);
  R_ClearExternalPtr(shell); /* from here on the vector has the view */
  view->path = R_NilValue;
  view->vector = vector;
  if (ufor_vector_data(vector) != view->data)
    ufor_raise_format(UFO_UNSUPPORTED, view->plain_path, NULL, "The form \"plain\" does not suit this R");
  header_bytes = (size_t)((char *)view->data - (char *)vector);
  SETLENGTH(vector, view->length);
  return vector;
}

ufor_view *ufor_plain_view(SEXP x) {
  static uintptr_t page;
  if (page == 0) page = (uintptr_t)sysconf(_SC_PAGESIZE);
  if (header_bytes == 0 || ((uintptr_t)x + header_bytes) % page != 0) return NULL;
  return ufor_view_of_plain(x);
}

SEXP ufor_plain_offered(void) { return Rf_ScalarLogical(TRUE); }

#else

SEXP ufor_plain_vector(SEXP shell) {
  (void)shell;
  ufor_raise_format(UFO_UNSUPPORTED, NULL, NULL, "This R does not offer the form \"plain\"");
}

ufor_view *ufor_plain_view(SEXP x) {
  (void)x;
  return NULL;
}

SEXP ufor_plain_offered(void) { return Rf_ScalarLogical(FALSE); }

#endif
