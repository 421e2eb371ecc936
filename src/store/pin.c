/* pin.c - who needs which version: locks on single bytes far behind the end of the file.
 *
 *   2^60             presence: shared by every process that has the store open, exclusive while the file is replaced
 *   2^60 + 2^59 + .. binding.c's
 *   2^61 + owner     exclusive: the process whose staged blobs carry this owner id is alive
 *   2^62 + id*2^32+v shared: somebody reads version v of object id
 *
 * They are open-file-description locks, so the kernel drops them with the process, and one query tells whether any lies
 * in a range of versions, which is just what reclaiming asks. Locks of one description never conflict with each other,
 * so this process's own pins are counted in core->pins. What is locked for them is pin_cover.c's.
 *
 * A reader pins the version that it saw and then looks, in a new transaction, whether it is still current. A commit
 * never frees what it supersedes; a later write transaction does, asking for pins first. So either the reader's second
 * look was before that, and the pin is seen; or it finds the version superseded, and starts again. */
#include <errno.h>
#include <stdlib.h>

#include "os/file_lock.h"
#include "store/catalogue.h"
#include "store/core.h"
#include "util/fail.h"
#include "util/plant.h"

#define PRESENCE_BYTE (INT64_C(1) << 60)
#define OWNER_BYTES (INT64_C(1) << 61)

struct ufo_pin {
  atomic_uint references;
  ufo_core *core;
  uint64_t id, version;
};

/* The pinned versions of one object in this process. */
typedef struct pinned {
  uint64_t version, count;
} pinned;
typedef struct pin_list {
  size_t count, capacity;
  pinned *items;
} pin_list;

static int64_t pin_byte(uint64_t id, uint64_t version) {
  return UFO_PIN_BYTES + (int64_t)(id << 32) + (int64_t)version;
}

static pinned *find_pinned(const pin_list *list, uint64_t version) {
  for (size_t i = 0; list && i < list->count; i++) {
    if (list->items[i].version == version) return &list->items[i];
  }
  return NULL;
}

/* Called with core->lock held. */
static bool count_pin(ufo_core *core, uint64_t id, uint64_t version) {
  pin_list *list = ufo_u64map_get(&core->pins, id);
  pinned *item = find_pinned(list, version);
  if (item) {
    item->count++;
    return true;
  }
  if (!list) {
    list = calloc(1, sizeof *list);
    if (!list || !ufo_u64map_put(&core->pins, id, list, NULL)) {
      free(list);
      return false;
    }
  }
  if (list->count == list->capacity) {
    size_t capacity = list->capacity ? 2 * list->capacity : 2;
    pinned *items = realloc(list->items, capacity * sizeof *items);
    if (!items) return false;
    list->items = items;
    list->capacity = capacity;
  }
  list->items[list->count++] = (pinned){version, 1};
  return true;
}

/* True: nothing pins the version any more. */
static bool uncount_pin(ufo_core *core, uint64_t id, uint64_t version) {
  pin_list *list = ufo_u64map_get(&core->pins, id);
  pinned *item = find_pinned(list, version);
  if (!item || --item->count > 0) return false;
  *item = list->items[--list->count];
  if (list->count == 0) {
    ufo_u64map_take(&core->pins, id);
    free(list->items);
    free(list);
  }
  return true;
}

ufo_status ufo_pin_create(ufo_core *core, uint64_t id, uint64_t version, ufo_pin **pin_out, ufo_error *error) {
  *pin_out = NULL;
  ufo_pin *pin = malloc(sizeof *pin);
  if (!pin) return ufo_fail(error, UFO_FULL, "out of memory");
  *pin = (ufo_pin){.core = core, .id = id, .version = version};
  atomic_init(&pin->references, 1);
  pthread_mutex_lock(&core->lock);
  pin_list *list = ufo_u64map_get(&core->pins, id);
  bool first = find_pinned(list, version) == NULL;
  bool counted = count_pin(core, id, version);
  int result = 0;
  if (counted && first) {
    /* Only a process that reclaims wrongly, or the system's limit of locks, can refuse. */
    if (!ufo_pin_cover_add(core, pin_byte(id, version))) {
      result = errno;
      uncount_pin(core, id, version);
    }
  }
  pthread_mutex_unlock(&core->lock);
  if (!counted || result) {
    free(pin);
    if (!counted) return ufo_fail(error, UFO_FULL, "out of memory");
    return ufo_fail_errno(error, result, "cannot lock a version in store %s", core->path);
  }
  ufo_core_retain(core);
  *pin_out = pin;
  return UFO_OK;
}

ufo_pin *ufo_pin_retain(ufo_pin *pin) {
  if (pin) atomic_fetch_add(&pin->references, 1);
  return pin;
}

void ufo_pin_release(ufo_pin *pin) {
  if (!pin || atomic_fetch_sub(&pin->references, 1) != 1) return;
  ufo_core *core = pin->core;
  /* In a forked child that has not used the core yet, the descriptor may be shared with the parent: unlocking would
   * take the parent's pin away. */
  bool entered = ufo_core_enter(core, NULL) == UFO_OK;
  pthread_mutex_lock(&core->lock);
  if (entered && uncount_pin(core, pin->id, pin->version)) {
    ufo_pin_cover_remove(core, pin_byte(pin->id, pin->version));
  }
  pthread_mutex_unlock(&core->lock);
  ufo_core_release(core);
  free(pin);
}

bool ufo_pin_any(ufo_core *core, uint64_t id, uint64_t first, uint64_t last) {
  if (first > last || ufo_planted("pins-ignored")) return false;
  pthread_mutex_lock(&core->lock);
  const pin_list *list = ufo_u64map_get(&core->pins, id);
  bool found = false;
  for (size_t i = 0; list && i < list->count; i++) {
    found = found || (list->items[i].version >= first && list->items[i].version <= last);
  }
  if (!found) {
    found = ufo_file_is_locked(core->lock_fd, pin_byte(id, first), (int64_t)(last - first + 1));
  }
  pthread_mutex_unlock(&core->lock);
  return found;
}

ufo_status ufo_pin_presence(int fd, const char *path, ufo_error *error) {
  if (ufo_file_lock_shared(fd, PRESENCE_BYTE, 1, true)) return UFO_OK;
  return ufo_fail_errno(error, errno, "cannot lock store %s: its file system does not offer locks", path);
}

bool ufo_pin_presence_exclusive(int fd) { return ufo_file_lock_exclusive(fd, PRESENCE_BYTE, 1); }

bool ufo_pin_owner(int fd, uint64_t owner) { return ufo_file_lock_exclusive(fd, OWNER_BYTES + (int64_t)owner, 1); }

bool ufo_pin_owner_alive(ufo_core *core, uint64_t owner) {
  if (owner == core->owner) return true;
  if (owner >= (uint64_t)(UFO_PIN_BYTES - OWNER_BYTES)) return false;
  return ufo_file_is_locked(core->lock_fd, OWNER_BYTES + (int64_t)owner, 1);
}

typedef void (*visit_byte_fn)(void *user, int64_t byte);

static void visit_bytes(const ufo_core *core, visit_byte_fn visit, void *user) {
  for (size_t slot = 0; slot < core->pins.slots; slot++) {
    const pin_list *list = core->pins.values[slot];
    for (size_t i = 0; list && i < list->count; i++) {
      visit(user, pin_byte(core->pins.keys[slot], list->items[i].version));
    }
  }
}

typedef struct byte_range {
  int64_t first, last;
} byte_range;

static void include_byte(void *user, int64_t byte) {
  byte_range *range = user;
  if (byte < range->first) range->first = byte;
  if (byte > range->last) range->last = byte;
}

void ufo_pin_bounds(const ufo_core *core, int64_t *first, int64_t *last) {
  byte_range range = {*first, *last};
  visit_bytes(core, include_byte, &range);
  *first = range.first;
  *last = range.last;
}

static void count_byte(void *user, int64_t byte) {
  (void)byte;
  ++*(uint64_t *)user;
}

static void append_byte(void *user, int64_t byte) {
  int64_t **end = user;
  *(*end)++ = byte;
}

static int compare_bytes(const void *a, const void *b) {
  int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
  return (left > right) - (left < right);
}

int64_t *ufo_pin_bytes(const ufo_core *core, uint64_t *count_out) {
  *count_out = 0;
  visit_bytes(core, count_byte, count_out);
  int64_t *bytes = *count_out ? malloc(*count_out * sizeof *bytes) : NULL, *end = bytes;
  if (!bytes) return NULL;
  visit_bytes(core, append_byte, &end);
  qsort(bytes, *count_out, sizeof *bytes, compare_bytes);
  return bytes;
}

bool ufo_pin_everything(int fd) { return ufo_file_lock_shared(fd, UFO_PIN_BYTES, 0, false); }

static ufo_status check_pin(ufo_etxn *txn, uint64_t id, uint64_t version, ufo_error *error) {
  ufo_record record;
  uint64_t found;
  ufo_status status = ufo_catalogue_get_object(txn, id, version, &found, &record, error);
  if (status != UFO_MISSING) return status;
  return ufo_fail(error, UFO_IO, "version %llu of object %llu was reclaimed", (unsigned long long)version,
                  (unsigned long long)id);
}

ufo_status ufo_pin_check(const ufo_core *core, ufo_error *error) {
  if (core->pins.count == 0) return UFO_OK;
  if (!core->writable) return ufo_fail(error, UFO_IO, "versions may have been reclaimed, as they were not locked");
  ufo_etxn *txn; /* a write transaction: one that reclaims may have asked for pins just before they were there */
  ufo_status status = ufo_engine_begin_write(core->engine, NULL, &txn, error);
  if (status) return status;
  for (size_t slot = 0; slot < core->pins.slots && !status; slot++) {
    const pin_list *list = core->pins.values[slot];
    for (size_t i = 0; list && i < list->count && !status; i++) {
      status = check_pin(txn, core->pins.keys[slot], list->items[i].version, error);
    }
  }
  ufo_engine_end(txn);
  return status;
}

void ufo_pin_clear(ufo_core *core) {
  for (size_t slot = 0; slot < core->pins.slots; slot++) {
    pin_list *list = core->pins.values[slot];
    if (!list) continue;
    free(list->items);
    free(list);
  }
  ufo_u64map_clear(&core->pins);
}
