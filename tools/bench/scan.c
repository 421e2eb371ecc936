/* scan.c - sequential scans: of what is not in memory, by kind of data, and of what is. */
#include "cases.h"
#include "cli/cli.h"
#include "clock.h"
#include "sources.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- cold ---- */

enum { COLD_SCAN, COLD_DECODE, COLD_HANDLER, COLD_SPREAD, COLD_READ, COLD_CORES };

static const series_spec cold_series[] = {
    [COLD_SCAN] = {"ufostore", ROLE_FIGURE, "GB/s", "sum of a fresh view through its pointer, file in the page cache"},
    [COLD_DECODE] = {"decode", ROLE_LIMIT, "GB/s",
                     "one thread decodes the same chunks, memory to one buffer, no checksum"},
    [COLD_HANDLER] = {"handler", ROLE_REFERENCE, "GB/s", "the same sum over the reference handler"},
    [COLD_SPREAD] = {"decode_spread", ROLE_MORE, "GB/s", "decoding, but to resident memory as large as the budget"},
    [COLD_READ] = {"store_read", ROLE_MORE, "GB/s", "ufo_store_read() of one chunk after the other, no page faults"},
    [COLD_CORES] = {"cores", ROLE_MORE, "cores", "busy during ufostore's scan"},
    {0},
};

typedef struct cold {
  sources s;
  uint8_t *places; /* as much memory as the budget */
  uint64_t place_count;
} cold;

static ufo_status cold_prepare(workspace *w, const bench_case *self, void **state_out, ufo_error *error) {
  cold *c = calloc(1, sizeof *c);
  *state_out = c;
  if (!c) return set_error(error, UFO_FULL, "no memory");
  c->place_count = w->budget_bytes / PACK_CHUNK_BYTES;
  c->places = aligned_alloc(4096, c->place_count * PACK_CHUNK_BYTES);
  if (!c->places) return set_error(error, UFO_FULL, "no memory");
  memset(c->places, 1, c->place_count * PACK_CHUNK_BYTES);
  return sources_open(w, (data_kind)self->variant, &c->s, error);
}

static ufo_status scan_view(workspace *w, sources *s, round_samples *round, ufo_error *error) {
  opened o;
  double sum;
  ufo_status status = dataset_view(s->store, w->budget_bytes, &o, error);
  if (status) return status;
  uint64_t cpu = cpu_ns(), begin = now_ns();
  round->sample[COLD_SCAN] = timed_scan(o.values, s->set->count, &sum);
  round->sample[COLD_CORES] = (double)(cpu_ns() - cpu) / (double)(now_ns() - begin);
  status = opened_close(&o, error);
  return status ? status : check_sum(s->set, sum, "ufostore", error);
}

static ufo_status scan_reference(workspace *w, sources *s, double *out, ufo_error *error) {
  reference *r;
  double sum;
  ufo_status status = sources_reference(s, w->budget_bytes, &r, error);
  if (status) return status;
  *out = timed_scan(reference_body(r), s->set->count, &sum);
  status = sources_reference_end(r, error);
  return status ? status : check_sum(s->set, sum, "the reference handler", error);
}

static ufo_status scan_read(sources *s, double *out, ufo_error *error) {
  const uint64_t units = PACK_CHUNK_BYTES / sizeof(double);
  uint64_t begin = now_ns();
  for (uint64_t at = 0; at < s->set->count; at += units) {
    ufo_status status = ufo_store_read(s->store, NULL, DATASET_NAME, 0, at, units, s->chunk, error);
    if (status) return status;
  }
  *out = gb_per_s(s->set->bytes, now_ns() - begin);
  return UFO_OK;
}

static ufo_status decode_spread(cold *c, double *out, ufo_error *error) {
  const pack *p = &c->s.packed;
  uint64_t begin = now_ns();
  for (uint64_t i = 0; i < p->chunk_count; i++)
    if (!pack_decode(p, i, c->s.buffer, c->places + i % c->place_count * PACK_CHUNK_BYTES))
      return set_error(error, UFO_CORRUPT, "a packed chunk cannot be decoded");
  *out = gb_per_s(p->chunk_count * PACK_CHUNK_BYTES, now_ns() - begin);
  return UFO_OK;
}

static ufo_status cold_run(workspace *w, void *state, round_samples *round, ufo_error *error) {
  sources *s = &((cold *)state)->s;
  ufo_status status = scan_view(w, s, round, error);
  if (!status) status = sources_decode_all(s, &round->sample[COLD_DECODE], error);
  if (!status) status = scan_reference(w, s, &round->sample[COLD_HANDLER], error);
  if (!status) status = decode_spread(state, &round->sample[COLD_SPREAD], error);
  if (!status) status = scan_read(s, &round->sample[COLD_READ], error);
  return status;
}

static void cold_finish(workspace *w, void *state, result *r) {
  (void)w, (void)r;
  cold *c = state;
  if (!c) return;
  sources_close(&c->s);
  free(c->places);
  free(c);
}

static const goal_spec bound_goals[] = {
    {"scan / one-thread decode", COLD_SCAN, COLD_DECODE, false, 1.0},
    {"scan / reference handler", COLD_SCAN, COLD_HANDLER, false, 4.0},
    {0},
};
static const goal_spec light_goals[] = {
    {"scan / one-thread decode", COLD_SCAN, COLD_DECODE, false, 0.45},
    {"scan / reference handler", COLD_SCAN, COLD_HANDLER, false, 4.0},
    {0},
};

#define COLD_CASE(identifier, name_, title_, kind, goals_)                                                             \
  const bench_case identifier = {.name = (name_),                                                                      \
                                 .title = (title_),                                                                    \
                                 .series = cold_series,                                                                \
                                 .goals = (goals_),                                                                    \
                                 .variant = (kind),                                                                    \
                                 .prepare = cold_prepare,                                                              \
                                 .run = cold_run,                                                                      \
                                 .finish = cold_finish}

COLD_CASE(case_scan_prices, "scan-prices", "sequential scan, not in memory: prices with two decimals", DATA_PRICES,
          bound_goals);
COLD_CASE(case_scan_sequence, "scan-sequence", "sequential scan, not in memory: 0, 1, 2, ...", DATA_SEQUENCE,
          light_goals);
COLD_CASE(case_scan_constant, "scan-constant", "sequential scan, not in memory: one value", DATA_CONSTANT, light_goals);
COLD_CASE(case_scan_noise, "scan-noise", "sequential scan, not in memory: random bits", DATA_NOISE, light_goals);

/* ---- resident ---- */

enum { WARM_SCAN, WARM_MALLOC, WARM_HUGE };
enum { PASSES = 4 }; /* in a sample */

static const series_spec warm_series[] = {
    [WARM_SCAN] = {"ufostore", ROLE_FIGURE, "GB/s", "sum of half the budget, resident in a view"},
    [WARM_MALLOC] = {"malloc", ROLE_LIMIT, "GB/s", "the same sum over an array from malloc()"},
    [WARM_HUGE] = {"huge", ROLE_MORE, "GB/s", "the same over an array with MADV_HUGEPAGE"},
    {0},
};
static const goal_spec warm_goals[] = {{"scan / malloc", WARM_SCAN, WARM_MALLOC, false, 0.95}, {0}};

typedef struct resident {
  const dataset *set;
  ufo_store *store;
  opened o;
  uint64_t count;
  double *plain, *huge;
} resident;

static ufo_status warm_prepare(workspace *w, const bench_case *self, void **state_out, ufo_error *error) {
  (void)self;
  resident *s = calloc(1, sizeof *s);
  *state_out = s;
  if (!s) return set_error(error, UFO_FULL, "no memory");
  ufo_status status = workspace_dataset(w, DATA_PRICES, &s->set, error);
  if (!status) status = dataset_open(s->set, false, &s->store, error);
  if (!status) status = dataset_view(s->store, w->budget_bytes, &s->o, error);
  if (status) return status;
  s->count = w->budget_bytes / 2 / sizeof(double);
  s->plain = malloc(s->count * sizeof(double));
  if (posix_memalign((void **)&s->huge, 2 << 20, s->count * sizeof(double))) s->huge = NULL;
  if (!s->plain || !s->huge) return set_error(error, UFO_FULL, "no memory for an array to compare with");
  madvise(s->huge, s->count * sizeof(double), MADV_HUGEPAGE);
  memcpy(s->plain, s->o.values, s->count * sizeof(double)); /* this makes the view's half resident, too */
  memcpy(s->huge, s->plain, s->count * sizeof(double));
  return UFO_OK;
}

static uint64_t faults_of(const resident *s) {
  ufo_pool_stats stats = {.struct_size = sizeof stats};
  ufo_pool_get_stats(s->o.pool, &stats);
  return stats.faults;
}

static double mean_of_passes(const double *values, uint64_t count, double *sum) {
  double total = 0;
  for (int i = 0; i < PASSES; i++) total += 1 / timed_scan(values, count, sum);
  return PASSES / total;
}

static ufo_status warm_run(workspace *w, void *state, round_samples *round, ufo_error *error) {
  (void)w;
  resident *s = state;
  double sums[3];
  uint64_t faults = faults_of(s);
  round->sample[WARM_SCAN] = mean_of_passes(s->o.values, s->count, &sums[0]);
  round->sample[WARM_MALLOC] = mean_of_passes(s->plain, s->count, &sums[1]);
  round->sample[WARM_HUGE] = mean_of_passes(s->huge, s->count, &sums[2]);
  if (faults_of(s) != faults) return set_error(error, UFO_FULL, "a part of the resident half had to be loaded again");
  if (sums[0] == sums[1] && sums[1] == sums[2]) return UFO_OK;
  return set_error(error, UFO_CORRUPT, "the view and a copy of it have different sums");
}

static void warm_finish(workspace *w, void *state, result *r) {
  (void)w, (void)r;
  resident *s = state;
  if (!s) return;
  ufo_status status = opened_close(&s->o, NULL);
  (void)status;
  ufo_store_close(s->store);
  free(s->plain);
  free(s->huge);
  free(s);
}

const bench_case case_rescan = {.name = "rescan",
                                .title = "sequential scan, resident",
                                .series = warm_series,
                                .goals = warm_goals,
                                .prepare = warm_prepare,
                                .run = warm_run,
                                .finish = warm_finish};
