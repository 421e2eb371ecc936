/* attribute_entry.h - one attribute in memory: a single block that holds key and value. */
#ifndef UFO_STORE_ATTRIBUTE_ENTRY_H
#define UFO_STORE_ATTRIBUTE_ENTRY_H

#include <ufostore/attributes.h>

typedef struct ufo_attribute_entry {
  uint64_t count;
  ufo_attribute_type type;
  char key[UFO_ATTRIBUTE_KEY_MAX + 1]; /* ends in NUL */
  /* The elements. For strings: count x uint64_t, for each string the end of its bytes, with the top bit set for NA;
   * then the bytes of all strings. */
  _Alignas(16) uint8_t value[];
} ufo_attribute_entry;

#define UFO_STRING_NA (UINT64_C(1) << 63)

struct ufo_attributes {
  ufo_attribute_entry **entries;
  uint32_t count, room;
};

/* Bytes of an element; 0 for strings and for unknown types. */
uint32_t ufo_attribute_element_bytes(ufo_attribute_type type);

/* A block for a value of value_bytes bytes, which the caller fills. UFO_USAGE: the key's length or bytes; UFO_FULL. */
ufo_status ufo_attribute_entry_create(const char *key, size_t key_bytes, ufo_attribute_type type, uint64_t count,
                                      uint64_t value_bytes, ufo_attribute_entry **entry_out, ufo_error *error);

/* Puts the entry in the place of the one with its key, or at the end. The entry becomes the set's; after an error
 * (UFO_FULL: memory, or too many attributes) it is still the caller's. */
ufo_status ufo_attributes_adopt(ufo_attributes *attributes, ufo_attribute_entry *entry, ufo_error *error);

/* Bytes of the value in memory; the bytes of the text of a string entry. */
uint64_t ufo_attribute_value_bytes(const ufo_attribute_entry *entry);
uint64_t ufo_attribute_text_bytes(const ufo_attribute_entry *entry);

/* Where the bytes of string `index` < count begin in the text and how many they are; *na_out tells if it is NA. */
uint64_t ufo_attribute_text_at(const ufo_attribute_entry *entry, uint64_t index, uint32_t *length_out, int *na_out);

#endif
