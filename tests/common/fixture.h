/* fixture.h - what tests of the store and of views share: a scratch folder, checks that show the error, children.
 *
 * Everything is static: one include per test program. `error` is the error of the test's own thread. */
#ifndef UFO_TEST_FIXTURE_H
#define UFO_TEST_FIXTURE_H

#include <criterion/criterion.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <ufostore/ufostore.h>

#include "common/child.h"
#include "common/expect.h"
#include "common/tally.h"
#include "unit/random.h"

/* For code that runs in a forked child or in another thread: leaves the function with a number that names the line. */
#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition, error.message);                              \
      return 1 + __LINE__ % 120;                                                                                       \
    }                                                                                                                  \
  } while (0)

/* ---- scratch folder ---------------------------------------------------------------------------------------------- */

static char fixture_folder[PATH_MAX / 2];

static inline void fixture_make(void) {
  cr_assert_eq(make_folder(fixture_folder, sizeof fixture_folder, NULL), 0, "no scratch folder %s: %s", fixture_folder,
               strerror(errno));
}

/* Moves a file that begins as LMDB's do into the folder UFO_TEST_KEEP, where another reader judges it afterwards
 * (fault/reader_stores.sh). Not of a size that takes it long. */
static inline int fixture_keep(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  static unsigned number;
  char to[PATH_MAX];
  uint8_t head[20] = {0};
  (void)walk;
  FILE *file = kind == FTW_F && S_ISREG(info->st_mode) && info->st_size < 8 << 20 ? fopen(path, "rb") : NULL;
  size_t count = file ? fread(head, 1, sizeof head, file) : 0;
  if (file) fclose(file);
  if (count < sizeof head || memcmp(head + 16, "\xDE\xC0\xEF\xBE", 4) != 0) return 0;
  snprintf(to, sizeof to, "%s/%s-%d-%u.ufo", getenv("UFO_TEST_KEEP"), program_invocation_short_name, (int)getpid(),
           number++);
  if (rename(path, to) != 0) perror(to);
  return 0;
}

static inline void fixture_remove(void) {
  if (getenv("UFO_TEST_KEEP")) nftw(fixture_folder, fixture_keep, 16, FTW_PHYS);
  remove_folder(fixture_folder);
}

/* The path of a file in the scratch folder; one of eight buffers that take turns. */
static inline char *in_folder(const char *name) {
  static char paths[8][PATH_MAX];
  static unsigned turn;
  char *path = paths[turn++ % 8];
  snprintf(path, PATH_MAX, "%s/%s", fixture_folder, name);
  return path;
}

static inline uint64_t size_of_file(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
}

/* ---- short forms ------------------------------------------------------------------------------------------------- */

static inline ufo_store *open_store(const char *path) {
  ufo_store *store = NULL;
  OK(ufo_store_open(path, NULL, &store, &error));
  return store;
}

static inline ufo_pool *make_pool(uint64_t budget) {
  ufo_pool *pool = NULL;
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = budget, .scratch_dir = fixture_folder};
  OK(ufo_pool_create(&options, &pool, &error));
  return pool;
}

static inline ufo_pool_stats pool_stats(const ufo_pool *pool) {
  ufo_pool_stats stats = {.struct_size = sizeof stats};
  ufo_pool_get_stats(pool, &stats);
  return stats;
}

/* The figures once the pool's threads are done: a fill counts itself after it has woken whom it served. */
static inline ufo_pool_stats quiet_stats(const ufo_pool *pool) {
  ufo_pool_stats now = pool_stats(pool), before;
  do {
    before = now;
    usleep(20000);
    now = pool_stats(pool);
  } while (memcmp(&before, &now, sizeof now) != 0);
  return now;
}

static inline ufo_object_spec spec_of(ufo_type type, uint32_t element_bytes, uint64_t length, uint32_t chunk_bytes) {
  return (ufo_object_spec){.struct_size = sizeof(ufo_object_spec),
                           .type = type,
                           .element_bytes = type == UFO_RECORD ? element_bytes : 0,
                           .length = length,
                           .chunk_bytes = chunk_bytes};
}

static inline ufo_txn *begin(ufo_store *store) {
  ufo_txn *txn = NULL;
  OK(ufo_txn_begin(store, &txn, &error));
  return txn;
}

/* Puts in a transaction of its own. */
static inline void put_now(ufo_store *store, const char *name, ufo_object_spec spec, const void *data) {
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put(txn, name, &spec, data, &error));
  OK(ufo_txn_commit(txn, &error));
}

static inline void write_now(ufo_store *store, const char *name, uint64_t first, uint64_t count, const void *data) {
  ufo_txn *txn = begin(store);
  OK(ufo_txn_write(txn, name, first, count, data, &error));
  OK(ufo_txn_commit(txn, &error));
}

static inline void remove_now(ufo_store *store, const char *name) {
  ufo_txn *txn = begin(store);
  OK(ufo_txn_remove(txn, name, &error));
  OK(ufo_txn_commit(txn, &error));
}

static inline void put_view_now(ufo_store *store, const char *name, ufo_view *view) {
  ufo_txn *txn = begin(store);
  OK(ufo_txn_put_view(txn, name, view, UFO_PUT_CHECKED, &error));
  OK(ufo_txn_commit(txn, &error));
}

static inline ufo_view *open_view(ufo_store *store, ufo_txn *txn, ufo_pool *pool, const char *name) {
  ufo_view *view = NULL;
  OK(ufo_view_open(store, txn, pool, name, NULL, &view, &error));
  return view;
}

static inline ufo_object_info info_of(ufo_store *store, ufo_txn *txn, const char *name) {
  ufo_object_info info = {.struct_size = sizeof info};
  OK(ufo_store_info(store, txn, name, 0, &info, &error));
  return info;
}

static inline ufo_view_info view_info(ufo_view *view) {
  ufo_view_info info = {.struct_size = sizeof info};
  OK(ufo_view_get_info(view, &info, &error));
  return info;
}

static inline ufo_store_stat stat_of(ufo_store *store) {
  ufo_store_stat stat = {.struct_size = sizeof stat};
  OK(ufo_store_get_stat(store, &stat, &error));
  return stat;
}

static inline int show_damage(void *user, const ufo_damage *damage) {
  (void)user;
  fprintf(stderr, "damage: %s version %" PRIu64 " elements %" PRIu64 "+%" PRIu64 ": %s\n",
          damage->name ? damage->name : "(store)", damage->version, damage->first, damage->count, damage->cause);
  return 0;
}

static inline void assert_sound(ufo_store *store) { OK(ufo_store_verify(store, show_damage, NULL, NULL, &error)); }

/* The whole object must be these bytes, read without a region. */
static inline void assert_content(ufo_store *store, ufo_txn *txn, const char *name, const void *expected,
                                  uint64_t bytes) {
  ufo_object_info info = info_of(store, txn, name);
  cr_assert_eq(info.length * info.element_bytes, bytes, "'%s' has %" PRIu64 " bytes, not %" PRIu64, name,
               info.length * info.element_bytes, bytes);
  uint8_t *buffer = malloc(bytes + 1);
  OK(ufo_store_read(store, txn, name, 0, 0, info.length, buffer, &error));
  for (uint64_t i = 0; i < bytes; i++)
    if (buffer[i] != ((const uint8_t *)expected)[i])
      cr_assert_fail("'%s' differs at byte %" PRIu64 " of %" PRIu64 ": %02x, not %02x", name, i, bytes, buffer[i],
                     ((const uint8_t *)expected)[i]);
  free(buffer);
}

/* Small commits, so that what was queued as garbage may be reclaimed. */
static inline void let_it_reclaim(ufo_store *store) {
  int32_t one = 1;
  for (int i = 0; i < 4; i++) put_now(store, "reclaim", spec_of(UFO_INTEGER, 0, 1, 0), &one);
  remove_now(store, "reclaim");
  for (int i = 0; i < 2; i++) OK(ufo_txn_commit(begin(store), &error));
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static inline uint64_t mix(uint64_t x) {
  x += UINT64_C(0x9E3779B97F4A7C15);
  x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
  return x ^ (x >> 31);
}

/* Fills with a patchwork that gives every codec something to do: zeros, a constant, a ramp, small values with NA and
 * NaN payloads, and noise. */
static inline void fill_values(ufo_type type, uint32_t element_bytes, uint64_t seed, uint64_t count, void *out) {
  static const uint64_t doubles[] = {0x7FF00000000007A2u, 0x7FF8000000000000u, 0x8000000000000000u,
                                     0x7FF0000000000000u, 0xFFF0000000000000u, 0x7FF4DEADBEEF0001u};
  uint64_t patch = count > 30000 ? 7001 : 173;
  for (uint64_t i = 0; i < count; i++) {
    uint64_t style = (i / patch + seed) % 5, r = mix(seed ^ mix(i));
    uint8_t *at = (uint8_t *)out + i * element_bytes;
    memset(at, 0, element_bytes);
    if (style == 0) continue;
    for (uint32_t k = 0; k < element_bytes; k += 8) {
      uint64_t word = style == 1 ? mix(seed) : style == 2 ? seed + i : style == 3 ? doubles[r % 6] : mix(r + k);
      if (type == UFO_LOGICAL) word = (uint32_t[]){0, 1, 0x80000000u}[r % 3];
      else if (type == UFO_INTEGER && style == 3) word = r % 9 ? r % 50 : 0x80000000u;
      else if (type == UFO_DOUBLE && style == 2) {
        double ramp = (double)(i + seed) * 0.25;
        memcpy(&word, &ramp, 8);
      }
      memcpy(at + k, &word, element_bytes - k < 8 ? element_bytes - k : 8);
    }
  }
}

typedef struct typed {
  ufo_type type;
  uint32_t element_bytes;
} typed;
static const typed every_type[] = {{UFO_LOGICAL, 4},  {UFO_INTEGER, 4}, {UFO_DOUBLE, 8},
                                   {UFO_COMPLEX, 16}, {UFO_RAW, 1},     {UFO_RECORD, 24}};
#define EVERY_TYPE (sizeof every_type / sizeof *every_type)

/* Figures of the process's memory mean nothing under a sanitizer. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

#endif
