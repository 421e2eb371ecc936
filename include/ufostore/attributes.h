/* attributes.h - an ordered set of typed key/values that belongs to an object: names, dim, class, levels, units...
 *
 * Values are vectors and come back bit for bit. Keys are UTF-8, 1 to UFO_ATTRIBUTE_KEY_MAX bytes, unique in a set;
 * the order of insertion is kept. A set is a plain value in memory: one thread at a time. */
#ifndef UFOSTORE_ATTRIBUTES_H
#define UFOSTORE_ATTRIBUTES_H

#include <stddef.h>
#include <stdint.h>
#include <ufostore/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define UFO_ATTRIBUTE_KEY_MAX 255
#define UFO_ATTRIBUTE_COUNT_MAX 4096 /* attributes in a set; one more is UFO_FULL */

typedef enum ufo_attribute_type {
  UFO_ATTRIBUTE_LOGICAL = 1, /* int32: 0, 1, INT32_MIN for NA */
  UFO_ATTRIBUTE_INTEGER = 2, /* int32: INT32_MIN for NA */
  UFO_ATTRIBUTE_DOUBLE = 3,  /* IEEE 754 binary64 */
  UFO_ATTRIBUTE_RAW = 4,     /* bytes */
  UFO_ATTRIBUTE_STRING = 5,  /* UTF-8 strings, each of which may be NA */
  UFO_ATTRIBUTE_FOREIGN = 6, /* bytes in a host's own format (R serialization); other hosts keep them untouched */
} ufo_attribute_type;

typedef struct ufo_attributes ufo_attributes;

/* One attribute, as seen by ufo_attributes_at and _find. All pointers belong to the set and are valid until it is
 * changed or freed. For strings `data` is NULL: use ufo_attributes_string. */
typedef struct ufo_attribute {
  const char *key;
  ufo_attribute_type type;
  uint64_t count; /* elements; bytes for RAW and FOREIGN */
  const void *data;
} ufo_attribute;

UFO_API UFO_MUST_CHECK ufo_status ufo_attributes_create(ufo_attributes **attributes_out, ufo_error *error);
UFO_API void ufo_attributes_free(ufo_attributes *attributes);

/* Sets `key`, replacing its value in place if it is there. `data` is copied. Not for strings. */
UFO_API UFO_MUST_CHECK ufo_status ufo_attributes_set(ufo_attributes *attributes, const char *key,
                                                     ufo_attribute_type type, const void *data, uint64_t count,
                                                     ufo_error *error);

/* Sets a string vector; strings[i] == NULL is NA. lengths may be NULL if every string ends in a NUL. */
UFO_API UFO_MUST_CHECK ufo_status ufo_attributes_set_strings(ufo_attributes *attributes, const char *key,
                                                             const char *const *strings, const uint32_t *lengths,
                                                             uint64_t count, ufo_error *error);

/* UFO_MISSING if there is no such key. */
UFO_API ufo_status ufo_attributes_remove(ufo_attributes *attributes, const char *key, ufo_error *error);

UFO_API uint64_t ufo_attributes_count(const ufo_attributes *attributes);
/* 1 and *out filled, or 0 if there is none. */
UFO_API int ufo_attributes_at(const ufo_attributes *attributes, uint64_t index, ufo_attribute *out);
UFO_API int ufo_attributes_find(const ufo_attributes *attributes, const char *key, ufo_attribute *out);

/* String `index` of a STRING attribute got from this set: not NUL-terminated, *length_out bytes; NULL for NA (and for
 * an index past the end). Walking a vector in order is O(1) a step. */
UFO_API const char *ufo_attributes_string(const ufo_attribute *attribute, uint64_t index, uint32_t *length_out);

#ifdef __cplusplus
}
#endif
#endif
