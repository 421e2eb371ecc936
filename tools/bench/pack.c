/* pack.c - see pack.h. Only doubles, so the unit of shuffle and delta is eight bytes. */
#include "pack.h"

#include "cli/cli.h"

#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { UNITS = PACK_CHUNK_BYTES / 8 };

static void shuffle(uint8_t *planes, const uint8_t *values) {
  for (unsigned p = 0; p < 8; p++)
    for (unsigned u = 0; u < UNITS; u++) planes[p * UNITS + u] = values[u * 8 + p];
}

static void unshuffle(uint8_t *values, const uint8_t *planes) {
#ifdef __SSE2__
  /* Sixteen units at once: three rounds of interleaving bring together the eight bytes of each. */
  for (unsigned u = 0; u < UNITS; u += 16) {
    __m128i a[8], b[8];
    for (unsigned p = 0; p < 8; p++) a[p] = _mm_loadu_si128((const __m128i *)(const void *)(planes + p * UNITS + u));
    for (unsigned i = 0; i < 4; i++) {
      b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 4]);
      b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 4]);
    }
    for (unsigned i = 0; i < 4; i++) {
      a[2 * i] = _mm_unpacklo_epi8(b[i], b[i + 4]);
      a[2 * i + 1] = _mm_unpackhi_epi8(b[i], b[i + 4]);
    }
    for (unsigned i = 0; i < 4; i++) {
      b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 4]);
      b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 4]);
    }
    for (unsigned i = 0; i < 8; i++) _mm_storeu_si128((__m128i *)(void *)(values + (size_t)u * 8 + i * 16), b[i]);
  }
#else
  for (unsigned u = 0; u < UNITS; u++)
    for (unsigned p = 0; p < 8; p++) values[u * 8 + p] = planes[p * UNITS + u];
#endif
}

static void delta(uint64_t *target, const uint64_t *values) {
  target[0] = values[0];
  for (unsigned i = 1; i < UNITS; i++) target[i] = values[i] - values[i - 1];
}

static void undelta(uint64_t *values) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < UNITS; i++) values[i] = sum += values[i];
}

/* Packs `values` to `target`, which has room for LZ4's bound. */
static int encode(ufo_codec codec, const double *values, uint8_t *target, pack_buffer *planes) {
  static uint64_t differences[UNITS]; /* one pack is made at a time */
  const void *source = values;
  switch (codec) {
  case UFO_CODEC_ZERO:
    return 0;
  case UFO_CODEC_CONSTANT:
    memcpy(target, values, 8);
    return 8;
  case UFO_CODEC_RAW:
    memcpy(target, values, PACK_CHUNK_BYTES);
    return PACK_CHUNK_BYTES;
  case UFO_CODEC_DELTA_SHUFFLE_LZ4:
    delta(differences, (const uint64_t *)(const void *)values);
    source = differences;
    __attribute__((fallthrough));
  case UFO_CODEC_SHUFFLE_LZ4:
    shuffle(planes->planes, source);
    source = planes->planes;
    break;
  default:
    break;
  }
  return LZ4_compress_default(source, (char *)target, PACK_CHUNK_BYTES, LZ4_compressBound(PACK_CHUNK_BYTES));
}

bool pack_decode(const pack *p, uint64_t chunk, pack_buffer *buffer, void *target) {
  const uint8_t *source = p->chunks[chunk];
  int length = (int)p->lengths[chunk];
  switch (p->codec) {
  case UFO_CODEC_ZERO:
    memset(target, 0, PACK_CHUNK_BYTES);
    return true;
  case UFO_CODEC_CONSTANT: {
    uint64_t value, *values = target;
    memcpy(&value, source, sizeof value);
    for (unsigned i = 0; i < UNITS; i++) values[i] = value;
    return true;
  }
  case UFO_CODEC_RAW:
    memcpy(target, source, PACK_CHUNK_BYTES);
    return true;
  case UFO_CODEC_LZ4:
    return LZ4_decompress_safe((const char *)source, target, length, PACK_CHUNK_BYTES) == PACK_CHUNK_BYTES;
  default:
    if (LZ4_decompress_safe((const char *)source, (char *)buffer->planes, length, PACK_CHUNK_BYTES) != PACK_CHUNK_BYTES)
      return false;
    unshuffle(target, buffer->planes);
    if (p->codec == UFO_CODEC_DELTA_SHUFFLE_LZ4) undelta(target);
    return true;
  }
}

ufo_status pack_create(data_kind kind, uint64_t bytes, ufo_codec codec, pack *p, ufo_error *error) {
  const size_t bound = (size_t)LZ4_compressBound(PACK_CHUNK_BYTES);
  uint64_t count = bytes / PACK_CHUNK_BYTES;
  *p = (pack){.codec = codec, .chunk_count = count};
  p->chunks = calloc(count ? count : 1, sizeof *p->chunks);
  p->lengths = calloc(count ? count : 1, sizeof *p->lengths);
  double *values = malloc(PACK_CHUNK_BYTES);
  pack_buffer *planes = malloc(sizeof *planes);
  uint8_t *target = malloc(bound);
  ufo_status status = UFO_OK;
  if (!p->chunks || !p->lengths || !values || !planes || !target) status = UFO_FULL;
  for (uint64_t i = 0; !status && i < count; i++) {
    data_fill(kind, i * UNITS, UNITS, values);
    int length = encode(codec, values, target, planes);
    p->chunks[i] = malloc(length > 0 ? (size_t)length : 1);
    if (!p->chunks[i]) {
      status = UFO_FULL;
      break;
    }
    memcpy(p->chunks[i], target, (size_t)length);
    p->lengths[i] = (uint32_t)length;
    p->packed_bytes += (uint64_t)length;
  }
  free(values);
  free(planes);
  free(target);
  if (!status) return UFO_OK;
  pack_free(p);
  return set_error(error, UFO_FULL, "no memory to pack %llu bytes of data", (unsigned long long)bytes);
}

void pack_free(pack *p) {
  for (uint64_t i = 0; p->chunks && i < p->chunk_count; i++) free(p->chunks[i]);
  free(p->chunks);
  free(p->lengths);
  *p = (pack){0};
}
