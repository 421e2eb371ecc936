/* transaction.c - beginning, aborting and looking into transactions; see transaction.h. */
#include "store/transaction.h"

#include <stdlib.h>
#include <string.h>

#include "store/catalogue.h"
#include "store/garbage.h"
#include "util/fail.h"

ufo_status ufo_txn_begin(ufo_store *store, ufo_txn **txn_out, ufo_error *error) {
  if (!txn_out) return ufo_fail(error, UFO_USAGE, "no place for the transaction");
  *txn_out = NULL;
  ufo_status status = ufo_store_check(store, NULL, error);
  if (status) return status;
  if (store->read_only) {
    return ufo_fail(error, UFO_USAGE, "cannot change store %s: it is open read-only", store->core->path);
  }
  ufo_txn *txn = calloc(1, sizeof *txn);
  if (!txn) return ufo_fail(error, UFO_FULL, "out of memory");
  txn->store = store;
  txn->core = store->core;
  ufo_core_retain(txn->core);
  atomic_fetch_add(&store->references, 1);
  pthread_mutex_lock(&store->lock);
  txn->next = store->txns;
  if (txn->next) txn->next->previous = txn;
  store->txns = txn;
  pthread_mutex_unlock(&store->lock);
  *txn_out = txn;
  return UFO_OK;
}

ufo_store *ufo_txn_store(const ufo_txn *txn) { return txn->store; }
ufo_spill **ufo_txn_spill_slot(ufo_txn *txn) { return &txn->spill; }

ufo_status ufo_txn_check(const ufo_txn *txn, ufo_error *error) {
  if (!txn) return ufo_fail(error, UFO_USAGE, "no transaction was given");
  if (txn->ended || atomic_load(&txn->store->closed)) {
    return ufo_fail(error, UFO_USAGE, "the transaction's store was closed, which aborted it");
  }
  return UFO_OK;
}

ufo_status ufo_txn_check_edit(const ufo_txn *txn, const char *name, ufo_error *error) {
  ufo_status status = ufo_txn_check(txn, error);
  return status ? status : ufo_catalogue_check_name(name, error);
}

ufo_status ufo_txn_get_spill(ufo_txn *txn, ufo_spill **spill_out, ufo_error *error) {
  ufo_status status = ufo_spill_of_core(txn->core, txn, UFO_SPILL_STORE, spill_out, error);
  if (!status) ufo_spill_release(*spill_out); /* the transaction keeps a reference of its own */
  return status;
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

static size_t place_of(const ufo_txn *txn, const char *name) {
  size_t low = 0, high = txn->pending_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (strcmp(txn->pending[middle]->name, name) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

static bool changes(const ufo_pending *pending) { return pending->draft || pending->removed; }

ufo_pending *ufo_txn_find(const ufo_txn *txn, const char *name) {
  size_t place = place_of(txn, name);
  bool found = place < txn->pending_count && strcmp(txn->pending[place]->name, name) == 0;
  return found && changes(txn->pending[place]) ? txn->pending[place] : NULL;
}

ufo_pending *ufo_txn_find_after(const ufo_txn *txn, const char *name) {
  size_t place = place_of(txn, name);
  if (place < txn->pending_count && strcmp(txn->pending[place]->name, name) == 0) place++;
  while (place < txn->pending_count && !changes(txn->pending[place])) place++;
  return place < txn->pending_count ? txn->pending[place] : NULL;
}

static ufo_status read_base(ufo_txn *txn, ufo_pending *pending, ufo_error *error) {
  ufo_etxn *etxn;
  ufo_record record;
  ufo_status status = ufo_core_begin_read(txn->core, &etxn, error);
  if (status) return status;
  status = ufo_catalogue_get_name(etxn, pending->name, &pending->base_id, error);
  if (!status && pending->base_id) {
    status = ufo_catalogue_get_object(etxn, pending->base_id, 0, &pending->base_version, &record, error);
  }
  ufo_core_end(txn->core, etxn);
  if (status) ufo_fail_prefix(error, status, "cannot change '%s' of store %s", pending->name, txn->core->path);
  return status;
}

ufo_status ufo_txn_touch(ufo_txn *txn, const char *name, ufo_pending **pending_out, ufo_error *error) {
  size_t place = place_of(txn, name);
  if (place < txn->pending_count && strcmp(txn->pending[place]->name, name) == 0) {
    *pending_out = txn->pending[place];
    return changes(*pending_out) ? UFO_OK : read_base(txn, *pending_out, error);
  }
  if (txn->pending_count == txn->pending_capacity) {
    size_t capacity = txn->pending_capacity ? 2 * txn->pending_capacity : 16;
    ufo_pending **items = realloc(txn->pending, capacity * sizeof(ufo_pending *));
    if (!items) return ufo_fail(error, UFO_FULL, "out of memory");
    txn->pending = items;
    txn->pending_capacity = capacity;
  }
  ufo_pending *pending = calloc(1, sizeof *pending);
  if (!pending || !(pending->name = strdup(name))) {
    free(pending);
    return ufo_fail(error, UFO_FULL, "out of memory");
  }
  ufo_status status = read_base(txn, pending, error);
  if (status) {
    free(pending->name);
    free(pending);
    return status;
  }
  memmove(txn->pending + place + 1, txn->pending + place, (txn->pending_count - place) * sizeof(ufo_pending *));
  txn->pending[place] = pending;
  txn->pending_count++;
  *pending_out = pending;
  return UFO_OK;
}

void ufo_pending_set(ufo_pending *pending, ufo_draft *draft) {
  ufo_draft *old = pending->draft;
  pending->draft = draft;
  pending->removed = false;
  ufo_draft_release(old);
}

void ufo_pending_remove(ufo_pending *pending) {
  ufo_pending_set(pending, NULL);
  pending->removed = true;
}

static void free_pending(ufo_pending *pending) {
  ufo_draft_release(pending->draft);
  free(pending->name);
  free(pending);
}

void ufo_txn_tidy(ufo_txn *txn, ufo_pending *pending) {
  if (pending->draft || (pending->base_id && pending->removed)) return;
  size_t place = place_of(txn, pending->name);
  txn->pending_count--;
  memmove(txn->pending + place, txn->pending + place + 1, (txn->pending_count - place) * sizeof(ufo_pending *));
  free_pending(pending);
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

static void forget_edits(ufo_txn *txn) {
  for (size_t i = 0; i < txn->pending_count; i++) free_pending(txn->pending[i]);
  txn->pending_count = 0;
  ufo_spill *spill = txn->spill;
  txn->spill = NULL;
  ufo_spill_release(spill);
}

void ufo_txn_free(ufo_txn *txn) {
  ufo_store *store = txn->store;
  pthread_mutex_lock(&store->lock);
  if (txn->previous) txn->previous->next = txn->next;
  else if (store->txns == txn) store->txns = txn->next;
  if (txn->next) txn->next->previous = txn->previous;
  pthread_mutex_unlock(&store->lock);
  forget_edits(txn);
  free(txn->pending);
  if (!txn->ended) ufo_core_release(txn->core);
  free(txn);
  ufo_store_release(store);
}

/* What was staged for the edits goes at once, so that an aborted transaction leaves the store as large as it was. */
static void reclaim_staging(ufo_core *core) {
  pthread_mutex_lock(&core->lock);
  bool any = core->unstage_count > 0;
  pthread_mutex_unlock(&core->lock);
  if (any) ufo_garbage_collect(core, 4);
}

void ufo_txn_abort(ufo_txn *txn) {
  if (!txn) return;
  if (!txn->ended) {
    ufo_spill_settle(txn->spill);
    forget_edits(txn);
    reclaim_staging(txn->core);
  }
  ufo_txn_free(txn);
}

void ufo_txn_abort_all(ufo_store *store) {
  for (;;) {
    pthread_mutex_lock(&store->lock);
    ufo_txn *txn = store->txns;
    if (txn) {
      store->txns = txn->next;
      if (txn->next) txn->next->previous = NULL;
      txn->next = txn->previous = NULL;
    }
    pthread_mutex_unlock(&store->lock);
    if (!txn) return;
    ufo_spill_settle(txn->spill);
    forget_edits(txn); /* its handle stays, for its owner to free */
    txn->ended = true;
    reclaim_staging(txn->core);
    ufo_core_release(txn->core);
  }
}
