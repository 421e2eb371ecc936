/* unstage.c - reclaiming staged blobs: this process's that nobody needs any more, and those of dead processes. */
#include <stdlib.h>
#include <string.h>

#include "store/garbage.h"
#include "store/map.h"
#include "util/bytes.h"
#include "util/fail.h"

static ufo_status delete_staged(ufo_etxn *txn, uint64_t owner, uint64_t blob, ufo_error *error) {
  uint8_t key[UFO_STAGED_KEY_BYTES];
  ufo_key_pair(key, owner, blob);
  ufo_status status = ufo_engine_delete(txn, UFO_TABLE_STAGED, key, sizeof key, error);
  if (status == UFO_MISSING) return UFO_OK; /* a commit adopted the blob */
  return status ? status : ufo_blob_drop_referent(txn, blob, error);
}

ufo_status ufo_garbage_unstage(ufo_core *core, ufo_etxn *txn, ufo_unstaged *taken, ufo_error *error) {
  pthread_mutex_lock(&core->lock);
  *taken = (ufo_unstaged){core->unstage, core->unstage_count};
  core->unstage = NULL;
  core->unstage_count = core->unstage_capacity = 0;
  uint64_t owner = core->owner;
  pthread_mutex_unlock(&core->lock);
  ufo_status status = UFO_OK;
  for (size_t i = 0; i < taken->count && !status; i++) status = delete_staged(txn, owner, taken->blobs[i], error);
  return status;
}

void ufo_garbage_unstage_done(ufo_core *core, ufo_unstaged *taken, bool committed) {
  if (!committed && taken->count > 0) {
    pthread_mutex_lock(&core->lock);
    size_t count = core->unstage_count + taken->count;
    uint64_t *blobs = realloc(taken->blobs, count * sizeof *blobs);
    if (blobs) { /* else they are reclaimed once this process is dead */
      if (core->unstage_count) memcpy(blobs + taken->count, core->unstage, core->unstage_count * sizeof *blobs);
      free(core->unstage);
      core->unstage = blobs;
      core->unstage_count = core->unstage_capacity = count;
      taken->blobs = NULL;
    }
    pthread_mutex_unlock(&core->lock);
  }
  free(taken->blobs);
  *taken = (ufo_unstaged){0};
}

ufo_status ufo_garbage_reclaim_dead(ufo_core *core, ufo_etxn *txn, ufo_reclaim *reclaim, ufo_error *error) {
  uint64_t owner = 0, blob = 0, asked = 0;
  bool alive = false;
  while (reclaim->budget > 0) {
    uint8_t at[UFO_STAGED_KEY_BYTES];
    ufo_cursor *cursor;
    ufo_slice key, value;
    ufo_key_pair(at, owner, blob);
    ufo_status status = ufo_cursor_open(txn, UFO_TABLE_STAGED, &cursor, error);
    if (status) return status;
    status = ufo_cursor_seek(cursor, at, sizeof at, &key, &value, error);
    if (!status && key.bytes == sizeof at) {
      owner = ufo_get_be64(key.data);
      blob = ufo_get_be64(key.data + 8);
    } else if (!status) { /* nothing would be deleted, over and over */
      status = ufo_fail(error, UFO_CORRUPT, "a key in table staged cannot be right");
    }
    ufo_cursor_close(cursor);
    if (status) return status == UFO_END ? UFO_OK : status;
    if (owner != asked) alive = ufo_pin_owner_alive(core, owner);
    asked = owner;
    reclaim->budget--;
    if (alive) {
      owner++; /* on to the next owner */
      blob = 0;
      continue;
    }
    status = delete_staged(txn, owner, blob, error);
    if (status) return status;
    reclaim->deleted++;
    blob++;
  }
  return UFO_OK;
}
