/* Files made to harm: thousands of edits of the pages of a small store, at random and in the places that LMDB trusts.
 *
 * What the preflight refuses is refused. What it accepts is opened with it, verified, read and written to in a process
 * of its own: this must end without a signal, in time, and give no value that was not stored. Values that somebody
 * changed are not the preflight's, so an error is fine. Reproduce one with UFO_SEED and UFO_ONLY=number. */
#include <inttypes.h>

#include "common/child.h"
#include "common/must.h"
#include "common/tally.h"
#include "unit/pages_kit.h"
#include "unit/random.h"

enum { OBJECTS = 5, LENGTH = 12000, CHUNK = 4096, SMALL = 60, ROUNDS = 3 };

static char folder[512];
static uint32_t page_bytes; /* of the sound file */
static uint64_t last_page;
static uint8_t contents[OBJECTS][LENGTH];

static void name_of(char name[16], const char *prefix, int n) { snprintf(name, 16, "%s%02d", prefix, n); }

/* ---- the store --------------------------------------------------------------------------------------------------- */

static void put(ufo_txn *txn, const char *name, const uint8_t *bytes, uint64_t count) {
  ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_RAW, .length = count, .chunk_bytes = CHUNK};
  MUST(ufo_txn_put(txn, name, &spec, bytes, e));
}

/* Several leaves in some trees, large values, and a list of free pages of several records. */
static void build(const char *path, uint64_t *state) {
  ufo_store *store;
  ufo_txn *txn;
  MUST(ufo_store_open(path, NULL, &store, e));
  for (int round = 0; round < 4; round++) {
    MUST(ufo_txn_begin(store, &txn, e));
    for (int n = 0; n < OBJECTS; n++) {
      char name[16];
      name_of(name, "object", n);
      random_fill(state, contents[n], n < 3 ? LENGTH : LENGTH / 2);
      put(txn, name, contents[n], LENGTH);
    }
    for (int n = 0; n < SMALL; n++) {
      char name[16];
      name_of(name, "small", n);
      put(txn, name, (const uint8_t *)"tiny", 4);
    }
    MUST(ufo_txn_commit(txn, e));
  }
  ufo_store_close(store);
}

/* ---- the judge ----------------------------------------------------------------------------------------------------
 */

/* Not 1, with which a sanitizer ends a process. */
enum outcome { SOUND, REPORTED = 3, NOT_OPENED, WRONG = 10 };

/* `smalls`: how many of the small objects are still there. */
static int read_all(ufo_store *store, int smalls, bool *refused) {
  static uint8_t buffer[LENGTH];
  ufo_error error;
  for (int n = 0; n < OBJECTS + smalls; n++) {
    char name[16];
    bool large = n < OBJECTS;
    name_of(name, large ? "object" : "small", large ? n : n - OBJECTS);
    uint64_t length = large ? LENGTH : 4;
    if (ufo_store_read(store, NULL, name, 0, 0, length, buffer, &error)) *refused = true;
    else if (memcmp(buffer, large ? contents[n] : (const uint8_t *)"tiny", length) != 0) return WRONG;
  }
  return SOUND;
}

/* Changes, removes and adds; errors are fine, and whatever commits must then be there. */
static int write_some(ufo_store *store, bool *refused) {
  ufo_error error;
  for (int round = 0; round < ROUNDS; round++) {
    ufo_txn *txn;
    char name[16];
    name_of(name, "added", round);
    if (ufo_txn_begin(store, &txn, &error)) return SOUND;
    ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_RAW, .length = LENGTH, .chunk_bytes = CHUNK};
    ufo_status status = ufo_txn_put(txn, name, &spec, contents[round], &error);
    if (!status) status = ufo_txn_write(txn, "object00", 0, LENGTH, contents[0], &error);
    name_of(name, "small", SMALL - 1 - round);
    if (!status) status = ufo_txn_remove(txn, name, &error);
    if (status) ufo_txn_abort(txn);
    else status = ufo_txn_commit(txn, &error);
    if (status) *refused = true;
    name_of(name, "added", round);
    static uint8_t buffer[LENGTH];
    if (!status && !ufo_store_read(store, NULL, name, 0, 0, LENGTH, buffer, &error) &&
        memcmp(buffer, contents[round], LENGTH) != 0) {
      return WRONG + 1;
    }
  }
  return SOUND;
}

static int judge(void *user) {
  const char *path = user;
  ufo_store *store;
  ufo_error error;
  bool refused = false;
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_WRITE, .preflight = 1};
  if (ufo_store_open(path, &options, &store, &error)) return NOT_OPENED;
  int result = read_all(store, SMALL, &refused);
  if (ufo_store_verify(store, NULL, NULL, NULL, &error)) refused = true;
  if (result == SOUND) result = write_some(store, &refused);
  bool wrote = !refused;
  if (result == SOUND) {
    result = read_all(store, SMALL - ROUNDS, &refused);
    if (result) result += 2;
  }
  if (ufo_store_verify(store, NULL, NULL, NULL, &error)) {
    if (wrote) result = result ? result : WRONG + 4; /* damaged by writing to what had been sound */
    refused = true;
  }
  ufo_store_close(store);
  /* What LMDB wrote passes as well. */
  if (result == SOUND && ufo_store_preflight(path, NULL, NULL, &error)) {
    fprintf(stderr, "after writing: %s\n", error.message);
    result = WRONG + 5;
  }
  return result ? result : refused ? REPORTED : SOUND;
}

static int judge_in_child(const image *i) {
  char path[600], lock[620];
  snprintf(path, sizeof path, "%s/judged.ufo", folder);
  snprintf(lock, sizeof lock, "%s-lock", path);
  image_store(i, path);
  unlink(lock);
  return in_child(judge, path, 20);
}

/* ---- what is in use ------------------------------------------------------------------------------------------------
 */

static uint64_t used[4096];
static unsigned used_count;

static void use(uint64_t page) {
  if (used_count < sizeof used / sizeof *used) used[used_count++] = page;
}

/* The pages of a tree, and the first ones of its large values. */
static void use_tree(const image *i, uint64_t number) {
  uint8_t *page = image_page(i, number);
  use(number);
  for (unsigned n = 0; n < ufo_page_count(page); n++) {
    ufo_page_node node;
    ufo_page_read_node(page, n, &node);
    if (!ufo_page_is_leaf(page)) use_tree(i, node.child);
    else if (node.flags & UFO_NODE_BIG) use(ufo_get_le64(node.value));
    else if (node.flags & UFO_NODE_TREE && ufo_get_le64(node.value + 40) != UFO_PAGE_NONE)
      use_tree(i, ufo_get_le64(node.value + 40));
  }
}

/* ---- edits --------------------------------------------------------------------------------------------------------
 */

static uint64_t interesting(uint64_t *state, uint64_t old, uint64_t last) {
  switch (random_below(state, 9)) {
  case 0:
    return old ^ (UINT64_C(1) << random_below(state, 64));
  case 1:
    return old ^ (UINT64_C(1) << random_below(state, 8));
  case 2:
    return old + 1;
  case 3:
    return old - 1;
  case 4:
    return random_below(state, last + 3);
  case 5:
    return 0;
  case 6:
    return UINT64_MAX;
  case 7:
    return old + 2 * (1 + random_below(state, 20));
  default:
    return old - 2 * (1 + random_below(state, 20));
  }
}

/* Changes a number of `bytes` bytes. */
static void edit_number(image *i, uint64_t at, unsigned bytes, uint64_t *state) {
  uint64_t value = 0;
  if (at + bytes > i->size) return;
  memcpy(&value, i->bytes + at, bytes);
  value = interesting(state, value, last_page);
  memcpy(i->bytes + at, &value, bytes);
}

/* Somewhere in a page of a tree: its header, the offset of a node, a node's header, a key, a value. */
static void edit_page(image *i, uint64_t *state) {
  uint64_t number = used[random_below(state, used_count)], at = number * page_bytes;
  uint8_t *page = i->bytes + at;
  uint16_t lower = ufo_get_le16(page + 12), flags = ufo_get_le16(page + 10);
  unsigned count = flags < 3 && lower >= 16 && lower <= page_bytes ? (lower - 16) / 2u : 0;
  if (!count || random_below(state, 4) == 0) {
    static const uint8_t fields[][2] = {{0, 8}, {8, 2}, {10, 2}, {12, 2}, {14, 2}, {12, 4}};
    const uint8_t *field = fields[random_below(state, 6)];
    edit_number(i, at + field[0], field[1], state);
    return;
  }
  uint64_t slot = at + 16 + 2 * random_below(state, count), node = at + ufo_get_le16(i->bytes + slot);
  if (node + 8 > i->size) return;
  uint16_t key_bytes = ufo_get_le16(i->bytes + node + 6);
  switch (random_below(state, 7)) {
  case 0:
    edit_number(i, slot, 2, state);
    break;
  case 1:
    edit_number(i, node, 2, state);
    break;
  case 2:
    edit_number(i, node + 4, 2, state);
    break;
  case 3:
    edit_number(i, node + 6, 2, state);
    break;
  case 4:
    edit_number(i, node + 8 + random_below(state, key_bytes + 1u), 1, state);
    break;
  case 5:
    edit_number(i, node + 8u + key_bytes, 8, state);
    break;
  default:
    edit_number(i, node + 8 + key_bytes + random_below(state, 48), 1, state);
    break;
  }
}

static void edit_meta(image *i, uint64_t *state) {
  static const uint8_t fields[][2] = {{10, 2},  {20, 4},  {24, 8},  {32, 8},  {40, 4},  {44, 2}, {46, 2}, {48, 8},
                                      {56, 8},  {64, 8},  {72, 8},  {80, 8},  {88, 4},  {92, 2}, {94, 2}, {96, 8},
                                      {104, 8}, {112, 8}, {120, 8}, {128, 8}, {136, 8}, {144, 8}};
  const uint8_t *field = fields[random_below(state, sizeof fields / sizeof *fields)];
  edit_number(i, random_below(state, 2) * page_bytes + field[0], field[1], state);
}

/* A page number in a list of free pages, in a branch, of a large value: what makes a writer overwrite. */
static void edit_free(image *i, uint64_t *state) {
  uint8_t *leaf = image_leaf(i, NULL, random_below(state, 2));
  uint8_t *node = image_node(leaf, (unsigned)random_below(state, ufo_page_count(leaf)));
  uint8_t *value = node + 16;
  if (ufo_get_le16(node + 4) & UFO_NODE_BIG) value = image_page(i, ufo_get_le64(value)) + 16;
  uint64_t count = ufo_get_le64(value);
  edit_number(i, (uint64_t)(value - i->bytes) + 8 * random_below(state, count + 2), 8, state);
}

static void edit_anywhere(image *i, uint64_t *state) {
  i->bytes[random_below(state, i->size)] ^= (uint8_t)(1u << random_below(state, 8));
}

static void edit(image *i, uint64_t *state) {
  unsigned edits = random_below(state, 4) ? 1 : 2;
  for (unsigned k = 0; k < edits; k++) {
    uint64_t kind = random_below(state, 16);
    if (kind < 9) edit_page(i, state);
    else if (kind < 11) edit_meta(i, state);
    else if (kind < 14 && k == 0) edit_free(i, state); /* it trusts the rest of the image */
    else edit_anywhere(i, state);
  }
}

/* ---- ----------------------------------------------------------------------------------------------------------------
 */

int main(void) {
  /* In memory: what is judged here is not lost with the machine's power. */
  if (make_folder(folder, sizeof folder, fast_folder())) return 1;
  const char *seed_text = getenv("UFO_SEED"), *only_text = getenv("UFO_ONLY");
  uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : 20190916, counts[256] = {0}, refused = 0, failures = 0;
  int64_t only = only_text ? atoll(only_text) : -1;
  char path[600];
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  uint64_t state = 42;
  build(path, &state);
  image sound = image_load(path), hostile = {malloc(sound.size), sound.size};
  if (!hostile.bytes) return 1;
  page_bytes = image_page_bytes(&sound);
  last_page = image_last(&sound);
  use_tree(&sound, ufo_get_le64(image_tree(&sound, "") + 40));
  use_tree(&sound, ufo_get_le64(image_tree(&sound, NULL) + 40));
  int64_t edits = nightly() ? 400000 : 2500;
  int first = judge_in_child(&sound);
  if (first != SOUND) {
    fprintf(stderr, "the store itself: outcome %d\n", first);
    failures++;
  }
  int quiet = open("/dev/null", O_WRONLY), loud = dup(2);
  for (int64_t n = 0; n < edits; n++) {
    if (only >= 0 && n != only) continue;
    state = (seed + (uint64_t)n) * UINT64_C(0x9E3779B97F4A7C15) | 1;
    random_u64(&state);
    memcpy(hostile.bytes, sound.bytes, sound.size);
    edit(&hostile, &state);
    ufo_error error = {0};
    if (image_preflight(&hostile, &error)) {
      refused++;
      if (only >= 0) fprintf(stderr, "refused: %s\n", error.message);
      continue;
    }
    if (only < 0) dup2(quiet, 2);
    int outcome = judge_in_child(&hostile);
    dup2(loud, 2);
    counts[outcome]++;
    bool harmless = outcome == SOUND || outcome == REPORTED || outcome == NOT_OPENED; /* or damaged records */
    if (!harmless && failures++ < 20) {
      fprintf(stderr, "seed %" PRIu64 " edit %" PRId64 ": accepted, then outcome %d\n", seed, n, outcome);
    }
    if (only >= 0) fprintf(stderr, "outcome %d\n", outcome);
  }
  uint64_t accepted = counts[SOUND] + counts[REPORTED] + counts[NOT_OPENED];
  printf("%" PRIu64 " refused; accepted: %" PRIu64 " without effect, %" PRIu64 " reported later, %" PRIu64
         " not opened; %" PRIu64 " failures\n",
         refused, counts[SOUND], counts[REPORTED], counts[NOT_OPENED], failures);
  tally(refused + accepted, "edits of pages judged by the preflight");
  tally(accepted, "accepted files read and written to without harm");
  free(sound.bytes);
  free(hostile.bytes);
  remove_folder(folder);
  if (only < 0 && (refused < (uint64_t)edits / 4 || accepted < (uint64_t)edits / 50)) return 1;
  return failures != 0;
}
