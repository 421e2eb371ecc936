/* R's serialization: any bytes are strings or an error; and strings that are written come back, read in small blocks.
 *
 * Input: byte 0: 0 to 127 is the size of a block for reading the rest as a serialized vector; from 128 on, the rest is
 * strings between NULs, to be written and read back. The object's bytes and the writer are stand-ins here (see
 * CMakeLists.txt). */
#include "fuzz.h"

#include "cli/rserialize.h"
#include "cli/text.h"

static const uint8_t *object;
static uint64_t object_bytes;
static uint8_t written[1 << 17];
static uint64_t written_bytes;

const char *__wrap_ufo_store_path(const ufo_store *store);
ufo_status __wrap_elements_read(const elements *e, uint64_t first, uint64_t count, void *buffer, ufo_error *error);
ufo_status __wrap_ufo_writer_write(ufo_writer *writer, const void *data, uint64_t bytes, ufo_error *error);

const char *__wrap_ufo_store_path(const ufo_store *store) { return store ? "?" : "store"; }

ufo_status __wrap_elements_read(const elements *e, uint64_t first, uint64_t count, void *buffer, ufo_error *error) {
  (void)e, (void)error;
  PROMISE(first <= object_bytes && count <= object_bytes - first);
  if (count) memcpy(buffer, object + first, count);
  return UFO_OK;
}

ufo_status __wrap_ufo_writer_write(ufo_writer *writer, const void *data, uint64_t bytes, ufo_error *error) {
  (void)writer, (void)error;
  PROMISE(bytes <= sizeof written - written_bytes);
  memcpy(written + written_bytes, data, bytes);
  written_bytes += bytes;
  return UFO_OK;
}

static const elements source = {.address = "x", .id = 1, .version = 1};

static void read_any(input in, uint64_t block) {
  object = in.at, object_bytes = in.left;
  rstrings *strings;
  ufo_error error = {0};
  ufo_status status = rstrings_open(&source, object_bytes, block, &strings, &error);
  PROMISE(status == UFO_OK || (error.code == status && error.message[0]));
  if (status) return;
  const char *text;
  size_t bytes;
  uint64_t count = 0, length = rstrings_length(strings);
  while (!(status = rstrings_next(strings, &text, &bytes, &error))) {
    count++;
    PROMISE(bytes <= 2 * object_bytes && (text || !bytes));
    for (size_t i = 0; text && i < bytes; i++) count += text[i] == 0 && i > bytes; /* read every byte */
  }
  PROMISE(status != UFO_END || count == length);
  rstrings_close(strings);
  uint64_t half = length / 2;
  PROMISE(rstrings_open(&source, object_bytes, block, &strings, &error) == UFO_OK);
  if (!rstrings_skip(strings, half, &error)) (void)!rstrings_next(strings, &text, &bytes, &error);
  rstrings_close(strings);
}

static void round_trip(input in, uint64_t block) {
  const uint8_t *at = in.at, *end = in.at + in.left;
  ufo_error error = {0};
  written_bytes = 0;
  uint64_t count = 0;
  for (size_t i = 0; i < in.left; i++) count += in.at[i] == 0;
  if (count * 8 + in.left > sizeof written - 64) return;
  PROMISE(rserialize_begin(NULL, count, &error) == UFO_OK);
  for (uint64_t i = 0; i < count; i++) {
    size_t length = strlen((const char *)at);
    PROMISE(rserialize_string(NULL, length == 1 && *at == 1 ? NULL : (const char *)at, length, &error) == UFO_OK);
    at += length + 1;
  }
  PROMISE(at <= end);
  object = written, object_bytes = written_bytes;
  rstrings *strings;
  const char *text;
  size_t bytes;
  PROMISE(rstrings_open(&source, object_bytes, block, &strings, &error) == UFO_OK);
  PROMISE(rstrings_length(strings) == count);
  at = in.at;
  for (uint64_t i = 0; i < count; i++) {
    size_t length = strlen((const char *)at);
    PROMISE(rstrings_next(strings, &text, &bytes, &error) == UFO_OK);
    if (length == 1 && *at == 1) PROMISE(!text);
    else PROMISE(text && bytes == length && !memcmp(text, at, length));
    at += length + 1;
  }
  PROMISE(rstrings_next(strings, &text, &bytes, &error) == UFO_END);
  rstrings_close(strings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!size || size > 65536) return 0;
  input in = {data + 1, size - 1};
  uint64_t block = (uint64_t)(data[0] & 127) + 1;
  if (data[0] < 128) read_any(in, block);
  else round_trip(in, block);
  return 0;
}
