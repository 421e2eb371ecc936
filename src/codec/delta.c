/* Values are loaded and stored by memcpy, as chunks need not be aligned; both loops compile to plain moves, and the
 * differences to vector code. */
#include "codec/delta.h"

#include "util/bytes.h"

void ufo_delta(uint8_t *restrict target, const uint8_t *restrict source, size_t bytes, unsigned width) {
  size_t whole = bytes - bytes % width;
  memcpy(target, source, whole ? width : 0);
  if (width == 4)
    for (size_t i = 4; i < whole; i += 4)
      ufo_put_le32(target + i, ufo_get_le32(source + i) - ufo_get_le32(source + i - 4));
  else
    for (size_t i = 8; i < whole; i += 8)
      ufo_put_le64(target + i, ufo_get_le64(source + i) - ufo_get_le64(source + i - 8));
  memcpy(target + whole, source + whole, bytes - whole);
}

void ufo_undelta(uint8_t *values, size_t bytes, unsigned width) { ufo_undelta_from(values, bytes, width, 0); }

void ufo_undelta_from(uint8_t *values, size_t bytes, unsigned width, size_t first) {
  size_t whole = bytes - bytes % width, begin = first * width;
  if (width == 4) {
    uint32_t sum = begin ? ufo_get_le32(values + begin - 4) : 0;
    for (size_t i = begin; i < whole; i += 4) ufo_put_le32(values + i, sum += ufo_get_le32(values + i));
  } else {
    uint64_t sum = begin ? ufo_get_le64(values + begin - 8) : 0;
    for (size_t i = begin; i < whole; i += 8) ufo_put_le64(values + i, sum += ufo_get_le64(values + i));
  }
}
