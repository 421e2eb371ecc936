/* reader.c - see reader.h.
 *
 * A record is unquoted into `text` while it is read; fields are noted as offsets, since `text` may move as it grows,
 * and become pointers at the record's end. */
#include "csv/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "csv/utf16.h"
#include "util/checked.h"
#include "util/fail.h"
#include "util/utf8.h"

enum { INPUT_BYTES = 256 * 1024, NONE = -1 };

struct ufo_csv_reader {
  int fd;
  const char *name;
  char delimiter;
  bool ended, started;
  uint64_t line, record_line; /* now; at the start of the record */
  uint64_t bytes;
  char *text;
  size_t text_used, text_capacity;
  ufo_csv_field *fields;
  size_t *ends; /* end of field i in text; it begins where field i - 1 ends */
  size_t field_count, field_capacity;
  ufo_csv_utf16 *utf16; /* NULL: the file is not in it */
  size_t at, filled;
  char input[INPUT_BYTES];
};

ufo_csv_reader *ufo_csv_reader_open(int fd, const char *name, char delimiter) {
  ufo_csv_reader *reader = malloc(sizeof *reader);
  if (!reader) return NULL;
  memset(reader, 0, offsetof(ufo_csv_reader, input));
  reader->fd = fd;
  reader->name = name;
  reader->delimiter = delimiter;
  reader->line = 1;
  return reader;
}

void ufo_csv_reader_close(ufo_csv_reader *reader) {
  if (!reader) return;
  free(reader->text);
  free(reader->fields);
  free(reader->ends);
  free(reader->utf16);
  free(reader);
}

const ufo_csv_field *ufo_csv_reader_fields(const ufo_csv_reader *reader, size_t *count_out) {
  *count_out = reader->field_count;
  return reader->fields;
}

uint64_t ufo_csv_reader_line(const ufo_csv_reader *reader) { return reader->record_line; }
uint64_t ufo_csv_reader_bytes(const ufo_csv_reader *reader) { return reader->bytes; }

/* ---- bytes in ---- */

static ufo_status read_bytes(ufo_csv_reader *reader, void *out, size_t count, size_t *got_out, ufo_error *error) {
  ssize_t got;
  do got = read(reader->fd, out, count);
  while (got < 0 && errno == EINTR);
  if (got < 0) return ufo_fail_errno(error, errno, "cannot read '%s'", reader->name);
  *got_out = (size_t)got;
  reader->bytes += (uint64_t)got;
  return UFO_OK;
}

static ufo_status not_utf16(const ufo_csv_reader *reader, const char *what, ufo_error *error) {
  return ufo_fail(error, UFO_USAGE, "'%s', line %llu or after it: %s, so this is not the UTF-16 that it begins as",
                  reader->name, (unsigned long long)reader->line, what);
}

static ufo_status fill_from_utf16(ufo_csv_reader *reader, ufo_error *error) {
  ufo_csv_utf16 *source = reader->utf16;
  for (;;) {
    bool malformed;
    reader->at = 0;
    reader->filled = ufo_csv_utf16_decode(source, reader->input, sizeof reader->input, &malformed);
    if (reader->filled) return UFO_OK;
    if (malformed) return not_utf16(reader, "half of a surrogate pair", error);
    size_t rest = source->filled - source->at, got = 0;
    memmove(source->bytes, source->bytes + source->at, rest);
    ufo_status status = read_bytes(reader, source->bytes + rest, sizeof source->bytes - rest, &got, error);
    if (status) return status;
    source->at = 0;
    source->filled = rest + got;
    if (got) continue;
    if (rest) return not_utf16(reader, "the file ends within a character", error);
    reader->ended = true;
    return UFO_OK;
  }
}

/* What the file begins with is no text: a mark of UTF-8, or of UTF-16, in which what was read is to be decoded. */
static ufo_status take_mark(ufo_csv_reader *reader, ufo_error *error) {
  bool big_endian;
  if (reader->filled >= 3 && memcmp(reader->input, "\xEF\xBB\xBF", 3) == 0) reader->at = 3;
  if (!ufo_csv_utf16_marked(reader->input, reader->filled, &big_endian)) return UFO_OK;
  reader->utf16 = malloc(sizeof *reader->utf16);
  if (!reader->utf16) return ufo_fail(error, UFO_FULL, "cannot read '%s': out of memory", reader->name);
  _Static_assert(INPUT_BYTES <= UFO_CSV_UTF16_BYTES, "what was read has its place");
  reader->utf16->big_endian = big_endian;
  reader->utf16->at = 2;
  reader->utf16->filled = reader->filled;
  memcpy(reader->utf16->bytes, reader->input, reader->filled);
  return fill_from_utf16(reader, error);
}

static ufo_status fill_input(ufo_csv_reader *reader, ufo_error *error) {
  if (reader->utf16) return fill_from_utf16(reader, error);
  reader->at = 0;
  ufo_status status = read_bytes(reader, reader->input, sizeof reader->input, &reader->filled, error);
  if (status) return status;
  if (!reader->filled) reader->ended = true;
  if (reader->started) return UFO_OK;
  reader->started = true;
  return take_mark(reader, error);
}

/* The next byte without taking it, NONE at the end. */
static ufo_status peek(ufo_csv_reader *reader, int *byte_out, ufo_error *error) {
  if (reader->at == reader->filled && !reader->ended) {
    ufo_status status = fill_input(reader, error);
    if (status) return status;
    if (reader->at == reader->filled && !reader->ended) return peek(reader, byte_out, error); /* a bare mark */
  }
  *byte_out = reader->at == reader->filled ? NONE : (unsigned char)reader->input[reader->at];
  return UFO_OK;
}

/* ---- the record out ---- */

static ufo_status add_text(ufo_csv_reader *reader, const char *text, size_t length, ufo_error *error) {
  if (!reader->text || length > reader->text_capacity - reader->text_used) {
    uint64_t capacity;
    if (length > UFO_CSV_RECORD_MAX || reader->text_used > UFO_CSV_RECORD_MAX - length ||
        ufo_grow_overflows(reader->text_capacity, length, 4096, &capacity))
      return ufo_fail(error, UFO_USAGE, "'%s', line %llu: a record of more than %zu MiB; is a quote missing?",
                      reader->name, (unsigned long long)reader->record_line, UFO_CSV_RECORD_MAX >> 20);
    char *grown = realloc(reader->text, (size_t)capacity);
    if (!grown) return ufo_fail(error, UFO_FULL, "cannot read '%s': out of memory", reader->name);
    reader->text = grown;
    reader->text_capacity = (size_t)capacity;
  }
  memcpy(reader->text + reader->text_used, text, length);
  reader->text_used += length;
  return UFO_OK;
}

static ufo_status end_field(ufo_csv_reader *reader, bool quoted, ufo_error *error) {
  if (reader->field_count == reader->field_capacity) {
    size_t capacity = reader->field_capacity ? 2 * reader->field_capacity : 64;
    ufo_csv_field *fields = realloc(reader->fields, capacity * sizeof *fields);
    if (fields) reader->fields = fields;
    size_t *ends = fields ? realloc(reader->ends, capacity * sizeof *ends) : NULL;
    if (!ends) return ufo_fail(error, UFO_FULL, "cannot read '%s': out of memory", reader->name);
    reader->ends = ends;
    reader->field_capacity = capacity;
  }
  reader->fields[reader->field_count].quoted = quoted;
  reader->ends[reader->field_count++] = reader->text_used;
  return UFO_OK;
}

static ufo_status malformed(const ufo_csv_reader *reader, uint64_t line, const char *what, ufo_error *error) {
  return ufo_fail(error, UFO_USAGE, "'%s', line %llu, field %zu: %s", reader->name, (unsigned long long)line,
                  reader->field_count + 1, what);
}

/* From after an opening quote to after the closing one. */
static ufo_status read_quoted(ufo_csv_reader *reader, ufo_error *error) {
  uint64_t opened = reader->line;
  for (;;) {
    int byte;
    ufo_status status = peek(reader, &byte, error);
    if (status) return status;
    if (byte == NONE) return malformed(reader, opened, "a quote is opened here and never closed", error);
    size_t start = reader->at;
    while (reader->at < reader->filled && reader->input[reader->at] != '"')
      reader->line += reader->input[reader->at++] == '\n';
    status = add_text(reader, reader->input + start, reader->at - start, error);
    if (status) return status;
    if (reader->at == reader->filled) continue;
    reader->at++;
    status = peek(reader, &byte, error);
    if (status) return status;
    if (byte != '"') return UFO_OK;
    reader->at++;
    status = add_text(reader, "\"", 1, error);
    if (status) return status;
  }
}

/* Up to the delimiter or line end, which is left in place. */
static ufo_status read_plain(ufo_csv_reader *reader, ufo_error *error) {
  for (;;) {
    int byte;
    ufo_status status = peek(reader, &byte, error);
    if (status) return status;
    size_t start = reader->at;
    char stop = 0;
    while (reader->at < reader->filled) {
      stop = reader->input[reader->at];
      if (stop == reader->delimiter || stop == '\n' || stop == '\r' || stop == '"') break;
      reader->at++;
    }
    status = add_text(reader, reader->input + start, reader->at - start, error);
    if (status) return status;
    if (byte == NONE) return UFO_OK;
    if (reader->at == reader->filled) continue;
    if (stop != '"') return UFO_OK;
    return malformed(reader, reader->line,
                     "a quote inside a field that does not begin with one; quote the field and double the quote",
                     error);
  }
}

/* ASCII without a NUL. */
static bool is_plain(const char *text, size_t length) {
  unsigned char odd = 0;
  for (size_t i = 0; i < length; i++) odd |= (unsigned char)(text[i] - 1) >= 0x7F;
  return !odd;
}

/* Points the fields at the text, now that it stays where it is, and checks it. */
static ufo_status end_record(ufo_csv_reader *reader, ufo_error *error) {
  size_t start = 0;
  bool doubtful = !is_plain(reader->text, reader->text_used);
  for (size_t i = 0; i < reader->field_count; i++) {
    ufo_csv_field *field = &reader->fields[i];
    field->text = reader->text + start;
    field->length = reader->ends[i] - start;
    start = reader->ends[i];
    if (!doubtful) continue;
    const char *what = NULL;
    if (memchr(field->text, 0, field->length)) what = "contains a NUL byte, so this is not a text file";
    else if (!ufo_utf8_is_text(field->text, field->length))
      what = "is not UTF-8; convert the file first, for example with iconv";
    if (what)
      return ufo_fail(error, UFO_USAGE, "'%s', line %llu, field %zu: %s", reader->name,
                      (unsigned long long)reader->record_line, i + 1, what);
  }
  return UFO_OK;
}

ufo_status ufo_csv_reader_skip(ufo_csv_reader *reader, uint64_t lines, ufo_error *error) {
  while (lines) {
    int byte;
    ufo_status status = peek(reader, &byte, error);
    if (status || byte == NONE) return status;
    const char *from = reader->input + reader->at, *end = memchr(from, '\n', reader->filled - reader->at);
    reader->at = end ? (size_t)(end + 1 - reader->input) : reader->filled;
    if (end) lines--, reader->line++;
  }
  return UFO_OK;
}

ufo_status ufo_csv_reader_next(ufo_csv_reader *reader, ufo_error *error) {
  int byte;
  reader->text_used = reader->field_count = 0;
  reader->record_line = reader->line;
  ufo_status status = peek(reader, &byte, error);
  if (status) return status;
  if (byte == NONE) return UFO_END;
  status = add_text(reader, "", 0, error); /* so that `text` is never NULL */
  if (status) return status;
  for (;;) {
    bool quoted = byte == '"';
    if (quoted) reader->at++;
    status = quoted ? read_quoted(reader, error) : read_plain(reader, error);
    if (!status) status = peek(reader, &byte, error);
    if (status) return status;
    if (byte == '\r') {
      reader->at++;
      status = peek(reader, &byte, error);
      if (status) return status;
      if (byte != '\n' && byte != NONE)
        return malformed(reader, reader->line, "a carriage return that ends no line; lines end in LF or CRLF", error);
    } else if (quoted && byte != reader->delimiter && byte != '\n' && byte != NONE) {
      return malformed(reader, reader->line, "text after a closing quote; double a quote that belongs to the text",
                       error);
    }
    status = end_field(reader, quoted, error);
    if (status) return status;
    if (byte != NONE) reader->at++;
    if (byte == '\n') reader->line++;
    if (byte != reader->delimiter || byte == NONE) return end_record(reader, error);
    status = peek(reader, &byte, error);
    if (status) return status;
  }
}
