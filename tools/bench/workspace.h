/* workspace.h - what the cases of a run share: the sizes, a folder that is removed at the end, and the stored data,
 * which are made when they are asked for first. */
#ifndef UFOSTORE_BENCH_WORKSPACE_H
#define UFOSTORE_BENCH_WORKSPACE_H

#include "data.h"

#include <limits.h>
#include <stdbool.h>
#include <ufostore/ufostore.h>

/* A store with one vector of doubles, DATASET_NAME. */
typedef struct dataset {
  data_kind kind;
  uint64_t bytes, count; /* of the vector */
  char path[PATH_MAX];
  double sum; /* as sum.h computes it */
  ufo_codec codec;
  uint64_t stored_bytes; /* encoded */
} dataset;
#define DATASET_NAME "x"

typedef struct workspace {
  uint64_t budget_bytes;
  uint64_t data_bytes; /* four times the budget */
  unsigned runs;       /* measured rounds of each case */
  bool quick;
  int (*interrupted)(void); /* non-zero: stop soon */
  char folder[PATH_MAX - 64];
  dataset sets[DATA_KINDS];
  bool made[DATA_KINDS];
} workspace;

/* Makes a folder inside `parent`. The sizes are set by the caller. UFO_IO, UFO_FULL (room for what will be written). */
ufo_status workspace_open(workspace *w, const char *parent, ufo_error *error);
/* Removes the folder and all in it. */
void workspace_close(workspace *w);

void workspace_path(const workspace *w, const char *name, char out[PATH_MAX]);
/* UFO_END if the user wants to stop. */
ufo_status workspace_check(const workspace *w, ufo_error *error);

/* The data of that kind, data_bytes long, in a store of their own; the store file is in the page cache. */
ufo_status workspace_dataset(workspace *w, data_kind kind, const dataset **out, ufo_error *error);
/* The same of another length and in another file. With `period`, elements repeat after so many. */
ufo_status dataset_create(const workspace *w, const char *file, data_kind kind, uint64_t bytes, uint64_t period,
                          dataset *set, ufo_error *error);

ufo_status dataset_open(const dataset *set, bool writable, ufo_store **store_out, ufo_error *error);
ufo_status bench_pool(uint64_t budget_bytes, ufo_pool **pool_out, ufo_error *error);

/* A view of the whole vector in a pool of its own. */
typedef struct opened {
  ufo_pool *pool;
  ufo_view *view;
  const double *values;
} opened;
ufo_status dataset_view(ufo_store *store, uint64_t budget_bytes, opened *o, ufo_error *error);
/* UFO_FULL if more than the budget was in memory at any moment. */
ufo_status opened_close(opened *o, ufo_error *error);

#endif
