/* reader.c - see reader.h.
 *
 * Fields stay where they were read. A record that does not end within the window is read again once there is more of
 * it, so nothing is changed before all of it was seen; then doubled quotes become single ones in place. */
#include "csv/reader.h"

#include <stdlib.h>
#include <string.h>

#include "csv/input.h"
#include "util/checked.h"
#include "util/fail.h"
#include "util/utf8.h"

enum { BATCH_FIELDS = 1 << 16 };

struct ufo_csv_reader {
  ufo_csv_input input;
  bool stops[256]; /* the bytes that an unquoted field ends at */
  char delimiter;
  uint64_t line; /* where what is not taken begins */
  ufo_csv_field *fields;
  size_t field_count, field_capacity;
  uint64_t lines[UFO_CSV_BATCH_ROWS];
};

/* How far a record is read. */
typedef struct record {
  const char *at, *end; /* of the window */
  uint64_t line;
  bool cut;     /* the window ends before it does */
  bool doubled; /* a field has doubled quotes */
} record;

ufo_csv_reader *ufo_csv_reader_open(int fd, const char *name, char delimiter, size_t window) {
  ufo_csv_reader *reader = calloc(1, sizeof *reader);
  if (!reader) return NULL;
  if (!ufo_csv_input_open(&reader->input, fd, name, window)) {
    free(reader);
    return NULL;
  }
  reader->delimiter = delimiter;
  reader->stops[(unsigned char)delimiter] = reader->stops['\n'] = reader->stops['\r'] = reader->stops['"'] = true;
  reader->line = 1;
  return reader;
}

void ufo_csv_reader_close(ufo_csv_reader *reader) {
  if (!reader) return;
  ufo_csv_input_close(&reader->input);
  free(reader->fields);
  free(reader);
}

uint64_t ufo_csv_reader_bytes(const ufo_csv_reader *reader) { return reader->input.read; }

static ufo_status grow_fields(ufo_csv_reader *reader, ufo_error *error) {
  uint64_t capacity, bytes;
  if (ufo_grow_overflows(reader->field_capacity, 1, 1024, &capacity) ||
      ufo_mul_overflows(capacity, sizeof *reader->fields, &bytes) || bytes > SIZE_MAX)
    return ufo_fail(error, UFO_FULL, "cannot read '%s': too many fields", reader->input.name);
  ufo_csv_field *fields = realloc(reader->fields, (size_t)bytes);
  if (!fields) return ufo_fail(error, UFO_FULL, "cannot read '%s': out of memory", reader->input.name);
  reader->fields = fields;
  reader->field_capacity = (size_t)capacity;
  return UFO_OK;
}

static inline ufo_status add_field(ufo_csv_reader *reader, const char *from, const char *to, bool quoted,
                                   ufo_error *error) {
  ufo_status status = reader->field_count == reader->field_capacity ? grow_fields(reader, error) : UFO_OK;
  if (!status) reader->fields[reader->field_count++] = (ufo_csv_field){from, (size_t)(to - from), quoted};
  return status;
}

static ufo_status malformed(const ufo_csv_reader *reader, size_t first, uint64_t line, const char *what,
                            ufo_error *error) {
  return ufo_fail(error, UFO_USAGE, "'%s', line %llu, field %zu: %s", reader->input.name, (unsigned long long)line,
                  reader->field_count - first + 1, what);
}

/* From after an opening quote to after the closing one, where *to_out is. */
static ufo_status read_quoted(ufo_csv_reader *reader, record *r, size_t first, const char **to_out, ufo_error *error) {
  uint64_t opened = r->line;
  for (;;) {
    const char *from = r->at;
    r->at = memchr(from, '"', (size_t)(r->end - from));
    r->cut = !r->at && !reader->input.ended;
    if (r->cut) return UFO_OK;
    if (!r->at) return malformed(reader, first, opened, "a quote is opened here and never closed", error);
    for (const char *c = from; (c = memchr(c, '\n', (size_t)(r->at - c))); c++) r->line++;
    *to_out = r->at++;
    r->cut = r->at == r->end && !reader->input.ended;
    if (r->cut || r->at == r->end || *r->at != '"') return UFO_OK;
    r->doubled = true;
    r->at++;
  }
}

static ufo_status read_field(ufo_csv_reader *reader, record *r, size_t first, ufo_error *error) {
  if (*r->at != '"') {
    const char *from = r->at;
    while (!reader->stops[(unsigned char)*r->at]) r->at++; /* to the line end behind the window, at most */
    r->cut = r->at == r->end && !reader->input.ended;
    if (r->cut) return UFO_OK;
    if (*r->at == '"')
      return malformed(reader, first, r->line,
                       "a quote inside a field that does not begin with one; quote the field and double the quote",
                       error);
    return add_field(reader, from, r->at, false, error);
  }
  const char *from = ++r->at, *to = from;
  ufo_status status = read_quoted(reader, r, first, &to, error);
  if (status || r->cut) return status;
  bool ends = r->at == r->end || *r->at == reader->delimiter || *r->at == '\n' || *r->at == '\r';
  if (!ends)
    return malformed(reader, first, r->line, "text after a closing quote; double a quote that belongs to the text",
                     error);
  return add_field(reader, from, to, true, error);
}

/* All fields of a record, and the line end. */
static ufo_status read_record(ufo_csv_reader *reader, record *r, ufo_error *error) {
  size_t first = reader->field_count;
  for (;;) {
    ufo_status status = read_field(reader, r, first, error);
    if (status || r->cut) return status;
    if (r->at < r->end && *r->at == '\r') {
      r->at++;
      r->cut = r->at == r->end && !reader->input.ended;
      if (r->cut) return UFO_OK;
      if (r->at < r->end && *r->at != '\n') {
        reader->field_count--; /* the one that it stands in */
        return malformed(reader, first, r->line, "a carriage return that ends no line; lines end in LF or CRLF", error);
      }
    }
    if (r->at == r->end) return UFO_OK;
    if (*r->at++ == '\n') {
      r->line++;
      return UFO_OK;
    }
  }
}

/* ASCII without a NUL. */
static bool is_plain(const char *text, size_t length) {
  unsigned char odd = 0;
  for (size_t i = 0; i < length; i++) odd |= (unsigned char)(text[i] - 1) >= 0x7F;
  return !odd;
}

static ufo_status check_text(const ufo_csv_reader *reader, size_t first, ufo_error *error) {
  for (size_t i = first; i < reader->field_count; i++) {
    const ufo_csv_field *field = &reader->fields[i];
    const char *what = NULL;
    if (memchr(field->text, 0, field->length)) what = "contains a NUL byte, so this is not a text file";
    else if (!ufo_utf8_is_text(field->text, field->length))
      what = "is not UTF-8; convert the file first, for example with iconv";
    if (what)
      return ufo_fail(error, UFO_USAGE, "'%s', line %llu, field %zu: %s", reader->input.name,
                      (unsigned long long)reader->line, i - first + 1, what);
  }
  return UFO_OK;
}

static void undouble(ufo_csv_field *field, char *text) {
  size_t length = 0;
  for (size_t i = 0; i < field->length; i++) {
    text[length++] = text[i];
    i += text[i] == '"'; /* the second of two */
  }
  field->length = length;
}

/* The next record behind those of the batch, not taken yet. */
static ufo_status next_record(ufo_csv_reader *reader, record *r, ufo_error *error) {
  const ufo_csv_input *input = &reader->input;
  size_t first = reader->field_count;
  *r = (record){.at = input->bytes + input->at, .end = input->bytes + input->filled, .line = reader->line};
  if (input->at == input->filled) {
    r->cut = !input->ended;
    return input->ended ? UFO_END : UFO_OK;
  }
  const char *from = r->at;
  ufo_status status = read_record(reader, r, error);
  if (!status && !r->cut && !is_plain(from, (size_t)(r->at - from))) status = check_text(reader, first, error);
  return status;
}

static void take_record(ufo_csv_reader *reader, const record *r, size_t first) {
  ufo_csv_input *input = &reader->input;
  for (size_t i = first; i < reader->field_count && r->doubled; i++) {
    ufo_csv_field *field = &reader->fields[i];
    if (field->quoted) undouble(field, input->bytes + (field->text - input->bytes));
  }
  input->at = (size_t)(r->at - input->bytes);
  reader->line = r->line;
}

static bool is_blank(const ufo_csv_field *fields, size_t count) {
  return count == 1 && !fields[0].length && !fields[0].quoted;
}

ufo_status ufo_csv_reader_next(ufo_csv_reader *reader, size_t columns, ufo_csv_batch *batch_out, ufo_error *error) {
  size_t rows = 0;
  reader->field_count = 0;
  while (rows < UFO_CSV_BATCH_ROWS && reader->field_count < BATCH_FIELDS) {
    size_t first = reader->field_count;
    record r;
    ufo_status status = next_record(reader, &r, error);
    size_t count = reader->field_count - first;
    bool blank = !status && !r.cut && columns != 1 && is_blank(&reader->fields[first], count);
    bool other = !status && !r.cut && !blank && columns && count != columns;
    if (rows && (status || r.cut || other)) { /* comes next, once these are done with */
      reader->field_count = first;
      break;
    }
    if (status) return status;
    if (r.cut || blank) reader->field_count = first;
    if (r.cut) {
      status = ufo_csv_input_more(&reader->input, reader->line, error);
      if (status) return status;
      continue;
    }
    if (!blank) reader->lines[rows++] = reader->line;
    take_record(reader, &r, first);
    if (blank) continue;
    if (!columns || other) columns = count;
    if (other) break;
  }
  *batch_out = (ufo_csv_batch){reader->fields, rows, columns, reader->lines};
  return UFO_OK;
}

ufo_status ufo_csv_reader_skip(ufo_csv_reader *reader, uint64_t lines, ufo_error *error) {
  ufo_csv_input *input = &reader->input;
  while (lines) {
    if (input->at == input->filled) {
      ufo_status status = input->ended ? UFO_OK : ufo_csv_input_more(input, reader->line, error);
      if (status) return status;
      if (input->at == input->filled && input->ended) return UFO_OK;
    }
    const char *from = input->bytes + input->at, *end = memchr(from, '\n', input->filled - input->at);
    input->at = end ? (size_t)(end + 1 - input->bytes) : input->filled;
    if (end) lines--, reader->line++;
  }
  return UFO_OK;
}
