/* spool.h - input that can be read twice. */
#ifndef UFOSTORE_CLI_SPOOL_H
#define UFOSTORE_CLI_SPOOL_H

#include <stdint.h>
#include <ufostore/error.h>

/* Opens `file` ("-": standard input) for reading from its start, again and again by lseek. An ordinary file is opened
 * as it is; a pipe is first copied to an unlinked file in $TMPDIR, else /var/tmp, else /tmp. *bytes_out is its size.
 * The caller closes *fd_out. UFO_END if a signal came. */
ufo_status spool_open(const char *file, int *fd_out, uint64_t *bytes_out, ufo_error *error);

#endif
