/* csv_writer.c - see csv_writer.h. */
#include "csv_writer.h"

#include "cli.h"
#include "column.h"
#include "elements.h"
#include "meaning.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS_BETWEEN_UPDATES = 4096 };
/* For all columns together, and what each has at least, or its chunks would be decoded for a few elements at a time. */
#define MEMORY_BYTES (UINT64_C(64) << 20)
#define COLUMN_BYTES_MIN (UINT64_C(4) << 10)

typedef struct frame {
  ufo_store *store;
  const char *address;
  const char *file_name;
  meaning m;
  uint64_t version;
  column **columns;
  char **addresses; /* of the columns */
  uint64_t column_count;
  ufo_attribute row_names; /* count 0: none to be written */
} frame;

void csv_write_field(FILE *file, const char *text, size_t length, bool is_text) {
  bool quote = false;
  for (size_t i = 0; i < length && !quote; i++)
    quote = text[i] == ',' || text[i] == '"' || text[i] == '\n' || text[i] == '\r';
  if (is_text && (!length || (length == 2 && memcmp(text, "NA", 2) == 0))) quote = true;
  if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) quote = true; /* else a byte order mark at a file's start */
  if (!quote) {
    fwrite_unlocked(text, 1, length, file);
    return;
  }
  putc_unlocked('"', file);
  for (size_t i = 0; i < length; i++) {
    if (text[i] == '"') putc_unlocked('"', file);
    putc_unlocked(text[i], file);
  }
  putc_unlocked('"', file);
}

static void close_frame(frame *f) {
  for (uint64_t i = 0; f->columns && i < f->column_count; i++) column_close(f->columns[i]);
  for (uint64_t i = 0; f->addresses && i < f->column_count; i++) free(f->addresses[i]);
  free(f->columns);
  free(f->addresses);
  meaning_free(&f->m);
}

/* Opens one column of a data frame. Columns count versions of their own, so it is the child that is asked for its. */
static ufo_status open_child(frame *f, uint64_t index, uint64_t first, uint64_t end, ufo_error *error) {
  ufo_object_info info = {.struct_size = sizeof info};
  const char *address = f->addresses[index];
  ufo_status status = ufo_store_child_info(f->store, NULL, f->address, f->version, index, &info, error);
  if (status) return status;
  const elements source = elements_of(f->store, address, &info);
  if ((status = elements_check(&source, error))) return status;
  uint64_t memory = MEMORY_BYTES / f->column_count;
  if (memory < COLUMN_BYTES_MIN) memory = COLUMN_BYTES_MIN;
  status = column_open(f->store, address, info.version, 0, UINT64_MAX, memory, &f->columns[index], error);
  if (status) return status;
  uint64_t rows = column_count(f->columns[index]);
  if (rows != f->m.length)
    return set_error(error, UFO_UNSUPPORTED,
                     "%s: object '%s': column %llu has %llu elements in a data frame of %llu rows; CSV cannot show it",
                     ufo_store_path(f->store), f->address, (unsigned long long)index + 1, (unsigned long long)rows,
                     (unsigned long long)f->m.length);
  return column_narrow(f->columns[index], first, end, error);
}

static ufo_status open_column(frame *f, uint64_t index, uint64_t first, uint64_t end, ufo_error *error) {
  bool whole = f->m.info.type != UFO_LIST;
  f->addresses[index] = whole ? strdup(f->address) : child_address(f->address, index);
  if (!f->addresses[index]) return set_errno(error, "cannot read object '%s'", f->address);
  if (!whole) return open_child(f, index, first, end, error);
  return column_open(f->store, f->address, f->version, first, end, MEMORY_BYTES, &f->columns[index], error);
}

static ufo_status open_frame(frame *f, uint64_t first, uint64_t *end, ufo_error *error) {
  ufo_status status = meaning_read(f->store, f->address, f->version, &f->m, error);
  if (status) return status;
  if (f->m.kind == KIND_LIST)
    return set_error(error, UFO_USAGE, "%s: object '%s' is a list of %llu elements, not a table; name one: '%s[[1]]'",
                     ufo_store_path(f->store), f->address, (unsigned long long)f->m.info.length, f->address);
  f->version = f->m.info.version; /* the frame's from here on, whatever is committed meanwhile */
  f->column_count = f->m.kind == KIND_DATA_FRAME ? f->m.info.length : 1;
  if (f->m.kind == KIND_DATA_FRAME) {
    if ((status = range_resolve(f->store, f->address, f->m.length, first, end, error))) return status;
    if (!ufo_attributes_find(f->m.attributes, "row.names", &f->row_names) || f->row_names.type != UFO_ATTRIBUTE_STRING)
      f->row_names.count = 0;
  }
  f->columns = calloc(f->column_count + 1, sizeof *f->columns);
  f->addresses = calloc(f->column_count + 1, sizeof *f->addresses);
  if (!f->columns || !f->addresses) return set_errno(error, "cannot read object '%s'", f->address);
  for (uint64_t i = 0; i < f->column_count && !status; i++) status = open_column(f, i, first, *end, error);
  if (!status && f->m.kind != KIND_DATA_FRAME) *end = first + column_count(f->columns[0]);
  return status;
}

static ufo_status write_header(frame *f, FILE *file, ufo_error *error) {
  if (f->row_names.count) csv_write_field(file, "row.names", 9, true);
  for (uint64_t i = 0; i < f->column_count; i++) {
    ufo_object_info info = {.struct_size = sizeof info};
    ufo_status status = f->m.info.type == UFO_LIST
                            ? ufo_store_child_info(f->store, NULL, f->address, f->version, i, &info, error)
                            : element_name(f->store, f->address, f->m.info.id, info.name, error);
    if (status) return status;
    if (i || f->row_names.count) putc_unlocked(',', file);
    csv_write_field(file, info.name, strlen(info.name), true);
  }
  putc_unlocked('\n', file);
  return UFO_OK;
}

static ufo_status write_row(frame *f, uint64_t row, FILE *file, ufo_error *error) {
  if (f->row_names.count) {
    uint32_t length;
    const char *name = ufo_attributes_string(&f->row_names, row, &length);
    if (name) csv_write_field(file, name, length, true);
    else fputs_unlocked("NA", file);
  }
  for (uint64_t i = 0; i < f->column_count; i++) {
    cell c;
    ufo_status status = column_next(f->columns[i], &c, error);
    if (status) return status;
    if (i || f->row_names.count) putc_unlocked(',', file);
    if (c.is_text && !c.is_na) csv_write_field(file, c.text, c.length, true);
    else fwrite_unlocked(c.text, 1, c.length, file);
    if (ferror_unlocked(file)) return set_errno(error, "cannot write to %s", f->file_name); /* while errno tells */
  }
  putc_unlocked('\n', file);
  return UFO_OK;
}

ufo_status csv_write(ufo_store *store, const char *address, uint64_t version, uint64_t first, uint64_t end, FILE *file,
                     const char *file_name, progress *p, ufo_error *error) {
  frame f = {.store = store, .address = address, .file_name = file_name, .version = version};
  ufo_status status = open_frame(&f, first, &end, error);
  if (!status) status = write_header(&f, file, error);
  for (uint64_t row = first; row < end && !status; row++) {
    status = write_row(&f, row, file, error);
    if (!p || row % ROWS_BETWEEN_UPDATES != 0) continue;
    double share = (double)(row - first) / (double)(end - first);
    progress_update(p, (uint64_t)(share * (double)f.m.raw_bytes), f.m.raw_bytes);
  }
  close_frame(&f);
  return status;
}
