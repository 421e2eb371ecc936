/* text.c - see text.h. */
#include "text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool is_na_double(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return isnan(value) && (uint32_t)bits == 1954;
}

double na_double(void) {
  uint64_t bits = UINT64_C(0x7FF00000000007A2); /* as R makes it; arithmetic may set the quiet bit */
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static size_t put_text(char *out, const char *text) {
  size_t length = strlen(text);
  memcpy(out, text, length + 1);
  return length;
}

size_t format_logical(char out[FORMAT_MAX], int32_t value) {
  return put_text(out, value == NA_INT32 ? "NA" : value ? "TRUE" : "FALSE");
}

static size_t put_unsigned(char *out, uint64_t value) {
  char digits[24];
  size_t at = sizeof digits;
  do digits[--at] = (char)('0' + value % 10);
  while (value /= 10);
  memcpy(out, digits + at, sizeof digits - at);
  out[sizeof digits - at] = 0;
  return sizeof digits - at;
}

static size_t put_signed(char *out, int64_t value) {
  if (value >= 0) return put_unsigned(out, (uint64_t)value);
  *out = '-';
  return 1 + put_unsigned(out + 1, (uint64_t)0 - (uint64_t)value);
}

size_t format_integer(char out[FORMAT_MAX], int32_t value) {
  return value == NA_INT32 ? put_text(out, "NA") : put_signed(out, value);
}

/* Numbers with up to four decimals and fifteen digits in all, which most data are: m / 10^k in exact steps. The text
 * is what %.15g gives, several times faster. */
static size_t format_short(char *out, double value) {
  static const double powers[] = {1, 10, 100, 1000, 10000};
  double magnitude = fabs(value);
  for (unsigned k = 0; k <= 4; k++) {
    double scaled = magnitude * powers[k];
    if (scaled >= 1e15) return 0;
    if (scaled != floor(scaled) || scaled / powers[k] != magnitude) continue;
    uint64_t digits = (uint64_t)scaled, unit = (uint64_t)powers[k];
    size_t at = 0;
    if (signbit(value)) out[at++] = '-';
    at += put_unsigned(out + at, digits / unit);
    if (k) {
      uint64_t rest = digits % unit;
      out[at++] = '.';
      for (uint64_t place = unit / 10; place; place /= 10) out[at++] = (char)('0' + rest / place % 10);
      while (out[at - 1] == '0') at--; /* 8786.21 * 100 is not whole, times 1000 it is */
      out[at] = 0;
    }
    return at;
  }
  return 0;
}

/* A normal number with 15 digits or fewer is what %.15g gives, trailing zeros left out. Subnormal ones have less
 * precision, so that fewer digits may do, and are too rare for the search to matter. */
size_t format_double(char out[FORMAT_MAX], double value) {
  if (isnan(value)) return put_text(out, is_na_double(value) ? "NA" : "NaN");
  if (isinf(value)) return put_text(out, value > 0 ? "Inf" : "-Inf");
  size_t length = format_short(out, value);
  for (int digits = fabs(value) < DBL_MIN ? 1 : 15; !length && digits <= 17; digits++) {
    int printed = snprintf(out, FORMAT_MAX, "%.*g", digits, value);
    if (digits == 17 || strtod(out, NULL) == value) length = (size_t)printed;
  }
  return length;
}

size_t format_complex(char out[FORMAT_MAX], double real, double imaginary) {
  if (is_na_double(real) || is_na_double(imaginary)) return put_text(out, "NA");
  size_t at = format_double(out, real);
  char part[FORMAT_MAX];
  format_double(part, imaginary);
  if (part[0] != '-') out[at++] = '+';
  at += put_text(out + at, part);
  return at + put_text(out + at, "i");
}

/* Day number to year, month and day in the proleptic Gregorian calendar, by 400-year eras that begin on March 1. */
static size_t put_date(char *out, int64_t days) {
  days += 719468; /* since 0000-03-01 */
  int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  int64_t day_of_era = days - era * 146097;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month = (5 * day_of_year + 2) / 153; /* from March */
  int64_t day = day_of_year - (153 * month + 2) / 5 + 1;
  int64_t year = year_of_era + era * 400 + (month >= 10);
  month = month < 10 ? month + 3 : month - 9;
  return (size_t)snprintf(out, FORMAT_MAX, "%s%04lld-%02d-%02d", year < 0 ? "-" : "", (long long)llabs(year),
                          (int)month, (int)day);
}

/* Beyond this many days the text would be no date that anyone reads back. */
#define DAYS_MAX 1e9

size_t format_date(char out[FORMAT_MAX], double days) {
  if (!isfinite(days)) return format_double(out, days);
  if (fabs(days) > DAYS_MAX) return format_double(out, days);
  return put_date(out, (int64_t)floor(days));
}

size_t format_datetime(char out[FORMAT_MAX], double seconds) {
  if (!isfinite(seconds) || fabs(seconds) > DAYS_MAX * 86400) return format_double(out, seconds);
  double whole = floor(seconds);
  int64_t micros = (int64_t)nearbyint((seconds - whole) * 1e6);
  int64_t count = (int64_t)whole;
  if (micros == 1000000) micros = 0, count++;
  int64_t day = (count >= 0 ? count : count - 86399) / 86400, second = count - day * 86400;
  size_t at = put_date(out, day);
  at += (size_t)snprintf(out + at, FORMAT_MAX - at, "T%02d:%02d:%02d", (int)(second / 3600), (int)(second / 60 % 60),
                         (int)(second % 60));
  if (micros) {
    at += (size_t)snprintf(out + at, FORMAT_MAX - at, ".%06d", (int)micros);
    while (out[at - 1] == '0') at--;
  }
  out[at] = 'Z';
  out[at + 1] = 0;
  return at + 1;
}

size_t utf8_length(const char *text, size_t length) {
  const unsigned char *byte = (const unsigned char *)text;
  if (!length) return 0;
  if (byte[0] < 0x80) return 1;
  size_t bytes = byte[0] >= 0xF0 ? 4 : byte[0] >= 0xE0 ? 3 : 2;
  if (byte[0] < 0xC2 || byte[0] > 0xF4 || bytes > length) return 0;
  for (size_t i = 1; i < bytes; i++)
    if ((byte[i] & 0xC0) != 0x80) return 0;
  /* Overlong forms, surrogates, and what lies beyond U+10FFFF. */
  if (byte[0] == 0xE0 && byte[1] < 0xA0) return 0;
  if (byte[0] == 0xED && byte[1] > 0x9F) return 0;
  if (byte[0] == 0xF0 && byte[1] < 0x90) return 0;
  if (byte[0] == 0xF4 && byte[1] > 0x8F) return 0;
  return bytes;
}

bool utf8_valid(const char *text, size_t length) {
  for (size_t i = 0; i < length;) {
    size_t bytes = utf8_length(text + i, length - i);
    if (!bytes) return false;
    i += bytes;
  }
  return true;
}

bool is_ascii(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++)
    if ((unsigned char)text[i] >= 0x80) return false;
  return true;
}
