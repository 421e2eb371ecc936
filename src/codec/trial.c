#include "codec/trial.h"

#include "codec/delta.h"
#include "codec/shuffle.h"

#define SHUFFLE_WIDTH_MAX 255

unsigned ufo_candidates(ufo_type type, uint32_t element_bytes, ufo_candidate out[UFO_CANDIDATES_MAX]) {
  unsigned n = 0;
  out[n++] = (ufo_candidate){UFO_CODEC_LZ4, 1};
  uint8_t width = 1;
  switch (type) {
  case UFO_LOGICAL:
  case UFO_INTEGER:
    width = 4;
    break;
  case UFO_DOUBLE:
    width = 8;
    break;
  case UFO_COMPLEX:
    /* Real and imaginary parts may be alike (8) or not at all (16): only a trial tells. */
    out[n++] = (ufo_candidate){UFO_CODEC_SHUFFLE_LZ4, 16};
    width = 8;
    break;
  case UFO_RECORD:
    width = element_bytes <= SHUFFLE_WIDTH_MAX ? (uint8_t)element_bytes : 1;
    break;
  default:
    break;
  }
  if (width > 1) out[n++] = (ufo_candidate){UFO_CODEC_SHUFFLE_LZ4, width};
  if (ufo_delta_has_width(width)) out[n++] = (ufo_candidate){UFO_CODEC_DELTA_SHUFFLE_LZ4, width};
  return n;
}

uint32_t ufo_trial(ufo_codec_memory *memory, ufo_candidate candidate, const void *raw, uint32_t raw_bytes,
                   uint8_t *target, uint32_t capacity) {
  const void *source = raw;
  if (candidate.codec == UFO_CODEC_SHUFFLE_LZ4) {
    ufo_shuffle(memory->filtered, raw, raw_bytes, candidate.width);
    source = memory->filtered;
  } else if (candidate.codec == UFO_CODEC_DELTA_SHUFFLE_LZ4) {
    ufo_delta(memory->differences, raw, raw_bytes, candidate.width);
    ufo_shuffle(memory->filtered, memory->differences, raw_bytes, candidate.width);
    source = memory->filtered;
  }
  int length = LZ4_compress_fast_extState(&memory->lz4, source, (char *)target, (int)raw_bytes, (int)capacity, 1);
  return length > 0 ? (uint32_t)length : 0;
}
