/* sequence.h - regions computed by a formula: arithmetic sequences of any length, taking no storage at all. */
#ifndef UFOSTORE_SEQUENCE_H
#define UFOSTORE_SEQUENCE_H

#include <ufostore/region.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Fills *source so that a region made with it holds from, from + by, from + 2 by, ... as int32 (element_bytes must be
 * 4). UFO_USAGE if an element among the first `count` does not fit int32 (INT32_MIN, R's NA, included). */
UFO_API UFO_MUST_CHECK ufo_status ufo_sequence_integer(int64_t from, int64_t by, uint64_t count, ufo_source *source,
                                                       ufo_error *error);

/* The same in double (element_bytes 8); element i is from + i * by, rounded once. */
UFO_API UFO_MUST_CHECK ufo_status ufo_sequence_double(double from, double by, ufo_source *source, ufo_error *error);

#ifdef __cplusplus
}
#endif
#endif
