/* standalone.c - main() of a fuzz target where there is no libFuzzer: in the ordinary builds, for ctest.
 *
 *   fuzz_NAME            replays corpus/NAME and crashes/NAME, then mutations of them, the same ones every time
 *   fuzz_NAME FILE...    replays these files
 *
 * The input that runs is in NAME.last of the current folder (removed at the end), so that whatever stops the program
 * leaves behind what did it. */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>

#include "../common/tally.h"
#include "../unit/random.h"

enum { INPUT_MAX = 65536, INPUTS_MAX = 4096 };

__attribute__((weak)) unsigned fuzz_mutations = 4000;

typedef struct seed {
  uint8_t *bytes;
  size_t count;
} seed;

static seed seeds[INPUTS_MAX];
static size_t seed_count;
static int last = -1;
static char last_path[128];

static void run(const uint8_t *bytes, size_t count) {
  PROMISE(pwrite(last, bytes, count, 0) == (ssize_t)count && !ftruncate(last, (off_t)count));
  /* A block of its own and of its own length, so that a sanitizer sees a read past it. */
  uint8_t *copy = malloc(count ? count : 1);
  PROMISE(copy);
  if (count) memcpy(copy, bytes, count);
  LLVMFuzzerTestOneInput(copy, count);
  free(copy);
}

static int load(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file || seed_count == INPUTS_MAX) {
    fprintf(stderr, "cannot read %s\n", path);
    if (file) fclose(file);
    return 0;
  }
  uint8_t *bytes = malloc(INPUT_MAX);
  PROMISE(bytes);
  size_t count = fread(bytes, 1, INPUT_MAX, file);
  fclose(file);
  seeds[seed_count++] = (seed){bytes, count};
  return 1;
}

static int is_visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

/* Sorted, so that the mutations are the same on every machine. */
static size_t load_folder(const char *kind) {
  char folder[3000], path[4000];
  const char *source = getenv("UFOSTORE_SOURCE");
  snprintf(folder, sizeof folder, "%s/tests/fuzz/%s/%s", source ? source : ".", kind, FUZZ_NAME);
  struct dirent **entries = NULL;
  int count = scandir(folder, &entries, is_visible, alphasort);
  size_t loaded = 0;
  for (int i = 0; i < count; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
    loaded += (size_t)load(path);
    free(entries[i]);
  }
  free(entries);
  return loaded;
}

/* One small change of `bytes`, which has room for INPUT_MAX; returns the new length. */
static size_t mutate(uint64_t *state, uint8_t *bytes, size_t count) {
  static const uint64_t numbers[] = {0,          1,          UINT64_MAX,     INT64_MAX, UINT32_MAX, INT32_MAX,
                                     0x80000000, UINT16_MAX, 1ull << 52,     4096,      65536,      16 << 20,
                                     255,        0x40000000, 0x100000000ull, 127};
  size_t at = count ? (size_t)random_below(state, count) : 0, n = 1 + (size_t)random_below(state, 16);
  switch (count ? random_below(state, 8) : 4) {
  case 0:
    bytes[at] ^= (uint8_t)(1u << random_below(state, 8));
    return count;
  case 1:
    bytes[at] = (uint8_t)random_u64(state);
    return count;
  case 2: { /* a number that is often a border, in either byte order */
    uint64_t number = numbers[random_below(state, sizeof numbers / sizeof *numbers)];
    number = random_below(state, 2) ? number : __builtin_bswap64(number);
    size_t width = (size_t)1 << random_below(state, 4);
    if (width > count - at) width = count - at;
    memcpy(bytes + at, &number, width);
    return count;
  }
  case 3: /* bytes go */
    if (n > count - at) n = count - at;
    memmove(bytes + at, bytes + at + n, count - at - n);
    return count - n;
  case 4: /* bytes come */
    if (count + n > INPUT_MAX) return count;
    memmove(bytes + at + n, bytes + at, count - at);
    random_fill(state, bytes + at, n);
    return count + n;
  case 5: { /* a piece of itself somewhere else */
    size_t to = (size_t)random_below(state, count);
    if (n > count - at) n = count - at;
    if (n > count - to) n = count - to;
    memmove(bytes + to, bytes + at, n);
    return count;
  }
  case 6: { /* a piece of another */
    const seed *other = &seeds[random_below(state, seed_count)];
    if (n > other->count) n = other->count;
    if (n > count - at) n = count - at;
    if (n) memcpy(bytes + at, other->bytes + random_below(state, other->count - n + 1), n);
    return count;
  }
  default:
    return at; /* cut */
  }
}

int main(int argc, char **argv) {
  snprintf(last_path, sizeof last_path, "%s.last", FUZZ_NAME);
  last = open(last_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (last < 0) {
    perror(last_path);
    return 1;
  }
  size_t corpus = 0;
  if (argc > 1) {
    for (int i = 1; i < argc; i++)
      if (!load(argv[i])) return 1;
  } else {
    corpus = load_folder("corpus");
    load_folder("crashes");
    if (!corpus) {
      fprintf(stderr, "tests/fuzz/corpus/%s is empty\n", FUZZ_NAME);
      return 1;
    }
  }
  run(NULL, 0);
  for (size_t i = 0; i < seed_count; i++) run(seeds[i].bytes, seeds[i].count);
  tally(seed_count, "fuzz inputs replayed");

  unsigned mutations = argc > 1 ? 0 : fuzz_mutations * (nightly() ? 20 : 1);
  uint64_t state = 1;
  uint8_t *bytes = malloc(INPUT_MAX);
  PROMISE(bytes);
  for (unsigned i = 0; i < mutations && seed_count > 0; i++) {
    const seed *from = &seeds[random_below(&state, seed_count)];
    size_t count = from->count;
    memcpy(bytes, from->bytes, count);
    for (uint64_t changes = 1 + random_below(&state, 4); changes; changes--) count = mutate(&state, bytes, count);
    run(bytes, count);
  }
  if (mutations) tally(mutations, "fuzz mutations tried");
  free(bytes);
  for (size_t i = 0; i < seed_count; i++) free(seeds[i].bytes);
  close(last);
  unlink(last_path);
  return 0;
}
