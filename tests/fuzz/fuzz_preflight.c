/* The preflight over raw bytes: it never crashes, and what it accepts can be opened by LMDB, walked and written to.
 *
 * The input is a whole file, or begins with "edit": then it is a list of edits of a sound store (offset u32, length u8,
 * bytes), which gets to more depth, since a random file rarely has two good meta pages. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ufostore/ufostore.h>
#include <unistd.h>

#include "store/engine.h"
#include "store/preflight.h"
#include "util/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_MAX = 1 << 20 };

static uint8_t *base; /* a sound store */
static size_t base_bytes;
static char path[64];

typedef struct bytes {
  const uint8_t *data;
  size_t size;
} bytes;

static ufo_status read_bytes(void *source, uint64_t offset, void *buffer, size_t count, ufo_error *error) {
  const bytes *b = source;
  (void)error;
  if (offset > b->size || count > b->size - offset) return UFO_CORRUPT;
  memcpy(buffer, b->data + offset, count);
  return UFO_OK;
}

static uint64_t size_of_bytes(void *source) { return ((const bytes *)source)->size; }

static void must(bool condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "fuzz_preflight: %s\n", what);
  abort();
}

static void write_file(const uint8_t *data, size_t size) {
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  must(fd >= 0 && write(fd, data, size) == (ssize_t)size, "the scratch file cannot be written");
  close(fd);
}

/* A store with several leaves, large values and free pages. */
static void make_base(void) {
  ufo_store *store;
  ufo_txn *txn;
  ufo_error error;
  static uint8_t noise[3][9000];
  uint32_t state = 1;
  snprintf(path, sizeof path, "%s/ufo-fuzz-preflight-%d", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm",
           (int)getpid());
  unlink(path);
  must(ufo_store_open(path, NULL, &store, &error) == UFO_OK, error.message);
  for (int round = 0; round < 3; round++) {
    must(ufo_txn_begin(store, &txn, &error) == UFO_OK, error.message);
    for (int n = 0; n < 40; n++) {
      char name[24];
      snprintf(name, sizeof name, "object%02d", n);
      for (size_t k = 0; k < sizeof noise[0]; k++) noise[n % 3][k] = (uint8_t)((state = state * 1664525u + 1) >> 24);
      ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_RAW, .chunk_bytes = 4096};
      spec.length = n < 3 ? sizeof noise[0] : 8;
      must(ufo_txn_put(txn, name, &spec, noise[n % 3], &error) == UFO_OK, error.message);
    }
    must(ufo_txn_commit(txn, &error) == UFO_OK, error.message);
  }
  ufo_store_close(store);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  base = malloc(FILE_MAX);
  ssize_t got = base ? pread(fd, base, FILE_MAX, 0) : -1;
  must(got > 0 && got < FILE_MAX, "the sound store cannot be read");
  base_bytes = (size_t)got;
  close(fd);
}

static void remove_files(void) {
  char lock[80];
  snprintf(lock, sizeof lock, "%s-lock", path);
  unlink(path);
  unlink(lock);
}

/* Every entry of every table, and a search for each. */
static void read_tables(ufo_engine *engine) {
  ufo_etxn *txn;
  ufo_error error;
  ufo_engine_stat stat;
  must(ufo_engine_begin_read(engine, NULL, &txn, &error) == UFO_OK, "no read transaction");
  must(ufo_engine_get_stat(txn, &stat, &error) == UFO_OK, "no figures");
  for (int t = 0; t < UFO_TABLE_COUNT; t++) {
    ufo_cursor *cursor;
    ufo_slice key, value, found;
    uint64_t entries = 0;
    volatile uint8_t sum = 0;
    must(ufo_cursor_open(txn, (ufo_table)t, &cursor, &error) == UFO_OK, "no cursor");
    ufo_status status = ufo_cursor_seek(cursor, NULL, 0, &key, &value, &error);
    for (; status == UFO_OK; status = ufo_cursor_next(cursor, &key, &value, &error)) {
      for (size_t k = 0; k < value.bytes; k += 512) sum = (uint8_t)(sum + value.data[k]);
      must(ufo_engine_get(txn, (ufo_table)t, key.data, key.bytes, &found, &error) == UFO_OK, "a key is not found");
      must(found.data == value.data && found.bytes == value.bytes, "a search finds another entry");
      must(++entries <= stat.entries[t], "a table has more entries than it says");
    }
    must(status == UFO_END && entries == stat.entries[t], "a table has fewer entries than it says");
    ufo_cursor_close(cursor);
  }
  ufo_engine_end(txn);
}

static void write_tables(ufo_engine *engine) {
  static uint8_t value[10000];
  ufo_error error;
  for (uint8_t round = 0; round < 3; round++) {
    ufo_etxn *txn;
    ufo_status begun = ufo_engine_begin_write(engine, NULL, &txn, &error);
    if (begun == UFO_FULL) return; /* the file says that it has no transactions left */
    must(begun == UFO_OK, "no write transaction");
    for (int t = 0; t < UFO_TABLE_COUNT; t++) {
      for (uint8_t k = 0; k < 6; k++) {
        uint8_t key[9] = {(uint8_t)(k * 40), round, k, 0, 1, 2, 3, 4, 5};
        size_t length = k == 5 ? sizeof value : k * 200u;
        ufo_status status = ufo_engine_put(txn, (ufo_table)t, key, sizeof key, value, length, false, &error);
        must(status == UFO_OK, "an entry cannot be put");
      }
    }
    must(ufo_engine_commit(txn, &error) == UFO_OK, "no commit");
  }
}

static void use(const uint8_t *data, size_t size) {
  ufo_engine *engine;
  ufo_error error;
  write_file(data, size);
  ufo_engine_options options = {.writable = true, .unlocked = true, .no_sync = true, .map_bytes = UINT64_C(64) << 20};
  if (ufo_engine_open(path, &options, &engine, &error)) return; /* not all of our tables */
  read_tables(engine);
  write_tables(engine);
  read_tables(engine);
  ufo_engine_close(engine);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (ufo_preflight_file(fd, path, NULL, NULL, &error)) must(false, error.message);
  close(fd);
}

/* Applies the edits to a copy of the sound store. */
static uint8_t *edited(const uint8_t *data, size_t size) {
  uint8_t *copy = malloc(base_bytes);
  must(copy != NULL, "out of memory");
  memcpy(copy, base, base_bytes);
  while (size >= 5) {
    size_t offset = ufo_get_le32(data) % base_bytes, count = data[4] % 16;
    data += 5, size -= 5;
    if (count > size) count = size;
    if (count > base_bytes - offset) count = base_bytes - offset;
    memcpy(copy + offset, data, count);
    data += count, size -= count;
  }
  return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!base) {
    make_base();
    atexit(remove_files);
  }
  if (size > FILE_MAX) return 0;
  bool edits = size >= 4 && memcmp(data, "edit", 4) == 0;
  uint8_t *copy = edits ? edited(data + 4, size - 4) : NULL;
  bytes input = {copy ? copy : data, copy ? base_bytes : size};
  ufo_preflight_input source = {read_bytes, size_of_bytes, &input, "the input"};
  ufo_error error = {0};
  if (ufo_preflight_run(&source, NULL, NULL, &error) == UFO_OK) use(input.data, input.size);
  free(copy);
  return 0;
}
