/* What is freed is used again, and a reader costs what it holds: no more, however many commits pass it by.
 *
 * Every step writes far more than the file may grow, so a page that is lost in each commit, or a version that is kept
 * for a reader of another one, is seen at once. Noise is stored as it is, so that bytes can be counted. */
#include "soak/soak.h"
#include "store/store.h"

enum { CHUNK = 65536 };
#define OBJECT_BYTES (4 * MIB)
/* Besides what is live and what is held: what the last commits replaced and the next ones may have, a batch that is
 * being staged, B-trees, and holes that nothing has filled yet. */
#define SLACK_BYTES (8 * MIB)

static ufo_store *store;
static ufo_pool *pool;
static uint64_t rounds, written_bytes, state = 1;
static uint8_t *values;

static void fill(uint64_t bytes) { fill_noise(&state, bytes, values); }

static ufo_store_stat stat_now(void) {
  ufo_store_stat stat = {.struct_size = sizeof stat};
  MUST(ufo_store_get_stat(store, &stat, e));
  return stat;
}

/* The file must not be larger than `allowed`. */
static void expect_at_most(uint64_t allowed, const char *when) {
  ufo_store_stat stat = stat_now();
  uint64_t file = file_now();
  printf("%-46s file %5.1f MiB, of which %5.1f are free; live %5.1f; at most %5.1f\n", when, (double)file / (double)MIB,
         (double)stat.free_bytes / (double)MIB, (double)stat.live_bytes / (double)MIB, (double)allowed / (double)MIB);
  MUST_HOLD(file <= allowed, "%s: the file has %" PRIu64 " bytes, and may have %" PRIu64, when, file, allowed);
}

static void put(const char *name, uint64_t bytes) {
  ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_RAW, .length = bytes, .chunk_bytes = CHUNK};
  ufo_txn *txn;
  fill(bytes);
  MUST(ufo_txn_begin(store, &txn, e));
  MUST(ufo_txn_put(txn, name, &spec, values, e));
  MUST(ufo_txn_commit(txn, e));
  written_bytes += bytes;
}

static void write_chunks(const char *name, uint64_t first, uint64_t count) {
  ufo_txn *txn;
  fill(count * CHUNK);
  MUST(ufo_txn_begin(store, &txn, e));
  MUST(ufo_txn_write(txn, name, first * CHUNK, count * CHUNK, values, e));
  MUST(ufo_txn_commit(txn, e));
  written_bytes += count * CHUNK;
}

/* Every chunk of the object, in commits of one, of a few, or of all. */
static void rewrite(const char *name) {
  static const uint64_t at_once[] = {1, 4, OBJECT_BYTES / CHUNK};
  for (uint64_t round = 0; round < rounds; round++) {
    uint64_t count = at_once[round % 3];
    for (uint64_t first = 0; first < OBJECT_BYTES / CHUNK; first += count) write_chunks(name, first, count);
  }
}

static void remove_object(const char *name) {
  ufo_txn *txn;
  MUST(ufo_txn_begin(store, &txn, e));
  MUST(ufo_txn_remove(txn, name, e));
  MUST(ufo_txn_commit(txn, e));
}

/* Small commits, after which what was replaced before them is free. */
static void let_it_reclaim(void) {
  for (int i = 0; i < 6; i++) put("small", 8);
}

static void a_reader_costs_what_it_holds(void) {
  uint64_t live = 2 * OBJECT_BYTES;
  put("a", OBJECT_BYTES);
  put("b", OBJECT_BYTES);
  rewrite("a");
  expect_at_most(live + live / 8 + SLACK_BYTES, "rewritten without a reader");
  uint8_t *before = malloc(OBJECT_BYTES);
  MUST(ufo_store_read(store, NULL, "a", 0, 0, OBJECT_BYTES, before, e));
  ufo_view *view;
  MUST(ufo_view_open(store, NULL, pool, "a", NULL, &view, e));
  rewrite("a");
  rewrite("b");
  uint64_t held = OBJECT_BYTES;
  expect_at_most(live + held + (live + held) / 8 + SLACK_BYTES, "... while a view held one version");
  MUST_HOLD(memcmp(before, ufo_view_data(view), OBJECT_BYTES) == 0, "the view does not have what its version had");
  ufo_view_release(view);
  free(before);
  uint64_t size = file_now();
  let_it_reclaim();
  MUST_HOLD(stat_now().free_bytes >= held, "what the view held is not free");
  put("c", OBJECT_BYTES);
  expect_at_most(size + MIB, "a new object in the room of what was held");
  remove_object("c");
  let_it_reclaim();
}

/* A process that is killed in the middle of a read leaves its place in LMDB's table of readers, which says that the
 * pages of that moment are needed. */
static void a_reader_that_died_costs_nothing(void) {
  int ready[2];
  char byte;
  if (pipe(ready)) _exit(1);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    ufo_etxn *txn;
    MUST(ufo_core_begin_read(store->core, &txn, e));
    if (write(ready[1], "x", 1) == 1) pause();
    _exit(1);
  }
  if (child < 0 || read(ready[0], &byte, 1) != 1) _exit(1);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  close(ready[0]);
  close(ready[1]);
  uint64_t size = file_now();
  rewrite("a");
  rewrite("b");
  expect_at_most(size + SLACK_BYTES / 2, "after a reader was killed");
}

static void objects_come_and_go(void) {
  let_it_reclaim();
  put("d", OBJECT_BYTES);
  remove_object("d");
  let_it_reclaim();
  uint64_t size = file_now();
  for (uint64_t round = 0; round < rounds; round++) {
    uint64_t free_before = stat_now().free_bytes;
    put("d", OBJECT_BYTES);
    remove_object("d");
    let_it_reclaim();
    MUST_HOLD(stat_now().free_bytes + MIB >= free_before, "an object went, and not all that it took is free");
  }
  expect_at_most(size + MIB, "objects that came and went");
}

/* Staged bytes of transactions that were given up. */
static void nothing_comes_of_it(void) {
  ufo_object_spec spec = {
      .struct_size = sizeof spec, .type = UFO_RAW, .length = 2 * OBJECT_BYTES, .chunk_bytes = CHUNK};
  uint64_t size = 0;
  for (uint64_t round = 0; round < rounds; round++) {
    ufo_txn *txn;
    fill(2 * OBJECT_BYTES);
    MUST(ufo_txn_begin(store, &txn, e));
    MUST(ufo_txn_put(txn, "never", &spec, values, e));
    ufo_txn_abort(txn);
    let_it_reclaim();
    if (round < 2) size = file_now();
  }
  expect_at_most(size + MIB, "transactions that were given up");
}

static void only_compaction_shrinks(void) {
  uint64_t size = file_now();
  remove_object("b");
  let_it_reclaim();
  MUST_HOLD(file_now() == size && stat_now().free_bytes >= OBJECT_BYTES,
            "removing an object must leave free pages in a file of the same size");
  MUST(ufo_store_compact(store, NULL, e));
  expect_at_most(OBJECT_BYTES + OBJECT_BYTES / 8 + MIB, "compacted");
}

int main(void) {
  rounds = nightly() ? 120 : 6;
  soak_begin(NULL);
  pool = soak_pool(MIB);
  values = malloc(2 * OBJECT_BYTES);
  MUST(ufo_store_open(path, NULL, &store, e));
  a_reader_costs_what_it_holds();
  a_reader_that_died_costs_nothing();
  objects_come_and_go();
  nothing_comes_of_it();
  only_compaction_shrinks();
  MUST(ufo_store_verify(store, NULL, NULL, NULL, e));
  tally(written_bytes / CHUNK, "chunks written into room that was free");
  free(values);
  MUST(ufo_pool_destroy(pool, e));
  ufo_store_close(store);
  remove_folder(folder);
  return 0;
}
