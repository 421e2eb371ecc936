/* A set is an array of pointers to entries (attribute_entry.h). What callers see of one (ufo_attribute) carries the
 * pointer to its key; as that is at a fixed place in the entry, ufo_attributes_string finds the strings from it. */
#include "store/attributes.h"

#include "store/attribute_entry.h"
#include "util/checked.h"
#include "util/fail.h"
#include "util/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

ufo_status ufo_attributes_create(ufo_attributes **attributes_out, ufo_error *error) {
  *attributes_out = calloc(1, sizeof **attributes_out);
  return *attributes_out ? UFO_OK : ufo_fail(error, UFO_FULL, "no memory for attributes");
}

void ufo_attributes_free(ufo_attributes *attributes) {
  if (!attributes) return;
  for (uint32_t i = 0; i < attributes->count; i++) free(attributes->entries[i]);
  free(attributes->entries);
  free(attributes);
}

uint32_t ufo_attribute_element_bytes(ufo_attribute_type type) {
  switch (type) {
  case UFO_ATTRIBUTE_LOGICAL:
  case UFO_ATTRIBUTE_INTEGER:
    return 4;
  case UFO_ATTRIBUTE_DOUBLE:
    return 8;
  case UFO_ATTRIBUTE_RAW:
  case UFO_ATTRIBUTE_FOREIGN:
    return 1;
  default:
    return 0;
  }
}

ufo_status ufo_attribute_entry_create(const char *key, size_t key_bytes, ufo_attribute_type type, uint64_t count,
                                      uint64_t value_bytes, ufo_attribute_entry **entry_out, ufo_error *error) {
  *entry_out = NULL;
  if (key_bytes < 1 || key_bytes > UFO_ATTRIBUTE_KEY_MAX)
    return ufo_fail(error, UFO_USAGE, "the key of an attribute has 1 to %d bytes, not %zu", UFO_ATTRIBUTE_KEY_MAX,
                    key_bytes);
  if (!ufo_utf8_is_text(key, key_bytes)) return ufo_fail(error, UFO_USAGE, "the key of an attribute is not UTF-8");
  uint64_t bytes;
  ufo_attribute_entry *entry = NULL;
  if (!ufo_add_overflows(sizeof *entry, value_bytes, &bytes) && bytes <= PTRDIFF_MAX) entry = malloc(bytes);
  if (!entry)
    return ufo_fail(error, UFO_FULL, "no memory for %" PRIu64 " bytes of attribute \"%.*s\"", value_bytes,
                    (int)key_bytes, key);
  entry->type = type;
  entry->count = count;
  memcpy(entry->key, key, key_bytes);
  entry->key[key_bytes] = '\0';
  *entry_out = entry;
  return UFO_OK;
}

static int64_t index_of(const ufo_attributes *attributes, const char *key) {
  for (uint32_t i = 0; i < attributes->count; i++)
    if (strcmp(attributes->entries[i]->key, key) == 0) return i;
  return -1;
}

ufo_status ufo_attributes_adopt(ufo_attributes *attributes, ufo_attribute_entry *entry, ufo_error *error) {
  int64_t index = index_of(attributes, entry->key);
  if (index >= 0) {
    free(attributes->entries[index]);
    attributes->entries[index] = entry;
    return UFO_OK;
  }
  if (attributes->count == UFO_ATTRIBUTE_COUNT_MAX)
    return ufo_fail(error, UFO_FULL, "attribute \"%s\" would be one more than the limit of %d", entry->key,
                    UFO_ATTRIBUTE_COUNT_MAX);
  if (attributes->count == attributes->room) {
    uint32_t room = attributes->room ? attributes->room * 2 : 8;
    ufo_attribute_entry **wider = realloc(attributes->entries, room * sizeof *wider);
    if (!wider) return ufo_fail(error, UFO_FULL, "no memory for attribute \"%s\"", entry->key);
    attributes->entries = wider;
    attributes->room = room;
  }
  attributes->entries[attributes->count++] = entry;
  return UFO_OK;
}

static ufo_status adopt_or_free(ufo_attributes *attributes, ufo_attribute_entry *entry, ufo_error *error) {
  ufo_status status = ufo_attributes_adopt(attributes, entry, error);
  if (status) free(entry);
  return status;
}

ufo_status ufo_attributes_set(ufo_attributes *attributes, const char *key, ufo_attribute_type type, const void *data,
                              uint64_t count, ufo_error *error) {
  if (!attributes || !key || (!data && count)) return ufo_fail(error, UFO_USAGE, "an attribute without key or value");
  uint64_t element_bytes = ufo_attribute_element_bytes(type), bytes;
  if (!element_bytes)
    return ufo_fail(error, UFO_USAGE, "attribute \"%.255s\" cannot be set as type %d", key, (int)type);
  if (ufo_mul_overflows(count, element_bytes, &bytes))
    return ufo_fail(error, UFO_FULL, "attribute \"%.255s\" of %" PRIu64 " elements is too long", key, count);
  ufo_attribute_entry *entry;
  ufo_status status =
      ufo_attribute_entry_create(key, strnlen(key, UFO_ATTRIBUTE_KEY_MAX + 1), type, count, bytes, &entry, error);
  if (status) return status;
  if (data) memcpy(entry->value, data, bytes);
  return adopt_or_free(attributes, entry, error);
}

/* Length of strings[i]; NA has none. */
static uint64_t length_of(const char *const *strings, const uint32_t *lengths, uint64_t i) {
  if (!strings[i]) return 0;
  return lengths ? lengths[i] : strlen(strings[i]);
}

ufo_status ufo_attributes_set_strings(ufo_attributes *attributes, const char *key, const char *const *strings,
                                      const uint32_t *lengths, uint64_t count, ufo_error *error) {
  if (!attributes || !key || (!strings && count))
    return ufo_fail(error, UFO_USAGE, "an attribute without key or value");
  uint64_t ends_bytes, bytes;
  int overflow = ufo_mul_overflows(count, sizeof(uint64_t), &ends_bytes);
  bytes = ends_bytes;
  for (uint64_t i = 0; i < count && !overflow; i++) {
    uint64_t length = length_of(strings, lengths, i);
    if (length >= UINT32_MAX)
      return ufo_fail(error, UFO_USAGE, "string %" PRIu64 " of attribute \"%.255s\" is too long", i, key);
    overflow = ufo_add_overflows(bytes, length, &bytes);
  }
  if (overflow) return ufo_fail(error, UFO_FULL, "attribute \"%.255s\" is too long", key);
  ufo_attribute_entry *entry;
  ufo_status status = ufo_attribute_entry_create(key, strnlen(key, UFO_ATTRIBUTE_KEY_MAX + 1), UFO_ATTRIBUTE_STRING,
                                                 count, bytes, &entry, error);
  if (status) return status;
  uint64_t *ends = (uint64_t *)(void *)entry->value, end = 0;
  for (uint64_t i = 0; i < count; i++) {
    uint64_t length = length_of(strings, lengths, i);
    if (length) memcpy(entry->value + ends_bytes + end, strings[i], length);
    end += length;
    ends[i] = end | (strings[i] ? 0 : UFO_STRING_NA);
  }
  return adopt_or_free(attributes, entry, error);
}

ufo_status ufo_attributes_remove(ufo_attributes *attributes, const char *key, ufo_error *error) {
  int64_t index = index_of(attributes, key);
  if (index < 0) return ufo_fail(error, UFO_MISSING, "there is no attribute \"%.255s\"", key);
  free(attributes->entries[index]);
  attributes->count--;
  memmove(attributes->entries + index, attributes->entries + index + 1,
          (attributes->count - (uint32_t)index) * sizeof *attributes->entries);
  return UFO_OK;
}

uint64_t ufo_attributes_count(const ufo_attributes *attributes) { return attributes ? attributes->count : 0; }

int ufo_attributes_at(const ufo_attributes *attributes, uint64_t index, ufo_attribute *out) {
  if (index >= ufo_attributes_count(attributes)) return 0;
  const ufo_attribute_entry *entry = attributes->entries[index];
  *out = (ufo_attribute){.key = entry->key,
                         .type = entry->type,
                         .count = entry->count,
                         .data = entry->type == UFO_ATTRIBUTE_STRING ? NULL : entry->value};
  return 1;
}

int ufo_attributes_find(const ufo_attributes *attributes, const char *key, ufo_attribute *out) {
  int64_t index = attributes ? index_of(attributes, key) : -1;
  return index >= 0 && ufo_attributes_at(attributes, (uint64_t)index, out);
}

uint64_t ufo_attribute_text_at(const ufo_attribute_entry *entry, uint64_t index, uint32_t *length_out, int *na_out) {
  const uint64_t *ends = (const uint64_t *)(const void *)entry->value;
  uint64_t start = index ? ends[index - 1] & ~UFO_STRING_NA : 0;
  *length_out = (uint32_t)((ends[index] & ~UFO_STRING_NA) - start);
  *na_out = (ends[index] & UFO_STRING_NA) != 0;
  return start;
}

const char *ufo_attributes_string(const ufo_attribute *attribute, uint64_t index, uint32_t *length_out) {
  *length_out = 0;
  if (attribute->type != UFO_ATTRIBUTE_STRING || index >= attribute->count) return NULL;
  const ufo_attribute_entry *entry =
      (const ufo_attribute_entry *)(const void *)(attribute->key - offsetof(ufo_attribute_entry, key));
  int na;
  uint64_t start = ufo_attribute_text_at(entry, index, length_out, &na);
  return na ? NULL : (const char *)entry->value + entry->count * sizeof(uint64_t) + start;
}
