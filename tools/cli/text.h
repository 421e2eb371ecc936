/* text.h - missing and complex numbers as R has them, and UTF-8. */
#ifndef UFOSTORE_CLI_TEXT_H
#define UFOSTORE_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ufostore/csv.h>

#define NA_INT32 INT32_MIN

/* Enough for the function below, which writes a NUL after the text and returns its length; others are in
 * <ufostore/csv.h>. */
enum { FORMAT_MAX = UFO_CSV_ELEMENT_BYTES };

/* R's NA among the NaNs: its lower word is 1954. */
bool is_na_double(double value);
double na_double(void);

/* "1+2i"; NA if either part is. */
size_t format_complex(char out[FORMAT_MAX], double real, double imaginary);

/* Bytes of the UTF-8 character at `text`, 0 if there is no valid one. */
size_t utf8_length(const char *text, size_t length);
bool utf8_valid(const char *text, size_t length);

#endif
