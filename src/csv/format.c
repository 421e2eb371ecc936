/* format.c - single elements as text that a scan takes back: see <ufostore/csv.h>. */
#include <ufostore/csv.h>

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "csv/digits.h"
#include "csv/value.h"

static size_t put_text(char *out, const char *text) {
  size_t length = strlen(text);
  memcpy(out, text, length + 1);
  return length;
}

size_t ufo_csv_format_logical(char out[UFO_CSV_ELEMENT_BYTES], int32_t value) {
  return put_text(out, value == UFO_CSV_NA ? "NA" : value ? "TRUE" : "FALSE");
}

static size_t put_unsigned(char *out, uint64_t value) {
  size_t length = ufo_csv_put_unsigned(out, value);
  out[length] = 0;
  return length;
}

static size_t put_signed(char *out, int64_t value) {
  if (value >= 0) return put_unsigned(out, (uint64_t)value);
  *out = '-';
  return 1 + put_unsigned(out + 1, (uint64_t)0 - (uint64_t)value);
}

size_t ufo_csv_format_integer(char out[UFO_CSV_ELEMENT_BYTES], int32_t value) {
  return value == UFO_CSV_NA ? put_text(out, "NA") : put_signed(out, value);
}

size_t ufo_csv_format_integer64(char out[UFO_CSV_ELEMENT_BYTES], int64_t value) {
  return value == INT64_MIN ? put_text(out, "NA") : put_signed(out, value);
}

/* Numbers with up to four decimals and fifteen digits in all, which most data are: m / 10^k in exact steps. The text
 * is what %.15g gives. */
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
size_t ufo_csv_format_double(char out[UFO_CSV_ELEMENT_BYTES], double value) {
  if (isnan(value)) return put_text(out, ufo_csv_is_na(value) ? "NA" : "NaN");
  if (isinf(value)) return put_text(out, value > 0 ? "Inf" : "-Inf");
  size_t length = format_short(out, value);
  if (!length) {
    size_t sign = value < 0;
    *out = '-';
    length = ufo_csv_digits(out + sign, fabs(value));
    if (length) length += sign;
    out[length] = 0;
  }
  for (int digits = fabs(value) < DBL_MIN ? 1 : 15; !length && digits <= 17; digits++) {
    size_t printed = ufo_csv_print_number(out, digits, value);
    if (digits == 17 || ufo_csv_number(out) == value) length = printed;
  }
  return length;
}

/* A number of two digits. */
static char *put_two(char *out, int64_t value) {
  *out++ = (char)('0' + value / 10);
  *out++ = (char)('0' + value % 10);
  return out;
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
  char *at = out;
  if (year < 0) *at++ = '-';
  year = year < 0 ? -year : year;
  if (year < 10000) at = put_two(put_two(at, year / 100), year % 100);
  else at += ufo_csv_put_unsigned(at, (uint64_t)year);
  *at++ = '-';
  at = put_two(at, month);
  *at++ = '-';
  at = put_two(at, day);
  *at = 0;
  return (size_t)(at - out);
}

/* Beyond this many days the text would be no date that anyone reads back. */
#define DAYS_MAX 1e9

size_t ufo_csv_format_date(char out[UFO_CSV_ELEMENT_BYTES], double days) {
  if (!isfinite(days)) return ufo_csv_format_double(out, days);
  if (fabs(days) > DAYS_MAX) return ufo_csv_format_double(out, days);
  return put_date(out, (int64_t)floor(days));
}

size_t ufo_csv_format_time(char out[UFO_CSV_ELEMENT_BYTES], double seconds) {
  if (!isfinite(seconds) || fabs(seconds) > DAYS_MAX * 86400) return ufo_csv_format_double(out, seconds);
  double whole = floor(seconds);
  int64_t micros = (int64_t)nearbyint((seconds - whole) * 1e6);
  int64_t count = (int64_t)whole;
  if (micros == 1000000) micros = 0, count++;
  int64_t day = (count >= 0 ? count : count - 86399) / 86400, second = count - day * 86400;
  size_t date = put_date(out, day);
  char *at = out + date;
  *at++ = 'T';
  at = put_two(at, second / 3600);
  *at++ = ':';
  at = put_two(at, second / 60 % 60);
  *at++ = ':';
  at = put_two(at, second % 60);
  if (micros) {
    *at++ = '.';
    at = put_two(put_two(put_two(at, micros / 10000), micros / 100 % 100), micros % 100);
    while (at[-1] == '0') at--;
  }
  *at++ = 'Z';
  *at = 0;
  return (size_t)(at - out);
}
