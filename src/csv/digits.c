/* digits.c - see digits.h.
 *
 * A double is m * 2^e with an integer m < 2^53. Its first D digits are the integer next to m * 2^e * 10^k, where k puts
 * D digits before the point. That is a fraction of integers, which for most numbers in data fit into 128 bits:
 *
 *   k >= 0   m * 5^k / 2^-(e + k)
 *   k <  0   m * 2^e / 10^-k, or m / (10^-k * 2^-e)
 *
 * So the digits are exact, and so is their distance from the double, to which they are read back if it is no more than
 * half of that to the next double. No rounding is involved but the one that is wanted, which is to even digits. */
#include "csv/digits.h"

#include <math.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

enum { BITS = 52, BIAS = 1075, POWERS_OF_5 = 33 };

/* Filled by the compiler: 5^k, of which 5^32 and a mantissa have 128 bits. */
#define FIVES_4(x) (x), (x)*5, (x)*25, (x)*125
#define FIVES_16(x) FIVES_4(x), FIVES_4((x)*625), FIVES_4((x)*390625), FIVES_4((x)*244140625)
#define FIVE_16 ((wide)152587890625)
static const wide fives[POWERS_OF_5] = {FIVES_16((wide)1), FIVES_16(FIVE_16), FIVE_16 *FIVE_16};

static const uint64_t tens[] = {1,
                                10,
                                100,
                                1000,
                                10000,
                                100000,
                                1000000,
                                10000000,
                                100000000,
                                1000000000,
                                10000000000,
                                100000000000,
                                1000000000000,
                                10000000000000,
                                100000000000000,
                                1000000000000000,
                                10000000000000000,
                                100000000000000000};

typedef struct binary {
  uint64_t mantissa;
  int exponent;
} binary;

/* The value times 10^k as a fraction; `unit` is what one of the mantissa is in its numerator. */
typedef struct fraction {
  wide numerator, denominator, unit;
} fraction;

static bool make_fraction(binary b, int k, fraction *f_out) {
  if (k >= POWERS_OF_5) return false;
  int shift;
  wide tens_down = 1;
  if (k >= 0) {
    f_out->unit = fives[k];
    shift = b.exponent + k;
  } else {
    int power = -k; /* at most 24, as the value is below 2^128 */
    if (power > 17) tens_down = tens[17], power -= 17;
    tens_down *= tens[power];
    f_out->unit = 1;
    shift = b.exponent;
  }
  /* The mantissa must keep its place in 128 bits. */
  if (shift > 75 || shift < -127) return false;
  if (shift > 0) f_out->unit <<= shift;
  f_out->numerator = f_out->unit * b.mantissa;
  f_out->denominator = shift < 0 ? tens_down << -shift : tens_down;
  return true;
}

/* The integer next to the fraction, and whether it is read back as the value. False: it has not `count` digits. */
static bool round_fraction(const fraction *f, binary b, size_t count, uint64_t *digits_out, bool *exact_out) {
  wide quotient, rest;
  if ((f->denominator & (f->denominator - 1)) == 0) {
    uint64_t low = (uint64_t)f->denominator;
    int shift = low ? __builtin_ctzll(low) : 64 + __builtin_ctzll((uint64_t)(f->denominator >> 64));
    quotient = f->numerator >> shift;
    rest = f->numerator & (f->denominator - 1);
  } else {
    quotient = f->numerator / f->denominator;
    rest = f->numerator - quotient * f->denominator;
  }
  if (quotient < tens[count - 1] || quotient >= tens[count]) return false;
  uint64_t digits = (uint64_t)quotient;
  bool up = 2 * rest > f->denominator || (2 * rest == f->denominator && digits % 2);
  wide distance = up ? f->denominator - rest : rest;
  /* Below a power of two the doubles are twice as close. Half way between two, the even one is read. */
  bool narrow = !up && b.mantissa == (uint64_t)1 << BITS;
  wide apart = (narrow ? 4 : 2) * distance;
  *exact_out = apart < f->unit || (apart == f->unit && b.mantissa % 2 == 0);
  *digits_out = digits + up;
  return true;
}

size_t ufo_csv_put_unsigned(char *out, uint64_t value) {
  char digits[20];
  size_t at = sizeof digits;
  while (value >= 10) digits[--at] = (char)('0' + value % 10), value /= 10;
  digits[--at] = (char)('0' + value);
  memcpy(out, digits + at, sizeof digits - at);
  return sizeof digits - at;
}

/* As "%.*g" places the point: `point` digits are before it. */
static size_t place_point(char *out, uint64_t value, size_t count, int point) {
  char digits[20];
  size_t length = ufo_csv_put_unsigned(digits, value), at = 0;
  int exponent = point - 1;
  while (length > 1 && digits[length - 1] == '0') length--;
  if (exponent >= -4 && exponent < (int)count) {
    size_t before = point > 0 ? (size_t)point : 0;
    if (!before) {
      memcpy(out, "0.000", 5);
      at = 2 + (size_t)-point;
      memcpy(out + at, digits, length);
      return at + length;
    }
    memcpy(out, digits, length < before ? length : before);
    for (at = length; at < before; at++) out[at] = '0';
    if (length <= before) return before;
    out[before] = '.';
    memcpy(out + before + 1, digits + before, length - before);
    return length + 1;
  }
  out[at++] = digits[0];
  if (length > 1) {
    out[at++] = '.';
    memcpy(out + at, digits + 1, length - 1);
    at += length - 1;
  }
  out[at++] = 'e';
  out[at++] = exponent < 0 ? '-' : '+';
  unsigned magnitude = (unsigned)(exponent < 0 ? -exponent : exponent); /* of two digits */
  out[at++] = (char)('0' + magnitude / 10);
  out[at++] = (char)('0' + magnitude % 10);
  return at;
}

size_t ufo_csv_digits(char *out, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  int biased = (int)(bits >> BITS);
  if (biased < BIAS - 110 || biased > BIAS + 75) return 0; /* far from what fits */
  binary b = {(bits & (((uint64_t)1 << BITS) - 1)) | (uint64_t)1 << BITS, biased - BIAS};
  /* The digits before the point: of 2^n there are floor(n log 2) + 1, and of the value perhaps one more. */
  int power = b.exponent + BITS;
  int point = (int)((power * INT64_C(1292913986)) >> 32) + 1;
  for (size_t count = 15; count <= 17; count++) {
    fraction f;
    uint64_t digits;
    bool exact;
    if (!make_fraction(b, (int)count - point, &f)) return 0;
    if (!round_fraction(&f, b, count, &digits, &exact)) {
      point++;
      if (!make_fraction(b, (int)count - point, &f) || !round_fraction(&f, b, count, &digits, &exact)) return 0;
    }
    if (exact || count == 17) {
      bool carried = digits == tens[count];
      return place_point(out, carried ? digits / 10 : digits, count, point + carried);
    }
  }
  return 0;
}

/* The double next to n * 2^exponent + a bit, if `more` is left behind it. Far from the ends of what doubles hold. */
static double round_wide(wide n, bool more, int exponent) {
  uint64_t high = (uint64_t)(n >> 64), low = (uint64_t)n;
  int bits = high ? 128 - __builtin_clzll(high) : low ? 64 - __builtin_clzll(low) : 0, drop = bits - (BITS + 1);
  if (drop <= 0) return ldexp((double)low, exponent); /* nothing is left behind */
  uint64_t kept = (uint64_t)(n >> drop);
  wide rest = n & (((wide)1 << drop) - 1), half = (wide)1 << (drop - 1);
  bool up = rest > half || (rest == half && (more || kept % 2));
  return ldexp((double)(kept + up), exponent + drop);
}

/* 10^k = 5^k * 2^k, of which the second only moves the point, and 5^27 has 63 bits: as a factor it leaves an integer,
 * as a divisor at least 64 bits of quotient, if the dividend is moved to the left end. */
bool ufo_csv_from_digits(uint64_t digits, int scale, double *value_out) {
  if (scale < -27 || scale > 27) return false;
  if (digits == 0) *value_out = 0;
  else if (digits >> (BITS + 1) == 0 && scale >= -22 && scale <= 22) { /* both are doubles, so one rounding does it */
    double power = scale <= -16 || scale >= 16 ? 1e16 : 1;
    power *= (double)tens[(scale < 0 ? -scale : scale) % 16];
    *value_out = scale < 0 ? (double)digits / power : (double)digits * power;
  } else if (scale >= 0) {
    *value_out = round_wide((wide)digits * fives[scale], false, scale);
  } else {
    int shift = 64 + __builtin_clzll(digits);
    wide dividend = (wide)digits << shift, divisor = fives[-scale], quotient = dividend / divisor;
    *value_out = round_wide(quotient, quotient * divisor != dividend, scale - shift);
  }
  return true;
}
