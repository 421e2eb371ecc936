/* file.c - see file.h. */
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>

#include "util/checked.h"

/* The kernel takes no more of one request than the device takes at once, or than it reads ahead; 128 KiB is the least
 * of any. */
#define REQUEST_BYTES (UINT64_C(128) << 10)

bool ufo_file_would_wait(int fd, uint64_t offset) {
  char byte;
  struct iovec target = {.iov_base = &byte, .iov_len = 1};
  int before = errno;
  bool waits = preadv2(fd, &target, 1, (off_t)offset, RWF_NOWAIT) < 0 && errno == EAGAIN;
  errno = before;
  return waits;
}

void ufo_file_fetch(int fd, uint64_t offset, uint64_t bytes) {
  for (uint64_t done = 0; done < bytes; done += REQUEST_BYTES)
    (void)posix_fadvise(fd, (off_t)(offset + done), (off_t)ufo_min(REQUEST_BYTES, bytes - done), POSIX_FADV_WILLNEED);
}

void ufo_file_expect_order(int fd, bool in_order) {
  (void)posix_fadvise(fd, 0, 0, in_order ? POSIX_FADV_SEQUENTIAL : POSIX_FADV_NORMAL);
}
