/* Windows made ahead of a stream: they come where touches follow each other and nowhere else, hold what they should,
 * stay within the budget, and are forgotten when they must not be shown any more. */
#include "random.h"
#include "region_kit.h"

#include <sys/mman.h>
#include <xxhash.h>

enum { MIB = 1 << 20, CHUNK = 64 << 10, WINDOW = 2 << 20, WORDS_A_CHUNK = CHUNK / 8, WORDS_A_WINDOW = WINDOW / 8 };
enum { BUDGET = 32 * MIB, BODY = 4 * BUDGET, COUNT = BODY / 8 };
/* Of a scan that begins somewhere in a window, all the others; but where evictors do not get to run for long, nothing
 * is clean, and a window is given up: its chunks come one by one. */
enum { SERVED = BODY / WINDOW * 3 / 4 };

static const ufo_source ahead_formula = {.populate = populate_formula, .flags = UFO_SOURCE_READ_AHEAD};

static ufo_region *new_streamed(ufo_pool *pool) {
  return new_region(pool, 8, COUNT, WORDS_A_CHUNK, UFO_ACCESS_READ_WRITE, ahead_formula);
}

/* The same over bytes that `s` keeps, zeros at first. They end with the process. */
static ufo_region *new_kept(ufo_pool *pool, memory_source *s, ufo_writeback_fn writeback) {
  *s = (memory_source){.size = BODY,
                       .bytes = mmap(NULL, BODY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)};
  cr_assert_neq(s->bytes, MAP_FAILED);
  ufo_source source = source_of(s);
  source.writeback = writeback;
  source.flags = UFO_SOURCE_READ_AHEAD;
  return new_region(pool, 8, COUNT, WORDS_A_CHUNK, UFO_ACCESS_READ_WRITE, source);
}

/* A figure of a file of lines "NAME VALUE"; UINT64_MAX if it is not there. */
static uint64_t figure(const char *path, const char *name) {
  char line[256];
  uint64_t value = UINT64_MAX;
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, name, strlen(name)) == 0) value = strtoull(line + strlen(name), NULL, 10);
  if (file) fclose(file);
  return value;
}

/* Of this process's memory that is no file's, in bytes. */
static uint64_t anonymous_bytes(void) { return figure("/proc/self/status", "RssAnon:") * 1024; }

/* How many huge pages were taken apart since the machine was started, by anybody. */
static uint64_t pages_split(void) { return figure("/proc/vmstat", "thp_split_page "); }

static bool huge_pages_on_request(void) {
  char line[64] = "";
  FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
  if (file && !fgets(line, sizeof line, file)) line[0] = 0;
  if (file) fclose(file);
  return line[0] && !strstr(line, "[never]");
}

static uint64_t wrong_words(const uint64_t *body, uint64_t begin, uint64_t end, uint64_t step) {
  uint64_t wrong = 0;
  for (uint64_t i = begin; i < end; i += step) wrong += body[i] != value_of(i);
  return wrong;
}

Test(windows, a_scan_is_served_ahead, .timeout = 60) {
  ufo_pool *pool = new_pool(BUDGET);
  ufo_region *region = new_streamed(pool);
  const uint64_t *body = ufo_region_body(region);
  cr_assert_eq((uintptr_t)body % WINDOW, 0);
  cr_assert_eq(wrong_words(body, 0, COUNT, 1), 0);
  ufo_pool_stats stats = stats_of(pool);
  cr_assert_geq(stats.windows, SERVED);
  cr_assert_leq(stats.faults, 2 * BODY / WINDOW + CHUNK / 1024);
  cr_assert_leq(stats.resident_bytes_peak, BUDGET);
  cr_assert_eq(stats.dirty_bytes, 0);
  cr_assert_eq(stats.writebacks, 0);
  ufo_region_release(region);
  cr_assert_eq(stats_of(pool).resident_bytes, 0);
  OK(ufo_pool_destroy(pool, &error));
}

Test(windows, backwards_too, .timeout = 60) {
  ufo_pool *pool = new_pool(BUDGET);
  ufo_region *region = new_streamed(pool);
  const uint64_t *body = ufo_region_body(region);
  for (uint64_t i = COUNT; i-- > 0;)
    if (body[i] != value_of(i)) cr_assert_fail("word %" PRIu64 " is wrong", i);
  cr_assert_geq(stats_of(pool).windows, SERVED);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

Test(windows, not_where_touches_do_not_follow_each_other, .timeout = 60) {
  ufo_pool *pool = new_pool(BUDGET);
  ufo_region *region = new_streamed(pool);
  const uint64_t *body = ufo_region_body(region);
  /* The head of a vector; then places at random, each chunk once at most. */
  cr_assert_eq(wrong_words(body, 0, 2 * WORDS_A_CHUNK, 1), 0);
  bool touched[BODY / CHUNK] = {true, true};
  uint64_t random = 5;
  for (uint64_t k = 0; k < 200;) {
    uint64_t chunk = random_below(&random, BODY / CHUNK), i = chunk * WORDS_A_CHUNK + k;
    if (touched[chunk]) continue;
    touched[chunk] = true;
    cr_assert_eq(body[i], value_of(i));
    k++;
  }
  ufo_pool_stats stats = stats_of(pool);
  cr_assert_eq(stats.windows + stats.windows_wasted, 0);
  cr_assert_leq(stats.fill_bytes, (202 + 16) * CHUNK); /* three places may lie in a row by chance */
  /* A stream, but the program says that it means nothing. */
  OK(ufo_region_advise(region, 0, BODY, UFO_ADVICE_RANDOM, &error));
  cr_assert_eq(wrong_words(body, COUNT / 2, COUNT / 2 + 4 * WORDS_A_WINDOW, 512), 0);
  cr_assert_eq(stats_of(pool).windows, 0);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

Test(windows, not_for_sources_that_do_not_ask_for_them, .timeout = 60) {
  ufo_pool *pool = new_pool(BUDGET);
  ufo_region *region =
      new_region(pool, 8, COUNT, WORDS_A_CHUNK, UFO_ACCESS_READ_WRITE, (ufo_source){.populate = populate_formula});
  cr_assert_eq(wrong_words(ufo_region_body(region), 0, 4 * WORDS_A_WINDOW, 512), 0);
  cr_assert_eq(stats_of(pool).windows, 0);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

/* As on kernels that cannot move pages; a region that ends within a window, and elements that do not fill the last
 * page; chunks of other sizes, down to a page and up to a whole window. */
Test(windows, every_shape, .timeout = 100) {
  static const uint64_t chunk_words[] = {512, 2048, WORDS_A_CHUNK, WORDS_A_WINDOW, 3 * 512, 2 * WORDS_A_WINDOW};
  for (unsigned flags = 0; flags <= UFO_POOL_NO_MOVE; flags += UFO_POOL_NO_MOVE) {
    for (unsigned c = 0; c < sizeof chunk_words / sizeof *chunk_words; c++) {
      ufo_pool *pool = new_pool_with((ufo_pool_options){.budget_bytes = BUDGET, .flags = flags});
      uint64_t count = 24 * WORDS_A_WINDOW + 70001;
      ufo_region_options options = {.struct_size = sizeof options,
                                    .header_bytes = 48,
                                    .element_bytes = 8,
                                    .count = count,
                                    .chunk_elements = chunk_words[c],
                                    .source = ahead_formula};
      ufo_region *region;
      OK(ufo_region_create(pool, &options, &region, &error));
      const uint64_t *body = ufo_region_body(region);
      for (int pass = 0; pass < 2; pass++) cr_assert_eq(wrong_words(body, 0, count, 1), 0);
      memset(ufo_region_header(region), 1, 48);
      ufo_pool_stats stats = stats_of(pool);
      cr_assert_leq(stats.resident_bytes_peak, BUDGET);
      cr_assert(WORDS_A_WINDOW % chunk_words[c] ? stats.windows == 0 : stats.windows >= 12, "%" PRIu64 " windows",
                stats.windows);
      ufo_region_release(region);
      OK(ufo_pool_destroy(pool, &error));
    }
  }
}

static int writeback_the_fifth(void *user, uint64_t offset, uint64_t bytes, const void *data, ufo_error *e) {
  EXPECT(offset % WINDOW == 5 * CHUNK && bytes == CHUNK);
  return memory_writeback(user, offset, bytes, data, e);
}

/* The kernel keeps a huge page until its last part is dropped, and does not show it: what is not mapped any more is not
 * counted as the process's. So it must have been taken apart. */
Test(windows, memory_is_given_back_in_truth, .timeout = 100) {
  ufo_pool *pool = new_pool(BUDGET);
  memory_source s;
  ufo_region *region = new_kept(pool, &s, writeback_the_fifth);
  uint64_t *body = ufo_region_body(region), before = anonymous_bytes(), most = 0, split = pages_split();
  for (int pass = 0; pass < 3; pass++) {
    for (uint64_t i = 0; i < COUNT; i += 512) {
      cr_assert_eq(body[i], i % WORDS_A_WINDOW == WORDS_A_CHUNK * 5 ? (uint64_t)pass : 0);
      if (i % WORDS_A_WINDOW == WORDS_A_CHUNK * 5) body[i]++; /* one chunk of each window */
      if (i % WORDS_A_WINDOW == 0) most = anonymous_bytes() > most ? anonymous_bytes() : most;
    }
  }
  cr_assert_leq(stats_of(pool).resident_bytes_peak, BUDGET);
#if !defined(__SANITIZE_ADDRESS__)
  cr_assert_leq(most - before, BUDGET + 6 * MIB, "%" PRIu64 " bytes in memory, %" PRIu64 " before", most, before);
#else
  (void)before;
#endif
  if (huge_pages_on_request() && split != UINT64_MAX) {
    uint64_t since = pages_split() - split, windows = stats_of(pool).windows;
    cr_assert_geq(since, windows / 2, "%" PRIu64 " pages of %" PRIu64 " windows", since, windows);
  }
  OK(ufo_region_flush(region, &error));
  cr_assert_geq(atomic_load(&s.writebacks), BODY / WINDOW);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
  cr_assert_eq(kit_wrong, 0);
}

static int sum_all(void *user) {
  ufo_region *region = user;
  return wrong_words(ufo_region_body(region), 0, info_of(region).count, 512) != 0;
}

typedef struct broken_source {
  uint64_t chunk; /* that cannot be produced */
} broken_source;

static int populate_but_one(void *user, uint64_t first, uint64_t count, void *target, ufo_error *e) {
  if (first / WORDS_A_CHUNK != ((const broken_source *)user)->chunk)
    return populate_formula(NULL, first, count, target, e);
  e->code = UFO_CORRUPT;
  snprintf(e->message, sizeof e->message, "chunk %" PRIu64 " is broken", first / WORDS_A_CHUNK);
  return UFO_CORRUPT;
}

Test(windows, a_chunk_that_fails_fails_alone, .timeout = 60) {
  ufo_pool *pool = new_pool(BUDGET);
  broken_source s = {.chunk = 10 * WINDOW / CHUNK + 7};
  ufo_source source = {.populate = populate_but_one, .user = &s, .flags = UFO_SOURCE_READ_AHEAD};
  ufo_region *region = new_region(pool, 8, COUNT, WORDS_A_CHUNK, UFO_ACCESS_READ_WRITE, source);
  for (int pass = 0; pass < 3; pass++) {
    int wrong = 0;
    ufo_error e;
    cr_assert_eq(ufo_guarded(region, sum_all, region, &wrong, &e), UFO_CORRUPT);
    cr_assert(strstr(e.message, "is broken"), "%s", e.message);
  }
  const uint64_t *body = ufo_region_body(region);
  cr_assert_eq(wrong_words(body, 0, s.chunk * WORDS_A_CHUNK, 1), 0);
  cr_assert_eq(wrong_words(body, (s.chunk + 1) * WORDS_A_CHUNK, COUNT, 1), 0);
  cr_assert_gt(stats_of(pool).windows, 0);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

Test(windows, a_reset_forgets_what_was_ahead, .timeout = 60) {
  ufo_pool *pool = new_pool(BUDGET);
  memory_source s;
  ufo_region *region = new_kept(pool, &s, memory_writeback);
  const volatile uint64_t *body = ufo_region_body(region);
  for (uint64_t round = 1; round <= 20; round++) {
    uint64_t end = (2 + round % 9) * WORDS_A_WINDOW + 100; /* the windows behind it are ready, or on their way */
    for (uint64_t i = 0; i < end; i += 512) cr_assert_eq(body[i], round - 1);
    for (uint64_t i = 0; i < COUNT; i += 512) ((uint64_t *)s.bytes)[i] = round;
    OK(ufo_region_reset(region, &error));
    cr_assert_eq(stats_of(pool).resident_bytes, 0);
  }
  cr_assert_gt(stats_of(pool).windows, 0);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

/* What is produced ahead must not be older than what a resident chunk of the window is written back as. */
Test(windows, a_change_behind_their_back_is_seen, .timeout = 60) {
  ufo_pool *pool = new_pool(BUDGET);
  memory_source s;
  ufo_region *region = new_kept(pool, &s, memory_writeback);
  volatile uint64_t *body = ufo_region_body(region);
  for (uint64_t round = 1; round <= 20; round++) {
    uint64_t window = 3 + round % 11, changed = window * WORDS_A_WINDOW + 7 * WORDS_A_CHUNK + round;
    body[changed] = round;
    for (uint64_t i = 0; i < window * WORDS_A_WINDOW; i += 512) (void)body[i];
    usleep(2000); /* the windows behind it have been asked for */
    OK(ufo_region_advise(region, 0, BODY, UFO_ADVICE_DONTNEED, &error));
    for (uint64_t i = window * WORDS_A_WINDOW; i < (window + 1) * WORDS_A_WINDOW; i += 512) (void)body[i];
    cr_assert_eq(body[changed], round, "round %" PRIu64 ": %" PRIu64, round, body[changed]);
    OK(ufo_region_advise(region, 0, BODY, UFO_ADVICE_DONTNEED, &error));
  }
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

Test(windows, a_release_does_too, .timeout = 60) {
  ufo_pool *pool = new_pool(BUDGET);
  for (uint64_t round = 0; round < 50; round++) {
    ufo_region *region = new_streamed(pool);
    cr_assert_eq(wrong_words(ufo_region_body(region), 0, (1 + round % 5) * WORDS_A_WINDOW + 9, 512), 0);
    ufo_region_release(region);
    cr_assert_eq(stats_of(pool).resident_bytes, 0);
  }
  OK(ufo_pool_destroy(pool, &error));
}

Test(windows, a_child_reads_and_writes_on, .timeout = 100) {
  ufo_pool *pool = new_pool(BUDGET);
  ufo_region *region = new_streamed(pool);
  uint64_t *body = ufo_region_body(region);
  for (uint64_t round = 0; round < 12; round++) {
    uint64_t at = (round * 5 + 2) * WORDS_A_WINDOW + round * 1000;
    cr_assert_eq(wrong_words(body, at - 2 * WORDS_A_WINDOW, at, 512), 0);
    pid_t child = fork();
    if (child == 0) {
      uint64_t wrong = wrong_words(body, at, at + 6 * WORDS_A_WINDOW, 512);
      for (uint64_t i = 0; i < COUNT; i += WORDS_A_WINDOW) body[i + 3] = i;
      for (uint64_t i = 0; i < COUNT; i += WORDS_A_WINDOW) wrong += body[i + 3] != i || body[i + 4] != value_of(i + 4);
      _exit(wrong != 0);
    }
    cr_assert_eq(wrong_words(body, at, at + 4 * WORDS_A_WINDOW, 512), 0);
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "round %" PRIu64 ": status %d", round, status);
  }
  cr_assert_gt(stats_of(pool).windows, 0);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

Test(windows, a_smaller_budget_takes_them_back, .timeout = 60) {
  ufo_pool *pool = new_pool(BUDGET);
  ufo_region *region = new_streamed(pool);
  uint64_t *body = ufo_region_body(region);
  for (int round = 0; round < 6; round++) {
    cr_assert_eq(wrong_words(body, 0, 8 * WORDS_A_WINDOW + 5, 512), 0);
    OK(ufo_pool_set_budget(pool, 1 * MIB, &error));
    cr_assert_leq(stats_of(pool).resident_bytes, 1 * MIB);
    cr_assert_eq(wrong_words(body, COUNT / 2, COUNT / 2 + WORDS_A_WINDOW, 512), 0);
    OK(ufo_pool_set_budget(pool, BUDGET, &error));
  }
  /* Pins go before what nobody has asked for. */
  cr_assert_eq(wrong_words(body, 0, 8 * WORDS_A_WINDOW + 5, 512), 0);
  OK(ufo_region_pin(region, 0, BUDGET - 2 * CHUNK, 1, &error));
  cr_assert_eq(wrong_words(body, COUNT / 2, COUNT / 2 + WORDS_A_WINDOW, 512), 0);
  cr_assert_leq(stats_of(pool).resident_bytes_peak, BUDGET);
  ufo_region_unpin(region, 0, BUDGET - 2 * CHUNK);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

/* What is used again and again stays, whatever is scanned meanwhile. */
Test(windows, a_hot_set_survives_a_scan, .timeout = 60) {
  enum { HOT = BUDGET / 2 / CHUNK, SCANNED = 10 * BUDGET };
  ufo_pool *pool = new_pool(BUDGET);
  ufo_region *hot = new_streamed(pool);
  ufo_region *scanned = new_region(pool, 8, SCANNED / 8, WORDS_A_CHUNK, UFO_ACCESS_READ_WRITE, ahead_formula);
  const uint64_t *used = ufo_region_body(hot), *body = ufo_region_body(scanned);
  bool chosen[BODY / CHUNK] = {false};
  uint64_t random = 11;
  for (unsigned k = 0; k < HOT;) {
    uint64_t chunk = random_below(&random, BODY / CHUNK), i = chunk * WORDS_A_CHUNK;
    if (chosen[chunk]) continue;
    chosen[chunk] = true;
    cr_assert_eq(used[i], value_of(i));
    k++;
  }
  for (uint64_t i = 0; i < SCANNED / 8; i += 512) cr_assert_eq(body[i], value_of(i));
  cr_assert_geq(info_of(hot).resident_bytes, (uint64_t)HOT * CHUNK * 9 / 10, "%" PRIu64 " of %d chunks are left",
                info_of(hot).resident_bytes / CHUNK, HOT);
  cr_assert_geq(stats_of(pool).windows, SCANNED / WINDOW - 8);
  ufo_region_release(hot);
  ufo_region_release(scanned);
  OK(ufo_pool_destroy(pool, &error));
}

/* The same of what is itself read in order, by turns with a scan: the first time it is taken for a scan, and goes. */
Test(windows, what_comes_back_by_turns_stays, .timeout = 100) {
  enum { ROUNDS = 7, HOT_WORDS = 7 * WORDS_A_WINDOW, PART = 5 * (BUDGET / 8) / 8 };
  ufo_pool *pool = new_pool(BUDGET);
  ufo_region *hot = new_streamed(pool);
  ufo_region *scanned = new_region(pool, 8, ROUNDS * PART, WORDS_A_CHUNK, UFO_ACCESS_READ_WRITE, ahead_formula);
  uint64_t filled = 0;
  for (uint64_t round = 0; round < ROUNDS; round++) {
    uint64_t before = stats_of(pool).fills;
    cr_assert_eq(wrong_words(ufo_region_body(hot), 0, HOT_WORDS, 512), 0);
    if (round >= 4) filled += stats_of(pool).fills - before;
    cr_assert_eq(wrong_words(ufo_region_body(scanned), round * PART, (round + 1) * PART, 512), 0);
  }
  /* In three rounds; it was as much as all of it where only single chunks are found worth keeping. */
  cr_assert_leq(filled, HOT_WORDS / WORDS_A_CHUNK * 3 / 4, "%" PRIu64 " of %d chunks", filled,
                HOT_WORDS / WORDS_A_CHUNK);
  ufo_region_release(hot);
  ufo_region_release(scanned);
  OK(ufo_pool_destroy(pool, &error));
}

/* Pages that wait in slots belong to no region: whoever touches them, as mlockall does, must not wait for ever. */
Test(windows, memory_can_be_locked, .timeout = 60) {
  pid_t child = fork();
  if (child == 0) {
    alarm(20);
    ufo_pool *pool = new_pool(BUDGET);
    ufo_region *region = new_region(pool, 8, 2 * WORDS_A_WINDOW, WORDS_A_CHUNK, UFO_ACCESS_READ_WRITE, ahead_formula);
    int locked = mlockall(MCL_CURRENT) == 0 || errno == ENOMEM || errno == EPERM || errno == EAGAIN;
    munlockall();
    _exit(!locked || wrong_words(ufo_region_body(region), 0, 2 * WORDS_A_WINDOW, 512));
  }
  int status;
  cr_assert_eq(waitpid(child, &status, 0), child);
  cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
}

typedef struct scanner {
  pthread_t thread;
  const uint64_t *body;
  uint64_t begin, end;
} scanner;

static void *scan_part(void *argument) {
  const scanner *s = argument;
  EXPECT(wrong_words(s->body, s->begin, s->end, 64) == 0);
  return NULL;
}

Test(windows, for_several_streams_at_once, .timeout = 60) {
  enum { STREAMS = 6 };
  ufo_pool *pool = new_pool(BUDGET);
  ufo_region *region = new_streamed(pool);
  scanner part[STREAMS];
  for (uint64_t i = 0; i < STREAMS; i++) {
    part[i] =
        (scanner){.body = ufo_region_body(region), .begin = COUNT / STREAMS * i, .end = COUNT / STREAMS * (i + 1)};
    cr_assert_eq(pthread_create(&part[i].thread, NULL, scan_part, &part[i]), 0);
  }
  for (int i = 0; i < STREAMS; i++) pthread_join(part[i].thread, NULL);
  cr_assert_eq(kit_wrong, 0);
  ufo_pool_stats stats = stats_of(pool);
  cr_assert_gt(stats.windows, 0);
  cr_assert_leq(stats.resident_bytes_peak, BUDGET);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

/* Again and again through the same, which is as large as memory or twice that: of the oldest, which would be needed
 * next, more than a third stays. */
Test(windows, who_comes_back_finds_some_of_them, .timeout = 100) {
  for (uint64_t times = 1; times <= 2; times++) {
    const uint64_t count = times * BUDGET / 8;
    ufo_pool *pool = new_pool(BUDGET);
    ufo_region *region = new_region(pool, 8, count, WORDS_A_CHUNK, UFO_ACCESS_READ_WRITE, ahead_formula);
    const uint64_t *body = ufo_region_body(region);
    for (int pass = 0; pass < 2; pass++) cr_assert_eq(wrong_words(body, 0, count, 512), 0);
    uint64_t before = stats_of(pool).fill_bytes;
    for (int pass = 0; pass < 4; pass++) cr_assert_eq(wrong_words(body, 0, count, 512), 0);
    uint64_t filled = (stats_of(pool).fill_bytes - before) / 4;
    cr_assert_leq(filled, count * 8 - BUDGET / 3, "%" PRIu64 " of %" PRIu64, filled, count * 8);
    cr_assert_leq(stats_of(pool).resident_bytes_peak, BUDGET);
    ufo_region_release(region);
    OK(ufo_pool_destroy(pool, &error));
  }
}

/* ---- single chunks ahead ------------------------------------------------------------------------------------------
 */

/* Reads one word of every `stride`th chunk, leaving the threads that read ahead their time. Returns the touches. */
static uint64_t read_apart(const uint64_t *body, uint64_t chunks, int64_t stride) {
  uint64_t touches = 0;
  for (uint64_t chunk = stride > 0 ? 0 : chunks - 1; chunk < chunks; chunk += (uint64_t)stride, touches++) {
    uint64_t i = chunk * WORDS_A_CHUNK + touches % WORDS_A_CHUNK;
    cr_assert_eq(body[i], value_of(i));
    usleep(1500);
  }
  return touches;
}

/* Most chunks are there before they are touched; none is filled that is not. */
static void check_apart(ufo_access access, int64_t stride) {
  ufo_pool *pool = new_pool(BUDGET);
  ufo_region *region = new_region(pool, 8, COUNT, WORDS_A_CHUNK, access, ahead_formula);
  uint64_t touches = read_apart(ufo_region_body(region), BODY / CHUNK / 2, stride);
  ufo_pool_stats stats = stats_of(pool);
  cr_assert_leq(stats.faults, touches / 2, "%" PRIu64 " faults of %" PRIu64 " touches", stats.faults, touches);
  cr_assert_leq(stats.fills, touches + 8);
  cr_assert_eq(stats.windows, 0);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

Test(prefetch, with_a_stride, .timeout = 60) { check_apart(UFO_ACCESS_READ_WRITE, 9); }
Test(prefetch, backwards, .timeout = 60) { check_apart(UFO_ACCESS_READ_WRITE, -5); }
Test(prefetch, where_there_are_no_windows, .timeout = 60) { check_apart(UFO_ACCESS_READ_ONLY, 1); }

static int populate_but_the_last(void *user, uint64_t first, uint64_t count, void *target, ufo_error *e) {
  if (first >= *(uint64_t *)user) return e->code = UFO_IO;
  return populate_formula(NULL, first, count, target, e);
}

static int read_word(void *user) { return (int)(*(const volatile uint64_t *)user & 1); }

/* What cannot be filled ahead is no failure before it is touched, and one then. */
Test(prefetch, fails_only_who_touches, .timeout = 60) {
  uint64_t sound = 100 * WORDS_A_CHUNK;
  ufo_pool *pool = new_pool(BUDGET);
  ufo_source source = {.populate = populate_but_the_last, .user = &sound, .flags = UFO_SOURCE_READ_AHEAD};
  ufo_region *region = new_region(pool, 8, COUNT, WORDS_A_CHUNK, UFO_ACCESS_READ_ONLY, source);
  uint64_t *body = ufo_region_body(region);
  read_apart(body, 100, 3);
  usleep(20000);
  cr_assert_eq(stats_of(pool).fill_failures, 0);
  cr_assert_eq(ufo_guarded(region, read_word, &body[sound], NULL, &error), UFO_IO);
  cr_assert_eq(stats_of(pool).fill_failures, 1);
  sound = COUNT;
  cr_assert_eq(body[100 * WORDS_A_CHUNK], value_of(100 * WORDS_A_CHUNK));
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

/* Regions come and go while chunks of theirs are wished for; the budget of two chunks has no room for any. */
Test(prefetch, ends_with_its_region, .timeout = 60) {
  for (uint64_t round = 0; round < 60; round++) {
    ufo_pool *pool = new_pool(round % 3 ? BUDGET : 2 * CHUNK);
    ufo_region *region = new_region(pool, 8, COUNT, WORDS_A_CHUNK, UFO_ACCESS_READ_WRITE, ahead_formula);
    const volatile uint64_t *body = ufo_region_body(region);
    for (uint64_t k = 0; k < 5 + round % 7; k++)
      cr_assert_eq(body[k * 3 * WORDS_A_CHUNK], value_of(k * 3 * WORDS_A_CHUNK));
    if (round % 2) OK(ufo_region_reset(region, &error));
    ufo_region_release(region);
    cr_assert_eq(stats_of(pool).resident_bytes, 0);
    OK(ufo_pool_destroy(pool, &error));
  }
}

/* ---- writers ------------------------------------------------------------------------------------------------------
 */

enum { WRITTEN_WINDOWS = 6, CHUNKS_A_WINDOW = WINDOW / CHUNK, ODD_CHUNKS = 5 };

/* Chunk k of what a writer in direction `step` writes, one word each, from one end on. */
static uint64_t word_of_write(uint64_t k, int step) {
  uint64_t chunk = step > 0 ? k : BODY / CHUNK - 1 - k;
  return chunk * WORDS_A_CHUNK + k % WORDS_A_CHUNK;
}

static uint64_t write_in_order(uint64_t *body, uint64_t begin, uint64_t end, int step, bool read_first) {
  uint64_t seen = 0;
  for (uint64_t k = begin; k < end; k++) {
    volatile uint64_t *word = &body[word_of_write(k, step)];
    if (read_first) seen += *word;
    *word = k + 1;
  }
  return seen;
}

/* Who writes to all that he comes to finds it ready for that: no fault for each chunk. What was made ready and not
 * written to is not written back. */
static void check_writer(int step, bool read_first) {
  const uint64_t chunks = WRITTEN_WINDOWS * CHUNKS_A_WINDOW + ODD_CHUNKS;
  ufo_pool *pool = new_pool(BUDGET);
  memory_source s;
  ufo_region *region = new_kept(pool, &s, memory_writeback);
  uint64_t *body = ufo_region_body(region);
  cr_assert_eq(write_in_order(body, 0, chunks, step, read_first), 0);
  ufo_pool_stats stats = stats_of(pool);
  cr_assert_geq(stats.windows, WRITTEN_WINDOWS - 2);
  cr_assert_leq(stats.write_faults, 2 * CHUNKS_A_WINDOW, "%" PRIu64 " write faults", stats.write_faults);
  OK(ufo_region_flush(region, &error));
  cr_assert_eq(atomic_load(&s.writebacks), chunks);
  cr_assert_eq(stats_of(pool).dirty_bytes, 0);
  const uint64_t *kept = (const uint64_t *)(const void *)s.bytes;
  for (uint64_t k = 0; k < chunks; k++) cr_assert_eq(kept[word_of_write(k, step)], k + 1, "chunk %" PRIu64, k);
  /* Once more to the last ones: they are known to be clean. */
  write_in_order(body, chunks - 3, chunks, step, read_first);
  OK(ufo_region_flush(region, &error));
  cr_assert_eq(atomic_load(&s.writebacks), chunks + 3);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

Test(windows, are_ready_for_a_writer, .timeout = 60) { check_writer(1, false); }
Test(windows, are_ready_for_one_who_reads_first, .timeout = 60) { check_writer(1, true); }
Test(windows, are_ready_for_one_who_goes_backwards, .timeout = 60) { check_writer(-1, true); }

/* A writer who goes on as a reader: two windows at most are presumed to be written to, and nothing of them is written
 * back, by an eviction neither. */
Test(windows, are_not_presumed_written_for_ever, .timeout = 60) {
  const uint64_t chunks = 4 * CHUNKS_A_WINDOW;
  ufo_pool *pool = new_pool(BUDGET);
  memory_source s;
  ufo_region *region = new_kept(pool, &s, memory_writeback);
  uint64_t *body = ufo_region_body(region);
  write_in_order(body, 0, chunks, 1, true);
  OK(ufo_region_flush(region, &error));
  cr_assert_eq(atomic_load(&s.writebacks), chunks);
  uint64_t sum = 0;
  for (uint64_t k = chunks; k < BODY / CHUNK; k++) sum += body[word_of_write(k, 1)];
  cr_assert_eq(sum, 0);
  cr_assert_eq(atomic_load(&s.writebacks), chunks);
  ufo_pool_stats stats = stats_of(pool);
  cr_assert_eq(stats.evictions_dirty, 0);
  cr_assert_leq(stats.dirty_bytes, 2 * WINDOW);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

/* A chunk is known by what it was filled with until it is first written back: putting that back later is a change. */
Test(windows, who_puts_back_what_was_there_changes_it, .timeout = 60) {
  const uint64_t before = 4 * CHUNKS_A_WINDOW, pinned = (before + 5) * CHUNK;
  ufo_pool *pool = new_pool(BUDGET);
  memory_source s;
  ufo_region *region = new_kept(pool, &s, memory_writeback);
  uint64_t *body = ufo_region_body(region), *word = &body[pinned / 8];
  write_in_order(body, 0, before + 1, 1, true); /* the whole window is presumed to be written to */
  OK(ufo_region_pin(region, pinned, CHUNK, 1, &error));
  __atomic_store_n(word, 42, __ATOMIC_RELAXED);
  OK(ufo_region_flush(region, &error));
  __atomic_store_n(word, 0, __ATOMIC_RELAXED);
  ufo_region_unpin(region, pinned, CHUNK);
  OK(ufo_region_flush(region, &error));
  cr_assert_eq(((uint64_t *)(void *)s.bytes)[pinned / 8], 0);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

/* A source whose writebacks stop at a gate while it is shut; some may fail. */
typedef struct gate {
  memory_source memory;
  atomic_bool shut;
  atomic_uint inside, failures; /* so many still to come */
  ufo_region *region;
  ufo_status flushed;
} gate;

static int gate_populate(void *user, uint64_t offset, uint64_t bytes, void *target, ufo_error *e) {
  return memory_populate(&((gate *)user)->memory, offset, bytes, target, e);
}

static int gate_writeback(void *user, uint64_t offset, uint64_t bytes, const void *data, ufo_error *e) {
  gate *g = user;
  atomic_fetch_add(&g->inside, 1);
  while (atomic_load(&g->shut)) usleep(1000);
  if (atomic_load(&g->failures) > 0) {
    atomic_fetch_sub(&g->failures, 1);
    snprintf(e->message, sizeof e->message, "no room for byte %" PRIu64, offset);
    return e->code = UFO_FULL;
  }
  return memory_writeback(&g->memory, offset, bytes, data, e);
}

static void *flush_gate(void *user) {
  gate *g = user;
  ufo_error mine;
  g->flushed = ufo_region_flush(g->region, &mine);
  return NULL;
}

/* A region of which window `window` came as one, and all its chunks are changed: one word of each is its number. */
static uint64_t *new_gate(ufo_pool *pool, gate *g, uint64_t window) {
  const uint64_t first = window * CHUNKS_A_WINDOW;
  *g = (gate){.memory = {.size = BODY, .bytes = calloc(1, BODY)}};
  ufo_source source = {
      .populate_bytes = gate_populate, .writeback = gate_writeback, .user = g, .flags = UFO_SOURCE_READ_AHEAD};
  g->region = new_region(pool, 8, COUNT, WORDS_A_CHUNK, UFO_ACCESS_READ_WRITE, source);
  uint64_t *body = ufo_region_body(g->region);
  write_in_order(body, 0, first + CHUNKS_A_WINDOW, 1, false);
  OK(ufo_region_flush(g->region, &error));
  atomic_store(&g->inside, 0);
  for (uint64_t k = first; k < first + CHUNKS_A_WINDOW; k++) body[k * WORDS_A_CHUNK] = k;
  return body;
}

static void end_gate(ufo_pool *pool, gate *g) {
  ufo_region_release(g->region);
  OK(ufo_pool_destroy(pool, &error));
  free(g->memory.bytes);
}

/* A flush writes back what was written before it, in chunks too that somebody writes to while others of their window
 * are being written back. */
Test(windows, a_flush_beside_a_writer_leaves_nothing_out, .timeout = 60) {
  enum { FIRST = 4 * CHUNKS_A_WINDOW, END = FIRST + CHUNKS_A_WINDOW };
  ufo_pool *pool = new_pool(BUDGET);
  gate g;
  uint64_t *body = new_gate(pool, &g, 4);
  const uint64_t *kept = (const uint64_t *)(const void *)g.memory.bytes;
  atomic_store(&g.shut, true);
  pthread_t flusher;
  cr_assert_eq(pthread_create(&flusher, NULL, flush_gate, &g), 0);
  while (atomic_load(&g.inside) == 0) usleep(1000);
  for (uint64_t k = FIRST; k < END; k++) __atomic_store_n(&body[k * WORDS_A_CHUNK + 1], k, __ATOMIC_RELAXED);
  atomic_store(&g.shut, false);
  pthread_join(flusher, NULL);
  cr_assert_eq(g.flushed, UFO_OK);
  for (uint64_t k = FIRST; k < END; k++) cr_assert_eq(kept[k * WORDS_A_CHUNK], k, "chunk %" PRIu64, k);
  OK(ufo_region_flush(g.region, &error));
  for (uint64_t k = FIRST; k < END; k++) cr_assert_eq(kept[k * WORDS_A_CHUNK + 1], k, "chunk %" PRIu64, k);
  end_gate(pool, &g);
}

/* One writeback of a window fails, and none after that: each chunk gets its chance, and a flush that has written all of
 * them back has not failed. */
Test(windows, a_flush_tells_only_what_stays_changed, .timeout = 60) {
  ufo_pool *pool = new_pool(BUDGET);
  gate g;
  const uint64_t *body = new_gate(pool, &g, 4), *kept = (const uint64_t *)(const void *)g.memory.bytes;
  atomic_store(&g.failures, 1);
  OK(ufo_region_flush(g.region, &error));
  cr_assert_eq(stats_of(pool).dirty_bytes, 0);
  cr_assert_eq(stats_of(pool).writeback_failures, 1);
  for (uint64_t k = 0; k < 5 * CHUNKS_A_WINDOW; k++) cr_assert_eq(kept[k * WORDS_A_CHUNK], body[k * WORDS_A_CHUNK]);
  end_gate(pool, &g);
}

/* More than fits, written in order: everything arrives, and windows come where all that could make room was changed. */
Test(windows, of_a_writer_under_pressure, .timeout = 60) {
  const uint64_t chunks = BODY / CHUNK;
  ufo_pool *pool = new_pool(BUDGET);
  memory_source s;
  ufo_region *region = new_kept(pool, &s, memory_writeback);
  uint64_t *body = ufo_region_body(region);
  for (uint64_t pass = 0; pass < 2; pass++) {
    write_in_order(body, 0, chunks, 1, pass > 0);
    ufo_pool_stats stats = stats_of(pool);
    cr_assert_leq(stats.resident_bytes_peak, BUDGET);
    if (pass == 0) cr_assert_geq(stats.windows, BODY / WINDOW / 3, "%" PRIu64 " windows", stats.windows);
  }
  OK(ufo_region_flush(region, &error));
  const uint64_t *kept = (const uint64_t *)(const void *)s.bytes;
  for (uint64_t k = 0; k < chunks; k++) cr_assert_eq(kept[word_of_write(k, 1)], k + 1, "chunk %" PRIu64, k);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

/* The hash that a source reports is taken for the window: a source that reports a wrong one is noticed, since its
 * chunks then count as written to. */
typedef struct hashing {
  memory_source memory;
  atomic_uint asked;
  uint64_t difference; /* of what is reported */
} hashing;

static int hashing_populate(void *user, uint64_t offset, uint64_t bytes, void *target, ufo_error *e) {
  return memory_populate(&((hashing *)user)->memory, offset, bytes, target, e);
}

static int hashing_populate_hashed(void *user, uint64_t offset, uint64_t bytes, void *target, uint64_t *hash_out,
                                   ufo_error *e) {
  hashing *h = user;
  int status = hashing_populate(user, offset, bytes, target, e);
  atomic_fetch_add(&h->asked, 1);
  *hash_out = XXH3_64bits(target, bytes) + h->difference;
  return status;
}

static int hashing_writeback(void *user, uint64_t offset, uint64_t bytes, const void *data, ufo_error *e) {
  return memory_writeback(&((hashing *)user)->memory, offset, bytes, data, e);
}

/* Returns the bytes that count as changed after a scan that changed nothing. */
static uint64_t scan_hashed(uint64_t difference) {
  ufo_pool *pool = new_pool(BUDGET);
  hashing h = {.memory = {.size = BUDGET / 2, .bytes = calloc(1, BUDGET / 2)}, .difference = difference};
  ufo_source source = {.populate_bytes = hashing_populate,
                       .populate_hashed = hashing_populate_hashed,
                       .writeback = hashing_writeback,
                       .user = &h,
                       .flags = UFO_SOURCE_READ_AHEAD};
  ufo_region *region = new_region(pool, 8, BUDGET / 2 / 8, WORDS_A_CHUNK, UFO_ACCESS_READ_WRITE, source);
  const uint64_t *body = ufo_region_body(region);
  for (uint64_t i = 0; i < BUDGET / 2 / 8; i++) cr_assert_eq(body[i], 0);
  ufo_pool_stats stats = stats_of(pool);
  cr_assert_geq(atomic_load(&h.asked), stats.windows * (WINDOW / CHUNK));
  cr_assert_gt(stats.windows, 2);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
  free(h.memory.bytes);
  return stats.dirty_bytes;
}

Test(windows, a_hash_that_the_source_knows_is_taken, .timeout = 60) {
  cr_assert_eq(scan_hashed(0), 0);
  cr_assert_gt(scan_hashed(1), 0, "the pool hashed the chunks itself");
}
