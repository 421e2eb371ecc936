/* rstrings.h - character vectors in R's serialization format, read as a stream.
 *
 * Before there were objects of type UFO_CHARACTER, R kept a character vector in a store as one of type UFO_SERIALIZED,
 * and so it keeps what cannot be taken apart: the bytes of serialize(x, NULL). Two attributes tell what is inside
 * without reading it, a convention shared with the R package: R.type    STRING, the value's typeof(): "character"
 *   R.length  DOUBLE (a reader takes INTEGER too): its length in elements; the object's own length counts bytes
 *
 * THE FORMAT is XDR (big-endian), version 3, as "R Internals" section 1.8 describes and as serialize("a", NULL) shows:
 *   "X\n", int 3, int 4.2.2 (the writer), int 3.5.0 (the oldest reader), int 5, "UTF-8" (the native encoding)
 *   int 0x10 (STRSXP), int length (or -1, high word, low word)
 *   per string: int flags, int bytes, the bytes. The flags are CHARSXP (9) with the encoding in bits 12 and up: 64 for
 *   ASCII, 8 for UTF-8, 4 for Latin-1, none for native. NA_character_ is flags 9 and -1 bytes.
 * Attributes of the vector itself (flag 0x200) follow the strings; a reader of strings need not look at them. */
#ifndef UFOSTORE_CLI_RSTRINGS_H
#define UFOSTORE_CLI_RSTRINGS_H

#include "elements.h"

#include <stdbool.h>
#include <ufostore/ufostore.h>

#define R_TYPE_KEY "R.type"
#define R_LENGTH_KEY "R.length"

typedef struct rstrings rstrings;

/* Begins to read the object `source`, of `bytes` bytes, which must outlive the reader, in blocks of at most
 * `block_bytes`; it takes that and its longest string. UFO_UNSUPPORTED, with a message that names the type, if it is
 * another kind of R object; UFO_CORRUPT if its bytes make no sense. */
ufo_status rstrings_open(const elements *source, uint64_t bytes, uint64_t block_bytes, rstrings **strings_out,
                         ufo_error *error);
uint64_t rstrings_length(const rstrings *strings);
/* The next string as UTF-8; *text_out is NULL for NA and else valid until the next call. UFO_END after the last. */
ufo_status rstrings_next(rstrings *strings, const char **text_out, size_t *bytes_out, ufo_error *error);
/* Passes over `count` strings. */
ufo_status rstrings_skip(rstrings *strings, uint64_t count, ufo_error *error);
void rstrings_close(rstrings *strings);

#endif
