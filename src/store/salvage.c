/* salvage.c - a new store from a damaged one: see <ufostore/salvage.h>, and salvage.h for the parts. */
#include "store/salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/standard_files.h"
#include "store/core.h"
#include "store/create.h"
#include "store/registry.h"
#include "util/fail.h"

/* ---- the new store --------------------------------------------------------------------------------------------- */

static ufo_status write_meta(ufo_salvager *s, ufo_error *error) {
  ufo_superblock old = {0}, superblock;
  ufo_slice content;
  size_t key_bytes = strlen(UFO_KEY_SUPERBLOCK);
  ufo_status status = ufo_record_get(s->current, UFO_TABLE_META, UFO_KEY_SUPERBLOCK, key_bytes, &content, NULL);
  if (!status) status = ufo_record_decode_superblock(content, false, &old, error);
  if (status == UFO_UNSUPPORTED) return status;
  if (status) {
    old.default_chunk_bytes = UFO_CHUNK_BYTES_DEFAULT;
    status = ufo_salvage_damage(s, UFO_DAMAGE_STORE, NULL, 0,
                                "the superblock is lost: the new store has the usual chunk size");
  }
  if (!status)
    status = ufo_superblock_make(old.default_chunk_bytes, s->now_ns, UFO_INCOMPAT_GENERATIONS | s->features,
                                 &superblock, error);
  if (status) return status;
  uint8_t record[UFO_SUPERBLOCK_BYTES];
  ufo_record_encode_superblock(&superblock, record);
  ufo_counters counters = {.next_object = s->next_object, .next_blob = s->next_blob, .next_owner = 1, .generation = 1};
  status = ufo_filling_begin(&s->out, error);
  if (!status) {
    status = ufo_record_put(s->out.txn, UFO_TABLE_META, UFO_KEY_SUPERBLOCK, key_bytes, record,
                            sizeof record - UFO_SEAL_BYTES, false, error);
  }
  if (!status) status = ufo_counters_put(s->out.txn, &counters, error);
  return status ? status : ufo_filling_end(&s->out, error);
}

/* A new file of the engine; `keep` false: nobody sees it, and it is gone with the process. */
static ufo_status make_file(ufo_salvager *s, ufo_filling *filling, const char *path, bool keep, ufo_error *error) {
  ufo_engine_options options = {.name = s->path_out, .writable = true, .create = true, .no_sync = true};
  char *name = keep ? NULL : ufo_create_temporary_name(path);
  if (!keep && !name) return ufo_fail(error, UFO_FULL, "out of memory");
  ufo_status status = ufo_engine_open(keep ? path : name, &options, &filling->engine, error);
  if (name) unlink(name);
  free(name);
  return status;
}

static ufo_status salvage(ufo_salvager *s, const char *temporary, ufo_error *error) {
  s->next_object = s->next_blob = 1;
  s->now_ns = ufo_clock_realtime_ns();
  s->codec = ufo_codec_memory_create();
  if (!s->codec) return ufo_fail(error, UFO_FULL, "out of memory");
  ufo_status status = make_file(s, &s->index, s->path_out, false, error);
  if (!status) status = make_file(s, &s->attic, s->path_out, false, error);
  if (!status) status = make_file(s, &s->out, temporary, true, error);
  if (!status) status = ufo_salvage_scan(s, error);
  if (!status) status = ufo_salvage_names(s, error);
  if (!status) status = write_meta(s, error);
  s->done_bytes = s->total_bytes;
  if (!status && s->progress && s->progress(s->user, s->done_bytes, s->total_bytes)) s->ended = true;
  return status;
}

static void clean_up(ufo_salvager *s) {
  ufo_engine_end(s->current);
  ufo_engine_end(s->past);
  ufo_filling_close(&s->index);
  ufo_filling_close(&s->attic);
  ufo_filling_close(&s->out);
  for (int table = 0; table < UFO_TABLE_COUNT; table++) free(s->gaps[table].list);
  ufo_u64map_clear(&s->taken);
  ufo_u64map_clear(&s->dropped);
  ufo_u64map_clear(&s->children);
  ufo_codec_memory_free(s->codec);
  free(s->stored);
  free(s->raw);
}

/* Opened for writing if that may be: only then can be seen that no other process uses it. */
static ufo_status open_damaged(const char *path, int *fd_out, ufo_error *error) {
  struct stat file;
  ufo_guard_standard_files();
  *fd_out = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  bool exclusive = *fd_out >= 0;
  if (*fd_out < 0) *fd_out = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (*fd_out < 0) return ufo_fail_errno(error, errno, "cannot open it");
  if (fstat(*fd_out, &file)) return ufo_fail_errno(error, errno, "cannot examine it");
  if (!S_ISREG(file.st_mode)) return ufo_fail(error, UFO_CORRUPT, "it is not a regular file");
  ufo_registry_lock();
  bool ours = ufo_registry_find(file.st_dev, file.st_ino) != NULL;
  ufo_registry_unlock();
  if (ours) return ufo_fail(error, UFO_USAGE, "it is open in this process: close it first");
  if (exclusive && !ufo_pin_presence_exclusive(*fd_out))
    return ufo_fail(error, UFO_USAGE, "another process has it open");
  return UFO_OK;
}

ufo_status ufo_store_salvage(const char *path, const char *path_out, ufo_damage_fn report, ufo_progress_fn progress,
                             void *user, ufo_error *error) {
  if (!path || !*path || !path_out || !*path_out) return ufo_fail(error, UFO_USAGE, "salvaging needs two paths");
  ufo_salvager s = {.path = path, .path_out = path_out, .fd = -1, .report = report, .progress = progress, .user = user};
  struct stat file;
  ufo_naming naming = UFO_NAME_NOT_GIVEN;
  char *temporary = ufo_create_temporary_name(path_out);
  ufo_status status = temporary ? UFO_OK : ufo_fail(error, UFO_FULL, "out of memory");
  if (!status && lstat(path_out, &file) == 0) status = ufo_fail(error, UFO_USAGE, "%s exists already", path_out);
  if (!status) status = open_damaged(path, &s.fd, error);
  if (!status) status = ufo_create_clear_name(path_out, error);
  if (!status) {
    status = salvage(&s, temporary, error);
    if (s.ended) status = UFO_END;
    clean_up(&s);
    if (!status) status = ufo_create_publish(temporary, path_out, false, &naming, error);
    else unlink(temporary);
    if (naming == UFO_NAME_TAKEN) status = ufo_fail(error, UFO_USAGE, "%s exists already", path_out);
  }
  if (s.fd >= 0) close(s.fd);
  free(temporary);
  if (s.ended) return UFO_END;
  if (status) return ufo_fail_prefix(error, status, "cannot salvage store %s to %s", path, path_out);
  if (s.damages == 0) return UFO_OK;
  return ufo_fail(error, UFO_CORRUPT, "store %s was salvaged to %s, and %llu things were lost or are in doubt", path,
                  path_out, (unsigned long long)s.damages);
}
