/* two_processes.c - two processes commit to one store at once, and either is killed at any moment.
 *
 * Each has objects of its own, and both change one vector, in which each owns an element: a lost update would show in
 * what the other had acknowledged. What each acknowledged is kept outside the store, in shared memory. Demanded of
 * every reader at any time: two children of one list, written together, are of one commit. Demanded after a death, of
 * the other process and of a new one: the store is whole, and has all that either had acknowledged, and at most one
 * commit more of each.
 *
 * First they take turns, each seeing what the other has just committed; then they run freely and are killed.
 * A hundred kills, nightly 2,000. */
#include "common/child.h"
#include "crash/judge.h"
#include "crash/world.h"
#include "tally.h"

enum { SIDES = 2, OWN_LENGTH = 5000, TURNS = 200 };

typedef struct oracle {
  atomic_uint_fast64_t acked[SIDES], conflicts[SIDES], compactions, turn;
  atomic_int stop, wrong;
} oracle;

static oracle *known;

typedef struct side {
  unsigned me;
  ufo_store *store;
  ufo_pool *pool;
} side;

#define MUST(call)                                                                                                     \
  do {                                                                                                                 \
    if ((call) != UFO_OK) {                                                                                            \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, error.message);                                               \
      return 1;                                                                                                        \
    }                                                                                                                  \
  } while (0)

static void own_name(char name[16], unsigned me) { snprintf(name, 16, "own%u", me); }

static int set_up(const char *path) {
  ufo_store *store;
  ufo_txn *txn;
  uint64_t zeros[SIDES] = {0};
  MUST(ufo_store_open(path, NULL, &store, &error));
  MUST(ufo_txn_begin(store, &txn, &error));
  ufo_object_spec spec = spec_of(UFO_DOUBLE, SIDES, 0);
  MUST(ufo_txn_put(txn, "both", &spec, zeros, &error));
  for (unsigned me = 0; me < SIDES; me++) {
    char name[16];
    own_name(name, me);
    spec = spec_of(UFO_DOUBLE, OWN_LENGTH, CHUNK);
    MUST(ufo_txn_create(txn, name, &spec, &error));
  }
  MUST(ufo_txn_commit(txn, &error));
  ufo_store_close(store);
  return 0;
}

/* The list has two children that are always put together, with one value each. */
static ufo_status put_pair(ufo_txn *txn, uint64_t value) {
  static const char *const children[] = {".left", ".right"};
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 1, 0);
  for (int c = 0; c < 2; c++) {
    ufo_status status = ufo_txn_put(txn, children[c], &spec, &value, &error);
    if (status != UFO_OK) return status;
  }
  return ufo_txn_put_list(txn, "pair", children, 2, &error);
}

/* Step n of this side, in one transaction; UFO_CONFLICT if the other was faster. */
static ufo_status step(side *s, uint64_t n) {
  ufo_txn *txn;
  uint64_t both[SIDES];
  char name[16];
  own_name(name, s->me);
  ufo_status status = ufo_txn_begin(s->store, &txn, &error);
  if (status != UFO_OK) return status;
  ufo_view *view = NULL;
  status = ufo_view_open(s->store, txn, s->pool, "both", NULL, &view, &error);
  if (status == UFO_OK) {
    uint64_t *data = ufo_view_data(view);
    memcpy(both, data, sizeof both);
    if (both[s->me] + 1 != n) atomic_store(&known->wrong, __LINE__);
    data[s->me] = n;
    status = ufo_txn_put_view(txn, "both", view, UFO_PUT_CHECKED, &error);
  }
  uint64_t values[64];
  for (uint64_t i = 0; i < 64; i++) values[i] = value_of((int)s->me, n, i);
  if (status == UFO_OK) status = ufo_txn_write(txn, name, n * 64 % (OWN_LENGTH - 64), 64, values, &error);
  if (status == UFO_OK && n % 3 == 0) status = put_pair(txn, n * SIDES + s->me);
  if (status == UFO_OK) status = ufo_txn_commit(txn, &error);
  if (status != UFO_OK) ufo_txn_abort(txn);
  ufo_view_release(view);
  return status;
}

/* What a reader sees of the pair is of one commit. */
static int pair_is_whole(side *s) {
  ufo_view *views[2] = {NULL, NULL};
  uint64_t values[2];
  ufo_object_info before = {.struct_size = sizeof before}, after = before;
  ufo_status status = ufo_store_info(s->store, NULL, "pair", 0, &before, &error);
  if (status == UFO_MISSING) return 1;
  for (uint64_t c = 0; c < 2 && status == UFO_OK; c++)
    status = ufo_view_open_child(s->store, NULL, s->pool, "pair", c, NULL, &views[c], &error);
  if (status == UFO_OK) status = ufo_store_info(s->store, NULL, "pair", 0, &after, &error);
  int whole = status == UFO_OK;
  if (whole) {
    for (int c = 0; c < 2; c++) memcpy(&values[c], ufo_view_data(views[c]), sizeof *values);
    bool same = before.id == after.id && before.version == after.version;
    whole = !same || values[0] == values[1];
  }
  ufo_view_release(views[0]);
  ufo_view_release(views[1]);
  return whole;
}

static int live(const char *path, unsigned me, int taking_turns) {
  side s = {.me = me};
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = 1 << 20};
  MUST(ufo_store_open(path, NULL, &s.store, &error));
  MUST(ufo_pool_create(&options, &s.pool, &error));
  uint64_t both[SIDES];
  MUST(ufo_store_read(s.store, NULL, "both", 0, 0, SIDES, both, &error));
  uint64_t n = both[me], acked = atomic_load(&known->acked[me]); /* a commit that was not acknowledged may be there */
  if (n < acked || n > acked + 1) atomic_store(&known->wrong, __LINE__);
  atomic_store(&known->acked[me], n);
  while (!atomic_load(&known->stop) && !atomic_load(&known->wrong)) {
    if (taking_turns && atomic_load(&known->turn) >= TURNS) break;
    if (taking_turns && atomic_load(&known->turn) % SIDES != me) {
      usleep(50);
      continue;
    }
    /* What the other had acknowledged before this look must be seen by it. */
    uint64_t other = atomic_load(&known->acked[1 - me]);
    MUST(ufo_store_read(s.store, NULL, "both", 0, 0, SIDES, both, &error));
    if (both[1 - me] < other || both[me] != n) atomic_store(&known->wrong, __LINE__);
    if (!pair_is_whole(&s)) atomic_store(&known->wrong, __LINE__);
    ufo_status status = step(&s, n + 1);
    if (status == UFO_OK) atomic_store(&known->acked[me], ++n);
    else if (status == UFO_CONFLICT && !taking_turns) atomic_fetch_add(&known->conflicts[me], 1);
    else MUST(status);
    if (taking_turns) atomic_fetch_add(&known->turn, 1);
    if (taking_turns || n % 40 != 0) continue;
    status = ufo_store_compact(s.store, NULL, &error); /* goes through while the other one is dead */
    if (status == UFO_OK) atomic_fetch_add(&known->compactions, 1);
    else if (status != UFO_USAGE) MUST(status);
  }
  ufo_store_close(s.store);
  return ufo_pool_destroy(s.pool, NULL) != UFO_OK;
}

static int right_own(ufo_store *store, unsigned me, uint64_t n) {
  char name[16];
  static uint64_t found[OWN_LENGTH], expected[OWN_LENGTH];
  own_name(name, me);
  memset(expected, 0, sizeof expected);
  for (uint64_t k = 1; k <= n; k++)
    for (uint64_t i = 0; i < 64; i++) expected[k * 64 % (OWN_LENGTH - 64) + i] = value_of((int)me, k, i);
  DEMAND(ufo_store_read(store, NULL, name, 0, 0, OWN_LENGTH, found, &error) == UFO_OK);
  DEMAND(!memcmp(found, expected, sizeof found));
  return 0;
}

/* With nobody else at work. */
static int judge_both(const char *path) {
  ufo_store *store;
  uint64_t both[SIDES];
  DEMAND(ufo_store_open(path, NULL, &store, &error) == UFO_OK);
  DEMAND(ufo_store_read(store, NULL, "both", 0, 0, SIDES, both, &error) == UFO_OK);
  for (unsigned me = 0; me < SIDES; me++) {
    uint64_t acked = atomic_load(&known->acked[me]);
    DEMAND(acked <= both[me] && both[me] <= acked + 1);
    if (right_own(store, me, both[me])) return 1;
  }
  DEMAND(ufo_store_verify(store, show_damage, NULL, NULL, &error) == UFO_OK);
  if (right_reclaim(store, 0)) return 1;
  ufo_store_close(store);
  return 0;
}

static pid_t start(const char *path, unsigned me, int taking_turns) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    alarm(110);
    _exit(live(path, me, taking_turns));
  }
  return child;
}

static int judge_alone(const char *path) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(judge_both(path));
  }
  return wait_for(child);
}

static int turns(const char *path) {
  pid_t sides[SIDES];
  for (unsigned me = 0; me < SIDES; me++) sides[me] = start(path, me, 1);
  int result = 0;
  for (unsigned me = 0; me < SIDES; me++) result |= wait_for(sides[me]);
  return result || atomic_load(&known->wrong) || atomic_load(&known->turn) < TURNS || judge_alone(path);
}

static int kills(const char *path, uint64_t count) {
  pid_t sides[SIDES];
  uint64_t state = seed;
  for (unsigned me = 0; me < SIDES; me++) sides[me] = start(path, me, 0);
  for (uint64_t k = 0; k < count && !atomic_load(&known->wrong); k++) {
    state = mix(state);
    unsigned victim = (unsigned)(state >> 40) % SIDES;
    usleep((useconds_t)(state % 60000));
    kill(sides[victim], SIGKILL);
    if (wait_for(sides[victim]) != 128 + SIGKILL) return 1;
    if (k % 10 == 9) { /* both */
      kill(sides[1 - victim], SIGKILL);
      if (wait_for(sides[1 - victim]) != 128 + SIGKILL || judge_alone(path)) return 1;
      sides[1 - victim] = start(path, 1 - victim, 0);
    }
    sides[victim] = start(path, victim, 0);
  }
  atomic_store(&known->stop, 1);
  int result = 0;
  for (unsigned me = 0; me < SIDES; me++) result |= wait_for(sides[me]);
  return result || atomic_load(&known->wrong) || judge_alone(path);
}

int main(void) {
  char folder[3000], path[3100];
  uint64_t count = nightly() ? 2000 : 100;
  seed = choose_seed();
  known = shared_memory(sizeof *known);
  if (!known || make_folder(folder, sizeof folder, NULL)) return 2;
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  int result = set_up(path) || turns(path) || kills(path, count);
  uint64_t commits = atomic_load(&known->acked[0]) + atomic_load(&known->acked[1]);
  uint64_t conflicts = atomic_load(&known->conflicts[0]) + atomic_load(&known->conflicts[1]);
  printf("seed %" PRIu64 ": %" PRIu64 " commits, %" PRIu64 " conflicts, %" PRIu64 " compactions\n", seed, commits,
         conflicts, atomic_load(&known->compactions));
  if (result) {
    fprintf(stderr, "not as promised (line %d); what is left is in %s\n", atomic_load(&known->wrong), folder);
    return 1;
  }
  remove_folder(folder);
  tally(count, "kills of one of two processes that commit");
  return 0;
}
