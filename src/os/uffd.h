/* uffd.h - the kernel's userfaultfd, and nothing else of it is used anywhere.
 *
 * Ranges are whole pages inside one registered mapping. Constants newer than Debian 12's headers are defined in uffd.c.
 */
#ifndef UFO_OS_UFFD_H
#define UFO_OS_UFFD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <ufostore/error.h>

typedef struct ufo_uffd {
  int fd;             /* -1: closed */
  int stop_fd;        /* an eventfd; readable once reading is to end */
  int empty_fd;       /* an empty file, for chunks that fail where the kernel cannot poison */
  bool kernel_faults; /* faults inside system calls are served too */
  bool can_move;
  atomic_bool can_poison; /* for good false once the kernel had no room for it */
  atomic_bool stopped;    /* reading is to end */
  atomic_int failed;      /* errno of a call that the kernel refuses again and again; 0: none */
  const char *_Atomic failed_call;
} ufo_uffd;

typedef struct ufo_fault {
  uint64_t address; /* of the page */
  bool write;       /* the access was a write */
  bool protected_;  /* the page is there, but write-protected */
  int thread;       /* kernel id of the faulting thread */
  uint64_t read_ns; /* monotonic: at this time the thread was waiting for certain */
} ufo_fault;

/* Tries /dev/userfaultfd, then the system call, then the system call for user-mode faults only. UFO_UNSUPPORTED names
 * what refused and the remedies. */
enum {
  UFO_UFFD_USER_FAULTS_ONLY = 1 << 0, /* as if the kernel allowed no more */
  UFO_UFFD_NO_POISON = 1 << 1,        /* ... or knew no UFFDIO_POISON */
  UFO_UFFD_NO_MOVE = 1 << 2,          /* ... or no UFFDIO_MOVE */
};
ufo_status ufo_uffd_open(ufo_uffd *uffd, unsigned without, ufo_error *error);
void ufo_uffd_close(ufo_uffd *uffd);

/* Missing and write-protect faults of the range from now on come to this descriptor. */
bool ufo_uffd_register(const ufo_uffd *uffd, void *address, uint64_t bytes);
/* A range that pages are moved out to, and that nothing watches: what is absent in it is zeros. */
bool ufo_uffd_register_target(const ufo_uffd *uffd, void *address, uint64_t bytes);
/* Does a page of zeros, moved to such a target and protected there, stay protected when its huge page is split?
 * Linux 6.12 to 6.17 replace it by the shared page of zeros and forget the protection, unless they have the fix of
 * October 2025. Uses both ranges, of a huge page each; they are empty before and after. */
bool ufo_uffd_split_keeps_protection(ufo_uffd *uffd, void *target, void *source, uint64_t bytes);
/* Wakes whoever waits in the range, too. False: errno, and nobody was woken. */
bool ufo_uffd_unregister(const ufo_uffd *uffd, void *address, uint64_t bytes);

/* Waits for a fault. False: reading is to end, or has failed. */
bool ufo_uffd_next(ufo_uffd *uffd, ufo_fault *fault);
/* Ends all present and future ufo_uffd_next. */
void ufo_uffd_stop(ufo_uffd *uffd);

/* What keeps threads from waiting for ever (reading faults, waking, lifting protection) is tried again for a while. If
 * the kernel goes on refusing, the descriptor has failed, which ends all ufo_uffd_next: from then on nobody is served,
 * and whoever waits must be released by ufo_uffd_retire. */
static inline bool ufo_uffd_has_failed(const ufo_uffd *uffd) { return atomic_load(&uffd->failed) != 0; }
/* The same for a call that the caller has tried often enough; `cause` is its errno. */
void ufo_uffd_give_up(ufo_uffd *uffd, const char *call, int cause);
/* Why; for a descriptor that has failed. Returns the status that belongs to it. */
ufo_status ufo_uffd_explain(const ufo_uffd *uffd, ufo_error *error);
/* Gives the userfaultfd up and wakes everybody who waits for it. From then on what is absent in its ranges is zeros,
 * and what is protected can be written to unseen: the caller has replaced what is absent before. Nothing is served any
 * more; the number stays in use until ufo_uffd_close. For a descriptor that has failed. */
void ufo_uffd_retire(ufo_uffd *uffd);

/* Makes the range present with the bytes at `source` (ordinary memory), write-protected or not, atomically for each
 * page, and wakes its waiters. False: errno; EEXIST if a page was there already. */
bool ufo_uffd_copy(const ufo_uffd *uffd, void *address, const void *source, uint64_t bytes, bool protect);
/* Moves the present pages of the range at `source` (of this process, touched by no other thread) to `address`, where
 * nothing is present, and wakes nobody. A huge page stays one. They are not write-protected. False: errno; EBUSY if a
 * page is shared with a child of fork() or pinned by the kernel. Some pages, from the first on, may have been moved
 * then; what the kernel says of how many is not reliable. For a single page it is all or nothing: EEXIST if one is
 * there, ENOENT if the source has none. */
bool ufo_uffd_move(const ufo_uffd *uffd, void *address, void *source, uint64_t bytes);
/* Sets or clears write protection of the present pages of the range; clearing wakes its waiters, also on failure:
 * they try again. */
bool ufo_uffd_protect(ufo_uffd *uffd, void *address, uint64_t bytes, bool protect);
void ufo_uffd_wake(ufo_uffd *uffd, void *address, uint64_t bytes);
/* From now on touching the (absent) range raises SIGBUS; wakes its waiters, also on failure. Undone by
 * ufo_uffd_unpoison. May be repeated. */
bool ufo_uffd_poison(ufo_uffd *uffd, void *address, uint64_t bytes);
/* Touching the range faults again. While this call runs, touches may raise SIGSEGV. False: still poisoned. */
bool ufo_uffd_unpoison(const ufo_uffd *uffd, void *address, uint64_t bytes, bool writable);

#endif
