/* torture.c - a store under continuous change, to be killed, starved and refused service at any moment, and its judge.
 *
 *   torture                                 the test: `kill` in a scratch folder, 100 runs, nightly 2,000
 *   torture run PATH SEED UNTIL [--retry]   commits generations up to UNTIL; prints each one's number once it is
 * durable torture verify PATH SEED ACKED          finds the last generation G, demands ACKED <= G <= ACKED + 1, and
 * every byte torture kill PATH SEED RUNS             kills runs at random moments, and verifies after each torture full
 * PATH SEED COMMAND          runs until the disk is full, checks, runs COMMAND to make room, and goes on
 *
 * Generation g changes, in one transaction, one object of each kind: put whole, written through a view, appended to,
 * created or removed, a list; and, now and then, 12 MiB through a view in a pool of 2 MiB, which are staged ahead of
 * the commit. All content is a function of the seed and the generation, so the judge needs no record. Every eleventh
 * generation is followed by a compaction. With --retry, a failed step is tried again a few times. Exit status: 0 done,
 * 1 something is not as promised, 3 a step failed and was reported properly. */
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <ufostore/ufostore.h>
#include <unistd.h>

#include "tally.h"

enum {
  CHUNK = 4096,
  PER_CHUNK = CHUNK / 8,
  VIEW_CHUNKS = 40,
  LOG_STEP = 700,
  STAGED = 12 * 1024 * 1024 / 8, /* elements */
  STAGED_CHUNK = 65536,
  MADE = 5,
  MADE_LENGTH = 1000000,
  ATTEMPTS = 8,
};

static uint64_t seed;
static ufo_error error;

static uint64_t mix(uint64_t x) {
  x += UINT64_C(0x9E3779B97F4A7C15);
  x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
  return x ^ (x >> 31);
}

static uint64_t value_of(int kind, uint64_t generation, uint64_t i) {
  return mix(mix(seed * 16 + (uint64_t)kind) + generation * UINT64_C(1000003) + i);
}

enum { PUT, VIEW, LOG, STAGE, LIST };

/* The last generation up to g that is `rest` modulo `step`; 0 if there is none. */
static uint64_t last_of(uint64_t g, uint64_t step, uint64_t rest) {
  while (g > 0 && g % step != rest) g--;
  return g;
}

static uint64_t put_length(uint64_t g) { return 3000 + g * 37 % 2000; }
static uint64_t stage_generation(uint64_t g) { return last_of(g, 8, 2); }
static void made_name(char name[16], uint64_t g) { snprintf(name, 16, "made%" PRIu64, g % MADE); }
static int is_made(uint64_t g) { return g > 0 && g % (2 * MADE) < MADE; }

static ufo_object_spec spec_of(ufo_type type, uint64_t length, uint32_t chunk) {
  return (ufo_object_spec){
      .struct_size = sizeof(ufo_object_spec), .type = type, .length = length, .chunk_bytes = chunk};
}

/* ---- one generation ------------------------------------------------------------------------------------------------
 */

typedef struct world {
  ufo_store *store;
  ufo_pool *pool;
} world;

#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    ufo_status status_ = (call);                                                                                       \
    if (status_ != UFO_OK) return status_;                                                                             \
  } while (0)

typedef struct writing {
  uint64_t *data, first, count, generation;
  int kind;
} writing;

/* Under ufo_guarded: where the disk is full, the pool may have no room left to give. */
static int write_values(void *user) {
  writing *w = user;
  for (uint64_t i = 0; i < w->count; i++) w->data[w->first + i] = value_of(w->kind, w->generation, w->first + i);
  return 0;
}

static ufo_status put_through_view(world *w, ufo_txn *txn, const char *name, writing what) {
  ufo_view *view;
  TRY(ufo_view_open(w->store, txn, w->pool, name, NULL, &view, &error));
  what.data = ufo_view_data(view);
  ufo_status status = ufo_guarded(NULL, write_values, &what, NULL, &error);
  if (status == UFO_OK) status = ufo_txn_put_view(txn, name, view, UFO_PUT_CHECKED, &error);
  ufo_view_release(view);
  return status;
}

static ufo_status edit(world *w, ufo_txn *txn, uint64_t g) {
  static uint64_t values[8000];
  static int32_t log[LOG_STEP];
  int32_t number = (int32_t)g;
  ufo_object_spec spec = spec_of(UFO_INTEGER, 1, CHUNK);
  TRY(ufo_txn_put(txn, "generation", &spec, &number, &error));

  spec = spec_of(UFO_DOUBLE, put_length(g), CHUNK);
  for (uint64_t i = 0; i < spec.length; i++) values[i] = value_of(PUT, g, i);
  TRY(ufo_txn_put(txn, "put", &spec, values, &error));

  if (g == 1) {
    spec = spec_of(UFO_DOUBLE, VIEW_CHUNKS * PER_CHUNK, CHUNK);
    TRY(ufo_txn_create(txn, "view", &spec, &error));
    spec = spec_of(UFO_DOUBLE, STAGED, STAGED_CHUNK);
    TRY(ufo_txn_create(txn, "staged", &spec, &error));
    spec = spec_of(UFO_INTEGER, 0, CHUNK);
    TRY(ufo_txn_create(txn, "log", &spec, &error));
  }
  TRY(put_through_view(
      w, txn, "view",
      (writing){.first = g % VIEW_CHUNKS * PER_CHUNK, .count = PER_CHUNK, .generation = g, .kind = VIEW}));
  if (stage_generation(g) == g)
    TRY(put_through_view(w, txn, "staged", (writing){.count = STAGED, .generation = g, .kind = STAGE}));

  for (uint64_t i = 0; i < LOG_STEP; i++) log[i] = (int32_t)value_of(LOG, g, i);
  TRY(ufo_txn_append(txn, "log", log, LOG_STEP, &error));

  char name[16];
  made_name(name, g);
  if (is_made(g)) {
    double one = (double)g;
    spec = spec_of(UFO_DOUBLE, MADE_LENGTH, 0);
    TRY(ufo_txn_create(txn, name, &spec, &error));
    TRY(ufo_txn_write(txn, name, g * 1000 % MADE_LENGTH, 1, &one, &error));
  } else if (g > MADE) {
    TRY(ufo_txn_remove(txn, name, &error));
  }

  static const char *const children[] = {".first", ".second"};
  spec = spec_of(UFO_DOUBLE, 600, CHUNK);
  for (uint64_t c = 0; c < 2; c++) {
    for (uint64_t i = 0; i < spec.length; i++) values[i] = value_of(LIST, g, 1000 * c + i);
    TRY(ufo_txn_put(txn, children[c], &spec, values, &error));
  }
  return ufo_txn_put_list(txn, "list", children, 2, &error);
}

static ufo_status one_generation(world *w, uint64_t g, int retry) {
  ufo_status status = UFO_OK;
  for (int attempt = 0; attempt < (retry ? ATTEMPTS : 1); attempt++) {
    ufo_txn *txn;
    status = ufo_txn_begin(w->store, &txn, &error);
    if (status != UFO_OK) continue;
    status = edit(w, txn, g);
    for (int again = 0; status == UFO_OK && again < (retry ? 3 : 1); again++) {
      ufo_status committed = ufo_txn_commit(txn, &error);
      if (committed == UFO_OK) return UFO_OK;
      if (again == (retry ? 2 : 0)) status = committed;
    }
    ufo_txn_abort(txn);
  }
  return status;
}

/* ---- judging
 * --------------------------------------------------------------------------------------------------------- */

#define DEMAND(condition)                                                                                              \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "seed %" PRIu64 ": not as promised, %s:%d: %s (%s)\n", seed, __FILE__, __LINE__, #condition,     \
              error.message);                                                                                          \
      return 1;                                                                                                        \
    }                                                                                                                  \
  } while (0)

static int right_values(ufo_store *store, const char *name, uint64_t first, uint64_t count, int kind, uint64_t g,
                        uint64_t base) {
  static uint64_t buffer[65536];
  for (uint64_t at = 0; at < count;) {
    uint64_t n = count - at < 65536 ? count - at : 65536;
    DEMAND(ufo_store_read(store, NULL, name, 0, first + at, n, buffer, &error) == UFO_OK);
    for (uint64_t i = 0; i < n; i++) DEMAND(buffer[i] == (g ? value_of(kind, g, base + at + i) : 0));
    at += n;
  }
  return 0;
}

static int count_names(ufo_store *store, uint64_t *count) {
  ufo_store_iterator *iterator;
  ufo_object_info info = {.struct_size = sizeof info};
  DEMAND(ufo_store_list(store, NULL, &iterator, &error) == UFO_OK);
  *count = 0;
  ufo_status status;
  while ((status = ufo_store_iterator_next(iterator, &info, &error)) == UFO_OK) ++*count;
  ufo_store_iterator_free(iterator);
  DEMAND(status == UFO_END);
  return 0;
}

/* Every byte of generation g. */
static int right_generation(ufo_store *store, uint64_t g) {
  uint64_t expected_names = 6, names;
  ufo_object_info info = {.struct_size = sizeof info};
  static int32_t log[LOG_STEP];
  for (uint64_t k = 1; k <= MADE && k <= g; k++) expected_names += is_made(g + 1 - k) != 0;
  if (count_names(store, &names)) return 1;
  DEMAND(names == (g ? expected_names : 0));
  if (g == 0) return 0;
  DEMAND(ufo_store_info(store, NULL, "put", 0, &info, &error) == UFO_OK && info.length == put_length(g));
  if (right_values(store, "put", 0, put_length(g), PUT, g, 0)) return 1;
  for (uint64_t c = 0; c < VIEW_CHUNKS; c++)
    if (right_values(store, "view", c * PER_CHUNK, PER_CHUNK, VIEW, last_of(g, VIEW_CHUNKS, c), c * PER_CHUNK))
      return 1;
  if (right_values(store, "staged", 0, STAGED, STAGE, stage_generation(g), 0)) return 1;
  DEMAND(ufo_store_info(store, NULL, "log", 0, &info, &error) == UFO_OK && info.length == g * LOG_STEP);
  for (uint64_t step = 1; step <= g; step++) {
    DEMAND(ufo_store_read(store, NULL, "log", 0, (step - 1) * LOG_STEP, LOG_STEP, log, &error) == UFO_OK);
    for (uint64_t i = 0; i < LOG_STEP; i++) DEMAND(log[i] == (int32_t)value_of(LOG, step, i));
  }
  for (uint64_t k = 0; k < MADE && k < g; k++) {
    uint64_t made = g - k;
    char name[16];
    made_name(name, made);
    double found[2];
    ufo_status status = ufo_store_read(store, NULL, name, 0, made * 1000 % MADE_LENGTH, 2, found, &error);
    if (is_made(made)) DEMAND(status == UFO_OK && found[0] == (double)made && found[1] == 0);
    else DEMAND(status == UFO_MISSING);
  }
  return right_values(store, "list[[1]]", 0, 600, LIST, g, 0) ||
         right_values(store, "list[[2]]", 0, 600, LIST, g, 1000);
}

static int show_damage(void *user, const ufo_damage *damage) {
  (void)user;
  fprintf(stderr, "damage: %s: %s\n", damage->name ? damage->name : "(store)", damage->cause);
  return 0;
}

static int generation_of(ufo_store *store, uint64_t *g) {
  int32_t number = 0;
  ufo_status status = ufo_store_read(store, NULL, "generation", 0, 0, 1, &number, &error);
  DEMAND(status == UFO_OK || status == UFO_MISSING);
  *g = (uint64_t)number;
  return 0;
}

static int verify(const char *path, uint64_t acked) {
  ufo_store *store;
  uint64_t g = 0;
  if (access(path, F_OK) != 0) {
    DEMAND(acked == 0); /* killed before the file appeared */
    return 0;
  }
  DEMAND(ufo_store_open(path, NULL, &store, &error) == UFO_OK);
  if (generation_of(store, &g)) return 1;
  if (g < acked || g > acked + 1) fprintf(stderr, "found generation %" PRIu64 ", acknowledged %" PRIu64 "\n", g, acked);
  DEMAND(acked <= g && g <= acked + 1);
  if (right_generation(store, g)) return 1;
  DEMAND(ufo_store_verify(store, show_damage, NULL, NULL, &error) == UFO_OK);
  /* What the dead had staged is reclaimed by those who come after. */
  for (int i = 0; i < 6; i++) {
    ufo_txn *txn;
    int32_t number = i;
    ufo_object_spec spec = spec_of(UFO_INTEGER, 1, 0);
    DEMAND(ufo_txn_begin(store, &txn, &error) == UFO_OK);
    if (i < 5) DEMAND(ufo_txn_put(txn, "judge", &spec, &number, &error) == UFO_OK);
    else DEMAND(ufo_txn_remove(txn, "judge", &error) == UFO_OK);
    DEMAND(ufo_txn_commit(txn, &error) == UFO_OK);
  }
  ufo_store_stat stat = {.struct_size = sizeof stat};
  DEMAND(ufo_store_get_stat(store, &stat, &error) == UFO_OK);
  DEMAND(stat.staged_blobs == 0);
  DEMAND(stat.blob_bytes <= stat.live_bytes + 65536);
  DEMAND(stat.file_bytes <= UINT64_C(80) << 20);
  ufo_store_close(store);
  return 0;
}

/* ---- running
 * --------------------------------------------------------------------------------------------------------- */

static int reported(const char *what) {
  fprintf(stderr, "%s: %s\n", what, error.message);
  return error.message[0] && error.code < 0 ? 3 : 1;
}

static int world_open(world *w, const char *path, int retry) {
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = 2 << 20};
  ufo_status status = UFO_IO;
  for (int attempt = 0; status != UFO_OK && attempt < (retry ? ATTEMPTS : 1); attempt++)
    status = ufo_store_open(path, NULL, &w->store, &error);
  if (status != UFO_OK) return reported("open");
  if (ufo_pool_create(&options, &w->pool, &error) != UFO_OK) return reported("pool");
  return 0;
}

static void world_close(world *w) {
  ufo_store_close(w->store);
  (void)ufo_pool_destroy(w->pool, NULL);
}

static int run(const char *path, uint64_t until, int ack, int retry) {
  world w;
  uint64_t g;
  int result = world_open(&w, path, retry);
  if (result) return result;
  if (generation_of(w.store, &g)) return 1;
  while (result == 0 && ++g <= until) {
    if (one_generation(&w, g, retry) != UFO_OK) {
      result = reported("generation");
      break;
    }
    char line[32];
    int n = snprintf(line, sizeof line, "%" PRIu64 "\n", g);
    if (write(ack, line, (size_t)n) != n) result = 2;
    if (g % 11 == 0) {
      ufo_status status = ufo_store_compact(w.store, NULL, &error);
      if (status != UFO_OK && !retry) result = reported("compact");
    }
  }
  world_close(&w);
  return result;
}

static int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int kill_runs(const char *path, uint64_t runs) {
  uint64_t acked = 0, state = seed, commits = 0;
  char lock[4096];
  snprintf(lock, sizeof lock, "%s-lock", path);
  for (uint64_t r = 0; r < runs; r++) {
    if (r % 10 == 0) { /* begin anew, so that creation is hit too */
      unlink(path);
      unlink(lock);
      acked = 0;
    }
    int ends[2];
    if (pipe(ends) != 0) return 2;
    state = mix(state);
    pid_t child = fork();
    if (child == 0) {
      close(ends[0]);
      _exit(run(path, UINT64_MAX, ends[1], 0));
    }
    close(ends[1]);
    usleep((useconds_t)(r % 10 == 0 ? state % 8000 : state % 150000));
    kill(child, SIGKILL);
    int result = wait_for(child);
    if (result != 128 + SIGKILL) {
      fprintf(stderr, "run %" PRIu64 " of seed %" PRIu64 " ended by itself with %d\n", r, seed, result);
      return 1;
    }
    FILE *acks = fdopen(ends[0], "r");
    char line[32];
    while (fgets(line, sizeof line, acks)) {
      if (line[strlen(line) - 1] == '\n') acked = strtoull(line, NULL, 10);
      commits++;
    }
    fclose(acks);
    child = fork();
    if (child == 0) {
      alarm(30);
      _exit(verify(path, acked));
    }
    result = wait_for(child);
    if (result != 0) {
      fprintf(stderr, "run %" PRIu64 " of seed %" PRIu64 ": verify gave %d\n", r, seed, result);
      return 1;
    }
    /* The judge found G = acked or one more; the next run goes on from there. */
    child = fork();
    if (child == 0) {
      ufo_store *store;
      uint64_t g = 0;
      if (access(path, F_OK) == 0 && ufo_store_open(path, NULL, &store, &error) == UFO_OK) generation_of(store, &g);
      _exit(g == acked ? 0 : 100);
    }
    if (wait_for(child) == 100) acked++;
  }
  printf("%" PRIu64 " commits acknowledged, seed %" PRIu64 "\n", commits, seed);
  tally(runs, "runs killed at a random moment");
  return 0;
}

/* ---- disk full
 * ------------------------------------------------------------------------------------------------------- */

static int run_full(const char *path, const char *make_room) {
  world w;
  uint64_t g = 0;
  int result = world_open(&w, path, 0);
  if (result) return result;
  DEMAND(one_generation(&w, ++g, 0) == UFO_OK);
  ufo_view *kept;
  DEMAND(ufo_view_open(w.store, NULL, w.pool, "view", NULL, &kept, &error) == UFO_OK);
  uint64_t *data = ufo_view_data(kept);
  data[3] = 33;
  ufo_status status;
  do status = one_generation(&w, ++g, 0);
  while (status == UFO_OK && g < 200);
  DEMAND(status == UFO_FULL || status == UFO_IO);
  fprintf(stderr, "generation %" PRIu64 ": %s\n", g, error.message);
  g--;
  DEMAND(data[3] == 33 && data[PER_CHUNK] == value_of(VIEW, 1, PER_CHUNK) && data[2 * PER_CHUNK] == 0);
  if (right_generation(w.store, g)) return 1;
  for (int again = 0; again < 3; again++) DEMAND(one_generation(&w, g + 1, 0) != UFO_OK);
  if (right_generation(w.store, g)) return 1;
  /* A commit that failed for want of room is tried again with the same transaction once there is room. */
  ufo_txn *txn;
  DEMAND(ufo_txn_begin(w.store, &txn, &error) == UFO_OK);
  status = edit(&w, txn, g + 1);
  int kept_edits = status == UFO_OK;
  if (kept_edits) DEMAND(ufo_txn_commit(txn, &error) != UFO_OK);
  if (system(make_room) != 0) return 2;
  if (kept_edits) {
    DEMAND(ufo_txn_commit(txn, &error) == UFO_OK);
    g++;
  } else {
    ufo_txn_abort(txn);
  }
  for (int i = 0; i < 5; i++) DEMAND(one_generation(&w, ++g, 0) == UFO_OK);
  if (right_generation(w.store, g)) return 1;
  DEMAND(data[3] == 33 && data[PER_CHUNK] == value_of(VIEW, 1, PER_CHUNK));
  ufo_view_release(kept);
  world_close(&w);
  printf("%" PRIu64 "\n", g);
  return 0;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info, (void)kind, (void)walk;
  return remove(path);
}

static int run_test(void) {
  const char *given = getenv("UFO_SEED");
  const char *base = getenv("TMPDIR");
  char folder[3000], path[3100];
  snprintf(folder, sizeof folder, "%s/ufo-torture-XXXXXX", base && *base ? base : "/tmp");
  if (!mkdtemp(folder)) return 2;
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
  int result = kill_runs(path, nightly() ? 2000 : 100);
  if (result != 0) {
    fprintf(stderr, "what is left is in %s\n", folder);
    return result;
  }
  return nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv) {
  if (argc == 1) return run_test();
  if (argc < 5) {
    fprintf(stderr, "usage: torture run|verify|kill|full PATH SEED ARGUMENT [--retry]\n");
    return 2;
  }
  const char *what = argv[1], *path = argv[2];
  seed = strtoull(argv[3], NULL, 10);
  uint64_t number = strtoull(argv[4], NULL, 10);
  signal(SIGXFSZ, SIG_IGN);
  if (!strcmp(what, "run")) return run(path, number, 1, argc > 5 && !strcmp(argv[5], "--retry"));
  if (!strcmp(what, "verify")) return verify(path, number);
  if (!strcmp(what, "kill")) return kill_runs(path, number);
  if (!strcmp(what, "full")) return run_full(path, argv[4]);
  return 2;
}
