/* csv_rows.h - the rows of a CSV source, as both passes of an import must see them. */
#ifndef UFOSTORE_CLI_CSV_ROWS_H
#define UFOSTORE_CLI_CSV_ROWS_H

#include "csv_import.h"
#include "csv_reader.h"

/* A reader from the start of the source; to be closed by csv_close. */
ufo_status csv_rows_open(const csv_source *source, csv_reader **reader_out, ufo_error *error);

/* The next record. Blank lines are passed over, except in a file of one column, where they are a missing value.
 * `column_count` is 0 for the first record. UFO_END at the end, and if a signal came. */
ufo_status csv_rows_next(csv_reader *reader, size_t column_count, const csv_field **fields_out, size_t *count_out,
                         ufo_error *error);

#endif
