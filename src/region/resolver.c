/* resolver.c - the threads that read faults from the kernel and serve them.
 *
 * Leader and followers: whoever reads a message serves it himself, so no hand-over costs a switch; before he begins he
 * makes sure that somebody else is left to read, starting one more thread if need be, because the populate callback
 * may fault in its turn. A thread that finds many more than the standing number idle ends. */
#include <errno.h>
#include <unistd.h>

#include "os/memory.h"
#include "os/thread.h"
#include "region/pool.h"
#include "util/fail.h"

/* Idle threads beyond the standing ones that are kept for the next fill that nests or lasts. */
enum { SPARE_RESOLVERS = 4 };

static void *run(void *pool);

/* Residency lock held. Accounts for a thread about to be started; false if there are too many. */
static bool enroll(ufo_pool *pool) {
  if (pool->resolver_count == UFO_RESOLVERS_MAX) return false;
  pool->resolver_count++;
  pool->resolver_idle++;
  return true;
}

static bool start_enrolled(ufo_pool *pool) {
  pthread_t thread;
  if (ufo_thread_start(&thread, run, pool, true)) return true;
  int cause = errno;
  pthread_mutex_lock(&pool->residency_lock);
  pool->resolver_count--;
  pool->resolver_idle--;
  pthread_mutex_unlock(&pool->residency_lock);
  errno = cause;
  return false;
}

/* Residency lock held. How deep the faulting thread is in fills of its own: 0 for threads that are not resolvers. */
static int depth_of(const ufo_pool *pool, int thread) {
  for (unsigned i = 0; i < pool->resolver_slots; i++)
    if (pool->resolvers[i].thread == thread) return pool->resolvers[i].depth;
  return 0;
}

/* The woken thread faults again, and by then somebody may be free. */
static void postpone(ufo_pool *pool, const ufo_fault *fault) {
  usleep(200);
  uint64_t page = ufo_page_bytes();
  ufo_uffd_wake(&pool->uffd, (void *)(uintptr_t)(fault->address & ~(page - 1)), page);
}

static void serve(ufo_pool *pool, ufo_resolver_slot *slot, const ufo_fault *fault, ufo_fill_memory *memory) {
  ufo_count(&pool->counters.faults, 1);
  pthread_mutex_lock(&pool->residency_lock);
  int depth = depth_of(pool, fault->thread);
  pool->resolver_idle--;
  /* Touches from outside must leave threads for those that nest below them. */
  bool crowded = depth == 0 && pool->resolver_outer >= UFO_OUTER_FILLS_MAX;
  if (depth == 0 && !crowded) pool->resolver_outer++;
  bool reader_left = pool->resolver_idle > 0;
  bool enrolled = !reader_left && enroll(pool);
  slot->depth = depth + 1;
  pthread_mutex_unlock(&pool->residency_lock);
  if (enrolled) reader_left = start_enrolled(pool);
  ufo_region *region = ufo_table_take(pool, fault->address);
  /* No region: it is being released, which wakes the faulting thread. */
  if (region) {
    /* The last thread that can read must not get stuck in a fill that waits for another. */
    if (crowded || (!reader_left && depth == 0)) postpone(pool, fault);
    else ufo_fault_serve(region, fault, reader_left ? depth : UFO_FILL_DEPTH_MAX, memory);
    ufo_region_leave(region);
  }
  if (depth > 0 || crowded) return;
  pthread_mutex_lock(&pool->residency_lock);
  pool->resolver_outer--;
  pthread_mutex_unlock(&pool->residency_lock);
}

static ufo_resolver_slot *claim_slot(ufo_pool *pool) {
  for (unsigned i = 0; i < UFO_RESOLVERS_MAX; i++) {
    if (pool->resolvers[i].thread) continue;
    pool->resolvers[i] = (ufo_resolver_slot){.thread = ufo_thread_id()};
    if (pool->resolver_slots <= i) pool->resolver_slots = i + 1;
    return &pool->resolvers[i];
  }
  return NULL;
}

static void *run(void *argument) {
  ufo_pool *pool = argument;
  ufo_fill_memory memory = {0};
  ufo_thread_set_name("ufo-resolver");
  pthread_mutex_lock(&pool->residency_lock);
  /* There are as many slots as threads. */
  ufo_resolver_slot *slot = claim_slot(pool);
  UFO_ASSERT(slot != NULL);
  for (bool surplus = false; !surplus && !pool->stopping;) {
    pthread_mutex_unlock(&pool->residency_lock);
    ufo_fault fault;
    bool got = ufo_uffd_next(&pool->uffd, &fault);
    if (got) serve(pool, slot, &fault, &memory);
    pthread_mutex_lock(&pool->residency_lock);
    slot->depth = 0;
    if (!got) break;
    pool->resolver_idle++;
    surplus = pool->resolver_idle > pool->resolver_standing + SPARE_RESOLVERS;
  }
  bool failed = ufo_uffd_has_failed(&pool->uffd);
  pthread_mutex_unlock(&pool->residency_lock);
  if (failed) ufo_pool_break(pool);
  pthread_mutex_lock(&pool->residency_lock);
  slot->thread = 0;
  pool->resolver_idle--;
  pool->resolver_count--;
  pthread_cond_broadcast(&pool->resolver_ended);
  pthread_mutex_unlock(&pool->residency_lock);
  ufo_fill_memory_free(&memory);
  return NULL;
}

bool ufo_resolvers_start(ufo_pool *pool, ufo_error *error) {
  for (unsigned i = 0; i < pool->resolver_standing; i++) {
    pthread_mutex_lock(&pool->residency_lock);
    enroll(pool);
    pthread_mutex_unlock(&pool->residency_lock);
    if (!start_enrolled(pool)) {
      ufo_pool_fail_thread(error, "cannot start a resolver thread");
      return false;
    }
  }
  return true;
}

void ufo_resolvers_stop(ufo_pool *pool) {
  pthread_mutex_lock(&pool->residency_lock);
  pool->stopping = true;
  ufo_uffd_stop(&pool->uffd);
  while (pool->resolver_count > 0) pthread_cond_wait(&pool->resolver_ended, &pool->residency_lock);
  ufo_ahead_stop(pool);
  pthread_mutex_unlock(&pool->residency_lock);
}
