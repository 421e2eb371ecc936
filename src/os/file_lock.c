/* file_lock.c - see file_lock.h. */
#include "os/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static bool lock(int fd, int command, short type, int64_t start, int64_t length) {
  struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  int result;
  do result = fcntl(fd, command, &range);
  while (result < 0 && errno == EINTR && command == F_OFD_SETLKW);
  return result == 0;
}

bool ufo_file_lock_shared(int fd, int64_t start, int64_t length, bool wait) {
  return lock(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, F_RDLCK, start, length);
}

bool ufo_file_lock_exclusive(int fd, int64_t start, int64_t length) {
  return lock(fd, F_OFD_SETLK, F_WRLCK, start, length);
}

bool ufo_file_unlock(int fd, int64_t start, int64_t length) { return lock(fd, F_OFD_SETLK, F_UNLCK, start, length); }

bool ufo_file_is_locked(int fd, int64_t start, int64_t length) {
  struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  return fcntl(fd, F_OFD_GETLK, &range) != 0 || range.l_type != F_UNLCK;
}
