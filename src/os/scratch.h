/* scratch.h - an unlinked temporary file cut in pieces: room for what must leave memory and need not last.
 *
 * Pieces are rounded up to 4 KiB and freed ones are reused by size. Thread-safe. After fork(), pieces made before it
 * stay readable in both processes and are never reused by either; what either then writes goes to its own room. */
#ifndef UFO_OS_SCRATCH_H
#define UFO_OS_SCRATCH_H

#include <stdint.h>
#include <ufostore/error.h>

typedef struct ufo_scratch ufo_scratch;

typedef struct ufo_piece {
  uint64_t offset;
  uint32_t bytes; /* as asked for; 0: no piece */
  uint32_t file;  /* which file of the scratch: a forked child continues in a file of its own */
} ufo_piece;

/* `directory` may be NULL: $UFOSTORE_SCRATCH, else $TMPDIR, else /var/tmp, else /tmp. The file is made at the first
 * write, so creating a scratch touches no disk. */
ufo_status ufo_scratch_create(const char *directory, ufo_scratch **scratch_out, ufo_error *error);
void ufo_scratch_free(ufo_scratch *scratch); /* NULL is allowed; no thread may be using it */

/* Writes `bytes` > 0 bytes (ordinary memory) to a new piece. UFO_FULL if the disk is full, UFO_IO. */
ufo_status ufo_scratch_write(ufo_scratch *scratch, const void *data, uint32_t bytes, ufo_piece *piece_out,
                             ufo_error *error);
/* Reads a whole piece into ordinary memory. */
ufo_status ufo_scratch_read(ufo_scratch *scratch, ufo_piece piece, void *target, ufo_error *error);
/* Gives the piece's room back. */
void ufo_scratch_discard(ufo_scratch *scratch, ufo_piece piece);
/* Bytes in live pieces, rounded as on disk. */
uint64_t ufo_scratch_used_bytes(const ufo_scratch *scratch);

/* Makes fork() safe for scratches from here on; creating one does it too. Whoever registers fork handlers that take
 * locks under which a scratch is used calls this first: handlers that prepare a fork run in the reverse order, so the
 * scratch's locks are then taken last. */
void ufo_scratch_watch_forks(void);

#endif
