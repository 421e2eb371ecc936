/* word.h - how a word says where a string is: FORMAT.md, section 7a.
 *
 *   bits 0..3    n: 1..7 bytes in the word itself; 8 in the text; 9 in the text behind its length
 *   bits 4..7    the encoding, 1..3
 *   bits 8..19   of n = 8: bytes of the string           bits 8..63 of n = 1..7: the string, then zeros
 *   bits 20..63  of n = 8 and 9: where in the text
 *
 * 0 is the empty string, 1 is NA. */
#ifndef UFO_STORE_WORD_H
#define UFO_STORE_WORD_H

#include <stdbool.h>
#include <stdint.h>
#include <ufostore/text.h>

enum { UFO_WORD_INLINE_MAX = 7, UFO_WORD_HEAP = 8, UFO_WORD_LONG = 9, UFO_WORD_LONG_MIN = 4096 };
enum { UFO_LONG_HEAD_BYTES = 8 }; /* the length before a long string */

/* What a word says. */
typedef struct ufo_word {
  bool is_na, is_inline, is_long;
  unsigned encoding;
  uint64_t offset, length; /* in the text; of a long string, of its length. Of an inline one: length only */
} ufo_word;

/* False: there is no such word. */
static inline bool ufo_word_read(uint64_t word, ufo_word *out) {
  unsigned kind = word & 15;
  *out = (ufo_word){.encoding = word >> 4 & 15, .is_inline = kind < UFO_WORD_HEAP, .length = kind};
  if (word <= UFO_WORD_NA) {
    *out = (ufo_word){.encoding = UFO_ENCODING_UTF8, .is_inline = true, .is_na = word == UFO_WORD_NA};
    return true;
  }
  if (out->encoding < UFO_ENCODING_UTF8 || out->encoding > UFO_ENCODING_BYTES || kind == 0 || kind > UFO_WORD_LONG)
    return false;
  if (out->is_inline) return kind == UFO_WORD_INLINE_MAX || word >> (8 + 8 * kind) == 0;
  out->is_long = kind == UFO_WORD_LONG;
  out->offset = word >> 20;
  out->length = out->is_long ? UFO_LONG_HEAD_BYTES : word >> 8 & 4095;
  return !out->is_long || (word >> 8 & 4095) == 0;
}

/* The first byte of the text behind all that the word names, 0 if none; of a long string, behind its length. */
static inline uint64_t ufo_word_end(const ufo_word *word) { return word->is_inline ? 0 : word->offset + word->length; }

static inline uint64_t ufo_word_in_text(unsigned encoding, uint64_t offset, uint64_t length) {
  bool is_long = length >= UFO_WORD_LONG_MIN;
  return offset << 20 | (is_long ? 0 : length << 8) | encoding << 4 |
         (unsigned)(is_long ? UFO_WORD_LONG : UFO_WORD_HEAP);
}

#endif
