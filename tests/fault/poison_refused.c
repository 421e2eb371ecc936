/* poison_refused.c - the kernel has no memory for a chunk, and none for the mark that would make its touch fail.
 *
 * The touch is an error all the same, again and again while that lasts; a child of fork(), which has no such trouble,
 * reads what its parent would; and once the cause is gone so does the parent. */
#include "common/child.h"
#include "crash/tracer.h"
#include "tally.h"

#include <ufostore/region.h>

enum { CHUNKS = 4, ELEMENTS = 512, GOOD = 0, WRONG = 1 };

static ufo_error error;
static uint64_t *body;

static int populate(void *user, uint64_t first, uint64_t count, void *target, ufo_error *failed) {
  (void)user, (void)failed;
  for (uint64_t i = 0; i < count; i++) ((uint64_t *)target)[i] = 7 * (first + i) + 1;
  return UFO_OK;
}

/* For ufo_guarded: all elements of chunk *user. */
static int look(void *user) {
  uint64_t chunk = *(const uint64_t *)user;
  for (uint64_t i = chunk * ELEMENTS; i < (chunk + 1) * ELEMENTS; i++)
    if (body[i] != 7 * i + 1) return WRONG;
  return GOOD;
}

/* 0 right, 1 wrong values, or the error's status. */
static int look_at(uint64_t chunk) {
  int found = GOOD;
  ufo_status status = ufo_guarded(NULL, look, &chunk, &found, &error);
  return status == UFO_OK ? found : (int)status;
}

static int look_at_all(void *unused) {
  (void)unused;
  for (uint64_t chunk = 0; chunk < CHUNKS; chunk++)
    if (look_at(chunk) != GOOD) return 1;
  return 0;
}

/* The exit status names the line that is not as promised. */
#define DEMAND(condition)                                                                                              \
  do {                                                                                                                 \
    if (!(condition)) return __LINE__ % 256;                                                                           \
  } while (0)

static int life(void *user) {
  (void)user;
  ufo_pool *pool;
  ufo_region *region;
  ufo_pool_options pool_options = {.struct_size = sizeof pool_options, .budget_bytes = 1 << 20};
  ufo_region_options options = {.struct_size = sizeof options,
                                .element_bytes = 8,
                                .count = CHUNKS * ELEMENTS,
                                .chunk_elements = ELEMENTS,
                                .source = {.populate = populate}};
  DEMAND(ufo_pool_create(&pool_options, &pool, &error) == UFO_OK);
  DEMAND(ufo_region_create(pool, &options, &region, &error) == UFO_OK);
  body = ufo_region_body(region);
  DEMAND(look_at(0) == GOOD);
  for (int again = 0; again < 3; again++) {
    DEMAND(look_at(1) == UFO_FULL && error.message[0]);
    DEMAND(look_at(2) == UFO_FULL && look_at(0) == GOOD);
  }
  DEMAND(in_child(look_at_all, NULL, 20) == 0);
  tracer_mend();
  for (uint64_t chunk = 0; chunk < CHUNKS; chunk++) DEMAND(look_at(chunk) == GOOD);
  ufo_region_release(region);
  DEMAND(ufo_pool_destroy(pool, &error) == UFO_OK);
  return 0;
}

int main(void) {
  injection what = {.call = CALL_COPY_IOCTL, .number = 2, .forever = true, .error = ENOMEM};
  traced result;
  if (!trace(life, NULL, &what, 30, &result)) {
    printf("cannot trace here, or not with this build\n");
    return 77;
  }
  if (result.status == 0 && result.hit && !result.hung) return 0;
  fprintf(stderr, "it ended with %d%s\n", result.status, result.hung ? ": it hung" : "");
  return 1;
}
