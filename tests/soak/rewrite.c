/* Space in use that is long and random: what is freed is reused, the file stays under twice the live data, and what the
 * process holds stays flat. An oracle in memory has a seed for each chunk; what is read is compared with it.
 *
 *   soak_rewrite [--live MIB] [--rewrites COUNT] [--seed SEED] [--folder FOLDER] [--chunk BYTES] [--noise] [--plain]
 *
 * Chunks of 4 KiB to 1 MiB, a third of them noise, the others compressing to any size, in commits of one chunk, of
 * some, and of a sixteenth of the store; through ufo_txn_write, views with a small pool, appends; objects come and go,
 * grow and shrink; a reader keeps old versions for a while; a child is killed while it stages. --chunk: all chunks have
 * this size. --noise: nothing compresses. --plain: no reader, no child. Prints a line of figures ten times, and how
 * long commits of one chunk took.
 */
#include "soak/soak.h"

enum { OBJECTS_MAX = 4096, CLASSES = 5, SAMPLES_MAX = 1 << 20, POOL_BYTES = 4 << 20 };
static const uint32_t class_bytes[CLASSES] = {4096, 16384, 65536, 262144, 1048576};
static unsigned only_class = CLASSES;
static bool only_noise;

typedef struct object {
  char name[24];
  unsigned class; /* of its chunk size */
  uint64_t cells; /* chunks, all whole */
  uint64_t *seeds;
} object;

static object objects[OBJECTS_MAX];
static unsigned object_count, names_given;
static uint64_t live_goal, raw_bytes, rewrites, commits, kills;
static ufo_store *store;
static ufo_pool *pool;
static uint8_t *buffer, *expected;

/* Microseconds that commits of one chunk took, by the clock and of the processor: others may use the machine, too. How
 * much that matters is told by one more row, of plain computing without a store. */
enum { CLOCK, CPU, CLOCKS, CONTROL = CLASSES, ROWS };
static uint32_t *samples[CLOCKS][ROWS], sample_count[ROWS];

/* ---- values ------------------------------------------------------------------------------------------------------ */

static uint64_t state;

static uint64_t any(void) { return next_number(&state); }
static uint64_t below(uint64_t limit) { return any() % limit; }

/* The seed's lowest byte says how much of the chunk is noise: all, none, or a part at its beginning. */
static void fill_chunk(uint64_t seed, uint32_t bytes, uint8_t *out) {
  uint64_t share = only_noise || (seed & 255) < 85 ? 256
                   : (seed & 255) < 90             ? 0
                                                   : (mix(seed) >> 8) & 255,
           noise = bytes * share >> 8;
  uint64_t at = 0, pattern = seed * 257;
  for (; at + 8 <= noise; at += 8) {
    uint64_t word = mix(seed + at);
    memcpy(out + at, &word, 8);
  }
  for (; at < bytes; at += 8) memcpy(out + at, &pattern, 8);
}

static uint32_t chunk_bytes_of(const object *o) { return class_bytes[o->class]; }

static void check_chunk(uint64_t seed, const object *o, const uint8_t *got, const char *what) {
  fill_chunk(seed, chunk_bytes_of(o), expected);
  MUST_HOLD(memcmp(got, expected, chunk_bytes_of(o)) == 0, "%s of %s: not what was written", what, o->name);
}

/* ---- changes ------------------------------------------------------------------------------------------------------
 */

static ufo_txn *begin(void) {
  ufo_txn *txn;
  MUST(ufo_txn_begin(store, &txn, e));
  return txn;
}

static void commit(ufo_txn *txn) {
  MUST(ufo_txn_commit(txn, e));
  commits++;
}

static void write_chunk(ufo_txn *txn, object *o, uint64_t cell) {
  uint32_t bytes = chunk_bytes_of(o);
  o->seeds[cell] = any();
  fill_chunk(o->seeds[cell], bytes, buffer);
  MUST(ufo_txn_write(txn, o->name, cell * bytes, bytes, buffer, e));
  rewrites++;
}

static void rewrite_some(uint64_t bytes) {
  ufo_txn *txn = begin();
  for (uint64_t done = 0; done < bytes;) {
    object *o = &objects[below(object_count)];
    write_chunk(txn, o, below(o->cells));
    done += chunk_bytes_of(o);
  }
  commit(txn);
}

static uint64_t us_of(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t now_us(void) { return us_of(CLOCK_MONOTONIC); }

static void take_sample(unsigned row, uint64_t begun, uint64_t begun_cpu) {
  if (sample_count[row] == SAMPLES_MAX) return;
  uint32_t at = sample_count[row]++;
  samples[CPU][row][at] = (uint32_t)(us_of(CLOCK_THREAD_CPUTIME_ID) - begun_cpu);
  samples[CLOCK][row][at] = (uint32_t)(now_us() - begun);
}

static void rewrite_one(void) {
  object *o = &objects[below(object_count)];
  uint64_t begun = now_us(), begun_cpu = us_of(CLOCK_THREAD_CPUTIME_ID);
  ufo_txn *txn = begin();
  write_chunk(txn, o, below(o->cells));
  commit(txn);
  take_sample(o->class, begun, begun_cpu);
  if (commits % 4) return;
  begun = now_us();
  begun_cpu = us_of(CLOCK_THREAD_CPUTIME_ID);
  fill_chunk(state | 128, class_bytes[CLASSES - 1], expected);
  take_sample(CONTROL, begun, begun_cpu);
}

static void rewrite_view(void) {
  object *o = &objects[below(object_count)];
  uint32_t bytes = chunk_bytes_of(o);
  ufo_txn *txn = begin();
  ufo_view *view;
  MUST(ufo_view_open(store, txn, pool, o->name, NULL, &view, e));
  uint64_t most = live_goal / 16 / bytes; /* a commit needs room for what it writes beside what it replaces */
  for (uint64_t i = 1 + below(most < 32 ? most + 1 : 32); i > 0; i--) {
    uint64_t cell = below(o->cells);
    o->seeds[cell] = any();
    fill_chunk(o->seeds[cell], bytes, (uint8_t *)ufo_view_data(view) + cell * bytes);
    rewrites++;
  }
  MUST(ufo_txn_put_view(txn, o->name, view, UFO_PUT_CHECKED, e));
  commit(txn);
  ufo_view_release(view);
}

static void append_chunks(ufo_txn *txn, object *o, uint64_t count) {
  uint32_t bytes = chunk_bytes_of(o);
  o->seeds = realloc(o->seeds, (o->cells + count) * sizeof *o->seeds);
  for (uint64_t i = 0; i < count; i++) {
    uint64_t seed = o->seeds[o->cells++] = any();
    fill_chunk(seed, bytes, buffer);
    MUST(ufo_txn_append(txn, o->name, buffer, bytes, e));
    rewrites++;
    raw_bytes += bytes;
  }
}

/* Puts an object of `bytes` bytes anew, whatever had its name. */
static void put_object(ufo_txn *txn, object *o, uint64_t bytes) {
  uint32_t chunk = chunk_bytes_of(o);
  ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_RAW, .chunk_bytes = chunk};
  ufo_writer *writer;
  raw_bytes -= o->cells * chunk;
  o->cells = bytes / chunk ? bytes / chunk : 1;
  o->seeds = realloc(o->seeds, o->cells * sizeof *o->seeds);
  raw_bytes += o->cells * chunk;
  MUST(ufo_writer_open(txn, o->name, &spec, &writer, e));
  for (uint64_t i = 0; i < o->cells; i++) {
    o->seeds[i] = any();
    fill_chunk(o->seeds[i], chunk, buffer);
    MUST(ufo_writer_write(writer, buffer, chunk, e));
    rewrites++;
  }
  MUST(ufo_writer_finish(writer, e));
}

static void create_object(ufo_txn *txn, uint64_t bytes) {
  object *o = &objects[object_count++];
  *o = (object){.class = only_class < CLASSES ? only_class : (unsigned)below(CLASSES)};
  snprintf(o->name, sizeof o->name, "o%u", names_given++);
  put_object(txn, o, bytes);
}

static void remove_object(ufo_txn *txn) {
  object *o = &objects[below(object_count)];
  MUST(ufo_txn_remove(txn, o->name, e));
  raw_bytes -= o->cells * chunk_bytes_of(o);
  free(o->seeds);
  *o = objects[--object_count];
}

static uint64_t some_size(void) { return live_goal / 256 + below(live_goal / 64); }

/* Keeps to the goal: what is missing comes back as a new object. */
static void come_and_go(void) {
  ufo_txn *txn = begin();
  if (object_count > 8) remove_object(txn);
  while (raw_bytes < live_goal && object_count < OBJECTS_MAX) {
    uint64_t missing = live_goal - raw_bytes, size = some_size();
    create_object(txn, missing < size ? missing : size);
  }
  commit(txn);
}

static void grow_or_shrink(void) {
  object *o = &objects[below(object_count)];
  ufo_txn *txn = begin();
  if (raw_bytes < live_goal) append_chunks(txn, o, 1 + below(4));
  else put_object(txn, o, o->cells * chunk_bytes_of(o) / 2);
  commit(txn);
}

/* ---- readers, and writers that die ---------------------------------------------------------------------------------
 */

static struct {
  ufo_view *view;
  object seen; /* as the object was when the view was opened */
} reader;

static void end_reader(void) {
  if (!reader.view) return;
  for (int i = 0; i < 8; i++) {
    uint64_t cell = below(reader.seen.cells);
    uint32_t bytes = chunk_bytes_of(&reader.seen);
    check_chunk(reader.seen.seeds[cell], &reader.seen, (uint8_t *)ufo_view_data(reader.view) + cell * bytes,
                "an old version");
  }
  ufo_view_release(reader.view);
  free(reader.seen.seeds);
  reader.view = NULL;
}

static void begin_reader(void) {
  const object *o = &objects[below(object_count)];
  reader.seen = *o;
  reader.seen.seeds = malloc(o->cells * sizeof *o->seeds);
  memcpy(reader.seen.seeds, o->seeds, o->cells * sizeof *o->seeds);
  MUST(ufo_view_open(store, NULL, pool, o->name, NULL, &reader.view, e));
}

/* A child stages more and more, commits nothing, and is killed. */
static void kill_writer(void) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    ufo_txn *txn = begin();
    ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_RAW, .chunk_bytes = 65536};
    ufo_writer *writer;
    MUST(ufo_writer_open(txn, "never", &spec, &writer, e));
    for (uint64_t done = 0; done < live_goal / 8; done += 65536) {
      fill_chunk(any(), 65536, buffer);
      MUST(ufo_writer_write(writer, buffer, 65536, e));
    }
    pause();
  }
  if (child < 0) _exit(1);
  usleep((useconds_t)below(200000));
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  kills++;
}

/* ---- figures --------------------------------------------------------------------------------------------------------
 */

static int by_size(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static void show_latencies(void) {
  printf("commits of one chunk, microseconds\n%7s %10s %8s %8s %8s %8s %10s\n", "", "chunk", "commits", "median", "p99",
         "max", "p99/median");
  for (unsigned i = 0; i < CLOCKS * ROWS; i++) {
    unsigned row = i % ROWS;
    uint32_t n = sample_count[row], *sorted = samples[i / ROWS][row];
    char chunk[16] = "no store";
    if (n == 0) continue;
    qsort(sorted, n, sizeof *sorted, by_size);
    uint32_t median = sorted[n / 2], p99 = sorted[(uint64_t)n * 99 / 100];
    if (row < CLASSES) snprintf(chunk, sizeof chunk, "%u", class_bytes[row]);
    printf("%7s %10s %8u %8u %8u %8u %10.1f\n", i < ROWS ? "clock" : "cpu", chunk, n, median, p99, sorted[n - 1],
           (double)p99 / (median ? median : 1));
  }
}

static double show(uint64_t begun_us) {
  ufo_store_stat stat = {.struct_size = sizeof stat};
  MUST(ufo_store_get_stat(store, &stat, e));
  resources held = resources_now(path);
  double ratio = (double)stat.file_bytes / (double)stat.live_bytes;
  printf("%9" PRIu64 " %8" PRIu64 " %7.1f %6" PRIu64 " %6" PRIu64 " %6" PRIu64 " %6.3f %8" PRIu64 " %7" PRIu64
         " %6" PRIu64 " %4" PRIu64 " %5" PRIu64 " %4" PRIu64 " %5" PRIu64 "\n",
         rewrites, commits, (double)(now_us() - begun_us) / 1e6, stat.live_bytes >> 20, stat.file_bytes >> 20,
         stat.free_bytes >> 20, ratio, held.written_bytes >> 20, stat.garbage, held.resident_bytes >> 20,
         held.descriptors, held.mappings, held.threads, held.locks);
  fflush(stdout);
  return ratio;
}

static void check_some(void) {
  for (int i = 0; i < 4; i++) {
    const object *o = &objects[below(object_count)];
    uint32_t bytes = chunk_bytes_of(o);
    uint64_t cell = below(o->cells);
    MUST(ufo_store_read(store, NULL, o->name, 0, cell * bytes, bytes, buffer, e));
    check_chunk(o->seeds[cell], o, buffer, "a chunk");
  }
}

static void check_all(void) {
  for (unsigned n = 0; n < object_count; n++) {
    const object *o = &objects[n];
    uint32_t bytes = chunk_bytes_of(o);
    for (uint64_t cell = 0; cell < o->cells; cell++) {
      MUST(ufo_store_read(store, NULL, o->name, 0, cell * bytes, bytes, buffer, e));
      check_chunk(o->seeds[cell], o, buffer, "a chunk");
    }
  }
  MUST(ufo_store_verify(store, NULL, NULL, NULL, e));
}

/* ---- the run --------------------------------------------------------------------------------------------------------
 */

static void step(uint64_t n, bool plain) {
  uint64_t choice = below(1000);
  if (choice < 700) rewrite_one();
  else if (choice < 850) rewrite_some(1 + below(1 << 20));
  else if (choice < 930) rewrite_view();
  else if (choice < 960) grow_or_shrink();
  else if (choice < 990) come_and_go();
  else if (choice < 996) rewrite_some(live_goal / 16);
  if (!plain && n % 400 == 350) kill_writer();
  if (!plain && n % 200 == 0) end_reader();
  if (!plain && n % 200 == 50) begin_reader();
  if (n % 16 == 0) check_some();
}

static void set_up(void) {
  for (unsigned i = 0; i < CLOCKS * ROWS; i++) {
    samples[i / ROWS][i % ROWS] = malloc(SAMPLES_MAX * sizeof ***samples);
  }
  buffer = malloc(class_bytes[CLASSES - 1]);
  expected = malloc(class_bytes[CLASSES - 1]);
  pool = soak_pool(POOL_BYTES);
  MUST(ufo_store_open(path, NULL, &store, e));
}

static void tear_down(void) {
  end_reader();
  for (unsigned n = 0; n < object_count; n++) free(objects[n].seeds);
  for (unsigned i = 0; i < CLOCKS * ROWS; i++) free(samples[i / ROWS][i % ROWS]);
  free(buffer);
  free(expected);
  MUST(ufo_pool_destroy(pool, e));
  ufo_store_close(store);
  remove_folder(folder);
}

int main(int argc, char **argv) {
  const char *base = NULL;
  uint64_t wanted = nightly() ? 2000000 : 8000, seed = 1;
  bool plain = false;
  live_goal = MIB * (nightly() ? 256 : 96);
  for (int i = 1; i < argc; i++) {
    bool has = i + 1 < argc;
    if (!strcmp(argv[i], "--plain")) plain = true;
    else if (!strcmp(argv[i], "--noise")) only_noise = true;
    else if (has && !strcmp(argv[i], "--live")) live_goal = strtoull(argv[++i], NULL, 10) << 20;
    else if (has && !strcmp(argv[i], "--rewrites")) wanted = strtoull(argv[++i], NULL, 10);
    else if (has && !strcmp(argv[i], "--seed")) seed = strtoull(argv[++i], NULL, 10);
    else if (has && !strcmp(argv[i], "--chunk"))
      for (only_class = 0, i++; only_class < CLASSES && class_bytes[only_class] != strtoul(argv[i], NULL, 10);)
        only_class++;
    else if (has && !strcmp(argv[i], "--folder")) base = argv[++i];
    else return fprintf(stderr, "unknown: %s\n", argv[i]), 2;
  }
  soak_begin(base);
  state = seed;
  set_up();
  uint64_t begun = now_us(), next = 0;
  while (raw_bytes < live_goal) {
    ufo_txn *txn = begin();
    create_object(txn, some_size());
    commit(txn);
  }
  rewrites = commits = 0;
  printf("seed %" PRIu64
         ", figures in MiB; live: encoded bytes\n%9s %8s %7s %6s %6s %6s %6s %8s %7s %6s %4s %5s %4s %5s\n",
         seed, "rewrites", "commits", "seconds", "live", "file", "free", "ratio", "written", "garbage", "rss", "fds",
         "maps", "thr", "locks");
  double worst = 0;
  for (uint64_t n = 1; rewrites < wanted; n++) {
    if (rewrites >= next) {
      double ratio = show(begun);
      if (next > 0 && ratio > worst) worst = ratio;
      next += wanted / 10;
    }
    step(n, plain);
  }
  double last = show(begun);
  show_latencies();
  check_all();
  tally(rewrites, "chunks rewritten at random in a store that stays small");
  tally(kills, "writers killed while they staged");
  tear_down();
  if (last > worst) worst = last;
  printf("file at most %.3f times the live data\n", worst);
  return worst < 2 ? 0 : 1;
}
