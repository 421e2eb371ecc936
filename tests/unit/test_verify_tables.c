/* Findings of ufo_store_verify about what belongs to no object: blobs and what counts them, garbage, counters, seals
 * and keys of tables, snapshots, and LMDB's pages. As in test_verify_objects.c. */
#include "findings_kit.h"

TestSuite(verify_tables, .init = findings_make, .fini = fixture_remove, .timeout = 60);

/* ---- blobs and what counts them ---------------------------------------------------------------------------------- */

Test(verify_tables, referents_that_are_wrong) {
  const char *path = fresh();
  uint8_t key[UFO_BLOB_KEY_BYTES];
  uint64_t blob = blob_of(path, entry_of(id_a, 4));
  ufo_put_be64(key, blob);
  put_number(path, UFO_TABLE_REFS, key, sizeof key, 3);
  EXPECT("", STORE("is referred to 1 times, and 4 are recorded"));
  edit_put_now(fresh(), UFO_TABLE_REFS, key, sizeof key, "12345", 5);
  EXPECT("", STORE("the number of further referents of blob"));
}

Test(verify_tables, staged_records_that_are_wrong) {
  const char *path = fresh();
  uint64_t blob = blob_of(path, entry_of(id_a, 4));
  uint8_t key[UFO_STAGED_KEY_BYTES];
  ufo_key_pair(key, 0, blob);
  edit_put_now(path, UFO_TABLE_STAGED, key, sizeof key, "12345", 5);
  share_blob(path, blob);
  EXPECT("", STORE("has a wrong length"));
  ufo_key_pair(key, 99, blob);
  path = fresh();
  put_number(path, UFO_TABLE_STAGED, key, sizeof key, CHUNK - UFO_TAIL_BYTES);
  share_blob(path, blob);
  EXPECT("", STORE("counters are too small: owner 99 is in use"));
}

/* ---- the rest of the catalogue ----------------------------------------------------------------------------------- */

Test(verify_tables, garbage_that_cannot_be) {
  uint8_t key[UFO_GARBAGE_KEY_BYTES];
  ufo_garbage garbage = {.kind = 9, .id = id_a, .version = 1};
  uint8_t record[UFO_GARBAGE_BYTES_MAX];
  ufo_key_garbage(key, 1, 0);
  edit_put_now(fresh(), UFO_TABLE_GARBAGE, key, sizeof key, record, ufo_record_encode_garbage(&garbage, record));
  EXPECT("", STORE("a garbage record"));
  garbage = (ufo_garbage){UFO_GARBAGE_SUPERSEDED, id_a, 1, 1, {{UINT64_MAX, 2}}};
  edit_put_now(fresh(), UFO_TABLE_GARBAGE, key, sizeof key, record, ufo_record_encode_garbage(&garbage, record));
  EXPECT("", STORE("the chunks of a garbage record"));
}

Test(verify_tables, counters_that_are_missing) {
  edit_delete_now(fresh(), UFO_TABLE_META, UFO_KEY_COUNTERS, strlen(UFO_KEY_COUNTERS));
  EXPECT("", STORE("the store's counters are missing"));
}

Test(verify_tables, seals_of_every_table) {
  edit_spoil_first(fresh(), UFO_TABLE_META);
  EXPECT("", STORE("table meta is damaged"));
  edit_spoil_first(fresh(), UFO_TABLE_NAMES);
  EXPECT("a", NAME("a", "table names is damaged"), ORPHAN(LENGTH));
  edit_spoil_first(fresh(), UFO_TABLE_ATTRIBUTES);
  EXPECT("", ATTRIBUTES("attr", "table attributes is damaged"));
  edit_spoil_first(fresh(), UFO_TABLE_GARBAGE);
  EXPECT("", STORE("table garbage is damaged"),
         OBJECT("old", 1, LENGTH, "in snapshot 'past': no name and no list leads to it"));
  edit_spoil_first(fresh(), UFO_TABLE_SNAPSHOTS);
  EXPECT("", STORE("table snapshots is damaged"), NAME("old", "there is no such snapshot"));
  edit_spoil_first(fresh(), UFO_TABLE_OBJECTS);
  EXPECT("a", NAME("a", "leads to an object that is not there, or whose record is damaged"),
         OBJECT("a", 1, 0, "table objects is damaged"));
}

Test(verify_tables, keys_of_another_length) {
  static const struct {
    ufo_table table;
    const char *cause;
  } tables[] = {{UFO_TABLE_OBJECTS, "a key of table objects has 10 bytes, not 16"},
                {UFO_TABLE_ATTRIBUTES, "a key of table attributes has 10 bytes, not 16"},
                {UFO_TABLE_STAGED, "a key of table staged has 10 bytes, not 16"},
                {UFO_TABLE_REFS, "a key of table refs has 10 bytes, not 8"}};
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
    put_number(fresh(), tables[i].table, "\377123456789", 10, 1);
    EXPECT("", STORE(tables[i].cause));
  }
}

/* ---- snapshots --------------------------------------------------------------------------------------------------- */

enum { PAST_KEY_BYTES = 12 };

/* The key of "old" as the snapshot knows it. */
static void past_key(uint8_t key[PAST_KEY_BYTES], uint64_t generation) {
  key[0] = 2;
  ufo_put_be64(key + 1, generation);
  memcpy(key + 9, "old", 3);
}

Test(verify_tables, snapshots_that_cannot_be) {
  uint8_t key[PAST_KEY_BYTES];
  edit_put_now(fresh(), UFO_TABLE_SNAPSHOTS, "\1past", 5, "12345", 5);
  EXPECT("", STORE("the record of a snapshot cannot be right"), NAME("old", "there is no such snapshot"));
  uint64_t generation = snapshot_generation + 1000;
  edit_field_now(fresh(), UFO_TABLE_SNAPSHOTS, "\1past", 5, 0, &generation, 8);
  EXPECT("", STORE("snapshot 'past' is of generation"), NAME("old", "there is no such snapshot"));
  fresh();
  past_key(key, snapshot_generation);
  edit_field_now(in_folder("s.ufo"), UFO_TABLE_SNAPSHOTS, key, sizeof key, 8, &generation, 8);
  EXPECT("", NAME("old", "its record cannot be right"));
  uint64_t nobody = id_old + 100;
  edit_field_now(fresh(), UFO_TABLE_SNAPSHOTS, key, sizeof key, 0, &nobody, 8);
  EXPECT("", NAME("old", "it leads to an object that is not there"));
  put_number(fresh(), UFO_TABLE_SNAPSHOTS, "\3odd", 4, 1);
  EXPECT("", STORE("a key in table snapshots cannot be right"));
}

/* ---- pages of LMDB's --------------------------------------------------------------------------------------------- */

static void store_image(image i) {
  image_store(&i, in_folder("s.ufo"));
  free(i.bytes);
}

Test(verify_tables, keys_out_of_order) {
  image i = image_load(fresh());
  uint8_t *names = image_leaf(&i, "names", false) + UFO_PAGE_HEADER;
  uint16_t list = ufo_get_le16(names + 6), outer = ufo_get_le16(names + 8);
  ufo_put_le16(names + 6, outer);
  ufo_put_le16(names + 8, list);
  store_image(i);
  EXPECT("list[[1]] list[[2]] outer[[1]][[1]]", STORE("the keys of table names are out of order"), ORPHAN(2),
         OBJECT("element", 1, LENGTH, "no name and no list leads to it"),
         OBJECT("element", 1, LENGTH, "no name and no list leads to it"));
}

Test(verify_tables, a_count_that_is_wrong) {
  image i = image_load(fresh());
  add64(image_tree(&i, "names") + 32, 1);
  store_image(i);
  EXPECT("", STORE("table names has 5 records, and should have 6"));
}

/* What is behind the page that a wrong key leads past is there for a walk and not for a search. */
static int note_lost(void *user, const ufo_damage *d) {
  bool of_chunk = d->kind == UFO_DAMAGE_CHUNK && d->name[0] && d->count == PER_CHUNK &&
                  d->first == d->first_chunk * PER_CHUNK && strstr(d->cause, "a search does not find it");
  bool of_rest = strstr(d->cause, "entries of it, and should have") != NULL;
  if (!of_chunk && !of_rest) show_damage(NULL, d);
  cr_assert(of_chunk || of_rest);
  *(int *)user += of_chunk;
  return 0;
}

Test(verify_tables, an_index_page_that_leads_astray) {
  int lost = 0;
  image i = image_load(fresh());
  uint8_t *root = image_root(&i, "map");
  cr_assert(!ufo_page_is_leaf(root), "the map fits a page");
  ufo_page_node node;
  ufo_page_read_node(root, 1, &node);
  cr_assert_leq(ufo_get_be64(node.key.data + 8) + 3, LENGTH / PER_CHUNK, "too few chunks of that object are left");
  ((uint8_t *)(uintptr_t)node.key.data)[15] += 2; /* the chunk */
  store_image(i);
  ufo_store *store = open_store(in_folder("s.ufo"));
  FAILS(UFO_CORRUPT, ufo_store_verify(store, note_lost, NULL, &lost, &error));
  cr_assert_eq(lost, 2);
  ufo_store_close(store);
}
