/* ufostoreR.h - stored vectors in the C code of other R packages.
 *
 * A view of a stored vector is an R vector like any other, and INTEGER(x), REAL(x), ... give its memory, for any
 * length, at no cost. What stands here is for code that wants to know more, or to prepare for what it will touch.
 *
 * In the DESCRIPTION of the package that uses it:
 *
 *     LinkingTo: ufostore
 *     Imports: ufostore
 *
 * and in its NAMESPACE something to be imported, so that ufostore is loaded: importFrom(ufostore, is_ufo).
 *
 * THREADS  All functions are for R's main thread. The memory of a view may be touched by any thread. If a part that is
 *   touched cannot be read (a damaged chunk, a full disk), that is an R error in the main thread; in another thread the
 *   process ends with SIGBUS. ufostore_pin() finds out before, and keeps the part in memory while it is used.
 * SYSTEM CALLS  For ordinary users the kernel may refuse to bring chunks into memory for a system call (read(2) into a
 *   view, write(2) from it): EFAULT. Pin the part first, for writing if the call is to write to it.
 * ERRORS  Failures are R errors of the classes of ?ufo_conditions. They leave C code by longjmp, as all R errors do.
 * MEMORY  Pointers are valid while the vector is protected. Take the vector's pointer (REAL(x), or REAL_RO(x) if it is
 *   only read) before asking about it or pinning: where two R objects share a view, REAL(x) may give `x` one of its
 * own. Positions and counts are of elements, from 0. */
#ifndef UFOSTORER_H
#define UFOSTORER_H

#include <stddef.h>
#include <stdint.h>

#ifndef R_NO_REMAP
#define R_NO_REMAP
#endif
#include <R_ext/Rdynload.h>
#include <Rinternals.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A view in ufostore's library. To be compared with others: it is of no use to another copy of the library. */
struct ufo_view;

typedef struct ufostore_vector_info {
  size_t struct_size;      /* set it to sizeof(ufostore_vector_info) before the call */
  struct ufo_view *view;   /* the same for two R objects that share one view, as a vector and R's wrapper of it do */
  void *data;              /* the memory: as REAL(x), ... */
  R_xlen_t length;         /* in elements of the R vector */
  size_t element_bytes;    /* of the R vector */
  size_t chunk_bytes;      /* what is read and written at once; work goes well in multiples of it, from its beginning */
  uint64_t chunk_count;    /* of all */
  uint64_t chunks_changed; /* since the view was got, or put back */
  uint64_t version;        /* of the object it is a view of; 0 if that is not committed yet */
  const char *path, *name; /* of the store, and of the object in it: UTF-8, valid while the vector is */
  int is_plain;            /* not an ALTREP vector: see ?ufo_get */
} ufostore_vector_info;

enum ufostore_advice {
  UFOSTORE_NORMAL = 0,
  UFOSTORE_SEQUENTIAL = 1, /* the vector is read from its beginning to its end */
  UFOSTORE_RANDOM = 2,     /* it is read here and there */
  UFOSTORE_WILLNEED = 3,   /* read this part now, as far as the memory budget allows */
  UFOSTORE_DONTNEED = 4    /* give its memory back now; what was changed is kept elsewhere */
};

/* Functions are found in the loaded package ufostore when they are first used. */
#define UFOSTORE_FUNCTION(result, name, parameters, arguments)                                                         \
  static R_INLINE result name parameters {                                                                             \
    static result(*function) parameters;                                                                               \
    if (function == NULL) function = (result(*) parameters)(void (*)(void))R_GetCCallable("ufostore", #name);          \
    return function arguments;                                                                                         \
  }

/* The version of what is in this header, 1: functions are only ever added, and fields at the end of structures. */
UFOSTORE_FUNCTION(int, ufostore_api_version, (void), ())

/* 1 if `x` is a view of a stored vector, else 0; never an error. Takes some comparisons. Character vectors are none
 * here: their elements are R's strings, which are not in the memory of a view. */
UFOSTORE_FUNCTION(int, ufostore_is_view, (SEXP x), (x))

/* Fills *info if `x` is a view, and returns 1; else returns 0. */
UFOSTORE_FUNCTION(int, ufostore_info, (SEXP x, ufostore_vector_info *info), (x, info))

/* Says how elements first .. first + count - 1 of the view `x` will be used. NORMAL, SEQUENTIAL and RANDOM concern the
 * whole vector. Returns 1; 0 if `x` is no view, so that code need not ask before. */
UFOSTORE_FUNCTION(int, ufostore_advise, (SEXP x, R_xlen_t first, R_xlen_t count, enum ufostore_advice advice),
                  (x, first, count, advice))

/* Reads the elements, and keeps them in memory until ufostore_unpin() with the same range. Pins nest. With `for_write`
 * the part counts as changed, and a system call may write to it. All or nothing; an error if a chunk cannot be read or
 * the memory budget has no room. Unpin also if R jumps out of what comes between (R_UnwindProtect, R_ExecWithCleanup),
 * and before the vector is let go. Returns as above. */
UFOSTORE_FUNCTION(int, ufostore_pin, (SEXP x, R_xlen_t first, R_xlen_t count, int for_write),
                  (x, first, count, for_write))
UFOSTORE_FUNCTION(int, ufostore_unpin, (SEXP x, R_xlen_t first, R_xlen_t count), (x, first, count))

/* The object `name` (UTF-8) of `store`, which ufo_open() gave: as ufo_get(store, name) in R. Protect it. */
UFOSTORE_FUNCTION(SEXP, ufostore_get, (SEXP store, const char *name), (store, name))

#undef UFOSTORE_FUNCTION

#ifdef __cplusplus
}
#endif
#endif
