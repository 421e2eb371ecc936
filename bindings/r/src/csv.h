/* csv.h - CSV files in and out: the library reads them (<ufostore/csv.h>); here is what R calls. */
#ifndef UFOR_CSV_H
#define UFOR_CSV_H

#include "r.h"

/* .Call: the file at `path`, called `label` in messages, becomes the data frame `name`, in the open transaction or in
 * one of its own. `options` is a list whose elements are, in order,
 *   delim, dec   strings of one character        header   logical       skip     number of lines
 *   na           strings                         names, types           strings, integers: types of columns by name
 *   positions, position_types   numbers, integers: by place, from 1     all_type, text_type   integers
 * with the types of ufo_csv_type. `show` is NULL or a function of the share that is done. */
SEXP ufor_csv_import(SEXP pointer, SEXP name, SEXP path, SEXP label, SEXP options, SEXP show);

/* .Call: the rows of `columns` as CSV, a raw vector. A column is a list(kind, values, levels): an atomic vector without
 * attributes, what it means ("plain", "factor", "Date", "POSIXct", "integer64"), and strings. `na` is what is written
 * for a missing value; text that equals it, and empty text, are quoted. */
SEXP ufor_csv_text(SEXP columns, SEXP delim, SEXP dec, SEXP na);

/* .Call: within a transaction of ufo_begin(), makes `name` the data frame or list of the objects `children`, which were
 * put in the same transaction and lose their names. `attributes` is a named list. */
SEXP ufor_gather(SEXP pointer, SEXP name, SEXP children, SEXP attributes);

#endif
