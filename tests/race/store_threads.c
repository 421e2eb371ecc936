/* One store, many threads: commits, reads, listings, objects held open, and staging, all at once.
 *
 * Each writer owns a name and writes generations of it, every element the generation's number; a reader that sees two
 * generations in one object has seen half a commit. */
#include <pthread.h>

#include "common/child.h"
#include "common/must.h"

enum { WRITERS = 3, READERS = 3, ROUNDS = 60, LENGTH = 20000, CHUNK = 4096 };

static ufo_store *store;

static void *write_generations(void *argument) {
  char name[8];
  int32_t *values = malloc(LENGTH * sizeof *values);
  snprintf(name, sizeof name, "w%d", (int)(intptr_t)argument);
  ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_INTEGER, .length = LENGTH, .chunk_bytes = CHUNK};
  for (int32_t generation = 1; generation <= ROUNDS; generation++) {
    ufo_txn *txn;
    for (int i = 0; i < LENGTH; i++) values[i] = i % 7 ? generation : -generation; /* not constant: it takes a blob */
    MUST(ufo_txn_begin(store, &txn, e));
    if (generation % 10 == 1) MUST(ufo_txn_put(txn, name, &spec, values, e));
    else MUST(ufo_txn_write(txn, name, 0, LENGTH, values, e));
    if (generation % 7 == 0) {
      ufo_txn_abort(txn);
      continue;
    }
    MUST(ufo_txn_commit(txn, e));
  }
  free(values);
  return NULL;
}

static void *read_all(void *unused) {
  (void)unused;
  int32_t *values = malloc(LENGTH * sizeof *values);
  for (int round = 0; round < 2 * ROUNDS; round++) {
    ufo_store_iterator *iterator;
    ufo_object_info info = {.struct_size = sizeof info};
    ufo_error ended;
    MUST(ufo_store_list(store, NULL, &iterator, e));
    while (ufo_store_iterator_next(iterator, &info, &ended) == UFO_OK) {
      MUST(ufo_store_read(store, NULL, info.name, 0, 0, LENGTH, values, e));
      for (int i = 0; i < LENGTH; i++) {
        MUST_HOLD(values[i] == (i % 7 ? values[1] : -values[1]), "%s: element %d is %d, element 1 is %d", info.name, i,
                  values[i], values[1]);
      }
    }
    ufo_store_iterator_free(iterator);
  }
  free(values);
  return NULL;
}

int main(void) {
  char folder[512], path[600];
  MUST_HOLD(make_folder(folder, sizeof folder, NULL) == 0, "no folder %s", folder);
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  MUST(ufo_store_open(path, NULL, &store, e));
  pthread_t threads[WRITERS + READERS];
  for (int i = 0; i < WRITERS + READERS; i++) {
    if (pthread_create(&threads[i], NULL, i < WRITERS ? write_generations : read_all, (void *)(intptr_t)i)) return 1;
  }
  for (int i = 0; i < WRITERS + READERS; i++) pthread_join(threads[i], NULL);
  MUST(ufo_store_verify(store, NULL, NULL, NULL, e));
  ufo_store_close(store);
  remove_folder(folder);
  return 0;
}
