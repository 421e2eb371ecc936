/* sources.c - see sources.h. */
#include "sources.h"

#include "cli/cli.h"
#include "clock.h"
#include "sum.h"

#include <stdlib.h>
#include <string.h>

ufo_status sources_open(workspace *w, data_kind kind, sources *s, ufo_error *error) {
  *s = (sources){0};
  ufo_status status = workspace_dataset(w, kind, &s->set, error);
  if (!status) status = dataset_open(s->set, false, &s->store, error);
  if (!status) status = pack_create(kind, s->set->bytes, s->set->codec, &s->packed, error);
  if (status) return status;
  s->buffer = malloc(sizeof *s->buffer);
  s->handler_buffer = malloc(sizeof *s->handler_buffer);
  s->chunk = aligned_alloc(4096, PACK_CHUNK_BYTES);
  if (s->buffer && s->handler_buffer && s->chunk) return UFO_OK;
  return set_error(error, UFO_FULL, "no memory for buffers");
}

void sources_close(sources *s) {
  ufo_store_close(s->store);
  pack_free(&s->packed);
  free(s->buffer);
  free(s->handler_buffer);
  free(s->chunk);
  *s = (sources){0};
}

ufo_status sources_decode_all(sources *s, double *gb_per_s_out, ufo_error *error) {
  uint64_t begin = now_ns();
  for (uint64_t i = 0; i < s->packed.chunk_count; i++)
    if (!pack_decode(&s->packed, i, s->buffer, s->chunk))
      return set_error(error, UFO_CORRUPT, "packed chunk %llu cannot be decoded", (unsigned long long)i);
  *gb_per_s_out = gb_per_s(s->packed.chunk_count * PACK_CHUNK_BYTES, now_ns() - begin);
  /* The last chunk is still there. None of the data are NaN. */
  const double *values = (const double *)(const void *)s->chunk;
  uint64_t units = PACK_CHUNK_BYTES / sizeof(double), first = (s->packed.chunk_count - 1) * units;
  for (uint64_t i = 0; i < units; i++)
    if (values[i] != data_at(s->set->kind, first + i))
      return set_error(error, UFO_CORRUPT, "packed data decode to something else");
  return UFO_OK;
}

bool sources_fill(void *user, uint64_t chunk, void *target) {
  sources *s = user;
  return pack_decode(&s->packed, chunk % s->packed.chunk_count, s->handler_buffer, target);
}

ufo_status sources_reference(sources *s, uint64_t budget_bytes, reference **out, ufo_error *error) {
  const reference_options options = {.bytes = s->packed.chunk_count * PACK_CHUNK_BYTES,
                                     .chunk_bytes = PACK_CHUNK_BYTES,
                                     .budget_bytes = budget_bytes,
                                     .fill = sources_fill,
                                     .user = s};
  return reference_start(&options, out, error);
}

ufo_status sources_reference_end(reference *r, ufo_error *error) {
  if (reference_stop(r)) return UFO_OK;
  return set_error(error, UFO_IO, "the reference handler failed to fill a chunk");
}

ufo_status check_sum(const dataset *set, double sum, const char *who, ufo_error *error) {
  if (sum == set->sum) return UFO_OK;
  return set_error(error, UFO_CORRUPT, "%s sums %s to %.17g, not to %.17g", who, data_name(set->kind), sum, set->sum);
}

double timed_scan(const double *values, uint64_t count, double *sum_out) {
  lanes l = {0};
  uint64_t begin = now_ns();
  sum_add(&l, values, count);
  *sum_out = sum_total(&l);
  return gb_per_s(count * sizeof *values, now_ns() - begin);
}
