/* world.h - the store under continuous change: opening it, one generation after the other, closing it.
 *
 * Whatever fails is given to `failed` and then tried again, as often as `attempts` says. */
#ifndef UFO_TEST_WORLD_H
#define UFO_TEST_WORLD_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crash/content.h"

typedef struct world {
  const char *path;
  int attempts;
  void (*failed)(struct world *w, const char *what); /* `error` has the cause; may be NULL */
  ufo_store *store;
  ufo_pool *pool;
  bool resumes; /* somebody may have done already what is done now */
  /* A view that is kept through everything, with a change of its own. */
  bool keeps;
  ufo_view *kept;
  uint64_t kept_generation;
} world;

#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    ufo_status status_ = (call);                                                                                       \
    if (status_ != UFO_OK) return status_;                                                                             \
  } while (0)

/* ---- one generation ---------------------------------------------------------------------------------------------- */

typedef struct writing {
  uint64_t *data, first, count, generation;
  int kind;
} writing;

/* Under ufo_guarded: where the disk is full, the pool may have no room left to give. */
static inline int write_values(void *user) {
  writing *w = user;
  for (uint64_t i = 0; i < w->count; i++) w->data[w->first + i] = value_of(w->kind, w->generation, w->first + i);
  return 0;
}

static inline ufo_status put_through_view(world *w, ufo_txn *txn, const char *name, writing what) {
  ufo_view *view;
  TRY(ufo_view_open(w->store, txn, w->pool, name, NULL, &view, &error));
  what.data = ufo_view_data(view);
  ufo_status status = ufo_guarded(NULL, write_values, &what, NULL, &error);
  if (status == UFO_OK) status = ufo_txn_put_view(txn, name, view, UFO_PUT_CHECKED, &error);
  ufo_view_release(view);
  return status;
}

static inline ufo_status edit(world *w, ufo_txn *txn, uint64_t g) {
  static uint64_t values[8000];
  static int32_t log[LOG_STEP];
  int32_t number = (int32_t)g;
  ufo_object_spec spec = spec_of(UFO_INTEGER, 1, CHUNK);
  TRY(ufo_txn_put(txn, "generation", &spec, &number, &error));

  spec = spec_of(UFO_DOUBLE, put_length(g), CHUNK);
  for (uint64_t i = 0; i < spec.length; i++) values[i] = value_of(PUT, g, i);
  TRY(ufo_txn_put(txn, "put", &spec, values, &error));

  if (g == 1) {
    spec = spec_of(UFO_DOUBLE, VIEW_CHUNKS * PER_CHUNK, CHUNK);
    TRY(ufo_txn_create(txn, "view", &spec, &error));
    spec = spec_of(UFO_DOUBLE, shape.staged, shape.staged_chunk);
    TRY(ufo_txn_create(txn, "staged", &spec, &error));
    spec = spec_of(UFO_INTEGER, 0, CHUNK);
    TRY(ufo_txn_create(txn, "log", &spec, &error));
  }
  TRY(put_through_view(
      w, txn, "view",
      (writing){.first = g % VIEW_CHUNKS * PER_CHUNK, .count = PER_CHUNK, .generation = g, .kind = VIEW}));
  if (stage_generation(g) == g)
    TRY(put_through_view(w, txn, "staged", (writing){.count = shape.staged, .generation = g, .kind = STAGE}));

  for (uint64_t i = 0; i < LOG_STEP; i++) log[i] = (int32_t)value_of(LOG, g, i);
  TRY(ufo_txn_append(txn, "log", log, LOG_STEP, &error));

  char name[16];
  made_name(name, g);
  if (is_made(g)) {
    double one = (double)g;
    spec = spec_of(UFO_DOUBLE, MADE_LENGTH, 0);
    TRY(ufo_txn_create(txn, name, &spec, &error));
    TRY(ufo_txn_write(txn, name, g * 1000 % MADE_LENGTH, 1, &one, &error));
  } else if (g > MADE) {
    TRY(ufo_txn_remove(txn, name, &error));
  }

  static const char *const children[] = {".first", ".second"};
  spec = spec_of(UFO_DOUBLE, 600, CHUNK);
  for (uint64_t c = 0; c < 2; c++) {
    for (uint64_t i = 0; i < spec.length; i++) values[i] = value_of(LIST, g, 1000 * c + i);
    TRY(ufo_txn_put(txn, children[c], &spec, values, &error));
  }
  TRY(ufo_txn_put_list(txn, "list", children, 2, &error));

  if (g == 1) {
    spec = spec_of(UFO_DOUBLE, 0, CHUNK);
    for (int c = 0; c < 2; c++) TRY(ufo_txn_create(txn, children[c], &spec, &error));
    TRY(ufo_txn_put_list(txn, "table", children, 2, &error));
  }
  for (uint64_t c = 0; c < 2; c++) {
    for (uint64_t i = 0; i < ROWS_STEP; i++) values[i] = value_of(ROWS, g, 1000 * c + i);
    TRY(ufo_txn_append(txn, c ? "table[[2]]" : "table[[1]]", values, ROWS_STEP, &error));
  }
  return UFO_OK;
}

static inline void world_failed(world *w, const char *what) {
  if (w->failed) w->failed(w, what);
}

static inline ufo_status one_generation(world *w, uint64_t g) {
  ufo_status status = UFO_OK;
  for (int attempt = 0; attempt < w->attempts; attempt++) {
    ufo_txn *txn;
    status = ufo_txn_begin(w->store, &txn, &error);
    const char *what = "begin";
    if (status == UFO_OK) {
      status = edit(w, txn, g);
      what = "edit";
      /* A commit that failed can be tried again with the same transaction. */
      for (int again = 0; status == UFO_OK && again < (w->attempts > 1 ? 3 : 1); again++) {
        ufo_status committed = ufo_txn_commit(txn, &error);
        if (committed == UFO_OK) return UFO_OK;
        what = "commit";
        if (again < 2 && w->attempts > 1) world_failed(w, "commit");
        else status = committed;
      }
      ufo_txn_abort(txn);
    }
    world_failed(w, what);
  }
  return status;
}

/* ---- the kept view ----------------------------------------------------------------------------------------------- */

static inline int change_kept(void *user) {
  uint64_t *data = user;
  data[3] = 33;
  return data[PER_CHUNK] == 0;
}

static inline ufo_status keep_view(world *w, uint64_t g) {
  if (!w->keeps || w->kept || g == 0) return UFO_OK;
  TRY(ufo_view_open(w->store, NULL, w->pool, "view", NULL, &w->kept, &error));
  w->kept_generation = g;
  ufo_status status = ufo_guarded(NULL, change_kept, ufo_view_data(w->kept), NULL, &error);
  if (status != UFO_OK) {
    ufo_view_release(w->kept);
    w->kept = NULL;
  }
  return status;
}

static inline void release_kept(world *w) {
  ufo_view_release(w->kept);
  w->kept = NULL;
}

/* For ufo_guarded: 0 if every element of the kept view is right. */
static inline int check_kept(void *user) {
  const world *w = user;
  const uint64_t *data = ufo_view_data(w->kept);
  for (uint64_t i = 0; i < VIEW_CHUNKS * PER_CHUNK; i++) {
    uint64_t g = last_of(w->kept_generation, VIEW_CHUNKS, i / PER_CHUNK);
    if (data[i] != (i == 3 ? 33 : g ? value_of(VIEW, g, i) : 0)) return 1;
  }
  return 0;
}

/* ---- what follows a generation ----------------------------------------------------------------------------------- */

static inline ufo_status copy_store(world *w, uint64_t g) {
  char copy[COPY_NAME_BYTES], lock[COPY_NAME_BYTES + 8];
  (void)g;
  copy_name(copy, w->path);
  snprintf(lock, sizeof lock, "%s-lock", copy);
  unlink(copy);
  unlink(lock);
  return ufo_store_compact(w->store, copy, &error);
}

static inline ufo_status compact_store(world *w, uint64_t g) {
  (void)g;
  release_kept(w);
  return ufo_store_compact(w->store, NULL, &error);
}

static inline ufo_status verify_store(world *w, uint64_t g) {
  (void)g;
  return ufo_store_verify(w->store, NULL, NULL, NULL, &error);
}

static inline ufo_status open_store(world *w, uint64_t g) {
  (void)g;
  return w->store ? UFO_OK : ufo_store_open(w->path, NULL, &w->store, &error);
}

static inline ufo_status reopen_store(world *w, uint64_t g) {
  release_kept(w);
  ufo_store_close(w->store);
  w->store = NULL;
  return open_store(w, g);
}

static inline ufo_status make_pool(world *w, uint64_t g) {
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = 2 << 20};
  (void)g;
  return w->pool ? UFO_OK : ufo_pool_create(&options, &w->pool, &error);
}

typedef ufo_status (*world_step)(world *w, uint64_t g);

static inline ufo_status persist(world *w, const char *what, world_step step, uint64_t g) {
  ufo_status status = UFO_OK;
  for (int attempt = 0; attempt < w->attempts; attempt++) {
    status = step(w, g);
    if (status == UFO_OK) break;
    if (!w->store && step != open_store) step = open_store; /* reopening got half way */
    world_failed(w, what);
  }
  return status;
}

static inline ufo_status snapshot_store(world *w, uint64_t g) {
  char label[32];
  snapshot_name(label, g);
  ufo_status status = is_snapped(g) ? ufo_snapshot_create(w->store, label, &error) : UFO_OK;
  if (status == UFO_USAGE && w->resumes) status = UFO_OK;
  if (status != UFO_OK || !snapshot_ended(g)) return status;
  snapshot_name(label, snapshot_ended(g));
  status = ufo_snapshot_remove(w->store, label, &error);
  return status == UFO_MISSING && w->resumes ? UFO_OK : status;
}

/* A life that was cut short goes on: was generation g its last? */
static inline ufo_status resume(world *w, uint64_t g) {
  w->resumes = true;
  ufo_status status = g > 0 ? persist(w, "snapshot", snapshot_store, g) : UFO_OK;
  w->resumes = false;
  return status;
}

/* Generation g is committed: now and then there is more to do. NULL, or the name of what failed. */
static inline const char *follow_up(world *w, uint64_t g) {
  uint64_t rest = g % shape.period;
  if (persist(w, "snapshot", snapshot_store, g)) return "snapshot";
  if (rest == 0 && persist(w, "compact", compact_store, g)) return "compact";
  if (rest == shape.copy_at && persist(w, "copy", copy_store, g)) return "copy";
  if (rest == shape.verify_at && persist(w, "verify", verify_store, g)) return "verify";
  if (rest == shape.reopen_at && persist(w, "reopen", reopen_store, g)) return "reopen";
  return persist(w, "keep a view", keep_view, g) ? "keep a view" : NULL;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static inline ufo_status world_open(world *w) {
  TRY(persist(w, "open", open_store, 0));
  return persist(w, "create a pool", make_pool, 0);
}

static inline void world_close(world *w) {
  release_kept(w);
  ufo_store_close(w->store);
  if (w->pool) (void)ufo_pool_destroy(w->pool, NULL);
}

#endif
