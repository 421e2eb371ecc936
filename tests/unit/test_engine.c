/* The key/value engine: tables, cursors, snapshots, large values, writers that fail; and the look at a file before it
 * is mapped. */
#include "fixture.h"

#include <fcntl.h>

#include "os/memory.h"
#include "store/engine.h"

static ufo_engine *engine;

static void make(void) {
  fixture_make();
  ufo_engine_options options = {.writable = true, .create = true, .permissions = 0600, .map_bytes = 64 << 20};
  OK(ufo_engine_open(in_folder("e"), &options, &engine, &error));
  ufo_etxn *txn; /* as in every store, a first record by which the engine finds its memory map */
  OK(ufo_engine_begin_write(engine, NULL, &txn, &error));
  OK(ufo_engine_put(txn, UFO_TABLE_META, "first", 5, "0123456789abcdef", 16, false, &error));
  OK(ufo_engine_commit(txn, &error));
  ufo_engine_close(engine);
  options = (ufo_engine_options){.writable = true, .map_bytes = 64 << 20};
  OK(ufo_engine_open(in_folder("e"), &options, &engine, &error));
}

static void end(void) {
  ufo_engine_close(engine);
  fixture_remove();
}

TestSuite(engine, .init = make, .fini = end, .timeout = 30);

static void put(const char *key, const void *value, size_t bytes) {
  ufo_etxn *txn;
  OK(ufo_engine_begin_write(engine, NULL, &txn, &error));
  OK(ufo_engine_put(txn, UFO_TABLE_BLOBS, key, strlen(key), value, bytes, false, &error));
  OK(ufo_engine_commit(txn, &error));
}

Test(engine, a_reader_keeps_its_state) {
  put("a", "one", 3);
  ufo_etxn *before, *after;
  ufo_slice value;
  OK(ufo_engine_begin_read(engine, NULL, &before, &error));
  put("a", "two!", 4);
  OK(ufo_engine_begin_read(engine, NULL, &after, &error));
  OK(ufo_engine_get(before, UFO_TABLE_BLOBS, "a", 1, &value, &error));
  cr_assert(value.bytes == 3 && memcmp(value.data, "one", 3) == 0);
  OK(ufo_engine_get(after, UFO_TABLE_BLOBS, "a", 1, &value, &error));
  cr_assert(value.bytes == 4 && memcmp(value.data, "two!", 4) == 0);
  cr_assert_eq(ufo_engine_get(after, UFO_TABLE_BLOBS, "b", 1, &value, &error), UFO_MISSING);
  ufo_engine_end(before);
  ufo_engine_end(after);
}

Test(engine, an_ended_writer_leaves_nothing) {
  ufo_etxn *txn;
  ufo_slice value;
  OK(ufo_engine_begin_write(engine, NULL, &txn, &error));
  OK(ufo_engine_put(txn, UFO_TABLE_MAP, "a", 1, "x", 1, false, &error));
  ufo_engine_end(txn);
  OK(ufo_engine_begin_read(engine, NULL, &txn, &error));
  cr_assert_eq(ufo_engine_get(txn, UFO_TABLE_MAP, "a", 1, &value, &error), UFO_MISSING);
  ufo_engine_end(txn);
}

/* Two to a page of the tree. */
static void put_many(int count) {
  static const uint8_t value[1900];
  ufo_etxn *txn;
  OK(ufo_engine_begin_write(engine, NULL, &txn, &error));
  for (int i = 0; i < count; i++) {
    uint8_t key[4] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 0};
    OK(ufo_engine_put(txn, UFO_TABLE_BLOBS, key, sizeof key, value, sizeof value, false, &error));
  }
  OK(ufo_engine_commit(txn, &error));
}

static void walk_all(void) {
  ufo_etxn *txn;
  ufo_cursor *cursor;
  ufo_slice key, value;
  OK(ufo_engine_begin_read(engine, NULL, &txn, &error));
  OK(ufo_cursor_open(txn, UFO_TABLE_BLOBS, &cursor, &error));
  ufo_status status = ufo_cursor_seek(cursor, "", 0, &key, &value, &error);
  while (status == UFO_OK) status = ufo_cursor_next(cursor, &key, &value, &error);
  cr_assert_eq(status, UFO_END);
  ufo_cursor_close(cursor);
  ufo_engine_end(txn);
}

/* Else each of them faults in again what it needs. */
Test(engine, small_commits_keep_a_small_file_mapped) {
  enum { COMMITS = 200, NOTICED = 512 * 1024 };
  put_many(1500);
  int drops = 0;
  for (int i = 0; i < COMMITS; i++) {
    walk_all();
    uint64_t before = ufo_memory_mapped_file_bytes();
    put("\x01\x02\x03", &i, sizeof i);
    drops += ufo_memory_mapped_file_bytes() + NOTICED < before;
  }
  cr_assert_gt(ufo_memory_mapped_file_bytes(), 0);
  cr_assert_leq(drops, COMMITS / 10);
}

Test(engine, a_walk_leaves_little_of_a_large_file_mapped) {
  put_many(12000); /* at least 24 MB */
  uint64_t before = ufo_memory_mapped_file_bytes();
  for (int i = 0; i < 3; i++) {
    walk_all();
    cr_assert_leq(ufo_memory_mapped_file_bytes(), before + (20 << 20));
  }
}

/* Values below, at and above the size where they leave the B-tree; read by a reader and by their own writer. */
Test(engine, values_of_all_sizes) {
  static const size_t sizes[] = {1, 2000, 2030, 2047, 2048, 2049, 4080, 4081, 65536, 1000000};
  uint8_t *bytes = malloc(1000000), *back = malloc(1000000);
  for (size_t i = 0; i < 1000000; i++) bytes[i] = (uint8_t)mix(i);
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    ufo_etxn *txn;
    uint8_t key = (uint8_t)s;
    OK(ufo_engine_begin_write(engine, NULL, &txn, &error));
    OK(ufo_engine_put(txn, UFO_TABLE_BLOBS, &key, 1, bytes, sizes[s], true, &error));
    OK(ufo_engine_read(txn, UFO_TABLE_BLOBS, &key, 1, back, sizes[s], &error));
    cr_assert_eq(memcmp(bytes, back, sizes[s]), 0);
    OK(ufo_engine_commit(txn, &error));
    OK(ufo_engine_begin_read(engine, NULL, &txn, &error));
    memset(back, 0, sizes[s]);
    OK(ufo_engine_read(txn, UFO_TABLE_BLOBS, &key, 1, back, sizes[s], &error));
    cr_assert_eq(memcmp(bytes, back, sizes[s]), 0, "%zu bytes", sizes[s]);
    FAILS(UFO_CORRUPT, ufo_engine_read(txn, UFO_TABLE_BLOBS, &key, 1, back, sizes[s] + 1, &error));
    ufo_engine_end(txn);
  }
  free(bytes), free(back);
}

/* A value that is behind the end of a file cut short is an error, not a SIGBUS. */
Test(engine, a_large_value_behind_the_end) {
  uint8_t *bytes = calloc(1, 1000000);
  put("a", bytes, 1000000);
  ufo_etxn *txn;
  OK(ufo_engine_begin_read(engine, NULL, &txn, &error));
  uint64_t size = size_of_file(in_folder("e"));
  ufo_slice value; /* the way to it is in memory already */
  OK(ufo_engine_get(txn, UFO_TABLE_BLOBS, "a", 1, &value, &error));
  cr_assert_eq(truncate(in_folder("e"), (off_t)size - 500000), 0);
  FAILS(UFO_CORRUPT, ufo_engine_read(txn, UFO_TABLE_BLOBS, "a", 1, bytes, 1000000, &error));
  cr_assert_eq(truncate(in_folder("e"), (off_t)size), 0);
  OK(ufo_engine_read(txn, UFO_TABLE_BLOBS, "a", 1, bytes, 1000000, &error));
  ufo_engine_end(txn);
  free(bytes);
}

Test(engine, cursors_walk_and_delete) {
  ufo_etxn *txn;
  ufo_cursor *cursor, *second;
  ufo_slice key, value;
  OK(ufo_engine_begin_write(engine, NULL, &txn, &error));
  for (int i = 0; i < 1000; i++) {
    uint8_t name[2] = {(uint8_t)(i >> 8), (uint8_t)i};
    OK(ufo_engine_put(txn, UFO_TABLE_MAP, name, 2, name, 2, i > 0, &error));
  }
  OK(ufo_cursor_open(txn, UFO_TABLE_MAP, &cursor, &error));
  ufo_status status = ufo_cursor_seek(cursor, NULL, 0, &key, &value, &error);
  for (int i = 0; i < 1000; i++) { /* every second one goes */
    cr_assert_eq(status, UFO_OK);
    cr_assert_eq(key.data[0] << 8 | key.data[1], i);
    if (i % 2) OK(ufo_cursor_delete(cursor, &error));
    status = ufo_cursor_next(cursor, &key, &value, &error);
  }
  cr_assert_eq(status, UFO_END);
  ufo_cursor_close(cursor);
  OK(ufo_engine_commit(txn, &error));
  OK(ufo_engine_begin_read(engine, NULL, &txn, &error));
  OK(ufo_cursor_open(txn, UFO_TABLE_MAP, &cursor, &error));
  OK(ufo_cursor_open(txn, UFO_TABLE_MAP, &second, &error));
  OK(ufo_cursor_seek(cursor, "\0\x07", 2, &key, &value, &error));
  OK(ufo_cursor_seek(second, "\1", 1, &key, &value, &error));
  OK(ufo_cursor_next(cursor, &key, &value, &error));
  cr_assert_eq(key.data[1], 10);
  ufo_cursor_close(second);
  ufo_cursor_close(cursor);
  uint64_t entries;
  OK(ufo_engine_get_entries(txn, UFO_TABLE_MAP, &entries, &error));
  cr_assert_eq(entries, 500);
  ufo_engine_end(txn);
}

/* The address space runs out: an error, and the engine goes on. */
Test(engine, full_map) {
  uint8_t *bytes = calloc(1, 40 << 20);
  put("a", bytes, 40 << 20);
  ufo_etxn *txn;
  OK(ufo_engine_begin_write(engine, NULL, &txn, &error));
  FAILS(UFO_FULL, ufo_engine_put(txn, UFO_TABLE_BLOBS, "b", 1, bytes, 40 << 20, false, &error));
  ufo_engine_end(txn);
  put("c", "small", 5);
  free(bytes);
}

/* ---- preflight --------------------------------------------------------------------------------------------------- */

static ufo_status preflight(void) {
  int fd = open(in_folder("e"), O_RDONLY);
  error = (ufo_error){0};
  ufo_status status = ufo_engine_preflight(fd, in_folder("e"), &error);
  close(fd);
  return status;
}

static void patch(off_t at, const void *bytes, size_t n) {
  int fd = open(in_folder("e"), O_WRONLY);
  cr_assert_eq(pwrite(fd, bytes, n, at), (ssize_t)n);
  close(fd);
}

Test(engine, preflight_reads_the_header) {
  cr_assert_eq(preflight(), UFO_OK);
  static const uint32_t newer = 2, zero = 0, one = 1, odd = 4095, magic = 0xBEEFC0DE;
  patch(20, &newer, 4);
  cr_assert_eq(preflight(), UFO_UNSUPPORTED);
  cr_assert(strstr(error.message, "version 2"), "%s", error.message);
  patch(20, &one, 4);
  patch(40, &zero, 4); /* CVE-2019-16228 */
  cr_assert_eq(preflight(), UFO_CORRUPT);
  patch(40, &odd, 4);
  cr_assert_eq(preflight(), UFO_CORRUPT);
  patch(40, &(uint32_t){4096}, 4);
  patch(4096 + 40, &zero, 4);
  cr_assert_eq(preflight(), UFO_CORRUPT);
  patch(4096 + 40, &(uint32_t){4096}, 4);
  patch(4096 + 16, &zero, 4);
  cr_assert_eq(preflight(), UFO_CORRUPT);
  patch(4096 + 16, &magic, 4);
  cr_assert_eq(preflight(), UFO_OK);
}

Test(engine, preflight_names_both_sizes) {
  uint64_t size = size_of_file(in_folder("e"));
  for (uint64_t cut = 1; cut < size; cut += 1361) {
    cr_assert_eq(truncate(in_folder("e"), (off_t)(size - cut)), 0);
    cr_assert_eq(preflight(), UFO_CORRUPT, "cut by %" PRIu64, cut);
    break;
  }
  char text[32];
  snprintf(text, sizeof text, "%" PRIu64, size - 1);
  cr_assert(strstr(error.message, text), "%s", error.message);
  static const off_t sizes[] = {1, 100, 4095, 4096, 4200, 8191, 8192};
  for (int i = 6; i >= 0; i--) {
    cr_assert_eq(truncate(in_folder("e"), sizes[i]), 0);
    cr_assert_eq(preflight(), UFO_CORRUPT, "%lld bytes", (long long)sizes[i]);
  }
}
