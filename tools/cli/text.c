/* text.c - see text.h. */
#include "text.h"

#include <math.h>
#include <string.h>

bool is_na_double(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return isnan(value) && (uint32_t)bits == 1954;
}

double na_double(void) {
  uint64_t bits = UINT64_C(0x7FF00000000007A2); /* as R makes it; arithmetic may set the quiet bit */
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static size_t put_text(char *out, const char *text) {
  size_t length = strlen(text);
  memcpy(out, text, length + 1);
  return length;
}

size_t format_complex(char out[FORMAT_MAX], double real, double imaginary) {
  if (is_na_double(real) || is_na_double(imaginary)) return put_text(out, "NA");
  size_t at = ufo_csv_format_double(out, real);
  char part[FORMAT_MAX];
  ufo_csv_format_double(part, imaginary);
  if (part[0] != '-') out[at++] = '+';
  at += put_text(out + at, part);
  return at + put_text(out + at, "i");
}

size_t utf8_length(const char *text, size_t length) {
  const unsigned char *byte = (const unsigned char *)text;
  if (!length) return 0;
  if (byte[0] < 0x80) return 1;
  size_t bytes = byte[0] >= 0xF0 ? 4 : byte[0] >= 0xE0 ? 3 : 2;
  if (byte[0] < 0xC2 || byte[0] > 0xF4 || bytes > length) return 0;
  for (size_t i = 1; i < bytes; i++)
    if ((byte[i] & 0xC0) != 0x80) return 0;
  /* Overlong forms, surrogates, and what lies beyond U+10FFFF. */
  if (byte[0] == 0xE0 && byte[1] < 0xA0) return 0;
  if (byte[0] == 0xED && byte[1] > 0x9F) return 0;
  if (byte[0] == 0xF0 && byte[1] < 0x90) return 0;
  if (byte[0] == 0xF4 && byte[1] > 0x8F) return 0;
  return bytes;
}

bool utf8_valid(const char *text, size_t length) {
  for (size_t i = 0; i < length;) {
    size_t bytes = utf8_length(text + i, length - i);
    if (!bytes) return false;
    i += bytes;
  }
  return true;
}
