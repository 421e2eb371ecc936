/* Reset beside others at work: fills that began before it, pins, failures in any number, and who listens to events. */
#include "region_kit.h"

#include <fcntl.h>

enum { CHUNK_ELEMENTS = 512, CHUNKS = 32 };

/* ---- fills ------------------------------------------------------------------------------------------------------- */

/* In the place of the C library's, for this program: two reads of the scratch file can be held up. */
static _Atomic int reads_held; /* the first two that come */
static _Atomic bool let_go[2];
ssize_t pread(int fd, void *target, size_t bytes, off_t offset) {
  int place = atomic_fetch_add(&reads_held, 1);
  while (place < 2 && !atomic_load(&let_go[place])) usleep(100);
  return pread64(fd, target, bytes, offset);
}

static ufo_region *other;

typedef struct look {
  volatile uint64_t *at;
  uint64_t found;
} look;

static void *look_now(void *argument) {
  look *l = argument;
  l->found = *l->at;
  return NULL;
}

static void *reset_now(void *region) {
  ufo_error e;
  EXPECT(ufo_region_reset(region, &e) == UFO_OK);
  return NULL;
}

/* Between the two looks that a reset takes at what is in memory: another region writes into all scratch room that is
 * free, and the second fill, which knows where its chunk was, may go on. */
static void reuse_the_room(void *user) {
  (void)user;
  ufo_error e;
  uint64_t *body = ufo_region_body(other);
  for (int c = 0; c < CHUNKS; c++) body[c * CHUNK_ELEMENTS] = 0xBAD;
  EXPECT(ufo_region_flush(other, &e) == UFO_OK);
  atomic_store(&let_go[1], true);
  usleep(20000);
}

/* The reset waits for the fill of chunk 0; that of chunk 1 begins meanwhile. */
Test(reset, a_fill_beside_it_sees_only_its_own_region, .timeout = 30) {
  ufo_pool *pool = new_pool(4 * CHUNKS * PAGE);
  ufo_region *region = new_region(pool, 8, CHUNKS * CHUNK_ELEMENTS, CHUNK_ELEMENTS, UFO_ACCESS_READ_WRITE,
                                  (ufo_source){.populate = populate_formula, .reset = reuse_the_room});
  other = new_formula(pool, CHUNKS * CHUNK_ELEMENTS);
  uint64_t *body = ufo_region_body(region);
  look looks[2] = {{.at = body}, {.at = body + CHUNK_ELEMENTS}};
  for (int c = 0; c < CHUNKS; c++) body[c * CHUNK_ELEMENTS] = 5;
  OK(ufo_region_advise(region, 0, CHUNKS * PAGE, UFO_ADVICE_DONTNEED, &error));
  pthread_t threads[3];
  pthread_create(&threads[0], NULL, look_now, &looks[0]);
  while (atomic_load(&reads_held) < 1) usleep(100);
  pthread_create(&threads[1], NULL, reset_now, region);
  usleep(50000); /* it has listed chunk 0 and waits; should it be later than that, the test only proves less */
  pthread_create(&threads[2], NULL, look_now, &looks[1]);
  while (atomic_load(&reads_held) < 2) usleep(100);
  atomic_store(&let_go[0], true);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  cr_assert_eq(kit_wrong, 0);
  for (int i = 0; i < 2; i++) /* a reader is woken before it looks, and the reset may be faster */
    cr_assert(looks[i].found == 5 || looks[i].found == value_of((uint64_t)i * CHUNK_ELEMENTS), "%" PRIx64,
              looks[i].found);
  for (int c = 0; c < CHUNKS; c++) cr_assert_eq(body[c * CHUNK_ELEMENTS], value_of((uint64_t)c * CHUNK_ELEMENTS));
  ufo_region_release(region);
  ufo_region_release(other);
  OK(ufo_pool_destroy(pool, &error));
}

/* ---- pins -------------------------------------------------------------------------------------------------------- */

typedef struct pinning {
  ufo_region *region;
  _Atomic bool stop;
} pinning;

static void *pin_and_unpin(void *argument) {
  pinning *p = argument;
  ufo_error e;
  while (!atomic_load(&p->stop)) {
    if (ufo_region_pin(p->region, 0, 2 * PAGE, 0, &e) != UFO_OK) continue;
    EXPECT(info_of(p->region).resident_bytes >= 2 * PAGE);
    ufo_region_unpin(p->region, 0, 2 * PAGE);
  }
  return NULL;
}

Test(reset, what_is_pinned_meanwhile_stays, .timeout = 60) {
  ufo_pool *pool = new_pool(16 * PAGE);
  pinning p = {.region = new_formula(pool, CHUNKS * CHUNK_ELEMENTS)};
  pthread_t thread;
  pthread_create(&thread, NULL, pin_and_unpin, &p);
  unsigned done = 0, refused = 0;
  while ((done < 200 || refused < 200) && kit_wrong == 0) {
    ufo_status status = ufo_region_reset(p.region, &error);
    cr_assert(status == UFO_OK || status == UFO_USAGE, "%s", error.message);
    if (status == UFO_OK) done++;
    else refused++;
  }
  atomic_store(&p.stop, true);
  pthread_join(thread, NULL);
  cr_assert_eq(kit_wrong, 0);
  cr_assert_eq(stats_of(pool).pinned_bytes, 0);
  OK(ufo_region_reset(p.region, &error));
  ufo_region_release(p.region);
  OK(ufo_pool_destroy(pool, &error));
}

/* ---- failures ---------------------------------------------------------------------------------------------------- */

Test(reset, heals_any_number_of_failed_chunks, .timeout = 60) {
  enum { FAILED = 6000 }; /* more than are remembered with their story */
  ufo_pool *pool = new_pool(64 * PAGE);
  memory_source source = {.size = (size_t)FAILED * PAGE, .bytes = calloc(FAILED, PAGE), .fail_populate = UFO_IO};
  ufo_region *region = new_region(pool, 1, source.size, PAGE, UFO_ACCESS_READ_WRITE, source_of(&source));
  const uint8_t *body = ufo_region_body(region);
  ufo_pool_capabilities can = {.struct_size = sizeof can};
  ufo_pool_get_capabilities(pool, &can);
  if (!can.kernel_faults) cr_skip_test("failures stay only where system calls meet them, which needs privilege");
  int ends[2];
  cr_assert_eq(pipe2(ends, O_NONBLOCK), 0);
  for (size_t c = 0; c < FAILED; c++) {
    cr_assert_eq(write(ends[1], body + c * PAGE, 1), -1);
    cr_assert_eq(errno, EFAULT);
  }
  atomic_store(&source.fail_populate, 0);
  memset(source.bytes, 6, source.size);
  OK(ufo_region_reset(region, &error));
  for (size_t c = 0; c < FAILED; c++) cr_assert_eq(body[c * PAGE], 6);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
  free(source.bytes);
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static _Atomic int present[CHUNKS];

/* Events of one chunk come in order, so a listener can always tell whether it is in memory. */
static void follow(void *user, const ufo_event *event) {
  (void)user;
  uint64_t chunk = event->offset / PAGE;
  if (event->type == UFO_EVENT_CHUNK_FILLED) EXPECT(atomic_exchange(&present[chunk], 1) == 0);
  else if (event->type == UFO_EVENT_CHUNK_EVICTED_CLEAN || event->type == UFO_EVENT_CHUNK_EVICTED_DIRTY ||
           event->type == UFO_EVENT_CHUNK_FORGOTTEN)
    EXPECT(atomic_exchange(&present[chunk], 0) == 1);
}

Test(reset, events_tell_each_chunk_that_it_drops, .timeout = 60) {
  ufo_pool *pool = new_pool_with((ufo_pool_options){.budget_bytes = 10 * PAGE, .on_event = follow});
  ufo_region *region = new_formula(pool, CHUNKS * CHUNK_ELEMENTS);
  kit_reader r;
  start_reader(&r, region);
  while (atomic_load(&r.reads) < 20000) OK(ufo_region_reset(region, &error));
  stop_reader(&r);
  OK(ufo_region_reset(region, &error));
  for (int i = 0; i < CHUNKS; i++) cr_assert_eq(present[i], 0);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}
