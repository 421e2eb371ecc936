/* infer.h - the type of a CSV column, found from all of its fields: the rules stand in <ufostore/csv.h>. */
#ifndef UFO_CSV_INFER_H
#define UFO_CSV_INFER_H

#include "csv/csv.h"
#include "csv/value.h"

/* Takes the fields of column `i` of the rows `from` .. `to` of a batch into account. Returns the first row of which the
 * field does not fit the type that was asked for, `to` if all do. */
size_t ufo_csv_infer(const ufo_csv *csv, ufo_csv_found *column, const ufo_csv_batch *batch, size_t i, size_t from,
                     size_t to);
ufo_csv_type ufo_csv_inferred(const ufo_csv *csv, const ufo_csv_found *column);

/* Is it missing in a column of text? */
bool ufo_csv_missing_text(const ufo_csv *csv, const ufo_csv_field *field);

/* The same fields as elements of a type that is none of text, in a row, or only looked at if there is no place for
 * them. `strict` as in value.h. Returns the first row of which the field is no such value, `to` if all are. */
size_t ufo_csv_elements(const ufo_csv *csv, ufo_csv_type type, const ufo_csv_batch *batch, size_t i, size_t from,
                        size_t to, bool strict, void *elements_out);
/* Bytes of such an element: 4 or 8. */
size_t ufo_csv_element_bytes(ufo_csv_type type);

#endif
