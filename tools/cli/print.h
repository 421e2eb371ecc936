/* print.h - text for people: escaped names, sizes, counts, times, and tables with aligned columns. */
#ifndef UFOSTORE_CLI_PRINT_H
#define UFOSTORE_CLI_PRINT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Writes `text` with every control byte as \n, \t, \r or \xHH, so that no stored name can move the cursor or forge a
 * line. With `backslashes`, these are doubled, so that the result can be read back without doubt. */
void print_escaped(FILE *file, const char *text, size_t length, bool backslashes);
/* The same into a buffer; cut at its end. Returns `out`. */
char *escape_into(char *out, size_t out_size, const char *text, size_t length);

/* Columns that `text` (UTF-8) takes on a terminal, counting a character as one. */
size_t text_width(const char *text);

/* "1.5 MiB", "812 B". Returns `out`, which holds 16 bytes or more. */
char *format_size(char *out, size_t out_size, uint64_t bytes);
/* "1,234,567" */
char *format_count(char *out, size_t out_size, uint64_t count);
/* "12.3x", or "-" if nothing is stored. */
char *format_ratio(char *out, size_t out_size, uint64_t raw_bytes, uint64_t stored_bytes);
/* "2026-11-23 20:56" (with seconds: "20:56:07") in the local time zone; "-" for 0. */
char *format_time(char *out, size_t out_size, int64_t time_ns, bool seconds);
/* "2026-11-23T20:56:07.123456789Z" */
char *format_time_utc(char *out, size_t out_size, int64_t time_ns);

/* A table that is printed at its end, when the widths are known. Cells are copied. */
typedef struct text_table text_table;
/* `columns` names them, first letter '<' (left) or '>' (right aligned), then the heading; ends with NULL. NULL result:
 * no memory; the functions below then do nothing and text_table_print returns false. */
text_table *text_table_create(const char *const *columns);
void text_table_add(text_table *t, const char *cell); /* next cell of the row, rows follow one another */
bool text_table_print(text_table *t, FILE *file, const char *indent); /* and frees it */
void text_table_free(text_table *t);                                  /* without printing; NULL is allowed */

/* Ends output on standard output: flushes it. On a broken pipe or a full disk prints the reason on standard error and
 * returns EXIT_FAILED; else returns `status`. */
int finish_output(int status);

#endif
