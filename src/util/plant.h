/* plant.h - bugs planted on purpose, to prove that the tests see them.
 *
 * Only in builds with -DUFO_PLANTS=ON, and there only the one that the environment variable UFO_PLANT names; in all
 * others this is the constant false and nothing of it is left. tests/planted/ says which test must catch which. */
#ifndef UFO_UTIL_PLANT_H
#define UFO_UTIL_PLANT_H

#include <stdbool.h>

#ifdef UFO_PLANTS
#include <stdlib.h>
#include <string.h>

static inline bool ufo_planted(const char *name) {
  const char *chosen = getenv("UFO_PLANT");
  return chosen && strcmp(chosen, name) == 0;
}
#else
#define ufo_planted(name) false
#endif

#endif
