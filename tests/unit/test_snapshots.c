/* Snapshots against a model: whatever is changed, renamed or removed afterwards, each snapshot reads as the store was,
 * and the store holds exactly what the last commit, the snapshots and open views need. */
#include "fixture.h"

#include "codec/codec.h"

#include "unit/random.h"

enum { CHUNK = 4096, PER_CHUNK = CHUNK / 8, CHUNKS_MAX = 5, NAMES = 6, LABELS = 5, ROUNDS = 300 };

/* An object: chunk k holds noise of the seed chunks[k], so it takes a blob of its own; no seed is used twice. */
typedef struct model_object {
  int exists;
  uint64_t count;
  uint64_t chunks[CHUNKS_MAX];
} model_object;

typedef struct model_state {
  int taken;
  model_object objects[NAMES];
} model_state;

static ufo_store *store;
static char *path;
static model_state now, snapshots[LABELS];
static uint64_t next_seed;

static void make(void) {
  fixture_make();
  path = in_folder("s.ufo");
  store = open_store(path);
  next_seed = 1;
  memset(&now, 0, sizeof now);
  memset(snapshots, 0, sizeof snapshots);
}

static void end(void) {
  assert_sound(store);
  ufo_store_close(store);
  fixture_remove();
}

TestSuite(snapshots, .init = make, .fini = end, .timeout = 1700);

static const char *name_of(int n) {
  static const char *const names[NAMES] = {"a", "ab", "b", "fare", "r\xc3\xa9sum\xc3\xa9", "z"};
  return names[n];
}

static const char *label_of(int n) {
  static const char *const labels[LABELS] = {"2026-q1", "2026-q2", "Z", "a label", "\xc3\xa4"};
  return labels[n];
}

static void fill_chunk(uint64_t seed, uint64_t *out) {
  for (uint64_t i = 0; i < PER_CHUNK; i++) out[i] = mix(seed * 1000003 + i);
}

static void content_of(const model_object *object, uint64_t *out) {
  for (uint64_t c = 0; c < object->count; c++) fill_chunk(object->chunks[c], out + c * PER_CHUNK);
}

static void assert_state(ufo_store *at, const model_state *state) {
  static uint64_t values[CHUNKS_MAX * PER_CHUNK];
  ufo_store_iterator *iterator;
  ufo_object_info info = {.struct_size = sizeof info};
  OK(ufo_store_list(at, NULL, &iterator, &error));
  for (int n = 0; n < NAMES; n++) {
    const model_object *object = &state->objects[n];
    if (!object->exists) {
      cr_assert_eq(ufo_store_info(at, NULL, name_of(n), 0, &info, &error), UFO_MISSING, "'%s'", name_of(n));
      continue;
    }
    OK(ufo_store_iterator_next(iterator, &info, &error));
    cr_assert_str_eq(info.name, name_of(n));
    content_of(object, values);
    assert_content(at, NULL, name_of(n), values, object->count * CHUNK);
  }
  cr_assert_eq(ufo_store_iterator_next(iterator, &info, &error), UFO_END);
  ufo_store_iterator_free(iterator);
}

static ufo_store *open_at(const char *label) {
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY, .snapshot = label};
  ufo_store *at = NULL;
  OK(ufo_store_open(path, &options, &at, &error));
  return at;
}

/* Chunks that different states have in common are blobs in common. */
static uint64_t blobs_needed(void) {
  static uint64_t seeds[(LABELS + 1) * NAMES * CHUNKS_MAX];
  size_t count = 0;
  for (int s = -1; s < LABELS; s++) {
    const model_state *state = s < 0 ? &now : &snapshots[s];
    if (s >= 0 && !state->taken) continue;
    for (int n = 0; n < NAMES; n++) {
      for (uint64_t c = 0; state->objects[n].exists && c < state->objects[n].count; c++) {
        size_t i = 0;
        while (i < count && seeds[i] != state->objects[n].chunks[c]) i++;
        if (i == count) seeds[count++] = state->objects[n].chunks[c];
      }
    }
  }
  return count;
}

static void assert_exact(const char *when) {
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, blobs_needed(), "%s: %" PRIu64 " blobs are kept, and %" PRIu64 " are needed", when,
               stat_of(store).blobs, blobs_needed());
}

static void change(uint64_t *state) {
  static uint64_t values[CHUNKS_MAX * PER_CHUNK];
  int n = (int)random_below(state, NAMES), other = (int)random_below(state, NAMES);
  model_object *object = &now.objects[n];
  ufo_txn *txn = begin(store);
  switch (random_below(state, 6)) {
  case 0: /* put whole */
    object->exists = 1;
    object->count = 1 + random_below(state, CHUNKS_MAX);
    for (uint64_t c = 0; c < object->count; c++) object->chunks[c] = next_seed++;
    content_of(object, values);
    ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, object->count * PER_CHUNK, CHUNK);
    OK(ufo_txn_put(txn, name_of(n), &spec, values, &error));
    break;
  case 1:
  case 2: /* one chunk */
    if (!object->exists) break;
    uint64_t chunk = random_below(state, object->count);
    object->chunks[chunk] = next_seed++;
    fill_chunk(object->chunks[chunk], values);
    OK(ufo_txn_write(txn, name_of(n), chunk * PER_CHUNK, PER_CHUNK, values, &error));
    break;
  case 3: /* one more */
    if (!object->exists || object->count == CHUNKS_MAX) break;
    object->chunks[object->count++] = next_seed++;
    fill_chunk(object->chunks[object->count - 1], values);
    OK(ufo_txn_append(txn, name_of(n), values, PER_CHUNK, &error));
    break;
  case 4:
    if (!object->exists) break;
    object->exists = 0;
    OK(ufo_txn_remove(txn, name_of(n), &error));
    break;
  default: /* rename, if the other name is free */
    if (!object->exists || now.objects[other].exists) break;
    now.objects[other] = *object;
    object->exists = 0;
    OK(ufo_txn_rename(txn, name_of(n), name_of(other), &error));
  }
  OK(ufo_txn_commit(txn, &error));
}

static void toggle(int label) {
  if (snapshots[label].taken) {
    OK(ufo_snapshot_remove(store, label_of(label), &error));
    snapshots[label].taken = 0;
    return;
  }
  OK(ufo_snapshot_create(store, label_of(label), &error));
  snapshots[label] = now;
  snapshots[label].taken = 1;
}

Test(snapshots, every_state_reads_as_it_was_and_nothing_else_is_kept) {
  uint64_t state = 20261124, checked = 0;
  int rounds = nightly() ? 10 * ROUNDS : ROUNDS;
  for (int round = 0; round < rounds; round++) {
    change(&state);
    if (random_below(&state, 4) == 0) toggle((int)random_below(&state, LABELS));
    if (round % 10 != 0) continue;
    assert_state(store, &now);
    for (int label = 0; label < LABELS; label++) {
      if (!snapshots[label].taken) continue;
      ufo_store *at = open_at(label_of(label));
      assert_state(at, &snapshots[label]);
      ufo_store_close(at);
      checked++;
    }
    char when[32];
    snprintf(when, sizeof when, "round %d", round);
    assert_exact(when);
    assert_sound(store);
    if (round % 50 == 0) {
      ufo_store_close(store);
      store = open_store(path);
    }
    if (round % 100 == 0) OK(ufo_store_compact(store, NULL, &error));
  }
  for (int label = 0; label < LABELS; label++)
    if (snapshots[label].taken) toggle(label);
  assert_exact("without snapshots");
  cr_assert_eq(stat_of(store).garbage, 0);
  tally(checked, "snapshots compared with a model");
}

typedef struct found_snapshots {
  int count;
  ufo_snapshot_info info[LABELS];
} found_snapshots;

static int collect(void *user, const ufo_snapshot_info *info) {
  found_snapshots *found = user;
  found->info[found->count++] = *info;
  return 0;
}

static found_snapshots list_them(ufo_store *at) {
  found_snapshots found = {0};
  OK(ufo_snapshot_list(at, collect, &found, &error));
  return found;
}

static void put_chunks(const char *name, uint64_t count) {
  uint64_t *values = malloc(count * CHUNK);
  for (uint64_t c = 0; c < count; c++) fill_chunk(next_seed++, values + c * PER_CHUNK);
  put_now(store, name, spec_of(UFO_DOUBLE, 0, count * PER_CHUNK, CHUNK), values);
  free(values);
}

static void write_chunk(const char *name, uint64_t chunk) {
  uint64_t values[PER_CHUNK];
  fill_chunk(next_seed++, values);
  write_now(store, name, chunk * PER_CHUNK, PER_CHUNK, values);
}

/* held_bytes is what removing the snapshot frees. */
Test(snapshots, list_says_what_each_one_holds) {
  put_chunks("x", 4);
  put_chunks("y", 3);
  OK(ufo_snapshot_create(store, "one", &error));
  write_chunk("x", 0);
  write_chunk("x", 1);
  OK(ufo_snapshot_create(store, "two", &error));
  write_chunk("x", 1);
  remove_now(store, "y");
  write_chunk("x", 2);
  let_it_reclaim(store);
  found_snapshots found = list_them(store);
  cr_assert_eq(found.count, 2);
  cr_assert_str_eq(found.info[0].label, "one");
  cr_assert_str_eq(found.info[1].label, "two");
  cr_assert_lt(found.info[0].generation, found.info[1].generation);
  cr_assert_leq(found.info[0].created_ns, found.info[1].created_ns);
  cr_assert_eq(found.info[0].objects, 2);
  cr_assert_eq(found.info[0].held_bytes, 2 * (CHUNK - UFO_TAIL_BYTES));
  cr_assert_eq(found.info[1].held_bytes, CHUNK - UFO_TAIL_BYTES); /* y, and chunk 2 of x, are the older one's as well */
  uint64_t before = stat_of(store).blob_bytes;
  OK(ufo_snapshot_remove(store, "two", &error));
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blob_bytes, before - (CHUNK - UFO_TAIL_BYTES));
  found = list_them(store);
  cr_assert_eq(found.info[0].held_bytes, (2 + 3 + 1) * (CHUNK - UFO_TAIL_BYTES), "%" PRIu64, found.info[0].held_bytes);
  OK(ufo_snapshot_remove(store, "one", &error));
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blob_bytes, 4 * (CHUNK - UFO_TAIL_BYTES));
}

/* A view keeps its version whatever becomes of the snapshot, and no longer than it is open. */
Test(snapshots, a_view_outlives_its_snapshot) {
  ufo_pool *pool = make_pool(1 << 20);
  put_chunks("x", CHUNKS_MAX);
  uint64_t expected[CHUNKS_MAX * PER_CHUNK];
  OK(ufo_store_read(store, NULL, "x", 0, 0, CHUNKS_MAX * PER_CHUNK, expected, &error));
  OK(ufo_snapshot_create(store, "then", &error));
  put_chunks("x", CHUNKS_MAX);
  ufo_store *at = open_at("then");
  ufo_view *view = open_view(at, NULL, pool, "x");
  OK(ufo_snapshot_remove(store, "then", &error));
  let_it_reclaim(store);
  ufo_object_info info = {.struct_size = sizeof info};
  cr_assert_eq(ufo_store_info(at, NULL, "x", 0, &info, &error), UFO_MISSING);
  cr_assert_not_null(strstr(error.message, "snapshot 'then' was removed"), "%s", error.message);
  ufo_store_iterator *iterator;
  OK(ufo_store_list(at, NULL, &iterator, &error));
  cr_assert_eq(ufo_store_iterator_next(iterator, &info, &error), UFO_MISSING);
  ufo_store_iterator_free(iterator);
  ufo_store_close(at);
  cr_assert_eq(memcmp(ufo_view_data(view), expected, sizeof expected), 0);
  ufo_view_release(view);
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, CHUNKS_MAX);
  OK(ufo_pool_destroy(pool, &error));
}

typedef struct found_versions {
  int count;
  ufo_version_info info[16];
} found_versions;

static int collect_version(void *user, const ufo_version_info *info) {
  found_versions *found = user;
  found->info[found->count++] = *info;
  return 0;
}

Test(snapshots, versions_that_can_be_read) {
  uint64_t first[PER_CHUNK], back[PER_CHUNK];
  put_chunks("x", 2);
  OK(ufo_store_read(store, NULL, "x", 0, 0, PER_CHUNK, first, &error));
  OK(ufo_snapshot_create(store, "one", &error));
  OK(ufo_snapshot_create(store, "uno", &error));
  write_chunk("x", 0);
  write_chunk("x", 0);
  OK(ufo_snapshot_create(store, "three", &error));
  write_chunk("x", 0);
  let_it_reclaim(store);
  found_versions found = {0};
  OK(ufo_store_versions(store, "x", collect_version, &found, &error));
  cr_assert_eq(found.count, 3);
  cr_assert(found.info[0].version == 4 && found.info[0].is_current && found.info[0].snapshots == 0);
  cr_assert(found.info[1].version == 3 && found.info[1].snapshots == 1 && !found.info[1].is_current);
  cr_assert_str_eq(found.info[1].snapshot, "three");
  cr_assert(found.info[2].version == 1 && found.info[2].snapshots == 2);
  cr_assert_str_eq(found.info[2].snapshot, "uno");
  cr_assert_eq(ufo_store_read(store, NULL, "x", 2, 0, 1, back, &error), UFO_MISSING);
  /* Also through a handle that may not write. */
  ufo_store *at = open_at("uno");
  OK(ufo_store_read(at, NULL, "x", 1, 0, PER_CHUNK, back, &error));
  cr_assert_eq(memcmp(first, back, sizeof back), 0);
  found.count = 0;
  OK(ufo_store_versions(at, "x", collect_version, &found, &error));
  cr_assert(found.count == 1 && found.info[0].is_current && found.info[0].snapshots == 2);
  ufo_store_close(at);
  cr_assert_eq(ufo_store_versions(store, "nothing", collect_version, &found, &error), UFO_MISSING);
}

Test(snapshots, what_is_refused) {
  OK(ufo_snapshot_create(store, "one", &error));
  cr_assert_eq(ufo_snapshot_create(store, "one", &error), UFO_USAGE);
  cr_assert_not_null(strstr(error.message, "'one'"), "%s", error.message);
  cr_assert_eq(ufo_snapshot_create(store, "", &error), UFO_USAGE);
  cr_assert_eq(ufo_snapshot_create(store, "\xff", &error), UFO_USAGE);
  cr_assert_eq(ufo_snapshot_remove(store, "two", &error), UFO_MISSING);
  cr_assert_eq(ufo_snapshot_list(store, NULL, NULL, &error), UFO_USAGE);
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY, .snapshot = "two"};
  ufo_store *at = store;
  cr_assert_eq(ufo_store_open(path, &options, &at, &error), UFO_MISSING);
  cr_assert_null(at);
  options.snapshot = "one";
  options.mode = UFO_OPEN_READ_WRITE;
  cr_assert_eq(ufo_store_open(path, &options, &at, &error), UFO_USAGE);
  at = open_at("one");
  ufo_txn *txn;
  cr_assert_eq(ufo_txn_begin(at, &txn, &error), UFO_USAGE);
  cr_assert_eq(ufo_snapshot_create(at, "three", &error), UFO_USAGE);
  cr_assert_eq(ufo_snapshot_remove(at, "one", &error), UFO_USAGE);
  ufo_store_close(at);
}

/* Lists: elements that were changed, replaced or dropped since. */
Test(snapshots, lists_and_attributes) {
  static const char *const names[] = {"u", "v"};
  double column[2][PER_CHUNK];
  ufo_attributes *set;
  for (int round = 0; round < 3; round++) {
    for (int c = 0; c < 2; c++)
      for (int i = 0; i < PER_CHUNK; i++) column[c][i] = 100 * round + (c && round == 2 ? 7 : 10) * c + i;
    ufo_txn *txn = begin(store);
    ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, PER_CHUNK, CHUNK);
    OK(ufo_txn_put(txn, ".u", &spec, column[0], &error));
    OK(ufo_txn_put(txn, ".v", &spec, column[1], &error));
    const char *children[] = {".u", ".v"};
    OK(ufo_txn_put_list(txn, "df", children, 2, &error));
    OK(ufo_attributes_create(&set, &error));
    OK(ufo_attributes_set_strings(set, "names", names, NULL, 2, &error));
    OK(ufo_attributes_set(set, "round", UFO_ATTRIBUTE_INTEGER, &round, 1, &error));
    OK(ufo_txn_set_attributes(txn, "df", set, &error));
    ufo_attributes_free(set);
    OK(ufo_txn_commit(txn, &error));
    if (round < 2) OK(ufo_snapshot_create(store, round ? "b" : "a", &error));
  }
  remove_now(store, "df");
  let_it_reclaim(store);
  for (int round = 0; round < 2; round++) {
    ufo_store *at = open_at(round ? "b" : "a");
    double back[PER_CHUNK];
    OK(ufo_store_read(at, NULL, "df$v", 0, 0, PER_CHUNK, back, &error));
    cr_assert(back[3] == 100 * round + 10 + 3);
    OK(ufo_store_read(at, NULL, "df[[1]]", 0, 0, PER_CHUNK, back, &error));
    cr_assert(back[3] == 100 * round + 3);
    ufo_attribute attribute;
    OK(ufo_store_attributes(at, NULL, "df", 0, &set, &error));
    cr_assert(ufo_attributes_find(set, "round", &attribute));
    cr_assert_eq(((const int32_t *)attribute.data)[0], round);
    ufo_attributes_free(set);
    ufo_store_close(at);
  }
  assert_sound(store);
  OK(ufo_snapshot_remove(store, "a", &error));
  OK(ufo_snapshot_remove(store, "b", &error));
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, 0);
}

/* Making one writes a record, whatever the store holds. */
Test(snapshots, cost_is_that_of_what_changed) {
  ufo_txn *txn = begin(store);
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, 1000000, CHUNK);
  for (int i = 0; i < 2000; i++) {
    char name[16];
    snprintf(name, sizeof name, "x%d", i);
    OK(ufo_txn_create(txn, name, &spec, &error));
  }
  OK(ufo_txn_commit(txn, &error));
  uint64_t used = stat_of(store).used_bytes;
  for (int i = 0; i < 20; i++) {
    char label[16];
    snprintf(label, sizeof label, "s%d", i);
    OK(ufo_snapshot_create(store, label, &error));
  }
  cr_assert_leq(stat_of(store).used_bytes, used + 8 * 4096);
  remove_now(store, "x1000");
  let_it_reclaim(store);
  cr_assert_leq(stat_of(store).used_bytes, used + 16 * 4096);
  for (int i = 0; i < 20; i++) {
    char label[16];
    snprintf(label, sizeof label, "s%d", i);
    ufo_store *at = open_at(label);
    cr_assert_eq(info_of(at, NULL, "x1000").length, 1000000);
    ufo_store_close(at);
  }
}
