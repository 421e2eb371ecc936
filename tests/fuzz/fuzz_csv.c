/* CSV: any bytes are records or an error that names the line; the types that are found fit every field; numbers are
 * those of strtod, and survive being written as text; a field that is written is read back.
 *
 * Input: byte 0 chooses the delimiter, and if there is a header; the rest is the file. */
#include "fuzz.h"

#include <math.h>

#include "cli/csv_writer.h"
#include "csv/infer.h"
#include "util/utf8.h"

static int file = -1;

static void fill_file(const uint8_t *data, size_t size) {
  if (file < 0) PROMISE((file = memfd_create("csv", MFD_CLOEXEC)) >= 0);
  PROMISE(!ftruncate(file, (off_t)size) && pwrite(file, data, size, 0) == (ssize_t)size);
  PROMISE(lseek(file, 0, SEEK_SET) == 0);
}

/* Bit by bit. */
static bool is_same(double a, double b) {
  uint64_t bits[2];
  memcpy(&bits[0], &a, sizeof a);
  memcpy(&bits[1], &b, sizeof b);
  return bits[0] == bits[1];
}

static void check_number(const ufo_csv_field *field) {
  char text[512], again[UFO_CSV_ELEMENT_BYTES];
  double value, other;
  ufo_csv_span span = ufo_csv_trimmed(field);
  if (span.length >= sizeof text || !ufo_csv_parse_double(span, true, '.', &value) || isnan(value)) return;
  memcpy(text, span.text, span.length);
  text[span.length] = 0;
  other = strtod(text, NULL);
  PROMISE(is_same(other, value));
  ufo_csv_span written = {again, ufo_csv_format_double(again, value)};
  PROMISE(written.length < UFO_CSV_ELEMENT_BYTES && again[written.length] == 0);
  PROMISE(ufo_csv_parse_double(written, false, '.', &other) && is_same(other, value));
}

/* Dates and times are those that are written again, to the microsecond. */
static void check_time(const ufo_csv_field *field) {
  char again[UFO_CSV_ELEMENT_BYTES];
  double value, other;
  ufo_csv_span span = ufo_csv_trimmed(field);
  if (ufo_csv_parse_date(span, &value)) {
    PROMISE(ufo_csv_format_date(again, value) == span.length && !memcmp(again, span.text, span.length));
    PROMISE(ufo_csv_parse_time(span, &other) && is_same(other, 86400 * value));
  }
  if (!ufo_csv_parse_time(span, &value) || value < 0 - 62135596800.0) return; /* before the year 1 */
  ufo_csv_span written = {again, ufo_csv_format_time(again, value)};
  if (value < 253402300799.0) PROMISE(ufo_csv_parse_time(written, &other) && fabs(other - value) < 2e-6);
}

/* The column's type is one that every field of it has. */
static void check_field(const ufo_csv *csv, ufo_csv_type type, const ufo_csv_field *field) {
  unsigned char element[8];
  PROMISE(!field->length || ufo_utf8_is_text(field->text, field->length));
  check_number(field);
  check_time(field);
  if (type != UFO_CSV_TEXT) PROMISE(ufo_csv_element(csv, type, field, true, element));
}

/* Writes a row of fields the way the tool does; reading must give the same texts. */
static void check_rewritten(const ufo_csv_field *fields, size_t count, char delimiter) {
  if (delimiter != ',' || (count == 1 && !fields[0].length)) return; /* a blank line may be passed over */
  char *bytes = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&bytes, &size);
  PROMISE(out);
  for (size_t i = 0; i < count; i++) {
    if (i) putc(',', out);
    csv_write_field(out, fields[i].text, fields[i].length, true);
  }
  putc('\n', out);
  PROMISE(!fclose(out));
  static int second = -1;
  if (second < 0) PROMISE((second = memfd_create("csv2", MFD_CLOEXEC)) >= 0);
  PROMISE(!ftruncate(second, (off_t)size) && pwrite(second, bytes, size, 0) == (ssize_t)size);
  PROMISE(lseek(second, 0, SEEK_SET) == 0);
  ufo_csv_reader *reader = ufo_csv_reader_open(second, "again", ',');
  PROMISE(reader);
  ufo_error error = {0};
  size_t found;
  int has_mark = fields[0].length >= 3 && !memcmp(fields[0].text, "\xEF\xBB\xBF", 3);
  ufo_status status = ufo_csv_reader_next(reader, &error);
  if (!has_mark) {
    PROMISE(status == UFO_OK);
    const ufo_csv_field *again = ufo_csv_reader_fields(reader, &found);
    PROMISE(found == count);
    for (size_t i = 0; i < count; i++) {
      PROMISE(again[i].length == fields[i].length && !memcmp(again[i].text, fields[i].text, fields[i].length));
      PROMISE(again[i].quoted || (again[i].length && (again[i].length != 2 || memcmp(again[i].text, "NA", 2))));
    }
    PROMISE(ufo_csv_reader_next(reader, &error) == UFO_END);
  }
  ufo_csv_reader_close(reader);
  free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char delimiters[] = {',', ';', '\t', '|'};
  if (!size || size > GUARDED_MAX) return 0;
  char delimiter = delimiters[data[0] & 3];
  fill_file(data + 1, size - 1);
  ufo_csv_options options = {.struct_size = sizeof options, .delimiter = delimiter, .no_header = (data[0] & 4) != 0};
  ufo_csv *csv = NULL;
  ufo_error error = {0};
  ufo_status status = ufo_csv_scan(file, "input.csv", &options, NULL, NULL, &csv, &error);
  PROMISE(status == UFO_OK || (error.code == status && error.message[0] && !csv));
  if (status) return 0;
  ufo_csv_row_source source;
  uint64_t rows = 0, line = 0;
  const ufo_csv_field *fields;
  size_t count;
  bool is_stopped;
  PROMISE(ufo_csv_rows_open(csv, 0, NULL, NULL, &source, &error) == UFO_OK);
  ufo_status next = UFO_OK;
  if (!options.no_header) next = ufo_csv_rows_next(&source, 0, &fields, &count, &is_stopped, &error);
  while (!next && !(next = ufo_csv_rows_next(&source, !options.no_header || rows ? csv->column_count : 0, &fields,
                                             &count, &is_stopped, &error))) {
    rows++;
    PROMISE(ufo_csv_reader_line(source.reader) > line && count == csv->column_count);
    line = ufo_csv_reader_line(source.reader);
    for (size_t i = 0; i < count; i++) check_field(csv, ufo_csv_inferred(csv, &csv->columns[i]), &fields[i]);
    check_rewritten(fields, count, delimiter);
  }
  PROMISE(next == UFO_END && rows == ufo_csv_rows(csv) && ufo_csv_reader_bytes(source.reader) == size - 1);
  ufo_csv_rows_close(&source);
  ufo_csv_free(csv);
  return 0;
}
