/* verify_text.c - do the words of strings lead into their text?
 *
 * Words are checked as their chunks are decoded, against the length that the text had when the chunk was written: later
 * versions of it only add to it as long as the chunk is in force, or are written with words of their own. Versions of
 * the object may be gone while somebody still reads its words. */
#include <string.h>

#include "store/catalogue.h"
#include "store/map.h"
#include "store/verify.h"
#include "store/word.h"
#include "util/bytes.h"
#include "util/fail.h"

/* The version of the words from which on the chunk of `version` is not in force any more. */
static uint64_t end_of(ufo_verifier *v, uint64_t words, uint64_t chunk, uint64_t version) {
  uint64_t end = UFO_VERSION_LIMIT, found;
  ufo_entry entry;
  while (ufo_verify_good(v, ufo_map_find(v->txn, words, chunk, end - 1, &entry, &found, NULL)) && found > version)
    end = found;
  return end;
}

/* The length of the text in the oldest version of the object that has words of `version` or later, but before `end`;
 * UINT64_MAX: that is not known, or reported elsewhere. */
static uint64_t text_bytes(ufo_verifier *v, uint64_t object, uint64_t version, uint64_t end) {
  uint64_t at = UFO_VERSION_LIMIT - 1, bytes = UINT64_MAX, found, exact;
  ufo_entry words, text;
  ufo_record record;
  while (at > 0 && ufo_verify_good(v, ufo_map_find(v->txn, object, UFO_TEXT_WORDS, at, &words, &found, NULL)) &&
         words.is_child && words.child_version >= version) {
    /* The newest of the versions that have these words, and those before it as far as they do, have the same text or a
     * shorter one. */
    if (words.child_version < end &&
        ufo_verify_good(v, ufo_map_find(v->txn, object, UFO_TEXT_BYTES, found, &text, NULL, NULL)) && text.is_child &&
        ufo_verify_find_object(v, text.child_id, text.child_version, &exact, &record) && exact == text.child_version &&
        record.type == UFO_RAW)
      bytes = record.length;
    at = found - 1;
  }
  return bytes;
}

void ufo_verify_words(ufo_verifier *v, uint64_t id, uint64_t version, uint64_t chunk, uint64_t raw_bytes) {
  const ufo_verify_place *at = ufo_u64map_get(&v->places, id);
  ufo_record parent;
  if (!at || !at->parent || at->index != UFO_TEXT_WORDS || ufo_u64map_get(&v->dropped, at->parent) ||
      !ufo_verify_find_object(v, at->parent, UFO_VERSION_LIMIT - 1, NULL, &parent) || parent.type != UFO_CHARACTER)
    return;
  uint64_t least = 0, bad = 0;
  for (uint64_t i = 0; i + sizeof(uint64_t) <= raw_bytes; i += sizeof(uint64_t)) {
    ufo_word word;
    if (!ufo_word_read(ufo_get_le64(v->raw + i), &word)) bad++;
    else if (ufo_word_end(&word) > least) least = ufo_word_end(&word);
  }
  ufo_error cause;
  uint64_t bytes = least ? text_bytes(v, at->parent, version, end_of(v, id, chunk, version)) : UINT64_MAX;
  if (bad) ufo_fail(&cause, UFO_CORRUPT, "%llu of its words mean nothing", (unsigned long long)bad);
  else if (least > bytes)
    ufo_fail(&cause, UFO_CORRUPT, "its words lead to byte %llu of a text of %llu bytes", (unsigned long long)least,
             (unsigned long long)bytes);
  else return;
  ufo_verify_damage_entry(v, id, version, chunk, cause.message);
}
