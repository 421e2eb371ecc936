/* cstrings.h - the strings of an object of type UFO_CHARACTER, one after the other, as UTF-8. */
#ifndef UFOSTORE_CLI_CSTRINGS_H
#define UFOSTORE_CLI_CSTRINGS_H

#include "elements.h"

typedef struct cstrings cstrings;

/* Begins with the first string. `source` must outlive the reader, which takes some MiB and its longest strings. */
ufo_status cstrings_open(const elements *source, uint64_t length, cstrings **strings_out, ufo_error *error);
/* The next string; *text_out is NULL for NA and else valid until the next call. Bytes from 0x80 on that have no
 * encoding become \xHH. UFO_END after the last. */
ufo_status cstrings_next(cstrings *strings, const char **text_out, size_t *bytes_out, ufo_error *error);
/* Passes over `count` strings. */
void cstrings_skip(cstrings *strings, uint64_t count);
void cstrings_close(cstrings *strings); /* NULL is allowed */

#endif
