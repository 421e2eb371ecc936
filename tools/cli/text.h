/* text.h - single elements as text, the way R writes them, and UTF-8. */
#ifndef UFOSTORE_CLI_TEXT_H
#define UFOSTORE_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NA_INT32 INT32_MIN

/* Enough for each of the functions below, which write a NUL after the text and return its length. */
enum { FORMAT_MAX = 80 };

/* R's NA among the NaNs: its lower word is 1954. */
bool is_na_double(double value);
double na_double(void);

size_t format_logical(char out[FORMAT_MAX], int32_t value);
size_t format_integer(char out[FORMAT_MAX], int32_t value);
/* The fewest digits that give the same double back; "NA", "NaN", "Inf", "-Inf". */
size_t format_double(char out[FORMAT_MAX], double value);
/* "1+2i"; NA if either part is. */
size_t format_complex(char out[FORMAT_MAX], double real, double imaginary);
/* Days since 1970-01-01 as "2013-02-28". */
size_t format_date(char out[FORMAT_MAX], double days);
/* Seconds since 1970-01-01 as "2013-02-28T05:15:00Z", with up to six decimals if they are not whole. */
size_t format_datetime(char out[FORMAT_MAX], double seconds);

/* Bytes of the UTF-8 character at `text`, 0 if there is no valid one. */
size_t utf8_length(const char *text, size_t length);
bool utf8_valid(const char *text, size_t length);
bool is_ascii(const char *text, size_t length);

#endif
