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
 * Whoever encodes a chunk after others of the same object knows what won there (ufo_codec_habit). Then smaller pieces
 * are tried with the others only, and what won is the choice again if in full it takes less than these can, by what
 * their pieces say and with the same margins.
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
#define SAMPLE_SHARE 16 /* each piece is a sixteenth of the chunk */
#define HABIT_SHARE 48  /* the same where the choice is known but for a check */
#define HABIT_USES_MAX 32
#define HABIT_REST 15                  /* chunks that are tried without that, after one where it did not help */
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
static uint32_t take_sample(uint8_t *sample, const uint8_t *raw, uint32_t raw_bytes, uint32_t width, uint32_t share) {
  uint32_t piece = raw_bytes / share, total = 0;
  piece -= piece % width;
  for (uint32_t i = 0; i < SAMPLE_PIECES; i++) {
    uint32_t start = (raw_bytes - piece) / (SAMPLE_PIECES - 1) * i;
    memcpy(sample + total, raw + (start - start % width), piece);
    total += piece;
  }
  return total;
}

static uint32_t widest(const ufo_candidate *candidates, unsigned n) {
  uint32_t width = 0;
  for (unsigned i = 0; i < n; i++)
    if (candidates[i].width > width) width = candidates[i].width;
  return width ? width : 1;
}

/* Sorts the candidates by the length of their sample. Returns the bytes of the sample. */
static uint32_t sort_candidates(ufo_codec_memory *memory, ufo_candidate *candidates, uint32_t *lengths, unsigned n,
                                const uint8_t *raw, uint32_t raw_bytes, uint32_t share) {
  uint32_t bytes = take_sample(memory->sample, raw, raw_bytes, widest(candidates, n), share);
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
  return bytes;
}

/* The same; then drops those far behind, and returns how many are left. */
static unsigned rank_candidates(ufo_codec_memory *memory, ufo_candidate *candidates, unsigned n, const uint8_t *raw,
                                uint32_t raw_bytes) {
  uint32_t lengths[UFO_CANDIDATES_MAX];
  uint32_t bytes = sort_candidates(memory, candidates, lengths, n, raw, raw_bytes, SAMPLE_SHARE);
  if (lengths[0] > bytes - bytes_to_gain(bytes)) {
    candidates[0] = (ufo_candidate){UFO_CODEC_LZ4, 1};
    return 1;
  }
  unsigned left = 0;
  for (unsigned i = 0; i < n; i++)
    if (!is_behind(candidates[i], lengths[i], lengths[0], bytes)) candidates[left++] = candidates[i];
  return left;
}

/* Tries a candidate in full; if it stays below *limit it is the best so far. */
static int try_candidate(ufo_codec_memory *memory, ufo_candidate candidate, const uint8_t *raw, ufo_chunk_meta *meta,
                         uint32_t *limit) {
  uint32_t length = ufo_trial(memory, candidate, raw, meta->raw_bytes, memory->trial, *limit);
  if (!length) return 0;
  uint8_t *loser = memory->best;
  memory->best = memory->trial;
  memory->trial = loser;
  meta->codec = candidate.codec;
  meta->width = candidate.width;
  meta->stored_bytes = length;
  *limit = length - 1;
  return 1;
}

/* ---- what won before -------------------------------------------------------------------------------------------- */

/* As many bytes as a full trial of the candidate would take at least, by the length of its sample: with the margins of
 * is_behind(). */
static uint32_t least_length(ufo_candidate candidate, uint32_t length, uint32_t sample_bytes, uint32_t raw_bytes) {
  if (length <= sample_bytes / 24) return 0;
  uint64_t scaled = (uint64_t)(length - sample_bytes / 24) * raw_bytes / sample_bytes;
  return (uint32_t)(candidate.codec == UFO_CODEC_LZ4 ? scaled * 2 / 3 : scaled * 4 / 5);
}

/* True: what won before is the choice, since in full it takes less than the others can, by small samples of them. */
static int choose_by_habit(ufo_codec_memory *memory, ufo_candidate known, const ufo_candidate *candidates, unsigned n,
                           const uint8_t *raw, ufo_chunk_meta *meta) {
  ufo_candidate others[UFO_CANDIDATES_MAX];
  uint32_t lengths[UFO_CANDIDATES_MAX], limit = meta->raw_bytes - bytes_to_gain(meta->raw_bytes);
  unsigned count = 0;
  for (unsigned i = 0; i < n; i++) {
    if (candidates[i].codec != known.codec || candidates[i].width != known.width) others[count++] = candidates[i];
  }
  if (count != n - 1) return 0; /* another type's */
  uint32_t bytes = sort_candidates(memory, others, lengths, count, raw, meta->raw_bytes, HABIT_SHARE);
  if (lengths[0] < bytes / 5) return 0; /* as in is_behind() */
  for (unsigned i = 0; i < count; i++) {
    uint32_t least = least_length(others[i], lengths[i], bytes, meta->raw_bytes);
    if (least < limit) limit = least;
  }
  return limit > 0 && try_candidate(memory, known, raw, meta, &limit);
}

/* Tries the candidates in full; *meta and memory->best hold the winner. False: none is better than RAW. */
static int choose(ufo_codec_memory *memory, ufo_type type, uint32_t element_bytes, const uint8_t *raw,
                  ufo_codec_habit *habit, ufo_chunk_meta *meta) {
  ufo_candidate candidates[UFO_CANDIDATES_MAX];
  unsigned n = ufo_candidates(type, element_bytes, candidates);
  bool sampled = meta->raw_bytes >= SAMPLED_BYTES_MIN && n > 1;
  unsigned before = habit && sampled ? atomic_load_explicit(&habit->choice, memory_order_relaxed) : 0;
  ufo_candidate known = {.codec = (uint8_t)before, .width = (uint8_t)(before >> 8)};
  unsigned rest = before >> 16;
  if (before && rest == 0 && choose_by_habit(memory, known, candidates, n, raw, meta)) return 1;
  rest = rest ? rest - 1 : before ? HABIT_REST : 0;
  if (sampled) n = rank_candidates(memory, candidates, n, raw, meta->raw_bytes);
  uint32_t limit = meta->raw_bytes - bytes_to_gain(meta->raw_bytes);
  int found = 0;
  for (unsigned i = 0; i < n && limit > 0; i++) found |= try_candidate(memory, candidates[i], raw, meta, &limit);
  unsigned now = found ? rest << 16 | (unsigned)meta->width << 8 | meta->codec : 0;
  if (habit && sampled) atomic_store_explicit(&habit->choice, now, memory_order_relaxed);
  return found;
}

ufo_status ufo_codec_encode(ufo_codec_memory *memory, ufo_type type, uint32_t element_bytes, const void *raw,
                            uint32_t raw_bytes, ufo_codec_habit *habit, ufo_chunk_meta *meta, const void **stored_out,
                            ufo_error *error) {
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
  if (choose(memory, type, element_bytes, raw, habit, meta)) {
    *stored_out = memory->best;
  } else {
    meta->codec = UFO_CODEC_RAW;
    meta->inline_bytes = needs_tail(raw_bytes) ? UFO_TAIL_BYTES : 0;
    meta->stored_bytes = raw_bytes - meta->inline_bytes;
    memcpy(meta->inline_data, (const uint8_t *)raw + meta->stored_bytes, meta->inline_bytes);
  }
  return UFO_OK;
}
