/* One unlinked file for each process that writes. Room is handed out from the end of the file in steps of 4 KiB; a
 * freed piece joins the free list of its length in steps, which suits chunks: they come in few lengths.
 *
 * A child of fork() shares the descriptors of its parent, so neither may reuse a place that the other may still read:
 * both forget the free lists, and each goes on in a file of its own. A file that is not written to any more is closed
 * with its last live piece, and its room is free once all processes that shared it have come so far. */
#include "os/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/standard_files.h"
#include "util/assert.h"
#include "util/checked.h"
#include "util/fail.h"

enum { STEP = 4096 };

/* Offsets of free pieces of one length, a stack. */
typedef struct free_list {
  uint32_t steps;
  uint64_t *offsets;
  size_t count, room;
} free_list;

typedef struct scratch_file {
  int fd;        /* -1: closed, and the place is free */
  uint64_t live; /* pieces */
} scratch_file;

struct ufo_scratch {
  pthread_mutex_t lock; /* guards everything below */
  char *directory;
  scratch_file *files;
  unsigned file_count;
  unsigned current; /* the file that is written to */
  bool has_current; /* not before the first write, nor after a fork */
  uint64_t end;     /* of the current file */
  uint64_t used;
  free_list *lists; /* by steps, unordered: few */
  size_t list_count, list_room;
  ufo_scratch *next; /* in `all`, guarded by all_lock */
};

/* Every scratch of the process, so that fork() finds them. Lock order: all_lock, then a scratch's lock. */
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static ufo_scratch *all;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void forget_free_room(ufo_scratch *scratch) {
  for (size_t i = 0; i < scratch->list_count; i++) free(scratch->lists[i].offsets);
  free(scratch->lists);
  scratch->lists = NULL;
  scratch->list_count = scratch->list_room = 0;
}

static void before_fork(void) {
  pthread_mutex_lock(&all_lock);
  for (ufo_scratch *scratch = all; scratch; scratch = scratch->next) pthread_mutex_lock(&scratch->lock);
}

/* The lock is held. */
static void close_if_spent(scratch_file *file) {
  if (file->fd < 0 || file->live > 0) return;
  close(file->fd);
  file->fd = -1;
}

static void after_fork(void) {
  for (ufo_scratch *scratch = all; scratch; scratch = scratch->next) {
    forget_free_room(scratch);
    if (scratch->has_current) close_if_spent(&scratch->files[scratch->current]);
    scratch->has_current = false;
    pthread_mutex_unlock(&scratch->lock);
  }
  pthread_mutex_unlock(&all_lock);
}

static void watch_forks(void) { pthread_atfork(before_fork, after_fork, after_fork); }

void ufo_scratch_watch_forks(void) { pthread_once(&fork_once, watch_forks); }

static const char *default_directory(void) {
  static const char *const variables[] = {"UFOSTORE_SCRATCH", "TMPDIR"};
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
    const char *value = getenv(variables[i]);
    if (value && *value) return value;
  }
  return access("/var/tmp", W_OK) == 0 ? "/var/tmp" : "/tmp";
}

ufo_status ufo_scratch_create(const char *directory, ufo_scratch **scratch_out, ufo_error *error) {
  *scratch_out = NULL;
  ufo_scratch *scratch = calloc(1, sizeof *scratch);
  if (scratch) scratch->directory = strdup(directory && *directory ? directory : default_directory());
  if (!scratch || !scratch->directory) {
    free(scratch);
    return ufo_fail(error, UFO_FULL, "out of memory for a scratch file");
  }
  pthread_mutex_init(&scratch->lock, NULL);
  ufo_scratch_watch_forks();
  pthread_mutex_lock(&all_lock);
  scratch->next = all;
  all = scratch;
  pthread_mutex_unlock(&all_lock);
  *scratch_out = scratch;
  return UFO_OK;
}

void ufo_scratch_free(ufo_scratch *scratch) {
  if (!scratch) return;
  pthread_mutex_lock(&all_lock);
  ufo_scratch **link = &all;
  while (*link != scratch) link = &(*link)->next;
  *link = scratch->next;
  pthread_mutex_unlock(&all_lock);
  for (unsigned i = 0; i < scratch->file_count; i++)
    if (scratch->files[i].fd >= 0) close(scratch->files[i].fd);
  free(scratch->files);
  forget_free_room(scratch);
  pthread_mutex_destroy(&scratch->lock);
  free(scratch->directory);
  free(scratch);
}

static int open_unlinked(const char *directory) {
  ufo_guard_standard_files();
  int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return fd;
  /* Not every file system has O_TMPFILE. */
  char name[4096];
  int length = snprintf(name, sizeof name, "%s/ufostore-scratch-XXXXXX", directory);
  if (length < 0 || (size_t)length >= sizeof name) {
    errno = ENAMETOOLONG;
    return -1;
  }
  fd = mkostemp(name, O_CLOEXEC);
  if (fd >= 0) unlink(name);
  return fd;
}

/* A place for one more file: a free one, or a new one at the end. NULL: out of memory. */
static scratch_file *file_place(ufo_scratch *scratch) {
  for (unsigned i = 0; i < scratch->file_count; i++)
    if (scratch->files[i].fd < 0) return &scratch->files[i];
  scratch_file *grown = realloc(scratch->files, (scratch->file_count + 1) * sizeof *grown);
  if (!grown) return NULL;
  scratch->files = grown;
  grown[scratch->file_count] = (scratch_file){.fd = -1};
  return &grown[scratch->file_count++];
}

/* A file to write to, opened on first use and again after a fork. */
static ufo_status ensure_file(ufo_scratch *scratch, ufo_error *error) {
  if (scratch->has_current) return UFO_OK;
  scratch_file *file = file_place(scratch);
  if (!file) return ufo_fail(error, UFO_FULL, "out of memory for a scratch file");
  file->fd = open_unlinked(scratch->directory);
  if (file->fd < 0) return ufo_fail_errno(error, errno, "cannot create a scratch file in '%s'", scratch->directory);
  scratch->current = (unsigned)(file - scratch->files);
  scratch->has_current = true;
  scratch->end = 0;
  return UFO_OK;
}

static free_list *find_list(ufo_scratch *scratch, uint32_t steps) {
  for (size_t i = 0; i < scratch->list_count; i++)
    if (scratch->lists[i].steps == steps) return &scratch->lists[i];
  return NULL;
}

static uint64_t take_room(ufo_scratch *scratch, uint32_t steps) {
  free_list *list = find_list(scratch, steps);
  if (list && list->count > 0) return list->offsets[--list->count];
  uint64_t offset = scratch->end;
  scratch->end += (uint64_t)steps * STEP;
  return offset;
}

/* Out of memory only means that the room is not reused. */
static void give_room(ufo_scratch *scratch, uint32_t steps, uint64_t offset) {
  free_list *list = find_list(scratch, steps);
  if (!list) {
    if (scratch->list_count == scratch->list_room) {
      size_t room = scratch->list_room ? scratch->list_room * 2 : 16;
      free_list *grown = realloc(scratch->lists, room * sizeof *grown);
      if (!grown) return;
      scratch->lists = grown;
      scratch->list_room = room;
    }
    list = &scratch->lists[scratch->list_count++];
    *list = (free_list){.steps = steps};
  }
  if (list->count == list->room) {
    size_t room = list->room ? list->room * 2 : 64;
    uint64_t *grown = realloc(list->offsets, room * sizeof *grown);
    if (!grown) return;
    list->offsets = grown;
    list->room = room;
  }
  list->offsets[list->count++] = offset;
}

static uint32_t steps_of(uint32_t bytes) { return (uint32_t)ufo_div_up(bytes, STEP); }

ufo_status ufo_scratch_write(ufo_scratch *scratch, const void *data, uint32_t bytes, ufo_piece *piece_out,
                             ufo_error *error) {
  *piece_out = (ufo_piece){0};
  pthread_mutex_lock(&scratch->lock);
  ufo_status status = ensure_file(scratch, error);
  ufo_piece piece = {.bytes = bytes};
  int fd = -1;
  if (status == UFO_OK) {
    piece.file = scratch->current;
    piece.offset = take_room(scratch, steps_of(bytes));
    scratch->files[piece.file].live++;
    fd = scratch->files[piece.file].fd;
    scratch->used += (uint64_t)steps_of(bytes) * STEP;
  }
  pthread_mutex_unlock(&scratch->lock);
  if (status != UFO_OK) return status;
  for (uint32_t done = 0; done < bytes;) {
    ssize_t wrote = pwrite(fd, (const char *)data + done, bytes - done, (off_t)(piece.offset + done));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      status = ufo_fail_errno(error, wrote ? errno : ENOSPC, "cannot write %u bytes to the scratch file in '%s'", bytes,
                              scratch->directory);
      ufo_scratch_discard(scratch, piece);
      return status;
    }
    done += (uint32_t)wrote;
  }
  *piece_out = piece;
  return UFO_OK;
}

ufo_status ufo_scratch_read(ufo_scratch *scratch, ufo_piece piece, void *target, ufo_error *error) {
  pthread_mutex_lock(&scratch->lock);
  int fd = piece.file < scratch->file_count ? scratch->files[piece.file].fd : -1;
  pthread_mutex_unlock(&scratch->lock);
  for (uint32_t done = 0; done < piece.bytes;) {
    ssize_t got = pread(fd, (char *)target + done, piece.bytes - done, (off_t)(piece.offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return ufo_fail_errno(error, got ? errno : EIO, "cannot read %u bytes of the scratch file in '%s'", piece.bytes,
                            scratch->directory);
    done += (uint32_t)got;
  }
  return UFO_OK;
}

void ufo_scratch_discard(ufo_scratch *scratch, ufo_piece piece) {
  if (piece.bytes == 0) return;
  pthread_mutex_lock(&scratch->lock);
  uint64_t rounded = (uint64_t)steps_of(piece.bytes) * STEP;
  scratch->used -= ufo_min(rounded, scratch->used);
  scratch_file *file = &scratch->files[piece.file];
  UFO_ASSERT(file->fd >= 0 && file->live > 0);
  file->live--;
  if (scratch->has_current && piece.file == scratch->current) give_room(scratch, steps_of(piece.bytes), piece.offset);
  else close_if_spent(file);
  pthread_mutex_unlock(&scratch->lock);
}

uint64_t ufo_scratch_used_bytes(const ufo_scratch *scratch) {
  ufo_scratch *writable = (ufo_scratch *)scratch; /* for the lock alone */
  pthread_mutex_lock(&writable->lock);
  uint64_t used = scratch->used;
  pthread_mutex_unlock(&writable->lock);
  return used;
}
