/* reader.h - records of a CSV file, as <ufostore/csv.h> describes them. Memory is that of the longest record. */
#ifndef UFO_CSV_READER_H
#define UFO_CSV_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ufostore/error.h>

#define UFO_CSV_RECORD_MAX ((size_t)256 << 20) /* a longer record is a missing quote */

typedef struct ufo_csv_field {
  const char *text; /* not NUL-terminated; valid until the next record is read */
  size_t length;
  bool quoted;
} ufo_csv_field;

typedef struct ufo_csv_reader ufo_csv_reader;

/* Reads from where `fd` stands; `name` is for messages. Both must outlive the reader. NULL: no memory. */
ufo_csv_reader *ufo_csv_reader_open(int fd, const char *name, char delimiter);
void ufo_csv_reader_close(ufo_csv_reader *reader); /* NULL is allowed */

/* Passes over so many lines, whatever they hold; fewer if there are not as many. */
ufo_status ufo_csv_reader_skip(ufo_csv_reader *reader, uint64_t lines, ufo_error *error);

/* The next record: UFO_OK, UFO_END, or an error. A blank line is a record of one empty field. */
ufo_status ufo_csv_reader_next(ufo_csv_reader *reader, ufo_error *error);
const ufo_csv_field *ufo_csv_reader_fields(const ufo_csv_reader *reader, size_t *count_out);
uint64_t ufo_csv_reader_line(const ufo_csv_reader *reader);  /* where the record began, from 1 */
uint64_t ufo_csv_reader_bytes(const ufo_csv_reader *reader); /* read so far */

#endif
