/* oracle.h - a store that is made, and beside it what was put in, from which its lines of MANIFEST are written: readers
 * must find the values, whatever one of them finds. */
#ifndef UFO_TEST_GOLDEN_ORACLE_H
#define UFO_TEST_GOLDEN_ORACLE_H

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/must.h"
#include "digest.h"

static ufo_error error;

enum { CHUNK = 4096, MADE_MAX = 96, CHILDREN_MAX = 8 };

/* What was put: the oracle. */
typedef struct made {
  char name[UFO_NAME_MAX + 1];
  uint64_t version;
  ufo_type type;
  uint32_t element_bytes;
  uint64_t length;
  uint8_t *body;
  ufo_attributes *attributes;
  int children[CHILDREN_MAX]; /* indices in `made` */
  int hidden;                 /* a child of a list, or gone */
} made;

static struct {
  char path[4096];
  FILE *manifest;
  ufo_store *store;
  ufo_txn *txn;
  made made[MADE_MAX];
  int count;
} work;

static void copy_file(const char *from, const char *to) {
  static uint8_t bytes[1 << 22];
  FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
  size_t count = in && out ? fread(bytes, 1, sizeof bytes, in) : 0;
  if (!out || fwrite(bytes, 1, count, out) != count || fclose(out) || !in || fclose(in) || count == sizeof bytes) {
    fprintf(stderr, "golden: cannot copy %s to %s\n", from, to);
    exit(1);
  }
}

/* A new store, or one made from the one of format 1.0 beside `folder`. */
static void file_begin(const char *folder, const char *name, FILE *manifest, const char *what) {
  char base[4200];
  int upgraded = strcmp(name, "upgraded.ufo") == 0;
  work.manifest = manifest, work.count = 0;
  fprintf(manifest, "# %s: %s\n", name, what);
  snprintf(work.path, sizeof work.path, "%s/%s", folder, name);
  unlink(work.path);
  snprintf(base, sizeof base, "%s/../1.0/small.ufo", folder);
  if (upgraded) copy_file(base, work.path);
  const ufo_store_options options = {.struct_size = sizeof options,
                                     .mode = upgraded ? UFO_OPEN_READ_WRITE : UFO_OPEN_CREATE,
                                     .default_chunk_bytes = CHUNK};
  MUST(ufo_store_open(work.path, &options, &work.store, e));
  MUST(ufo_txn_begin(work.store, &work.txn, e));
}

static void commit(void) {
  MUST(ufo_txn_commit(work.txn, e));
  MUST(ufo_txn_begin(work.store, &work.txn, e));
}

/* By name, and the newest version first. */
static int by_name(const void *a, const void *b) {
  const made *x = (const made *)a, *y = (const made *)b;
  int order = strcmp(x->name, y->name);
  return order ? order : (x->version < y->version) - (x->version > y->version);
}

/* `at` is what follows the file's name: nothing, or @LABEL. */
static void write_line(const char *at, const char *name, const made *one) {
  char body[65] = "-";
  int is_vector = one->type != UFO_LIST && one->type != UFO_CHARACTER;
  uint64_t children = is_vector ? 0 : one->type == UFO_LIST ? one->length : 2;
  if (is_vector) {
    sha256 hash;
    sha256_begin(&hash);
    sha256_add(&hash, one->body, one->length * one->element_bytes);
    sha256_end(&hash, body);
  }
  fprintf(work.manifest, "%s%s\t", strrchr(work.path, '/') + 1, at);
  digest_line(work.manifest, name, one->version, one->type, one->element_bytes, one->length, body, one->attributes);
  for (uint64_t i = 0; i < children; i++) {
    char child[2 * UFO_NAME_MAX];
    snprintf(child, sizeof child, "%s[[%" PRIu64 "]]", name, i + 1);
    write_line(at, child, &work.made[one->children[i]]);
  }
}

/* With a label, only the newest version of each name. */
static void write_lines(const char *label) {
  static made sorted[MADE_MAX];
  char at[UFO_NAME_MAX + 2] = "";
  if (label) snprintf(at, sizeof at, "@%s", label);
  int count = 0;
  for (int i = 0; i < work.count; i++)
    if (!work.made[i].hidden) sorted[count++] = work.made[i];
  qsort(sorted, (size_t)count, sizeof *sorted, by_name);
  for (int i = 0; i < count; i++)
    if (!label || i == 0 || strcmp(sorted[i - 1].name, sorted[i].name) != 0) write_line(at, sorted[i].name, &sorted[i]);
}

static void file_end(void) {
  ufo_txn_abort(work.txn);
  ufo_store_close(work.store);
  write_lines(NULL);
}

/* Remembers a copy of what is put. */
static made *remember(const char *name, ufo_type type, uint32_t element_bytes, uint64_t length, const void *data) {
  made *one = &work.made[work.count++];
  if (work.count >= MADE_MAX) exit(1);
  *one = (made){.version = 1, .type = type, .element_bytes = element_bytes, .length = length};
  snprintf(one->name, sizeof one->name, "%s", name);
  one->body = calloc(length * element_bytes + 1, 1);
  if (!one->body) exit(1);
  if (data) memcpy(one->body, data, length * element_bytes);
  return one;
}

static made *put_as(const char *name, ufo_type type, uint32_t element_bytes, uint64_t length, const void *data) {
  const ufo_object_spec spec = {.struct_size = sizeof spec,
                                .type = type,
                                .element_bytes = type == UFO_RECORD ? element_bytes : 0,
                                .length = length,
                                .chunk_bytes = CHUNK};
  MUST(ufo_txn_put(work.txn, name, &spec, data, e));
  return remember(name, type, element_bytes, length, data);
}

static made *put(const char *name, ufo_type type, uint64_t length, const void *data) {
  return put_as(name, type, ufo_type_bytes(type), length, data);
}

/* The children are the last `count` objects that were put. */
static made *put_list(const char *name, int count) {
  const char *names[CHILDREN_MAX];
  made *one = remember(name, UFO_LIST, 0, (uint64_t)count, NULL);
  for (int i = 0, at = work.count - 1; i < count; i++) {
    do at--;
    while (work.made[at].hidden);
    work.made[at].hidden = 1;
    one->children[count - 1 - i] = at, names[count - 1 - i] = work.made[at].name;
  }
  MUST(ufo_txn_put_list(work.txn, name, names, (uint64_t)count, e));
  return one;
}

static ufo_attributes *attributes_of(made *one) {
  if (!one->attributes) MUST(ufo_attributes_create(&one->attributes, e));
  return one->attributes;
}

static void words(made *one, const char *key, uint64_t count, const char *const *strings) {
  MUST(ufo_attributes_set_strings(attributes_of(one), key, strings, NULL, count, e));
}

static void word(made *one, const char *key, const char *string) { words(one, key, 1, &string); }

static void numbers(made *one, const char *key, ufo_attribute_type type, uint64_t count, const void *data) {
  MUST(ufo_attributes_set(attributes_of(one), key, type, data, count, e));
}

static void set_attributes(made *one) { MUST(ufo_txn_set_attributes(work.txn, one->name, one->attributes, e)); }

/* ---- values ------------------------------------------------------------------------------------------------------ */

static uint64_t noise(uint64_t x) {
  x = (x + 1) * UINT64_C(0x9E3779B97F4A7C15);
  x = (x ^ (x >> 31)) * UINT64_C(0xD6E8FEB86659FD93);
  return x ^ (x >> 32);
}

static union {
  uint8_t bytes[1 << 16];
  int32_t integers[1 << 14];
  double doubles[1 << 13];
  uint64_t words[1 << 13];
} values;

/* Doubles that only their bits tell apart: R's NA, other NaN with payload and sign, infinities, zeros, subnormal. */
static const uint64_t odd_doubles[] = {0x7FF00000000007A2, 0x7FF8000000000000, 0xFFF8000000000000, 0x7FF80000000007A2,
                                       0x7FF4DEADBEEF0001, 0xFFF4000000000001, 0x7FF0000000000000, 0xFFF0000000000000,
                                       0x8000000000000000, 0x0000000000000000, 0x0000000000000001, 0x7FEFFFFFFFFFFFFF};
enum { ODD = sizeof odd_doubles / sizeof *odd_doubles };

static void fill_noise(size_t bytes, uint64_t seed) {
  for (size_t i = 0; i < bytes; i++) values.bytes[i] = (uint8_t)noise(seed * 77777 + i);
}

#endif
