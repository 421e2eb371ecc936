/* core.c - the registry of open files, and a core's engine: opened, reopened after fork() or a failed write. */
#include "store/core.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "store/garbage.h"
#include "store/registry.h"
#include "store/spill.h"
#include "util/fail.h"

/* ---- the file -------------------------------------------------------------------------------------------------- */

static const struct {
  uint32_t magic;
  const char *name;
} remote[] = {
    {0x6969, "NFS"},      {0x517B, "SMB"},     {0xFF534D42, "CIFS"}, {0xFE534D42, "SMB2"}, {0x01021997, "9p"},
    {0x65735546, "FUSE"}, {0x5346414F, "AFS"}, {0x73757245, "Coda"}, {0x00C36400, "Ceph"}, {0x786F4256, "vboxsf"},
};

static ufo_status check_file_system(int fd, const char *path, ufo_error *error) {
  struct statfs system;
  if (fstatfs(fd, &system)) return ufo_fail_errno(error, errno, "cannot examine store %s", path);
  for (size_t i = 0; i < sizeof remote / sizeof *remote; i++) {
    if ((uint32_t)system.f_type != remote[i].magic) continue;
    return ufo_fail(error, UFO_UNSUPPORTED,
                    "cannot open store %s: it lies on %s, whose locks and memory maps do not hold a store together; "
                    "copy it to a local disk",
                    path, remote[i].name);
  }
  return UFO_OK;
}

/* Opens a descriptor and marks the file as in use. A file replaced meanwhile (compaction) is opened anew. */
static ufo_status open_file(const char *path, bool writable, int *fd_out, struct stat *file, ufo_error *error) {
  for (;;) {
    struct stat now;
    if (stat(path, file)) return ufo_fail_errno(error, errno, "cannot open store %s", path);
    if (!S_ISREG(file->st_mode))
      return ufo_fail(error, UFO_CORRUPT, "%s is not a ufostore file: not a regular file", path);
    int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
      return ufo_fail_errno(error, errno, "cannot open store %s for %s", path, writable ? "writing" : "reading");
    }
    ufo_status status = check_file_system(fd, path, error);
    if (!status) status = ufo_engine_preflight(fd, path, error);
    if (!status) status = ufo_pin_presence(fd, path, error);
    if (status) {
      close(fd);
      return status;
    }
    if (!fstat(fd, file) && !stat(path, &now) && file->st_dev == now.st_dev && file->st_ino == now.st_ino) {
      *fd_out = fd;
      return UFO_OK;
    }
    close(fd);
  }
}

static ufo_status read_superblock(ufo_core *core, ufo_error *error) {
  ufo_etxn *txn;
  ufo_status status = ufo_engine_begin_read(core->engine, NULL, &txn, error);
  if (status) return status;
  ufo_slice content;
  status = ufo_record_get(txn, UFO_TABLE_META, UFO_KEY_SUPERBLOCK, strlen(UFO_KEY_SUPERBLOCK), &content, error);
  if (status == UFO_MISSING) {
    status = ufo_fail(error, UFO_CORRUPT, "%s is not a ufostore file: an LMDB file of another program", core->path);
  } else {
    if (!status) status = ufo_record_decode_superblock(content, core->writable, &core->superblock, error);
    if (status) ufo_fail_prefix(error, status, "cannot open store %s", core->path);
  }
  ufo_engine_end(txn);
  return status;
}

/* Gives the core a descriptor, an engine and its locks. On an error it has neither. */
static ufo_status attach(ufo_core *core, ufo_error *error) {
  struct stat file;
  int fd = -1;
  ufo_status status = open_file(core->path, core->writable, &fd, &file, error);
  if (status) return status;
  ufo_engine_options options = {.writable = core->writable, .map_bytes = core->map_bytes};
  status = ufo_engine_open(core->path, &options, &core->engine, error);
  if (!status) status = read_superblock(core, error);
  if (status) {
    ufo_engine_close(core->engine);
    core->engine = NULL;
    close(fd);
    return status;
  }
  core->lock_fd = fd;
  core->device = file.st_dev;
  core->inode = file.st_ino;
  pthread_mutex_lock(&core->lock);
  bool locked = ufo_pin_relock(core);
  if (core->owner && !ufo_pin_owner(fd, core->owner)) core->owner = 0;
  pthread_mutex_unlock(&core->lock);
  return locked ? UFO_OK : ufo_fail_errno(error, errno, "cannot lock versions in store %s", core->path);
}

static void detach(ufo_core *core) {
  ufo_engine_close(core->engine);
  core->engine = NULL;
  if (core->lock_fd >= 0) close(core->lock_fd);
  core->lock_fd = -1;
}

ufo_status ufo_core_replace_file(ufo_core *core, ufo_error *error) {
  detach(core);
  return attach(core, error);
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

static void destroy(ufo_core *core) {
  detach(core);
  while (core->idle_work) {
    ufo_work *work = core->idle_work;
    core->idle_work = work->next;
    ufo_codec_memory_free(work->codec);
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

static ufo_status create(const char *path, const ufo_core_options *options, ufo_core **core_out, ufo_error *error) {
  *core_out = NULL;
  ufo_core *core = calloc(1, sizeof *core);
  if (!core) return ufo_fail(error, UFO_FULL, "cannot open store %s: out of memory", path);
  core->lock_fd = -1;
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
  if (!status) status = attach(core, error);
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
  ufo_engine_abandon(core->engine);
  core->engine = NULL;
  /* The inherited descriptor stays open if the parent staged blobs: it keeps these from being taken for a dead
   * process's while the child may still read them. */
  if (!core->owner && core->lock_fd >= 0) close(core->lock_fd);
  core->lock_fd = -1;
  core->owner = 0;
  core->unstage_count = 0;
  ufo_status status = attach(core, error);
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
  core->writable = true;
  ufo_status status = ufo_core_replace_file(core, error);
  if (status) {
    core->writable = false;
    ufo_status again = ufo_core_replace_file(core, NULL);
    (void)again; /* if that fails too, the next transaction tries once more */
  }
  pthread_rwlock_unlock(&core->gate);
  return status;
}

ufo_status ufo_core_open(const char *path, const ufo_core_options *options, ufo_core **core_out, ufo_error *error) {
  *core_out = NULL;
  char *resolved = realpath(path, NULL);
  if (!resolved) return ufo_fail_errno(error, errno, "cannot open store %s", path);
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
    status = create(resolved, options, &core, error);
    if (!status) ufo_registry_add(core);
  }
  ufo_registry_unlock();
  free(resolved);
  if (!status) *core_out = core;
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
    status = ufo_core_replace_file(core, error);
  } else if (resized) {
    status = ufo_engine_adopt_size(core->engine, error);
  }
  pthread_rwlock_unlock(&core->gate);
  return status;
}

static ufo_status begin(ufo_core *core, bool write, ufo_etxn **txn_out, ufo_error *error) {
  *txn_out = NULL;
  ufo_status status = ufo_core_enter(core, error);
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
