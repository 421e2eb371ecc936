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
static void check_column(const ufo_csv *csv, const ufo_csv_batch *batch, size_t i) {
  static unsigned char elements[8 * UFO_CSV_BATCH_ROWS];
  ufo_csv_type type = ufo_csv_inferred(csv, &csv->columns[i]);
  for (size_t row = 0; row < batch->row_count; row++) {
    const ufo_csv_field *field = ufo_csv_batch_field(batch, row, i);
    PROMISE(!field->length || ufo_utf8_is_text(field->text, field->length));
    check_number(field);
    check_time(field);
  }
  if (type == UFO_CSV_TEXT) return;
  PROMISE(ufo_csv_elements(csv, type, batch, i, 0, batch->row_count, true, elements) == batch->row_count);
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
  ufo_csv_reader *reader = ufo_csv_reader_open(second, "again", ',', 0);
  PROMISE(reader);
  ufo_error error = {0};
  ufo_csv_batch batch;
  int has_mark = fields[0].length >= 3 && !memcmp(fields[0].text, "\xEF\xBB\xBF", 3);
  ufo_status status = ufo_csv_reader_next(reader, 0, &batch, &error);
  if (!has_mark) {
    PROMISE(status == UFO_OK && batch.row_count == 1 && batch.column_count == count);
    const ufo_csv_field *again = batch.fields;
    for (size_t i = 0; i < count; i++) {
      PROMISE(again[i].length == fields[i].length && !memcmp(again[i].text, fields[i].text, fields[i].length));
      PROMISE(again[i].quoted || (again[i].length && (again[i].length != 2 || memcmp(again[i].text, "NA", 2))));
    }
    PROMISE(ufo_csv_reader_next(reader, count, &batch, &error) == UFO_END);
  }
  ufo_csv_reader_close(reader);
  free(bytes);
}

/* Takes records off the front of batches. */
typedef struct records {
  ufo_csv_reader *reader;
  ufo_csv_batch batch;
  size_t row, columns;
} records;

static ufo_status next_record(records *r, ufo_error *error) {
  if (++r->row < r->batch.row_count) return UFO_OK;
  r->row = 0;
  ufo_status status = ufo_csv_reader_next(r->reader, r->columns, &r->batch, error);
  if (!status && !r->columns) r->columns = r->batch.column_count;
  PROMISE(status || (r->batch.row_count && (r->batch.column_count == r->columns || r->batch.row_count == 1)));
  return status;
}

/* However small the window is that it is read through, a file has the same records and the same error. */
static void check_windows(int fd, char delimiter, size_t window) {
  records usual = {.row = SIZE_MAX - 1}, small = usual;
  ufo_error errors[2] = {0};
  ufo_status status;
  static int second = -1;
  if (second < 0) second = memfd_create("csv3", MFD_CLOEXEC);
  char bytes[4096];
  ssize_t got = pread(fd, bytes, sizeof bytes, 0);
  if (got == sizeof bytes) return;
  PROMISE(second >= 0 && got >= 0 && !ftruncate(second, got) && pwrite(second, bytes, (size_t)got, 0) == got);
  PROMISE(lseek(fd, 0, SEEK_SET) == 0 && lseek(second, 0, SEEK_SET) == 0);
  PROMISE((usual.reader = ufo_csv_reader_open(fd, "usual", delimiter, 0)));
  PROMISE((small.reader = ufo_csv_reader_open(second, "usual", delimiter, window)));
  do {
    status = next_record(&usual, &errors[0]);
    PROMISE(next_record(&small, &errors[1]) == status);
    const ufo_csv_batch *a = &usual.batch, *b = &small.batch;
    if (status) break;
    PROMISE(a->column_count == b->column_count && a->lines[usual.row] == b->lines[small.row]);
    const ufo_csv_field *fields = &a->fields[usual.row * a->column_count],
                        *others = &b->fields[small.row * b->column_count];
    for (size_t i = 0; i < a->column_count; i++)
      PROMISE(fields[i].length == others[i].length && fields[i].quoted == others[i].quoted &&
              !memcmp(fields[i].text, others[i].text, fields[i].length));
  } while (!status);
  bool utf16 = got >= 2 && (!memcmp(bytes, "\xFF\xFE", 2) || !memcmp(bytes, "\xFE\xFF", 2));
  PROMISE(status == UFO_END || utf16 || !strcmp(errors[0].message, errors[1].message));
  ufo_csv_reader_close(usual.reader);
  ufo_csv_reader_close(small.reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char delimiters[] = {',', ';', '\t', '|'};
  if (!size || size > GUARDED_MAX) return 0;
  char delimiter = delimiters[data[0] & 3];
  fill_file(data + 1, size - 1);
  check_windows(file, delimiter, 4 + (data[0] >> 4));
  PROMISE(lseek(file, 0, SEEK_SET) == 0);
  ufo_csv_options options = {.struct_size = sizeof options, .delimiter = delimiter, .no_header = (data[0] & 4) != 0};
  ufo_csv *csv = NULL;
  ufo_error error = {0};
  ufo_status status = ufo_csv_scan(file, "input.csv", &options, NULL, NULL, &csv, &error);
  PROMISE(status == UFO_OK || (error.code == status && error.message[0] && !csv));
  if (status) return 0;
  ufo_csv_row_source source;
  ufo_csv_batch batch;
  uint64_t rows = 0, line = 0;
  bool is_stopped;
  PROMISE(ufo_csv_rows_open(csv, 0, NULL, NULL, &source, &error) == UFO_OK);
  ufo_status next = UFO_OK;
  while (!(next = ufo_csv_rows_next(&source, rows ? csv->column_count : 0, &batch, &is_stopped, &error))) {
    size_t from = !rows && !options.no_header;
    PROMISE(batch.column_count == csv->column_count && batch.row_count > 0);
    for (size_t row = 0; row < batch.row_count; row++) {
      PROMISE(batch.lines[row] > line);
      line = batch.lines[row];
      if (row >= from) check_rewritten(&batch.fields[row * batch.column_count], batch.column_count, delimiter);
    }
    batch.fields += from * batch.column_count;
    batch.row_count -= from;
    for (size_t i = 0; i < batch.column_count; i++) check_column(csv, &batch, i);
    rows += from + batch.row_count;
  }
  PROMISE(next == UFO_END && rows == ufo_csv_rows(csv) + !options.no_header);
  PROMISE(ufo_csv_reader_bytes(source.reader) == size - 1);
  ufo_csv_rows_close(&source);
  ufo_csv_free(csv);
  return 0;
}
