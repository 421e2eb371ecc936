/* What a commit supersedes stays whole until a later write transaction: readers count on it between their two looks. */
#include "one_store.h"

#include "store/object.h"
#include "store/store.h"

enum { CHUNK = 4096, PER_CHUNK = CHUNK / 4, CHUNKS = 6, LENGTH = CHUNKS * PER_CHUNK };

static int32_t values[LENGTH];

TestSuite(garbage, .init = store_make, .fini = store_end, .timeout = 60);

static void fill(int32_t *out, uint64_t count, uint64_t seed) {
  for (uint64_t i = 0; i < count; i++) out[i] = (int32_t)mix(seed * 100000 + i);
}

static void ended(void *user, ufo_object *committed) {
  (void)user;
  ufo_object_release(committed);
}

static ufo_object *open_object(const char *name, uint64_t version) {
  ufo_object *object = NULL;
  OK(ufo_object_open(store, NULL, name, -1, version, &object, &error));
  return object;
}

/* Makes `base`, without changes, the next version whatever others did since. */
static void take_back_to(ufo_object *base) {
  ufo_put *put;
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put_extents(txn, "x", base, NULL, NULL, 0, UFO_POLICY_REPLACE, ended, NULL, &put, &error));
  OK(ufo_txn_commit(txn, &error));
  ufo_put_forget(put);
}

/* Chunks that do not compress, and are as long as pages are: each takes one page, not two. */
Test(garbage, a_file_of_small_chunks_of_noise_stays_under_twice_its_content) {
  enum { MANY = 2048, COMMITS = 600, PER_COMMIT = 8 };
  int32_t *noise = malloc((size_t)MANY * CHUNK);
  uint64_t state = 8, worst = 0;
  fill(noise, (uint64_t)MANY * PER_CHUNK, 9);
  put_now(store, "n", spec_of(UFO_INTEGER, 0, (uint64_t)MANY * PER_CHUNK, CHUNK), noise);
  for (int i = 0; i < COMMITS; i++) {
    ufo_txn *txn = begin(store);
    for (int k = 0; k < PER_COMMIT; k++) {
      uint64_t first = random_below(&state, MANY) * PER_CHUNK;
      fill(noise + first, PER_CHUNK, random_below(&state, 1u << 30));
      OK(ufo_txn_write(txn, "n", first, PER_CHUNK, noise + first, &error));
    }
    OK(ufo_txn_commit(txn, &error));
    uint64_t size = size_of_file(in_folder("s.ufo"));
    if (size > worst) worst = size;
  }
  assert_content(store, NULL, "n", noise, (uint64_t)MANY * CHUNK);
  cr_assert_lt(worst, UINT64_C(2) * MANY * CHUNK, "%.2f times", (double)worst / MANY / CHUNK);
  free(noise);
}

/* Between a commit's look at the pins and its end a reader may still pin the version that it supersedes. The garbage of
 * the commit before names the same chunk. */
Test(garbage, a_commit_leaves_what_it_supersedes) {
  fill(values, PER_CHUNK, 1);
  put_now(store, "x", spec_of(UFO_INTEGER, 0, PER_CHUNK, CHUNK), values);
  for (uint64_t round = 2; round < 6; round++) {
    ufo_object *base = open_object("x", 0);
    fill(values, PER_CHUNK, round);
    write_now(store, "x", 0, PER_CHUNK, values);
    uint64_t before = info_of(store, NULL, "x").version;
    take_back_to(base);
    ufo_object_release(base);
    cr_assert_eq(info_of(store, NULL, "x").version, before + 1);
    int32_t back[PER_CHUNK];
    OK(ufo_store_read(store, NULL, "x", before, 0, PER_CHUNK, back, &error));
    cr_assert_eq(memcmp(back, values, sizeof back), 0, "round %" PRIu64, round);
  }
}

/* One random commit of "x"; `values` follow. */
static void change(uint64_t *state, ufo_object *base, const int32_t *base_values) {
  uint64_t first = random_below(state, CHUNKS) * PER_CHUNK, seed = random_below(state, 1u << 30);
  ufo_txn *txn = begin(store);
  switch (random_below(state, 4)) {
  case 0: /* the base's chunks again */
    ufo_txn_abort(txn);
    take_back_to(base);
    memcpy(values, base_values, sizeof values);
    return;
  case 1:
    fill(values, PER_CHUNK, seed);
    OK(ufo_txn_write(txn, "x", 0, PER_CHUNK, values, &error));
    break;
  case 2: {
    ufo_attributes *set;
    OK(ufo_attributes_create(&set, &error));
    OK(ufo_attributes_set(set, "seed", UFO_ATTRIBUTE_INTEGER, &seed, 1, &error));
    OK(ufo_txn_set_attributes(txn, "x", set, &error));
    ufo_attributes_free(set);
    break;
  }
  default:
    fill(values + first, PER_CHUNK, seed);
    OK(ufo_txn_write(txn, "x", first, PER_CHUNK, values + first, &error));
  }
  OK(ufo_txn_commit(txn, &error));
}

/* Whatever the commit does, and whatever garbage waits: the version before it can be read as it was. */
Test(garbage, the_version_before_is_whole_after_any_commit) {
  static int32_t before[LENGTH], base_values[LENGTH], back[LENGTH];
  uint64_t state = 77;
  fill(values, LENGTH, 1);
  put_now(store, "x", spec_of(UFO_INTEGER, 0, LENGTH, CHUNK), values);
  ufo_object *base = open_object("x", 0);
  memcpy(base_values, values, sizeof base_values);
  for (int round = 0; round < 400; round++) {
    if (random_below(&state, 3) == 0) {
      ufo_object_release(base);
      base = open_object("x", 0);
      memcpy(base_values, values, sizeof base_values);
    }
    memcpy(before, values, sizeof before);
    uint64_t version = info_of(store, NULL, "x").version;
    change(&state, base, base_values);
    OK(ufo_store_read(store, NULL, "x", version, 0, LENGTH, back, &error));
    cr_assert_eq(memcmp(back, before, sizeof back), 0, "round %d, version %" PRIu64, round, version);
    assert_content(store, NULL, "x", values, sizeof back);
  }
  ufo_object_release(base);
  let_it_reclaim(store);
  cr_assert_leq(stat_of(store).blobs, CHUNKS);
}

/* `versions` commits follow the one that a reader holds; the last of them writes every chunk. */
static void starve(int versions) {
  enum { MANY = 1500, SMALL = 4 * PER_CHUNK };
  int32_t *big = malloc((size_t)MANY * CHUNK), small[SMALL] = {0};
  for (int i = 0; i < MANY * PER_CHUNK; i++) big[i] = i / PER_CHUNK + 1;
  put_now(store, "big", spec_of(UFO_INTEGER, 0, MANY * PER_CHUNK, CHUNK), big);
  put_now(store, "small", spec_of(UFO_INTEGER, 0, SMALL, CHUNK), small);
  ufo_object *held = open_object("big", 0);
  for (int i = 1; i < versions; i++) write_now(store, "big", 0, 1, big + i);
  for (int i = 0; i < MANY * PER_CHUNK; i++) big[i]++;
  write_now(store, "big", 0, MANY * PER_CHUNK, big);
  uint64_t most = 0;
  for (uint64_t round = 0; round < 100; round++) {
    fill(small, SMALL, round);
    write_now(store, "small", 0, SMALL, small);
    uint64_t blobs = stat_of(store).blobs;
    if (blobs > most) most = blobs;
  }
  cr_assert_leq(most, 60, "%" PRIu64 " blobs for four chunks that change", most);
  OK(ufo_object_load(held, MANY - 1, big, &error));
  cr_assert_eq(big[0], MANY, "what is held stays");
  ufo_object_release(held);
  free(big);
  let_it_reclaim(store);
}

/* More superseded chunks than one call looks at, and all of them held by a reader, do not keep the rest waiting. */
Test(garbage, held_chunks_starve_nobody) { starve(1); }
Test(garbage, held_chunks_of_an_older_version_starve_nobody) { starve(3); }
