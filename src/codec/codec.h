/* codec.h - a chunk as bytes to keep: encoding chosen by trial, statistics, and verified decoding.
 *
 * Knows nothing of regions or stores. Codec numbers are those of ufo_codec in store.h and of store-format/FORMAT.md. */
#ifndef UFO_CODEC_CODEC_H
#define UFO_CODEC_CODEC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ufostore/store.h>

#define UFO_INLINE_BYTES_MAX 16
#define UFO_TAIL_BYTES 16 /* inline bytes of a chunk of codec RAW, if it has any */

/* What is known of a chunk's values, for vectors of logical, integer and double. */
enum {
  UFO_STATS_PRESENT = 1 << 0,    /* na_count is right, and min/max if HAS_RANGE */
  UFO_STATS_HAS_RANGE = 1 << 1,  /* at least one value is not NA (NaN): min and max are set */
  UFO_STATS_ASCENDING = 1 << 2,  /* no NA, and never decreasing */
  UFO_STATS_DESCENDING = 1 << 3, /* no NA, and never increasing */
};
typedef struct ufo_chunk_stats {
  uint8_t flags;
  uint32_t na_count; /* NA and NaN */
  double min, max;   /* integers are exact in a double */
} ufo_chunk_stats;

/* All that a reader must know about an encoded chunk. */
typedef struct ufo_chunk_meta {
  uint8_t codec;         /* ufo_codec */
  uint8_t width;         /* bytes of the unit that shuffle and delta work on: 4 or 8; for shuffle of complex 8 or 16,
                            of records their size up to 255; 1 where neither applies */
  uint32_t raw_bytes;    /* decoded length */
  uint32_t stored_bytes; /* encoded length; 0 for ZERO and CONSTANT */
  uint64_t hash;         /* XXH3-64 of the decoded bytes */
  uint8_t inline_bytes;  /* length of `inline_data` */
  uint8_t inline_data[UFO_INLINE_BYTES_MAX]; /* of CONSTANT: the element that is repeated; of RAW: the tail, which is
                                                the chunk's last bytes where these are not stored */
  ufo_chunk_stats stats;
} ufo_chunk_meta;

/* Working memory of one thread; grows to what the largest chunk needs. */
typedef struct ufo_codec_memory ufo_codec_memory;
ufo_codec_memory *ufo_codec_memory_create(void); /* NULL: out of memory */
void ufo_codec_memory_free(ufo_codec_memory *memory);

/* What the chunks of one object were last encoded with, so that the next need not be tried with everything. Zeros: not
 * known. Any number of threads may use one at a time. */
typedef struct ufo_codec_habit {
  atomic_uint choice; /* codec, 2^8 * width, 2^16 * chunks to be tried without it */
} ufo_codec_habit;

/* Encodes `raw_bytes` bytes (<= UFO_CHUNK_BYTES_MAX) of elements of `type`. On success *meta is filled and *stored_out
 * points to meta->stored_bytes bytes, either inside `memory` (valid until its next use) or at `raw` itself (codec RAW).
 * The encoding is the smallest of those tried; see codec.c for which are tried. `habit`: that of the object, of the
 * same type and element_bytes, which is brought up to date; NULL: every chunk stands for itself. Errors: UFO_FULL
 * (memory), UFO_USAGE (too long). */
ufo_status ufo_codec_encode(ufo_codec_memory *memory, ufo_type type, uint32_t element_bytes, const void *raw,
                            uint32_t raw_bytes, ufo_codec_habit *habit, ufo_chunk_meta *meta, const void **stored_out,
                            ufo_error *error);

/* Decodes into `target` (meta->raw_bytes bytes) and verifies the hash. Safe for any bytes: every field of *meta and
 * every stored byte may be hostile, only the two buffers must be as long as meta says. What is stored of codec RAW may
 * lie in `target` already: see ufo_codec_is_plain. Errors: UFO_CORRUPT with the cause, UFO_UNSUPPORTED (unknown codec),
 * UFO_FULL; `target` is then unspecified. */
ufo_status ufo_codec_decode(ufo_codec_memory *memory, const ufo_chunk_meta *meta, const void *stored, void *target,
                            ufo_error *error);

/* May the stored bytes be read straight into the place where the decoded ones are to be, and be given to
 * ufo_codec_decode there? They are the first of these, and fit. */
static inline bool ufo_codec_is_plain(const ufo_chunk_meta *meta) {
  return meta->codec == UFO_CODEC_RAW && meta->stored_bytes <= meta->raw_bytes;
}

#endif
