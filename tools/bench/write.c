/* write.c - changing stored data: a little in every chunk, and one element at a time. */
#include "cases.h"
#include "cli/cli.h"
#include "clock.h"
#include "pack.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- one element in every 100 ---- */

enum { UPDATE, PLAIN, WRITING, COMMIT, STALL };
enum { STEP = 100, PIECE_BYTES = 1024 * 1024 };

static const series_spec update_series[] = {
    [UPDATE] = {"ufostore", ROLE_FIGURE, "GB/s", "bytes of changed chunks by the time of all changes and the commit"},
    [PLAIN] = {"plain", ROLE_LIMIT, "GB/s", "the same changes in malloc()ed memory, LZ4, write(), fdatasync()"},
    [WRITING] = {"changing", ROLE_MORE, "GB/s", "ufostore without the commit"},
    [COMMIT] = {"commit", ROLE_MORE, "ms", "the commit alone"},
    [STALL] = {"stall", ROLE_MORE, "ms", "longest time for the changes of one chunk"},
    {0},
};
static const goal_spec update_goals[] = {
    {"update and commit / (compress, write, sync)", UPDATE, PLAIN, false, 0.6},
    {0},
};

typedef struct update_state {
  dataset set;
  ufo_store *store;
  double *plain;
  uint64_t round;
} update_state;

static ufo_status update_prepare(workspace *w, const bench_case *self, void **state_out, ufo_error *error) {
  (void)self;
  update_state *s = calloc(1, sizeof *s);
  *state_out = s;
  if (!s) return set_error(error, UFO_FULL, "no memory");
  ufo_status status = dataset_create(w, "update.ufo", DATA_PRICES, w->data_bytes, 0, &s->set, error);
  if (!status) status = dataset_open(&s->set, true, &s->store, error);
  if (status) return status;
  s->plain = aligned_alloc(4096, s->set.bytes);
  if (!s->plain) return set_error(error, UFO_FULL, "no memory for a copy of the data");
  data_fill(DATA_PRICES, 0, s->set.count, s->plain);
  return UFO_OK;
}

/* What element `i` becomes in this round: another price. */
static double changed_value(const update_state *s, uint64_t i) {
  return data_at(DATA_PRICES, i + s->round * UINT64_C(1000000007));
}

/* Changes every hundredth element; returns the longest time for those of one chunk. */
static uint64_t change_all(const update_state *s, double *values) {
  const uint64_t units = PACK_CHUNK_BYTES / sizeof(double);
  uint64_t longest = 0, before = now_ns();
  for (uint64_t first = 0, i = 0; first < s->set.count; first += units) {
    for (; i < first + units; i += STEP) values[i] = changed_value(s, i);
    uint64_t now = now_ns();
    if (now - before > longest) longest = now - before;
    before = now;
  }
  return longest;
}

static ufo_status check_changes(const update_state *s, ufo_error *error) {
  for (uint64_t k = 0; k < 1000; k++) {
    uint64_t i = mix(k + s->round) % (s->set.count / STEP) * STEP;
    double value;
    ufo_status status = ufo_store_read(s->store, NULL, DATASET_NAME, 0, i, 1, &value, error);
    if (status) return status;
    if (value != changed_value(s, i))
      return set_error(error, UFO_CORRUPT, "element %llu is %.17g after the commit", (unsigned long long)i, value);
  }
  return UFO_OK;
}

static ufo_status update_store(workspace *w, update_state *s, double *sample, ufo_error *error) {
  ufo_pool *pool;
  ufo_txn *txn = NULL;
  ufo_view *view = NULL;
  ufo_status status = bench_pool(w->budget_bytes, &pool, error);
  if (status) return status;
  uint64_t begin = now_ns(), changed = begin, longest = 0;
  status = ufo_txn_begin(s->store, &txn, error);
  if (!status) status = ufo_view_open(s->store, txn, pool, DATASET_NAME, NULL, &view, error);
  if (!status) {
    longest = change_all(s, ufo_view_data(view));
    changed = now_ns();
    status = ufo_txn_put_view(txn, DATASET_NAME, view, UFO_PUT_CHECKED, error);
  }
  if (!status && !(status = ufo_txn_commit(txn, error))) txn = NULL;
  uint64_t end = now_ns();
  sample[UPDATE] = gb_per_s(s->set.bytes, end - begin);
  sample[WRITING] = gb_per_s(s->set.bytes, changed - begin);
  sample[COMMIT] = (double)(end - changed) / 1e6;
  sample[STALL] = (double)longest / 1e6;
  ufo_view_release(view);
  ufo_txn_abort(txn);
  ufo_status closing = ufo_pool_destroy(pool, status ? NULL : error);
  if (!status) status = closing;
  return status ? status : check_changes(s, error);
}

static bool flush_piece(int fd, const char *piece, size_t *used) {
  bool written = write(fd, piece, *used) == (ssize_t)*used;
  *used = 0;
  return written;
}

/* Compresses chunk after chunk, collects them in pieces of a MiB, writes these, and syncs at the end. */
static ufo_status update_plain(workspace *w, update_state *s, double *out, ufo_error *error) {
  char path[PATH_MAX];
  const int bound = LZ4_compressBound(PACK_CHUNK_BYTES);
  char *piece = malloc(PIECE_BYTES + (size_t)bound);
  if (!piece) return set_error(error, UFO_FULL, "no memory for a piece");
  workspace_path(w, "plain.lz4", path);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  size_t used = 0;
  bool sound = fd >= 0;
  uint64_t begin = now_ns();
  change_all(s, s->plain);
  for (uint64_t at = 0; sound && at < s->set.bytes; at += PACK_CHUNK_BYTES) {
    used += (size_t)LZ4_compress_default((const char *)s->plain + at, piece + used, PACK_CHUNK_BYTES, bound);
    if (used >= PIECE_BYTES) sound = flush_piece(fd, piece, &used);
  }
  sound = sound && flush_piece(fd, piece, &used) && !fdatasync(fd);
  *out = gb_per_s(s->set.bytes, now_ns() - begin);
  ufo_status status = sound ? UFO_OK : set_errno(error, "%s: cannot write", path);
  if (fd >= 0) close(fd);
  unlink(path);
  free(piece);
  return status;
}

static ufo_status update_run(workspace *w, void *state, round_samples *round, ufo_error *error) {
  update_state *s = state;
  s->round++;
  ufo_status status = update_store(w, s, round->sample, error);
  if (!status) status = update_plain(w, s, &round->sample[PLAIN], error);
  return status;
}

static void update_finish(workspace *w, void *state, result *r) {
  (void)w, (void)r;
  update_state *s = state;
  if (!s) return;
  ufo_store_close(s->store);
  if (s->set.path[0]) unlink(s->set.path);
  free(s->plain);
  free(s);
}

const bench_case case_update = {.name = "update",
                                .title = "one element in every 100 changed, then a commit",
                                .series = update_series,
                                .goals = update_goals,
                                .prepare = update_prepare,
                                .run = update_run,
                                .finish = update_finish};

/* ---- one element ---- */

enum { ONE, BARE, ONE_P99, BARE_P99 };
enum { KEYS = 4096, VALUE_BYTES = 4096, COMMITS_BEFORE = 10 };

static const series_spec commit_series[] = {
    [ONE] = {"ufostore", ROLE_FIGURE, "us", "x[i] = v, putting the view, commit; median"},
    [BARE] = {"lmdb", ROLE_LIMIT, "us", "LMDB: begin, put of 4 KiB, commit; median"},
    [ONE_P99] = {"ufostore_p99", ROLE_MORE, "us", "99th percentile of ufostore's"},
    [BARE_P99] = {"lmdb_p99", ROLE_MORE, "us", "99th percentile of LMDB's"},
    {0},
};
static const goal_spec commit_goals[] = {{"commit / LMDB put and commit", ONE, BARE, true, 1.5}, {0}};

typedef struct commit_state {
  dataset set;
  ufo_store *store;
  opened o;
  MDB_env *env;
  MDB_dbi dbi;
  uint64_t count, commits; /* in a round, in all */
  double *own, *bare;      /* microseconds of a round */
} commit_state;

static ufo_status lmdb_error(ufo_error *error, int code) {
  return set_error(error, UFO_IO, "bare LMDB: %s", mdb_strerror(code));
}

static int put_bare(commit_state *s, uint64_t number, MDB_txn *txn) {
  static char value[VALUE_BYTES];
  uint64_t key = number % KEYS;
  memcpy(value, &number, sizeof number);
  MDB_val k = {sizeof key, &key}, v = {sizeof value, value};
  return mdb_put(txn, s->dbi, &k, &v, 0);
}

static ufo_status open_bare(workspace *w, commit_state *s, ufo_error *error) {
  char path[PATH_MAX];
  MDB_txn *txn = NULL;
  workspace_path(w, "bare.mdb", path);
  int code = mdb_env_create(&s->env);
  if (!code) code = mdb_env_set_mapsize(s->env, (size_t)1 << 30);
  if (!code) code = mdb_env_open(s->env, path, MDB_NOSUBDIR | MDB_NOTLS, 0600);
  if (!code) code = mdb_txn_begin(s->env, NULL, 0, &txn);
  if (!code) code = mdb_dbi_open(txn, NULL, 0, &s->dbi);
  for (uint64_t i = 0; !code && i < KEYS; i++) code = put_bare(s, i, txn);
  if (!code) code = mdb_txn_commit(txn);
  else if (txn) mdb_txn_abort(txn);
  return code ? lmdb_error(error, code) : UFO_OK;
}

static ufo_status commit_one(commit_state *s, ufo_error *error) {
  ufo_txn *txn;
  uint64_t number = ++s->commits;
  double *values = ufo_view_data(s->o.view);
  values[mix(number) % s->set.count] = (double)number;
  ufo_status status = ufo_txn_begin(s->store, &txn, error);
  if (status) return status;
  status = ufo_txn_put_view(txn, DATASET_NAME, s->o.view, UFO_PUT_CHECKED, error);
  if (!status) status = ufo_txn_commit(txn, error);
  if (status) ufo_txn_abort(txn);
  return status;
}

static int commit_bare(commit_state *s) {
  MDB_txn *txn;
  int code = mdb_txn_begin(s->env, NULL, 0, &txn);
  if (code) return code;
  code = put_bare(s, mix(s->commits), txn);
  if (!code) return mdb_txn_commit(txn);
  mdb_txn_abort(txn);
  return code;
}

static ufo_status commit_prepare(workspace *w, const bench_case *self, void **state_out, ufo_error *error) {
  (void)self;
  commit_state *s = calloc(1, sizeof *s);
  *state_out = s;
  if (!s) return set_error(error, UFO_FULL, "no memory");
  s->count = w->quick ? 5 : 100;
  s->own = malloc(s->count * sizeof(double));
  s->bare = malloc(s->count * sizeof(double));
  if (!s->own || !s->bare) return set_error(error, UFO_FULL, "no memory");
  ufo_status status = dataset_create(w, "commit.ufo", DATA_PRICES, w->data_bytes / 32, 0, &s->set, error);
  if (!status) status = dataset_open(&s->set, true, &s->store, error);
  if (!status) status = dataset_view(s->store, w->budget_bytes, &s->o, error);
  if (!status) status = open_bare(w, s, error);
  /* Until both files have free pages to use again. */
  for (int i = 0; !status && i < COMMITS_BEFORE; i++) {
    status = commit_one(s, error);
    int code = commit_bare(s);
    if (!status && code) status = lmdb_error(error, code);
  }
  return status;
}

/* One by one in turn, so that both meet the same moods of the disk. */
static ufo_status commit_run(workspace *w, void *state, round_samples *round, ufo_error *error) {
  (void)w;
  commit_state *s = state;
  for (uint64_t i = 0; i < s->count; i++) {
    uint64_t begin = now_ns();
    ufo_status status = commit_one(s, error);
    uint64_t middle = now_ns();
    int code = status ? 0 : commit_bare(s);
    uint64_t end = now_ns();
    if (status) return status;
    if (code) return lmdb_error(error, code);
    s->own[i] = (double)(middle - begin) / 1e3;
    s->bare[i] = (double)(end - middle) / 1e3;
  }
  sort_doubles(s->own, s->count);
  sort_doubles(s->bare, s->count);
  round->sample[ONE] = quantile(s->own, s->count, 0.5);
  round->sample[BARE] = quantile(s->bare, s->count, 0.5);
  round->sample[ONE_P99] = quantile(s->own, s->count, 0.99);
  round->sample[BARE_P99] = quantile(s->bare, s->count, 0.99);
  return UFO_OK;
}

static void commit_finish(workspace *w, void *state, result *r) {
  (void)w, (void)r;
  commit_state *s = state;
  if (!s) return;
  ufo_status status = opened_close(&s->o, NULL);
  (void)status;
  ufo_store_close(s->store);
  if (s->env) mdb_env_close(s->env);
  free(s->own);
  free(s->bare);
  free(s);
}

const bench_case case_commit = {.name = "commit",
                                .title = "one element changed and committed",
                                .series = commit_series,
                                .goals = commit_goals,
                                .prepare = commit_prepare,
                                .run = commit_run,
                                .finish = commit_finish};
