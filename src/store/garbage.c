/* garbage.c - see garbage.h.
 *
 * A commit frees nothing of what it supersedes: a reader may have seen the old version and be about to pin it (pin.c).
 * It queues the chunks; later write transactions look at them, each before it writes versions of its own: the newest
 * entry of a chunk is then of a committed version, and the older ones are what commits superseded.
 *
 * Work is bounded: each call has a budget, continues where the last one ended, and leaves pinned garbage queued. What
 * only a snapshot needs is moved out of the way, to keys that are not looked at while that snapshot is there. */
#include "store/garbage.h"

#include <stdlib.h>
#include <string.h>

#include "util/bytes.h"
#include "util/fail.h"

enum { COLLECT_BUDGET = 20000, KEPT_MAX = 200 };

/* ---- queueing -------------------------------------------------------------------------------------------------- */

static ufo_status write_record(ufo_etxn *txn, uint64_t generation, uint32_t sequence, const ufo_garbage *garbage,
                               ufo_error *error) {
  uint8_t key[UFO_GARBAGE_KEY_BYTES], record[UFO_GARBAGE_BYTES_MAX];
  ufo_key_garbage(key, generation, sequence);
  size_t bytes = ufo_record_encode_garbage(garbage, record);
  return ufo_record_put(txn, UFO_TABLE_GARBAGE, key, sizeof key, record, bytes, false, error);
}

void ufo_garbage_begin(ufo_garbage_queue *queue, ufo_etxn *txn, uint64_t generation, uint32_t *sequence, uint64_t id,
                       uint64_t version) {
  queue->txn = txn;
  queue->generation = generation;
  queue->sequence = sequence;
  queue->record.kind = UFO_GARBAGE_SUPERSEDED;
  queue->record.id = id;
  queue->record.version = version;
  queue->record.run_count = 0;
}

ufo_status ufo_garbage_add(ufo_garbage_queue *queue, uint64_t chunk, ufo_error *error) {
  ufo_garbage *record = &queue->record;
  ufo_run *last = record->run_count ? &record->runs[record->run_count - 1] : NULL;
  if (last && last->first + last->count == chunk && last->count < UINT32_MAX) {
    last->count++;
    return UFO_OK;
  }
  ufo_status status = UFO_OK;
  if (record->run_count == UFO_GARBAGE_RUNS_MAX) {
    status = write_record(queue->txn, queue->generation, (*queue->sequence)++, record, error);
    record->run_count = 0;
  }
  if (!status) record->runs[record->run_count++] = (ufo_run){chunk, 1};
  return status;
}

ufo_status ufo_garbage_end(ufo_garbage_queue *queue, bool always, ufo_error *error) {
  if (queue->record.run_count == 0 && !always) return UFO_OK;
  return write_record(queue->txn, queue->generation, (*queue->sequence)++, &queue->record, error);
}

ufo_status ufo_garbage_drop(ufo_etxn *txn, uint64_t generation, uint32_t *sequence, uint64_t id, uint64_t version,
                            ufo_error *error) {
  ufo_garbage record = {.kind = UFO_GARBAGE_DROPPED, .id = id, .version = version};
  return write_record(txn, generation, (*sequence)++, &record, error);
}

/* ---- the queue ------------------------------------------------------------------------------------------------- */

/* Where the queue is being looked at: a key, or one byte more than a key, or the beginning of one. */
typedef struct queue_place {
  uint8_t key[UFO_PARKED_KEY_BYTES + 1];
  size_t bytes;
} queue_place;

static bool is_before(const queue_place *a, const queue_place *b) {
  int order = memcmp(a->key, b->key, a->bytes < b->bytes ? a->bytes : b->bytes);
  return order < 0 || (order == 0 && a->bytes < b->bytes);
}

static void set_place(queue_place *at, uint64_t generation) {
  ufo_put_be64(at->key, generation);
  at->bytes = 8;
}

/* The first record at or after `at` that is due before `generation`: its key replaces `at`. UFO_END. */
static ufo_status next_due(ufo_etxn *txn, const ufo_snapshot_index *snapshots, uint64_t generation, queue_place *at,
                           ufo_slice *value, ufo_error *error) {
  for (;;) {
    ufo_cursor *cursor;
    ufo_slice key;
    ufo_status status = ufo_cursor_open(txn, UFO_TABLE_GARBAGE, &cursor, error);
    if (status) return status;
    status = ufo_cursor_seek(cursor, at->key, at->bytes, &key, value, error);
    ufo_cursor_close(cursor);
    if (status) return status;
    uint64_t leading = key.bytes >= 8 ? ufo_get_be64(key.data) : 0;
    bool parked = (leading & UFO_PARKED) != 0;
    if (key.bytes != (parked ? UFO_PARKED_KEY_BYTES : UFO_GARBAGE_KEY_BYTES)) {
      return ufo_fail(error, UFO_CORRUPT, "a key in table garbage cannot be right");
    }
    if (!parked && leading >= generation) {
      set_place(at, UFO_PARKED);
    } else if (parked && ufo_snapshots_have(snapshots, leading & ~UFO_PARKED)) {
      if (leading == UINT64_MAX) return UFO_END;
      set_place(at, leading + 1);
    } else {
      memcpy(at->key, key.data, key.bytes);
      at->bytes = key.bytes;
      return UFO_OK;
    }
  }
}

/* Moves what a snapshot holds back to where it is not looked at. A record whose key is taken is a part of one that was
 * parked before. */
static ufo_status park(ufo_etxn *txn, uint64_t snapshot, const uint8_t *of, const ufo_garbage *garbage,
                       ufo_error *error) {
  uint8_t original[UFO_GARBAGE_KEY_BYTES], key[UFO_PARKED_KEY_BYTES], record[UFO_GARBAGE_BYTES_MAX];
  memcpy(original, of, sizeof original);
  ufo_slice taken;
  for (;;) {
    ufo_key_parked(key, snapshot, original);
    ufo_status status = ufo_engine_get(txn, UFO_TABLE_GARBAGE, key, sizeof key, &taken, error);
    if (status == UFO_MISSING) break;
    if (status) return status;
    ufo_put_be32(original + 8, ufo_get_be32(original + 8) + 1);
  }
  size_t bytes = ufo_record_encode_garbage(garbage, record);
  return ufo_record_put(txn, UFO_TABLE_GARBAGE, key, sizeof key, record, bytes, false, error);
}

/* Deals with the record at `at`. *kept: it stays as it is. */
static ufo_status reclaim_record(const ufo_reclaiming *with, const queue_place *at, ufo_slice content, bool *kept,
                                 ufo_error *error) {
  ufo_garbage garbage;
  ufo_verdict verdict;
  const uint8_t *original = at->key + at->bytes - UFO_GARBAGE_KEY_BYTES; /* its key before it was parked */
  *kept = false;
  ufo_status status = ufo_record_decode_garbage(content, &garbage, error);
  if (!status) status = ufo_reclaim_record(with, ufo_get_be64(original), &garbage, &verdict, error);
  if (status) return status;
  *kept = verdict.kept;
  if (verdict.kept) return UFO_OK;
  if (verdict.held) status = park(with->txn, verdict.held, original, &verdict.parked, error);
  if (status) return status;
  if (verdict.rest) {
    uint8_t record[UFO_GARBAGE_BYTES_MAX];
    size_t bytes = ufo_record_encode_garbage(&garbage, record);
    return ufo_record_put(with->txn, UFO_TABLE_GARBAGE, at->key, at->bytes, record, bytes, false, error);
  }
  with->reclaim->deleted++;
  return ufo_reclaim_delete(with->txn, UFO_TABLE_GARBAGE, at->key, at->bytes, error);
}

static ufo_status reclaim_queue(const ufo_reclaiming *with, uint64_t generation, queue_place *at, ufo_error *error) {
  queue_place first = *at;
  bool wrapped = false;
  for (unsigned kept_count = 0; with->reclaim->budget > 0 && kept_count < KEPT_MAX;) {
    ufo_slice value;
    ufo_status status = next_due(with->txn, with->snapshots, generation, at, &value, error);
    if (status == UFO_END && wrapped) return UFO_OK;
    if (status == UFO_END) {
      wrapped = true;
      at->bytes = 0;
      continue;
    }
    if (status) return status;
    if (wrapped && !is_before(at, &first)) return UFO_OK;
    status = ufo_record_check(UFO_TABLE_GARBAGE, at->key, at->bytes, value, error);
    value.bytes -= UFO_SEAL_BYTES;
    bool kept = false;
    uint64_t budget = with->reclaim->budget;
    if (!status) status = reclaim_record(with, at, value, &kept, error);
    if (budget > 0 && with->reclaim->budget == budget) with->reclaim->budget--; /* looking costs something, too */
    if (!status && kept) kept_count++;
    /* One that may have a rest comes first the next time, but not if it is needed: the others would wait for its end;
     * and not if it is damaged. */
    if (!status && with->reclaim->budget == 0 && !kept) return UFO_OK;
    at->key[at->bytes++] = 0;
    if (status) return status;
  }
  return UFO_OK;
}

ufo_status ufo_garbage_reclaim(ufo_core *core, ufo_etxn *txn, const ufo_snapshot_index *snapshots, uint64_t generation,
                               ufo_reclaim *reclaim, ufo_error *error) {
  ufo_reclaiming with = {.core = core, .txn = txn, .snapshots = snapshots, .reclaim = reclaim};
  queue_place at = {.bytes = core->garbage_at_bytes};
  memcpy(at.key, core->garbage_at, sizeof at.key);
  ufo_status status = reclaim_queue(&with, generation, &at, error);
  memcpy(core->garbage_at, at.key, sizeof at.key);
  core->garbage_at_bytes = at.bytes;
  return status;
}

/* ---- on its own ------------------------------------------------------------------------------------------------ */

bool ufo_garbage_present(ufo_core *core) {
  ufo_etxn *txn;
  uint64_t entries;
  pthread_mutex_lock(&core->lock);
  bool present = core->unstage_count > 0;
  pthread_mutex_unlock(&core->lock);
  if (present || ufo_core_begin_read(core, &txn, NULL)) return present;
  ufo_snapshot_index snapshots;
  queue_place at = {.bytes = 0};
  ufo_slice value;
  present =
      !ufo_snapshots_load(txn, &snapshots, NULL) && next_due(txn, &snapshots, UFO_PARKED, &at, &value, NULL) != UFO_END;
  ufo_snapshots_free(&snapshots);
  if (!ufo_engine_get_entries(txn, UFO_TABLE_STAGED, &entries, NULL)) present |= entries > 0;
  ufo_core_end(core, txn);
  return present;
}

static bool collect_once(ufo_core *core) {
  ufo_etxn *txn;
  ufo_counters counters;
  ufo_snapshot_index snapshots = {0};
  ufo_unstaged unstaged = {0};
  ufo_reclaim reclaim = {.budget = COLLECT_BUDGET};
  ufo_status status = ufo_core_begin_write(core, &txn, NULL);
  if (status) return false;
  status = ufo_counters_get(txn, &counters, NULL);
  if (!status) status = ufo_garbage_unstage(core, txn, &unstaged, NULL);
  if (!status) status = ufo_garbage_reclaim_dead(core, txn, &reclaim, NULL);
  if (!status) status = ufo_snapshots_load(txn, &snapshots, NULL);
  if (!status) status = ufo_garbage_reclaim(core, txn, &snapshots, counters.generation + 1, &reclaim, NULL);
  ufo_snapshots_free(&snapshots);
  bool any = reclaim.deleted > 0 || unstaged.count > 0;
  if (!status && any) status = ufo_core_commit(core, txn, NULL);
  else ufo_core_end(core, txn);
  ufo_garbage_unstage_done(core, &unstaged, !status && any);
  return !status && any;
}

void ufo_garbage_collect(ufo_core *core, unsigned rounds) {
  if (!core->writable) return;
  while (rounds-- > 0 && collect_once(core)) continue;
}
