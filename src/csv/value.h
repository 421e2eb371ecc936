/* value.h - what a field of a CSV file means as a value of a type. */
#ifndef UFO_CSV_VALUE_H
#define UFO_CSV_VALUE_H

#include "csv/reader.h"

#define UFO_CSV_NA INT32_MIN

typedef struct ufo_csv_span {
  const char *text;
  size_t length;
} ufo_csv_span;

static inline bool ufo_csv_is_blank(char c) { return c == ' ' || c == '\t'; }

/* The field without the blanks around it. */
static inline ufo_csv_span ufo_csv_trimmed(const ufo_csv_field *field) {
  ufo_csv_span s = {field->text, field->length};
  while (s.length && ufo_csv_is_blank(s.text[0])) s.text++, s.length--;
  while (s.length && ufo_csv_is_blank(s.text[s.length - 1])) s.length--;
  return s;
}
bool ufo_csv_equals(ufo_csv_span span, const char *word);

/* Each is false if the text is no such value. `strict` are the rules of guessing: only what can be written again as it
 * was. */
bool ufo_csv_parse_logical(ufo_csv_span s, bool strict, int32_t *value_out);
bool ufo_csv_parse_integer(ufo_csv_span s, bool strict, int32_t *value_out);
bool ufo_csv_parse_double(ufo_csv_span s, bool strict, char decimal, double *value_out);
bool ufo_csv_parse_integer64(ufo_csv_span s, int64_t *value_out);
bool ufo_csv_parse_date(ufo_csv_span s, double *days_out);
/* A date alone is its midnight. */
bool ufo_csv_parse_time(ufo_csv_span s, double *seconds_out);

/* strtod() and snprintf("%.*g") with a decimal point, whatever the locale of the program has. The printed text has less
 * than UFO_CSV_ELEMENT_BYTES bytes. */
double ufo_csv_number(const char *text);
size_t ufo_csv_print_number(char *out, int digits, double value);

/* As R makes it; arithmetic may set the quiet bit, so it is found by its lower word, 1954. */
double ufo_csv_na(void);
bool ufo_csv_is_na(double value);

#endif
