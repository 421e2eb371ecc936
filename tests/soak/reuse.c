/* What is freed is used again, and a reader costs what it holds: no more, however many commits pass it by.
 *
 * Every step writes far more than the file may grow, so a page that is lost in each commit, or a version that is kept
 * for a reader of another one, is seen at once. Noise is stored as it is, so that bytes can be counted. */
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <ufostore/ufostore.h>

#include "common/resources.h"
#include "common/tally.h"
#include "store/store.h"

#define MIB (UINT64_C(1) << 20)
enum { CHUNK = 65536 };
#define OBJECT_BYTES (4 * MIB)
/* Besides what is live and what is held: what the last commits replaced and the next ones may have, a batch that is
 * being staged, B-trees, and holes that nothing has filled yet. */
#define SLACK_BYTES (8 * MIB)

static ufo_store *store;
static ufo_pool *pool;
static char folder[512], path[600];
static uint64_t rounds, written_bytes;
static uint8_t *values;

#define MUST(call)                                                                                                     \
  do {                                                                                                                 \
    ufo_error error = {0}, *e = &error;                                                                                \
    if ((call) != UFO_OK) {                                                                                            \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, error.message);                                    \
      _exit(1);                                                                                                        \
    }                                                                                                                  \
  } while (0)

static uint64_t state = 1;

static uint64_t any(void) {
  uint64_t x = state += UINT64_C(0x9E3779B97F4A7C15);
  x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
  return x ^ (x >> 31);
}

static void fill(uint64_t bytes) {
  for (uint64_t at = 0; at < bytes; at += 8) {
    uint64_t word = any();
    memcpy(values + at, &word, 8);
  }
}

static ufo_store_stat stat_now(void) {
  ufo_store_stat stat = {.struct_size = sizeof stat};
  MUST(ufo_store_get_stat(store, &stat, e));
  return stat;
}

static uint64_t file_now(void) {
  struct stat file;
  return stat(path, &file) ? 0 : (uint64_t)file.st_size;
}

/* The file must not be larger than `allowed`. */
static void expect_at_most(uint64_t allowed, const char *when) {
  ufo_store_stat stat = stat_now();
  uint64_t file = file_now();
  printf("%-46s file %5.1f MiB, of which %5.1f are free; live %5.1f; at most %5.1f\n", when, (double)file / (double)MIB,
         (double)stat.free_bytes / (double)MIB, (double)stat.live_bytes / (double)MIB, (double)allowed / (double)MIB);
  if (file <= allowed) return;
  fprintf(stderr, "%s: the file has %" PRIu64 " bytes, and may have %" PRIu64 "\n", when, file, allowed);
  _exit(1);
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
  if (memcmp(before, ufo_view_data(view), OBJECT_BYTES) != 0) {
    fprintf(stderr, "the view does not have what its version had\n");
    _exit(1);
  }
  ufo_view_release(view);
  free(before);
  uint64_t size = file_now();
  let_it_reclaim();
  if (stat_now().free_bytes < held) {
    fprintf(stderr, "what the view held is not free\n");
    _exit(1);
  }
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
    if (stat_now().free_bytes + MIB < free_before) {
      fprintf(stderr, "an object went, and not all that it took is free\n");
      _exit(1);
    }
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
  if (file_now() != size || stat_now().free_bytes < OBJECT_BYTES) {
    fprintf(stderr, "removing an object must leave free pages in a file of the same size\n");
    _exit(1);
  }
  MUST(ufo_store_compact(store, NULL, e));
  expect_at_most(OBJECT_BYTES + OBJECT_BYTES / 8 + MIB, "compacted");
}

int main(void) {
  const char *base = getenv("TMPDIR");
  rounds = nightly() ? 120 : 6;
  snprintf(folder, sizeof folder, "%s/ufo-soak-XXXXXX", base && *base ? base : "/tmp");
  if (!mkdtemp(folder)) return 1;
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = MIB, .scratch_dir = folder};
  ufo_error why;
  if (ufo_pool_create(&options, &pool, &why) != UFO_OK) {
    printf("%s\n", why.message);
    rmdir(folder);
    return why.code == UFO_UNSUPPORTED ? 77 : 1;
  }
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
  unlink(path);
  strcat(path, "-lock");
  unlink(path);
  rmdir(folder);
  return 0;
}
