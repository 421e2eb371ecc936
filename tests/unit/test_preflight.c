/* The look at every page before LMDB may see a file: sound stores pass whatever was done to them, each rule refuses the
 * file that breaks it, and a file in use is judged rightly. tests/fault/hostile_pages.c judges thousands of edits. */
#include "fixture.h"

#include <stdatomic.h>
#include <sys/mman.h>

#include "pages_kit.h"

TestSuite(preflight, .init = fixture_make, .fini = fixture_remove, .timeout = 1700);

/* ---- sound stores ------------------------------------------------------------------------------------------------ */

static void passes(const char *after) {
  error = (ufo_error){0};
  ufo_status status = ufo_store_preflight(in_folder("s.ufo"), NULL, NULL, &error);
  cr_assert_eq(status, UFO_OK, "after %s: %s", after, error.message);
}

static uint8_t *noise(size_t bytes, uint64_t seed) {
  uint8_t *out = malloc(bytes);
  random_fill(&seed, out, bytes);
  return out;
}

Test(preflight, passes_after_every_kind_of_use) {
  enum { BYTES = 24 << 20, CHUNK = 4096 };
  uint8_t *bytes = noise(BYTES, 7);
  char name[32];
  ufo_store *store = open_store(in_folder("s.ufo"));
  passes("creation");
  put_now(store, "large", spec_of(UFO_RAW, 0, BYTES, CHUNK), bytes);
  passes("a large put");
  for (int i = 0; i < 300; i++) {
    snprintf(name, sizeof name, "small %d", i);
    put_now(store, name, spec_of(UFO_RAW, 0, (uint64_t)(i * 37), CHUNK), bytes);
  }
  passes("many names");
  ufo_pool *pool = make_pool(64 * CHUNK);
  ufo_view *view = open_view(store, NULL, pool, "large"); /* keeps its version */
  for (int i = 0; i < 3; i++) write_now(store, "large", 0, BYTES, bytes);
  passes("rewriting beside a view");
  image in_use = image_load(in_folder("s.ufo"));
  ufo_view_release(view);
  let_it_reclaim(store);
  passes("reclaiming");
  for (int i = 0; i < 300; i += 2) {
    snprintf(name, sizeof name, "small %d", i);
    remove_now(store, name);
  }
  passes("removing names");
  remove_now(store, "large");
  let_it_reclaim(store);
  passes("removing what was large");
  image freed = image_load(in_folder("s.ufo"));
  for (int i = 1; i < 300; i += 2) {
    snprintf(name, sizeof name, "small %d", i);
    remove_now(store, name);
  }
  let_it_reclaim(store);
  passes("removing everything");
  OK(ufo_store_compact(store, NULL, &error));
  passes("compaction");
  put_now(store, "large", spec_of(UFO_RAW, 0, BYTES / 4, CHUNK), bytes);
  passes("a put after compaction");
  ufo_store_close(store);
  passes("closing");
  cr_assert_geq(depth_of(&in_use, "map"), 3u, "the trees were to be deep");
  cr_assert(image_value(image_leaf(&in_use, "blobs", true), true), "values were to be in overflow pages");
  cr_assert(free_list_is_big(&in_use) || free_list_is_big(&freed), "the list of free pages was to be long");
  OK(ufo_pool_destroy(pool, &error));
  free(bytes), free(in_use.bytes), free(freed.bytes);
}

/* ---- files shorter than their header ----------------------------------------------------------------------------- */

/* LMDB leaves the last page unwritten if it gave it up in the transaction that took it. */
static void rewrite_small(ufo_store *store, int count, const uint8_t *bytes) {
  char name[32];
  ufo_txn *txn = begin(store);
  for (int n = 0; n < count; n++) {
    ufo_object_spec spec = spec_of(UFO_RAW, 0, n < 3 ? 41500 : 8, 4096);
    snprintf(name, sizeof name, "object %03d", n);
    OK(ufo_txn_put(txn, name, &spec, bytes, &error));
  }
  OK(ufo_txn_commit(txn, &error));
}

static bool is_unwritten(const image *i, uint64_t page) {
  uint32_t bytes = image_page_bytes(i);
  const uint8_t *at = image_page(i, page);
  return at[0] == 0 && memcmp(at, at + 1, bytes - 1) == 0;
}

Test(preflight, the_last_page_may_be_missing_if_it_is_free) {
  uint8_t *bytes = noise(41500, 11);
  int unwritten = 0, refused = 0;
  for (int count = 200; count < 260; count += 3) {
    char name[32];
    snprintf(name, sizeof name, "%d.ufo", count);
    ufo_store *store = open_store(in_folder(name));
    for (int round = 0; round < 4; round++) {
      rewrite_small(store, count, bytes);
      image now = image_load(in_folder(name));
      cr_assert_geq(now.size, (image_last(&now) + 1) * image_page_bytes(&now), "a commit left a short file");
      bool last = is_unwritten(&now, image_last(&now));
      now.size = image_last(&now) * image_page_bytes(&now);
      image_store(&now, in_folder("copy.ufo"));
      error = (ufo_error){0};
      ufo_store *copy = NULL;
      ufo_status status = ufo_store_open(in_folder("copy.ufo"), NULL, &copy, &error);
      if (last) {
        unwritten++;
        cr_assert_eq(status, UFO_OK, "%d objects: %s", count, error.message);
      } else if (status) {
        refused++;
        cr_assert(status == UFO_CORRUPT && strstr(error.message, "cut short"), "%s", error.message);
      }
      if (!status) {
        assert_sound(copy);
        rewrite_small(copy, count, bytes);
        assert_sound(copy);
        ufo_store_close(copy);
      }
      remove(in_folder("copy.ufo"));
      free(now.bytes);
    }
    ufo_store_close(store);
    remove(in_folder(name));
  }
  cr_assert(unwritten > 0 && refused > 0, "%d unwritten, %d refused", unwritten, refused);
  free(bytes);
}

/* ---- one rule at a time ------------------------------------------------------------------------------------------ */

static void build(void) {
  char name[32];
  uint8_t *bytes = noise(40000, 3);
  ufo_store *store = open_store(in_folder("s.ufo"));
  for (int round = 0; round < 3; round++) {
    ufo_txn *txn = begin(store);
    for (int n = 0; n < 120; n++) {
      ufo_object_spec spec = spec_of(UFO_RAW, 0, n < 3 ? 40000 : 8, 8192); /* runs of two pages */
      snprintf(name, sizeof name, "object %03d", n);
      OK(ufo_txn_put(txn, name, &spec, bytes, &error));
    }
    OK(ufo_txn_commit(txn, &error));
  }
  ufo_store_close(store);
  free(bytes);
}

/* The meta page in use */
static void cve_2019_16228(image *i) { memset(i->bytes + 40, 0, 4), memset(i->bytes + 4096 + 40, 0, 4); }
static void huge_page(image *i) { ufo_put_le32(i->bytes + 40, 65536), ufo_put_le32(i->bytes + 4096 + 40, 65536); }
static void unequal_pages(image *i) { ufo_put_le32(i->bytes + 4096 + 40, 8192); }
static void parity(image *i) { add64(image_meta(i) + 144, 1); }
static void far_txn(image *i) {
  ufo_put_le64(image_meta(i) + 144, (UINT64_MAX - 1) | (ufo_get_le64(image_meta(i) + 144) & 1));
}
static void last_page_up(image *i) { add64(image_meta(i) + 136, 100); }
static void last_page_wraps(image *i) { ufo_put_le64(image_meta(i) + 136, UINT64_MAX); }
static void last_page_down(image *i) { ufo_put_le64(image_meta(i) + 136, 4); }
static void map_size(image *i) { ufo_put_le64(image_meta(i) + 32, UINT64_MAX / 2); }
static void meta_number(image *i) { i->bytes[0] = 9; }
static void meta_flags(image *i) { set16(image_meta(i) + 10, 0x18); }
static void cve_2019_16224(image *i) { set16(image_tree(i, "") + 4, 0x10); } /* DUPFIXED without DUPSORT */
static void free_flags(image *i) { set16(image_tree(i, NULL) + 4, 0x4018); }
static void root_outside(image *i) { ufo_put_le64(image_tree(i, "") + 40, image_last(i) + 1); }
static void root_is_meta(image *i) { ufo_put_le64(image_tree(i, "") + 40, 1); }
static void depth_many(image *i) { set16(image_tree(i, "") + 6, 33); }
static void depth_zero(image *i) { set16(image_tree(i, "") + 6, 0); }
static void no_root(image *i) { ufo_put_le64(image_tree(i, "") + 40, UINT64_MAX); }
/* Records of tables */
static void table_flags(image *i) { set16(image_tree(i, "names") + 4, 4); }
static void table_pad(image *i) { ufo_put_le32(image_tree(i, "names"), 8); }
static void table_root(image *i) { ufo_put_le64(image_tree(i, "names") + 40, UINT64_MAX - 1); }
static void table_shared(image *i) { memcpy(image_tree(i, "names"), image_tree(i, "objects"), 48); }
static void table_is_itself(image *i) { memcpy(image_tree(i, "names"), image_tree(i, ""), 48); }
static void table_depth(image *i) { add16(image_tree(i, "names") + 6, 1); }
static void table_branches(image *i) { add64(image_tree(i, "names") + 8, 1); }
static void table_leaves(image *i) { add64(image_tree(i, "names") + 16, -1); }
static void table_overflows(image *i) { add64(image_tree(i, "blobs") + 24, 1); }
static void table_entries(image *i) { add64(image_tree(i, "names") + 32, 1); }
static void table_record_flag(image *i) { set16(image_node(image_root(i, ""), 0) + 4, 0); }
static void cve_2019_16227(image *i) { set16(image_node(image_root(i, ""), 0) + 4, 6); } /* a tree of duplicates */
static void table_record_size(image *i) { set16(image_node(image_root(i, ""), 0), 40); }
/* Pages of trees */
static void page_number(image *i) { add64(image_leaf(i, "names", false), 1); }
static void cve_2019_16225(image *i) { set16(image_leaf(i, "names", false) + 10, 0x12); } /* dirty */
static void fixed_keys(image *i) { set16(image_leaf(i, "names", false) + 10, 0x22); }
static void sub_page(image *i) { set16(image_leaf(i, "names", false) + 10, 0x42); }
static void loose(image *i) { set16(image_leaf(i, "names", false) + 10, 0x4002); }
static void two_kinds(image *i) { set16(image_leaf(i, "names", false) + 10, 3); }
static void leaf_as_branch(image *i) { set16(image_leaf(i, "names", false) + 10, 1); }
static void cve_2019_16226(image *i) { set16(image_leaf(i, "names", false) + 12, 0xFFFF); }
static void lower_small(image *i) { set16(image_leaf(i, "names", false) + 12, 14); }
static void lower_odd(image *i) { add16(image_leaf(i, "names", false) + 12, -1); }
static void upper_large(image *i) { set16(image_leaf(i, "names", false) + 14, 4098); }
static void upper_low(image *i) { add16(image_leaf(i, "names", false) + 14, -2); }
static void empty_leaf(image *i) {
  set16(image_leaf(i, "names", false) + 12, 16), set16(image_leaf(i, "names", false) + 14, 4096);
}
/* Nodes */
static void node_beyond(image *i) { set16(image_leaf(i, "names", false) + 16, 4092); }
static void node_in_header(image *i) { set16(image_leaf(i, "names", false) + 16, 0); }
static void node_odd(image *i) { add16(image_leaf(i, "names", false) + 16, 1); }
static void node_twice(image *i) { memcpy(image_leaf(i, "names", false) + 16, image_leaf(i, "names", false) + 18, 2); }
static void value_longer(image *i) { add16(image_node(image_leaf(i, "names", false), 0), 2); }
static void value_huge(image *i) { set16(image_node(image_leaf(i, "names", false), 0) + 2, 0xFFFF); }
static void value_shorter(image *i) { add16(image_node(image_leaf(i, "names", false), 0), -2); }
static void key_huge(image *i) { set16(image_node(image_leaf(i, "names", false), 0) + 6, 3000); }
static void key_empty(image *i) { set16(image_node(image_leaf(i, "names", false), 0) + 6, 0); }
static void value_flags(image *i) { set16(image_node(image_leaf(i, "names", false), 0) + 4, 2); }
static void duplicates(image *i) { set16(image_node(image_leaf(i, "names", false), 0) + 4, 4); }
static void now_big(image *i) { set16(image_node(image_leaf(i, "names", false), 0) + 4, 1); }
static void key_order(image *i) { image_node(image_leaf(i, "names", false), 1)[8] = 0; }
static void key_equal(image *i) {
  memcpy(image_node(image_leaf(i, "names", false), 0) + 8, image_node(image_leaf(i, "names", false), 1) + 8, 10);
}
static void key_above(image *i) {
  uint8_t *leaf = image_leaf(i, "names", false);
  image_node(leaf, ufo_page_count(leaf) - 1)[8] = 0xFF;
}
static void key_below(image *i) { image_node(image_leaf(i, "names", true), 0)[8] = 0; }
/* Branches */
static void child_outside(image *i) { set16(image_node(image_root(i, "names"), 1) + 4, 0xFFFF); }
static void child_zero(image *i) { memset(image_node(image_root(i, "names"), 1), 0, 6); }
static void child_shared(image *i) {
  memcpy(image_node(image_root(i, "names"), 1), image_node(image_root(i, "names"), 0), 6);
}
static void child_is_root(image *i) { memcpy(image_node(image_root(i, "names"), 1), image_root(i, "names"), 6); }
static void branch_key(image *i) { image_node(image_root(i, "names"), 1)[8] = 0xFF; }
static void branch_of_one(image *i) {
  uint8_t *root = image_root(i, "names");
  unsigned size = 8;
  memmove(root + 4096 - size, image_node(root, 0), size);
  set16(root + 12, 18), set16(root + 14, 4096 - size), set16(root + 16, 4096 - size);
}
/* Large values */
static uint8_t *big(image *i) { return image_value(image_leaf(i, "blobs", false), true); }
static uint8_t *run_of(image *i) { return image_page(i, ufo_get_le64(big(i) + 8 + ufo_get_le16(big(i) + 6))); }
static void run_outside(image *i) { ufo_put_le64(big(i) + 16, image_last(i) + 1); }
static void run_elsewhere(image *i) { ufo_put_le64(big(i) + 16, ufo_get_le64(image_tree(i, "names") + 40)); }
static void run_number(image *i) { add64(run_of(i), 1); }
static void run_flags(image *i) { set16(run_of(i) + 10, 2); }
static void run_short(image *i) { ufo_put_le32(run_of(i) + 12, 1); }
static void run_long(image *i) { ufo_put_le32(run_of(i) + 12, 0xFFFFFFFF); }
static void run_into_others(image *i) { ufo_put_le32(run_of(i) + 12, 8); }
static void run_value(image *i) { set16(big(i) + 2, 0xFFFF); }
/* The list of free pages: the record of a leaf is count, numbers */
static uint8_t *list(image *i) {
  uint8_t *leaf = image_leaf(i, NULL, true), *node = NULL;
  for (unsigned n = 0; n < ufo_page_count(leaf); n++) {
    node = image_node(leaf, n);
    if (!(ufo_get_le16(node + 4) & 1) && ufo_get_le64(node + 16) >= 2) return node + 16;
  }
  abort();
}
static void free_in_use(image *i) { memcpy(list(i) + 8, image_tree(i, "names") + 40, 8); }
static void free_is_root(image *i) { memcpy(list(i) + 8 * ufo_get_le64(list(i)), image_tree(i, "") + 40, 8); }
static void free_meta(image *i) { ufo_put_le64(list(i) + 8 * ufo_get_le64(list(i)), 1); }
static void free_outside(image *i) { ufo_put_le64(list(i) + 8, image_last(i) + 1); }
static void free_twice(image *i) { memcpy(list(i) + 8, list(i) + 16, 8); }
static void free_order(image *i) {
  uint64_t first = ufo_get_le64(list(i) + 8);
  memcpy(list(i) + 8, list(i) + 16, 8), ufo_put_le64(list(i) + 16, first);
}
static void free_count(image *i) { add64(list(i), 1000); }
static void free_count_huge(image *i) { ufo_put_le64(list(i), UINT64_MAX); }
static void free_future(image *i) { ufo_put_le64(list(i) - 8, ufo_get_le64(image_meta(i) + 144) + 1); }
static void free_zero(image *i) { ufo_put_le64(image_node(image_leaf(i, NULL, false), 0) + 8, 0); }
static void free_key(image *i) { set16(list(i) - 10, 4); }

typedef struct rule {
  const char *name;
  void (*edit)(image *);
  const char *says;
} rule;

#define RULE(edit, says)                                                                                               \
  { #edit, edit, says }
static const rule rules[] = {
    RULE(cve_2019_16228, "page size 0"),
    RULE(huge_page, "page size 65536"),
    RULE(unequal_pages, "page sizes"),
    RULE(parity, "transaction"),
    RULE(far_txn, "transaction"),
    RULE(last_page_up, "cut short"),
    RULE(last_page_wraps, "last page"),
    RULE(last_page_down, "outside the file"),
    RULE(map_size, "map size"),
    RULE(meta_number, "number"),
    RULE(meta_flags, "flags"),
    RULE(cve_2019_16224, "flags"),
    RULE(free_flags, "flags"),
    RULE(root_outside, "root outside"),
    RULE(root_is_meta, "root outside"),
    RULE(depth_many, "depth"),
    RULE(depth_zero, "depth"),
    RULE(no_root, "no root"),
    RULE(table_flags, "flags"),
    RULE(table_pad, "fixed size"),
    RULE(table_root, "root outside"),
    RULE(table_shared, "two places"),
    RULE(table_is_itself, "two places"),
    RULE(table_depth, "as far from its root"),
    RULE(table_branches, "number of pages"),
    RULE(table_leaves, "number of pages"),
    RULE(table_overflows, "number of pages"),
    RULE(table_entries, "entries"),
    RULE(table_record_flag, "value where tables"),
    RULE(cve_2019_16227, "flags"),
    RULE(table_record_size, ""),
    RULE(page_number, "another page's number"),
    RULE(cve_2019_16225, "flags"),
    RULE(fixed_keys, "flags"),
    RULE(sub_page, "flags"),
    RULE(loose, "flags"),
    RULE(two_kinds, "flags"),
    RULE(leaf_as_branch, ""),
    RULE(cve_2019_16226, "bounds"),
    RULE(lower_small, "bounds"),
    RULE(lower_odd, "bounds"),
    RULE(upper_large, "bounds"),
    RULE(upper_low, "gaps"),
    RULE(empty_leaf, "too few"),
    RULE(node_beyond, "beyond"),
    RULE(node_in_header, "outside"),
    RULE(node_odd, "outside"),
    RULE(node_twice, "overlap"),
    RULE(value_longer, ""),
    RULE(value_huge, "beyond"),
    RULE(value_shorter, ""),
    RULE(key_huge, ""),
    RULE(key_empty, ""),
    RULE(value_flags, "table where values"),
    RULE(duplicates, "flags"),
    RULE(now_big, ""),
    RULE(key_order, "order"),
    RULE(key_equal, "order"),
    RULE(key_above, "searches"),
    RULE(key_below, "order"),
    RULE(child_outside, "child is outside"),
    RULE(child_zero, "child is outside"),
    RULE(child_shared, ""),
    RULE(child_is_root, ""),
    RULE(branch_key, ""),
    RULE(branch_of_one, "too few"),
    RULE(run_outside, "outside the file"),
    RULE(run_elsewhere, "flags"),
    RULE(run_number, "another page's number"),
    RULE(run_flags, "flags"),
    RULE(run_short, "shorter"),
    RULE(run_long, "outside the file"),
    RULE(run_into_others, "used elsewhere"),
    RULE(run_value, "shorter"),
    RULE(free_in_use, ""),
    RULE(free_is_root, "free"),
    RULE(free_meta, "outside the file"),
    RULE(free_outside, "outside the file"),
    RULE(free_twice, "order"),
    RULE(free_order, "order"),
    RULE(free_count, "count"),
    RULE(free_count_huge, "count"),
    RULE(free_future, "page"),
    RULE(free_zero, "has not been"),
    RULE(free_key, ""),
};
enum { RULE_COUNT = sizeof rules / sizeof *rules };

/* By name and with the option, in a process of its own: refused, and no signal. */
static int is_refused(void *user) {
  const rule *r = user;
  ufo_store *store;
  for (int mode = 0; mode < 2; mode++) {
    ufo_store_options options = {.struct_size = sizeof options, .preflight = 1};
    options.mode = mode ? UFO_OPEN_READ_WRITE : UFO_OPEN_READ_ONLY;
    CHECK(ufo_store_open(in_folder("h.ufo"), &options, &store, &error) == UFO_CORRUPT && !store);
    CHECK(strstr(error.message, "page") || strstr(error.message, "cut short"));
    CHECK(ufo_store_preflight(in_folder("h.ufo"), NULL, NULL, &error) == UFO_CORRUPT);
    CHECK(strstr(error.message, r->says) != NULL);
  }
  return 0;
}

Test(preflight, each_rule_refuses) {
  build();
  passes("building");
  image sound = image_load(in_folder("s.ufo")), i = {malloc(sound.size), sound.size};
  int bad = 0;
  for (int n = 0; n < RULE_COUNT; n++) {
    memcpy(i.bytes, sound.bytes, sound.size);
    rules[n].edit(&i);
    image_store(&i, in_folder("h.ufo"));
    rule copy = rules[n];
    int result = in_child(is_refused, &copy, 10);
    if (result) fprintf(stderr, "%s: %d\n", rules[n].name, result), bad++;
  }
  cr_assert_eq(bad, 0, "%d of %d rules", bad, (int)RULE_COUNT);
  tally(RULE_COUNT, "rules of the preflight, each broken");
  free(sound.bytes), free(i.bytes);
}

Test(preflight, cut_anywhere) {
  build();
  image sound = image_load(in_folder("s.ufo"));
  int refused = 0;
  for (uint64_t size = 0; size < sound.size; size += size < 9000 ? 511 : 4096 * 3 - 1) {
    image cut = {sound.bytes, size};
    image_store(&cut, in_folder("h.ufo"));
    ufo_status status = ufo_store_preflight(in_folder("h.ufo"), NULL, NULL, &error);
    if (status == UFO_OK) { /* what was cut off is free */
      cr_assert_gt(size, sound.size / 2);
      ufo_store *store = open_store(in_folder("h.ufo"));
      assert_sound(store);
      ufo_store_close(store);
      remove(in_folder("h.ufo-lock"));
    } else {
      cr_assert_eq(status, UFO_CORRUPT);
      refused++;
    }
  }
  cr_assert_gt(refused, 20);
  free(sound.bytes);
}

/* ---- what it is asked for -----------------------------------------------------------------------------------------
 */

Test(preflight, what_is_not_there) {
  FAILS(UFO_USAGE, ufo_store_preflight(NULL, NULL, NULL, &error));
  FAILS(UFO_MISSING, ufo_store_preflight(in_folder("none"), NULL, NULL, &error));
  FAILS(UFO_CORRUPT, ufo_store_preflight(fixture_folder, NULL, NULL, &error));
  cr_assert_eq(mkfifo(in_folder("fifo"), 0600), 0);
  FAILS(UFO_CORRUPT, ufo_store_preflight(in_folder("fifo"), NULL, NULL, &error));
}

typedef struct seen {
  uint64_t calls, last, total, stop_at;
} seen;

static int watch(void *user, uint64_t done, uint64_t total) {
  seen *s = user;
  s->calls++;
  cr_assert(done >= s->last && done <= total, "%" PRIu64 " of %" PRIu64, done, total);
  s->last = done, s->total = total;
  return s->stop_at && s->calls == s->stop_at;
}

Test(preflight, progress) {
  enum { BYTES = 8 << 20 };
  uint8_t *bytes = noise(BYTES, 5);
  ufo_store *store = open_store(in_folder("s.ufo"));
  put_now(store, "x", spec_of(UFO_RAW, 0, BYTES, 0), bytes);
  ufo_store_close(store);
  seen s = {0};
  OK(ufo_store_preflight(in_folder("s.ufo"), watch, &s, &error));
  cr_assert(s.calls > 2 && s.total <= size_of_file(in_folder("s.ufo")));
  s = (seen){.stop_at = 2};
  cr_assert_eq(ufo_store_preflight(in_folder("s.ufo"), watch, &s, &error), UFO_END);
  cr_assert_eq(s.calls, 2u);
  free(bytes);
}

/* A file may say that its last transaction was almost the last there can be. It stays readable: what would make the
 * header one that nobody accepts is refused, and a compacted copy begins to count anew. */
Test(preflight, transactions_used_up) {
  build();
  char *path = in_folder("s.ufo"), *copy = in_folder("copy.ufo");
  image i = image_load(path);
  uint64_t last = ufo_get_le64(image_meta(&i) + 144);
  ufo_put_le64(image_meta(&i) + 144, UFO_PAGE_TXN_MAX - 2 + last % 2);
  image_store(&i, path);
  free(i.bytes);
  uint8_t bytes[8] = {1};
  ufo_status status = UFO_OK;
  ufo_error refused = {0};
  for (int round = 0; round < 6 && status == UFO_OK; round++) {
    ufo_store *store = open_store(path);
    ufo_txn *txn;
    status = ufo_txn_begin(store, &txn, &refused);
    if (status == UFO_OK) {
      status = ufo_txn_write(txn, "object 001", 0, sizeof bytes, bytes, &refused);
      if (status == UFO_OK) status = ufo_txn_commit(txn, &refused);
      if (status != UFO_OK) ufo_txn_abort(txn);
    }
    OK(ufo_store_preflight(path, NULL, NULL, &error));
    ufo_store_close(store);
  }
  cr_assert_eq(status, UFO_FULL);
  cr_assert(strstr(refused.message, "transaction numbers") && strstr(refused.message, "s.ufo"), "%s", refused.message);
  ufo_store *store = open_store(path);
  OK(ufo_store_compact(store, copy, &error));
  ufo_store_close(store);
  store = open_store(copy);
  put_now(store, "more", spec_of(UFO_RAW, 0, 8, 4096), bytes);
  ufo_store_close(store);
}

/* ---- files in use -------------------------------------------------------------------------------------------------
 */

static atomic_int *stop;

static int keep_committing(void *path) {
  ufo_store *store;
  ufo_txn *txn;
  CHECK(ufo_store_open(path, NULL, &store, &error) == UFO_OK);
  uint8_t bytes[20000];
  for (uint64_t n = 1; !atomic_load(stop); n++) {
    uint64_t state = n;
    random_fill(&state, bytes, sizeof bytes);
    CHECK(ufo_txn_begin(store, &txn, &error) == UFO_OK);
    CHECK(ufo_txn_write(txn, "object 001", 0, sizeof bytes, bytes, &error) == UFO_OK);
    CHECK(ufo_txn_commit(txn, &error) == UFO_OK);
  }
  ufo_store_close(store);
  return 0;
}

Test(preflight, beside_a_writer) {
  build();
  char *path = in_folder("s.ufo");
  stop = mmap(NULL, sizeof *stop, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  cr_assert_neq(stop, MAP_FAILED);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    alarm(100);
    _exit(keep_committing(path));
  }
  int passed = 0, busy = 0, rounds = nightly() ? 20000 : 2000;
  for (int i = 0; i < rounds; i++) {
    error = (ufo_error){0};
    ufo_status status = ufo_store_preflight(path, NULL, NULL, &error);
    if (status != UFO_OK && status != UFO_IO) atomic_store(stop, 1);
    cr_assert(status == UFO_OK || status == UFO_IO, "round %d: %s", i, error.message);
    if (status == UFO_OK) passed++;
    else busy++;
    if (i % 50) continue;
    ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY, .preflight = 1};
    ufo_store *store;
    status = ufo_store_open(path, &options, &store, &error);
    cr_assert(status == UFO_OK || status == UFO_IO, "opening, round %d: %s", i, error.message);
    ufo_store_close(store);
  }
  atomic_store(stop, 1);
  cr_assert_eq(wait_for(child), 0);
  cr_assert_gt(passed, 0);
  tally((uint64_t)(passed + busy), "preflights beside a writer");
  passes("all of that");
}

typedef struct overtaking {
  ufo_store *store;
  int times; /* how often to commit in the middle of a walk */
  uint64_t last;
  int walks;
} overtaking;

static int commit_meanwhile(void *user, uint64_t done, uint64_t total) {
  (void)total;
  overtaking *o = user;
  if (done >= o->last && o->walks > 0) {
    o->last = done;
    return 0;
  }
  o->last = done;
  o->walks++;
  for (int i = 0; i < 4 && o->walks <= o->times; i++) {
    int32_t value = i;
    put_now(o->store, "meanwhile", spec_of(UFO_INTEGER, 0, 1, 0), &value);
  }
  return 0;
}

/* Four commits in the middle of a walk: what it saw does not count, and it begins anew. */
Test(preflight, overtaken) {
  build();
  ufo_store *store = open_store(in_folder("s.ufo"));
  overtaking once = {.store = store, .times = 1}, always = {.store = store, .times = 1000};
  OK(ufo_store_preflight(in_folder("s.ufo"), commit_meanwhile, &once, &error));
  cr_assert_eq(once.walks, 2, "%d walks", once.walks);
  FAILS(UFO_IO, ufo_store_preflight(in_folder("s.ufo"), commit_meanwhile, &always, &error));
  cr_assert_gt(always.walks, 2);
  ufo_store_close(store);
  passes("that");
}

/* A second handle in the same process: the file is mapped already, and yet refused. */
Test(preflight, second_handle) {
  build();
  ufo_store_options options = {.struct_size = sizeof options, .preflight = 1};
  options.mode = UFO_OPEN_READ_WRITE;
  ufo_store *one = open_store(in_folder("s.ufo")), *two;
  OK(ufo_store_open(in_folder("s.ufo"), &options, &two, &error));
  int32_t value = 5;
  put_now(two, "five", spec_of(UFO_INTEGER, 0, 1, 0), &value);
  assert_sound(one);
  ufo_store_close(one);
  assert_sound(two);
  ufo_store_close(two);
  passes("two handles");
}
