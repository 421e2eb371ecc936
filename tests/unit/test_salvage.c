/* Salvage where chance decides little: each index page of an object with holes lost in turn, and what progress says.
 * Damage at random is in ../fault/salvage.c, stores of other formats in ../fault/golden.c. */
#include "fixture.h"

#include "edit.h"
#include "pages_kit.h"

TestSuite(salvage, .init = fixture_make, .fini = fixture_remove, .timeout = 100);

/* ---- holes ------------------------------------------------------------------------------------------------------- */

enum { CHUNK = 4096, PER_CHUNK = CHUNK / 4, CHUNKS = 700 };

/* Which chunks are there, at last and before: runs and holes of all lengths up to some dozens, rewritten in part. */
static bool is_written(uint64_t chunk) { return mix(chunk / (1 + mix(chunk / 50) % 40)) % 3 == 0; }
static bool is_rewritten(uint64_t chunk) { return is_written(chunk) && mix(chunk + 5000) % 4 == 0; }
static int32_t value_of(uint64_t chunk) {
  return is_written(chunk) ? (int32_t)chunk + 1 + 1000 * is_rewritten(chunk) : 0;
}

/* One value in each chunk, and the rest zeros: they need no blobs. */
static void write_chunk(ufo_txn *txn, uint64_t chunk, int32_t value) {
  int32_t values[PER_CHUNK];
  for (int i = 0; i < PER_CHUNK; i++) values[i] = value;
  OK(ufo_txn_write(txn, "holes", chunk * PER_CHUNK, PER_CHUNK, values, &error));
}

static void build(const char *path) {
  ufo_store *store = open_store(path);
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, (uint64_t)CHUNKS * PER_CHUNK, CHUNK);
  put_now(store, "before", spec_of(UFO_INTEGER, 0, 1, CHUNK), &(int32_t){1});
  ufo_txn *txn = begin(store);
  OK(ufo_txn_create(txn, "holes", &spec, &error));
  for (uint64_t c = 0; c < CHUNKS; c++)
    if (is_written(c)) write_chunk(txn, c, (int32_t)c + 1);
  OK(ufo_txn_commit(txn, &error));
  OK(ufo_snapshot_create(store, "kept", &error)); /* so that what is rewritten stays, too */
  txn = begin(store);
  for (uint64_t c = 0; c < CHUNKS; c++)
    if (is_rewritten(c)) write_chunk(txn, c, value_of(c));
  OK(ufo_txn_commit(txn, &error));
  put_now(store, "after", spec_of(UFO_INTEGER, 0, 1, CHUNK), &(int32_t){2});
  ufo_store_close(store);
}

typedef struct losses {
  bool lost[CHUNKS];
  bool neighbour; /* one whose entry is in the same page */
} losses;

static int note_loss(void *user, const ufo_damage *d) {
  losses *l = user;
  if (d->kind == UFO_DAMAGE_STORE) return 0;
  cr_assert_eq(d->kind, UFO_DAMAGE_CHUNK, "%s", d->cause);
  if (strcmp(d->name, "holes") != 0) {
    l->neighbour = true;
    return 0;
  }
  cr_assert_eq(d->first, d->first_chunk * PER_CHUNK);
  cr_assert_eq(d->count, d->chunks * PER_CHUNK);
  for (uint64_t c = d->first_chunk; c < d->first_chunk + d->chunks; c++) l->lost[c] = true;
  return 0;
}

/* Salvages what is in `damaged`; the number of chunks that are lost. */
static int check(const image *damaged, const char *what) {
  char *path = in_folder("damaged.ufo"), *out = in_folder("out.ufo");
  losses l = {.neighbour = false};
  int lost = 0;
  image_store(damaged, path);
  unlink(out);
  unlink(in_folder("out.ufo-lock"));
  FAILS(UFO_CORRUPT, ufo_store_salvage(path, out, note_loss, NULL, &l, &error));
  ufo_store *store = open_store(out);
  int32_t one;
  int unread = (ufo_store_read(store, NULL, "before", 0, 0, 1, &one, &error) != UFO_OK) +
               (ufo_store_read(store, NULL, "after", 0, 0, 1, &one, &error) != UFO_OK);
  cr_assert_eq(unread, l.neighbour);
  for (uint64_t c = 0; c < CHUNKS; c++) {
    int32_t value;
    ufo_status status = ufo_store_read(store, NULL, "holes", 0, c * PER_CHUNK, 1, &value, &error);
    cr_assert_eq(status, l.lost[c] ? UFO_CORRUPT : UFO_OK, "%s, chunk %" PRIu64 ": %s", what, c, error.message);
    if (!status) cr_assert_eq(value, value_of(c), "%s, chunk %" PRIu64 ": %d", what, c, value);
    lost += status != UFO_OK;
  }
  ufo_store_close(store);
  return lost;
}

/* A chunk without an entry is zeros, or its entry was in the page that is gone: which of them, the page alone could
 * tell. */
Test(salvage, each_leaf_of_an_object_with_holes) {
  build(in_folder("s.ufo"));
  image whole = image_load(in_folder("s.ufo"));
  uint8_t *root = image_root(&whole, "map");
  cr_assert(!ufo_page_is_leaf(root));
  unsigned leaves = ufo_page_count(root);
  int written = 0;
  for (uint64_t c = 0; c < CHUNKS; c++) written += is_written(c);
  cr_assert(leaves > 6 && written > 150 && written < CHUNKS - 150, "%u leaves, %d written", leaves, written);
  for (unsigned from = 0; from < leaves; from++) {
    for (unsigned run = 1; run <= 3 && from + run <= leaves; run += 2) { /* one of them, or three in a row */
      image hurt = {malloc(whole.size), whole.size};
      memcpy(hurt.bytes, whole.bytes, whole.size);
      for (unsigned n = from; n < from + run; n++) {
        ufo_page_node node;
        ufo_page_read_node(root, n, &node);
        cr_assert(ufo_page_is_leaf(image_page(&whole, node.child)));
        memset(image_page(&hurt, node.child), 0, CHUNK);
      }
      char what[64];
      snprintf(what, sizeof what, "without %u leaves from %u of %u on", run, from, leaves);
      int lost = check(&hurt, what);
      cr_assert_gt(lost, 0, "%s: nothing is lost", what);
      cr_assert_lt(lost, (int)(run + 1) * 2 * CHUNKS / (int)leaves, "%s: %d chunks are lost", what, lost);
      free(hurt.bytes);
    }
  }
  free(whole.bytes);
}

/* ---- progress ---------------------------------------------------------------------------------------------------- */

enum { MIB = 1 << 20 };

typedef struct seen {
  uint64_t done, total; /* of the last call */
  uint64_t before;      /* done, of the call before */
  int calls, corrections;
} seen;

static int see(void *user, uint64_t done, uint64_t total) {
  seen *s = user;
  cr_assert_leq(done, total);
  cr_assert_geq(done, s->done, "it went back");
  s->corrections += s->calls > 0 && total != s->total;
  s->before = s->done;
  s->done = done;
  s->total = total;
  s->calls++;
  return 0;
}

/* Sixteen MiB that are current, in a file that has three times as much: what is left to copy is said, not guessed. */
Test(salvage, progress_comes_to_its_end) {
  enum { BYTES = 16 * MIB, WIDE = 1 << 16 };
  char *path = in_folder("s.ufo");
  uint8_t *noise = malloc(BYTES);
  ufo_store *store = open_store(path);
  ufo_object_spec spec = spec_of(UFO_RAW, 0, BYTES, WIDE);
  for (int version = 0; version < 3; version++) {
    char label[16];
    uint64_t state = (uint64_t)version + 1;
    random_fill(&state, noise, BYTES);
    put_now(store, "x", spec, noise);
    snprintf(label, sizeof label, "%d", version);
    OK(ufo_snapshot_create(store, label, &error));
  }
  ufo_store_close(store);
  for (int hurt = 0; hurt < 2; hurt++) {
    image i = image_load(path);
    seen s = {.calls = 0};
    if (hurt) memset(image_leaf(&i, "names", false), 0, CHUNK); /* then all pages are looked at */
    image_store(&i, in_folder("damaged.ufo"));
    ufo_status status =
        ufo_store_salvage(in_folder("damaged.ufo"), in_folder(hurt ? "1.ufo" : "0.ufo"), NULL, see, &s, &error);
    cr_assert_eq(status, hurt ? UFO_CORRUPT : UFO_OK, "%s", error.message);
    cr_assert_gt(s.calls, 3);
    cr_assert_eq(s.done, s.total, "%" PRIu64 " of %" PRIu64, s.done, s.total);
    cr_assert_gt(s.before, s.total - 5 * MIB, "%" PRIu64 " of %" PRIu64 " before the end", s.before, s.total);
    cr_assert_leq(s.corrections, 2);
    uint64_t read = hurt ? i.size : BYTES / 16; /* pages that may be looked at, beside the data */
    cr_assert(s.total >= BYTES && s.total <= BYTES + read, "%" PRIu64, s.total);
    free(i.bytes);
  }
  free(noise);
}

static int note_any(void *user, const ufo_damage *d) {
  (void)d;
  ++*(int *)user;
  return 0;
}

/* A list that says that it has more elements than any file holds keeps those that are there, and the salvage ends. */
Test(salvage, a_list_that_claims_too_much) {
  char *path = in_folder("s.ufo"), *out = in_folder("out.ufo");
  ufo_store *store = open_store(path);
  ufo_txn *txn = begin(store);
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, 1, CHUNK);
  for (int i = 0; i < 2; i++) OK(ufo_txn_put(txn, i ? "b" : "a", &spec, &(int32_t){i + 5}, &error));
  OK(ufo_txn_put_list(txn, "list", (const char *[]){"a", "b"}, 2, &error));
  OK(ufo_txn_commit(txn, &error));
  uint64_t id = info_of(store, NULL, "list").id;
  ufo_store_close(store);
  uint8_t key[UFO_OBJECT_KEY_BYTES], length[8];
  ufo_key_object(key, id, 1);
  ufo_put_le64(length, UINT64_C(1) << 40);
  edit_field_now(path, UFO_TABLE_OBJECTS, key, sizeof key, 8, length, sizeof length);
  int damages = 0;
  cr_assert_eq(ufo_store_salvage(path, out, note_any, NULL, &damages, &error), UFO_CORRUPT);
  cr_assert_geq(damages, 1);
  store = open_store(out);
  cr_assert_eq(info_of(store, NULL, "list").length, 2);
  int32_t value = 0;
  OK(ufo_store_read(store, NULL, "list[[2]]", 0, 0, 1, &value, &error));
  cr_assert_eq(value, 6);
  ufo_store_close(store);
}

/* ---- pages of an earlier commit ---------------------------------------------------------------------------------- */

/* Puts the first leaf of a table as it was at the time of `then` in the place of the one that is there now. */
static void roll_leaf_back(image *now, const image *then, const char *table) {
  uint8_t *leaf = image_leaf(now, table, false);
  uint8_t number[8];
  memcpy(number, leaf, sizeof number);
  unsigned before = ufo_page_count(image_leaf(then, table, false)), after = ufo_page_count(leaf);
  cr_assert_eq(before, after, "%u records were there, and now %u: that would tell", before, after);
  memcpy(leaf, image_leaf(then, table, false), CHUNK);
  memcpy(leaf, number, sizeof number);
}

/* What is salvaged where that has happened to the store; at least so many damages are told. */
static ufo_store *salvage_rolled_back(const char *path, const image *then, const char *table, int least) {
  static char out[4096];
  image now = image_load(path);
  int damages = 0;
  snprintf(out, sizeof out, "%s.out", path);
  roll_leaf_back(&now, then, table);
  image_store(&now, path);
  free(now.bytes);
  FAILS(UFO_CORRUPT, ufo_store_salvage(path, out, note_any, NULL, &damages, &error));
  cr_assert_geq(damages, least);
  return open_store(out);
}

/* Nothing else is left of what was superseded, and no blob is missing: only the record counts what its version wrote.
 */
Test(salvage, entries_of_an_earlier_version) {
  enum { FLAT = 20 };
  char *path = in_folder("s.ufo");
  static int32_t values[FLAT * PER_CHUNK];
  for (int i = 0; i < FLAT * PER_CHUNK; i++) values[i] = 1;
  ufo_store *store = open_store(path);
  put_now(store, "flat", spec_of(UFO_INTEGER, 0, FLAT * PER_CHUNK, CHUNK), values);
  for (int i = 0; i < 3; i++) put_now(store, "other", spec_of(UFO_INTEGER, 0, 0, CHUNK), &i);
  image then = image_load(path);
  for (int i = 0; i < PER_CHUNK; i++) values[7 * PER_CHUNK + i] = 2;
  ufo_txn *txn = begin(store);
  OK(ufo_txn_write(txn, "flat", 7 * PER_CHUNK, PER_CHUNK, values + 7 * PER_CHUNK, &error));
  OK(ufo_txn_commit(txn, &error));
  for (int i = 0; i < 3; i++) put_now(store, "other", spec_of(UFO_INTEGER, 0, 0, CHUNK), &i);
  ufo_store_close(store);
  store = salvage_rolled_back(path, &then, "map", 0);
  int right = 0;
  for (uint64_t c = 0; c < FLAT; c++) {
    int32_t value;
    ufo_status status = ufo_store_read(store, NULL, "flat", 0, c * PER_CHUNK, 1, &value, &error);
    if (status == UFO_CORRUPT) continue;
    cr_assert_eq(status, UFO_OK, "%s", error.message);
    cr_assert_eq(value, values[c * PER_CHUNK], "chunk %" PRIu64 ": %d", c, value);
    right++;
  }
  cr_assert_lt(right, FLAT);
  ufo_store_close(store);
  free(then.bytes);
}

/* The name leads to what was removed since: both objects come out, and which is which was reported. */
Test(salvage, names_of_an_earlier_commit) {
  char *path = in_folder("s.ufo");
  ufo_store *store = open_store(path);
  put_now(store, "x", spec_of(UFO_INTEGER, 0, 1, CHUNK), &(int32_t){1});
  image then = image_load(path);
  ufo_txn *txn = begin(store);
  OK(ufo_txn_remove(txn, "x", &error));
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, 1, CHUNK);
  OK(ufo_txn_put(txn, "x", &spec, &(int32_t){2}, &error));
  OK(ufo_txn_commit(txn, &error));
  uint64_t id = info_of(store, NULL, "x").id;
  ufo_store_close(store);
  store = salvage_rolled_back(path, &then, "names", 2);
  char found[64];
  int32_t value = 0;
  snprintf(found, sizeof found, "lost+found/object-%" PRIu64, id);
  OK(ufo_store_read(store, NULL, found, 0, 0, 1, &value, &error));
  cr_assert_eq(value, 2);
  ufo_store_close(store);
  free(then.bytes);
}
