/* memory.c - the memory experiment of the original UFO framework (its ufo-membench, figure 3 of the paper).
 *
 * Two objects of 64-bit integers, 10 million and 5 million, are scanned one after the other, with one write to every
 * 100 reads, chunks of 40,960 elements, a high mark of 20 MiB and a low mark of 10 MiB. The published trace took 177.4
 * ms for 120 MB, never was above the mark, and stalled ten times for 2.4 to 11 ms. The median time from one load to the
 * next was 0.19 ms; that of the reference handler here, with the same chunks, tells how much faster or slower this
 * machine is. */
#include "cases.h"
#include "cli/cli.h"
#include "clock.h"
#include "reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { OBJECTS = 2, CHUNK_ELEMENTS = 40960, CHUNK_BYTES = CHUNK_ELEMENTS * 8, WRITE_EVERY = 100, BLOCK = 500 };
#define HIGH_BYTES (UINT64_C(20) << 20)
#define LOW_BYTES (UINT64_C(10) << 20)
#define PUBLISHED_MS 177.4
#define PUBLISHED_LOAD_MS 0.19
static const uint64_t lengths[OBJECTS] = {10000000, 5000000};

enum { TOTAL, PUBLISHED, LOAD, STALL, PEAK, PEAK_RESIDENT, BOTH };
/* How an experiment is made. */
enum { WRITE_FIRST, WRITE_BOTH, WATCH };

static const series_spec series[] = {
    [TOTAL] = {"ufostore", ROLE_FIGURE, "ms", "both scans, with the writes to the first object"},
    [PUBLISHED] = {"published", ROLE_REFERENCE, "ms", "177.4 ms x (reference handler's load-to-load here / 0.19 ms)"},
    [LOAD] = {"handler_load", ROLE_MORE, "ms", "reference handler, from one load of 320 KiB to the next, median"},
    [STALL] = {"stall", ROLE_FIGURE, "ms", "longest time for 500 elements"},
    [PEAK] = {"peak", ROLE_FIGURE, "MiB", "most in memory, by the pool's books"},
    [PEAK_RESIDENT] = {"peak_process", ROLE_MORE, "MiB", "most that the process grew by, looked at after each chunk"},
    [BOTH] = {"both_written", ROLE_MORE, "ms", "with as many writes to the second object"},
    {0},
};
static const goal_spec goals[] = {
    {"total / published, scaled", TOTAL, PUBLISHED, true, 0.25},
    {"longest stall, ms", STALL, NOT_A_SERIES, true, 2.0},
    {"peak, MiB", PEAK, NOT_A_SERIES, true, 20.0},
    {0},
};

static ufo_status prepare(workspace *w, const bench_case *self, void **state_out, ufo_error *error) {
  (void)w, (void)self, (void)error;
  *state_out = NULL;
  return UFO_OK;
}

static int populate(void *user, uint64_t first, uint64_t count, void *target, ufo_error *error) {
  (void)user, (void)error;
  int64_t *values = target;
  for (uint64_t i = 0; i < count; i++) values[i] = (int64_t)(first + i);
  return UFO_OK;
}

static bool reference_populate(void *user, uint64_t chunk, void *target) {
  return populate(user, chunk * CHUNK_ELEMENTS, CHUNK_ELEMENTS, target, NULL) == UFO_OK;
}

/* Resident memory of the process, in bytes. */
static uint64_t process_bytes(void) {
  unsigned long long pages = 0;
  FILE *file = fopen("/proc/self/statm", "re");
  if (!file) return 0;
  if (fscanf(file, "%*u %llu", &pages) != 1) pages = 0; // NOLINT(cert-err34-c): the kernel's own number
  fclose(file);
  return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Scans `count` elements and, with `writes`, adds one to every hundredth. With `watch`, memory is looked at after each
 * chunk, which takes time; without, the longest time for a block is noted. */
static uint64_t scan(int64_t *values, uint64_t count, bool writes, bool watch, uint64_t *longest, uint64_t *most) {
  uint64_t sum = 0, before = now_ns();
  for (uint64_t at = 0; at < count; at += BLOCK) {
    uint64_t end = at + BLOCK < count ? at + BLOCK : count;
    for (uint64_t first = at; first < end; first += WRITE_EVERY) {
      uint64_t stop = first + WRITE_EVERY < end ? first + WRITE_EVERY : end;
      for (uint64_t i = first; i < stop; i++) sum += (uint64_t)values[i];
      if (writes) values[first]++;
    }
    if (watch) {
      if (at % CHUNK_ELEMENTS >= BLOCK) continue;
      uint64_t bytes = process_bytes();
      if (bytes > *most) *most = bytes;
    } else {
      uint64_t now = now_ns();
      if (now - before > *longest) *longest = now - before;
      before = now;
    }
  }
  return sum;
}

static ufo_status scan_both(ufo_pool *pool, int how, double *sample, ufo_error *error) {
  const bool watch = how == WATCH;
  ufo_region *regions[OBJECTS] = {NULL};
  uint64_t longest = 0, base = process_bytes(), most = base, begin = now_ns();
  ufo_status status = UFO_OK;
  for (int i = 0; !status && i < OBJECTS; i++) {
    const ufo_region_options options = {.struct_size = sizeof options,
                                        .element_bytes = 8,
                                        .count = lengths[i],
                                        .chunk_elements = CHUNK_ELEMENTS,
                                        .source = {.populate = populate}};
    status = ufo_region_create(pool, &options, &regions[i], error);
    if (status) break;
    uint64_t sum = scan(ufo_region_body(regions[i]), lengths[i], i == 0 || how == WRITE_BOTH, watch, &longest, &most);
    if (sum != lengths[i] * (lengths[i] - 1) / 2)
      status = set_error(error, UFO_CORRUPT, "object %d has a wrong sum", i);
  }
  uint64_t ns = now_ns() - begin;
  /* What was written is there, wherever it was meanwhile. */
  for (int i = 0; !status && i < (how == WRITE_BOTH ? OBJECTS : 1); i++) {
    const int64_t *values = ufo_region_body(regions[i]);
    for (uint64_t k = 0; !status && k < lengths[i]; k += WRITE_EVERY)
      if (values[k] != (int64_t)k + 1)
        status = set_error(error, UFO_CORRUPT, "what was written to object %d is lost", i);
  }
  for (int i = 0; i < OBJECTS; i++) ufo_region_release(regions[i]);
  if (watch) {
    sample[PEAK_RESIDENT] = (double)(most - base) / (1 << 20);
  } else {
    sample[how == WRITE_BOTH ? BOTH : TOTAL] = (double)ns / 1e6;
    if (how == WRITE_FIRST) sample[STALL] = (double)longest / 1e6;
  }
  return status;
}

static ufo_status run_ufostore(int how, double *sample, ufo_error *error) {
  ufo_pool *pool;
  const ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = HIGH_BYTES, .low_bytes = LOW_BYTES};
  ufo_status status = ufo_pool_create(&options, &pool, error);
  if (status) return status;
  status = scan_both(pool, how, sample, error);
  ufo_pool_stats stats = {.struct_size = sizeof stats};
  ufo_pool_get_stats(pool, &stats);
  if (how == WRITE_FIRST) sample[PEAK] = (double)stats.resident_bytes_peak / (1 << 20);
  ufo_status closing = ufo_pool_destroy(pool, status ? NULL : error);
  return status ? status : closing;
}

/* Touches the chunks of an object as long as the first, in order. */
static ufo_status run_reference(double *median_ms, ufo_error *error) {
  enum { CHUNKS = 10000000 / CHUNK_ELEMENTS };
  reference *r;
  const reference_options options = {.bytes = (uint64_t)CHUNKS * CHUNK_BYTES,
                                     .chunk_bytes = CHUNK_BYTES,
                                     .budget_bytes = HIGH_BYTES,
                                     .fill = reference_populate};
  ufo_status status = reference_start(&options, &r, error);
  if (status) return status;
  double times[CHUNKS];
  uint64_t sum = 0, before = now_ns();
  const int64_t *values = reference_body(r);
  for (uint64_t chunk = 0; chunk < CHUNKS; chunk++) {
    for (uint64_t i = 0; i < CHUNK_ELEMENTS; i++) sum += (uint64_t)values[chunk * CHUNK_ELEMENTS + i];
    uint64_t now = now_ns();
    times[chunk] = (double)(now - before) / 1e6;
    before = now;
  }
  *median_ms = summarize(times, CHUNKS).median;
  uint64_t count = (uint64_t)CHUNKS * CHUNK_ELEMENTS;
  if (!reference_stop(r) || sum != count * (count - 1) / 2)
    return set_error(error, UFO_CORRUPT, "the reference handler failed");
  return UFO_OK;
}

static ufo_status run(workspace *w, void *state, round_samples *round, ufo_error *error) {
  (void)w, (void)state;
  double *sample = round->sample;
  ufo_status status = run_ufostore(WRITE_FIRST, sample, error);
  if (!status) status = run_reference(&sample[LOAD], error);
  if (!status) status = run_ufostore(WATCH, sample, error);
  if (!status) status = run_ufostore(WRITE_BOTH, sample, error);
  sample[PUBLISHED] = PUBLISHED_MS * sample[LOAD] / PUBLISHED_LOAD_MS;
  return status;
}

static void finish(workspace *w, void *state, result *r) { (void)w, (void)state, (void)r; }

const bench_case case_memory = {.name = "memory",
                                .title = "the original framework's memory experiment: 120 MB under a mark of 20 MiB",
                                .series = series,
                                .goals = goals,
                                .prepare = prepare,
                                .run = run,
                                .finish = finish};
