/* registry.h - the open files of this process, and what fork() must find in order. */
#ifndef UFO_STORE_REGISTRY_H
#define UFO_STORE_REGISTRY_H

#include "store/core.h"

void ufo_registry_lock(void);
void ufo_registry_unlock(void);
/* All below are called with the lock held. */
ufo_core *ufo_registry_find(dev_t device, ino_t inode);
/* The core that is bound to this lock file. */
ufo_core *ufo_registry_find_lock_file(dev_t device, ino_t inode);
void ufo_registry_add(ufo_core *core);
void ufo_registry_remove(ufo_core *core);

/* Changes in a forked child; may be called at any time. */
unsigned ufo_registry_fork_generation(void);

#endif
