/* salvage_chunks.c - the chunks of one vector, from a damaged store into a new one; see salvage.h.
 *
 * An entry of the version that is wanted is the one in force, whatever is missing around it. An older one is only if no
 * record may be missing where a newer one would be: keys sort the newest first, so that is a range of keys. Bytes are
 * those whose hash the entry has, wherever they were found. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/stats.h"
#include "store/map.h"
#include "store/salvage.h"
#include "util/bytes.h"
#include "util/checked.h"
#include "util/fail.h"

#define LOST_MAX (UINT64_C(1) << 24) /* chunks marked as lost in one object */

/* ---- which entry ----------------------------------------------------------------------------------------------- */

/* The entry with exactly this key, from a page of the past. */
static ufo_status find_past(ufo_salvager *s, const uint8_t *key, ufo_entry *entry) {
  ufo_slice content;
  ufo_status status = ufo_record_get(s->past, UFO_TABLE_MAP, key, UFO_MAP_KEY_BYTES, &content, NULL);
  if (!status) status = ufo_record_decode_entry(content, entry, NULL);
  return status ? UFO_MISSING : UFO_OK;
}

/* Where a version is in doubt, later ones may have been there and parts of it reclaimed: then an older entry is in
 * force only if it is the newest of all. */
uint64_t ufo_salvage_newest(uint64_t version, bool doubtful) { return doubtful ? UFO_VERSION_LIMIT - 1 : version; }

ufo_status ufo_salvage_find_entry(ufo_salvager *s, uint64_t id, uint64_t chunk, uint64_t version, bool doubtful,
                                  ufo_entry *entry, ufo_error *error) {
  uint8_t wanted[UFO_MAP_KEY_BYTES], newest[UFO_MAP_KEY_BYTES], there[UFO_MAP_KEY_BYTES];
  uint64_t found;
  ufo_key_map(wanted, id, chunk, version);
  ufo_status status = ufo_map_find(s->current, id, chunk, version, entry, &found, error);
  if (!status && found == version) return UFO_OK;
  if (!status) {
    uint64_t latest = found;
    ufo_entry last;
    ufo_key_map(newest, id, chunk, ufo_salvage_newest(version, doubtful));
    ufo_key_map(there, id, chunk, found);
    if (doubtful) status = ufo_map_find(s->current, id, chunk, UFO_VERSION_LIMIT - 1, &last, &latest, error);
    if (status || latest != found || ufo_gaps_meet(&s->gaps[UFO_TABLE_MAP], newest, there)) status = UFO_CORRUPT;
  }
  return status == UFO_CORRUPT || status == UFO_MISSING ? find_past(s, wanted, entry) : status;
}

/* ---- one chunk ------------------------------------------------------------------------------------------------- */

static bool reserve(uint8_t **buffer, size_t *capacity, size_t bytes) {
  if (bytes <= *capacity) return true;
  uint8_t *larger = realloc(*buffer, bytes);
  if (!larger) return false;
  *buffer = larger;
  *capacity = bytes;
  return true;
}

static ufo_status decode_from(ufo_salvager *s, ufo_etxn *txn, const ufo_entry *entry, ufo_error *cause) {
  uint8_t key[UFO_BLOB_KEY_BYTES];
  ufo_slice where;
  const ufo_chunk_meta *meta = &entry->meta;
  if (entry->blob) {
    ufo_put_be64(key, entry->blob);
    ufo_status status = ufo_engine_get(txn, UFO_TABLE_BLOBS, key, sizeof key, &where, cause);
    if (status || ufo_get_le64(where.data + 8) != meta->stored_bytes)
      return ufo_fail(cause, UFO_CORRUPT, "blob %llu is missing", (unsigned long long)entry->blob);
    status = ufo_scan_read(s->fd, ufo_get_le64(where.data), s->stored, meta->stored_bytes, cause);
    if (status) return status;
  }
  return ufo_codec_decode(s->codec, meta, s->stored, s->raw, cause);
}

/* Reads the chunk into s->stored and s->raw. UFO_CORRUPT: its bytes are not there any more. */
static ufo_status load(ufo_salvager *s, const ufo_record *record, uint64_t chunk, ufo_entry *entry, ufo_error *cause) {
  ufo_chunk_meta *meta = &entry->meta;
  if (entry->is_child || meta->codec >= UFO_CODEC_COUNT || entry->blob >= UINT64_MAX / 2 ||
      meta->raw_bytes > ufo_record_chunk_raw_bytes(record, chunk)) {
    return ufo_fail(cause, UFO_CORRUPT,
                    meta->codec == UFO_CODEC_LOST && !entry->is_child
                        ? "these elements were lost before the store was salvaged"
                        : "its entry in the map does not fit the object");
  }
  if (!reserve(&s->stored, &s->stored_capacity, meta->stored_bytes) ||
      !reserve(&s->raw, &s->raw_capacity, meta->raw_bytes))
    return ufo_fail(cause, UFO_FULL, "out of memory");
  ufo_status status = decode_from(s, s->current, entry, cause);
  if (status && entry->blob && decode_from(s, s->past, entry, NULL) == UFO_OK) status = UFO_OK;
  if (status == UFO_MISSING || status == UFO_UNSUPPORTED || status == UFO_USAGE) status = UFO_CORRUPT;
  if (!status && meta->stats.flags) meta->stats = ufo_stats_of(record->type, s->raw, meta->raw_bytes);
  return status;
}

/* ---- into the new store ---------------------------------------------------------------------------------------- */

/* Several entries may refer to one blob. A number that already has other bytes was of the past. */
static ufo_status put_blob(ufo_salvager *s, ufo_entry *entry, ufo_error *error) {
  uint8_t key[UFO_BLOB_KEY_BYTES];
  ufo_slice there;
  uint32_t bytes = entry->meta.stored_bytes;
  ufo_put_be64(key, entry->blob);
  ufo_status status = ufo_engine_get(s->out.txn, UFO_TABLE_BLOBS, key, sizeof key, &there, error);
  if (!status && there.bytes == bytes && memcmp(there.data, s->stored, bytes) == 0)
    return ufo_blob_add_referent(s->out.txn, entry->blob, error);
  if (!status) {
    entry->blob = s->next_blob++;
    ufo_put_be64(key, entry->blob);
  } else if (status != UFO_MISSING) {
    return status;
  }
  return ufo_engine_put(s->out.txn, UFO_TABLE_BLOBS, key, sizeof key, s->stored, bytes, false, error);
}

static ufo_status put_entry(ufo_salvager *s, uint64_t id, uint64_t version, uint64_t chunk, ufo_entry *entry,
                            ufo_record *to, ufo_error *error) {
  const ufo_chunk_meta *meta = &entry->meta;
  ufo_status status = ufo_filling_begin(&s->out, error);
  if (!status && entry->blob) status = put_blob(s, entry, error);
  if (!status) status = ufo_map_put(s->out.txn, id, chunk, version, entry, error);
  if (status) return status;
  s->features |= ufo_record_entry_features(entry);
  to->chunks_written++;
  to->chunks_changed++;
  to->stored_bytes += meta->stored_bytes;
  if (meta->codec < UFO_CODEC_COUNT) to->codec_chunks[meta->codec]++;
  return ufo_filling_count(&s->out, meta->stored_bytes + UFO_ENTRY_BYTES_MAX, error);
}

/* ---- all of them ----------------------------------------------------------------------------------------------- */

typedef struct copying {
  ufo_salvager *s;
  const char *name;
  uint64_t id, version, chunks;
  const ufo_record *from;
  ufo_record *to;
  bool all_written; /* each chunk should have an entry */
  bool all_there;   /* each that should have one has one, be it the newest or not: the others are zero */
  uint64_t next;    /* chunk */
  bool doubtful;
  uint64_t cut;                   /* the object ends before this chunk; 0: it does not */
  uint64_t lost, first_lost, end; /* those that are to be reported together */
  char cause[sizeof((ufo_error *)0)->message];
} copying;

static ufo_status report_lost(copying *c) {
  if (c->end == c->first_lost) return UFO_OK;
  ufo_damage lost = {.kind = UFO_DAMAGE_CHUNK,
                     .name = c->name,
                     .version = c->version,
                     .first_chunk = c->first_lost,
                     .chunks = c->end - c->first_lost,
                     .cause = c->cause};
  ufo_record_elements_of(c->from, c->first_lost, c->end, &lost.first, &lost.count);
  c->first_lost = c->end = 0;
  return ufo_salvage_report(c->s, &lost);
}

static ufo_status lose(copying *c, uint64_t chunk, const char *cause, ufo_error *error) {
  ufo_entry entry = {.meta = {.codec = UFO_CODEC_LOST, .width = 1}};
  entry.meta.raw_bytes = ufo_record_chunk_raw_bytes(c->from, chunk);
  ufo_status status = UFO_OK;
  if (++c->lost > LOST_MAX) {
    c->cut = chunk;
    return UFO_END;
  }
  if (c->end != chunk || c->end == c->first_lost || strcmp(c->cause, cause) != 0) {
    status = report_lost(c);
    c->first_lost = chunk;
    snprintf(c->cause, sizeof c->cause, "%s", cause);
  }
  c->end = chunk + 1;
  return status ? status : put_entry(c->s, c->id, c->version, chunk, &entry, c->to, error);
}

static ufo_status copy_chunk(copying *c, uint64_t chunk, ufo_entry *entry, ufo_error *error) {
  ufo_error cause;
  ufo_status status = load(c->s, c->from, chunk, entry, &cause);
  if (status == UFO_CORRUPT) return lose(c, chunk, cause.message, error);
  if (status) return ufo_fail(error, status, "%s", cause.message);
  status = ufo_salvage_progress(c->s, entry->meta.stored_bytes);
  return status ? status : put_entry(c->s, c->id, c->version, chunk, entry, c->to, error);
}

/* Chunks from c->next up to `end` have no sound entry in their place. */
static ufo_status pass_over(copying *c, uint64_t end, ufo_error *error) {
  const ufo_gaps *gaps = &c->s->gaps[UFO_TABLE_MAP];
  uint8_t from[UFO_MAP_KEY_BYTES], to[UFO_MAP_KEY_BYTES];
  ufo_status status = UFO_OK;
  while (c->next < end && !status && !c->all_there) {
    uint64_t chunk = c->next;
    ufo_key_map(from, c->id, chunk, ufo_salvage_newest(c->version, c->doubtful));
    ufo_key_map(to, c->id, end, UINT64_MAX);
    if (!c->all_written && !ufo_gaps_meet(gaps, from, to)) break; /* they were never written */
    ufo_key_map(to, c->id, chunk, 0);
    c->next++;
    if (!c->all_written && !ufo_gaps_meet(gaps, from, to)) continue;
    ufo_entry entry;
    status = ufo_salvage_find_entry(c->s, c->id, chunk, c->version, c->doubtful, &entry, error);
    if (!status) status = copy_chunk(c, chunk, &entry, error);
    else if (status == UFO_MISSING) status = lose(c, chunk, "its entry in the map is lost", error);
  }
  c->next = end;
  return status;
}

static ufo_status visit(void *user, uint64_t chunk, uint64_t entry_version, const ufo_entry *found, ufo_error *error) {
  copying *c = user;
  (void)entry_version, (void)found;
  if (chunk >= c->chunks) return UFO_END; /* behind the end of this version */
  ufo_status status = pass_over(c, chunk, error);
  c->next = chunk + 1;
  ufo_entry entry;
  if (!status) status = ufo_salvage_find_entry(c->s, c->id, chunk, c->version, c->doubtful, &entry, error);
  if (!status) return copy_chunk(c, chunk, &entry, error);
  if (status != UFO_MISSING) return status;
  return lose(c, chunk, "it is not certain what its newest entry in the map is", error);
}

typedef struct counting {
  uint64_t count, end;
} counting;

static ufo_status count(void *user, uint64_t chunk, uint64_t entry_version, const ufo_entry *entry, ufo_error *error) {
  counting *c = user;
  (void)entry_version, (void)entry, (void)error;
  if (chunk >= c->end) return UFO_END;
  c->count++;
  return UFO_OK;
}

ufo_status ufo_salvage_chunks(ufo_salvager *s, const char *name, uint64_t id, uint64_t version, bool doubtful,
                              ufo_record *record, ufo_error *error) {
  ufo_record from = *record;
  copying c = {.s = s, .name = name, .id = id, .version = version, .doubtful = doubtful, .from = &from, .to = record};
  uint64_t newest = ufo_salvage_newest(version, doubtful), done = s->done_bytes;
  c.chunks = ufo_record_chunk_count(record);
  record->chunks_written = record->chunks_changed = record->stored_bytes = 0;
  memset(record->codec_chunks, 0, sizeof record->codec_chunks);
  counting there = {.end = c.chunks};
  ufo_status status = ufo_map_walk(s->current, id, 0, newest, count, &there, error);
  if (status && status != UFO_END) return status;
  c.all_written = from.chunks_written == c.chunks;
  c.all_there = !doubtful && from.chunks_written == there.count;
  status = ufo_map_walk(s->current, id, 0, newest, visit, &c, error);
  if (status == UFO_END && !s->ended) status = UFO_OK;
  if (!status && !c.cut) status = pass_over(&c, c.chunks, error);
  if (status == UFO_END && !s->ended) status = UFO_OK;
  if (!status) status = report_lost(&c);
  if (!status && c.cut) {
    record->length = c.cut * from.chunk_bytes / from.element_bytes;
    const ufo_damage rest = {.kind = UFO_DAMAGE_CHUNK,
                             .name = name,
                             .version = version,
                             .first = record->length,
                             .count = from.length - record->length,
                             .first_chunk = c.cut,
                             .chunks = c.chunks - c.cut,
                             .cause = "too many of its chunks are lost: it was cut before these elements"};
    status = ufo_salvage_report(s, &rest);
  }
  uint64_t due = ufo_min(from.stored_bytes, ufo_record_body_bytes(&from)), copied = s->done_bytes - done;
  if (!status && copied < due) status = ufo_salvage_progress(s, due - copied); /* the lost ones are done with, too */
  return status;
}
