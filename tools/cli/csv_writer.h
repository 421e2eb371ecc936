/* csv_writer.h - a vector or a data frame as CSV, row by row. What it writes, `ufostore import` reads back: fields are
 * quoted only where they must be, which includes text that would else be taken for a missing value. */
#ifndef UFOSTORE_CLI_CSV_WRITER_H
#define UFOSTORE_CLI_CSV_WRITER_H

#include "progress.h"

#include <stdio.h>
#include <ufostore/ufostore.h>

/* Writes rows first .. end - 1 (`end` UINT64_MAX: to the last) of the object at `address` to `file`, a header line
 * first. Row names that are text become the first column, "row.names". `file_name` is for messages; `p` may be NULL.
 * Errors: those of column.h; UFO_UNSUPPORTED for columns that are lists or not of one length; UFO_IO and UFO_FULL if
 * `file` fails. What is still in the buffer of `file` is the caller's to flush. */
ufo_status csv_write(ufo_store *store, const char *address, uint64_t version, uint64_t first, uint64_t end, FILE *file,
                     const char *file_name, progress *p, ufo_error *error);

/* One field. `is_text` quotes what would be read back as NA. */
void csv_write_field(FILE *file, const char *text, size_t length, bool is_text);

#endif
