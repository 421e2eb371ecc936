/* bytes.h - numbers in byte buffers, in a stated byte order: how every record on disk is written and read.
 *
 * No alignment is needed. Records are little-endian; keys are big-endian, so that they sort as numbers. Each function
 * is one load or store, with a byte swap where the machine's order is the other one. */
#ifndef UFO_UTIL_BYTES_H
#define UFO_UTIL_BYTES_H

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define UFO_LE(bits, value) (value)
#define UFO_BE(bits, value) __builtin_bswap##bits(value)
#else
#define UFO_LE(bits, value) __builtin_bswap##bits(value)
#define UFO_BE(bits, value) (value)
#endif

static inline void ufo_put_le16(uint8_t *at, uint16_t value) {
  value = UFO_LE(16, value);
  memcpy(at, &value, sizeof value);
}

static inline void ufo_put_le32(uint8_t *at, uint32_t value) {
  value = UFO_LE(32, value);
  memcpy(at, &value, sizeof value);
}

static inline void ufo_put_le64(uint8_t *at, uint64_t value) {
  value = UFO_LE(64, value);
  memcpy(at, &value, sizeof value);
}

static inline void ufo_put_be32(uint8_t *at, uint32_t value) {
  value = UFO_BE(32, value);
  memcpy(at, &value, sizeof value);
}

static inline void ufo_put_be64(uint8_t *at, uint64_t value) {
  value = UFO_BE(64, value);
  memcpy(at, &value, sizeof value);
}

static inline uint16_t ufo_get_le16(const uint8_t *at) {
  uint16_t value;
  memcpy(&value, at, sizeof value);
  return UFO_LE(16, value);
}

static inline uint32_t ufo_get_le32(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return UFO_LE(32, value);
}

static inline uint64_t ufo_get_le64(const uint8_t *at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return UFO_LE(64, value);
}

static inline uint32_t ufo_get_be32(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return UFO_BE(32, value);
}

static inline uint64_t ufo_get_be64(const uint8_t *at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return UFO_BE(64, value);
}

/* IEEE 754 binary64, bit for bit: NaN payloads, infinities and the sign of zero are kept. */
static inline void ufo_put_le_f64(uint8_t *at, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  ufo_put_le64(at, bits);
}

static inline double ufo_get_le_f64(const uint8_t *at) {
  uint64_t bits = ufo_get_le64(at);
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

#undef UFO_LE
#undef UFO_BE

#endif
