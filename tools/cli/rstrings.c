/* rstrings.c - see rstrings.h: a decoder for exactly one kind of value, the character vector, and for
 * R's wrapper around one (what sort() returns, for example). It never holds more than a block and the longest string.
 *
 * Every length in the stream is checked against what is left of the object before it is believed. */
#include "rstrings.h"
#include "cli.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* SEXP types and other first bytes of an item, from R's Rinternals.h and serialize.c. */
enum { SYMSXP = 1, LISTSXP = 2, CHARSXP = 9, INTSXP = 13, STRSXP = 16, ALTREP_ITEM = 238, NIL_ITEM = 254 };
enum { HAS_ATTRIBUTES = 0x200, LATIN1 = 4, UTF8 = 8, ASCII = 64 };

struct rstrings {
  const elements *source;
  uint64_t bytes, at; /* of the object; position of the next byte to be decoded */
  uint64_t length, given;
  uint64_t block_at; /* where the block lies in the object */
  size_t block_bytes, block_capacity;
  char *text; /* a string that crosses blocks, or was converted */
  size_t text_capacity;
  bool native_latin1;
  unsigned char block[];
};

static ufo_status damaged(const rstrings *s, ufo_error *error) {
  return set_error(error, UFO_CORRUPT, "%s: object '%s': the serialized value is malformed at byte %llu",
                   ufo_store_path(s->source->store), s->source->address, (unsigned long long)s->at);
}

/* Copies the next `count` bytes; NULL passes over them without reading. */
static ufo_status take(rstrings *s, void *out, uint64_t count, ufo_error *error) {
  unsigned char *target = out;
  if (count > s->bytes - s->at) return damaged(s, error);
  if (!out) return s->at += count, UFO_OK;
  while (count) {
    if (s->at < s->block_at || s->at >= s->block_at + s->block_bytes) {
      uint64_t want = s->bytes - s->at < s->block_capacity ? s->bytes - s->at : s->block_capacity;
      s->block_bytes = 0;
      ufo_status status = elements_read(s->source, s->at, want, s->block, error);
      if (status) return status;
      s->block_at = s->at;
      s->block_bytes = (size_t)want;
    }
    size_t offset = (size_t)(s->at - s->block_at), piece = s->block_bytes - offset;
    if (piece > count) piece = (size_t)count;
    memcpy(target, s->block + offset, piece);
    target += piece;
    s->at += piece;
    count -= piece;
  }
  return UFO_OK;
}

static ufo_status take_int(rstrings *s, uint32_t *value_out, ufo_error *error) {
  unsigned char bytes[4];
  *value_out = 0;
  ufo_status status = take(s, bytes, 4, error);
  if (!status)
    *value_out = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | (uint32_t)bytes[3];
  return status;
}

static ufo_status make_room(rstrings *s, size_t bytes, ufo_error *error) {
  if (bytes <= s->text_capacity) return UFO_OK;
  size_t capacity = bytes + bytes / 2 + 64;
  char *grown = realloc(s->text, capacity);
  if (!grown) return set_errno(error, "cannot read object '%s'", s->source->address);
  s->text = grown;
  s->text_capacity = capacity;
  return UFO_OK;
}

static const char *type_name(uint32_t type) {
  switch (type) {
  case NIL_ITEM:
  case 0:
    return "NULL";
  case SYMSXP:
    return "symbol";
  case LISTSXP:
    return "pairlist";
  case 3:
    return "function";
  case 5:
    return "promise";
  case 4:
  case 242:
  case 253:
  case 241:
  case 247:
    return "environment";
  case 6:
    return "language";
  case 7:
  case 8:
    return "builtin function";
  case 10:
    return "logical";
  case INTSXP:
    return "integer";
  case 14:
    return "double";
  case 15:
    return "complex";
  case 19:
    return "list";
  case 20:
    return "expression";
  case 21:
    return "bytecode";
  case 22:
    return "external pointer";
  case 23:
    return "weak reference";
  case 24:
    return "raw";
  case 25:
    return "S4";
  case ALTREP_ITEM:
    return "compact vector (ALTREP)";
  default:
    return "unknown";
  }
}

static ufo_status other_type(const rstrings *s, uint32_t type, ufo_error *error) {
  return set_error(error, UFO_UNSUPPORTED,
                   "%s: object '%s' is an R object of type %s, which only R can show; in R: ufo_get(store, \"%s\")",
                   ufo_store_path(s->source->store), s->source->address, type_name(type), s->source->address);
}

/* An ALTREP item begins with a pairlist (class, package, type). Passes over it if the class is R's wrapper of strings,
 * whose state is a pairlist that begins with the vector itself. */
static ufo_status open_wrapper(rstrings *s, ufo_error *error) {
  static const char class[] = "wrap_string", package[] = "base";
  uint32_t flags, bytes;
  char word[16];
  const char *const words[] = {class, package};
  ufo_status status;
  for (unsigned i = 0; i < 2; i++) {
    uint32_t symbol, text;
    if ((status = take_int(s, &flags, error)) || (status = take_int(s, &symbol, error)) ||
        (status = take_int(s, &text, error)) || (status = take_int(s, &bytes, error)))
      return status;
    if ((flags & 0xFF) != LISTSXP || (symbol & 0xFF) != SYMSXP || (text & 0xFF) != CHARSXP)
      return other_type(s, ALTREP_ITEM, error);
    if (bytes != strlen(words[i])) return other_type(s, ALTREP_ITEM, error);
    if ((status = take(s, word, bytes, error))) return status;
    if (memcmp(word, words[i], bytes) != 0) return other_type(s, ALTREP_ITEM, error);
  }
  /* The type (a pairlist cell that holds one integer), the end of the pairlist, and the state's first cell. */
  static const uint32_t expected[] = {LISTSXP, INTSXP, 1, STRSXP, NIL_ITEM, LISTSXP};
  for (unsigned i = 0; i < sizeof expected / sizeof *expected; i++) {
    if ((status = take_int(s, &flags, error))) return status;
    if ((flags & 0xFF) != expected[i]) return other_type(s, ALTREP_ITEM, error);
  }
  return UFO_OK;
}

static ufo_status read_head(rstrings *s, ufo_error *error) {
  char magic[2], encoding[64];
  uint32_t version, writer, reader, bytes, flags, length;
  ufo_status status = take(s, magic, 2, error);
  if (status) return status;
  if (memcmp(magic, "X\n", 2) != 0)
    return set_error(error, UFO_UNSUPPORTED,
                     "%s: object '%s' is an R object in another serialization than XDR, which only R can show",
                     ufo_store_path(s->source->store), s->source->address);
  if ((status = take_int(s, &version, error)) || (status = take_int(s, &writer, error)) ||
      (status = take_int(s, &reader, error)))
    return status;
  if (version != 2 && version != 3) return damaged(s, error);
  if (version == 3) {
    if ((status = take_int(s, &bytes, error))) return status;
    if (bytes >= sizeof encoding) return damaged(s, error);
    if ((status = take(s, encoding, bytes, error))) return status;
    encoding[bytes] = 0;
    s->native_latin1 = strcmp(encoding, "ISO-8859-1") == 0 || strcmp(encoding, "latin1") == 0;
  }
  if ((status = take_int(s, &flags, error))) return status;
  if ((flags & 0xFF) == ALTREP_ITEM && (status = open_wrapper(s, error))) return status;
  if ((flags & 0xFF) == ALTREP_ITEM && (status = take_int(s, &flags, error))) return status;
  if ((flags & 0xFF) != STRSXP) return other_type(s, flags & 0xFF, error);
  if ((status = take_int(s, &length, error))) return status;
  s->length = length;
  if (length == UINT32_MAX) {
    uint32_t high, low;
    if ((status = take_int(s, &high, error)) || (status = take_int(s, &low, error))) return status;
    s->length = (uint64_t)high << 32 | low;
  } else if (length > INT32_MAX) {
    return damaged(s, error);
  }
  if (s->length > (s->bytes - s->at) / 8) return damaged(s, error); /* a string takes 8 bytes at least */
  return UFO_OK;
}

ufo_status rstrings_open(const elements *source, uint64_t bytes, uint64_t block_bytes, rstrings **strings_out,
                         ufo_error *error) {
  *strings_out = NULL;
  size_t capacity = (size_t)(bytes < block_bytes ? bytes : block_bytes);
  rstrings *s = malloc(sizeof *s + capacity);
  if (!s) return set_errno(error, "cannot read object '%s'", source->address);
  *s = (rstrings){.source = source, .bytes = bytes, .block_capacity = capacity};
  ufo_status status = read_head(s, error);
  if (status) rstrings_close(s);
  else *strings_out = s;
  return status;
}

uint64_t rstrings_length(const rstrings *s) { return s->length; }

/* Latin-1 in place to UTF-8, from the end backwards: each byte from 0x80 becomes two. */
static ufo_status from_latin1(rstrings *s, size_t *bytes, ufo_error *error) {
  size_t high = 0;
  for (size_t i = 0; i < *bytes; i++) high += (unsigned char)s->text[i] >= 0x80;
  ufo_status status = make_room(s, *bytes + high, error);
  if (status) return status;
  for (size_t from = *bytes, to = *bytes + high; from--;) {
    unsigned char byte = (unsigned char)s->text[from];
    if (byte >= 0x80) s->text[--to] = (char)(0x80 | (byte & 0x3F));
    s->text[--to] = (char)(byte >= 0x80 ? 0xC0 | byte >> 6 : byte);
  }
  *bytes += high;
  return UFO_OK;
}

/* The head of a string: its flags and length; -1 for NA. */
static ufo_status take_head(rstrings *s, uint32_t *flags, int64_t *bytes, ufo_error *error) {
  uint32_t length;
  ufo_status status = take_int(s, flags, error);
  if (!status) status = take_int(s, &length, error);
  if (status) return status;
  if ((*flags & 0xFF) != CHARSXP || (length > INT32_MAX && length != UINT32_MAX)) return damaged(s, error);
  *bytes = length == UINT32_MAX ? -1 : (int64_t)length;
  if (*bytes > 0 && (uint64_t)*bytes > s->bytes - s->at) return damaged(s, error);
  return UFO_OK;
}

ufo_status rstrings_next(rstrings *s, const char **text_out, size_t *bytes_out, ufo_error *error) {
  uint32_t flags;
  int64_t bytes;
  *text_out = NULL;
  *bytes_out = 0;
  if (s->given == s->length) return UFO_END;
  ufo_status status = take_head(s, &flags, &bytes, error);
  if (status) return status;
  s->given++;
  if (bytes < 0) return UFO_OK;
  size_t length = (size_t)bytes;
  if ((status = make_room(s, length + 1, error)) || (status = take(s, s->text, length, error))) return status;
  uint32_t encoding = flags >> 12 & 0xFF;
  bool latin1 = encoding & LATIN1 || (!(encoding & (UTF8 | ASCII)) && s->native_latin1);
  if (latin1 && (status = from_latin1(s, &length, error))) return status;
  *text_out = s->text;
  *bytes_out = length;
  return UFO_OK;
}

ufo_status rstrings_skip(rstrings *s, uint64_t count, ufo_error *error) {
  for (; count && s->given < s->length; count--, s->given++) {
    uint32_t flags;
    int64_t bytes;
    ufo_status status = take_head(s, &flags, &bytes, error);
    if (!status && bytes > 0) status = take(s, NULL, (uint64_t)bytes, error);
    if (status) return status;
  }
  return UFO_OK;
}

void rstrings_close(rstrings *s) {
  if (!s) return;
  free(s->text);
  free(s);
}
