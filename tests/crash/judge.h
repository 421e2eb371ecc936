/* judge.h - finds out from a store alone which generation it is, and demands all of it. */
#ifndef UFO_TEST_JUDGE_H
#define UFO_TEST_JUDGE_H

#include <unistd.h>

#include "crash/content.h"

#define DEMAND(condition)                                                                                              \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      if (!judge_is_quiet)                                                                                             \
        fprintf(stderr, "seed %" PRIu64 ": not as promised, %s:%d: %s (%s)\n", seed, __FILE__, __LINE__, #condition,   \
                error.message);                                                                                        \
      return 1;                                                                                                        \
    }                                                                                                                  \
  } while (0)

static int judge_is_quiet; /* where it is expected that something is wrong */

static inline int right_values(ufo_store *store, const char *name, uint64_t first, uint64_t count, int kind, uint64_t g,
                               uint64_t base) {
  static uint64_t buffer[65536];
  for (uint64_t at = 0; at < count;) {
    uint64_t n = count - at < 65536 ? count - at : 65536;
    DEMAND(ufo_store_read(store, NULL, name, 0, first + at, n, buffer, &error) == UFO_OK);
    for (uint64_t i = 0; i < n; i++) DEMAND(buffer[i] == (g ? value_of(kind, g, base + at + i) : 0));
    at += n;
  }
  return 0;
}

static inline int count_names(ufo_store *store, uint64_t *count) {
  ufo_store_iterator *iterator;
  ufo_object_info info = {.struct_size = sizeof info};
  DEMAND(ufo_store_list(store, NULL, &iterator, &error) == UFO_OK);
  *count = 0;
  ufo_status status;
  while ((status = ufo_store_iterator_next(iterator, &info, &error)) == UFO_OK) ++*count;
  ufo_store_iterator_free(iterator);
  DEMAND(status == UFO_END);
  return 0;
}

/* Every byte of generation g. */
static inline int right_generation(ufo_store *store, uint64_t g) {
  uint64_t expected_names = 7, names;
  ufo_object_info info = {.struct_size = sizeof info};
  static int32_t log[LOG_STEP];
  for (uint64_t k = 1; k <= MADE && k <= g; k++) expected_names += is_made(g + 1 - k) != 0;
  if (count_names(store, &names)) return 1;
  DEMAND(names == (g ? expected_names : 0));
  if (g == 0) return 0;
  DEMAND(ufo_store_info(store, NULL, "put", 0, &info, &error) == UFO_OK && info.length == put_length(g));
  if (right_values(store, "put", 0, put_length(g), PUT, g, 0)) return 1;
  for (uint64_t c = 0; c < VIEW_CHUNKS; c++)
    if (right_values(store, "view", c * PER_CHUNK, PER_CHUNK, VIEW, last_of(g, VIEW_CHUNKS, c), c * PER_CHUNK))
      return 1;
  if (right_values(store, "staged", 0, shape.staged, STAGE, stage_generation(g), 0)) return 1;
  DEMAND(ufo_store_info(store, NULL, "log", 0, &info, &error) == UFO_OK && info.length == g * LOG_STEP);
  for (uint64_t step = 1; step <= g; step++) {
    DEMAND(ufo_store_read(store, NULL, "log", 0, (step - 1) * LOG_STEP, LOG_STEP, log, &error) == UFO_OK);
    for (uint64_t i = 0; i < LOG_STEP; i++) DEMAND(log[i] == (int32_t)value_of(LOG, step, i));
  }
  for (uint64_t k = 0; k < MADE && k < g; k++) {
    uint64_t made = g - k;
    char name[16];
    made_name(name, made);
    double found[2];
    ufo_status status = ufo_store_read(store, NULL, name, 0, made * 1000 % MADE_LENGTH, 2, found, &error);
    if (is_made(made)) DEMAND(status == UFO_OK && found[0] == (double)made && found[1] == 0);
    else DEMAND(status == UFO_MISSING);
  }
  for (int c = 0; c < 2; c++) {
    const char *column = c ? "table[[2]]" : "table[[1]]";
    DEMAND(ufo_store_info(store, NULL, column, 0, &info, &error) == UFO_OK && info.length == g * ROWS_STEP);
    for (uint64_t step = 1; step <= g; step++)
      if (right_values(store, column, (step - 1) * ROWS_STEP, ROWS_STEP, ROWS, step, 1000 * (uint64_t)c)) return 1;
  }
  return right_values(store, "list[[1]]", 0, 600, LIST, g, 0) ||
         right_values(store, "list[[2]]", 0, 600, LIST, g, 1000);
}

static inline int show_damage(void *user, const ufo_damage *damage) {
  (void)user;
  if (!judge_is_quiet) fprintf(stderr, "damage: %s: %s\n", damage->name ? damage->name : "(store)", damage->cause);
  return 0;
}

static inline int generation_of(ufo_store *store, uint64_t *g) {
  int32_t number = 0;
  ufo_status status = ufo_store_read(store, NULL, "generation", 0, 0, 1, &number, &error);
  DEMAND(status == UFO_OK || status == UFO_MISSING);
  *g = (uint64_t)number;
  return 0;
}

/* Is a snapshot there that was made after generation k, when g is the last? 1, 0, or -1: that is not certain. */
static inline int snapshot_expected(uint64_t k, uint64_t g) {
  if (k == g || k + SNAPSHOT_LIFE == g) return -1;
  return is_snapped(k) && k < g && k + SNAPSHOT_LIFE > g;
}

/* Snapshots read exactly as the store was when they were made. */
static inline int right_snapshots(const char *path, uint64_t g, uint64_t *count) {
  *count = 0;
  for (uint64_t k = g > SNAPSHOT_LIFE + 2 ? g - SNAPSHOT_LIFE - 2 : 1; k <= g; k++) {
    char label[32];
    ufo_store *store;
    ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY, .snapshot = label};
    snapshot_name(label, k);
    ufo_status status = ufo_store_open(path, &options, &store, &error);
    DEMAND(status == UFO_OK || status == UFO_MISSING);
    int expected = snapshot_expected(k, g);
    DEMAND(expected < 0 || expected == (status == UFO_OK));
    if (status != UFO_OK) continue;
    ++*count;
    int wrong = right_generation(store, k);
    ufo_store_close(store);
    if (wrong) return 1;
  }
  return 0;
}

static inline int remove_snapshots(ufo_store *store, uint64_t g) {
  for (uint64_t k = g > SNAPSHOT_LIFE + 2 ? g - SNAPSHOT_LIFE - 2 : 1; k <= g; k++) {
    char label[32];
    snapshot_name(label, k);
    ufo_status status = ufo_snapshot_remove(store, label, &error);
    DEMAND(status == UFO_OK || status == UFO_MISSING);
  }
  return 0;
}

/* What the dead had staged, and what they had superseded, is reclaimed by those who come after. */
static inline int right_reclaim(ufo_store *store, uint64_t snapshots) {
  for (int i = 0; i < 6; i++) {
    ufo_txn *txn;
    int32_t number = i;
    ufo_object_spec spec = spec_of(UFO_INTEGER, 1, 0);
    DEMAND(ufo_txn_begin(store, &txn, &error) == UFO_OK);
    if (i < 5) DEMAND(ufo_txn_put(txn, "judge", &spec, &number, &error) == UFO_OK);
    else DEMAND(ufo_txn_remove(txn, "judge", &error) == UFO_OK);
    DEMAND(ufo_txn_commit(txn, &error) == UFO_OK);
  }
  ufo_store_stat stat = {.struct_size = sizeof stat};
  DEMAND(ufo_store_get_stat(store, &stat, &error) == UFO_OK);
  DEMAND(stat.staged_blobs == 0);
  if (snapshots == 0) DEMAND(stat.blob_bytes <= stat.live_bytes + 65536);
  DEMAND(stat.file_bytes <= UINT64_C(80) << 20);
  return 0;
}

static inline int judge_opened(ufo_store *store, uint64_t least, uint64_t most, uint64_t *found) {
  if (generation_of(store, found)) return 1;
  if ((*found < least || *found > most) && !judge_is_quiet)
    fprintf(stderr, "found generation %" PRIu64 ", not %" PRIu64 " to %" PRIu64 "\n", *found, least, most);
  DEMAND(least <= *found && *found <= most);
  if (right_generation(store, *found)) return 1;
  DEMAND(ufo_store_verify(store, show_damage, NULL, NULL, &error) == UFO_OK);
  return 0;
}

static int judge_is_last; /* nobody goes on with the store: its snapshots are removed, and must leave nothing */

/* The store at `path` is a generation from `least` to `most`, whole. */
static inline int judge(const char *path, uint64_t least, uint64_t most, uint64_t *found) {
  ufo_store *store;
  uint64_t snapshots = 0;
  DEMAND(ufo_store_open(path, NULL, &store, &error) == UFO_OK);
  int wrong = judge_opened(store, least, most, found) || right_snapshots(path, *found, &snapshots);
  if (!wrong && judge_is_last) {
    wrong = remove_snapshots(store, *found);
    snapshots = 0;
  }
  wrong = wrong || right_reclaim(store, snapshots);
  ufo_store_close(store);
  return wrong;
}

/* A compact copy beside it is whole, or absent: it is removed. */
static inline int judge_copy(const char *path, uint64_t least, uint64_t most) {
  char copy[COPY_NAME_BYTES], lock[COPY_NAME_BYTES + 8];
  ufo_store *store;
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  uint64_t found;
  copy_name(copy, path);
  if (access(copy, F_OK) != 0) return 0;
  DEMAND(ufo_store_open(copy, &options, &store, &error) == UFO_OK);
  uint64_t snapshots;
  int wrong = judge_opened(store, least, most, &found) || right_snapshots(copy, found, &snapshots);
  ufo_store_close(store);
  snprintf(lock, sizeof lock, "%s-lock", copy);
  if (!wrong && (unlink(copy) != 0 || unlink(lock) != 0)) perror(copy);
  return wrong;
}

/* After a crash: ACKED <= found <= ACKED + 1. A store that is not there was never made. */
static inline int verify_found(const char *path, uint64_t acked, uint64_t *found) {
  *found = 0;
  if (access(path, F_OK) != 0) {
    DEMAND(acked == 0);
    return 0;
  }
  return judge(path, acked, acked + 1, found) || judge_copy(path, 0, acked);
}

#endif
