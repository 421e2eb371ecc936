/* rserialize.c - the writing half of rserialize.h. */
#include "rserialize.h"

#include "text.h"

#include <string.h>

enum { STRSXP = 0x10, CHARSXP = 9, ASCII_FLAG = 64 << 12, UTF8_FLAG = 8 << 12 };

static void put_int(unsigned char *out, uint32_t value) {
  out[0] = (unsigned char)(value >> 24);
  out[1] = (unsigned char)(value >> 16);
  out[2] = (unsigned char)(value >> 8);
  out[3] = (unsigned char)value;
}

ufo_status rserialize_begin(ufo_writer *writer, uint64_t length, ufo_error *error) {
  static const char native[] = "UTF-8";
  unsigned char head[2 + 4 * 4 + 5 + 4 * 4];
  size_t at = 2;
  memcpy(head, "X\n", 2);
  const uint32_t ints[] = {3, 0x00040202, 0x00030500, sizeof native - 1};
  for (unsigned i = 0; i < 4; i++, at += 4) put_int(head + at, ints[i]);
  memcpy(head + at, native, sizeof native - 1);
  at += sizeof native - 1;
  put_int(head + at, STRSXP);
  at += 4;
  if (length <= INT32_MAX) {
    put_int(head + at, (uint32_t)length);
    at += 4;
  } else {
    put_int(head + at, UINT32_MAX);
    put_int(head + at + 4, (uint32_t)(length >> 32));
    put_int(head + at + 8, (uint32_t)length);
    at += 12;
  }
  return ufo_writer_write(writer, head, at, error);
}

ufo_status rserialize_string(ufo_writer *writer, const char *text, size_t bytes, ufo_error *error) {
  unsigned char head[8];
  put_int(head, CHARSXP | (!text ? 0 : is_ascii(text, bytes) ? ASCII_FLAG : UTF8_FLAG));
  put_int(head + 4, text ? (uint32_t)bytes : UINT32_MAX);
  ufo_status status = ufo_writer_write(writer, head, sizeof head, error);
  if (status || !text) return status;
  return ufo_writer_write(writer, text, bytes, error);
}
