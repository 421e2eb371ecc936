/* Damaged bytes are reported, never returned: flipped bits anywhere in the file, blobs and entries that changed places.
 *
 * Each flip is tried in a process of its own, because LMDB's own pages carry no checksums: a damaged page header may
 * end in a signal, which is allowed (see CAVEATS in store.h), and counted. A wrong value is not, nor a damage that
 * verify does not see while reading does not give what was stored. */
#include "fixture.h"

#include <fcntl.h>
#include <lmdb.h>

enum { OBJECTS = 6, CHUNK = 4096, LENGTH = 9000 };

TestSuite(promises_damage, .init = fixture_make, .fini = fixture_remove, .timeout = 1700);

static const char *name_of(int n) { return (const char *[]){"alpha", "beta", "gamma", "delta", "eps", "zeta"}[n]; }

static void *content_of(int n) {
  typed type = every_type[n];
  void *values = malloc((size_t)LENGTH * type.element_bytes);
  if (n % 2 && n < 5) fill_values(type.type, type.element_bytes, (uint64_t)n + 70, LENGTH, values);
  else
    for (size_t i = 0; i < (size_t)LENGTH * type.element_bytes; i++)
      ((uint8_t *)values)[i] = (uint8_t)mix(i + (size_t)n);
  return values;
}

static void build(const char *path) {
  ufo_store *store = open_store(path);
  ufo_txn *txn = begin(store);
  for (int n = 0; n < OBJECTS; n++) {
    void *values = content_of(n);
    ufo_object_spec spec = spec_of(every_type[n].type, every_type[n].element_bytes, LENGTH, CHUNK);
    OK(ufo_txn_put(txn, name_of(n), &spec, values, &error));
    free(values);
  }
  OK(ufo_txn_commit(txn, &error));
  void *values = content_of(2); /* a second version of a part */
  write_now(store, name_of(2), 100, 1000, (char *)values + 800);
  free(values);
  ufo_store_close(store);
}

static void *contents[OBJECTS];

enum outcome { ALL_RIGHT, REPORTED, READ_WRONG, SILENT, READ_WRONG_SILENT };

typedef struct touching {
  const volatile uint8_t *data;
  const uint8_t *expected;
  uint64_t bytes;
} touching;

static int touch_all(void *user) {
  touching *t = user;
  for (uint64_t i = 0; i < t->bytes; i += 61)
    if (t->data[i] != t->expected[i]) return 1;
  return 0;
}

/* The same through memory, in one pool for all: 0 right, 1 wrong, 2 refused. */
static int inspect_view(ufo_store *store, ufo_pool *pool, int n) {
  ufo_view *view;
  int wrong = 0;
  if (ufo_view_open(store, NULL, pool, name_of(n), NULL, &view, &error) != UFO_OK) return 2;
  touching t = {ufo_view_data(view), contents[n], ufo_view_length(view) * every_type[n].element_bytes};
  bool refused = ufo_guarded(ufo_view_region(view), touch_all, &t, &wrong, &error) != UFO_OK;
  ufo_view_release(view);
  return refused ? 2 : wrong;
}

static bool through_views = true;

/* Reads everything, in both ways, and verifies; an outcome. */
static int inspect(void *path) {
  ufo_store *store;
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  if (ufo_store_open(path, &options, &store, &error) != UFO_OK) return REPORTED;
  ufo_pool *pool = NULL;
  ufo_pool_options pool_options = {.struct_size = sizeof pool_options, .budget_bytes = 16 * CHUNK};
  if (through_views && ufo_pool_create(&pool_options, &pool, &error) != UFO_OK) return 100;
  uint8_t *buffer = malloc(LENGTH * 32);
  int wrong = 0, refused = 0;
  for (int n = 0; n < OBJECTS; n++) {
    uint64_t bytes = (uint64_t)LENGTH * every_type[n].element_bytes;
    ufo_object_info info = {.struct_size = sizeof info};
    if (ufo_store_info(store, NULL, name_of(n), 0, &info, &error) != UFO_OK) {
      refused = 1;
      continue;
    }
    if (info.length != LENGTH || info.element_bytes != every_type[n].element_bytes || info.type != every_type[n].type) {
      wrong = 1;
      continue;
    }
    if (ufo_store_read(store, NULL, name_of(n), 0, 0, LENGTH, buffer, &error) != UFO_OK) refused = 1;
    else if (memcmp(buffer, contents[n], bytes) != 0) wrong = 1;
    int seen = pool ? inspect_view(store, pool, n) : 0;
    if (seen == 2) refused = 1;
    else wrong |= seen;
  }
  int sound = ufo_store_verify(store, NULL, NULL, NULL, &error) == UFO_OK;
  free(buffer);
  ufo_store_close(store);
  if (ufo_pool_destroy(pool, &error) != UFO_OK) return 100;
  if (wrong) return sound ? READ_WRONG_SILENT : READ_WRONG;
  if (refused) return sound ? SILENT : REPORTED;
  return sound ? ALL_RIGHT : REPORTED;
}

static void flip(int file, uint64_t offset, uint8_t mask) {
  uint8_t byte;
  cr_assert_eq(pread(file, &byte, 1, (off_t)offset), 1);
  byte ^= mask;
  cr_assert_eq(pwrite(file, &byte, 1, (off_t)offset), 1);
}

Test(promises_damage, flipped_bits) {
  char *path = in_folder("s.ufo");
  build(path);
  for (int n = 0; n < OBJECTS; n++) contents[n] = content_of(n);
  cr_assert_eq(in_child(inspect, path, 20), ALL_RIGHT);
  uint64_t size = size_of_file(path), seed = 4242, state = seed;
  int file = open(path, O_RDWR), flips = nightly() ? 10000 : 2000;
  int counts[5] = {0}, signals = 0;
  /* The children's complaints (assertions inside LMDB) are no part of the test's output. */
  int quiet = open("/dev/null", O_WRONLY), loud = dup(2);
  dup2(quiet, 2);
  int bad = 0;
  for (int i = 0; i < flips; i++) {
    uint64_t offset = random_below(&state, size);
    if (i % 4 == 0) offset = offset / 4096 * 4096 + random_below(&state, 64); /* page headers */
    if (i % 16 == 1) offset = random_below(&state, 8192);                     /* LMDB's meta pages */
    uint8_t mask = (uint8_t)(1u << random_below(&state, 8));
    flip(file, offset, mask);
    through_views = nightly() || i % 5 == 0; /* it costs a pool */
    int result = in_child(inspect, path, 10);
    flip(file, offset, mask);
    if (result < 5) counts[result]++;
    else signals++;
    if (result == READ_WRONG || result == SILENT || result == READ_WRONG_SILENT || result == 128 + SIGALRM) {
      if (bad++ < 10)
        dprintf(loud, "seed %" PRIu64 ": bit %02x at offset %" PRIu64 " (page %" PRIu64 " + %" PRIu64 "): outcome %d\n",
                seed, mask, offset, offset / 4096, offset % 4096, result);
    }
  }
  dup2(loud, 2);
  close(quiet), close(loud), close(file);
  fprintf(stderr, "%d flips: %d without effect, %d reported, %d signals in LMDB; wrong %d, silent %d, both %d\n", flips,
          counts[ALL_RIGHT], counts[REPORTED], signals, counts[READ_WRONG], counts[SILENT], counts[READ_WRONG_SILENT]);
  cr_assert_eq(counts[READ_WRONG], 0, "a read returned wrong values");
  cr_assert_eq(counts[SILENT], 0, "verify found nothing where a read failed");
  cr_assert_eq(counts[READ_WRONG_SILENT], 0, "a read returned wrong values and verify found nothing");
  cr_assert_leq(signals, flips / 50, "%d signals", signals);
  cr_assert_gt(counts[REPORTED], flips / 4);
  tally((uint64_t)flips, "bits flipped in a store");
  for (int n = 0; n < OBJECTS; n++) free(contents[n]);
}

/* ---- keys that lead the way ------------------------------------------------------------------------------------- */

static uint16_t u16_at(const uint8_t *at) { return (uint16_t)(at[0] | at[1] << 8); }

enum { PAGE = 4096 };

/* Keys in LMDB's branch pages are copies that no seal covers: a flipped bit sends searches into the wrong leaf. Finds
 * the next one in an image of a file, from *page and *node on: where it is, and its length; 0: there is none. */
static uint64_t next_separator(const uint8_t *image, uint64_t size, uint64_t *page, int *node, uint64_t *bytes) {
  enum { HEADER = 16, NODE = 8, BRANCH = 1 };
  for (; *page < size / PAGE; ++*page, *node = 0) {
    const uint8_t *at = image + *page * PAGE;
    uint16_t lower = u16_at(at + 12);
    bool is_branch = u16_at(at + 10) == BRANCH && lower <= PAGE && memcmp(at, page, sizeof *page) == 0;
    if (!is_branch || ++*node >= (lower - HEADER) / 2) continue;
    uint64_t start = u16_at(at + HEADER + 2 * *node);
    *bytes = u16_at(at + start + 6);
    return *page * PAGE + start + NODE;
  }
  return 0;
}

static uint8_t *read_file(const char *path, uint64_t *size) {
  *size = size_of_file(path);
  uint8_t *image = malloc(*size);
  int file = open(path, O_RDONLY);
  cr_assert_eq(pread(file, image, *size, 0), (ssize_t)*size);
  close(file);
  return image;
}

static void write_file(const char *path, const uint8_t *image, uint64_t size) {
  int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  cr_assert_eq(write(file, image, size), (ssize_t)size);
  close(file);
}

/* Runs `run` on each of `count` flips of each separator; the number of runs with each outcome. */
static void try_separators(const char *path, int (*run)(void *), int count, int outcomes[256]) {
  uint64_t size, bytes, at, page = 2, state = 99;
  uint8_t *image = read_file(path, &size);
  int node = 0, quiet = open("/dev/null", O_WRONLY), loud = dup(2);
  dup2(quiet, 2);
  while ((at = next_separator(image, size, &page, &node, &bytes)) != 0) {
    for (int i = 0; i < count; i++) {
      uint64_t offset = at + random_below(&state, bytes);
      uint8_t mask = (uint8_t)(1u << random_below(&state, 8));
      image[offset] ^= mask;
      write_file(path, image, size);
      image[offset] ^= mask;
      outcomes[in_child(run, in_folder("s.ufo"), 5)]++;
    }
  }
  dup2(loud, 2);
  close(quiet), close(loud);
  free(image);
}

Test(promises_damage, flipped_separators) {
  int outcomes[256] = {0};
  char *path = in_folder("s.ufo");
  build(path);
  for (int n = 0; n < OBJECTS; n++) contents[n] = content_of(n);
  try_separators(path, inspect, nightly() ? 200 : 24, outcomes);
  for (int i = 0; i < 256; i++)
    cr_assert(outcomes[i] == 0 || i == ALL_RIGHT || i == REPORTED, "outcome %d: %d times", i, outcomes[i]);
  cr_assert_gt(outcomes[REPORTED], 20);
  for (int n = 0; n < OBJECTS; n++) free(contents[n]);
}

enum { MANY = 200 * CHUNK }; /* bytes: a map of many pages */

/* Commits, with garbage to reclaim: what goes wrong must be called what it is. */
static int change(void *path) {
  ufo_store *store;
  ufo_txn *txn;
  CHECK(ufo_store_open(path, NULL, &store, &error) == UFO_OK);
  for (int round = 0; round < 3; round++) {
    CHECK(ufo_txn_begin(store, &txn, &error) == UFO_OK);
    ufo_status status = ufo_txn_write(txn, "x", 0, MANY, contents[0], &error);
    if (status == UFO_OK) status = ufo_txn_commit(txn, &error);
    CHECK(status == UFO_OK || status == UFO_CORRUPT);
    if (status != UFO_OK) return 0;
  }
  ufo_store_close(store);
  return 0;
}

Test(promises_damage, commits_over_flipped_separators) {
  int outcomes[256] = {0};
  uint64_t size;
  char *path = in_folder("s.ufo");
  contents[0] = malloc(MANY);
  for (int i = 0; i < MANY; i++) ((uint8_t *)contents[0])[i] = (uint8_t)mix((uint64_t)i);
  ufo_store *store = open_store(path);
  ufo_pool *pool = make_pool(16 * CHUNK);
  put_now(store, "x", spec_of(UFO_RAW, 0, MANY, CHUNK), contents[0]);
  ufo_view *view = open_view(store, NULL, pool, "x");
  for (int i = 0; i < 2; i++) write_now(store, "x", 0, MANY, contents[0]);
  uint8_t *image = read_file(path, &size); /* with all that the view holds */
  ufo_view_release(view);
  OK(ufo_pool_destroy(pool, &error));
  ufo_store_close(store);
  write_file(path, image, size);
  try_separators(path, change, nightly() ? 50 : 5, outcomes);
  for (int i = 0; i < 256; i++)
    cr_assert(outcomes[i] == 0 || i == 0 || i == 128 + SIGABRT, "outcome %d: %d times", i, outcomes[i]);
  cr_assert_gt(outcomes[0], 20);
  free(image), free(contents[0]);
}

/* ---- records that changed places --------------------------------------------------------------------------------- */

/* A table of a store, with a cursor, in a transaction of LMDB's own. */
static MDB_cursor *open_table(const char *path, const char *table) {
  MDB_env *env;
  MDB_txn *txn;
  MDB_dbi dbi;
  MDB_cursor *cursor;
  cr_assert_eq(mdb_env_create(&env), 0);
  mdb_env_set_maxdbs(env, 16);
  mdb_env_set_mapsize(env, UINT64_C(1) << 30);
  cr_assert_eq(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), 0);
  cr_assert_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
  cr_assert_eq(mdb_dbi_open(txn, table, 0, &dbi), 0);
  cr_assert_eq(mdb_cursor_open(txn, dbi, &cursor), 0);
  return cursor;
}

static void commit_table(MDB_cursor *cursor) {
  MDB_txn *txn = mdb_cursor_txn(cursor);
  MDB_env *env = mdb_txn_env(txn);
  mdb_cursor_close(cursor);
  cr_assert_eq(mdb_txn_commit(txn), 0);
  mdb_env_close(env);
}

/* Exchanges two values of a table, picked by `pick` from all with equal length. */
static int exchange(const char *path, const char *table, size_t min_bytes, int skip) {
  MDB_cursor *cursor = open_table(path, table);
  MDB_txn *txn = mdb_cursor_txn(cursor);
  MDB_dbi dbi = mdb_cursor_dbi(cursor);
  MDB_val key, value, first_key = {0}, first = {0};
  uint8_t key_one[600], one[70000], two[70000];
  int found = 0;
  for (int status = mdb_cursor_get(cursor, &key, &value, MDB_FIRST); status == 0 && !found;
       status = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
    if (value.mv_size < min_bytes || value.mv_size > sizeof one || skip-- > 0) continue;
    if (!first.mv_data) {
      memcpy(key_one, key.mv_data, key.mv_size);
      memcpy(one, value.mv_data, value.mv_size);
      first_key = (MDB_val){key.mv_size, key_one};
      first = (MDB_val){value.mv_size, one};
    } else if (value.mv_size == first.mv_size && memcmp(value.mv_data, one, value.mv_size) != 0) {
      uint8_t key_two[600];
      memcpy(key_two, key.mv_data, key.mv_size);
      memcpy(two, value.mv_data, value.mv_size);
      MDB_val second_key = {key.mv_size, key_two}, second = {value.mv_size, two};
      cr_assert_eq(mdb_put(txn, dbi, &first_key, &second, 0), 0);
      cr_assert_eq(mdb_put(txn, dbi, &second_key, &first, 0), 0);
      found = 1;
    }
  }
  commit_table(cursor);
  return found;
}

static void exchanged(const char *table, size_t min_bytes) {
  char *path = in_folder("s.ufo");
  int tried = 0;
  for (int n = 0; n < OBJECTS; n++) contents[n] = content_of(n);
  for (int skip = 0; skip < 12; skip += 3) {
    remove(path);
    remove(in_folder("s.ufo-lock"));
    build(path);
    if (!exchange(path, table, min_bytes, skip)) continue;
    tried++;
    int result = in_child(inspect, path, 20);
    cr_assert_eq(result, REPORTED, "two values of '%s' changed places: outcome %d", table, result);
  }
  cr_assert_gt(tried, 0, "'%s' has no two values of one length", table);
  for (int n = 0; n < OBJECTS; n++) free(contents[n]);
}

Test(promises_damage, swapped_blobs) { exchanged("blobs", 1000); }
Test(promises_damage, swapped_map_entries) { exchanged("map", 1); }
Test(promises_damage, swapped_object_records) { exchanged("objects", 1); }
Test(promises_damage, swapped_names) { exchanged("names", 1); }

/* A record or a blob that is gone. */
static int delete_one(const char *path, const char *table, int which) {
  MDB_cursor *cursor = open_table(path, table);
  MDB_val key, value;
  int done = 0, status = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
  while (status == 0 && which-- > 0) status = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
  if (status == 0) done = mdb_cursor_del(cursor, 0) == 0;
  commit_table(cursor);
  return done;
}

Test(promises_damage, missing_records) {
  static const char *const tables[] = {"blobs", "map", "objects", "names", "meta"};
  char *path = in_folder("s.ufo");
  for (int n = 0; n < OBJECTS; n++) contents[n] = content_of(n);
  for (int t = 0; t < 5; t++) {
    for (int which = 0; which < 12; which += 2) {
      remove(path);
      remove(in_folder("s.ufo-lock"));
      build(path);
      if (!delete_one(path, tables[t], which)) continue;
      int result = in_child(inspect, path, 20);
      cr_assert_eq(result, REPORTED, "without record %d of '%s': outcome %d", which, tables[t], result);
    }
  }
  for (int n = 0; n < OBJECTS; n++) free(contents[n]);
}

/* The damaged chunk is named; the others are read; a view gives an error there and goes on elsewhere. */
typedef struct place {
  const volatile uint8_t *data;
  uint64_t at;
} place;

static int touch(void *user) {
  place *p = user;
  return p->data[p->at];
}

typedef struct found {
  uint64_t first, count;
  int n;
} found;

static int note(void *user, const ufo_damage *damage) {
  found *f = user;
  *f = (found){damage->first, damage->count, f->n + 1};
  return damage->name == NULL || strcmp(damage->name, "alpha") != 0;
}

Test(promises_damage, one_damaged_chunk) {
  enum { BYTES = 20 * CHUNK };
  char *path = in_folder("s.ufo");
  uint8_t *bytes = malloc(BYTES), *back = malloc(BYTES);
  for (uint64_t i = 0; i < BYTES; i++) bytes[i] = (uint8_t)mix(i);
  ufo_store *store = open_store(path);
  put_now(store, "alpha", spec_of(UFO_RAW, 0, BYTES, CHUNK), bytes);
  ufo_store_close(store);
  FILE *file = fopen(path, "r+"); /* chunk 7 is stored as it is: find it and spoil a byte of it */
  uint64_t size = size_of_file(path), at;
  uint8_t *image = malloc(size);
  cr_assert(file && fread(image, 1, size, file) == size);
  uint8_t *spot = memmem(image, size, bytes + 7 * CHUNK, 512);
  cr_assert(spot, "noise is stored as it is");
  at = (uint64_t)(spot - image) + 100;
  cr_assert_eq(fseek(file, (long)at, SEEK_SET), 0);
  fputc(image[at] ^ 0x10, file);
  fclose(file);
  free(image);

  store = open_store(path);
  FAILS(UFO_CORRUPT, ufo_store_read(store, NULL, "alpha", 0, 0, BYTES, back, &error));
  cr_assert(strstr(error.message, "alpha") && strchr(error.message, '7'), "names object and chunk: %s", error.message);
  OK(ufo_store_read(store, NULL, "alpha", 0, 0, 7 * CHUNK, back, &error));
  cr_assert_eq(memcmp(back, bytes, 7 * CHUNK), 0);
  found f = {0};
  FAILS(UFO_CORRUPT, ufo_store_verify(store, note, NULL, &f, &error));
  cr_assert_eq(f.n, 1);
  cr_assert_eq(f.first, 7 * CHUNK);
  cr_assert_eq(f.count, CHUNK);
  ufo_pool *pool = make_pool(16 * CHUNK);
  ufo_view *view = open_view(store, NULL, pool, "alpha");
  place p = {ufo_view_data(view), 7 * CHUNK + 5};
  for (int again = 0; again < 3; again++) {
    FAILS(UFO_CORRUPT, ufo_guarded(ufo_view_region(view), touch, &p, NULL, &error));
    for (uint64_t i = 0; i < BYTES; i += 100)
      if (i / CHUNK != 7) cr_assert_eq(p.data[i], bytes[i]);
  }
  put_view_now(store, "copy", view); /* unchanged chunks are shared without being read */
  ufo_view_release(view);
  OK(ufo_pool_destroy(pool, &error));
  put_now(store, "alpha", spec_of(UFO_RAW, 0, BYTES, CHUNK), bytes); /* and the store goes on */
  remove_now(store, "copy");
  assert_content(store, NULL, "alpha", bytes, BYTES);
  let_it_reclaim(store);
  assert_sound(store);
  ufo_store_close(store);
  free(bytes), free(back);
}

/* Flips a bit of `bytes`, which are stored as they are, in the file. */
static void spoil(const char *path, const uint8_t *bytes) {
  uint64_t size = size_of_file(path);
  uint8_t *image = malloc(size);
  int file = open(path, O_RDWR);
  cr_assert_eq(pread(file, image, size, 0), (ssize_t)size);
  const uint8_t *spot = memmem(image, size, bytes, 512);
  cr_assert(spot, "noise is stored as it is");
  flip(file, (uint64_t)(spot - image) + 100, 0x10);
  close(file);
  free(image);
}

static void assert_names_element(ufo_view *view, uint64_t at, const char *name) {
  place p = {ufo_view_data(view), at};
  FAILS(UFO_CORRUPT, ufo_guarded(ufo_view_region(view), touch, &p, NULL, &error));
  cr_assert(strstr(error.message, name), "names %s: %s", name, error.message);
}

/* An element of a list has no name of its own; the message says where it is. */
Test(promises_damage, one_damaged_element) {
  enum { BYTES = 6 * CHUNK };
  char *path = in_folder("s.ufo");
  uint8_t *bytes = malloc(BYTES);
  for (uint64_t i = 0; i < BYTES; i++) bytes[i] = (uint8_t)mix(i);
  ufo_store *store = open_store(path);
  ufo_txn *txn = begin(store);
  ufo_object_spec spec = spec_of(UFO_RAW, 0, BYTES, CHUNK);
  OK(ufo_txn_create(txn, "a", &spec, &error));
  OK(ufo_txn_put(txn, "b", &spec, bytes, &error));
  OK(ufo_txn_put_list(txn, "inner", (const char *[]){"b"}, 1, &error));
  OK(ufo_txn_put_list(txn, "df", (const char *[]){"a", "inner"}, 2, &error));
  OK(ufo_txn_commit(txn, &error));
  ufo_store_close(store);
  spoil(path, bytes + 3 * CHUNK);

  store = open_store(path);
  ufo_pool *pool = make_pool(16 * CHUNK);
  ufo_view *view;
  OK(ufo_view_open_child(store, NULL, pool, "df[[2]]", 0, NULL, &view, &error));
  assert_names_element(view, 3 * CHUNK, "'df[[2]][[1]]'");
  ((uint8_t *)ufo_view_data(view))[0] = bytes[0] = 1;
  txn = begin(store); /* and after the view moved on to a new version of the element */
  OK(ufo_txn_create(txn, "a", &spec, &error));
  OK(ufo_txn_put_view(txn, "b", view, UFO_PUT_CHECKED, &error));
  OK(ufo_txn_put_list(txn, "df", (const char *[]){"a", "b"}, 2, &error));
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(view_info(view).chunks_changed, 0);
  assert_names_element(view, 3 * CHUNK, "'df[[2]]'");
  ufo_view_release(view);
  OK(ufo_pool_destroy(pool, &error));
  ufo_store_close(store);
  free(bytes);
}
