/* r_script.h - bindings/r/bench/cases.R as bytes; CMakeLists.txt makes the file that has them. */
#ifndef UFOSTORE_BENCH_R_SCRIPT_H
#define UFOSTORE_BENCH_R_SCRIPT_H

#include <stddef.h>

extern const unsigned char r_script[];
extern const size_t r_script_bytes;

#endif
