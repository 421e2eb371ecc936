/* csv_export.c - rows as CSV: see csv.h. */
#include "condition.h"
#include "csv.h"

#include <stdlib.h>
#include <string.h>

typedef enum meaning { PLAIN, FACTOR, DATE, TIME, INTEGER64 } meaning;

/* `logicals`, `integers` or `numbers` is what the elements are; all are NULL if they are strings. */
struct column {
  SEXP values, levels;
  const int *logicals, *integers;
  const double *numbers;
  R_xlen_t level_count;
  meaning means;
};

struct writer {
  struct column *columns;
  R_xlen_t column_count, rows;
  char delim, dec;
  const char *na;
  size_t na_length;
  char *text; /* grows by realloc */
  size_t used, capacity;
  int is_full; /* no memory */
};

static int has_room(struct writer *w, size_t bytes) {
  if (w->is_full) return 0;
  if (bytes <= w->capacity - w->used) return 1;
  size_t capacity;
  char *text = NULL;
  if (!__builtin_mul_overflow(w->capacity, 2, &capacity) && !__builtin_add_overflow(capacity, bytes, &capacity) &&
      !__builtin_add_overflow(capacity, 65536, &capacity))
    text = realloc(w->text, capacity);
  if (text == NULL) return w->is_full = 1, 0;
  w->text = text;
  w->capacity = capacity;
  return 1;
}

static void add(struct writer *w, const char *text, size_t length) {
  if (!has_room(w, length)) return;
  memcpy(w->text + w->used, text, length);
  w->used += length;
}

/* Quoted where it would else be read as something other than this text. */
static void add_text(struct writer *w, const char *text, size_t length) {
  int quote = length == 0 || (length == w->na_length && memcmp(text, w->na, length) == 0) ||
              (length == 2 && memcmp(text, "NA", 2) == 0) || (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0);
  for (size_t i = 0; i < length && !quote; i++)
    quote = text[i] == w->delim || text[i] == '"' || text[i] == '\n' || text[i] == '\r';
  if (!quote) {
    add(w, text, length);
    return;
  }
  size_t most;
  if (__builtin_mul_overflow(length, 2, &most) || __builtin_add_overflow(most, 2, &most)) {
    w->is_full = 1;
    return;
  }
  if (!has_room(w, most)) return;
  char *out = w->text + w->used;
  *out++ = '"';
  for (size_t i = 0; i < length; i++) {
    if (text[i] == '"') *out++ = '"';
    *out++ = text[i];
  }
  *out++ = '"';
  w->used = (size_t)(out - w->text);
}

static void add_string(struct writer *w, SEXP string) {
  if (string == NA_STRING) {
    add(w, w->na, w->na_length);
    return;
  }
  const void *top = vmaxget();
  const char *text = Rf_translateCharUTF8(string);
  add_text(w, text, strlen(text));
  vmaxset(top);
}

/* What is no text; `length` 2 and "NA" is a missing one. */
static void add_value(struct writer *w, meaning means, char text[UFO_CSV_ELEMENT_BYTES], size_t length) {
  if (length == 2 && memcmp(text, "NA", 2) == 0) {
    add(w, w->na, w->na_length);
    return;
  }
  char *mark = w->dec == '.' || means != PLAIN ? NULL : memchr(text, '.', length);
  if (mark != NULL) *mark = w->dec;
  add(w, text, length);
}

static size_t format_number(meaning means, double value, char text[UFO_CSV_ELEMENT_BYTES]) {
  int64_t bits;
  switch (means) {
  case DATE:
    return ufo_csv_format_date(text, value);
  case TIME:
    return ufo_csv_format_time(text, value);
  case INTEGER64:
    memcpy(&bits, &value, sizeof bits);
    return ufo_csv_format_integer64(text, bits);
  default:
    return ufo_csv_format_double(text, value);
  }
}

static void add_element(struct writer *w, const struct column *c, R_xlen_t row) {
  char text[UFO_CSV_ELEMENT_BYTES];
  if (c->numbers != NULL) {
    add_value(w, c->means, text, format_number(c->means, c->numbers[row], text));
  } else if (c->logicals != NULL) {
    add_value(w, c->means, text, ufo_csv_format_logical(text, c->logicals[row]));
  } else if (c->integers == NULL) {
    add_string(w, STRING_ELT(c->values, row));
  } else {
    int value = c->integers[row];
    if (c->means == FACTOR) {
      int known = value != NA_INTEGER && value >= 1 && value <= c->level_count;
      add_string(w, known ? STRING_ELT(c->levels, value - 1) : NA_STRING);
    } else if (c->means == PLAIN) {
      add_value(w, c->means, text, ufo_csv_format_integer(text, value));
    } else {
      add_value(w, c->means, text, format_number(c->means, value == NA_INTEGER ? NA_REAL : value, text));
    }
  }
}

static meaning meaning_of(const char *kind) {
  return strcmp(kind, "factor") == 0      ? FACTOR
         : strcmp(kind, "Date") == 0      ? DATE
         : strcmp(kind, "POSIXct") == 0   ? TIME
         : strcmp(kind, "integer64") == 0 ? INTEGER64
                                          : PLAIN;
}

static void find_elements(struct column *c) {
  if (TYPEOF(c->values) == REALSXP) c->numbers = REAL(c->values);
  else if (TYPEOF(c->values) == LGLSXP) c->logicals = LOGICAL(c->values);
  else if (TYPEOF(c->values) == INTSXP) c->integers = INTEGER(c->values);
  c->level_count = Rf_xlength(c->levels);
}

static SEXP write_rows(void *data) {
  struct writer *w = data;
  for (R_xlen_t row = 0; row < w->rows && !w->is_full; row++) {
    for (R_xlen_t i = 0; i < w->column_count; i++) {
      if (i > 0) add(w, &w->delim, 1);
      add_element(w, &w->columns[i], row);
    }
    add(w, "\n", 1);
  }
  if (w->is_full) return R_NilValue;
  SEXP bytes = Rf_allocVector(RAWSXP, (R_xlen_t)w->used);
  if (w->used > 0) memcpy(RAW(bytes), w->text, w->used);
  return bytes;
}

static void free_text(void *data, Rboolean jump) {
  (void)jump;
  free(((struct writer *)data)->text);
}

SEXP ufor_csv_text(SEXP columns, SEXP delim, SEXP dec, SEXP na) {
  struct writer w = {.column_count = Rf_xlength(columns),
                     .delim = CHAR(STRING_ELT(delim, 0))[0],
                     .dec = CHAR(STRING_ELT(dec, 0))[0],
                     .na = Rf_translateCharUTF8(STRING_ELT(na, 0))};
  w.na_length = strlen(w.na);
  w.columns = (struct column *)R_alloc((size_t)w.column_count + 1, sizeof *w.columns);
  for (R_xlen_t i = 0; i < w.column_count; i++) {
    SEXP column = VECTOR_ELT(columns, i);
    w.columns[i] = (struct column){.means = meaning_of(CHAR(STRING_ELT(VECTOR_ELT(column, 0), 0))),
                                   .values = VECTOR_ELT(column, 1),
                                   .levels = VECTOR_ELT(column, 2)};
    find_elements(&w.columns[i]);
    w.rows = Rf_xlength(w.columns[i].values);
  }
  SEXP bytes = PROTECT(R_UnwindProtect(write_rows, &w, free_text, &w, NULL));
  if (bytes == R_NilValue) ufor_raise_format(UFO_FULL, NULL, NULL, "Cannot write CSV: out of memory");
  UNPROTECT(1);
  return bytes;
}
