/* commit.c - publishing a transaction.
 *
 *   1. extents that take much room are staged, in short transactions of their own;
 *   2. one write transaction: resolve (conflicts, ids, versions), reclaim older garbage, write, queue garbage;
 *   3. new versions that somebody will hold are pinned, then the transaction is committed: this is the instant;
 *   4. extents learn where they are now, and views that were put learn their new version.
 *
 * Until 3 nothing in memory changed, so a failed commit can be tried again. Memory of callers is never touched. */
#include "store/commit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/clock.h"
#include "store/garbage.h"
#include "store/write.h"
#include "util/fail.h"
#include "util/plant.h"

#define COLLECT_BYTES (UINT64_C(1) << 20)
#define COLLECT_ENTRIES 256
/* What a commit reclaims beyond twice what it writes: a large one's garbage is spread over the small ones after it. */
#define RECLAIM_ENTRIES 64

/* Calls `visit` for all drafts, children ("list[[3]]") before their list. */
typedef ufo_status (*visit_fn)(ufo_commit *commit, ufo_draft *draft, const char *name, ufo_error *error);

static ufo_status visit_draft(ufo_commit *commit, ufo_draft *draft, const char *name, visit_fn visit,
                              ufo_error *error) {
  ufo_status status = UFO_OK;
  char label[UFO_NAME_MAX + 32];
  for (uint64_t i = 0; i < draft->child_count && !status; i++) {
    int length = snprintf(label, sizeof label, "%s[[%llu]]", name, (unsigned long long)i + 1);
    if (length >= (int)sizeof label) memcpy(label + sizeof label - 4, "...", 4); /* for messages only */
    if (draft->children[i]) status = visit_draft(commit, draft->children[i], label, visit, error);
  }
  return status ? status : visit(commit, draft, name, error);
}

static ufo_status visit_all(ufo_commit *commit, visit_fn visit, ufo_error *error) {
  ufo_status status = UFO_OK;
  for (size_t i = 0; i < commit->txn->pending_count && !status; i++) {
    ufo_pending *pending = commit->txn->pending[i];
    if (pending->draft) status = visit_draft(commit, pending->draft, pending->name, visit, error);
  }
  return status;
}

/* ---- 1: staging ------------------------------------------------------------------------------------------------- */

/* Writes large extents ahead, a batch at a time, so that the write transaction stays small. */
static ufo_status stage_draft(ufo_commit *commit, ufo_draft *draft, const char *name, ufo_error *error) {
  (void)name;
  uint64_t bytes = 0, count = 0;
  ufo_extent **extents = malloc((draft->extents.count + 1) * sizeof(ufo_extent *));
  if (!extents) return ufo_fail(error, UFO_FULL, "out of memory");
  bool failed;
  uint64_t *chunks = ufo_u64map_sorted_keys(&draft->extents, &failed);
  for (uint64_t i = 0; i < draft->extents.count && chunks; i++) {
    ufo_extent *extent = ufo_u64map_get(&draft->extents, chunks[i]);
    ufo_extent_place place = ufo_extent_find(extent);
    ufo_extent_bytes_release(place.bytes);
    if (place.state != UFO_EXTENT_MEMORY && place.state != UFO_EXTENT_SCRATCH) continue;
    extents[count++] = extent;
    bytes += extent->meta.stored_bytes;
  }
  ufo_status status = failed ? ufo_fail(error, UFO_FULL, "out of memory") : UFO_OK;
  if (!status && bytes > UFO_STAGE_BATCH_BYTES) status = ufo_extents_stage(commit->core, extents, count, error);
  free(chunks);
  free(extents);
  return status;
}

/* ---- 3: pins ---------------------------------------------------------------------------------------------------- */

static bool is_shared(const ufo_draft *draft) {
  for (size_t i = 0; i < draft->extents.slots; i++) {
    ufo_extent *extent = draft->extents.values[i];
    if (extent && atomic_load(&extent->references) > 1) return true;
  }
  return draft->puts != NULL;
}

static ufo_status pin_draft(ufo_commit *commit, ufo_draft *draft, const char *name, ufo_error *error) {
  if (!is_shared(draft)) return UFO_OK;
  ufo_status status = ufo_pin_create(commit->core, draft->commit.id, draft->commit.version, &draft->commit.pin, error);
  if (status || !draft->puts) return status;
  ufo_found found = {.id = draft->commit.id, .version = draft->commit.version, .record = draft->commit.record};
  ufo_object_info info;
  const ufo_pending *pending = ufo_txn_find(commit->txn, name);
  bool is_named = pending && pending->draft == draft;
  status = ufo_info_fill(commit->etxn, &found, is_named ? name : "", &info, error);
  if (status) return status;
  status = ufo_object_make(commit->core, name, &info, &found.record, ufo_pin_retain(draft->commit.pin),
                           &draft->commit.object, error);
  if (!status && draft->commit.continues) draft->commit.object->from_version = draft->commit.from_version;
  return status;
}

static ufo_status forget_outcome(ufo_commit *commit, ufo_draft *draft, const char *name, ufo_error *error) {
  (void)commit, (void)name, (void)error;
  ufo_object_release(draft->commit.object);
  ufo_pin_release(draft->commit.pin);
  memset(&draft->commit, 0, sizeof draft->commit);
  return UFO_OK;
}

/* ---- 4: the outcome --------------------------------------------------------------------------------------------- */

static ufo_status publish(ufo_commit *commit, ufo_draft *draft, const char *name, ufo_error *error) {
  (void)name, (void)error;
  for (size_t i = 0; i < draft->extents.slots; i++) {
    ufo_extent *extent = draft->extents.values[i];
    if (!extent) continue;
    uint64_t blob = (uint64_t)(uintptr_t)ufo_u64map_get(&commit->blobs, (uintptr_t)extent);
    ufo_extent_set_committed(extent, blob, draft->commit.pin);
  }
  ufo_put *puts = draft->puts;
  ufo_object *object = draft->commit.object;
  draft->puts = NULL;
  draft->commit.object = NULL;
  ufo_puts_end(puts, object);
  return UFO_OK;
}

/* ---- 2: the write transaction ----------------------------------------------------------------------------------- */

static ufo_status write_names(ufo_commit *commit, ufo_error *error) {
  ufo_status status = UFO_OK;
  uint64_t newest = ufo_snapshots_before(&commit->snapshots, UINT64_MAX);
  for (size_t i = 0; i < commit->txn->pending_count && !status; i++) {
    const ufo_pending *pending = commit->txn->pending[i];
    if (pending->draft && pending->draft->commit.id != pending->current_id) {
      ufo_named named = {.id = pending->draft->commit.id, .since = commit->counters.generation};
      status = ufo_snapshots_keep_name(commit->etxn, newest, pending->name, error);
      if (!status) status = ufo_catalogue_put_name(commit->etxn, pending->name, &named, error);
    } else if (pending->removed && pending->current_id) {
      status = ufo_snapshots_keep_name(commit->etxn, newest, pending->name, error);
      if (!status) status = ufo_catalogue_delete_name(commit->etxn, pending->name, error);
    }
    if (!status && pending->current_id) status = ufo_commit_drop(commit, pending->current_id, error);
    if (status) ufo_fail_prefix(error, status, "cannot commit '%s' to store %s", pending->name, commit->core->path);
  }
  return status;
}

static ufo_status count_entries(ufo_commit *commit, ufo_draft *draft, const char *name, ufo_error *error) {
  (void)name, (void)error;
  if (draft->commit.untouched) return UFO_OK;
  commit->planned += draft->extents.count + draft->child_count;
  if (draft->commit.continues && draft->policy == UFO_POLICY_REPLACE) {
    commit->planned += draft->commit.record.chunks_written;
  } else if (!draft->commit.continues && draft->base) {
    commit->planned += draft->base->map_record.chunks_written;
  }
  return UFO_OK;
}

/* What a commit adds is what earlier ones left behind, so that the store stays as large as its content. Before it
 * writes anything: what this commit supersedes is current for everybody else until it ends, and somebody may be about
 * to pin it, whatever older garbage names the same chunk. */
static ufo_status reclaim_first(ufo_commit *commit, ufo_error *error) {
  visit_all(commit, count_entries, NULL);
  ufo_reclaim reclaim = {.budget = 2 * commit->planned + RECLAIM_ENTRIES};
  ufo_status status =
      ufo_garbage_reclaim(commit->core, commit->etxn, &commit->snapshots, commit->counters.generation, &reclaim, error);
  return status == UFO_CORRUPT ? UFO_OK : status; /* verify reports it; new data must not be refused for it */
}

static ufo_status write_all(ufo_commit *commit, ufo_unstaged *unstaged, ufo_error *error) {
  ufo_txn *txn = commit->txn;
  ufo_status status = ufo_superblock_upgrade(commit->etxn, UFO_INCOMPAT_GENERATIONS, 0, error);
  if (!status) status = ufo_counters_get(commit->etxn, &commit->counters, error);
  if (!status) status = ufo_snapshots_load(commit->etxn, &commit->snapshots, error);
  if (status) return status;
  commit->counters.generation++;
  status = ufo_commit_resolve(commit, error);
  if (!status) status = reclaim_first(commit, error);
  for (size_t i = 0; i < txn->pending_count && !status; i++) {
    ufo_pending *pending = txn->pending[i];
    if (!pending->draft) continue;
    status = ufo_commit_write(commit, pending->draft, error);
    if (status) ufo_fail_prefix(error, status, "cannot commit '%s' to store %s", pending->name, commit->core->path);
  }
  if (!status && (commit->features || commit->minor))
    status = ufo_superblock_upgrade(commit->etxn, commit->features, commit->minor, error);
  if (!status) status = write_names(commit, error);
  if (!status) status = ufo_garbage_unstage(commit->core, commit->etxn, unstaged, error);
  if (!status && ufo_planted("reclaim-early")) {
    ufo_reclaim reclaim = {.budget = COLLECT_ENTRIES};
    status = ufo_garbage_reclaim(commit->core, commit->etxn, &commit->snapshots, UFO_PARKED, &reclaim, error);
  }
  if (!status) status = ufo_counters_put(commit->etxn, &commit->counters, error);
  if (!status) status = visit_all(commit, pin_draft, error);
  return status;
}

static bool is_empty(const ufo_txn *txn) {
  for (size_t i = 0; i < txn->pending_count; i++) {
    if (txn->pending[i]->draft || txn->pending[i]->removed) return false;
  }
  return true;
}

ufo_status ufo_txn_commit(ufo_txn *txn, ufo_error *error) {
  ufo_status status = ufo_txn_check(txn, error);
  if (status) return status;
  if (txn->writers > 0) {
    return ufo_fail(error, UFO_USAGE, "cannot commit to store %s: a writer of the transaction is open",
                    txn->core->path);
  }
  if (is_empty(txn)) {
    if (ufo_garbage_present(txn->core)) ufo_garbage_collect(txn->core, 2);
    ufo_txn_free(txn);
    return UFO_OK;
  }
  ufo_commit commit = {.txn = txn, .core = txn->core, .now_ns = ufo_clock_realtime_ns()};
  ufo_unstaged unstaged = {0};
  status = ufo_txn_settle(txn, error);
  ufo_spill_settle(txn->spill);
  if (!status) status = visit_all(&commit, stage_draft, error);
  if (!status) status = ufo_core_begin_write(txn->core, &commit.etxn, error);
  if (!status) {
    status = write_all(&commit, &unstaged, error);
    if (!status) status = ufo_core_commit(commit.core, commit.etxn, error);
    else ufo_core_end(commit.core, commit.etxn);
    if (ufo_planted("failure-acknowledged")) status = UFO_OK;
    ufo_garbage_unstage_done(commit.core, &unstaged, !status);
  }
  ufo_core *core = txn->core;
  if (status) {
    visit_all(&commit, forget_outcome, NULL);
  } else {
    visit_all(&commit, publish, NULL);
    bool collect = commit.superseded_bytes >= COLLECT_BYTES || commit.entries >= COLLECT_ENTRIES;
    ufo_core_retain(core);
    ufo_txn_free(txn);
    if (collect && commit.superseded_bytes > 0) ufo_garbage_collect(core, 4);
    ufo_core_release(core);
  }
  ufo_snapshots_free(&commit.snapshots);
  ufo_u64map_clear(&commit.live);
  ufo_u64map_clear(&commit.kept);
  ufo_u64map_clear(&commit.blobs);
  ufo_descent_end(&commit.dropped);
  return status;
}
