/* Chunks: what decoding makes of any description and any bytes, and that encoding then decoding gives the same.
 *
 * Input: byte 0 chooses. 0: a hostile chunk, described by the next bytes; its checksum is made right for what was
 * decoded, so that the way past it is tried too. Else: the type of a vector whose bytes follow, to be encoded. */
#include "fuzz.h"

#include <xxhash.h>

#include "codec/codec.h"

static guarded stored_room, raw_room, target_room;
static ufo_codec_memory *memory;

static void decode_hostile(input *in) {
  ufo_chunk_meta meta = {0};
  ufo_error error = {0};
  meta.codec = take_byte(in);
  meta.width = take_byte(in);
  meta.inline_bytes = take_byte(in);
  meta.raw_bytes = (uint32_t)take_number(in, 4);
  uint32_t wanted = (uint32_t)take_number(in, 4);
  if (take_byte(in) & 1) meta.raw_bytes &= 0x3FFF;
  bool has_inline = meta.codec == UFO_CODEC_CONSTANT || (meta.codec == UFO_CODEC_RAW && meta.inline_bytes > 0);
  memset(meta.inline_data, 0xA5, sizeof meta.inline_data);
  for (unsigned i = 0; i < sizeof meta.inline_data && in->left && has_inline; i++) meta.inline_data[i] = take_byte(in);
  /* The buffers are as long as the description says; where it says more than there is, that many zeros follow. */
  if (meta.raw_bytes > GUARDED_MAX && meta.raw_bytes <= UFO_CHUNK_BYTES_MAX) return;
  meta.stored_bytes = wanted & 0x80000000 ? (uint32_t)in->left : wanted;
  if (meta.stored_bytes > GUARDED_MAX) meta.stored_bytes = GUARDED_MAX;
  uint8_t *stored = guarded_room(&stored_room, meta.stored_bytes);
  memset(stored, 0, meta.stored_bytes);
  memcpy(stored, in->at, in->left < meta.stored_bytes ? in->left : meta.stored_bytes);
  uint8_t *target = guarded_room(&target_room, meta.raw_bytes <= GUARDED_MAX ? meta.raw_bytes : 0);
  ufo_status status = ufo_codec_decode(memory, &meta, stored, target, &error);
  PROMISE(status == UFO_OK || status == UFO_CORRUPT || status == UFO_UNSUPPORTED);
  PROMISE(status == UFO_OK || (error.code == status && error.message[0]));
  if (meta.raw_bytes > UFO_CHUNK_BYTES_MAX) {
    PROMISE(status == UFO_CORRUPT);
    return;
  }
  if (status && !strstr(error.message, "checksum")) return;
  meta.hash = XXH3_64bits(target, meta.raw_bytes);
  PROMISE(ufo_codec_decode(memory, &meta, stored, target, &error) == UFO_OK);
  if (ufo_codec_is_plain(&meta)) { /* read straight to where it is to be */
    if (meta.stored_bytes) memcpy(target, stored, meta.stored_bytes);
    PROMISE(ufo_codec_decode(memory, &meta, target, target, &error) == UFO_OK);
  }
  meta.hash ^= 1;
  PROMISE(ufo_codec_decode(memory, &meta, stored, target, &error) == UFO_CORRUPT);
}

/* The input's pattern is repeated to `bytes` bytes, each round a little different: short inputs then reach long chunks.
 */
static void spread(uint8_t *raw, uint32_t bytes, const uint8_t *pattern, size_t length, uint8_t step) {
  for (uint32_t i = 0; i < bytes; i++)
    raw[i] = length ? (uint8_t)(pattern[i % length] + step * (uint8_t)(i / length)) : 0;
}

static void check_stats(ufo_type type, const ufo_chunk_meta *meta, const uint8_t *raw) {
  const ufo_chunk_stats *s = &meta->stats;
  if (!(s->flags & UFO_STATS_PRESENT)) return;
  uint32_t width = ufo_type_bytes(type), n = meta->raw_bytes / width, missing = 0;
  double before = 0;
  int seen = 0, ascending = 1, descending = 1;
  for (uint32_t i = 0; i < n; i++) {
    double value;
    int32_t whole;
    if (type == UFO_DOUBLE) memcpy(&value, raw + 8 * (size_t)i, 8);
    else memcpy(&whole, raw + 4 * (size_t)i, 4), value = whole;
    if (type == UFO_DOUBLE ? value != value : whole == INT32_MIN) {
      missing++;
      continue;
    }
    PROMISE(s->flags & UFO_STATS_HAS_RANGE && value >= s->min && value <= s->max);
    if (seen && value < before) ascending = 0;
    if (seen && value > before) descending = 0;
    before = value;
    seen = 1;
  }
  PROMISE(missing == s->na_count);
  PROMISE(!!(s->flags & UFO_STATS_HAS_RANGE) == seen);
  PROMISE(!!(s->flags & UFO_STATS_ASCENDING) == (ascending && !missing));
  PROMISE(!!(s->flags & UFO_STATS_DESCENDING) == (descending && !missing));
}

static void round_trip(uint8_t choice, input *in) {
  static const ufo_type types[] = {UFO_LOGICAL, UFO_INTEGER, UFO_DOUBLE,     UFO_COMPLEX,
                                   UFO_RAW,     UFO_RECORD,  UFO_SERIALIZED, UFO_RECORD};
  ufo_type type = types[choice % 8];
  uint32_t element_bytes = ufo_type_bytes(type);
  if (type == UFO_RECORD) element_bytes = 1 + (uint32_t)take_number(in, choice % 8 == 7 ? 2 : 1) % UFO_RECORD_BYTES_MAX;
  uint32_t bytes = (uint32_t)take_number(in, 3) % 100000;
  uint8_t step = take_byte(in);
  if (choice & 0x80) bytes = (uint32_t)in->left;
  if (choice & 0x40) bytes -= bytes % element_bytes;
  if (bytes > GUARDED_MAX) return;
  uint8_t *raw = guarded_room(&raw_room, bytes), *target = guarded_room(&target_room, bytes);
  spread(raw, bytes, in->at, in->left, step);
  ufo_chunk_meta meta;
  const void *stored;
  ufo_error error = {0};
  PROMISE(ufo_codec_encode(memory, type, element_bytes, raw, bytes, NULL, &meta, &stored, &error) == UFO_OK);
  PROMISE(meta.raw_bytes == bytes && meta.stored_bytes <= bytes);
  check_stats(type, &meta, raw);
  uint8_t *kept = guarded_copy(&stored_room, stored, meta.stored_bytes);
  memset(target, 0xEE, bytes);
  PROMISE(ufo_codec_decode(memory, &meta, kept, target, &error) == UFO_OK);
  PROMISE(!memcmp(raw, target, bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input in = {data, size};
  if (!memory) PROMISE(memory = ufo_codec_memory_create());
  uint8_t choice = take_byte(&in);
  if (choice) round_trip(choice, &in);
  else decode_hostile(&in);
  return 0;
}
