/* csv_infer.h - the type of a CSV column, found from all of its fields, and their values.
 *
 * A column is the first of these that fits every field: logical (TRUE, FALSE, T, F, true, false), integer (32 bits),
 * double, text. Numbers may have blanks around them. Text is chosen where a number would not give back what was
 * written: leading zeros ("007"), whole numbers from 2^53 on, numbers beyond the largest double.
 *
 * MISSING VALUES  An empty unquoted field and an unquoted NA string are NA in every column. The same in quotes or with
 *   blanks around is NA in a logical or numeric column, and itself in a text column. A column of NA alone is logical.
 */
#ifndef UFOSTORE_CLI_CSV_INFER_H
#define UFOSTORE_CLI_CSV_INFER_H

#include "csv_reader.h"

typedef enum csv_type { CSV_LOGICAL = 0, CSV_INTEGER, CSV_DOUBLE, CSV_TEXT } csv_type;

/* Starts as all zeros. */
typedef struct csv_column {
  bool has_value;     /* a field that is not NA */
  bool has_quoted_na; /* a field that is NA unless the column is text */
  bool not_logical, not_integer, not_double;
} csv_column;

/* Takes one more field into account. `na` is the NA string. */
void csv_infer(csv_column *column, const csv_field *field, const char *na);
csv_type csv_inferred(const csv_column *column);

/* The value of a field of a column of this type. NA comes out as NA_INT32 and na_double(). */
int32_t csv_logical(const csv_field *field);
int32_t csv_integer(const csv_field *field);
double csv_double(const csv_field *field);
bool csv_text_is_na(const csv_field *field, const char *na);

#endif
