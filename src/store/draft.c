/* draft.c - the pending content of one object; see transaction.h. */
#include <stdlib.h>
#include <string.h>

#include "store/transaction.h"
#include "util/checked.h"
#include "util/fail.h"

ufo_draft *ufo_draft_create(void) {
  ufo_draft *draft = calloc(1, sizeof *draft);
  if (!draft) return NULL;
  static atomic_uint_fast64_t serials;
  draft->references = 1;
  draft->serial = atomic_fetch_add(&serials, 1) + 1;
  draft->changed = true;
  return draft;
}

ufo_draft *ufo_draft_retain(ufo_draft *draft) {
  if (draft) draft->references++;
  return draft;
}

void ufo_draft_release(ufo_draft *draft) {
  if (!draft || --draft->references > 0) return;
  ufo_puts_end(draft->puts, NULL);
  for (size_t i = 0; i < draft->extents.slots; i++) ufo_extent_release(draft->extents.values[i]);
  ufo_u64map_clear(&draft->extents);
  ufo_draft_drop_tail(draft);
  for (uint64_t i = 0; i < draft->child_count; i++) ufo_draft_release(draft->children[i]);
  free(draft->children);
  free(draft->attributes);
  ufo_object_release(draft->base);
  ufo_pin_release(draft->commit.pin);
  ufo_object_release(draft->commit.object);
  free(draft);
}

bool ufo_draft_is_put_list(const ufo_draft *draft) {
  return ufo_has_children(draft->record.type) && draft->children && draft->origin_id == 0;
}

/* ---- the tail -------------------------------------------------------------------------------------------------- */

void ufo_draft_drop_tail(ufo_draft *draft) {
  if (!draft->tail) return;
  *draft->tail_total -= draft->record.chunk_bytes;
  free(draft->tail);
  draft->tail = NULL;
}

ufo_status ufo_draft_settle(ufo_txn *txn, ufo_draft *draft, ufo_error *error) {
  if (!draft->tail) return UFO_OK;
  ufo_spill *spill;
  ufo_extent *extent;
  ufo_status status = ufo_txn_get_spill(txn, &spill, error);
  if (!status) {
    status = ufo_extent_create(spill, draft->record.type, draft->record.element_bytes, draft->tail, draft->tail_filled,
                               &draft->habit, &extent, error);
  }
  if (status) return status;
  if (!ufo_draft_set_extent(draft, draft->tail_chunk, extent)) {
    ufo_extent_release(extent);
    return ufo_fail(error, UFO_FULL, "out of memory");
  }
  ufo_draft_drop_tail(draft);
  return UFO_OK;
}

static ufo_status settle_tree(ufo_txn *txn, ufo_draft *draft, ufo_error *error) {
  ufo_status status = ufo_draft_settle(txn, draft, error);
  for (uint64_t i = 0; i < draft->child_count && !status; i++) {
    if (draft->children[i]) status = settle_tree(txn, draft->children[i], error);
  }
  return status;
}

ufo_status ufo_txn_settle(ufo_txn *txn, ufo_error *error) {
  for (size_t i = 0; i < txn->pending_count && txn->tail_bytes > 0; i++) {
    const ufo_pending *pending = txn->pending[i];
    ufo_status status = pending->draft ? settle_tree(txn, pending->draft, error) : UFO_OK;
    if (status) return ufo_fail_prefix(error, status, "cannot change '%s' of store %s", pending->name, txn->core->path);
  }
  return UFO_OK;
}

/* ---- content --------------------------------------------------------------------------------------------------- */

bool ufo_draft_set_extent(ufo_draft *draft, uint64_t chunk, ufo_extent *extent) {
  void *old = NULL;
  if (!ufo_u64map_put(&draft->extents, chunk, extent, &old)) return false;
  ufo_extent_release(old);
  draft->changed = true;
  return true;
}

ufo_status ufo_draft_load(ufo_draft *draft, uint64_t chunk, uint8_t *target, uint32_t bytes, ufo_error *error) {
  ufo_extent *extent = ufo_u64map_get(&draft->extents, chunk);
  uint32_t there = 0;
  ufo_status status = UFO_OK;
  if (draft->tail && chunk == draft->tail_chunk) {
    there = draft->tail_filled;
    if (there <= bytes) memcpy(target, draft->tail, there);
    else status = ufo_fail(error, UFO_CORRUPT, "a pending chunk is longer than its object");
  } else if (extent) {
    there = ufo_extent_meta(extent)->raw_bytes;
    status = there <= bytes ? ufo_extent_load(extent, target, error)
                            : ufo_fail(error, UFO_CORRUPT, "a pending chunk is longer than its object");
  } else if (draft->base && chunk < draft->base->info.chunk_count) {
    there = ufo_object_chunk_raw_bytes(draft->base, chunk);
    status = there <= bytes ? ufo_object_load(draft->base, chunk, target, error)
                            : ufo_fail(error, UFO_CORRUPT, "a chunk is longer than its object");
  }
  if (!status) memset(target + there, 0, bytes - there);
  return status;
}

ufo_status ufo_draft_continue(ufo_object *base, ufo_draft **draft_out, ufo_error *error) {
  *draft_out = ufo_draft_create();
  if (!*draft_out) {
    ufo_object_release(base);
    return ufo_fail(error, UFO_FULL, "out of memory");
  }
  (*draft_out)->changed = false;
  (*draft_out)->base = base;
  (*draft_out)->record = base->record;
  (*draft_out)->origin_id = base->map_id;
  return UFO_OK;
}

ufo_status ufo_txn_edit(ufo_txn *txn, const char *name, ufo_draft **draft_out, ufo_error *error) {
  *draft_out = NULL;
  ufo_pending *pending;
  ufo_status status = ufo_txn_touch(txn, name, &pending, error);
  if (status) return status;
  if (!pending->draft && !pending->removed && pending->base_id) {
    ufo_object *base;
    ufo_draft *draft;
    status = ufo_object_pin(txn->core, NULL, NULL, name, -1, 0, &base, error);
    if (!status) {
      pending->base_id = base->info.id; /* what is edited, should another commit have come in between */
      pending->base_version = base->info.version;
      status = ufo_draft_continue(base, &draft, error);
    }
    if (!status) ufo_pending_set(pending, draft);
  }
  if (!status && !pending->draft) {
    ufo_txn_tidy(txn, pending);
    return ufo_fail(error, UFO_MISSING, "there is no object '%s' in store %s", name, txn->core->path);
  }
  if (status) ufo_txn_tidy(txn, pending);
  else *draft_out = pending->draft;
  return status;
}
