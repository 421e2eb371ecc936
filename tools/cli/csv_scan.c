/* csv_scan.c - the first pass of csv_import.h, and the reading of rows that both passes share. */
#include "cli.h"
#include "csv_import.h"
#include "csv_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ufo_status csv_rows_open(const csv_source *source, csv_reader **reader_out, ufo_error *error) {
  *reader_out = NULL;
  if (lseek(source->fd, 0, SEEK_SET) < 0) return set_errno(error, "cannot read '%s' again", source->file);
  *reader_out = csv_open(source->fd, source->file, source->delimiter);
  return *reader_out ? UFO_OK : set_errno(error, "cannot read '%s'", source->file);
}

static bool is_blank(const csv_field *fields, size_t count) {
  return count == 1 && !fields[0].length && !fields[0].quoted;
}

ufo_status csv_rows_next(csv_reader *reader, size_t column_count, const csv_field **fields_out, size_t *count_out,
                         ufo_error *error) {
  ufo_status status;
  do {
    if (interrupted()) return UFO_END;
    status = csv_next(reader, error);
    if (status) return status;
    *fields_out = csv_fields(reader, count_out);
  } while (column_count != 1 && is_blank(*fields_out, *count_out));
  return UFO_OK;
}

void csv_table_free(csv_table *table) {
  for (size_t i = 0; table->names && i < table->column_count; i++) free(table->names[i]);
  free(table->names);
  free(table->columns);
  *table = (csv_table){0};
}

/* Names the columns after the header, or V1, V2, ... */
static ufo_status name_columns(const csv_source *source, const csv_reader *reader, csv_table *table,
                               const csv_field *fields, size_t count, ufo_error *error) {
  table->names = calloc(count, sizeof *table->names);
  table->columns = calloc(count, sizeof *table->columns);
  if (!table->names || !table->columns) return set_errno(error, "cannot read '%s'", source->file);
  table->column_count = count;
  for (size_t i = 0; i < count; i++) {
    bool named = source->header && fields[i].length;
    if (named && fields[i].length > UFO_NAME_MAX)
      return set_error(error, UFO_USAGE, "'%s', line %llu, field %zu: a column name of more than %d bytes",
                       source->file, (unsigned long long)csv_line(reader), i + 1, UFO_NAME_MAX);
    if (named) table->names[i] = strndup(fields[i].text, fields[i].length);
    else if (asprintf(&table->names[i], "V%zu", i + 1) < 0) table->names[i] = NULL;
    if (!table->names[i]) return set_errno(error, "cannot read '%s'", source->file);
  }
  return UFO_OK;
}

static ufo_status scan_row(const csv_source *source, const csv_reader *reader, csv_table *table,
                           const csv_field *fields, size_t count, ufo_error *error) {
  if (count != table->column_count)
    return set_error(error, UFO_USAGE, "'%s', line %llu: %zu %s where the %s has %zu", source->file,
                     (unsigned long long)csv_line(reader), count, count == 1 ? "field" : "fields",
                     source->header ? "header" : "first row", table->column_count);
  for (size_t i = 0; i < count; i++) csv_infer(&table->columns[i], &fields[i], source->na);
  table->row_count++;
  return UFO_OK;
}

ufo_status csv_scan(const csv_source *source, csv_table *table, progress *p, ufo_error *error) {
  csv_reader *reader;
  const csv_field *fields;
  size_t count;
  *table = (csv_table){0};
  ufo_status status = csv_rows_open(source, &reader, error);
  if (!status) status = csv_rows_next(reader, 0, &fields, &count, error);
  if (status == UFO_END && !interrupted())
    status = set_error(error, UFO_USAGE, "'%s' is empty: not even a header line", source->file);
  if (!status) status = name_columns(source, reader, table, fields, count, error);
  if (!status && !source->header) status = scan_row(source, reader, table, fields, count, error);
  while (!status) {
    status = csv_rows_next(reader, table->column_count, &fields, &count, error);
    if (!status) status = scan_row(source, reader, table, fields, count, error);
    if (!status && table->row_count % 1024 == 0) progress_update(p, csv_bytes(reader), 2 * source->bytes);
  }
  csv_close(reader);
  return status == UFO_END && !interrupted() ? UFO_OK : status;
}
