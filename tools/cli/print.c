/* print.c - see print.h. */
#include "print.h"

#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The escape for the character at `text`, if it needs one: C0 controls, DEL and the C1 controls (as UTF-8). Sets
 * *used_out to its bytes. */
static bool escape_one(const char *text, size_t length, bool backslashes, char out[9], size_t *used_out) {
  unsigned char byte = (unsigned char)text[0];
  *used_out = 1;
  if (byte == 0xC2 && length > 1 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xA0) {
    *used_out = 2;
    snprintf(out, 9, "\\xc2\\x%02x", (unsigned char)text[1]);
    return true;
  }
  if (byte == '\\' && backslashes) return strcpy(out, "\\\\"), true;
  if (byte >= 0x20 && byte != 0x7F) return false;
  if (byte == '\n') strcpy(out, "\\n");
  else if (byte == '\t') strcpy(out, "\\t");
  else if (byte == '\r') strcpy(out, "\\r");
  else snprintf(out, 9, "\\x%02x", byte);
  return true;
}

void print_escaped(FILE *file, const char *text, size_t length, bool backslashes) {
  char escape[9];
  size_t plain = 0, used; /* bytes before text[i] that are still to be printed as they are */
  for (size_t i = 0; i < length; i += used) {
    if (!escape_one(text + i, length - i, backslashes, escape, &used)) {
      plain += used;
      continue;
    }
    if (plain) fwrite(text + i - plain, 1, plain, file);
    plain = 0;
    fputs(escape, file);
  }
  if (plain) fwrite(text + length - plain, 1, plain, file);
}

char *escape_into(char *out, size_t out_size, const char *text, size_t length) {
  size_t at = 0, used;
  char escape[9];
  for (size_t i = 0; i < length; i += used) {
    bool escaped = escape_one(text + i, length - i, true, escape, &used);
    const char *piece = escaped ? escape : text + i;
    size_t bytes = escaped ? strlen(escape) : used;
    if (at + bytes + 1 > out_size) break;
    memcpy(out + at, piece, bytes);
    at += bytes;
  }
  out[at] = 0;
  return out;
}

size_t text_width(const char *text) {
  size_t width = 0;
  for (; *text; text++) width += ((unsigned char)*text & 0xC0) != 0x80;
  return width;
}

char *format_size(char *out, size_t out_size, uint64_t bytes) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = (double)bytes;
  unsigned unit = 0;
  while (value >= 1024 && unit < 6) value /= 1024, unit++;
  if (value >= 999.5 && unit > 0 && unit < 6) value /= 1024, unit++; /* "0.98 GiB", not "1003 MiB" */
  int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  snprintf(out, out_size, "%.*f %s", decimals, value, units[unit]);
  return out;
}

char *format_count(char *out, size_t out_size, uint64_t count) {
  char digits[24];
  int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
  size_t at = 0;
  for (int i = 0; i < length && at + 2 < out_size; i++) {
    if (i && (length - i) % 3 == 0) out[at++] = ',';
    out[at++] = digits[i];
  }
  out[at] = 0;
  return out;
}

char *format_ratio(char *out, size_t out_size, uint64_t raw_bytes, uint64_t stored_bytes) {
  if (!stored_bytes) return snprintf(out, out_size, "-"), out;
  double ratio = (double)raw_bytes / (double)stored_bytes;
  if (ratio < 100) snprintf(out, out_size, "%.1fx", ratio);
  else if (ratio < 1e6) snprintf(out, out_size, "%.0fx", ratio);
  else snprintf(out, out_size, "%.0gx", ratio);
  return out;
}

char *format_time(char *out, size_t out_size, int64_t time_ns, bool seconds) {
  time_t whole = (time_t)(time_ns / 1000000000);
  struct tm parts;
  if (!time_ns || !localtime_r(&whole, &parts) ||
      !strftime(out, out_size, seconds ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%d %H:%M", &parts))
    snprintf(out, out_size, "-");
  return out;
}

char *format_time_utc(char *out, size_t out_size, int64_t time_ns) {
  time_t whole = (time_t)(time_ns / 1000000000);
  struct tm parts;
  char text[32];
  if (!gmtime_r(&whole, &parts) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts)) text[0] = 0;
  snprintf(out, out_size, "%s.%09dZ", text, (int)(time_ns % 1000000000));
  return out;
}

/* ---- tables ---- */

struct text_table {
  const char *const *columns;
  size_t column_count;
  char **cells;
  size_t cell_count, cell_capacity;
  bool failed;
};

text_table *text_table_create(const char *const *columns) {
  text_table *t = calloc(1, sizeof *t);
  if (!t) return NULL;
  t->columns = columns;
  while (columns[t->column_count]) t->column_count++;
  for (size_t i = 0; i < t->column_count; i++) text_table_add(t, columns[i] + 1);
  return t;
}

void text_table_add(text_table *t, const char *cell) {
  if (!t || t->failed) return;
  if (t->cell_count == t->cell_capacity) {
    size_t capacity = t->cell_capacity ? 2 * t->cell_capacity : 64;
    char **cells = realloc(t->cells, capacity * sizeof *cells);
    if (!cells) {
      t->failed = true;
      return;
    }
    t->cells = cells;
    t->cell_capacity = capacity;
  }
  char *copy = strdup(cell);
  if (copy) t->cells[t->cell_count++] = copy;
  else t->failed = true;
}

bool text_table_print(text_table *t, FILE *file, const char *indent) {
  if (!t) return false;
  size_t widths[16] = {0};
  bool good = !t->failed && t->column_count <= 16;
  for (size_t i = 0; good && i < t->cell_count; i++) {
    size_t width = text_width(t->cells[i]), column = i % t->column_count;
    if (width > widths[column]) widths[column] = width;
  }
  for (size_t i = 0; good && i < t->cell_count; i++) {
    size_t column = i % t->column_count, width = text_width(t->cells[i]);
    bool last = column + 1 == t->column_count, right = t->columns[column][0] == '>';
    int padding = (int)(widths[column] - width);
    fprintf(file, "%s%*s%s%*s", column ? "  " : indent, right ? padding : 0, "", t->cells[i],
            right || last ? 0 : padding, "");
    if (last) putc('\n', file);
  }
  text_table_free(t);
  return good;
}

void text_table_free(text_table *t) {
  if (!t) return;
  for (size_t i = 0; i < t->cell_count; i++) free(t->cells[i]);
  free(t->cells);
  free(t);
}

int finish_output(int status) {
  errno = 0;
  bool broken = fflush(stdout) != 0 || ferror(stdout);
  if (!broken || status != EXIT_DONE) return status;
  return fail("cannot write to standard output: %s", errno ? strerror(errno) : "an earlier write failed");
}
