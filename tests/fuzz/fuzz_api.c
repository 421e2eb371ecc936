/* The library's calls as a byte-code, run against a model in memory (model.h). After each commit and reopening, and at
 * the end, everything that can be read must be what the model says, and verifying must find the store sound.
 *
 * Input: each operation is a byte, then its arguments as operate() below takes them. The store is on a file system in
 * memory, its chunks are the smallest there are, and all views share a pool of four chunks, so that they are evicted
 * all the time. A kill is played by going on with a copy of the file as it stands in the middle of a transaction. */
#include "fuzz.h"

#include <fcntl.h>

#include "model.h"

/* The gate runs these in builds with and without sanitizers; each is many commits. */
unsigned fuzz_mutations = 150;

enum { OPERATIONS_MAX = 48, VIEWS = 2 };

typedef struct kept_view {
  ufo_view *view;     /* NULL: none, or */
  text_views strings; /* those of strings */
  thing content;
} kept_view;

typedef struct run {
  ufo_store *store;
  ufo_txn *txn;
  model committed, pending;
  touched edited[NAMES];
  model snapshots[LABELS];
  int has_snapshot[LABELS];
  kept_view kept[VIEWS];
  char path[128];
  unsigned files;
} run;

static ufo_pool *pool;
static char pristine[128];

static void open_store(run *r) {
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_WRITE, .map_bytes = MAP_BYTES};
  OK(ufo_store_open(r->path, &options, &r->store, &error));
}

/* Byte for byte, as a machine that stops leaves it; without the lock file. */
static void copy_file(const char *from, const char *to) {
  static uint8_t buffer[1 << 16];
  int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  PROMISE(in >= 0 && out >= 0);
  for (ssize_t n; (n = read(in, buffer, sizeof buffer)) != 0;) PROMISE(n > 0 && write(out, buffer, (size_t)n) == n);
  close(in);
  close(out);
}

static void remove_store(const char *path) {
  char lock[140];
  snprintf(lock, sizeof lock, "%s-lock", path);
  unlink(path);
  unlink(lock);
}

static void next_path(run *r) { snprintf(r->path, sizeof r->path, "%s/%u.ufo", fuzz_folder(), r->files++); }

static void prepare(void) {
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = 4 * CHUNK, .scratch_dir = fuzz_folder()};
  OK(ufo_pool_create(&options, &pool, &error));
  run r = {0};
  snprintf(r.path, sizeof r.path, "%s/pristine.ufo", fuzz_folder());
  open_store(&r);
  ufo_store_close(r.store);
  strcpy(pristine, r.path);
}

/* ---- what must hold ------------------------------------------------------------------------------------------------
 */

static void check_views(const run *r) {
  for (int v = 0; v < VIEWS; v++) {
    if (r->kept[v].strings.words) check_strings(&r->kept[v].strings, r->kept[v].content.bytes);
    if (!r->kept[v].view) continue;
    uint64_t bytes = bytes_of(&r->kept[v].content);
    PROMISE(!bytes || !memcmp(ufo_view_data(r->kept[v].view), r->kept[v].content.bytes, bytes));
  }
}

static int no_damage(void *user, const ufo_damage *damage) {
  (void)user;
  fprintf(stderr, "damage: %s: %s\n", damage->name ? damage->name : "(store)", damage->cause);
  return 0;
}

static void check_all(run *r) {
  compare_model(r->store, NULL, &r->committed);
  if (r->txn) compare_model(r->store, r->txn, &r->pending);
  check_views(r);
}

static void check_snapshot(const run *r, int label) {
  ufo_store_options options = {
      .struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY, .map_bytes = MAP_BYTES, .snapshot = label_of(label)};
  ufo_store *then = NULL;
  ufo_status status = ufo_store_open(r->path, &options, &then, &error);
  if (!r->has_snapshot[label]) {
    PROMISE(status == UFO_MISSING && !then);
    return;
  }
  OK(status);
  compare_model(then, NULL, &r->snapshots[label]);
  ufo_store_close(then);
}

/* ---- transactions --------------------------------------------------------------------------------------------------
 */

static void begin(run *r) {
  if (r->txn) return;
  OK(ufo_txn_begin(r->store, &r->txn, &error));
  model_free(&r->pending);
  r->pending = model_copy(&r->committed);
  memset(r->edited, 0, sizeof r->edited);
}

static void leave(run *r) {
  ufo_txn_abort(r->txn);
  r->txn = NULL;
  model_free(&r->pending);
}

/* `rival` >= 0: another transaction puts that name first. */
static void commit(run *r, int rival, input *in) {
  begin(r);
  int existed = 0;
  if (rival >= 0) {
    existed = r->committed.things[rival].exists;
    thing fresh = take_thing(in);
    ufo_txn *other;
    OK(ufo_txn_begin(r->store, &other, &error));
    put_thing(other, name_of(rival), &fresh);
    OK(ufo_txn_commit(other, &error));
    thing_free(&r->committed.things[rival]);
    r->committed.things[rival] = fresh;
  }
  ufo_status status = ufo_txn_commit(r->txn, &error);
  touched how = rival < 0 ? UNTOUCHED : r->edited[rival];
  int undone = rival >= 0 && !existed && !r->pending.things[rival].exists; /* made and removed again */
  if (how == EDITED && !undone) PROMISE(status == UFO_CONFLICT);
  if (status == UFO_CONFLICT && how != UNTOUCHED) {
    PROMISE(strstr(error.message, name_of(rival)));
    leave(r);
  } else {
    OK(status);
    r->txn = NULL;
    if (rival >= 0) {
      thing_free(&r->pending.things[rival]);
      r->pending.things[rival] = thing_copy(&r->committed.things[rival]);
    }
    model_free(&r->committed);
    r->committed = r->pending;
    r->pending = (model){0};
  }
  check_all(r);
}

/* ---- views ---------------------------------------------------------------------------------------------------------
 */

/* Writes a stretch into the memory and into the model. */
static int change_view(ufo_view *view, thing *t, input *in) {
  if (t->length == 0) return 0;
  uint64_t at = take_number(in, 2) % t->length, count = 1 + take_number(in, 2) % (t->length - at);
  uint8_t *into = t->bytes + at * t->element_bytes;
  take_values(in, t, count, into);
  memcpy((uint8_t *)ufo_view_data(view) + at * t->element_bytes, into, count * t->element_bytes);
  return 1;
}

static int change_strings(text_views *v, thing *t, input *in) {
  if (t->length == 0) return 0;
  uint64_t at = take_number(in, 2) % t->length, count = 1 + take_number(in, 2) % (t->length - at);
  uint8_t *into = t->bytes + at * t->element_bytes;
  take_values(in, t, count, into);
  set_strings(v, at, into, count);
  return 1;
}

static void put_strings_view(run *r, int n, int to, input *in) {
  const thing *from = &r->pending.things[n];
  text_views v = open_strings(r->store, r->txn, pool, name_of(n));
  thing changed = thing_copy(from);
  uint8_t how = take_byte(in);
  int written = 0;
  for (unsigned k = how & 3; k; k--) written |= change_strings(&v, &changed, in);
  if (how & 4) OK(ufo_region_flush(ufo_view_region(v.words), &error));
  for (int again = 0; again < (how & 8 ? 2 : 1); again++) {
    if (again) written |= change_strings(&v, &changed, in);
    OK(ufo_txn_put_text_views(r->txn, name_of(to), v.words, v.text, v.added, UFO_PUT_CHECKED, &error));
  }
  check_strings(&v, changed.bytes);
  mark(&r->edited[to], written || to != n || from->attribute >= 0);
  changed.attribute = -1;
  thing_free(&r->pending.things[to]);
  r->pending.things[to] = changed;
  close_strings(&v);
}

static void put_view(run *r, int n, int to, input *in) {
  thing *from = &r->pending.things[n];
  ufo_view *view = NULL, *clone = NULL;
  ufo_status status = ufo_view_open(r->store, r->txn, pool, name_of(n), NULL, &view, &error);
  if (!from->exists || from->child_count || from->type == UFO_CHARACTER) {
    PROMISE(status == (from->exists ? UFO_USAGE : UFO_MISSING) && !view);
    if (from->exists && from->type == UFO_CHARACTER) put_strings_view(r, n, to, in);
    return;
  }
  OK(status);
  thing changed = thing_copy(from);
  uint8_t how = take_byte(in);
  int written = 0;
  for (unsigned k = how & 3; k; k--) written |= change_view(view, &changed, in);
  if (how & 4) OK(ufo_region_flush(ufo_view_region(view), &error));
  if (how & 8) {
    OK(ufo_view_clone(view, &clone, &error));
    thing other = thing_copy(&changed);
    change_view(clone, &other, in);
    PROMISE(!bytes_of(&other) || !memcmp(ufo_view_data(clone), other.bytes, bytes_of(&other)));
    thing_free(&other);
  }
  if (how & 16) OK(ufo_region_advise(ufo_view_region(view), 0, bytes_of(&changed), UFO_ADVICE_DONTNEED, &error));
  OK(ufo_txn_put_view(r->txn, name_of(to), view, UFO_PUT_CHECKED, &error));
  mark(&r->edited[to], written || to != n);
  changed.attribute = to == n ? from->attribute : -1;
  PROMISE(!bytes_of(&changed) || !memcmp(ufo_view_data(view), changed.bytes, bytes_of(&changed)));
  thing_free(&r->pending.things[to]);
  r->pending.things[to] = changed;
  ufo_view_release(clone);
  ufo_view_release(view);
}

static void drop_view(kept_view *k) {
  ufo_view_release(k->view);
  close_strings(&k->strings);
  thing_free(&k->content);
  *k = (kept_view){0};
}

static void keep_view(run *r, int n, input *in) {
  uint8_t choice = take_byte(in);
  kept_view *k = &r->kept[choice % VIEWS];
  if (k->view && choice & 0x80) {
    change_view(k->view, &k->content, in);
    check_views(r);
    return;
  }
  if (k->strings.words && choice & 0x80) {
    change_strings(&k->strings, &k->content, in);
    check_views(r);
    return;
  }
  drop_view(k);
  const model *m = r->txn && choice & 0x40 ? &r->pending : &r->committed;
  const thing *t = &m->things[n];
  if (!t->exists || t->child_count) return;
  ufo_txn *txn = m == &r->pending ? r->txn : NULL;
  k->content = thing_copy(t);
  if (t->type == UFO_CHARACTER) {
    k->strings = open_strings(r->store, txn, pool, name_of(n));
    if (choice & 0x20) change_strings(&k->strings, &k->content, in);
    return;
  }
  OK(ufo_view_open(r->store, txn, pool, name_of(n), NULL, &k->view, &error));
  if (choice & 0x20) change_view(k->view, &k->content, in);
}

/* ---- the whole store -----------------------------------------------------------------------------------------------
 */

static void reopen(run *r) {
  if (r->txn) leave(r);
  ufo_store_close(r->store); /* kept views live on */
  open_store(r);
  check_all(r);
}

static void kill_and_reopen(run *r) {
  char before[128];
  strcpy(before, r->path);
  for (int v = 0; v < VIEWS; v++) { /* so that nothing is written while the file is copied */
    const ufo_view *view = r->kept[v].view ? r->kept[v].view : r->kept[v].strings.words;
    if (view) OK(ufo_region_flush(ufo_view_region(view), &error));
  }
  next_path(r);
  copy_file(before, r->path);
  if (r->txn) leave(r);
  for (int v = 0; v < VIEWS; v++) drop_view(&r->kept[v]);
  ufo_store_close(r->store);
  remove_store(before);
  open_store(r);
  check_all(r);
  OK(ufo_store_verify(r->store, no_damage, NULL, NULL, &error));
}

static void compact(run *r, uint8_t choice) {
  if (r->txn) leave(r);
  for (int v = 0; v < VIEWS; v++) drop_view(&r->kept[v]);
  if (choice & 1) {
    OK(ufo_store_compact(r->store, NULL, &error));
  } else {
    char before[128];
    strcpy(before, r->path);
    next_path(r);
    OK(ufo_store_compact(r->store, r->path, &error));
    PROMISE(ufo_store_compact(r->store, r->path, &error) != UFO_OK);
    ufo_store_close(r->store);
    remove_store(before);
    open_store(r);
  }
  check_all(r);
}

static void snapshot(run *r, uint8_t choice) {
  int label = choice % LABELS;
  if (choice & 0x80) {
    ufo_status status = ufo_snapshot_remove(r->store, label_of(label), &error);
    PROMISE(status == (r->has_snapshot[label] ? UFO_OK : UFO_MISSING));
    if (r->has_snapshot[label]) model_free(&r->snapshots[label]);
    r->has_snapshot[label] = 0;
  } else {
    ufo_status status = ufo_snapshot_create(r->store, label_of(label), &error);
    PROMISE(status == (r->has_snapshot[label] ? UFO_USAGE : UFO_OK));
    if (!r->has_snapshot[label]) r->snapshots[label] = model_copy(&r->committed);
    r->has_snapshot[label] = 1;
  }
  check_snapshot(r, label);
}

/* ---- the byte-code -------------------------------------------------------------------------------------------------
 */

static void operate(run *r, input *in) {
  uint8_t what = take_byte(in), names = take_byte(in);
  int n = names % NAMES, to = names / NAMES % NAMES;
  switch (what % 16) {
  case 0:
    commit(r, -1, in);
    break;
  case 1:
    if (what & 16) commit(r, n, in);
    else if (r->txn) leave(r);
    check_all(r);
    break;
  case 2:
    reopen(r);
    break;
  case 3:
    kill_and_reopen(r);
    break;
  case 4:
    snapshot(r, names);
    break;
  case 5:
    if (what & 16) compact(r, names);
    else check_snapshot(r, names % LABELS);
    break;
  case 6:
    keep_view(r, n, in);
    break;
  case 7:
  case 8:
    begin(r);
    put_view(r, n, what & 16 ? to : n, in);
    break;
  default:
    begin(r);
    edit_both(r->txn, &r->pending, r->edited, what % 16 - 9, n, to, in);
  }
}

/* What nothing needs is gone after a few more commits. */
static void check_reclaimed(run *r) {
  static const int32_t one = 1;
  ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_INTEGER, .length = 1, .chunk_bytes = CHUNK};
  for (int i = 0; i < 16; i++) {
    ufo_txn *txn;
    OK(ufo_txn_begin(r->store, &txn, &error));
    if (i % 8 < 4) OK(ufo_txn_put(txn, "reclaim", &spec, &one, &error));
    else if (i % 8 == 4) OK(ufo_txn_remove(txn, "reclaim", &error));
    OK(ufo_txn_commit(txn, &error));
  }
  ufo_store_stat stat = {.struct_size = sizeof stat};
  OK(ufo_store_get_stat(r->store, &stat, &error));
  PROMISE(stat.garbage == 0 && stat.staged_blobs == 0);
}

static void end(run *r) {
  if (r->txn) leave(r);
  for (int v = 0; v < VIEWS; v++) drop_view(&r->kept[v]);
  int any = 0;
  for (int label = 0; label < LABELS; label++) {
    check_snapshot(r, label);
    any |= r->has_snapshot[label];
  }
  check_all(r);
  OK(ufo_store_verify(r->store, no_damage, NULL, NULL, &error));
  if (!any) check_reclaimed(r);
  ufo_store_close(r->store);
  remove_store(r->path);
  model_free(&r->committed);
  for (int label = 0; label < LABELS; label++) model_free(&r->snapshots[label]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!pool) prepare();
  input in = {data, size};
  static run r;
  r = (run){.files = r.files};
  next_path(&r);
  copy_file(pristine, r.path);
  open_store(&r);
  for (unsigned i = 0; i < OPERATIONS_MAX && in.left; i++) operate(&r, &in);
  end(&r);
  return 0;
}
