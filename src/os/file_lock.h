/* file_lock.h - locks on ranges of bytes of a file that belong to an open file description.
 *
 * The kernel drops them when the last descriptor of the description is closed, so with the process at the latest. Locks
 * of one description never conflict with each other. An exclusive lock needs a descriptor open for writing. */
#ifndef UFO_OS_FILE_LOCK_H
#define UFO_OS_FILE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

/* `length` 0: to the end of all bytes. Without `wait`, false and EAGAIN if others are in the way. False: errno. */
bool ufo_file_lock_shared(int fd, int64_t start, int64_t length, bool wait);
bool ufo_file_lock_exclusive(int fd, int64_t start, int64_t length);
/* False: errno. Fails only where it would leave two locks of one, and there is no room for another. */
bool ufo_file_unlock(int fd, int64_t start, int64_t length);
/* Has another description, or a process by other means, any lock there? Errors count as locked. */
bool ufo_file_is_locked(int fd, int64_t start, int64_t length);

#endif
