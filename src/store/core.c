/* core.c - the life of a core: opened, shared, reopened after fork() or a failed write, closed; its transactions. */
#include "store/core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/attach.h"
#include "store/garbage.h"
#include "store/places.h"
#include "store/registry.h"
#include "store/spill.h"
#include "util/fail.h"

/* ---- life ------------------------------------------------------------------------------------------------------ */

static void destroy(ufo_core *core) {
  ufo_attach_close(core);
  while (core->idle_work) {
    ufo_work *work = core->idle_work;
    core->idle_work = work->next;
    ufo_codec_memory_free(work->codec);
    ufo_places_free(work->places);
    free(work->buffer);
    free(work);
  }
  ufo_pin_clear(core);
  ufo_scratch_free(core->scratch);
  pthread_rwlock_destroy(&core->gate);
  pthread_mutex_destroy(&core->lock);
  free(core->unstage);
  free(core->scratch_dir);
  free(core->path);
  free(core);
}

/* `looked_at`: the file that had its preflight; NULL: none was asked for. */
static ufo_status create(const char *path, const ufo_core_options *options, const struct stat *looked_at,
                         ufo_core **core_out, ufo_error *error) {
  *core_out = NULL;
  ufo_core *core = calloc(1, sizeof *core);
  if (!core) return ufo_fail(error, UFO_FULL, "cannot open store %s: out of memory", path);
  core->lock_fd = core->fork_fd = core->binding.fd = -1;
  if (looked_at) {
    core->device = looked_at->st_dev;
    core->inode = looked_at->st_ino;
  }
  core->writable = options->writable;
  core->map_bytes = options->map_bytes;
  atomic_init(&core->references, 1);
  core->handles = 1;
  atomic_init(&core->fork_generation, ufo_registry_fork_generation());
  pthread_rwlock_init(&core->gate, NULL);
  pthread_mutex_init(&core->lock, NULL);
  core->path = strdup(path);
  core->scratch_dir = options->scratch_dir ? strdup(options->scratch_dir) : NULL;
  ufo_status status = UFO_OK;
  if (!core->path || (options->scratch_dir && !core->scratch_dir)) {
    status = ufo_fail(error, UFO_FULL, "cannot open store %s: out of memory", path);
  }
  if (!status) status = ufo_attach_open(core, error);
  if (status) {
    destroy(core);
    return status;
  }
  *core_out = core;
  return UFO_OK;
}

/* In a forked child: everything that is tied to the process is made anew. The registry is locked. */
static ufo_status enter_child(ufo_core *core, ufo_error *error) {
  unsigned generation = ufo_registry_fork_generation();
  if (atomic_load(&core->fork_generation) == generation) return UFO_OK;
  pthread_rwlock_init(&core->gate, NULL); /* other threads, which might have held it, are gone */
  ufo_status status = ufo_attach_child(core, error);
  if (!status) atomic_store(&core->fork_generation, generation);
  return status;
}

ufo_status ufo_core_enter(ufo_core *core, ufo_error *error) {
  if (atomic_load_explicit(&core->fork_generation, memory_order_acquire) == ufo_registry_fork_generation()) {
    return UFO_OK;
  }
  ufo_registry_lock();
  ufo_status status = enter_child(core, error);
  ufo_registry_unlock();
  return status;
}

/* A read-only core that is now opened for writing, too. The registry is locked. */
static ufo_status make_writable(ufo_core *core, ufo_error *error) {
  pthread_rwlock_wrlock(&core->gate);
  ufo_status status = ufo_attach_writable(core, error);
  pthread_rwlock_unlock(&core->gate);
  return status;
}

static ufo_status open_resolved(const char *resolved, const ufo_core_options *options, const struct stat *looked_at,
                                ufo_core **core_out, ufo_error *error) {
  struct stat file;
  ufo_status status = UFO_OK;
  ufo_registry_lock();
  ufo_core *core = stat(resolved, &file) ? NULL : ufo_registry_find(file.st_dev, file.st_ino);
  if (core) {
    status = enter_child(core, error);
    if (!status && options->writable && !core->writable) status = make_writable(core, error);
    if (!status) {
      atomic_fetch_add(&core->references, 1);
      core->handles++;
    }
  } else {
    status = create(resolved, options, looked_at, &core, error);
    if (!status) ufo_registry_add(core);
  }
  ufo_registry_unlock();
  if (!status) *core_out = core;
  return status;
}

ufo_status ufo_core_open(const char *path, const ufo_core_options *options, ufo_core **core_out, ufo_error *error) {
  struct stat looked_at;
  int fd = -1;
  *core_out = NULL;
  char *resolved = realpath(path, NULL);
  if (!resolved) return ufo_fail_errno(error, errno, "cannot open store %s", path);
  ufo_status status = options->preflight ? ufo_attach_preflight(resolved, &fd, &looked_at, error) : UFO_OK;
  if (!status) {
    status = open_resolved(resolved, options, options->preflight ? &looked_at : NULL, core_out, error);
    if (fd >= 0) close(fd);
  }
  free(resolved);
  return status;
}

void ufo_core_retain(ufo_core *core) { atomic_fetch_add(&core->references, 1); }

void ufo_core_release(ufo_core *core) {
  uint_fast64_t references = atomic_load(&core->references);
  while (references > 1) {
    if (atomic_compare_exchange_weak(&core->references, &references, references - 1)) return;
  }
  if (core->unstage_count > 0) ufo_garbage_collect(core, 2);
  ufo_registry_lock();
  bool last = atomic_fetch_sub(&core->references, 1) == 1;
  if (last) {
    ufo_registry_remove(core);
    bool inherited = atomic_load(&core->fork_generation) != ufo_registry_fork_generation();
    if (inherited) core->engine = NULL; /* the parent's */
    destroy(core);                      /* still under the lock: nobody may open the file twice */
  }
  ufo_registry_unlock();
}

void ufo_core_drop_handle(ufo_core *core) {
  ufo_registry_lock();
  core->handles--;
  ufo_registry_unlock();
  ufo_core_release(core);
}

bool ufo_core_is_alone(ufo_core *core) { return core->handles == 1 && atomic_load(&core->references) == 1; }

void ufo_core_add_spill(ufo_core *core, ufo_spill *spill) {
  ufo_registry_lock();
  spill->next = core->spills;
  core->spills = spill;
  ufo_registry_unlock();
}

void ufo_core_remove_spill(ufo_core *core, ufo_spill *spill) {
  ufo_registry_lock();
  ufo_spill **link = &core->spills;
  while (*link && *link != spill) link = &(*link)->next;
  if (*link) *link = spill->next;
  ufo_registry_unlock();
}

/* ---- transactions of the engine -------------------------------------------------------------------------------- */

/* Called without the gate; makes the engine usable again. */
static ufo_status repair(ufo_core *core, bool resized, ufo_error *error) {
  ufo_status status = UFO_OK;
  pthread_rwlock_wrlock(&core->gate);
  if (!core->engine || ufo_engine_is_dead(core->engine)) {
    status = ufo_attach_reopen(core, error);
  } else if (resized) {
    status = ufo_engine_adopt_size(core->engine, error);
  }
  pthread_rwlock_unlock(&core->gate);
  return status;
}

static ufo_status begin(ufo_core *core, bool write, ufo_etxn **txn_out, ufo_error *error) {
  *txn_out = NULL;
  ufo_status status = ufo_core_enter(core, error);
  if (!status) ufo_pin_cover_settle(core);
  for (int attempt = 0; !status; attempt++) {
    bool resized = false;
    pthread_rwlock_rdlock(&core->gate);
    if (core->engine) {
      status = write ? ufo_engine_begin_write(core->engine, &resized, txn_out, error)
                     : ufo_engine_begin_read(core->engine, &resized, txn_out, error);
      if (!status) return UFO_OK; /* the gate stays shared until the transaction ends */
    }
    bool repairable = !core->engine || resized || ufo_engine_is_dead(core->engine);
    pthread_rwlock_unlock(&core->gate);
    if (!repairable || attempt == 3) {
      return status ? status : ufo_fail(error, UFO_IO, "store %s cannot be reopened", core->path);
    }
    status = repair(core, resized, error);
  }
  return status;
}

ufo_status ufo_core_begin_read(ufo_core *core, ufo_etxn **txn_out, ufo_error *error) {
  return begin(core, false, txn_out, error);
}

ufo_status ufo_core_begin_write(ufo_core *core, ufo_etxn **txn_out, ufo_error *error) {
  return begin(core, true, txn_out, error);
}

ufo_status ufo_core_commit(ufo_core *core, ufo_etxn *txn, ufo_error *error) {
  ufo_status status = ufo_engine_commit(txn, error);
  pthread_rwlock_unlock(&core->gate);
  return status;
}

void ufo_core_end(ufo_core *core, ufo_etxn *txn) {
  if (!txn) return;
  ufo_engine_end(txn);
  pthread_rwlock_unlock(&core->gate);
}

ufo_status ufo_core_read_at(ufo_core *core, uint64_t offset, void *target, size_t bytes) {
  ufo_status status = ufo_core_enter(core, NULL);
  if (status) return status;
  pthread_rwlock_rdlock(&core->gate);
  status = core->engine ? ufo_engine_read_at(core->engine, offset, target, bytes, NULL) : UFO_IO;
  pthread_rwlock_unlock(&core->gate);
  return status;
}

/* ---- working memory -------------------------------------------------------------------------------------------- */

ufo_work *ufo_core_take_work(ufo_core *core) {
  pthread_mutex_lock(&core->lock);
  ufo_work *work = core->idle_work;
  if (work) core->idle_work = work->next;
  pthread_mutex_unlock(&core->lock);
  if (work) return work;
  work = calloc(1, sizeof *work);
  if (work && !(work->codec = ufo_codec_memory_create())) {
    free(work);
    work = NULL;
  }
  return work;
}

void ufo_core_give_work(ufo_core *core, ufo_work *work) {
  if (!work) return;
  pthread_mutex_lock(&core->lock);
  work->next = core->idle_work;
  core->idle_work = work;
  pthread_mutex_unlock(&core->lock);
}

bool ufo_work_reserve(ufo_work *work, size_t bytes) {
  if (bytes <= work->capacity) return true;
  uint8_t *buffer = realloc(work->buffer, bytes);
  if (!buffer) return false;
  work->buffer = buffer;
  work->capacity = bytes;
  return true;
}
