/* Snapshots of what shares chunks: copies of vectors under other names, lists in lists, elements that are changed in
 * place or replaced. What a snapshot shows is compared with what the store showed when it was made, and held_bytes with
 * what its removal frees. */
#include "fixture.h"

enum {
  CHUNK = 4096,
  PER_CHUNK = CHUNK / 8,
  CHUNKS_MAX = 3,
  NAMES = 5,
  LABELS = 4,
  ROUNDS = 250,
  VALUES = CHUNKS_MAX * PER_CHUNK
};

static ufo_store *store;
static ufo_pool *pool;
static char *path;
static uint64_t state, next_seed;
static struct {
  int taken;
  uint64_t digest;
} snapshots[LABELS];

static void make(void) {
  fixture_make();
  path = in_folder("s.ufo");
  store = open_store(path);
  pool = make_pool(1 << 24);
  state = 7;
  next_seed = 1;
  memset(snapshots, 0, sizeof snapshots);
}

static void end(void) {
  assert_sound(store);
  OK(ufo_pool_destroy(pool, &error));
  ufo_store_close(store);
  fixture_remove();
}

TestSuite(snapshots_held, .init = make, .fini = end, .timeout = 1700);

static const char *const names[NAMES] = {"a", "b", "c", "d", "list$like"};

static void noise(uint64_t *out, uint64_t count) {
  uint64_t seed = next_seed++;
  for (uint64_t i = 0; i < count; i++) out[i] = mix(seed * 1000003 + i);
}

/* ---- what there is ----------------------------------------------------------------------------------------------- */

static uint64_t fold(uint64_t digest, uint64_t value) { return mix(digest ^ mix(value)); }

static uint64_t digest_object(ufo_store *at, const char *name, uint64_t digest) {
  static uint64_t values[VALUES];
  ufo_object_info info = info_of(at, NULL, name);
  digest = fold(fold(digest, (uint64_t)info.type), info.length);
  if (info.type != UFO_LIST) {
    OK(ufo_store_read(at, NULL, name, 0, 0, info.length, values, &error));
    for (uint64_t i = 0; i < info.length; i++) digest = fold(digest, values[i]);
    return digest;
  }
  for (uint64_t i = 0; i < info.length; i++) {
    char child[128];
    snprintf(child, sizeof child, "%s[[%" PRIu64 "]]", name, i + 1);
    digest = digest_object(at, child, digest);
  }
  return digest;
}

static uint64_t digest_store(ufo_store *at) {
  uint64_t digest = 0;
  ufo_store_iterator *iterator;
  ufo_object_info info = {.struct_size = sizeof info};
  ufo_status status;
  OK(ufo_store_list(at, NULL, &iterator, &error));
  while (!(status = ufo_store_iterator_next(iterator, &info, &error))) {
    for (const char *c = info.name; *c; c++) digest = fold(digest, (uint64_t)*c);
    digest = digest_object(at, info.name, digest);
  }
  cr_assert_eq(status, UFO_END);
  ufo_store_iterator_free(iterator);
  return digest;
}

/* ---- changes ------------------------------------------------------------------------------------------------------
 */

/* Finds 64 bytes in the file, and flips one bit of them. */
static void change_bytes(const char *file, const void *bytes) {
  FILE *f = fopen(file, "r+b");
  uint64_t size = size_of_file(file);
  char *all = malloc(size);
  cr_assert(f && fread(all, 1, size, f) == size);
  char *at = memmem(all, size, bytes, 64);
  cr_assert_not_null(at);
  cr_assert(fseek(f, at - all, SEEK_SET) == 0 && putc(*at ^ 1, f) != EOF && fclose(f) == 0);
  free(all);
}

static int kind_of(const char *name) {
  ufo_object_info info = {.struct_size = sizeof info};
  ufo_status status = ufo_store_info(store, NULL, name, 0, &info, &error);
  return status ? 0 : info.type == UFO_LIST ? 2 : 1;
}

static void put_noise(ufo_txn *txn, const char *name) {
  static uint64_t values[VALUES];
  uint64_t count = (1 + random_below(&state, CHUNKS_MAX)) * PER_CHUNK;
  noise(values, count);
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, count, CHUNK);
  OK(ufo_txn_put(txn, name, &spec, values, &error));
}

/* A view of a vector, or of the first element that is one, perhaps changed; NULL if there is none. */
static ufo_view *some_view(const char *name, int change) {
  ufo_view *view = NULL;
  if (kind_of(name) == 1) OK(ufo_view_open(store, NULL, pool, name, NULL, &view, &error));
  for (uint64_t i = 0; kind_of(name) == 2 && !view && i < info_of(store, NULL, name).length; i++)
    if (ufo_view_open_child(store, NULL, pool, name, i, NULL, &view, &error)) view = NULL;
  if (view && change) noise(ufo_view_data(view), PER_CHUNK);
  return view;
}

/* A list of what is new, what is shared with another object, and a list of such; continues what `name` has. */
static void put_list(ufo_txn *txn, const char *name, const char *other) {
  static const char *const children[] = {".1", ".2", ".3"};
  ufo_view *views[] = {some_view(name, 1), some_view(other, 0)};
  for (int i = 0; i < 2; i++) {
    if (views[i]) OK(ufo_txn_put_view(txn, children[i], views[i], UFO_PUT_REPLACE, &error));
    else put_noise(txn, children[i]);
  }
  put_noise(txn, ".in");
  const char *inner[] = {".in"};
  if (random_below(&state, 2)) OK(ufo_txn_put_list(txn, ".3", inner, 1, &error));
  else OK(ufo_txn_rename(txn, ".in", ".3", &error));
  OK(ufo_txn_put_list(txn, name, children, 3, &error));
  OK(ufo_txn_commit(txn, &error));
  for (int i = 0; i < 2; i++) ufo_view_release(views[i]);
}

static void change(void) {
  static uint64_t values[PER_CHUNK];
  const char *name = names[random_below(&state, NAMES)], *other = names[random_below(&state, NAMES)];
  ufo_txn *txn = begin(store);
  ufo_view *view = NULL;
  switch (random_below(&state, 8)) {
  case 0:
    put_noise(txn, name);
    break;
  case 1:
  case 2:
    if (kind_of(name) != 1) break;
    noise(values, PER_CHUNK);
    OK(ufo_txn_write(txn, name, 0, PER_CHUNK, values, &error));
    break;
  case 3:
    if (kind_of(name)) OK(ufo_txn_remove(txn, name, &error));
    break;
  case 4:
    if (kind_of(name) && !kind_of(other)) OK(ufo_txn_rename(txn, name, other, &error));
    break;
  case 5: /* a copy that shares all chunks, or all but one */
    view = some_view(name, (int)random_below(&state, 2));
    if (view) OK(ufo_txn_put_view(txn, other, view, UFO_PUT_REPLACE, &error));
    break;
  default:
    put_list(txn, name, other);
    return;
  }
  OK(ufo_txn_commit(txn, &error));
  ufo_view_release(view);
}

/* ---- snapshots ----------------------------------------------------------------------------------------------------
 */

static const char *label_of(int n) { return ((const char *[]){"p", "q", "r", "s"})[n]; }

typedef struct wanted {
  const char *label;
  uint64_t held;
} wanted;

static int find(void *user, const ufo_snapshot_info *info) {
  wanted *found = user;
  if (strcmp(info->label, found->label) == 0) found->held = info->held_bytes;
  return 0;
}

static void toggle(int label) {
  if (!snapshots[label].taken) {
    OK(ufo_snapshot_create(store, label_of(label), &error));
    snapshots[label].taken = 1;
    snapshots[label].digest = digest_store(store);
    return;
  }
  wanted found = {.label = label_of(label)};
  let_it_reclaim(store);
  OK(ufo_snapshot_list(store, find, &found, &error));
  uint64_t before = stat_of(store).blob_bytes;
  OK(ufo_snapshot_remove(store, label_of(label), &error));
  let_it_reclaim(store);
  snapshots[label].taken = 0;
  uint64_t freed = before - stat_of(store).blob_bytes;
  cr_assert_eq(found.held, freed, "'%s' held %" PRIu64 " bytes, and its removal freed %" PRIu64, label_of(label),
               found.held, freed);
}

Test(snapshots_held, shows_what_was_and_holds_what_it_frees) {
  uint64_t compared = 0;
  int rounds = nightly() ? 10 * ROUNDS : ROUNDS;
  for (int round = 0; round < rounds; round++) {
    change();
    if (random_below(&state, 5) == 0) toggle((int)random_below(&state, LABELS));
    for (int label = 0; label < LABELS && round % 5 == 0; label++) {
      if (!snapshots[label].taken) continue;
      ufo_store_options options = {
          .struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY, .snapshot = label_of(label)};
      ufo_store *at;
      OK(ufo_store_open(path, &options, &at, &error));
      cr_assert_eq(digest_store(at), snapshots[label].digest, "'%s' in round %d", label_of(label), round);
      ufo_store_close(at);
      compared++;
    }
    if (round % 25 == 0) assert_sound(store);
    if (round % 100 == 99) OK(ufo_store_compact(store, NULL, &error));
  }
  for (int label = 0; label < LABELS; label++)
    if (snapshots[label].taken) toggle(label);
  for (int n = 0; n < NAMES; n++)
    if (kind_of(names[n])) remove_now(store, names[n]);
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, 0);
  cr_assert_eq(stat_of(store).garbage, 0);
  tally(compared, "snapshots of lists and copies compared");
}

/* The version of an object is looked for in the snapshot, also under the name that the object had then. */
Test(snapshots_held, a_version_and_the_snapshot_that_has_it) {
  char label[UFO_NAME_MAX + 1], then[UFO_NAME_MAX + 1];
  uint64_t values[PER_CHUNK];
  ufo_txn *txn = begin(store);
  put_noise(txn, "a");
  put_noise(txn, "b");
  OK(ufo_txn_commit(txn, &error));
  OK(ufo_snapshot_create(store, "one", &error));
  for (int i = 0; i < 3; i++) {
    noise(values, PER_CHUNK);
    write_now(store, "a", 0, PER_CHUNK, values);
    if (i == 1) OK(ufo_snapshot_create(store, "two", &error));
  }
  OK(ufo_snapshot_of_version(store, "a", 1, label, then, &error));
  cr_assert_str_eq(label, "one");
  cr_assert_str_eq(then, "a");
  txn = begin(store); /* a and b change places */
  OK(ufo_txn_rename(txn, "a", "c", &error));
  OK(ufo_txn_rename(txn, "b", "a", &error));
  OK(ufo_txn_rename(txn, "c", "b", &error));
  OK(ufo_txn_commit(txn, &error));
  OK(ufo_snapshot_of_version(store, "b", 3, label, then, &error));
  cr_assert_str_eq(label, "two");
  cr_assert_str_eq(then, "a");
  OK(ufo_snapshot_of_version(store, "a", 1, label, then, &error));
  cr_assert_str_eq(label, "two");
  cr_assert_str_eq(then, "b");
  cr_assert_eq(ufo_snapshot_of_version(store, "b", 4, label, then, &error), UFO_MISSING);
  cr_assert_eq(ufo_snapshot_of_version(store, "b", 9, label, then, &error), UFO_MISSING);
  cr_assert_eq(ufo_snapshot_of_version(store, "b", 0, label, then, &error), UFO_USAGE);
  cr_assert_eq(ufo_snapshot_of_version(store, "z", 1, label, then, &error), UFO_MISSING);
  /* A store at a snapshot has no later versions, and knows of no later snapshots. */
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY, .snapshot = "one"};
  ufo_store *at;
  OK(ufo_store_open(path, &options, &at, &error));
  OK(ufo_store_read(at, NULL, "a", 1, 0, PER_CHUNK, values, &error));
  cr_assert_eq(ufo_store_read(at, NULL, "a", 3, 0, PER_CHUNK, values, &error), UFO_MISSING);
  cr_assert_not_null(strstr(error.message, "after snapshot 'one'"), "%s", error.message);
  OK(ufo_snapshot_of_version(at, "b", 1, label, then, &error));
  cr_assert_str_eq(label, "one");
  ufo_store_close(at);
}

typedef struct damage_seen {
  int count;
  char name[64], cause[UFO_ERROR_MESSAGE_BYTES];
  uint64_t first, elements;
} damage_seen;

static int see_damage(void *user, const ufo_damage *damage) {
  damage_seen *seen = user;
  seen->count++;
  snprintf(seen->name, sizeof seen->name, "%s", damage->name ? damage->name : "");
  snprintf(seen->cause, sizeof seen->cause, "%s", damage->cause);
  seen->first = damage->first;
  seen->elements = damage->count;
  return 0;
}

/* Damage in what only a snapshot has is reported by the name that it had, and the snapshot. */
Test(snapshots_held, damage_of_the_past_has_a_name) {
  uint64_t values[2 * PER_CHUNK];
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, 2 * PER_CHUNK, CHUNK);
  noise(values, 2 * PER_CHUNK);
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put(txn, ".1", &spec, values, &error));
  OK(ufo_txn_put_list(txn, "a", (const char *const[]){".1"}, 1, &error));
  OK(ufo_txn_commit(txn, &error));
  OK(ufo_snapshot_create(store, "kept", &error));
  remove_now(store, "a");
  put_noise(txn = begin(store), "a");
  OK(ufo_txn_commit(txn, &error));
  let_it_reclaim(store);
  ufo_store_close(store);
  change_bytes(path, values + PER_CHUNK);
  store = open_store(path);
  damage_seen seen = {0};
  cr_assert_eq(ufo_store_verify(store, see_damage, NULL, &seen, &error), UFO_CORRUPT);
  cr_assert_eq(seen.count, 1);
  cr_assert_str_eq(seen.name, "a[[1]]");
  cr_assert_eq(seen.first, PER_CHUNK);
  cr_assert_eq(seen.elements, PER_CHUNK);
  cr_assert_not_null(strstr(seen.cause, "in snapshot 'kept': the checksum"), "%s", seen.cause);
  OK(ufo_snapshot_remove(store, "kept", &error));
  let_it_reclaim(store);
}

/* While a snapshot, or a view, keeps an old version, rewriting the same chunks again and again leaves a record of
 * garbage for each chunk, not for each commit. */
static void rewrite_often(const char *what) {
  uint64_t values[PER_CHUNK];
  for (int i = 0; i < 200; i++) {
    noise(values, PER_CHUNK);
    write_now(store, "a", (uint64_t)(i % 2) * PER_CHUNK, PER_CHUNK, values);
  }
  cr_assert_leq(stat_of(store).garbage, 4, "%" PRIu64 " records beside %s", stat_of(store).garbage, what);
  cr_assert_leq(stat_of(store).blobs, 5, "%" PRIu64 " blobs beside %s", stat_of(store).blobs, what);
}

Test(snapshots_held, garbage_does_not_grow_with_commits) {
  uint64_t values[2 * PER_CHUNK];
  noise(values, 2 * PER_CHUNK);
  put_now(store, "a", spec_of(UFO_DOUBLE, 0, 2 * PER_CHUNK, CHUNK), values);
  OK(ufo_snapshot_create(store, "kept", &error));
  rewrite_often("a snapshot");
  OK(ufo_snapshot_remove(store, "kept", &error));
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).garbage, 0);
  ufo_view *view = open_view(store, NULL, pool, "a");
  rewrite_often("a view");
  ufo_view_release(view);
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).garbage, 0);
  cr_assert_eq(stat_of(store).blobs, 2);
}
