/* descent.c - see descent.h. */
#include "store/descent.h"

#include "util/fail.h"

ufo_status ufo_descent_enter(ufo_descent *descent, uint64_t id, ufo_error *error) {
  void *before = NULL;
  if (descent->depth >= UFO_LIST_DEPTH_MAX) {
    if (id == 0) return ufo_fail(error, UFO_CORRUPT, "lists are nested too deeply");
    return ufo_fail(error, UFO_CORRUPT, "object %llu, a list, is inside of more than %d others", (unsigned long long)id,
                    UFO_LIST_DEPTH_MAX - 1);
  }
  if (id == 0) {
    ufo_u64map_clear(&descent->lists);
  } else if (!ufo_u64map_put(&descent->lists, id, descent, &before)) {
    return ufo_fail(error, UFO_FULL, "out of memory");
  }
  if (before) {
    return ufo_fail(error, UFO_CORRUPT, "object %llu, a list, is in more than one place, or inside of itself",
                    (unsigned long long)id);
  }
  descent->depth++;
  return UFO_OK;
}

void ufo_descent_leave(ufo_descent *descent) { descent->depth--; }

bool ufo_descent_was_in(const ufo_descent *descent, uint64_t id) { return ufo_u64map_get(&descent->lists, id) != NULL; }

void ufo_descent_end(ufo_descent *descent) {
  ufo_u64map_clear(&descent->lists);
  descent->depth = 0;
}
