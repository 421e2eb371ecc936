/* A file that grows beyond the address space that somebody reserved for it.
 *
 * A process with a small reservation goes on when another one, with a larger reservation, has made the file larger: it
 * sees what the other wrote, and can write. Alone, it gets UFO_FULL with the remedies in the message, has lost nothing,
 * and can go on with them: remove something, or open the file with more. */
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <ufostore/ufostore.h>

#include "common/resources.h"
#include "common/tally.h"

#define MIB (UINT64_C(1) << 20)
#define SMALL_MAP (16 * MIB)
enum { CHUNK = 65536 };

static char folder[512], path[600];
static uint8_t *values, *read_back;

#define MUST(call)                                                                                                     \
  do {                                                                                                                 \
    ufo_error error = {0}, *e = &error;                                                                                \
    if ((call) != UFO_OK) {                                                                                            \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, error.message);                                    \
      _exit(1);                                                                                                        \
    }                                                                                                                  \
  } while (0)

#define DEMAND(condition, ...)                                                                                         \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                                                  \
      fprintf(stderr, __VA_ARGS__);                                                                                    \
      fputc('\n', stderr);                                                                                             \
      _exit(1);                                                                                                        \
    }                                                                                                                  \
  } while (0)

static void fill(uint64_t seed, uint64_t bytes) {
  for (uint64_t at = 0; at < bytes; at += 8) {
    uint64_t x = (seed + at) * UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x ^= x >> 27;
    memcpy(values + at, &x, 8);
  }
}

static uint64_t file_now(void) {
  struct stat file;
  return stat(path, &file) ? 0 : (uint64_t)file.st_size;
}

static ufo_store *open_with(uint64_t map_bytes) {
  ufo_store *store;
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_WRITE, .map_bytes = map_bytes};
  MUST(ufo_store_open(path, &options, &store, e));
  return store;
}

/* Noise that its name tells. */
static ufo_status put(ufo_store *store, unsigned number, uint64_t bytes, ufo_error *error) {
  char name[16];
  snprintf(name, sizeof name, "o%u", number);
  ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_RAW, .length = bytes, .chunk_bytes = CHUNK};
  ufo_txn *txn;
  fill(number * UINT64_C(1000000007), bytes);
  ufo_status status = ufo_txn_begin(store, &txn, error);
  if (status) return status;
  status = ufo_txn_put(txn, name, &spec, values, error);
  if (!status) status = ufo_txn_commit(txn, error);
  if (status) ufo_txn_abort(txn);
  return status;
}

static void check(ufo_store *store, unsigned number, uint64_t bytes) {
  char name[16];
  snprintf(name, sizeof name, "o%u", number);
  fill(number * UINT64_C(1000000007), bytes);
  MUST(ufo_store_read(store, NULL, name, 0, 0, bytes, read_back, e));
  DEMAND(memcmp(values, read_back, bytes) == 0, "%s is not what was written", name);
}

static void remove_object(ufo_store *store, unsigned number) {
  char name[16];
  snprintf(name, sizeof name, "o%u", number);
  ufo_txn *txn;
  MUST(ufo_txn_begin(store, &txn, e));
  MUST(ufo_txn_remove(txn, name, e));
  MUST(ufo_txn_commit(txn, e));
}

/* Says "ready" or "go" to the other process. */
static void say(int pipe_end) { DEMAND(write(pipe_end, "x", 1) == 1, "the other process is gone"); }
static void hear(int pipe_end) {
  char byte;
  DEMAND(read(pipe_end, &byte, 1) == 1, "the other process is gone");
}

/* ---- two processes
 * --------------------------------------------------------------------------------------------------- */

static int small_process(int from, int to, unsigned rounds) {
  ufo_store *store = open_with(SMALL_MAP);
  say(to);
  for (unsigned n = 0; n < rounds; n++) {
    hear(from);
    check(store, 2 * n, 4 * MIB); /* beyond our reservation from the third round on */
    MUST(put(store, 2 * n + 1, 2 * MIB, e));
    check(store, 2 * n + 1, 2 * MIB);
    say(to);
  }
  ufo_store_close(store);
  return 0;
}

static void two_processes(unsigned rounds) {
  int to_child[2], from_child[2];
  DEMAND(pipe(to_child) == 0 && pipe(from_child) == 0, "no pipe");
  fflush(NULL);
  pid_t child = fork();
  DEMAND(child >= 0, "no child");
  if (child == 0) {
    close(to_child[1]);
    close(from_child[0]);
    _exit(small_process(to_child[0], from_child[1], rounds));
  }
  close(to_child[0]);
  close(from_child[1]);
  hear(from_child[0]);
  ufo_store *store = open_with(1024 * MIB);
  for (unsigned n = 0; n < rounds; n++) {
    MUST(put(store, 2 * n, 4 * MIB, e));
    say(to_child[1]);
    hear(from_child[0]);
    check(store, 2 * n + 1, 2 * MIB);
  }
  int status = -1;
  waitpid(child, &status, 0);
  DEMAND(status == 0, "the process with the small reservation ended with %d", status);
  DEMAND(file_now() > 2 * SMALL_MAP, "the file has %" PRIu64 " bytes: nothing was tried", file_now());
  MUST(ufo_store_verify(store, NULL, NULL, NULL, e));
  ufo_store_close(store);
  close(to_child[1]);
  close(from_child[0]);
  tally(2 * rounds, "objects exchanged with a process that had reserved too little");
}

/* ---- alone
 * ------------------------------------------------------------------------------------------------------------ */

static void alone(void) {
  ufo_store *store = open_with(SMALL_MAP);
  unsigned count = 0;
  ufo_error why = {0};
  ufo_status status;
  while (!(status = put(store, count, 2 * MIB, &why))) DEMAND(++count < 16, "there is no end to the reservation");
  printf("%s\n", why.message);
  DEMAND(status == UFO_FULL, "%s", why.message);
  DEMAND(strstr(why.message, "map_bytes") && strstr(why.message, "compact") && strstr(why.message, path),
         "the message lacks what to do: %s", why.message);
  DEMAND(file_now() <= SMALL_MAP, "the file has %" PRIu64 " bytes", file_now());
  DEMAND(count >= 4, "only %u objects of 2 MiB went into 16", count);
  for (unsigned n = 0; n < count; n++) check(store, n, 2 * MIB);
  MUST(ufo_store_verify(store, NULL, NULL, NULL, e));
  /* Removing makes room, in the same process. */
  remove_object(store, 0);
  remove_object(store, 1);
  for (int i = 0; i < 4; i++) MUST(put(store, 100, 8, e));
  MUST(put(store, 101, 2 * MIB, e));
  for (unsigned n = 2; n < count; n++) check(store, n, 2 * MIB);
  ufo_store_close(store);
  /* So does more address space. */
  store = open_with(64 * MIB);
  for (unsigned n = 200; n < 208; n++) MUST(put(store, n, 2 * MIB, e));
  for (unsigned n = 2; n < count; n++) check(store, n, 2 * MIB);
  check(store, 101, 2 * MIB);
  check(store, 207, 2 * MIB);
  MUST(ufo_store_verify(store, NULL, NULL, NULL, e));
  ufo_store_close(store);
  /* A file that is larger than what is asked for opens all the same. */
  store = open_with(SMALL_MAP);
  check(store, 207, 2 * MIB);
  ufo_store_close(store);
}

static void remove_files(void) {
  char lock[640];
  snprintf(lock, sizeof lock, "%s-lock", path);
  unlink(path);
  unlink(lock);
}

int main(void) {
  const char *base = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%s/ufo-soak-XXXXXX", base && *base ? base : "/tmp");
  if (!mkdtemp(folder)) return 1;
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  values = malloc(4 * MIB);
  read_back = malloc(4 * MIB);
  two_processes(nightly() ? 40 : 8);
  remove_files();
  alone();
  remove_files();
  rmdir(folder);
  free(values);
  free(read_back);
  return 0;
}
