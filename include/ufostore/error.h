/* error.h - how every function of ufostore reports failure.
 *
 * Functions return a ufo_status: 0 is success, a negative value is an error, and UFO_END (positive) is the ordinary
 * end of an iteration. Most take a last argument `ufo_error *error`, which the caller owns and may pass as NULL; on
 * failure it holds the same code, the system's errno if there was one, and one sentence that says what was attempted,
 * on which path and object, and why it failed. It is left untouched on success. Nothing is allocated to report an
 * error, and there is no global error state. */
#ifndef UFOSTORE_ERROR_H
#define UFOSTORE_ERROR_H

#include <ufostore/version.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ufo_status {
  UFO_OK = 0,
  UFO_END = 1,          /* an iterator has nothing more to give */
  UFO_IO = -1,          /* the system refused or failed a read, write, open or sync: see os_errno */
  UFO_CORRUPT = -2,     /* stored bytes are damaged: a checksum, a key or a length does not hold */
  UFO_CONFLICT = -3,    /* somebody else committed first; nothing of this transaction was stored */
  UFO_FULL = -4,        /* a resource ran out: disk, memory, the pool's budget, address space, a stated limit */
  UFO_MISSING = -5,     /* no such file, object, version or attribute */
  UFO_USAGE = -6,       /* the call itself is wrong: type, range, name, length, use after close; state is unchanged */
  UFO_UNSUPPORTED = -7, /* this kernel, format version or file system cannot do it */
} ufo_status;

#define UFO_ERROR_MESSAGE_BYTES 1024

typedef struct ufo_error {
  ufo_status code;
  int os_errno; /* 0 if no system call was to blame */
  char message[UFO_ERROR_MESSAGE_BYTES];
} ufo_error;

/* The name of a status in lower case ("corrupt", "conflict", ...). Static storage; any thread. */
UFO_API const char *ufo_status_name(ufo_status status);

#ifdef __cplusplus
}
#endif
#endif
