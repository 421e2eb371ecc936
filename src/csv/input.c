/* input.c - see input.h. */
#include "csv/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/assert.h"
#include "util/checked.h"
#include "util/fail.h"

enum { CHARACTER_BYTES = 4 }; /* the longest: room that UTF-16 is decoded into */

bool ufo_csv_input_open(ufo_csv_input *input, int fd, const char *name, size_t window) {
  *input = (ufo_csv_input){.fd = fd, .name = name, .capacity = window ? window : UFO_CSV_WINDOW_BYTES};
  if (input->capacity < CHARACTER_BYTES) input->capacity = CHARACTER_BYTES;
  input->bytes = malloc(input->capacity + 1);
  if (input->bytes) input->bytes[0] = '\n';
  return input->bytes != NULL;
}

void ufo_csv_input_close(ufo_csv_input *input) {
  free(input->bytes);
  free(input->utf16);
  input->bytes = NULL;
  input->utf16 = NULL;
}

static ufo_status no_memory(const ufo_csv_input *input, ufo_error *error) {
  return ufo_fail(error, UFO_FULL, "cannot read '%s': out of memory", input->name);
}

/* Fewer bytes than asked for only at the end. */
static ufo_status read_bytes(ufo_csv_input *input, void *out, size_t count, size_t *got_out, ufo_error *error) {
  *got_out = 0;
  while (*got_out < count) {
    ssize_t got = read(input->fd, (char *)out + *got_out, count - *got_out);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ufo_fail_errno(error, errno, "cannot read '%s'", input->name);
    if (got == 0) break;
    *got_out += (size_t)got;
    input->read += (uint64_t)got;
  }
  return UFO_OK;
}

static ufo_status not_utf16(const ufo_csv_input *input, uint64_t line, const char *what, ufo_error *error) {
  return ufo_fail(error, UFO_USAGE, "'%s', line %llu or after it: %s, so this is not the UTF-16 that it begins as",
                  input->name, (unsigned long long)line, what);
}

/* Text before what is wrong comes first, however it lies in windows. */
static ufo_status fill_from_utf16(ufo_csv_input *input, uint64_t line, ufo_error *error) {
  ufo_csv_utf16 *source = input->utf16;
  size_t before = input->filled;
  while (input->capacity - input->filled >= CHARACTER_BYTES) {
    bool malformed;
    size_t length =
        ufo_csv_utf16_decode(source, input->bytes + input->filled, input->capacity - input->filled, &malformed);
    input->filled += length;
    if (malformed && input->filled > before) return UFO_OK;
    if (malformed) return not_utf16(input, line, "half of a surrogate pair", error);
    if (length) continue;
    size_t rest = source->filled - source->at, got = 0;
    memmove(source->bytes, source->bytes + source->at, rest);
    ufo_status status = read_bytes(input, source->bytes + rest, sizeof source->bytes - rest, &got, error);
    if (status) return status;
    source->at = 0;
    source->filled = rest + got;
    if (got) continue;
    if (rest && input->filled > before) return UFO_OK;
    if (rest) return not_utf16(input, line, "the file ends within a character", error);
    input->ended = true;
    return UFO_OK;
  }
  return UFO_OK;
}

/* What the file begins with is no text: a mark of UTF-8, or of UTF-16, in which what was read is to be decoded. */
static ufo_status take_mark(ufo_csv_input *input, ufo_error *error) {
  bool big_endian;
  input->started = true;
  char mark[3] = {0};
  size_t got;
  ufo_status status = read_bytes(input, mark, sizeof mark, &got, error);
  if (status) return status;
  if (!ufo_csv_utf16_marked(mark, got, &big_endian)) {
    if (got == 3 && memcmp(mark, "\xEF\xBB\xBF", 3) == 0) return UFO_OK;
    memcpy(input->bytes, mark, got); /* the window has room for a character */
    input->filled = got;
    return UFO_OK;
  }
  input->utf16 = malloc(sizeof *input->utf16);
  if (!input->utf16) return no_memory(input, error);
  input->utf16->big_endian = big_endian;
  input->utf16->at = 2;
  input->utf16->filled = got;
  memcpy(input->utf16->bytes, mark, got);
  return UFO_OK;
}

/* Room behind what is not taken yet. */
static ufo_status make_room(ufo_csv_input *input, uint64_t line, ufo_error *error) {
  memmove(input->bytes, input->bytes + input->at, input->filled - input->at);
  input->filled -= input->at;
  input->at = 0;
  if (input->capacity - input->filled >= CHARACTER_BYTES) return UFO_OK;
  uint64_t capacity;
  if (input->capacity >= UFO_CSV_WINDOW_MAX || ufo_mul_overflows(input->capacity, 2, &capacity))
    return ufo_fail(error, UFO_USAGE, "'%s', line %llu: a record of more than %zu MiB; is a quote missing?",
                    input->name, (unsigned long long)line, UFO_CSV_WINDOW_MAX >> 20);
  char *grown = realloc(input->bytes, (size_t)capacity + 1);
  if (!grown) return no_memory(input, error);
  input->bytes = grown;
  input->capacity = (size_t)capacity;
  return UFO_OK;
}

ufo_status ufo_csv_input_more(ufo_csv_input *input, uint64_t line, ufo_error *error) {
  UFO_ASSERT(input->at <= input->filled && input->filled <= input->capacity && !input->ended);
  ufo_status status = make_room(input, line, error);
  if (!status && !input->started) status = take_mark(input, error);
  if (!status && input->utf16) status = fill_from_utf16(input, line, error);
  if (!status && !input->utf16) {
    size_t got, room = input->capacity - input->filled;
    status = read_bytes(input, input->bytes + input->filled, room, &got, error);
    input->filled += got;
    input->ended = got < room;
  }
  input->bytes[input->filled] = '\n';
  return status;
}
