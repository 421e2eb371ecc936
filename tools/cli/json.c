/* json.c - see json.h. */
#include "json.h"

#include "text.h"

#include <math.h>
#include <string.h>

static void write_string(FILE *file, const char *text, size_t length) {
  putc('"', file);
  for (size_t i = 0; i < length;) {
    unsigned char byte = (unsigned char)text[i];
    size_t bytes = utf8_length(text + i, length - i);
    if (byte == '"' || byte == '\\') fprintf(file, "\\%c", byte);
    else if (byte == '\n') fputs("\\n", file);
    else if (byte == '\t') fputs("\\t", file);
    else if (byte < 0x20 || byte == 0x7F) fprintf(file, "\\u%04x", byte);
    else if (byte == 0xC2 && bytes == 2 && (unsigned char)text[i + 1] < 0xA0) /* C1 controls, for terminals */
      fprintf(file, "\\u%04x", (unsigned char)text[i + 1]);
    else if (bytes) fwrite(text + i, 1, bytes, file);
    else fputs("\\ufffd", file);
    i += bytes ? bytes : 1;
  }
  putc('"', file);
}

static void begin_value(json *j, const char *key) {
  if (j->depth) {
    fputs(j->first ? "\n" : ",\n", j->file);
    for (unsigned i = 0; i < j->depth; i++) fputs("  ", j->file);
  }
  j->first = false;
  if (key) {
    write_string(j->file, key, strlen(key));
    fputs(": ", j->file);
  }
}

void json_open(json *j, const char *key, char bracket) {
  begin_value(j, key);
  putc(bracket, j->file);
  j->depth++;
  j->first = true;
}

void json_close(json *j, char bracket) {
  j->depth--;
  if (!j->first) {
    putc('\n', j->file);
    for (unsigned i = 0; i < j->depth; i++) fputs("  ", j->file);
  }
  j->first = false;
  putc(bracket, j->file);
  if (!j->depth) putc('\n', j->file);
}

void json_text(json *j, const char *key, const char *text, size_t length) {
  begin_value(j, key);
  write_string(j->file, text, length);
}

void json_string(json *j, const char *key, const char *text) { json_text(j, key, text, strlen(text)); }

void json_unsigned(json *j, const char *key, uint64_t number) {
  begin_value(j, key);
  fprintf(j->file, "%llu", (unsigned long long)number);
}

void json_signed(json *j, const char *key, int64_t number) {
  begin_value(j, key);
  fprintf(j->file, "%lld", (long long)number);
}

void json_double(json *j, const char *key, double number) {
  char text[FORMAT_MAX];
  size_t length = ufo_csv_format_double(text, number);
  if (!isfinite(number)) {
    json_text(j, key, text, length);
    return;
  }
  begin_value(j, key);
  fwrite(text, 1, length, j->file);
}

void json_bool(json *j, const char *key, bool value) {
  begin_value(j, key);
  fputs(value ? "true" : "false", j->file);
}

void json_null(json *j, const char *key) {
  begin_value(j, key);
  fputs("null", j->file);
}
