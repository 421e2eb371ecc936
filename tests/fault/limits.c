/* Limits of the process: address space, descriptors, threads, locked memory. Each is met by an error that says which,
 * and the same process goes on once it may have more. In children, so that the limits end with them. */
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <ufostore/ufostore.h>

#include "child.h"
#include "demand.h"
#include "tally.h"

enum { LENGTH = 20000, CHUNK = 4096, BIG = 1 << 20 };

static ufo_error error;
static char folder[300], path[320];
static uint64_t values[BIG];

static uint64_t value(uint64_t i) {
  uint64_t x = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
  return (x ^ (x >> 29)) * UINT64_C(0xBF58476D1CE4E5B9) | 1;
}

static void limit(int what, rlim_t soft) {
  struct rlimit now;
  getrlimit(what, &now);
  now.rlim_cur = soft < now.rlim_max ? soft : now.rlim_max;
  setrlimit(what, &now);
}

/* A refusal that the user can do something about. */
static int said(ufo_status status) {
  if ((status == UFO_FULL || status == UFO_IO) && error.code == status && error.message[0]) return 1;
  fprintf(stderr, "it gave %s: %s\n", ufo_status_name(status), error.message);
  return 0;
}

static int put(ufo_store *store, const char *name, uint64_t length, ufo_status *status) {
  ufo_txn *txn;
  ufo_object_spec spec = {
      .struct_size = sizeof spec, .type = UFO_DOUBLE, .length = length, .chunk_bytes = length > LENGTH ? 65536 : CHUNK};
  *status = ufo_txn_begin(store, &txn, &error);
  if (*status != UFO_OK) return 0;
  *status = ufo_txn_put(txn, name, &spec, values, &error);
  if (*status == UFO_OK) *status = ufo_txn_commit(txn, &error);
  if (*status != UFO_OK) ufo_txn_abort(txn);
  return 0;
}

static int right(ufo_store *store) {
  static uint64_t back[LENGTH];
  DEMAND(ufo_store_read(store, NULL, "x", 0, 0, LENGTH, back, &error) == UFO_OK);
  DEMAND(memcmp(back, values, sizeof back) == 0);
  return 0;
}

typedef struct reading {
  const volatile uint64_t *data;
} reading;

static int read_all(void *user) {
  reading *r = user;
  for (uint64_t i = 0; i < LENGTH; i++)
    if (r->data[i] != values[i]) return 1;
  return 0;
}

static int right_through_view(ufo_store *store, ufo_pool *pool) {
  ufo_view *view;
  int wrong = 1;
  DEMAND(ufo_view_open(store, NULL, pool, "x", NULL, &view, &error) == UFO_OK);
  reading r = {ufo_view_data(view)};
  DEMAND(ufo_guarded(NULL, read_all, &r, &wrong, &error) == UFO_OK && wrong == 0);
  ufo_view_release(view);
  return 0;
}

/* ---- address space ------------------------------------------------------------------------------------------------
 */

/* What is reserved for a store is less where less is allowed; what does not fit any more is refused, and comes in once
 * the limit is gone. */
static int address_space(uint64_t argument) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  (void)argument;
  return 0;
#else
  ufo_store *store;
  ufo_status status;
  limit(RLIMIT_AS, argument << 20);
  status = ufo_store_open(path, NULL, &store, &error);
  if (status != UFO_OK) {
    DEMAND(said(status) && strstr(error.message, path));
    limit(RLIMIT_AS, RLIM_INFINITY);
    DEMAND(ufo_store_open(path, NULL, &store, &error) == UFO_OK);
    return right(store);
  }
  if (right(store)) return 1;
  status = UFO_OK;
  char name[32];
  int n = 0;
  for (; status == UFO_OK && n < (nightly() ? 100 : 12); n++) { /* 8 MiB of noise each */
    snprintf(name, sizeof name, "big%d", n);
    put(store, name, BIG, &status);
  }
  if (status != UFO_OK) {
    DEMAND(said(status) && (strstr(error.message, path) || strstr(error.message, name)));
    if (right(store)) return 1;
    limit(RLIMIT_AS, RLIM_INFINITY);
    ufo_store_close(store);
    DEMAND(ufo_store_open(path, NULL, &store, &error) == UFO_OK);
    put(store, name, BIG, &status);
    DEMAND(status == UFO_OK);
  }
  DEMAND(ufo_store_verify(store, NULL, NULL, NULL, &error) == UFO_OK);
  if (right(store)) return 1;
  ufo_store_close(store);
  return 0;
#endif
}

/* A map that was asked to be small: full, and no harm done; opened with a larger one, it grows. */
static int small_map(uint64_t argument) {
  ufo_store *store;
  ufo_status status = UFO_OK;
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_WRITE, .map_bytes = argument << 20};
  DEMAND(ufo_store_open(path, &options, &store, &error) == UFO_OK);
  int n = 0;
  char name[32];
  for (; status == UFO_OK && n < 100; n++) {
    snprintf(name, sizeof name, "big%d", n);
    put(store, name, BIG, &status);
  }
  DEMAND(status == UFO_FULL && strstr(error.message, path));
  if (right(store)) return 1;
  put(store, "small", 100, &status); /* what fits still goes in, or is refused */
  DEMAND(status == UFO_OK || status == UFO_FULL);
  DEMAND(ufo_store_verify(store, NULL, NULL, NULL, &error) == UFO_OK);
  ufo_store_close(store);
  options.map_bytes = 0;
  DEMAND(ufo_store_open(path, &options, &store, &error) == UFO_OK);
  put(store, name, BIG, &status);
  DEMAND(status == UFO_OK && right(store) == 0);
  ufo_store_close(store);
  return 0;
}

/* ---- descriptors --------------------------------------------------------------------------------------------------
 */

static int descriptors(uint64_t argument) {
  ufo_store *store = NULL;
  ufo_pool *pool = NULL;
  ufo_status status;
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = 16 * CHUNK, .scratch_dir = folder};
  struct rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  limit(RLIMIT_NOFILE, argument);
  status = ufo_store_open(path, NULL, &store, &error);
  if (status != UFO_OK) DEMAND(said(status) && strstr(error.message, path) && error.os_errno == EMFILE);
  ufo_status pool_status = ufo_pool_create(&options, &pool, &error);
  if (pool_status != UFO_OK) DEMAND(said(pool_status) && strstr(error.message, "open files"));
  if (store && pool) {
    if (right_through_view(store, pool)) return 1;
    put(store, "y", LENGTH, &status);
    if (status != UFO_OK) DEMAND(said(status));
  }
  limit(RLIMIT_NOFILE, before.rlim_cur);
  if (!store) DEMAND(ufo_store_open(path, NULL, &store, &error) == UFO_OK);
  if (!pool) DEMAND(ufo_pool_create(&options, &pool, &error) == UFO_OK);
  if (right_through_view(store, pool)) return 1;
  put(store, "y", LENGTH, &status);
  DEMAND(status == UFO_OK);
  DEMAND(ufo_store_verify(store, NULL, NULL, NULL, &error) == UFO_OK);
  ufo_store_close(store);
  DEMAND(ufo_pool_destroy(pool, &error) == UFO_OK);
  return 0;
}

/* ---- threads ------------------------------------------------------------------------------------------------------
 */

/* The limit counts the user's threads, and root has none: so as a user that nobody else is. */
static int threads(uint64_t argument) {
  ufo_pool *pool = NULL;
  ufo_store *store;
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = 16 * CHUNK, .scratch_dir = folder};
  if (geteuid() == 0 && (setresgid(64222, 64222, 64222) != 0 || setresuid(64222, 64222, 64222) != 0)) return 77;
  struct rlimit before;
  getrlimit(RLIMIT_NPROC, &before);
  limit(RLIMIT_NPROC, argument);
  ufo_status status = ufo_pool_create(&options, &pool, &error);
  if (status == UFO_UNSUPPORTED) return 77;
  if (status != UFO_OK) DEMAND(status == UFO_FULL && strstr(error.message, "RLIMIT_NPROC") && !pool);
  ufo_store_options only = {.struct_size = sizeof only, .mode = UFO_OPEN_READ_ONLY};
  DEMAND(ufo_store_open(path, &only, &store, &error) == UFO_OK && right(store) == 0);
  if (pool && right_through_view(store, pool)) return 1; /* whatever threads it could start */
  int refused = !pool;
  limit(RLIMIT_NPROC, before.rlim_cur);
  if (!pool) DEMAND(ufo_pool_create(&options, &pool, &error) == UFO_OK);
  if (right_through_view(store, pool)) return 1;
  ufo_store_close(store);
  DEMAND(ufo_pool_destroy(pool, &error) == UFO_OK);
  return refused ? 42 : 0;
}

static int locked_memory(uint64_t argument) {
  ufo_pool *pool;
  ufo_store *store;
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = 16 * CHUNK, .scratch_dir = folder};
  limit(RLIMIT_MEMLOCK, argument);
  DEMAND(ufo_store_open(path, NULL, &store, &error) == UFO_OK);
  DEMAND(ufo_pool_create(&options, &pool, &error) == UFO_OK);
  if (right_through_view(store, pool)) return 1;
  ufo_store_close(store);
  DEMAND(ufo_pool_destroy(pool, &error) == UFO_OK);
  return 0;
}

/* ---- all of them --------------------------------------------------------------------------------------------------
 */

static int make_store(void) {
  ufo_store *store;
  ufo_status status;
  empty_folder(folder);
  DEMAND(ufo_store_open(path, NULL, &store, &error) == UFO_OK);
  put(store, "x", LENGTH, &status);
  DEMAND(status == UFO_OK);
  ufo_store_close(store);
  DEMAND(chmod(path, 0644) == 0 && chmod(folder, 0777) == 0);
  return 0;
}

static int run(const char *name, int (*test)(uint64_t), uint64_t argument) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    int result = make_store();
    _exit(result ? result : test(argument));
  }
  int result = wait_for(child);
  if (result != 0 && result != 77 && result != 42)
    fprintf(stderr, "%s with %" PRIu64 ": outcome %d\n", name, argument, result);
  return result;
}

int main(void) {
  uint64_t tried = 0;
  int bad = 0, refused = 0;
  for (uint64_t i = 0; i < BIG; i++) values[i] = value(i);
  if (make_folder(folder, sizeof folder, NULL)) return 2;
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  for (uint64_t mib = 32; mib <= 2048; mib *= 2, tried++) bad += run("address space", address_space, mib) != 0;
  for (uint64_t mib = 1; mib <= 64; mib *= 4, tried++) bad += run("a small map", small_map, mib) != 0;
  for (uint64_t n = 3; n < 24; n++, tried++) bad += run("descriptors", descriptors, n) != 0;
  for (uint64_t n = 0; n < 6; n++, tried++) {
    int result = run("threads", threads, n);
    refused += result == 42;
    bad += result != 0 && result != 42 && result != 77;
  }
  bad += run("locked memory", locked_memory, 0) != 0;
  remove_folder(folder);
  printf("%d pools were refused for want of threads\n", refused);
  tally(tried + 1, "runs under a limit of the process");
  return bad != 0;
}
