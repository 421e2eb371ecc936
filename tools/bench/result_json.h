/* result_json.h - results as JSON, with every sample. README.md here describes the fields. */
#ifndef UFOSTORE_BENCH_RESULT_JSON_H
#define UFOSTORE_BENCH_RESULT_JSON_H

#include "case.h"
#include "machine.h"

void result_json_print(const machine *m, const workspace *w, const result *results, int count);

#endif
