/* pin_cover.h - which bytes are locked for the pinned versions of a process.
 *
 *   exact   one lock for each pinned version
 *   wide    one lock from the lowest to the highest pinned version, and so on all versions between them, of all objects
 *
 * The kernel keeps the locks of a file in a list and goes through it for each new one, so with exact locks alone ten
 * thousand views took the time of fifty million steps. A process that makes or releases many pins while it has many
 * goes over to one wide lock, in which they cost nothing. What others supersede in it waits meanwhile; so as soon as
 * pins have not changed for a while, or the lock has been wide for a second, the next use of the store makes the locks
 * exact again: by unlocking what lies between the pinned versions, from the top down, where the kernel has the least to
 * go through.
 *
 * Whatever fails, the pinned versions stay locked; more may be then, until the cover is made wide or empty again. */
#ifndef UFO_STORE_PIN_COVER_H
#define UFO_STORE_PIN_COVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ufo_core;

typedef struct ufo_pin_cover {
  atomic_bool wide;    /* changed under core->lock */
  int64_t first, last; /* of the wide lock */
  uint64_t pinned;     /* versions */
  unsigned changes;    /* in a row, since the locks were last made exact */
  uint64_t changed_ns, widened_ns;
} ufo_pin_cover;

/* With core->lock held: the version of this byte, which is in the table of pins already, is pinned for the first time.
 * False: errno, and it is not locked. */
bool ufo_pin_cover_add(struct ufo_core *core, int64_t byte);
/* With core->lock held: it is not pinned any more, and not in the table. */
void ufo_pin_cover_remove(struct ufo_core *core, int64_t byte);
/* Makes a wide cover exact if no pin has come or gone for a while, or it has been wide for long. Cheap if there is
 * nothing to do. */
void ufo_pin_cover_settle(struct ufo_core *core);
/* With core->lock held: the same locks on another descriptor of the file. False: errno. */
bool ufo_pin_cover_copy(const struct ufo_core *core, int fd);

#endif
