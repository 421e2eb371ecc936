/* versions.c - makes versions and lists that only programs can make. Used by snapshot.sh.
 *
 *   versions STORE write NAME INDEX VALUE   one element of a vector of integers
 *   versions STORE frame NAME VALUE         a data frame with columns a and b, all VALUE: made, or changed in place
 *   versions STORE hold NAME                reads it slowly: says "held", and ends when standard input does */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ufostore/ufostore.h>

enum { ROWS = 3 };

static ufo_error error;

static void check(ufo_status status) {
  if (status == UFO_OK) return;
  fprintf(stderr, "versions: %s\n", error.message);
  exit(1);
}

static void write_element(ufo_store *store, const char *name, uint64_t index, int32_t value) {
  ufo_txn *txn;
  check(ufo_txn_begin(store, &txn, &error));
  check(ufo_txn_write(txn, name, index, 1, &value, &error));
  check(ufo_txn_commit(txn, &error));
}

static void set_frame_attributes(ufo_txn *txn, const char *name) {
  const char *names[] = {"a", "b"}, *class[] = {"data.frame"};
  const int32_t rows[] = {INT32_MIN, -ROWS};
  ufo_attributes *set;
  check(ufo_attributes_create(&set, &error));
  check(ufo_attributes_set_strings(set, "names", names, NULL, 2, &error));
  check(ufo_attributes_set_strings(set, "class", class, NULL, 1, &error));
  check(ufo_attributes_set(set, "row.names", UFO_ATTRIBUTE_INTEGER, rows, 2, &error));
  check(ufo_txn_set_attributes(txn, name, set, &error));
  ufo_attributes_free(set);
}

/* Column a is continued if there is one, b is always a new object. */
static void put_frame(ufo_store *store, const char *name, int32_t value) {
  const char *children[] = {".a", ".b"};
  const int32_t column[ROWS] = {value, value, value};
  const ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_INTEGER, .length = ROWS};
  ufo_pool *pool;
  ufo_txn *txn;
  ufo_view *view = NULL;
  check(ufo_pool_create(NULL, &pool, &error));
  check(ufo_txn_begin(store, &txn, &error));
  if (ufo_view_open_child(store, NULL, pool, name, 0, NULL, &view, &error) == UFO_OK) {
    memcpy(ufo_view_data(view), column, sizeof column);
    check(ufo_txn_put_view(txn, ".a", view, UFO_PUT_CHECKED, &error));
  } else {
    check(ufo_txn_put(txn, ".a", &spec, column, &error));
  }
  check(ufo_txn_put(txn, ".b", &spec, column, &error));
  check(ufo_txn_put_list(txn, name, children, 2, &error));
  set_frame_attributes(txn, name);
  check(ufo_txn_commit(txn, &error));
  ufo_view_release(view);
  check(ufo_pool_destroy(pool, &error));
}

static void hold(ufo_store *store, const char *name) {
  ufo_pool *pool;
  ufo_view *view;
  check(ufo_pool_create(NULL, &pool, &error));
  check(ufo_view_open(store, NULL, pool, name, NULL, &view, &error));
  puts("held");
  fflush(stdout);
  while (getchar() != EOF) continue;
  ufo_view_release(view);
  check(ufo_pool_destroy(pool, &error));
}

int main(int argc, char **argv) {
  ufo_store *store;
  if (argc < 4) return 2;
  check(ufo_store_open(argv[1], NULL, &store, &error));
  if (strcmp(argv[2], "write") == 0 && argc == 6)
    write_element(store, argv[3], strtoull(argv[4], NULL, 10), (int32_t)atoi(argv[5]));
  else if (strcmp(argv[2], "frame") == 0 && argc == 5) put_frame(store, argv[3], (int32_t)atoi(argv[4]));
  else hold(store, argv[3]);
  ufo_store_close(store);
  return 0;
}
