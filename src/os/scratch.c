/* One unlinked file for each process that writes. Room is handed out from the end of the file in steps of 4 KiB; a
 * freed piece joins the free list of its length in steps, which suits chunks: they come in few lengths.
 *
 * A child of fork() shares the descriptors of its parent, so neither may reuse a place that the other may still read:
 * both forget the free lists (the room stays taken until the last process closes the file), and the child opens a file
 * of its own for what it writes. `files` therefore only ever grows, by one for each generation of forks. */
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

#include "util/checked.h"
#include "util/fail.h"

enum { STEP = 4096, FILES_MAX = 64 };

/* Offsets of free pieces of one length, a stack. */
typedef struct free_list {
  uint32_t steps;
  uint64_t *offsets;
  size_t count, room;
} free_list;

struct ufo_scratch {
  pthread_mutex_t lock; /* guards everything below */
  char *directory;
  int files[FILES_MAX]; /* the last is written to unless it is `inherited` */
  unsigned file_count;
  bool inherited;  /* the last file is written to by the process that this one was forked from */
  uint64_t end;    /* of the last file */
  uint64_t frozen; /* room below this may be read by a process on the other side of a fork: not reused */
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

static void after_fork(void) {
  for (ufo_scratch *scratch = all; scratch; scratch = scratch->next) {
    forget_free_room(scratch);
    scratch->frozen = scratch->end;
    pthread_mutex_unlock(&scratch->lock);
  }
  pthread_mutex_unlock(&all_lock);
}

static void after_fork_in_child(void) {
  for (ufo_scratch *scratch = all; scratch; scratch = scratch->next) scratch->inherited = true;
  after_fork();
}

static void watch_forks(void) { pthread_atfork(before_fork, after_fork, after_fork_in_child); }

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
  for (unsigned i = 0; i < scratch->file_count; i++) close(scratch->files[i]);
  forget_free_room(scratch);
  pthread_mutex_destroy(&scratch->lock);
  free(scratch->directory);
  free(scratch);
}

static int open_unlinked(const char *directory) {
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

/* A file to write to, opened on first use and again by a forked child. */
static ufo_status ensure_file(ufo_scratch *scratch, ufo_error *error) {
  if (scratch->file_count > 0 && !scratch->inherited) return UFO_OK;
  if (scratch->file_count == FILES_MAX)
    return ufo_fail(error, UFO_FULL, "cannot open one more scratch file: this process descends from %d forks",
                    FILES_MAX);
  int fd = open_unlinked(scratch->directory);
  if (fd < 0) return ufo_fail_errno(error, errno, "cannot create a scratch file in '%s'", scratch->directory);
  scratch->files[scratch->file_count++] = fd;
  scratch->inherited = false;
  scratch->end = scratch->frozen = 0;
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
    piece.file = scratch->file_count - 1;
    piece.offset = take_room(scratch, steps_of(bytes));
    fd = scratch->files[piece.file];
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
  int fd = piece.file < scratch->file_count ? scratch->files[piece.file] : -1;
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
  if (!scratch->inherited && piece.file + 1 == scratch->file_count && piece.offset >= scratch->frozen)
    give_room(scratch, steps_of(piece.bytes), piece.offset);
  pthread_mutex_unlock(&scratch->lock);
}

uint64_t ufo_scratch_used_bytes(const ufo_scratch *scratch) {
  ufo_scratch *writable = (ufo_scratch *)scratch; /* for the lock alone */
  pthread_mutex_lock(&writable->lock);
  uint64_t used = scratch->used;
  pthread_mutex_unlock(&writable->lock);
  return used;
}
