/* text.c - words made from strings, and strings from words; see word.h.
 *
 * Which strings were added not long ago is known by two tables: when the young one is full, it becomes the old one, and
 * what is found in that joins the young one again. So strings that come often stay, and memory is bounded. Bytes are
 * compared, not hashes alone: hashes can be made to agree. A writer has the bytes of the last few MiB only (`drop`);
 * strings that lie before them are as good as forgotten. */
#include "store/text.h"

#include <stdlib.h>
#include <string.h>

#include "store/word.h"
#include "util/bytes.h"
#include "util/checked.h"
#include "util/fail.h"
#include "util/hash.h"

enum { YOUNG_MAX = 32 * 1024, SLOTS = 2 * YOUNG_MAX };

typedef struct generation {
  uint64_t *words; /* SLOTS of them; 0: free. The place is that of the string's hash, or one behind it */
  uint32_t *tags;  /* other bits of the hashes */
  uint32_t count;
} generation;

struct ufo_text {
  uint64_t base; /* where in the object's text `bytes` begins */
  char *bytes;
  uint64_t used, capacity;
  generation young, old;
};

ufo_status ufo_text_create(uint64_t base, ufo_text **text_out, ufo_error *error) {
  *text_out = calloc(1, sizeof **text_out);
  if (!*text_out) return ufo_fail(error, UFO_FULL, "out of memory");
  (*text_out)->base = base;
  return UFO_OK;
}

static void clear(generation *table) {
  free(table->words);
  free(table->tags);
  *table = (generation){0};
}

void ufo_text_free(ufo_text *text) {
  if (!text) return;
  clear(&text->young);
  clear(&text->old);
  free(text->bytes);
  free(text);
}

/* What is remembered is not cloned: equal strings are found from then on. */
ufo_status ufo_text_clone(const ufo_text *text, ufo_text **clone_out, ufo_error *error) {
  ufo_status status = ufo_text_create(text->base, clone_out, error);
  if (status || text->used == 0) return status;
  ufo_text *clone = *clone_out;
  clone->bytes = malloc(text->used);
  if (!clone->bytes) {
    ufo_text_free(clone);
    *clone_out = NULL;
    return ufo_fail(error, UFO_FULL, "out of memory");
  }
  memcpy(clone->bytes, text->bytes, text->used);
  clone->used = clone->capacity = text->used;
  return UFO_OK;
}

const char *ufo_text_bytes(const ufo_text *text, uint64_t *bytes_out) {
  *bytes_out = text->used;
  return text->bytes;
}

uint64_t ufo_text_end(const ufo_text *text) { return text->base + text->used; }

void ufo_text_drop(ufo_text *text, uint64_t count) {
  text->base += count;
  text->used -= count;
  memmove(text->bytes, text->bytes + count, text->used);
}

/* ---- what is remembered ------------------------------------------------------------------------------------------ */

/* The slot of the string, or the free one where it belongs. */
static uint32_t find(const ufo_text *text, const generation *table, uint64_t hash, const ufo_string *string) {
  uint32_t at = (uint32_t)hash % SLOTS, tag = (uint32_t)(hash >> 32);
  for (; table->words[at]; at = (at + 1) % SLOTS) {
    ufo_word word;
    if (table->tags[at] != tag || !ufo_word_read(table->words[at], &word)) continue;
    if (word.encoding != (unsigned)string->encoding || word.length != string->length || word.offset < text->base)
      continue;
    if (memcmp(text->bytes + (word.offset - text->base), string->bytes, string->length) == 0) break;
  }
  return at;
}

static bool make_room(ufo_text *text) {
  if (text->young.words && text->young.count < YOUNG_MAX) return true;
  generation fresh = {.words = calloc(SLOTS, sizeof *fresh.words), .tags = calloc(SLOTS, sizeof *fresh.tags)};
  if (!fresh.words || !fresh.tags) {
    clear(&fresh);
    return false;
  }
  clear(&text->old);
  text->old = text->young;
  text->young = fresh;
  return true;
}

static void remember(ufo_text *text, uint64_t hash, const ufo_string *string, uint64_t word) {
  if (!make_room(text)) return; /* it will be added once more */
  uint32_t at = find(text, &text->young, hash, string);
  text->young.words[at] = word;
  text->young.tags[at] = (uint32_t)(hash >> 32);
  text->young.count++;
}

/* 0: it is not known. */
static uint64_t recall(ufo_text *text, uint64_t hash, const ufo_string *string) {
  uint64_t word = text->young.words ? text->young.words[find(text, &text->young, hash, string)] : 0;
  if (word || !text->old.words) return word;
  word = text->old.words[find(text, &text->old, hash, string)];
  if (word) remember(text, hash, string, word);
  return word;
}

/* ---- adding ------------------------------------------------------------------------------------------------------ */

static bool reserve(ufo_text *text, uint64_t more) {
  uint64_t needed = text->used + more;
  if (needed <= text->capacity) return true;
  uint64_t capacity = ufo_max(needed, ufo_max(4096, text->capacity + text->capacity / 2));
  char *bytes = realloc(text->bytes, capacity);
  if (!bytes) return false;
  text->bytes = bytes;
  text->capacity = capacity;
  return true;
}

static uint64_t inline_word(const ufo_string *string) {
  uint8_t bytes[8] = {(uint8_t)((unsigned)string->encoding << 4 | string->length)};
  memcpy(bytes + 1, string->bytes, string->length);
  return ufo_get_le64(bytes);
}

static ufo_status append(ufo_text *text, const ufo_string *string, uint64_t *word_out, ufo_error *error) {
  bool is_long = string->length >= UFO_WORD_LONG_MIN;
  uint64_t head = is_long ? UFO_LONG_HEAD_BYTES : 0, offset = text->base + text->used;
  if (offset + head + string->length > UFO_TEXT_BYTES_MAX)
    return ufo_fail(error, UFO_USAGE, "the text of the strings gets longer than 16 TiB");
  if (!reserve(text, head + string->length)) return ufo_fail(error, UFO_FULL, "out of memory for strings");
  if (is_long) ufo_put_le64((uint8_t *)text->bytes + text->used, string->length);
  memcpy(text->bytes + text->used + head, string->bytes, string->length);
  text->used += head + string->length;
  *word_out = ufo_word_in_text((unsigned)string->encoding, offset, string->length);
  return UFO_OK;
}

ufo_status ufo_text_add(ufo_text *text, const ufo_string *string, uint64_t *word_out, ufo_error *error) {
  int encoding = (int)string->encoding;
  *word_out = string->bytes ? UFO_WORD_EMPTY : UFO_WORD_NA;
  if (!string->bytes || string->length == 0) return UFO_OK;
  if (encoding < UFO_ENCODING_UTF8 || encoding > UFO_ENCODING_BYTES)
    return ufo_fail(error, UFO_USAGE, "there is no encoding %d", encoding);
  if (string->length >= UFO_STRING_BYTES_MAX)
    return ufo_fail(error, UFO_USAGE, "a string of %llu bytes is too long", (unsigned long long)string->length);
  if (string->length <= UFO_WORD_INLINE_MAX) {
    *word_out = inline_word(string);
    return UFO_OK;
  }
  if (string->length >= UFO_WORD_LONG_MIN) return append(text, string, word_out, error);
  uint64_t hash = ufo_hash(string->bytes, string->length);
  *word_out = recall(text, hash, string);
  if (*word_out) return UFO_OK;
  ufo_status status = append(text, string, word_out, error);
  if (!status) remember(text, hash, string, *word_out);
  return status;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static ufo_status fail_outside(uint64_t end, uint64_t bytes, ufo_error *error) {
  return ufo_fail(error, UFO_CORRUPT, "it ends at byte %llu of a text of %llu bytes", (unsigned long long)end,
                  (unsigned long long)bytes);
}

ufo_status ufo_text_decode(const uint64_t *word, const char *text, uint64_t bytes, const ufo_text *added,
                           ufo_string *string_out, ufo_error *error) {
  ufo_word is;
  if (!ufo_word_read(*word, &is))
    return ufo_fail(error, UFO_CORRUPT, "its word 0x%llx means nothing", (unsigned long long)*word);
  *string_out = (ufo_string){.length = is.length, .encoding = (ufo_encoding)is.encoding};
  if (is.is_na) return UFO_OK;
  if (is.is_inline) {
    string_out->bytes = (const char *)word + 1;
    return UFO_OK;
  }
  uint64_t all = added ? added->base + added->used : bytes;
  if (ufo_word_end(&is) > all) return fail_outside(ufo_word_end(&is), all, error);
  /* No string lies across the end of the text that was there. */
  bool is_added = added && is.offset >= added->base;
  uint64_t end = is_added ? all : bytes;
  const char *at = is_added ? added->bytes + (is.offset - added->base) : text + is.offset;
  if (ufo_word_end(&is) > end) return fail_outside(ufo_word_end(&is), end, error);
  if (is.is_long) {
    string_out->length = ufo_get_le64((const uint8_t *)at);
    at += UFO_LONG_HEAD_BYTES;
    if (string_out->length >= UFO_STRING_BYTES_MAX || string_out->length > end - ufo_word_end(&is))
      return fail_outside(ufo_word_end(&is) + ufo_min(string_out->length, UFO_TEXT_BYTES_MAX), end, error);
  }
  string_out->bytes = at ? at : ""; /* no bytes are no NA */
  return UFO_OK;
}
