/* table.h - results as text. */
#ifndef UFOSTORE_BENCH_TABLE_H
#define UFOSTORE_BENCH_TABLE_H

#include "case.h"
#include "machine.h"

void table_print_head(const machine *m, const workspace *w);
void table_print_case(const result *r);
/* All goals, and how many are met. */
void table_print_summary(const result *results, int count);

const char *role_name(series_role role);

#endif
