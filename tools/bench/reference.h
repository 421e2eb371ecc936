/* reference.h - the handler that ufostore is held against: what other userfaultfd libraries do.
 *
 * One thread waits in poll(), reads a fault, makes one chunk in a buffer, drops the oldest chunk by MADV_DONTNEED if
 * the budget is used up, and fills by one UFFDIO_COPY. Nothing is read ahead, nothing is pinned to a processor. It only
 * reads: what is written to its memory is lost with the chunk. */
#ifndef UFOSTORE_BENCH_REFERENCE_H
#define UFOSTORE_BENCH_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>
#include <ufostore/error.h>

typedef struct reference reference;

/* Makes chunk `chunk` at `target`; false if it cannot. Runs on the handler's thread. */
typedef bool (*reference_fill_fn)(void *user, uint64_t chunk, void *target);

typedef struct reference_options {
  uint64_t bytes, chunk_bytes, budget_bytes; /* bytes: whole chunks */
  reference_fill_fn fill;
  void *user;
} reference_options;

/* UFO_UNSUPPORTED if there is no userfaultfd, UFO_FULL. */
ufo_status reference_start(const reference_options *options, reference **out, ufo_error *error);
void *reference_body(const reference *r);
/* Ends the thread and unmaps the memory. False if a chunk could not be made or copied: what was read since is wrong. */
bool reference_stop(reference *r);

#endif
