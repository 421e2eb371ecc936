/* reader.h - records of a CSV file, as <ufostore/csv.h> describes them. Memory is that of the longest record. */
#ifndef UFO_CSV_READER_H
#define UFO_CSV_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ufostore/error.h>

#define UFO_CSV_BATCH_ROWS 4096 /* at most */

typedef struct ufo_csv_field {
  const char *text; /* not NUL-terminated */
  size_t length;
  bool quoted;
} ufo_csv_field;

/* Records of one number of fields. What it points to is valid until the next batch is read. */
typedef struct ufo_csv_batch {
  const ufo_csv_field *fields; /* record by record */
  size_t row_count, column_count;
  const uint64_t *lines; /* where each record began, from 1 */
} ufo_csv_batch;

static inline const ufo_csv_field *ufo_csv_batch_field(const ufo_csv_batch *batch, size_t row, size_t column) {
  return &batch->fields[row * batch->column_count + column];
}

typedef struct ufo_csv_reader ufo_csv_reader;

/* Reads from where `fd` stands; `name` is for messages. Both must outlive the reader. `window` is as in input.h. NULL:
 * no memory. */
ufo_csv_reader *ufo_csv_reader_open(int fd, const char *name, char delimiter, size_t window);
void ufo_csv_reader_close(ufo_csv_reader *reader); /* NULL is allowed */

/* Passes over so many lines, whatever they hold; fewer if there are not as many. */
ufo_status ufo_csv_reader_skip(ufo_csv_reader *reader, uint64_t lines, ufo_error *error);

/* The next records, at least one: UFO_OK, UFO_END, or an error, before which come the records that it does not concern.
 * They have `columns` fields, as many as the first if that is 0; one that has others comes alone. A blank line is a
 * record of one empty field if `columns` is 1, and else passed over. */
ufo_status ufo_csv_reader_next(ufo_csv_reader *reader, size_t columns, ufo_csv_batch *batch_out, ufo_error *error);
uint64_t ufo_csv_reader_bytes(const ufo_csv_reader *reader); /* read so far */

#endif
