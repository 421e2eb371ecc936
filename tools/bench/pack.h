/* pack.h - chunks compressed in memory, and decoding them at full speed: the limit that reading is held against, and
 * what the reference handler decodes from.
 *
 * The codec is the one the store chose for these data (ufo_store_info tells), with an implementation of its own, and
 * nothing around it: no checksum, no file, no look-up. What is stored compressed by LZ4 is decoded straight to where it
 * is wanted. */
#ifndef UFOSTORE_BENCH_PACK_H
#define UFOSTORE_BENCH_PACK_H

#include "data.h"

#include <stdbool.h>
#include <ufostore/store.h>

enum { PACK_CHUNK_BYTES = 64 * 1024 };

typedef struct pack {
  ufo_codec codec;
  uint64_t chunk_count;
  uint64_t packed_bytes;
  uint8_t **chunks;
  uint32_t *lengths;
} pack;

/* Makes the first `bytes` bytes (whole chunks) of the data and packs them. UFO_FULL. */
ufo_status pack_create(data_kind kind, uint64_t bytes, ufo_codec codec, pack *p, ufo_error *error);
void pack_free(pack *p);

/* What decoding needs besides; one for each thread. */
typedef struct pack_buffer {
  uint8_t planes[PACK_CHUNK_BYTES];
} pack_buffer;

/* Decodes a chunk to `target` (PACK_CHUNK_BYTES bytes). False: what is packed is damaged. */
bool pack_decode(const pack *p, uint64_t chunk, pack_buffer *buffer, void *target);

#endif
