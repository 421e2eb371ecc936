/* What keeps, drops and writes back chunks on request: pin, advise, flush, reset; and writebacks that fail. */
#include "region_kit.h"

enum { CHUNKS = 32 };

typedef struct scene {
  ufo_pool *pool;
  ufo_region *region;
  memory_source source;
  uint8_t *body;
} scene;

static void set(scene *s, uint64_t budget, unsigned flags) {
  memset(s, 0, sizeof *s);
  s->source.size = CHUNKS * PAGE - 1000;
  s->source.bytes = calloc(CHUNKS, PAGE);
  s->pool = new_pool_with((ufo_pool_options){.budget_bytes = budget, .flags = flags});
  s->region = new_region(s->pool, 1, s->source.size, PAGE, UFO_ACCESS_READ_WRITE, source_of(&s->source));
  s->body = ufo_region_body(s->region);
}

static void strike(scene *s) {
  ufo_region_release(s->region);
  OK(ufo_pool_destroy(s->pool, &error));
  free(s->source.bytes);
}

/* ---- writeback --------------------------------------------------------------------------------------------------- */

Test(keep, flush_hands_changed_chunks_over_once, .timeout = 30) {
  scene s;
  set(&s, CHUNKS * PAGE * 2, 0);
  s.body[5 * PAGE + 17] = 1;
  OK(ufo_region_flush(s.region, &error));
  cr_assert_eq(s.source.writebacks, 1);
  cr_assert_eq(s.source.last_offset, 5 * PAGE);
  cr_assert_eq(s.source.last_bytes, PAGE);
  cr_assert_eq(s.source.bytes[5 * PAGE + 17], 1);
  s.body[CHUNKS * PAGE - 1001] = 2;
  OK(ufo_region_flush(s.region, &error));
  cr_assert_eq(s.source.writebacks, 2);
  cr_assert_eq(s.source.last_bytes, PAGE - 1000); /* the last chunk is short */
  OK(ufo_region_flush(s.region, &error));
  cr_assert_eq(s.source.writebacks, 2);
  cr_assert_eq(info_of(s.region).dirty_bytes, 0);
  s.body[5 * PAGE] = 3; /* clean chunks are tracked again */
  OK(ufo_region_flush(s.region, &error));
  cr_assert_eq(s.source.writebacks, 3);
  cr_assert_eq(memcmp(s.body, s.source.bytes, s.source.size), 0);
  strike(&s);
}

Test(keep, failing_writebacks_lose_nothing, .timeout = 60) {
  scene s;
  set(&s, 16 * PAGE, 0);
  for (int c = 0; c < 10; c++) s.body[c * PAGE] = (uint8_t)(c + 1);
  s.source.fail_writeback = UFO_FULL;
  FAILS(UFO_FULL, ufo_region_flush(s.region, &error));
  cr_assert_not_null(strstr(error.message, "no room today"));
  FAILS(UFO_FULL, ufo_region_advise(s.region, 0, 10 * PAGE, UFO_ADVICE_DONTNEED, &error));
  /* Clean chunks still come and go. */
  for (int round = 0; round < 3; round++)
    for (int c = 10; c < CHUNKS; c++) cr_assert_eq(s.body[c * PAGE], 0);
  for (int c = 0; c < 10; c++) cr_assert_eq(s.body[c * PAGE], c + 1);
  /* Until all memory is changed. */
  ufo_status status = UFO_OK;
  int written = 10;
  while (written < CHUNKS &&
         (status = ufo_guarded(s.region, touch_write, s.body + written * PAGE, NULL, &error)) == UFO_OK) {
    s.body[written * PAGE] = (uint8_t)(written + 1);
    written++;
  }
  cr_assert_eq(status, UFO_FULL);
  cr_assert_not_null(strstr(error.message, "no room today"), "%s", error.message);
  cr_assert_geq(written, 14);
  cr_assert_leq(written, 16);
  cr_assert_gt(stats_of(s.pool).writeback_failures, 0);
  cr_assert_eq(s.source.writebacks, 0);
  s.source.fail_writeback = 0;
  for (int c = written; c < CHUNKS; c++) s.body[c * PAGE] = (uint8_t)(c + 1);
  for (int c = 0; c < CHUNKS; c++) cr_assert_eq(s.body[c * PAGE], c + 1);
  OK(ufo_region_flush(s.region, &error));
  cr_assert_eq(memcmp(s.body, s.source.bytes, s.source.size), 0);
  strike(&s);
}

Test(keep, a_full_scratch_disk_loses_nothing, .timeout = 60) {
  ufo_pool *pool = new_pool_with((ufo_pool_options){.budget_bytes = 8 * PAGE, .scratch_dir = "/nowhere/at/all"});
  ufo_region *region = new_formula(pool, CHUNKS * 512);
  uint64_t *body = ufo_region_body(region);
  ufo_status status = UFO_OK;
  int written = 0;
  while (written < CHUNKS && (status = ufo_guarded(region, touch_write, &body[written * 512], NULL, &error)) == UFO_OK)
    body[written++ * 512] = 5;
  cr_assert_eq(status, UFO_MISSING);
  cr_assert_not_null(strstr(error.message, "/nowhere/at/all"), "%s", error.message);
  for (int c = 0; c < written; c++) cr_assert_eq(body[c * 512], 5);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

enum { COUNTERS = 8 };

typedef struct counting {
  _Atomic uint64_t *counter;
  uint64_t count;
  _Atomic bool *stop;
} counting;

static void *count_up(void *argument) {
  counting *c = argument;
  while (!atomic_load(c->stop)) {
    atomic_fetch_add_explicit(c->counter, 1, memory_order_relaxed);
    c->count++;
  }
  return NULL;
}

/* Writers never pause while their chunks are flushed and evicted over and over, by a source that takes its time. */
Test(keep, eviction_loses_no_update, .timeout = 60) {
  scene s;
  set(&s, 4 * PAGE, 0);
  s.source.writeback_pause = 50;
  pthread_t threads[COUNTERS];
  counting counts[COUNTERS];
  _Atomic bool stop = false;
  for (int i = 0; i < COUNTERS; i++) {
    counts[i] = (counting){(_Atomic uint64_t *)(void *)(s.body + (i % 4) * PAGE + i * 8), 0, &stop};
    pthread_create(&threads[i], NULL, count_up, &counts[i]);
  }
  for (int round = 0; round < 200; round++) {
    OK(ufo_region_flush(s.region, &error));
    OK(ufo_region_advise(s.region, 0, 4 * PAGE, UFO_ADVICE_DONTNEED, &error));
    cr_assert_eq(s.body[20 * PAGE], 0);
  }
  /* On a busy machine a thread may not have begun yet. */
  for (int i = 0; i < COUNTERS; i++)
    while (atomic_load(counts[i].counter) == 0) usleep(100);
  atomic_store(&stop, true);
  for (int i = 0; i < COUNTERS; i++) pthread_join(threads[i], NULL);
  OK(ufo_region_flush(s.region, &error));
  for (int i = 0; i < COUNTERS; i++) {
    uint64_t stored;
    memcpy(&stored, s.source.bytes + (i % 4) * PAGE + i * 8, 8);
    cr_assert_gt(counts[i].count, 0);
    cr_assert_eq(*counts[i].counter, counts[i].count);
    cr_assert_eq(stored, counts[i].count);
  }
  cr_assert_leq(stats_of(s.pool).resident_bytes_peak, 4 * PAGE);
  strike(&s);
}

/* ---- reset and advise -------------------------------------------------------------------------------------------- */

Test(keep, reset_forgets_changes_and_calls_the_source, .timeout = 30) {
  scene s;
  set(&s, 16 * PAGE, 0);
  for (int c = 0; c < CHUNKS; c++) s.body[c * PAGE] = 7;
  OK(ufo_region_reset(s.region, &error));
  memset(s.source.bytes, 9, s.source.size); /* now that the evictor has nothing left to write */
  cr_assert_eq(s.source.resets, 1);
  cr_assert_eq(info_of(s.region).resident_bytes, 0);
  for (int c = 0; c < CHUNKS; c++) cr_assert_eq(s.body[c * PAGE], 9);
  OK(ufo_region_pin(s.region, 0, 1, 0, &error));
  FAILS(UFO_USAGE, ufo_region_reset(s.region, &error));
  ufo_region_unpin(s.region, 0, 1);
  OK(ufo_region_reset(s.region, &error));
  strike(&s);
  /* Without a writeback: back to what populate gives, also for chunks that had spilled. */
  ufo_pool *pool = new_pool(4 * PAGE);
  ufo_region *region = new_formula(pool, CHUNKS * 512);
  uint64_t *body = ufo_region_body(region);
  for (int c = 0; c < CHUNKS; c++) body[c * 512] = 1;
  OK(ufo_region_reset(region, &error));
  cr_assert_eq(stats_of(pool).scratch_bytes, 0);
  for (int c = 0; c < CHUNKS; c++) cr_assert_eq(body[c * 512], value_of((uint64_t)c * 512));
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

Test(keep, advice_fills_and_evicts, .timeout = 30) {
  scene s;
  set(&s, 16 * PAGE, 0);
  OK(ufo_region_advise(s.region, 3 * PAGE + 1, PAGE, UFO_ADVICE_WILLNEED, &error)); /* two chunks */
  cr_assert(becomes_resident(s.region, 2 * PAGE));
  cr_assert_eq(s.source.populates, 2);
  s.body[3 * PAGE] = 1;
  cr_assert_eq(s.source.populates, 2);
  OK(ufo_region_advise(s.region, 0, s.source.size, UFO_ADVICE_WILLNEED, &error));
  uint64_t resident = stats_of(s.pool).resident_bytes;
  cr_assert_leq(resident, stats_of(s.pool).low_bytes);
  cr_assert_geq(resident, 13 * PAGE);
  cr_assert_eq(stats_of(s.pool).evictions_dirty, 0);
  OK(ufo_region_advise(s.region, 0, s.source.size, UFO_ADVICE_DONTNEED, &error));
  cr_assert_eq(info_of(s.region).resident_bytes, 0);
  cr_assert_eq(s.source.writebacks, 1);
  cr_assert_eq(s.body[3 * PAGE], 1);
  static const ufo_advice kinds[] = {UFO_ADVICE_NORMAL, UFO_ADVICE_SEQUENTIAL, UFO_ADVICE_RANDOM};
  for (int k = 0; k < 3; k++) {
    OK(ufo_region_advise(s.region, 0, 0, kinds[k], &error));
    for (int c = 0; c < CHUNKS; c++) cr_assert_eq(s.body[c * PAGE], c == 3);
  }
  FAILS(UFO_USAGE, ufo_region_advise(s.region, 0, s.source.size + 1, UFO_ADVICE_WILLNEED, &error));
  FAILS(UFO_USAGE, ufo_region_advise(s.region, UINT64_MAX, 2, UFO_ADVICE_DONTNEED, &error));
  FAILS(UFO_USAGE, ufo_region_advise(s.region, 0, 1, (ufo_advice)99, &error));
  strike(&s);
}

/* ---- pin --------------------------------------------------------------------------------------------------------- */

Test(keep, system_calls_work_on_pinned_ranges, .timeout = 30) {
  scene s;
  set(&s, 16 * PAGE, UFO_POOL_USER_FAULTS_ONLY);
  ufo_pool_capabilities can = {.struct_size = sizeof can};
  ufo_pool_get_capabilities(s.pool, &can);
  cr_assert_eq(can.kernel_faults, 0);
  int ends[2];
  cr_assert_eq(pipe(ends), 0);
  cr_assert_eq(write(ends[1], s.body, 10), -1);
  cr_assert_eq(errno, EFAULT);
  memset(s.source.bytes, 'a', 2 * PAGE);
  OK(ufo_region_pin(s.region, PAGE - 5, 10, 0, &error)); /* two chunks */
  cr_assert_eq(stats_of(s.pool).pinned_bytes, 2 * PAGE);
  cr_assert_eq(write(ends[1], s.body + PAGE - 5, 10), 10);
  ufo_region_unpin(s.region, PAGE - 5, 10);
  cr_assert_eq(stats_of(s.pool).pinned_bytes, 0);
  cr_assert_eq(info_of(s.region).dirty_bytes, 0);
  /* For writing: changed at once, and still open to the kernel after a flush. */
  OK(ufo_region_pin(s.region, 8 * PAGE, 100, 1, &error));
  cr_assert_eq(info_of(s.region).dirty_bytes, PAGE);
  OK(ufo_region_flush(s.region, &error));
  cr_assert_eq(info_of(s.region).dirty_bytes, PAGE);
  cr_assert_eq(read(ends[0], s.body + 8 * PAGE, 10), 10);
  cr_assert_eq(memcmp(s.body + 8 * PAGE, "aaaaaaaaaa", 10), 0);
  ufo_region_unpin(s.region, 8 * PAGE, 100);
  OK(ufo_region_advise(s.region, 8 * PAGE, 1, UFO_ADVICE_DONTNEED, &error));
  cr_assert_eq(s.source.bytes[8 * PAGE + 9], 'a');
  cr_assert_eq(s.body[8 * PAGE + 9], 'a');
  strike(&s);
}

Test(keep, pinned_chunks_stay_while_others_are_evicted, .timeout = 30) {
  scene s;
  set(&s, 8 * PAGE, UFO_POOL_USER_FAULTS_ONLY);
  OK(ufo_region_pin(s.region, 0, 3 * PAGE, 0, &error));
  OK(ufo_region_pin(s.region, 0, 3 * PAGE, 1, &error)); /* pins nest */
  int ends[2];
  cr_assert_eq(pipe(ends), 0);
  for (int round = 0; round < 3; round++) {
    for (int c = 3; c < CHUNKS; c++) s.body[c * PAGE] = (uint8_t)(round + c);
    cr_assert_eq(write(ends[1], s.body, 3 * PAGE), 3 * PAGE);
    cr_assert_eq(read(ends[0], s.body, 3 * PAGE), 3 * PAGE);
    if (round == 1) ufo_region_unpin(s.region, 0, 3 * PAGE);
  }
  OK(ufo_region_advise(s.region, 0, s.source.size, UFO_ADVICE_DONTNEED, &error));
  cr_assert_eq(info_of(s.region).resident_bytes, 3 * PAGE);
  ufo_region_unpin(s.region, 0, 3 * PAGE);
  OK(ufo_region_advise(s.region, 0, s.source.size, UFO_ADVICE_DONTNEED, &error));
  cr_assert_eq(info_of(s.region).resident_bytes, 0);
  strike(&s);
}

Test(keep, pins_leave_two_chunks_of_the_budget, .timeout = 30) {
  scene s;
  set(&s, 8 * PAGE, 0);
  FAILS(UFO_FULL, ufo_region_pin(s.region, 0, 7 * PAGE, 0, &error));
  FAILS(UFO_FULL, ufo_region_pin(s.region, 0, s.source.size, 0, &error));
  cr_assert_eq(stats_of(s.pool).pinned_bytes, 0);
  OK(ufo_region_pin(s.region, 0, 6 * PAGE, 0, &error));
  OK(ufo_region_pin(s.region, 0, 6 * PAGE, 1, &error)); /* the same again costs nothing */
  FAILS(UFO_FULL, ufo_region_pin(s.region, 6 * PAGE, 1, 0, &error));
  FAILS(UFO_FULL, ufo_region_pin(s.region, 5 * PAGE, PAGE + 1, 0, &error));
  for (int c = 0; c < CHUNKS; c++) cr_assert_eq(s.body[c * PAGE], 0);
  ufo_region_unpin(s.region, 0, 6 * PAGE);
  ufo_region_unpin(s.region, 0, 6 * PAGE);
  cr_assert_eq(stats_of(s.pool).pinned_bytes, 0);
  FAILS(UFO_USAGE, ufo_region_pin(s.region, s.source.size, 1, 0, &error));
  FAILS(UFO_USAGE, ufo_region_pin(s.region, 1, UINT64_MAX, 0, &error));
  strike(&s);
}
