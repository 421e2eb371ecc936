/* make.h - the golden files of the format's present version. */
#ifndef UFO_TEST_GOLDEN_MAKE_H
#define UFO_TEST_GOLDEN_MAKE_H

#include <math.h>

#include "common/child.h"
#include "fault/golden/oracle.h"

static void make_types(void) {
  const int32_t truth[] = {0, 1, INT32_MIN};
  for (int i = 0; i < 3000; i++) values.integers[i] = truth[noise((uint64_t)i) % 3];
  put("logical", UFO_LOGICAL, 3000, values.integers);
  for (int i = 0; i < 3000; i++) values.integers[i] = i % 7 == 3 ? INT32_MIN : i * 7919 - 1000000;
  values.integers[2999] = INT32_MAX, values.integers[1024] = INT32_MIN + 1;
  put("integer", UFO_INTEGER, 3000, values.integers);
  for (int i = 0; i < 1500; i++) values.doubles[i] = (i - 7) / 3.0;
  for (int i = 0; i < ODD; i++) values.words[i * 130] = values.words[511 + i] = odd_doubles[i];
  put("double", UFO_DOUBLE, 1500, values.doubles);
  for (int i = 0; i < 1400; i++) values.doubles[i] = i % 2 ? -i : i * 0.25;
  for (int i = 0; i < ODD; i++) values.words[i * 110 + i % 2] = odd_doubles[i];
  put("complex", UFO_COMPLEX, 700, values.doubles);
  for (int i = 0; i < 10000; i++) values.bytes[i] = (uint8_t)(i * i >> 3);
  put("raw", UFO_RAW, 10000, values.bytes);
  put_as("record of 3", UFO_RECORD, 3, 5000 / 3, values.bytes);
  put_as("record of 24", UFO_RECORD, 24, 401, values.bytes);
  put_as("record of 5003", UFO_RECORD, 5003, 2, values.bytes);
  put("serialized", UFO_SERIALIZED, 4097, values.bytes);
  for (ufo_type type = UFO_LOGICAL; type <= UFO_SERIALIZED; type++) {
    char name[64];
    snprintf(name, sizeof name, "empty %s", ufo_type_name(type));
    if (type == UFO_RECORD) put_as(name, type, 7, 0, "");
    else if (type != UFO_LIST) put(name, type, 0, "");
  }
  for (ufo_type type = UFO_LOGICAL; type <= UFO_RAW; type++) {
    char name[64];
    snprintf(name, sizeof name, "one %s", ufo_type_name(type));
    memset(values.bytes, 0, 16);
    values.bytes[0] = 1;
    put(name, type, 1, values.bytes);
  }
}

static void make_codecs(void) {
  memset(&values, 0, sizeof values);
  put("zero", UFO_DOUBLE, 1300, values.doubles);
  for (int i = 0; i < 2500; i++) values.integers[i] = -7;
  put("constant integer", UFO_INTEGER, 2500, values.integers);
  for (int i = 0; i < 1300; i++) values.words[i] = odd_doubles[0];
  put("constant double NA", UFO_DOUBLE, 1300, values.doubles);
  for (int i = 0; i < 1200; i++) values.doubles[i] = i % 2 ? -0.5 : 3;
  put("constant complex", UFO_COMPLEX, 600, values.doubles);
  memset(values.bytes, 0xA5, 9000);
  put("constant raw", UFO_RAW, 9000, values.bytes);
  for (int i = 0; i < 9000; i++) values.bytes[i] = (uint8_t) "abc"[i % 3];
  put_as("constant record", UFO_RECORD, 3, 3000, values.bytes); /* 4096 is no multiple of 3 */
  for (int i = 0; i < 9000; i++) values.bytes[i] = (uint8_t)(i % 11 * 20);
  put_as("constant record of 11", UFO_RECORD, 11, 800, values.bytes);
  fill_noise(9000, 1);
  put("noise", UFO_RAW, 9000, values.bytes);
  put("noise double", UFO_DOUBLE, 600, values.bytes);
  for (int i = 0; i < 9000; i++) values.bytes[i] = (uint8_t) "the quick brown fox jumps over the lazy dog"[i % 43];
  for (int i = 0; i < 9000; i += 60) values.bytes[i] = (uint8_t)noise((uint64_t)i);
  put("text", UFO_RAW, 9000, values.bytes);
  for (int i = 0; i < 2500; i++) values.integers[i] = (int32_t)(noise((uint64_t)i) % 50);
  put("small integers", UFO_INTEGER, 2500, values.integers);
  for (int i = 0; i < 1300; i++) values.doubles[i] = (double)(noise((uint64_t)i) % 1000) * 0.25;
  put("quarters", UFO_DOUBLE, 1300, values.doubles);
  put("quarters complex", UFO_COMPLEX, 600, values.doubles);
  for (int i = 0; i < 2500; i++) values.integers[i] = i * 3 + (int32_t)(noise((uint64_t)i) % 3) - 2000;
  put("ramp", UFO_INTEGER, 2500, values.integers);
  for (int i = 0; i < 1300; i++) values.doubles[i] = 1.7e9 + i * 60 + (double)(noise((uint64_t)i) % 4);
  put("times", UFO_DOUBLE, 1300, values.doubles);
  for (int i = 0; i < 9000; i++)
    values.bytes[i] = (uint8_t)(i % 24 < 8 ? noise((uint64_t)i) % 256 : i % 24 < 16 ? (uint64_t)i % 24 : 0);
  put_as("record of 24", UFO_RECORD, 24, 370, values.bytes);
  for (int i = 0; i < 9000; i++) values.bytes[i] = (uint8_t)(i % 7 < 2 ? noise((uint64_t)i) % 256 : (uint64_t)i % 7);
  put_as("record of 7", UFO_RECORD, 7, 1200, values.bytes);
}

/* Chunks that are stored as they are, around the lengths at which the last bytes are kept in the entry. */
static void make_tails(void) {
  static const uint64_t lengths[] = {4080, 4081, 4095, 4096, 4097, 8176, 8177, 8192, 12288, 16384 + 4095};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    char name[32];
    snprintf(name, sizeof name, "%" PRIu64 " bytes", lengths[i]);
    fill_noise(lengths[i], 20 + i);
    put(name, UFO_RAW, lengths[i], values.bytes);
  }
  fill_noise(8192, 40);
  put("doubles", UFO_DOUBLE, 1024, values.doubles);
  put("complex", UFO_COMPLEX, 512, values.doubles);
  put_as("record of 3", UFO_RECORD, 3, 8192 / 3, values.bytes);
  put("child", UFO_INTEGER, 1024, values.integers);
  put("another", UFO_LOGICAL, 0, "");
  word(put_list("list", 2), "class", "one");
  set_attributes(&work.made[work.count - 1]);
  memset(values.bytes + 4090, 0, 6); /* zeros at the end of a tail */
  put("zeros at the end", UFO_RAW, 4096, values.bytes);
  commit();
}

/* The words and the text of these strings are written down here, not made by the library. */
static void put_text(const char *name, const uint64_t *words, uint64_t count, const char *text, uint64_t bytes) {
  put_as("w", UFO_RECORD, 8, count, words)->hidden = 1;
  put("t", UFO_RAW, bytes, text)->hidden = 1;
  MUST(ufo_txn_put_text(work.txn, name, "w", "t", e));
  made *one = remember(name, UFO_CHARACTER, 0, count, NULL);
  one->children[0] = work.count - 3, one->children[1] = work.count - 2;
}

/* NA, "", inline strings of 1 to 7 bytes in each encoding, strings in the text in each, a long one, equal ones. */
static void make_text(void) {
  enum { STRINGS = 1500, LONG = 5000 };
  static char text[64 + LONG];
  memcpy(text, "na\xc3\xafvena\xefve caf\xe9\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7", 6 + 10 + 9);
  text[25] = (char)(LONG & 255), text[26] = LONG >> 8;
  for (int i = 0; i < LONG; i++) text[33 + i] = (char)('a' + i % 26);
  for (uint64_t i = 0; i < STRINGS; i++) {
    const uint64_t kinds[] = {0,
                              1,
                              0x10,
                              0x20,
                              0x30,
                              6 << 8 | 0x18,
                              UINT64_C(6) << 20 | 10 << 8 | 0x28,
                              UINT64_C(16) << 20 | 9 << 8 | 0x38,
                              UINT64_C(25) << 20 | 0x19};
    uint64_t word = kinds[i % 9], n = i % 7 + 1;
    if (i % 9 >= 2 && i % 9 <= 4) {
      word |= n;
      for (uint64_t k = 0; k < n; k++) word |= ((i + k) % 26 + 'a') << (8 + 8 * k);
    }
    values.words[i] = word;
  }
  put_text("strings", values.words, STRINGS, text, 33 + LONG);
  put_text("none", values.words, 0, text, 0);
  put_text("inline", values.words, 5, text, 0);
  const ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_CHARACTER, .length = 600, .chunk_bytes = CHUNK};
  MUST(ufo_txn_create(work.txn, "empty strings", &spec, e));
  memset(values.words, 0, sizeof values.words);
  remember("w", UFO_RECORD, 8, 600, values.words)->hidden = 1;
  remember("t", UFO_RAW, 1, 0, NULL)->hidden = 1;
  made *one = remember("empty strings", UFO_CHARACTER, 0, 600, NULL);
  one->children[0] = work.count - 3, one->children[1] = work.count - 2;
}

static void make_attributes(void) {
  const int32_t truth[] = {1, 0, INT32_MIN}, dim[] = {2, 3}, whole[] = {INT32_MIN, INT32_MAX, 0};
  const char *names[] = {"a", NULL, "", "\xc3\xa9t\xc3\xa9"}, *class[] = {"ordered", "factor"};
  const char *levels[] = {"low", "middle, of sorts", "NA"};
  char key[UFO_ATTRIBUTE_KEY_MAX + 1];
  for (int i = 0; i < 6; i++) values.doubles[i] = i;
  made *one = put("every kind", UFO_DOUBLE, 6, values.doubles);
  numbers(one, "z: the first", UFO_ATTRIBUTE_LOGICAL, 3, truth);
  numbers(one, "dim", UFO_ATTRIBUTE_INTEGER, 2, dim);
  numbers(one, "whole", UFO_ATTRIBUTE_INTEGER, 3, whole);
  numbers(one, "doubles", UFO_ATTRIBUTE_DOUBLE, ODD, odd_doubles);
  numbers(one, "bytes", UFO_ATTRIBUTE_RAW, 5, "\0\1\2\376\377");
  numbers(one, "foreign", UFO_ATTRIBUTE_FOREIGN, 4, "????");
  words(one, "names", 4, names);
  word(one, "\xe6\x98\xa5", "\xe6\x98\xa5 and \xf0\x9f\x8c\xb1");
  memset(key, 'k', sizeof key - 1);
  key[sizeof key - 1] = 0;
  word(one, key, "the longest key");
  set_attributes(one);
  one = put("nothing in them", UFO_RAW, 3, "abc");
  for (ufo_attribute_type type = UFO_ATTRIBUTE_LOGICAL; type <= UFO_ATTRIBUTE_FOREIGN; type++) {
    snprintf(key, sizeof key, "empty %d", (int)type);
    if (type == UFO_ATTRIBUTE_STRING) words(one, key, 0, names);
    else numbers(one, key, type, 0, "");
  }
  set_attributes(one);
  const int32_t codes[] = {1, 3, INT32_MIN, 2};
  one = put("factor", UFO_INTEGER, 4, codes);
  words(one, "levels", 3, levels);
  words(one, "class", 2, class);
  set_attributes(one);
  const double days[] = {0, 19689.5, -1};
  one = put("date", UFO_DOUBLE, 3, days);
  word(one, "class", "Date");
  set_attributes(one);
  one = put("many", UFO_RAW, 0, "");
  for (int i = 0; i < 300; i++) {
    double value = i;
    snprintf(key, sizeof key, "k%d", i);
    numbers(one, key, UFO_ATTRIBUTE_DOUBLE, 1, &value);
  }
  set_attributes(one);
  fill_noise(20000, 2); /* far beyond a page */
  one = put("long", UFO_RAW, 0, "");
  numbers(one, "20000 bytes", UFO_ATTRIBUTE_RAW, 20000, values.bytes);
  set_attributes(one);
  put("none", UFO_RAW, 1, "n");
}

static void make_lists(void) {
  const char *columns[] = {"when", "kind", "fare"}, *kinds[] = {"solo", "shared"}, *outer[] = {"", "inner", "frame"};
  const int32_t rows[] = {INT32_MIN, -700};
  put_list("empty list", 0);
  for (int i = 0; i < 700; i++) values.doubles[i] = 1.7e9 + i * 10;
  made *one = put("c1", UFO_DOUBLE, 700, values.doubles);
  word(one, "class", "POSIXct");
  set_attributes(one);
  for (int i = 0; i < 700; i++) values.integers[i] = 1 + i % 2;
  one = put("c2", UFO_INTEGER, 700, values.integers);
  words(one, "levels", 2, kinds);
  word(one, "class", "factor");
  set_attributes(one);
  for (int i = 0; i < 700; i++) values.doubles[i] = i % 13 * 0.25;
  put("c3", UFO_DOUBLE, 700, values.doubles);
  one = put_list("trips", 3);
  words(one, "names", 3, columns);
  word(one, "class", "data.frame");
  numbers(one, "row.names", UFO_ATTRIBUTE_INTEGER, 2, rows);
  set_attributes(one);
  put("a", UFO_INTEGER, 3, (const int32_t[]){1, 2, 3});
  put("b1", UFO_RAW, 2, "xy");
  put_list("b2", 0);
  put_list("b", 2);
  put("d1", UFO_LOGICAL, 1, (const int32_t[]){1});
  put_list("d", 1);
  one = put_list("nested", 3);
  words(one, "names", 3, outer);
  set_attributes(one);
  put("deep0", UFO_RAW, 1, "!");
  for (int depth = 1; depth <= 12; depth++) {
    char name[16];
    snprintf(name, sizeof name, "deep%d", depth);
    put_list(name, 1);
  }
}

static void make_names(void) {
  const char *names[] = {"a",
                         "A",
                         "a b",
                         " ",
                         "a$b",
                         "a[[1]]",
                         "../../etc/passwd",
                         "tab\tnew\nline",
                         "\\",
                         "\x7f",
                         "\xc3\xa9t\xc3\xa9",
                         "e\xcc\x81t\xc3\xa9",
                         "\xe6\x98\xa5\xe5\xa4\x8f",
                         "\xf0\x9f\x9b\xb8",
                         "NA",
                         "-"};
  char longest[UFO_NAME_MAX + 1];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) put(names[i], UFO_RAW, strlen(names[i]), names[i]);
  for (int i = 0; i < UFO_NAME_MAX; i += 3) memcpy(longest + i, "\xe2\x88\x9e", 3);
  longest[UFO_NAME_MAX] = 0;
  put(longest, UFO_RAW, UFO_NAME_MAX, longest);
}

static ufo_view *view_of(ufo_pool *pool, const char *name) {
  ufo_view *view = NULL;
  MUST(ufo_view_open(work.store, NULL, pool, name, NULL, &view, e));
  return view;
}

static ufo_pool *pool_of(void) {
  ufo_pool *pool = NULL;
  const ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = 1 << 20};
  MUST(ufo_pool_create(&options, &pool, e));
  return pool;
}

static made *next_version(const made *before, uint64_t length) {
  made *one = remember(before->name, before->type, before->element_bytes, length, NULL);
  uint64_t kept = length < before->length ? length : before->length;
  memcpy(one->body, before->body, kept * before->element_bytes);
  one->attributes = before->attributes, one->version = before->version + 1;
  return one;
}

static made *append(made *before, uint64_t count, const void *data) {
  made *one = next_version(before, before->length + count);
  memcpy(one->body + before->length * one->element_bytes, data, count * one->element_bytes);
  MUST(ufo_txn_append(work.txn, one->name, data, count, e));
  commit();
  return one;
}

static made *write_at(made *before, uint64_t first, uint64_t count, const void *data) {
  made *one = next_version(before, before->length);
  memcpy(one->body + first * one->element_bytes, data, count * one->element_bytes);
  MUST(ufo_txn_write(work.txn, one->name, first, count, data, e));
  commit();
  return one;
}

/* Puts the view's content as the next version, of the length that it had when it was opened. */
static made *put_back(made *before, const made *opened, ufo_view *view) {
  made *one = remember(before->name, before->type, before->element_bytes, opened->length, opened->body);
  one->attributes = before->attributes, one->version = before->version + 1;
  MUST(ufo_txn_put_view(work.txn, one->name, view, UFO_PUT_REPLACE, e));
  commit();
  return one;
}

/* Every version is held by a view, so none is reclaimed; and the process ends without closing anything. */
static void make_versions(void) {
  ufo_pool *pool = pool_of();
  for (int i = 0; i < 2000; i++) values.doubles[i] = i % 100;
  made *one = put("edited", UFO_DOUBLE, 2000, values.doubles);
  fill_noise(6000, 3);
  made *other = put("grown and shrunk", UFO_RAW, 6000, values.bytes);
  made *described = put("described anew", UFO_INTEGER, 2, (const int32_t[]){1, 2});
  word(described, "units", "m");
  set_attributes(described);
  MUST(ufo_txn_put(work.txn, "dropped",
                   &(ufo_object_spec){.struct_size = sizeof(ufo_object_spec), .type = UFO_RAW, .length = 6000},
                   values.bytes, e));
  commit();
  ufo_view *dropped = view_of(pool, "dropped");
  (void)dropped;
  MUST(ufo_txn_remove(work.txn, "dropped", e));
  commit();
  for (int i = 0; i < 6; i++) {
    const double value = -1.5 - i;
    view_of(pool, "edited");
    one = i == 4 ? append(one, 1, &value) : write_at(one, (uint64_t)i * 399, 1, &value);
  }
  ufo_view *first = view_of(pool, "grown and shrunk"); /* 6000 bytes */
  const made *opened = other;
  view_of(pool, other->name); /* the first view moves on when it is put */
  fill_noise(9000, 4);
  other = append(other, 9000, values.bytes);
  view_of(pool, other->name);
  other = put_back(other, opened, first); /* shorter by chunks, and in the middle of one */
  view_of(pool, other->name);
  memset(values.bytes, 0, 100); /* what was cut off must not come back */
  other = append(other, 100, values.bytes);
  view_of(pool, other->name);
  fill_noise(3000, 5);
  append(other, 3000, values.bytes);
  view_of(pool, "described anew");
  described = next_version(described, 2);
  described->attributes = NULL;
  word(described, "units", "feet");
  set_attributes(described);
  commit();
  view_of(pool, "described anew");
  described = next_version(described, 2);
  described->attributes = NULL;
  MUST(ufo_txn_set_attributes(work.txn, "described anew", NULL, e));
  commit();
}

/* Zeros that were never written, before, between and behind what was. */
static void make_sparse(void) {
  const ufo_object_spec spec = {
      .struct_size = sizeof spec, .type = UFO_DOUBLE, .length = 1000000, .chunk_bytes = CHUNK};
  const double value = 2.5, none = 0;
  MUST(ufo_txn_create(work.txn, "never written", &spec, e));
  remember("never written", UFO_DOUBLE, 8, 1000000, NULL);
  MUST(ufo_txn_create(work.txn, "sparse", &spec, e));
  made *one = remember("sparse", UFO_DOUBLE, 8, 1000000, NULL);
  for (uint64_t at = 5000; at < 1000000; at += 333333) {
    MUST(ufo_txn_write(work.txn, "sparse", at, 1, &value, e));
    memcpy(one->body + at * 8, &value, 8);
  }
  MUST(ufo_txn_write(work.txn, "sparse", 999999, 1, &value, e));
  memcpy(one->body + 7999992, &value, 8);
  MUST(ufo_txn_create(work.txn, "zeroed again", &spec, e));
  one = remember("zeroed again", UFO_DOUBLE, 8, 1000000, NULL);
  MUST(ufo_txn_write(work.txn, "zeroed again", 77777, 1, &value, e));
  commit();
  write_at(one, 77777, 1, &none);
  *one = work.made[--work.count]; /* only the newest version is kept: nobody held the first */
  commit();
}

static void make_empty(void) {}

static void make_small(void) {
  fill_noise(8192, 6);
  put("a", UFO_RAW, 8192, values.bytes);
  put("b", UFO_INTEGER, 3, (const int32_t[]){1, 2, 3});
  put("c", UFO_RAW, 1, "c");
  put_list("list", 1);
}

static void snapshot(const char *label) {
  MUST(ufo_snapshot_create(work.store, label, e));
  write_lines(label);
}

static void forget(const char *name) {
  for (int i = 0; i < work.count; i++)
    if (strcmp(work.made[i].name, name) == 0) work.made[i].hidden = 1;
}

static void removed(const char *name) {
  MUST(ufo_txn_remove(work.txn, name, e));
  forget(name);
}

/* Everything that may happen to an object between two snapshots. */
static void make_snapshots(void) {
  const double halves[] = {0.5, 1.5};
  fill_noise(9000, 7);
  made *edited = put("edited", UFO_RAW, 9000, values.bytes), *renamed = put("renamed", UFO_RAW, 5000, values.bytes);
  put("kept", UFO_DOUBLE, 2, halves);
  put("removed", UFO_RAW, 6000, values.bytes + 1000);
  put("c1", UFO_INTEGER, 2, (const int32_t[]){7, 8});
  word(put_list("list", 1), "class", "one");
  set_attributes(&work.made[work.count - 1]);
  commit();
  snapshot("first");
  edited = write_at(edited, 4100, 3, "new");
  MUST(ufo_txn_rename(work.txn, "renamed", "a new name", e));
  snprintf(renamed->name, sizeof renamed->name, "a new name");
  removed("removed");
  removed("list");
  commit();
  snapshot("f\xc3\xa9vrier, the second");
  put("c2", UFO_LOGICAL, 3, (const int32_t[]){1, 0, INT32_MIN});
  put("c3", UFO_RAW, 4, "list");
  put_list("list", 2);
  put("removed", UFO_RAW, 3, "new"); /* another object under an old name */
  edited = append(edited, 5000, values.bytes);
  snapshot("third");
  removed("removed");
  edited = write_at(edited, 0, 1, "!");
  snapshot("empty of changes");
  snapshot("and another");
  edited = next_version(edited, edited->length); /* a version that changes attributes alone */
  word(edited, "units", "m");
  set_attributes(edited);
  commit();
}

/* A store of format 1.0 that this release has written to: records of both formats. */
static void make_upgraded(void) {
  fill_noise(8192, 6);
  made *a = remember("a", UFO_RAW, 1, 8192, values.bytes);
  remember("b", UFO_INTEGER, 4, 3, (const int32_t[]){1, 2, 3});
  remember("c", UFO_RAW, 1, 1, "c")->hidden = 1;
  remember("list", UFO_LIST, 0, 1, NULL)->children[0] = 2;
  snapshot("before");
  write_at(a, 5000, 3, "1.1");
  removed("list");
  put("new", UFO_RAW, 3, "new");
  commit();
  snapshot("after");
}

static const struct {
  const char *name, *what;
  void (*make)(void);
  int killed;
} files[] = {
    {"attributes.ufo", "attributes of every type, empty, long, many, as R writes factors and dates", make_attributes,
     0},
    {"codecs.ufo", "data that makes the library choose each codec, with units of several widths", make_codecs, 0},
    {"empty.ufo", "a store without objects", make_empty, 0},
    {"lists.ufo", "a data frame, lists in lists, an empty list, twelve lists inside of each other", make_lists, 0},
    {"names.ufo", "names that look like paths or elements, that differ little, of 480 bytes", make_names, 0},
    {"small.ufo", "two chunks of noise, three integers, a list of one byte", make_small, 0},
    {"sparse.ufo", "chunks that were never written, and one that became zeros again", make_sparse, 0},
    {"types.ufo", "every type, with NA and NaN payloads; empty, of one element, of several chunks", make_types, 0},
    {"tails.ufo", "chunks of noise as long as pages are, a little shorter and a little longer", make_tails, 0},
    {"text.ufo", "strings: NA, empty, short, long, in three encodings, equal ones", make_text, 0},
    {"snapshots.ufo", "snapshots before and after objects are changed, renamed, removed, made anew", make_snapshots, 0},
    {"upgraded.ufo", "small.ufo of format 1.0, changed by this release", make_upgraded, 0},
    {"versions.ufo", "superseded versions, an object removed, one grown and shrunk, all held by a process that died",
     make_versions, 1},
};

static int golden_make(const char *folder) {
  char path[4096];
  mkdir(folder, 0777);
  snprintf(path, sizeof path, "%s/MANIFEST", folder);
  FILE *manifest = fopen(path, "w");
  if (!manifest) return 1;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    fflush(manifest);
    pid_t child = fork();
    if (child == 0) {
      file_begin(folder, files[i].name, manifest, files[i].what);
      files[i].make();
      if (!files[i].killed) commit();
      if (!files[i].killed) file_end();
      else write_lines(NULL);
      fflush(manifest);
      _exit(0);
    }
    if (child < 0 || wait_for(child) != 0) return 1;
    snprintf(path, sizeof path, "%s/%s-lock", folder, files[i].name);
    unlink(path);
  }
  return fclose(manifest) != 0;
}

#endif
