/* fibonacci - a region that is defined by itself: each chunk begins with the two elements before it, read from the
 * region itself. The touch inside the callback may find them in memory, or make them appear by another callback.
 *
 *   fibonacci [COUNT]
 *
 * The numbers are taken modulo 2^64. Prints what it did; exits non-zero if an element differs from the plain loop. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <ufostore/ufostore.h>

/* What the callback needs to know of its own region, filled in once the region exists. */
typedef struct self {
  ufo_region *region;
} self;

/* Runs on a thread of the library. It holds nothing across the two touches: if one of them fails, the library leaves
 * this function there and reports the error to whoever touched this chunk. */
static int populate(void *user, uint64_t first, uint64_t count, void *target, ufo_error *error) {
  (void)error;
  const uint64_t *f = ufo_region_body(((const self *)user)->region);
  uint64_t *out = target;
  /* As if f[-2] were 1 and f[-1] were 0: the sequence then begins 1, 1, 2. */
  uint64_t before = first >= 2 ? f[first - 2] : 1, last = first >= 1 ? f[first - 1] : 0;
  for (uint64_t i = 0; i < count; i++) {
    uint64_t next = before + last;
    out[i] = next;
    before = last;
    last = next;
  }
  return UFO_OK;
}

/* A touch that may fail, to be run by ufo_guarded. */
static int touch(void *address) { return *(volatile uint64_t *)address != 0; }

int main(int argc, char **argv) {
  ufo_error error;
  const uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000, chunk = 512;
  if (count == 0) return fprintf(stderr, "usage: fibonacci [COUNT]\n"), 2;
  ufo_pool *pool;
  ufo_pool_options pool_options = {.struct_size = sizeof pool_options, .budget_bytes = 1 << 20};
  if (ufo_pool_create(&pool_options, &pool, &error) != UFO_OK) return fprintf(stderr, "%s\n", error.message), 1;
  self own = {0};
  ufo_region_options options = {.struct_size = sizeof options,
                                .element_bytes = sizeof(uint64_t),
                                .count = count,
                                .chunk_elements = chunk,
                                .source = {.populate = populate, .user = &own}};
  if (ufo_region_create(pool, &options, &own.region, &error) != UFO_OK)
    return fprintf(stderr, "%s\n", error.message), 1;
  uint64_t *f = ufo_region_body(own.region);

  /* From the far end every chunk would need the one before it, down to the first: more fills inside each other than
   * the library allows. That is an error, not an endless wait. */
  int too_deep = (count - 1) / chunk >= UFO_FILL_DEPTH_MAX;
  ufo_status status = ufo_guarded(own.region, touch, &f[count - 1], NULL, &error);
  int wrong = too_deep ? status != UFO_FULL : status != UFO_OK;
  printf("the last element first: %s\n", status == UFO_OK ? "done" : error.message);

  /* Forwards, the two elements before a chunk are there already. */
  uint64_t before = 1, last = 0, sum = 0;
  for (uint64_t i = 0; i < count; i++) {
    uint64_t next = before + last;
    wrong |= f[i] != next;
    sum += f[i];
    before = last;
    last = next;
  }
  printf("%" PRIu64 " numbers, their sum modulo 2^64 is %" PRIu64 ": %s\n", count, sum, wrong ? "WRONG" : "right");
  ufo_region_release(own.region);
  if (ufo_pool_destroy(pool, &error) != UFO_OK) return fprintf(stderr, "%s\n", error.message), 1;
  return wrong;
}
