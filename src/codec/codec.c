/* The choice of an encoding.
 *
 *   all bytes zero              -> ZERO
 *   one element, repeated       -> CONSTANT
 *   otherwise                   -> the smallest of RAW, LZ4, SHUFFLE_LZ4 and DELTA_SHUFFLE_LZ4
 *
 * Candidates are tried on the whole chunk. Three things keep that cheap. Pieces of a long chunk are tried first: they
 * give the order, and candidates far behind are dropped. A full trial may only use as many bytes as the best so far, so
 * a loser gives up early. And where the pieces do not compress at all, only plain LZ4 is tried in full, which runs over
 * such bytes at several GB/s and alone can find what repeats far apart. In chunks longer than LZ4's window of 64 KiB,
 * repeats at distances between a piece and the window can still mislead the pieces, by some per cent.
 *
 * RAW is kept unless 1/128 of the chunk is saved: it decodes fastest, and stays within 1 % of the best.
 *
 * A store lays encoded bytes on pages, behind a header of 16 bytes: as many bytes as pages have take one page more, for
 * 16 bytes. These, the tail, are then kept with what is known of the chunk. */
#include "codec/codec.h"

#include "codec/stats.h"
#include "codec/trial.h"
#include "util/fail.h"
#include "util/hash.h"

#include <string.h>

#define SAMPLE_PIECES 3
#define SAMPLE_SHARE 16                /* each piece is a sixteenth of the chunk */
#define SAMPLED_BYTES_MIN (32u * 1024) /* shorter chunks are tried in full */
#define PAGE_BYTES 4096u               /* the least that a store has; larger ones are multiples */

/* Is a candidate not worth a full trial, by the lengths of the samples? Where the best one is short, nothing is
 * dropped: short samples foretell little, as runs and empty stretches differ from piece to piece, and with so low a
 * limit losers give up soon. Otherwise plain LZ4 gets more margin, since pieces show no repeats that are farther apart
 * than they are long. */
static int is_behind(ufo_candidate candidate, uint32_t length, uint32_t best, uint32_t sample_bytes) {
  if (best < sample_bytes / 5) return 0;
  return length > best + best / (candidate.codec == UFO_CODEC_LZ4 ? 2 : 4) + sample_bytes / 24;
}

/* Does the end of the bytes take a page that is not needed without the tail? */
static int needs_tail(uint32_t raw_bytes) { return (raw_bytes - 1) % PAGE_BYTES >= PAGE_BYTES - UFO_TAIL_BYTES; }

static uint32_t bytes_to_gain(uint32_t raw_bytes) { return raw_bytes / 128 + 1; }

/* Equal to itself shifted by `width`: then the first `width` bytes repeat. */
static int repeats(const uint8_t *raw, uint32_t raw_bytes, uint32_t width) {
  return raw_bytes <= width || memcmp(raw, raw + width, raw_bytes - width) == 0;
}

static int is_zero(const uint8_t *raw, uint32_t raw_bytes) {
  return raw_bytes == 0 || (raw[0] == 0 && repeats(raw, raw_bytes, 1));
}

/* Joins pieces from the begin, the middle and the end, each of whole units. Returns their length. */
static uint32_t take_sample(uint8_t *sample, const uint8_t *raw, uint32_t raw_bytes, uint32_t width) {
  uint32_t piece = raw_bytes / SAMPLE_SHARE, total = 0;
  piece -= piece % width;
  for (uint32_t i = 0; i < SAMPLE_PIECES; i++) {
    uint32_t start = (raw_bytes - piece) / (SAMPLE_PIECES - 1) * i;
    memcpy(sample + total, raw + (start - start % width), piece);
    total += piece;
  }
  return total;
}

/* Sorts the candidates by the length of their sample, drops those far behind, and returns how many are left. */
static unsigned rank_candidates(ufo_codec_memory *memory, ufo_candidate *candidates, unsigned n, const uint8_t *raw,
                                uint32_t raw_bytes) {
  uint32_t width = candidates[n - 1].width;
  uint32_t bytes = take_sample(memory->sample, raw, raw_bytes, width);
  uint32_t lengths[UFO_CANDIDATES_MAX];
  for (unsigned i = 0; i < n; i++) {
    ufo_candidate candidate = candidates[i];
    uint32_t length = ufo_trial(memory, candidate, memory->sample, bytes, memory->trial, bytes);
    if (!length) length = bytes;
    unsigned at = i;
    for (; at > 0 && lengths[at - 1] > length; at--) {
      lengths[at] = lengths[at - 1];
      candidates[at] = candidates[at - 1];
    }
    lengths[at] = length;
    candidates[at] = candidate;
  }
  if (lengths[0] > bytes - bytes_to_gain(bytes)) {
    candidates[0] = (ufo_candidate){UFO_CODEC_LZ4, 1};
    return 1;
  }
  unsigned left = 0;
  for (unsigned i = 0; i < n; i++)
    if (!is_behind(candidates[i], lengths[i], lengths[0], bytes)) candidates[left++] = candidates[i];
  return left;
}

/* Tries the candidates in full; *meta and memory->best hold the winner. False: none is better than RAW. */
static int choose(ufo_codec_memory *memory, ufo_type type, uint32_t element_bytes, const uint8_t *raw,
                  ufo_chunk_meta *meta) {
  ufo_candidate candidates[UFO_CANDIDATES_MAX];
  unsigned n = ufo_candidates(type, element_bytes, candidates);
  if (meta->raw_bytes >= SAMPLED_BYTES_MIN && n > 1) n = rank_candidates(memory, candidates, n, raw, meta->raw_bytes);
  uint32_t limit = meta->raw_bytes - bytes_to_gain(meta->raw_bytes);
  int found = 0;
  for (unsigned i = 0; i < n && limit > 0; i++) {
    uint32_t length = ufo_trial(memory, candidates[i], raw, meta->raw_bytes, memory->trial, limit);
    if (!length) continue;
    uint8_t *loser = memory->best;
    memory->best = memory->trial;
    memory->trial = loser;
    meta->codec = candidates[i].codec;
    meta->width = candidates[i].width;
    meta->stored_bytes = length;
    limit = length - 1;
    found = 1;
  }
  return found;
}

ufo_status ufo_codec_encode(ufo_codec_memory *memory, ufo_type type, uint32_t element_bytes, const void *raw,
                            uint32_t raw_bytes, ufo_chunk_meta *meta, const void **stored_out, ufo_error *error) {
  if (raw_bytes > UFO_CHUNK_BYTES_MAX)
    return ufo_fail(error, UFO_USAGE, "a chunk of %u bytes is longer than the limit of %u", raw_bytes,
                    (unsigned)UFO_CHUNK_BYTES_MAX);
  memset(meta, 0, sizeof *meta);
  meta->width = 1;
  meta->raw_bytes = raw_bytes;
  meta->hash = ufo_hash(raw, raw_bytes);
  meta->stats = ufo_stats_of(type, raw, raw_bytes);
  *stored_out = raw;
  if (is_zero(raw, raw_bytes)) {
    meta->codec = UFO_CODEC_ZERO;
    return UFO_OK;
  }
  if (element_bytes >= 1 && element_bytes <= UFO_INLINE_BYTES_MAX && element_bytes <= raw_bytes &&
      repeats(raw, raw_bytes, element_bytes)) {
    meta->codec = UFO_CODEC_CONSTANT;
    meta->inline_bytes = (uint8_t)element_bytes;
    memcpy(meta->inline_data, raw, element_bytes);
    return UFO_OK;
  }
  ufo_status status = ufo_codec_memory_encoding(memory, raw_bytes, error);
  if (status) return status;
  if (choose(memory, type, element_bytes, raw, meta)) {
    *stored_out = memory->best;
  } else {
    meta->codec = UFO_CODEC_RAW;
    meta->inline_bytes = needs_tail(raw_bytes) ? UFO_TAIL_BYTES : 0;
    meta->stored_bytes = raw_bytes - meta->inline_bytes;
    memcpy(meta->inline_data, (const uint8_t *)raw + meta->stored_bytes, meta->inline_bytes);
  }
  return UFO_OK;
}
