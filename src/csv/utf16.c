/* utf16.c - see utf16.h. */
#include "csv/utf16.h"

#include <string.h>

bool ufo_csv_utf16_marked(const char *bytes, size_t count, bool *big_endian_out) {
  if (count < 2) return false;
  *big_endian_out = memcmp(bytes, "\xFE\xFF", 2) == 0;
  return *big_endian_out || memcmp(bytes, "\xFF\xFE", 2) == 0;
}

static uint32_t unit_at(const ufo_csv_utf16 *source, size_t at) {
  uint32_t first = source->bytes[at], second = source->bytes[at + 1];
  return source->big_endian ? first << 8 | second : second << 8 | first;
}

static size_t put_utf8(char *out, uint32_t c) {
  if (c < 0x80) {
    out[0] = (char)c;
    return 1;
  }
  size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
  for (size_t i = length - 1; i > 0; i--) {
    out[i] = (char)(0x80 | (c & 0x3F));
    c >>= 6;
  }
  out[0] = (char)(leads[length] | c);
  return length;
}

size_t ufo_csv_utf16_decode(ufo_csv_utf16 *source, char *out, size_t capacity, bool *malformed_out) {
  size_t length = 0;
  *malformed_out = false;
  while (source->filled - source->at >= 2 && capacity - length >= 4) {
    uint32_t c = unit_at(source, source->at);
    size_t bytes = 2;
    if (c >= 0xD800 && c < 0xE000) {
      if (c < 0xDC00 && source->filled - source->at < 4) break; /* the other half is still to come */
      uint32_t low = c < 0xDC00 ? unit_at(source, source->at + 2) : 0;
      if (low < 0xDC00 || low >= 0xE000) {
        *malformed_out = true;
        break;
      }
      c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
      bytes = 4;
    }
    length += put_utf8(out + length, c);
    source->at += bytes;
  }
  return length;
}
