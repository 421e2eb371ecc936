/* core.h - what all handles on one store file share within a process: the engine, version pins, staging's owner id.
 *
 * One core per file and process (LMDB must not be opened twice), found by device and inode; counted by handles,
 * objects, extents and spills, so that these outlive a closed handle. A child of fork() has its own locks on what is
 * pinned from its first moment; its first use of the core gives it an engine.
 *
 * LOCK ORDER  registry -> spill -> engine gate (shared) -> engine's write transaction -> core->lock. Exclusive use of
 * the gate (reopening) is taken with none of the later ones held. Managed memory is touched under none of them. Nobody
 * waits for a thread that stages (staging.c) within a transaction. */
#ifndef UFO_STORE_CORE_H
#define UFO_STORE_CORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "os/scratch.h"
#include "store/binding.h"
#include "store/pin_cover.h"
#include "store/record.h"
#include "util/u64map.h"

typedef struct ufo_places ufo_places; /* places.h */

/* Working memory of one thread at a time: for encoded bytes and the codec. */
typedef struct ufo_work {
  ufo_codec_memory *codec;
  uint8_t *buffer;
  size_t capacity;
  ufo_places *places; /* of chunks that this thread will read next; made on demand */
  struct ufo_work *next;
} ufo_work;

typedef struct ufo_core {
  dev_t device;
  ino_t inode;
  char *path; /* absolute, without symbolic links */
  uint64_t map_bytes;
  ufo_superblock superblock;
  struct ufo_core *next;           /* in the registry */
  atomic_uint_fast64_t references; /* the last goes under the registry's lock */
  uint64_t handles;                /* open ufo_store's; under the registry's lock */
  atomic_uint fork_generation;     /* that of the process for which the rest is set up */

  pthread_rwlock_t gate; /* shared around every engine transaction */
  ufo_engine *engine;
  bool writable;
  ufo_binding binding; /* to the engine's lock file */

  pthread_mutex_t lock; /* all below */
  int lock_fd;          /* for OFD locks alone */
  int fork_fd;          /* while fork() runs: the child's lock_fd, with the pins; else -1 */
  bool unsure;          /* in a child: lock_fd is the parent's, who may have taken pins away */
  bool coarse;          /* in a child: lock_fd pins everything */
  ufo_u64map pins;      /* object id -> versions pinned by this process: see pin.c */
  ufo_pin_cover cover;  /* what is locked for them */
  uint64_t owner;       /* whose staged blobs are ours; 0: none yet */
  uint64_t *unstage;    /* staged blobs that nobody needs any more, to be deleted in the next write transaction */
  size_t unstage_count, unstage_capacity;
  uint8_t garbage_at[UFO_PARKED_KEY_BYTES + 1]; /* where the next look at the garbage begins: only for those in a */
  size_t garbage_at_bytes;                      /* write transaction */
  ufo_work *idle_work;
  ufo_scratch *scratch; /* made on demand */
  char *scratch_dir;
  struct ufo_spill *scratch_spill; /* not counted: cleared by its end */
  struct ufo_spill *spills;        /* all, so that fork() finds them unlocked */
} ufo_core;

typedef struct ufo_core_options {
  bool writable;
  uint64_t map_bytes;
  const char *scratch_dir;
  bool preflight; /* look at every page before the file is mapped */
} ufo_core_options;

/* The core of an existing file; counts one reference and one handle. */
ufo_status ufo_core_open(const char *path, const ufo_core_options *options, ufo_core **core_out, ufo_error *error);
void ufo_core_retain(ufo_core *core);
void ufo_core_release(ufo_core *core);
void ufo_core_drop_handle(ufo_core *core); /* and its reference */

/* Transactions of the engine, which is reopened first where that is needed (after fork, after a failed write). */
ufo_status ufo_core_begin_read(ufo_core *core, ufo_etxn **txn_out, ufo_error *error);
ufo_status ufo_core_begin_write(ufo_core *core, ufo_etxn **txn_out, ufo_error *error);
ufo_status ufo_core_commit(ufo_core *core, ufo_etxn *txn, ufo_error *error);
void ufo_core_end(ufo_core *core, ufo_etxn *txn); /* NULL is allowed */

/* Reads what ufo_engine_place found. The caller holds what keeps it there. Errors say nothing: who needs one looks the
 * value up again. */
ufo_status ufo_core_read_at(ufo_core *core, uint64_t offset, void *target, size_t bytes);

/* Called at the beginning of whatever uses the core's locks or locks on the file. Cheap unless fork() happened. */
ufo_status ufo_core_enter(ufo_core *core, ufo_error *error);

ufo_work *ufo_core_take_work(ufo_core *core); /* NULL: out of memory */
void ufo_core_give_work(ufo_core *core, ufo_work *work);
bool ufo_work_reserve(ufo_work *work, size_t bytes);

/* True if this handle's owner is all that uses the core in this process. */
bool ufo_core_is_alone(ufo_core *core);

/* ---- locks on bytes far behind the end of the file, freed by the kernel with the process: pin.c ------------------ */

typedef struct ufo_pin ufo_pin; /* keeps one version of one object from being reclaimed */

/* The caller then checks, in a transaction begun afterwards, that the version is still there. */
ufo_status ufo_pin_create(ufo_core *core, uint64_t id, uint64_t version, ufo_pin **pin_out, ufo_error *error);
ufo_pin *ufo_pin_retain(ufo_pin *pin);
void ufo_pin_release(ufo_pin *pin); /* NULL is allowed */

/* Is a version in [first, last] of the object pinned, in any process? Errors count as pinned. */
bool ufo_pin_any(ufo_core *core, uint64_t id, uint64_t first, uint64_t last);

/* Marks the file as in use: a shared lock; waits while another process replaces the file. */
ufo_status ufo_pin_presence(int fd, const char *path, ufo_error *error);
/* Exclusive presence, or false: another process has the file open. */
bool ufo_pin_presence_exclusive(int fd);
/* The owner's mark of its staged blobs; released by the end of the process. */
bool ufo_pin_owner(int fd, uint64_t owner);
bool ufo_pin_owner_alive(ufo_core *core, uint64_t owner);
#define UFO_PIN_BYTES                                                                                                  \
  (INT64_C(1) << 62) /* the byte of version 0 of object 0; no others come behind those of versions */
/* With core->lock held: the bytes of all pinned versions, ascending, malloc'ed. NULL: none, or (count > 0) no memory.
 */
int64_t *ufo_pin_bytes(const ufo_core *core, uint64_t *count_out);
/* With core->lock held: makes the range first .. last include all of them. */
void ufo_pin_bounds(const ufo_core *core, int64_t *first, int64_t *last);
/* In one lock: every version of every object. */
bool ufo_pin_everything(int fd);
/* After a time without locks: are all pinned versions still there? UFO_IO if not, or if that cannot be known. Opens a
 * transaction; nobody else uses the core. */
ufo_status ufo_pin_check(const ufo_core *core, ufo_error *error);
void ufo_pin_clear(ufo_core *core); /* frees the table; no pin is left */

#endif
