/* Random operations against a model in memory: every transaction is tried on both, and after each batch, and after
 * each reopening, every object must be what the model says. Views opened along the way keep their content throughout.
 * UFO_SEED=n repeats a failure; the seed is printed. */
#include "fixture.h"

#include <time.h>

enum { NAMES = 10, CHUNK = 4096, VIEWS = 4 };

typedef struct thing {
  int exists;
  ufo_type type;
  uint32_t element_bytes;
  uint64_t length;
  uint8_t *bytes;
  int attribute; /* -1: none */
} thing;

typedef struct model {
  thing things[NAMES];
} model;

typedef struct kept_view {
  ufo_view *view;
  thing content;
} kept_view;

static ufo_store *handles[2];
static ufo_pool *pool;
static uint64_t state, seed, operations;
static kept_view kept[VIEWS];

/* What the running transaction has edited: a commit of another between that and its own is a conflict. PERHAPS: it
 * wrote nothing, or undid its edit, so that either outcome is in order. */
static enum { UNTOUCHED, PERHAPS, EDITED } edited[NAMES];
static void mark(int n, int surely) {
  if (surely) edited[n] = EDITED;
  else if (edited[n] == UNTOUCHED) edited[n] = PERHAPS;
}

static const char *name_of(int n) {
  static const char *const names[NAMES] = {"a", "b", "c c", "d$e", "\xC3\xA4", "f/g", "h[[1]]", "i", "jjjjjjjj", "~"};
  return names[n];
}

static thing thing_copy(const thing *t) {
  thing copy = *t;
  if (t->bytes) copy.bytes = memcpy(malloc(t->length * t->element_bytes + 1), t->bytes, t->length * t->element_bytes);
  return copy;
}

static void thing_free(thing *t) {
  free(t->bytes);
  *t = (thing){.attribute = -1};
}

static model model_copy(const model *m) {
  model copy;
  for (int n = 0; n < NAMES; n++) copy.things[n] = thing_copy(&m->things[n]);
  return copy;
}

static void model_free(model *m) {
  for (int n = 0; n < NAMES; n++) thing_free(&m->things[n]);
}

static thing random_thing(void) {
  typed type = every_type[random_below(&state, EVERY_TYPE)];
  static const uint64_t limits[] = {2, 30, 1200, 9000};
  thing t = {.exists = 1, .type = type.type, .element_bytes = type.element_bytes, .attribute = -1};
  t.length = random_below(&state, limits[random_below(&state, 4)]);
  if (random_below(&state, 6) == 0) t.length = CHUNK / t.element_bytes * random_below(&state, 4); /* on the edge */
  t.bytes = calloc(t.length + 1, t.element_bytes);
  return t;
}

static void random_values(const thing *t, uint64_t count, void *out) {
  fill_values(t->type, t->element_bytes, random_u64(&state), count, out);
}

static void compare(const char *name, const thing *expected, const uint8_t *found, const char *when) {
  for (uint64_t i = 0; i < expected->length * expected->element_bytes; i++)
    if (found[i] != expected->bytes[i])
      cr_assert_fail("seed %" PRIu64 ", operation %" PRIu64 ": %s '%s' differs at byte %" PRIu64, seed, operations,
                     when, name, i);
}

static void check_one(ufo_store *store, ufo_txn *txn, int n, const thing *expected) {
  ufo_object_info info = {.struct_size = sizeof info};
  if (!expected->exists) {
    FAILS(UFO_MISSING, ufo_store_info(store, txn, name_of(n), 0, &info, &error));
    return;
  }
  OK(ufo_store_info(store, txn, name_of(n), 0, &info, &error));
  cr_assert_eq(info.type, expected->type, "seed %" PRIu64 ": '%s'", seed, name_of(n));
  cr_assert_eq(info.element_bytes, expected->element_bytes);
  cr_assert_eq(info.length, expected->length, "seed %" PRIu64 ", operation %" PRIu64 ": '%s' has %" PRIu64, seed,
               operations, name_of(n), info.length);
  uint8_t *found = malloc(info.length * info.element_bytes + 1);
  OK(ufo_store_read(store, txn, name_of(n), 0, 0, info.length, found, &error));
  compare(name_of(n), expected, found, txn ? "pending" : "stored");
  free(found);
  ufo_attributes *attributes;
  ufo_attribute value;
  OK(ufo_store_attributes(store, txn, name_of(n), 0, &attributes, &error));
  int there = ufo_attributes_find(attributes, "k", &value);
  cr_assert_eq(there, expected->attribute >= 0, "seed %" PRIu64 ", operation %" PRIu64 ": attribute of '%s'", seed,
               operations, name_of(n));
  if (there) cr_assert_eq(*(const int32_t *)value.data, expected->attribute);
  ufo_attributes_free(attributes);
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void check_all(const model *m) {
  ufo_store *store = handles[random_below(&state, 2)];
  const char *expected[NAMES];
  int count = 0, seen = 0;
  for (int n = 0; n < NAMES; n++) {
    check_one(store, NULL, n, &m->things[n]);
    if (m->things[n].exists) expected[count++] = name_of(n);
  }
  qsort(expected, (size_t)count, sizeof *expected, by_bytes);
  ufo_store_iterator *iterator;
  ufo_object_info info = {.struct_size = sizeof info};
  OK(ufo_store_list(store, NULL, &iterator, &error));
  ufo_status status;
  while ((status = ufo_store_iterator_next(iterator, &info, &error)) == UFO_OK) {
    cr_assert_lt(seen, count, "'%s' is one too many", info.name);
    cr_assert_str_eq(info.name, expected[seen++]);
  }
  cr_assert_eq(status, UFO_END);
  cr_assert_eq(seen, count);
  ufo_store_iterator_free(iterator);
  for (int v = 0; v < VIEWS; v++)
    if (kept[v].view) compare("(kept view)", &kept[v].content, ufo_view_data(kept[v].view), "seen");
}

/* ---- operations ----------------------------------------------------------------------------------------------------
 */

static int write_to_view(ufo_view *view, thing *t) {
  int written = 0;
  uint8_t *data = ufo_view_data(view);
  for (uint64_t k = random_below(&state, 4); k > 0 && t->length; k--) {
    uint64_t at = random_below(&state, t->length), n = random_below(&state, t->length - at) + 1;
    if (random_below(&state, 2)) n = 1;
    random_values(t, n, t->bytes + at * t->element_bytes);
    memcpy(data + at * t->element_bytes, t->bytes + at * t->element_bytes, n * t->element_bytes);
    written = 1;
  }
  return written;
}

static void operate_put_view(ufo_store *store, ufo_txn *txn, model *m, int n, int to) {
  thing *source = &m->things[n], *target = &m->things[to];
  ufo_view *view = NULL;
  if (!source->exists) {
    FAILS(UFO_MISSING, ufo_view_open(store, txn, pool, name_of(n), NULL, &view, &error));
    return;
  }
  OK(ufo_view_open(store, txn, pool, name_of(n), NULL, &view, &error));
  thing t = thing_copy(source);
  compare(name_of(n), &t, ufo_view_data(view), "viewed");
  mark(to, write_to_view(view, &t) || to != n);
  t.attribute = to == n ? source->attribute : -1;
  OK(ufo_txn_put_view(txn, name_of(to), view, UFO_PUT_CHECKED, &error));
  compare(name_of(n), &t, ufo_view_data(view), "viewed after the put");
  thing_free(target);
  *target = t;
  ufo_view_release(view);
}

static void operate(ufo_store *store, ufo_txn *txn, model *m) {
  int n = (int)random_below(&state, NAMES), to = (int)random_below(&state, NAMES);
  thing *t = &m->things[n], fresh = {0};
  const char *name = name_of(n);
  operations++;
  switch (random_below(&state, 12)) {
  case 0: {
    fresh = random_thing();
    ufo_object_spec spec = spec_of(fresh.type, fresh.element_bytes, fresh.length, CHUNK);
    OK(ufo_txn_create(txn, name, &spec, &error));
    mark(n, 1);
    thing_free(t);
    *t = fresh;
    break;
  }
  case 1:
  case 2: {
    fresh = random_thing();
    random_values(&fresh, fresh.length, fresh.bytes);
    ufo_object_spec spec = spec_of(fresh.type, fresh.element_bytes, fresh.length, CHUNK);
    OK(ufo_txn_put(txn, name, &spec, fresh.bytes, &error));
    mark(n, 1);
    thing_free(t);
    *t = fresh;
    break;
  }
  case 3: { /* in pieces that are not whole elements */
    fresh = random_thing();
    random_values(&fresh, fresh.length, fresh.bytes);
    ufo_object_spec spec = spec_of(fresh.type, fresh.element_bytes, 0, CHUNK);
    ufo_writer *writer;
    uint64_t bytes = fresh.length * fresh.element_bytes, piece = random_below(&state, 3000) + 1;
    OK(ufo_writer_open(txn, name, &spec, &writer, &error));
    for (uint64_t at = 0; at < bytes; at += piece)
      OK(ufo_writer_write(writer, fresh.bytes + at, bytes - at < piece ? bytes - at : piece, &error));
    OK(ufo_writer_finish(writer, &error));
    mark(n, 1);
    thing_free(t);
    *t = fresh;
    break;
  }
  case 4:
  case 5: {
    uint64_t more = random_below(&state, random_below(&state, 2) ? 20 : 3000);
    uint8_t *values = calloc(more + 1, 24);
    if (!t->exists) {
      FAILS(UFO_MISSING, ufo_txn_append(txn, name, values, more, &error));
    } else {
      random_values(t, more, values);
      OK(ufo_txn_append(txn, name, values, more, &error));
      mark(n, more > 0);
      t->bytes = realloc(t->bytes, (t->length + more + 1) * t->element_bytes);
      memcpy(t->bytes + t->length * t->element_bytes, values, more * t->element_bytes);
      t->length += more;
    }
    free(values);
    break;
  }
  case 6:
  case 7: {
    uint8_t values[24 * 2000] = {0};
    if (!t->exists) {
      FAILS(UFO_MISSING, ufo_txn_write(txn, name, 0, 1, values, &error));
      break;
    }
    uint64_t at = random_below(&state, t->length + 1), count = random_below(&state, t->length - at + 1);
    if (count > 2000) count = 2000;
    random_values(t, count, values);
    OK(ufo_txn_write(txn, name, at, count, values, &error));
    mark(n, count > 0);
    memcpy(t->bytes + at * t->element_bytes, values, count * t->element_bytes);
    FAILS(UFO_USAGE, ufo_txn_write(txn, name, t->length, 1, values, &error));
    break;
  }
  case 8:
    operate_put_view(store, txn, m, n, random_below(&state, 3) ? n : to);
    break;
  case 9:
    if (!t->exists) FAILS(UFO_MISSING, ufo_txn_rename(txn, name, "elsewhere", &error));
    else if (m->things[to].exists) {
      if (to != n) FAILS(UFO_USAGE, ufo_txn_rename(txn, name, name_of(to), &error));
    } else {
      OK(ufo_txn_rename(txn, name, name_of(to), &error));
      mark(n, 1);
      mark(to, 1);
      thing_free(&m->things[to]);
      m->things[to] = *t;
      *t = (thing){.attribute = -1};
    }
    break;
  case 10:
    if (!t->exists) FAILS(UFO_MISSING, ufo_txn_remove(txn, name, &error));
    else {
      OK(ufo_txn_remove(txn, name, &error));
      mark(n, 1);
      thing_free(t);
    }
    break;
  case 11: {
    ufo_attributes *attributes;
    int32_t value = (int32_t)random_below(&state, 1000);
    OK(ufo_attributes_create(&attributes, &error));
    OK(ufo_attributes_set(attributes, "k", UFO_ATTRIBUTE_INTEGER, &value, 1, &error));
    if (!t->exists) FAILS(UFO_MISSING, ufo_txn_set_attributes(txn, name, attributes, &error));
    else {
      int none = random_below(&state, 4) == 0;
      OK(ufo_txn_set_attributes(txn, name, none ? NULL : attributes, &error));
      mark(n, 1);
      t->attribute = none ? -1 : value;
    }
    ufo_attributes_free(attributes);
    break;
  }
  }
}

/* Another transaction commits in between: a random name is put anew. Returns the name. */
static int rival(ufo_store *store, model *m) {
  int n = (int)random_below(&state, NAMES);
  thing fresh = random_thing();
  random_values(&fresh, fresh.length, fresh.bytes);
  put_now(store, name_of(n), spec_of(fresh.type, fresh.element_bytes, fresh.length, CHUNK), fresh.bytes);
  thing_free(&m->things[n]);
  m->things[n] = fresh;
  return n;
}

/* A transaction of a few operations, committed, aborted, or beaten by a rival. */
static void transact(model *m) {
  uint64_t first = random_below(&state, 2);
  ufo_store *store = handles[first];
  model pending = model_copy(m);
  ufo_txn *txn = begin(store);
  int beaten_at = -1, existed = 0;
  memset(edited, 0, sizeof edited);
  for (uint64_t k = random_below(&state, 4) + 1; k > 0; k--) {
    operate(store, txn, &pending);
    if (random_below(&state, 4) == 0) {
      int n = (int)random_below(&state, NAMES);
      check_one(store, txn, n, &pending.things[n]);
      check_one(store, NULL, n, &m->things[n]);
    }
  }
  if (random_below(&state, 5) == 0) {
    ufo_txn_abort(txn);
    model_free(&pending);
    return;
  }
  if (random_below(&state, 4) == 0) {
    uint64_t before = state; /* the rival picks the same name */
    existed = m->things[random_below(&before, NAMES)].exists;
    beaten_at = rival(handles[1 - first], m);
  }
  int undone = beaten_at >= 0 && !existed && !pending.things[beaten_at].exists; /* made and removed again */
  error = (ufo_error){0};
  ufo_status status = ufo_txn_commit(txn, &error);
  if (beaten_at >= 0 && edited[beaten_at] == EDITED && !undone)
    cr_assert_eq(status, UFO_CONFLICT, "seed %" PRIu64 ", operation %" PRIu64 ": commit gave %s", seed, operations,
                 ufo_status_name(status));
  if (status == UFO_CONFLICT && beaten_at >= 0 && edited[beaten_at] != UNTOUCHED) {
    cr_assert(strstr(error.message, name_of(beaten_at)), "names the object: %s", error.message);
    ufo_txn_abort(txn);
    model_free(&pending);
    return;
  }
  cr_assert_eq(status, UFO_OK, "seed %" PRIu64 ", operation %" PRIu64 ": %s", seed, operations, error.message);
  if (beaten_at >= 0) {
    thing_free(&pending.things[beaten_at]);
    pending.things[beaten_at] = thing_copy(&m->things[beaten_at]);
  }
  model_free(m);
  *m = pending;
}

static void change_kept_view(const model *m) {
  kept_view *k = &kept[random_below(&state, VIEWS)];
  if (k->view) {
    ufo_view_release(k->view);
    k->view = NULL;
    thing_free(&k->content);
    return;
  }
  int n = (int)random_below(&state, NAMES);
  if (!m->things[n].exists) return;
  k->view = open_view(handles[random_below(&state, 2)], NULL, pool, name_of(n));
  k->content = thing_copy(&m->things[n]);
  write_to_view(k->view, &k->content);
}

static void open_both(const char *path) {
  for (int h = 0; h < 2; h++) handles[h] = open_store(path);
}

static void run_model(uint64_t with_seed, uint64_t wanted) {
  char *path = in_folder("model.ufo");
  const char *given = getenv("UFO_SEED");
  seed = given ? strtoull(given, NULL, 10) : with_seed;
  state = seed * 2 + 1;
  fprintf(stderr, "seed %" PRIu64 "\n", seed);
  operations = 0;
  pool = make_pool(40 * CHUNK);
  open_both(path);
  model m;
  for (int n = 0; n < NAMES; n++) m.things[n] = (thing){.attribute = -1};
  for (uint64_t checked = 0; operations < wanted;) {
    transact(&m);
    if (random_below(&state, 10) == 0) change_kept_view(&m);
    if (operations - checked < 50) continue;
    checked = operations;
    check_all(&m);
    if (random_below(&state, 3) == 0) {
      for (int h = 0; h < 2; h++) ufo_store_close(handles[h]); /* kept views live on */
      open_both(path);
      check_all(&m);
    }
    if (random_below(&state, 8) == 0) assert_sound(handles[0]);
  }
  check_all(&m);
  assert_sound(handles[0]);
  for (int v = 0; v < VIEWS; v++)
    if (kept[v].view) change_kept_view(&m);
  for (int v = 0; v < VIEWS; v++) {
    ufo_view_release(kept[v].view);
    thing_free(&kept[v].content);
    kept[v].view = NULL;
  }
  let_it_reclaim(handles[0]);
  let_it_reclaim(handles[0]);
  ufo_store_stat stat = stat_of(handles[0]);
  cr_assert_eq(stat.staged_blobs, 0, "seed %" PRIu64, seed);
  cr_assert_eq(stat.garbage, 0, "seed %" PRIu64 ": %" PRIu64 " pieces of garbage are left", seed, stat.garbage);
  cr_assert_leq(stat.blob_bytes, stat.live_bytes, "seed %" PRIu64 ": bytes that no version needs", seed);
  for (int n = 0; n < NAMES; n++)
    if (m.things[n].exists) remove_now(handles[0], name_of(n));
  let_it_reclaim(handles[0]);
  cr_assert_eq(stat_of(handles[0]).blobs, 0, "seed %" PRIu64 ": blobs outlived all objects", seed);
  for (int h = 0; h < 2; h++) ufo_store_close(handles[h]);
  OK(ufo_pool_destroy(pool, &error));
  model_free(&m);
  remove(path);
}

TestSuite(promises_model, .init = fixture_make, .fini = fixture_remove, .timeout = 1700);

Test(promises_model, fixed_seed) { run_model(20260401, 2000); }
Test(promises_model, another_fixed_seed) { run_model(7, 1000); }
Test(promises_model, new_seed) { run_model((uint64_t)time(NULL) * 1000 + (uint64_t)getpid() % 1000, 1000); }
Test(promises_model, many_seeds) {
  if (!nightly()) {
    fixture_remove(); /* a skipped test skips its end, too */
    cr_skip_test("only nightly");
  }
  for (uint64_t s = 100; s < 115; s++) run_model(s, 1000);
}
