/* region_kit.h - what the tests of pools and regions share: sources of known content, and short ways to make things.
 *
 * Everything is static: one include per test program. Criterion's assertions are for the test's own thread only, so
 * the sources and the functions for threads and children count what is wrong in `kit_wrong` instead. */
#ifndef UFO_TEST_REGION_KIT_H
#define UFO_TEST_REGION_KIT_H

#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ufostore/ufostore.h>
#include <unistd.h>

#include "common/expect.h"

#define UNUSED __attribute__((unused))
enum { PAGE = 4096 };

UNUSED static _Atomic int kit_wrong;

/* In threads and children. */
#define EXPECT(condition)                                                                                              \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);                                    \
      atomic_fetch_add(&kit_wrong, 1);                                                                                 \
    }                                                                                                                  \
  } while (0)

UNUSED static uint64_t value_of(uint64_t i) { return i * 0x9E3779B97F4A7C15u ^ (i >> 7); }

/* Element i, of 8 bytes, is value_of(i). */
UNUSED static int populate_formula(void *user, uint64_t first, uint64_t count, void *target, ufo_error *e) {
  (void)user, (void)e;
  uint64_t *out = target;
  for (uint64_t i = 0; i < count; i++) out[i] = value_of(first + i);
  return UFO_OK;
}

UNUSED static int populate_zero_bytes(void *user, uint64_t offset, uint64_t bytes, void *target, ufo_error *e) {
  (void)user, (void)e, (void)offset;
  memset(target, 0, bytes);
  return UFO_OK;
}

/* A store of bytes in ordinary memory, which populates and takes back, and can be told to fail. */
typedef struct memory_source {
  uint8_t *bytes;
  size_t size;
  _Atomic int fail_populate, fail_writeback; /* a status, or 0 */
  useconds_t writeback_pause;
  _Atomic uint64_t populates, writebacks, resets, destroys;
  _Atomic uint64_t last_offset, last_bytes; /* of the last writeback */
} memory_source;

UNUSED static int memory_populate(void *user, uint64_t offset, uint64_t bytes, void *target, ufo_error *e) {
  memory_source *s = user;
  int status = atomic_load(&s->fail_populate);
  atomic_fetch_add(&s->populates, 1);
  if (status) {
    e->code = (ufo_status)status;
    snprintf(e->message, sizeof e->message, "no bytes today at %" PRIu64, offset);
    return status;
  }
  EXPECT(offset + bytes <= s->size);
  memcpy(target, s->bytes + offset, bytes);
  return UFO_OK;
}

UNUSED static int memory_writeback(void *user, uint64_t offset, uint64_t bytes, const void *data, ufo_error *e) {
  memory_source *s = user;
  int status = atomic_load(&s->fail_writeback);
  if (status) {
    e->code = (ufo_status)status;
    snprintf(e->message, sizeof e->message, "no room today at %" PRIu64, offset);
    return status;
  }
  EXPECT(offset + bytes <= s->size);
  memcpy(s->bytes + offset, data, bytes);
  usleep(s->writeback_pause);
  atomic_fetch_add(&s->writebacks, 1);
  atomic_store(&s->last_offset, offset);
  atomic_store(&s->last_bytes, bytes);
  return UFO_OK;
}

UNUSED static void memory_reset(void *user) { atomic_fetch_add(&((memory_source *)user)->resets, 1); }
UNUSED static void memory_destroy(void *user) { atomic_fetch_add(&((memory_source *)user)->destroys, 1); }

UNUSED static ufo_source source_of(memory_source *s) {
  return (ufo_source){.populate_bytes = memory_populate,
                      .writeback = memory_writeback,
                      .reset = memory_reset,
                      .destroy = memory_destroy,
                      .user = s};
}

UNUSED static ufo_pool *new_pool_with(ufo_pool_options options) {
  ufo_pool *pool;
  options.struct_size = sizeof options;
  OK(ufo_pool_create(&options, &pool, &error));
#ifdef __SANITIZE_ADDRESS__
  usleep(20000); /* its allocator's locks do not survive a fork while the pool's threads, just starting, allocate */
#endif
  return pool;
}

UNUSED static ufo_pool *new_pool(uint64_t budget) { return new_pool_with((ufo_pool_options){.budget_bytes = budget}); }

UNUSED static ufo_region *new_region(ufo_pool *pool, uint64_t element_bytes, uint64_t count, uint64_t chunk_elements,
                                     ufo_access access, ufo_source source) {
  ufo_region_options options = {.struct_size = sizeof options,
                                .element_bytes = element_bytes,
                                .count = count,
                                .chunk_elements = chunk_elements,
                                .access = access,
                                .source = source};
  ufo_region *region;
  OK(ufo_region_create(pool, &options, &region, &error));
  return region;
}

/* Chunks of one page, 512 elements of 8 bytes. */
UNUSED static ufo_region *new_formula(ufo_pool *pool, uint64_t count) {
  return new_region(pool, 8, count, 512, UFO_ACCESS_READ_WRITE, (ufo_source){.populate = populate_formula});
}

UNUSED static ufo_pool_stats stats_of(const ufo_pool *pool) {
  ufo_pool_stats stats = {.struct_size = sizeof stats};
  ufo_pool_get_stats(pool, &stats);
  return stats;
}

UNUSED static ufo_region_info info_of(const ufo_region *region) {
  ufo_region_info info = {.struct_size = sizeof info};
  ufo_region_get_info(region, &info);
  return info;
}

/* A touch may go on before the thread that served it has finished its books: gives that a second. */
UNUSED static bool becomes_resident(const ufo_region *region, uint64_t bytes) {
  for (int i = 0; i < 1000 && info_of(region).resident_bytes != bytes; i++) usleep(1000);
  return info_of(region).resident_bytes == bytes;
}

/* To be run by ufo_guarded: one byte read, or written back as it is. */
UNUSED static int touch_read(void *address) { return *(volatile uint8_t *)address; }
UNUSED static int touch_write(void *address) {
  volatile uint8_t *byte = address;
  *byte = *byte;
  return 0;
}

/* A thread that reads elements of a formula region at random until it is stopped, and counts what is wrong. */
typedef struct kit_reader {
  pthread_t thread;
  const uint64_t *body;
  uint64_t count;
  _Atomic bool stop;
  _Atomic uint64_t reads;
} kit_reader;

UNUSED static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

UNUSED static void *read_on(void *argument) {
  kit_reader *r = argument;
  uint64_t state = 11;
  while (!atomic_load(&r->stop)) {
    uint64_t i = next_random(&state) % r->count;
    EXPECT(((const volatile uint64_t *)r->body)[i] == value_of(i));
    atomic_fetch_add(&r->reads, 1);
  }
  return NULL;
}

/* Returns once it has read something. */
UNUSED static void start_reader(kit_reader *r, const ufo_region *region) {
  *r = (kit_reader){.body = ufo_region_body(region), .count = info_of(region).count};
  cr_assert_eq(pthread_create(&r->thread, NULL, read_on, r), 0);
  while (atomic_load(&r->reads) == 0) usleep(100);
}

UNUSED static void stop_reader(kit_reader *r) {
  atomic_store(&r->stop, true);
  pthread_join(r->thread, NULL);
  cr_assert_eq(kit_wrong, 0);
}

/* The exit status of a child, or 256 + the signal that killed it. */
UNUSED static int wait_for(pid_t child) {
  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

#endif
