/* Lists: children by name and by position, lists in lists, new versions of one child, and what goes with a list. */
#include "fixture.h"

enum { CHUNK = 4096, LENGTH = 5000 };

static ufo_store *store;
static ufo_pool *pool;
static int32_t *values[3];

static void set_names(ufo_txn *txn, const char *list, const char *const *names, uint64_t n) {
  ufo_attributes *attributes;
  OK(ufo_attributes_create(&attributes, &error));
  OK(ufo_attributes_set_strings(attributes, "names", names, NULL, n, &error));
  OK(ufo_txn_set_attributes(txn, list, attributes, &error));
  ufo_attributes_free(attributes);
}

/* A data frame `df` with columns a, b, c. */
static void make(void) {
  fixture_make();
  store = open_store(in_folder("s.ufo"));
  pool = make_pool(40 * CHUNK);
  static const char *const temporary[] = {".1", ".2", ".3"}, *const names[] = {"a", "b", "c"};
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, LENGTH, CHUNK);
  ufo_txn *txn = begin(store);
  for (int c = 0; c < 3; c++) {
    values[c] = malloc(LENGTH * 4);
    for (int i = 0; i < LENGTH; i++) values[c][i] = (int32_t)mix((uint64_t)(c * LENGTH + i));
    OK(ufo_txn_put(txn, temporary[c], &spec, values[c], &error));
  }
  OK(ufo_txn_put_list(txn, "df", temporary, 3, &error));
  set_names(txn, "df", names, 3);
  OK(ufo_txn_commit(txn, &error));
}

static void unmake(void) {
  for (int c = 0; c < 3; c++) free(values[c]);
  OK(ufo_pool_destroy(pool, &error));
  ufo_store_close(store);
  fixture_remove();
}

TestSuite(promises_lists, .init = make, .fini = unmake, .timeout = 60);

static ufo_object_info child_of(const char *list, uint64_t index) {
  ufo_object_info info = {.struct_size = sizeof info};
  OK(ufo_store_child_info(store, NULL, list, 0, index, &info, &error));
  return info;
}

Test(promises_lists, info) {
  ufo_object_info info = info_of(store, NULL, "df");
  cr_assert_eq(info.type, UFO_LIST);
  cr_assert_eq(info.length, 3);
  cr_assert_eq(info.version, 1);
  uint64_t stored = 0;
  for (uint64_t c = 0; c < 3; c++) {
    ufo_object_info child = child_of("df", c);
    cr_assert_str_eq(child.name, ((const char *[]){"a", "b", "c"})[c]);
    cr_assert_eq(child.type, UFO_INTEGER);
    cr_assert_eq(child.length, LENGTH);
    stored += child.stored_bytes;
  }
  cr_assert_eq(info.stored_bytes, stored, "for a list the sizes are sums over its children");
  FAILS(UFO_MISSING, ufo_store_child_info(store, NULL, "df", 0, 3, &info, &error));
  ufo_view *view = NULL;
  FAILS(UFO_USAGE, ufo_view_open(store, NULL, pool, "df", NULL, &view, &error));
  int32_t some;
  FAILS(UFO_USAGE, ufo_store_read(store, NULL, "df", 0, 0, 1, &some, &error));
  cr_assert_eq(stat_of(store).objects, 1, "children have no names of their own in the store");
  FAILS(UFO_MISSING, ufo_store_info(store, NULL, ".1", 0, &info, &error));
  ufo_txn *txn = begin(store);
  FAILS(UFO_USAGE, ufo_txn_append(txn, "df", values[0], 1, &error));
  FAILS(UFO_USAGE, ufo_txn_write(txn, "df", 0, 1, values[0], &error));
  ufo_txn_abort(txn);
}

Test(promises_lists, addressing) {
  static const char *const by_name[] = {"df$a", "df$b", "df$c"}, *const by_place[] = {"df[[1]]", "df[[2]]", "df[[3]]"};
  for (int c = 0; c < 3; c++) {
    assert_content(store, NULL, by_name[c], values[c], LENGTH * 4);
    assert_content(store, NULL, by_place[c], values[c], LENGTH * 4);
    ufo_view *view = open_view(store, NULL, pool, by_name[c]);
    cr_assert_eq(memcmp(ufo_view_data(view), values[c], LENGTH * 4), 0);
    ufo_view_release(view);
  }
  ufo_object_info info = {.struct_size = sizeof info};
  static const char *const missing[] = {
      "df$d", "df$", "df[[0]]", "df[[4]]", "df[[]]", "df[[-1]]", "df[[1", "nodf$a", "df[[18446744073709551617]]"};
  for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
    FAILS(UFO_MISSING, ufo_store_info(store, NULL, missing[i], 0, &info, &error));
  put_now(store, "t$a", spec_of(UFO_INTEGER, 0, 1, 0), &(int32_t){77});
  ufo_txn *txn = begin(store);
  OK(ufo_txn_rename(txn, "df", "t", &error));
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(info_of(store, NULL, "t$a").length, 1, "an object whose whole name it is goes first");
  assert_content(store, NULL, "t[[1]]", values[0], LENGTH * 4);
}

static void replace_column(void) {
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, LENGTH, CHUNK);
  ufo_txn *txn = begin(store);
  for (int c = 0; c < 3; c++) OK(ufo_txn_put(txn, (const char *[]){".1", ".2", ".3"}[c], &spec, values[0], &error));
  OK(ufo_txn_put_list(txn, "df", (const char *[]){".1", ".2", ".3"}, 3, &error));
  OK(ufo_txn_commit(txn, &error));
}

/* An edited list is of the version that it was edited from; its elements are not kept when others replace them. */
Test(promises_lists, edited_while_others_replace_it) {
  ufo_object_info info = {.struct_size = sizeof info};
  ufo_txn *txn = begin(store);
  set_names(txn, "df", (const char *[]){"p", "q", "r"}, 3);
  for (int i = 0; i < 3; i++) replace_column();
  FAILS(UFO_CONFLICT, ufo_store_info(store, txn, "df", 0, &info, &error));
  FAILS(UFO_CONFLICT, ufo_txn_commit(txn, &error));
  ufo_txn_abort(txn);
  txn = begin(store);
  set_names(txn, "df", (const char *[]){"p", "q", "r"}, 3);
  remove_now(store, "df");
  let_it_reclaim(store);
  FAILS(UFO_CONFLICT, ufo_store_info(store, txn, "df", 0, &info, &error));
  ufo_txn_abort(txn);
}

/* Such a list is no damage, neither while somebody holds its version nor while it waits to be reclaimed. */
Test(promises_lists, old_lists_are_sound) {
  for (int removed = 0; removed < 2; removed++) {
    ufo_txn *txn = begin(store);
    set_names(txn, "df", (const char *[]){"p", "q", "r"}, 3);
    for (int i = 0; i < 3; i++) replace_column();
    if (removed) remove_now(store, "df");
    let_it_reclaim(store);
    assert_sound(store);
    ufo_txn_abort(txn);
    assert_sound(store);
  }
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, 0);
}

/* What is put under the path of an element would hide the element. */
Test(promises_lists, no_object_hides_an_element) {
  static const char *const hidden[] = {"df$a", "df[[3]]", "new$b"};
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, LENGTH, CHUNK);
  ufo_writer *writer;
  ufo_view *view = open_view(store, NULL, pool, "df$a");
  ufo_txn *txn = begin(store);
  OK(ufo_txn_rename(txn, "df", "new", &error));
  OK(ufo_txn_create(txn, "df$a", &spec, &error));
  ufo_txn_abort(txn);
  txn = begin(store);
  OK(ufo_txn_put(txn, ".1", &spec, values[1], &error));
  OK(ufo_txn_put(txn, ".2", &spec, values[1], &error));
  OK(ufo_txn_put_list(txn, "new", (const char *[]){".1"}, 1, &error));
  set_names(txn, "new", (const char *[]){"b"}, 1);
  for (int i = 0; i < 3; i++) {
    FAILS(UFO_USAGE, ufo_txn_put(txn, hidden[i], &spec, values[1], &error));
    cr_assert(strstr(error.message, i == 2 ? "list 'new'" : "list 'df'"), "%s", error.message);
    FAILS(UFO_USAGE, ufo_txn_create(txn, hidden[i], &spec, &error));
    FAILS(UFO_USAGE, ufo_writer_open(txn, hidden[i], &spec, &writer, &error));
    FAILS(UFO_USAGE, ufo_txn_put_view(txn, hidden[i], view, UFO_PUT_CHECKED, &error));
    FAILS(UFO_USAGE, ufo_txn_rename(txn, ".2", hidden[i], &error));
    FAILS(UFO_USAGE, ufo_txn_put_list(txn, hidden[i], (const char *[]){".2"}, 1, &error));
  }
  OK(ufo_txn_put(txn, "df$none", &spec, values[1], &error));
  OK(ufo_txn_put(txn, "df[[4]]", &spec, values[1], &error));
  OK(ufo_txn_put(txn, "df[[4]]", &spec, values[2], &error));
  OK(ufo_txn_remove(txn, "df", &error));
  OK(ufo_txn_rename(txn, ".2", "df$a", &error));
  OK(ufo_txn_commit(txn, &error));
  assert_content(store, NULL, "df$a", values[1], LENGTH * 4);
  ufo_view_release(view);
}

Test(promises_lists, nested) {
  static const char *const inner[] = {"i1", "i2"}, *const outer[] = {"inner", "o2"};
  static const char *const inner_names[] = {"p", "q"}, *const outer_names[] = {"in", "x"};
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, 10, 0);
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put(txn, "i1", &spec, values[0], &error));
  OK(ufo_txn_put(txn, "i2", &spec, values[1], &error));
  OK(ufo_txn_put_list(txn, "inner", inner, 2, &error));
  set_names(txn, "inner", inner_names, 2);
  OK(ufo_txn_put(txn, "o2", &spec, values[2], &error));
  OK(ufo_txn_put_list(txn, "outer", outer, 2, &error));
  set_names(txn, "outer", outer_names, 2);
  assert_content(store, txn, "outer$in$q", values[1], 40);
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(child_of("outer", 0).type, UFO_LIST);
  assert_content(store, NULL, "outer$in$p", values[0], 40);
  assert_content(store, NULL, "outer[[1]][[2]]", values[1], 40);
  assert_content(store, NULL, "outer$x", values[2], 40);
  assert_sound(store);
  remove_now(store, "outer");
  remove_now(store, "df");
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, 0);
  assert_sound(store);
}

/* Whatever can be put can be read, by its path, too. */
Test(promises_lists, as_deep_as_it_gets) {
  int32_t value = 42, back = 0;
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, 1, 0);
  char name[16] = "n0", next[16], path[UFO_NAME_MAX];
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put(txn, name, &spec, &value, &error));
  for (int depth = 1; depth <= UFO_LIST_DEPTH_MAX; depth++) {
    snprintf(next, sizeof next, "n%d", depth);
    OK(ufo_txn_put_list(txn, next, (const char *[]){name}, 1, &error));
    strcpy(name, next);
  }
  FAILS(UFO_USAGE, ufo_txn_put_list(txn, "more", (const char *[]){name}, 1, &error));
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(info_of(store, NULL, name).length, 1);
  int length = snprintf(path, sizeof path, "%s", name);
  for (int depth = 0; depth < UFO_LIST_DEPTH_MAX; depth++)
    length += snprintf(path + length, sizeof path - (size_t)length, "[[1]]");
  OK(ufo_store_read(store, NULL, path, 0, 0, 1, &back, &error));
  cr_assert_eq(back, value);
  assert_sound(store);
  stat_of(store);

  txn = begin(store); /* a committed list as an element */
  OK(ufo_txn_rename(txn, name, "deep", &error));
  FAILS(UFO_USAGE, ufo_txn_put_list(txn, "more", (const char *[]){"deep"}, 1, &error));
  ufo_txn_abort(txn);
  remove_now(store, name);
  assert_sound(store);
}

Test(promises_lists, empty_and_wrong) {
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put_list(txn, "none", NULL, 0, &error));
  static const char *const absent[] = {"absent"}, *const committed[] = {"number"}, *const twice[] = {"n", "n"};
  FAILS(UFO_MISSING, ufo_txn_put_list(txn, "l", absent, 1, &error));
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, 1, 0);
  OK(ufo_txn_put(txn, "n", &spec, values[0], &error));
  FAILS(UFO_USAGE, ufo_txn_put_list(txn, "l", twice, 2, &error));
  OK(ufo_txn_remove(txn, "n", &error));
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(info_of(store, NULL, "none").length, 0);
  put_now(store, "number", spec, values[0]);
  txn = begin(store);
  FAILS(UFO_USAGE, ufo_txn_put_list(txn, "l", committed, 1, &error)); /* a child must be pending in it */
  ufo_txn_abort(txn);
  assert_content(store, NULL, "number", values[0], 4);
  assert_sound(store);
}

/* Changing one element of one column through a view: the list's next version, in which one chunk was written. */
Test(promises_lists, child_view_rewrites_one_chunk) {
  ufo_view *columns[3];
  static const char *const temporary[] = {".1", ".2", ".3"}, *const names[] = {"a", "b", "c"};
  for (uint64_t c = 0; c < 3; c++) OK(ufo_view_open_child(store, NULL, pool, "df", c, NULL, &columns[c], &error));
  uint64_t ids[3], blobs = stat_of(store).blobs;
  for (uint64_t c = 0; c < 3; c++) ids[c] = child_of("df", c).id;
  for (int round = 0; round < 3; round++) { /* and again, without a conflict */
    ((int32_t *)ufo_view_data(columns[1]))[2000] = values[1][2000] = round;
    ufo_txn *txn = begin(store);
    for (int c = 0; c < 3; c++) OK(ufo_txn_put_view(txn, temporary[c], columns[c], UFO_PUT_CHECKED, &error));
    OK(ufo_txn_put_list(txn, "df", temporary, 3, &error));
    set_names(txn, "df", names, 3);
    OK(ufo_txn_commit(txn, &error));
    cr_assert_eq(info_of(store, NULL, "df").version, (uint64_t)round + 2);
    cr_assert_eq(child_of("df", 1).chunks_changed, 1, "%" PRIu64, child_of("df", 1).chunks_changed);
    cr_assert_eq(stat_of(store).objects, 1);
    for (int c = 0; c < 3; c++) {
      cr_assert_eq(child_of("df", (uint64_t)c).id, ids[c], "the child is the same object");
      assert_content(store, NULL, ((const char *[]){"df$a", "df$b", "df$c"})[c], values[c], LENGTH * 4);
    }
    cr_assert_eq(view_info(columns[1]).chunks_changed, 0);
  }
  cr_assert_leq(stat_of(store).blobs, blobs + 3);
  for (int c = 0; c < 3; c++) ufo_view_release(columns[c]);
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, blobs);
  assert_sound(store);
}

/* A child's view goes into another list, or becomes an object: shared, and independent from then on. */
Test(promises_lists, child_shared_elsewhere) {
  ufo_view *column;
  static const char *const temporary[] = {".1"};
  OK(ufo_view_open_child(store, NULL, pool, "df", 1, NULL, &column, &error));
  uint64_t blobs = stat_of(store).blobs;
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put_view(txn, ".1", column, UFO_PUT_CHECKED, &error));
  OK(ufo_txn_put_list(txn, "other", temporary, 1, &error));
  OK(ufo_txn_put_view(txn, "alone", column, UFO_PUT_CHECKED, &error));
  OK(ufo_txn_commit(txn, &error));
  ufo_view_release(column);
  cr_assert_eq(stat_of(store).blobs, blobs);
  remove_now(store, "df");
  let_it_reclaim(store);
  assert_content(store, NULL, "other[[1]]", values[1], LENGTH * 4);
  write_now(store, "alone", 0, 1, &(int32_t){1});
  assert_content(store, NULL, "other[[1]]", values[1], LENGTH * 4);
  assert_sound(store);
  remove_now(store, "other");
  remove_now(store, "alone");
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, 0);
}

Test(promises_lists, view_of_a_child_keeps_its_version) {
  ufo_view *column;
  OK(ufo_view_open_child(store, NULL, pool, "df", 2, NULL, &column, &error));
  remove_now(store, "df");
  let_it_reclaim(store);
  cr_assert_eq(memcmp(ufo_view_data(column), values[2], LENGTH * 4), 0);
  ufo_view_release(column);
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, 0);
  ufo_view *none = NULL;
  FAILS(UFO_MISSING, ufo_view_open_child(store, NULL, pool, "df", 0, NULL, &none, &error));
}

Test(promises_lists, child_out_of_range) {
  ufo_view *none = NULL;
  FAILS(UFO_MISSING, ufo_view_open_child(store, NULL, pool, "df", 3, NULL, &none, &error));
  error = (ufo_error){0};
  cr_assert_neq(ufo_view_open_child(store, NULL, pool, "df", UINT64_MAX, NULL, &none, &error), UFO_OK);
  cr_assert_eq(none, NULL);
}

Test(promises_lists, renamed_list_takes_its_children_along) {
  ufo_txn *txn = begin(store);
  OK(ufo_txn_rename(txn, "df", "frame", &error));
  OK(ufo_txn_commit(txn, &error));
  assert_content(store, NULL, "frame$b", values[1], LENGTH * 4);
  ufo_object_info info = {.struct_size = sizeof info};
  FAILS(UFO_MISSING, ufo_store_info(store, NULL, "df$b", 0, &info, &error));
}

/* What is put under the old name is a list of its own, whichever of the two names comes first. */
Test(promises_lists, renamed_list_and_views_of_it_under_its_old_name) {
  static const char *const temporary[] = {"t1", "t2", "t3"}, *const to[] = {"a", "z"};
  for (int i = 0; i < 2; i++) {
    ufo_view *view;
    OK(ufo_view_open_child(store, NULL, pool, "df", 0, NULL, &view, &error));
    int32_t was = values[0][5];
    ((int32_t *)ufo_view_data(view))[5] = 99 + i;
    ufo_object_spec spec = spec_of(UFO_INTEGER, 0, LENGTH, CHUNK);
    ufo_txn *txn = begin(store);
    OK(ufo_txn_put_view(txn, "t1", view, UFO_PUT_CHECKED, &error));
    OK(ufo_txn_put(txn, "t2", &spec, values[1], &error));
    OK(ufo_txn_put(txn, "t3", &spec, values[2], &error));
    OK(ufo_txn_rename(txn, "df", to[i], &error));
    OK(ufo_txn_put_list(txn, "df", temporary, 3, &error));
    OK(ufo_txn_commit(txn, &error));
    ufo_view_release(view);
    assert_sound(store);
    assert_content(store, NULL, i ? "z[[1]]" : "a[[1]]", values[0], LENGTH * 4);
    values[0][5] = 99 + i;
    assert_content(store, NULL, "df[[1]]", values[0], LENGTH * 4);
    remove_now(store, "df");
    let_it_reclaim(store);
    assert_sound(store);
    values[0][5] = was;
    assert_content(store, NULL, i ? "z$a" : "a$a", values[0], LENGTH * 4);
    txn = begin(store);
    OK(ufo_txn_rename(txn, to[i], "df", &error));
    OK(ufo_txn_commit(txn, &error));
  }
}

/* The list's older version names it where it was. */
Test(promises_lists, element_that_moves_into_a_list_inside) {
  OK(ufo_snapshot_create(store, "before", &error));
  ufo_view *views[3];
  for (uint64_t c = 0; c < 3; c++) OK(ufo_view_open_child(store, NULL, pool, "df", c, NULL, &views[c], &error));
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put_view(txn, "t1", views[0], UFO_PUT_CHECKED, &error));
  OK(ufo_txn_put_view(txn, "t2", views[1], UFO_PUT_CHECKED, &error));
  OK(ufo_txn_put_view(txn, "t3", views[2], UFO_PUT_CHECKED, &error));
  OK(ufo_txn_put_list(txn, "t2", (const char *[]){"t2"}, 1, &error));
  OK(ufo_txn_put_list(txn, "df", (const char *[]){"t1", "t2", "t3"}, 3, &error));
  OK(ufo_txn_commit(txn, &error));
  for (int c = 0; c < 3; c++) ufo_view_release(views[c]);
  assert_sound(store);
  assert_content(store, NULL, "df[[2]][[1]]", values[1], LENGTH * 4);
  remove_now(store, "df");
  let_it_reclaim(store);
  assert_sound(store);
  OK(ufo_snapshot_remove(store, "before", &error));
  let_it_reclaim(store);
  assert_sound(store);
  cr_assert_leq(stat_of(store).objects, 1);
}

/* Puts views of the three elements of `list` as the list `name`, which has no attributes in the transaction. */
static void put_views_of(ufo_txn *txn, const char *list, const char *name) {
  static const char *const temporary[] = {"t1", "t2", "t3"};
  for (uint64_t c = 0; c < 3; c++) {
    ufo_view *view;
    OK(ufo_view_open_child(store, NULL, pool, list, c, NULL, &view, &error));
    OK(ufo_txn_put_view(txn, temporary[c], view, UFO_PUT_CHECKED, &error));
    ufo_view_release(view);
  }
  OK(ufo_txn_put_list(txn, name, temporary, 3, &error));
  cr_assert_eq(info_of(store, txn, name).attribute_count, 0);
}

/* Also when it goes on as the next version of one that had some. */
Test(promises_lists, put_list_has_no_attributes_until_they_are_set) {
  uint64_t id = info_of(store, NULL, "df").id;
  ufo_txn *txn = begin(store);
  put_views_of(txn, "df", "df");
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(info_of(store, NULL, "df").id, id);
  cr_assert_eq(info_of(store, NULL, "df").attribute_count, 0);
  txn = begin(store); /* a list inside of another one */
  set_names(txn, "df", (const char *[]){"x", "y", "z"}, 3);
  OK(ufo_txn_put_list(txn, "df", (const char *[]){"df"}, 1, &error));
  OK(ufo_txn_commit(txn, &error));
  assert_content(store, NULL, "df[[1]]$y", values[1], LENGTH * 4);
  id = child_of("df", 0).id;
  txn = begin(store);
  put_views_of(txn, "df[[1]]", "t");
  OK(ufo_txn_put_list(txn, "df", (const char *[]){"t"}, 1, &error));
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(child_of("df", 0).id, id);
  cr_assert_eq(child_of("df", 0).attribute_count, 0);
  assert_content(store, NULL, "df[[1]][[2]]", values[1], LENGTH * 4);
}

/* The renamed object is the one that was; a view of it under its old name is another, whichever name comes first. */
Test(promises_lists, renamed_vector_and_a_view_of_it_under_its_old_name) {
  static const char *const to[] = {"a", "z"}, *const note[] = {"kept"};
  for (int i = 0; i < 2; i++) {
    put_now(store, "m", spec_of(UFO_INTEGER, 0, LENGTH, CHUNK), values[0]);
    ufo_txn *txn = begin(store);
    set_names(txn, "m", note, 1);
    OK(ufo_txn_commit(txn, &error));
    uint64_t id = info_of(store, NULL, "m").id;
    ufo_view *view = open_view(store, NULL, pool, "m");
    for (int order = 0; order < 2; order++) { /* the view is changed, or not */
      if (order) ((int32_t *)ufo_view_data(view))[5] = 99;
      txn = begin(store);
      OK(ufo_txn_rename(txn, "m", to[i], &error));
      OK(ufo_txn_put_view(txn, "m", view, UFO_PUT_CHECKED, &error));
      OK(ufo_txn_commit(txn, &error));
      assert_sound(store);
      cr_assert_eq(info_of(store, NULL, to[i]).id, id);
      cr_assert_eq(info_of(store, NULL, to[i]).attribute_count, 1, "%s has lost its attributes", to[i]);
      cr_assert_neq(info_of(store, NULL, "m").id, id);
      assert_content(store, NULL, to[i], values[0], LENGTH * 4);
      txn = begin(store);
      OK(ufo_txn_remove(txn, "m", &error));
      OK(ufo_txn_rename(txn, to[i], "m", &error));
      OK(ufo_txn_commit(txn, &error));
    }
    ufo_view_release(view);
    remove_now(store, "m");
  }
}

Test(promises_lists, replaced_by_a_vector_and_back) {
  put_now(store, "df", spec_of(UFO_INTEGER, 0, 3, 0), values[0]);
  assert_content(store, NULL, "df", values[0], 12);
  let_it_reclaim(store);
  cr_assert_leq(stat_of(store).blobs, 1);
  static const char *const temporary[] = {"t"};
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, 10, 0);
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put(txn, "t", &spec, values[1], &error));
  OK(ufo_txn_put_list(txn, "df", temporary, 1, &error));
  OK(ufo_txn_commit(txn, &error));
  assert_content(store, NULL, "df[[1]]", values[1], 40);
  assert_sound(store);
}
