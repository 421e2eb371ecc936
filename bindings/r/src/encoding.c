/* encoding.c - see encoding.h. */
#include "encoding.h"

#include <stdint.h>
#include <string.h>

/* ---- from the store to R ------------------------------------------------------------------------------------------
 */

/* How many of the first bytes, in steps of 8, are ASCII: nearly all of nearly all strings. */
static size_t ascii_prefix(const unsigned char *bytes, size_t length) {
  size_t at = 0;
  for (; length - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
    uint64_t eight;
    memcpy(&eight, bytes + at, sizeof eight);
    if (eight & UINT64_C(0x8080808080808080)) break;
  }
  return at;
}

/* Bytes of the character at `at`, which has `rest` bytes at most; 0 if it is none of UTF-8. */
static size_t character_bytes(const unsigned char *at, size_t rest) {
  unsigned char lead = at[0];
  if (lead < 0x80) return 1;
  size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || bytes > rest) return 0;
  for (size_t i = 1; i < bytes; i++)
    if ((at[i] & 0xC0) != 0x80) return 0;
  /* Longer than it needs to be, half of a pair of UTF-16, or beyond the last character. */
  if ((lead == 0xE0 && at[1] < 0xA0) || (lead == 0xED && at[1] > 0x9F)) return 0;
  if ((lead == 0xF0 && at[1] < 0x90) || (lead == 0xF4 && at[1] > 0x8F)) return 0;
  return bytes;
}

static int is_utf8(const char *string, size_t length) {
  const unsigned char *bytes = (const unsigned char *)string;
  for (size_t at = ascii_prefix(bytes, length), more; at < length; at += more) {
    more = character_bytes(bytes + at, length - at);
    if (more == 0) return 0;
  }
  return 1;
}

cetype_t ufor_encoding_mark(const ufo_string *string) {
  if (string->encoding == UFO_ENCODING_LATIN1) return CE_LATIN1;
  if (string->encoding == UFO_ENCODING_BYTES) return CE_BYTES;
  return is_utf8(string->bytes, (size_t)string->length) ? CE_UTF8 : CE_NATIVE;
}

/* ---- from R to the store ------------------------------------------------------------------------------------------
 */

/* As everywhere in R, what has no mark is in the session's encoding. */
static int session_is_utf8(void) {
  SEXP call = PROTECT(Rf_lang1(Rf_install("l10n_info")));
  SEXP info = PROTECT(Rf_eval(call, R_BaseEnv)), names = Rf_getAttrib(info, R_NamesSymbol);
  int answer = 0;
  for (R_xlen_t i = 0; i < XLENGTH(info); i++)
    if (strcmp(CHAR(STRING_ELT(names, i)), "UTF-8") == 0) answer = Rf_asLogical(VECTOR_ELT(info, i)) == TRUE;
  UNPROTECT(2);
  return answer;
}

static int is_ascii(const char *bytes, size_t length) {
  unsigned char all = 0;
  for (size_t i = 0; i < length; i++) all |= (unsigned char)bytes[i];
  return all < 128;
}

ufo_string ufor_encoding_string(SEXP string) {
  if (string == NA_STRING) return (ufo_string){.encoding = UFO_ENCODING_UTF8};
  const char *bytes = CHAR(string);
  ufo_string made = {.bytes = bytes, .length = (uint64_t)LENGTH(string), .encoding = UFO_ENCODING_UTF8};
  cetype_t encoding = Rf_getCharCE(string);
  if (encoding == CE_LATIN1) made.encoding = UFO_ENCODING_LATIN1;
  else if (encoding == CE_BYTES) made.encoding = UFO_ENCODING_BYTES;
  else if (encoding == CE_NATIVE && !is_ascii(bytes, made.length) && !session_is_utf8()) {
    /* What is no text in the session's encoding, as all of it in the "C" locale, R would replace by codes such as <e9>,
     * or by dots. It stays as it is, as in a session of UTF-8. */
    const char *text = Rf_translateCharUTF8(string);
    if (strcmp(text, Rf_reEnc(bytes, CE_NATIVE, CE_UTF8, 2)) != 0) return made;
    made.bytes = text;
    made.length = strlen(text);
  }
  return made;
}
