/* Edits of elements of lists in place: a table's columns get longer together, and nothing else of it is touched. */
#include "one_store.h"

enum { CHUNK = 4096, LENGTH = 5000, MORE = 3000 };

static int32_t *values[3];
static ufo_pool *pool;

static void set_names(ufo_txn *txn, const char *list, const char *const *names, uint64_t n) {
  ufo_attributes *attributes;
  OK(ufo_attributes_create(&attributes, &error));
  OK(ufo_attributes_set_strings(attributes, "names", names, NULL, n, &error));
  OK(ufo_txn_set_attributes(txn, list, attributes, &error));
  ufo_attributes_free(attributes);
}

/* A list `name` of vectors that begin as `values` do. */
static void put_table(ufo_txn *txn, const char *name, uint64_t columns, uint64_t length) {
  static const char *const temporary[] = {".1", ".2", ".3"}, *const names[] = {"a", "b", "c"};
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, length, CHUNK);
  for (uint64_t c = 0; c < columns; c++) OK(ufo_txn_put(txn, temporary[c], &spec, values[c], &error));
  OK(ufo_txn_put_list(txn, name, temporary, columns, &error));
  set_names(txn, name, names, columns);
}

/* `df` has the columns a, b and c; `nested` the elements `a`, a table, and `b`, a vector. */
static void make(void) {
  store_make();
  pool = make_pool(40 * CHUNK);
  for (int c = 0; c < 3; c++) {
    values[c] = malloc((LENGTH + 10 * MORE) * 4);
    for (int i = 0; i < LENGTH + 10 * MORE; i++) values[c][i] = (int32_t)mix((uint64_t)(c * 1000000 + i));
  }
  static const char *const inside[] = {".inner", ".b"}, *const names[] = {"a", "b"};
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, LENGTH, CHUNK);
  ufo_txn *txn = begin(store);
  put_table(txn, "df", 3, LENGTH);
  put_table(txn, ".inner", 3, LENGTH);
  OK(ufo_txn_put(txn, ".b", &spec, values[0], &error));
  OK(ufo_txn_put_list(txn, "nested", inside, 2, &error));
  set_names(txn, "nested", names, 2);
  OK(ufo_txn_commit(txn, &error));
}

static void unmake(void) {
  for (int c = 0; c < 3; c++) free(values[c]);
  OK(ufo_pool_destroy(pool, &error));
  store_end();
}

TestSuite(promises_elements, .init = make, .fini = unmake, .timeout = 60);

static ufo_object_info child_of(ufo_txn *txn, const char *list, uint64_t index) {
  ufo_object_info info = {.struct_size = sizeof info};
  OK(ufo_store_child_info(store, txn, list, 0, index, &info, &error));
  return info;
}

static const char *column(const char *table, int c) {
  static char path[64];
  snprintf(path, sizeof path, "%s[[%d]]", table, c + 1);
  return path;
}

/* Rows from .. from + count - 1 of `values` to all columns. */
static void append_rows(ufo_txn *txn, const char *table, uint64_t from, uint64_t count) {
  for (int c = 0; c < 3; c++) OK(ufo_txn_append(txn, column(table, c), values[c] + from, count, &error));
}

static void assert_table(ufo_txn *txn, const char *table, uint64_t length) {
  for (int c = 0; c < 3; c++) assert_content(store, txn, column(table, c), values[c], length * 4);
}

Test(promises_elements, append_to_one) {
  ufo_object_info before[3];
  for (uint64_t c = 0; c < 3; c++) before[c] = child_of(NULL, "df", c);
  ufo_txn *txn = begin(store);
  OK(ufo_txn_append(txn, "df$b", values[1] + LENGTH, MORE, &error));
  assert_content(store, txn, "df$b", values[1], (LENGTH + MORE) * 4);
  assert_content(store, txn, "df$a", values[0], LENGTH * 4);
  assert_content(store, NULL, "df$b", values[1], LENGTH * 4);
  OK(ufo_txn_commit(txn, &error));
  assert_content(store, NULL, "df[[2]]", values[1], (LENGTH + MORE) * 4);
  ufo_object_info list = info_of(store, NULL, "df"), b = child_of(NULL, "df", 1);
  cr_assert_eq(list.version, 2);
  cr_assert_eq(list.attribute_count, 1, "the list keeps its names");
  cr_assert_eq(list.chunks_changed, 4, "3000 elements of 4 bytes behind 5000, in chunks of 4096 bytes");
  cr_assert(b.id == before[1].id && b.version == 2);
  for (uint64_t c = 0; c < 3; c += 2) {
    ufo_object_info other = child_of(NULL, "df", c);
    cr_assert(other.id == before[c].id && other.version == 1, "column %d was touched", (int)c);
    cr_assert_eq(other.changed_ns, before[c].changed_ns);
  }
}

/* What was opened before stays as it was, and so does what a snapshot keeps. */
Test(promises_elements, older_states_stay) {
  ufo_store *past;
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY, .snapshot = "before"};
  ufo_view *view = open_view(store, NULL, pool, "df[[3]]");
  OK(ufo_snapshot_create(store, "before", &error));
  for (uint64_t round = 0; round < 8; round++) {
    ufo_txn *txn = begin(store);
    append_rows(txn, "df", LENGTH + round * MORE, MORE);
    append_rows(txn, "nested$a", LENGTH + round * MORE, MORE);
    OK(ufo_txn_commit(txn, &error));
    assert_table(NULL, "df", LENGTH + (round + 1) * MORE);
    assert_table(NULL, "nested$a", LENGTH + (round + 1) * MORE);
    cr_assert_eq(memcmp(ufo_view_data(view), values[2], LENGTH * 4), 0);
    cr_assert_eq(view_info(view).length, LENGTH);
  }
  cr_assert_eq(info_of(store, NULL, "df").version, 9);
  cr_assert_eq(info_of(store, NULL, "nested").version, 9);
  cr_assert_eq(info_of(store, NULL, "nested$b").version, 1);
  ufo_view_release(view);
  OK(ufo_store_open(in_folder("s.ufo"), &options, &past, &error));
  ufo_store *present = store;
  store = past;
  assert_table(NULL, "df", LENGTH);
  assert_table(NULL, "nested$a", LENGTH);
  assert_content(store, NULL, "nested$b", values[0], LENGTH * 4);
  store = present;
  ufo_store_close(past);
  assert_sound(store);
  OK(ufo_snapshot_remove(store, "before", &error));
  for (int i = 0; i < 6; i++) put_now(store, "other", spec_of(UFO_INTEGER, 0, 1, 0), values[0]);
  ufo_store_stat stat = stat_of(store);
  cr_assert_leq(stat.blob_bytes, stat.live_bytes + 65536, "what the appends superseded is reclaimed");
}

/* Two processes, or two handles, append to columns of one table: the first commit wins, whichever columns they are. */
Test(promises_elements, conflicts) {
  ufo_store *other = open_store(in_folder("s.ufo"));
  ufo_txn *first = begin(store), *second = begin(other);
  OK(ufo_txn_append(second, "df$a", values[0], 1, &error));
  OK(ufo_txn_append(first, "df$b", values[1] + LENGTH, 10, &error));
  OK(ufo_txn_commit(first, &error));
  FAILS(UFO_CONFLICT, ufo_txn_append(second, "df$c", values[0], 1, &error));
  OK(ufo_txn_append(second, "df$a", values[0], 1, &error));
  FAILS(UFO_CONFLICT, ufo_txn_commit(second, &error));
  cr_assert(strstr(error.message, "'df'") && strstr(error.message, "version 1") && strstr(error.message, "version 2"),
            "%s", error.message);
  ufo_txn_abort(second);
  /* The same deeper, and against a list that was put anew, renamed, removed. */
  for (int how = 0; how < 4; how++) {
    first = begin(store);
    second = begin(other);
    OK(ufo_txn_append(second, "nested$a$b", values[0], 1, &error));
    if (how == 0) OK(ufo_txn_append(first, "nested$b", values[0] + LENGTH, 1, &error));
    if (how == 1) put_table(first, "nested", 3, 10);
    if (how == 2) OK(ufo_txn_rename(first, "nested", "moved", &error));
    if (how == 3) OK(ufo_txn_remove(first, "nested", &error));
    OK(ufo_txn_commit(first, &error));
    FAILS(UFO_CONFLICT, ufo_txn_commit(second, &error));
    ufo_txn_abort(second);
    assert_sound(store);
    if (how == 0) continue;
    static const char *const inside[] = {".inner", ".b"}, *const names[] = {"a", "b"};
    ufo_object_spec spec = spec_of(UFO_INTEGER, 0, LENGTH, CHUNK);
    first = begin(store);
    put_table(first, ".inner", 3, LENGTH);
    OK(ufo_txn_put(first, ".b", &spec, values[0], &error));
    OK(ufo_txn_put_list(first, "nested", inside, 2, &error));
    set_names(first, "nested", names, 2);
    OK(ufo_txn_commit(first, &error));
  }
  ufo_store_close(other);
}

/* An edit that fails, or a writer that is cancelled, leaves nothing that a commit could find a conflict in. */
Test(promises_elements, what_fails_pends_not) {
  ufo_store *other = open_store(in_folder("s.ufo"));
  ufo_writer *writers[3];
  ufo_txn *txn = begin(store);
  FAILS(UFO_MISSING, ufo_txn_append(txn, "df$d", values[0], 1, &error));
  FAILS(UFO_MISSING, ufo_txn_append(txn, "df[[4]]", values[0], 1, &error));
  FAILS(UFO_USAGE, ufo_txn_append(txn, "nested$a", values[0], 1, &error));
  FAILS(UFO_USAGE, ufo_txn_append(txn, "df", values[0], 1, &error));
  FAILS(UFO_USAGE, ufo_txn_write(txn, "df$a", LENGTH, 1, values[0], &error));
  FAILS(UFO_USAGE, ufo_txn_append(txn, "df$a", values[0], UINT64_MAX / 2, &error));
  for (int c = 0; c < 3; c++) {
    OK(ufo_writer_open_append(txn, column("df", c), &writers[c], &error));
    OK(ufo_writer_write(writers[c], values[c] + LENGTH, 4 * MORE - c, &error)); /* two do not end in a whole element */
  }
  FAILS(UFO_USAGE, ufo_txn_commit(txn, &error));
  FAILS(UFO_USAGE, ufo_writer_finish(writers[1], &error));
  FAILS(UFO_USAGE, ufo_writer_finish(writers[2], &error));
  ufo_writer_cancel(writers[0]);
  assert_table(txn, "df", LENGTH);
  ufo_txn *theirs = begin(other);
  append_rows(theirs, "df", LENGTH, 1);
  OK(ufo_txn_append(theirs, "nested$a$a", values[0] + LENGTH, 1, &error));
  OK(ufo_txn_commit(theirs, &error));
  OK(ufo_txn_commit(txn, &error));
  ufo_store_close(other);
  assert_table(NULL, "df", LENGTH + 1);
}

/* A writer adds to what was there when it was opened. */
Test(promises_elements, writer_and_other_edits) {
  ufo_writer *writer, *second;
  static const char *const changes[] = {"append", "write", "remove", "put", "two writers", "rename"};
  for (int how = 0; how < 6; how++) {
    ufo_txn *txn = begin(store);
    OK(ufo_writer_open_append(txn, "df$a", &writer, &error));
    OK(ufo_writer_write(writer, values[0] + LENGTH, MORE * 4, &error));
    if (how == 0) OK(ufo_txn_append(txn, "df$a", values[0], 1, &error));
    if (how == 1) OK(ufo_txn_write(txn, "df$a", LENGTH - 1, 1, values[0], &error));
    if (how == 2) OK(ufo_txn_remove(txn, "df", &error));
    if (how == 3) put_table(txn, "df", 3, 10);
    if (how == 4) {
      OK(ufo_writer_open_append(txn, "df$a", &second, &error));
      OK(ufo_writer_write(second, values[0], 4, &error));
      OK(ufo_writer_finish(second, &error));
    }
    if (how == 5) {
      OK(ufo_txn_rename(txn, "df", "moved", &error));
      OK(ufo_writer_finish(writer, &error));
      assert_content(store, txn, "moved$a", values[0], (LENGTH + MORE) * 4);
    } else {
      ufo_status status = ufo_writer_finish(writer, &error);
      cr_assert_eq(status, UFO_USAGE, "%s: %d", changes[how], (int)status);
    }
    ufo_txn_abort(txn);
  }
  assert_table(NULL, "df", LENGTH);
}

/* Write, attributes, a rename, a put: in one transaction with appends, in any order. */
Test(promises_elements, all_kinds_of_edits) {
  ufo_txn *txn = begin(store);
  append_rows(txn, "df", LENGTH, 7);
  values[1][3] = values[1][LENGTH + 5] = 4711;
  OK(ufo_txn_write(txn, "df$b", 3, 1, &values[1][3], &error));
  OK(ufo_txn_write(txn, "df$b", LENGTH + 5, 1, &values[1][LENGTH + 5], &error));
  set_names(txn, "df$c", (const char *const[]){"x"}, 1);
  OK(ufo_txn_rename(txn, "df", "table", &error));
  append_rows(txn, "table", LENGTH + 7, MORE);
  FAILS(UFO_MISSING, ufo_txn_append(txn, "df$a", values[0], 1, &error));
  assert_table(txn, "table", LENGTH + 7 + MORE);
  OK(ufo_txn_commit(txn, &error));
  assert_table(NULL, "table", LENGTH + 7 + MORE);
  cr_assert_eq(info_of(store, NULL, "table").version, 2);
  cr_assert_eq(info_of(store, NULL, "table$c").attribute_count, 1);
  /* A view of a column with appended rows goes back into the same list. */
  static const char *const temporary[] = {".1", ".2", ".3"};
  ufo_view *view[3];
  txn = begin(store);
  append_rows(txn, "table", LENGTH + 7 + MORE, 1);
  for (int c = 0; c < 3; c++) {
    view[c] = open_view(store, txn, pool, column("table", c));
    cr_assert_eq(view_info(view[c]).length, LENGTH + 8 + MORE);
  }
  ((int32_t *)ufo_view_data(view[0]))[0] = values[0][0] = 1;
  for (int c = 0; c < 3; c++) OK(ufo_txn_put_view(txn, temporary[c], view[c], UFO_PUT_CHECKED, &error));
  OK(ufo_txn_put_list(txn, "table", temporary, 3, &error));
  append_rows(txn, "table", LENGTH + 8 + MORE, 2);
  assert_table(txn, "table", LENGTH + 10 + MORE);
  OK(ufo_txn_commit(txn, &error));
  assert_table(NULL, "table", LENGTH + 10 + MORE);
  for (int c = 0; c < 3; c++) {
    cr_assert_eq(info_of(store, NULL, column("table", c)).version, 3);
    ufo_view_release(view[c]);
  }
  assert_sound(store);
  /* An edited list becomes an element of another one, which is removed. */
  txn = begin(store);
  append_rows(txn, "table", LENGTH + 10 + MORE, 1);
  OK(ufo_txn_put_list(txn, "outer", (const char *const[]){"table"}, 1, &error));
  append_rows(txn, "outer[[1]]", LENGTH + 11 + MORE, 1);
  OK(ufo_txn_commit(txn, &error));
  assert_table(NULL, "outer[[1]]", LENGTH + 12 + MORE);
  assert_sound(store);
  remove_now(store, "outer");
}

/* Nothing but what is added: not the length, not the columns that stay. */
Test(promises_elements, cost_is_of_what_is_added) {
  ufo_txn *txn = begin(store);
  OK(ufo_txn_append(txn, "df$a", values[0], 0, &error));
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(info_of(store, NULL, "df").version, 1, "nothing was added");
  txn = begin(store);
  OK(ufo_txn_append(txn, "nested$a$c", values[2] + LENGTH, 1, &error));
  OK(ufo_txn_commit(txn, &error));
  cr_assert_eq(info_of(store, NULL, "nested").chunks_changed, 1);
  cr_assert_eq(child_of(NULL, "nested", 0).version, 2);
  cr_assert_eq(child_of(NULL, "nested", 1).version, 1);
  cr_assert_eq(child_of(NULL, "nested$a", 0).version, 1);
}

/* A chunk that is filled bit by bit in one transaction is encoded once: nothing is staged for what it was meanwhile. */
Test(promises_elements, many_small_ones_in_a_transaction) {
  enum { ROWS = 20000, BIG = 1 << 20 };
  static double row[40];
  char names[40][16];
  const char *children[40];
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 0, 0, BIG); /* 40 tails of 1 MiB are more than a transaction holds */
  ufo_txn *txn = begin(store);
  for (int c = 0; c < 40; c++) {
    snprintf(names[c], sizeof names[c], ".c%d", c);
    children[c] = names[c];
    OK(ufo_txn_create(txn, names[c], &spec, &error));
  }
  OK(ufo_txn_put_list(txn, "wide", children, 40, &error));
  for (int r = 0; r < 60; r++) {
    for (int c = 0; c < 40; c++) {
      row[c] = (double)mix((uint64_t)(r * 40 + c));
      OK(ufo_txn_append(txn, column("wide", c), &row[c], 1, &error));
    }
  }
  OK(ufo_txn_commit(txn, &error));
  for (int c = 0; c < 40; c++) {
    double back[60];
    OK(ufo_store_read(store, NULL, column("wide", c), 0, 0, 60, back, &error));
    for (int r = 0; r < 60; r++) cr_assert_eq(back[r], (double)mix((uint64_t)(r * 40 + c)));
  }
  uint64_t before = stat_of(store).file_bytes;
  txn = begin(store);
  for (int r = 0; r < ROWS; r++) append_rows(txn, "df", (uint64_t)LENGTH + (uint64_t)r, 1);
  cr_assert_eq(info_of(store, txn, "df$a").length, LENGTH + ROWS);
  OK(ufo_txn_commit(txn, &error));
  assert_table(NULL, "df", LENGTH + ROWS);
  cr_assert_leq(stat_of(store).file_bytes - before, UINT64_C(4) * 3 * ROWS * 4);
}
