/* attach.h - what ties a core to its file: a descriptor that carries the locks, and the engine.
 *
 * The descriptor is opened once and kept: locks go with it, so it is never closed before another one has them all. The
 * engine, which opens the file by its name, comes and goes; each time it must find the file that the descriptor is of.
 * All below are called with the registry's lock, or with the gate held exclusively, or both; never with core->lock. */
#ifndef UFO_STORE_ATTACH_H
#define UFO_STORE_ATTACH_H

#include <sys/stat.h>

#include "store/core.h"

/* Looks at every page of a file. It may take long, so no lock of this process is held; the file's presence is, by the
 * descriptor, so that the file is not replaced before the descriptor is closed. */
ufo_status ufo_attach_preflight(const char *path, int *fd_out, struct stat *file, ufo_error *error);
/* Gives a new core all of it. If its inode is set already, it must be of that file. On an error it has nothing. */
ufo_status ufo_attach_open(ufo_core *core, ufo_error *error);
/* Gives a core in a forked child an engine, and a descriptor of its own. Tried again at the next use if it fails. */
ufo_status ufo_attach_child(ufo_core *core, ufo_error *error);
/* Closes the engine and opens it anew. On an error the core has none, and keeps its locks. */
ufo_status ufo_attach_reopen(ufo_core *core, ufo_error *error);
/* The core was read-only. On an error it still is. */
ufo_status ufo_attach_writable(ufo_core *core, ufo_error *error);
/* The core's path leads to another file now, by its own doing: `fd` is of that one, which is `file`, and has its
 * locks. On an error the core has no engine, but the next use gives it one. */
ufo_status ufo_attach_replaced(ufo_core *core, int fd, const struct stat *file, ufo_error *error);
void ufo_attach_close(ufo_core *core);

/* Around fork(), with core->lock held: makes a descriptor for the child, with the pins on it; gives it to the child, or
 * closes it in the parent. */
void ufo_attach_before_fork(ufo_core *core);
void ufo_attach_after_fork(ufo_core *core);
void ufo_attach_after_fork_in_child(ufo_core *core);

#endif
