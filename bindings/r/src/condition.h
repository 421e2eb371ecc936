/* condition.h - from a ufo_error of the library to a classed R condition.
 *
 * Raising leaves the C code by longjmp: call these on R's main thread and only when nothing is held that the garbage
 * collector does not know (no open transaction, writer, buffer or lock), or inside a body given to R_UnwindProtect. */
#ifndef UFOR_CONDITION_H
#define UFOR_CONDITION_H

#include "r.h"

/* Raises the condition of error->code: class c("ufo_<kind>_error", "ufo_error", "error", "condition") with the fields
 * code, path and object. `path` and `object` (UTF-8) may be NULL. */
_Noreturn void ufor_raise(const ufo_error *error, const char *path, const char *object);

/* The same with what is to be done about it in a certain situation: "opening" a store, also at a snapshot ("opening
 * snapshot"), looking for a "snapshot" or for a "version" of an object that exists, "following" a reference, "touching"
 * a view from inside any code. */
_Noreturn void ufor_raise_in(const char *situation, const ufo_error *error, const char *path, const char *object);

/* The same for an error found here; `format` is as for printf. */
_Noreturn void ufor_raise_format(ufo_status code, const char *path, const char *object, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Fills `error` as the library would; returns `code`. */
ufo_status ufor_fail(ufo_error *error, ufo_status code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Nonzero if the user has asked to stop. Does not jump: for callbacks of the library. */
int ufor_interrupt_pending(void);

/* Ends the present evaluation as an interrupt by the user would. */
_Noreturn void ufor_raise_interrupt(void);

/* The namespace of this package. */
SEXP ufor_namespace(void);

#endif
