/* utf16.h - files in UTF-16, as spreadsheets write them, become UTF-8 while they are read. */
#ifndef UFO_CSV_UTF16_H
#define UFO_CSV_UTF16_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UFO_CSV_UTF16_BYTES ((size_t)256 * 1024)

/* Bytes of the file that are not decoded yet: `filled` of them, from `at` on. */
typedef struct ufo_csv_utf16 {
  bool big_endian;
  size_t at, filled;
  unsigned char bytes[UFO_CSV_UTF16_BYTES];
} ufo_csv_utf16;

/* Does a file that begins with these bytes have UTF-16's byte order mark, and which? */
bool ufo_csv_utf16_marked(const char *bytes, size_t count, bool *big_endian_out);

/* Decodes whole characters into `out`, as many as fit, and returns the length. *malformed_out: after that comes half of
 * a surrogate pair. */
size_t ufo_csv_utf16_decode(ufo_csv_utf16 *source, char *out, size_t capacity, bool *malformed_out);

#endif
