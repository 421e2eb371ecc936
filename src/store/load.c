/* load.c - the bytes of a chunk of an object: from where it was known to lie, or looked up. */
#include <string.h>

#include "store/map.h"
#include "store/places.h"
#include "util/checked.h"
#include "util/fail.h"

/* A chunk that is wanted. */
typedef struct wanted {
  ufo_object *object;
  uint64_t chunk;
  uint8_t *target;
  uint32_t bytes;
  bool foreign;  /* the target may be managed memory: not to be touched within a transaction or by a system call */
  uint64_t hash; /* XXH3-64 of the bytes, if it was known; else 0 */
} wanted;

/* Decodes what was stored of a chunk whose entry was found. It may end earlier than in this version only if nothing was
 * appended to it since: zeros follow. */
static ufo_status decode(wanted *w, ufo_work *work, const ufo_entry *entry, const void *stored, ufo_error *error) {
  const ufo_chunk_meta *meta = &entry->meta;
  ufo_status status = ufo_codec_decode(work->codec, meta, stored, w->target, error);
  if (status) return status;
  memset(w->target + meta->raw_bytes, 0, w->bytes - meta->raw_bytes);
  if (meta->raw_bytes == w->bytes) w->hash = meta->hash;
  return UFO_OK;
}

/* Where the stored bytes are to be read to, or NULL: no memory. */
static uint8_t *room_for(const wanted *w, ufo_work *work, const ufo_entry *entry) {
  if (ufo_codec_is_plain(&entry->meta) && !w->foreign) return w->target;
  return ufo_work_reserve(work, entry->meta.stored_bytes) ? work->buffer : NULL;
}

/* False: the place told nothing, or something is not as it should be. */
static bool load_placed(wanted *w, ufo_work *work, const ufo_place *place) {
  const ufo_object *object = w->object;
  const ufo_entry *entry = &place->entry;
  const uint8_t *stored = place->stored;
  if (place->kind == UFO_PLACE_ABSENT) {
    if (object->map_record.chunks_written == ufo_record_chunk_count(&object->map_record)) return false;
    memset(w->target, 0, w->bytes);
    return true;
  }
  if (place->kind == UFO_PLACE_FILE) {
    uint8_t *room = room_for(w, work, entry);
    if (!room || ufo_core_read_at(object->core, place->offset, room, entry->meta.stored_bytes)) return false;
    stored = room;
  }
  return decode(w, work, entry, stored, NULL) == UFO_OK;
}

/* What is found of a chunk in a transaction; the rest is done when that has ended. */
typedef struct finding {
  ufo_entry entry;
  const uint8_t *stored;
  bool missing;
} finding;

static ufo_status find(const wanted *w, ufo_work *work, ufo_etxn *etxn, finding *found, ufo_error *error) {
  const ufo_object *object = w->object;
  ufo_entry *entry = &found->entry;
  *found = (finding){0};
  ufo_status status = ufo_map_find(etxn, object->map_id, w->chunk, object->map_version, entry, NULL, error);
  found->missing = status == UFO_MISSING;
  if (found->missing) return UFO_OK;
  if (!status && (entry->is_child || entry->meta.raw_bytes > w->bytes))
    return ufo_fail(error, UFO_CORRUPT, "its entry in the map does not fit the object");
  if (status || !entry->blob) return status;
  uint8_t *room = room_for(w, work, entry);
  if (!room) return ufo_fail(error, UFO_FULL, "out of memory");
  found->stored = room;
  return ufo_blob_read(etxn, entry->blob, room, entry->meta.stored_bytes, error);
}

static ufo_status finish(wanted *w, ufo_work *work, const finding *found, ufo_error *error) {
  const ufo_record *record = &w->object->map_record;
  if (!found->missing) return decode(w, work, &found->entry, found->stored, error);
  if (record->chunks_written == ufo_record_chunk_count(record))
    return ufo_fail(error, UFO_CORRUPT, "its entry in the map is missing");
  memset(w->target, 0, w->bytes);
  return UFO_OK;
}

/* The pin keeps entry and blob from being reclaimed, a short transaction the entry's page from being reused while it is
 * read. */
static ufo_status load_found(wanted *w, ufo_work *work, ufo_error *error) {
  ufo_core *core = w->object->core;
  ufo_etxn *etxn;
  finding found;
  ufo_status status = ufo_core_begin_read(core, &etxn, error);
  if (status) return status;
  status = find(w, work, etxn, &found, error);
  ufo_core_end(core, etxn);
  return status ? status : finish(w, work, &found, error);
}

static ufo_status load_committed(wanted *w, ufo_error *error) {
  ufo_object *object = w->object;
  if (object->map_id == 0 || w->chunk >= ufo_record_chunk_count(&object->map_record)) {
    memset(w->target, 0, w->bytes);
    return UFO_OK;
  }
  ufo_work *work = ufo_core_take_work(object->core);
  if (!work) return ufo_fail(error, UFO_FULL, "out of memory");
  const ufo_place *place = ufo_places_find(work, object, w->chunk);
  ufo_status status = UFO_OK;
  if (!place || !load_placed(w, work, place)) status = load_found(w, work, error);
  ufo_core_give_work(object->core, work);
  return status;
}

static ufo_status load_extent(wanted *w, ufo_extent *extent, ufo_error *error) {
  if (ufo_extent_meta(extent)->raw_bytes != w->bytes)
    return ufo_fail(error, UFO_CORRUPT, "a pending chunk does not fit the object");
  ufo_status status = ufo_extent_load(extent, w->target, error);
  if (!status) w->hash = ufo_extent_meta(extent)->hash;
  return status;
}

static ufo_status load(wanted *w, ufo_error *error) {
  ufo_object *object = w->object;
  if (ufo_has_children(object->record.type) || w->chunk >= object->info.chunk_count) {
    return ufo_fail(error, UFO_USAGE, "'%s' has no chunk %llu", object->label, (unsigned long long)w->chunk);
  }
  w->bytes = ufo_object_chunk_raw_bytes(object, w->chunk);
  ufo_extent *extent = ufo_u64map_get(&object->extents, w->chunk);
  ufo_status status = extent ? load_extent(w, extent, error) : load_committed(w, error);
  if (status) {
    uint64_t first_byte = w->chunk * object->record.chunk_bytes, width = object->record.element_bytes;
    uint64_t first = first_byte / width, last = (first_byte + w->bytes - 1) / width;
    ufo_fail_prefix(error, status,
                    "cannot read chunk %llu (elements %llu to %llu, zero-based) of '%s' (object %llu) version %llu in "
                    "store %s",
                    (unsigned long long)w->chunk, (unsigned long long)first, (unsigned long long)last, object->label,
                    (unsigned long long)object->info.id, (unsigned long long)object->info.version, object->core->path);
  }
  return status;
}

ufo_status ufo_object_load(ufo_object *object, uint64_t chunk, void *target, ufo_error *error) {
  wanted w = {.object = object, .chunk = chunk, .target = target};
  return load(&w, error);
}

ufo_status ufo_object_load_hashed(ufo_object *object, uint64_t chunk, void *target, uint64_t *hash_out,
                                  ufo_error *error) {
  wanted w = {.object = object, .chunk = chunk, .target = target};
  ufo_status status = load(&w, error);
  *hash_out = w.hash;
  return status;
}

ufo_status ufo_object_read(ufo_object *object, uint64_t chunk, uint32_t skip, uint32_t count, void *target,
                           ufo_error *error) {
  wanted w = {.object = object, .chunk = chunk, .target = target, .foreign = true};
  uint32_t bytes = ufo_object_chunk_raw_bytes(object, chunk);
  if (count == bytes && !ufo_u64map_get(&object->extents, chunk)) return load(&w, error);
  ufo_work *work = ufo_core_take_work(object->core);
  if (!work || !ufo_work_reserve(work, bytes)) {
    ufo_core_give_work(object->core, work);
    return ufo_fail(error, UFO_FULL, "cannot read '%s': out of memory", object->label);
  }
  ufo_status status = ufo_object_load(object, chunk, work->buffer, error);
  if (!status) memcpy(target, work->buffer + skip, count);
  ufo_core_give_work(object->core, work);
  return status;
}

ufo_status ufo_object_read_bytes(ufo_object *object, uint64_t at, uint64_t count, void *target, ufo_error *error) {
  const uint64_t chunk_bytes = object->info.chunk_bytes, end = at + count;
  uint8_t *to = target;
  while (at < end) {
    uint64_t skip = at % chunk_bytes, part = ufo_min(chunk_bytes - skip, end - at);
    ufo_status status = ufo_object_read(object, at / chunk_bytes, (uint32_t)skip, (uint32_t)part, to, error);
    if (status) return status;
    to += part;
    at += part;
  }
  return UFO_OK;
}

bool ufo_object_read_once(ufo_core *core, ufo_etxn *etxn, const ufo_found *found, uint64_t chunk, uint32_t skip,
                          uint32_t count, void *target) {
  ufo_object object = {.core = core,
                       .record = found->record,
                       .map_record = found->record,
                       .map_id = found->id,
                       .map_version = found->version};
  wanted w = {.object = &object, .chunk = chunk, .target = target, .foreign = true};
  w.bytes = ufo_record_chunk_raw_bytes(&found->record, chunk);
  finding seen;
  ufo_work *work = ufo_core_take_work(core), *whole = NULL;
  bool done = work != NULL;
  if (done && count != w.bytes) { /* the chunk is decoded beside, and a part of it copied */
    whole = ufo_core_take_work(core);
    done = whole && ufo_work_reserve(whole, w.bytes);
    if (done) w.target = whole->buffer;
  }
  done = done && find(&w, work, etxn, &seen, NULL) == UFO_OK;
  ufo_core_end(core, etxn);
  done = done && finish(&w, work, &seen, NULL) == UFO_OK;
  if (done && whole) memcpy(target, whole->buffer + skip, count);
  ufo_core_give_work(core, work);
  ufo_core_give_work(core, whole);
  return done;
}

void ufo_object_expect(ufo_object *object, uint64_t end) { object->expected_end = end; }
