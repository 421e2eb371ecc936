/* stream.h - which touches come one after the other.
 *
 * The callers hold the residency lock. */
#ifndef UFO_REGION_STREAM_H
#define UFO_REGION_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <ufostore/region.h>

enum { UFO_STREAMS = 8 };

/* Touches of absent chunks that came one after the other, of whichever thread: the places tell streams apart. */
typedef struct ufo_stream {
  unsigned run;     /* touches in a row; 0: free */
  int64_t stride;   /* from one touch to the next, in chunks, once run is 2 */
  uint64_t chunk;   /* the last one */
  uint64_t used;    /* when, in touches of the region */
  unsigned written; /* chunks that were written to, of the window that it is in, or of its last touches */
  unsigned ahead;   /* chunks that were asked for ahead, one by one: they may be passed without a touch */
  bool writes;      /* that window was made ready to be written to, so this is not counted there */
} ufo_stream;

/* To a neighbour, in either direction. */
static inline bool ufo_stride_is_near(int64_t stride) { return stride == 1 || stride == -1; }

/* Records that an absent chunk was touched. Returns how the touches go on, in chunks from one to the next, or 0 if they
 * do not. So many chunks will then be asked for one by one, depending on whether they are neighbours or further apart.
 */
int64_t ufo_stream_note(ufo_region *region, uint64_t chunk, unsigned near, unsigned far);
/* A chunk was written to for the first time since it was clean or absent. */
void ufo_stream_wrote(ufo_region *region, uint64_t chunk);
/* A stream has come to a window, all chunks of which are about to be there. Does it write to all that it reads, most
 * likely? If that depends on whether it wrote to the window before, which was made ready for that, *prove_out is a
 * chunk of it that it has passed; else UINT64_MAX. */
bool ufo_stream_enter(ufo_region *region, uint64_t window, int direction, bool write, uint64_t *prove_out);
/* A window was touched that had been in memory before, or had not. Streams that come back again and again find more in
 * memory if what they have just passed goes first. */
void ufo_stream_returned(ufo_region *region, bool before);
bool ufo_stream_returns(const ufo_region *region);
/* Windows that were made ahead of a stream were used, or made in vain. */
void ufo_stream_judge(ufo_region *region, bool used);

#endif
