/* What a thread wrote before it called ufo_region_flush must reach the writeback, however fresh the chunk is.
 *
 * Guards against a lost change: the copy that ends a fill wakes the writing thread, which may call flush before the
 * resolver has listed the chunk as dirty. flush then found nothing to do, and a commit went without the last write. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <ufostore/ufostore.h>

enum { CHUNK = 4096, CHUNKS = 64, ROUNDS = 20000 };

static unsigned char kept[CHUNK * CHUNKS]; /* what the source was given; only this thread and writeback use it */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int populate(void *user, uint64_t offset, uint64_t bytes, void *target, ufo_error *error) {
  (void)user, (void)error;
  pthread_mutex_lock(&lock);
  memcpy(target, kept + offset, bytes);
  pthread_mutex_unlock(&lock);
  return UFO_OK;
}

static int writeback(void *user, uint64_t offset, uint64_t bytes, const void *data, ufo_error *error) {
  (void)user, (void)error;
  pthread_mutex_lock(&lock);
  memcpy(kept + offset, data, bytes);
  pthread_mutex_unlock(&lock);
  return UFO_OK;
}

int main(void) {
  ufo_error error;
  ufo_pool *pool;
  ufo_region *region;
  ufo_pool_options pool_options = {.struct_size = sizeof pool_options, .budget_bytes = 8 * CHUNK};
  ufo_region_options options = {.struct_size = sizeof options,
                                .element_bytes = 1,
                                .count = sizeof kept,
                                .chunk_elements = CHUNK,
                                .source = {.populate_bytes = populate, .writeback = writeback}};
  if (ufo_pool_create(&pool_options, &pool, &error) || ufo_region_create(pool, &options, &region, &error)) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  unsigned char *body = ufo_region_body(region);
  int lost = 0;
  for (int round = 0; round < ROUNDS; round++) {
    size_t at = (size_t)(round * 37 % CHUNKS) * CHUNK + (size_t)(round % CHUNK);
    unsigned char value = (unsigned char)(kept[at] + 1);
    body[at] = value; /* with eight chunks of room, nearly always the first touch of an absent chunk */
    if (ufo_region_flush(region, &error) != UFO_OK) {
      fprintf(stderr, "%s\n", error.message);
      return 1;
    }
    pthread_mutex_lock(&lock);
    lost += kept[at] != value;
    pthread_mutex_unlock(&lock);
  }
  printf("%d rounds, %d writes lost\n", ROUNDS, lost);
  ufo_region_release(region);
  return lost > 0 || ufo_pool_destroy(pool, &error) != UFO_OK;
}
