/* infer.h - the type of a CSV column, found from all of its fields: the rules stand in <ufostore/csv.h>. */
#ifndef UFO_CSV_INFER_H
#define UFO_CSV_INFER_H

#include "csv/csv.h"
#include "csv/value.h"

/* Takes one more field into account. False: it does not fit the type that was asked for. */
bool ufo_csv_infer(const ufo_csv *csv, ufo_csv_found *column, const ufo_csv_field *field);
ufo_csv_type ufo_csv_inferred(const ufo_csv *csv, const ufo_csv_found *column);

/* Is it missing in a column of this type? */
bool ufo_csv_missing(const ufo_csv *csv, ufo_csv_type type, const ufo_csv_field *field);

/* The field as an element of that type, which is none of text: 4 or 8 bytes, their number is returned; 0 if it is no
 * such value. `strict` as in value.h. */
size_t ufo_csv_element(const ufo_csv *csv, ufo_csv_type type, const ufo_csv_field *field, bool strict,
                       unsigned char element_out[8]);

#endif
