/* Readers see whole commits only, never wait for long, and never lose their file: beside writing threads, and beside a
 * compaction. */
#include "one_store.h"

#include <pthread.h>
#include <stdatomic.h>

enum { LENGTH = 40000, CHUNK = 4096 };

TestSuite(promises_readers, .init = store_make, .fini = store_end, .timeout = 60);

static void put_both(int32_t value) {
  int32_t *values = malloc(LENGTH * 4);
  for (int i = 0; i < LENGTH; i++) values[i] = value;
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, LENGTH, CHUNK);
  ufo_txn *txn = begin(store);
  if (value % 3) {
    OK(ufo_txn_write(txn, "a", 0, LENGTH, values, &error));
    OK(ufo_txn_write(txn, "b", 0, LENGTH, values, &error));
  } else {
    OK(ufo_txn_put(txn, "a", &spec, values, &error));
    OK(ufo_txn_put(txn, "b", &spec, values, &error));
  }
  OK(ufo_txn_commit(txn, &error));
  free(values);
}

typedef struct reader {
  pthread_t thread;
  ufo_pool *pool;
  int use_view;
  uint64_t reads, mixed, backwards, failed;
} reader;

static atomic_int stop;

/* Each read must be one value throughout, and values never go back. */
static void *read_on(void *user) {
  reader *r = user;
  int32_t *values = malloc(LENGTH * 4), last = 0;
  ufo_error mine;
  while (!stop) {
    const char *name = r->reads % 2 ? "a" : "b";
    ufo_view *view = NULL;
    const int32_t *seen = values;
    ufo_status status = r->use_view ? ufo_view_open(store, NULL, r->pool, name, NULL, &view, &mine)
                                    : ufo_store_read(store, NULL, name, 0, 0, LENGTH, values, &mine);
    if (status != UFO_OK) {
      if (r->failed++ == 0) fprintf(stderr, "%s\n", mine.message);
      continue;
    }
    if (view) seen = ufo_view_data(view);
    for (int i = 1; i < LENGTH; i++)
      if (seen[i] != seen[0]) {
        r->mixed++;
        break;
      }
    if (seen[0] < last) r->backwards++;
    last = seen[0];
    ufo_view_release(view);
    r->reads++;
  }
  free(values);
  return NULL;
}

Test(promises_readers, see_whole_commits) {
  ufo_pool *pool = make_pool(64 * CHUNK);
  reader readers[3] = {{.pool = pool}, {.pool = pool, .use_view = 1}, {.pool = pool, .use_view = 1}};
  put_both(0);
  for (int r = 0; r < 3; r++) pthread_create(&readers[r].thread, NULL, read_on, &readers[r]);
  for (int32_t value = 1; value <= 150; value++) put_both(value);
  stop = 1;
  for (int r = 0; r < 3; r++) {
    pthread_join(readers[r].thread, NULL);
    cr_expect_gt(readers[r].reads, 5, "reader %d got to read %" PRIu64 " times", r, readers[r].reads);
    cr_expect_eq(readers[r].mixed, 0, "reader %d saw half a commit", r);
    cr_expect_eq(readers[r].backwards, 0, "reader %d saw an older commit after a newer one", r);
    cr_expect_eq(readers[r].failed, 0, "reader %d failed", r);
  }
  OK(ufo_pool_destroy(pool, &error));
  assert_sound(store);
}

/* ---- beside a compaction
 * --------------------------------------------------------------------------------------------- */

Test(promises_readers, compaction_with_a_view_open) {
  put_both(0);
  put_both(7);
  ufo_pool *pool = make_pool(16 * CHUNK);
  ufo_view *view = open_view(store, NULL, pool, "a");
  const int32_t *data = ufo_view_data(view);
  error = (ufo_error){0};
  ufo_status status = ufo_store_compact(store, NULL, &error);
  cr_assert(status == UFO_OK || status == UFO_USAGE, "%s: %s", ufo_status_name(status), error.message);
  for (int i = 0; i < LENGTH; i++) cr_assert_eq(data[i], 7);
  ufo_view_release(view);
  OK(ufo_pool_destroy(pool, &error));
  OK(ufo_store_compact(store, NULL, &error));
  assert_sound(store);
}

Test(promises_readers, compaction_with_a_transaction_open) {
  put_both(0);
  ufo_txn *txn = begin(store);
  int32_t one = 1;
  OK(ufo_txn_write(txn, "a", 0, 1, &one, &error));
  error = (ufo_error){0};
  ufo_status status = ufo_store_compact(store, NULL, &error);
  cr_assert(status == UFO_OK || status == UFO_USAGE, "%s: %s", ufo_status_name(status), error.message);
  OK(ufo_txn_commit(txn, &error));
  int32_t back;
  OK(ufo_store_read(store, NULL, "a", 0, 0, 1, &back, &error));
  cr_assert_eq(back, 1);
  assert_sound(store);
}

static int compact_elsewhere(void *path) {
  ufo_store *other;
  CHECK(ufo_store_open(path, NULL, &other, &error) == UFO_OK);
  ufo_status status = ufo_store_compact(other, NULL, &error);
  ufo_store_close(other);
  return status == UFO_OK ? 0 : status == UFO_USAGE ? 50 : 51;
}

/* Another process may not replace the file while this one has it open. The children are made first, or they would share
 * this process's store. */
Test(promises_readers, compaction_by_another_process) {
  char *path = in_folder("s.ufo");
  put_both(0);
  put_both(5);
  ufo_store_close(store);
  int go[2];
  char byte = 'g';
  cr_assert_eq(pipe(go), 0);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    alarm(30);
    _exit(read(go[0], &byte, 1) == 1 ? compact_elsewhere(path) : 99);
  }
  store = open_store(path);
  cr_assert_eq(write(go[1], &byte, 1), 1);
  cr_assert_eq(wait_for(child), 50, "it must be refused");
  put_both(6);
  ufo_store_close(store);
  cr_assert_eq(in_child(compact_elsewhere, path, 30), 0, "nobody has it open now");
  store = open_store(path);
  int32_t back;
  OK(ufo_store_read(store, NULL, "b", 0, LENGTH - 1, 1, &back, &error));
  cr_assert_eq(back, 6);
}

/* A handle in a forked child: right after fork, while the parent writes on. */
static int read_in_child(void *user) {
  (void)user;
  int32_t *values = malloc(LENGTH * 4);
  for (int round = 0; round < 30; round++) {
    CHECK(ufo_store_read(store, NULL, "a", 0, 0, LENGTH, values, &error) == UFO_OK);
    for (int i = 1; i < LENGTH; i++) CHECK(values[i] == values[0]);
  }
  return 0;
}

Test(promises_readers, forked_children_read_while_the_parent_writes) {
  put_both(0);
  pid_t children[3];
  for (int c = 0; c < 3; c++) {
    fflush(NULL);
    children[c] = fork();
    if (children[c] == 0) {
      alarm(40);
      _exit(read_in_child(NULL));
    }
    for (int32_t value = 1; value <= 20; value++) put_both(20 * c + value);
  }
  for (int c = 0; c < 3; c++) {
    int result = wait_for(children[c]);
    cr_assert_eq(result, 0, "child %d gave %d", c, result);
  }
  assert_sound(store);
}
