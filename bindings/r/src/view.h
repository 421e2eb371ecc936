/* view.h - a view of the library as an R vector (an ALTREP object).
 *
 * The vector's data pointer is the view's memory itself: constant, found without a lock, good for any C code. It is
 * private: writing through it changes no store. Duplicating the vector clones the view, at the cost of what was changed
 * in it. Attributes are ordinary R attributes of the vector.
 *
 * Making one takes two steps, so that nothing can be lost to an error of R between them: a shell first, which the
 * garbage collector already owns, then the view put into it, then the vector around it. */
#ifndef UFOR_VIEW_H
#define UFOR_VIEW_H

#include "r.h"

typedef struct ufor_view {
  ufo_view *view; /* NULL until the shell is filled */
  void *data;
  R_xlen_t length; /* in elements of the R vector */
  ufo_type type;
  uint32_t chunk_bytes;
  struct ufor_strings *strings;      /* what strings have beside their words: strings.h. NULL for other vectors */
  int was_read;                      /* wholly, before a sort: see sortkey.h */
  SEXP path;                         /* of its store; protected by the shell. Not for a plain vector's view */
  SEXP vector;                       /* to be compared only: nothing protects it. NULL before it is made */
  char *plain_path;                  /* for the view of a plain vector (plain.h): its own copy of the path; else NULL */
  struct ufor_view *previous, *next; /* in the list of all views */
} ufor_view;

/* What a view of numbers is opened with (ufo_view_options.header_bytes): memory before its first element. order() of
 * several vectors by radix reads element -1 of the second one on, where `na.last = NA` and the first ones have NA.
 * Before the elements of an ordinary vector is its header. */
#define UFOR_ROOM_BYTES 16

/* An external pointer to an empty ufor_view of the store at `path`, a string. May run a garbage collection first (see
 * ufor_memory_relieve). */
SEXP ufor_view_shell(SEXP path);
/* Gives `view`, of an object as `shape` says, to the shell, which releases it one day, also if this fails
 * (UFO_UNSUPPORTED: too long for R). Of `shape`, name, type, element_bytes and chunk_bytes are used. */
ufo_status ufor_view_fill(SEXP shell, ufo_view *view, const ufo_object_info *shape, ufo_error *error);
/* The same for a clone of the view `source`. */
void ufor_view_fill_clone(SEXP shell, ufo_view *clone, const ufor_view *source);
/* The vector around a filled shell, without attributes. Once for each shell. */
SEXP ufor_view_vector(SEXP shell);
/* The view in a shell; NULL once it has been released. */
ufor_view *ufor_view_in(SEXP shell);
/* Releases a view that no shell has, or has any more. Calls nothing of R: it may be called in a garbage collection. */
void ufor_view_end(ufor_view *view);

/* The path of the view's store, in UTF-8. Valid until the view ends. */
const char *ufor_view_path(const ufor_view *view);

/* The view behind a vector, ALTREP or plain, seen through the wrappers R puts around vectors to change their
 * attributes; NULL if there is none. Valid while `x` is protected and not modified. */
ufor_view *ufor_view_behind(SEXP x);

/* The view of the plain vector `x`, or NULL. Takes time in proportion to the number of views: see ufor_plain_view. */
ufor_view *ufor_view_of_plain(SEXP x);

/* The view whose memory holds `address`, or NULL. Takes time in proportion to the number of views. */
ufor_view *ufor_view_at(const void *address);

/* The bytes of the largest chunk of any view, as far as the view has that many; 0 if there is none. Takes as long. */
uint64_t ufor_view_largest_chunk(void);

/* Bytes of an element of a vector of numbers of R type `type`; 0 for other types. */
size_t ufor_element_bytes(SEXPTYPE type);
/* The library's type for it; 0 if there is none. */
ufo_type ufor_type_of(SEXPTYPE type);

/* Copies elements first .. first + count - 1 of any vector of numbers, ALTREP or not, without materialising it. */
void ufor_copy_elements(SEXP x, R_xlen_t first, R_xlen_t count, void *target);
/* The elements of a logical, integer, double, complex or raw vector, as R hands them out for writing. */
void *ufor_vector_data(SEXP x);

/* .Call entry points. */
SEXP ufor_is_view(SEXP x);
SEXP ufor_materialize(SEXP x);

#endif
