/* digest.h - an object in one line, so that two readers of the same store can be compared:
 *
 *   NAME <tab> VERSION <tab> TYPE <tab> LENGTH <tab> SHA-256 of the body <tab> SHA-256 of the attributes
 *
 * Control bytes and backslashes of names are written \xNN. Records are record(BYTES). The body of a list, and of
 * strings, is
 * "-"; its children (of strings: words and text) follow it as NAME[[1]] and so on. Attributes are hashed as section 6
 * of store-format/FORMAT.md lays them out; none are "-". `reader.py --digest` writes the same. */
#ifndef UFO_TEST_DIGEST_H
#define UFO_TEST_DIGEST_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <ufostore/ufostore.h>

#include "sha256.h"

static inline void digest_number(sha256 *hash, uint64_t value, int bytes) {
  uint8_t little[8];
  for (int i = 0; i < 8; i++) little[i] = (uint8_t)(value >> (8 * i));
  sha256_add(hash, little, (size_t)bytes);
}

static inline void digest_attribute(sha256 *hash, const ufo_attribute *one) {
  static const uint8_t sizes[] = {0, 4, 4, 8, 1, 0, 1};
  int strings = one->type == UFO_ATTRIBUTE_STRING;
  uint64_t bytes = one->count * (strings ? 4 : sizes[one->type]);
  uint32_t length = 0;
  for (uint64_t i = 0; strings && i < one->count; i++)
    if (ufo_attributes_string(one, i, &length)) bytes += length;
  digest_number(hash, one->type, 1);
  digest_number(hash, strlen(one->key), 1);
  digest_number(hash, one->count, 8);
  digest_number(hash, bytes, 8);
  sha256_add(hash, one->key, strlen(one->key));
  if (!strings) sha256_add(hash, one->data, bytes);
  for (uint64_t i = 0; strings && i < one->count; i++)
    digest_number(hash, ufo_attributes_string(one, i, &length) ? length : 0xFFFFFFFF, 4);
  for (uint64_t i = 0; strings && i < one->count; i++) {
    const char *text = ufo_attributes_string(one, i, &length);
    if (text) sha256_add(hash, text, length);
  }
}

static inline void digest_attributes(const ufo_attributes *set, char text[65]) {
  uint64_t count = set ? ufo_attributes_count(set) : 0;
  sha256 hash;
  sha256_begin(&hash);
  digest_number(&hash, count, 4);
  for (uint64_t i = 0; i < count; i++) {
    ufo_attribute one;
    if (ufo_attributes_at(set, i, &one)) digest_attribute(&hash, &one);
  }
  sha256_end(&hash, text);
  if (count == 0) memcpy(text, "-", 2);
}

/* `body` is the hash of the body, or "-". */
static inline void digest_line(FILE *out, const char *name, uint64_t version, ufo_type type, uint32_t element_bytes,
                               uint64_t length, const char *body, const ufo_attributes *attributes) {
  char hash[65];
  for (const char *c = name; *c; c++)
    if ((unsigned char)*c < 32 || *c == 127 || *c == '\\') fprintf(out, "\\x%02x", (unsigned char)*c);
    else fputc(*c, out);
  fprintf(out, "\t%" PRIu64 "\t%s", version, ufo_type_name(type));
  if (type == UFO_RECORD) fprintf(out, "(%" PRIu32 ")", element_bytes);
  digest_attributes(attributes, hash);
  fprintf(out, "\t%" PRIu64 "\t%s\t%s\n", length, body, hash);
}

#endif
