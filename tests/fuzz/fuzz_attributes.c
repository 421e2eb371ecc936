/* Sets of attributes: any bytes are read or refused; what is read can be walked, copied, and written as the same bytes.
 *
 * Input: the bytes of a set, at the end of a page. */
#include "fuzz.h"

#include "store/attributes.h"

static guarded room;

/* Every byte that the set says it has is there to be read. */
static uint64_t walk(const ufo_attributes *attributes) {
  uint64_t sum = 0;
  ufo_attribute one, found;
  for (uint64_t i = 0; i < ufo_attributes_count(attributes); i++) {
    PROMISE(ufo_attributes_at(attributes, i, &one));
    PROMISE(strlen(one.key) >= 1 && strlen(one.key) <= UFO_ATTRIBUTE_KEY_MAX);
    PROMISE(ufo_attributes_find(attributes, one.key, &found) && found.data == one.data && found.count == one.count);
    if (one.type == UFO_ATTRIBUTE_STRING) {
      for (uint64_t s = 0; s < one.count; s++) {
        uint32_t length = 0;
        const char *text = ufo_attributes_string(&one, s, &length);
        for (uint32_t k = 0; text && k < length; k++) sum += (uint8_t)text[k];
      }
      uint32_t length;
      PROMISE(!ufo_attributes_string(&one, one.count, &length));
    } else {
      static const unsigned widths[] = {0, 4, 4, 8, 1, 0, 1};
      for (uint64_t k = 0; k < one.count * widths[one.type]; k++) sum += ((const uint8_t *)one.data)[k];
    }
  }
  PROMISE(!ufo_attributes_at(attributes, ufo_attributes_count(attributes), &one));
  return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > GUARDED_MAX) return 0;
  ufo_error error = {0};
  ufo_attributes *attributes, *copy;
  ufo_status status = ufo_attributes_decode(guarded_copy(&room, data, size), size, &attributes, &error);
  PROMISE(status == UFO_OK || (!attributes && error.code == status && error.message[0]));
  if (status) return 0;
  uint64_t sum = walk(attributes), bytes = ufo_attributes_encoded_bytes(attributes);
  if (size) { /* equal sets give equal bytes: what was read is the only way to write it */
    PROMISE(bytes == size);
    uint8_t *written = guarded_room(&room, bytes);
    memset(written, 0, bytes);
    ufo_attributes_encode(attributes, written);
    PROMISE(!memcmp(written, data, size));
  }
  PROMISE(ufo_attributes_copy(attributes, &copy, &error) == UFO_OK);
  PROMISE(walk(copy) == sum && ufo_attributes_encoded_bytes(copy) == bytes);
  ufo_attribute first;
  if (ufo_attributes_at(copy, 0, &first)) {
    char key[UFO_ATTRIBUTE_KEY_MAX + 1];
    strcpy(key, first.key);
    PROMISE(ufo_attributes_remove(copy, key, &error) == UFO_OK && !ufo_attributes_find(copy, key, &first));
    PROMISE(ufo_attributes_count(copy) + 1 == ufo_attributes_count(attributes));
  }
  ufo_attributes_free(copy);
  ufo_attributes_free(attributes);
  return 0;
}
