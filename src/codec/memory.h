/* memory.h - the buffers behind ufo_codec_memory: one thread's room for encoding and decoding. */
#ifndef UFO_CODEC_MEMORY_H
#define UFO_CODEC_MEMORY_H

#include "codec/codec.h"

#include <lz4.h>

/* The hash of a chunk that is one element again and again. */
typedef struct ufo_repeated {
  uint32_t raw_bytes; /* 0: nothing is known */
  uint8_t width;      /* 0: all zeros */
  uint8_t element[UFO_INLINE_BYTES_MAX];
  uint64_t hash;
} ufo_repeated;

struct ufo_codec_memory {
  LZ4_stream_t lz4;
  uint8_t *filtered;     /* a chunk after its filter (delta, shuffle), before LZ4 */
  uint8_t *differences;  /* encoding only: between delta and shuffle */
  uint8_t *sample;       /* encoding only: pieces of the chunk, to foretell which codec will do best */
  uint8_t *best;         /* the smallest encoding found so far */
  uint8_t *trial;        /* the one being tried; changes places with `best` when it wins */
  ufo_repeated repeated; /* the last one that was decoded */
  uint32_t decoding;     /* bytes of chunk that `filtered` has room for */
  uint32_t encoding;     /* bytes of chunk that the other buffers have room for, LZ4's worst case included */
};

/* Make room for a chunk of `raw_bytes` <= UFO_CHUNK_BYTES_MAX bytes; the contents of the buffers are lost if they have
 * to grow. UFO_FULL: no memory, and *memory is usable for what fitted before. */
ufo_status ufo_codec_memory_decoding(ufo_codec_memory *memory, uint32_t raw_bytes, ufo_error *error);
ufo_status ufo_codec_memory_encoding(ufo_codec_memory *memory, uint32_t raw_bytes, ufo_error *error);

#endif
