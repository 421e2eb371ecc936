/* fork(): parent and child read right data from every kind of chunk, and neither sees what the other writes. */
#include "region_kit.h"

enum { CHUNKS = 48, ELEMENTS = CHUNKS * 512 };

/* The first third was changed, the middle read, the last never touched; half of all is evicted by the small budget. */
static uint64_t expected(uint64_t i) { return i < ELEMENTS / 3 && i % 64 == 0 ? ~i : value_of(i); }

static void prepare(uint64_t *body) {
  for (uint64_t i = 0; i < ELEMENTS / 3; i += 64) body[i] = ~i;
  for (uint64_t i = ELEMENTS / 3; i < ELEMENTS / 3 * 2; i += 512) (void)*(volatile uint64_t *)&body[i];
}

/* Reads everything in a mixed order. */
static void check_all(const uint64_t *body) {
  for (uint64_t k = 0; k < ELEMENTS; k++) {
    uint64_t i = k * 12289 % ELEMENTS;
    uint64_t got = __atomic_load_n(&body[i], __ATOMIC_RELAXED);
    if (got == expected(i)) continue;
    fprintf(stderr, "element %" PRIu64 " is %" PRIx64 "\n", i, got);
    atomic_fetch_add(&kit_wrong, 1);
    return;
  }
}

static void write_all(uint64_t *body, uint64_t salt) {
  for (uint64_t i = 5; i < ELEMENTS; i += 100) body[i] = i ^ salt;
  for (uint64_t i = 5; i < ELEMENTS; i += 100) EXPECT(body[i] == (i ^ salt));
}

Test(fork, child_and_parent_are_apart, .timeout = 60) {
  static const unsigned flags[] = {0, UFO_POOL_NO_POISON, UFO_POOL_USER_FAULTS_ONLY};
  for (int f = 0; f < 3; f++) {
    ufo_pool *pool = new_pool_with((ufo_pool_options){.budget_bytes = 20 * PAGE, .flags = flags[f]});
    ufo_region *region = new_formula(pool, ELEMENTS);
    uint64_t *body = ufo_region_body(region);
    prepare(body);
    int parent_wrote[2];
    cr_assert_eq(pipe(parent_wrote), 0);
    pid_t child = fork();
    if (child == 0) {
      char go;
      EXPECT(read(parent_wrote[0], &go, 1) == 1);
      check_all(body); /* nothing of what the parent wrote since */
      write_all(body, 1);
      EXPECT(stats_of(pool).resident_bytes <= 20 * PAGE);
      pid_t grandchild = fork();
      if (grandchild == 0) {
        for (uint64_t i = 5; i < ELEMENTS; i += 100) EXPECT(body[i] == (i ^ 1));
        write_all(body, 2);
        _exit(kit_wrong != 0);
      }
      EXPECT(wait_for(grandchild) == 0);
      for (uint64_t i = 5; i < ELEMENTS; i += 100) EXPECT(body[i] == (i ^ 1));
      _exit(kit_wrong != 0);
    }
    write_all(body, 3);
    cr_assert_eq(write(parent_wrote[1], "x", 1), 1);
    cr_assert_eq(wait_for(child), 0);
    for (uint64_t i = 5; i < ELEMENTS; i += 100) cr_assert_eq(body[i], (i ^ 3));
    cr_assert_eq(kit_wrong, 0);
    cr_assert_leq(stats_of(pool).resident_bytes_peak, 20 * PAGE);
    ufo_region_release(region);
    OK(ufo_pool_destroy(pool, &error));
  }
}

/* The child must notice its first write to a chunk that was clean in the parent, or it would be dropped as clean. */
Test(fork, the_childs_first_write_to_a_clean_chunk_counts, .timeout = 30) {
  ufo_pool *pool = new_pool(20 * PAGE);
  ufo_region *region = new_formula(pool, ELEMENTS);
  uint64_t *body = ufo_region_body(region);
  for (uint64_t c = 0; c < 10; c++) cr_assert_eq(body[c * 512], value_of(c * 512));
  pid_t child = fork();
  if (child == 0) {
    ufo_error e;
    for (uint64_t c = 0; c < 10; c++) body[c * 512] = c;
    EXPECT(info_of(region).dirty_bytes == 10 * PAGE);
    EXPECT(ufo_region_advise(region, 0, ELEMENTS * 8, UFO_ADVICE_DONTNEED, &e) == UFO_OK);
    for (uint64_t c = 0; c < 10; c++) EXPECT(body[c * 512] == c);
    _exit(kit_wrong != 0);
  }
  cr_assert_eq(wait_for(child), 0);
  for (uint64_t c = 0; c < 10; c++) cr_assert_eq(body[c * 512], value_of(c * 512));
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

Test(fork, child_creates_and_releases, .timeout = 60) {
  ufo_pool *pool = new_pool(20 * PAGE);
  ufo_region *region = new_formula(pool, ELEMENTS);
  prepare(ufo_region_body(region));
  pid_t child = fork();
  if (child == 0) {
    for (int i = 0; i < 20; i++) {
      ufo_region_options options = {.struct_size = sizeof options,
                                    .element_bytes = 8,
                                    .count = ELEMENTS,
                                    .source = {.populate = populate_formula}};
      ufo_region *other;
      ufo_error e;
      options.chunk_elements = 512;
      EXPECT(ufo_region_create(pool, &options, &other, &e) == UFO_OK);
      uint64_t *body = ufo_region_body(other);
      prepare(body);
      check_all(body);
      EXPECT(ufo_region_flush(other, &e) == UFO_OK);
      EXPECT(ufo_region_reset(other, &e) == UFO_OK);
      EXPECT(body[0] == value_of(0));
      ufo_region_release(other);
    }
    ufo_error e;
    EXPECT(ufo_pool_set_budget(pool, 8 * PAGE, &e) == UFO_OK);
    check_all(ufo_region_body(region));
    ufo_region_release(region);
    EXPECT(ufo_pool_destroy(pool, &e) == UFO_OK);
    _exit(kit_wrong != 0);
  }
  cr_assert_eq(wait_for(child), 0);
  check_all(ufo_region_body(region));
  cr_assert_eq(kit_wrong, 0);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

/* ---- under load -------------------------------------------------------------------------------------------------- */

typedef struct load {
  ufo_pool *pool;
  uint64_t *body;
  _Atomic bool stop;
} load;

static void *read_and_evict(void *argument) {
  load *l = argument;
  uint64_t state = 777 + (uint64_t)(uintptr_t)pthread_self();
  while (!atomic_load(&l->stop)) {
    uint64_t i = next_random(&state) % ELEMENTS;
    EXPECT(__atomic_load_n(&l->body[i], __ATOMIC_RELAXED) == expected(i));
    if (i % 8 == 0) __atomic_store_n(&l->body[i], expected(i), __ATOMIC_RELAXED); /* changed, but not in value */
  }
  return NULL;
}

static void *come_and_go(void *argument) {
  load *l = argument;
  while (!atomic_load(&l->stop)) {
    ufo_region_options options = {.struct_size = sizeof options,
                                  .element_bytes = 8,
                                  .count = 8 * 512,
                                  .chunk_elements = 512,
                                  .source = {.populate = populate_formula}};
    ufo_region *region;
    ufo_error e;
    EXPECT(ufo_region_create(l->pool, &options, &region, &e) == UFO_OK);
    uint64_t *body = ufo_region_body(region);
    for (uint64_t i = 0; i < 8 * 512; i += 300) EXPECT(body[i]++ == value_of(i));
    EXPECT(ufo_region_flush(region, &e) == UFO_OK);
    ufo_region_release(region);
  }
  return NULL;
}

/* Once the evictor has come to rest. */
static bool books_agree(const ufo_pool *pool, const ufo_region *region) {
  for (int i = 0; i < 1000; i++) {
    if (stats_of(pool).resident_bytes == info_of(region).resident_bytes) return true;
    usleep(1000);
  }
  return false;
}

/* Address sanitizer's allocator of this age does not take its locks across fork(): a child of a process whose other
 * threads allocate may hang in it. */
#if defined(__SANITIZE_ADDRESS__)
enum { FORKS = 0 };
#else
enum { FORKS = 50 };
#endif

Test(fork, fifty_times_while_others_fault_evict_and_release, .timeout = 100) {
  load l = {.pool = new_pool(20 * PAGE)};
  ufo_region *region = new_formula(l.pool, ELEMENTS);
  l.body = ufo_region_body(region);
  prepare(l.body);
  pthread_t threads[4];
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, read_and_evict, &l);
  pthread_create(&threads[3], NULL, come_and_go, &l);
  int bad = 0;
  for (int round = 0; round < FORKS; round++) {
    pid_t child = fork();
    if (child == 0) {
      atomic_store(&kit_wrong, 0);
      alarm(20); /* a child that hangs shall not outlive the test */
      check_all(l.body);
      write_all(l.body, (uint64_t)round);
      ufo_pool_stats stats = stats_of(l.pool);
      EXPECT(stats.resident_bytes <= 20 * PAGE);
      /* Nothing of the parent's fills and releases is left in the child's books. */
      if (stats.regions == 1) EXPECT(books_agree(l.pool, region));
      _exit(kit_wrong != 0);
    }
    bad += wait_for(child) != 0;
  }
  atomic_store(&l.stop, true);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  cr_assert_eq(bad, 0);
  cr_assert_eq(kit_wrong, 0);
  check_all(l.body);
  cr_assert_eq(kit_wrong, 0);
  ufo_region_release(region);
  OK(ufo_pool_destroy(l.pool, &error));
}

/* ---- failed chunks ------------------------------------------------------------------------------------------------
 */

/* A chunk failed in the parent by way of a system call, so nobody was told: the child must not hang on it. */
Test(fork, failed_chunks_fail_in_the_child_too, .timeout = 30) {
  for (int f = 0; f < 2; f++) {
    ufo_pool *pool = new_pool_with((ufo_pool_options){.budget_bytes = 20 * PAGE, .flags = f ? UFO_POOL_NO_POISON : 0});
    memory_source source = {.bytes = calloc(8, PAGE), .size = 8 * PAGE, .fail_populate = UFO_IO};
    ufo_pool_capabilities can = {.struct_size = sizeof can};
    ufo_pool_get_capabilities(pool, &can);
    ufo_region *region = new_region(pool, 1, 8 * PAGE, PAGE, UFO_ACCESS_READ_WRITE, source_of(&source));
    uint8_t *body = ufo_region_body(region);
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], body + 3 * PAGE, 1), -1);
    cr_assert_eq(errno, EFAULT);
    cr_assert_eq(stats_of(pool).fill_failures, can.kernel_faults ? 1 : 0);
    pid_t child = fork();
    if (child == 0) {
      ufo_error e;
      int got = -1;
      alarm(10);
      EXPECT(ufo_guarded(region, touch_read, body + 3 * PAGE, NULL, &e) == UFO_IO);
      source.fail_populate = 0;
      EXPECT(ufo_guarded(region, touch_read, body + 3 * PAGE, &got, &e) == UFO_OK && got == 0);
      body[3 * PAGE] = 9;
      EXPECT(body[3 * PAGE] == 9 && body[4 * PAGE] == 0);
      _exit(kit_wrong != 0);
    }
    cr_assert_eq(wait_for(child), 0);
    source.fail_populate = 0;
    OK(ufo_region_reset(region, &error));
    for (int i = 0; i < 8 * PAGE; i++) cr_assert_eq(body[i], 0);
    ufo_region_release(region);
    OK(ufo_pool_destroy(pool, &error));
    free(source.bytes);
  }
}
