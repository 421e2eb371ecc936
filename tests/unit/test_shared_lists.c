/* Lists that are no trees, in a file whose seals hold: sixty, each of which holds the next one twice, and one that
 * holds itself twice; a tree that is far too deep; and a list that has many names. Whoever followed every path would
 * take 2^60 steps, or all of the stack. Each call is made in a process of its own, with an alarm: one that does not end
 * is named. */
#include "fixture.h"
#include "ufostore/salvage.h"
#include "ufostore/snapshot.h"

#include "edit.h"
#include "pages_kit.h"

enum { LEVELS = 60, CHAIN = 50000, SECONDS = 20, KILLED = 128 + SIGALRM };

/* ---- the store --------------------------------------------------------------------------------------------------- */

static uint64_t ids[LEVELS]; /* of the lists, from the outermost one */

static void put_number(ufo_txn *txn, const char *name, int32_t number) {
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, 1, 0);
  OK(ufo_txn_put(txn, name, &spec, &number, &error));
}

static uint64_t child_of(edit e, uint64_t list) {
  uint8_t key[UFO_MAP_KEY_BYTES], content[EDIT_BYTES_MAX];
  ufo_entry entry;
  ufo_key_map(key, list, 0, 1);
  size_t bytes = edit_get(e, key, sizeof key, content);
  OK(ufo_record_decode_entry((ufo_slice){content, bytes}, &entry, &error));
  cr_assert(entry.is_child);
  return entry.child_id;
}

static void set_child(edit e, uint64_t list, uint64_t index, uint64_t child) {
  uint8_t key[UFO_MAP_KEY_BYTES], record[UFO_ENTRY_BYTES_MAX];
  ufo_entry entry = {.is_child = true, .child_id = child, .child_version = 1};
  ufo_key_map(key, list, index, 1);
  edit_put(e, key, sizeof key, record, ufo_record_encode_entry(&entry, record));
}

/* The file s.ufo: the list "top" is sixty levels deep, its elements are called "a" and "a$a"; the vector "v" is sound.
 * The second element of each level is a number so far. */
static const char *build(void) {
  const char *path = in_folder("s.ufo");
  const char *names[] = {"a", "a$a"};
  ufo_attributes *set;
  ufo_store *store = open_store(path);
  ufo_txn *txn = begin(store);
  OK(ufo_attributes_create(&set, &error));
  OK(ufo_attributes_set_strings(set, "names", names, NULL, 2, &error));
  put_number(txn, "v", 7);
  put_number(txn, "top", 0);
  for (int i = 0; i < LEVELS; i++) {
    put_number(txn, "number", i);
    OK(ufo_txn_put_list(txn, "top", (const char *[]){"top", "number"}, 2, &error));
    OK(ufo_txn_set_attributes(txn, "top", set, &error));
  }
  OK(ufo_txn_commit(txn, &error));
  ufo_attributes_free(set);
  ids[0] = info_of(store, NULL, "top").id;
  assert_sound(store);
  ufo_store_close(store);
  edit e = edit_begin(path, UFO_TABLE_MAP);
  for (int i = 1; i < LEVELS; i++) ids[i] = child_of(e, ids[i - 1]);
  edit_end(e);
  return path;
}

/* Each list holds the next one twice. */
static void build_shared(void) {
  fixture_make();
  edit e = edit_begin(build(), UFO_TABLE_MAP);
  for (int i = 0; i + 1 < LEVELS; i++) set_child(e, ids[i], 1, ids[i + 1]);
  edit_end(e);
}

/* Both elements of the list "top" are that list. */
static void build_cycle(void) {
  fixture_make();
  edit e = edit_begin(build(), UFO_TABLE_MAP);
  for (int i = 0; i < 2; i++) set_child(e, ids[0], (uint64_t)i, ids[0]);
  edit_end(e);
}

/* "top" is the outermost of many lists, each with one element. */
static void build_chain(void) {
  uint8_t key[UFO_OBJECT_KEY_BYTES], content[EDIT_BYTES_MAX];
  uint64_t first = 1000, named[] = {first, 1};
  fixture_make();
  const char *path = build();
  edit e = edit_begin(path, UFO_TABLE_OBJECTS);
  ufo_key_object(key, ids[0], 1);
  size_t bytes = edit_get(e, key, sizeof key, content);
  ufo_put_le64(content + 8, 1); /* its length */
  memset(content + 96, 0, 16);  /* no attributes */
  for (uint64_t i = 0; i < CHAIN; i++) {
    ufo_key_object(key, first + i, 1);
    edit_put(e, key, sizeof key, content, bytes);
  }
  edit_end(e);
  e = edit_begin(path, UFO_TABLE_MAP);
  for (uint64_t i = 0; i < CHAIN; i++) set_child(e, first + i, 0, i + 1 < CHAIN ? first + i + 1 : ids[0]);
  edit_end(e);
  edit_put_now(path, UFO_TABLE_NAMES, "top", 3, named, sizeof named);
}

/* `count` names that lead to one list of `count` elements, each of which has a name. */
static void build_named(uint32_t count) {
  fixture_make();
  const char *path = in_folder("s.ufo");
  ufo_store *store = open_store(path);
  ufo_txn *txn = begin(store);
  ufo_attributes *set;
  char(*names)[8] = calloc(count, sizeof *names);
  const char **children = calloc(count, sizeof *children);
  cr_assert(names && children);
  for (uint32_t i = 0; i < count; i++) {
    snprintf(names[i], sizeof names[i], "n%u", i % 1000000);
    children[i] = names[i];
    put_number(txn, names[i], (int32_t)i);
  }
  OK(ufo_txn_put_list(txn, "n0", children, count, &error));
  OK(ufo_attributes_create(&set, &error));
  OK(ufo_attributes_set_strings(set, "names", children, NULL, count, &error));
  OK(ufo_txn_set_attributes(txn, "n0", set, &error));
  OK(ufo_txn_commit(txn, &error));
  ufo_attributes_free(set);
  const uint64_t named[] = {info_of(store, NULL, "n0").id, 1};
  ufo_store_close(store);
  edit e = edit_begin(path, UFO_TABLE_NAMES);
  for (uint32_t i = 1; i < count; i++) edit_put(e, names[i], strlen(names[i]), named, sizeof named);
  edit_end(e);
  free(children);
  free(names);
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

static ufo_store *opened(ufo_open_mode mode, const char *snapshot) {
  ufo_store *store = NULL;
  ufo_store_options options = {.struct_size = sizeof options, .mode = mode, .snapshot = snapshot};
  return ufo_store_open(in_folder("s.ufo"), &options, &store, &error) ? NULL : store;
}

/* The message names the store and an object. */
static int is_named(void) {
  CHECK(error.code == UFO_CORRUPT);
  CHECK(strstr(error.message, "s.ufo") && strstr(error.message, "object "));
  return 0;
}

static int info(void *unused) {
  (void)unused;
  ufo_object_info found = {.struct_size = sizeof found};
  ufo_store *store = opened(UFO_OPEN_READ_ONLY, NULL);
  CHECK(store);
  CHECK(ufo_store_info(store, NULL, "top", 0, &found, &error) == UFO_CORRUPT && is_named() == 0);
  CHECK(ufo_store_info(store, NULL, "top", 1, &found, &error) == UFO_CORRUPT && is_named() == 0);
  CHECK(ufo_store_info(store, NULL, "top[[1]]", 0, &found, &error) == UFO_CORRUPT && is_named() == 0);
  CHECK(ufo_store_child_info(store, NULL, "top", 0, 0, &found, &error) == UFO_CORRUPT && is_named() == 0);
  CHECK(ufo_store_info(store, NULL, "v", 0, &found, &error) == UFO_OK && found.length == 1);
  ufo_store_close(store);
  return 0;
}

/* Names that can be cut at many places, each of which leads on. */
static int lookup(void *unused) {
  (void)unused;
  char name[UFO_NAME_MAX + 1] = "top", data[4];
  for (int i = 0; i < LEVELS - 2; i++) strcat(name, "$a");
  strcat(name, "$b");
  ufo_object_info found = {.struct_size = sizeof found};
  ufo_store *store = opened(UFO_OPEN_READ_WRITE, NULL);
  ufo_txn *txn;
  CHECK(store);
  CHECK(ufo_store_info(store, NULL, name, 0, &found, &error) == UFO_MISSING);
  CHECK(ufo_store_read(store, NULL, name, 0, 0, 1, data, &error) == UFO_MISSING);
  CHECK(ufo_txn_begin(store, &txn, &error) == UFO_OK);
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, 1, 0);
  CHECK(ufo_txn_put(txn, name, &spec, &(int32_t){1}, &error) == UFO_OK);
  ufo_txn_abort(txn);
  ufo_store_close(store);
  return 0;
}

static int list(void *unused) {
  (void)unused;
  ufo_object_info found = {.struct_size = sizeof found};
  ufo_store_iterator *iterator;
  ufo_store *store = opened(UFO_OPEN_READ_ONLY, NULL);
  CHECK(store);
  CHECK(ufo_store_list(store, NULL, &iterator, &error) == UFO_OK);
  CHECK(ufo_store_iterator_next(iterator, &found, &error) == UFO_CORRUPT && is_named() == 0);
  CHECK(ufo_store_iterator_next(iterator, &found, &error) == UFO_OK && strcmp(found.name, "v") == 0);
  CHECK(ufo_store_iterator_next(iterator, &found, &error) == UFO_END);
  ufo_store_iterator_free(iterator);
  ufo_store_close(store);
  return 0;
}

static int figures(void *unused) {
  (void)unused;
  ufo_store_stat stat = {.struct_size = sizeof stat};
  ufo_store *store = opened(UFO_OPEN_READ_ONLY, NULL);
  CHECK(store);
  CHECK(ufo_store_get_stat(store, &stat, &error) == UFO_OK && stat.objects == 2); /* what is damaged is left out */
  CHECK(stat.live_bytes <= stat.file_bytes);
  ufo_store_close(store);
  return 0;
}

static int data(void *unused) {
  (void)unused;
  int32_t number = 0;
  ufo_attributes *set;
  ufo_view *view;
  ufo_pool *pool;
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = 1 << 24, .scratch_dir = fixture_folder};
  ufo_store *store = opened(UFO_OPEN_READ_ONLY, NULL);
  CHECK(store);
  CHECK(ufo_pool_create(&options, &pool, &error) == UFO_OK);
  CHECK(ufo_view_open(store, NULL, pool, "top", NULL, &view, &error) == UFO_CORRUPT && is_named() == 0);
  CHECK(ufo_store_read(store, NULL, "top", 0, 0, 1, &number, &error) == UFO_CORRUPT && is_named() == 0);
  CHECK(ufo_store_attributes(store, NULL, "top", 0, &set, &error) == UFO_OK);
  ufo_attributes_free(set);
  CHECK(ufo_store_read(store, NULL, "v", 0, 0, 1, &number, &error) == UFO_OK && number == 7);
  ufo_store_close(store);
  CHECK(ufo_pool_destroy(pool, &error) == UFO_OK);
  return 0;
}

static int note_version(void *user, const ufo_version_info *version) {
  (void)version;
  ++*(int *)user;
  return 0;
}

static int snapshots(void *unused) {
  (void)unused;
  int versions = 0;
  ufo_object_info found = {.struct_size = sizeof found};
  ufo_store *store = opened(UFO_OPEN_READ_WRITE, NULL);
  CHECK(store);
  CHECK(ufo_snapshot_create(store, "now", &error) == UFO_OK);
  CHECK(ufo_store_versions(store, "top", note_version, &versions, &error) == UFO_OK && versions == 1);
  ufo_store *past = opened(UFO_OPEN_READ_ONLY, "now");
  CHECK(past);
  CHECK(ufo_store_info(past, NULL, "top", 0, &found, &error) == UFO_CORRUPT && is_named() == 0);
  CHECK(ufo_store_info(past, NULL, "v", 0, &found, &error) == UFO_OK);
  ufo_store_close(past);
  CHECK(ufo_snapshot_remove(store, "now", &error) == UFO_OK);
  ufo_store_close(store);
  return 0;
}

static int compact(void *unused) {
  (void)unused;
  ufo_store *store = opened(UFO_OPEN_READ_WRITE, NULL);
  CHECK(store);
  CHECK(ufo_store_compact(store, in_folder("compact.ufo"), &error) == UFO_OK);
  CHECK(ufo_store_compact(store, NULL, &error) == UFO_OK);
  ufo_store_close(store);
  return 0;
}

static int note_damage(void *user, const ufo_damage *damage) {
  if (damage->name && strstr(damage->name, "top") == damage->name) *(int *)user = 1;
  return 0;
}

static int verify(void *unused) {
  (void)unused;
  int named = 0;
  ufo_store *store = opened(UFO_OPEN_READ_ONLY, NULL);
  CHECK(store);
  CHECK(ufo_store_verify(store, note_damage, NULL, &named, &error) == UFO_CORRUPT && named);
  ufo_store_close(store);
  return 0;
}

static int salvage(void *unused) {
  (void)unused;
  int named = 0;
  int32_t number = 0;
  ufo_store *store = NULL;
  CHECK(ufo_store_salvage(in_folder("s.ufo"), in_folder("saved.ufo"), note_damage, NULL, &named, &error) ==
        UFO_CORRUPT);
  CHECK(named);
  CHECK(ufo_store_open(in_folder("saved.ufo"), NULL, &store, &error) == UFO_OK);
  CHECK(ufo_store_verify(store, note_damage, NULL, &named, &error) == UFO_OK);
  CHECK(ufo_store_read(store, NULL, "v", 0, 0, 1, &number, &error) == UFO_OK && number == 7);
  ufo_store_close(store);
  return 0;
}

/* ---- changes: what is damaged can be taken away, and stands in the way of nothing else --------------------------- */

/* NULL: it cannot. */
static ufo_store *begin_change(ufo_txn **txn_out) {
  ufo_store *store = opened(UFO_OPEN_READ_WRITE, NULL);
  if (store && ufo_txn_begin(store, txn_out, &error) == UFO_OK) return store;
  ufo_store_close(store);
  return NULL;
}

static int edit_top(void *unused) {
  (void)unused;
  ufo_txn *txn;
  ufo_store *store = begin_change(&txn);
  CHECK(store);
  CHECK(ufo_txn_rename(txn, "top", "other", &error) == UFO_CORRUPT && is_named() == 0);
  CHECK(ufo_txn_set_attributes(txn, "top", NULL, &error) == UFO_CORRUPT && is_named() == 0);
  CHECK(ufo_txn_put_list(txn, "more", (const char *[]){"top"}, 1, &error) == UFO_USAGE); /* it was not put */
  CHECK(ufo_txn_write(txn, "v", 0, 1, &(int32_t){8}, &error) == UFO_OK);
  CHECK(ufo_txn_rename(txn, "v", "w", &error) == UFO_OK);
  CHECK(ufo_txn_commit(txn, &error) == UFO_OK);
  ufo_store_close(store);
  return 0;
}

/* Without the list, and once what was dropped is reclaimed, all that is wrong is an element that nothing leads to. */
static int finish_gone(ufo_store *store) {
  ufo_store_stat stat = {.struct_size = sizeof stat};
  for (int32_t i = 0; i < 8; i++) {
    ufo_txn *txn;
    CHECK(ufo_txn_begin(store, &txn, &error) == UFO_OK);
    CHECK(ufo_txn_write(txn, "v", 0, 1, &i, &error) == UFO_OK);
    CHECK(ufo_txn_commit(txn, &error) == UFO_OK);
  }
  int named = 0;
  CHECK(ufo_store_verify(store, note_damage, NULL, &named, &error) == UFO_CORRUPT);
  CHECK(!named);
  CHECK(ufo_store_get_stat(store, &stat, &error) == UFO_OK);
  ufo_store_close(store);
  return 0;
}

static int remove_top(void *unused) {
  (void)unused;
  ufo_txn *txn;
  ufo_store *store = begin_change(&txn);
  CHECK(store);
  CHECK(ufo_txn_remove(txn, "top", &error) == UFO_OK);
  CHECK(ufo_txn_commit(txn, &error) == UFO_OK);
  return finish_gone(store);
}

static int replace_top(void *unused) {
  (void)unused;
  ufo_txn *txn;
  ufo_object_info found = {.struct_size = sizeof found};
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, 1, 0);
  ufo_store *store = begin_change(&txn);
  CHECK(store);
  CHECK(ufo_txn_put(txn, "one", &spec, &(int32_t){1}, &error) == UFO_OK);
  CHECK(ufo_txn_put(txn, "two", &spec, &(int32_t){2}, &error) == UFO_OK);
  CHECK(ufo_txn_put_list(txn, "top", (const char *[]){"one", "two"}, 2, &error) == UFO_OK);
  CHECK(ufo_txn_commit(txn, &error) == UFO_OK);
  CHECK(ufo_store_info(store, NULL, "top", 0, &found, &error) == UFO_OK && found.length == 2);
  return finish_gone(store);
}

static int replace_by_vector(void *unused) {
  (void)unused;
  ufo_txn *txn;
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, 1, 0);
  ufo_store *store = begin_change(&txn);
  CHECK(store);
  CHECK(ufo_txn_put(txn, "top", &spec, &(int32_t){1}, &error) == UFO_OK);
  CHECK(ufo_txn_commit(txn, &error) == UFO_OK);
  return finish_gone(store);
}

/* Deeper than anybody may follow. */
static int keep_chain(void *unused) {
  (void)unused;
  ufo_txn *txn;
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, 1, 0);
  ufo_store *store = begin_change(&txn);
  CHECK(store);
  CHECK(ufo_txn_remove(txn, "top", &error) == UFO_OK);
  CHECK(ufo_txn_commit(txn, &error) == UFO_CORRUPT && is_named() == 0);
  CHECK(ufo_txn_put(txn, "top", &spec, &(int32_t){1}, &error) == UFO_OK);
  CHECK(ufo_txn_commit(txn, &error) == UFO_CORRUPT && is_named() == 0);
  ufo_txn_abort(txn);
  CHECK(ufo_txn_begin(store, &txn, &error) == UFO_OK);
  CHECK(ufo_txn_put(txn, "one", &spec, &(int32_t){1}, &error) == UFO_OK);
  CHECK(ufo_txn_put_list(txn, "top", (const char *[]){"one"}, 1, &error) == UFO_OK);
  CHECK(ufo_txn_commit(txn, &error) == UFO_CORRUPT && is_named() == 0);
  ufo_txn_abort(txn);
  ufo_store_close(store);
  return 0;
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

typedef struct call {
  const char *name;
  int (*run)(void *);
} call;

static const call tangled[] = {
    {"info", info},
    {"lookup", lookup},
    {"list", list},
    {"stat", figures},
    {"data", data},
    {"snapshots", snapshots},
    {"compact", compact},
    {"verify", verify},
    {"salvage", salvage},
    {"edit", edit_top},
    {"remove", remove_top},
    {"replace", replace_top},
    {"replace by vector", replace_by_vector},
};
static const call deep[] = {
    {"info", info},     {"list", list},     {"stat", figures},    {"data", data},       {"snapshots", snapshots},
    {"edit", edit_top}, {"verify", verify}, {"salvage", salvage}, {"keep", keep_chain},
};

/* Each on a copy of its own. */
static void call_all(const call *calls, size_t count) {
  image built = image_load(in_folder("s.ufo"));
  unsigned failed = 0;
  for (size_t i = 0; i < count; i++) {
    unlink(in_folder("s.ufo-lock"));
    image_store(&built, in_folder("s.ufo"));
    int result = in_child(calls[i].run, NULL, SECONDS);
    unlink(in_folder("compact.ufo"));
    unlink(in_folder("saved.ufo"));
    if (result == 0) continue;
    failed++;
    fprintf(stderr, "%s: %s %d\n", calls[i].name, result == KILLED ? "did not end, signal" : "failed, status", result);
  }
  image_store(&built, in_folder("s.ufo")); /* for UFO_TEST_KEEP; cli/shared_lists.sh asks for it, too */
  free(built.bytes);
  cr_assert_eq(failed, 0);
}

TestSuite(shared_lists, .fini = fixture_remove, .timeout = 300);

Test(shared_lists, each_level_holds_the_next_twice, .init = build_shared) {
  call_all(tangled, sizeof tangled / sizeof *tangled);
}

Test(shared_lists, a_list_holds_itself_twice, .init = build_cycle) {
  call_all(tangled, sizeof tangled / sizeof *tangled);
}

Test(shared_lists, fifty_thousand_inside_of_each_other, .init = build_chain) {
  call_all(deep, sizeof deep / sizeof *deep);
}

/* cli/shared_lists.sh counts what looking at them costs. */
static void list_named(uint32_t count) {
  build_named(count);
  uint32_t names = 0;
  ufo_object_info found = {.struct_size = sizeof found};
  ufo_store_iterator *iterator;
  ufo_store *store = opened(UFO_OPEN_READ_ONLY, NULL);
  cr_assert(store);
  OK(ufo_store_list(store, NULL, &iterator, &error));
  for (; ufo_store_iterator_next(iterator, &found, &error) == UFO_OK; names++) {
    cr_assert_eq(found.length, count);
    cr_assert_eq(found.chunk_count, count, "%s has %" PRIu64 " chunks", found.name, found.chunk_count);
    ufo_object_info alone = info_of(store, NULL, found.name); /* its name, too */
    cr_assert_eq(memcmp(&alone, &found, sizeof found), 0, "%s", found.name);
  }
  cr_assert_eq(names, count);
  ufo_store_iterator_free(iterator);
  ufo_store_close(store);
}

Test(shared_lists, two_hundred_names_of_one_list) { list_named(200); }

Test(shared_lists, four_hundred_names_of_one_list) { list_named(400); }
