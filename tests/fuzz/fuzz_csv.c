/* CSV: any bytes are records or an error that names the line; the types that are found fit every field; numbers are
 * those of strtod, and survive being written as text; a field that is written is read back.
 *
 * Input: byte 0 chooses the delimiter, and if there is a header; the rest is the file. */
#include "fuzz.h"

#include <math.h>

#include "cli/csv_import.h"
#include "cli/csv_rows.h"
#include "cli/csv_writer.h"
#include "cli/text.h"

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

static void check_number(const csv_field *field) {
  char text[512], again[FORMAT_MAX];
  double value = csv_double(field), other;
  size_t length = field->length;
  if (is_na_double(value) || isnan(value) || length >= sizeof text) return;
  memcpy(text, field->text, length);
  text[length] = 0;
  other = strtod(text, NULL);
  PROMISE(is_same(other, value));
  csv_field written = {again, format_double(again, value), false};
  PROMISE(written.length < FORMAT_MAX && again[written.length] == 0);
  other = csv_double(&written);
  if (fabs(value) < 9007199254740992.0 || !isfinite(value)) PROMISE(is_same(other, value));
}

/* The column's type is one that every field of it has. */
static void check_field(csv_type type, const csv_field *field) {
  for (size_t i = 0; i < field->length; i++) PROMISE(field->text[i] != 0);
  PROMISE(utf8_valid(field->text, field->length));
  if (!field->quoted) check_number(field);
  (void)csv_logical(field), (void)csv_integer(field);
  size_t length = field->length, start = 0;
  while (start < length && (field->text[start] == ' ' || field->text[start] == '\t')) start++;
  while (length > start && (field->text[length - 1] == ' ' || field->text[length - 1] == '\t')) length--;
  if (start == length || (length - start == 2 && !memcmp(field->text + start, "NA", 2))) return;
  if (type == CSV_LOGICAL) PROMISE(csv_logical(field) != NA_INT32);
  if (type == CSV_INTEGER) PROMISE(csv_integer(field) != NA_INT32);
  if (type == CSV_DOUBLE) PROMISE(!is_na_double(csv_double(field)));
}

/* Writes a row of fields the way the tool does; reading must give the same texts. */
static void check_rewritten(const csv_field *fields, size_t count, char delimiter) {
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
  csv_reader *reader = csv_open(second, "again", ',');
  PROMISE(reader);
  ufo_error error = {0};
  size_t found;
  int has_mark = fields[0].length >= 3 && !memcmp(fields[0].text, "\xEF\xBB\xBF", 3);
  ufo_status status = csv_next(reader, &error);
  if (!has_mark) {
    PROMISE(status == UFO_OK);
    const csv_field *again = csv_fields(reader, &found);
    PROMISE(found == count);
    for (size_t i = 0; i < count; i++) {
      PROMISE(again[i].length == fields[i].length && !memcmp(again[i].text, fields[i].text, fields[i].length));
      PROMISE(!csv_text_is_na(&again[i], "NA"));
    }
    PROMISE(csv_next(reader, &error) == UFO_END);
  }
  csv_close(reader);
  free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char delimiters[] = {',', ';', '\t', '|'};
  if (!size || size > GUARDED_MAX) return 0;
  char delimiter = delimiters[data[0] & 3];
  fill_file(data + 1, size - 1);
  csv_source source = {
      .fd = file, .file = "input.csv", .bytes = size - 1, .delimiter = delimiter, .header = !(data[0] & 4), .na = "NA"};
  csv_table table;
  ufo_error error = {0};
  progress p = progress_start("fuzz");
  ufo_status status = csv_scan(&source, &table, &p, &error);
  PROMISE(status == UFO_OK || (error.code == status && error.message[0]));
  csv_reader *reader = NULL;
  uint64_t rows = 0, line = 0;
  const csv_field *fields;
  size_t count;
  if (!status) {
    PROMISE(csv_rows_open(&source, &reader, &error) == UFO_OK);
    ufo_status next = UFO_OK;
    if (source.header) next = csv_rows_next(reader, 0, &fields, &count, &error);
    while (!next &&
           !(next = csv_rows_next(reader, source.header || rows ? table.column_count : 0, &fields, &count, &error))) {
      rows++;
      PROMISE(csv_line(reader) > line && count == table.column_count);
      line = csv_line(reader);
      for (size_t i = 0; i < count; i++) check_field(csv_inferred(&table.columns[i]), &fields[i]);
      check_rewritten(fields, count, delimiter);
    }
    PROMISE(next == UFO_END && rows == table.row_count && csv_bytes(reader) == size - 1);
    csv_close(reader);
  }
  csv_table_free(&table);
  return 0;
}
