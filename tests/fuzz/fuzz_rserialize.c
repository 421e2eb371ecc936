/* R's serialization: any bytes are strings or an error. Words of strings: any are a string inside of the text, or
 * damage; and strings that become words come back.
 *
 * Input: byte 0: 0 to 127 is the size of a block for reading the rest as a serialized vector; to 191, the rest is
 * strings between NULs, to become words; else the first half of the rest is words, and the other half text. The
 * object's bytes are a stand-in here (see CMakeLists.txt). */
#include "fuzz.h"

#include "cli/rstrings.h"

static const uint8_t *object;
static uint64_t object_bytes;

const char *__wrap_ufo_store_path(const ufo_store *store);
ufo_status __wrap_elements_read(const elements *e, uint64_t first, uint64_t count, void *buffer, ufo_error *error);

const char *__wrap_ufo_store_path(const ufo_store *store) { return store ? "?" : "store"; }

ufo_status __wrap_elements_read(const elements *e, uint64_t first, uint64_t count, void *buffer, ufo_error *error) {
  (void)e, (void)error;
  PROMISE(first <= object_bytes && count <= object_bytes - first);
  if (count) memcpy(buffer, object + first, count);
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

/* Any words, with any text: a string inside of it, or damage. */
static void decode_any(input in) {
  static guarded g;
  uint64_t words = in.left / 16, bytes = in.left - words * 8;
  const char *text = (const char *)guarded_copy(&g, in.at + words * 8, bytes);
  for (uint64_t i = 0; i < words; i++) {
    uint64_t word;
    memcpy(&word, in.at + 8 * i, sizeof word);
    ufo_string string;
    ufo_error error = {0};
    ufo_status status = ufo_text_decode(&word, text, bytes, NULL, &string, &error);
    PROMISE(status == UFO_OK || (status == UFO_CORRUPT && error.message[0]));
    unsigned sum = 0;
    for (uint64_t k = 0; status == UFO_OK && k < string.length; k++) sum += (unsigned char)string.bytes[k];
    PROMISE(status || string.bytes || (sum == 0 && string.length == 0));
  }
}

/* Strings between NULs become words, and these the strings again. */
static void round_trip(input in) {
  enum { STRINGS = 4096 };
  static uint64_t words[STRINGS];
  static const char *starts[STRINGS];
  const char *at = (const char *)in.at;
  ufo_error error = {0};
  ufo_text *text;
  unsigned count = 0;
  PROMISE(ufo_text_create(5, &text, &error) == UFO_OK);
  for (size_t i = 0, begin = 0; i < in.left && count < STRINGS; i++) {
    if (in.at[i]) continue;
    ufo_string string = {at + begin, i - begin, (ufo_encoding)(1 + count % 3)};
    starts[count] = at + begin;
    PROMISE(ufo_text_add(text, &string, &words[count++], &error) == UFO_OK);
    begin = i + 1;
  }
  for (unsigned i = 0; i < count; i++) {
    ufo_string string;
    PROMISE(ufo_text_decode(&words[i], "12345", 5, text, &string, &error) == UFO_OK);
    PROMISE(string.length == strlen(starts[i]) && memcmp(string.bytes, starts[i], string.length) == 0);
    PROMISE(string.length == 0 || (unsigned)string.encoding == 1 + i % 3);
  }
  ufo_text_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!size || size > 65536) return 0;
  input in = {data + 1, size - 1};
  uint64_t block = (uint64_t)(data[0] & 127) + 1;
  if (data[0] < 128) read_any(in, block);
  else if (data[0] < 192) round_trip(in);
  else decode_any(in);
  return 0;
}
