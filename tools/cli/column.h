/* column.h - the elements of one stored vector, in order, each as text: numbers as R writes them, factors by label,
 * dates in ISO form, character vectors decoded. Reads by ufo_store_read in blocks: no page faults, bounded memory; of
 * one version, whatever is committed meanwhile. */
#ifndef UFOSTORE_CLI_COLUMN_H
#define UFOSTORE_CLI_COLUMN_H

#include <stdbool.h>
#include <ufostore/ufostore.h>

typedef struct column column;

typedef struct cell {
  const char *text; /* "NA" for a missing value; valid until the next call; not NUL-terminated */
  size_t length;
  bool is_na;
  bool is_text; /* free text (strings, labels), as against a number or a date */
} cell;

/* Elements first .. end - 1 (`end` UINT64_MAX: to the last) of the vector at `address`, which must outlive the column.
 * `memory_bytes` is about what it may take for its blocks. Errors: those of reading; UFO_USAGE for a list or a range
 * outside the object; UFO_UNSUPPORTED for an R value that is no vector. */
ufo_status column_open(ufo_store *store, const char *address, uint64_t version, uint64_t first, uint64_t end,
                       uint64_t memory_bytes, column **column_out, ufo_error *error);
void column_close(column *c);
uint64_t column_count(const column *c);                              /* elements in the range */
ufo_status column_next(column *c, cell *cell_out, ufo_error *error); /* UFO_END after the last */
/* Another range, before the first element was taken. */
ufo_status column_narrow(column *c, uint64_t first, uint64_t end, ufo_error *error);

/* Turns an open end into `length` and checks that the range lies inside. */
ufo_status range_resolve(ufo_store *store, const char *address, uint64_t length, uint64_t first, uint64_t *end,
                         ufo_error *error);

#endif
