/* pin_cover.c - see pin_cover.h. */
#include "store/pin_cover.h"

#include <errno.h>
#include <stdlib.h>

#include "os/clock.h"
#include "os/file_lock.h"
#include "store/core.h"

enum {
  WIDE_PINS = 512,   /* a wide lock is for more pinned versions than these, */
  WIDE_CHANGES = 64, /* after so many changes; */
  EXACT_PINS = 256,  /* with as few as these, locks are exact at once */
};
#define QUIET_NS UINT64_C(200000000)
#define WIDE_NS UINT64_C(1000000000) /* at most, while the store is used */

static bool lock_range(int fd, int64_t first, int64_t last) {
  return ufo_file_lock_shared(fd, first, last - first + 1, false);
}

/* Locks the bytes, which ascend, and nothing between them, in place of a lock on all of it. False if more is locked. */
static bool unlock_gaps(int fd, const int64_t *bytes, uint64_t count, int64_t first, int64_t last) {
  bool done = true;
  for (uint64_t i = count; i-- > 0;) {
    if (last > bytes[i]) done = ufo_file_unlock(fd, bytes[i] + 1, last - bytes[i]) && done;
    last = bytes[i] - 1;
  }
  if (last >= first) done = ufo_file_unlock(fd, first, last - first + 1) && done;
  return done;
}

static bool is_inside(const ufo_pin_cover *cover, int64_t byte) { return byte >= cover->first && byte <= cover->last; }

static bool widen(ufo_core *core, int64_t byte) {
  ufo_pin_cover *cover = &core->cover;
  int64_t first = byte, last = byte;
  if (atomic_load(&cover->wide)) {
    first = byte < cover->first ? byte : cover->first;
    last = byte > cover->last ? byte : cover->last;
  } else {
    ufo_pin_bounds(core, &first, &last);
  }
  if (!lock_range(core->lock_fd, first, last)) return false;
  cover->first = first;
  cover->last = last;
  if (!atomic_load(&cover->wide)) cover->widened_ns = ufo_clock_monotonic_ns();
  atomic_store(&cover->wide, true);
  return true;
}

static void make_exact(ufo_core *core) {
  ufo_pin_cover *cover = &core->cover;
  uint64_t count;
  int64_t *bytes = ufo_pin_bytes(core, &count);
  if (!bytes && count > 0) return; /* no memory: it stays wide */
  bool exact = unlock_gaps(core->lock_fd, bytes, count, cover->first, cover->last);
  free(bytes);
  cover->changes = 0;
  if (exact) atomic_store(&cover->wide, false);
  else cover->widened_ns = cover->changed_ns = ufo_clock_monotonic_ns(); /* another time */
}

/* Counts a change. True: there are too many in a row for exact locks. */
static bool note_change(ufo_pin_cover *cover) {
  if (cover->pinned < EXACT_PINS) return false;
  uint64_t now = ufo_clock_monotonic_ns();
  if (now - cover->changed_ns >= QUIET_NS) cover->changes = 0;
  cover->changed_ns = now;
  if (cover->changes < WIDE_CHANGES) cover->changes++;
  return cover->pinned >= WIDE_PINS && cover->changes >= WIDE_CHANGES;
}

bool ufo_pin_cover_add(ufo_core *core, int64_t byte) {
  ufo_pin_cover *cover = &core->cover;
  cover->pinned++;
  bool many = note_change(cover), wide = atomic_load(&cover->wide);
  if (wide && is_inside(cover, byte)) return true;
  if ((wide || many) && widen(core, byte)) return true;
  if (!wide && lock_range(core->lock_fd, byte, byte)) return true;
  cover->pinned--;
  return false;
}

void ufo_pin_cover_remove(ufo_core *core, int64_t byte) {
  ufo_pin_cover *cover = &core->cover;
  bool many = note_change(cover), wide = atomic_load(&cover->wide);
  cover->pinned--;
  if (wide) {
    if (cover->pinned <= EXACT_PINS) make_exact(core);
  } else if (cover->pinned == 0) { /* and whatever more may be locked */
    ufo_file_unlock(core->lock_fd, UFO_PIN_BYTES, 0);
  } else if (!many || !widen(core, byte)) {
    ufo_file_unlock(core->lock_fd, byte, 1);
  }
}

void ufo_pin_cover_settle(ufo_core *core) {
  if (!atomic_load_explicit(&core->cover.wide, memory_order_relaxed)) return;
  pthread_mutex_lock(&core->lock);
  ufo_pin_cover *cover = &core->cover;
  uint64_t now = ufo_clock_monotonic_ns();
  bool is_due = now - cover->changed_ns >= QUIET_NS || now - cover->widened_ns >= WIDE_NS;
  if (is_due && atomic_load(&cover->wide)) make_exact(core);
  pthread_mutex_unlock(&core->lock);
}

bool ufo_pin_cover_copy(const ufo_core *core, int fd) {
  const ufo_pin_cover *cover = &core->cover;
  if (atomic_load(&cover->wide)) return lock_range(fd, cover->first, cover->last);
  uint64_t count;
  int64_t *bytes = ufo_pin_bytes(core, &count);
  if (count == 0) return true;
  if (!bytes) return errno = ENOMEM, false;
  bool locked = lock_range(fd, bytes[0], bytes[count - 1]);
  if (locked) (void)unlock_gaps(fd, bytes, count, bytes[0], bytes[count - 1]);
  int cause = errno;
  free(bytes);
  errno = cause;
  return locked;
}
