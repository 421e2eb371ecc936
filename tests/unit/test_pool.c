/* The pool: its budget is kept, nothing changed is lost, its figures and events are true. */
#include "region_kit.h"

#include <sys/resource.h>

/* From /proc/self/status, in bytes. */
static uint64_t resident_set(const char *what) {
  char line[256];
  uint64_t kib = 0;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, what, strlen(what)) == 0) kib = strtoull(line + strlen(what), NULL, 10);
  if (file) fclose(file);
  return kib * 1024;
}

enum { MIB = 1 << 20, OBJECT_ELEMENTS = 60 * MIB / 8, READERS = 8 };

typedef struct reader {
  const uint64_t *a, *b;
  uint64_t begin, end;
} reader;

static void *read_both(void *argument) {
  const reader *r = argument;
  uint64_t wrong = 0;
  for (uint64_t i = r->begin; i < r->end; i++) wrong += (r->a[i] != value_of(i)) + (r->b[i] != value_of(i));
  EXPECT(wrong == 0);
  return NULL;
}

/* Scans 120 MB of two objects with the marks at 20 and 10 MiB, by `threads` threads. */
static void scan_bounded(unsigned threads) {
  ufo_pool *pool =
      new_pool_with((ufo_pool_options){.budget_bytes = 20 * MIB, .high_bytes = 20 * MIB, .low_bytes = 10 * MIB});
  ufo_source source = {.populate = populate_formula};
  ufo_region *a = new_region(pool, 8, OBJECT_ELEMENTS, 8192, UFO_ACCESS_READ_WRITE, source);
  ufo_region *b = new_region(pool, 8, OBJECT_ELEMENTS, 8192, UFO_ACCESS_READ_WRITE, source);
  uint64_t before = resident_set("VmRSS:");
  pthread_t thread[READERS];
  reader readers[READERS];
  for (unsigned i = 0; i < threads; i++) {
    readers[i] = (reader){ufo_region_body(a), ufo_region_body(b), (uint64_t)OBJECT_ELEMENTS / threads * i,
                          (uint64_t)OBJECT_ELEMENTS / threads * (i + 1)};
    cr_assert_eq(pthread_create(&thread[i], NULL, read_both, &readers[i]), 0);
  }
  for (unsigned i = 0; i < threads; i++) pthread_join(thread[i], NULL);
  cr_assert_eq(kit_wrong, 0);
  ufo_pool_stats stats = stats_of(pool);
  cr_assert_leq(stats.resident_bytes_peak, 20 * MIB);
  cr_assert_leq(stats.resident_bytes, 20 * MIB);
  cr_assert_eq(stats.writebacks, 0);
  cr_assert_eq(stats.evictions_dirty, 0);
  cr_assert_eq(stats.scratch_bytes, 0);
  cr_assert_eq(stats.dirty_bytes, 0);
#if !defined(__SANITIZE_ADDRESS__)
  /* The peak of the whole process: the budget, a buffer for each thread of the pool, and the page tables. */
  uint64_t peak = resident_set("VmHWM:");
  cr_assert_leq(peak - before, 26 * MIB, "peak %" PRIu64 " before %" PRIu64, peak, before);
#else
  (void)before;
#endif
  ufo_region_release(a);
  ufo_region_release(b);
  cr_assert_eq(stats_of(pool).resident_bytes, 0);
  OK(ufo_pool_destroy(pool, &error));
}

Test(pool, memory_is_bounded_with_one_reader, .timeout = 60) { scan_bounded(1); }
Test(pool, memory_is_bounded_with_eight_readers, .timeout = 60) { scan_bounded(READERS); }

Test(pool, changes_are_never_lost, .timeout = 60) {
  ufo_pool *pool = new_pool(64 * PAGE);
  const uint64_t count = 4 * 64 * 512; /* four times the budget */
  ufo_region *region = new_formula(pool, count);
  uint64_t *body = ufo_region_body(region);
  for (uint64_t i = 0; i < count; i += 100) body[i] = ~i;
  OK(ufo_region_advise(region, 0, count * 8, UFO_ADVICE_DONTNEED, &error));
  cr_assert(becomes_resident(region, 0));
  for (uint64_t i = count; i-- > 0;) cr_assert_eq(body[i], i % 100 ? value_of(i) : ~i);
  cr_assert_leq(stats_of(pool).resident_bytes_peak, 64 * PAGE);
  cr_assert_geq(stats_of(pool).scratch_bytes, 4 * 64 * PAGE);
  ufo_region_release(region);
  cr_assert_eq(stats_of(pool).scratch_bytes, 0);
  OK(ufo_pool_destroy(pool, &error));
}

Test(pool, refuses_wrong_options, .timeout = 30) {
  ufo_pool *pool;
  ufo_pool_options options = {.struct_size = 3};
  FAILS(UFO_USAGE, ufo_pool_create(&options, &pool, &error));
  cr_assert_null(pool);
  options = (ufo_pool_options){.struct_size = sizeof options, .budget_bytes = MIB, .high_bytes = MIB + 1};
  FAILS(UFO_USAGE, ufo_pool_create(&options, &pool, &error));
  options = (ufo_pool_options){
      .struct_size = sizeof options, .budget_bytes = MIB, .high_bytes = MIB / 2, .low_bytes = MIB / 2 + 1};
  FAILS(UFO_USAGE, ufo_pool_create(&options, &pool, &error));
  options = (ufo_pool_options){.struct_size = sizeof options, .budget_bytes = PAGE};
  FAILS(UFO_USAGE, ufo_pool_create(&options, &pool, &error));
  OK(ufo_pool_create(NULL, &pool, &error));
  cr_assert_gt(stats_of(pool).budget_bytes, 0);
  OK(ufo_pool_destroy(pool, &error));
  OK(ufo_pool_destroy(NULL, &error));
}

Test(pool, is_not_destroyed_while_regions_live, .timeout = 30) {
  ufo_pool *pool = new_pool(MIB);
  ufo_region *region = new_formula(pool, 1000);
  FAILS(UFO_USAGE, ufo_pool_destroy(pool, &error));
  cr_assert_eq(*(uint64_t *)ufo_region_body(region), value_of(0));
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

Test(pool, budget_changes_at_run_time, .timeout = 60) {
  ufo_pool *pool = new_pool(64 * PAGE);
  const uint64_t count = 60 * 512;
  ufo_region *region = new_formula(pool, count);
  uint64_t *body = ufo_region_body(region);
  for (uint64_t i = 0; i < count; i += 512) body[i] = i;
  OK(ufo_pool_set_budget(pool, 8 * PAGE, &error));
  ufo_pool_stats stats = stats_of(pool);
  cr_assert_leq(stats.resident_bytes, 8 * PAGE);
  cr_assert_eq(stats.budget_bytes, 8 * PAGE);
  cr_assert(stats.low_bytes <= stats.high_bytes && stats.high_bytes <= stats.budget_bytes);
  for (uint64_t i = 0; i < count; i++) {
    cr_assert_eq(body[i], i % 512 ? value_of(i) : i);
    if (i % 512 == 0) cr_assert_leq(stats_of(pool).resident_bytes, 8 * PAGE);
  }
  OK(ufo_pool_set_budget(pool, 128 * PAGE, &error));
  for (uint64_t i = 0; i < count; i++) cr_assert_eq(body[i], i % 512 ? value_of(i) : i);
  cr_assert(becomes_resident(region, 60 * PAGE));
  /* Pinned memory does not go: the old budget stays. */
  OK(ufo_region_pin(region, 0, 40 * PAGE, 0, &error));
  FAILS(UFO_FULL, ufo_pool_set_budget(pool, 16 * PAGE, &error));
  cr_assert_eq(stats_of(pool).budget_bytes, 128 * PAGE);
  FAILS(UFO_FULL, ufo_pool_set_budget(pool, PAGE, &error));
  ufo_region_unpin(region, 0, 40 * PAGE);
  OK(ufo_pool_set_budget(pool, 2 * PAGE, &error));
  for (uint64_t i = 0; i < count; i++) cr_assert_eq(body[i], i % 512 ? value_of(i) : i);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

/* Shrinking tries again what could not be written back before. */
Test(pool, budget_shrinks_once_the_writeback_is_mended, .timeout = 30) {
  ufo_pool *pool = new_pool(16 * PAGE);
  memory_source source = {.bytes = calloc(40, PAGE), .size = 40 * PAGE};
  ufo_region *region = new_region(pool, 1, 40 * PAGE, PAGE, UFO_ACCESS_READ_WRITE, source_of(&source));
  uint8_t *body = ufo_region_body(region);
  for (int i = 0; i < 10; i++) body[i * PAGE] = 1;
  source.fail_writeback = UFO_FULL;
  FAILS(UFO_FULL, ufo_pool_set_budget(pool, 4 * PAGE, &error));
  source.fail_writeback = 0;
  OK(ufo_pool_set_budget(pool, 4 * PAGE, &error));
  for (int i = 0; i < 10; i++) cr_assert_eq(body[i * PAGE], 1);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
  free(source.bytes);
}

Test(pool, ten_thousand_regions_and_few_descriptors, .timeout = 60) {
  struct rlimit limit = {64, 64};
  cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
  ufo_pool *pool = new_pool(64 * PAGE);
  enum { REGIONS = 10000 };
  static ufo_region *regions[REGIONS];
  for (int i = 0; i < REGIONS; i++) regions[i] = new_formula(pool, 600);
  cr_assert_eq(stats_of(pool).regions, REGIONS);
  for (int i = 0; i < REGIONS; i++) {
    uint64_t *body = ufo_region_body(regions[i]);
    body[599] = (uint64_t)i;
  }
  for (int i = REGIONS; i-- > 0;) {
    const uint64_t *body = ufo_region_body(regions[i]);
    cr_assert_eq(body[599], (uint64_t)i);
    cr_assert_eq(body[0], value_of(0));
    cr_assert_eq(ufo_region_find(pool, &body[300]), regions[i]);
  }
  for (int i = 0; i < REGIONS; i++) ufo_region_release(regions[i * 7 % REGIONS]);
  OK(ufo_pool_destroy(pool, &error));
}

Test(pool, two_at_once, .timeout = 60) {
  ufo_pool *first = new_pool(8 * PAGE), *second = new_pool(16 * PAGE);
  ufo_region *a = new_formula(first, 20000), *b = new_formula(second, 20000);
  uint64_t *x = ufo_region_body(a), *y = ufo_region_body(b);
  for (uint64_t i = 0; i < 20000; i++) x[i] = y[i] + 1;
  for (uint64_t i = 20000; i-- > 0;) cr_assert_eq(x[i], value_of(i) + 1);
  cr_assert_null(ufo_region_find(first, y));
  cr_assert_leq(stats_of(first).resident_bytes_peak, 8 * PAGE);
  cr_assert_leq(stats_of(second).resident_bytes_peak, 16 * PAGE);
  ufo_region_release(a);
  OK(ufo_pool_destroy(first, &error));
  cr_assert_eq(y[0], value_of(0));
  ufo_region_release(b);
  OK(ufo_pool_destroy(second, &error));
}

/* ---- events --------------------------------------------------------------------------------------------------------
 */

enum { CHUNKS = 64 };
typedef struct log {
  _Atomic uint64_t counts[16];
  _Atomic int disorder;
  uint8_t resident[CHUNKS]; /* guarded by the chunk's lock, under which events come */
  _Atomic uint64_t last_ns[CHUNKS];
  _Atomic bool closed;
} log_;

static void on_event(void *user, const ufo_event *event) {
  log_ *l = user;
  if (atomic_load(&l->closed)) atomic_fetch_add(&l->disorder, 1);
  atomic_fetch_add(&l->counts[event->type], 1);
  if (event->type < UFO_EVENT_CHUNK_FILLED || event->type > UFO_EVENT_CHUNK_STAGED) return;
  uint64_t chunk = event->offset / PAGE;
  if (event->time_ns < atomic_exchange(&l->last_ns[chunk], event->time_ns)) atomic_fetch_add(&l->disorder, 1);
  bool fills = event->type == UFO_EVENT_CHUNK_FILLED;
  if (l->resident[chunk] == fills || event->bytes != PAGE) atomic_fetch_add(&l->disorder, 1);
  if (event->type != UFO_EVENT_CHUNK_STAGED) l->resident[chunk] = fills;
}

static void *storm(void *argument) {
  uint64_t *body = argument, state = 12345 + (uint64_t)(uintptr_t)pthread_self();
  for (int round = 0; round < 5000; round++) {
    uint64_t i = next_random(&state) % (CHUNKS * 512);
    if (round % 3) EXPECT(__atomic_load_n(&body[i], __ATOMIC_RELAXED) == value_of(i));
    else __atomic_store_n(&body[i], value_of(i), __ATOMIC_RELAXED);
  }
  return NULL;
}

Test(pool, events_come_in_order_and_agree_with_the_figures, .timeout = 60) {
  static log_ l;
  ufo_pool *pool = new_pool_with((ufo_pool_options){.budget_bytes = 16 * PAGE, .on_event = on_event, .event_user = &l});
  ufo_region *region = new_formula(pool, CHUNKS * 512);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, storm, ufo_region_body(region));
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  OK(ufo_region_flush(region, &error));
  OK(ufo_region_advise(region, 0, CHUNKS * PAGE, UFO_ADVICE_DONTNEED, &error));
  ufo_pool_stats stats = stats_of(pool);
  OK(ufo_region_reset(region, &error));
  ufo_region_release(region);
  cr_assert_eq(kit_wrong, 0);
  cr_assert_eq(l.disorder, 0);
  cr_assert_eq(l.counts[UFO_EVENT_REGION_CREATED], 1);
  cr_assert_eq(l.counts[UFO_EVENT_REGION_RESET], 1);
  cr_assert_eq(l.counts[UFO_EVENT_REGION_RELEASED], 1);
  cr_assert_eq(l.counts[UFO_EVENT_CHUNK_FILLED], stats.fills);
  cr_assert_eq(l.counts[UFO_EVENT_CHUNK_EVICTED_CLEAN], stats.evictions_clean);
  cr_assert_eq(l.counts[UFO_EVENT_CHUNK_EVICTED_DIRTY], stats.evictions_dirty);
  cr_assert_eq(l.counts[UFO_EVENT_CHUNK_STAGED], stats.writebacks);
  cr_assert_eq(l.counts[UFO_EVENT_CHUNK_FAILED], 0);
  cr_assert_eq(stats.fills, stats.evictions_clean + stats.evictions_dirty);
  cr_assert_gt(stats.evictions_dirty, 0);
  cr_assert_eq(stats.fill_bytes, stats.fills * PAGE);
  OK(ufo_pool_destroy(pool, &error));
}

Test(pool, the_event_handler_may_be_removed_during_a_storm, .timeout = 60) {
  static log_ l;
  ufo_pool *pool = new_pool(16 * PAGE);
  ufo_region *region = new_formula(pool, CHUNKS * 512);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, storm, ufo_region_body(region));
  for (int i = 0; i < 50; i++) {
    memset(l.resident, 2, sizeof l.resident); /* unknown: neither filled nor not */
    atomic_store(&l.closed, false);
    ufo_pool_set_event_handler(pool, on_event, &l);
    usleep(2000);
    ufo_pool_set_event_handler(pool, NULL, NULL);
    /* No call may come any more. */
    int so_far = atomic_load(&l.disorder);
    atomic_store(&l.closed, true);
    usleep(500);
    cr_assert_eq(atomic_load(&l.disorder), so_far);
  }
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  cr_assert_eq(kit_wrong, 0);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}
