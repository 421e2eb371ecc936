/* fixture.c - makes a store with what only programs can make: attributes, factors, dates, lists, records, R values.
 * Used by meaning.sh. Usage: fixture STORE */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ufostore/ufostore.h>

static ufo_error error;

static void check(ufo_status status) {
  if (status == UFO_OK) return;
  fprintf(stderr, "fixture: %s\n", error.message);
  exit(1);
}

static ufo_attributes *attributes(void) {
  ufo_attributes *set = NULL;
  check(ufo_attributes_create(&set, &error));
  return set;
}

static void put(ufo_txn *txn, const char *name, ufo_type type, const void *data, uint64_t length) {
  const ufo_object_spec spec = {
      .struct_size = sizeof spec, .type = type, .length = length, .element_bytes = type == UFO_RECORD ? 3 : 0};
  check(ufo_txn_put(txn, name, &spec, data, &error));
}

static void set(ufo_txn *txn, const char *name, const char *key, const char *const *words, uint64_t count,
                ufo_attributes *more) {
  if (words) check(ufo_attributes_set_strings(more, key, words, NULL, count, &error));
  check(ufo_txn_set_attributes(txn, name, more, &error));
  ufo_attributes_free(more);
}

static void put_factor(ufo_txn *txn, const char *name, const int32_t *codes, uint64_t count) {
  const char *levels[] = {"low", "high, very", "NA", NULL}, *class[] = {"ordered", "factor"};
  ufo_attributes *more = attributes();
  put(txn, name, UFO_INTEGER, codes, count);
  check(ufo_attributes_set_strings(more, "levels", levels, NULL, 4, &error));
  set(txn, name, "class", class, 2, more);
}

static void put_dates(ufo_txn *txn) {
  const double days[] = {0, 19689.5, -1, 0x1p1023 * 2}, seconds[] = {0, 1700000000.25, -1.5};
  const int32_t whole[] = {11016, INT32_MIN};
  const char *date[] = {"Date"}, *time[] = {"POSIXct", "POSIXt"};
  put(txn, "date", UFO_DOUBLE, days, 4);
  set(txn, "date", "class", date, 1, attributes());
  put(txn, "idate", UFO_INTEGER, whole, 2);
  set(txn, "idate", "class", date, 1, attributes());
  put(txn, "time", UFO_DOUBLE, seconds, 3);
  set(txn, "time", "class", time, 2, attributes());
}

static void put_frame(ufo_txn *txn) {
  const char *children[] = {"t1", "t2"}, *names[] = {"f", "n"}, *rows[] = {"first", "second, too", "third"};
  const char *class[] = {"tbl", "data.frame"};
  const int32_t codes[] = {1, INT32_MIN, 2};
  const double numbers[] = {1.5, 2, -3};
  ufo_attributes *more = attributes();
  put_factor(txn, "t1", codes, 3);
  put(txn, "t2", UFO_DOUBLE, numbers, 3);
  check(ufo_txn_put_list(txn, "frame", children, 2, &error));
  check(ufo_attributes_set_strings(more, "names", names, NULL, 2, &error));
  check(ufo_attributes_set_strings(more, "row.names", rows, NULL, 3, &error));
  set(txn, "frame", "class", class, 2, more);
}

/* list(1:3, inner = list(c("x")) ) with an unnamed first element, and an element that is a list. */
static void put_lists(ufo_txn *txn) {
  const char *inner[] = {"i1"}, *outer[] = {"o1", "o2"}, *names[] = {"", "inner"};
  const int32_t whole[] = {1, 2, 3};
  put(txn, "i1", UFO_INTEGER, whole, 3);
  check(ufo_txn_put_list(txn, "o2", inner, 1, &error));
  put(txn, "o1", UFO_INTEGER, whole, 2);
  check(ufo_txn_put_list(txn, "list", outer, 2, &error));
  set(txn, "list", "names", names, 2, attributes());
}

/* Bytes as serialize() of R 4.2 gives them. */
static void put_serialized(ufo_txn *txn, const char *name, const char *type, double length, const char *hex) {
  unsigned char bytes[512];
  size_t count = 0;
  for (; hex[0] && hex[1]; hex += 2, count++) {
    unsigned byte;
    if (sscanf(hex, "%2x", &byte) != 1) exit(1);
    bytes[count] = (unsigned char)byte;
  }
  ufo_attributes *more = attributes();
  put(txn, name, UFO_SERIALIZED, bytes, count);
  if (type) check(ufo_attributes_set(more, "R.length", UFO_ATTRIBUTE_DOUBLE, &length, 1, &error));
  set(txn, name, "R.type", &type, type ? 1 : 0, more);
}

#define HEAD "580a000000030004020200030500000000055554462d38"

int main(int argc, char **argv) {
  ufo_store *store = NULL;
  ufo_txn *txn = NULL;
  if (argc != 2) return 2;
  check(ufo_store_open(argv[1], NULL, &store, &error));
  check(ufo_txn_begin(store, &txn, &error));
  const int32_t codes[] = {2, 1, INT32_MIN, 3, 4}, bad[] = {1, 9}, dim[] = {2, 3};
  put_factor(txn, "factor", codes, 5);
  put_factor(txn, "badfactor", bad, 2);
  put_dates(txn);
  put_frame(txn);
  put_lists(txn);
  put(txn, "record", UFO_RECORD, "abcxyz", 2);
  const double cells[] = {1, 2, 3, 4, 5, 6}, not_a_number[] = {0x1p1023 * 2, 1};
  ufo_attributes *more = attributes();
  put(txn, "matrix", UFO_DOUBLE, cells, 6);
  check(ufo_attributes_set(more, "dim", UFO_ATTRIBUTE_INTEGER, dim, 2, &error));
  check(ufo_attributes_set(more, "odd", UFO_ATTRIBUTE_DOUBLE, not_a_number, 2, &error));
  check(ufo_attributes_set(more, "bytes", UFO_ATTRIBUTE_RAW, "\1\377", 2, &error));
  check(ufo_attributes_set(more, "foreign", UFO_ATTRIBUTE_FOREIGN, "????", 4, &error));
  check(ufo_attributes_set(more, "flag", UFO_ATTRIBUTE_LOGICAL, bad, 1, &error));
  const char *unit[] = {"quo\"te\\ \033[1m\n", NULL};
  set(txn, "matrix", "units", unit, 2, more);
  /* c("a", NA, <Latin-1 e acute>, "b\nc"); wrap_meta(c("a", "b")); quote(f(x)); damaged lengths */
  put_serialized(txn, "strings", "character", 4,
                 HEAD "0000001000000004000400090000000161"
                      "00000009ffffffff"
                      "0000400900000001e9"
                      "0004000900000003620a63");
  put_serialized(txn, "wrapped", "character", 2,
                 HEAD "000000ee000000020000000100040009"
                      "0000000b777261705f737472696e67"
                      "0000000200000001"
                      "00040009"
                      "0000000462617365"
                      "000000020000000d0000000100000010000000fe"
                      "00000002"
                      "0000001000000002000400090000000161000400090000000162"
                      "0000000d000000020000000100000001"
                      "000000fe");
  put_serialized(txn, "call", "language", 2, HEAD "0000000600000001000400090000000166");
  put_serialized(txn, "short", "character", 5, HEAD "00000010000000050004000900000001");
  put_serialized(txn, "long", "character", 1, HEAD "00000010000000010004000900ffffff61");
  put_serialized(txn, "huge", "character", 1, HEAD "000000107fffffff0004000900000001");
  put_serialized(txn, "noise", NULL, 0, "0102030405");
  check(ufo_txn_commit(txn, &error));
  ufo_store_close(store);
  return 0;
}
