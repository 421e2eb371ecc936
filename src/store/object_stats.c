/* object_stats.c - what the map says of the values of an object's chunks. */
#include "store/handle.h"
#include "store/map.h"
#include "util/checked.h"
#include "util/fail.h"

typedef struct telling {
  const ufo_object *object;
  ufo_object_stats_fn visit;
  void *user;
  uint64_t next;     /* chunk to be told of */
  ufo_status status; /* of `visit` when it ended the walk */
} telling;

/* Of a chunk that no entry of the map is to be looked at for. */
static ufo_status tell_without_entry(telling *to, ufo_error *error) {
  static const ufo_chunk_stats zeros = {.flags = UFO_STATS_PRESENT | UFO_STATS_HAS_RANGE | UFO_STATS_ASCENDING |
                                                 UFO_STATS_DESCENDING};
  const ufo_object *object = to->object;
  uint64_t chunk = to->next++, chunks = ufo_record_chunk_count(&object->map_record);
  const ufo_extent *extent = ufo_u64map_get(&object->extents, chunk);
  if (!extent && object->map_id && chunk < chunks && object->map_record.chunks_written == chunks)
    return ufo_fail(error, UFO_CORRUPT,
                    "cannot tell the values of '%s' of store %s: chunk %llu has no entry in the map", object->label,
                    object->core->path, (unsigned long long)chunk);
  return to->visit(to->user, chunk, extent ? &ufo_extent_meta(extent)->stats : &zeros, error);
}

static ufo_status tell_entry(void *user, uint64_t chunk, uint64_t entry_version, const ufo_entry *entry,
                             ufo_error *error) {
  telling *to = user;
  (void)entry_version;
  if (chunk >= ufo_record_chunk_count(&to->object->map_record)) return UFO_END; /* behind the end */
  if (chunk >= to->object->info.chunk_count) return UFO_END;
  ufo_status status = UFO_OK;
  while (to->next < chunk && !status) status = tell_without_entry(to, error);
  if (!status && ufo_u64map_get(&to->object->extents, chunk)) return to->status = tell_without_entry(to, error);
  if (status) return to->status = status;
  to->next = chunk + 1;
  static const ufo_chunk_stats none;
  bool fits = !entry->is_child && entry->meta.raw_bytes == ufo_object_chunk_raw_bytes(to->object, chunk);
  if (!fits) return to->status = to->visit(to->user, chunk, &none, error);
  return to->status = to->visit(to->user, chunk, &entry->meta.stats, error);
}

ufo_status ufo_object_each_stats(ufo_object *object, ufo_object_stats_fn visit, void *user, ufo_error *error) {
  telling to = {.object = object, .visit = visit, .user = user};
  ufo_status status = UFO_OK;
  if (object->map_id) {
    ufo_etxn *etxn;
    status = ufo_core_begin_read(object->core, &etxn, error);
    if (status) return status;
    status = ufo_map_walk(etxn, object->map_id, 0, object->map_version, tell_entry, &to, error);
    ufo_core_end(object->core, etxn);
    if (to.status) status = to.status; /* the walk takes UFO_END for its own end */
  }
  while (to.next < object->info.chunk_count && !status) status = tell_without_entry(&to, error);
  return status;
}
