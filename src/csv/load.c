/* load.c - the second pass over a CSV file.
 *
 * Each column has a writer of its own, so rows are written as they are read. A column is first put under a temporary
 * name that nobody else has; making the list takes that name away again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <ufostore/text.h>

#include "csv/infer.h"
#include "csv/levels.h"
#include "util/fail.h"

/* Each open writer keeps a chunk, so that many columns get smaller ones. */
#define WRITERS_BYTES (UINT64_C(256) << 20)

/* One of these for each column of the data frame. */
typedef struct target {
  size_t field; /* its place in a row */
  const char *name;
  ufo_csv_type type;
  ufo_writer *writer;       /* of numbers; NULL: of strings, or it is finished */
  ufo_text_writer *strings; /* of strings */
  ufo_csv_levels *levels;   /* of a factor */
  char *temporary;
} target;

typedef struct loader {
  const ufo_csv *csv;
  ufo_txn *txn;
  const char *name;
  target *targets;
  size_t target_count;
  /* Of one column of a batch. */
  union {
    unsigned char elements[8 * UFO_CSV_BATCH_ROWS];
    ufo_string strings[UFO_CSV_BATCH_ROWS];
  };
} loader;

static ufo_status no_memory(const loader *l, ufo_error *error) {
  return ufo_fail(error, UFO_FULL, "cannot import '%s': out of memory", l->csv->file);
}

static ufo_status changed_meanwhile(const loader *l, ufo_error *error) {
  return ufo_fail(error, UFO_IO, "'%s' changed while it was imported; nothing was stored", l->csv->file);
}

static ufo_status choose_targets(loader *l, ufo_error *error) {
  uint64_t mark = 0;
  if (getrandom(&mark, sizeof mark, 0) != sizeof mark)
    return ufo_fail_errno(error, errno, "cannot import '%s': no random bytes", l->csv->file);
  l->targets = calloc(l->csv->column_count + 1, sizeof *l->targets);
  if (!l->targets) return no_memory(l, error);
  for (size_t i = 0; i < l->csv->column_count; i++) {
    const ufo_csv_found *column = &l->csv->columns[i];
    target *t = &l->targets[l->target_count];
    *t = (target){.field = i, .name = column->name, .type = ufo_csv_inferred(l->csv, column)};
    if (t->type == UFO_CSV_SKIP) continue;
    l->target_count++;
    if (asprintf(&t->temporary, "\001import-%016llx-%zu", (unsigned long long)mark, i) < 0) {
      t->temporary = NULL;
      return no_memory(l, error);
    }
  }
  if (l->target_count) return UFO_OK;
  return ufo_fail(error, UFO_USAGE, "cannot import '%s': no column of it is wanted", l->csv->file);
}

static ufo_status open_writer(loader *l, target *t, uint32_t chunk_bytes, ufo_error *error) {
  ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_DOUBLE, .chunk_bytes = chunk_bytes};
  if (t->type == UFO_CSV_TEXT) return ufo_text_writer_open(l->txn, t->temporary, chunk_bytes, &t->strings, error);
  if (t->type == UFO_CSV_LOGICAL) spec.type = UFO_LOGICAL;
  if (t->type == UFO_CSV_INTEGER || t->type == UFO_CSV_FACTOR) spec.type = UFO_INTEGER;
  if (t->type == UFO_CSV_FACTOR && !(t->levels = ufo_csv_levels_create())) return no_memory(l, error);
  return ufo_writer_open(l->txn, t->temporary, &spec, &t->writer, error);
}

static ufo_status open_writers(loader *l, ufo_error *error) {
  uint32_t chunk_bytes = 0;
  if (l->target_count > WRITERS_BYTES / UFO_CHUNK_BYTES_DEFAULT) {
    chunk_bytes = UFO_CHUNK_BYTES_DEFAULT;
    while (chunk_bytes > UFO_CHUNK_BYTES_MIN && l->target_count > WRITERS_BYTES / chunk_bytes) chunk_bytes /= 2;
  }
  ufo_status status = UFO_OK;
  for (size_t i = 0; i < l->target_count && !status; i++) status = open_writer(l, &l->targets[i], chunk_bytes, error);
  return status;
}

static ufo_status write_levels(loader *l, target *t, const ufo_csv_batch *batch, size_t from, ufo_error *error) {
  for (size_t row = from; row < batch->row_count; row++) {
    const ufo_csv_field *field = ufo_csv_batch_field(batch, row, t->field);
    int32_t code = UFO_CSV_NA;
    if (!ufo_csv_missing_text(l->csv, field)) code = ufo_csv_levels_code(t->levels, field->text, field->length);
    if (!code)
      return ufo_fail(error, UFO_FULL, "cannot import '%s': column '%s' has too many levels for a factor", l->csv->file,
                      t->name);
    memcpy(l->elements + (row - from) * sizeof code, &code, sizeof code);
  }
  return ufo_writer_write(t->writer, l->elements, (batch->row_count - from) * sizeof(int32_t), error);
}

static ufo_status write_strings(loader *l, target *t, const ufo_csv_batch *batch, size_t from, ufo_error *error) {
  for (size_t row = from; row < batch->row_count; row++) {
    const ufo_csv_field *field = ufo_csv_batch_field(batch, row, t->field);
    ufo_string *string = &l->strings[row - from];
    *string = (ufo_string){.encoding = UFO_ENCODING_UTF8};
    if (!ufo_csv_missing_text(l->csv, field)) string->bytes = field->text, string->length = field->length;
  }
  return ufo_text_writer_write(t->strings, l->strings, batch->row_count - from, error);
}

/* The rows of a batch from `from` on. */
static ufo_status write_column(loader *l, target *t, const ufo_csv_batch *batch, size_t from, ufo_error *error) {
  if (t->type == UFO_CSV_FACTOR) return write_levels(l, t, batch, from, error);
  if (t->type == UFO_CSV_TEXT) return write_strings(l, t, batch, from, error);
  size_t rows = batch->row_count;
  if (ufo_csv_elements(l->csv, t->type, batch, t->field, from, rows, false, l->elements) < rows)
    return changed_meanwhile(l, error);
  return ufo_writer_write(t->writer, l->elements, (rows - from) * ufo_csv_element_bytes(t->type), error);
}

static ufo_status write_rows(loader *l, ufo_csv_row_source *rows, ufo_error *error) {
  const ufo_csv *csv = l->csv;
  ufo_csv_batch batch;
  bool is_stopped = false;
  uint64_t done = 0;
  size_t from = !csv->options.no_header, columns = 0; /* of the first batch */
  ufo_status status = UFO_OK;
  while (!(status = ufo_csv_rows_next(rows, columns, &batch, &is_stopped, error))) {
    columns = csv->column_count;
    if (batch.column_count != columns || batch.row_count - from > csv->row_count - done)
      return changed_meanwhile(l, error);
    for (size_t i = 0; i < l->target_count && batch.row_count > from && !status; i++)
      status = write_column(l, &l->targets[i], &batch, from, error);
    if (status) return status;
    done += batch.row_count - from;
    from = 0;
  }
  if (status != UFO_END || is_stopped) return status;
  return done == csv->row_count ? UFO_OK : changed_meanwhile(l, error);
}

/* What the elements mean to R. */
static ufo_status set_class(const loader *l, const target *t, ufo_error *error) {
  static const char *const date[] = {"Date"}, *const time[] = {"POSIXct", "POSIXt"}, *const zone[] = {"UTC"},
                           *const factor[] = {"factor"}, *const integer64[] = {"integer64"};
  const char *const *class = t->type == UFO_CSV_DATE        ? date
                             : t->type == UFO_CSV_TIME      ? time
                             : t->type == UFO_CSV_FACTOR    ? factor
                             : t->type == UFO_CSV_INTEGER64 ? integer64
                                                            : NULL;
  ufo_attributes *attributes = NULL;
  if (!class) return UFO_OK;
  ufo_status status = ufo_attributes_create(&attributes, error);
  if (!status && t->levels) status = ufo_csv_levels_set(t->levels, attributes, error);
  if (!status)
    status = ufo_attributes_set_strings(attributes, "class", class, NULL, t->type == UFO_CSV_TIME ? 2 : 1, error);
  if (!status && t->type == UFO_CSV_TIME)
    status = ufo_attributes_set_strings(attributes, "tzone", zone, NULL, 1, error);
  if (!status) status = ufo_txn_set_attributes(l->txn, t->temporary, attributes, error);
  if (attributes) ufo_attributes_free(attributes);
  return status;
}

static ufo_status finish_columns(loader *l, ufo_error *error) {
  ufo_status status = UFO_OK;
  for (size_t i = 0; i < l->target_count && !status; i++) {
    target *t = &l->targets[i];
    ufo_writer *writer = t->writer;
    ufo_text_writer *strings = t->strings;
    t->writer = NULL; /* freed in every case */
    t->strings = NULL;
    status = strings ? ufo_text_writer_finish(strings, error) : ufo_writer_finish(writer, error);
    if (!status) status = set_class(l, t, error);
  }
  return status;
}

/* R's compact row names: NA and minus the number of rows. */
static ufo_status set_row_names(ufo_attributes *attributes, uint64_t rows, ufo_error *error) {
  const int32_t compact[] = {INT32_MIN, rows <= INT32_MAX ? -(int32_t)rows : 0};
  const double large[] = {ufo_csv_na(), -(double)rows};
  if (rows <= INT32_MAX) return ufo_attributes_set(attributes, "row.names", UFO_ATTRIBUTE_INTEGER, compact, 2, error);
  return ufo_attributes_set(attributes, "row.names", UFO_ATTRIBUTE_DOUBLE, large, 2, error);
}

static ufo_status set_frame_attributes(const loader *l, const char *const *names, ufo_error *error) {
  static const char *const class[] = {"data.frame"};
  ufo_attributes *attributes = NULL;
  ufo_status status = ufo_attributes_create(&attributes, error);
  if (!status) status = ufo_attributes_set_strings(attributes, "names", names, NULL, l->target_count, error);
  if (!status) status = ufo_attributes_set_strings(attributes, "class", class, NULL, 1, error);
  if (!status) status = set_row_names(attributes, l->csv->row_count, error);
  if (!status) status = ufo_txn_set_attributes(l->txn, l->name, attributes, error);
  if (attributes) ufo_attributes_free(attributes);
  return status;
}

static ufo_status make_frame(const loader *l, ufo_error *error) {
  const char **names = calloc(l->target_count, sizeof *names), **children = calloc(l->target_count, sizeof *children);
  ufo_status status = names && children ? UFO_OK : no_memory(l, error);
  for (size_t i = 0; i < l->target_count && !status; i++) {
    names[i] = l->targets[i].name;
    children[i] = l->targets[i].temporary;
  }
  if (!status) status = ufo_txn_put_list(l->txn, l->name, children, l->target_count, error);
  if (!status) status = set_frame_attributes(l, names, error);
  free(names);
  free(children);
  return status;
}

static void free_targets(loader *l) {
  for (size_t i = 0; i < l->target_count; i++) {
    target *t = &l->targets[i];
    if (t->writer) ufo_writer_cancel(t->writer);
    ufo_text_writer_cancel(t->strings);
    ufo_csv_levels_free(t->levels);
    free(t->temporary);
  }
  free(l->targets);
}

ufo_status ufo_csv_load(ufo_csv *csv, ufo_txn *txn, const char *name, ufo_progress_fn progress, void *user,
                        ufo_error *error) {
  if (!csv || !txn || !name)
    return ufo_fail(error, UFO_USAGE, "no CSV file, no transaction or no name to import under");
  loader *l = calloc(1, sizeof *l);
  if (!l) return ufo_fail(error, UFO_FULL, "cannot import '%s': out of memory", csv->file);
  l->csv = csv;
  l->txn = txn;
  l->name = name;
  ufo_csv_row_source rows = {0};
  ufo_status status = choose_targets(l, error);
  if (!status) status = open_writers(l, error);
  if (!status) status = ufo_csv_rows_open(csv, csv->bytes, progress, user, &rows, error);
  if (!status) status = write_rows(l, &rows, error);
  ufo_csv_rows_close(&rows);
  if (!status) status = finish_columns(l, error);
  if (!status) status = make_frame(l, error);
  free_targets(l);
  free(l);
  return status;
}
