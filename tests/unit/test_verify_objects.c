/* Findings of ufo_store_verify about objects: names, lists, entries of vectors, records and attributes. Each is
 * provoked in a file that is sound otherwise, and must be the only one; what it does not name can still be read. */
#include "findings_kit.h"

TestSuite(verify_objects, .init = findings_make, .fini = fixture_remove, .timeout = 60);

/* ---- lists ------------------------------------------------------------------------------------------------------- */

Test(verify_objects, an_element_of_two_lists) {
  put_child(fresh(), id_inner, 0, id_2);
  EXPECT("outer[[1]][[1]]", ELEMENT("outer[[1]]", 1, 0, "belongs to another list or name, too"), ORPHAN(LENGTH));
}

Test(verify_objects, an_element_that_has_a_name) {
  put_child(fresh(), id_list, 1, id_b);
  EXPECT("list[[2]]", ELEMENT("list", 1, 1, "belongs to another list or name, too"), ORPHAN(LENGTH));
}

Test(verify_objects, an_element_twice) {
  put_child(fresh(), id_list, 1, id_1);
  EXPECT("list[[2]]", ELEMENT("list", 1, 1, "is an element of this list twice"), ORPHAN(LENGTH));
}

Test(verify_objects, a_list_in_itself) {
  put_child(fresh(), id_list, 0, id_list);
  EXPECT("list[[1]]", ELEMENT("list", 1, 0, "belongs to another list or name, too"), ORPHAN(LENGTH));
}

Test(verify_objects, two_lists_in_each_other) {
  put_child(fresh(), id_inner, 0, id_outer);
  EXPECT("outer[[1]][[1]]", ELEMENT("outer[[1]]", 1, 0, "belongs to another list or name, too"), ORPHAN(LENGTH));
  edit_delete_now(in_folder("s.ufo"), UFO_TABLE_NAMES, "outer", 5); /* and no name leads in */
  EXPECT("outer[[1]][[1]]", ORPHAN(LENGTH), OBJECT("element", 1, 1, "no name and no list leads to it"),
         OBJECT("element", 1, 1, "no name and no list leads to it"));
}

Test(verify_objects, an_element_of_no_object) {
  put_child(fresh(), id_list, 0, id_old + 100);
  EXPECT("list[[1]]", ELEMENT("list", 1, 0, "is missing or its record is damaged"), ORPHAN(LENGTH),
         STORE("counters are too small: object"));
}

Test(verify_objects, an_element_that_is_missing) {
  map_key key = entry_of(id_list, 1);
  edit_delete_now(fresh(), UFO_TABLE_MAP, key.bytes, sizeof key);
  EXPECT("list[[2]]", OBJECT("list", 1, 0, "the map has 1 entries of it, and should have 2"), ORPHAN(LENGTH));
}

Test(verify_objects, entries_of_another_kind) {
  const char *path = fresh();
  copy_entry(path, entry_of(id_b, 0), entry_of(id_list, 0));
  share_blob(path, blob_of(path, entry_of(id_b, 0)));
  EXPECT("list[[1]]", ELEMENT("list", 1, 0, "an entry of this list is not an element"),
         ELEMENT("list", 1, 0, "the statistics of the chunk"), ORPHAN(LENGTH));
  path = fresh();
  copy_entry(path, entry_of(id_list, 0), entry_of(id_a, 3));
  EXPECT("", ELEMENTS("a", 3 * PER_CHUNK, PER_CHUNK, "a vector has an entry for an element"),
         ELEMENT("list", 1, 0, "belongs to another list or name, too"), OBJECT("a", 1, 0, "the totals in its record"),
         STORE("is referred to 0 times, and 1 are recorded"));
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

Test(verify_objects, two_names) {
  put_name(fresh(), "z", 1, id_a);
  EXPECT("", NAME("z", "has two names"));
}

Test(verify_objects, a_name_that_is_no_text) {
  const char *path = fresh();
  edit_delete_now(path, UFO_TABLE_NAMES, "b", 1);
  put_name(path, "b\xFF", 2, id_b);
  EXPECT("b", NAME("b\xFF", "it is not UTF-8 text"));
}

Test(verify_objects, a_name_that_is_too_long) {
  char name[UFO_NAME_MAX + 2], cut[UFO_NAME_MAX + 1];
  memset(name, 'n', sizeof name);
  memset(cut, 'n', sizeof cut);
  cut[UFO_NAME_MAX] = '\0';
  put_name(fresh(), name, sizeof name - 1, id_b);
  EXPECT("", NAME(cut, "its entry in the table of names cannot be right"));
}

Test(verify_objects, a_name_that_leads_to_5_bytes) {
  edit_put_now(fresh(), UFO_TABLE_NAMES, "a", 1, "12345", 5);
  EXPECT("a", NAME("a", "its entry in the table of names cannot be right"), ORPHAN(LENGTH));
}

Test(verify_objects, a_name_of_nothing) {
  put_name(fresh(), "a", 1, id_old + 100);
  EXPECT("a", NAME("a", "leads to an object that is not there"), ORPHAN(LENGTH),
         STORE("counters are too small: object"));
}

Test(verify_objects, an_object_without_a_name) {
  edit_delete_now(fresh(), UFO_TABLE_NAMES, "a", 1);
  EXPECT("a", ORPHAN(LENGTH));
}

/* ---- entries of vectors ------------------------------------------------------------------------------------------ */

Test(verify_objects, an_entry_behind_the_end) {
  const char *path = fresh();
  copy_entry(path, entry_of(id_a, 2), entry_of(id_a, 10));
  share_blob(path, blob_of(path, entry_of(id_a, 2)));
  EXPECT("", ELEMENTS("a", 0, 0, "it has an entry with bytes behind its end"),
         OBJECT("a", 1, 0, "this version wrote 11 entries, and its record says 10"));
}

/* Decoded where there is room for the rest of the vector only, it would run over. */
Test(verify_objects, a_chunk_that_is_too_long) {
  const char *path = fresh();
  uint64_t former = blob_of(path, entry_of(id_a, 9));
  uint8_t key[UFO_BLOB_KEY_BYTES];
  copy_entry(path, entry_of(id_a, 2), entry_of(id_a, 9));
  share_blob(path, blob_of(path, entry_of(id_a, 2)));
  ufo_put_be64(key, former);
  edit_delete_now(path, UFO_TABLE_BLOBS, key, sizeof key);
  EXPECT("", ELEMENTS("a", LAST, LENGTH - LAST, "its entry in the map is of a longer chunk"),
         OBJECT("a", 1, 0, "the totals in its record"));
}

Test(verify_objects, an_entry_that_is_missing) {
  map_key key = entry_of(id_a, 4);
  edit_delete_now(fresh(), UFO_TABLE_MAP, key.bytes, sizeof key);
  EXPECT("a", OBJECT("a", 1, 0, "the map has 9 entries of it, and should have 10"),
         STORE("is referred to 0 times, and 1 are recorded"));
}

Test(verify_objects, entries_that_cannot_be) {
  map_key key = entry_of(id_a, 4);
  edit_put_now(fresh(), UFO_TABLE_MAP, key.bytes, sizeof key,
               "\1"
               "2345678",
               8);
  EXPECT("a", ELEMENTS("a", 4 * PER_CHUNK, PER_CHUNK, "an entry of the map"),
         STORE("is referred to 0 times, and 1 are recorded"));
  edit_field_now(fresh(), UFO_TABLE_MAP, key.bytes, sizeof key, 4, &(uint32_t){0}, 4);
  EXPECT("a", ELEMENTS("a", 4 * PER_CHUNK, PER_CHUNK, "the sizes in an entry of the map"),
         STORE("is referred to 0 times, and 1 are recorded"));
  edit_field_now(fresh(), UFO_TABLE_MAP, key.bytes, sizeof key, 1, "\x63", 1);
  EXPECT("", ELEMENTS("a", 4 * PER_CHUNK, PER_CHUNK, "codec"), OBJECT("a", 1, 0, "the totals in its record"));
  put_child(fresh(), id_list, 1, 0);
  EXPECT("list[[1]] list[[2]]", ELEMENT("list", 1, 1, "a child of a list"), ORPHAN(LENGTH));
}

Test(verify_objects, a_seal_that_is_broken) {
  edit e = edit_begin(fresh(), UFO_TABLE_MAP);
  map_key key = entry_of(id_a, 4);
  uint8_t content[EDIT_BYTES_MAX];
  MDB_val at = edit_value(key.bytes, sizeof key),
          value = {edit_get(e, key.bytes, sizeof key, content) + UFO_SEAL_BYTES, content};
  content[17] ^= 1;
  cr_assert_eq(mdb_put(e.txn, e.dbi, &at, &value, 0), 0);
  edit_end(e);
  EXPECT("", ELEMENTS("a", 4 * PER_CHUNK, PER_CHUNK, "table map is damaged"),
         STORE("is referred to 0 times, and 1 are recorded"));
}

Test(verify_objects, a_blob_that_is_missing) {
  const char *path = fresh();
  uint8_t key[UFO_BLOB_KEY_BYTES];
  ufo_put_be64(key, blob_of(path, entry_of(id_a, 4)));
  edit_delete_now(path, UFO_TABLE_BLOBS, key, sizeof key);
  EXPECT("", ELEMENTS("a", 4 * PER_CHUNK, PER_CHUNK, "is missing"));
}

/* ---- records of objects and attributes --------------------------------------------------------------------------- */

Test(verify_objects, records_that_cannot_be) {
  uint8_t key[UFO_OBJECT_KEY_BYTES];
  set_record(fresh(), id_a, AT_TYPE, 10, 1);
  EXPECT("a", NAME("a", "leads to an object that is not there, or whose record is damaged"),
         OBJECT("a", 1, 0, "objects of type number 10 need a newer release"));
  set_record(fresh(), id_a, AT_TYPE, UFO_CHARACTER, 1);
  EXPECT("a", NAME("a", "leads to an object that is not there, or whose record is damaged"),
         OBJECT("a", 1, 0, "the type and sizes of an object"));
  set_record(fresh(), id_a, AT_LENGTH, UINT64_MAX, 8);
  EXPECT("a", NAME("a", "leads to an object that is not there, or whose record is damaged"),
         OBJECT("a", 1, 0, "the type and sizes of an object"));
  ufo_key_object(key, id_a, 1);
  edit_put_now(fresh(), UFO_TABLE_OBJECTS, key, sizeof key, "12345", 5);
  EXPECT("a", NAME("a", "leads to an object that is not there, or whose record is damaged"),
         OBJECT("a", 1, 0, "the length of an object's record"));
}

Test(verify_objects, a_number_that_cannot_be) {
  uint8_t from[UFO_OBJECT_KEY_BYTES], to[UFO_OBJECT_KEY_BYTES];
  ufo_key_object(from, id_a, 1);
  ufo_key_object(to, UFO_ID_LIMIT, 1);
  edit_copy_now(fresh(), UFO_TABLE_OBJECTS, from, to, sizeof from);
  EXPECT("", OBJECT("object", 1, LENGTH, "its number or version cannot be"),
         OBJECT("object", 1, 0, "the map has 0 entries of it, and should have 10"), ORPHAN(LENGTH),
         STORE("counters are too small: object"));
}

Test(verify_objects, attributes_that_do_not_fit) {
  uint8_t key[UFO_OBJECT_KEY_BYTES];
  ufo_key_attributes(key, id_attr, 1);
  edit_delete_now(fresh(), UFO_TABLE_ATTRIBUTES, key, sizeof key);
  EXPECT("", ATTRIBUTES("attr", "its attributes are missing"));
  set_record(fresh(), id_attr, AT_ATTRIBUTES, 0, 8);
  EXPECT("", ATTRIBUTES("attr", "its record counts attributes, and it has none"),
         ATTRIBUTES("attr", "no version of the object has these attributes"));
  set_record(fresh(), id_attr, AT_ATTRIBUTES, 5, 8);
  EXPECT("", ATTRIBUTES("attr", "its attributes are of a later version"),
         ATTRIBUTES("attr", "no version of the object has these attributes"));
  edit_put_now(fresh(), UFO_TABLE_ATTRIBUTES, key, sizeof key, "\377\377\377\377", 4);
  EXPECT("", ATTRIBUTES("attr", "attribute"));
}
