/* registry.c - see registry.h.
 *
 * fork() copies locks as they are. So the forking thread first takes every lock of the store that protects memory (the
 * registry, the spills, the cores, in lock order), which waits for short commits at most, and both processes release
 * them afterwards. The child has its own locks on what is pinned by then; by its fork generation it notices that
 * engine and map are its parent's. */
#include "store/registry.h"

#include "store/attach.h"
#include "store/spill.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static ufo_core *cores;
static atomic_uint fork_generation;

static void before_fork(void) {
  pthread_mutex_lock(&lock);
  for (ufo_core *core = cores; core; core = core->next) {
    for (ufo_spill *spill = core->spills; spill; spill = spill->next) pthread_mutex_lock(&spill->lock);
  }
  for (ufo_core *core = cores; core; core = core->next) pthread_mutex_lock(&core->lock);
  for (ufo_core *core = cores; core; core = core->next) ufo_attach_before_fork(core);
}

static void unlock_all(void) {
  for (ufo_core *core = cores; core; core = core->next) {
    pthread_mutex_unlock(&core->lock);
    for (ufo_spill *spill = core->spills; spill; spill = spill->next) pthread_mutex_unlock(&spill->lock);
  }
  pthread_mutex_unlock(&lock);
}

static void after_fork(void) {
  for (ufo_core *core = cores; core; core = core->next) ufo_attach_after_fork(core);
  unlock_all();
}

static void after_fork_in_child(void) {
  atomic_fetch_add(&fork_generation, 1);
  for (ufo_core *core = cores; core; core = core->next) {
    ufo_attach_after_fork_in_child(core);
    for (ufo_spill *spill = core->spills; spill; spill = spill->next) ufo_staging_forget(spill);
  }
  unlock_all();
}

static void watch_fork(void) {
  ufo_scratch_watch_forks(); /* a spill uses its scratch under its lock, so that one is to be taken after it */
  pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

void ufo_registry_lock(void) {
  pthread_once(&once, watch_fork);
  pthread_mutex_lock(&lock);
}

void ufo_registry_unlock(void) { pthread_mutex_unlock(&lock); }

ufo_core *ufo_registry_find(dev_t device, ino_t inode) {
  for (ufo_core *core = cores; core; core = core->next) {
    if (core->device == device && core->inode == inode) return core;
  }
  return NULL;
}

ufo_core *ufo_registry_find_lock_file(dev_t device, ino_t inode) {
  for (ufo_core *core = cores; core; core = core->next) {
    if (core->binding.fd >= 0 && core->binding.device == device && core->binding.inode == inode) return core;
  }
  return NULL;
}

void ufo_registry_add(ufo_core *core) {
  core->next = cores;
  cores = core;
}

void ufo_registry_remove(ufo_core *core) {
  ufo_core **link = &cores;
  while (*link && *link != core) link = &(*link)->next;
  if (*link) *link = core->next;
}

unsigned ufo_registry_fork_generation(void) { return atomic_load_explicit(&fork_generation, memory_order_acquire); }
