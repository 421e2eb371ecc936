/* expect.h - a call of the library must succeed, or fail as it should; for code that runs in a Criterion test's own
 * thread. */
#ifndef UFO_TEST_EXPECT_H
#define UFO_TEST_EXPECT_H

#include <criterion/criterion.h>
#include <ufostore/error.h>

static ufo_error error;

#define OK(call)                                                                                                       \
  do {                                                                                                                 \
    error = (ufo_error){0};                                                                                            \
    int status_ = (int)(call);                                                                                         \
    cr_assert(status_ == UFO_OK, "%s gave %s: %s", #call, ufo_status_name((ufo_status)status_), error.message);        \
  } while (0)

/* The call must fail with exactly this status, and say so in the error. */
#define FAILS(expected, call)                                                                                          \
  do {                                                                                                                 \
    error = (ufo_error){0};                                                                                            \
    int status_ = (int)(call);                                                                                         \
    cr_assert(status_ == (expected), "%s gave %s, not %s: %s", #call, ufo_status_name((ufo_status)status_),            \
              ufo_status_name(expected), error.message);                                                               \
    cr_assert(error.code == (expected) && error.message[0], "%s left no message", #call);                              \
  } while (0)

#endif
