/* must.h - for tests that are a plain main(): what must hold, or the process says where it did not, and ends.
 *
 * By _exit(), so that other threads and forked children may use it; nothing is cleaned up. */
#ifndef UFO_TEST_MUST_H
#define UFO_TEST_MUST_H

#include <stdio.h>
#include <ufostore/ufostore.h>
#include <unistd.h>

/* A call of the library, which gets the variable `e` for its error. */
#define MUST(call)                                                                                                     \
  do {                                                                                                                 \
    ufo_error error_ = {0}, *e = &error_;                                                                              \
    if ((call) != UFO_OK) {                                                                                            \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, error_.message);                                   \
      _exit(1);                                                                                                        \
    }                                                                                                                  \
  } while (0)

/* Anything else; the format and its values say what is wrong. */
#define MUST_HOLD(condition, ...)                                                                                      \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                                                  \
      fprintf(stderr, __VA_ARGS__);                                                                                    \
      fputc('\n', stderr);                                                                                             \
      _exit(1);                                                                                                        \
    }                                                                                                                  \
  } while (0)

#endif
