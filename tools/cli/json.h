/* json.h - a small writer of JSON. It keeps track of commas and indentation; the caller opens and closes. Strings come
 * out as valid JSON whatever their bytes: what is not UTF-8 becomes U+FFFD. */
#ifndef UFOSTORE_CLI_JSON_H
#define UFOSTORE_CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct json {
  FILE *file;
  unsigned depth;
  bool first; /* nothing written yet at this depth */
} json;

/* `key` is NULL for the outermost value and for elements of an array. */
void json_open(json *j, const char *key, char bracket); /* '{' or '[' */
void json_close(json *j, char bracket);                 /* '}' or ']' */
void json_text(json *j, const char *key, const char *text, size_t length);
void json_string(json *j, const char *key, const char *text);
void json_unsigned(json *j, const char *key, uint64_t number);
void json_signed(json *j, const char *key, int64_t number);
void json_double(json *j, const char *key, double number); /* NaN and infinities as strings: JSON has none */
void json_bool(json *j, const char *key, bool value);
void json_null(json *j, const char *key);

#endif
