/* sortkey.c - recognises the keys of a radix sort.
 *
 * R tells no vector that it will be sorted by. But before radix sort begins, R code asks for the length of each key, or
 * whether it is sorted already (see Is_sorted in altrep.c). R_GetCurrentEnv() gives the frame that called the function
 * which asks, and that is one of base R's:
 *
 *   vapply()                 for a function made in the frame of order(), whose keys are in a list `z`
 *   order(), grouping()      when they call themselves for what has a class, with the keys in `z`
 *   sort.int(), sort.list()  which call order() for their `x`
 *
 * Two calls remain that cannot be told from others in time, and are documented: order(method = "radix") with a logical
 * key or several keys, and grouping(), both on vectors without a class and from code outside base R. */
#include "sortkey.h"

#include "altrep.h"
#include "compat.h"
#include "strings.h"

/* With a look for an interrupt after so many chunks. */
#define CHUNKS_AT_A_TIME 64

void ufor_sortkey_read(ufor_view *view) {
  if (view->was_read) return;
  if (view->strings != NULL) {
    ufor_strings_read(view);
    view->was_read = 1;
    return;
  }
  const volatile char *data = view->data;
  size_t bytes = (size_t)view->length * (view->type == UFO_RECORD ? 1 : ufo_type_bytes(view->type));
  size_t chunks = 0;
  for (size_t at = 0; at < bytes; at += view->chunk_bytes) {
    (void)data[at];
    if (++chunks % CHUNKS_AT_A_TIME == 0) R_CheckUserInterrupt();
  }
  view->was_read = 1;
}

static int is_vector_of(const ufor_view *view, SEXP x) {
  SEXP shell = ufor_altrep_shell(x);
  return shell != NULL && ufor_view_in(shell) == view;
}

static int has_key(SEXP frame, const ufor_view *view) {
  SEXP keys = ufor_variable(frame, "z");
  if (TYPEOF(keys) != VECSXP) return 0;
  for (R_xlen_t i = 0; i < XLENGTH(keys); i++)
    if (is_vector_of(view, VECTOR_ELT(keys, i))) return 1;
  return 0;
}

static int is_frame_of_base(SEXP frame) {
  return TYPEOF(frame) == ENVSXP && ufor_parent_environment(frame) == R_BaseNamespace;
}

void ufor_sortkey_check_frame(ufor_view *view, SEXP frame) {
  SEXP function = ufor_variable(frame, "FUN");
  SEXP home = TYPEOF(function) == CLOSXP ? ufor_closure_environment(function) : R_NilValue;
  /* sort.int() and sort.list() give `decreasing` a value of their own before they ask anything of `x`. */
  int is_key = home != R_NilValue ? is_frame_of_base(home) && has_key(home, view)
                                  : has_key(frame, view) || (ufor_variable(frame, "decreasing") != R_NilValue &&
                                                             is_vector_of(view, ufor_argument(frame, "x")));
  if (is_key) ufor_sortkey_read(view);
}
