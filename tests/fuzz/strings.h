/* strings.h - objects of strings in the model: an element is a number of 8 bytes, which says what the string is. */
#ifndef UFO_FUZZ_STRINGS_H
#define UFO_FUZZ_STRINGS_H

#include "fuzz.h"

#include <ufostore/ufostore.h>

/* The views of an object of strings, and what is added to its text. */
typedef struct text_views {
  ufo_view *words, *text;
  ufo_text *added;
} text_views;

/* Of all lengths that are stored in a way of their own; 0 is the empty string. Valid until the next but one. */
static inline ufo_string string_of(uint64_t number) {
  static char buffers[2][6000];
  static unsigned turn;
  uint64_t kind = number % 16, more = number >> 4;
  if (number && kind == 0) return (ufo_string){.encoding = UFO_ENCODING_UTF8}; /* NA */
  ufo_string string = {.bytes = buffers[++turn % 2], .encoding = (ufo_encoding)(1 + more % 3)};
  if (number == 0) string.encoding = UFO_ENCODING_UTF8;
  else if (kind < 5) string.length = 1 + more % 7;
  else if (kind < 14) string.length = 8 + more % 60;
  else string.length = more % 32 ? 60 + more % 240 : 4090 + more / 32 % 1000;
  for (uint64_t i = 0; i < string.length; i++) buffers[turn % 2][i] = (char)(number >> (8 * (i % 8)) ^ i / 8);
  return string;
}

static inline int same_string(const ufo_string *a, const ufo_string *b) {
  if (!a->bytes || !b->bytes) return !a->bytes && !b->bytes;
  return a->length == b->length && a->encoding == b->encoding && !memcmp(a->bytes, b->bytes, a->length);
}

static inline uint64_t number_at(const uint8_t *numbers, uint64_t i) {
  uint64_t number;
  memcpy(&number, numbers + i * sizeof number, sizeof number);
  return number;
}

static inline void write_strings(ufo_text_writer *writer, const uint8_t *numbers, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    ufo_string string = string_of(number_at(numbers, i));
    PROMISE(ufo_text_writer_write(writer, &string, 1, NULL) == UFO_OK);
  }
  PROMISE(ufo_text_writer_finish(writer, NULL) == UFO_OK);
}

static inline void put_strings(ufo_txn *txn, const char *name, uint32_t chunk, const uint8_t *numbers, uint64_t count) {
  ufo_text_writer *writer;
  PROMISE(ufo_text_writer_open(txn, name, chunk, &writer, NULL) == UFO_OK);
  write_strings(writer, numbers, count);
}

static inline void append_strings(ufo_txn *txn, const char *name, const uint8_t *numbers, uint64_t count) {
  ufo_text_writer *writer;
  PROMISE(ufo_text_writer_open_append(txn, name, &writer, NULL) == UFO_OK);
  write_strings(writer, numbers, count);
}

static inline int compare_string(void *user, uint64_t i, const ufo_string *string) {
  ufo_string expected = string_of(number_at(user, i));
  PROMISE(same_string(string, &expected));
  return 0;
}

static inline void compare_strings(ufo_store *store, ufo_txn *txn, const char *name, uint8_t *numbers, uint64_t count) {
  PROMISE(ufo_text_read(store, txn, name, 0, 0, count, compare_string, numbers, NULL) == UFO_OK);
  PROMISE(ufo_text_read(store, txn, name, 0, count / 3, count / 2, compare_string, numbers, NULL) == UFO_OK);
}

/* ---- views ------------------------------------------------------------------------------------------------------- */

static inline text_views open_strings(ufo_store *store, ufo_txn *txn, ufo_pool *pool, const char *name) {
  text_views v = {0};
  const ufo_view_options read_only = {.struct_size = sizeof read_only, .access = UFO_ACCESS_READ_ONLY};
  PROMISE(ufo_view_open_child(store, txn, pool, name, 0, NULL, &v.words, NULL) == UFO_OK);
  PROMISE(ufo_view_open_child(store, txn, pool, name, 1, &read_only, &v.text, NULL) == UFO_OK);
  PROMISE(ufo_text_create(ufo_view_length(v.text), &v.added, NULL) == UFO_OK);
  return v;
}

static inline void close_strings(text_views *v) {
  ufo_view_release(v->words);
  ufo_view_release(v->text);
  ufo_text_free(v->added);
  *v = (text_views){0};
}

static inline void set_strings(text_views *v, uint64_t first, const uint8_t *numbers, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    ufo_string string = string_of(number_at(numbers, i));
    PROMISE(ufo_text_add(v->added, &string, (uint64_t *)ufo_view_data(v->words) + first + i, NULL) == UFO_OK);
  }
}

static inline void check_strings(const text_views *v, const uint8_t *numbers) {
  const uint64_t *words = ufo_view_data(v->words);
  for (uint64_t i = 0; i < ufo_view_length(v->words); i++) {
    ufo_string found, expected = string_of(number_at(numbers, i));
    PROMISE(!ufo_text_decode(&words[i], ufo_view_data(v->text), ufo_view_length(v->text), v->added, &found, NULL));
    PROMISE(same_string(&found, &expected));
  }
}

#endif
