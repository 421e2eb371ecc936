/* infer.c - see infer.h. */
#include "csv/infer.h"

#include <string.h>

static bool is_na(const ufo_csv *csv, ufo_csv_span s) {
  for (uint64_t i = 0; i < csv->options.na_count; i++)
    if (s.length == csv->na[i].length && !memcmp(s.text, csv->na[i].text, s.length)) return true;
  return false;
}

static bool is_text(ufo_csv_type type) { return type == UFO_CSV_TEXT || type == UFO_CSV_FACTOR; }

bool ufo_csv_missing_text(const ufo_csv *csv, const ufo_csv_field *field) {
  return !field->quoted && is_na(csv, (ufo_csv_span){field->text, field->length});
}

/* In a column that is not text; `s` is the field without the blanks around it. */
static bool is_missing(const ufo_csv *csv, const ufo_csv_field *field, ufo_csv_span s) {
  return !s.length || is_na(csv, s) || (s.length < field->length && ufo_csv_missing_text(csv, field));
}

/* ---- fields as elements ---- */

size_t ufo_csv_element_bytes(ufo_csv_type type) {
  return type == UFO_CSV_LOGICAL || type == UFO_CSV_INTEGER ? sizeof(int32_t) : sizeof(double);
}

static bool parse(const ufo_csv *csv, ufo_csv_type type, ufo_csv_span s, bool strict, void *out) {
  switch (type) {
  case UFO_CSV_LOGICAL:
    return ufo_csv_parse_logical(s, strict, out);
  case UFO_CSV_INTEGER:
    return ufo_csv_parse_integer(s, strict, out);
  case UFO_CSV_INTEGER64:
    return ufo_csv_parse_integer64(s, out);
  case UFO_CSV_DOUBLE:
    return ufo_csv_parse_double(s, strict, csv->options.decimal, out);
  case UFO_CSV_DATE:
    return ufo_csv_parse_date(s, out);
  case UFO_CSV_TIME:
    return ufo_csv_parse_time(s, out);
  default:
    return false;
  }
}

size_t ufo_csv_elements(const ufo_csv *csv, ufo_csv_type type, const ufo_csv_batch *batch, size_t i, size_t from,
                        size_t to, bool strict, void *elements_out) {
  static const int32_t none = UFO_CSV_NA;
  static const int64_t none64 = INT64_MIN;
  const double none_double = ufo_csv_na();
  size_t bytes = ufo_csv_element_bytes(type);
  const void *missing = bytes == sizeof none ? (const void *)&none : &none_double;
  if (type == UFO_CSV_INTEGER64) missing = &none64;
  unsigned char *out = elements_out;
  for (size_t row = from; row < to; row++) {
    union {
      int32_t whole;
      int64_t large;
      double number;
    } element;
    const ufo_csv_field *field = ufo_csv_batch_field(batch, row, i);
    ufo_csv_span s = ufo_csv_trimmed(field);
    bool none_there = is_missing(csv, field, s);
    if (!none_there && !parse(csv, type, s, strict, &element)) return row;
    if (!out) continue;
    memcpy(out, none_there ? missing : &element, bytes);
    out += bytes;
  }
  return to;
}

/* ---- types ---- */

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

/* Nothing else than text, whatever comes. */
static bool is_decided(const ufo_csv_found *column) {
  return column->has_value && column->not_logical && column->not_integer && column->not_double && column->not_date &&
         column->not_time;
}

static void infer_field(const ufo_csv *csv, ufo_csv_found *column, const ufo_csv_field *field) {
  ufo_csv_span s = ufo_csv_trimmed(field);
  if (!is_missing(csv, field, s)) {
    column->has_value = true;
    infer_value(csv, column, s);
  } else if (!ufo_csv_missing_text(csv, field)) {
    column->has_doubt = true;
  }
}

size_t ufo_csv_infer(const ufo_csv *csv, ufo_csv_found *column, const ufo_csv_batch *batch, size_t i, size_t from,
                     size_t to) {
  if (column->asked == UFO_CSV_SKIP || is_text(column->asked)) return to;
  if (column->asked == UFO_CSV_GUESS) {
    for (size_t row = from; row < to && !is_decided(column); row++)
      infer_field(csv, column, ufo_csv_batch_field(batch, row, i));
    return to;
  }
  return ufo_csv_elements(csv, column->asked, batch, i, from, to, false, NULL);
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
