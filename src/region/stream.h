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
  unsigned run; /* touches in a row; 0: free */
  int direction;
  uint64_t chunk; /* the last one */
  uint64_t used;  /* when, in touches of the region */
} ufo_stream;

/* Records that an absent chunk was touched. Returns where the touches are going: 1, -1, or 0 for nowhere yet. */
int ufo_stream_note(ufo_region *region, uint64_t chunk);
/* A stream has come to a window, all chunks of which are about to be there. */
void ufo_stream_enter(ufo_region *region, uint64_t window, int direction);
/* Windows that were made ahead of a stream were used, or made in vain. */
void ufo_stream_judge(ufo_region *region, bool used);

#endif
