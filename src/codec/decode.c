/* Decoding trusts nothing: lengths are checked before memory is taken or touched, LZ4 is told the exact room and must
 * fill it exactly, and the decoded bytes must have the hash that the map recorded. The rule for the hash is the same
 * for every codec, also for those that store nothing: XXH3-64 of the decoded bytes.
 *
 * This runs in the fault path. It allocates only when a longer chunk than ever before comes by; without a filter LZ4
 * writes straight to the target, with one it writes to memory->filtered and the unshuffle carries it over. What is
 * stored raw may have been read straight into the target. */
#include "codec/delta.h"
#include "codec/memory.h"
#include "codec/shuffle.h"
#include "util/checked.h"
#include "util/fail.h"
#include "util/hash.h"
#include "util/plant.h"

#include <inttypes.h>
#include <string.h>

#define REPEATED_BYTES 4096

static ufo_status decode_constant(const ufo_chunk_meta *meta, uint8_t *target, ufo_error *error) {
  size_t width = meta->inline_bytes, done = width;
  if (width < 1 || width > UFO_INLINE_BYTES_MAX || width > meta->raw_bytes)
    return ufo_fail(error, UFO_CORRUPT, "a constant element of %zu bytes in a chunk of %" PRIu32, width,
                    meta->raw_bytes);
  memcpy(target, meta->inline_data, width);
  /* What is done is doubled, always a whole number of elements, until it is long enough for memcpy to be at its best
   * and short enough to stay in the nearest cache. */
  for (; done < REPEATED_BYTES && done < meta->raw_bytes - done; done *= 2) memcpy(target + done, target, done);
  for (size_t block = done; done < meta->raw_bytes; done += block)
    memcpy(target + done, target, ufo_min(block, meta->raw_bytes - done));
  return UFO_OK;
}

static ufo_status decode_raw(const ufo_chunk_meta *meta, const void *stored, uint8_t *target, ufo_error *error) {
  uint32_t tail = meta->inline_bytes;
  if (tail > UFO_INLINE_BYTES_MAX || tail > meta->raw_bytes || meta->stored_bytes != meta->raw_bytes - tail)
    return ufo_fail(error, UFO_CORRUPT,
                    "%" PRIu32 " and %" PRIu32 " bytes are stored of an unencoded chunk of %" PRIu32,
                    meta->stored_bytes, tail, meta->raw_bytes);
  if (stored != target) memcpy(target, stored, meta->stored_bytes);
  memcpy(target + meta->stored_bytes, meta->inline_data, tail);
  return UFO_OK;
}

static ufo_status decode_lz4(const ufo_chunk_meta *meta, const void *stored, uint8_t *target, ufo_error *error) {
  /* raw_bytes is within the limit for chunks, so both lengths fit LZ4's int. */
  if (meta->stored_bytes < 1 || meta->stored_bytes > (uint32_t)LZ4_compressBound((int)meta->raw_bytes))
    return ufo_fail(error, UFO_CORRUPT, "%" PRIu32 " bytes are stored of a compressed chunk of %" PRIu32,
                    meta->stored_bytes, meta->raw_bytes);
  int length = LZ4_decompress_safe(stored, (char *)target, (int)meta->stored_bytes, (int)meta->raw_bytes);
  if (length < 0) return ufo_fail(error, UFO_CORRUPT, "the compressed bytes are not valid LZ4");
  if ((uint32_t)length != meta->raw_bytes)
    return ufo_fail(error, UFO_CORRUPT, "the chunk decompresses to %d bytes, expected are %" PRIu32, length,
                    meta->raw_bytes);
  return UFO_OK;
}

static ufo_status decode_filtered(ufo_codec_memory *memory, const ufo_chunk_meta *meta, const void *stored,
                                  uint8_t *target, ufo_error *error) {
  int with_delta = meta->codec == UFO_CODEC_DELTA_SHUFFLE_LZ4;
  if (meta->width < 1 || (with_delta && !ufo_delta_has_width(meta->width)))
    return ufo_fail(error, UFO_CORRUPT, "units of %u bytes do not go with codec %u", (unsigned)meta->width,
                    (unsigned)meta->codec);
  ufo_status status = ufo_codec_memory_decoding(memory, meta->raw_bytes, error);
  if (!status) status = decode_lz4(meta, stored, memory->filtered, error);
  if (status) return status;
  if (with_delta) ufo_unshuffle_undelta(target, memory->filtered, meta->raw_bytes, meta->width);
  else ufo_unshuffle(target, memory->filtered, meta->raw_bytes, meta->width);
  return UFO_OK;
}

static ufo_status decode(ufo_codec_memory *memory, const ufo_chunk_meta *meta, const void *stored, uint8_t *target,
                         ufo_error *error) {
  switch (meta->codec) {
  case UFO_CODEC_ZERO:
    memset(target, 0, meta->raw_bytes);
    return UFO_OK;
  case UFO_CODEC_CONSTANT:
    return decode_constant(meta, target, error);
  case UFO_CODEC_RAW:
    return decode_raw(meta, stored, target, error);
  case UFO_CODEC_LZ4:
    return decode_lz4(meta, stored, target, error);
  case UFO_CODEC_SHUFFLE_LZ4:
  case UFO_CODEC_DELTA_SHUFFLE_LZ4:
    return decode_filtered(memory, meta, stored, target, error);
  case UFO_CODEC_LOST:
    return ufo_fail(error, UFO_CORRUPT, "these elements were lost before the store was salvaged");
  default:
    return ufo_fail(error, UFO_UNSUPPORTED, "codec %u is not known to this version", (unsigned)meta->codec);
  }
}

/* What a chunk of one element decodes to is known from the element and the length. So is its hash, which is remembered
 * for the chunks that follow: most have the same. */
static uint64_t hash_of(ufo_codec_memory *memory, const ufo_chunk_meta *meta, const void *target) {
  ufo_repeated *known = &memory->repeated;
  bool repeats = meta->codec == UFO_CODEC_ZERO || meta->codec == UFO_CODEC_CONSTANT;
  if (!repeats || meta->raw_bytes == 0) return ufo_hash(target, meta->raw_bytes);
  ufo_repeated wanted = {.raw_bytes = meta->raw_bytes};
  if (meta->codec == UFO_CODEC_CONSTANT) {
    wanted.width = meta->inline_bytes;
    memcpy(wanted.element, meta->inline_data, meta->inline_bytes);
  }
  bool same = known->raw_bytes == wanted.raw_bytes && known->width == wanted.width &&
              memcmp(known->element, wanted.element, sizeof wanted.element) == 0;
  if (!same) {
    wanted.hash = ufo_hash(target, meta->raw_bytes);
    *known = wanted;
  }
  return known->hash;
}

ufo_status ufo_codec_decode(ufo_codec_memory *memory, const ufo_chunk_meta *meta, const void *stored, void *target,
                            ufo_error *error) {
  if (meta->raw_bytes > UFO_CHUNK_BYTES_MAX)
    return ufo_fail(error, UFO_CORRUPT, "a chunk of %" PRIu32 " bytes is longer than the limit of %u", meta->raw_bytes,
                    (unsigned)UFO_CHUNK_BYTES_MAX);
  ufo_status status = decode(memory, meta, stored, target, error);
  if (status) return status;
  uint64_t hash = hash_of(memory, meta, target);
  if (hash != meta->hash && !ufo_planted("chunk-checksum"))
    return ufo_fail(error, UFO_CORRUPT, "the checksum is %016" PRIx64 ", recorded is %016" PRIx64, hash, meta->hash);
  return UFO_OK;
}
