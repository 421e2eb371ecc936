/* A file that grows beyond the address space that somebody reserved for it.
 *
 * A process with a small reservation goes on when another one, with a larger reservation, has made the file larger: it
 * sees what the other wrote, and can write. Alone, it gets UFO_FULL with the remedies in the message, has lost nothing,
 * and can go on with them: remove something, or open the file with more. */
#include "soak/soak.h"

#define SMALL_MAP (16 * MIB)
enum { CHUNK = 65536 };

static uint8_t *values, *read_back;

static ufo_store *open_with(uint64_t map_bytes) {
  ufo_store *store;
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_WRITE, .map_bytes = map_bytes};
  MUST(ufo_store_open(path, &options, &store, e));
  return store;
}

static void fill(unsigned number, uint64_t bytes) {
  uint64_t state = mix(number);
  fill_noise(&state, bytes, values);
}

/* Noise that its name tells. */
static ufo_status put(ufo_store *store, unsigned number, uint64_t bytes, ufo_error *error) {
  char name[16];
  snprintf(name, sizeof name, "o%u", number);
  ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_RAW, .length = bytes, .chunk_bytes = CHUNK};
  ufo_txn *txn;
  fill(number, bytes);
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
  fill(number, bytes);
  MUST(ufo_store_read(store, NULL, name, 0, 0, bytes, read_back, e));
  MUST_HOLD(memcmp(values, read_back, bytes) == 0, "%s is not what was written", name);
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
static void say(int pipe_end) { MUST_HOLD(write(pipe_end, "x", 1) == 1, "the other process is gone"); }
static void hear(int pipe_end) {
  char byte;
  MUST_HOLD(read(pipe_end, &byte, 1) == 1, "the other process is gone");
}

/* ---- two processes ----------------------------------------------------------------------------------------------- */

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
  MUST_HOLD(pipe(to_child) == 0 && pipe(from_child) == 0, "no pipe");
  fflush(NULL);
  pid_t child = fork();
  MUST_HOLD(child >= 0, "no child");
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
  int status = wait_for(child);
  MUST_HOLD(status == 0, "the process with the small reservation ended with %d", status);
  MUST_HOLD(file_now() > 2 * SMALL_MAP, "the file has %" PRIu64 " bytes: nothing was tried", file_now());
  MUST(ufo_store_verify(store, NULL, NULL, NULL, e));
  ufo_store_close(store);
  close(to_child[1]);
  close(from_child[0]);
  tally(2 * rounds, "objects exchanged with a process that had reserved too little");
}

/* ---- alone ------------------------------------------------------------------------------------------------------- */

static void alone(void) {
  ufo_store *store = open_with(SMALL_MAP);
  unsigned count = 0;
  ufo_error why = {0};
  ufo_status status;
  while (!(status = put(store, count, 2 * MIB, &why))) MUST_HOLD(++count < 16, "there is no end to the reservation");
  printf("%s\n", why.message);
  MUST_HOLD(status == UFO_FULL, "%s", why.message);
  MUST_HOLD(strstr(why.message, "map_bytes") && strstr(why.message, "compact") && strstr(why.message, path),
            "the message lacks what to do: %s", why.message);
  MUST_HOLD(file_now() <= SMALL_MAP, "the file has %" PRIu64 " bytes", file_now());
  MUST_HOLD(count >= 4, "only %u objects of 2 MiB went into 16", count);
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

int main(void) {
  soak_begin(NULL);
  values = malloc(4 * MIB);
  read_back = malloc(4 * MIB);
  two_processes(nightly() ? 40 : 8);
  empty_folder(folder);
  alone();
  remove_folder(folder);
  free(values);
  free(read_back);
  return 0;
}
