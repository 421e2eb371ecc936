/* list.c - iterating over the named objects, committed ones and those of a transaction merged. */
#include <stdlib.h>
#include <string.h>

#include "store/catalogue.h"
#include "store/transaction.h"
#include "util/fail.h"
#include "util/u64map.h"

struct ufo_store_iterator {
  ufo_store *store;
  ufo_txn *txn;
  char last[UFO_NAME_MAX + 1]; /* empty: nothing was given yet */
  ufo_u64map long_lists;       /* id -> ufo_object_info, of those that were given; see fill() */
};

enum { LONG_LIST = 16 };

ufo_status ufo_store_list(ufo_store *store, ufo_txn *txn, ufo_store_iterator **iterator_out, ufo_error *error) {
  *iterator_out = NULL;
  ufo_status status = ufo_store_check(store, txn, error);
  if (status) return status;
  ufo_store_iterator *iterator = calloc(1, sizeof *iterator);
  if (!iterator) return ufo_fail(error, UFO_FULL, "out of memory");
  iterator->store = store;
  iterator->txn = txn;
  *iterator_out = iterator;
  return UFO_OK;
}

void ufo_store_iterator_free(ufo_store_iterator *iterator) {
  if (!iterator) return;
  for (size_t i = 0; i < iterator->long_lists.slots; i++) free(iterator->long_lists.values[i]);
  ufo_u64map_clear(&iterator->long_lists);
  free(iterator);
}

/* What is known of `found`. A list's figures are sums over all that is in it, and in a damaged or hostile file any
 * number of names may lead to the same list, so those of a long one are remembered. Without memory for that they are
 * not. */
static ufo_status fill(ufo_store_iterator *iterator, ufo_etxn *etxn, const ufo_found *found, const char *name,
                       ufo_object_info *info, ufo_error *error) {
  bool is_long = !found->draft && found->record.type == UFO_LIST && found->record.length >= LONG_LIST;
  ufo_object_info *known = is_long ? ufo_u64map_get(&iterator->long_lists, found->id) : NULL;
  if (known && known->version == found->version) {
    *info = *known;
    strcpy(info->name, name);
    return UFO_OK;
  }
  ufo_status status = ufo_info_fill(etxn, found, name, info, error);
  if (status || !is_long) return status;
  if (!known && (known = malloc(sizeof *known)) && !ufo_u64map_put(&iterator->long_lists, found->id, known, NULL)) {
    free(known);
    known = NULL;
  }
  if (known) *known = *info;
  return UFO_OK;
}

/* The first committed name after `last` that the transaction did not change, as a string; empty if there is none. */
static ufo_status next_committed(const ufo_store_iterator *iterator, ufo_etxn *etxn, char *name, ufo_error *error) {
  ufo_cursor *cursor;
  ufo_slice key, value;
  name[0] = '\0';
  ufo_status status = ufo_cursor_open(etxn, UFO_TABLE_NAMES, &cursor, error);
  if (status) return status;
  size_t last_bytes = strlen(iterator->last);
  status = ufo_cursor_seek(cursor, iterator->last, last_bytes, &key, &value, error);
  while (!status) {
    if (key.bytes > UFO_NAME_MAX) {
      status = ufo_fail(error, UFO_CORRUPT, "a name in store %s is too long", iterator->store->core->path);
      break;
    }
    memcpy(name, key.data, key.bytes);
    name[key.bytes] = '\0';
    bool seen = strcmp(name, iterator->last) == 0;
    if (!seen && !(iterator->txn && ufo_txn_find(iterator->txn, name))) break;
    name[0] = '\0';
    status = ufo_cursor_next(cursor, &key, &value, error);
  }
  ufo_cursor_close(cursor);
  return status == UFO_END ? UFO_OK : status;
}

static const ufo_pending *next_pending(const ufo_store_iterator *iterator) {
  if (!iterator->txn) return NULL;
  const ufo_pending *pending = ufo_txn_find_after(iterator->txn, iterator->last);
  while (pending && !pending->draft) pending = ufo_txn_find_after(iterator->txn, pending->name);
  return pending;
}

ufo_status ufo_store_iterator_next(ufo_store_iterator *iterator, ufo_object_info *info, ufo_error *error) {
  if (!info || info->struct_size != sizeof *info) {
    return ufo_fail(error, UFO_USAGE, "struct_size of ufo_object_info must be %zu", sizeof *info);
  }
  ufo_etxn *etxn;
  ufo_found found;
  ufo_object_info filled;
  char name[UFO_NAME_MAX + 1];
  ufo_core *core = iterator->store->core;
  ufo_status status = ufo_store_check(iterator->store, iterator->txn, error);
  if (!status) status = ufo_core_begin_read(core, &etxn, error);
  if (status) return status;
  const ufo_sight *at = ufo_store_sight(iterator->store);
  if (at) {
    strcpy(name, iterator->last);
    status = ufo_snapshots_check(etxn, at, error);
    if (!status) status = ufo_snapshots_next_name(etxn, at->generation, name, error);
    if (status) name[0] = '\0';
    if (status == UFO_END) status = UFO_OK;
  } else {
    status = next_committed(iterator, etxn, name, error);
  }
  const ufo_pending *pending = next_pending(iterator);
  if (pending && (!name[0] || strcmp(pending->name, name) < 0)) strcpy(name, pending->name);
  bool ended = !status && !name[0];
  if (!status && !ended) status = ufo_lookup(etxn, iterator->txn, at, name, 0, &found, error);
  if (!status && !ended) status = fill(iterator, etxn, &found, name, &filled, error);
  ufo_core_end(core, etxn);
  if (ended) return UFO_END;
  if (status && !name[0]) return ufo_fail_prefix(error, status, "cannot list store %s", core->path);
  /* A damaged object is passed over by the next call, so that the others can be listed. */
  if (name[0]) strcpy(iterator->last, name);
  if (status) return ufo_fail_prefix(error, status, "cannot read '%s' of store %s", name, core->path);
  *info = filled;
  return UFO_OK;
}
