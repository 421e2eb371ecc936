/* Strings: words and text, written, read, viewed, put back in part, kept by snapshots, and damaged. */
#include "one_store.h"
#include "store/word.h"
#include "util/bytes.h"
#include "util/checked.h"

enum { CHUNK = 4096, PER_CHUNK = CHUNK / 8, LENGTH = 3 * PER_CHUNK + 100, LONG = 3 * CHUNK + 17 };

static ufo_pool *pool;
static char long_bytes[LONG];

static void make(void) {
  store_make();
  pool = make_pool(64 * CHUNK);
  for (int i = 0; i < LONG; i++) long_bytes[i] = (char)('a' + mix((uint64_t)i) % 26);
}

static void unmake(void) {
  OK(ufo_pool_destroy(pool, &error));
  store_end();
}

TestSuite(text, .init = make, .fini = unmake, .timeout = 60);

/* ---- what the strings are ---------------------------------------------------------------------------------------- */

static ufo_string of(const char *text, ufo_encoding encoding) { return (ufo_string){text, strlen(text), encoding}; }

/* String i of every test, in a buffer that is good until the next but seven. */
static ufo_string string_at(uint64_t i) {
  static char buffers[8][64];
  static unsigned turn;
  char *buffer = buffers[turn++ % 8];
  switch (i % 11) {
  case 0:
    return (ufo_string){0};
  case 1:
    return of("", UFO_ENCODING_UTF8);
  case 2:
    return of("seven77", UFO_ENCODING_UTF8);
  case 3:
    return of("eight888", UFO_ENCODING_UTF8);
  case 4:
    return of("na\xC3\xAFve caf\xC3\xA9", UFO_ENCODING_UTF8);
  case 5:
    return of("na\xEFve caf\xE9", UFO_ENCODING_LATIN1);
  case 6:
    return of("\xFF\x01\xFE", UFO_ENCODING_BYTES);
  case 7:
    if (i % 6 == 1) return (ufo_string){long_bytes, LONG - i % 5, UFO_ENCODING_UTF8};
    return (ufo_string){long_bytes, 4090 + i % 13, UFO_ENCODING_UTF8};
  case 8:
    snprintf(buffer, 64, "%llu", (unsigned long long)(i % 100));
    return of(buffer, UFO_ENCODING_UTF8);
  default:
    snprintf(buffer, 64, "the string with the number %llu", (unsigned long long)i);
    return of(buffer, UFO_ENCODING_UTF8);
  }
}

static bool same(const ufo_string *a, const ufo_string *b) {
  if (!a->bytes || !b->bytes) return !a->bytes && !b->bytes;
  return a->length == b->length && (a->length == 0 || a->encoding == b->encoding) &&
         (a->length == 0 || memcmp(a->bytes, b->bytes, a->length) == 0);
}

static void put_strings(ufo_txn *txn, const char *name, uint64_t length) {
  ufo_text_writer *writer;
  OK(ufo_text_writer_open(txn, name, CHUNK, &writer, &error));
  for (uint64_t i = 0; i < length; i++) {
    ufo_string string = string_at(i);
    OK(ufo_text_writer_write(writer, &string, 1, &error));
  }
  OK(ufo_text_writer_finish(writer, &error));
}

static void put_strings_now(const char *name) {
  ufo_txn *txn = begin(store);
  put_strings(txn, name, LENGTH);
  OK(ufo_txn_commit(txn, &error));
}

typedef ufo_string (*expected_fn)(uint64_t i);

static int compare(void *user, uint64_t i, const ufo_string *string) {
  ufo_string expected = (*(expected_fn *)user)(i);
  cr_assert(same(string, &expected), "string %" PRIu64 " has %" PRIu64 " bytes, and should have %" PRIu64, i,
            string->length, expected.length);
  return 0;
}

static void assert_strings(ufo_store *from, ufo_txn *txn, const char *name, uint64_t first, uint64_t count,
                           expected_fn expected) {
  OK(ufo_text_read(from, txn, name, 0, first, count, compare, &expected, &error));
}

/* An object "s" of strings of these words and this text. */
static void put_strings_of(const uint64_t *words, uint64_t count, const void *text, uint64_t bytes, uint32_t chunk) {
  ufo_txn *txn = begin(store);
  ufo_object_spec spec = spec_of(UFO_RECORD, 8, count, chunk);
  OK(ufo_txn_put(txn, "w", &spec, words, &error));
  spec = spec_of(UFO_RAW, 0, bytes, chunk);
  OK(ufo_txn_put(txn, "t", &spec, text, &error));
  OK(ufo_txn_put_text(txn, "s", "w", "t", &error));
  OK(ufo_txn_commit(txn, &error));
}

/* ---- views ------------------------------------------------------------------------------------------------------- */

typedef struct views {
  ufo_view *words, *text;
  ufo_text *added;
} views;

static views open_views(const char *name) {
  views v;
  ufo_view_options read_only = {.struct_size = sizeof read_only, .access = UFO_ACCESS_READ_ONLY};
  OK(ufo_view_open_child(store, NULL, pool, name, 0, NULL, &v.words, &error));
  OK(ufo_view_open_child(store, NULL, pool, name, 1, &read_only, &v.text, &error));
  OK(ufo_text_create(ufo_view_length(v.text), &v.added, &error));
  return v;
}

static void close_views(views v) {
  ufo_view_release(v.words);
  ufo_view_release(v.text);
  ufo_text_free(v.added);
}

static void set(views v, uint64_t i, ufo_string string) {
  uint64_t word;
  OK(ufo_text_add(v.added, &string, &word, &error));
  ((uint64_t *)ufo_view_data(v.words))[i] = word;
}

static ufo_string get(views v, uint64_t i) {
  ufo_string string;
  OK(ufo_text_decode((uint64_t *)ufo_view_data(v.words) + i, ufo_view_data(v.text), ufo_view_length(v.text), v.added,
                     &string, &error));
  return string;
}

static void put_views_now(const char *name, views v, ufo_put_mode mode) {
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put_text_views(txn, name, v.words, v.text, v.added, mode, &error));
  OK(ufo_txn_commit(txn, &error));
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

Test(text, words) {
  ufo_text *text;
  uint64_t word, bytes;
  OK(ufo_text_create(100, &text, &error));
  ufo_string string = of("eight888", UFO_ENCODING_LATIN1);
  OK(ufo_text_add(text, &string, &word, &error));
  cr_assert_eq(word, UINT64_C(100) << 20 | 8 << 8 | 0x28);
  string = of("abc", UFO_ENCODING_BYTES);
  OK(ufo_text_add(text, &string, &word, &error));
  cr_assert_eq(word, UINT64_C(0x63626133));
  string = (ufo_string){long_bytes, 5000, UFO_ENCODING_UTF8};
  OK(ufo_text_add(text, &string, &word, &error));
  cr_assert_eq(word, UINT64_C(108) << 20 | 0x19);
  cr_assert_eq(memcmp(ufo_text_bytes(text, &bytes), "eight888\x88\x13\0\0\0\0\0\0", 16), 0);
  cr_assert_eq(bytes, 8 + 8 + 5000);
  string.encoding = (ufo_encoding)4;
  FAILS(UFO_USAGE, ufo_text_add(text, &string, &word, &error));
  static const uint64_t never[] = {2, 0x0F, 0x10, 0x1A, 0x41, 0x0000001000000011, 0x119, ~UINT64_C(0)};
  for (size_t i = 0; i < sizeof never / sizeof *never; i++)
    FAILS(UFO_CORRUPT, ufo_text_decode(&never[i], NULL, 100, text, &string, &error));
  ufo_text_free(text);
}

Test(text, round_trip) {
  ufo_txn *txn = begin(store);
  put_strings(txn, "s", LENGTH);
  assert_strings(store, txn, "s", 0, LENGTH, string_at);
  cr_assert_eq(info_of(store, txn, "s").length, LENGTH);
  OK(ufo_txn_commit(txn, &error));
  ufo_object_info info = info_of(store, NULL, "s");
  cr_assert_eq(info.type, UFO_CHARACTER);
  cr_assert_eq(info.length, LENGTH);
  cr_assert_eq(info.chunk_bytes, CHUNK);
  cr_assert_gt(info.chunk_count, 4 + 3);
  cr_assert_eq(ufo_type_from_name("character"), UFO_CHARACTER);
  assert_strings(store, NULL, "s", 0, LENGTH, string_at);
  assert_strings(store, NULL, "s", PER_CHUNK - 1, 20, string_at);
  assert_strings(store, NULL, "s", LENGTH, 0, string_at);
  expected_fn expected = string_at;
  FAILS(UFO_USAGE, ufo_text_read(store, NULL, "s", 0, 1, LENGTH, compare, &expected, &error));
  uint64_t word;
  FAILS(UFO_USAGE, ufo_store_read(store, NULL, "s", 0, 0, 1, &word, &error));
  FAILS(UFO_USAGE, ufo_txn_put(txn = begin(store), "s",
                               &(ufo_object_spec){sizeof(ufo_object_spec), UFO_CHARACTER, 0, 1, 0}, &word, &error));
  ufo_txn_abort(txn);
}

static int count_empty(void *user, uint64_t i, const ufo_string *string) {
  (void)i;
  cr_assert(string->bytes && string->length == 0);
  ++*(uint64_t *)user;
  return 0;
}

Test(text, created_strings_are_empty) {
  ufo_txn *txn = begin(store);
  ufo_object_spec spec = spec_of(UFO_CHARACTER, 0, 1000000, CHUNK);
  OK(ufo_txn_create(txn, "s", &spec, &error));
  spec.length = 0;
  OK(ufo_txn_create(txn, "none", &spec, &error));
  OK(ufo_txn_commit(txn, &error));
  uint64_t count = 0;
  OK(ufo_text_read(store, NULL, "s", 0, 0, 1000000, count_empty, &count, &error));
  cr_assert_eq(count, 1000000);
  cr_assert_eq(info_of(store, NULL, "s").stored_bytes, 0);
  cr_assert_eq(info_of(store, NULL, "none").length, 0);
  ufo_store_close(store);
  store = open_store(in_folder("s.ufo"));
  cr_assert_eq(stat_of(store).format_minor, 3);
}

static void put_categories(ufo_txn *txn, const char *name, uint64_t length, uint64_t categories) {
  ufo_text_writer *writer;
  OK(ufo_text_writer_open(txn, name, 0, &writer, &error));
  for (uint64_t i = 0; i < length; i++) {
    char text[64];
    snprintf(text, sizeof text, "category number %llu", (unsigned long long)(mix(i) % categories));
    ufo_string string = of(text, UFO_ENCODING_UTF8);
    OK(ufo_text_writer_write(writer, &string, 1, &error));
  }
  OK(ufo_text_writer_finish(writer, &error));
}

/* Few different strings take no more room than their words. */
Test(text, equal_strings_share) {
  ufo_txn *txn = begin(store);
  ufo_text_writer *writer;
  put_categories(txn, "s", 300000, 1000);
  OK(ufo_txn_commit(txn, &error));
  cr_assert_leq(info_of(store, NULL, "s[[2]]").length, 1000 * 19);
  /* Far more than are remembered: all are there all the same. */
  txn = begin(store);
  OK(ufo_text_writer_open(txn, "t", 0, &writer, &error));
  for (uint64_t i = 0; i < 200000; i++) {
    char text[80];
    snprintf(text, sizeof text, "a string that is added and then forgotten: %llu", (unsigned long long)(i % 100000));
    ufo_string string = of(text, UFO_ENCODING_UTF8);
    OK(ufo_text_writer_write(writer, &string, 1, &error));
  }
  OK(ufo_text_writer_finish(writer, &error));
  OK(ufo_txn_commit(txn, &error));
  views v = open_views("t");
  for (uint64_t i = 0; i < 200000; i += 977) {
    char text[80];
    snprintf(text, sizeof text, "a string that is added and then forgotten: %llu", (unsigned long long)(i % 100000));
    ufo_string expected = of(text, UFO_ENCODING_UTF8), found = get(v, i);
    cr_assert(same(&expected, &found));
  }
  close_views(v);
}

static ufo_string edited_at(uint64_t i) {
  if (i == 3) return of("a new one that is longer than a word", UFO_ENCODING_UTF8);
  if (i == PER_CHUNK + 1) return of("short", UFO_ENCODING_LATIN1);
  if (i == PER_CHUNK + 2) return (ufo_string){0};
  if (i == PER_CHUNK + 4) return (ufo_string){long_bytes, LONG - 1, UFO_ENCODING_BYTES};
  return string_at(i);
}

Test(text, edits_write_changed_chunks_alone) {
  put_strings_now("s");
  uint64_t text_before = info_of(store, NULL, "s[[2]]").length;
  views v = open_views("s"), other = open_views("s");
  const uint64_t changed[] = {3, PER_CHUNK + 1, PER_CHUNK + 2, PER_CHUNK + 4};
  for (size_t i = 0; i < 2; i++) set(v, changed[i], edited_at(changed[i]));
  put_views_now("s", v, UFO_PUT_CHECKED);
  cr_assert_eq(info_of(store, NULL, "s").version, 2);
  cr_assert_eq(info_of(store, NULL, "s[[1]]").chunks_changed, 2);
  cr_assert_leq(info_of(store, NULL, "s[[2]]").chunks_changed, 2);
  cr_assert_eq(info_of(store, NULL, "s[[2]]").length, text_before + 36);
  /* Once more from the same views: what was added is not added twice. */
  for (size_t i = 2; i < 4; i++) set(v, changed[i], edited_at(changed[i]));
  put_views_now("s", v, UFO_PUT_CHECKED);
  cr_assert_eq(info_of(store, NULL, "s[[1]]").chunks_changed, 1);
  cr_assert_eq(info_of(store, NULL, "s[[2]]").length, text_before + 36 + 8 + LONG - 1);
  assert_strings(store, NULL, "s", 0, LENGTH, edited_at);
  OK(ufo_region_reset(ufo_view_region(v.text), &error)); /* the text is read anew, from a longer base */
  for (uint64_t i = 0; i < LENGTH; i++) {
    ufo_string is = get(v, i), expected = edited_at(i), before = get(other, i), was = string_at(i);
    cr_assert(same(&is, &expected));
    cr_assert(same(&before, &was), "another view sees its own version");
  }
  /* Nothing changed: no new version. Changed by a view of an older version: a conflict. */
  put_views_now("s", v, UFO_PUT_CHECKED);
  cr_assert_eq(info_of(store, NULL, "s").version, 3);
  set(other, 9, of("from an older version", UFO_ENCODING_UTF8));
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put_text_views(txn, "s", other.words, other.text, other.added, UFO_PUT_CHECKED, &error));
  FAILS(UFO_CONFLICT, ufo_txn_commit(txn, &error));
  ufo_txn_abort(txn);
  /* An aborted put leaves the views where they were, and what they added with them. */
  set(v, 9, of("not before the next commit", UFO_ENCODING_UTF8));
  txn = begin(store);
  OK(ufo_txn_put_text_views(txn, "s", v.words, v.text, v.added, UFO_PUT_CHECKED, &error));
  ufo_txn_abort(txn);
  put_views_now("s", v, UFO_PUT_CHECKED);
  ufo_string found = get(v, 9), expected = of("not before the next commit", UFO_ENCODING_UTF8);
  cr_assert(same(&found, &expected));
  put_views_now("s", other, UFO_PUT_REPLACE);
  expected = of("from an older version", UFO_ENCODING_UTF8);
  views now = open_views("s");
  found = get(now, 9);
  cr_assert(same(&found, &expected));
  found = get(now, 3), expected = string_at(3);
  cr_assert(same(&found, &expected));
  close_views(now);
  close_views(v);
  close_views(other);
}

Test(text, clones_and_copies) {
  put_strings_now("s");
  views v = open_views("s"), clone;
  set(v, 3, edited_at(3));
  OK(ufo_view_clone(v.words, &clone.words, &error));
  OK(ufo_view_clone(v.text, &clone.text, &error));
  OK(ufo_text_clone(v.added, &clone.added, &error));
  for (uint64_t i = PER_CHUNK; i < PER_CHUNK + 5; i++) set(v, i, edited_at(i));
  put_views_now("copy", v, UFO_PUT_CHECKED);
  assert_strings(store, NULL, "copy", 0, LENGTH, edited_at);
  assert_strings(store, NULL, "s", 0, LENGTH, string_at);
  ufo_string found = get(clone, PER_CHUNK + 1), expected = string_at(PER_CHUNK + 1);
  cr_assert(same(&found, &expected));
  found = get(clone, 3), expected = edited_at(3);
  cr_assert(same(&found, &expected));
  close_views(clone);
  close_views(v);
  remove_now(store, "copy");
  let_it_reclaim(store);
}

/* As a column: the list, the strings and their parts go on in their next version. */
Test(text, element_of_a_list) {
  ufo_txn *txn = begin(store);
  int32_t numbers[LENGTH] = {0};
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, LENGTH, CHUNK);
  OK(ufo_txn_put(txn, "a", &spec, numbers, &error));
  put_strings(txn, "b", LENGTH);
  OK(ufo_txn_put_list(txn, "l", (const char *[]){"a", "b"}, 2, &error));
  OK(ufo_txn_commit(txn, &error));
  uint64_t id = info_of(store, NULL, "l[[2]]").id;
  assert_strings(store, NULL, "l[[2]]", 0, LENGTH, string_at);
  ufo_view *column = open_view(store, NULL, pool, "l[[1]]");
  views v = open_views("l[[2]]");
  for (int round = 0; round < 2; round++) { /* the first changes nothing */
    if (round)
      for (uint64_t i = 0; i < PER_CHUNK + 5; i++) set(v, i, edited_at(i));
    txn = begin(store);
    OK(ufo_txn_put_view(txn, "a", column, UFO_PUT_CHECKED, &error));
    OK(ufo_txn_put_text_views(txn, "b", v.words, v.text, v.added, UFO_PUT_CHECKED, &error));
    OK(ufo_txn_put_list(txn, "l", (const char *[]){"a", "b"}, 2, &error));
    OK(ufo_txn_commit(txn, &error));
    cr_assert_eq(info_of(store, NULL, "l").version, round ? 2 : 1);
    cr_assert_eq(info_of(store, NULL, "l[[2]]").version, round ? 2 : 1);
    cr_assert_eq(info_of(store, NULL, "l[[1]]").version, 1);
  }
  cr_assert_eq(info_of(store, NULL, "l[[2]]").id, id);
  cr_assert_eq(info_of(store, NULL, "l[[2]][[1]]").chunks_changed, 2);
  assert_strings(store, NULL, "l[[2]]", 0, LENGTH, edited_at);
  close_views(v);
  ufo_view_release(column);
  let_it_reclaim(store);
}

static void append_strings(ufo_txn *txn, const char *name, uint64_t first, uint64_t end) {
  ufo_text_writer *writer;
  OK(ufo_text_writer_open_append(txn, name, &writer, &error));
  for (uint64_t i = first; i < end; i++) {
    ufo_string string = string_at(i);
    OK(ufo_text_writer_write(writer, &string, 1, &error));
  }
  OK(ufo_text_writer_finish(writer, &error));
}

/* To an object and to an element of a list, committed or pending; what is not committed leaves nothing. */
Test(text, appended) {
  enum { BEFORE = PER_CHUNK + 10 };
  ufo_txn *txn = begin(store);
  put_strings(txn, "s", BEFORE);
  append_strings(txn, "s", BEFORE, BEFORE + 20);
  put_strings(txn, "b", BEFORE);
  OK(ufo_txn_put_list(txn, "l", (const char *[]){"b"}, 1, &error));
  append_strings(txn, "l[[1]]", BEFORE, BEFORE + 20);
  assert_strings(store, txn, "l[[1]]", 0, BEFORE + 20, string_at);
  OK(ufo_txn_commit(txn, &error));
  assert_strings(store, NULL, "s", 0, BEFORE + 20, string_at);
  views before = open_views("s");
  for (int round = 0; round < 2; round++) {
    txn = begin(store);
    for (uint64_t i = BEFORE + 20; i < LENGTH; i += 117) {
      append_strings(txn, "s", i, ufo_min(i + 117, LENGTH));
      append_strings(txn, "l[[1]]", i, ufo_min(i + 117, LENGTH));
    }
    assert_strings(store, txn, "s", 0, LENGTH, string_at);
    if (round) OK(ufo_txn_commit(txn, &error));
    else ufo_txn_abort(txn);
    cr_assert_eq(info_of(store, NULL, "s").length, round ? LENGTH : BEFORE + 20);
  }
  assert_strings(store, NULL, "s", 0, LENGTH, string_at);
  assert_strings(store, NULL, "l[[1]]", 0, LENGTH, string_at);
  cr_assert_eq(info_of(store, NULL, "s").version, 2);
  cr_assert_lt(info_of(store, NULL, "s[[1]]").chunks_changed, info_of(store, NULL, "s[[1]]").chunk_count);
  set(before, 0, of("a string longer than a word", UFO_ENCODING_UTF8));
  txn = begin(store);
  OK(ufo_txn_put_text_views(txn, "s", before.words, before.text, before.added, UFO_PUT_MERGE, &error));
  FAILS(UFO_CONFLICT, ufo_txn_commit(txn, &error));
  ufo_txn_abort(txn);
  close_views(before);
}

Test(text, appending_is_refused) {
  ufo_text_writer *writer;
  int32_t one = 1;
  put_now(store, "n", spec_of(UFO_INTEGER, 0, 1, 0), &one);
  put_now(store, "s[[2]]", spec_of(UFO_RAW, 0, 1, 0), &one); /* before there is what it hides a part of */
  put_strings_now("s");
  ufo_txn *txn = begin(store);
  FAILS(UFO_USAGE, ufo_text_writer_open_append(txn, "n", &writer, &error));
  FAILS(UFO_MISSING, ufo_text_writer_open_append(txn, "none", &writer, &error));
  FAILS(UFO_USAGE, ufo_text_writer_open_append(txn, "s", &writer, &error));
  cr_assert(strstr(error.message, "s[[2]]"), "%s", error.message);
  cr_assert_null(writer);
  OK(ufo_txn_remove(txn, "s[[2]]", &error));
  append_strings(txn, "s", LENGTH, LENGTH + 3);
  OK(ufo_text_writer_open_append(txn, "s", &writer, &error));
  ufo_text_writer_cancel(writer);
  OK(ufo_txn_commit(txn, &error));
  assert_strings(store, NULL, "s", 0, LENGTH + 3, string_at);
}

static int note_version(void *user, const ufo_version_info *info) {
  ufo_version_info *versions = user;
  versions[info->version] = *info;
  return 0;
}

Test(text, snapshots_renames_and_reclaiming) {
  put_strings_now("s");
  OK(ufo_snapshot_create(store, "before", &error));
  views v = open_views("s");
  for (uint64_t i = 0; i < PER_CHUNK + 5; i++) set(v, i, edited_at(i));
  put_views_now("s", v, UFO_PUT_CHECKED);
  close_views(v);
  ufo_txn *txn = begin(store);
  OK(ufo_txn_rename(txn, "s", "t", &error));
  OK(ufo_txn_commit(txn, &error));
  let_it_reclaim(store);
  assert_strings(store, NULL, "t", 0, LENGTH, edited_at);
  ufo_store *then;
  ufo_store_options options = {.struct_size = sizeof options, .snapshot = "before"};
  OK(ufo_store_open(ufo_store_path(store), &options, &then, &error));
  assert_strings(then, NULL, "s", 0, LENGTH, string_at);
  ufo_store_close(then);
  ufo_version_info versions[3] = {0};
  OK(ufo_store_versions(store, "t", note_version, versions, &error));
  cr_assert_eq(versions[1].length, LENGTH);
  cr_assert_eq(versions[2].length, LENGTH);
  cr_assert_geq(versions[2].chunks_changed, 2 + LONG / CHUNK);
  OK(ufo_snapshot_remove(store, "before", &error));
  remove_now(store, "t");
  let_it_reclaim(store);
  cr_assert_leq(stat_of(store).blobs, 1);
}

Test(text, compacted) {
  put_strings_now("s");
  OK(ufo_store_compact(store, in_folder("copy.ufo"), &error));
  ufo_store *copy = open_store(in_folder("copy.ufo"));
  assert_strings(copy, NULL, "s", 0, LENGTH, string_at);
  assert_sound(copy);
  ufo_store_close(copy);
}

/* Assigns each string of `name` once more, a few times. */
static void churn(const char *name, const char *column) {
  views v = open_views(name);
  for (int round = 0; round < 4; round++) {
    for (uint64_t i = 0; i < LENGTH; i++) {
      char text[64];
      snprintf(text, sizeof text, "assigned in round %d to %llu", round, (unsigned long long)i);
      set(v, i, round < 3 ? of(text, UFO_ENCODING_UTF8) : string_at(i));
    }
    ufo_txn *txn = begin(store);
    OK(ufo_txn_put_text_views(txn, column ? "b" : name, v.words, v.text, v.added, UFO_PUT_CHECKED, &error));
    if (column) OK(ufo_txn_put_list(txn, column, (const char *[]){"b"}, 1, &error));
    OK(ufo_txn_commit(txn, &error));
  }
  close_views(v);
}

static uint64_t text_bytes(const char *name) { return info_of(store, NULL, name).length; }

/* Text of strings that were replaced goes, here and in lists, unless a snapshot would keep it. What goes with it stays:
 * names and other attributes, versions, the numbers of objects. */
Test(text, repacked_by_compaction) {
  ufo_txn *txn = begin(store);
  ufo_attributes *attributes;
  const int32_t one = 1;
  put_strings(txn, "s", LENGTH);
  put_strings(txn, "fine", LENGTH);
  put_strings(txn, "b", LENGTH);
  OK(ufo_txn_put_list(txn, "l", (const char *[]){"b"}, 1, &error));
  OK(ufo_txn_commit(txn, &error));
  uint64_t fresh = text_bytes("s[[2]]");
  churn("s", NULL);
  churn("l[[1]]", "l");
  uint64_t grown = text_bytes("s[[2]]"), id = info_of(store, NULL, "s").id, version = info_of(store, NULL, "s").version;
  cr_assert_gt(grown, 2 * fresh);
  /* What cannot be compacted is left as it is. */
  ufo_view *open = open_view(store, NULL, pool, "s[[1]]");
  FAILS(UFO_USAGE, ufo_store_compact(store, NULL, &error));
  ufo_view_release(open);
  cr_assert_eq(text_bytes("s[[2]]"), grown);
  OK(ufo_snapshot_create(store, "held", &error));
  OK(ufo_store_compact(store, NULL, &error));
  cr_assert_eq(text_bytes("s[[2]]"), grown);
  OK(ufo_snapshot_remove(store, "held", &error));
  OK(ufo_snapshot_create(store, "old", &error));
  churn("s", NULL); /* a snapshot of an older version holds nothing of this one */
  OK(ufo_attributes_create(&attributes, &error));
  OK(ufo_attributes_set(attributes, "k", UFO_ATTRIBUTE_INTEGER, &one, 1, &error));
  txn = begin(store);
  OK(ufo_txn_set_attributes(txn, "s", attributes, &error));
  OK(ufo_txn_commit(txn, &error));
  ufo_attributes_free(attributes);
  uint64_t file = stat_of(store).file_bytes;
  OK(ufo_snapshot_remove(store, "old", &error));
  OK(ufo_store_compact(store, NULL, &error));
  cr_assert_leq(text_bytes("s[[2]]"), fresh);
  cr_assert_leq(text_bytes("l[[1]][[2]]"), fresh);
  cr_assert_leq(stat_of(store).file_bytes, file);
  cr_assert_eq(info_of(store, NULL, "fine").version, 1);
  cr_assert_eq(info_of(store, NULL, "s").id, id);
  cr_assert_gt(info_of(store, NULL, "s").version, version);
  cr_assert_eq(info_of(store, NULL, "s").attribute_count, 1);
  cr_assert_eq(stat_of(store).garbage, 0);
  assert_strings(store, NULL, "s", 0, LENGTH, string_at);
  assert_strings(store, NULL, "l[[1]]", 0, LENGTH, string_at);
  assert_sound(store);
  /* And once more nothing is to be done; then it can be edited and dropped as any other. */
  version = info_of(store, NULL, "s").version;
  OK(ufo_store_compact(store, NULL, &error));
  cr_assert_eq(info_of(store, NULL, "s").version, version);
  churn("s", NULL);
  assert_strings(store, NULL, "s", 0, LENGTH, string_at);
  remove_now(store, "s");
  remove_now(store, "l");
  remove_now(store, "fine");
  let_it_reclaim(store);
  cr_assert_eq(stat_of(store).blobs, 0);
}

/* Strings of which each is there many times: the words name more bytes than the text has, needed or not. */
Test(text, repacked_where_strings_share) {
  ufo_txn *txn = begin(store);
  put_categories(txn, "fine", 200000, 30000);
  put_categories(txn, "churned", 200000, 30000);
  OK(ufo_txn_commit(txn, &error));
  uint64_t fresh = text_bytes("fine[[2]]");
  views v = open_views("churned");
  for (uint64_t i = 0; i < 200000; i++) {
    char text[64];
    snprintf(text, sizeof text, "it is of category %llu now", (unsigned long long)(mix(i) % 500));
    set(v, i, of(text, UFO_ENCODING_UTF8));
  }
  put_views_now("churned", v, UFO_PUT_CHECKED);
  close_views(v);
  cr_assert_gt(text_bytes("churned[[2]]"), fresh);
  OK(ufo_store_compact(store, NULL, &error));
  cr_assert_eq(info_of(store, NULL, "fine").version, 1);
  cr_assert_leq(text_bytes("churned[[2]]"), 500 * 26);
}

/* Gives strings `first` up to `end` of "s" up, by 512 at a time. */
static void give_up(uint64_t first, uint64_t end) {
  uint64_t none[512];
  for (int i = 0; i < 512; i++) none[i] = UFO_WORD_NA;
  ufo_txn *txn = begin(store);
  for (; first < end; first += 512) OK(ufo_txn_write(txn, "s[[1]]", first, ufo_min(512, end - first), none, &error));
  OK(ufo_txn_commit(txn, &error));
}

static void add_unlike_others(uint64_t from, uint64_t count) {
  ufo_text_writer *writer;
  ufo_txn *txn = begin(store);
  OK(ufo_text_writer_open_append(txn, "s", &writer, &error));
  for (uint64_t i = from; i < from + count; i++) {
    char text[64];
    snprintf(text, sizeof text, "%016llx, which nothing else is", (unsigned long long)mix(i));
    ufo_string string = of(text, UFO_ENCODING_UTF8);
    OK(ufo_text_writer_write(writer, &string, 1, &error));
  }
  OK(ufo_text_writer_finish(writer, &error));
  OK(ufo_txn_commit(txn, &error));
}

static void create_strings(uint64_t length) {
  ufo_txn *txn = begin(store);
  ufo_object_spec spec = spec_of(UFO_CHARACTER, 0, length, 0);
  OK(ufo_txn_create(txn, "s", &spec, &error));
  OK(ufo_txn_commit(txn, &error));
}

/* What the snapshot keeps would be there twice. */
Test(text, not_repacked_if_a_snapshot_keeps_most_of_it) {
  enum { COUNT = 20000 };
  create_strings(0);
  add_unlike_others(0, COUNT);
  give_up(0, COUNT / 2);
  OK(ufo_snapshot_create(store, "day", &error));
  add_unlike_others(COUNT, 10);
  OK(ufo_store_compact(store, NULL, &error)); /* what is superseded is gone */
  uint64_t file = stat_of(store).file_bytes, text = text_bytes("s[[2]]");
  OK(ufo_store_compact(store, NULL, &error));
  cr_assert_leq(stat_of(store).file_bytes, file);
  cr_assert_gt(text, COUNT * 30);
  cr_assert_eq(text_bytes("s[[2]]"), text);
  OK(ufo_snapshot_remove(store, "day", &error));
  OK(ufo_store_compact(store, NULL, &error));
  cr_assert_lt(text_bytes("s[[2]]"), text * 2 / 3);
  assert_sound(store);
}

/* Words that were never written take no room. */
Test(text, not_repacked_if_most_words_were_never_written) {
  const uint64_t length = UINT64_C(1) << 24;
  create_strings(length);
  add_unlike_others(0, 3000);
  give_up(length, length + 2000);
  uint64_t file = stat_of(store).file_bytes;
  OK(ufo_store_compact(store, NULL, &error));
  cr_assert_leq(stat_of(store).file_bytes, file);
  cr_assert_eq(info_of(store, NULL, "s[[1]]").chunks_written, 1);
}

/* Strings were in order when they were written, and their words were put into another order since. */
Test(text, not_repacked_if_strings_share_from_afar) {
  enum { DIFFERENT = 120000, COUNT = 5 * DIFFERENT, NEEDED = DIFFERENT / 2, BYTES = 16 };
  uint64_t *words = malloc(COUNT * sizeof *words);
  char *text = malloc(DIFFERENT * BYTES);
  cr_assert(words && text);
  for (uint64_t i = 0; i < DIFFERENT * BYTES; i++) text[i] = (char)('a' + mix(i) % 26);
  for (uint64_t i = 0; i < COUNT; i++) words[i] = (mix(i) % NEEDED * BYTES) << 20 | BYTES << 8 | 0x18;
  put_strings_of(words, COUNT, text, DIFFERENT * BYTES, 0);
  free(words);
  free(text);
  OK(ufo_store_compact(store, NULL, &error));
  cr_assert_leq(text_bytes("s[[2]]"), DIFFERENT * BYTES);
  assert_sound(store);
}

/* As nobody writes them: each of these many strings is half of the text, nearly the same half. To look at every part of
 * it for every string would take minutes. */
Test(text, compacted_with_long_strings_that_overlap) {
  const uint64_t count = 100000, bytes = UINT64_C(64) << 20, length = bytes / 2 - count * 16;
  uint64_t *words = malloc(count * sizeof *words);
  uint8_t *text = calloc(bytes, 1);
  cr_assert(words && text);
  for (uint64_t i = 0; i < count; i++) {
    ufo_put_le64(text + i * 16, length);
    words[i] = i * 16 << 20 | 0x19;
  }
  put_strings_of(words, count, text, bytes, 0);
  free(words);
  free(text);
  OK(ufo_store_compact(store, NULL, &error));
  cr_assert_leq(text_bytes("s[[2]]"), bytes);
}

/* ---- damage ------------------------------------------------------------------------------------------------------ */

/* Makes an object of strings of these words, with a text of 100 bytes. */
static void put_words(const uint64_t *words, uint64_t count) {
  char text[100];
  memset(text, 'x', sizeof text);
  put_strings_of(words, count, text, sizeof text, CHUNK);
}

static int count_damage(void *user, const ufo_damage *damage) {
  ++*(int *)user;
  cr_assert(damage->name && strncmp(damage->name, "s", 1) == 0);
  return 0;
}

static int accept(void *user, uint64_t i, const ufo_string *string) {
  *(uint64_t *)user = i;
  (void)string;
  return 0;
}

Test(text, words_that_lead_nowhere) {
  const uint64_t sound = UINT64_C(90) << 20 | 10 << 8 | 0x18;
  const uint64_t damaged[] = {UINT64_C(91) << 20 | 10 << 8 | 0x18, /* one byte too far */
                              ~UINT64_C(0) << 20 | 10 << 8 | 0x18, /* much too far */
                              UINT64_C(93) << 20 | 0x19,           /* the length of a long string */
                              0x7FFF,
                              0x48,
                              0x1A}; /* no words */
  for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
    uint64_t words[] = {0, sound, damaged[i], 1}, last = 9;
    int damages = 0;
    put_words(words, 4);
    FAILS(UFO_CORRUPT, ufo_text_read(store, NULL, "s", 0, 0, 4, accept, &last, &error));
    cr_assert(strstr(error.message, "'s'") && strstr(error.message, "string 2"), "%s", error.message);
    cr_assert_eq(last, 1);
    FAILS(UFO_CORRUPT, ufo_store_verify(store, count_damage, NULL, &damages, &error));
    cr_assert_eq(damages, 1);
  }
  /* A long string that says that it is longer than its text: seen when it is read. */
  uint64_t words[] = {UINT64_C(0) << 20 | 0x19}, last = 9;
  put_words(words, 1);
  FAILS(UFO_CORRUPT, ufo_text_read(store, NULL, "s", 0, 0, 1, accept, &last, &error));
  remove_now(store, "s");
}

Test(text, parts_of_other_types) {
  ufo_txn *txn = begin(store);
  uint64_t words[2] = {0};
  ufo_object_spec spec = spec_of(UFO_RECORD, 16, 1, CHUNK);
  OK(ufo_txn_put(txn, "w", &spec, words, &error));
  spec = spec_of(UFO_RAW, 0, 0, CHUNK);
  OK(ufo_txn_put(txn, "t", &spec, "", &error));
  FAILS(UFO_USAGE, ufo_txn_put_text(txn, "s", "w", "t", &error));
  FAILS(UFO_USAGE, ufo_txn_put_text(txn, "s", "t", "w", &error));
  FAILS(UFO_MISSING, ufo_txn_put_text(txn, "s", "w", "nothing", &error));
  FAILS(UFO_USAGE, ufo_txn_put_text(txn, "s", "w", "w", &error));
  ufo_txn_abort(txn);
}

/* Nothing is read there: a writer gives no such words, but they lead nowhere else. */
Test(text, no_bytes_at_the_end_of_the_text) {
  for (uint64_t bytes = 0; bytes <= CHUNK; bytes += CHUNK) {
    uint64_t words[] = {bytes << 20 | 0x18, bytes ? (bytes - 8) << 20 | 0x19 : 0}, last = 9;
    char text[CHUNK] = {0};
    ufo_txn *txn = begin(store);
    ufo_object_spec spec = spec_of(UFO_RECORD, 8, 2, CHUNK);
    OK(ufo_txn_put(txn, "w", &spec, words, &error));
    spec = spec_of(UFO_RAW, 0, bytes, CHUNK);
    OK(ufo_txn_put(txn, "t", &spec, text, &error));
    OK(ufo_txn_put_text(txn, "s", "w", "t", &error));
    OK(ufo_txn_commit(txn, &error));
    OK(ufo_text_read(store, NULL, "s", 0, 0, 2, accept, &last, &error));
    cr_assert_eq(last, 1);
    for (int i = 0; i < 2; i++) {
      ufo_string string;
      OK(ufo_text_decode(&words[i], bytes ? text : NULL, bytes, NULL, &string, &error));
      cr_assert(string.bytes && string.length == 0);
    }
    assert_sound(store);
  }
}

static ufo_string other_at(uint64_t i) {
  static char buffers[2][64];
  char *buffer = buffers[i % 2];
  snprintf(buffer, 64, "another string, %llu", (unsigned long long)i);
  return of(buffer, UFO_ENCODING_UTF8);
}

/* Others put words of theirs with a text of their own: neither these nor ours may be read with the other text. */
Test(text, words_stay_with_their_text) {
  for (int mode = UFO_PUT_CHECKED; mode <= UFO_PUT_REPLACE; mode++) {
    put_strings_now("s");
    views mine = open_views("s"), theirs = open_views("s");
    ufo_text *other;
    OK(ufo_text_create(0, &other, &error));
    for (uint64_t i = 0; i < LENGTH; i++) {
      ufo_string string = i < PER_CHUNK ? other_at(i) : (ufo_string){0}; /* NA */
      OK(ufo_text_add(other, &string, (uint64_t *)ufo_view_data(theirs.words) + i, &error));
    }
    uint64_t bytes;
    const char *text = ufo_text_bytes(other, &bytes);
    ufo_object_spec spec = spec_of(UFO_RAW, 0, bytes, CHUNK);
    ufo_txn *txn = begin(store);
    OK(ufo_txn_put_view(txn, "w", theirs.words, UFO_PUT_CHECKED, &error));
    OK(ufo_txn_put(txn, "t", &spec, text, &error));
    OK(ufo_txn_put_text(txn, "s", "w", "t", &error));
    OK(ufo_txn_commit(txn, &error));
    assert_sound(store); /* with views of the words before, which are kept */
    assert_strings(store, NULL, "s", 0, PER_CHUNK, other_at);
    bool merges = mode == UFO_PUT_MERGE; /* as it could, if it changed no chunk that they changed */
    if (!merges) set(mine, LENGTH - 1, other_at(LENGTH - 1));
    txn = begin(store);
    OK(ufo_txn_put_text_views(txn, "s", mine.words, mine.text, mine.added, mode, &error));
    if (mode == UFO_PUT_CHECKED) {
      FAILS(UFO_CONFLICT, ufo_txn_commit(txn, &error));
      ufo_txn_abort(txn);
    } else {
      OK(ufo_txn_commit(txn, &error));
      assert_strings(store, NULL, "s", 0, LENGTH - 1, string_at);
      assert_strings(store, NULL, "s", LENGTH - 1, 1, merges ? string_at : other_at);
    }
    assert_sound(store);
    ufo_text_free(other);
    close_views(mine);
    close_views(theirs);
    remove_now(store, "s");
    let_it_reclaim(store);
  }
}

/* The put under the object's own name is the one that the views go on from, whichever comes first. */
Test(text, put_under_two_names) {
  put_strings_now("s");
  views v = open_views("s");
  for (uint64_t round = 0; round < 4; round++) {
    const char *const names[] = {round % 2 ? "copy" : "s", round % 2 ? "s" : "copy"};
    set(v, round, other_at(round));
    ufo_txn *txn = begin(store);
    for (int i = 0; i < 2; i++)
      OK(ufo_txn_put_text_views(txn, names[i], v.words, v.text, v.added, UFO_PUT_CHECKED, &error));
    OK(ufo_txn_commit(txn, &error));
    for (int i = 0; i < 2; i++) {
      assert_strings(store, NULL, names[i], 0, round + 1, other_at);
      assert_strings(store, NULL, names[i], round + 1, LENGTH - round - 1, string_at);
    }
  }
  close_views(v);
}

/* The object's version of that time may be gone, and its text may have been taken back. */
Test(text, words_that_only_a_view_keeps_are_sound) {
  put_strings_now("s");
  views mine = open_views("s"), theirs = open_views("s");
  for (uint64_t i = 0; i < PER_CHUNK; i++) set(theirs, i, other_at(i));
  put_views_now("s", theirs, UFO_PUT_CHECKED);
  views kept = open_views("s");
  set(mine, 1, other_at(1));
  put_views_now("s", mine, UFO_PUT_REPLACE);
  close_views(theirs);
  let_it_reclaim(store);
  assert_sound(store);
  ufo_string found = get(kept, PER_CHUNK - 1), expected = other_at(PER_CHUNK - 1);
  cr_assert(same(&found, &expected));
  close_views(kept);
  close_views(mine);
}
