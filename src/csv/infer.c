/* infer.c - see infer.h. */
#include "csv/infer.h"

#include <string.h>

static bool is_na(const ufo_csv_options *options, ufo_csv_span s) {
  for (uint64_t i = 0; i < options->na_count; i++)
    if (ufo_csv_equals(s, options->na[i])) return true;
  return false;
}

static bool is_text(ufo_csv_type type) { return type == UFO_CSV_TEXT || type == UFO_CSV_FACTOR; }

bool ufo_csv_missing(const ufo_csv *csv, ufo_csv_type type, const ufo_csv_field *field) {
  if (is_text(type)) return !field->quoted && is_na(&csv->options, (ufo_csv_span){field->text, field->length});
  ufo_csv_span s = ufo_csv_trimmed(field);
  return !s.length || is_na(&csv->options, s);
}

static size_t put(unsigned char *out, const void *element, size_t bytes) {
  memcpy(out, element, bytes);
  return bytes;
}

size_t ufo_csv_element(const ufo_csv *csv, ufo_csv_type type, const ufo_csv_field *field, bool strict,
                       unsigned char out[8]) {
  static const int32_t none = UFO_CSV_NA;
  static const int64_t none64 = INT64_MIN;
  bool missing = ufo_csv_missing(csv, type, field), fits = false;
  ufo_csv_span s = ufo_csv_trimmed(field);
  int32_t whole;
  int64_t large;
  double number = ufo_csv_na();
  switch (type) {
  case UFO_CSV_LOGICAL:
    if (missing) return put(out, &none, sizeof none);
    return ufo_csv_parse_logical(s, strict, &whole) ? put(out, &whole, sizeof whole) : 0;
  case UFO_CSV_INTEGER:
    if (missing) return put(out, &none, sizeof none);
    return ufo_csv_parse_integer(s, strict, &whole) ? put(out, &whole, sizeof whole) : 0;
  case UFO_CSV_INTEGER64:
    if (missing) return put(out, &none64, sizeof none64);
    return ufo_csv_parse_integer64(s, &large) ? put(out, &large, sizeof large) : 0;
  case UFO_CSV_DOUBLE:
    fits = missing || ufo_csv_parse_double(s, strict, csv->options.decimal, &number);
    break;
  case UFO_CSV_DATE:
    fits = missing || ufo_csv_parse_date(s, &number);
    break;
  case UFO_CSV_TIME:
    fits = missing || ufo_csv_parse_time(s, &number);
    break;
  default:
    break;
  }
  return fits ? put(out, &number, sizeof number) : 0;
}

/* A date or a time is told from numbers by its fifth character, so that most fields are parsed once. */
static void infer_value(const ufo_csv *csv, ufo_csv_found *column, ufo_csv_span s) {
  int32_t whole;
  double number;
  bool dated = s.length >= 10 && s.text[4] == '-';
  if (!column->not_logical && !ufo_csv_parse_logical(s, true, &whole)) column->not_logical = true;
  if (!column->not_integer && (dated || !ufo_csv_parse_integer(s, true, &whole))) column->not_integer = true;
  if (column->not_integer && !column->not_double &&
      (dated || !ufo_csv_parse_double(s, true, csv->options.decimal, &number)))
    column->not_double = true;
  if (!column->not_date && (!dated || !ufo_csv_parse_date(s, &number))) column->not_date = true;
  if (column->not_date && !column->not_time && (!dated || !ufo_csv_parse_time(s, &number))) column->not_time = true;
}

bool ufo_csv_infer(const ufo_csv *csv, ufo_csv_found *column, const ufo_csv_field *field) {
  unsigned char element[8];
  if (column->asked == UFO_CSV_SKIP || is_text(column->asked)) return true;
  if (column->asked != UFO_CSV_GUESS) return ufo_csv_element(csv, column->asked, field, false, element) > 0;
  if (column->has_value && is_text(ufo_csv_inferred(csv, column))) return true; /* nothing can change that */
  if (ufo_csv_missing(csv, UFO_CSV_TEXT, field)) return true;
  if (ufo_csv_missing(csv, UFO_CSV_DOUBLE, field)) return column->has_doubt = true;
  column->has_value = true;
  infer_value(csv, column, ufo_csv_trimmed(field));
  return true;
}

ufo_csv_type ufo_csv_inferred(const ufo_csv *csv, const ufo_csv_found *column) {
  if (column->asked != UFO_CSV_GUESS) return column->asked;
  ufo_csv_type text = csv->options.text_type == UFO_CSV_FACTOR ? UFO_CSV_FACTOR : UFO_CSV_TEXT;
  if (!column->has_value) return column->has_doubt ? text : UFO_CSV_LOGICAL;
  if (!column->not_logical) return UFO_CSV_LOGICAL;
  if (!column->not_integer) return UFO_CSV_INTEGER;
  if (!column->not_double) return UFO_CSV_DOUBLE;
  if (!column->not_date) return UFO_CSV_DATE;
  return column->not_time ? text : UFO_CSV_TIME;
}
