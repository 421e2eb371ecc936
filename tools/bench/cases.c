/* cases.c - all cases, in the order in which they are run. */
#include "cases.h"

#include <stddef.h>

const bench_case *const bench_cases[] = {
    &case_scan_prices, &case_scan_sequence, &case_scan_constant,
    &case_scan_noise,  &case_rescan,        &case_codec,
    &case_random,      &case_cold,          &case_update,
    &case_commit,      &case_open,          &case_views,
    &case_memory,      &case_r_sum,         &case_r_loop,
    &case_r_index,     &case_grow_size,     &case_grow_objects,
    &case_grow_length, &case_grow_threads,  NULL,
};
