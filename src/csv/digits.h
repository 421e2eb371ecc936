/* digits.h - a double as the digits that give it back, and back from them. */
#ifndef UFO_CSV_DIGITS_H
#define UFO_CSV_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes a finite, positive `value` as snprintf() does in the C locale by the first of "%.15g", "%.16g" and "%.17g"
 * that strtod() gives the same value back for, without a NUL, and returns the length, at most 24. 0: it is so large
 * (2^128) or so small (about 1e-16) that the caller has to ask those two. */
size_t ufo_csv_digits(char *out, double value);

/* The double next to digits * 10^scale, of two as near the even one, as strtod() has it. False: `scale` is below -27 or
 * beyond 27, so that the caller has to ask it. */
bool ufo_csv_from_digits(uint64_t digits, int scale, double *value_out);

/* The decimal digits of `value`, at most 20, and their number. */
size_t ufo_csv_put_unsigned(char *out, uint64_t value);

#endif
