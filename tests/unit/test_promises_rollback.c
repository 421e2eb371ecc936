/* Old bytes that are sound: a page of the file, or a record, as an earlier commit left it (a write that the disk
 * acknowledged and lost, a page restored from elsewhere).
 *
 * Nothing in such bytes is wrong by itself, so this is where seals end: PROMISES.md says so. What holds all the same: a
 * value that is returned was stored at that place of that object by some commit, never anything else; a blob, a map
 * entry or a record of an object never stands for another; and verify sees what is missing beside what is old. */
#include "fixture.h"

#include <fcntl.h>
#include <lmdb.h>

enum { CHUNK = 4096, PER_CHUNK = CHUNK / 8, CHUNKS = 150, LENGTH = CHUNKS * PER_CHUNK, GENERATIONS = 8, PAGE = 4096 };

TestSuite(promises_rollback, .init = fixture_make, .fini = fixture_remove, .timeout = 1700);

/* Chunk c of generation g was written by the last generation up to g that wrote it; each value says which. */
static uint64_t written_by(uint64_t g, uint64_t c) {
  while (g > 1 && c % 7 != g % 7) g--;
  return g;
}
static uint64_t value(uint64_t g, uint64_t i) { return mix(i * 64 + g) << 8 | g; }

static uint8_t *images[GENERATIONS + 1];
static uint64_t sizes[GENERATIONS + 1];

static void keep_image(const char *path, int g) {
  sizes[g] = size_of_file(path);
  images[g] = malloc(sizes[g]);
  int file = open(path, O_RDONLY);
  cr_assert_eq(pread(file, images[g], sizes[g], 0), (ssize_t)sizes[g]);
  close(file);
}

static void build(const char *path) {
  static uint64_t values[LENGTH];
  ufo_store *store = open_store(path);
  for (uint64_t g = 1; g <= GENERATIONS; g++) {
    ufo_txn *txn = begin(store);
    ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, LENGTH, CHUNK);
    for (uint64_t i = 0; i < LENGTH; i++) values[i] = value(g, i);
    if (g == 1) OK(ufo_txn_put(txn, "x", &spec, values, &error));
    for (uint64_t c = 0; c < CHUNKS && g > 1; c++)
      if (written_by(g, c) == g) OK(ufo_txn_write(txn, "x", c * PER_CHUNK, PER_CHUNK, values + c * PER_CHUNK, &error));
    OK(ufo_txn_commit(txn, &error));
    if (g == 2) OK(ufo_snapshot_create(store, "kept", &error)); /* old entries stay beside the new ones */
    keep_image(path, (int)g);
  }
  ufo_store_close(store);
}

enum outcome { ALL_RIGHT, REPORTED, OLD_REPORTED, OLD_SILENT, FOREIGN };

static int inspect(void *path) {
  static uint64_t back[LENGTH];
  ufo_store *store;
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  if (ufo_store_open(path, &options, &store, &error) != UFO_OK) return REPORTED;
  int refused = 0, old = 0;
  for (uint64_t c = 0; c < CHUNKS; c++) {
    if (ufo_store_read(store, NULL, "x", 0, c * PER_CHUNK, PER_CHUNK, back, &error) != UFO_OK) {
      refused = 1;
      continue;
    }
    uint64_t g = back[0] & 255;
    if (g < 1 || g > GENERATIONS) return FOREIGN;
    for (uint64_t i = 0; i < PER_CHUNK; i++)
      if (back[i] != value(g, c * PER_CHUNK + i)) return FOREIGN;
    if (g != written_by(GENERATIONS, c)) old = 1;
  }
  int sound = ufo_store_verify(store, NULL, NULL, NULL, &error) == UFO_OK;
  ufo_store_close(store);
  if (old) return sound ? OLD_SILENT : OLD_REPORTED;
  return refused || !sound ? REPORTED : ALL_RIGHT;
}

Test(promises_rollback, one_page_of_an_earlier_commit) {
  char *path = in_folder("s.ufo");
  int outcomes[256] = {0}, tried = 0;
  build(path);
  int file = open(path, O_RDWR), quiet = open("/dev/null", O_WRONLY), loud = dup(2);
  dup2(quiet, 2);
  for (int g = GENERATIONS - 1; g >= 1; g -= nightly() ? 1 : 3) {
    for (uint64_t at = 2 * PAGE; at + PAGE <= sizes[g]; at += PAGE) {
      const uint8_t *now = images[GENERATIONS] + at;
      if (memcmp(now, images[g] + at, PAGE) == 0) continue;
      cr_assert_eq(pwrite(file, images[g] + at, PAGE, (off_t)at), PAGE);
      int result = in_child(inspect, path, 20);
      cr_assert_eq(pwrite(file, now, PAGE, (off_t)at), PAGE);
      outcomes[result]++;
      tried++;
      if (result == FOREIGN || result == OLD_SILENT)
        dprintf(loud, "page %" PRIu64 " of generation %d: outcome %d\n", at / PAGE, g, result);
    }
  }
  dup2(loud, 2);
  close(quiet), close(loud), close(file);
  fprintf(stderr, "%d pages: %d without effect, %d reported, %d old values that verify saw, %d that it did not\n",
          tried, outcomes[ALL_RIGHT], outcomes[REPORTED], outcomes[OLD_REPORTED], outcomes[OLD_SILENT]);
  cr_assert_eq(outcomes[FOREIGN], 0, "a value that was never stored there");
  tally((uint64_t)tried, "pages rolled back");
  for (int g = 1; g <= GENERATIONS; g++) free(images[g]);
}

/* ---- one entry ----------------------------------------------------------------------------------------------------
 */

/* Deletes the newest entry of chunk `chunk` by LMDB's own means, whose count of records then is right: what is left is
 * the entry that a snapshot keeps. */
static void delete_newest_entry(const char *path, uint64_t chunk) {
  MDB_env *env;
  MDB_txn *txn;
  MDB_dbi dbi;
  MDB_cursor *cursor;
  uint8_t wanted[16] = {0};
  wanted[7] = 1; /* the only object */
  for (int i = 0; i < 8; i++) wanted[15 - i] = (uint8_t)(chunk >> 8 * i);
  MDB_val key = {sizeof wanted, wanted}, value;
  cr_assert_eq(mdb_env_create(&env), 0);
  mdb_env_set_maxdbs(env, 16);
  mdb_env_set_mapsize(env, UINT64_C(1) << 30);
  cr_assert_eq(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), 0);
  cr_assert_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
  cr_assert_eq(mdb_dbi_open(txn, "map", 0, &dbi), 0);
  cr_assert_eq(mdb_cursor_open(txn, dbi, &cursor), 0);
  cr_assert_eq(mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE), 0);
  cr_assert(key.mv_size == 24 && memcmp(key.mv_data, wanted, 16) == 0);
  cr_assert_eq(mdb_cursor_del(cursor, 0), 0);
  mdb_cursor_close(cursor);
  cr_assert_eq(mdb_txn_commit(txn), 0);
  mdb_env_close(env);
}

/* 0: read as it is now, 1: as it was; and whether verify sees it. */
static int inspect_constants(void *path) {
  static double back[LENGTH];
  ufo_store *store;
  CHECK(ufo_store_open(path, NULL, &store, &error) == UFO_OK);
  CHECK(ufo_store_read(store, NULL, "flat", 0, 0, LENGTH, back, &error) == UFO_OK);
  for (int i = 0; i < LENGTH; i++) CHECK(back[i] == (i >= PER_CHUNK ? 1 : back[0]));
  int sound = ufo_store_verify(store, NULL, NULL, NULL, &error) == UFO_OK;
  ufo_store_close(store);
  if (back[0] == 1) return sound ? OLD_SILENT : OLD_REPORTED;
  return sound && back[0] == 2 ? ALL_RIGHT : REPORTED;
}

/* Of chunks without a blob: a blob that nothing refers to would be seen in any case. */
Test(promises_rollback, an_entry_of_an_earlier_version) {
  static double values[LENGTH];
  char *path = in_folder("s.ufo");
  for (int i = 0; i < LENGTH; i++) values[i] = 1;
  ufo_store *store = open_store(path);
  put_now(store, "flat", spec_of(UFO_DOUBLE, 0, LENGTH, CHUNK), values);
  OK(ufo_snapshot_create(store, "kept", &error));
  for (int i = 0; i < PER_CHUNK; i++) values[i] = 2;
  write_now(store, "flat", 0, PER_CHUNK, values);
  ufo_store_close(store);
  cr_assert_eq(in_child(inspect_constants, path, 20), ALL_RIGHT);
  delete_newest_entry(path, 0);
  cr_assert_eq(in_child(inspect_constants, path, 20), OLD_REPORTED, "verify did not see that a version lacks an entry");
}
