/* delta.h - differences of neighbouring units, modulo 2^32 or 2^64, and the sums that undo them.
 *
 * Unit 0 stays; unit i becomes itself minus unit i - 1. Units are unsigned little-endian integers of `width` bytes,
 * whatever they mean: doubles are taken by their bits, which for evenly spaced values within one binary exponent
 * gives equal differences. The bytes % width bytes at the end stay as they are. */
#ifndef UFO_CODEC_DELTA_H
#define UFO_CODEC_DELTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool ufo_delta_has_width(unsigned width) { return width == 4 || width == 8; }

/* `width` must be one that ufo_delta_has_width accepts. `target` and `source` do not overlap. Never fail. */
void ufo_delta(uint8_t *restrict target, const uint8_t *restrict source, size_t bytes, unsigned width);
/* In place. */
void ufo_undelta(uint8_t *values, size_t bytes, unsigned width);
/* The same where units before `first` have been done. */
void ufo_undelta_from(uint8_t *values, size_t bytes, unsigned width, size_t first);

#endif
