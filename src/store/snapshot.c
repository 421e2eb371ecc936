/* snapshot.c - making, removing and listing snapshots: see <ufostore/snapshot.h>. Versions: versions.c. */
#include <ufostore/snapshot.h>

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "os/clock.h"
#include "store/garbage.h"
#include "store/handle.h"
#include "store/map.h"
#include "store/store.h"
#include "util/bytes.h"
#include "util/fail.h"

enum { COLLECT_ROUNDS = 4 };

static ufo_status check(ufo_store *store, const char *label, const char *what, ufo_error *error) {
  ufo_status status = ufo_store_check(store, NULL, error);
  if (!status) status = ufo_catalogue_check_name(label, error);
  if (!status && store->read_only) {
    status = ufo_fail(error, UFO_USAGE, "cannot %s snapshot '%s' of store %s: it is open read-only", what, label,
                      store->core->path);
  }
  return status;
}

/* A snapshot is a commit of its own, so that no two have the same generation. */
static ufo_status write_snapshot(ufo_etxn *txn, const char *label, ufo_error *error) {
  ufo_snapshot_record record = {0};
  ufo_counters counters;
  ufo_status status = ufo_snapshots_get(txn, label, &record, error);
  if (!status) return ufo_fail(error, UFO_USAGE, "there is a snapshot of that label");
  if (status != UFO_MISSING) return status;
  status = ufo_superblock_upgrade(txn, UFO_INCOMPAT_GENERATIONS, 0, error);
  if (!status) status = ufo_counters_get(txn, &counters, error);
  if (!status) status = ufo_engine_get_entries(txn, UFO_TABLE_NAMES, &record.names, error);
  if (status) return status;
  record.generation = ++counters.generation;
  record.created_ns = ufo_clock_realtime_ns();
  status = ufo_snapshots_put(txn, label, &record, error);
  return status ? status : ufo_counters_put(txn, &counters, error);
}

ufo_status ufo_snapshot_create(ufo_store *store, const char *label, ufo_error *error) {
  ufo_status status = check(store, label, "create", error);
  if (status) return status;
  ufo_etxn *txn;
  status = ufo_core_begin_write(store->core, &txn, error);
  if (!status) {
    status = write_snapshot(txn, label, error);
    if (!status) status = ufo_core_commit(store->core, txn, error);
    else ufo_core_end(store->core, txn);
  }
  if (!status) return UFO_OK;
  return ufo_fail_prefix(error, status, "cannot create snapshot '%s' of store %s", label, store->core->path);
}

static ufo_status delete_snapshot(ufo_etxn *txn, const char *label, ufo_error *error) {
  ufo_snapshot_record record;
  ufo_counters counters;
  ufo_sight sight;
  ufo_status status = ufo_snapshots_get(txn, label, &record, error);
  if (status == UFO_MISSING) return ufo_fail(error, UFO_MISSING, "there is none of that label");
  if (!status) status = ufo_superblock_upgrade(txn, UFO_INCOMPAT_GENERATIONS, 0, error);
  if (!status) status = ufo_counters_get(txn, &counters, error);
  if (status) return status;
  strcpy(sight.label, label);
  sight.generation = record.generation;
  counters.generation++;
  status = ufo_snapshots_delete(txn, &sight, error);
  return status ? status : ufo_counters_put(txn, &counters, error);
}

ufo_status ufo_snapshot_remove(ufo_store *store, const char *label, ufo_error *error) {
  ufo_status status = check(store, label, "remove", error);
  if (status) return status;
  ufo_etxn *txn;
  status = ufo_core_begin_write(store->core, &txn, error);
  if (!status) {
    status = delete_snapshot(txn, label, error);
    if (!status) status = ufo_core_commit(store->core, txn, error);
    else ufo_core_end(store->core, txn);
  }
  if (status) {
    return ufo_fail_prefix(error, status, "cannot remove snapshot '%s' of store %s", label, store->core->path);
  }
  ufo_garbage_collect(store->core, COLLECT_ROUNDS);
  return UFO_OK;
}

/* ---- what only one snapshot keeps ------------------------------------------------------------------------------ */

typedef struct holding {
  ufo_etxn *txn;
  const ufo_snapshot_index *snapshots;
  uint64_t generation; /* of the snapshot */
  uint64_t id;         /* of the dropped object that is being gone through */
  uint64_t older;      /* the version of the object that an older one sees */
  ufo_u64map entries; /* hashes of those that were seen: a chunk may be named more than once; the values mean nothing */
  ufo_u64map blobs;   /* how many of the entries seen refer to each */
  uint64_t bytes;
} holding;

/* An entry that goes with the snapshot. Its blob goes with the last one that refers to it: copies share blobs. */
static ufo_status add_entry(holding *held, uint64_t id, uint64_t chunk, uint64_t version, const ufo_entry *entry,
                            ufo_error *error) {
  if (entry->is_child || entry->blob == 0) return UFO_OK;
  uint8_t key[UFO_MAP_KEY_BYTES];
  void *before = NULL;
  uint64_t further;
  ufo_key_map(key, id, chunk, version);
  if (!ufo_u64map_put(&held->entries, XXH3_64bits(key, sizeof key), held, &before))
    return ufo_fail(error, UFO_FULL, "out of memory");
  if (before) return UFO_OK;
  uintptr_t count = (uintptr_t)ufo_u64map_get(&held->blobs, entry->blob) + 1;
  if (!ufo_u64map_put(&held->blobs, entry->blob, (void *)count, NULL))
    return ufo_fail(error, UFO_FULL, "out of memory");
  ufo_status status = ufo_blob_extra_referents(held->txn, entry->blob, &further, error);
  if (!status && count == further + 1) held->bytes += entry->meta.stored_bytes;
  return status;
}

/* Does an older snapshot see one of these versions, and which? 0: none. */
static ufo_status find_older(holding *held, uint64_t id, uint64_t first, uint64_t last, ufo_error *error) {
  uint64_t generation;
  return ufo_snapshots_holder(held->txn, held->snapshots, id, first, last, held->generation, &generation, &held->older,
                              error);
}

typedef struct superseded {
  holding *held;
  const ufo_garbage *garbage;
  uint64_t end; /* the first chunk after the run */
} superseded;

static ufo_status add_superseded_entry(void *user, uint64_t chunk, uint64_t entry_version, const ufo_entry *entry,
                                       ufo_error *error) {
  const superseded *run = user;
  if (chunk >= run->end) return UFO_END;
  ufo_status status = find_older(run->held, run->garbage->id, entry_version, run->garbage->version - 1, error);
  if (status || run->held->older) return status;
  return add_entry(run->held, run->garbage->id, chunk, entry_version, entry, error);
}

/* Walks from entry to entry, not from chunk to chunk: what a damaged record says of their number costs nothing. */
static ufo_status add_superseded(holding *held, const ufo_garbage *garbage, ufo_error *error) {
  ufo_status status = UFO_OK;
  for (uint32_t r = 0; r < garbage->run_count && !status; r++) {
    const ufo_run *run = &garbage->runs[r];
    superseded of = {held, garbage, run->first + run->count};
    status = ufo_map_walk(held->txn, garbage->id, run->first, garbage->version - 1, add_superseded_entry, &of, error);
    if (status == UFO_END) status = UFO_OK;
  }
  return status;
}

static ufo_status add_entry_of(void *user, uint64_t chunk, uint64_t entry_version, const ufo_entry *entry,
                               ufo_error *error) {
  holding *held = user;
  return entry_version > held->older ? add_entry(held, held->id, chunk, entry_version, entry, error) : UFO_OK;
}

static ufo_status add_dropped(holding *held, const ufo_garbage *garbage, ufo_error *error) {
  uint64_t version;
  ufo_record record;
  ufo_status status = ufo_snapshots_get_object(held->txn, held->generation, garbage->id, &version, &record, error);
  if (status) return status == UFO_MISSING ? UFO_OK : status;
  held->id = garbage->id;
  status = find_older(held, garbage->id, 0, version, error);
  return status ? status : ufo_map_walk(held->txn, garbage->id, 0, version, add_entry_of, held, error);
}

/* Goes through what is parked under the snapshot: what was changed since, and not before an older one's time. */
static ufo_status sum_held(holding *held, ufo_error *error) {
  uint8_t at[UFO_PARKED_KEY_BYTES + 1];
  size_t bytes = 8;
  ufo_put_be64(at, UFO_PARKED | held->generation);
  for (;;) {
    ufo_cursor *cursor;
    ufo_slice key, value;
    ufo_garbage garbage;
    ufo_status status = ufo_cursor_open(held->txn, UFO_TABLE_GARBAGE, &cursor, error);
    if (status) return status;
    status = ufo_cursor_seek(cursor, at, bytes, &key, &value, error);
    bool ours = !status && key.bytes == UFO_PARKED_KEY_BYTES && memcmp(key.data, at, 8) == 0;
    if (ours) status = ufo_record_check(UFO_TABLE_GARBAGE, key.data, key.bytes, value, error);
    if (ours && !status) {
      memcpy(at, key.data, key.bytes);
      status = ufo_record_decode_garbage((ufo_slice){value.data, value.bytes - UFO_SEAL_BYTES}, &garbage, error);
    }
    ufo_cursor_close(cursor);
    if (!ours) return status == UFO_END ? UFO_OK : status;
    if (!status) {
      status = garbage.kind == UFO_GARBAGE_DROPPED ? add_dropped(held, &garbage, error)
                                                   : add_superseded(held, &garbage, error);
    }
    if (status) return status;
    at[UFO_PARKED_KEY_BYTES] = 0;
    bytes = UFO_PARKED_KEY_BYTES + 1;
  }
}

/* ---- listing --------------------------------------------------------------------------------------------------- */

typedef struct listed {
  ufo_snapshot_record record;
  char *label;
} listed;

/* All snapshots as a commit left them: each visit may change the store, and most do not. */
typedef struct listing {
  uint64_t generation; /* of that commit */
  listed *list;        /* the oldest first */
  size_t count, capacity;
  ufo_snapshot_index index;
} listing;

static void clear_listing(listing *all) {
  for (size_t i = 0; i < all->count; i++) free(all->list[i].label);
  free(all->list);
  ufo_snapshots_free(&all->index);
  *all = (listing){0};
}

static ufo_status add_listed(void *user, ufo_slice label, const ufo_snapshot_record *record, ufo_error *error) {
  listing *all = user;
  if (all->count == all->capacity) {
    size_t capacity = all->capacity ? 2 * all->capacity : 16;
    listed *larger = realloc(all->list, capacity * sizeof *larger);
    if (!larger) return ufo_fail(error, UFO_FULL, "out of memory");
    all->list = larger;
    all->capacity = capacity;
  }
  char *copy = strndup((const char *)label.data, label.bytes);
  if (!copy) return ufo_fail(error, UFO_FULL, "out of memory");
  all->list[all->count++] = (listed){*record, copy};
  return UFO_OK;
}

static int compare_listed(const void *a, const void *b) {
  uint64_t left = ((const listed *)a)->record.generation, right = ((const listed *)b)->record.generation;
  return (left > right) - (left < right);
}

/* A label that is made or removed moves the generation. */
static ufo_status refresh(listing *all, ufo_etxn *txn, ufo_error *error) {
  ufo_counters counters;
  ufo_status status = ufo_counters_get(txn, &counters, error);
  if (status || (all->count && all->generation == counters.generation)) return status;
  clear_listing(all);
  all->generation = counters.generation;
  status = ufo_snapshots_load(txn, &all->index, error);
  if (!status) status = ufo_snapshots_walk(txn, add_listed, all, error);
  if (all->count) qsort(all->list, all->count, sizeof *all->list, compare_listed);
  return status;
}

/* The oldest one that is younger than `after`. UFO_END. */
static ufo_status next_snapshot(ufo_core *core, listing *all, uint64_t after, ufo_snapshot_info *info,
                                ufo_error *error) {
  ufo_etxn *txn;
  ufo_status status = ufo_core_begin_read(core, &txn, error);
  if (status) return status;
  status = refresh(all, txn, error);
  size_t i = 0;
  while (!status && i < all->count && all->list[i].record.generation <= after) i++;
  if (!status && i == all->count) status = UFO_END;
  if (!status) {
    const ufo_snapshot_record *record = &all->list[i].record;
    holding held = {.txn = txn, .snapshots = &all->index, .generation = record->generation};
    *info = (ufo_snapshot_info){.struct_size = sizeof *info,
                                .generation = record->generation,
                                .created_ns = record->created_ns,
                                .objects = record->names};
    strcpy(info->label, all->list[i].label);
    status = sum_held(&held, error);
    info->held_bytes = held.bytes;
    ufo_u64map_clear(&held.blobs);
    ufo_u64map_clear(&held.entries);
  }
  ufo_core_end(core, txn);
  return status;
}

ufo_status ufo_snapshot_list(ufo_store *store, ufo_snapshot_fn visit, void *user, ufo_error *error) {
  ufo_status status = ufo_store_check(store, NULL, error);
  if (status) return status;
  if (!visit)
    return ufo_fail(error, UFO_USAGE, "cannot list the snapshots of store %s: no callback", store->core->path);
  ufo_core *core = store->core;
  /* What the last commits superseded is counted once it is parked. */
  if (!store->read_only && ufo_garbage_present(core)) ufo_garbage_collect(core, COLLECT_ROUNDS);
  ufo_snapshot_info info;
  listing all = {0};
  bool ended = false;
  for (uint64_t after = 0; !ended && !(status = next_snapshot(core, &all, after, &info, error));
       after = info.generation)
    ended = visit(user, &info) != 0;
  clear_listing(&all);
  if (ended) return UFO_END;
  if (status == UFO_END) return UFO_OK;
  return ufo_fail_prefix(error, status, "cannot list the snapshots of store %s", core->path);
}
