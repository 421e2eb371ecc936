/* Handles that come and go leave nothing behind: descriptors, mappings, threads, locks on the store's bytes and memory
 * are the same after thousands of them as after a few. */
#include "soak/soak.h"

enum { CHUNK = 4096, LENGTH = 64 * 1024, OBJECTS = 16 };
/* The allocator's own comings and goings; what is lost in each of hundreds of rounds is more. */
enum { MAPPINGS_SLACK = 24 };
/* A pool keeps this many resolvers more than it starts with, once fills have needed them (region/resolver.c). */
enum { THREADS_SLACK = 4 };
#define MEMORY_SLACK (8 * MIB)

static ufo_store *store;
static ufo_pool *pool;
static uint64_t locks_of_an_open_store;

static void name_of(unsigned n, char name[16]) { snprintf(name, 16, "o%u", n % OBJECTS); }

/* ---- what comes and goes ----------------------------------------------------------------------------------------- */

/* Opened, read, sometimes changed and cloned. */
static void views(unsigned round) {
  char name[16];
  ufo_view *view, *clone = NULL;
  name_of(round, name);
  MUST(ufo_view_open(store, NULL, pool, name, NULL, &view, e));
  double *x = ufo_view_data(view);
  uint64_t at = (round * 7919u) % LENGTH;
  MUST_HOLD(x[at] == (double)at, "element %" PRIu64 " of %s is %g", at, name, x[at]);
  if (round % 4 == 0) x[(at + 1) % LENGTH] = 0;
  if (round % 8 == 0) MUST(ufo_view_clone(view, &clone, e));
  ufo_view_release(view);
  ufo_view_release(clone);
}

static void stores(unsigned round) {
  char other[640];
  ufo_store *opened;
  double value = round;
  ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_DOUBLE, .length = 1};
  ufo_txn *txn;
  snprintf(other, sizeof other, "%s/other%u.ufo", folder, round % 3);
  MUST(ufo_store_open(other, NULL, &opened, e));
  MUST(ufo_txn_begin(opened, &txn, e));
  MUST(ufo_txn_put(txn, "x", &spec, &value, e));
  if (round % 2 == 0) MUST(ufo_txn_commit(txn, e));
  else ufo_txn_abort(txn);
  ufo_store_close(opened);
}

static void transactions(unsigned round) {
  char name[16];
  double value = (double)(round % LENGTH);
  ufo_txn *txn;
  name_of(round, name);
  MUST(ufo_txn_begin(store, &txn, e));
  MUST(ufo_txn_write(txn, name, round % LENGTH, 1, &value, e));
  if (round % 3 == 0) ufo_txn_abort(txn);
  else MUST(ufo_txn_commit(txn, e));
}

static void refusals(unsigned round) {
  ufo_view *view;
  ufo_store *opened;
  ufo_error error;
  char nowhere[640];
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  snprintf(nowhere, sizeof nowhere, "%s/nowhere%u.ufo", folder, round);
  MUST_HOLD(ufo_view_open(store, NULL, pool, "nothing", NULL, &view, &error) == UFO_MISSING, "%s", error.message);
  MUST_HOLD(ufo_store_open(nowhere, &options, &opened, &error) == UFO_MISSING, "%s", error.message);
}

/* The child uses what it inherits; the parent goes on. */
static void children(unsigned round) {
  char name[16];
  ufo_view *view;
  name_of(round, name);
  MUST(ufo_view_open(store, NULL, pool, name, NULL, &view, e));
  const volatile double *x = ufo_view_data(view);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    double stored = -1;
    MUST(ufo_store_read(store, NULL, name, 0, 11, 1, &stored, e));
    _exit(x[17] == 17 && stored == 11 ? 0 : 3);
  }
  MUST_HOLD(child > 0, "no child");
  int status = wait_for(child);
  MUST_HOLD(status == 0, "a child ended with %d", status);
  ufo_view_release(view);
}

/* ---- flatness ---------------------------------------------------------------------------------------------------- */

static void show(const char *what, const resources *held) {
  printf("%-30s %4" PRIu64 " descriptors %4" PRIu64 " mappings %3" PRIu64 " threads %3" PRIu64 " locks %6" PRIu64
         " KiB\n",
         what, held->descriptors, held->mappings, held->threads, held->locks, held->resident_bytes >> 10);
}

static void stay_flat(void (*run)(unsigned), unsigned warm_up, unsigned count, const char *what) {
  for (unsigned i = 0; i < warm_up; i++) run(i);
  resources before = resources_now(path);
  for (unsigned i = 0; i < count; i++) run(i);
  resources after = resources_now(path);
  show("warm", &before);
  show(what, &after);
  tally(count, what);
  if (after.descriptors <= before.descriptors && after.threads <= before.threads + THREADS_SLACK &&
      after.locks <= locks_of_an_open_store && after.mappings <= before.mappings + MAPPINGS_SLACK &&
      after.resident_bytes <= before.resident_bytes + MEMORY_SLACK * (nightly() ? 2 : 1)) {
    return;
  }
  fflush(stdout);
  fprintf(stderr, "%s: something is left behind\n", what);
  _exit(1);
}

int main(void) {
  unsigned times = nightly() ? 10 : 1;
  soak_begin(NULL);
  pool = soak_pool(4 * MIB);
  MUST(ufo_store_open(path, NULL, &store, e));
  double *ramp = malloc(LENGTH * sizeof *ramp);
  for (unsigned i = 0; i < LENGTH; i++) ramp[i] = i;
  ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_DOUBLE, .length = LENGTH, .chunk_bytes = CHUNK};
  for (unsigned n = 0; n < OBJECTS; n++) {
    char name[16];
    ufo_txn *txn;
    name_of(n, name);
    MUST(ufo_txn_begin(store, &txn, e));
    MUST(ufo_txn_put(txn, name, &spec, ramp, e));
    MUST(ufo_txn_commit(txn, e));
  }
  free(ramp);
  locks_of_an_open_store = resources_now(path).locks;
  stay_flat(views, 200, 1000 * times, "views opened and released");
  stay_flat(transactions, 100, 300 * times, "transactions ended");
  stay_flat(refusals, 20, 300 * times, "things not there");
  stay_flat(stores, 10, 100 * times, "stores opened and closed");
  stay_flat(children, 5, 40 * times, "children that used a store");
  MUST(ufo_store_verify(store, NULL, NULL, NULL, e));
  MUST(ufo_pool_destroy(pool, e));
  ufo_store_close(store);
  remove_folder(folder);
  return 0;
}
