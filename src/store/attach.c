/* attach.c - see attach.h. */
#include "store/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "os/standard_files.h"
#include "store/preflight.h"
#include "store/registry.h"
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
  ufo_guard_standard_files();
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
    bool known = !fstat(fd, file) && !stat(path, &now);
    if (known && file->st_dev == now.st_dev && file->st_ino == now.st_ino) {
      *fd_out = fd;
      return UFO_OK;
    }
    int cause = errno;
    close(fd);
    if (!known) return ufo_fail_errno(error, cause, "cannot open store %s", path);
  }
}

static ufo_status fail_replaced(const ufo_core *core, ufo_error *error) {
  return ufo_fail(error, UFO_IO,
                  "cannot go on with store %s: since it was opened, it was moved or deleted or another file took its "
                  "place; close it and open it anew",
                  core->path);
}

static bool is_file_of(const ufo_core *core, const struct stat *file) {
  return file->st_dev == core->device && file->st_ino == core->inode;
}

/* ---- the engine ------------------------------------------------------------------------------------------------ */

/* Reads the superblock, and compares its identity with the one that is known already. */
static ufo_status read_superblock(ufo_core *core, ufo_engine *engine, bool writable, ufo_error *error) {
  ufo_etxn *txn;
  ufo_superblock superblock;
  ufo_status status = ufo_engine_begin_read(engine, NULL, &txn, error);
  if (status) return status;
  ufo_slice content;
  status = ufo_record_get(txn, UFO_TABLE_META, UFO_KEY_SUPERBLOCK, strlen(UFO_KEY_SUPERBLOCK), &content, error);
  if (status == UFO_MISSING) {
    status = ufo_fail(error, UFO_CORRUPT, "%s is not a ufostore file: an LMDB file of another program", core->path);
  } else {
    if (!status) status = ufo_record_decode_superblock(content, writable, &superblock, error);
    if (status) ufo_fail_prefix(error, status, "cannot open store %s", core->path);
  }
  ufo_engine_end(txn);
  if (status) return status;
  bool known = core->superblock.major != 0;
  if (known && memcmp(core->superblock.uuid, superblock.uuid, sizeof superblock.uuid) != 0) {
    return fail_replaced(core, error);
  }
  if (!known) core->superblock = superblock;
  return UFO_OK;
}

/* The engine opens a name: it must lead to the file that is locked, before (what LMDB maps, it trusts) and after. */
static ufo_status open_engine(ufo_core *core, bool writable, ufo_error *error) {
  struct stat file;
  bool known = stat(core->path, &file) == 0;
  if (!known && errno != ENOENT) return ufo_fail_errno(error, errno, "cannot examine store %s", core->path);
  if (!known || !is_file_of(core, &file)) return fail_replaced(core, error);
  ufo_engine_options options = {.writable = writable,
                                .unlocked = core->binding.fd < 0,
                                .map_bytes = core->map_bytes,
                                .descriptor = core->lock_fd};
  ufo_engine *engine;
  ufo_status status = ufo_engine_open(core->path, &options, &engine, error);
  if (status) return status;
  if (!ufo_engine_is_of(engine, core->device, core->inode)) status = fail_replaced(core, error);
  if (!status) status = ufo_binding_check(&core->binding, core->path, error);
  if (!status) status = read_superblock(core, engine, writable, error);
  if (status) {
    ufo_engine_close(engine);
    return status;
  }
  core->engine = engine;
  return UFO_OK;
}

static void close_engine(ufo_core *core) {
  ufo_engine_close(core->engine);
  core->engine = NULL;
}

ufo_status ufo_attach_reopen(ufo_core *core, ufo_error *error) {
  close_engine(core);
  return open_engine(core, core->writable, error);
}

/* ---- descriptors ----------------------------------------------------------------------------------------------- */

void ufo_attach_close(ufo_core *core) {
  close_engine(core);
  ufo_binding_close(&core->binding);
  if (core->lock_fd >= 0) close(core->lock_fd);
  core->lock_fd = -1;
}

ufo_status ufo_attach_preflight(const char *path, int *fd_out, struct stat *file, ufo_error *error) {
  ufo_status status = open_file(path, false, fd_out, file, error);
  if (status) return status;
  status = ufo_preflight_file(*fd_out, path, NULL, NULL, error);
  if (status) close(*fd_out);
  return status;
}

ufo_status ufo_attach_open(ufo_core *core, ufo_error *error) {
  struct stat file;
  ufo_status status = open_file(core->path, core->writable, &core->lock_fd, &file, error);
  if (status) return status;
  if (core->inode && !is_file_of(core, &file)) {
    ufo_attach_close(core);
    return ufo_fail(error, UFO_IO, "cannot open store %s: another file took its place while it was looked at",
                    core->path);
  }
  core->device = file.st_dev;
  core->inode = file.st_ino;
  status = ufo_binding_take(&core->binding, core->path, core->lock_fd, core->writable, error);
  if (!status) status = open_engine(core, core->writable, error);
  if (status) ufo_attach_close(core);
  return status;
}

/* Opens another descriptor of the core's file, which then has the pins, too, and takes the place of the old one. With
 * `follow`, it may be of a compacted copy: the superblock tells. */
static ufo_status change_descriptor(ufo_core *core, bool writable, bool follow, ufo_error *error) {
  struct stat file;
  int fd = -1;
  ufo_status status = open_file(core->path, writable, &fd, &file, error);
  if (status) return status;
  if (!is_file_of(core, &file)) {
    if (!follow || ufo_registry_find(file.st_dev, file.st_ino)) {
      close(fd);
      return fail_replaced(core, error);
    }
    core->device = file.st_dev;
    core->inode = file.st_ino;
  }
  pthread_mutex_lock(&core->lock); /* so that no pin is made meanwhile, on the old one alone */
  int old = core->lock_fd;
  bool locked = ufo_pin_cover_copy(core, fd) && ufo_binding_add(&core->binding, fd);
  int cause = errno;
  if (locked) core->lock_fd = fd;
  pthread_mutex_unlock(&core->lock);
  int superfluous = locked ? old : fd;
  if (superfluous >= 0) close(superfluous);
  return locked ? UFO_OK : ufo_fail_errno(error, cause, "cannot lock versions in store %s", core->path);
}

ufo_status ufo_attach_writable(ufo_core *core, ufo_error *error) {
  ufo_status status = change_descriptor(core, true, false, error);
  if (!status && core->binding.fd < 0)
    status = ufo_binding_take(&core->binding, core->path, core->lock_fd, true, error);
  if (status) return status;
  close_engine(core);
  status = open_engine(core, true, error);
  if (!status) core->writable = true;
  else if (open_engine(core, false, NULL)) core->engine = NULL; /* the next transaction tries once more */
  return status;
}

ufo_status ufo_attach_replaced(ufo_core *core, int fd, const struct stat *file, ufo_error *error) {
  close_engine(core);
  pthread_mutex_lock(&core->lock);
  int old = core->lock_fd;
  core->lock_fd = fd;
  pthread_mutex_unlock(&core->lock);
  close(old);
  ufo_binding_remove(&core->binding, core->inode);
  core->device = file->st_dev;
  core->inode = file->st_ino;
  return open_engine(core, core->writable, error);
}

/* ---- fork ------------------------------------------------------------------------------------------------------ */

/* A second open file description of the same file, wherever its name leads now. */
static int reopen_descriptor(const ufo_core *core) {
  char path[32];
  struct stat file;
  int mode = fcntl(core->lock_fd, F_GETFL) & O_ACCMODE;
  ufo_guard_standard_files();
  snprintf(path, sizeof path, "/proc/self/fd/%d", core->lock_fd);
  int fd = open(path, mode | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) fd = open(core->path, mode | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* no /proc */
  if (fd < 0 || (!fstat(fd, &file) && is_file_of(core, &file))) return fd;
  close(fd);
  return -1;
}

/* The kernel searches a list for each lock: a thousand took 0.1 s, five thousand 1 s. */
enum { EXACT_MAX = 128 };

static bool pin_for_child(const ufo_core *core, int fd) {
  if (ufo_pin_presence(fd, core->path, NULL)) return false;
  return core->pins.count > EXACT_MAX ? ufo_pin_everything(fd) : ufo_pin_cover_copy(core, fd);
}

/* Locks belong to open file descriptions, and a child shares those of its parent: what the parent unlocks, the child
 * has lost. So where there is something to lose, the child gets a description of its own; most children never use it,
 * so many pins become one large one until the first use. If a description cannot be had the child goes without, and
 * looks at its first use whether anything was lost. */
void ufo_attach_before_fork(ufo_core *core) {
  core->fork_fd = -1;
  if (core->lock_fd < 0 || (core->pins.count == 0 && core->owner == 0)) return;
  int fd = reopen_descriptor(core);
  if (fd < 0) return;
  if (pin_for_child(core, fd)) core->fork_fd = fd;
  else close(fd);
}

void ufo_attach_after_fork(ufo_core *core) {
  if (core->fork_fd >= 0) close(core->fork_fd); /* the child's copy keeps the locks */
  core->fork_fd = -1;
}

void ufo_attach_after_fork_in_child(ufo_core *core) {
  ufo_binding_close(&core->binding); /* the engine's lock file is locked anew with the child's engine */
  bool nothing_held = core->pins.count == 0 && core->owner == 0;
  if (core->fork_fd < 0 && !nothing_held) core->unsure = true;
  if (core->fork_fd < 0 && core->unsure) return; /* better shared than none */
  /* The inherited descriptor stays open if the parent staged blobs: it keeps these from being taken for a dead
   * process's while the child may still read them. */
  if (core->owner == 0 && core->lock_fd >= 0) close(core->lock_fd);
  core->lock_fd = core->fork_fd;
  core->fork_fd = -1;
  core->coarse = core->pins.count > EXACT_MAX;
}

ufo_status ufo_attach_child(ufo_core *core, ufo_error *error) {
  ufo_engine_abandon(core->engine);
  core->engine = NULL;
  ufo_status status = UFO_OK;
  bool nothing_held = core->pins.count == 0 && core->owner == 0; /* then its file need not be the very same */
  if (core->unsure && core->owner) core->lock_fd = -1;           /* stays open, as above */
  if (core->lock_fd < 0 || core->unsure || core->coarse)
    status = change_descriptor(core, core->writable, nothing_held, error);
  if (!status) status = ufo_binding_take(&core->binding, core->path, core->lock_fd, core->writable, error);
  if (status == UFO_USAGE) status = fail_replaced(core, error); /* nobody opened anything here */
  if (!status) status = open_engine(core, core->writable, error);
  if (!status && core->unsure) status = ufo_pin_check(core, error);
  if (status) {
    close_engine(core);
    ufo_binding_close(&core->binding);
    return status;
  }
  core->unsure = core->coarse = false;
  core->owner = 0;
  core->unstage_count = 0;
  return UFO_OK;
}
