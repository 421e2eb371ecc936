/* csv_import.h - a CSV file becomes a data frame in two passes over it: the first finds each column's type and checks
 * the whole file, the second writes. Memory is that of one chunk for each column and of the longest record. */
#ifndef UFOSTORE_CLI_CSV_IMPORT_H
#define UFOSTORE_CLI_CSV_IMPORT_H

#include "csv_infer.h"
#include "progress.h"

#include <ufostore/ufostore.h>

typedef struct csv_source {
  int fd;           /* that can be read again from its start */
  const char *file; /* for messages */
  uint64_t bytes;
  char delimiter;
  bool header;
  const char *na;
} csv_source;

typedef struct csv_table {
  char **names;
  csv_column *columns;
  size_t column_count;
  uint64_t row_count;
} csv_table;

/* The first pass. Errors name the line: UFO_USAGE for what is not CSV, and rows of another length than the first.
 * UFO_END if a signal came. *table is to be given to csv_table_free in every case. */
ufo_status csv_scan(const csv_source *source, csv_table *table, progress *p, ufo_error *error);
void csv_table_free(csv_table *table);

/* The second pass: puts the data frame `name` into `txn`, its columns in the types that were found. Text columns are
 * strings. After an error the transaction must be aborted. */
ufo_status csv_load(const csv_source *source, const csv_table *table, ufo_store *store, ufo_txn *txn, const char *name,
                    progress *p, ufo_error *error);

#endif
