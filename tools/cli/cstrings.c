/* cstrings.c - see cstrings.h. Strings are copied out of the store many at a time, converted. */
#include "cstrings.h"

#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STRINGS = 64 * 1024 };
#define BYTES_MAX (UINT64_C(8) << 20)

struct cstrings {
  const elements *source;
  uint64_t length, at; /* strings; the next to be read from the store */
  size_t count, given; /* of those that are here */
  size_t ends[STRINGS];
  bool na[STRINGS];
  char *bytes;
  size_t used, capacity;
};

ufo_status cstrings_open(const elements *source, uint64_t length, cstrings **strings_out, ufo_error *error) {
  cstrings *s = *strings_out = calloc(1, sizeof *s);
  if (!s) return set_errno(error, "cannot read object '%s'", source->address);
  s->source = source;
  s->length = length;
  return UFO_OK;
}

void cstrings_close(cstrings *s) {
  if (!s) return;
  free(s->bytes);
  free(s);
}

void cstrings_skip(cstrings *s, uint64_t count) {
  s->at += count;
  s->count = s->given = 0;
}

static bool make_room(cstrings *s, size_t more) {
  if (s->used + more <= s->capacity) return true;
  size_t capacity = s->used + more + s->capacity / 2 + 4096;
  char *grown = realloc(s->bytes, capacity);
  if (!grown) return false;
  s->bytes = grown;
  s->capacity = capacity;
  return true;
}

static void add_converted(cstrings *s, const ufo_string *string) {
  char *to = s->bytes + s->used;
  for (uint64_t i = 0; i < string->length; i++) {
    unsigned char byte = (unsigned char)string->bytes[i];
    if (byte < 0x80) *to++ = (char)byte;
    else if (string->encoding == UFO_ENCODING_BYTES) to += sprintf(to, "\\x%02x", byte);
    else *to++ = (char)(0xC0 | byte >> 6), *to++ = (char)(0x80 | (byte & 0x3F));
  }
  s->used = (size_t)(to - s->bytes);
}

/* Stops when there is much, or when no memory is left. */
static int add(void *user, uint64_t index, const ufo_string *string) {
  cstrings *s = user;
  (void)index;
  if (s->used >= BYTES_MAX || !make_room(s, 4 * string->length + 1)) return 1;
  s->na[s->count] = !string->bytes;
  if (string->bytes && string->encoding == UFO_ENCODING_UTF8) {
    memcpy(s->bytes + s->used, string->bytes, string->length);
    s->used += string->length;
  } else if (string->bytes) {
    add_converted(s, string);
  }
  s->ends[s->count++] = s->used;
  return 0;
}

static ufo_status fill(cstrings *s, ufo_error *error) {
  uint64_t count = s->length - s->at < STRINGS ? s->length - s->at : STRINGS;
  s->count = s->given = s->used = 0;
  ufo_status status = elements_strings(s->source, s->at, count, add, s, error);
  if (status == UFO_END && s->count == 0) return set_errno(error, "cannot read object '%s'", s->source->address);
  s->at += s->count;
  return status == UFO_END ? UFO_OK : status;
}

ufo_status cstrings_next(cstrings *s, const char **text_out, size_t *bytes_out, ufo_error *error) {
  *text_out = NULL;
  *bytes_out = 0;
  if (s->given == s->count) {
    if (s->at >= s->length) return UFO_END;
    ufo_status status = fill(s, error);
    if (status) return status;
  }
  size_t begin = s->given ? s->ends[s->given - 1] : 0;
  if (!s->na[s->given]) *text_out = s->bytes + begin;
  *bytes_out = s->ends[s->given++] - begin;
  return UFO_OK;
}
