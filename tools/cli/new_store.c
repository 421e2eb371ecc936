/* new_store.c - see new_store.h.
 *
 * Removing keeps to the rules of store-format/FORMAT.md for replacing a file: whoever has a store open holds a shared
 * lock on byte 2^60, and checks after getting it that the path still leads to the same file. So with that lock held
 * exclusively nobody has it open, and who comes meanwhile waits, and finds it gone. */
#include "new_store.h"

#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PRESENCE_BYTE (INT64_C(1) << 60)

ufo_store *open_or_make_store(const char *path, bool *made_out, int *status_out) {
  ufo_error error = {0};
  ufo_store *store = NULL;
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_CREATE};
  *made_out = false;
  if (access(path, F_OK) != 0 && errno == ENOENT) {
    *made_out = !ufo_store_open(path, &options, &store, &error);
    if (*made_out) return store;
  }
  /* UFO_USAGE: somebody else was faster. */
  options.mode = UFO_OPEN_READ_WRITE;
  if (error.code == UFO_OK || error.code == UFO_USAGE)
    if (!ufo_store_open(path, &options, &store, &error)) return store;
  *status_out = fail_status(path, NULL, &error);
  return NULL;
}

/* Did nobody ever commit to the store? Opened anew, because closing may write, too. *facts is from before the look. */
static bool is_untouched(const char *path, struct stat *facts) {
  ufo_store *store = NULL;
  ufo_store_stat figures = {.struct_size = sizeof figures};
  const ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  if (stat(path, facts) || ufo_store_open(path, &options, &store, NULL)) return false;
  bool untouched = !ufo_store_get_stat(store, &figures, NULL) && !figures.objects && !figures.generation;
  ufo_store_close(store);
  return untouched;
}

void unmake_store(const char *path) {
  struct stat before, now;
  struct flock alone = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = PRESENCE_BYTE, .l_len = 1};
  char *lock_path = NULL;
  if (!is_untouched(path, &before)) return;
  int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return;
  if (asprintf(&lock_path, "%s-lock", path) < 0) lock_path = NULL;
  /* A commit between the look and the lock shows by the time of the file's last change. (Within the few milliseconds
   * that the clock of the file system takes for a step it may not; that much is left open.) */
  if (lock_path && fcntl(fd, F_OFD_SETLK, &alone) == 0 && fstat(fd, &now) == 0 && is_same_file(path, &now) &&
      now.st_ino == before.st_ino && now.st_size == before.st_size && now.st_mtim.tv_sec == before.st_mtim.tv_sec &&
      now.st_mtim.tv_nsec == before.st_mtim.tv_nsec) {
    /* The lock file first: as long as the store has its name nobody makes another, to which the lock file would belong.
     */
    unlink(lock_path);
    unlink(path);
  }
  free(lock_path);
  close(fd);
}
