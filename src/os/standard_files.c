/* standard_files.c - see standard_files.h. */
#include "os/standard_files.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void ufo_guard_standard_files(void) {
  for (int wanted = 0; wanted <= 2; wanted++) {
    if (fcntl(wanted, F_GETFD) >= 0 || errno != EBADF) continue;
    /* Reads and writes of a mere path fail with EBADF, as those of a closed descriptor do. Programs that are executed
     * find it as well, since they are in the same danger. */
    int fd = open("/", O_PATH);
    if (fd > 2) close(fd); /* another thread was faster */
  }
}
