/* A store that was cut short, at every byte of its first two pages, around every page bound and every 512 bytes,
 * nightly at every byte: opening it is refused with both sizes in the message, or everything in it is right. And one
 * that is cut while it is open: an error, right values, or SIGBUS from LMDB's map; never other values, never a hang.
 *
 *   fault_truncation             the test
 *   fault_truncation SIZE [OPEN] one size; with OPEN, cut while the store is open, in this process */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <ufostore/ufostore.h>

#include "child.h"
#include "demand.h"
#include "tally.h"

enum { OBJECTS = 3, LENGTH = 3000, CHUNK = 4096, BATCH = 512, LARGEST = 1 << 20 };

static ufo_error error;
static char folder[300], path[320];
static uint64_t values[OBJECTS][LENGTH];
static uint8_t image[LARGEST];
static uint64_t image_bytes;
static const char *const names[OBJECTS] = {"alpha", "beta", "gamma"};

static uint64_t noise(uint64_t i) {
  uint64_t x = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
  return (x ^ (x >> 29)) * UINT64_C(0xBF58476D1CE4E5B9) | 1;
}

static int put_all(ufo_store *store, int last) {
  ufo_txn *txn;
  ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_DOUBLE, .length = LENGTH, .chunk_bytes = CHUNK};
  DEMAND(ufo_txn_begin(store, &txn, &error) == UFO_OK);
  for (int n = 0; n < last && n < OBJECTS; n++) DEMAND(ufo_txn_put(txn, names[n], &spec, values[n], &error) == UFO_OK);
  DEMAND(ufo_txn_commit(txn, &error) == UFO_OK);
  return 0;
}

static int build(void) {
  ufo_store *store;
  for (int n = 0; n < OBJECTS; n++)
    for (uint64_t i = 0; i < LENGTH; i++) values[n][i] = noise((uint64_t)n * 100000 + i);
  DEMAND(ufo_store_open(path, NULL, &store, &error) == UFO_OK);
  if (put_all(store, 2) || put_all(store, OBJECTS)) return 1;
  ufo_store_close(store);
  int file = open(path, O_RDONLY);
  ssize_t got = pread(file, image, sizeof image, 0);
  close(file);
  DEMAND(got > 0 && got < (ssize_t)sizeof image);
  image_bytes = (uint64_t)got;
  return 0;
}

static int restore(void) {
  int file = open(path, O_RDWR);
  int done = file >= 0 && ftruncate(file, 0) == 0 && pwrite(file, image, image_bytes, 0) == (ssize_t)image_bytes;
  close(file);
  return done ? 0 : 1;
}

/* Everything that can be read is right. */
static int right_or_refused(ufo_store *store) {
  static uint64_t back[LENGTH];
  for (int n = 0; n < OBJECTS; n++) {
    ufo_status status = ufo_store_read(store, NULL, names[n], 0, 0, LENGTH, back, &error);
    if (status == UFO_OK) DEMAND(memcmp(back, values[n], sizeof back) == 0);
    else DEMAND(error.code == status && error.message[0]);
  }
  return 0;
}

static int opened(uint64_t size) {
  ufo_store *store;
  ufo_store_options options = {.struct_size = sizeof options,
                               .mode = size % 3 ? UFO_OPEN_READ_ONLY : UFO_OPEN_READ_WRITE};
  ufo_status status = ufo_store_open(path, &options, &store, &error);
  char text[32];
  struct stat info;
  if (status != UFO_OK) {
    DEMAND(status == UFO_CORRUPT && strstr(error.message, path));
    snprintf(text, sizeof text, " %" PRIu64 "; ", size);
    if (size >= 2 * CHUNK) DEMAND(strstr(error.message, text) && strstr(error.message, "it should have "));
  } else {
    if (right_or_refused(store)) return 1;
    ufo_store_close(store);
  }
  DEMAND(stat(path, &info) == 0 && (uint64_t)info.st_size == size); /* and the evidence is as it was */
  return 0;
}

/* ---- cut while it is open -----------------------------------------------------------------------------------------
 */

typedef struct reading {
  const volatile uint64_t *data;
  int object;
} reading;

static int read_all(void *user) {
  reading *r = user;
  for (uint64_t i = 0; i < LENGTH; i++)
    if (r->data[i] != values[r->object][i]) return 1;
  return 0;
}

static int cut_while_open(void *user) {
  uint64_t size = *(uint64_t *)user;
  ufo_store *store;
  ufo_pool *pool;
  ufo_view *views[OBJECTS];
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = 16 * CHUNK, .scratch_dir = folder};
  DEMAND(ufo_store_open(path, NULL, &store, &error) == UFO_OK && ufo_pool_create(&options, &pool, &error) == UFO_OK);
  for (int n = 0; n < OBJECTS; n++)
    DEMAND(ufo_view_open(store, NULL, pool, names[n], NULL, &views[n], &error) == UFO_OK);
  DEMAND(truncate(path, (off_t)size) == 0);
  for (int n = 0; n < OBJECTS; n++) {
    int wrong = 0;
    reading r = {ufo_view_data(views[n]), n};
    ufo_status status = ufo_guarded(NULL, read_all, &r, &wrong, &error);
    if (status != UFO_OK) DEMAND(error.message[0]);
    else DEMAND(!wrong);
  }
  if (right_or_refused(store)) return 1;
  ufo_txn *txn;
  int32_t one = 1;
  ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_INTEGER, .length = 1};
  if (ufo_txn_begin(store, &txn, &error) == UFO_OK) {
    if (ufo_txn_put(txn, "new", &spec, &one, &error) != UFO_OK || ufo_txn_commit(txn, &error) != UFO_OK)
      ufo_txn_abort(txn);
  }
  if (right_or_refused(store)) return 1;
  return 0;
}

/* After it, whoever opens what is left of it. */
static int after(void *unused) {
  (void)unused;
  ufo_store *store;
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  if (ufo_store_open(path, &options, &store, &error) != UFO_OK) return 0;
  return right_or_refused(store);
}

/* ---- all of them --------------------------------------------------------------------------------------------------
 */

static int is_tried(uint64_t size) {
  uint64_t in_page = size % CHUNK;
  return nightly() || size <= 2 * CHUNK || size % 512 == 0 || in_page <= 2 || in_page >= CHUNK - 2;
}

/* Sizes from `largest` down, in one process: a fork for each would be what takes the time. */
static int one_batch(void *largest) {
  uint64_t size = *(uint64_t *)largest;
  for (int i = 0; i < BATCH && size > 0; size--) {
    if (!is_tried(size)) continue;
    i++;
    if (truncate(path, (off_t)size) != 0) return 2;
    if (opened(size)) {
      fprintf(stderr, "cut to %" PRIu64 " of %" PRIu64 " bytes\n", size, image_bytes);
      return 1;
    }
  }
  return 0;
}

int main(int argc, char **argv) {
  if (make_folder(folder, sizeof folder, NULL)) return 2;
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  int bad = build();
  if (argc > 1) {
    uint64_t size = strtoull(argv[1], NULL, 10);
    bad = argc > 2 ? cut_while_open(&size) : truncate(path, (off_t)size) != 0 || opened(size);
  } else {
    uint64_t tried = 0, open_tried = 0, signals = 0;
    for (uint64_t size = image_bytes - 1; !bad && size > 0;) {
      bad = in_child(one_batch, &size, 20);
      for (int i = 0; i < BATCH && size > 0; size--)
        if (is_tried(size)) i++, tried++;
    }
    for (uint64_t page = 0; !bad && page < image_bytes / CHUNK; page += nightly() ? 1 : 2) {
      for (uint64_t odd = 0; odd < 2 && !bad; odd++) {
        uint64_t size = page * CHUNK + odd * 1000;
        bad = restore();
        if (bad) break;
        int result = in_child(cut_while_open, &size, 20);
        signals += result == 128 + SIGBUS;
        bad = result != 0 && result != 128 + SIGBUS;
        if (!bad) bad = in_child(after, NULL, 20);
        if (bad)
          fprintf(stderr, "cut to %" PRIu64 " of %" PRIu64 " while open: outcome %d\n", size, image_bytes, result);
        open_tried++;
      }
    }
    printf("%" PRIu64 " sizes of %" PRIu64 "; %" PRIu64 " while open, of which %" PRIu64 " ended in SIGBUS\n", tried,
           image_bytes, open_tried, signals);
    tally(tried, "sizes that a store was cut to");
    tally(open_tried, "stores that were cut while open");
  }
  remove_folder(folder);
  return bad != 0;
}
