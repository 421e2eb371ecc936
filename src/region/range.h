/* range.h - a range of bytes of a body as chunks, checked. */
#ifndef UFO_REGION_RANGE_H
#define UFO_REGION_RANGE_H

#include "region/pool.h"

typedef struct ufo_chunk_range {
  uint64_t first, end; /* chunks; empty if equal */
} ufo_chunk_range;

/* UFO_USAGE if the range is not inside the body. */
ufo_status ufo_chunk_range_of(const ufo_region *region, uint64_t offset, uint64_t bytes, ufo_chunk_range *range,
                              ufo_error *error);

/* Touches one byte of a chunk as a reader, or as a writer that changes nothing, so that the usual machinery brings it
 * in. The error of a failed fill comes back. */
ufo_status ufo_chunk_touch(ufo_region *region, uint64_t chunk, bool write, ufo_error *error);

#endif
