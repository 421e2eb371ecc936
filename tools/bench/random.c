/* random.c - faults one by one: reads of eight bytes, each in another chunk, in random order. */
#include "cases.h"
#include "cli/cli.h"
#include "clock.h"
#include "sources.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4 };

enum {
  FAULT_MEDIAN,
  FAULT_P99,
  COPY_MEDIAN,
  HANDLER_MEDIAN,
  HANDLER_P99,
  TAIL,
  RATE_1,
  RATE_4,
  SCALING,
  COPY_RATE_1,
  COPY_RATE_4,
  COPY_SCALING,
  HANDLER_RATE_4,
};

static const series_spec series[] = {
    [FAULT_MEDIAN] = {"fault_median", ROLE_FIGURE, "us", "a read that faults, median of all chunks"},
    [FAULT_P99] = {"fault_p99", ROLE_FIGURE, "us", "99th percentile of these reads"},
    [COPY_MEDIAN] = {"decode_copy", ROLE_LIMIT, "us", "decoding such a chunk and copying it to its place, median"},
    [HANDLER_MEDIAN] = {"handler_median", ROLE_REFERENCE, "us", "the same reads over the reference handler, median"},
    [HANDLER_P99] = {"handler_p99", ROLE_REFERENCE, "us", "99th percentile of these"},
    [TAIL] = {"tail", ROLE_MORE, "x", "ufostore's 99th percentile by its median"},
    [RATE_1] = {"faults_1", ROLE_MORE, "faults/s", "ufostore, one thread"},
    [RATE_4] = {"faults_4", ROLE_FIGURE, "faults/s", "ufostore, four threads"},
    [SCALING] = {"scaling", ROLE_FIGURE, "x", "four threads by one"},
    [COPY_RATE_1] = {"decode_copy_1", ROLE_MORE, "chunks/s", "decoding and copying, one thread"},
    [COPY_RATE_4] = {"decode_copy_4", ROLE_MORE, "chunks/s", "decoding and copying, four threads"},
    [COPY_SCALING] = {"decode_copy_scaling", ROLE_LIMIT, "x", "four threads by one: what the cores allow"},
    [HANDLER_RATE_4] = {"handler_4", ROLE_REFERENCE, "faults/s", "reference handler, four threads"},
    {0},
};

static const goal_spec goals[] = {
    {"fault / reference handler", FAULT_MEDIAN, HANDLER_MEDIAN, true, 0.45},
    {"fault / (decode + copy)", FAULT_MEDIAN, COPY_MEDIAN, true, 1.8},
    {"p99 / median", FAULT_P99, FAULT_MEDIAN, true, 4.0},
    {"scaling to 4 threads / cores allow", SCALING, COPY_SCALING, false, 0.9},
    {0},
};

typedef struct samples {
  double *values; /* microseconds, of all rounds */
  uint64_t count, room;
} samples;

typedef struct state {
  sources s;
  uint64_t chunk_count, *order;
  uint8_t *places; /* as much memory as the budget, for copies */
  uint64_t place_count;
  double *latencies; /* of one round */
  samples faults, handler;
} state;

static ufo_status prepare(workspace *w, const bench_case *self, void **state_out, ufo_error *error) {
  (void)self;
  state *s = calloc(1, sizeof *s);
  *state_out = s;
  if (!s) return set_error(error, UFO_FULL, "no memory");
  ufo_status status = sources_open(w, DATA_PRICES, &s->s, error);
  if (status) return status;
  s->chunk_count = s->s.packed.chunk_count;
  s->order = data_permutation(s->chunk_count, 1);
  s->latencies = malloc(s->chunk_count * sizeof *s->latencies);
  s->place_count = w->budget_bytes / PACK_CHUNK_BYTES;
  s->places = aligned_alloc(4096, s->place_count * PACK_CHUNK_BYTES);
  s->faults.room = s->handler.room = s->chunk_count * (w->runs + 1);
  s->faults.values = malloc(s->faults.room * sizeof(double));
  s->handler.values = malloc(s->handler.room * sizeof(double));
  if (!s->order || !s->latencies || !s->places || !s->faults.values || !s->handler.values)
    return set_error(error, UFO_FULL, "no memory for buffers");
  memset(s->places, 1, s->place_count * PACK_CHUNK_BYTES);
  return UFO_OK;
}

/* Which element of chunk `chunk` is read. */
static uint64_t element_of(uint64_t chunk) {
  const uint64_t units = PACK_CHUNK_BYTES / sizeof(double);
  return chunk * units + mix(chunk) % units;
}

static void keep(samples *all, const double *latencies, uint64_t count) {
  for (uint64_t i = 0; i < count && all->count < all->room; i++) all->values[all->count++] = latencies[i];
}

/* Reads every chunk once, and sorts the times. */
static ufo_status read_one_by_one(state *s, const double *values, samples *all, double *median, double *p99,
                                  ufo_error *error) {
  for (uint64_t i = 0; i < s->chunk_count; i++) {
    uint64_t element = element_of(s->order[i]), begin = now_ns();
    double value = *(const volatile double *)&values[element];
    s->latencies[i] = (double)(now_ns() - begin) / 1e3;
    if (value != data_at(s->s.set->kind, element))
      return set_error(error, UFO_CORRUPT, "element %llu is %.17g", (unsigned long long)element, value);
  }
  keep(all, s->latencies, s->chunk_count);
  sort_doubles(s->latencies, s->chunk_count);
  *median = quantile(s->latencies, s->chunk_count, 0.5);
  *p99 = quantile(s->latencies, s->chunk_count, 0.99);
  return UFO_OK;
}

static ufo_status decode_one_by_one(state *s, double *median, ufo_error *error) {
  for (uint64_t i = 0; i < s->chunk_count; i++) {
    uint64_t begin = now_ns();
    bool sound = pack_decode(&s->s.packed, s->order[i], s->s.buffer, s->s.chunk);
    memcpy(s->places + mix(i) % s->place_count * PACK_CHUNK_BYTES, s->s.chunk, PACK_CHUNK_BYTES);
    s->latencies[i] = (double)(now_ns() - begin) / 1e3;
    if (!sound) return set_error(error, UFO_CORRUPT, "a packed chunk cannot be decoded");
  }
  sort_doubles(s->latencies, s->chunk_count);
  *median = quantile(s->latencies, s->chunk_count, 0.5);
  return UFO_OK;
}

/* ---- several threads ---- */

typedef struct worker {
  state *s;
  const double *values; /* NULL: decode and copy instead */
  uint64_t first, step;
  bool right;
  pthread_t thread;
} worker;

static void *work(void *argument) {
  worker *k = argument;
  state *s = k->s;
  pack_buffer *buffer = k->values ? NULL : malloc(sizeof *buffer);
  uint8_t *chunk = k->values ? NULL : malloc(PACK_CHUNK_BYTES);
  k->right = k->values || (buffer && chunk);
  for (uint64_t i = k->first; k->right && i < s->chunk_count; i += k->step) {
    if (k->values) {
      uint64_t element = element_of(s->order[i]);
      k->right = *(const volatile double *)&k->values[element] == data_at(s->s.set->kind, element);
    } else {
      k->right = pack_decode(&s->s.packed, s->order[i], buffer, chunk);
      /* A share of the places for each thread. */
      uint64_t share = s->place_count / k->step;
      memcpy(s->places + (k->first * share + mix(i) % share) * PACK_CHUNK_BYTES, chunk, PACK_CHUNK_BYTES);
    }
  }
  free(buffer);
  free(chunk);
  return NULL;
}

/* All chunks, shared out among `threads` threads; *rate_out is chunks a second. */
static ufo_status in_parallel(state *s, const double *values, unsigned threads, double *rate_out, ufo_error *error) {
  worker workers[THREADS];
  unsigned started = 0;
  bool right = true;
  uint64_t begin = now_ns();
  for (; started < threads; started++) {
    workers[started] = (worker){.s = s, .values = values, .first = started, .step = threads};
    if (pthread_create(&workers[started].thread, NULL, work, &workers[started])) break;
  }
  for (unsigned i = 0; i < started; i++) {
    pthread_join(workers[i].thread, NULL);
    right &= workers[i].right;
  }
  *rate_out = (double)s->chunk_count / ((double)(now_ns() - begin) / 1e9);
  if (started < threads) return set_error(error, UFO_FULL, "cannot start %u threads", threads);
  return right ? UFO_OK : set_error(error, UFO_CORRUPT, "a thread read a wrong value");
}

/* ---- a round ---- */

static ufo_status run_view(workspace *w, state *s, unsigned threads, round_samples *round, ufo_error *error) {
  opened o;
  ufo_status status = dataset_view(s->s.store, w->budget_bytes, &o, error);
  if (status) return status;
  if (threads == 0)
    status = read_one_by_one(s, o.values, &s->faults, &round->sample[FAULT_MEDIAN], &round->sample[FAULT_P99], error);
  else status = in_parallel(s, o.values, threads, &round->sample[threads == 1 ? RATE_1 : RATE_4], error);
  ufo_status closing = opened_close(&o, status ? NULL : error);
  return status ? status : closing;
}

static ufo_status run_reference(workspace *w, state *s, unsigned threads, round_samples *round, ufo_error *error) {
  reference *r;
  ufo_status status = sources_reference(&s->s, w->budget_bytes, &r, error);
  if (status) return status;
  if (threads == 0)
    status = read_one_by_one(s, reference_body(r), &s->handler, &round->sample[HANDLER_MEDIAN],
                             &round->sample[HANDLER_P99], error);
  else status = in_parallel(s, reference_body(r), threads, &round->sample[HANDLER_RATE_4], error);
  ufo_status ending = sources_reference_end(r, status ? NULL : error);
  return status ? status : ending;
}

static ufo_status run(workspace *w, void *argument, round_samples *round, ufo_error *error) {
  state *s = argument;
  double *sample = round->sample;
  ufo_status status = run_view(w, s, 0, round, error);
  if (!status) status = decode_one_by_one(s, &sample[COPY_MEDIAN], error);
  if (!status) status = run_reference(w, s, 0, round, error);
  if (!status) status = run_view(w, s, 1, round, error);
  if (!status) status = run_view(w, s, THREADS, round, error);
  if (!status) status = in_parallel(s, NULL, 1, &sample[COPY_RATE_1], error);
  if (!status) status = in_parallel(s, NULL, THREADS, &sample[COPY_RATE_4], error);
  if (!status) status = run_reference(w, s, THREADS, round, error);
  if (status) return status;
  sample[TAIL] = sample[FAULT_P99] / sample[FAULT_MEDIAN];
  sample[SCALING] = sample[RATE_4] / sample[RATE_1];
  sample[COPY_SCALING] = sample[COPY_RATE_4] / sample[COPY_RATE_1];
  return UFO_OK;
}

static void add_percentiles(result *r, const char *key, samples *all) {
  static const double percentiles[] = {0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 99.5, 99.9, 99.99, 100};
  sort_doubles(all->values, all->count);
  for (unsigned i = 0; i < sizeof percentiles / sizeof *percentiles; i++)
    result_point(r, key, "percentile", "us", percentiles[i], quantile(all->values, all->count, percentiles[i] / 100));
}

static void finish(workspace *w, void *argument, result *r) {
  (void)w;
  state *s = argument;
  if (!s) return;
  if (r) {
    add_percentiles(r, "ufostore", &s->faults);
    add_percentiles(r, "handler", &s->handler);
  }
  sources_close(&s->s);
  free(s->order);
  free(s->latencies);
  free(s->places);
  free(s->faults.values);
  free(s->handler.values);
  free(s);
}

const bench_case case_random = {.name = "random",
                                .title = "reads of 8 bytes, each in another chunk of 64 KiB, in random order",
                                .series = series,
                                .goals = goals,
                                .prepare = prepare,
                                .run = run,
                                .finish = finish};
