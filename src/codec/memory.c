/* Buffers grow to the next power of two, so that a thread that meets every chunk size allocates a dozen times in all.
 */
#include "codec/memory.h"

#include "util/fail.h"

#include <stdlib.h>

#define ROOM_MIN 65536
#define ALIGNMENT 64

ufo_codec_memory *ufo_codec_memory_create(void) { return calloc(1, sizeof(ufo_codec_memory)); }

void ufo_codec_memory_free(ufo_codec_memory *memory) {
  if (!memory) return;
  free(memory->filtered);
  free(memory->differences);
  free(memory->sample);
  free(memory->best);
  free(memory->trial);
  free(memory);
}

static uint32_t room_for(uint32_t raw_bytes) {
  uint32_t room = ROOM_MIN;
  while (room < raw_bytes) room *= 2;
  return room;
}

static int replace(uint8_t **buffer, size_t bytes) {
  void *wider = NULL;
  if (posix_memalign(&wider, ALIGNMENT, bytes)) return 0;
  free(*buffer);
  *buffer = wider;
  return 1;
}

static ufo_status no_memory(uint32_t raw_bytes, ufo_error *error) {
  return ufo_fail(error, UFO_FULL, "no memory to encode or decode a chunk of %u bytes", raw_bytes);
}

ufo_status ufo_codec_memory_decoding(ufo_codec_memory *memory, uint32_t raw_bytes, ufo_error *error) {
  if (raw_bytes <= memory->decoding) return UFO_OK;
  uint32_t room = room_for(raw_bytes);
  if (!replace(&memory->filtered, room)) return no_memory(raw_bytes, error);
  memory->decoding = room;
  return UFO_OK;
}

ufo_status ufo_codec_memory_encoding(ufo_codec_memory *memory, uint32_t raw_bytes, ufo_error *error) {
  ufo_status status = ufo_codec_memory_decoding(memory, raw_bytes, error);
  if (status || raw_bytes <= memory->encoding) return status;
  uint32_t room = room_for(raw_bytes);
  size_t bytes = (size_t)LZ4_compressBound((int)room);
  if (!replace(&memory->best, bytes) || !replace(&memory->trial, bytes) || !replace(&memory->differences, room) ||
      !replace(&memory->sample, room))
    return no_memory(raw_bytes, error);
  memory->encoding = room;
  return UFO_OK;
}
