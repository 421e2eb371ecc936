/* resolver.c - the threads that read faults from the kernel and serve them.
 *
 * Leader and followers: whoever reads a message serves it himself, so no hand-over costs a switch; before he begins he
 * makes sure that somebody else is left to read, fetching or starting one more thread if need be, because the populate
 * callback may fault in its turn.
 *
 * Waking a thread on another processor, which sleeps, takes longer than all the rest: 70 us for a chunk of 64 KiB that
 * is only copied, against 26 where the resolver is on the processor of the faulting thread, which has just gone to
 * sleep there. So each standing resolver has a processor, where it stays. The kernel wakes all that wait for a fault;
 * the one at home is the first to run, as it need not be fetched, and the others go to sleep again (30 us in all). A
 * fill that lasts longer than it should, since others want that processor, makes it roam for a while, and so does a
 * callback that may start threads of its own, which would have to stay there, too. The other threads wait aside, not at
 * the descriptor, or each fault would wake them.
 */
#include <errno.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/memory.h"
#include "os/thread.h"
#include "region/window.h"
#include "util/fail.h"

/* Idle threads beyond the standing ones that are kept for the next fill that nests or lasts. */
enum { SPARE_RESOLVERS = 4 };
/* So long a fill may last before its thread roams, and so long it does then. */
#define LASTS_NS UINT64_C(1000000)
#define ROAMING_NS UINT64_C(100000000)

static void *run(void *pool);

/* What one thread knows of itself. */
typedef struct resolver {
  ufo_pool *pool;
  ufo_resolver_slot *slot;
  unsigned index; /* of the slot; that of its processor, if it stands */
  bool stands;    /* it never waits aside */
  bool at_home;
  uint64_t roams_until_ns;
  ufo_fill_memory memory;
} resolver;

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

/* ---- its processor ------------------------------------------------------------------------------------------------
 */

static void roam(resolver *self) {
  if (self->at_home) ufo_thread_roam();
  self->at_home = false;
  self->roams_until_ns = ufo_clock_monotonic_ns() + ROAMING_NS;
}

/* Before it waits for a fault. On a larger machine most processors would have no resolver, and these would only be in
 * the way: they would be fetched from the wrong one. */
static void go_home(resolver *self) {
  if (!self->stands || self->at_home || ufo_clock_monotonic_ns() < self->roams_until_ns) return;
  if (self->pool->resolver_standing == ufo_thread_processors()) self->at_home = ufo_thread_stay(self->index);
}

/* ---- one fault ----------------------------------------------------------------------------------------------------
 */

/* The woken thread faults again, and by then somebody may be free. */
static void postpone(ufo_pool *pool, const ufo_fault *fault) {
  usleep(200);
  uint64_t page = ufo_page_bytes();
  ufo_uffd_wake(&pool->uffd, (void *)(uintptr_t)(fault->address & ~(page - 1)), page);
}

/* Residency lock held. Is somebody left to read the next fault, one who waited aside perhaps? */
static bool fetch_reader(ufo_pool *pool) {
  if (pool->resolver_idle > 0) return true;
  if (pool->resolver_aside == 0) return false;
  pool->resolver_aside--;
  pool->resolver_fetched++;
  pool->resolver_idle++;
  pthread_cond_signal(&pool->resolver_wanted);
  return true;
}

/* No lock is held. The same, with a new thread if need be. */
static bool start_reader(ufo_pool *pool) {
  if (start_enrolled(pool)) return true;
  pthread_mutex_lock(&pool->residency_lock);
  bool left = fetch_reader(pool); /* somebody may have become idle meanwhile */
  pthread_mutex_unlock(&pool->residency_lock);
  return left;
}

static void serve(resolver *self, const ufo_fault *fault) {
  ufo_pool *pool = self->pool;
  ufo_count(&pool->counters.faults, 1);
  pthread_mutex_lock(&pool->residency_lock);
  int depth = depth_of(pool, fault->thread);
  pool->resolver_idle--;
  /* Touches from outside must leave threads for those that nest below them. */
  bool crowded = depth == 0 && pool->resolver_outer >= UFO_OUTER_FILLS_MAX;
  if (depth == 0 && !crowded) pool->resolver_outer++;
  bool reader_left = fetch_reader(pool), enrolled = !reader_left && enroll(pool);
  self->slot->depth = depth + 1;
  pthread_mutex_unlock(&pool->residency_lock);
  if (enrolled) reader_left = start_reader(pool);
  ufo_region *region = ufo_table_take(pool, fault->address);
  /* No region: it is being released, which wakes the faulting thread. */
  if (region) {
    if (!(region->source.flags & UFO_SOURCE_READ_AHEAD)) roam(self);
    /* The last thread that can read must not get stuck in a fill that waits for another. */
    if (crowded || (!reader_left && depth == 0)) postpone(pool, fault);
    else ufo_fault_serve(region, fault, reader_left ? depth : UFO_FILL_DEPTH_MAX, &self->memory);
    ufo_region_leave(region);
  }
  if (self->stands && ufo_clock_monotonic_ns() - fault->read_ns > LASTS_NS) roam(self);
  if (depth > 0 || crowded) return;
  pthread_mutex_lock(&pool->residency_lock);
  pool->resolver_outer--;
  pthread_mutex_unlock(&pool->residency_lock);
}

/* ---- life ---------------------------------------------------------------------------------------------------------
 */

/* Residency lock held. There are as many slots as threads. */
static void claim_slot(resolver *self) {
  ufo_pool *pool = self->pool;
  unsigned i = 0;
  while (i < UFO_RESOLVERS_MAX && pool->resolvers[i].thread) i++;
  UFO_ASSERT(i < UFO_RESOLVERS_MAX);
  pool->resolvers[i] = (ufo_resolver_slot){.thread = ufo_thread_id()};
  if (pool->resolver_slots <= i) pool->resolver_slots = i + 1;
  self->slot = &pool->resolvers[i];
  self->index = i;
  self->stands = i < pool->resolver_standing;
}

/* Residency lock held. Waits aside, if others read, until it is fetched. False: it is to end, since enough wait. */
static bool wait_aside(const resolver *self) {
  ufo_pool *pool = self->pool;
  if (self->stands || pool->resolver_idle < 2) return true;
  if (pool->resolver_aside == SPARE_RESOLVERS) return false;
  pool->resolver_idle--;
  pool->resolver_aside++;
  while (pool->resolver_fetched == 0 && !pool->stopping)
    pthread_cond_wait(&pool->resolver_wanted, &pool->residency_lock);
  if (pool->resolver_fetched > 0) {
    pool->resolver_fetched--; /* by whom it was counted as a reader again */
  } else {
    pool->resolver_aside--;
    pool->resolver_idle++;
  }
  return true;
}

static void *run(void *argument) {
  ufo_pool *pool = argument;
  resolver self = {.pool = pool};
  ufo_thread_set_name("ufo-resolver");
  pthread_mutex_lock(&pool->residency_lock);
  claim_slot(&self);
  while (wait_aside(&self) && !pool->stopping) {
    pthread_mutex_unlock(&pool->residency_lock);
    go_home(&self);
    ufo_fault fault;
    bool got = ufo_uffd_next(&pool->uffd, &fault);
    if (got) serve(&self, &fault);
    pthread_mutex_lock(&pool->residency_lock);
    self.slot->depth = 0;
    if (!got) break;
    pool->resolver_idle++;
  }
  pool->resolver_idle--; /* before anybody can count on it */
  bool failed = ufo_uffd_has_failed(&pool->uffd);
  pthread_mutex_unlock(&pool->residency_lock);
  if (failed) ufo_pool_break(pool);
  pthread_mutex_lock(&pool->residency_lock);
  self.slot->thread = 0;
  pool->resolver_count--;
  pthread_cond_broadcast(&pool->resolver_ended);
  pthread_mutex_unlock(&pool->residency_lock);
  ufo_fill_memory_free(&self.memory);
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
  pthread_cond_broadcast(&pool->resolver_wanted);
  while (pool->resolver_count > 0) pthread_cond_wait(&pool->resolver_ended, &pool->residency_lock);
  ufo_ahead_stop(pool);
  pthread_mutex_unlock(&pool->residency_lock);
}
