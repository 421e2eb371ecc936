/* Touches that fail: errors in guards, SIGBUS outside, the hook; other chunks go on, and a retry works. Everything with
 * the kernel's poison and with what older kernels get instead. */
#include "region_kit.h"

#include <setjmp.h>

enum { CHUNKS = 16 };

typedef struct scene {
  ufo_pool *pool;
  ufo_region *region;
  memory_source source;
  uint8_t *body;
} scene;

static uint8_t byte_of(uint64_t b) { return (uint8_t)(b * 13 + b / PAGE); }

static void set(scene *s, unsigned flags) {
  memset(s, 0, sizeof *s);
  s->source.size = CHUNKS * PAGE;
  s->source.bytes = malloc(s->source.size);
  for (uint64_t b = 0; b < s->source.size; b++) s->source.bytes[b] = byte_of(b);
  s->pool = new_pool_with((ufo_pool_options){.budget_bytes = 8 * PAGE, .flags = flags});
  s->region = new_region(s->pool, 1, CHUNKS * PAGE, PAGE, UFO_ACCESS_READ_WRITE, source_of(&s->source));
  s->body = ufo_region_body(s->region);
}

static void strike(scene *s) {
  ufo_region_release(s->region);
  cr_assert_eq(s->source.destroys, 1);
  OK(ufo_pool_destroy(s->pool, &error));
  free(s->source.bytes);
}

static const unsigned both[] = {0, UFO_POOL_NO_POISON};

Test(guard, failed_fill_is_an_error_and_can_be_retried, .timeout = 60) {
  for (int i = 0; i < 2; i++) {
    scene s;
    set(&s, both[i]);
    ufo_pool_capabilities can = {.struct_size = sizeof can};
    ufo_pool_get_capabilities(s.pool, &can);
    if (both[i]) cr_assert_eq(can.poison, 0);
    ufo_region *other = new_formula(s.pool, 5000);
    s.source.fail_populate = UFO_CORRUPT;
    for (int round = 0; round < 20; round++) {
      FAILS(UFO_CORRUPT,
            ufo_guarded(s.region, round % 2 ? touch_write : touch_read, s.body + 3 * PAGE + 5, NULL, &error));
      cr_assert_not_null(strstr(error.message, "no bytes today at 12288"), "%s", error.message);
      cr_assert_eq(((uint64_t *)ufo_region_body(other))[round * 200], value_of((uint64_t)round * 200));
    }
    FAILS(UFO_CORRUPT, ufo_region_pin(s.region, 0, CHUNKS * PAGE / 4, 0, &error));
    cr_assert_eq(stats_of(s.pool).pinned_bytes, 0);
    OK(ufo_region_advise(other, 0, 40000, UFO_ADVICE_DONTNEED, &error)); /* below the low mark */
    FAILS(UFO_CORRUPT, ufo_region_advise(s.region, 0, PAGE, UFO_ADVICE_WILLNEED, &error));
    cr_assert_geq(stats_of(s.pool).fill_failures, 22);
    cr_assert_eq(info_of(s.region).resident_bytes, 0);
    s.source.fail_populate = 0;
    int result = -1;
    OK(ufo_guarded(s.region, touch_read, s.body + 3 * PAGE + 5, &result, &error));
    cr_assert_eq(result, byte_of(3 * PAGE + 5));
    for (uint64_t b = 0; b < CHUNKS * PAGE; b++) cr_assert_eq(s.body[b], byte_of(b));
    ufo_region_release(other);
    strike(&s);
  }
}

static int fails_silently(void *user, uint64_t offset, uint64_t bytes, void *target, ufo_error *e) {
  (void)user, (void)offset, (void)bytes, (void)target, (void)e;
  return 17;
}

Test(guard, a_source_without_a_message_gets_one, .timeout = 30) {
  ufo_pool *pool = new_pool(8 * PAGE);
  ufo_region *region =
      new_region(pool, 1, PAGE, PAGE, UFO_ACCESS_READ_ONLY, (ufo_source){.populate_bytes = fails_silently});
  FAILS(UFO_IO, ufo_guarded(region, touch_read, ufo_region_body(region), NULL, &error));
  cr_assert_not_null(strstr(error.message, "17"));
  OK(ufo_guarded(NULL, touch_read, &error, NULL, NULL));
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

/* ---- outside a guard ------------------------------------------------------------------------------------------- */

Test(guard, raw_touch_kills_by_sigbus, .timeout = 60) {
  for (int i = 0; i < 2; i++) {
    scene s;
    set(&s, both[i]);
    s.source.fail_populate = UFO_IO;
    pid_t child = fork();
    if (child == 0) {
      touch_read(s.body + 5000);
      _exit(0);
    }
    cr_assert_eq(wait_for(child), 256 + SIGBUS);
    s.source.fail_populate = 0;
    cr_assert_eq(s.body[5000], byte_of(5000));
    strike(&s);
  }
}

static void *_Atomic seen_address;
static sigjmp_buf way_out;

static void on_bus(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  atomic_store(&seen_address, info->si_addr);
  siglongjmp(way_out, 1);
}

Test(guard, a_handler_that_was_there_before_is_called_with_the_address, .timeout = 60) {
  struct sigaction action = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};
  sigaction(SIGBUS, &action, NULL);
  for (volatile int i = 0; i < 2; i++) {
    scene s;
    set(&s, both[i]);
    s.source.fail_populate = UFO_IO;
    seen_address = NULL;
    if (!sigsetjmp(way_out, 1)) touch_read(s.body + 9001);
    cr_assert_eq(seen_address, s.body + 9001);
    /* Nobody was told of the failure, so it stays, for a second touch and for a guard; reset ends it. */
    seen_address = NULL;
    if (!sigsetjmp(way_out, 1)) touch_write(s.body + 9002);
    cr_assert_eq(seen_address, s.body + 9002);
    s.source.fail_populate = 0;
    if (i == 0) {
      FAILS(UFO_IO, ufo_guarded(s.region, touch_read, s.body + 9001, NULL, &error));
    } else {
      OK(ufo_region_reset(s.region, &error));
      cr_assert_eq(s.source.resets, 1);
    }
    for (uint64_t b = 0; b < CHUNKS * PAGE; b++) cr_assert_eq(s.body[b], byte_of(b));
    strike(&s);
  }
}

Test(guard, faults_that_are_not_ours_go_their_way, .timeout = 30) {
  scene s;
  set(&s, 0);
  for (int number = 0; number < 2; number++) {
    static volatile int *volatile nowhere = (volatile int *)8; /* volatile, or compilers refuse the access */
    pid_t child = fork();
    if (child == 0) {
      if (number) raise(SIGBUS);
      else *nowhere = 1;
      _exit(0);
    }
    cr_assert_eq(wait_for(child), 256 + (number ? SIGBUS : SIGSEGV));
  }
  strike(&s);
}

/* ---- the hook -------------------------------------------------------------------------------------------------- */

static ufo_status hook_saw;
static void hook(void *user, void *address, const ufo_error *e) {
  hook_saw = e->code;
  seen_address = address;
  *(int *)user += 1;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGBUS);
  sigaddset(&set, SIGSEGV);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  siglongjmp(way_out, 1);
}

Test(guard, hook_is_called_outside_guards_only, .timeout = 30) {
  for (volatile int i = 0; i < 2; i++) {
    scene s;
    set(&s, both[i]);
    static int calls;
    calls = 0;
    ufo_set_fault_hook(hook, &calls);
    s.source.fail_populate = UFO_CORRUPT;
    for (volatile int round = 1; round <= 5; round++) {
      if (!sigsetjmp(way_out, 1)) touch_read(s.body + 100 * round);
      cr_assert_eq(calls, round);
      cr_assert_eq(hook_saw, UFO_CORRUPT);
      cr_assert_eq(seen_address, s.body + 100 * round);
    }
    FAILS(UFO_CORRUPT, ufo_guarded(NULL, touch_read, s.body, NULL, &error));
    cr_assert_eq(calls, 5);
    s.source.fail_populate = 0;
    cr_assert_eq(s.body[100], byte_of(100));
    ufo_set_fault_hook(NULL, NULL);
    strike(&s);
  }
}

/* ---- nesting --------------------------------------------------------------------------------------------------- */

typedef struct nest {
  ufo_region *inner, *outer;
  uint8_t *address;
  ufo_status inner_status;
} nest;

static int guard_again(void *user) {
  nest *n = user;
  ufo_error e;
  n->inner_status = ufo_guarded(n->inner, touch_read, n->address, NULL, &e);
  touch_read(n->address);
  return 1;
}

Test(guard, guards_nest_and_catch_their_own_region_only, .timeout = 30) {
  scene s;
  set(&s, 0);
  ufo_region *other = new_formula(s.pool, 1000);
  s.source.fail_populate = UFO_IO;
  nest n = {.inner = s.region, .address = s.body, .inner_status = UFO_OK};
  int result = 5;
  FAILS(UFO_IO, ufo_guarded(s.region, guard_again, &n, &result, &error));
  cr_assert_eq(n.inner_status, UFO_IO); /* the inner caught the first, the outer the second touch */
  cr_assert_eq(result, 5);
  n = (nest){.inner = other, .address = s.body, .inner_status = UFO_END};
  FAILS(UFO_IO, ufo_guarded(NULL, guard_again, &n, &result, &error));
  cr_assert_eq(n.inner_status, UFO_END); /* passed by */
  pid_t child = fork();
  if (child == 0) {
    ufo_error e;
    (void)!ufo_guarded(other, touch_read, s.body, NULL, &e);
    _exit(0);
  }
  cr_assert_eq(wait_for(child), 256 + SIGBUS);
  s.source.fail_populate = 0;
  cr_assert_eq(s.body[1], byte_of(1));
  ufo_region_release(other);
  strike(&s);
}

static int populate_from(void *user, uint64_t offset, uint64_t bytes, void *target, ufo_error *e) {
  (void)e;
  memcpy(target, (const uint8_t *)user + offset, bytes);
  return UFO_OK;
}

Test(guard, a_failed_nested_fill_unwinds_the_outer_one, .timeout = 30) {
  for (int i = 0; i < 2; i++) {
    scene s;
    set(&s, both[i]);
    ufo_region *above = new_region(s.pool, 1, CHUNKS * PAGE, 2 * PAGE, UFO_ACCESS_READ_WRITE,
                                   (ufo_source){.populate_bytes = populate_from, .user = s.body});
    uint8_t *body = ufo_region_body(above);
    s.source.fail_populate = UFO_CORRUPT;
    for (int round = 0; round < 10; round++) {
      FAILS(UFO_CORRUPT, ufo_guarded(above, touch_read, body + 3 * PAGE, NULL, &error));
      cr_assert_not_null(strstr(error.message, "no bytes today at 8192"), "%s", error.message);
    }
    s.source.fail_populate = 0;
    for (uint64_t b = 0; b < CHUNKS * PAGE; b++) cr_assert_eq(body[b], byte_of(b));
    ufo_region_release(above);
    strike(&s);
  }
}

/* ---- many threads on failing chunks ----------------------------------------------------------------------------- */

static void *guarded_reads(void *argument) {
  scene *s = argument;
  uint64_t state = 99 + (uint64_t)(uintptr_t)pthread_self();
  for (int round = 0; round < 3000; round++) {
    uint64_t b = next_random(&state) % (CHUNKS * PAGE);
    ufo_error e;
    int got = -1;
    ufo_status status = ufo_guarded(s->region, touch_read, s->body + b, &got, &e);
    EXPECT(status == UFO_IO || (status == UFO_OK && got == byte_of(b)));
    if (round % 8 == 0) atomic_store(&s->source.fail_populate, round % 16 ? UFO_IO : 0);
  }
  return NULL;
}

/* While one thread takes a failure back, another may touch the chunk: it must never find zeros. */
Test(guard, retries_race_with_touches, .timeout = 100) {
  for (int i = 0; i < 2; i++) {
    scene s;
    set(&s, both[i]);
    pthread_t threads[4];
    for (int t = 0; t < 4; t++) pthread_create(&threads[t], NULL, guarded_reads, &s);
    for (int t = 0; t < 4; t++) pthread_join(threads[t], NULL);
    cr_assert_eq(kit_wrong, 0);
    cr_assert_gt(stats_of(s.pool).fill_failures, 0);
    strike(&s);
  }
}
