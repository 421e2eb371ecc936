/* binding.h - one file, one lock file: no store is open under two names, and no lock file serves two stores.
 *
 * Writers exclude each other, and learn of readers, by LMDB's lock file, which is found by the store's name. A second
 * name of a file (a hard link, a rename) would be a second set of locks; a store deleted while it was open and made
 * anew would share the locks, and the transaction numbers in them, of two files. So whoever has a store open holds a
 * shared lock on a byte of the file that stands for the lock file, and on a byte of the lock file that stands for the
 * file, and refuses if anybody holds another byte of these.
 *
 * LMDB's own locks on the lock file are POSIX locks, which a process loses when it closes any descriptor of the file.
 * So a binding is closed only while its engine is not open, and a lock file that this process uses is not opened again.
 */
#ifndef UFO_STORE_BINDING_H
#define UFO_STORE_BINDING_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <ufostore/error.h>

typedef struct ufo_binding {
  int fd; /* of the lock file; -1: there is none, because it may not be written and the store is open read-only */
  dev_t device;
  ino_t inode;
} ufo_binding;

/* All are called with the registry's lock held, but for `check` and `close`. */

/* Binds the store under `path`, open as `fd`, to its lock file, which is made if it is not there. */
ufo_status ufo_binding_take(ufo_binding *binding, const char *path, int fd, bool writable, ufo_error *error);
/* Does the name still lead to that lock file? */
ufo_status ufo_binding_check(const ufo_binding *binding, const char *path, ufo_error *error);
/* Marks another descriptor, of the same store or of the file that is to replace it. False: errno. */
bool ufo_binding_add(const ufo_binding *binding, int fd);
/* Undoes what `add` or `take` did on the lock file for the store of that inode. */
void ufo_binding_remove(const ufo_binding *binding, ino_t store);
void ufo_binding_close(ufo_binding *binding);

/* Before a store is made under a name that leads to none: removes the lock file of an earlier one. A store that was
 * deleted or renamed while it was open keeps the file without its name. UFO_FULL. */
ufo_status ufo_binding_clear_name(const char *path, ufo_error *error);
/* Then, before it gets the name: makes its lock file, if it is not there. `store` is from stat of what is to be it. */
ufo_status ufo_binding_prepare(const char *path, const struct stat *store, bool *made_out, ufo_error *error);
/* Takes that back, if no store has the name. */
void ufo_binding_unprepare(const char *path);

#endif
