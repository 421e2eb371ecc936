/* findings_kit.h - a store of which everything is known, forging its records, and holding what ufo_store_verify finds,
 * and what can be read then, against what is expected. Records are forged with seals that hold (common/edit.h). */
#ifndef UFO_TEST_FINDINGS_KIT_H
#define UFO_TEST_FINDINGS_KIT_H

#include "fixture.h"

#include "edit.h"
#include "pages_kit.h"

enum { CHUNK = 4096, PER_CHUNK = CHUNK / 4, LENGTH = 10000, LAST = 9 * PER_CHUNK, FOUND_MAX = 64 };

/* ---- a store ----------------------------------------------------------------------------------------------------- */

static const char *const vectors[] = {"a", "b", "attr", "list[[1]]", "list[[2]]", "outer[[1]][[1]]"};
enum { VECTORS = sizeof vectors / sizeof *vectors };

static uint64_t id_a, id_b, id_attr, id_list, id_1, id_2, id_outer, id_inner, id_old;
static uint64_t snapshot_generation;

static inline int32_t value_of(int vector, uint64_t i) { return (int32_t)mix((uint64_t)vector * LENGTH + i); }

static inline void put_vector(ufo_txn *txn, const char *name, int vector) {
  int32_t values[LENGTH];
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, LENGTH, CHUNK);
  for (uint64_t i = 0; i < LENGTH; i++) values[i] = value_of(vector, i);
  OK(ufo_txn_put(txn, name, &spec, values, &error));
}

static inline int note_generation(void *user, const ufo_snapshot_info *info) {
  *(uint64_t *)user = info->generation;
  return 0;
}

/* The file built.ufo. Noise, so that each chunk has a blob; "old" is in the snapshot only. */
static inline void build(void) {
  ufo_store *store = open_store(in_folder("built.ufo"));
  ufo_txn *txn = begin(store);
  ufo_attributes *set;
  put_vector(txn, "a", 0);
  put_vector(txn, "b", 1);
  put_vector(txn, "attr", 2);
  OK(ufo_attributes_create(&set, &error));
  OK(ufo_attributes_set(set, "unit", UFO_ATTRIBUTE_INTEGER, &(int32_t){5}, 1, &error));
  OK(ufo_txn_set_attributes(txn, "attr", set, &error));
  ufo_attributes_free(set);
  put_vector(txn, ".1", 3);
  put_vector(txn, ".2", 4);
  OK(ufo_txn_put_list(txn, "list", (const char *[]){".1", ".2"}, 2, &error));
  put_vector(txn, ".1", 5);
  OK(ufo_txn_put_list(txn, ".inner", (const char *[]){".1"}, 1, &error));
  OK(ufo_txn_put_list(txn, "outer", (const char *[]){".inner"}, 1, &error));
  put_vector(txn, "old", 6);
  OK(ufo_txn_commit(txn, &error));
  id_old = info_of(store, NULL, "old").id;
  OK(ufo_snapshot_create(store, "past", &error));
  OK(ufo_snapshot_list(store, note_generation, &snapshot_generation, &error));
  remove_now(store, "old");
  id_a = info_of(store, NULL, "a").id;
  id_b = info_of(store, NULL, "b").id;
  id_attr = info_of(store, NULL, "attr").id;
  id_list = info_of(store, NULL, "list").id;
  id_1 = info_of(store, NULL, "list[[1]]").id;
  id_2 = info_of(store, NULL, "list[[2]]").id;
  id_outer = info_of(store, NULL, "outer").id;
  id_inner = info_of(store, NULL, "outer[[1]]").id;
  assert_sound(store);
  ufo_store_close(store);
}

static inline void findings_make(void) {
  fixture_make();
  build();
}

/* The path of a fresh copy of it. */
static const char *fresh(void) {
  static char path[PATH_MAX];
  snprintf(path, sizeof path, "%s", in_folder("s.ufo"));
  unlink(path);
  unlink(in_folder("s.ufo-lock"));
  image built = image_load(in_folder("built.ufo"));
  image_store(&built, path);
  free(built.bytes);
  return path;
}

/* ---- what is found ----------------------------------------------------------------------------------------------- */

typedef struct finding {
  ufo_damage_kind kind;
  const char *name; /* NULL: the store; "object": any without one; "element": any of such a list */
  uint64_t version, first, count;
  const char *cause; /* a part of it */
  bool seen;
} finding;

typedef struct findings {
  finding *wanted;
  int count;
} findings;

static inline bool is_name(const char *wanted, const char *name) {
  if (!wanted || !name) return !wanted && !name;
  bool nameless = strncmp(name, "object ", 7) == 0, element = strchr(name, '[') != NULL;
  if (strcmp(wanted, "object") == 0) return nameless && !element;
  return strcmp(wanted, "element") == 0 ? nameless && element : strcmp(wanted, name) == 0;
}

static inline int note(void *user, const ufo_damage *d) {
  const findings *f = user;
  for (int i = 0; i < f->count; i++) {
    finding *w = &f->wanted[i];
    bool fits = d->kind == w->kind && is_name(w->name, d->name) && d->version == w->version && d->first == w->first &&
                d->count == w->count && strstr(d->cause, w->cause);
    if (!fits || w->seen) continue;
    w->seen = true;
    return 0;
  }
  show_damage(NULL, d);
  cr_assert_fail("this was not expected (kind %s, chunk %" PRIu64 ")", ufo_damage_kind_name(d->kind), d->first_chunk);
  return 1;
}

static inline bool is_lost(const findings *f, const char *name, uint64_t element) {
  for (int i = 0; i < f->count; i++) {
    const finding *w = &f->wanted[i];
    if (is_name(w->name, name) && element >= w->first && element - w->first < w->count) return true;
  }
  return false;
}

/* Verifies s.ufo, then reads all of it: of a vector among `hurt` (names between blanks) with any result, of the others
 * each element that no finding names. */
static inline void expect_of(const char *hurt, findings f) {
  ufo_store *store;
  const ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  OK(ufo_store_open(in_folder("s.ufo"), &options, &store, &error));
  FAILS(UFO_CORRUPT, ufo_store_verify(store, note, NULL, &f, &error));
  for (int i = 0; i < f.count; i++) cr_assert(f.wanted[i].seen, "not found: %s", f.wanted[i].cause);
  for (int v = 0; v < VECTORS; v++) {
    char word[64];
    int32_t values[PER_CHUNK];
    snprintf(word, sizeof word, " %s ", vectors[v]);
    bool any = strstr(hurt, word) != NULL;
    for (uint64_t first = 0; first < LENGTH; first += PER_CHUNK) {
      uint64_t count = first == LAST ? LENGTH - LAST : PER_CHUNK;
      bool lost = is_lost(&f, vectors[v], first);
      ufo_status status = ufo_store_read(store, NULL, vectors[v], 0, first, count, values, &error);
      cr_assert(status != UFO_FULL && status != UFO_USAGE && status != UFO_IO, "%s", error.message);
      if (any || lost) continue;
      cr_assert_eq(status, UFO_OK, "%s at %" PRIu64 ": %s", vectors[v], first, error.message);
      for (uint64_t i = 0; i < count; i++) cr_assert_eq(values[i], value_of(v, first + i), "%s", vectors[v]);
    }
  }
  ufo_store_close(store);
}

#define EXPECT(hurt, ...)                                                                                              \
  expect_of(" " hurt " ", (findings){(finding[]){__VA_ARGS__}, (int)(sizeof(finding[]){__VA_ARGS__} / sizeof(finding))})
#define STORE(cause)                                                                                                   \
  { UFO_DAMAGE_STORE, NULL, 0, 0, 0, cause, false }
#define NAME(name, cause)                                                                                              \
  { UFO_DAMAGE_NAME, name, 0, 0, 0, cause, false }
#define OBJECT(name, version, count, cause)                                                                            \
  { UFO_DAMAGE_OBJECT, name, version, 0, count, cause, false }
#define ATTRIBUTES(name, cause)                                                                                        \
  { UFO_DAMAGE_ATTRIBUTES, name, 1, 0, 0, cause, false }
#define ELEMENT(name, version, first, cause)                                                                           \
  { UFO_DAMAGE_ELEMENT, name, version, first, 1, cause, false }
#define ELEMENTS(name, first, count, cause)                                                                            \
  { UFO_DAMAGE_CHUNK, name, 1, first, count, cause, false }

#define ORPHAN(length) OBJECT("object", 1, length, "no name and no list leads to it")

/* ---- forging ----------------------------------------------------------------------------------------------------- */

typedef struct map_key {
  uint8_t bytes[UFO_MAP_KEY_BYTES];
} map_key;

static inline map_key entry_of(uint64_t id, uint64_t chunk) {
  map_key key;
  ufo_key_map(key.bytes, id, chunk, 1);
  return key;
}

static inline void put_child(const char *path, uint64_t list, uint64_t index, uint64_t child) {
  ufo_entry entry = {.is_child = true, .child_id = child, .child_version = 1};
  uint8_t record[UFO_ENTRY_BYTES_MAX];
  map_key key = entry_of(list, index);
  edit_put_now(path, UFO_TABLE_MAP, key.bytes, sizeof key, record, ufo_record_encode_entry(&entry, record));
}

static inline void copy_entry(const char *path, map_key from, map_key to) {
  edit_copy_now(path, UFO_TABLE_MAP, from.bytes, to.bytes, sizeof from);
}

static inline uint64_t blob_of(const char *path, map_key of) {
  uint8_t content[EDIT_BYTES_MAX];
  edit e = edit_begin(path, UFO_TABLE_MAP);
  edit_get(e, of.bytes, sizeof of, content);
  edit_end(e);
  return ufo_get_le64(content + 24);
}

static inline void put_number(const char *path, ufo_table table, const void *key, size_t key_bytes, uint64_t number) {
  edit_put_now(path, table, key, key_bytes, &number, sizeof number);
}

/* One more referent than there was one. */
static inline void share_blob(const char *path, uint64_t blob) {
  uint8_t key[UFO_BLOB_KEY_BYTES];
  ufo_put_be64(key, blob);
  put_number(path, UFO_TABLE_REFS, key, sizeof key, 1);
}

enum { /* in an object's record */
       AT_TYPE = 0,
       AT_LENGTH = 8,
       AT_ATTRIBUTES = 96,
};

static inline void set_record(const char *path, uint64_t id, size_t offset, uint64_t number, size_t bytes) {
  uint8_t key[UFO_OBJECT_KEY_BYTES];
  ufo_key_object(key, id, 1);
  edit_field_now(path, UFO_TABLE_OBJECTS, key, sizeof key, offset, &number, bytes);
}

static inline void put_name(const char *path, const char *name, size_t bytes, uint64_t id) {
  uint64_t content[2] = {id, 1};
  edit_put_now(path, UFO_TABLE_NAMES, name, bytes, content, sizeof content);
}

#endif
