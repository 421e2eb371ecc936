/* A reader and a writer made from store-format/FORMAT.md alone, with LMDB, LZ4 and XXH3 and nothing of the library:
 * the reader must find what the library stored, the library must read what the writer wrote. */
#include "fixture.h"

#include <lmdb.h>
#include <lz4.h>
#include <xxhash.h>

TestSuite(interop, .init = fixture_make, .fini = fixture_remove, .timeout = 60);

enum { META, NAMES, OBJECTS, ATTRIBUTES, MAP, BLOBS, REFS, STAGED, GARBAGE, SNAPSHOTS, TABLES };
static const char *const table_names[TABLES] = {"meta",  "names", "objects", "attributes", "map",
                                                "blobs", "refs",  "staged",  "garbage",    "snapshots"};

typedef struct file {
  MDB_env *env;
  MDB_txn *txn;
  MDB_dbi tables[TABLES];
} file;

static void file_open(file *f, const char *path, int write) {
  cr_assert_eq(mdb_env_create(&f->env), 0);
  mdb_env_set_maxdbs(f->env, TABLES);
  mdb_env_set_mapsize(f->env, UINT64_C(1) << 30);
  cr_assert_eq(mdb_env_open(f->env, path, MDB_NOSUBDIR | (write ? 0 : MDB_RDONLY), 0600), 0);
  cr_assert_eq(mdb_txn_begin(f->env, NULL, write ? 0 : MDB_RDONLY, &f->txn), 0);
  for (int t = 0; t < TABLES; t++)
    cr_assert_eq(mdb_dbi_open(f->txn, table_names[t], write ? MDB_CREATE : 0, &f->tables[t]), 0, "no table '%s'",
                 table_names[t]);
}

static void file_close(file *f, int commit) {
  if (commit) cr_assert_eq(mdb_txn_commit(f->txn), 0);
  else mdb_txn_abort(f->txn);
  mdb_env_close(f->env);
}

static void put_big(uint8_t *at, uint64_t value) {
  for (int i = 0; i < 8; i++) at[i] = (uint8_t)(value >> (56 - 8 * i));
}

static uint64_t get_big(const uint8_t *at) {
  uint64_t value = 0;
  for (int i = 0; i < 8; i++) value = value << 8 | at[i];
  return value;
}

static uint64_t get(const uint8_t *at, int bytes) {
  uint64_t value = 0;
  for (int i = bytes - 1; i >= 0; i--) value = value << 8 | at[i];
  return value;
}

static void put(uint8_t *at, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> (8 * i));
}

/* ---- the filters of section 8 --------------------------------------------------------------------------------------
 */

static void shuffle(uint8_t *to, const uint8_t *from, size_t bytes, size_t width, int back) {
  size_t m = bytes / width;
  for (size_t p = 0; p < width; p++)
    for (size_t u = 0; u < m; u++) {
      if (back) to[u * width + p] = from[p * m + u];
      else to[p * m + u] = from[u * width + p];
    }
  memcpy(to + m * width, from + m * width, bytes - m * width);
}

static void delta(uint8_t *values, size_t bytes, int width, int back) {
  size_t m = bytes / (size_t)width;
  for (size_t k = 1; k < m; k++) {
    size_t u = back ? k : m - k;
    uint8_t *at = values + u * (size_t)width;
    uint64_t previous = get(at - width, width), now = get(at, width);
    put(at, back ? now + previous : now - previous, width);
  }
}

static uint64_t seal_of(int table, const void *key, size_t key_bytes, const void *content, size_t bytes) {
  uint64_t seed = XXH3_64bits_withSeed(key, key_bytes, (uint64_t)table + 1);
  return XXH3_64bits_withSeed(content, bytes, seed);
}

static char superblock_key[] = "superblock";

/* ---- reader --------------------------------------------------------------------------------------------------------
 */

/* Content of a sealed record, whose seal is checked; *bytes_out without the seal. */
static const uint8_t *record_at(int table, MDB_val key, MDB_val value, size_t *bytes_out) {
  cr_assert_geq(value.mv_size, 8);
  *bytes_out = value.mv_size - 8;
  const uint8_t *data = value.mv_data;
  cr_assert_eq(get(data + *bytes_out, 8), seal_of(table, key.mv_data, key.mv_size, data, *bytes_out),
               "the seal of a record of '%s' does not hold", table_names[table]);
  return data;
}

static void decode(file *f, const uint8_t *entry, size_t entry_bytes, uint8_t *target, uint64_t raw) {
  cr_assert_eq(entry[0], 1);
  uint8_t codec = entry[1], width = entry[2], in_entry = entry[3];
  uint64_t stored = get(entry + 8, 4), blob = get(entry + 24, 8);
  cr_assert_eq(get(entry + 4, 4), raw);
  cr_assert_eq(entry_bytes, 56u + in_entry);
  cr_assert_eq(blob == 0, stored == 0);
  uint8_t key_bytes[8], *buffer = malloc(raw + 1);
  MDB_val key = {8, key_bytes}, value = {0};
  if (blob) {
    put_big(key_bytes, blob);
    cr_assert_eq(mdb_get(f->txn, f->tables[BLOBS], &key, &value), 0);
    cr_assert_eq(value.mv_size, stored);
  }
  switch (codec) {
  case 0:
    memset(target, 0, raw);
    break;
  case 1:
    for (uint64_t i = 0; i < raw; i++) target[i] = entry[56 + i % in_entry];
    break;
  case 2:
    cr_assert_eq(stored + in_entry, raw);
    memcpy(target, value.mv_data, stored);
    memcpy(target + stored, entry + 56, in_entry);
    break;
  case 3:
    cr_assert_eq(LZ4_decompress_safe(value.mv_data, (char *)target, (int)stored, (int)raw), (int)raw);
    break;
  case 4:
  case 5:
    cr_assert_eq(LZ4_decompress_safe(value.mv_data, (char *)buffer, (int)stored, (int)raw), (int)raw);
    shuffle(target, buffer, raw, width, 1);
    if (codec == 5) delta(target, raw, width, 1);
    break;
  default:
    cr_assert_fail("codec %u", codec);
  }
  cr_assert_eq(XXH3_64bits(target, raw), get(entry + 16, 8), "the hash of the raw bytes");
  free(buffer);
}

/* The current version of an object, by section 4 to 8; codecs seen are marked in *codecs. */
static uint8_t *read_object(file *f, const char *name, uint64_t *bytes_out, int codecs[6]) {
  MDB_val key = {strlen(name), (void *)(uintptr_t)name}, value;
  size_t n;
  cr_assert_eq(mdb_get(f->txn, f->tables[NAMES], &key, &value), 0, "no name '%s'", name);
  const uint8_t *record = record_at(NAMES, key, value, &n);
  cr_assert_eq(n, 16);
  uint64_t id = get(record, 8), not_version, length, chunk_bytes, element_bytes;
  uint8_t place[24] = {0};
  put_big(place, id);
  key = (MDB_val){16, place};
  MDB_cursor *cursor;
  cr_assert_eq(mdb_cursor_open(f->txn, f->tables[OBJECTS], &cursor), 0);
  cr_assert_eq(mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE), 0); /* the newest sorts first */
  cr_assert(key.mv_size == 16 && get_big(key.mv_data) == id);
  not_version = get_big((const uint8_t *)key.mv_data + 8);
  record = record_at(OBJECTS, key, value, &n);
  cr_assert_eq(n, 136);
  element_bytes = get(record + 4, 4), length = get(record + 8, 8), chunk_bytes = get(record + 16, 4);
  uint64_t in_force = get(record + 24, 8), seen = 0, bytes = length * element_bytes;
  mdb_cursor_close(cursor);
  uint8_t *body = calloc(bytes + 1, 1);
  cr_assert_eq(mdb_cursor_open(f->txn, f->tables[MAP], &cursor), 0);
  for (uint64_t chunk = 0; chunk * chunk_bytes < bytes; chunk++) {
    uint64_t at = chunk * chunk_bytes, raw = bytes - at < chunk_bytes ? bytes - at : chunk_bytes;
    put_big(place, id);
    put_big(place + 8, chunk);
    put_big(place + 16, not_version);
    key = (MDB_val){24, place};
    if (mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE) != 0) continue;
    const uint8_t *found = key.mv_data;
    if (get_big(found) != id || get_big(found + 8) != chunk) continue;
    const uint8_t *entry = record_at(MAP, key, value, &n);
    decode(f, entry, n, body + at, raw);
    codecs[entry[1]]++;
    seen++;
  }
  mdb_cursor_close(cursor);
  cr_assert_eq(seen, in_force);
  *bytes_out = bytes;
  return body;
}

Test(interop, an_independent_reader) {
  enum { LENGTH = 60000 };
  char *path = in_folder("s.ufo");
  ufo_store *store = open_store(path);
  uint8_t *contents[EVERY_TYPE];
  for (size_t t = 0; t < EVERY_TYPE; t++) {
    uint32_t element = every_type[t].element_bytes;
    contents[t] = malloc(LENGTH * element);
    fill_values(every_type[t].type, element, t + 5, LENGTH, contents[t]);
    put_now(store, ufo_type_name(every_type[t].type), spec_of(every_type[t].type, element, LENGTH, 16384), contents[t]);
  }
  for (int round = 0; round < 3; round++) { /* later versions of parts */
    memset(contents[2] + round * 50000, round, 3000 * 8);
    write_now(store, "double", (uint64_t)round * 6250, 3000, contents[2] + round * 50000);
  }
  ufo_store_close(store);
  file f;
  file_open(&f, path, 0);
  MDB_val key = {10, superblock_key}, value;
  size_t n;
  cr_assert_eq(mdb_get(f.txn, f.tables[META], &key, &value), 0);
  const uint8_t *superblock = record_at(META, key, value, &n);
  cr_assert_eq(n, 96);
  cr_assert_eq(memcmp(superblock, "ufostore store\n", 16), 0);
  cr_assert_eq(get(superblock + 16, 2), 1);
  cr_assert_eq(get(superblock + 64, 8), UINT64_C(0x0102030405060708));
  int codecs[6] = {0};
  for (size_t t = 0; t < EVERY_TYPE; t++) {
    uint64_t bytes;
    uint8_t *body = read_object(&f, ufo_type_name(every_type[t].type), &bytes, codecs);
    cr_assert_eq(bytes, (uint64_t)LENGTH * every_type[t].element_bytes);
    cr_assert_eq(memcmp(body, contents[t], bytes), 0, "type %s", ufo_type_name(every_type[t].type));
    free(body);
    free(contents[t]);
  }
  for (int c = 0; c < 6; c++) cr_expect_gt(codecs[c], 0, "codec %d was not exercised", c);
  file_close(&f, 0);
}

/* ---- writer --------------------------------------------------------------------------------------------------------
 */

static void put_sealed(file *f, int table, const void *key_bytes, size_t key_size, const void *content, size_t bytes) {
  uint8_t *sealed = malloc(bytes + 8);
  memcpy(sealed, content, bytes);
  put(sealed + bytes, seal_of(table, key_bytes, key_size, content, bytes), 8);
  MDB_val key = {key_size, (void *)(uintptr_t)key_bytes}, value = {bytes + 8, sealed};
  cr_assert_eq(mdb_put(f->txn, f->tables[table], &key, &value, 0), 0);
  free(sealed);
}

/* Writes one chunk of integers with a given codec; returns its stored length. */
static uint64_t write_chunk(file *f, uint64_t id, uint64_t chunk, uint64_t blob, uint8_t codec, const void *raw,
                            uint32_t bytes) {
  uint8_t entry[72] = {1, codec, codec >= 4 ? 4 : 1}, key[24], *filtered = malloc(bytes), *work = malloc(bytes);
  char *packed = malloc((size_t)LZ4_compressBound((int)bytes));
  const void *stored = packed;
  int n = 0;
  memcpy(work, raw, bytes);
  if (codec == 5) delta(work, bytes, 4, 0);
  if (codec >= 4) shuffle(filtered, work, bytes, 4, 0);
  else memcpy(filtered, work, bytes);
  if (codec >= 3) n = LZ4_compress_default((char *)filtered, packed, (int)bytes, LZ4_compressBound((int)bytes));
  if (codec == 2) n = (int)bytes, stored = raw;
  if (codec == 1) {
    entry[3] = 4;
    memcpy(entry + 56, raw, 4);
  }
  put(entry + 4, bytes, 4);
  put(entry + 8, (uint64_t)n, 4);
  put(entry + 16, XXH3_64bits(raw, bytes), 8);
  if (n) {
    put(entry + 24, blob, 8);
    uint8_t blob_key[8];
    put_big(blob_key, blob);
    MDB_val k = {8, blob_key}, v = {(size_t)n, (void *)(uintptr_t)stored};
    cr_assert_eq(mdb_put(f->txn, f->tables[BLOBS], &k, &v, 0), 0);
  }
  put_big(key, id);
  put_big(key + 8, chunk);
  put_big(key + 16, ~UINT64_C(1));
  put_sealed(f, MAP, key, 24, entry, 56u + entry[3]);
  free(filtered), free(work), free(packed);
  return (uint64_t)n;
}

static int copy_snapshot(void *user, const ufo_snapshot_info *info) {
  *(ufo_snapshot_info *)user = *info;
  return 0;
}

Test(interop, an_independent_writer) {
  enum { CHUNK = 4096, PER = CHUNK / 4, CHUNKS = 7, LENGTH = CHUNKS * PER - 24, ID = 3 };
  int32_t values[LENGTH] = {0}; /* chunk 0 is zero, 6 has no entry */
  for (int i = PER; i < 6 * PER; i++) {
    int chunk = i / PER;
    values[i] = chunk == 1   ? 77
                : chunk == 2 ? (int32_t)mix((uint64_t)i)
                : chunk == 3 ? (int32_t)(mix((uint64_t)i) % 3)
                             : i;
  }
  char *path = in_folder("hand.ufo");
  file f;
  file_open(&f, path, 1);
  uint8_t superblock[96] = "ufostore store\n", counters[32] = {0}, record[128] = {0}, key[16], id[8];
  put(superblock + 16, 1, 2);
  put(superblock + 20, 65536, 4);
  memset(superblock + 48, 0x5A, 16);
  put(superblock + 64, UINT64_C(0x0102030405060708), 8);
  put_sealed(&f, META, "superblock", 10, superblock, 96);
  put(counters, ID + 1, 8);
  put(counters + 8, 100, 8);
  put(counters + 16, 1, 8);
  put(counters + 24, 1, 8);
  put_sealed(&f, META, "counters", 8, counters, 32);
  put(id, ID, 8);
  put_sealed(&f, NAMES, "fare", 4, id, 8);
  uint64_t stored = 0;
  for (uint64_t c = 0; c < 6; c++) stored += write_chunk(&f, ID, c, 10 + c, (uint8_t)c, values + c * PER, CHUNK);
  record[0] = 2;
  put(record + 4, 4, 4);
  put(record + 8, LENGTH, 8);
  put(record + 16, CHUNK, 4);
  put(record + 24, 6, 8);
  put(record + 32, 6, 8);
  put(record + 40, stored, 8);
  for (int c = 0; c < 6; c++) put(record + 48 + 8 * c, 1, 8);
  put(record + 112, 1, 8);
  put(record + 120, 1, 8);
  put_big(key, ID);
  put_big(key + 8, ~UINT64_C(1));
  put_sealed(&f, OBJECTS, key, 16, record, 128);
  file_close(&f, 1);
  remove(in_folder("hand.ufo-lock"));

  ufo_store *store = open_store(path);
  cr_assert_eq(info_of(store, NULL, "fare").version, 1);
  assert_content(store, NULL, "fare", values, LENGTH * 4);
  assert_sound(store);
  /* Its records say nothing of generations: a snapshot has them all. */
  ufo_snapshot_info listed = {0};
  OK(ufo_snapshot_list(store, copy_snapshot, &listed, &error));
  cr_assert_eq(listed.generation, 0);
  OK(ufo_snapshot_create(store, "of 1.0", &error));
  int32_t before = values[5000];
  values[5000] = 1;
  write_now(store, "fare", 5000, 1, values + 5000);
  ufo_txn *txn = begin(store);
  OK(ufo_txn_rename(txn, "fare", "renamed", &error));
  OK(ufo_txn_commit(txn, &error));
  remove_now(store, "renamed");
  let_it_reclaim(store);
  OK(ufo_snapshot_list(store, copy_snapshot, &listed, &error));
  cr_assert_eq(listed.objects, 1);
  cr_assert_eq(listed.held_bytes, stored);
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY, .snapshot = "of 1.0"};
  ufo_store *at;
  OK(ufo_store_open(path, &options, &at, &error));
  int32_t after = values[5000];
  values[5000] = before;
  assert_content(at, NULL, "fare", values, LENGTH * 4);
  assert_sound(store);
  ufo_store_close(at);
  OK(ufo_snapshot_remove(store, "of 1.0", &error));
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, 0);
  values[5000] = after;
  put_now(store, "fare", spec_of(UFO_INTEGER, 0, LENGTH, 0), values);
  put_now(store, "more", spec_of(UFO_INTEGER, 0, LENGTH, 0), values);
  assert_content(store, NULL, "fare", values, LENGTH * 4);
  cr_assert_gt(info_of(store, NULL, "more").id, ID);
  assert_sound(store);
  ufo_store_close(store);
}

/* A newer major version, or a feature that this library does not know, is refused with a reason. */
static void alter(const char *path, int offset, uint64_t content, int bytes) {
  file f;
  uint8_t superblock[96];
  size_t n;
  file_open(&f, path, 1);
  MDB_val key = {10, superblock_key}, value;
  cr_assert_eq(mdb_get(f.txn, f.tables[META], &key, &value), 0);
  memcpy(superblock, record_at(META, key, value, &n), 96);
  put(superblock + offset, content, bytes);
  put_sealed(&f, META, "superblock", 10, superblock, 96);
  file_close(&f, 1);
}

Test(interop, versions_and_features) {
  static const struct {
    int offset, bytes;
    uint64_t content;
    ufo_status read_write, read_only;
  } cases[] = {
      {16, 2, 2, UFO_UNSUPPORTED, UFO_UNSUPPORTED},                 /* major */
      {18, 2, 7, UFO_OK, UFO_OK},                                   /* minor */
      {24, 8, 1, UFO_OK, UFO_OK},                                   /* compat */
      {40, 8, UINT64_C(1) << 40, UFO_UNSUPPORTED, UFO_UNSUPPORTED}, /* incompat */
      {64, 8, UINT64_C(0x0807060504030201), -99, -99},              /* endian tag */
  };
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    char *path = in_folder("v.ufo");
    remove(path);
    remove(in_folder("v.ufo-lock"));
    ufo_store *store = open_store(path);
    put_now(store, "x", spec_of(UFO_RAW, 0, 1, 0), "x");
    ufo_store_close(store);
    alter(path, cases[c].offset, cases[c].content, cases[c].bytes);
    for (int mode = UFO_OPEN_READ_ONLY; mode <= UFO_OPEN_READ_WRITE; mode++) {
      ufo_store_options options = {.struct_size = sizeof options, .mode = (ufo_open_mode)mode};
      ufo_status expected = mode == UFO_OPEN_READ_ONLY ? cases[c].read_only : cases[c].read_write;
      ufo_status status = ufo_store_open(path, &options, &store, &error);
      if (expected == -99) cr_assert_neq(status, UFO_OK, "case %zu", c);
      else cr_assert_eq(status, expected, "case %zu gave %s: %s", c, ufo_status_name(status), error.message);
      if (status == UFO_OK) ufo_store_close(store);
    }
  }
}

static void superblock_says(const char *path, uint64_t minor, uint64_t incompat) {
  file f;
  size_t n;
  file_open(&f, path, 0);
  MDB_val key = {10, superblock_key}, value;
  cr_assert_eq(mdb_get(f.txn, f.tables[META], &key, &value), 0);
  const uint8_t *superblock = record_at(META, key, value, &n);
  cr_assert_eq(get(superblock + 18, 2), minor);
  cr_assert_eq(get(superblock + 40, 8), incompat);
  file_close(&f, 0);
}

/* Older releases can read a store until there is something in it that they would not understand. */
Test(interop, a_feature_is_named_once_it_is_needed) {
  char *path = in_folder("v.ufo");
  uint8_t noise[4096], zeros[4096] = {0};
  for (size_t i = 0; i < sizeof noise; i++) noise[i] = (uint8_t)mix(i);
  ufo_store *store = open_store(path);
  put_now(store, "short", spec_of(UFO_RAW, 0, 4080, 4096), noise);
  put_now(store, "zero", spec_of(UFO_RAW, 0, 4096, 4096), zeros);
  ufo_store_close(store);
  superblock_says(path, 1, 1);
  store = open_store(path);
  put_now(store, "noise", spec_of(UFO_RAW, 0, 4096, 4096), noise);
  ufo_store_close(store);
  superblock_says(path, 2, 3);
  store = open_store(path);
  remove_now(store, "noise");
  OK(ufo_store_compact(store, in_folder("c.ufo"), &error));
  ufo_store_close(store);
  superblock_says(path, 2, 3);
  superblock_says(in_folder("c.ufo"), 2, 3);
}

/* Unknown ro_compat features: read-only works; a handle that was opened read-write cannot write. */
Test(interop, read_only_features) {
  char *path = in_folder("v.ufo");
  ufo_store *store = open_store(path);
  put_now(store, "x", spec_of(UFO_RAW, 0, 1, 0), "x");
  ufo_store_close(store);
  alter(path, 32, 1, 8);
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  OK(ufo_store_open(path, &options, &store, &error));
  assert_content(store, NULL, "x", "x", 1);
  ufo_store_close(store);
  if (ufo_store_open(path, NULL, &store, &error) == UFO_OK) {
    ufo_txn *txn = NULL;
    cr_assert_neq(ufo_txn_begin(store, &txn, &error), UFO_OK);
    ufo_store_close(store);
  }
}
