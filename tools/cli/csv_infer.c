/* csv_infer.c - see csv_infer.h. */
#include "csv_infer.h"

#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct span {
  const char *text;
  size_t length;
} span;

static span trimmed(const csv_field *field) {
  span s = {field->text, field->length};
  while (s.length && (s.text[0] == ' ' || s.text[0] == '\t')) s.text++, s.length--;
  while (s.length && (s.text[s.length - 1] == ' ' || s.text[s.length - 1] == '\t')) s.length--;
  return s;
}

static bool equals(span s, const char *word) { return s.length == strlen(word) && memcmp(s.text, word, s.length) == 0; }

bool csv_text_is_na(const csv_field *field, const char *na) {
  if (field->quoted) return false;
  return !field->length || equals((span){field->text, field->length}, na);
}

/* 1 or 0, or -1 if it is none. */
static int parse_logical(span s) {
  if (equals(s, "TRUE") || equals(s, "T") || equals(s, "true")) return 1;
  if (equals(s, "FALSE") || equals(s, "F") || equals(s, "false")) return 0;
  return -1;
}

/* A whole number as written: sign, digits without leading zeros. */
static bool is_whole(span s) {
  size_t i = s.length && (s.text[0] == '-' || s.text[0] == '+');
  if (i == s.length || (s.text[i] == '0' && s.length > i + 1)) return false;
  for (; i < s.length; i++)
    if (s.text[i] < '0' || s.text[i] > '9') return false;
  return true;
}

/* -0 is left to the doubles, which have one. */
static bool parse_integer(span s, int32_t *value_out) {
  if (s.length > 11 || !is_whole(s) || equals(s, "-0")) return false;
  bool negative = s.text[0] == '-';
  int64_t value = 0;
  for (size_t i = negative || s.text[0] == '+'; i < s.length; i++) value = 10 * value + (s.text[i] - '0');
  if (value > INT32_MAX) return false;
  *value_out = (int32_t)(negative ? -value : value);
  return true;
}

static bool parse_special(span s, double *value_out) {
  bool negative = s.length && s.text[0] == '-';
  if (s.length && (s.text[0] == '-' || s.text[0] == '+')) s.text++, s.length--;
  static const char *const words[] = {"Inf", "inf", "INF", "Infinity", "infinity", "NaN", "nan", "NAN"};
  for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
    if (!equals(s, words[i])) continue;
    *value_out = i < 5 ? (negative ? -HUGE_VAL : HUGE_VAL) : NAN;
    return true;
  }
  return false;
}

/* A decimal number. Up to fifteen digits and powers of ten up to 22 are exact in a double, so one multiplication or
 * division gives the nearest one; strtod does the rest. */
static bool parse_double(span s, double *value_out) {
  size_t i = s.length && (s.text[0] == '-' || s.text[0] == '+');
  size_t whole_digits = 0, digits = 0;
  uint64_t mantissa = 0;
  int scale = 0;
  bool leading_zero = false, exact = true;
  for (; i < s.length && s.text[i] >= '0' && s.text[i] <= '9'; i++) {
    if (whole_digits == 0) leading_zero = s.text[i] == '0';
    whole_digits++;
    if (mantissa >= UINT64_C(100000000000000)) exact = false;
    else mantissa = 10 * mantissa + (uint64_t)(s.text[i] - '0');
  }
  digits = whole_digits;
  if (i < s.length && s.text[i] == '.') {
    for (i++; i < s.length && s.text[i] >= '0' && s.text[i] <= '9'; i++) {
      digits++;
      if (mantissa >= UINT64_C(100000000000000)) exact = false;
      else mantissa = 10 * mantissa + (uint64_t)(s.text[i] - '0'), scale--;
    }
  }
  if (!digits || (leading_zero && whole_digits > 1)) return parse_special(s, value_out);
  if (i < s.length && (s.text[i] | 0x20) == 'e') {
    int exponent = 0;
    bool negative = ++i < s.length && s.text[i] == '-';
    if (i < s.length && (s.text[i] == '-' || s.text[i] == '+')) i++;
    if (i == s.length) return false;
    for (; i < s.length && s.text[i] >= '0' && s.text[i] <= '9'; i++)
      if (exponent < 100000) exponent = 10 * exponent + (s.text[i] - '0');
    scale += negative ? -exponent : exponent;
  }
  if (i != s.length) return false;
  if (exact && scale >= -22 && scale <= 22) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    double value = scale < 0 ? (double)mantissa / powers[-scale] : (double)mantissa * powers[scale];
    *value_out = s.text[0] == '-' ? -value : value;
    return true;
  }
  char copy[512];
  char *text = s.length < sizeof copy ? copy : malloc(s.length + 1);
  if (!text) return false;
  memcpy(text, s.text, s.length);
  text[s.length] = 0;
  *value_out = strtod(text, NULL);
  if (text != copy) free(text);
  return isfinite(*value_out) && (!is_whole(s) || fabs(*value_out) < 9007199254740992.0);
}

void csv_infer(csv_column *column, const csv_field *field, const char *na) {
  if (csv_inferred(column) == CSV_TEXT && column->has_value) return; /* nothing can change that */
  if (csv_text_is_na(field, na)) return;
  span s = trimmed(field);
  if (!s.length || equals(s, na)) {
    column->has_quoted_na = true;
    return;
  }
  column->has_value = true;
  int32_t whole;
  double number;
  if (!column->not_logical && parse_logical(s) < 0) column->not_logical = true;
  if (!column->not_integer && !parse_integer(s, &whole)) column->not_integer = true;
  if (column->not_integer && !column->not_double && !parse_double(s, &number)) column->not_double = true;
}

csv_type csv_inferred(const csv_column *column) {
  if (!column->has_value) return column->has_quoted_na ? CSV_TEXT : CSV_LOGICAL;
  if (!column->not_logical) return CSV_LOGICAL;
  if (!column->not_integer) return CSV_INTEGER;
  return column->not_double ? CSV_TEXT : CSV_DOUBLE;
}

int32_t csv_logical(const csv_field *field) {
  int value = parse_logical(trimmed(field));
  return value < 0 ? NA_INT32 : value;
}

int32_t csv_integer(const csv_field *field) {
  int32_t value;
  return parse_integer(trimmed(field), &value) ? value : NA_INT32;
}

double csv_double(const csv_field *field) {
  double value;
  return parse_double(trimmed(field), &value) ? value : na_double();
}
