/* binding.c - see binding.h. */
#include "store/binding.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file_lock.h"
#include "store/registry.h"
#include "util/bytes.h"
#include "util/fail.h"

/* In both files: 2^60 + 2^59 + inode of the other one. What else is locked lies outside: see pin.c, and LMDB locks
 * bytes 0 and those of process ids. */
#define NAME_COUNT (INT64_C(1) << 59)
#define NAME_BYTES ((INT64_C(1) << 60) + NAME_COUNT)
#define LMDB_MAGIC 0xBEEFC0DEu

static int64_t byte_of(ino_t inode) { return NAME_BYTES + (int64_t)((uint64_t)inode % (uint64_t)NAME_COUNT); }

static char *name_of_lock_file(const char *path, ufo_error *error) {
  char *name;
  if (asprintf(&name, "%s-lock", path) >= 0) return name;
  (void)!ufo_fail(error, UFO_FULL, "cannot open store %s: out of memory", path);
  return NULL;
}

/* Has anybody another byte of the range than this one? */
static bool is_bound_otherwise(int fd, int64_t byte) {
  int64_t end = NAME_BYTES + NAME_COUNT;
  return (byte > NAME_BYTES && ufo_file_is_locked(fd, NAME_BYTES, byte - NAME_BYTES)) ||
         (byte + 1 < end && ufo_file_is_locked(fd, byte + 1, end - byte - 1));
}

static ufo_status fail_other_name(const char *path, ufo_error *error) {
  return ufo_fail(error, UFO_USAGE,
                  "cannot open store %s: it is in use under another name (it has a hard link, was renamed while it was "
                  "open, or its lock file was deleted); close it there first",
                  path);
}

static ufo_status fail_other_store(const char *path, ufo_error *error) {
  return ufo_fail(
      error, UFO_USAGE,
      "cannot open store %s: a store of this name that was since deleted or replaced is still open, in this "
      "process or in another, and uses %s-lock; close it first",
      path, path);
}

typedef enum named { NAMED, NAMED_OTHERWISE, NAMED_UNKNOWN } named;

/* Does the name lead to the file that was opened by it? NAMED_UNKNOWN: errno. */
static named is_still_named(const char *name, int fd, struct stat *file) {
  struct stat now;
  if (fstat(fd, file)) return NAMED_UNKNOWN;
  if (stat(name, &now)) return errno == ENOENT ? NAMED_OTHERWISE : NAMED_UNKNOWN;
  return file->st_dev == now.st_dev && file->st_ino == now.st_ino ? NAMED : NAMED_OTHERWISE;
}

static bool leads_nowhere(const char *path) {
  struct stat file;
  return lstat(path, &file) && errno == ENOENT;
}

/* Whoever may use the store must be able to use its lock file, also if it was made by another user (root), or under a
 * umask. As far as the system lets us; and nobody else gets in by it. */
static void give_to_owner(int fd, const struct stat *store) {
  mode_t mode = store->st_mode & 0666;
  struct stat made;
  bool done = fchown(fd, store->st_uid, store->st_gid) == 0 || fchown(fd, (uid_t)-1, store->st_gid) == 0;
  if (!done && (fstat(fd, &made) || made.st_gid != store->st_gid)) mode &= (mode_t)~0060;
  (void)!fchmod(fd, mode);
}

/* The size that LMDB 0.9 gives it: a head of 192 bytes, and 64 for each reader but the first. */
enum { LOCK_FILE_BYTES = 192 + 64 * (1024 - 1) };

/* LMDB writes to it, so what somebody else put there must not be taken for it: no link to elsewhere, no other file. One
 * that was made and never used is empty or, if its maker was killed in the middle, zeros; after a loss of power it may
 * have any content, but then it has LMDB's size. */
static bool is_lock_file(int fd) {
  uint8_t magic[4] = {0};
  struct stat file;
  if (fstat(fd, &file) || !S_ISREG(file.st_mode)) return false;
  if (file.st_size == LOCK_FILE_BYTES) return true;
  ssize_t got = pread(fd, magic, sizeof magic, 0);
  return got == 0 || (got == sizeof magic && (ufo_get_le32(magic) == 0 || ufo_get_le32(magic) == LMDB_MAGIC));
}

/* ELOOP: something else has the name, be it a link or not. */
static int open_lock_file(const char *name, const struct stat *store) {
  for (;;) {
    int fd = open(name, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && !is_lock_file(fd)) {
      close(fd);
      errno = ELOOP;
      return -1;
    }
    if (fd >= 0 || errno != ENOENT) return fd;
    fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, store->st_mode & 0666);
    if (fd >= 0) give_to_owner(fd, store);
    if (fd >= 0 || errno != EEXIST) return fd;
  }
}

static ufo_status fail_lock_file(const char *path, const char *name, ufo_error *error) {
  if (errno == ELOOP || errno == EISDIR || errno == ENXIO) {
    return ufo_fail(error, UFO_IO, "cannot open store %s: %s is in the place of its lock file, and is something else",
                    path, name);
  }
  if (errno != EACCES && errno != EPERM) {
    return ufo_fail_errno(error, errno, "cannot open store %s: cannot open its lock file %s", path, name);
  }
  return ufo_fail_errno(error, errno,
                        "cannot open store %s: its lock file %s cannot be made or written (if it is another user's, it "
                        "may be removed when nobody has the store open)",
                        path, name);
}

/* Opens the lock file and marks it; *fd_out stays -1 if there is to be none. */
static ufo_status mark_lock_file(const char *path, const char *name, const struct stat *store, bool writable,
                                 int *fd_out, struct stat *lock_file, ufo_error *error) {
  for (;;) {
    if (!stat(name, lock_file) && ufo_registry_find_lock_file(lock_file->st_dev, lock_file->st_ino)) {
      return fail_other_store(path, error);
    }
    int fd = open_lock_file(name, store);
    if (fd < 0) {
      if (!writable && (errno == EACCES || errno == EROFS || errno == EPERM)) return UFO_OK;
      return fail_lock_file(path, name, error);
    }
    /* Waits only while somebody removes the file. */
    if (!ufo_file_lock_shared(fd, byte_of(store->st_ino), 1, true)) {
      ufo_status status = ufo_fail_errno(error, errno, "cannot lock %s", name);
      close(fd);
      return status;
    }
    named still = is_still_named(name, fd, lock_file);
    if (still == NAMED) {
      *fd_out = fd;
      return UFO_OK;
    }
    int cause = errno;
    close(fd);
    if (still == NAMED_UNKNOWN)
      return ufo_fail_errno(error, cause, "cannot open store %s: cannot examine its lock file", path);
  }
}

ufo_status ufo_binding_take(ufo_binding *binding, const char *path, int fd, bool writable, ufo_error *error) {
  struct stat store, lock_file;
  *binding = (ufo_binding){.fd = -1};
  char *name = name_of_lock_file(path, error);
  if (!name) return UFO_FULL;
  ufo_status status = UFO_OK;
  if (fstat(fd, &store)) status = ufo_fail_errno(error, errno, "cannot examine store %s", path);
  if (!status) status = mark_lock_file(path, name, &store, writable, &binding->fd, &lock_file, error);
  free(name);
  if (status || binding->fd < 0) return status;
  binding->device = lock_file.st_dev;
  binding->inode = lock_file.st_ino;
  /* Both marks first, then both looks: of two processes that do this at once, one at least sees the other. */
  if (!ufo_binding_add(binding, fd)) status = ufo_fail_errno(error, errno, "cannot lock store %s", path);
  else if (is_bound_otherwise(binding->fd, byte_of(store.st_ino))) status = fail_other_store(path, error);
  else if (is_bound_otherwise(fd, byte_of(binding->inode))) status = fail_other_name(path, error);
  if (status) {
    ufo_file_unlock(fd, byte_of(binding->inode), 1);
    ufo_binding_close(binding);
  }
  return status;
}

ufo_status ufo_binding_check(const ufo_binding *binding, const char *path, ufo_error *error) {
  struct stat file;
  if (binding->fd < 0) return UFO_OK;
  char *name = name_of_lock_file(path, error);
  if (!name) return UFO_FULL;
  bool known = stat(name, &file) == 0;
  int cause = known ? 0 : errno;
  free(name);
  if (known && file.st_dev == binding->device && file.st_ino == binding->inode) return UFO_OK;
  if (!known && cause != ENOENT) return ufo_fail_errno(error, cause, "cannot examine the lock file of store %s", path);
  return ufo_fail(error, UFO_IO, "the lock file of store %s was deleted while it was open; close it and open it anew",
                  path);
}

bool ufo_binding_add(const ufo_binding *binding, int fd) {
  struct stat store;
  return binding->fd < 0 || (!fstat(fd, &store) && ufo_file_lock_shared(fd, byte_of(binding->inode), 1, true) &&
                             ufo_file_lock_shared(binding->fd, byte_of(store.st_ino), 1, true));
}

void ufo_binding_remove(const ufo_binding *binding, ino_t store) {
  if (binding->fd >= 0) ufo_file_unlock(binding->fd, byte_of(store), 1);
}

void ufo_binding_close(ufo_binding *binding) {
  if (binding->fd >= 0) close(binding->fd);
  binding->fd = -1;
}

ufo_status ufo_binding_prepare(const char *path, const struct stat *store, bool *made_out, ufo_error *error) {
  struct stat file;
  char *name = name_of_lock_file(path, error);
  *made_out = false;
  if (!name) return UFO_FULL;
  ufo_status status = UFO_OK;
  bool there = !stat(name, &file);
  if (!there || !ufo_registry_find_lock_file(file.st_dev, file.st_ino)) { /* else another thread was faster */
    int fd = open_lock_file(name, store);
    if (fd >= 0) close(fd);
    else status = fail_lock_file(path, name, error);
    *made_out = !status && !there;
  }
  free(name);
  return status;
}

void ufo_binding_unprepare(const char *path) {
  char *name = name_of_lock_file(path, NULL);
  if (name && leads_nowhere(path)) unlink(name);
  free(name);
}

/* ---- names of new stores --------------------------------------------------------------------------------------- */

/* Only what LMDB made. Where nobody uses the file, who was about to waits for our lock, and then sees that the name
 * leads elsewhere. Where somebody does, his store has no name any more, or another one under which it is bound to this
 * lock file: both go on without the file's name. Had another process made a store here since we looked, it would be
 * refused to others until it is closed; for that it must get from giving the name to opening within these few calls. */
static void remove_lock_file(const char *path, const char *name, int fd) {
  uint8_t magic[4];
  struct stat file;
  if (pread(fd, magic, sizeof magic, 0) != sizeof magic || ufo_get_le32(magic) != LMDB_MAGIC) return;
  bool unused = ufo_file_lock_exclusive(fd, NAME_BYTES, NAME_COUNT) && !ufo_file_is_locked(fd, 0, NAME_BYTES);
  if ((unused || leads_nowhere(path)) && is_still_named(name, fd, &file) == NAMED) unlink(name);
}

ufo_status ufo_binding_clear_name(const char *path, ufo_error *error) {
  struct stat file;
  char *name = name_of_lock_file(path, error);
  if (!name) return UFO_FULL;
  if (!stat(name, &file) && ufo_registry_find_lock_file(file.st_dev, file.st_ino)) {
    if (leads_nowhere(path)) unlink(name); /* this process's own: not to be opened again, see binding.h */
  } else {
    int fd = open(name, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
    if (fd >= 0) {
      remove_lock_file(path, name, fd);
      close(fd);
    }
  }
  free(name);
  return UFO_OK;
}
