/* file.h - what a file has in memory, and what is to come there. */
#ifndef UFO_OS_FILE_H
#define UFO_OS_FILE_H

#include <stdbool.h>
#include <stdint.h>

/* Would a read of this byte have to wait for the disk? False also where the file system cannot tell. */
bool ufo_file_would_wait(int fd, uint64_t offset);
/* Has the range read in the background. Only a hint: there is no error, and what is in memory already stays as it is.
 */
void ufo_file_fetch(int fd, uint64_t offset, uint64_t bytes);
/* Reads through this descriptor will be in order, or not: then the kernel's own read-ahead goes twice as far. */
void ufo_file_expect_order(int fd, bool in_order);

#endif
