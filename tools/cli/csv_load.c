/* csv_load.c - the second pass of csv_import.h.
 *
 * Each column has a writer of its own, so rows are written as they are read. A column is first put under a temporary
 * name that nobody else has; making the list takes that name away again. */
#include "cli.h"
#include "csv_import.h"
#include "csv_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Each open writer keeps a chunk, so that many columns get smaller ones. */
#define WRITERS_BYTES (UINT64_C(256) << 20)

typedef struct loader {
  const csv_source *source;
  const csv_table *table;
  ufo_store *store;
  ufo_txn *txn;
  const char *name;
  ufo_writer **writers;      /* of columns of numbers */
  ufo_text_writer **strings; /* of the others */
  char **temporary;          /* names */
} loader;

static ufo_status no_memory(const loader *l, ufo_error *error) {
  return set_errno(error, "cannot import '%s'", l->source->file);
}

static ufo_status changed_meanwhile(const loader *l, ufo_error *error) {
  return set_error(error, UFO_IO, "'%s' changed while it was imported; nothing was stored", l->source->file);
}

/* Temporary names that no object has. */
static ufo_status choose_names(loader *l, ufo_error *error) {
  uint64_t mark = 0;
  if (getrandom(&mark, sizeof mark, 0) != sizeof mark) return set_errno(error, "cannot get random bytes");
  for (size_t i = 0; i < l->table->column_count; i++) {
    ufo_object_info info = {.struct_size = sizeof info};
    if (asprintf(&l->temporary[i], ".import-%016llx-%zu", (unsigned long long)mark, i) < 0) {
      l->temporary[i] = NULL;
      return no_memory(l, error);
    }
    ufo_status status = ufo_store_info(l->store, l->txn, l->temporary[i], 0, &info, error);
    if (status == UFO_MISSING) continue;
    return status ? status : set_error(error, UFO_IO, "the temporary name '%s' is taken", l->temporary[i]);
  }
  return UFO_OK;
}

static ufo_status open_writers(loader *l, ufo_error *error) {
  static const ufo_type types[] = {[CSV_LOGICAL] = UFO_LOGICAL, [CSV_INTEGER] = UFO_INTEGER, [CSV_DOUBLE] = UFO_DOUBLE};
  uint32_t chunk_bytes = 0;
  if (l->table->column_count > WRITERS_BYTES / UFO_CHUNK_BYTES_DEFAULT) {
    chunk_bytes = UFO_CHUNK_BYTES_DEFAULT;
    while (chunk_bytes > UFO_CHUNK_BYTES_MIN && l->table->column_count > WRITERS_BYTES / chunk_bytes) chunk_bytes /= 2;
  }
  for (size_t i = 0; i < l->table->column_count; i++) {
    csv_type type = csv_inferred(&l->table->columns[i]);
    ufo_status status;
    if (type == CSV_TEXT) {
      status = ufo_text_writer_open(l->txn, l->temporary[i], chunk_bytes, &l->strings[i], error);
    } else {
      const ufo_object_spec spec = {.struct_size = sizeof spec, .type = types[type], .chunk_bytes = chunk_bytes};
      status = ufo_writer_open(l->txn, l->temporary[i], &spec, &l->writers[i], error);
    }
    if (status) return status;
  }
  return UFO_OK;
}

static ufo_status write_field(loader *l, size_t column, const csv_field *field, ufo_error *error) {
  ufo_writer *writer = l->writers[column];
  int32_t whole;
  double number;
  ufo_string string = {.encoding = UFO_ENCODING_UTF8};
  switch (csv_inferred(&l->table->columns[column])) {
  case CSV_LOGICAL:
    whole = csv_logical(field);
    return ufo_writer_write(writer, &whole, sizeof whole, error);
  case CSV_INTEGER:
    whole = csv_integer(field);
    return ufo_writer_write(writer, &whole, sizeof whole, error);
  case CSV_DOUBLE:
    number = csv_double(field);
    return ufo_writer_write(writer, &number, sizeof number, error);
  default:
    if (!csv_text_is_na(field, l->source->na)) string.bytes = field->text, string.length = field->length;
    return ufo_text_writer_write(l->strings[column], &string, 1, error);
  }
}

static ufo_status write_rows(loader *l, progress *p, ufo_error *error) {
  csv_reader *reader;
  const csv_field *fields;
  size_t count, columns = l->table->column_count;
  uint64_t rows = 0;
  ufo_status status = csv_rows_open(l->source, &reader, error);
  if (!status && l->source->header) status = csv_rows_next(reader, 0, &fields, &count, error);
  while (!status &&
         !(status = csv_rows_next(reader, l->source->header || rows ? columns : 0, &fields, &count, error))) {
    if (count != columns || ++rows > l->table->row_count) status = changed_meanwhile(l, error);
    for (size_t i = 0; i < columns && !status; i++) status = write_field(l, i, &fields[i], error);
    if (rows % 1024 == 0) progress_update(p, l->source->bytes + csv_bytes(reader), 2 * l->source->bytes);
  }
  csv_close(reader);
  if (status != UFO_END || interrupted()) return status;
  return rows == l->table->row_count ? UFO_OK : changed_meanwhile(l, error);
}

static ufo_status finish_columns(loader *l, ufo_error *error) {
  ufo_status status = UFO_OK;
  for (size_t i = 0; i < l->table->column_count && !status; i++) {
    ufo_writer *writer = l->writers[i];
    ufo_text_writer *strings = l->strings[i];
    l->writers[i] = NULL; /* freed in every case */
    l->strings[i] = NULL;
    status = strings ? ufo_text_writer_finish(strings, error) : ufo_writer_finish(writer, error);
  }
  return status;
}

/* R's compact row names: NA and minus the number of rows. */
static ufo_status set_row_names(ufo_attributes *attributes, uint64_t rows, ufo_error *error) {
  const int32_t compact[] = {INT32_MIN, rows <= INT32_MAX ? -(int32_t)rows : 0};
  const uint64_t na_bits = UINT64_C(0x7FF00000000007A2);
  double large[] = {0, -(double)rows};
  memcpy(&large[0], &na_bits, sizeof na_bits);
  if (rows <= INT32_MAX) return ufo_attributes_set(attributes, "row.names", UFO_ATTRIBUTE_INTEGER, compact, 2, error);
  return ufo_attributes_set(attributes, "row.names", UFO_ATTRIBUTE_DOUBLE, large, 2, error);
}

static ufo_status make_frame(loader *l, ufo_error *error) {
  static const char *const class[] = {"data.frame"};
  const csv_table *table = l->table;
  ufo_attributes *attributes = NULL;
  ufo_status status = ufo_txn_put_list(l->txn, l->name, (const char *const *)l->temporary, table->column_count, error);
  if (!status) status = ufo_attributes_create(&attributes, error);
  if (!status)
    status = ufo_attributes_set_strings(attributes, "names", (const char *const *)table->names, NULL,
                                        table->column_count, error);
  if (!status) status = ufo_attributes_set_strings(attributes, "class", class, NULL, 1, error);
  if (!status) status = set_row_names(attributes, table->row_count, error);
  if (!status) status = ufo_txn_set_attributes(l->txn, l->name, attributes, error);
  if (attributes) ufo_attributes_free(attributes);
  return status;
}

ufo_status csv_load(const csv_source *source, const csv_table *table, ufo_store *store, ufo_txn *txn, const char *name,
                    progress *p, ufo_error *error) {
  loader l = {.source = source, .table = table, .store = store, .txn = txn, .name = name};
  size_t columns = table->column_count;
  l.writers = calloc(columns, sizeof *l.writers);
  l.strings = calloc(columns, sizeof *l.strings);
  l.temporary = calloc(columns, sizeof *l.temporary);
  ufo_status status = l.writers && l.strings && l.temporary ? UFO_OK : no_memory(&l, error);
  if (!status) status = choose_names(&l, error);
  if (!status) status = open_writers(&l, error);
  if (!status) status = write_rows(&l, p, error);
  if (!status) status = finish_columns(&l, error);
  if (!status) status = make_frame(&l, error);
  for (size_t i = 0; i < columns; i++) {
    if (l.writers && l.writers[i]) ufo_writer_cancel(l.writers[i]);
    if (l.strings) ufo_text_writer_cancel(l.strings[i]);
    if (l.temporary) free(l.temporary[i]);
  }
  free(l.writers);
  free(l.strings);
  free(l.temporary);
  return status;
}
