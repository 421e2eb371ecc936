/* overlay.c - the chunks in which a view differs from its base version. */
#include <stdlib.h>

#include "util/fail.h"
#include "view/view.h"

enum { LOCKS = 16 };
static pthread_mutex_t locks[LOCKS];

static void before_fork(void) {
  for (int i = 0; i < LOCKS; i++) pthread_mutex_lock(&locks[i]);
}

static void after_fork(void) {
  for (int i = 0; i < LOCKS; i++) pthread_mutex_unlock(&locks[i]);
}

static void init_locks(void) {
  for (int i = 0; i < LOCKS; i++) pthread_mutex_init(&locks[i], NULL);
  pthread_atfork(before_fork, after_fork, after_fork);
}

pthread_mutex_t *ufo_overlay_lock(const ufo_view *view) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, init_locks);
  return &locks[((uintptr_t)view >> 7) % LOCKS];
}

ufo_extent *ufo_overlay_get(ufo_view *view, uint64_t chunk, ufo_object **base_out) {
  pthread_mutex_t *lock = ufo_overlay_lock(view);
  pthread_mutex_lock(lock);
  ufo_extent *extent = ufo_u64map_get(&view->overlay, chunk);
  if (extent) ufo_extent_retain(extent);
  *base_out = ufo_object_retain(view->base);
  pthread_mutex_unlock(lock);
  return extent;
}

ufo_status ufo_overlay_set(ufo_view *view, uint64_t chunk, ufo_extent *extent, ufo_error *error) {
  void *old = NULL;
  pthread_mutex_t *lock = ufo_overlay_lock(view);
  pthread_mutex_lock(lock);
  bool kept = ufo_u64map_put(&view->overlay, chunk, extent, &old);
  pthread_mutex_unlock(lock);
  if (!kept) return ufo_fail(error, UFO_FULL, "out of memory for the changed chunks of '%s'", view->name);
  ufo_extent_release(old);
  return UFO_OK;
}

void ufo_changes_free(ufo_changes *changes) {
  for (uint64_t i = 0; i < changes->count; i++) ufo_extent_release(changes->extents[i]);
  free(changes->extents);
  free(changes->chunks);
  *changes = (ufo_changes){0};
}

ufo_status ufo_overlay_list(ufo_view *view, ufo_changes *changes, ufo_error *error) {
  *changes = (ufo_changes){0};
  bool failed = false;
  pthread_mutex_t *lock = ufo_overlay_lock(view);
  pthread_mutex_lock(lock);
  uint64_t count = view->overlay.count;
  uint64_t *chunks = ufo_u64map_sorted_keys(&view->overlay, &failed);
  ufo_extent **extents = count && !failed ? malloc(count * sizeof(ufo_extent *)) : NULL;
  if (count && !extents) failed = true;
  for (uint64_t i = 0; !failed && i < count; i++)
    extents[i] = ufo_extent_retain(ufo_u64map_get(&view->overlay, chunks[i]));
  pthread_mutex_unlock(lock);
  if (failed) {
    free(chunks);
    free(extents);
    return ufo_fail(error, UFO_FULL, "out of memory for a list of the changed chunks of '%s'", view->name);
  }
  *changes = (ufo_changes){.chunks = chunks, .extents = extents, .count = count};
  return UFO_OK;
}

void ufo_overlay_rebase(ufo_view *view, ufo_object *base, const ufo_changes *changes) {
  pthread_mutex_t *lock = ufo_overlay_lock(view);
  pthread_mutex_lock(lock);
  ufo_object *old_base = view->base;
  view->base = base;
  for (uint64_t i = 0; i < changes->count; i++) {
    /* An extent that took its place since holds a later change, which the new version does not have. */
    if (ufo_u64map_get(&view->overlay, changes->chunks[i]) != changes->extents[i]) continue;
    /* The list holds a reference too, so this one is not the last, and nothing is freed under the lock. */
    ufo_extent_release(ufo_u64map_take(&view->overlay, changes->chunks[i]));
  }
  pthread_mutex_unlock(lock);
  ufo_object_release(old_base);
}

void ufo_overlay_clear(ufo_view *view) {
  for (size_t i = 0; i < view->overlay.slots; i++)
    if (view->overlay.values[i]) ufo_extent_release(view->overlay.values[i]);
  ufo_u64map_clear(&view->overlay);
}
