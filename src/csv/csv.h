/* csv.h - inside of ufo_csv: a CSV file between its two passes.
 *
 *   fd --input.c--> text --reader.c--> batches of records --+--infer.c, scan.c--> ufo_csv_found, one for each column
 *    (utf16.c, if it is)                                    '--infer.c, load.c--> a writer for each column
 *   value.c: fields as numbers, dates and times; levels.c: the levels of a factor; format.c: the way
 *   back, with the digits of doubles from digits.c */
#ifndef UFO_CSV_CSV_H
#define UFO_CSV_CSV_H

#include <ufostore/csv.h>

#include "csv/reader.h"
#include "csv/value.h"

typedef struct ufo_csv_found {
  char *name;
  ufo_csv_type asked; /* UFO_CSV_GUESS: by the fields */
  bool has_value;     /* a field that is not missing */
  bool has_doubt;     /* a field that is missing unless the column is text */
  bool not_logical, not_integer, not_double, not_date, not_time;
} ufo_csv_found;

struct ufo_csv {
  int fd;
  char *file;
  uint64_t bytes; /* of the file */
  ufo_csv_options options;
  ufo_csv_span *na; /* options.na */
  ufo_csv_found *columns;
  size_t column_count;
  uint64_t row_count;
};

/* The rows of the file, as both passes must see them. */
typedef struct ufo_csv_row_source {
  const ufo_csv *csv;
  ufo_csv_reader *reader;
  uint64_t told, before; /* bytes; what was done before this pass */
  ufo_progress_fn progress;
  void *user;
} ufo_csv_row_source;

/* From the start of the file, `before` bytes of both passes being done; to be ended by _close, also after an error. */
ufo_status ufo_csv_rows_open(const ufo_csv *csv, uint64_t before, ufo_progress_fn progress, void *user,
                             ufo_csv_row_source *rows_out, ufo_error *error);
void ufo_csv_rows_close(ufo_csv_row_source *rows);

/* The next records; `column_count` is 0 for the first ones. UFO_END at the end; *is_stopped tells whether it is that,
 * or `progress` wanted to stop. */
ufo_status ufo_csv_rows_next(ufo_csv_row_source *rows, size_t column_count, ufo_csv_batch *batch_out, bool *is_stopped,
                             ufo_error *error);

#endif
