/* csv.h - a CSV file becomes a data frame in two passes over it: the first finds each column's type from all of its
 * fields and checks the whole file, the second writes. Also single elements as the text that the first pass takes back.
 *
 * FORMAT  RFC 4180: fields in double quotes may hold delimiters, line ends and doubled quotes; lines end in LF or CRLF,
 *   the last one perhaps in neither; a UTF-8 byte order mark at the start and blank lines are passed over, but in a
 *   file of one column a blank line is a missing value. A file that begins with a byte order mark of UTF-16, as
 *   spreadsheets write it, is read as that. What the format does not allow (a quote inside an unquoted
 *   field, text after a closing quote, a lone carriage return, a NUL, bytes that are not UTF-8, a row of another number
 *   of fields than the first) is UFO_USAGE, and the message names the line.
 *
 * TYPES  A column is the first of these that fits every field: logical (TRUE, FALSE, T, F, true, false), integer (32
 *   bits), double, date (2013-02-28), time (2013-02-28 05:15, also with T, seconds, decimals, Z or +01:00; without an
 *   offset it is UTC; dates among times are midnight), text. Numbers, dates and times may have blanks around them. Text
 *   is chosen where a number would not give back what was written: leading zeros ("007"), whole numbers from 2^53 on,
 *   numbers beyond the largest double. A type that is asked for is taken, or is UFO_USAGE naming the first field that
 *   it does not fit: nothing becomes a missing value silently.
 *
 * MISSING VALUES  An unquoted field that is one of options.na is missing in every column. The same in quotes or with
 *   blanks around, and an empty field, is missing in a column that is not text, and itself in a column of text. A
 *   column of missing values alone is logical.
 *
 * MEMORY  That of one chunk for each column (smaller ones for very many), of the longest record and of factors' levels.
 *
 * THREADS  One ufo_csv is used by one thread at a time. */
#ifndef UFOSTORE_CSV_H
#define UFOSTORE_CSV_H

#include <stddef.h>
#include <stdint.h>
#include <ufostore/store.h>
#include <ufostore/txn.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a column becomes; the class attributes are R's. */
typedef enum ufo_csv_type {
  UFO_CSV_GUESS = 0,
  UFO_CSV_LOGICAL,   /* if asked for, 1 and 0 are TRUE and FALSE, too */
  UFO_CSV_INTEGER,   /* if asked for, leading zeros are allowed */
  UFO_CSV_DOUBLE,    /* if asked for, any number is allowed, be it rounded */
  UFO_CSV_DATE,      /* days since 1970 as double, class "Date" */
  UFO_CSV_TIME,      /* seconds since 1970 as double, class "POSIXct", time zone UTC */
  UFO_CSV_TEXT,      /* strings */
  UFO_CSV_FACTOR,    /* levels in the order in which they come; never guessed, but see text_type */
  UFO_CSV_INTEGER64, /* 64 bits in the place of a double, class "integer64"; never guessed */
  UFO_CSV_SKIP,      /* left out */
} ufo_csv_type;
#define UFO_CSV_TYPES 10

typedef struct ufo_csv_column {
  const char *name; /* NULL: by `index` */
  uint64_t index;   /* from 0 */
  ufo_csv_type type;
} ufo_csv_column;

/* What these point to must outlive the ufo_csv. Zero is the default of each. */
typedef struct ufo_csv_options {
  size_t struct_size;
  char delimiter;        /* an ASCII character, neither a quote nor a line end; 0: ',' */
  char decimal;          /* '.' or ','; 0: '.' */
  int no_header;         /* the first line is data: columns are called V1, V2, ... */
  uint64_t skip_lines;   /* before the header, whatever they hold */
  const char *const *na; /* `na_count` strings; NULL: "" and "NA" */
  uint64_t na_count;
  const ufo_csv_column *columns; /* `column_count` types that are asked for; a name or index that is not in the file is
                                    UFO_USAGE */
  uint64_t column_count;
  ufo_csv_type all_type;  /* of columns that are not among these; UFO_CSV_GUESS: see above */
  ufo_csv_type text_type; /* of columns that are found to be text: UFO_CSV_FACTOR, else strings */
} ufo_csv_options;

typedef struct ufo_csv ufo_csv;

/* The first pass. `fd`, which stays the caller's, is read from its start and must be one that can be: no pipe. `file`
 * is its name for messages. `progress` (may be NULL) is told the bytes of both passes together. UFO_END: it wanted to
 * stop. UFO_USAGE (see above; an empty file), UFO_IO, UFO_FULL. *csv_out is NULL after an error. */
UFO_API UFO_MUST_CHECK ufo_status ufo_csv_scan(int fd, const char *file, const ufo_csv_options *options,
                                               ufo_progress_fn progress, void *user, ufo_csv **csv_out,
                                               ufo_error *error);
UFO_API void ufo_csv_free(ufo_csv *csv); /* NULL is allowed */

UFO_API uint64_t ufo_csv_rows(const ufo_csv *csv);
/* How many columns of this type the data frame gets; UFO_CSV_GUESS: of any. */
UFO_API uint64_t ufo_csv_columns(const ufo_csv *csv, ufo_csv_type type);

/* The second pass: puts the data frame `name` into `txn`. Columns without a name are called V<number>. UFO_END as
 * above; UFO_USAGE: no column is left, or the name; UFO_IO: the file changed since it was scanned; what ufo_writer_open
 * and ufo_txn_put_list say. After an error the transaction is to be aborted: parts of the columns may be pending in it.
 */
UFO_API UFO_MUST_CHECK ufo_status ufo_csv_load(ufo_csv *csv, ufo_txn *txn, const char *name, ufo_progress_fn progress,
                                               void *user, ufo_error *error);

/* ---- elements as text ----------------------------------------------------------------------------------------------
 * Each writes a NUL after the text and returns its length. NA (INT32_MIN; among the NaNs that of R) is "NA". Numbers
 * have a decimal point, whatever the locale of the program. */
#define UFO_CSV_ELEMENT_BYTES 80
UFO_API size_t ufo_csv_format_logical(char out[UFO_CSV_ELEMENT_BYTES], int32_t value);
UFO_API size_t ufo_csv_format_integer(char out[UFO_CSV_ELEMENT_BYTES], int32_t value);
/* The fewest digits that give the same double back, and at most 15 where these do; "NaN", "Inf", "-Inf". */
UFO_API size_t ufo_csv_format_double(char out[UFO_CSV_ELEMENT_BYTES], double value);
/* NA is INT64_MIN. */
UFO_API size_t ufo_csv_format_integer64(char out[UFO_CSV_ELEMENT_BYTES], int64_t value);
/* Days since 1970-01-01 as "2013-02-28". */
UFO_API size_t ufo_csv_format_date(char out[UFO_CSV_ELEMENT_BYTES], double days);
/* Seconds since 1970-01-01 as "2013-02-28T05:15:00Z", with up to six decimals if they are not whole. */
UFO_API size_t ufo_csv_format_time(char out[UFO_CSV_ELEMENT_BYTES], double seconds);

#ifdef __cplusplus
}
#endif
#endif
