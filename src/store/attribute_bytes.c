/* Sets of attributes to and from bytes. The reader takes everything through a cursor that knows how much is left. */
#include "store/attribute_entry.h"
#include "store/attributes.h"
#include "util/bytes.h"
#include "util/checked.h"
#include "util/fail.h"
#include "util/utf8.h"

#include <inttypes.h>
#include <stdlib.h>

#define SET_HEAD_BYTES 4
#define ATTRIBUTE_HEAD_BYTES 18
#define LENGTH_NA UINT32_MAX

uint64_t ufo_attribute_text_bytes(const ufo_attribute_entry *entry) {
  if (!entry->count) return 0;
  uint32_t length;
  int na;
  uint64_t start = ufo_attribute_text_at(entry, entry->count - 1, &length, &na);
  return start + length;
}

uint64_t ufo_attribute_value_bytes(const ufo_attribute_entry *entry) {
  if (entry->type == UFO_ATTRIBUTE_STRING) return entry->count * sizeof(uint64_t) + ufo_attribute_text_bytes(entry);
  return entry->count * ufo_attribute_element_bytes(entry->type);
}

/* Length of the value as written; no overflow, as the value in memory is at least as long. */
static uint64_t written_bytes(const ufo_attribute_entry *entry) {
  if (entry->type == UFO_ATTRIBUTE_STRING) return entry->count * sizeof(uint32_t) + ufo_attribute_text_bytes(entry);
  return ufo_attribute_value_bytes(entry);
}

uint64_t ufo_attributes_encoded_bytes(const ufo_attributes *attributes) {
  uint64_t bytes = SET_HEAD_BYTES;
  for (uint32_t i = 0; attributes && i < attributes->count; i++)
    bytes += ATTRIBUTE_HEAD_BYTES + strlen(attributes->entries[i]->key) + written_bytes(attributes->entries[i]);
  return bytes;
}

static uint8_t *put_value(uint8_t *at, const ufo_attribute_entry *entry) {
  const uint8_t *value = entry->value;
  uint64_t text_bytes = 0;
  switch (entry->type) {
  case UFO_ATTRIBUTE_LOGICAL:
  case UFO_ATTRIBUTE_INTEGER:
    for (uint64_t i = 0; i < entry->count; i++, at += 4) ufo_put_le32(at, ((const uint32_t *)(const void *)value)[i]);
    break;
  case UFO_ATTRIBUTE_DOUBLE:
    for (uint64_t i = 0; i < entry->count; i++, at += 8) ufo_put_le64(at, ((const uint64_t *)(const void *)value)[i]);
    break;
  case UFO_ATTRIBUTE_STRING:
    for (uint64_t i = 0; i < entry->count; i++, at += 4) {
      uint32_t length;
      int na;
      ufo_attribute_text_at(entry, i, &length, &na);
      ufo_put_le32(at, na ? LENGTH_NA : length);
    }
    text_bytes = ufo_attribute_text_bytes(entry);
    memcpy(at, value + entry->count * sizeof(uint64_t), text_bytes);
    return at + text_bytes;
  default:
    memcpy(at, value, entry->count);
    return at + entry->count;
  }
  return at;
}

void ufo_attributes_encode(const ufo_attributes *attributes, uint8_t *target) {
  uint32_t count = (uint32_t)ufo_attributes_count(attributes);
  ufo_put_le32(target, count);
  target += SET_HEAD_BYTES;
  for (uint32_t i = 0; i < count; i++) {
    const ufo_attribute_entry *entry = attributes->entries[i];
    size_t key_bytes = strlen(entry->key);
    target[0] = (uint8_t)entry->type;
    target[1] = (uint8_t)key_bytes;
    ufo_put_le64(target + 2, entry->count);
    ufo_put_le64(target + 10, written_bytes(entry));
    memcpy(target + ATTRIBUTE_HEAD_BYTES, entry->key, key_bytes);
    target = put_value(target + ATTRIBUTE_HEAD_BYTES + key_bytes, entry);
  }
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

typedef struct cursor {
  const uint8_t *at;
  uint64_t left;
} cursor;

/* The next `bytes` bytes, or NULL if there are not so many. */
static const uint8_t *take(cursor *input, uint64_t bytes) {
  if (bytes > input->left) return NULL;
  const uint8_t *taken = input->at;
  input->at += bytes;
  input->left -= bytes;
  return taken;
}

static ufo_status damaged(uint32_t position, const char *cause, ufo_error *error) {
  return ufo_fail(error, UFO_CORRUPT, "attribute %" PRIu32 ": %s", position, cause);
}

/* Turns `count` lengths and the text after them into ends and text. The cursor holds the value and nothing else. */
static ufo_status read_strings(cursor value, uint32_t position, ufo_attribute_entry *entry, ufo_error *error) {
  const uint8_t *lengths = value.at;
  uint64_t lengths_bytes = entry->count * sizeof(uint32_t), end = 0;
  uint64_t *ends = (uint64_t *)(void *)entry->value;
  take(&value, lengths_bytes);
  for (uint64_t i = 0; i < entry->count; i++) {
    uint32_t length = ufo_get_le32(lengths + i * sizeof(uint32_t));
    int na = length == LENGTH_NA;
    if (!na && length > value.left - end) return damaged(position, "its strings are longer than its value", error);
    if (!na) end += length;
    ends[i] = end | (na ? UFO_STRING_NA : 0);
  }
  if (end != value.left) return damaged(position, "its value is longer than its strings", error);
  memcpy(entry->value + entry->count * sizeof(uint64_t), value.at, end);
  return UFO_OK;
}

static void read_numbers(const uint8_t *from, ufo_attribute_entry *entry) {
  if (ufo_attribute_element_bytes(entry->type) == 4) {
    for (uint64_t i = 0; i < entry->count; i++) ((uint32_t *)(void *)entry->value)[i] = ufo_get_le32(from + i * 4);
  } else if (ufo_attribute_element_bytes(entry->type) == 8) {
    for (uint64_t i = 0; i < entry->count; i++) ((uint64_t *)(void *)entry->value)[i] = ufo_get_le64(from + i * 8);
  } else {
    memcpy(entry->value, from, entry->count);
  }
}

static ufo_status read_attribute(cursor *input, uint32_t position, ufo_attributes *attributes, ufo_error *error) {
  const uint8_t *head = take(input, ATTRIBUTE_HEAD_BYTES);
  if (!head) return damaged(position, "it is cut short", error);
  ufo_attribute_type type = (ufo_attribute_type)head[0];
  uint64_t key_bytes = head[1], count = ufo_get_le64(head + 2), value_bytes = ufo_get_le64(head + 10);
  const uint8_t *key = take(input, key_bytes), *value = key ? take(input, value_bytes) : NULL;
  if (!value) return damaged(position, "it is cut short", error);
  if (key_bytes < 1 || !ufo_utf8_is_text((const char *)key, key_bytes))
    return damaged(position, "its key is not text", error);
  if (type < UFO_ATTRIBUTE_LOGICAL || type > UFO_ATTRIBUTE_FOREIGN)
    return ufo_fail(error, UFO_UNSUPPORTED, "attribute %" PRIu32 " has the unknown type %d", position, (int)type);

  int is_string = type == UFO_ATTRIBUTE_STRING;
  uint64_t least, memory_bytes = value_bytes;
  if (ufo_mul_overflows(count, is_string ? sizeof(uint32_t) : ufo_attribute_element_bytes(type), &least) ||
      (is_string ? least > value_bytes : least != value_bytes))
    return damaged(position, "its length is not that of its elements", error);
  /* In memory a string takes 4 bytes more than written; count <= value_bytes / 4, so this does not overflow. */
  if (is_string) memory_bytes = value_bytes + count * (sizeof(uint64_t) - sizeof(uint32_t));

  ufo_attribute_entry *entry;
  ufo_status status =
      ufo_attribute_entry_create((const char *)key, key_bytes, type, count, memory_bytes, &entry, error);
  if (status) return status;
  ufo_attribute earlier;
  if (ufo_attributes_find(attributes, entry->key, &earlier))
    status = damaged(position, "its key is that of an earlier one", error);
  else if (is_string) status = read_strings((cursor){value, value_bytes}, position, entry, error);
  else read_numbers(value, entry);
  if (!status) status = ufo_attributes_adopt(attributes, entry, error);
  if (status) free(entry);
  return status;
}

ufo_status ufo_attributes_decode(const uint8_t *bytes, uint64_t length, ufo_attributes **attributes_out,
                                 ufo_error *error) {
  ufo_attributes *attributes;
  *attributes_out = NULL;
  ufo_status status = ufo_attributes_create(&attributes, error);
  if (status) return status;
  cursor input = {bytes, length};
  const uint8_t *head = take(&input, SET_HEAD_BYTES);
  uint32_t count = head ? ufo_get_le32(head) : 0;
  if (length > 0 && !head) status = ufo_fail(error, UFO_CORRUPT, "the attributes are cut short");
  if (count > UFO_ATTRIBUTE_COUNT_MAX)
    status = ufo_fail(error, UFO_CORRUPT, "%" PRIu32 " attributes are more than the limit of %d", count,
                      UFO_ATTRIBUTE_COUNT_MAX);
  for (uint32_t i = 0; i < count && !status; i++) status = read_attribute(&input, i, attributes, error);
  if (!status && input.left)
    status = ufo_fail(error, UFO_CORRUPT, "%" PRIu64 " bytes are left after the attributes", input.left);
  if (status) ufo_attributes_free(attributes);
  else *attributes_out = attributes;
  return status;
}

ufo_status ufo_attributes_copy(const ufo_attributes *attributes, ufo_attributes **copy_out, ufo_error *error) {
  ufo_attributes *copy;
  *copy_out = NULL;
  ufo_status status = ufo_attributes_create(&copy, error);
  for (uint32_t i = 0; !status && attributes && i < attributes->count; i++) {
    const ufo_attribute_entry *from = attributes->entries[i];
    uint64_t bytes = ufo_attribute_value_bytes(from);
    ufo_attribute_entry *entry;
    status = ufo_attribute_entry_create(from->key, strlen(from->key), from->type, from->count, bytes, &entry, error);
    if (status) break;
    memcpy(entry->value, from->value, bytes);
    status = ufo_attributes_adopt(copy, entry, error);
    if (status) free(entry);
  }
  if (status) ufo_attributes_free(copy);
  else *copy_out = copy;
  return status;
}
