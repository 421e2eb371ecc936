/* stats_avx2.h - eight elements at a time, for processors that have AVX2. */
#ifndef UFO_CODEC_STATS_AVX2_H
#define UFO_CODEC_STATS_AVX2_H

#include <stdbool.h>
#include <stddef.h>

/* What a pass over the first elements found: integers are exact in doubles. */
typedef struct ufo_stats_part {
  size_t count; /* elements of which it tells, and of the steps to the one behind each: all but the last few */
  size_t na;
  double min, max;   /* infinity and -infinity if there is no value */
  bool falls, rises; /* some step does; of an NA, whatever */
} ufo_stats_part;

#ifdef __x86_64__
ufo_stats_part ufo_stats_f64_avx2(const void *values, size_t n);
ufo_stats_part ufo_stats_i32_avx2(const void *values, size_t n);
#endif

#endif
