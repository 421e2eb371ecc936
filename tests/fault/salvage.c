/* Salvaging stores that were damaged at random, against what is known of them.
 *
 * A store is built by a dozen commits, with lists, attributes, sparse and shortened vectors, renamed and removed
 * objects, and a snapshot that keeps old versions in the file. What it holds after each commit is kept in memory. Then
 * copies of it are damaged, each in a way that its seed gives, and salvaged in a child of this process:
 *
 *   - it ends, by itself and without a signal;
 *   - an element of the new store is what it was last, or an error. Only where a report says that a header or a record
 *     may be of an earlier commit it may be what it was then: then all of the object as after one and the same commit;
 *   - what is not there was reported;
 *   - the new store verifies, but for what is marked as lost, and takes new values for that;
 *   - where only the bytes of chunks were damaged, all other chunks are there;
 *   - the damaged file is what it was.
 *
 * Then each leaf of the catalogue in turn is replaced by what it, or its neighbour, was at another time.
 *
 * `fault_salvage SEED` does one run, and tells what it does. */
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <ufostore/ufostore.h>

#include "common/child.h"
#include "common/tally.h"
#include "unit/random.h"

/* Seeds that once failed. 9356: a leaf of `objects` as an earlier commit left it, beside later entries of the map. */
static const uint64_t known[] = {9356};

enum { FAILURES_MAX = 10 };
enum { STATES_MAX = 16, ITEMS_MAX = 400, CHUNK = 4096, TAIL = 16, PAGE = 4096, RUN_SECONDS = 60 };

typedef struct item {
  char name[UFO_NAME_MAX + 1];
  uint64_t id, length, bytes, attributes;
  uint32_t element_bytes;
  uint8_t *data; /* NULL: a list */
} item;

typedef struct state {
  item items[ITEMS_MAX];
  int count;
} state;

static state *states;
static int state_count;
static uint8_t *image;
static size_t image_bytes;
static char folder[512], damaged_path[600], out_path[600];
static bool talk;
static ufo_error error;

#define MUST(condition, ...)                                                                                           \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                                                  \
      fprintf(stderr, __VA_ARGS__);                                                                                    \
      fputc('\n', stderr);                                                                                             \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)
#define OK(call) MUST((call) == UFO_OK, "%s failed: %s", #call, error.message)

/* ---- what a store holds ------------------------------------------------------------------------------------------ */

static ufo_store *open_store(const char *path, ufo_open_mode mode) {
  ufo_store *store;
  ufo_store_options options = {.struct_size = sizeof options, .mode = mode, .default_chunk_bytes = CHUNK};
  OK(ufo_store_open(path, &options, &store, &error));
  return store;
}

typedef void (*visit_fn)(ufo_store *store, const char *path, const ufo_object_info *info, void *user);

static void walk(ufo_store *store, const char *path, const ufo_object_info *info, visit_fn visit, void *user) {
  visit(store, path, info, user);
  for (uint64_t i = 0; info->type == UFO_LIST && i < info->length; i++) {
    ufo_object_info child = {.struct_size = sizeof child};
    char longer[UFO_NAME_MAX + 100];
    snprintf(longer, sizeof longer, "%s[[%d]]", path, (int)i + 1);
    OK(ufo_store_child_info(store, NULL, path, 0, i, &child, &error));
    walk(store, longer, &child, visit, user);
  }
}

static void walk_all(ufo_store *store, visit_fn visit, void *user) {
  ufo_store_iterator *iterator;
  ufo_object_info info = {.struct_size = sizeof info};
  ufo_status status;
  OK(ufo_store_list(store, NULL, &iterator, &error));
  while (!(status = ufo_store_iterator_next(iterator, &info, &error))) {
    char name[UFO_NAME_MAX + 1];
    snprintf(name, sizeof name, "%s", info.name);
    walk(store, name, &info, visit, user);
  }
  MUST(status == UFO_END, "the listing ended with %d: %s", (int)status, error.message);
  ufo_store_iterator_free(iterator);
}

static uint64_t attribute_sum(ufo_store *store, const char *path) {
  ufo_attributes *set;
  ufo_attribute attribute;
  uint64_t sum = 0;
  OK(ufo_store_attributes(store, NULL, path, 0, &set, &error));
  for (uint64_t i = 0; ufo_attributes_at(set, i, &attribute); i++)
    for (uint64_t k = 0; k < attribute.count && attribute.type == UFO_ATTRIBUTE_INTEGER; k++)
      sum = sum * 31 + (uint64_t)((const int32_t *)attribute.data)[k] + 1;
  ufo_attributes_free(set);
  return sum;
}

static void keep_item(ufo_store *store, const char *path, const ufo_object_info *info, void *user) {
  state *now = user;
  MUST(now->count < ITEMS_MAX, "too many objects");
  item *i = &now->items[now->count++];
  snprintf(i->name, sizeof i->name, "%s", path);
  i->id = info->id;
  i->length = info->length;
  i->element_bytes = info->element_bytes;
  i->attributes = attribute_sum(store, path);
  if (info->type == UFO_LIST) return;
  i->bytes = info->length * info->element_bytes;
  i->data = malloc(i->bytes + 1);
  OK(ufo_store_read(store, NULL, path, 0, 0, info->length, i->data, &error));
}

static const item *find_item(const state *in, uint64_t id) {
  for (int i = 0; i < in->count; i++)
    if (in->items[i].id == id) return &in->items[i];
  return NULL;
}

/* ---- building ---------------------------------------------------------------------------------------------------- */

static void put(ufo_txn *txn, const char *name, ufo_type type, uint64_t length, uint64_t *random) {
  ufo_object_spec spec = {.struct_size = sizeof spec, .type = type, .length = length, .chunk_bytes = CHUNK};
  uint64_t bytes = length * ufo_type_bytes(type);
  uint8_t *data = malloc(bytes + 1);
  random_fill(random, data, bytes);
  if (random_below(random, 4) == 0) memset(data, (int)random_below(random, 3), bytes); /* zeros, constants */
  OK(ufo_txn_put(txn, name, &spec, data, &error));
  free(data);
}

static void attribute(ufo_txn *txn, const char *name, uint64_t count, uint64_t *random) {
  ufo_attributes *set;
  int32_t values[3000];
  for (uint64_t i = 0; i < count; i++) values[i] = (int32_t)random_u64(random);
  OK(ufo_attributes_create(&set, &error));
  OK(ufo_attributes_set(set, "k", UFO_ATTRIBUTE_INTEGER, values, count, &error));
  OK(ufo_txn_set_attributes(txn, name, set, &error));
  ufo_attributes_free(set);
}

static void rewrite(ufo_txn *txn, const char *name, uint64_t chunk, uint64_t *random) {
  int32_t values[CHUNK / 4];
  random_fill(random, (uint8_t *)values, sizeof values);
  OK(ufo_txn_write(txn, name, chunk * CHUNK / 4, CHUNK / 4, values, &error));
}

static void put_list(ufo_txn *txn, const char *name, uint64_t *random) {
  const char *children[] = {".1", ".2", ".3"};
  for (int i = 0; i < 3; i++) put(txn, children[i], UFO_INTEGER, 3000, random);
  attribute(txn, ".2", 5, random);
  OK(ufo_txn_put_list(txn, name, children, 3, &error));
  attribute(txn, name, 3, random);
}

static void edit(ufo_txn *txn, int step, uint64_t *random) {
  char name[64];
  if (step == 0) {
    put(txn, "once", UFO_INTEGER, 40 * CHUNK / 4, random);
    put(txn, "often", UFO_INTEGER, 30 * CHUNK / 4, random);
    ufo_object_spec spec = {
        .struct_size = sizeof spec, .type = UFO_INTEGER, .length = 200 * CHUNK / 4, .chunk_bytes = CHUNK};
    OK(ufo_txn_create(txn, "sparse", &spec, &error));
    put(txn, "passing", UFO_DOUBLE, 5000, random);
    put(txn, "old name", UFO_DOUBLE, 5000, random);
    attribute(txn, "once", 3000, random);
    put_list(txn, "list", random);
  }
  for (int i = 0; i < 8; i++) {
    snprintf(name, sizeof name, "small %d", 8 * step + i);
    put(txn, name, UFO_INTEGER, random_below(random, 300), random);
    if (i % 2) attribute(txn, name, random_below(random, 60), random);
  }
  if (step == 0) return;
  for (int i = 0; i < 3; i++) rewrite(txn, "often", random_below(random, 30), random);
  rewrite(txn, "sparse", random_below(random, 200), random);
  if (step == 3) OK(ufo_txn_remove(txn, "passing", &error));
  if (step == 5) OK(ufo_txn_rename(txn, "old name", "new name", &error));
  if (step % 3 == 0) put_list(txn, "list", random);
  if (step % 4 == 1) put_list(txn, "another", random);
  if (step == 7) put(txn, "small 3", UFO_INTEGER, 7000, random);
}

static void build(const char *path) {
  enum { STEPS = 12 };
  uint64_t random = 42;
  ufo_store *store = open_store(path, UFO_OPEN_READ_WRITE);
  states = calloc(STATES_MAX, sizeof *states);
  for (int step = 0; step < STEPS; step++) {
    ufo_txn *txn;
    OK(ufo_txn_begin(store, &txn, &error));
    edit(txn, step, &random);
    OK(ufo_txn_commit(txn, &error));
    walk_all(store, keep_item, &states[state_count++]);
    if (step == 4 || step == 8) OK(ufo_snapshot_create(store, step == 4 ? "four" : "eight", &error));
  }
  ufo_store_close(store);
}

static uint8_t *read_file(const char *path, size_t *bytes) {
  struct stat info;
  FILE *file = fopen(path, "rb");
  MUST(file && !stat(path, &info), "no file %s", path);
  uint8_t *data = malloc((size_t)info.st_size + 1);
  *bytes = fread(data, 1, (size_t)info.st_size, file);
  fclose(file);
  return data;
}

/* ---- damage ------------------------------------------------------------------------------------------------------ */

/* Where the bytes of a chunk of noise are in the file, which keeps them as they are but for the tail; 0: not found. */
static size_t find_chunk(const item *i, uint64_t chunk) {
  if (!i) return 0;
  const uint8_t *at = memmem(image, image_bytes, i->data + chunk * CHUNK, CHUNK - TAIL);
  return at ? (size_t)(at - image) : 0;
}

typedef struct damage {
  const char *kind;
  bool chunks_only; /* of "once": those of `hurt` */
  bool hurt[40];
} damage;

static bool is_free_to_lose(const uint8_t *page) { return (page[10] & 4) != 0; } /* bytes of a chunk follow */

/* A leaf in the place of another of its table, which may be the same leaf at another time: both begin with the same
 * object, or name. */
typedef struct rollback {
  size_t page, by;
} rollback;

/* The first 8 bytes of the first key of a leaf, and the key's length. */
static bool leaf_begin(size_t number, uint8_t begin[10]) {
  const uint8_t *page = image + number * PAGE;
  uint64_t own;
  uint16_t flags, lower, at;
  memcpy(&own, page, sizeof own);
  memcpy(&flags, page + 10, sizeof flags);
  memcpy(&lower, page + 12, sizeof lower);
  memcpy(&at, page + 16, sizeof at);
  if (own != number || flags != 2 || lower <= 16 || at > PAGE - 16) return false;
  memcpy(begin, page + at + 8, 8);
  memcpy(begin + 8, page + at + 6, 2);
  return true;
}

static bool can_roll_back(const rollback *r) {
  uint8_t now[10], then[10];
  return r->page != r->by && leaf_begin(r->page, now) && leaf_begin(r->by, then) && !memcmp(now, then, sizeof now);
}

static damage roll_back(uint8_t *file, const rollback *r) {
  memcpy(file + r->page * PAGE + 8, image + r->by * PAGE + 8, PAGE - 8);
  return (damage){.kind = "one leaf of an earlier time"};
}

static damage hurt(uint8_t *file, size_t *bytes, uint64_t *random) {
  damage did = {.kind = "bits"};
  size_t pages = *bytes / PAGE;
  uint64_t times = 1 + random_below(random, 1 + random_below(random, 20));
  const item *once = NULL;
  for (int i = 0; i < states[state_count - 1].count; i++)
    if (strcmp(states[state_count - 1].items[i].name, "once") == 0) once = &states[state_count - 1].items[i];
  switch (random_below(random, 9)) {
  case 0:
    for (; times; times--) file[random_below(random, *bytes)] ^= (uint8_t)(1u << random_below(random, 8));
    break;
  case 1: /* where LMDB's pages and our records are */
    did.kind = "bits of the catalogue";
    for (int tries = 0; times && tries < 10000; tries++) {
      size_t page = random_below(random, pages);
      if (is_free_to_lose(file + page * PAGE)) continue;
      size_t at = page * PAGE + (random_below(random, 2) ? random_below(random, 64) : random_below(random, PAGE));
      file[at] ^= (uint8_t)(1u << random_below(random, 8));
      times--;
    }
    break;
  case 2:
    did.kind = "pages of zeros";
    for (; times; times--) memset(file + random_below(random, pages) * PAGE, 0, PAGE);
    break;
  case 3:
    did.kind = "catalogue pages of noise";
    for (int tries = 0; times && tries < 10000; tries++) {
      size_t page = 2 + random_below(random, pages - 2);
      if (is_free_to_lose(file + page * PAGE)) continue;
      random_fill(random, file + page * PAGE + random_below(random, 2) * 16, PAGE - 16);
      times--;
    }
    break;
  case 4:
    did.kind = "cut short";
    *bytes = random_below(random, *bytes);
    break;
  case 5:
    did.kind = "pages swapped";
    for (; times; times--) {
      uint8_t copy[PAGE];
      size_t a = random_below(random, pages), b = random_below(random, pages);
      memcpy(copy, file + a * PAGE, PAGE);
      memcpy(file + a * PAGE, file + b * PAGE, PAGE);
      memcpy(file + b * PAGE, copy, PAGE);
    }
    break;
  case 6:
    did.kind = "headers";
    for (unsigned which = 1 + (unsigned)random_below(random, 3), i = 0; i < 2; i++) {
      if (!(which >> i & 1)) continue;
      if (random_below(random, 2)) memset(file + i * PAGE, 0, PAGE);
      else
        for (uint64_t k = 0; k < times; k++)
          file[i * PAGE + random_below(random, 152)] ^= (uint8_t)(1u << random_below(random, 8));
    }
    break;
  case 7:
    did.kind = "pages of an earlier time";
    for (; times; times--) { /* a whole page takes the place of another, number and all */
      size_t a = random_below(random, pages), b = random_below(random, pages);
      memcpy(file + a * PAGE + 8, file + b * PAGE + 8, PAGE - 8);
    }
    break;
  default:
    did.kind = "chunks";
    did.chunks_only = true;
    for (; times; times--) {
      uint64_t chunk = random_below(random, 40);
      size_t at = find_chunk(once, chunk);
      MUST(at, "chunk %d is not in the file", (int)chunk);
      did.hurt[chunk] = true;
      memset(file + at + random_below(random, CHUNK - TAIL - 8), 0x5A, 8);
    }
  }
  return did;
}

/* ---- checking ---------------------------------------------------------------------------------------------------- */

typedef struct outcome {
  uint64_t reports, read, lost, wrong, objects;
  bool doubt;
  uint8_t there[ITEMS_MAX]; /* of the last state: found */
  const damage *did;
} outcome;

static int note(void *user, const ufo_damage *found) {
  outcome *o = user;
  o->reports++;
  static const char *const doubts[] = {"cannot be told for sure", "commit before it", "a newer version may",
                                       "earlier commit"};
  for (size_t i = 0; i < sizeof doubts / sizeof *doubts; i++) o->doubt |= strstr(found->cause, doubts[i]) != NULL;
  if (talk)
    printf("  %s %d [%d, +%d) %s\n", found->name ? found->name : "(store)", (int)found->version, (int)found->first,
           (int)found->count, found->cause);
  return 0;
}

/* How much of an object of the new store is as it was in a state; -1: something is not. */
static int64_t compare(ufo_store *store, const char *path, const ufo_object_info *info, const item *was,
                       uint64_t *lost) {
  *lost = 0;
  if (!was || was->length != info->length || was->element_bytes != info->element_bytes) return -1;
  if (info->type == UFO_LIST) return was->data ? -1 : 1;
  uint64_t each = CHUNK / info->element_bytes, read = 0;
  for (uint64_t first = 0; first < info->length; first += each) {
    uint8_t values[CHUNK];
    uint64_t count = info->length - first < each ? info->length - first : each;
    ufo_status status = ufo_store_read(store, NULL, path, 0, first, count, values, &error);
    if (status == UFO_CORRUPT && strstr(error.message, "lost before the store was salvaged")) {
      ++*lost;
      continue;
    }
    MUST(!status, "cannot read %s: %s", path, error.message);
    if (memcmp(values, was->data + first * info->element_bytes, count * info->element_bytes) != 0) return -1;
    read += count;
  }
  return (int64_t)read;
}

static void check_item(ufo_store *store, const char *path, const ufo_object_info *info, void *user) {
  outcome *o = user;
  const state *last = &states[state_count - 1];
  uint64_t lost = 0;
  if (info->type == UFO_RAW && info->length == 0) return; /* in place of an element */
  const item *was = find_item(last, info->id);
  int64_t same = compare(store, path, info, was, &lost);
  /* What was removed lasts as long as a snapshot sees it, and its name is among those that are lost. */
  bool removed = !was && strncmp(path, "lost+found/", 11) == 0;
  for (int i = state_count - 2; same < 0 && (o->doubt || removed) && i >= 0; i--)
    same = compare(store, path, info, find_item(&states[i], info->id), &lost);
  o->objects++;
  o->lost += lost;
  MUST(same >= 0, "%s is not what it was", path);
  if (was) o->there[was - last->items] = 1;
  if (was && !o->doubt) {
    uint64_t sum = attribute_sum(store, path);
    MUST(sum == 0 || sum == was->attributes, "the attributes of %s are not what they were", path);
    if (sum != was->attributes) o->lost++;
    bool found = strncmp(path, "lost+found/", 11) == 0;
    MUST(found || strcmp(path, was->name) == 0, "%s was called %s", path, was->name);
    o->lost += found;
  }
  o->read += (uint64_t)same;
  for (int chunk = 0; o->did->chunks_only && chunk < 40 && strcmp(path, "once") == 0; chunk++) {
    int32_t value;
    ufo_status status = ufo_store_read(store, NULL, path, 0, (uint64_t)chunk * CHUNK / 4, 1, &value, &error);
    MUST((status == UFO_OK) == !o->did->hurt[chunk], "chunk %d, hurt: %d", chunk, o->did->hurt[chunk]);
  }
}

static int note_verify(void *user, const ufo_damage *found) {
  ++*(uint64_t *)user;
  if (strstr(found->cause, "lost before the store was salvaged") && found->count > 0) return 0;
  fprintf(stderr, "verify: %s: %s\n", found->name ? found->name : "(store)", found->cause);
  _exit(1);
}

/* What is lost is made good by writing it. */
static void make_good(ufo_store *store, const char *path, const ufo_object_info *info, void *user) {
  (void)user;
  if (!info->chunks_lost || strchr(path, '[') || info->type == UFO_LIST) return;
  uint8_t *zeros = calloc(info->length, info->element_bytes);
  ufo_object_info after = {.struct_size = sizeof after};
  ufo_txn *txn;
  OK(ufo_txn_begin(store, &txn, &error));
  uint64_t lost = info->chunks_lost, each = CHUNK / info->element_bytes;
  for (uint64_t first = 0; first < info->length; first += each) {
    uint64_t count = info->length - first < each ? info->length - first : each;
    if (ufo_store_read(store, NULL, path, 0, first, count, zeros, &error) == UFO_OK) continue;
    memset(zeros, 0, count * info->element_bytes);
    OK(ufo_txn_write(txn, path, first, count, zeros, &error));
    lost--;
    OK(ufo_store_info(store, txn, path, 0, &after, &error));
    MUST(after.chunks_lost == lost, "%d chunks are lost, not %d", (int)after.chunks_lost, (int)lost);
  }
  OK(ufo_txn_commit(txn, &error));
  OK(ufo_store_info(store, NULL, path, 0, &after, &error));
  MUST(after.chunks_lost == 0, "%d chunks are lost still", (int)after.chunks_lost);
  free(zeros);
}

typedef struct sums {
  uint64_t runs, read, lost, objects, none;
} sums;

/* Damages the store as the seed says, or else by `r`. */
static void run(uint64_t seed, const rollback *r, sums *sum) {
  uint64_t random = seed * 0x9E3779B97F4A7C15u + 1;
  size_t bytes = image_bytes, after_bytes;
  uint8_t *file = malloc(bytes);
  memcpy(file, image, bytes);
  damage did = r ? roll_back(file, r) : hurt(file, &bytes, &random);
  FILE *to = fopen(damaged_path, "wb");
  MUST(to && fwrite(file, 1, bytes, to) == bytes && !fclose(to), "cannot write");
  unlink(out_path);
  outcome o = {.did = &did};
  if (talk) printf("seed %d: %s\n", (int)seed, did.kind);
  ufo_status status = ufo_store_salvage(damaged_path, out_path, note, NULL, &o, &error);
  if (talk) printf("salvage: %s: %s\n", ufo_status_name(status), status ? error.message : "");
  MUST(status == UFO_OK || status == UFO_CORRUPT, "salvage: %s", error.message);
  MUST((status == UFO_CORRUPT) == (o.reports > 0), "%d reports", (int)o.reports);
  uint8_t *after = read_file(damaged_path, &after_bytes);
  MUST(after_bytes == bytes && memcmp(after, file, bytes) == 0, "the damaged store was changed");
  ufo_store *store = open_store(out_path, UFO_OPEN_READ_WRITE);
  walk_all(store, check_item, &o);
  const state *last = &states[state_count - 1];
  for (int i = 0; i < last->count; i++) {
    o.lost += !o.there[i];
    MUST(o.there[i] || !did.chunks_only, "%s is not there", last->items[i].name);
    if (!o.there[i] && talk) printf("missing: %s\n", last->items[i].name);
  }
  MUST(o.lost == 0 || o.reports > 0, "%d things are not there, and none was reported", (int)o.lost);
  uint64_t damages = 0;
  status = ufo_store_verify(store, note_verify, NULL, &damages, &error);
  MUST((status == UFO_OK) == (damages == 0), "verify gave %s for %d damages", ufo_status_name(status), (int)damages);
  walk_all(store, make_good, NULL);
  ufo_store_close(store);
  sum->runs++;
  sum->read += o.read;
  sum->lost += o.lost;
  sum->objects += o.objects;
  sum->none += o.objects == 0;
  free(file);
  free(after);
}

/* In a child. */
static bool run_apart(uint64_t seed, const rollback *r, sums *sum) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    alarm(RUN_SECONDS);
    run(seed, r, sum);
    fflush(NULL);
    _exit(0);
  }
  int status = wait_for(child);
  if (status == 0) return true;
  if (r) fprintf(stderr, "page %d as page %d: ", (int)r->by, (int)r->page);
  else fprintf(stderr, "seed %d: ", (int)seed);
  fprintf(stderr, "%s %d\n", status < 128 ? "status" : "signal", status % 128);
  return false;
}

int main(int argc, char **argv) {
  /* What is durable is not the question. */
  MUST(make_folder(folder, sizeof folder, fast_folder()) == 0, "no folder");
  char path[600];
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  snprintf(damaged_path, sizeof damaged_path, "%s/damaged.ufo", folder);
  snprintf(out_path, sizeof out_path, "%s/out.ufo", folder);
  build(path);
  image = read_file(path, &image_bytes);
  sums *sum = mmap(NULL, sizeof *sum, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  const char *wanted = getenv("UFO_SALVAGE_RUNS");
  uint64_t runs = wanted ? strtoull(wanted, NULL, 10) : nightly() ? 20000 : 120;
  uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
  talk = argc > 1;
  int failed = 0, rollbacks = 0;
  for (uint64_t seed = first; seed < (talk ? first + 1 : first + runs) && failed < FAILURES_MAX; seed++)
    failed += !run_apart(seed, NULL, sum);
  for (size_t i = 0; i < sizeof known / sizeof *known && !talk; i++) failed += !run_apart(known[i], NULL, sum);
  for (rollback r = {2, 2}; r.page < image_bytes / PAGE && failed < FAILURES_MAX && !talk; r.page++) {
    for (r.by = 2; r.by < image_bytes / PAGE; r.by++) {
      if (!can_roll_back(&r)) continue;
      failed += !run_apart(0, &r, sum);
      rollbacks++;
    }
  }
  MUST(talk || failed || rollbacks > 50, "only %d leaves have an earlier time", rollbacks);
  remove_folder(folder);
  if (talk) printf("read %d, lost %d, objects %d\n", (int)sum->read, (int)sum->lost, (int)sum->objects);
  tally(sum->runs, "damaged stores salvaged");
  tally(sum->read, "elements of salvaged stores found to be right");
  return failed != 0;
}
