/* replay.h - the disk after a loss of power: images made from a record of writes, syncs and names (recorder.h).
 *
 * The model. Of a file, what was written is durable once a sync of that file returned, or the write itself if its
 * descriptor has O_DSYNC. Before that any part of it may be there: each sector of 512 bytes, whole, or not; and the
 * file may be longer than what is there, with zeros. A change of names is durable once the folder was synced; before
 * that each change may be there or not, in any combination. What a call is just doing counts as not durable.
 *
 * That a sector is written whole or not at all is assumed: LMDB's meta page, whose 120 bytes lie in one sector, relies
 * on it. */
#ifndef UFO_TEST_REPLAY_H
#define UFO_TEST_REPLAY_H

#include <stdlib.h>

#include "crash/content.h"
#include "crash/recorder.h"

enum { SECTOR = 512, DISK_FILES_MAX = 64, DISK_NAMES_MAX = 64, PENDING_MAX = 20000, DISK_NAME_BYTES = 64 };

typedef struct disk_file {
  uint64_t id;
  uint8_t *bytes;
  uint64_t size, room;
} disk_file;

typedef struct disk_name {
  char name[DISK_NAME_BYTES];
  uint64_t file; /* 0: leads nowhere */
} disk_name;

typedef struct disk {
  disk_file files[DISK_FILES_MAX]; /* durable content */
  disk_name names[DISK_NAMES_MAX]; /* durable names */
  const record *pending[PENDING_MAX], *names_pending[PENDING_MAX];
  size_t file_count, name_count, pending_count, names_pending_count;
  uint64_t acks[4]; /* the last of each kind, as the program saw them: what + 1 */
  bool unknown;
} disk;

/* What a planted mistake leaves out: for the proof that the replay would notice. */
typedef enum dropped { DROP_NOTHING, DROP_SYNC, DROP_DSYNC, DROP_SYNC_FOLDER } dropped;

static inline disk_file *disk_find(disk *d, uint64_t id) {
  for (size_t i = 0; i < d->file_count; i++)
    if (d->files[i].id == id) return &d->files[i];
  if (d->file_count == DISK_FILES_MAX) abort();
  d->files[d->file_count] = (disk_file){.id = id};
  return &d->files[d->file_count++];
}

static inline void disk_resize(disk_file *file, uint64_t size) {
  if (size > file->room) {
    uint64_t room = size * 3 / 2 + 65536;
    file->bytes = realloc(file->bytes, room);
    if (!file->bytes) abort();
    file->room = room;
  }
  if (file->bytes && size > file->size) memset(file->bytes + file->size, 0, size - file->size);
  file->size = size;
}

static inline void disk_apply(disk_file *file, const record *r, uint64_t from, uint64_t to) {
  if (to > file->size) disk_resize(file, to);
  if (file->bytes) memcpy(file->bytes + from, (const uint8_t *)(r + 1) + (from - r->offset), to - from);
}

static inline void disk_make_durable(disk *d, uint64_t id) {
  size_t kept = 0;
  for (size_t i = 0; i < d->pending_count; i++) {
    const record *r = d->pending[i];
    if (r->file != id) d->pending[kept++] = r;
    else if (r->kind == RECORD_TRUNCATE) disk_resize(disk_find(d, id), r->offset);
    else disk_apply(disk_find(d, id), r, r->offset, r->offset + r->bytes);
  }
  d->pending_count = kept;
}

static inline disk_name *disk_name_of(disk_name *names, size_t *count, const char *name) {
  for (size_t i = 0; i < *count; i++)
    if (!strcmp(names[i].name, name)) return &names[i];
  if (*count == DISK_NAMES_MAX || strlen(name) >= DISK_NAME_BYTES) abort();
  memset(&names[*count], 0, sizeof *names);
  strcpy(names[*count].name, name);
  return &names[(*count)++];
}

/* A rename needs to know what the old name led to when it happened, whatever of that is durable. */
static inline uint64_t disk_file_now(const disk *d, const char *name) {
  uint64_t file = 0;
  for (size_t i = 0; i < d->name_count; i++)
    if (!strcmp(d->names[i].name, name)) file = d->names[i].file;
  for (size_t i = 0; i < d->names_pending_count; i++) {
    const record *r = d->names_pending[i];
    const char *first = (const char *)(r + 1), *second = first + strlen(first) + 1;
    if (r->kind == RECORD_RENAME && !strcmp(second, name)) file = disk_file_now(d, first);
    else if (!strcmp(first, name)) file = r->kind == RECORD_NAME ? r->file : 0;
  }
  return file;
}

static inline void disk_apply_name(disk_name *names, size_t *count, const record *r, uint64_t renamed) {
  const char *first = (const char *)(r + 1), *second = first + strlen(first) + 1;
  disk_name_of(names, count, first)->file = r->kind == RECORD_NAME ? r->file : 0;
  if (r->kind == RECORD_RENAME) disk_name_of(names, count, second)->file = renamed;
}

/* What a pending rename renames: the state of names just before it. */
static inline uint64_t disk_renamed(const disk *d, size_t at) {
  const record *r = d->names_pending[at];
  disk *before = (disk *)(uintptr_t)d;
  size_t count = d->names_pending_count;
  before->names_pending_count = at;
  uint64_t file = r->kind == RECORD_RENAME ? disk_file_now(d, (const char *)(r + 1)) : 0;
  before->names_pending_count = count;
  return file;
}

static inline void disk_make_names_durable(disk *d) {
  uint64_t renamed[PENDING_MAX];
  for (size_t i = 0; i < d->names_pending_count; i++) renamed[i] = disk_renamed(d, i);
  for (size_t i = 0; i < d->names_pending_count; i++)
    disk_apply_name(d->names, &d->name_count, d->names_pending[i], renamed[i]);
  d->names_pending_count = 0;
}

/* The call has been made and has returned. */
static inline void disk_do(disk *d, const record *r, dropped planted) {
  if (d->pending_count == PENDING_MAX || d->names_pending_count == PENDING_MAX) abort();
  switch (r->kind) {
  case RECORD_WRITE:
  case RECORD_TRUNCATE:
    d->pending[d->pending_count++] = r;
    break;
  case RECORD_WRITE_DS:
    if (planted == DROP_DSYNC) d->pending[d->pending_count++] = r;
    else disk_apply(disk_find(d, r->file), r, r->offset, r->offset + r->bytes);
    break;
  case RECORD_SYNC:
    if (planted != DROP_SYNC) disk_make_durable(d, r->file);
    break;
  case RECORD_SYNC_FOLDER:
    if (planted != DROP_SYNC_FOLDER) disk_make_names_durable(d);
    break;
  case RECORD_NAME:
  case RECORD_UNNAME:
  case RECORD_RENAME:
    d->names_pending[d->names_pending_count++] = r;
    break;
  case RECORD_ACK:
    d->acks[r->file] = r->offset + 1;
    break;
  case RECORD_UNKNOWN:
    d->unknown = true;
    break;
  }
}

static inline void disk_free(disk *d) {
  for (size_t i = 0; i < d->file_count; i++) free(d->files[i].bytes);
  free(d);
}

/* The first `count` calls have returned; NULL for want of memory. *next_out: the call that is being made. */
static inline disk *disk_after(const record_log *log, uint64_t count, dropped planted, const record **next_out) {
  disk *d = calloc(1, sizeof *d);
  if (!d) return NULL;
  const record *r = record_next(log, NULL);
  for (; r && count > 0; r = record_next(log, r), count--) disk_do(d, r, planted);
  *next_out = r;
  return d;
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

typedef struct chance {
  uint64_t state;
  unsigned percent; /* of what is pending, how much is there: 0 and 100 are certain */
} chance;

static inline bool chance_takes(chance *c) {
  c->state = mix(c->state);
  return c->state % 100 < c->percent;
}

static inline int write_image(const char *path, const disk_file *file) {
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return -1;
  uint64_t done = 0;
  while (done < file->size) {
    ssize_t wrote = pwrite(fd, file->bytes + done, file->size - done, (off_t)done);
    if (wrote <= 0) break;
    done += (uint64_t)wrote;
  }
  close(fd);
  return done == file->size ? 0 : -1;
}

/* The file as it may be after the loss; the caller frees its bytes. */
static inline disk_file disk_file_after(disk *d, uint64_t id, chance *c) {
  const disk_file *durable = disk_find(d, id);
  disk_file file = {.id = id};
  disk_resize(&file, durable->size);
  if (durable->size) memcpy(file.bytes, durable->bytes, durable->size);
  uint64_t end = file.size;
  for (size_t i = 0; i < d->pending_count; i++) {
    const record *r = d->pending[i];
    if (r->file != id) continue;
    if (r->kind == RECORD_TRUNCATE) {
      if (chance_takes(c)) disk_resize(&file, r->offset);
      continue;
    }
    uint64_t last = r->offset + r->bytes;
    for (uint64_t from = r->offset; from < last;) {
      uint64_t to = (from / SECTOR + 1) * SECTOR;
      if (to > last) to = last;
      if (chance_takes(c)) disk_apply(&file, r, from, to);
      from = to;
    }
    if (last > end) end = last;
  }
  if (end > file.size && c->percent > 0 && chance_takes(c)) disk_resize(&file, end);
  return file;
}

/* Writes what may be found after the loss into an empty folder: the names that have no leading dot. 0 or -1. */
static inline int disk_image(disk *d, const char *folder, chance *c) {
  disk_name names[DISK_NAMES_MAX];
  size_t count = d->name_count;
  int result = 0;
  memcpy(names, d->names, sizeof names);
  for (size_t i = 0; i < d->names_pending_count; i++)
    if (chance_takes(c)) disk_apply_name(names, &count, d->names_pending[i], disk_renamed(d, i));
  for (size_t i = 0; i < count && result == 0; i++) {
    if (names[i].file == 0 || names[i].name[0] == '.') continue;
    char path[4200];
    snprintf(path, sizeof path, "%.4000s/%.*s", folder, DISK_NAME_BYTES, names[i].name);
    disk_file file = disk_file_after(d, names[i].file, c);
    result = write_image(path, &file);
    free(file.bytes);
  }
  return result;
}

#endif
