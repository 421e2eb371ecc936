/* cold.c - scans of what is only on the disk: nothing of the file is in the page cache. */
#include "cases.h"
#include "cli/cli.h"
#include "clock.h"
#include "page_cache.h"
#include "sources.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SCAN, BOUND, MMAP, DEVICE, DECODE, RATIO };

static const series_spec series[] = {
    [SCAN] = {"ufostore", ROLE_FIGURE, "GB/s", "opening the store, and the sum of a fresh view"},
    [BOUND] = {"bound", ROLE_LIMIT, "GB/s", "device rate x compression ratio x 0.8, or the decode limit if lower"},
    [MMAP] = {"mmap", ROLE_REFERENCE, "GB/s", "the same sum over mmap() of the raw file, MADV_SEQUENTIAL"},
    [DEVICE] = {"device", ROLE_MORE, "GB/s", "reading the store file in order, with or without O_DIRECT, the better"},
    [DECODE] = {"decode", ROLE_MORE, "GB/s", "one thread decodes the same chunks, in memory"},
    [RATIO] = {"compression", ROLE_MORE, "x", "bytes of values by bytes stored"},
    {0},
};
static const goal_spec goals[] = {
    {"scan / what device and decoding allow", SCAN, BOUND, false, 1.0},
    {"scan / mmap of the raw file", SCAN, MMAP, false, 1.0},
    {0},
};

typedef struct state {
  sources s;
  char raw[PATH_MAX];
} state;

/* The same elements as they are in memory. */
static ufo_status write_raw(workspace *w, const dataset *set, const char *path, ufo_error *error) {
  const uint64_t units = PACK_CHUNK_BYTES / sizeof(double);
  double *block = malloc(PACK_CHUNK_BYTES);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  ufo_status status = UFO_OK;
  if (!block || fd < 0) status = set_errno(error, "%s: cannot make", path);
  for (uint64_t at = 0; !status && at < set->count; at += units) {
    data_fill(set->kind, at, units, block);
    status = workspace_check(w, error);
    if (!status && write(fd, block, PACK_CHUNK_BYTES) != PACK_CHUNK_BYTES)
      status = set_errno(error, "%s: cannot write", path);
  }
  if (fd >= 0) close(fd);
  free(block);
  return status;
}

static ufo_status prepare(workspace *w, const bench_case *self, void **state_out, ufo_error *error) {
  (void)self;
  state *s = calloc(1, sizeof *s);
  *state_out = s;
  if (!s) return set_error(error, UFO_FULL, "no memory");
  ufo_status status = sources_open(w, DATA_PRICES, &s->s, error);
  if (status) return status;
  ufo_store_close(s->s.store); /* an open store is mapped, and mapped pages are not dropped */
  s->s.store = NULL;
  workspace_path(w, "prices.raw", s->raw);
  status = write_raw(w, s->s.set, s->raw, error);
  if (!status) status = page_cache_drop(s->s.set->path, error);
  if (!status) status = page_cache_drop(s->raw, error);
  return status;
}

static ufo_status scan_store(workspace *w, state *s, double *out, ufo_error *error) {
  ufo_store *store;
  opened o;
  double sum = 0;
  ufo_status status = page_cache_drop(s->s.set->path, error);
  if (status) return status;
  uint64_t begin = now_ns();
  status = dataset_open(s->s.set, false, &store, error);
  if (status) return status;
  status = dataset_view(store, w->budget_bytes, &o, error);
  if (!status) {
    timed_scan(o.values, s->s.set->count, &sum);
    *out = gb_per_s(s->s.set->bytes, now_ns() - begin);
    status = opened_close(&o, error);
  }
  ufo_store_close(store);
  return status ? status : check_sum(s->s.set, sum, "ufostore", error);
}

static ufo_status scan_mapped(state *s, double *out, ufo_error *error) {
  double sum;
  ufo_status status = page_cache_drop(s->raw, error);
  if (status) return status;
  int fd = open(s->raw, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return set_errno(error, "%s: cannot open", s->raw);
  void *map = mmap(NULL, s->s.set->bytes, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (map == MAP_FAILED) return set_errno(error, "%s: cannot map", s->raw);
  madvise(map, s->s.set->bytes, MADV_SEQUENTIAL);
  *out = timed_scan(map, s->s.set->count, &sum);
  munmap(map, s->s.set->bytes);
  return check_sum(s->s.set, sum, "mmap", error);
}

static ufo_status read_device(state *s, double *out, ufo_error *error) {
  double buffered, direct = 0;
  ufo_status status = page_cache_drop(s->s.set->path, error);
  if (!status) status = page_cache_read(s->s.set->path, 0, &buffered, error);
  if (!status) status = page_cache_drop(s->s.set->path, error);
  if (status) return status;
  status = page_cache_read(s->s.set->path, 1, &direct, error);
  if (status == UFO_UNSUPPORTED) status = UFO_OK;
  *out = direct > buffered ? direct : buffered;
  return status;
}

static ufo_status run(workspace *w, void *argument, round_samples *round, ufo_error *error) {
  state *s = argument;
  double *sample = round->sample;
  ufo_status status = scan_store(w, s, &sample[SCAN], error);
  if (!status) status = scan_mapped(s, &sample[MMAP], error);
  if (!status) status = read_device(s, &sample[DEVICE], error);
  if (!status) status = sources_decode_all(&s->s, &sample[DECODE], error);
  if (status) return status;
  sample[RATIO] = (double)s->s.set->bytes / (double)s->s.set->stored_bytes;
  double of_device = sample[DEVICE] * sample[RATIO] * 0.8;
  sample[BOUND] = of_device < sample[DECODE] ? of_device : sample[DECODE];
  return UFO_OK;
}

static void finish(workspace *w, void *argument, result *r) {
  (void)w, (void)r;
  state *s = argument;
  if (!s) return;
  if (s->s.set) {
    ufo_status status = page_cache_warm(s->s.set->path, NULL); /* as the other cases expect it */
    (void)status;
  }
  if (s->raw[0]) unlink(s->raw);
  sources_close(&s->s);
  free(s);
}

const bench_case case_cold = {.name = "cold",
                              .title = "sequential scan from the disk, page cache dropped",
                              .series = series,
                              .goals = goals,
                              .prepare = prepare,
                              .run = run,
                              .finish = finish};
