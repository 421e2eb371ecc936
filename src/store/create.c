/* create.c - see create.h.
 *
 * LMDB's own creation of a file is not atomic: until its first sync a power failure leaves something that does not
 * open. So a store is made under a temporary name in the same directory, synced, renamed without replacing anything,
 * and the directory synced. A process killed before the rename leaves a file whose name begins with a dot and ends in
 * ".new", which nothing ever reads. */
#include "store/create.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "os/clock.h"
#include "util/fail.h"

char *ufo_create_temporary_name(const char *path) {
  uint64_t random = 0;
  if (getrandom(&random, sizeof random, 0) != sizeof random) random = ufo_clock_monotonic_ns() ^ (uint64_t)getpid();
  const char *slash = strrchr(path, '/');
  int directory = slash ? (int)(slash - path) + 1 : 0;
  char *name = NULL;
  /* The store's name is left out: with it the temporary name might be longer than a file name can be. */
  if (asprintf(&name, "%.*s.ufostore-%016llx.new", directory, path, (unsigned long long)random) < 0) return NULL;
  return name;
}

static ufo_status sync_path(const char *path, int flags, ufo_error *error) {
  int fd = open(path, flags | O_CLOEXEC);
  if (fd < 0) return ufo_fail_errno(error, errno, "cannot open %s to sync it", path);
  int result = fsync(fd) ? errno : 0;
  close(fd);
  /* Some file systems cannot sync a directory and say so with EINVAL. */
  if (result && !(result == EINVAL && (flags & O_DIRECTORY))) {
    return ufo_fail_errno(error, result, "cannot make %s durable", path);
  }
  return UFO_OK;
}

static int rename_new(const char *from, const char *to) {
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  if (link(from, to)) return -1;
  unlink(from);
  return 0;
}

ufo_status ufo_create_publish(const char *temporary, const char *path, bool replace, bool *exists_out,
                              ufo_error *error) {
  if (exists_out) *exists_out = false;
  ufo_status status = sync_path(temporary, O_RDONLY, error);
  if (!status && (replace ? rename(temporary, path) : rename_new(temporary, path))) {
    if (errno == EEXIST && exists_out) {
      *exists_out = true;
      unlink(temporary);
      return UFO_OK;
    }
    status = errno == EEXIST ? ufo_fail(error, UFO_USAGE, "cannot create %s: it exists already", path)
                             : ufo_fail_errno(error, errno, "cannot create %s", path);
  }
  if (status) {
    unlink(temporary);
    return status;
  }
  char *copy = strdup(path);
  if (!copy) return ufo_fail(error, UFO_FULL, "out of memory");
  status = sync_path(dirname(copy), O_RDONLY | O_DIRECTORY, error);
  free(copy);
  return status;
}

static ufo_status write_first_commit(ufo_engine *engine, uint32_t default_chunk_bytes, ufo_error *error) {
  ufo_superblock superblock = {
      .major = UFO_FORMAT_MAJOR,
      .minor = UFO_FORMAT_MINOR,
      .default_chunk_bytes = default_chunk_bytes,
      .created_ns = ufo_clock_realtime_ns(),
  };
  if (getrandom(superblock.uuid, sizeof superblock.uuid, 0) != sizeof superblock.uuid) {
    return ufo_fail_errno(error, errno, "no random numbers for the store's id");
  }
  superblock.uuid[6] = (uint8_t)((superblock.uuid[6] & 0x0F) | 0x40); /* a version 4 UUID */
  superblock.uuid[8] = (uint8_t)((superblock.uuid[8] & 0x3F) | 0x80);
  ufo_counters counters = {.next_object = 1, .next_blob = 1, .next_owner = 1, .generation = 0};
  uint8_t record[UFO_SUPERBLOCK_BYTES];
  ufo_record_encode_superblock(&superblock, record);
  ufo_etxn *txn;
  ufo_status status = ufo_engine_begin_write(engine, NULL, &txn, error);
  if (status) return status;
  status = ufo_record_put(txn, UFO_TABLE_META, UFO_KEY_SUPERBLOCK, strlen(UFO_KEY_SUPERBLOCK), record,
                          sizeof record - UFO_SEAL_BYTES, false, error);
  if (!status) status = ufo_counters_put(txn, &counters, error);
  if (!status) return ufo_engine_commit(txn, error);
  ufo_engine_end(txn);
  return status;
}

ufo_status ufo_create_file(const char *path, unsigned permissions, uint32_t default_chunk_bytes, bool *exists_out,
                           ufo_error *error) {
  *exists_out = false;
  char *temporary = ufo_create_temporary_name(path);
  if (!temporary) return ufo_fail(error, UFO_FULL, "cannot create store %s: out of memory", path);
  ufo_engine_options options = {
      .writable = true, .create = true, .permissions = permissions, .map_bytes = UINT64_C(16) << 20};
  ufo_engine *engine;
  ufo_status status = ufo_engine_open(temporary, &options, &engine, error);
  if (!status) status = write_first_commit(engine, default_chunk_bytes, error);
  ufo_engine_close(engine);
  if (status) unlink(temporary);
  else status = ufo_create_publish(temporary, path, false, exists_out, error);
  free(temporary);
  if (status) ufo_fail_prefix(error, status, "cannot create store %s", path);
  return status;
}
