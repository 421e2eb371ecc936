/* A budget under pressure: changed while threads fault, pinned by several at once, locked by mlock, or written without
 * a pause. Whoever only reads another region must not notice. */
#include "region_kit.h"

#include <sys/mman.h>
#include <sys/syscall.h> /* mlock by its number: the address sanitizer lets the functions do nothing */

enum { CHUNK_ELEMENTS = 512, CHUNKS = 64 };

Test(pressure, a_smaller_budget_that_is_refused_harms_nobody, .timeout = 60) {
  ufo_pool *pool = new_pool(16 * PAGE);
  ufo_region *pinned = new_formula(pool, CHUNKS * CHUNK_ELEMENTS), *other = new_formula(pool, CHUNKS * CHUNK_ELEMENTS);
  OK(ufo_region_pin(pinned, 0, 10 * PAGE, 0, &error));
  kit_reader r;
  start_reader(&r, other);
  for (int i = 0; i < 2000; i++) {
    FAILS(UFO_FULL, ufo_pool_set_budget(pool, 8 * PAGE, &error));
    FAILS(UFO_FULL, ufo_pool_set_budget(pool, 11 * PAGE, &error)); /* two chunks must be left */
    ufo_pool_stats stats = stats_of(pool);
    cr_assert_eq(stats.budget_bytes, 16 * PAGE);
    cr_assert_leq(stats.resident_bytes, stats.budget_bytes);
  }
  stop_reader(&r);
  ufo_region_unpin(pinned, 0, 10 * PAGE);
  ufo_region_release(pinned);
  ufo_region_release(other);
  OK(ufo_pool_destroy(pool, &error));
}

/* Changed chunks that cannot be written back are found out only while the budget shrinks. */
Test(pressure, a_shrink_that_fails_half_way_harms_nobody, .timeout = 60) {
  ufo_pool *pool = new_pool(16 * PAGE);
  memory_source source = {.size = 8 * PAGE, .bytes = calloc(8, PAGE), .fail_writeback = UFO_FULL};
  ufo_region *stuck = new_region(pool, 1, source.size, PAGE, UFO_ACCESS_READ_WRITE, source_of(&source));
  ufo_region *other = new_formula(pool, CHUNKS * CHUNK_ELEMENTS);
  for (int c = 0; c < 8; c++) ((uint8_t *)ufo_region_body(stuck))[c * PAGE] = 1;
  kit_reader r;
  start_reader(&r, other);
  for (int i = 0; i < 200; i++) {
    FAILS(UFO_FULL, ufo_pool_set_budget(pool, 6 * PAGE, &error));
    ufo_pool_stats stats = stats_of(pool);
    cr_assert_leq(stats.resident_bytes, stats.budget_bytes);
  }
  OK(ufo_pool_set_budget(pool, 12 * PAGE, &error));
  stop_reader(&r);
  atomic_store(&source.fail_writeback, 0);
  ufo_region_release(stuck);
  ufo_region_release(other);
  OK(ufo_pool_destroy(pool, &error));
  free(source.bytes);
}

typedef struct pinner {
  pthread_t thread;
  ufo_region *region;
  _Atomic bool *stop;
  uint64_t done;
} pinner;

static void *pin_on(void *argument) {
  pinner *p = argument;
  ufo_error e;
  while (!atomic_load(p->stop)) {
    if (ufo_region_pin(p->region, 0, 13 * PAGE, 0, &e) != UFO_OK) continue;
    p->done++;
    ufo_region_unpin(p->region, 0, 13 * PAGE);
  }
  return NULL;
}

Test(pressure, pins_at_once_leave_room_for_others, .timeout = 60) {
  ufo_pool *pool = new_pool(16 * PAGE);
  ufo_region *other = new_formula(pool, CHUNKS * CHUNK_ELEMENTS);
  _Atomic bool stop = false;
  pinner pinners[2];
  kit_reader r;
  start_reader(&r, other);
  for (int i = 0; i < 2; i++) {
    pinners[i] = (pinner){.region = new_formula(pool, CHUNKS * CHUNK_ELEMENTS), .stop = &stop};
    pthread_create(&pinners[i].thread, NULL, pin_on, &pinners[i]);
  }
  for (uint64_t reads = atomic_load(&r.reads); atomic_load(&r.reads) < reads + 20000;) usleep(1000);
  atomic_store(&stop, true);
  for (int i = 0; i < 2; i++) {
    pthread_join(pinners[i].thread, NULL);
    cr_assert_gt(pinners[i].done, 0);
    ufo_region_release(pinners[i].region);
  }
  stop_reader(&r);
  cr_assert_eq(stats_of(pool).pinned_bytes, 0);
  ufo_region_release(other);
  OK(ufo_pool_destroy(pool, &error));
}

Test(pressure, pins_leave_room_for_the_largest_chunks, .timeout = 30) {
  ufo_pool *pool = new_pool(16 * PAGE);
  ufo_region *small = new_formula(pool, CHUNKS * CHUNK_ELEMENTS);
  OK(ufo_region_pin(small, 0, 12 * PAGE, 0, &error));
  ufo_region *large;
  ufo_region_options options = {.struct_size = sizeof options,
                                .element_bytes = 8,
                                .count = CHUNKS * CHUNK_ELEMENTS,
                                .chunk_elements = 4 * CHUNK_ELEMENTS,
                                .source = {.populate = populate_formula}};
  FAILS(UFO_FULL, ufo_region_create(pool, &options, &large, &error));
  ufo_region_unpin(small, 0, 12 * PAGE);
  OK(ufo_region_create(pool, &options, &large, &error));
  FAILS(UFO_FULL, ufo_region_pin(small, 0, 9 * PAGE, 0, &error));
  OK(ufo_region_pin(small, 0, 8 * PAGE, 0, &error));
  const uint64_t *body = ufo_region_body(large);
  for (uint64_t i = 0; i < CHUNKS * CHUNK_ELEMENTS; i += 7) cr_assert_eq(body[i], value_of(i));
  FAILS(UFO_FULL, ufo_pool_set_budget(pool, 15 * PAGE, &error));
  ufo_region_unpin(small, 0, 8 * PAGE);
  ufo_region_release(small);
  ufo_region_release(large);
  OK(ufo_pool_destroy(pool, &error));
}

Test(pressure, locked_memory_is_an_error_not_a_loop, .timeout = 60) {
  ufo_pool *pool = new_pool(16 * PAGE);
  ufo_region *region = new_formula(pool, CHUNKS * CHUNK_ELEMENTS);
  const uint64_t *body = ufo_region_body(region);
  if (syscall(SYS_mlock, body, 16 * PAGE)) cr_skip_test("this process may not lock 64 KiB");
  FAILS(UFO_IO, ufo_guarded(region, touch_read, (void *)(uintptr_t)&body[20 * CHUNK_ELEMENTS], NULL, &error));
  cr_assert_not_null(strstr(error.message, "locked"), "%s", error.message);
  FAILS(UFO_FULL, ufo_pool_set_budget(pool, 8 * PAGE, &error));
  FAILS(UFO_IO, ufo_region_reset(region, &error));
  syscall(SYS_munlock, body, 16 * PAGE);
  OK(ufo_pool_set_budget(pool, 8 * PAGE, &error));
  for (uint64_t i = 0; i < CHUNKS * CHUNK_ELEMENTS; i += 7) cr_assert_eq(body[i], value_of(i));
  OK(ufo_region_reset(region, &error));
  cr_assert_eq(info_of(region).resident_bytes, 0);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

enum { CANNOT = 77 };

/* In a child, where Criterion's assertions do not work. */
static int use_locked_memory(void) {
  if (syscall(SYS_mlockall, MCL_FUTURE)) return CANNOT;
  ufo_pool_options small = {.struct_size = sizeof small, .budget_bytes = 16 * PAGE};
  ufo_region_options options = {.struct_size = sizeof options,
                                .element_bytes = 8,
                                .count = CHUNKS * CHUNK_ELEMENTS,
                                .chunk_elements = CHUNK_ELEMENTS,
                                .source = {.populate = populate_formula}};
  ufo_pool *pool;
  ufo_region *region;
  ufo_error e;
  /* An ordinary user may lock so little that every mapping is refused. */
  if (ufo_pool_create(&small, &pool, &e) != UFO_OK || ufo_region_create(pool, &options, &region, &e) != UFO_OK)
    return geteuid() == 0 ? 1 : CANNOT;
  uint64_t *body = ufo_region_body(region);
  for (uint64_t i = 0; i < CHUNKS * CHUNK_ELEMENTS; i++) EXPECT(body[i] == value_of(i));
  for (uint64_t i = 0; i < CHUNKS * CHUNK_ELEMENTS; i += 100) body[i]++;
  for (uint64_t i = 0; i < CHUNKS * CHUNK_ELEMENTS; i++) EXPECT(body[i] == value_of(i) + (i % 100 == 0));
  ufo_region_release(region);
  return kit_wrong != 0;
}

/* mlockall fills an accessible mapping with zeros as soon as it is made. */
Test(pressure, a_process_that_locks_all_its_memory_reads_no_zeros, .timeout = 60) {
#ifdef __SANITIZE_ADDRESS__
  cr_skip_test("the address sanitizer lets the library's munlock() do nothing");
#endif
  pid_t child = fork();
  if (child == 0) {
    alarm(30);
    _exit(use_locked_memory());
  }
  int status = wait_for(child);
  if (status == CANNOT) cr_skip_test("this process may not lock its memory");
  cr_assert_eq(status, 0);
}

typedef struct writer {
  pthread_t thread;
  _Atomic uint64_t *counter;
  _Atomic bool *stop;
  uint64_t count;
} writer;

static void *write_on(void *argument) {
  writer *w = argument;
  while (!atomic_load(w->stop)) {
    atomic_fetch_add_explicit(w->counter, 1, memory_order_relaxed);
    w->count++;
  }
  return NULL;
}

/* A write undoes a cleaning. When every chunk in memory is written all the time, one of them must give way. */
Test(pressure, a_fill_is_served_while_all_of_memory_is_being_written, .timeout = 60) {
  enum { WRITERS = 6 };
  ufo_pool *pool = new_pool(2 * PAGE);
  memory_source source = {.size = 8 * PAGE, .bytes = calloc(8, PAGE), .writeback_pause = 5000};
  ufo_region *region = new_region(pool, 1, source.size, PAGE, UFO_ACCESS_READ_WRITE, source_of(&source));
  uint8_t *body = ufo_region_body(region);
  _Atomic bool stop = false;
  writer writers[WRITERS];
  for (int i = 0; i < WRITERS; i++) {
    writers[i] = (writer){.counter = (_Atomic uint64_t *)(void *)(body + i % 2 * PAGE + i * 8), .stop = &stop};
    pthread_create(&writers[i].thread, NULL, write_on, &writers[i]);
  }
  for (int round = 0; round < 10; round++) {
    for (int i = 0; i < WRITERS; i++) /* both chunks are in memory, and being written */
      for (uint64_t before = *writers[i].counter; *writers[i].counter < before + 1000;) usleep(100);
    cr_assert_eq(((volatile uint8_t *)body)[(2 + round % 6) * PAGE], 0);
  }
  /* Without giving way, one such touch took up to 35 s and thousands of cleanings; with it, five, and some dozens on a
   * busy machine. */
  cr_assert_lt(atomic_load(&source.writebacks), 10 * 100);
  atomic_store(&stop, true);
  for (int i = 0; i < WRITERS; i++) pthread_join(writers[i].thread, NULL);
  for (int i = 0; i < WRITERS; i++) cr_assert_eq(*writers[i].counter, writers[i].count);
  OK(ufo_region_flush(region, &error));
  cr_assert_eq(memcmp(body, source.bytes, source.size), 0);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
  free(source.bytes);
}

/* ---- memory besides the budget -------------------------------------------------------------------------------------
 */

static _Atomic int written_at_once, most_at_once;

static int counting_writeback(void *user, uint64_t offset, uint64_t bytes, const void *data, ufo_error *e) {
  int now = atomic_fetch_add(&written_at_once, 1) + 1;
  if (now > atomic_load(&most_at_once)) atomic_store(&most_at_once, now);
  usleep(50000);
  atomic_fetch_sub(&written_at_once, 1);
  return memory_writeback(user, offset, bytes, data, e);
}

/* Each thread that writes back has a copy of the chunk, and a writeback that compresses takes several times as much:
 * large chunks are written back one at a time, by flushes and evictions. */
Test(pressure, large_chunks_are_written_back_one_at_a_time, .timeout = 60) {
  enum { LARGE = 16 << 20, LARGE_CHUNKS = 8, PASSES = 2 };
  ufo_pool *pool = new_pool(6 * LARGE);
  memory_source s = {.size = LARGE_CHUNKS * LARGE, .bytes = calloc(LARGE_CHUNKS, LARGE)};
  ufo_source source = source_of(&s);
  source.writeback = counting_writeback;
  ufo_region *region = new_region(pool, 8, LARGE_CHUNKS * LARGE / 8, LARGE / 8, UFO_ACCESS_READ_WRITE, source);
  uint64_t *body = ufo_region_body(region);
  for (uint64_t i = 0; i < PASSES * LARGE_CHUNKS; i++) {
    body[i % LARGE_CHUNKS * (LARGE / 8)] += i;
    if (i == LARGE_CHUNKS) cr_assert_eq(atomic_load(&most_at_once), 1, "%d evicted at once", most_at_once);
  }
  atomic_store(&most_at_once, 0);
  OK(ufo_region_flush(region, &error));
  cr_assert_eq(atomic_load(&most_at_once), 1, "%d flushed at once", most_at_once);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
  free(s.bytes);
}

/* What is read again and again stays in memory, and what was changed once and not touched since leaves it. */
Test(pressure, idle_changes_make_room_for_what_is_read, .timeout = 60) {
  enum { IDLE = 40, READ = 40, BUDGET = 64, ROUNDS = 100 };
  ufo_pool *pool = new_pool(BUDGET * PAGE);
  memory_source source = {.size = IDLE * PAGE, .bytes = calloc(IDLE, PAGE)};
  ufo_region *idle = new_region(pool, 1, source.size, PAGE, UFO_ACCESS_READ_WRITE, source_of(&source));
  ufo_region *read = new_formula(pool, READ * CHUNK_ELEMENTS);
  const uint64_t *body = ufo_region_body(read);
  for (int c = 0; c < IDLE; c++) ((uint8_t *)ufo_region_body(idle))[c * PAGE] = (uint8_t)(c + 1);
  uint64_t before = 0, late = 0, step = 17; /* chunks in no order that is noticed */
  for (int round = 0; round < ROUNDS; round++) {
    if (round == ROUNDS / 2) before = stats_of(pool).fills;
    for (uint64_t i = 0; i < READ; i++) {
      uint64_t at = (i * step % READ) * CHUNK_ELEMENTS + i;
      cr_assert_eq(body[at], value_of(at));
    }
  }
  late = stats_of(pool).fills - before;
  cr_assert_leq(late, READ, "%" PRIu64 " fills in the last %d rounds", late, ROUNDS / 2);
  for (int c = 0; c < IDLE; c++) cr_assert_eq(((uint8_t *)ufo_region_body(idle))[c * PAGE], c + 1);
  ufo_region_release(idle);
  ufo_region_release(read);
  OK(ufo_pool_destroy(pool, &error));
  free(source.bytes);
}

/* Where nothing that could leave is idle, changes are not written back again and again for what does not fit anyhow. */
Test(pressure, changes_in_use_stay, .timeout = 60) {
  enum { USED = 16, READ = 400, BUDGET = 64, ROUNDS = 20, STEP = 149 };
  ufo_pool *pool = new_pool(BUDGET * PAGE);
  memory_source source = {.size = USED * PAGE, .bytes = calloc(USED, PAGE)};
  ufo_region *used = new_region(pool, 1, source.size, PAGE, UFO_ACCESS_READ_WRITE, source_of(&source));
  ufo_region *read = new_formula(pool, READ * CHUNK_ELEMENTS);
  const uint64_t *body = ufo_region_body(read);
  uint8_t *changed = ufo_region_body(used);
  for (int round = 0; round < ROUNDS; round++) {
    for (uint64_t i = 0; i < READ; i++) {
      uint64_t at = (i * STEP % READ) * CHUNK_ELEMENTS + i;
      cr_assert_eq(body[at], value_of(at));
      changed[i % USED * PAGE] = (uint8_t)round;
    }
  }
  ufo_pool_stats stats = stats_of(pool);
  cr_assert_gt(stats.fills, ROUNDS * READ / 2, "memory was too small for all");
  cr_assert_leq(stats.evictions_dirty, stats.fills / 10, "%" PRIu64 " of %" PRIu64, stats.evictions_dirty, stats.fills);
  for (int c = 0; c < USED; c++) cr_assert_eq(changed[c * PAGE], ROUNDS - 1);
  ufo_region_release(used);
  ufo_region_release(read);
  OK(ufo_pool_destroy(pool, &error));
  free(source.bytes);
}
