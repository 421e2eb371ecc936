/* sum.h - sums of plain memory, to the last bit what base R's sum() gives.
 *
 * R adds doubles one after the other in long double. The next addition cannot begin before the last one is done, which
 * takes longer than anything else that is done to a number on its way from the file. Here whole groups are added at
 * once where it can be shown that the result is the same; everything else is added as R does.
 *
 * How: while a sum of 64 significant bits stays between two powers of two it is a whole number M of units of 2^e, and
 * adding x gives the nearest whole number to M + x / 2^e. Unless x lies just halfway between two units, that is M plus
 * the nearest whole number to x / 2^e, whatever M is: numbers are rounded on their own, several in one instruction, and
 * whole numbers may be added in any order. From halfway R goes to the even sum, so these are added in their turn. */
#ifndef UFOR_SUM_H
#define UFOR_SUM_H

#include <stddef.h>
#include <stdint.h>

/* `sum` after values[0], values[1], ... have been added to it in this order; NaN and NA are left out if `skip_nan`. */
long double ufor_sum_doubles(long double sum, const double *values, size_t count, int skip_nan);

/* Adds values to *sum; INT32_MIN is NA. Returns how many NA there were; they are not added. Up to 2^31 values may be
 * added to one sum. */
size_t ufor_sum_integers(int64_t *sum, const int *values, size_t count);

#endif
