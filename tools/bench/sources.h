/* sources.h - a stored vector beside the same data packed in memory: what most cases set out with. */
#ifndef UFOSTORE_BENCH_SOURCES_H
#define UFOSTORE_BENCH_SOURCES_H

#include "pack.h"
#include "reference.h"
#include "workspace.h"

typedef struct sources {
  const dataset *set;
  ufo_store *store; /* read-only */
  pack packed;
  pack_buffer *buffer;
  pack_buffer *handler_buffer;
  uint8_t *chunk; /* PACK_CHUNK_BYTES */
} sources;

ufo_status sources_open(workspace *w, data_kind kind, sources *s, ufo_error *error);
void sources_close(sources *s);

/* Decodes everything that is packed, one chunk after the other into the same buffer; *gb_per_s_out is the limit of one
 * thread. Fails if what comes out is not what went in. */
ufo_status sources_decode_all(sources *s, double *gb_per_s_out, ufo_error *error);

/* Fills chunks for a reference handler; `user` is a sources. What is packed repeats for ever. */
bool sources_fill(void *user, uint64_t chunk, void *target);
/* A reference handler over what is packed. */
ufo_status sources_reference(sources *s, uint64_t budget_bytes, reference **out, ufo_error *error);
/* Ends it; an error if it failed on the way. */
ufo_status sources_reference_end(reference *r, ufo_error *error);

/* The sum must be that of the data as they were made. `who` is for the message. */
ufo_status check_sum(const dataset *set, double sum, const char *who, ufo_error *error);

/* Times one scan of `count` doubles; the sum goes to *sum_out. GB/s. */
double timed_scan(const double *values, uint64_t count, double *sum_out);

#endif
