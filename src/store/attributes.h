/* attributes.h - sets of attributes as bytes. The calls on sets in memory are in <ufostore/attributes.h>.
 *
 * A set is written as follows; numbers are little-endian and nothing is aligned.
 *
 *   set        u32 number of attributes, then the attributes in their order, then nothing more
 *   attribute  u8  type (ufo_attribute_type)
 *              u8  length of the key, 1 .. 255
 *              u64 count of elements; of bytes for raw and foreign
 *              u64 length of the value in bytes
 *              key (UTF-8 without NUL, not that of an earlier attribute), value
 *   value      logical, integer: count x i32      double: count x binary64      raw, foreign: count bytes
 *              string: count x u32, the length of each string or 0xFFFFFFFF for NA; then their bytes, one after another
 *
 * A set of no attributes may also be given as no bytes at all. Equal sets give equal bytes. */
#ifndef UFO_STORE_ATTRIBUTES_H
#define UFO_STORE_ATTRIBUTES_H

#include <ufostore/attributes.h>

/* Length of the set as bytes, at least 4. */
uint64_t ufo_attributes_encoded_bytes(const ufo_attributes *attributes);

/* Writes the set; `target` has room for ufo_attributes_encoded_bytes() bytes. */
void ufo_attributes_encode(const ufo_attributes *attributes, uint8_t *target);

/* Reads a set, which becomes the caller's. The bytes may be hostile: memory is taken only for what they really hold.
 * Errors, with *attributes_out NULL: UFO_CORRUPT (the message names the attribute's position and the cause),
 * UFO_UNSUPPORTED (unknown type of attribute), UFO_FULL (memory). */
ufo_status ufo_attributes_decode(const uint8_t *bytes, uint64_t length, ufo_attributes **attributes_out,
                                 ufo_error *error);

/* An independent set with the same content. UFO_FULL. */
ufo_status ufo_attributes_copy(const ufo_attributes *attributes, ufo_attributes **copy_out, ufo_error *error);

#endif
