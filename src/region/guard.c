/* guard.c - what becomes of a touch that cannot be served: an error for ufo_guarded, a call of the host's hook, or the
 * signal's ordinary course.
 *
 * The kernel sends SIGBUS for a poisoned chunk and SIGSEGV for a write to a read-only region, both in the thread that
 * touched, at the instruction that did. So the handler below runs while that thread holds no lock of ours (nothing
 * here touches managed memory under a lock) and may take locks, which an ordinary signal handler must not.
 *
 * Handlers that were there before are called for every fault that is not ours. SIGSEGV's runs on the alternate stack
 * if the thread has one, because a host's handler may need it for stack overflow; SIGBUS's does not, because the hook
 * may run an interpreter and wants the room of the ordinary stack. */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "region/pool.h"
#include "util/fail.h"

enum { FAILURES_RECORDED_MAX = 4096 };

/* ---- why a chunk failed ----------------------------------------------------------------------------------------- */

/* Stand for the stories beyond FAILURES_RECORDED_MAX, and those for which there was no memory: of these, the status
 * alone is known. One for each status, from UFO_UNSUPPORTED to UFO_OK. */
static ufo_error untold[1 - UFO_UNSUPPORTED];

static ufo_error *untold_of(ufo_status status) {
  return &untold[status < 0 && status >= UFO_UNSUPPORTED ? -status : -UFO_IO];
}

static bool is_untold(const ufo_error *story) {
  return story >= untold && story < untold + sizeof untold / sizeof *untold;
}

static void free_story(void *story) {
  if (!is_untold(story)) free(story);
}

void ufo_failure_record(ufo_region *region, uint64_t chunk, const ufo_error *error) {
  pthread_mutex_lock(&region->failure_lock);
  ufo_error *story = region->failures.count < FAILURES_RECORDED_MAX ? malloc(sizeof *story) : NULL;
  if (story) *story = *error;
  else story = untold_of(error->code);
  void *old = NULL;
  bool kept = ufo_u64map_put(&region->failures, chunk, story, &old);
  if (!kept) region->failures_unlisted = true;
  pthread_mutex_unlock(&region->failure_lock);
  free_story(kept ? old : story);
}

void ufo_failures_clear(ufo_region *region) {
  for (size_t i = 0; i < region->failures.slots; i++) free_story(region->failures.values[i]);
  ufo_u64map_clear(&region->failures);
  region->failures_unlisted = false;
}

void ufo_failure_forget_all(ufo_region *region) {
  pthread_mutex_lock(&region->failure_lock);
  ufo_failures_clear(region);
  pthread_mutex_unlock(&region->failure_lock);
}

/* Looks at every chunk: for the rare case that there was no memory to note one. */
static void note_unlisted(ufo_region *region) {
  for (uint64_t chunk = 0; chunk < region->chunk_count; chunk++) {
    pthread_mutex_t *lock = ufo_chunk_lock(region, chunk);
    pthread_mutex_lock(lock);
    pthread_mutex_lock(&region->failure_lock);
    bool noted = ufo_chunk_get_state(region->chunks[chunk]) != UFO_POISONED ||
                 ufo_u64map_get(&region->failures, chunk) ||
                 ufo_u64map_put(&region->failures, chunk, untold_of(UFO_FULL), NULL);
    if (!noted) region->failures_unlisted = true;
    pthread_mutex_unlock(&region->failure_lock);
    pthread_mutex_unlock(lock);
  }
}

ufo_status ufo_failure_list(ufo_region *region, uint64_t **chunks_out, size_t *count_out, ufo_error *error) {
  pthread_mutex_lock(&region->failure_lock);
  bool unlisted = region->failures_unlisted;
  region->failures_unlisted = false;
  pthread_mutex_unlock(&region->failure_lock);
  if (unlisted) note_unlisted(region);
  bool failed = false;
  pthread_mutex_lock(&region->failure_lock);
  *count_out = region->failures.count;
  *chunks_out = ufo_u64map_sorted_keys(&region->failures, &failed);
  unlisted = region->failures_unlisted;
  pthread_mutex_unlock(&region->failure_lock);
  if (!failed && !unlisted) return UFO_OK;
  free(*chunks_out);
  *chunks_out = NULL;
  return ufo_fail(error, UFO_FULL, "out of memory for a list of failed chunks");
}

bool ufo_chunk_heal(ufo_region *region, uint64_t chunk) {
  if (ufo_pool_is_broken(region->pool)) return false;
  bool done = ufo_uffd_unpoison(&region->pool->uffd, ufo_chunk_address(region, chunk),
                                ufo_chunk_mapped_bytes(region, chunk), region->access == UFO_ACCESS_READ_WRITE);
  if (done) ufo_chunk_set_state(&region->chunks[chunk], UFO_ABSENT);
  atomic_fetch_add(&region->healed, 1);
  return done;
}

/* A failure that is not even listed had no memory for that. */
static void tell_untold(ufo_error *error, const ufo_error *told, uint64_t chunk) {
  ufo_status status = told ? (ufo_status) - (told - untold) : UFO_FULL;
  ufo_fail(error, status, "chunk %llu of a region could not be filled (%s), and there was no room to keep the reason",
           (unsigned long long)chunk, ufo_status_name(status));
}

/* Takes the story of a failed chunk and makes the chunk absent again, so that the next touch tries anew. False if it
 * has not failed (any more); a failure that was told already, but could not be healed then, is not told again. */
static bool take_failure(ufo_region *region, uint64_t chunk, ufo_error *error) {
  pthread_mutex_t *lock = ufo_chunk_lock(region, chunk);
  pthread_mutex_lock(lock);
  bool failed = ufo_chunk_get_state(region->chunks[chunk]) == UFO_POISONED;
  if (failed) {
    bool healed = ufo_chunk_heal(region, chunk);
    pthread_mutex_lock(&region->failure_lock);
    ufo_error *told = ufo_u64map_take(&region->failures, chunk);
    if (!told && healed && !region->failures_unlisted) failed = false;
    pthread_mutex_unlock(&region->failure_lock);
    if (told && !is_untold(told)) *error = *told;
    else tell_untold(error, told, chunk);
    free_story(told);
  }
  pthread_mutex_unlock(lock);
  return failed;
}

/* ---- guards --------------------------------------------------------------------------------------------------------
 */

typedef struct guard {
  sigjmp_buf jump;
  ufo_region *region; /* NULL: any */
  struct guard *outer;
} guard;

static _Thread_local guard *innermost;
static _Thread_local ufo_error caught;

static _Atomic(ufo_fault_hook_fn) fault_hook;
static void *_Atomic fault_hook_user;

void ufo_set_fault_hook(ufo_fault_hook_fn hook, void *user) {
  atomic_store(&fault_hook, NULL);
  atomic_store(&fault_hook_user, user);
  atomic_store(&fault_hook, hook);
}

ufo_status ufo_guarded(ufo_region *region, ufo_guarded_fn callback, void *user, int *result_out, ufo_error *error) {
  guard here;
  here.region = region;
  here.outer = innermost;
  if (sigsetjmp(here.jump, 1)) {
    innermost = here.outer;
    if (error) *error = caught;
    return caught.code;
  }
  innermost = &here;
  int result = callback(user);
  innermost = here.outer;
  if (result_out) *result_out = result;
  return UFO_OK;
}

/* ---- the handler ----------------------------------------------------------------------------------------------------
 */

static struct sigaction previous_bus, previous_segv;

static void chain(int signal_number, siginfo_t *info, void *context) {
  const struct sigaction *previous = signal_number == SIGBUS ? &previous_bus : &previous_segv;
  if (previous->sa_flags & SA_SIGINFO) {
    previous->sa_sigaction(signal_number, info, context);
  } else if (previous->sa_handler == SIG_DFL || previous->sa_handler == SIG_IGN) {
    bool sent = info->si_code <= 0;
    if (sent && previous->sa_handler == SIG_IGN) return;
    /* An access is repeated on return, and then the default action takes its course; what was sent is sent again. */
    signal(signal_number, SIG_DFL);
    if (sent) raise(signal_number);
  } else {
    previous->sa_handler(signal_number);
  }
}

typedef enum verdict { NOT_OURS, TRY_AGAIN, FAILED } verdict;

/* Without the kernel's poison we make a failed chunk inaccessible for a moment while it gets another chance. Was it
 * that which this thread ran into? Once it is over, at most one further try is made for each such moment. */
static bool being_healed(ufo_region *region, uint64_t chunk) {
  static _Thread_local const ufo_region *last_region;
  static _Thread_local unsigned last_healed;
  if (atomic_load(&region->pool->uffd.can_poison)) return false;
  pthread_mutex_t *lock = ufo_chunk_lock(region, chunk);
  pthread_mutex_lock(lock); /* it is held for that moment */
  pthread_mutex_unlock(lock);
  unsigned healed = atomic_load(&region->healed);
  bool again = healed > 0 && (last_region != region || last_healed != healed);
  last_region = region;
  last_healed = healed;
  return again;
}

static bool has_failed(ufo_region *region, uint64_t chunk) {
  pthread_mutex_t *lock = ufo_chunk_lock(region, chunk);
  pthread_mutex_lock(lock);
  bool failed = ufo_chunk_get_state(region->chunks[chunk]) == UFO_POISONED;
  pthread_mutex_unlock(lock);
  return failed;
}

/* Why did touching `address` of the region fail? A failure that nobody is there to be `told` of stays as it is. */
static verdict explain(int signal_number, ufo_region *region, uint64_t address, bool told, ufo_error *error) {
  uint64_t chunk = (address - (uint64_t)(uintptr_t)region->body) / region->chunk_bytes;
  if (chunk >= region->chunk_count) return NOT_OURS;
  /* While it breaks, nobody gets as far as here: the table is locked. */
  if (ufo_pool_is_broken(region->pool) && (signal_number == SIGBUS || region->sealed)) {
    if (told) ufo_pool_fail_broken(region->pool, error);
    return told ? FAILED : NOT_OURS;
  }
  /* Somebody else made the chunk absent since: the access may succeed now. */
  if (signal_number == SIGBUS && !told) return has_failed(region, chunk) ? NOT_OURS : TRY_AGAIN;
  if (signal_number == SIGBUS) return take_failure(region, chunk, error) ? FAILED : TRY_AGAIN;
  if (being_healed(region, chunk)) return TRY_AGAIN;
  if (!told) return NOT_OURS;
  if (region->pool->lost) {
    ufo_pool_fail_lost(error);
    return FAILED;
  }
  if (region->access != UFO_ACCESS_READ_ONLY) return NOT_OURS;
  ufo_fail(error, UFO_USAGE, "write to byte %llu of a read-only region",
           (unsigned long long)(address - (uint64_t)(uintptr_t)region->body));
  return FAILED;
}

static void on_signal(int signal_number, siginfo_t *info, void *context) {
  uint64_t address = (uint64_t)(uintptr_t)info->si_addr;
  /* si_code <= 0: sent by a process, not raised by an access. */
  ufo_region *region = info->si_code > 0 ? ufo_pools_take(address) : NULL;
  guard *catcher = innermost;
  while (region && catcher && catcher->region && catcher->region != region) catcher = catcher->outer;
  ufo_fault_hook_fn hook = atomic_load(&fault_hook);
  ufo_error error;
  verdict found = NOT_OURS;
  if (region) found = explain(signal_number, region, address, catcher || hook, &error);
  if (region) ufo_region_leave(region);
  if (found == TRY_AGAIN) return;
  if (found == FAILED && catcher) {
    caught = error;
    siglongjmp(catcher->jump, 1);
  }
  if (found == FAILED) hook(atomic_load(&fault_hook_user), info->si_addr, &error);
  chain(signal_number, info, context);
}

static void install(void) {
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &previous_bus);
  action.sa_flags |= SA_ONSTACK;
  sigaction(SIGSEGV, &action, &previous_segv);
}

void ufo_guard_install(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, install);
}
