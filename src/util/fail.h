/* fail.h - the one way to fill a ufo_error. */
#ifndef UFO_UTIL_FAIL_H
#define UFO_UTIL_FAIL_H

#include <ufostore/error.h>

/* Fills *error (if not NULL) and returns `code`, so that a failing path reads `return ufo_fail(error, ...)`. The
 * message is cut at the end of a UTF-8 character if it is too long. Allocates nothing; preserves errno. */
ufo_status ufo_fail(ufo_error *error, ufo_status code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same for a failed system call: appends ": " and the text of `os_errno`, and records it. ENOSPC, EDQUOT, ENOMEM,
 * EMFILE and ENFILE become UFO_FULL, ENOENT becomes UFO_MISSING, everything else UFO_IO. */
ufo_status ufo_fail_errno(ufo_error *error, int os_errno, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the message of an error `code` that came from below, and returns `code`. */
ufo_status ufo_fail_prefix(ufo_error *error, ufo_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* clang's analyzer does not see into fail.c; without this it would follow paths on which a failure returns UFO_OK. */
#if defined(__clang_analyzer__) && !defined(UFO_FAIL_C)
#define ufo_fail(error, code, ...) ((void)ufo_fail(error, code, __VA_ARGS__), (code))
#define ufo_fail_errno(error, number, ...) ((void)ufo_fail_errno(error, number, __VA_ARGS__), UFO_IO)
#define ufo_fail_prefix(error, code, ...) ((void)ufo_fail_prefix(error, code, __VA_ARGS__), (code))
#endif

#endif
