/* put.c - putting changed chunks of a view, and telling it how that ended; see object.h.
 *
 * LOCKS  One small lock for all puts guards their states; it is not held during the call back. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "store/map.h"
#include "store/registry.h"
#include "store/transaction.h"
#include "util/fail.h"

typedef enum put_state { PUT_OPEN, PUT_CALLING, PUT_OVER } put_state;

struct ufo_put {
  unsigned references; /* the caller's handle and the draft */
  put_state state;
  bool forgotten;
  pthread_t caller; /* while CALLING */
  unsigned fork_generation;
  ufo_put_ended_fn ended;
  void *user;
  ufo_put *next; /* of the same draft */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t over = PTHREAD_COND_INITIALIZER;

static void release_locked(ufo_put *put) {
  if (--put->references == 0) free(put);
}

void ufo_puts_end(ufo_put *puts, ufo_object *committed) {
  while (puts) {
    ufo_put *put = puts;
    puts = put->next;
    pthread_mutex_lock(&lock);
    bool call = !put->forgotten && put->state == PUT_OPEN;
    if (call) {
      put->state = PUT_CALLING;
      put->caller = pthread_self();
      put->fork_generation = ufo_registry_fork_generation();
    }
    pthread_mutex_unlock(&lock);
    if (call) put->ended(put->user, ufo_object_retain(committed));
    pthread_mutex_lock(&lock);
    put->state = PUT_OVER;
    pthread_cond_broadcast(&over);
    release_locked(put);
    pthread_mutex_unlock(&lock);
  }
  ufo_object_release(committed);
}

void ufo_put_forget(ufo_put *put) {
  if (!put) return;
  pthread_mutex_lock(&lock);
  put->forgotten = true;
  /* A call that another thread was in when this process was forked off never returns here. */
  while (put->state == PUT_CALLING && !pthread_equal(put->caller, pthread_self()) &&
         put->fork_generation == ufo_registry_fork_generation()) {
    pthread_cond_wait(&over, &lock);
  }
  release_locked(put);
  pthread_mutex_unlock(&lock);
}

/* ---- building the draft ---------------------------------------------------------------------------------------- */

typedef struct copying {
  ufo_spill *spill;
  ufo_draft *draft;
  ufo_object *from;
  uint8_t *buffer;
} copying;

static ufo_status copy_chunk(copying *copy, uint64_t chunk, ufo_error *error) {
  const ufo_record *record = &copy->from->record;
  uint32_t bytes = ufo_record_chunk_raw_bytes(record, chunk);
  ufo_extent *extent;
  ufo_status status = ufo_object_load(copy->from, chunk, copy->buffer, error);
  if (!status) {
    status = ufo_extent_create(copy->spill, record->type, record->element_bytes, copy->buffer, bytes,
                               &copy->draft->habit, &extent, error);
  }
  if (!status && !ufo_draft_set_extent(copy->draft, chunk, extent)) {
    ufo_extent_release(extent);
    status = ufo_fail(error, UFO_FULL, "out of memory");
  }
  return status;
}

/* The number of the first chunk >= `chunk` that the object has an entry for. UFO_END. */
static ufo_status next_written(const ufo_object *object, uint64_t *chunk, ufo_error *error);

static ufo_status stop_at_first(void *user, uint64_t chunk, uint64_t entry_version, const ufo_entry *entry,
                                ufo_error *error) {
  (void)entry_version, (void)entry, (void)error;
  *(uint64_t *)user = chunk;
  return UFO_END;
}

static ufo_status next_written(const ufo_object *object, uint64_t *chunk, ufo_error *error) {
  ufo_etxn *etxn;
  uint64_t found = UINT64_MAX;
  ufo_status status = ufo_core_begin_read(object->core, &etxn, error);
  if (status) return status;
  status = ufo_map_walk(etxn, object->map_id, *chunk, object->map_version, stop_at_first, &found, error);
  ufo_core_end(object->core, etxn);
  *chunk = found;
  return status ? status : found == UINT64_MAX ? UFO_END : UFO_OK;
}

/* An object of another store shares nothing: all that it has is encoded anew. */
static ufo_status copy_foreign(copying *copy, ufo_error *error) {
  ufo_status status = UFO_OK;
  copy->buffer = malloc(copy->from->record.chunk_bytes);
  if (!copy->buffer) return ufo_fail(error, UFO_FULL, "out of memory");
  const ufo_u64map *extents = &copy->from->extents;
  for (size_t i = 0; i < extents->slots && !status; i++) {
    if (extents->values[i]) status = copy_chunk(copy, extents->keys[i], error);
  }
  for (uint64_t chunk = 0; copy->from->map_id && !status; chunk++) {
    status = next_written(copy->from, &chunk, error);
    if (!status && chunk >= ufo_record_chunk_count(&copy->from->map_record)) break; /* behind the end */
    if (!status && !ufo_u64map_get(extents, chunk)) status = copy_chunk(copy, chunk, error);
  }
  free(copy->buffer);
  return status == UFO_END ? UFO_OK : status;
}

static ufo_status add_extent(ufo_draft *draft, uint64_t chunk, ufo_extent *extent, ufo_error *error) {
  if (ufo_draft_set_extent(draft, chunk, ufo_extent_retain(extent))) return UFO_OK;
  ufo_extent_release(extent);
  return ufo_fail(error, UFO_FULL, "out of memory");
}

/* The base's content: by reference where that is possible. */
static ufo_status take_base(ufo_txn *txn, ufo_draft *draft, ufo_object *base, ufo_error *error) {
  draft->record = base->record;
  draft->changed = false;
  if (base->core != txn->core) {
    copying copy = {.draft = draft, .from = base};
    ufo_status status = ufo_txn_get_spill(txn, &copy.spill, error);
    if (!status) status = copy_foreign(&copy, error);
    draft->changed = true;
    return status;
  }
  ufo_status status = UFO_OK;
  for (size_t i = 0; i < base->extents.slots && !status; i++) {
    if (base->extents.values[i]) status = add_extent(draft, base->extents.keys[i], base->extents.values[i], error);
  }
  if (!status && base->map_id) draft->base = ufo_object_retain(base);
  return status;
}

/* A copy of another object's chunk must be in this store. */
static ufo_status take_extent(ufo_txn *txn, ufo_draft *draft, uint64_t chunk, ufo_extent *extent, ufo_error *error) {
  if (extent->spill->core == txn->core) return add_extent(draft, chunk, extent, error);
  const ufo_chunk_meta *meta = ufo_extent_meta(extent);
  ufo_spill *spill;
  ufo_extent *copy = NULL;
  uint8_t *buffer = malloc(meta->raw_bytes);
  ufo_status status = buffer ? ufo_txn_get_spill(txn, &spill, error) : ufo_fail(error, UFO_FULL, "out of memory");
  if (!status) status = ufo_extent_load(extent, buffer, error);
  if (!status) {
    status = ufo_extent_create(spill, draft->record.type, draft->record.element_bytes, buffer, meta->raw_bytes,
                               &draft->habit, &copy, error);
  }
  if (!status) status = add_extent(draft, chunk, copy, error);
  ufo_extent_release(copy);
  free(buffer);
  return status;
}

/* Carries on from what the name, as the transaction sees it, holds, if that is the object of `base`. */
static ufo_status carry_on(const ufo_pending *pending, const ufo_object *base, ufo_draft *draft, ufo_error *error) {
  const ufo_draft *before = pending->draft;
  bool same_object = draft->base && (before ? before->origin_id : pending->base_id) == base->map_id;
  bool same_draft = before && base->draft_serial && base->draft_serial == before->serial;
  if (same_object) draft->origin_id = base->map_id;
  if (same_draft) {
    draft->serial = before->serial;
    draft->origin_id = before->origin_id;
  }
  if (!before || !before->attributes_set || !(same_object || same_draft)) return UFO_OK;
  draft->attributes_set = true;
  draft->attributes_bytes = before->attributes_bytes;
  draft->attribute_count = before->attribute_count;
  if (before->attributes_bytes == 0) return UFO_OK;
  draft->attributes = malloc(before->attributes_bytes);
  if (!draft->attributes) return ufo_fail(error, UFO_FULL, "out of memory");
  memcpy(draft->attributes, before->attributes, before->attributes_bytes);
  return UFO_OK;
}

/* A view goes back under the name that it was opened by, which holds another object by now: what the view was edited
 * from is what the commit must find there. Not so if the name holds nothing, or this transaction itself changed it
 * before: then nothing of others would be undone. */
static void expect_base(const ufo_txn *txn, ufo_pending *pending, const ufo_object *base, const char *name) {
  bool fresh = !pending->draft && !pending->removed;
  if (!fresh || base->core != txn->core || !base->map_id || strcmp(base->info.name, name) != 0) return;
  if (pending->base_id == 0 || pending->base_id == base->map_id) return;
  pending->base_id = base->map_id;
  pending->base_version = base->map_version;
}

ufo_status ufo_txn_put_extents(ufo_txn *txn, const char *name, ufo_object *base, const uint64_t *chunks,
                               ufo_extent *const *extents, uint64_t n, ufo_put_policy policy, ufo_put_ended_fn ended,
                               void *user, ufo_put **put_out, ufo_error *error) {
  *put_out = NULL;
  ufo_pending *pending;
  ufo_status status = ufo_txn_check_target(txn, name, error);
  if (!status && ufo_has_children(base->record.type))
    status = ufo_fail(error, UFO_USAGE, "a list cannot be put by chunks");
  if (!status) status = ufo_txn_touch(txn, name, &pending, error);
  if (status) return status;
  ufo_draft *draft = ufo_draft_create();
  ufo_put *put = calloc(1, sizeof *put);
  if (!draft || !put) {
    status = ufo_fail(error, UFO_FULL, "out of memory");
    goto failed;
  }
  status = take_base(txn, draft, base, error);
  for (uint64_t i = 0; i < n && !status; i++) status = take_extent(txn, draft, chunks[i], extents[i], error);
  if (!status && policy == UFO_POLICY_CHECKED) expect_base(txn, pending, base, name);
  if (!status) status = carry_on(pending, base, draft, error);
  if (status) goto failed;
  draft->is_put = true;
  draft->policy = policy;
  *put = (ufo_put){.references = 2, .ended = ended, .user = user};
  draft->puts = put;
  ufo_pending_set(pending, draft);
  *put_out = put;
  return UFO_OK;
failed:
  free(put);
  ufo_draft_release(draft);
  ufo_txn_tidy(txn, pending);
  return ufo_fail_prefix(error, status, "cannot put '%s' into store %s", name, txn->core->path);
}
