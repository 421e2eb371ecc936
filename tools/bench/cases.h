/* cases.h - the cases, for the table in cases.c. Each is described in README.md here. */
#ifndef UFOSTORE_BENCH_CASES_H
#define UFOSTORE_BENCH_CASES_H

#include "case.h"

extern const bench_case case_scan_prices, case_scan_sequence, case_scan_constant, case_scan_noise,
    case_rescan;                                                                                /* scan.c */
extern const bench_case case_codec;                                                             /* codec.c */
extern const bench_case case_random;                                                            /* random.c */
extern const bench_case case_cold;                                                              /* cold.c */
extern const bench_case case_update, case_commit;                                               /* write.c */
extern const bench_case case_open, case_views;                                                  /* many.c */
extern const bench_case case_memory;                                                            /* memory.c */
extern const bench_case case_r_sum, case_r_loop, case_r_index;                                  /* r.c */
extern const bench_case case_grow_size, case_grow_objects, case_grow_length, case_grow_threads; /* growth.c */

#endif
