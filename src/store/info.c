/* info.c - what is known of an object without reading its data. */
#include <string.h>

#include "store/attributes.h"
#include "store/catalogue.h"
#include "store/descent.h"
#include "store/map.h"
#include "store/transaction.h"
#include "util/checked.h"
#include "util/fail.h"

static void set_name(ufo_object_info *info, const char *name, size_t bytes) {
  if (bytes > UFO_NAME_MAX) bytes = UFO_NAME_MAX;
  memcpy(info->name, name, bytes);
  info->name[bytes] = '\0';
}

/* Replaces, in the totals, what the base has for a chunk that the draft changes. */
static ufo_status add_chunk(ufo_etxn *etxn, const ufo_draft *draft, uint64_t chunk, const ufo_chunk_meta *meta,
                            ufo_object_info *info, ufo_error *error) {
  ufo_status status = UFO_MISSING;
  ufo_entry entry;
  const ufo_object *base = draft->base;
  if (base && base->map_id && chunk < ufo_record_chunk_count(&base->map_record)) {
    status = ufo_map_find(etxn, base->map_id, chunk, base->map_version, &entry, NULL, error);
  }
  if (status && status != UFO_MISSING) return status;
  if (!status && !entry.is_child) {
    info->stored_bytes -= entry.meta.stored_bytes;
    if (entry.meta.codec < UFO_CODEC_COUNT) info->codec_chunks[entry.meta.codec]--;
    info->chunks_written--;
  }
  info->stored_bytes += meta->stored_bytes;
  info->codec_chunks[meta->codec]++;
  info->chunks_written++;
  info->chunks_changed++;
  return UFO_OK;
}

static ufo_status add_extents(ufo_etxn *etxn, const ufo_draft *draft, ufo_object_info *info, ufo_error *error) {
  ufo_status status = UFO_OK;
  info->chunks_changed = 0;
  for (size_t i = 0; i < draft->extents.slots && !status; i++) {
    ufo_extent *extent = draft->extents.values[i];
    uint64_t chunk = extent ? draft->extents.keys[i] : 0;
    if (!extent || (draft->tail && chunk == draft->tail_chunk)) continue;
    status = add_chunk(etxn, draft, chunk, ufo_extent_meta(extent), info, error);
  }
  if (status || !draft->tail) return status;
  const ufo_chunk_meta tail = {.codec = UFO_CODEC_RAW, .stored_bytes = draft->tail_filled}; /* as yet */
  return add_chunk(etxn, draft, draft->tail_chunk, &tail, info, error);
}

static void set_record(ufo_object_info *info, const ufo_record *record) {
  info->type = record->type;
  info->element_bytes = record->element_bytes;
  info->length = record->length;
  info->chunk_bytes = record->chunk_bytes;
  info->chunk_count = ufo_record_chunk_count(record);
}

static void set_totals(ufo_object_info *info, const ufo_record *record) {
  info->chunks_written = record->chunks_written;
  info->chunks_changed = record->chunks_changed;
  info->stored_bytes = record->stored_bytes;
  for (int i = 0; i < UFO_CODEC_COUNT; i++) info->codec_chunks[i] = record->codec_chunks[i];
  info->attribute_count = record->attribute_count;
  info->created_ns = record->created_ns;
  info->changed_ns = record->changed_ns;
}

static ufo_status fill(ufo_etxn *etxn, const ufo_found *found, ufo_object_info *info, ufo_descent *descent,
                       ufo_error *error);

static ufo_status add_children(ufo_etxn *etxn, const ufo_found *list, ufo_object_info *info, ufo_descent *descent,
                               ufo_error *error) {
  info->chunk_bytes = 0;
  info->chunk_count = info->chunks_written = info->chunks_changed = info->stored_bytes = 0;
  memset(info->codec_chunks, 0, sizeof info->codec_chunks);
  ufo_record parts[UFO_TEXT_PARTS] = {0};
  ufo_status status = ufo_descent_enter(descent, list->id, error);
  if (status) return status;
  for (uint64_t i = 0; i < list->record.length; i++) {
    ufo_found child;
    ufo_object_info part;
    status = ufo_lookup_child(etxn, list, i, &child, error);
    if (!status) status = fill(etxn, &child, &part, descent, error);
    if (status) return status;
    parts[i % UFO_TEXT_PARTS] = child.record;
    info->chunk_count += part.chunk_count;
    info->chunks_written += part.chunks_written;
    /* What this version of the list wrote: a child that it took over untouched is of an older commit. */
    if (part.changed_ns == info->changed_ns) info->chunks_changed += part.chunks_changed;
    info->stored_bytes += part.stored_bytes;
    info->chunks_lost += part.chunks_lost;
    for (int c = 0; c < UFO_CODEC_COUNT; c++) info->codec_chunks[c] += part.codec_chunks[c];
  }
  ufo_descent_leave(descent);
  if (list->record.type != UFO_CHARACTER) return UFO_OK;
  info->length = parts[UFO_TEXT_WORDS].length;
  info->chunk_bytes = parts[UFO_TEXT_WORDS].chunk_bytes;
  if (ufo_text_parts_fit(&parts[UFO_TEXT_WORDS], &parts[UFO_TEXT_BYTES])) return UFO_OK;
  return ufo_fail(error, UFO_CORRUPT, "its elements are not the words and the text of strings");
}

static ufo_status fill(ufo_etxn *etxn, const ufo_found *found, ufo_object_info *info, ufo_descent *descent,
                       ufo_error *error) {
  *info = (ufo_object_info){.struct_size = sizeof *info};
  ufo_status status = UFO_OK;
  const ufo_draft *draft = found->draft;
  set_record(info, &found->record);
  if (draft) {
    if (draft->base) set_totals(info, &draft->base->map_record);
    info->attribute_count = draft->attributes_set             ? draft->attribute_count
                            : draft->origin_id && draft->base ? draft->base->map_record.attribute_count
                                                              : 0;
    if (draft->origin_id && draft->base) {
      info->id = draft->origin_id;
      info->version = draft->base->map_version;
    }
    if (!ufo_has_children(found->record.type)) status = add_extents(etxn, draft, info, error);
  } else {
    info->id = found->id;
    info->version = found->version;
    set_totals(info, &found->record);
  }
  if (!status && ufo_has_children(found->record.type)) return add_children(etxn, found, info, descent, error);
  uint64_t entries = 0;
  for (int i = 0; i < UFO_CODEC_COUNT; i++) entries += info->codec_chunks[i];
  info->chunks_lost = info->chunks_written > entries ? info->chunks_written - entries : 0;
  entries += info->chunks_lost; /* chunks that were never written are zeros, too */
  if (info->chunk_count > entries) info->codec_chunks[UFO_CODEC_ZERO] += info->chunk_count - entries;
  return status;
}

ufo_status ufo_info_fill(ufo_etxn *etxn, const ufo_found *found, const char *name, ufo_object_info *info,
                         ufo_error *error) {
  ufo_descent descent = {0};
  ufo_status status = fill(etxn, found, info, &descent, error);
  ufo_descent_end(&descent);
  set_name(info, name, strlen(name));
  return status;
}

/* ---- public ---------------------------------------------------------------------------------------------------- */

static ufo_status check(ufo_store *store, ufo_txn *txn, const char *name, ufo_error *error) {
  ufo_status status = ufo_store_check(store, txn, error);
  return status ? status : ufo_catalogue_check_name(name, error);
}

static ufo_status check_info(const ufo_object_info *info, ufo_error *error) {
  if (info && info->struct_size == sizeof *info) return UFO_OK;
  return ufo_fail(error, UFO_USAGE, "struct_size of ufo_object_info must be %zu", sizeof *info);
}

static ufo_status fail_reading(ufo_store *store, const char *name, ufo_status status, ufo_error *error) {
  return ufo_fail_prefix(error, status, "cannot read '%s' of store %s", name, store->core->path);
}

ufo_status ufo_store_info(ufo_store *store, ufo_txn *txn, const char *name, uint64_t version, ufo_object_info *info,
                          ufo_error *error) {
  ufo_etxn *etxn;
  ufo_found found;
  ufo_object_info filled;
  ufo_status status = check_info(info, error);
  if (!status) status = check(store, txn, name, error);
  if (!status) status = ufo_core_begin_read(store->core, &etxn, error);
  if (status) return status;
  status = ufo_lookup(etxn, txn, ufo_store_sight(store), name, version, &found, error);
  if (!status) status = ufo_info_fill(etxn, &found, name, &filled, error);
  ufo_core_end(store->core, etxn);
  if (status) return fail_reading(store, name, status, error);
  *info = filled;
  return UFO_OK;
}

static ufo_status child_name(ufo_etxn *etxn, const ufo_found *list, uint64_t index, ufo_object_info *info,
                             ufo_error *error) {
  ufo_attributes *set;
  ufo_attribute names;
  ufo_status status = ufo_lookup_names(etxn, list, &set, &names, error);
  if (status || !set) return status;
  uint32_t bytes = 0;
  const char *text = index < names.count ? ufo_attributes_string(&names, index, &bytes) : NULL;
  if (text) set_name(info, text, bytes);
  ufo_attributes_free(set);
  return UFO_OK;
}

ufo_status ufo_store_child_info(ufo_store *store, ufo_txn *txn, const char *name, uint64_t version, uint64_t index,
                                ufo_object_info *info, ufo_error *error) {
  ufo_etxn *etxn;
  ufo_found list, found;
  ufo_object_info filled;
  ufo_status status = check_info(info, error);
  if (!status) status = check(store, txn, name, error);
  if (!status) status = ufo_core_begin_read(store->core, &etxn, error);
  if (status) return status;
  status = ufo_lookup(etxn, txn, ufo_store_sight(store), name, version, &list, error);
  if (!status) status = ufo_lookup_child(etxn, &list, index, &found, error);
  if (!status) status = ufo_info_fill(etxn, &found, "", &filled, error);
  if (!status) status = child_name(etxn, &list, index, &filled, error);
  ufo_core_end(store->core, etxn);
  if (status) return fail_reading(store, name, status, error);
  *info = filled;
  return UFO_OK;
}

ufo_status ufo_store_attributes(ufo_store *store, ufo_txn *txn, const char *name, uint64_t version,
                                ufo_attributes **attributes_out, ufo_error *error) {
  ufo_etxn *etxn;
  ufo_found found;
  ufo_slice bytes;
  *attributes_out = NULL;
  ufo_status status = check(store, txn, name, error);
  if (!status) status = ufo_core_begin_read(store->core, &etxn, error);
  if (status) return status;
  status = ufo_lookup(etxn, txn, ufo_store_sight(store), name, version, &found, error);
  if (!status) status = ufo_lookup_attributes(etxn, &found, &bytes, error);
  if (!status) {
    status = bytes.bytes ? ufo_attributes_decode(bytes.data, bytes.bytes, attributes_out, error)
                         : ufo_attributes_create(attributes_out, error);
  }
  ufo_core_end(store->core, etxn);
  return status ? fail_reading(store, name, status, error) : UFO_OK;
}
