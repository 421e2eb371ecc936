/* csv_reader.h - records of a CSV file, RFC 4180: fields in quotes may hold delimiters, line ends and doubled quotes;
 * lines end in LF or CRLF, the last one perhaps in neither; a UTF-8 byte order mark at the start is skipped.
 *
 * Memory is that of the longest record. What the format does not allow (a quote inside an unquoted field, text after a
 * closing quote, a lone carriage return, a NUL, bytes that are not UTF-8) is an error that names the line. */
#ifndef UFOSTORE_CLI_CSV_READER_H
#define UFOSTORE_CLI_CSV_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ufostore/error.h>

#define CSV_RECORD_MAX ((size_t)256 << 20) /* a longer record is a missing quote */

typedef struct csv_field {
  const char *text; /* not NUL-terminated; valid until the next record is read */
  size_t length;
  bool quoted;
} csv_field;

typedef struct csv_reader csv_reader;

/* Reads from where `fd` stands; `name` is for messages. Both must outlive the reader. NULL: no memory. */
csv_reader *csv_open(int fd, const char *name, char delimiter);
void csv_close(csv_reader *reader);

/* The next record: UFO_OK, UFO_END, or an error. A blank line is a record of one empty field. */
ufo_status csv_next(csv_reader *reader, ufo_error *error);
const csv_field *csv_fields(const csv_reader *reader, size_t *count_out);
uint64_t csv_line(const csv_reader *reader);  /* where the record began, from 1 */
uint64_t csv_bytes(const csv_reader *reader); /* read so far */

#endif
