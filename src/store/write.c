/* write.c - see write.h.
 *
 * An extent's bytes become a blob of the version without being copied if they are staged already: the staged record
 * goes and the entry refers to the blob. Where a blob belongs to something else too (another draft, another version, a
 * clone's object), the entry is one more referent of it. */
#include "store/write.h"

#include <stdlib.h>
#include <string.h>

#include "store/catalogue.h"
#include "store/garbage.h"
#include "store/map.h"
#include "util/fail.h"

/* ---- blobs ----------------------------------------------------------------------------------------------------- */

static ufo_status write_blob(ufo_commit *commit, ufo_extent *extent, const ufo_extent_place *place, uint64_t *blob_out,
                             ufo_error *error) {
  uint32_t count = extent->meta.stored_bytes;
  *blob_out = commit->counters.next_blob++;
  if (place->state == UFO_EXTENT_MEMORY) {
    return ufo_blob_put(commit->etxn, *blob_out, place->bytes->data, count, error);
  }
  ufo_work *work = ufo_core_take_work(commit->core);
  ufo_status status = work && ufo_work_reserve(work, count) ? UFO_OK : ufo_fail(error, UFO_FULL, "out of memory");
  if (!status) status = ufo_scratch_read(extent->spill->scratch, place->piece, work->buffer, error);
  if (!status) status = ufo_blob_put(commit->etxn, *blob_out, work->buffer, count, error);
  ufo_core_give_work(commit->core, work);
  return status;
}

static ufo_status adopt_staged(ufo_commit *commit, const ufo_extent_place *place, ufo_error *error) {
  if (place->owner == commit->core->owner) {
    uint8_t key[UFO_STAGED_KEY_BYTES];
    ufo_key_pair(key, place->owner, place->blob);
    ufo_status status = ufo_engine_delete(commit->etxn, UFO_TABLE_STAGED, key, sizeof key, error);
    if (status != UFO_MISSING) return status;
  }
  return ufo_blob_add_referent(commit->etxn, place->blob, error); /* adopted by another commit, or the parent's */
}

static ufo_status adopt(ufo_commit *commit, ufo_extent *extent, uint64_t *blob_out, ufo_error *error) {
  *blob_out = (uint64_t)(uintptr_t)ufo_u64map_get(&commit->blobs, (uintptr_t)extent);
  if (*blob_out) return ufo_blob_add_referent(commit->etxn, *blob_out, error);
  ufo_extent_place place = ufo_extent_find(extent);
  ufo_status status = UFO_OK;
  switch (place.state) {
  case UFO_EXTENT_INLINE:
    return UFO_OK;
  case UFO_EXTENT_MEMORY:
  case UFO_EXTENT_SCRATCH:
    status = write_blob(commit, extent, &place, blob_out, error);
    break;
  case UFO_EXTENT_STAGED:
    *blob_out = place.blob;
    status = adopt_staged(commit, &place, error);
    break;
  case UFO_EXTENT_COMMITTED:
    *blob_out = place.blob;
    status = ufo_blob_add_referent(commit->etxn, place.blob, error);
    break;
  }
  ufo_extent_bytes_release(place.bytes);
  if (!status && !ufo_u64map_put(&commit->blobs, (uintptr_t)extent, (void *)(uintptr_t)*blob_out, NULL)) {
    status = ufo_fail(error, UFO_FULL, "out of memory");
  }
  return status;
}

/* ---- entries --------------------------------------------------------------------------------------------------- */

/* The object that is being written. */
typedef struct writing {
  ufo_commit *commit;
  ufo_draft *draft;
  ufo_record *record;
  ufo_garbage_queue queue;
  uint64_t from_chunks;  /* of the version that is continued: entries behind its end count for nothing */
  uint64_t base_version; /* for taking back */
} writing;

static void count_entry(ufo_record *record, const ufo_chunk_meta *meta, int sign) {
  uint64_t one = sign > 0 ? 1 : UINT64_MAX;
  record->chunks_written += one;
  record->stored_bytes += sign > 0 ? meta->stored_bytes : -(uint64_t)meta->stored_bytes;
  if (meta->codec < UFO_CODEC_COUNT) record->codec_chunks[meta->codec] += one;
}

/* Writes the entry of a chunk, or child, at the new version, in place of what the version before had. */
static ufo_status write_entry(writing *to, uint64_t chunk, const ufo_entry *entry, ufo_error *error) {
  ufo_commit *commit = to->commit;
  const ufo_draft *draft = to->draft;
  if (draft->commit.continues) {
    ufo_entry old;
    ufo_status status =
        ufo_map_find(commit->etxn, draft->commit.id, chunk, draft->commit.from_version, &old, NULL, error);
    if (!status) {
      if (!old.is_child && chunk < to->from_chunks) count_entry(to->record, &old.meta, -1);
      commit->superseded_bytes += old.meta.stored_bytes;
      status = ufo_garbage_add(&to->queue, chunk, error);
    }
    if (status && status != UFO_MISSING) return status;
  }
  if (!entry->is_child && chunk < ufo_record_chunk_count(to->record)) count_entry(to->record, &entry->meta, 1);
  to->record->chunks_changed++;
  commit->entries++;
  commit->features |= ufo_record_entry_features(entry);
  return ufo_map_put(commit->etxn, draft->commit.id, chunk, draft->commit.version, entry, error);
}

static ufo_status share_entry(void *user, uint64_t chunk, uint64_t entry_version, const ufo_entry *entry,
                              ufo_error *error) {
  (void)entry_version;
  writing *to = user;
  if (entry->is_child) return ufo_fail(error, UFO_CORRUPT, "a vector has an entry that is a child");
  if (ufo_u64map_get(&to->draft->extents, chunk)) return UFO_OK;
  if (chunk >= ufo_record_chunk_count(&to->draft->base->map_record)) return UFO_OK; /* behind the end */
  ufo_status status = entry->blob ? ufo_blob_add_referent(to->commit->etxn, entry->blob, error) : UFO_OK;
  return status ? status : write_entry(to, chunk, entry, error);
}

/* In place of a chunk that is not there, or not any more. */
static ufo_status write_zeros(writing *to, uint64_t chunk, uint32_t raw_bytes, ufo_error *error) {
  ufo_entry zeros = {0};
  ufo_status status = ufo_commit_zero_meta(to->commit->core, &to->draft->record, raw_bytes, &zeros.meta, error);
  return status ? status : write_entry(to, chunk, &zeros, error);
}

/* A chunk that others changed since the view's version: as it was in that version again. If they made the object
 * longer, what they wrote behind the view's end is superseded by zeros that take no room, so that it can be reclaimed.
 */
static ufo_status take_back(void *user, uint64_t chunk, uint64_t entry_version, const ufo_entry *entry,
                            ufo_error *error) {
  writing *to = user;
  if (chunk >= ufo_record_chunk_count(&to->draft->record)) {
    return chunk < to->from_chunks ? write_zeros(to, chunk, entry->meta.raw_bytes, error) : UFO_OK;
  }
  if (entry_version <= to->base_version || ufo_u64map_get(&to->draft->extents, chunk)) return UFO_OK;
  ufo_entry before;
  ufo_status status =
      ufo_map_find(to->commit->etxn, to->draft->commit.id, chunk, to->base_version, &before, NULL, error);
  if (status == UFO_MISSING) { /* it was never written */
    return write_zeros(to, chunk, ufo_record_chunk_raw_bytes(&to->draft->record, chunk), error);
  }
  if (!status && before.blob) status = ufo_blob_add_referent(to->commit->etxn, before.blob, error);
  return status ? status : write_entry(to, chunk, &before, error);
}

ufo_status ufo_commit_zero_meta(ufo_core *core, const ufo_record *record, uint32_t raw_bytes, ufo_chunk_meta *meta,
                                ufo_error *error) {
  ufo_work *work = ufo_core_take_work(core);
  uint8_t *zeros = calloc(1, raw_bytes);
  const void *stored;
  ufo_status status = work && zeros ? UFO_OK : ufo_fail(error, UFO_FULL, "out of memory");
  if (!status) {
    status = ufo_codec_encode(work->codec, record->type, record->element_bytes, zeros, raw_bytes, NULL, meta, &stored,
                              error);
  }
  ufo_core_give_work(core, work);
  free(zeros);
  return status;
}

static ufo_status write_chunks(writing *to, ufo_error *error) {
  ufo_draft *draft = to->draft;
  ufo_etxn *etxn = to->commit->etxn;
  const ufo_object *base = draft->base;
  ufo_status status = UFO_OK;
  if (!draft->commit.continues && base && base->map_id) {
    status = ufo_map_walk(etxn, base->map_id, 0, base->map_version, share_entry, to, error);
  }
  if (draft->commit.continues && draft->policy == UFO_POLICY_REPLACE && base &&
      base->map_version < draft->commit.from_version) {
    to->base_version = base->map_version;
    status = ufo_map_walk(etxn, draft->commit.id, 0, draft->commit.from_version, take_back, to, error);
    if (!status) status = ufo_garbage_end(&to->queue, false, error); /* the extents below begin from the front again */
    to->queue.record.run_count = 0;
  }
  if (status) return status;
  bool failed;
  uint64_t count = draft->extents.count, *chunks = ufo_u64map_sorted_keys(&draft->extents, &failed);
  if (failed) return ufo_fail(error, UFO_FULL, "out of memory");
  for (uint64_t i = 0; i < count && !status; i++) {
    ufo_extent *extent = ufo_u64map_get(&draft->extents, chunks[i]);
    ufo_entry entry = {.meta = *ufo_extent_meta(extent)};
    status = adopt(to->commit, extent, &entry.blob, error);
    if (!status) status = write_entry(to, chunks[i], &entry, error);
  }
  free(chunks);
  return status;
}

static ufo_status write_children(writing *to, ufo_error *error) {
  ufo_draft *list = to->draft;
  for (uint64_t i = 0; i < list->child_count; i++) {
    const ufo_draft *child = list->children[i];
    if (!child) continue; /* it stays as it is */
    ufo_entry entry = {.is_child = true, .child_id = child->commit.id, .child_version = child->commit.version}, old;
    ufo_status status = UFO_MISSING;
    if (list->commit.continues) {
      status = ufo_map_find(to->commit->etxn, list->commit.id, i, list->commit.from_version, &old, NULL, error);
      if (status && status != UFO_MISSING) return status;
    }
    bool same = !status && old.child_id == entry.child_id && old.child_version == entry.child_version;
    bool replaced = !status && !ufo_draft_is_put_list(list) && old.child_id != entry.child_id;
    status = same ? UFO_OK : write_entry(to, i, &entry, error);
    /* Of a list that was put, what it does not have any more goes with its name: see ufo_commit_drop. */
    if (!status && replaced) status = ufo_commit_drop(to->commit, old.child_id, error);
    if (status) return status;
  }
  return UFO_OK;
}

/* ---- objects --------------------------------------------------------------------------------------------------- */

static ufo_status write_attributes(ufo_commit *commit, ufo_draft *draft, ufo_record *record, ufo_error *error) {
  if (!draft->attributes_set) return UFO_OK;
  if (draft->commit.continues) {
    ufo_slice old;
    ufo_status status = ufo_catalogue_get_attributes(commit->etxn, draft->commit.id, record, &old, error);
    if (status) return status;
    if (old.bytes == draft->attributes_bytes && !(old.bytes && memcmp(old.data, draft->attributes, old.bytes))) {
      return UFO_OK;
    }
  }
  record->attribute_count = draft->attribute_count;
  record->attributes_version = draft->attributes_bytes ? draft->commit.version : 0;
  if (draft->attributes_bytes == 0) return UFO_OK;
  return ufo_catalogue_put_attributes(commit->etxn, draft->commit.id, draft->commit.version, draft->attributes,
                                      draft->attributes_bytes, error);
}

/* A rename, new attributes or edits of elements of a list: its other children stay. A list taken over from elsewhere
 * cannot be. */
static ufo_status check_list(const ufo_draft *draft, ufo_error *error) {
  if (!ufo_has_children(draft->record.type) || ufo_draft_is_put_list(draft) || draft->commit.continues) return UFO_OK;
  return ufo_fail(error, UFO_USAGE, "a list is copied by putting its elements");
}

ufo_status ufo_commit_write(ufo_commit *commit, ufo_draft *draft, ufo_error *error) {
  ufo_status status = check_list(draft, error);
  for (uint64_t i = 0; i < draft->child_count && !status; i++) {
    if (draft->children[i]) status = ufo_commit_write(commit, draft->children[i], error);
  }
  if (draft->record.type == UFO_CHARACTER) commit->minor = UFO_MINOR_CHARACTERS;
  if (status || draft->commit.untouched) return status;
  ufo_record *record = &draft->commit.record;
  writing to = {.commit = commit, .draft = draft, .record = record};
  if (!draft->commit.continues) {
    *record = draft->record;
    record->chunks_written = record->stored_bytes = 0;
    memset(record->codec_chunks, 0, sizeof record->codec_chunks);
    record->attribute_count = record->attributes_version = 0;
    record->created_ns = commit->now_ns;
  }
  to.from_chunks = ufo_record_chunk_count(record);
  record->length = draft->record.length;
  record->chunks_changed = 0;
  record->changed_ns = commit->now_ns;
  record->generation = commit->counters.generation;
  ufo_garbage_begin(&to.queue, commit->etxn, commit->counters.generation, &commit->garbage_sequence, draft->commit.id,
                    draft->commit.version);
  status = ufo_has_children(record->type) ? write_children(&to, error) : write_chunks(&to, error);
  if (!status) status = write_attributes(commit, draft, record, error);
  if (!status) {
    status = ufo_catalogue_put_object(commit->etxn, draft->commit.id, draft->commit.version, record, error);
  }
  if (!status) status = ufo_garbage_end(&to.queue, draft->commit.continues, error);
  return status;
}

/* ---- what goes ------------------------------------------------------------------------------------------------- */

static ufo_status drop_child(void *user, uint64_t chunk, uint64_t entry_version, const ufo_entry *entry,
                             ufo_error *error) {
  (void)chunk, (void)entry_version;
  return entry->is_child ? ufo_commit_drop(user, entry->child_id, error) : UFO_OK;
}

ufo_status ufo_commit_drop(ufo_commit *commit, uint64_t id, ufo_error *error) {
  const ufo_draft *heir = ufo_u64map_get(&commit->live, id);
  uint64_t version;
  ufo_record record;
  /* The state before this commit: a list that lives on may have lost children. */
  uint64_t before = heir ? heir->commit.from_version : UINT64_MAX;
  ufo_status status = ufo_catalogue_get_newest(commit->etxn, id, before, &version, &record, error);
  if (status == UFO_MISSING) return UFO_OK;
  if (!status && ufo_has_children(record.type) && !(heir && !ufo_draft_is_put_list(heir))) {
    /* What is damaged, and no tree, can be removed, too: each list goes once. */
    if (ufo_descent_was_in(&commit->dropped, id)) return UFO_OK;
    status = ufo_descent_enter(&commit->dropped, id, error);
    if (status) return status;
    status = ufo_map_walk(commit->etxn, id, 0, version, drop_child, commit, error);
    ufo_descent_leave(&commit->dropped);
  }
  if (status || heir) return status;
  commit->superseded_bytes += record.stored_bytes;
  return ufo_garbage_drop(commit->etxn, commit->counters.generation, &commit->garbage_sequence, id, version, error);
}
