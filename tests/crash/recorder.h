/* recorder.h - what a process writes, syncs and names in one folder, in order, with its contents.
 *
 * The program that includes this defines the calls itself; the dynamic linker then takes these for LMDB's as well, and
 * the static library is bound to them anyway. One lock is held during each call, so the record has the true order.
 * What a call changed only counts as done when it has returned. Calls that could change a file in a way that the replay
 * does not know are recorded as unknown, and make it fail. */
#ifndef UFO_TEST_RECORDER_H
#define UFO_TEST_RECORDER_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

typedef enum record_kind {
  RECORD_WRITE,    /* data at `offset` of `file` */
  RECORD_WRITE_DS, /* the same through a descriptor with O_DSYNC: durable when it has returned */
  RECORD_TRUNCATE, /* `file` has `offset` bytes */
  RECORD_SYNC,     /* fsync, fdatasync of `file` */
  RECORD_SYNC_FOLDER,
  RECORD_NAME,   /* `text` now leads to `file` */
  RECORD_UNNAME, /* `text` leads nowhere */
  RECORD_RENAME, /* what `text` led to has the name that follows it */
  RECORD_ACK,    /* the program learnt that something is durable: `file` says what, `offset` which */
  RECORD_UNKNOWN,
} record_kind;

typedef struct record {
  record_kind kind;
  uint32_t bytes; /* that follow: data or text */
  uint64_t file;  /* inode */
  uint64_t offset;
} record;

enum { RECORD_FILES_MAX = 256, RECORD_IOV_MAX = 64 };
#define RECORD_LOG_BYTES (UINT64_C(1) << 30)

typedef struct record_log {
  uint64_t used, count;
  bool overflowed;
  _Alignas(16) char bytes[];
} record_log;

static record_log *recording; /* shared memory; NULL: nothing is recorded */
static char recorded_folder[3000];
static pthread_mutex_t record_lock = PTHREAD_MUTEX_INITIALIZER;
static struct recorded_fd {
  bool tracked, folder, dsync;
  uint64_t file;
} recorded_fds[RECORD_FILES_MAX];

static inline void record_bytes(record what, const void *first, size_t first_bytes, const void *second,
                                size_t second_bytes) {
  uint64_t bytes = first_bytes + second_bytes, padded = (bytes + 15) & ~UINT64_C(15);
  if (!recording) return;
  if (recording->used + sizeof what + padded > RECORD_LOG_BYTES - sizeof *recording) {
    recording->overflowed = true;
    return;
  }
  char *at = recording->bytes + recording->used;
  what.bytes = (uint32_t)bytes;
  memcpy(at, &what, sizeof what);
  if (first_bytes) memcpy(at + sizeof what, first, first_bytes);
  if (second_bytes) memcpy(at + sizeof what + first_bytes, second, second_bytes);
  recording->used += sizeof what + padded;
  recording->count++;
}

static inline const record *record_next(const record_log *log, const record *r) {
  const char *at = r ? (const char *)(r + 1) + ((r->bytes + UINT64_C(15)) & ~UINT64_C(15)) : log->bytes;
  return at < log->bytes + log->used ? (const record *)(const void *)at : NULL;
}

static inline void record_ack(uint64_t what, uint64_t which) {
  pthread_mutex_lock(&record_lock);
  record_bytes((record){.kind = RECORD_ACK, .file = what, .offset = which}, NULL, 0, NULL, 0);
  pthread_mutex_unlock(&record_lock);
}

/* The name within the folder, or NULL. Lock files are no part of what lasts. */
static inline const char *recorded_name(const char *path) {
  size_t length = strlen(recorded_folder), all = strlen(path);
  if (!recording || strncmp(path, recorded_folder, length) != 0 || path[length] != '/') return NULL;
  return all > 5 && !strcmp(path + all - 5, "-lock") ? NULL : path + length + 1;
}

static inline struct recorded_fd *recorded_fd(int fd) {
  static struct recorded_fd none;
  return recording && fd >= 0 && fd < RECORD_FILES_MAX && recorded_fds[fd].tracked ? &recorded_fds[fd] : &none;
}

#define REAL(type, name) ((type)(uintptr_t)dlsym(RTLD_NEXT, #name))

static inline void record_name(record_kind kind, const char *name, const char *second, uint64_t file) {
  record_bytes((record){.kind = kind, .file = file}, name, strlen(name) + 1, second, second ? strlen(second) + 1 : 0);
}

static inline int record_open(int folder, const char *path, int flags, mode_t mode) {
  pthread_mutex_lock(&record_lock);
  const char *name = recorded_name(path);
  bool is_folder = recording && !strcmp(path, recorded_folder);
  struct stat before, file;
  bool existed = name && stat(path, &before) == 0;
  int fd = REAL(int (*)(int, const char *, int, ...), openat)(folder, path, flags, mode);
  int cause = errno;
  if (fd >= 0 && fd < RECORD_FILES_MAX) {
    recorded_fds[fd] = (struct recorded_fd){.tracked = name || is_folder, .folder = is_folder};
    if (name && fstat(fd, &file) == 0) {
      recorded_fds[fd].file = file.st_ino;
      recorded_fds[fd].dsync = (flags & O_DSYNC) != 0;
      if (!existed) record_name(RECORD_NAME, name, NULL, file.st_ino);
      if (existed && (flags & O_TRUNC))
        record_bytes((record){.kind = RECORD_TRUNCATE, .file = file.st_ino}, NULL, 0, NULL, 0);
    }
  }
  pthread_mutex_unlock(&record_lock);
  errno = cause;
  return fd;
}

static inline void record_write(int fd, const struct iovec *parts, int count, int64_t offset, int64_t written) {
  struct recorded_fd *f = recorded_fd(fd);
  record_kind kind = f->dsync ? RECORD_WRITE_DS : RECORD_WRITE;
  for (int i = 0; i < count && written > 0; i++) {
    size_t bytes = (int64_t)parts[i].iov_len < written ? parts[i].iov_len : (size_t)written;
    record_bytes((record){.kind = kind, .file = f->file, .offset = (uint64_t)offset}, parts[i].iov_base, bytes, NULL,
                 0);
    offset += (int64_t)bytes;
    written -= (int64_t)bytes;
  }
}

/* ---- the calls --------------------------------------------------------------------------------------------------- */

static inline mode_t record_mode(int flags, va_list arguments) {
  return flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

#define RECORDED_OPENS(plain, at)                                                                                      \
  int plain(const char *path, int flags, ...) {                                                                        \
    va_list arguments;                                                                                                 \
    va_start(arguments, flags);                                                                                        \
    mode_t mode = record_mode(flags, arguments);                                                                       \
    va_end(arguments);                                                                                                 \
    return record_open(AT_FDCWD, path, flags, mode);                                                                   \
  }                                                                                                                    \
  int at(int folder, const char *path, int flags, ...) {                                                               \
    va_list arguments;                                                                                                 \
    va_start(arguments, flags);                                                                                        \
    mode_t mode = record_mode(flags, arguments);                                                                       \
    va_end(arguments);                                                                                                 \
    return record_open(folder, path, flags, mode);                                                                     \
  }
RECORDED_OPENS(open, openat)
RECORDED_OPENS(open64, openat64)

int close(int fd) {
  pthread_mutex_lock(&record_lock);
  if (fd >= 0 && fd < RECORD_FILES_MAX) recorded_fds[fd].tracked = false;
  int result = REAL(int (*)(int), close)(fd);
  pthread_mutex_unlock(&record_lock);
  return result;
}

#define RECORDED_PWRITE(name)                                                                                          \
  ssize_t name(int fd, const void *data, size_t bytes, off_t offset) {                                                 \
    pthread_mutex_lock(&record_lock);                                                                                  \
    ssize_t written = REAL(ssize_t(*)(int, const void *, size_t, off_t), name)(fd, data, bytes, offset);               \
    struct iovec part = {(void *)(uintptr_t)data, bytes};                                                              \
    if (recorded_fd(fd)->tracked) record_write(fd, &part, 1, offset, written);                                         \
    pthread_mutex_unlock(&record_lock);                                                                                \
    return written;                                                                                                    \
  }
RECORDED_PWRITE(pwrite)
RECORDED_PWRITE(pwrite64)

#define RECORDED_PWRITEV(name)                                                                                         \
  ssize_t name(int fd, const struct iovec *parts, int count, off_t offset) {                                           \
    pthread_mutex_lock(&record_lock);                                                                                  \
    ssize_t written = REAL(ssize_t(*)(int, const struct iovec *, int, off_t), name)(fd, parts, count, offset);         \
    if (recorded_fd(fd)->tracked) record_write(fd, parts, count, offset, written);                                     \
    pthread_mutex_unlock(&record_lock);                                                                                \
    return written;                                                                                                    \
  }
RECORDED_PWRITEV(pwritev)
RECORDED_PWRITEV(pwritev64)

ssize_t writev(int fd, const struct iovec *parts, int count) {
  pthread_mutex_lock(&record_lock);
  off_t offset = recorded_fd(fd)->tracked ? lseek(fd, 0, SEEK_CUR) : 0;
  ssize_t written = REAL(ssize_t(*)(int, const struct iovec *, int), writev)(fd, parts, count);
  if (recorded_fd(fd)->tracked) record_write(fd, parts, count, offset, written);
  pthread_mutex_unlock(&record_lock);
  return written;
}

ssize_t write(int fd, const void *data, size_t bytes) {
  pthread_mutex_lock(&record_lock);
  off_t offset = recorded_fd(fd)->tracked ? lseek(fd, 0, SEEK_CUR) : 0;
  ssize_t written = REAL(ssize_t(*)(int, const void *, size_t), write)(fd, data, bytes);
  struct iovec part = {(void *)(uintptr_t)data, bytes};
  if (recorded_fd(fd)->tracked) record_write(fd, &part, 1, offset, written);
  pthread_mutex_unlock(&record_lock);
  return written;
}

static inline int record_sync(int fd, int (*real)(int)) {
  pthread_mutex_lock(&record_lock);
  int result = real(fd);
  struct recorded_fd *f = recorded_fd(fd);
  if (result == 0 && f->tracked)
    record_bytes((record){.kind = f->folder ? RECORD_SYNC_FOLDER : RECORD_SYNC, .file = f->file}, NULL, 0, NULL, 0);
  pthread_mutex_unlock(&record_lock);
  return result;
}
int fsync(int fd) { return record_sync(fd, REAL(int (*)(int), fsync)); }
int fdatasync(int fd) { return record_sync(fd, REAL(int (*)(int), fdatasync)); }

static inline int record_truncate(int fd, off_t bytes, int (*real)(int, off_t)) {
  pthread_mutex_lock(&record_lock);
  int result = real(fd, bytes);
  struct recorded_fd *f = recorded_fd(fd);
  if (result == 0 && f->tracked)
    record_bytes((record){.kind = RECORD_TRUNCATE, .file = f->file, .offset = (uint64_t)bytes}, NULL, 0, NULL, 0);
  pthread_mutex_unlock(&record_lock);
  return result;
}
int ftruncate(int fd, off_t bytes) { return record_truncate(fd, bytes, REAL(int (*)(int, off_t), ftruncate)); }
int ftruncate64(int fd, off_t bytes) { return record_truncate(fd, bytes, REAL(int (*)(int, off_t), ftruncate64)); }

static inline void record_renamed(int result, const char *from, const char *to) {
  const char *old = recorded_name(from), *new = recorded_name(to);
  if (result == 0 && old && new) record_name(RECORD_RENAME, old, new, 0);
}

int rename(const char *from, const char *to) {
  pthread_mutex_lock(&record_lock);
  int result = REAL(int (*)(const char *, const char *), rename)(from, to);
  record_renamed(result, from, to);
  pthread_mutex_unlock(&record_lock);
  return result;
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  pthread_mutex_lock(&record_lock);
  int result =
      REAL(int (*)(int, const char *, int, const char *, unsigned), renameat2)(from_folder, from, to_folder, to, flags);
  record_renamed(result, from, to);
  pthread_mutex_unlock(&record_lock);
  return result;
}

int link(const char *from, const char *to) {
  pthread_mutex_lock(&record_lock);
  int result = REAL(int (*)(const char *, const char *), link)(from, to);
  struct stat file;
  if (result == 0 && recorded_name(to) && stat(to, &file) == 0)
    record_name(RECORD_NAME, recorded_name(to), NULL, file.st_ino);
  pthread_mutex_unlock(&record_lock);
  return result;
}

int unlink(const char *path) {
  pthread_mutex_lock(&record_lock);
  int result = REAL(int (*)(const char *), unlink)(path);
  if (result == 0 && recorded_name(path)) record_name(RECORD_UNNAME, recorded_name(path), NULL, 0);
  pthread_mutex_unlock(&record_lock);
  return result;
}

static inline void record_unknown(int fd) {
  pthread_mutex_lock(&record_lock);
  if (recorded_fd(fd)->tracked) record_bytes((record){.kind = RECORD_UNKNOWN}, NULL, 0, NULL, 0);
  pthread_mutex_unlock(&record_lock);
}

int fallocate(int fd, int mode, off_t offset, off_t bytes) {
  record_unknown(fd);
  return REAL(int (*)(int, int, off_t, off_t), fallocate)(fd, mode, offset, bytes);
}
int posix_fallocate(int fd, off_t offset, off_t bytes) {
  record_unknown(fd);
  return REAL(int (*)(int, off_t, off_t), posix_fallocate)(fd, offset, bytes);
}
ssize_t copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t bytes, unsigned flags) {
  record_unknown(out);
  return REAL(ssize_t(*)(int, off_t *, int, off_t *, size_t, unsigned), copy_file_range)(in, in_at, out, out_at, bytes,
                                                                                         flags);
}

#endif
