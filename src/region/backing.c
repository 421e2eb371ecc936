/* backing.c - where changed chunks of a region without a writeback live while they are not in memory: the pool's
 * scratch file. Once a chunk was written here, its content comes from here, not from populate. */
#include <stdlib.h>

#include "region/pool.h"
#include "util/fail.h"

ufo_status ufo_backing_write(ufo_region *region, uint64_t chunk, const void *data, uint64_t bytes, ufo_error *error) {
  ufo_scratch *scratch = region->pool->scratch;
  ufo_piece *piece = malloc(sizeof *piece);
  if (!piece) return ufo_fail(error, UFO_FULL, "out of memory for the record of a spilled chunk");
  ufo_status status = ufo_scratch_write(scratch, data, (uint32_t)bytes, piece, error);
  if (status != UFO_OK) {
    free(piece);
    return status;
  }
  void *old = NULL;
  pthread_mutex_lock(&region->backing_lock);
  bool kept = ufo_u64map_put(&region->backed, chunk, piece, &old);
  pthread_mutex_unlock(&region->backing_lock);
  ufo_piece *obsolete = kept ? old : piece;
  if (obsolete) ufo_scratch_discard(scratch, *obsolete);
  free(obsolete);
  return kept ? UFO_OK : ufo_fail(error, UFO_FULL, "out of memory for the record of a spilled chunk");
}

int ufo_backing_read(ufo_region *region, uint64_t chunk, void *target, ufo_error *error) {
  pthread_mutex_lock(&region->backing_lock);
  const ufo_piece *found = ufo_u64map_get(&region->backed, chunk);
  ufo_piece piece = found ? *found : (ufo_piece){0};
  pthread_mutex_unlock(&region->backing_lock);
  if (!found) return 0;
  /* Nobody frees the piece meanwhile: a new one takes a resident chunk, and this one is being filled; a reset waits. */
  ufo_status status = ufo_scratch_read(region->pool->scratch, piece, target, error);
  return status == UFO_OK ? 1 : (int)status;
}

ufo_u64map ufo_backing_take(ufo_region *region) {
  pthread_mutex_lock(&region->backing_lock);
  ufo_u64map pieces = region->backed;
  region->backed = (ufo_u64map){0};
  pthread_mutex_unlock(&region->backing_lock);
  return pieces;
}

void ufo_backing_discard(ufo_region *region, ufo_u64map *pieces) {
  for (size_t i = 0; i < pieces->slots; i++) {
    ufo_piece *piece = pieces->values[i];
    if (!piece) continue;
    ufo_scratch_discard(region->pool->scratch, *piece);
    free(piece);
  }
  ufo_u64map_clear(pieces);
}
