/* shuffle.h - the byte shuffle: first byte of every unit, then the second byte of every unit, and so on.
 *
 * Bytes of the same significance resemble each other, so LZ4 finds more. For n bytes in units of `width` there are
 * m = n / width whole units; shuffled byte p * m + u is byte u * width + p of the original. The n % width bytes that
 * remain at the end stay where they are. Fast for widths 2, 4, 8 and 16, right for every width from 1 to 255; the
 * result is the same on every machine. */
#ifndef UFO_CODEC_SHUFFLE_H
#define UFO_CODEC_SHUFFLE_H

#include <stddef.h>
#include <stdint.h>

/* `target` and `source` hold `bytes` bytes each and do not overlap; width >= 1. Never fail. */
void ufo_shuffle(uint8_t *restrict target, const uint8_t *restrict source, size_t bytes, unsigned width);
void ufo_unshuffle(uint8_t *restrict target, const uint8_t *restrict source, size_t bytes, unsigned width);

/* ufo_unshuffle, and then ufo_undelta (delta.h) of the result, while it is in registers. Widths: those of deltas. */
void ufo_unshuffle_undelta(uint8_t *restrict target, const uint8_t *restrict source, size_t bytes, unsigned width);

#endif
