/* value.c - see value.h. */
#include "csv/value.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ufostore/csv.h>

#include "csv/digits.h"

double ufo_csv_na(void) {
  uint64_t bits = UINT64_C(0x7FF00000000007A2);
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

bool ufo_csv_is_na(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return isnan(value) && (uint32_t)bits == 1954;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool ufo_csv_equals(ufo_csv_span span, const char *word) {
  return span.length == strlen(word) && memcmp(span.text, word, span.length) == 0;
}

bool ufo_csv_parse_logical(ufo_csv_span s, bool strict, int32_t *value_out) {
  if (s.length > 5) return false;
  static const char *const words[] = {"FALSE", "TRUE", "F", "T", "false", "true", "0", "1"};
  for (unsigned i = 0; i < (strict ? 6 : 8); i++)
    if (ufo_csv_equals(s, words[i])) return *value_out = (int32_t)(i % 2), true;
  return false;
}

/* A whole number as written: sign, and digits, without leading zeros if `strict`. */
static bool is_whole(ufo_csv_span s, bool strict) {
  size_t i = s.length && (s.text[0] == '-' || s.text[0] == '+');
  if (i == s.length || (strict && s.text[i] == '0' && s.length > i + 1)) return false;
  for (; i < s.length; i++)
    if (!is_digit(s.text[i])) return false;
  return true;
}

bool ufo_csv_parse_integer64(ufo_csv_span s, int64_t *value_out) {
  if (!is_whole(s, false)) return false;
  bool negative = s.text[0] == '-';
  int64_t value = 0;
  for (size_t i = negative || s.text[0] == '+'; i < s.length; i++)
    if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, s.text[i] - '0', &value))
      return false;
  *value_out = negative ? -value : value;
  return true;
}

/* Guessing leaves -0 to the doubles, which have one. */
bool ufo_csv_parse_integer(ufo_csv_span s, bool strict, int32_t *value_out) {
  int64_t value;
  size_t i = s.length && (s.text[0] == '-' || s.text[0] == '+'), digits = s.length - i;
  if (digits && digits < 10 && s.text[i] != '0') { /* most of them */
    int32_t small = 0;
    for (; i < s.length; i++) {
      if (!is_digit(s.text[i])) return false;
      small = 10 * small + (s.text[i] - '0');
    }
    *value_out = s.text[0] == '-' ? -small : small;
    return true;
  }
  if (strict && (s.length > 11 || !is_whole(s, true) || ufo_csv_equals(s, "-0"))) return false;
  if (!ufo_csv_parse_integer64(s, &value) || value > INT32_MAX || value < -INT32_MAX) return false;
  *value_out = (int32_t)value;
  return true;
}

static bool parse_special(ufo_csv_span s, double *value_out) {
  bool negative = s.length && s.text[0] == '-';
  if (s.length && (s.text[0] == '-' || s.text[0] == '+')) s.text++, s.length--;
  static const char *const words[] = {"Inf", "inf", "INF", "Infinity", "infinity", "NaN", "nan", "NAN"};
  for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
    if (!ufo_csv_equals(s, words[i])) continue;
    *value_out = i < 5 ? (negative ? -HUGE_VAL : HUGE_VAL) : NAN;
    return true;
  }
  return false;
}

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;
static void make_c_locale(void) { c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); }

/* Of this thread alone; to be set back to what is returned. */
static locale_t use_c_locale(void) {
  pthread_once(&c_locale_once, make_c_locale);
  return uselocale(c_locale);
}

double ufo_csv_number(const char *text) {
  locale_t before = use_c_locale();
  double value = strtod(text, NULL);
  uselocale(before);
  return value;
}

size_t ufo_csv_print_number(char *out, int digits, double value) {
  locale_t before = use_c_locale();
  int length = snprintf(out, UFO_CSV_ELEMENT_BYTES, "%.*g", digits, value);
  uselocale(before);
  return (size_t)length;
}

/* What strtod makes of it, given a point for the decimal mark. */
static bool parse_slowly(ufo_csv_span s, char decimal, double *value_out) {
  char copy[512];
  char *text = s.length < sizeof copy ? copy : malloc(s.length + 1);
  if (!text) return false;
  memcpy(text, s.text, s.length);
  text[s.length] = 0;
  char *mark = memchr(text, decimal, s.length);
  if (mark) *mark = '.';
  *value_out = ufo_csv_number(text);
  if (text != copy) free(text);
  return true;
}

/* Digits from `i` on, appended to the mantissa, which holds nineteen and then whatever they leave of it. */
static size_t take_digits(ufo_csv_span s, size_t i, uint64_t *mantissa) {
  for (; i < s.length && is_digit(s.text[i]); i++) *mantissa = 10 * *mantissa + (uint64_t)(s.text[i] - '0');
  return i;
}

static bool take_exponent(ufo_csv_span s, size_t i, int *scale) {
  int exponent = 0;
  bool negative = i < s.length && s.text[i] == '-';
  if (i < s.length && (s.text[i] == '-' || s.text[i] == '+')) i++;
  if (i == s.length) return false;
  for (; i < s.length && is_digit(s.text[i]); i++)
    if (exponent < 100000) exponent = 10 * exponent + (s.text[i] - '0');
  *scale += negative ? -exponent : exponent;
  return i == s.length;
}

/* Numbers of up to nineteen digits are made of them, the others by strtod. */
bool ufo_csv_parse_double(ufo_csv_span s, bool strict, char decimal, double *value_out) {
  size_t start = s.length && (s.text[0] == '-' || s.text[0] == '+');
  uint64_t mantissa = 0;
  size_t point = take_digits(s, start, &mantissa), end = point;
  if (point < s.length && s.text[point] == decimal) end = take_digits(s, point + 1, &mantissa);
  size_t whole_digits = point - start, decimals = end > point ? end - point - 1 : 0;
  if (!whole_digits && !decimals) return parse_special(s, value_out);
  if (strict && whole_digits > 1 && s.text[start] == '0') return false;
  bool known = whole_digits <= 19 && decimals <= 19 - whole_digits;
  int scale = known ? -(int)decimals : 0;
  if (end < s.length && ((s.text[end] | 0x20) != 'e' || !take_exponent(s, end + 1, &scale))) return false;
  if (known && ufo_csv_from_digits(mantissa, scale, value_out)) {
    if (s.text[0] == '-') *value_out = -*value_out;
  } else if (!parse_slowly(s, decimal, value_out)) {
    return false;
  }
  /* What would not be written again as it was. */
  if (!strict || whole_digits + decimals <= 15) return !strict || isfinite(*value_out);
  return isfinite(*value_out) && (!is_whole(s, true) || fabs(*value_out) < 9007199254740992.0);
}

/* `count` digits at `text`; -1 if they are none. */
static int number_of(const char *text, unsigned count) {
  int value = 0;
  for (unsigned i = 0; i < count; i++) {
    if (!is_digit(text[i])) return -1;
    value = 10 * value + (text[i] - '0');
  }
  return value;
}

static bool is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

/* Days since 1970-01-01 in the proleptic Gregorian calendar, counted by years that begin on March 1. */
static int64_t days_of(int year, int month, int day) {
  int64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;
  int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - 400 * era;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* "2013-02-28" at the start of `s`. */
static bool parse_day(ufo_csv_span s, int64_t *days_out) {
  static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (s.length < 10 || s.text[4] != '-' || s.text[7] != '-') return false;
  int year = number_of(s.text, 4), month = number_of(s.text + 5, 2), day = number_of(s.text + 8, 2);
  if (year < 0 || month < 1 || month > 12 || day < 1) return false;
  if (day > lengths[month - 1] + (month == 2 && is_leap(year))) return false;
  *days_out = days_of(year, month, day);
  return true;
}

bool ufo_csv_parse_date(ufo_csv_span s, double *days_out) {
  int64_t days;
  if (s.length != 10 || !parse_day(s, &days)) return false;
  *days_out = (double)days;
  return true;
}

/* "Z", "+01:00", "-0230", "+01" or nothing: seconds east of Greenwich. */
static bool parse_offset(ufo_csv_span s, int *offset_out) {
  *offset_out = 0;
  if (!s.length || ufo_csv_equals(s, "Z")) return true;
  if (s.text[0] != '+' && s.text[0] != '-') return false;
  bool colon = s.length == 6 && s.text[3] == ':';
  if (s.length != 3 && s.length != 5 && !colon) return false;
  int hours = number_of(s.text + 1, 2), minutes = s.length == 3 ? 0 : number_of(s.text + (colon ? 4 : 3), 2);
  if (hours < 0 || hours > 14 || minutes < 0 || minutes > 59) return false;
  *offset_out = (s.text[0] == '-' ? -60 : 60) * (60 * hours + minutes);
  return true;
}

bool ufo_csv_parse_time(ufo_csv_span s, double *seconds_out) {
  int64_t days;
  if (!parse_day(s, &days)) return false;
  *seconds_out = (double)(days * 86400);
  if (s.length == 10) return true;
  if (s.length < 16 || (s.text[10] != 'T' && s.text[10] != ' ') || s.text[13] != ':') return false;
  int hour = number_of(s.text + 11, 2), minute = number_of(s.text + 14, 2), second = 0;
  size_t at = 16;
  double fraction = 0, unit = 1;
  if (at + 3 <= s.length && s.text[at] == ':') {
    second = number_of(s.text + at + 1, 2);
    at += 3;
    if (at + 1 < s.length && s.text[at] == '.' && is_digit(s.text[at + 1]))
      for (at++; at < s.length && is_digit(s.text[at]); at++)
        if (unit < 1e9) fraction = 10 * fraction + (s.text[at] - '0'), unit *= 10;
  }
  int offset;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return false;
  if (!parse_offset((ufo_csv_span){s.text + at, s.length - at}, &offset)) return false;
  double whole = (double)(days * 86400 + hour * 3600 + minute * 60 + second - offset);
  /* Up to microseconds the sum is exact and the quotient the nearest double, which is what is written again. */
  *seconds_out = unit <= 1e6 ? (whole * unit + fraction) / unit : whole + fraction / unit;
  return true;
}
