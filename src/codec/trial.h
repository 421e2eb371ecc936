/* trial.h - a chunk encoded with one given codec, if that gives fewer bytes than a limit. */
#ifndef UFO_CODEC_TRIAL_H
#define UFO_CODEC_TRIAL_H

#include "codec/memory.h"

typedef struct ufo_candidate {
  uint8_t codec; /* LZ4, SHUFFLE_LZ4 or DELTA_SHUFFLE_LZ4 */
  uint8_t width; /* as in ufo_chunk_meta */
} ufo_candidate;

#define UFO_CANDIDATES_MAX 4

/* The encodings that make sense for vectors of `type`; returns how many were put in `out`. */
unsigned ufo_candidates(ufo_type type, uint32_t element_bytes, ufo_candidate out[UFO_CANDIDATES_MAX]);

/* Filters and compresses `raw` into `target`, which has room for `capacity` bytes. Returns the encoded length, or 0 if
 * it does not fit; giving up takes time in proportion to the capacity. `memory` must have been made ready for encoding
 * raw_bytes bytes; `filtered` and `differences` are used, so `raw` and `target` must not be these. */
uint32_t ufo_trial(ufo_codec_memory *memory, ufo_candidate candidate, const void *raw, uint32_t raw_bytes,
                   uint8_t *target, uint32_t capacity);

#endif
