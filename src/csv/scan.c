/* scan.c - the first pass over a CSV file, and the reading of rows that both passes share. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "csv/infer.h"
#include "util/fail.h"

static ufo_status no_memory(const ufo_csv *csv, ufo_error *error) {
  return ufo_fail(error, UFO_FULL, "cannot read '%s': out of memory", csv->file);
}

/* ---- rows ---- */

ufo_status ufo_csv_rows_open(const ufo_csv *csv, uint64_t before, ufo_progress_fn progress, void *user,
                             ufo_csv_row_source *rows_out, ufo_error *error) {
  *rows_out = (ufo_csv_row_source){.csv = csv, .before = before, .progress = progress, .user = user};
  if (lseek(csv->fd, 0, SEEK_SET) < 0)
    return ufo_fail_errno(error, errno, "cannot read '%s' from its start", csv->file);
  rows_out->reader = ufo_csv_reader_open(csv->fd, csv->file, csv->options.delimiter, 0);
  if (!rows_out->reader) return no_memory(csv, error);
  return ufo_csv_reader_skip(rows_out->reader, csv->options.skip_lines, error);
}

void ufo_csv_rows_close(ufo_csv_row_source *rows) {
  ufo_csv_reader_close(rows->reader);
  rows->reader = NULL;
}

ufo_status ufo_csv_rows_next(ufo_csv_row_source *rows, size_t column_count, ufo_csv_batch *batch_out, bool *is_stopped,
                             ufo_error *error) {
  uint64_t bytes = ufo_csv_reader_bytes(rows->reader);
  *is_stopped = false;
  if (rows->progress && bytes != rows->told) {
    rows->told = bytes;
    *is_stopped = rows->progress(rows->user, rows->before + bytes, 2 * rows->csv->bytes) != 0;
    if (*is_stopped) return UFO_END;
  }
  return ufo_csv_reader_next(rows->reader, column_count, batch_out, error);
}

/* ---- options ---- */

static ufo_status check_options(const ufo_csv_options *options, ufo_error *error) {
  unsigned char mark = (unsigned char)options->delimiter;
  bool printable = mark == '\t' || (mark >= 0x20 && mark < 0x7F);
  if (!printable || mark == '"' || (options->decimal != '.' && options->decimal != ','))
    return ufo_fail(error, UFO_USAGE, "no such delimiter or decimal mark");
  if (options->delimiter == options->decimal)
    return ufo_fail(error, UFO_USAGE, "the delimiter and the decimal mark are both '%c'", options->decimal);
  bool known = options->all_type < UFO_CSV_TYPES && options->text_type < UFO_CSV_TYPES;
  for (uint64_t i = 0; i < options->column_count; i++) known = known && options->columns[i].type < UFO_CSV_TYPES;
  return known ? UFO_OK : ufo_fail(error, UFO_USAGE, "no such type of a CSV column");
}

static ufo_status take_options(ufo_csv *csv, const ufo_csv_options *options, ufo_error *error) {
  static const char *const na[] = {"", "NA"};
  if (options && options->struct_size > sizeof csv->options)
    return ufo_fail(error, UFO_USAGE, "these options are of a newer version of the library");
  if (options) memcpy(&csv->options, options, options->struct_size);
  if (!csv->options.delimiter) csv->options.delimiter = ',';
  if (!csv->options.decimal) csv->options.decimal = '.';
  if (!csv->options.na) csv->options.na = na, csv->options.na_count = 2;
  csv->na = calloc(csv->options.na_count + 1, sizeof *csv->na);
  if (!csv->na) return no_memory(csv, error);
  for (uint64_t i = 0; i < csv->options.na_count; i++)
    csv->na[i] = (ufo_csv_span){csv->options.na[i], strlen(csv->options.na[i])};
  return check_options(&csv->options, error);
}

/* ---- the pass ---- */

/* After the header, or V1, V2, ... */
static ufo_status name_columns(ufo_csv *csv, uint64_t line, const ufo_csv_field *fields, size_t count,
                               ufo_error *error) {
  csv->columns = calloc(count, sizeof *csv->columns);
  if (!csv->columns) return no_memory(csv, error);
  csv->column_count = count;
  for (size_t i = 0; i < count; i++) {
    ufo_csv_found *column = &csv->columns[i];
    bool named = !csv->options.no_header && fields[i].length;
    if (named && fields[i].length > UFO_NAME_MAX)
      return ufo_fail(error, UFO_USAGE, "'%s', line %llu, field %zu: a column name of more than %d bytes", csv->file,
                      (unsigned long long)line, i + 1, UFO_NAME_MAX);
    if (named) column->name = strndup(fields[i].text, fields[i].length);
    else if (asprintf(&column->name, "V%zu", i + 1) < 0) column->name = NULL;
    if (!column->name) return no_memory(csv, error);
    column->asked = csv->options.all_type;
  }
  return UFO_OK;
}

static ufo_status ask_types(ufo_csv *csv, ufo_error *error) {
  for (uint64_t i = 0; i < csv->options.column_count; i++) {
    const ufo_csv_column *wanted = &csv->options.columns[i];
    bool found = false;
    for (size_t j = 0; j < csv->column_count; j++) {
      if (wanted->name ? strcmp(wanted->name, csv->columns[j].name) != 0 : wanted->index != j) continue;
      csv->columns[j].asked = wanted->type;
      found = true;
    }
    if (!found && wanted->name)
      return ufo_fail(error, UFO_USAGE, "'%s' has no column '%s', for which a type is given", csv->file, wanted->name);
    if (!found)
      return ufo_fail(error, UFO_USAGE, "'%s' has %zu columns, and a type is given for column %llu", csv->file,
                      csv->column_count, (unsigned long long)wanted->index + 1);
  }
  return UFO_OK;
}

static ufo_status misfit(const ufo_csv *csv, uint64_t line, size_t i, const ufo_csv_field *field, ufo_error *error) {
  static const char *const words[UFO_CSV_TYPES] = {[UFO_CSV_LOGICAL] = "logical value",
                                                   [UFO_CSV_INTEGER] = "integer of 32 bits",
                                                   [UFO_CSV_DOUBLE] = "number",
                                                   [UFO_CSV_DATE] = "date such as 2013-02-28",
                                                   [UFO_CSV_TIME] = "time such as 2013-02-28 05:15:00",
                                                   [UFO_CSV_INTEGER64] = "integer of 64 bits"};
  int shown = field->length > 40 ? 40 : (int)field->length;
  return ufo_fail(error, UFO_USAGE, "'%s', line %llu, field %zu: '%.*s' is no %s, which column '%s' was said to hold",
                  csv->file, (unsigned long long)line, i + 1, shown, field->text, words[csv->columns[i].asked],
                  csv->columns[i].name);
}

/* The rows of a batch from `from` on. */
static ufo_status scan_batch(ufo_csv *csv, const ufo_csv_batch *batch, size_t from, ufo_error *error) {
  if (batch->column_count != csv->column_count)
    return ufo_fail(error, UFO_USAGE, "'%s', line %llu: %zu %s where the %s has %zu", csv->file,
                    (unsigned long long)batch->lines[0], batch->column_count,
                    batch->column_count == 1 ? "field" : "fields", csv->options.no_header ? "first row" : "header",
                    csv->column_count);
  /* Of what does not fit, the first in the order of the file is named. */
  size_t row = batch->row_count, column = 0;
  for (size_t i = 0; i < csv->column_count; i++) {
    size_t fits = ufo_csv_infer(csv, &csv->columns[i], batch, i, from, row);
    if (fits < row) row = fits, column = i;
  }
  if (row < batch->row_count)
    return misfit(csv, batch->lines[row], column, ufo_csv_batch_field(batch, row, column), error);
  csv->row_count += batch->row_count - from;
  return UFO_OK;
}

static ufo_status scan(ufo_csv *csv, ufo_csv_row_source *rows, ufo_error *error) {
  ufo_csv_batch batch;
  bool is_stopped;
  ufo_status status = ufo_csv_rows_next(rows, 0, &batch, &is_stopped, error);
  if (status == UFO_END && !is_stopped)
    return ufo_fail(error, UFO_USAGE, "'%s' is empty: not even a header line", csv->file);
  if (status) return status;
  status = name_columns(csv, batch.lines[0], batch.fields, batch.column_count, error);
  if (!status) status = ask_types(csv, error);
  if (!status) status = scan_batch(csv, &batch, !csv->options.no_header, error);
  while (!status) {
    status = ufo_csv_rows_next(rows, csv->column_count, &batch, &is_stopped, error);
    if (!status) status = scan_batch(csv, &batch, 0, error);
  }
  return status == UFO_END && !is_stopped ? UFO_OK : status;
}

ufo_status ufo_csv_scan(int fd, const char *file, const ufo_csv_options *options, ufo_progress_fn progress, void *user,
                        ufo_csv **csv_out, ufo_error *error) {
  if (!csv_out) return ufo_fail(error, UFO_USAGE, "no place for what is found in a CSV file");
  *csv_out = NULL;
  if (!file) return ufo_fail(error, UFO_USAGE, "no name of a CSV file");
  struct stat facts;
  ufo_csv_row_source rows = {0};
  ufo_csv *csv = calloc(1, sizeof *csv);
  if (!csv) return ufo_fail(error, UFO_FULL, "cannot read '%s': out of memory", file);
  csv->fd = fd;
  csv->file = strdup(file);
  ufo_status status = csv->file ? take_options(csv, options, error) : ufo_fail(error, UFO_FULL, "out of memory");
  if (!status && fstat(fd, &facts)) status = ufo_fail_errno(error, errno, "cannot read '%s'", file);
  if (!status) {
    csv->bytes = (uint64_t)facts.st_size;
    status = ufo_csv_rows_open(csv, 0, progress, user, &rows, error);
  }
  if (!status) status = scan(csv, &rows, error);
  ufo_csv_rows_close(&rows);
  if (status) ufo_csv_free(csv);
  else *csv_out = csv;
  return status;
}

void ufo_csv_free(ufo_csv *csv) {
  if (!csv) return;
  for (size_t i = 0; i < csv->column_count; i++) free(csv->columns[i].name);
  free(csv->columns);
  free(csv->na);
  free(csv->file);
  free(csv);
}

uint64_t ufo_csv_rows(const ufo_csv *csv) { return csv->row_count; }

uint64_t ufo_csv_columns(const ufo_csv *csv, ufo_csv_type type) {
  uint64_t count = 0;
  for (size_t i = 0; i < csv->column_count; i++) {
    ufo_csv_type found = ufo_csv_inferred(csv, &csv->columns[i]);
    count += type == UFO_CSV_GUESS ? found != UFO_CSV_SKIP : found == type;
  }
  return count;
}
