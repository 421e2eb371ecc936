/* Fills inside fills: how deep they may go, and what happens when the budget cannot serve them. Never a hang. */
#include "region_kit.h"

#include <setjmp.h>

/* Chunk k of the upper region reads the first element of `fan` chunks of the lower one. */
typedef struct upper {
  const uint64_t *lower;
  uint64_t fan, chunks;
  useconds_t pause, pause_after_first;
  _Atomic unsigned begun;
} upper;

static uint64_t upper_value(const upper *u, uint64_t chunk) {
  uint64_t sum = 0;
  for (uint64_t j = 0; j < u->fan; j++) sum += value_of((chunk + j) % u->chunks * 512);
  return sum;
}

static int populate_upper(void *user, uint64_t first, uint64_t count, void *target, ufo_error *e) {
  (void)e;
  upper *u = user;
  uint64_t sum = 0, *out = target;
  atomic_fetch_add(&u->begun, 1);
  usleep(u->pause);
  for (uint64_t j = 0; j < u->fan; j++) {
    sum += __atomic_load_n(&u->lower[(first / 512 + j) % u->chunks * 512], __ATOMIC_RELAXED);
    if (j == 0) usleep(u->pause_after_first);
  }
  for (uint64_t i = 0; i < count; i++) out[i] = sum;
  return UFO_OK;
}

static ufo_region *new_upper(ufo_pool *pool, upper *u) {
  return new_region(pool, 8, 512 * u->chunks, 512, UFO_ACCESS_READ_WRITE,
                    (ufo_source){.populate = populate_upper, .user = u});
}

Test(nested, budget_of_two_chunks_serves_depth_one, .timeout = 60) {
  ufo_pool *pool = new_pool(2 * PAGE);
  upper u = {.fan = 3, .chunks = 50};
  ufo_region *lower = new_formula(pool, 512 * u.chunks), *region = new_upper(pool, &u);
  u.lower = ufo_region_body(lower);
  uint64_t *body = ufo_region_body(region);
  for (int round = 0; round < 60; round++)
    for (uint64_t c = 0; c < u.chunks; c++) {
      uint64_t *place = &body[c * 512 + (uint64_t)round];
      cr_assert_eq(*place, upper_value(&u, c));
      if (round % 4 == 1) body[c * 512 + 511] = c;
      if (round > 1) cr_assert_eq(body[c * 512 + 511], c);
    }
  cr_assert_leq(stats_of(pool).resident_bytes_peak, 2 * PAGE);
  ufo_region_release(region);
  ufo_region_release(lower);
  OK(ufo_pool_destroy(pool, &error));
}

/* ---- too little memory --------------------------------------------------------------------------------------------
 */

static ufo_region *top; /* every chunk of it reads a chunk of `middle`, and that of `bottom`: depth two */
static uint64_t *middle_body, *bottom_body;

static int populate_through(void *user, uint64_t offset, uint64_t bytes, void *target, ufo_error *e) {
  (void)e;
  memcpy(target, *(uint8_t **)user + offset, bytes);
  return UFO_OK;
}

Test(nested, budget_too_small_for_the_depth_is_an_error, .timeout = 30) {
  ufo_pool *pool = new_pool(2 * PAGE);
  ufo_region *bottom = new_formula(pool, 5000);
  bottom_body = ufo_region_body(bottom);
  ufo_region *middle = new_region(pool, 8, 5000, 512, UFO_ACCESS_READ_WRITE,
                                  (ufo_source){.populate_bytes = populate_through, .user = &bottom_body});
  middle_body = ufo_region_body(middle);
  top = new_region(pool, 8, 5000, 512, UFO_ACCESS_READ_WRITE,
                   (ufo_source){.populate_bytes = populate_through, .user = &middle_body});
  uint64_t *body = ufo_region_body(top);
  FAILS(UFO_FULL, ufo_guarded(top, touch_read, body, NULL, &error));
  cr_assert_eq(middle_body[600], value_of(600)); /* depth one goes on */
  OK(ufo_pool_set_budget(pool, 3 * PAGE, &error));
  for (uint64_t i = 0; i < 5000; i++) cr_assert_eq(body[i], value_of(i));
  ufo_region_release(top);
  ufo_region_release(middle);
  ufo_region_release(bottom);
  OK(ufo_pool_destroy(pool, &error));
}

typedef struct touch_one {
  ufo_region *region;
  const void *address;
  useconds_t after;
  ufo_status status;
} touch_one;

static void *touch_guarded(void *argument) {
  touch_one *t = argument;
  ufo_error e;
  usleep(t->after);
  t->status = ufo_guarded(t->region, touch_read, (void *)(uintptr_t)t->address, NULL, &e);
  EXPECT(t->status == UFO_OK || t->status == UFO_FULL);
  return NULL;
}

/* Two fills hold the whole budget and wait for a chunk whose fill, begun by a third thread, waits for memory. */
Test(nested, fills_that_wait_for_a_fill_without_memory_do_not_hang, .timeout = 30) {
  ufo_pool *pool = new_pool(2 * PAGE);
  upper u = {.fan = 1, .chunks = 1, .pause = 100000};
  ufo_region *lower = new_formula(pool, 512);
  u.lower = ufo_region_body(lower);
  ufo_region *region =
      new_region(pool, 8, 1024, 512, UFO_ACCESS_READ_WRITE, (ufo_source){.populate = populate_upper, .user = &u});
  uint64_t *body = ufo_region_body(region);
  touch_one touches[] = {{region, &body[0], 0, 0}, {region, &body[512], 0, 0}, {lower, u.lower, 50000, 0}};
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, touch_guarded, &touches[i]);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  cr_assert_eq(kit_wrong, 0);
  /* Afterwards all is as before. */
  u.pause = 0;
  for (uint64_t i = 0; i < 1024; i++) cr_assert_eq(body[i], value_of(0));
  ufo_region_release(region);
  ufo_region_release(lower);
  OK(ufo_pool_destroy(pool, &error));
}

static int slow_writeback(void *user, uint64_t offset, uint64_t bytes, const void *data, ufo_error *e) {
  (void)user, (void)offset, (void)bytes, (void)data, (void)e;
  usleep(200000);
  return UFO_OK;
}

static void *flush_now(void *region) {
  ufo_error e;
  EXPECT(ufo_region_flush(region, &e) == UFO_OK);
  return NULL;
}

/* The only chunk that could make room is being flushed: the fill waits for that. */
Test(nested, a_flush_in_progress_is_waited_for, .timeout = 30) {
  ufo_pool *pool = new_pool(4 * PAGE);
  ufo_region *pinned = new_formula(pool, 1024);
  uint64_t *keep = ufo_region_body(pinned);
  OK(ufo_region_pin(pinned, 0, 2 * PAGE, 0, &error));
  upper u = {.fan = 1, .chunks = 1};
  ufo_region *lower = new_formula(pool, 512), *region = new_upper(pool, &u);
  u.lower = ufo_region_body(lower);
  ufo_region *changed = new_region(pool, 1, PAGE, PAGE, UFO_ACCESS_READ_WRITE,
                                   (ufo_source){.populate_bytes = populate_zero_bytes, .writeback = slow_writeback});
  *(uint8_t *)ufo_region_body(changed) = 1;
  pthread_t flusher;
  pthread_create(&flusher, NULL, flush_now, changed);
  usleep(50000);
  OK(ufo_guarded(NULL, touch_read, ufo_region_body(region), NULL, &error));
  pthread_join(flusher, NULL);
  cr_assert_eq(keep[5], value_of(5));
  ufo_region_unpin(pinned, 0, 2 * PAGE);
  ufo_region_release(changed);
  ufo_region_release(region);
  ufo_region_release(lower);
  ufo_region_release(pinned);
  OK(ufo_pool_destroy(pool, &error));
}

/* ---- many threads -------------------------------------------------------------------------------------------------
 */

enum { TOUCHERS = 150 };

/* More touches at once than there are threads for them must leave threads for what nests below. */
Test(nested, many_slow_outer_fills_leave_threads_for_the_inner_ones, .timeout = 60) {
  ufo_pool *pool = new_pool(400 * PAGE);
  upper u = {.fan = 2, .chunks = TOUCHERS, .pause = 20000, .pause_after_first = 1000};
  ufo_region *lower = new_formula(pool, 512 * TOUCHERS), *region = new_upper(pool, &u);
  u.lower = ufo_region_body(lower);
  uint64_t *body = ufo_region_body(region);
  static touch_one touches[TOUCHERS];
  static pthread_t threads[TOUCHERS];
  for (int i = 0; i < TOUCHERS; i++) {
    touches[i] = (touch_one){region, &body[i * 512], 0, UFO_END};
    cr_assert_eq(pthread_create(&threads[i], NULL, touch_guarded, &touches[i]), 0);
  }
  for (int i = 0; i < TOUCHERS; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < TOUCHERS; i++) {
    cr_assert_eq(touches[i].status, UFO_OK, "touch %d: %s", i, ufo_status_name(touches[i].status));
    cr_assert_eq(body[i * 512], upper_value(&u, (uint64_t)i));
  }
  ufo_region_release(region);
  ufo_region_release(lower);
  OK(ufo_pool_destroy(pool, &error));
}

/* ---- depth --------------------------------------------------------------------------------------------------------
 */

static uint64_t *chain;

/* Chunk k holds k: one more than the chunk before it, which it reads. */
static int populate_chain(void *user, uint64_t first, uint64_t count, void *target, ufo_error *e) {
  (void)user, (void)e;
  uint64_t *out = target, value = first ? chain[first - 1] + 1 : 0;
  for (uint64_t i = 0; i < count; i++) out[i] = value;
  return UFO_OK;
}

Test(nested, depth_is_limited_and_a_forward_scan_works_after, .timeout = 60) {
  enum { CHUNKS = 3 * UFO_FILL_DEPTH_MAX };
  ufo_pool *pool = new_pool(CHUNKS * PAGE);
  ufo_region *region =
      new_region(pool, 8, CHUNKS * 512, 512, UFO_ACCESS_READ_ONLY, (ufo_source){.populate = populate_chain});
  chain = ufo_region_body(region);
  for (int round = 0; round < 5; round++) {
    FAILS(UFO_FULL, ufo_guarded(region, touch_read, &chain[UFO_FILL_DEPTH_MAX * 512], NULL, &error));
    cr_assert_not_null(strstr(error.message, "64 deep"), "%s", error.message);
    OK(ufo_guarded(region, touch_read, &chain[(UFO_FILL_DEPTH_MAX - 1) * 512], NULL, &error)); /* 64 fills */
    OK(ufo_region_reset(region, &error));
    FAILS(UFO_FULL, ufo_guarded(region, touch_read, &chain[(CHUNKS - 1) * 512], NULL, &error));
    for (uint64_t c = 0; c < CHUNKS; c++) cr_assert_eq(chain[c * 512 + (uint64_t)round], c);
    OK(ufo_region_reset(region, &error));
  }
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

/* In a child, so that the raw touch may end it. */
Test(nested, a_raw_touch_too_deep_ends_by_sigbus, .timeout = 60) {
  ufo_pool *pool = new_pool(200 * PAGE);
  ufo_region *region =
      new_region(pool, 8, 100 * 512, 512, UFO_ACCESS_READ_ONLY, (ufo_source){.populate = populate_chain});
  chain = ufo_region_body(region);
  pid_t child = fork();
  if (child == 0) {
    touch_read(&chain[99 * 512]);
    _exit(0);
  }
  cr_assert_eq(wait_for(child), 256 + SIGBUS);
  cr_assert_eq(chain[0], 0);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

/* ---- a fill that nobody waits for any more ----------------------------------------------------------------------- */

static _Atomic bool filling;

/* Takes its time, then reads the chunk below. */
static int populate_late(void *user, uint64_t first, uint64_t count, void *target, ufo_error *e) {
  (void)e;
  uint64_t base = 0, *out = target;
  if (first > 0) {
    atomic_store(&filling, true);
    usleep(100000);
    base = (*(uint64_t *const *)user)[first - 512];
  }
  for (uint64_t i = 0; i < count; i++) out[i] = base + 1;
  return UFO_OK;
}

static sigjmp_buf given_up;
static void give_up(int signal_number) {
  (void)signal_number;
  siglongjmp(given_up, 1);
}

static void *alarm_when_filling(void *thread) {
  while (!atomic_load(&filling)) usleep(1000);
  pthread_kill(*(pthread_t *)thread, SIGUSR1);
  return NULL;
}

/* As an interpreter does when it is interrupted. The release waits for the fill, which needs its own region. */
Test(nested, a_release_waits_for_a_fill_that_was_given_up, .timeout = 30) {
  uint64_t *body;
  ufo_pool *pool = new_pool(16 * PAGE);
  ufo_region *region =
      new_region(pool, 8, 64 * 512, 512, UFO_ACCESS_READ_WRITE, (ufo_source){.populate = populate_late, .user = &body});
  body = ufo_region_body(region);
  pthread_t self = pthread_self(), alarm_clock;
  signal(SIGUSR1, give_up);
  pthread_create(&alarm_clock, NULL, alarm_when_filling, &self);
  if (sigsetjmp(given_up, 1) == 0) {
    (void)*(volatile uint64_t *)&body[5 * 512];
    cr_assert_fail("the touch was served before it could be given up");
  }
  pthread_join(alarm_clock, NULL);
  signal(SIGUSR1, SIG_DFL);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}
