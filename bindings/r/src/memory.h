/* memory.h - the process's one pool: the memory budget that all views share.
 *
 * The pool is made when the first view is needed, with the budget that ufo_memory(), the option `ufostore.memory` or
 * the environment variable UFOSTORE_MEMORY asks for. It lives as long as the process: its threads may be serving faults
 * until the very end. */
#ifndef UFOR_MEMORY_H
#define UFOR_MEMORY_H

#include "r.h"

/* The pool, made if need be. Raises a condition if the kernel refuses. */
ufo_pool *ufor_pool(void);

/* Views held by R vectors: call these when one is opened and when it is released. */
void ufor_memory_view_opened(void);
void ufor_memory_view_released(void);

/* Runs R's garbage collector if vectors that are no longer reachable are likely to hold many views or much spilled
 * data. R cannot know: to its collector a view of a terabyte weighs as much as a pair. May run finalizers. */
void ufor_memory_relieve(void);
/* The same without asking first: for one more try when a view could not be opened for want of address space. */
void ufor_memory_collect(void);

/* .Call: the budget in bytes; sets it first if `bytes` is not NULL. Gives the budget that was. */
SEXP ufor_memory_budget(SEXP bytes);
/* .Call: the least budget in bytes that suffices for the views that there are. */
SEXP ufor_memory_least(void);
/* .Call: a named list of the pool's figures. */
SEXP ufor_memory_stats(void);

#endif
