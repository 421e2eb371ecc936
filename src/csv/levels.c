/* levels.c - see levels.h. A table of codes with open addressing, over texts that lie one after another. */
#include "csv/levels.h"

#include <stdlib.h>
#include <string.h>

#include "util/checked.h"
#include "util/fail.h"
#include "util/hash.h"

enum { SLOTS_FIRST = 64 };

struct ufo_csv_levels {
  char *text;
  size_t text_used, text_capacity;
  size_t *starts;    /* of level i in text */
  uint32_t *lengths; /* of level i */
  int32_t count, capacity;
  int32_t *slots; /* codes; 0: empty */
  size_t slot_count;
};

ufo_csv_levels *ufo_csv_levels_create(void) {
  ufo_csv_levels *levels = calloc(1, sizeof *levels);
  int32_t *slots = levels ? calloc(SLOTS_FIRST, sizeof *slots) : NULL;
  if (!slots) {
    free(levels);
    return NULL;
  }
  levels->slots = slots;
  levels->slot_count = SLOTS_FIRST;
  return levels;
}

void ufo_csv_levels_free(ufo_csv_levels *levels) {
  if (!levels) return;
  free(levels->text);
  free(levels->starts);
  free(levels->lengths);
  free(levels->slots);
  free(levels);
}

/* The slot of the level, or the empty one that it would get. */
static size_t find_slot(const ufo_csv_levels *levels, const char *text, size_t length) {
  size_t mask = levels->slot_count - 1, at = (size_t)ufo_hash(text, length) & mask;
  for (;; at = (at + 1) & mask) {
    int32_t code = levels->slots[at];
    if (!code) return at;
    if (levels->lengths[code - 1] != length) continue;
    if (memcmp(levels->text + levels->starts[code - 1], text, length) == 0) return at;
  }
}

static int grow_slots(ufo_csv_levels *levels) {
  if ((size_t)levels->count < levels->slot_count / 2) return 1;
  if (levels->slot_count > SIZE_MAX / 2) return 0;
  int32_t *slots = calloc(2 * levels->slot_count, sizeof *slots);
  if (!slots) return 0;
  free(levels->slots);
  levels->slots = slots;
  levels->slot_count *= 2;
  for (int32_t code = 1; code <= levels->count; code++)
    slots[find_slot(levels, levels->text + levels->starts[code - 1], levels->lengths[code - 1])] = code;
  return 1;
}

static int grow_lists(ufo_csv_levels *levels, size_t length) {
  if (length > UINT32_MAX) return 0;
  if (levels->count == levels->capacity) {
    if (levels->capacity > INT32_MAX / 2 - 64) return 0;
    int32_t capacity = 2 * levels->capacity + 64;
    size_t *starts = realloc(levels->starts, (size_t)capacity * sizeof *starts);
    if (starts) levels->starts = starts;
    uint32_t *lengths = starts ? realloc(levels->lengths, (size_t)capacity * sizeof *lengths) : NULL;
    if (!lengths) return 0;
    levels->lengths = lengths;
    levels->capacity = capacity;
  }
  if (!levels->text || length > levels->text_capacity - levels->text_used) {
    uint64_t capacity;
    if (ufo_grow_overflows(levels->text_capacity, length, 1024, &capacity)) return 0;
    char *text = realloc(levels->text, (size_t)capacity);
    if (!text) return 0;
    levels->text = text;
    levels->text_capacity = (size_t)capacity;
  }
  return 1;
}

int32_t ufo_csv_levels_code(ufo_csv_levels *levels, const char *text, size_t length) {
  size_t slot = find_slot(levels, text, length);
  if (levels->slots[slot]) return levels->slots[slot];
  if (!grow_slots(levels) || !grow_lists(levels, length)) return 0;
  memcpy(levels->text + levels->text_used, text, length);
  levels->starts[levels->count] = levels->text_used;
  levels->lengths[levels->count] = (uint32_t)length;
  levels->text_used += length;
  levels->count++;
  levels->slots[find_slot(levels, text, length)] = levels->count;
  return levels->count;
}

ufo_status ufo_csv_levels_set(const ufo_csv_levels *levels, ufo_attributes *attributes, ufo_error *error) {
  const char **strings = calloc((size_t)levels->count + 1, sizeof *strings);
  if (!strings) return ufo_fail(error, UFO_FULL, "out of memory");
  for (int32_t i = 0; i < levels->count; i++) strings[i] = levels->text + levels->starts[i];
  ufo_status status =
      ufo_attributes_set_strings(attributes, "levels", strings, levels->lengths, (uint64_t)levels->count, error);
  free(strings);
  return status;
}
