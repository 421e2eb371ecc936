/* places.c - see places.h.
 *
 * Each thread that reads has places of its own, in its working memory: nothing is locked, and fork() has nothing to
 * find half done. The first look-up is of few chunks, each that continues it of twice as many and with a question
 * to the disk, so that touches which only happen to be neighbours cost little.
 *
 * From the disk, blobs that lie in order are left to the kernel's own read-ahead: it takes memory in large pieces, and
 * what it is asked for is read in pages of 4 KiB, at twice the processor's time. It does not help where blobs do not
 * lie as they are read (rewritten chunks, reading backwards), and not enough where the disk answers late. There, while
 * the next chunks are found not to be in memory, the extents of those behind them are asked for, as far as FETCH_BYTES.
 */
#include "store/places.h"

#include <stdlib.h>
#include <string.h>

#include "store/map.h"
#include "util/bytes.h"
#include "util/checked.h"

enum { PLACES_MIN = 4, PLACES_MAX = 32, NEAR = 4, SMALL_BYTES = 8192 };
#define PLACES_BYTES (UINT64_C(2) << 20) /* values of that many bytes at most, beyond PLACES_MIN chunks */
#define FETCH_BYTES (UINT64_C(16) << 20) /* values that the disk is asked for ahead of those */
#define EXTENT_BYTES (UINT64_C(1) << 20) /* of the file, asked for at once */
#define GAP_BYTES (UINT64_C(64) << 10)   /* read with what is around it: it holds pages of the index, mostly */

struct ufo_places {
  uint64_t serial; /* of the object */
  uint64_t first;  /* chunk */
  unsigned count;  /* 0: nothing is known */
  unsigned wanted; /* how many were asked for */
  bool continued;  /* they follow those that were looked up before */
  ufo_place places[PLACES_MAX];
  unsigned small_used;
  uint8_t small[SMALL_BYTES]; /* what is stored of chunks whose blobs lie among others */
};

void ufo_places_free(ufo_places *places) { free(places); }

/* ---- looking up ------------------------------------------------------------------------------------------------ */

typedef struct lookup {
  ufo_places *places;
  ufo_object *object;
  ufo_etxn *etxn;
  ufo_cursor *blobs;
} lookup;

static bool find_blob(const lookup *l, const ufo_entry *entry, ufo_slice *value) {
  uint8_t wanted[UFO_BLOB_KEY_BYTES];
  ufo_slice key;
  ufo_put_be64(wanted, entry->blob);
  return !ufo_cursor_seek(l->blobs, wanted, sizeof wanted, &key, value, NULL) && key.bytes == sizeof wanted &&
         !memcmp(key.data, wanted, sizeof wanted) && value->bytes == entry->meta.stored_bytes;
}

static void place_blob(lookup *l, ufo_place *place) {
  ufo_places *places = l->places;
  ufo_slice value;
  if (!find_blob(l, &place->entry, &value)) return;
  if (ufo_engine_place(l->etxn, value, &place->offset)) {
    place->kind = UFO_PLACE_FILE;
  } else if (value.bytes <= SMALL_BYTES - places->small_used) {
    place->stored = memcpy(places->small + places->small_used, value.data, value.bytes);
    places->small_used += (unsigned)value.bytes;
    place->kind = UFO_PLACE_HERE;
  }
}

static ufo_status visit(void *user, uint64_t chunk, uint64_t entry_version, const ufo_entry *entry, ufo_error *error) {
  (void)entry_version, (void)error;
  lookup *l = user;
  ufo_places *places = l->places;
  if (chunk - places->first >= places->wanted) return UFO_END;
  ufo_place *place = &places->places[chunk - places->first];
  places->count = (unsigned)(chunk - places->first) + 1;
  place->kind = UFO_PLACE_UNKNOWN;
  if (entry->is_child || entry->meta.raw_bytes > ufo_record_chunk_raw_bytes(&l->object->record, chunk)) return UFO_OK;
  place->entry = *entry;
  if (entry->blob) place_blob(l, place);
  else place->kind = UFO_PLACE_HERE;
  return UFO_OK;
}

/* ---- asking the disk ------------------------------------------------------------------------------------------- */

typedef struct fetching {
  lookup *l;
  uint64_t end_chunk;
  uint64_t begin, end; /* of an extent of the file */
  bool waits;          /* something was not in memory */
} fetching;

static void fetch_extent(fetching *f) {
  if (f->end > f->begin && ufo_engine_would_wait(f->l->etxn, f->begin)) {
    f->waits = true;
    ufo_engine_fetch(f->l->etxn, f->begin, f->end - f->begin);
  }
  f->begin = f->end = 0;
}

static ufo_status fetch_blob(void *user, uint64_t chunk, uint64_t entry_version, const ufo_entry *entry,
                             ufo_error *error) {
  (void)entry_version, (void)error;
  fetching *f = user;
  ufo_slice value;
  uint64_t offset;
  if (chunk >= f->end_chunk) return UFO_END;
  if (entry->is_child || !entry->blob || !find_blob(f->l, entry, &value)) return UFO_OK;
  if (!ufo_engine_place(f->l->etxn, value, &offset)) return UFO_OK;
  bool follows = f->end > f->begin && offset >= f->end && offset - f->end <= GAP_BYTES;
  if (!follows || offset - f->begin >= EXTENT_BYTES) fetch_extent(f);
  if (f->end == 0) f->begin = offset;
  f->end = offset + value.bytes;
  return UFO_OK;
}

/* Is the last of the chunks that were looked up not in memory? */
static bool disk_is_waited_for(const lookup *l, bool up) {
  const ufo_places *places = l->places;
  for (unsigned i = 0; i < places->count; i++) {
    const ufo_place *place = &places->places[up ? places->count - 1 - i : i];
    if (place->kind == UFO_PLACE_FILE) return ufo_engine_would_wait(l->etxn, place->offset);
  }
  return false;
}

/* Do the blobs follow each other in the file, most of them? */
static bool lie_in_order(const ufo_places *places) {
  uint64_t end = 0;
  unsigned jumps = 0, in_file = 0;
  for (unsigned i = 0; i < places->count; i++) {
    const ufo_place *place = &places->places[i];
    if (place->kind != UFO_PLACE_FILE) continue;
    jumps += in_file++ && (place->offset < end || place->offset - end > GAP_BYTES);
    end = place->offset + place->entry.meta.stored_bytes;
  }
  return jumps <= in_file / 4;
}

/* What was fetched is chunks `from` to `to` of the object, which ends once nothing more was missing. Threads that read
 * the same object may overlook each other's: then a chunk is asked for twice, or is read when it is needed. */
static void fetch_ahead(lookup *l, bool up) {
  ufo_object *object = l->object;
  const ufo_places *places = l->places;
  uint64_t first = places->first, end = first + places->count, chunks = ufo_record_chunk_count(&object->map_record);
  uint64_t ahead = ufo_max(FETCH_BYTES / object->record.chunk_bytes, PLACES_MIN);
  uint64_t from = atomic_load_explicit(&object->fetched_from, memory_order_relaxed);
  uint64_t to = atomic_load_explicit(&object->fetched_to, memory_order_relaxed);
  bool going_on = from <= first && end <= to;
  if (object->expected_end > first) chunks = ufo_min(chunks, object->expected_end);
  ufo_engine_fetch_leaves(l->etxn, UFO_TABLE_MAP, up);
  bool in_order = up && lie_in_order(places);
  ufo_engine_expect_order(l->etxn, in_order);
  if (in_order && !ufo_engine_is_slow(l->etxn)) return;
  if (!going_on) {
    if (!disk_is_waited_for(l, up)) return;
    from = first;
    to = up ? first : end;
    if (!up) from = end;
  }
  fetching f = {.l = l};
  if (up) {
    first = to;
    to = f.end_chunk = ufo_max(to, ufo_min(end + ahead, chunks));
  } else {
    f.end_chunk = from;
    from = first = ufo_min(from, first - ufo_min(first, ahead));
  }
  if (first == f.end_chunk) return;
  ufo_status status = ufo_map_walk(l->etxn, object->map_id, first, object->map_version, fetch_blob, &f, NULL);
  (void)status; /* what cannot be looked up is reported when it is read */
  fetch_extent(&f);
  if (!f.waits) from = to = 0;
  atomic_store_explicit(&object->fetched_from, from, memory_order_relaxed);
  atomic_store_explicit(&object->fetched_to, to, memory_order_relaxed);
}

/* ---- which ----------------------------------------------------------------------------------------------------- */

/* What is behind an entry that is damaged stays unknown. */
static void look_up(ufo_places *places, ufo_object *object, uint64_t first, unsigned wanted, bool up) {
  lookup l = {.places = places, .object = object};
  places->serial = object->serial;
  places->first = first;
  places->wanted = wanted;
  places->count = places->small_used = 0;
  if (ufo_core_begin_read(object->core, &l.etxn, NULL)) return;
  if (!ufo_cursor_open(l.etxn, UFO_TABLE_BLOBS, &l.blobs, NULL)) {
    for (unsigned i = 0; i < wanted; i++) places->places[i] = (ufo_place){.kind = UFO_PLACE_ABSENT};
    ufo_status status = ufo_map_walk(l.etxn, object->map_id, first, object->map_version, visit, &l, NULL);
    if (status == UFO_OK) places->count = wanted;
    bool in_order = places->continued || first < object->expected_end;
    if (places->count > 0 && in_order) fetch_ahead(&l, up);
    ufo_cursor_close(l.blobs);
  }
  ufo_core_end(object->core, l.etxn);
}

static unsigned places_max(const ufo_object *object) {
  return (unsigned)ufo_max(PLACES_MIN, ufo_min(PLACES_MAX, PLACES_BYTES / object->record.chunk_bytes));
}

static bool has(const ufo_places *places, const ufo_object *object, uint64_t chunk) {
  return places->serial == object->serial && chunk - places->first < places->count;
}

/* Chunks come in order, but several threads take them: so near is enough. */
static bool is_near(uint64_t chunk, uint64_t end) { return chunk - end < NEAR; }

static void renew(ufo_places *places, ufo_object *object, uint64_t chunk, uint64_t before) {
  bool same = places->serial == object->serial;
  bool up = same && is_near(chunk, places->first + places->count);
  bool down = same && !up && is_near(places->first - 1, chunk);
  unsigned count = up || down ? 2 * places->wanted : PLACES_MIN;
  places->continued = up || down;
  if (chunk < object->expected_end) {
    up = true;
    down = false;
    count = (unsigned)ufo_min(object->expected_end - chunk, PLACES_MAX);
  } else if (!up && !down) {
    up = is_near(chunk, before + 1);
    down = !up && is_near(before - 1, chunk);
  }
  places->count = 0;
  if (!up && !down) return;
  uint64_t end = ufo_record_chunk_count(&object->map_record);
  count = (unsigned)ufo_min(count, places_max(object));
  uint64_t first = up ? chunk : chunk + 1 - ufo_min(chunk + 1, count);
  look_up(places, object, first, (unsigned)ufo_min(count, end - first), up);
}

const ufo_place *ufo_places_find(ufo_work *work, ufo_object *object, uint64_t chunk) {
  uint64_t before = atomic_exchange_explicit(&object->last_chunk, chunk, memory_order_relaxed);
  ufo_places *places = work->places;
  if (!places) {
    bool wanted = chunk < object->expected_end || is_near(chunk, before + 1) || is_near(before - 1, chunk);
    if (!wanted) return NULL;
    if (!(places = work->places = calloc(1, sizeof *places))) return NULL;
  }
  if (!has(places, object, chunk)) renew(places, object, chunk, before);
  if (!has(places, object, chunk)) return NULL;
  const ufo_place *place = &places->places[chunk - places->first];
  return place->kind == UFO_PLACE_UNKNOWN ? NULL : place;
}
