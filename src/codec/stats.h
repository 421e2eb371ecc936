/* stats.h - what a zone map keeps of a chunk: range, number of NAs, order. */
#ifndef UFO_CODEC_STATS_H
#define UFO_CODEC_STATS_H

#include "codec/codec.h"

/* Statistics of `bytes` bytes of elements of `type`, in one pass; `raw` needs no alignment. For types other than
 * logical, integer and double, and if the length is not a whole number of elements, flags are 0. A minimum or maximum
 * that is zero is given as +0. A chunk without elements has no range and counts as ascending and descending. */
ufo_chunk_stats ufo_stats_of(ufo_type type, const void *raw, uint32_t bytes);

#endif
