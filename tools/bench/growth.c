/* growth.c - how cost grows: with the size of data against the budget, objects, elements, threads. Each gives curves
 * and has no goal; every point is the median of a few repetitions. */
#include "cases.h"
#include "cli/cli.h"
#include "clock.h"
#include "objects.h"
#include "sources.h"
#include "sum.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REPEATS_MAX = 3, THREADS_MAX = 8 };

static const series_spec no_series[] = {{0}};

typedef struct state {
  sources s;
  dataset set;      /* of grow-size */
  ufo_store *store; /* the same, open */
  result points;    /* only its curves are used */
} state;

static ufo_status prepare(workspace *w, const bench_case *self, void **state_out, ufo_error *error) {
  (void)w, (void)self;
  state *s = calloc(1, sizeof *s);
  *state_out = s;
  return s ? UFO_OK : set_error(error, UFO_FULL, "no memory");
}

static void finish(workspace *w, void *argument, result *r) {
  (void)w;
  state *s = argument;
  if (!s) return;
  for (unsigned i = 0; r && i < s->points.curve_count; i++) r->curves[r->curve_count++] = s->points.curves[i];
  if (r) memcpy(r->reason, s->points.reason, sizeof r->reason);
  ufo_store_close(s->store);
  if (s->set.path[0]) unlink(s->set.path);
  sources_close(&s->s);
  free(s);
}

static unsigned repeats(const workspace *w) { return w->quick ? 1 : REPEATS_MAX; }

/* ---- data against the budget ---- */

/* Scans twice; the second time finds in memory what has room there. */
static ufo_status size_view(workspace *w, state *s, uint64_t budget, uint64_t count, double *first, double *again,
                            double *sum, ufo_error *error) {
  opened o;
  (void)w;
  ufo_status status = dataset_view(s->store, budget, &o, error);
  if (status) return status;
  *first = timed_scan(o.values, count, sum);
  *again = timed_scan(o.values, count, sum);
  return opened_close(&o, error);
}

static ufo_status size_reference(state *s, uint64_t budget, uint64_t count, double *first, double *again, double *sum,
                                 ufo_error *error) {
  reference *r;
  const reference_options options = {.bytes = count * sizeof(double),
                                     .chunk_bytes = PACK_CHUNK_BYTES,
                                     .budget_bytes = budget,
                                     .fill = sources_fill,
                                     .user = &s->s};
  ufo_status status = reference_start(&options, &r, error);
  if (status) return status;
  *first = timed_scan(reference_body(r), count, sum);
  *again = timed_scan(reference_body(r), count, sum);
  return sources_reference_end(r, error);
}

static ufo_status size_point(workspace *w, state *s, uint64_t budget, double multiple, ufo_error *error) {
  double times[5][REPEATS_MAX], a, b;
  uint64_t count = (uint64_t)((double)budget * multiple) / sizeof(double);
  unsigned n = repeats(w);
  for (unsigned k = 0; k < n; k++) {
    ufo_status status = size_view(w, s, budget, count, &times[0][k], &times[1][k], &a, error);
    if (!status) status = size_reference(s, budget, count, &times[2][k], &times[3][k], &b, error);
    if (!status) status = sources_decode_all(&s->s, &times[4][k], error);
    if (!status) status = workspace_check(w, error);
    if (!status && a != b) status = set_error(error, UFO_CORRUPT, "ufostore and the reference have different sums");
    if (status) return status;
  }
  static const char *const keys[] = {"ufostore", "ufostore_again", "handler", "handler_again", "decode"};
  for (int i = 0; i < 5; i++)
    result_point(&s->points, keys[i], "data / budget", "GB/s", multiple, summarize(times[i], n).median);
  return UFO_OK;
}

static ufo_status size_run(workspace *w, void *argument, round_samples *round, ufo_error *error) {
  (void)round;
  state *s = argument;
  /* A smaller budget, so that 64 times as much is not too much. */
  uint64_t budget = w->budget_bytes / 4, largest = w->quick ? 4 : 64;
  ufo_status status = sources_open(w, DATA_PRICES, &s->s, error);
  if (!status)
    status =
        dataset_create(w, "grow.ufo", DATA_PRICES, budget * largest, w->data_bytes / sizeof(double), &s->set, error);
  if (!status) status = dataset_open(&s->set, false, &s->store, error);
  for (double multiple = 0.25; !status && multiple <= (double)largest; multiple *= 2)
    status = size_point(w, s, budget, multiple, error);
  return status;
}

const bench_case case_grow_size = {.name = "grow-size",
                                   .title = "scan of data from a quarter to 64 times the budget (of a quarter)",
                                   .series = no_series,
                                   .once = true,
                                   .prepare = prepare,
                                   .run = size_run,
                                   .finish = finish};

/* ---- objects ---- */

static ufo_status objects_point(workspace *w, state *s, uint64_t count, ufo_pool *pool, ufo_error *error) {
  enum { OPENS = 11 };
  char path[PATH_MAX];
  double opens[OPENS];
  struct stat facts;
  uint64_t begin = now_ns();
  ufo_status status = objects_create(w, "grow-objects.ufo", count, path, error);
  double created = (double)(now_ns() - begin) / 1e3 / (double)count;
  for (uint64_t i = 0; !status && i < OPENS; i++) {
    uint64_t ns = 0;
    status = objects_open_one(path, UFO_OPEN_READ_WRITE, pool, mix(i) % count, &ns, error);
    opens[i] = (double)ns / 1e6;
  }
  if (!status && stat(path, &facts)) status = set_errno(error, "%s: cannot look at the file", path);
  unlink(path);
  if (status) return status;
  result_point(&s->points, "create", "objects", "us/object", (double)count, created);
  result_point(&s->points, "open", "objects", "ms", (double)count, summarize(opens, OPENS).median);
  result_point(&s->points, "file", "objects", "bytes/object", (double)count, (double)facts.st_size / (double)count);
  return UFO_OK;
}

static ufo_status objects_run(workspace *w, void *argument, round_samples *round, ufo_error *error) {
  (void)round;
  ufo_pool *pool;
  ufo_status status = bench_pool(w->budget_bytes, &pool, error);
  if (status) return status;
  for (uint64_t count = 1000; !status && count <= (w->quick ? 1000 : 1000000); count *= 10)
    status = objects_point(w, argument, count, pool, error);
  ufo_pool_destroy(pool, NULL);
  return status;
}

const bench_case case_grow_objects = {.name = "grow-objects",
                                      .title = "stores of 10^3 to 10^6 objects",
                                      .series = no_series,
                                      .once = true,
                                      .prepare = prepare,
                                      .run = objects_run,
                                      .finish = finish};

/* ---- elements ---- */

enum { SCATTERED = 100 };

/* Creates a sparse vector, changes scattered elements of a view, commits, reads them again. */
static ufo_status length_steps(ufo_store *store, ufo_pool *pool, uint64_t length, double ms[4], ufo_error *error) {
  const ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_DOUBLE, .length = length};
  ufo_txn *txn = NULL;
  ufo_view *view = NULL;
  uint64_t begin = now_ns();
  ufo_status status = ufo_txn_begin(store, &txn, error);
  if (!status) status = ufo_txn_create(txn, DATASET_NAME, &spec, error);
  if (!status && !(status = ufo_txn_commit(txn, error))) txn = NULL;
  uint64_t created = now_ns();
  if (!status) status = ufo_view_open(store, NULL, pool, DATASET_NAME, NULL, &view, error);
  uint64_t viewed = now_ns();
  double *values = status ? NULL : ufo_view_data(view);
  for (uint64_t i = 0; values && i < SCATTERED; i++) values[mix(i) % length] = (double)(i + 1);
  uint64_t changed = now_ns();
  if (!status) status = ufo_txn_begin(store, &txn, error);
  if (!status) status = ufo_txn_put_view(txn, DATASET_NAME, view, UFO_PUT_CHECKED, error);
  if (!status && !(status = ufo_txn_commit(txn, error))) txn = NULL;
  uint64_t committed = now_ns();
  ms[0] = (double)(created - begin) / 1e6;
  ms[1] = (double)(viewed - created) / 1e6;
  ms[2] = (double)(changed - viewed) / 1e6 / SCATTERED;
  ms[3] = (double)(committed - changed) / 1e6;
  ufo_view_release(view);
  ufo_txn_abort(txn);
  for (uint64_t i = 0; !status && i < SCATTERED; i++) {
    double value;
    status = ufo_store_read(store, NULL, DATASET_NAME, 0, mix(i) % length, 1, &value, error);
    if (!status && value != (double)(i + 1)) status = set_error(error, UFO_CORRUPT, "a scattered element is wrong");
  }
  return status;
}

static ufo_status length_point(workspace *w, state *s, ufo_pool *pool, uint64_t length, ufo_error *error) {
  static const char *const keys[] = {"create", "view", "write_fault", "commit"};
  double ms[4][REPEATS_MAX];
  unsigned n = repeats(w);
  for (unsigned k = 0; k < n; k++) {
    char path[PATH_MAX];
    double once[4];
    ufo_store *store;
    workspace_path(w, "grow-length.ufo", path);
    const ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_CREATE};
    ufo_status status = ufo_store_open(path, &options, &store, error);
    if (status) return status;
    status = length_steps(store, pool, length, once, error);
    ufo_store_close(store);
    unlink(path);
    if (status) return status;
    for (int i = 0; i < 4; i++) ms[i][k] = once[i];
  }
  for (int i = 0; i < 4; i++)
    result_point(&s->points, keys[i], "elements", "ms", (double)length, summarize(ms[i], n).median);
  return UFO_OK;
}

static ufo_status length_run(workspace *w, void *argument, round_samples *round, ufo_error *error) {
  (void)round;
  state *s = argument;
  ufo_pool *pool;
  ufo_status status = bench_pool(w->budget_bytes, &pool, error);
  if (status) return status;
  for (uint64_t length = UINT64_C(1000000000); !status && length <= UINT64_C(10000000000000); length *= 10)
    status = length_point(w, s, pool, length, error);
  ufo_pool_destroy(pool, NULL);
  if (status == UFO_FULL && s->points.curve_count > 0) { /* the end of the address space, not of the measurement */
    snprintf(s->points.reason, sizeof s->points.reason, "ends here: %.900s", error->message);
    status = UFO_OK;
  }
  return status;
}

const bench_case case_grow_length = {.name = "grow-length",
                                     .title = "sparse vectors of 10^9 to 10^13 doubles, 100 scattered elements written",
                                     .series = no_series,
                                     .once = true,
                                     .prepare = prepare,
                                     .run = length_run,
                                     .finish = finish};

/* ---- threads ---- */

typedef struct worker {
  const state *s;
  const double *values;
  const uint64_t *order; /* NULL: scan a part in order */
  uint64_t first, end;   /* chunks, or places in `order` */
  double sum;
  pthread_t thread;
} worker;

static void *work(void *argument) {
  worker *k = argument;
  const uint64_t units = PACK_CHUNK_BYTES / sizeof(double);
  lanes l = {0};
  if (!k->order) sum_add(&l, k->values + k->first * units, (k->end - k->first) * units);
  for (uint64_t i = k->first; k->order && i < k->end; i++)
    l.sums[0] += *(const volatile double *)&k->values[k->order[i] * units];
  k->sum = sum_total(&l);
  return NULL;
}

/* *seconds_out is the time of all threads together. */
static ufo_status in_parallel(const state *s, const double *values, const uint64_t *order, unsigned threads,
                              double *seconds_out, ufo_error *error) {
  worker workers[THREADS_MAX];
  uint64_t chunks = s->s.packed.chunk_count, begin = now_ns();
  unsigned started = 0;
  for (; started < threads; started++) {
    workers[started] = (worker){.s = s,
                                .values = values,
                                .order = order,
                                .first = chunks * started / threads,
                                .end = chunks * (started + 1) / threads};
    if (pthread_create(&workers[started].thread, NULL, work, &workers[started])) break;
  }
  for (unsigned i = 0; i < started; i++) pthread_join(workers[i].thread, NULL);
  *seconds_out = (double)(now_ns() - begin) / 1e9;
  return started == threads ? UFO_OK : set_error(error, UFO_FULL, "cannot start %u threads", threads);
}

static ufo_status threads_view(workspace *w, state *s, const uint64_t *order, unsigned threads, double *out,
                               ufo_error *error) {
  opened o;
  ufo_status status = dataset_view(s->s.store, w->budget_bytes, &o, error);
  if (status) return status;
  status = in_parallel(s, o.values, order, threads, out, error);
  ufo_status closing = opened_close(&o, status ? NULL : error);
  return status ? status : closing;
}

static ufo_status threads_reference(workspace *w, state *s, const uint64_t *order, unsigned threads, double *out,
                                    ufo_error *error) {
  reference *r;
  ufo_status status = sources_reference(&s->s, w->budget_bytes, &r, error);
  if (status) return status;
  status = in_parallel(s, reference_body(r), order, threads, out, error);
  ufo_status ending = sources_reference_end(r, status ? NULL : error);
  return status ? status : ending;
}

static ufo_status threads_point(workspace *w, state *s, const uint64_t *order, unsigned threads, ufo_error *error) {
  static const char *const keys[] = {"scan", "scan_handler", "faults", "faults_handler"};
  double seconds[4][REPEATS_MAX];
  unsigned n = repeats(w);
  for (unsigned k = 0; k < n; k++) {
    ufo_status status = threads_view(w, s, NULL, threads, &seconds[0][k], error);
    if (!status) status = threads_reference(w, s, NULL, threads, &seconds[1][k], error);
    if (!status) status = threads_view(w, s, order, threads, &seconds[2][k], error);
    if (!status) status = threads_reference(w, s, order, threads, &seconds[3][k], error);
    if (!status) status = workspace_check(w, error);
    if (status) return status;
  }
  for (int i = 0; i < 4; i++) {
    double median = summarize(seconds[i], n).median;
    double work = i < 2 ? (double)s->s.set->bytes / 1e9 : (double)s->s.packed.chunk_count;
    result_point(&s->points, keys[i], "threads", i < 2 ? "GB/s" : "faults/s", threads, work / median);
  }
  return UFO_OK;
}

static ufo_status threads_run(workspace *w, void *argument, round_samples *round, ufo_error *error) {
  (void)round;
  state *s = argument;
  ufo_status status = sources_open(w, DATA_PRICES, &s->s, error);
  if (status) return status;
  uint64_t *order = data_permutation(s->s.packed.chunk_count, 1);
  if (!order) return set_error(error, UFO_FULL, "no memory");
  for (unsigned threads = 1; !status && threads <= THREADS_MAX; threads *= 2)
    status = threads_point(w, s, order, threads, error);
  free(order);
  return status;
}

const bench_case case_grow_threads = {.name = "grow-threads",
                                      .title = "scans and random reads by 1 to 8 threads",
                                      .series = no_series,
                                      .once = true,
                                      .prepare = prepare,
                                      .run = threads_run,
                                      .finish = finish};
