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
#include <sys/stat.h>
#include <unistd.h>

#include "os/clock.h"
#include "store/registry.h"
#include "util/fail.h"
#include "util/plant.h"

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

ufo_status ufo_create_clear_name(const char *path, ufo_error *error) {
  ufo_registry_lock();
  ufo_status status = ufo_binding_clear_name(path, error);
  ufo_registry_unlock();
  return status;
}

static ufo_status sync_file(const char *file, const char *path, ufo_error *error) {
  int fd = open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ufo_fail_errno(error, errno, "cannot sync what is to be %s", path);
  int result = !ufo_planted("copy-unsynced") && fsync(fd) ? errno : 0;
  close(fd);
  return result ? ufo_fail_errno(error, result, "cannot make %s durable", path) : UFO_OK;
}

static ufo_status open_directory_of(const char *path, int *fd_out, ufo_error *error) {
  char *copy = strdup(path);
  if (!copy) return ufo_fail(error, UFO_FULL, "out of memory");
  *fd_out = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int cause = errno;
  free(copy);
  return *fd_out < 0 ? ufo_fail_errno(error, cause, "cannot open the directory of %s to sync it", path) : UFO_OK;
}

static int rename_new(const char *from, const char *to) {
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  if (link(from, to)) return -1;
  unlink(from);
  return 0;
}

/* Everything that can fail without harm comes before the name is given. */
static ufo_status give_name(const char *temporary, const char *path, bool replace, ufo_naming *naming_out,
                            ufo_error *error) {
  ufo_status status = sync_file(temporary, path, error);
  int directory = -1;
  if (!status) status = open_directory_of(path, &directory, error);
  if (status) return status;
  if ((replace ? rename(temporary, path) : rename_new(temporary, path)) == 0) {
    *naming_out = UFO_NAME_GIVEN;
    /* Some file systems cannot sync a directory and say so with EINVAL. */
    if (!ufo_planted("directory-unsynced") && fsync(directory) && errno != EINVAL) {
      status = ufo_fail_errno(error, errno, "%s is in place, but cannot be made durable there", path);
    }
  } else if (errno == EEXIST && !replace) {
    *naming_out = UFO_NAME_TAKEN;
  } else {
    status = ufo_fail_errno(error, errno, "cannot give %s its name", path);
  }
  close(directory);
  return status;
}

ufo_status ufo_create_publish(const char *temporary, const char *path, bool replace, ufo_naming *naming_out,
                              ufo_error *error) {
  *naming_out = UFO_NAME_NOT_GIVEN;
  ufo_status status = give_name(temporary, path, replace, naming_out, error);
  if (*naming_out != UFO_NAME_GIVEN) unlink(temporary);
  return status;
}

static ufo_status write_first_commit(ufo_engine *engine, uint32_t default_chunk_bytes, ufo_error *error) {
  ufo_superblock superblock;
  ufo_status status =
      ufo_superblock_make(default_chunk_bytes, ufo_clock_realtime_ns(), UFO_INCOMPAT_GENERATIONS, &superblock, error);
  if (status) return status;
  ufo_counters counters = {.next_object = 1, .next_blob = 1, .next_owner = 1, .generation = 0};
  uint8_t record[UFO_SUPERBLOCK_BYTES];
  ufo_record_encode_superblock(&superblock, record);
  ufo_etxn *txn;
  status = ufo_engine_begin_write(engine, NULL, &txn, error);
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
  ufo_status status = ufo_create_clear_name(path, error);
  if (status) return status;
  char *temporary = ufo_create_temporary_name(path);
  if (!temporary) return ufo_fail(error, UFO_FULL, "cannot create store %s: out of memory", path);
  ufo_engine_options options = {
      .name = path, .writable = true, .create = true, .permissions = permissions, .map_bytes = UINT64_C(16) << 20};
  ufo_engine *engine;
  ufo_naming naming = UFO_NAME_NOT_GIVEN;
  status = ufo_engine_open(temporary, &options, &engine, error);
  if (status) {
    unlink(temporary);
    free(temporary);
    return status;
  }
  status = write_first_commit(engine, default_chunk_bytes, error);
  ufo_engine_close(engine);
  /* The lock file first: where there is no room for it, no store without one is left behind. */
  struct stat file;
  bool prepared = false;
  if (!status && stat(temporary, &file)) status = ufo_fail_errno(error, errno, "cannot examine %s", temporary);
  ufo_registry_lock();
  if (!status) status = ufo_binding_prepare(path, &file, &prepared, error);
  ufo_registry_unlock();
  if (status) unlink(temporary);
  else status = ufo_create_publish(temporary, path, false, &naming, error);
  ufo_registry_lock();
  if (prepared && naming == UFO_NAME_NOT_GIVEN) ufo_binding_unprepare(path);
  ufo_registry_unlock();
  *exists_out = naming == UFO_NAME_TAKEN;
  free(temporary);
  if (status) ufo_fail_prefix(error, status, "cannot create store %s", path);
  return status;
}
