/* versions.c - the versions of an object that can be read: see <ufostore/snapshot.h>. */
#include <ufostore/snapshot.h>

#include <string.h>

#include "store/catalogue.h"
#include "store/handle.h"
#include "store/map.h"
#include "store/store.h"
#include "util/fail.h"

/* Counts the snapshots that see versions made from `generation` on and before `end`, and names the newest. */
static ufo_status describe_snapshots(ufo_etxn *txn, const ufo_snapshot_index *index, uint64_t end,
                                     ufo_version_info *info, ufo_error *error) {
  uint64_t newest = ufo_snapshots_before(index, end);
  if (newest == 0 || newest < info->generation) return UFO_OK;
  for (uint64_t at = newest; at && at >= info->generation; at = ufo_snapshots_before(index, at)) info->snapshots++;
  ufo_snapshot_record record;
  return ufo_snapshots_find_label(txn, newest, info->snapshot, &record, error);
}

/* Strings have their figures in their parts. A part of an older version may be gone by now. */
static ufo_status add_parts(ufo_etxn *txn, uint64_t id, ufo_version_info *info, ufo_error *error) {
  info->length = info->chunks_changed = info->stored_bytes = 0;
  for (uint64_t i = 0; i < UFO_TEXT_PARTS; i++) {
    ufo_entry entry;
    ufo_record part;
    uint64_t found = 0;
    ufo_status status = ufo_map_find(txn, id, i, info->version, &entry, NULL, error);
    if (!status && entry.is_child)
      status = ufo_catalogue_get_newest(txn, entry.child_id, entry.child_version, &found, &part, error);
    if (status && status != UFO_MISSING) return status;
    if (status || !entry.is_child || found != entry.child_version) continue;
    if (i == UFO_TEXT_WORDS) info->length = part.length;
    if (part.generation == info->generation) info->chunks_changed += part.chunks_changed;
    info->stored_bytes += part.stored_bytes;
  }
  return UFO_OK;
}

/* The newest version before `before` that has a record. Its fields but `is_open`. */
static ufo_status next_version(ufo_core *core, uint64_t id, uint64_t before, uint64_t end, ufo_version_info *info,
                               ufo_error *error) {
  ufo_etxn *txn;
  ufo_snapshot_index index;
  ufo_record record;
  ufo_status status = ufo_core_begin_read(core, &txn, error);
  if (status) return status;
  *info = (ufo_version_info){.struct_size = sizeof *info};
  status = ufo_snapshots_load(txn, &index, error);
  if (!status) status = ufo_catalogue_get_newest(txn, id, before - 1, &info->version, &record, error);
  if (!status) {
    info->generation = record.generation;
    info->changed_ns = record.changed_ns;
    info->length = record.length;
    info->chunks_changed = record.chunks_changed;
    info->stored_bytes = record.stored_bytes;
    if (record.type == UFO_CHARACTER) status = add_parts(txn, id, info, error);
    if (!status) status = describe_snapshots(txn, &index, end, info, error);
  }
  ufo_snapshots_free(&index);
  ufo_core_end(core, txn);
  return status;
}

ufo_status ufo_store_versions(ufo_store *store, const char *name, ufo_version_fn visit, void *user, ufo_error *error) {
  ufo_etxn *txn;
  ufo_found found;
  ufo_status status = ufo_store_check(store, NULL, error);
  if (!status) status = ufo_catalogue_check_name(name, error);
  if (!status && !visit) status = ufo_fail(error, UFO_USAGE, "cannot list the versions of '%s': no callback", name);
  if (!status) status = ufo_core_begin_read(store->core, &txn, error);
  if (status) return status;
  const ufo_sight *at = ufo_store_sight(store);
  status = ufo_lookup(txn, NULL, at, name, 0, &found, error);
  ufo_core_end(store->core, txn);
  uint64_t end = at ? at->generation + 1 : UINT64_MAX; /* the snapshots before it count */
  for (uint64_t before = found.version + 1; !status && before > 1;) {
    ufo_version_info info;
    status = next_version(store->core, found.id, before, end, &info, error);
    if (status == UFO_MISSING) return UFO_OK;
    if (status) break;
    before = info.version;
    if (info.generation < end) end = info.generation;
    info.is_current = info.version == found.version;
    info.is_open = ufo_pin_any(store->core, found.id, info.version, info.version);
    /* Others wait to be reclaimed. */
    if ((info.is_current || info.is_open || info.snapshots) && visit(user, &info)) return UFO_END;
  }
  if (!status) return UFO_OK;
  return ufo_fail_prefix(error, status, "cannot list the versions of '%s' of store %s", name, store->core->path);
}

/* ---- the snapshot of a version --------------------------------------------------------------------------------- */

/* What the snapshot calls object `id`: most likely what it is called now. */
static ufo_status find_name_then(ufo_etxn *txn, const ufo_sight *sight, uint64_t id, const char *name,
                                 char name_then[UFO_NAME_MAX + 1], ufo_error *error) {
  ufo_found found;
  ufo_status status = ufo_lookup(txn, NULL, sight, name, 0, &found, error);
  if (!status && found.id == id) {
    strcpy(name_then, name);
    return UFO_OK;
  }
  if (status && status != UFO_MISSING) return status;
  uint64_t other = 0;
  name_then[0] = '\0';
  while (other != id && !(status = ufo_snapshots_next_name(txn, sight->generation, name_then, error))) {
    status = ufo_snapshots_get_name(txn, sight->generation, name_then, &other, error);
    if (status) break;
  }
  return status == UFO_END ? UFO_MISSING : status;
}

static ufo_status find_snapshot_of(ufo_etxn *txn, const ufo_sight *at, const char *name, uint64_t version,
                                   char label[UFO_NAME_MAX + 1], char name_then[UFO_NAME_MAX + 1], ufo_error *error) {
  ufo_found found;
  ufo_snapshot_index index;
  ufo_sight sight;
  ufo_snapshot_record record;
  uint64_t seen;
  ufo_status status = ufo_lookup(txn, NULL, at, name, version, &found, error);
  if (status) return status;
  status = ufo_snapshots_load(txn, &index, error);
  if (!status) {
    uint64_t end = at ? at->generation + 1 : UINT64_MAX;
    status =
        ufo_snapshots_holder(txn, &index, found.id, found.version, found.version, end, &sight.generation, &seen, error);
  }
  ufo_snapshots_free(&index);
  if (!status && sight.generation == 0) status = UFO_MISSING;
  if (!status) status = ufo_snapshots_find_label(txn, sight.generation, sight.label, &record, error);
  if (!status) status = find_name_then(txn, &sight, found.id, name, name_then, error);
  if (!status) strcpy(label, sight.label);
  if (status != UFO_MISSING) return status;
  return ufo_fail(error, UFO_MISSING, "no snapshot keeps version %llu", (unsigned long long)version);
}

ufo_status ufo_snapshot_of_version(ufo_store *store, const char *name, uint64_t version, char label[UFO_NAME_MAX + 1],
                                   char name_then[UFO_NAME_MAX + 1], ufo_error *error) {
  ufo_etxn *txn;
  ufo_status status = ufo_store_check(store, NULL, error);
  if (!status) status = ufo_catalogue_check_name(name, error);
  if (!status && (!label || !name_then || version == 0))
    status =
        ufo_fail(error, UFO_USAGE, "cannot look for a snapshot of '%s': no version, or no place for the answer", name);
  if (!status) status = ufo_core_begin_read(store->core, &txn, error);
  if (status) return status;
  status = find_snapshot_of(txn, ufo_store_sight(store), name, version, label, name_then, error);
  ufo_core_end(store->core, txn);
  return status ? ufo_fail_prefix(error, status, "cannot read '%s' of store %s", name, store->core->path) : UFO_OK;
}
