/* workspace.c - see workspace.h. */
#include "workspace.h"

#include "cli/cli.h"
#include "page_cache.h"
#include "sum.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { BLOCK_COUNT = 128 * 1024 }; /* doubles made at a time: 1 MiB */

ufo_status workspace_open(workspace *w, const char *parent, ufo_error *error) {
  struct statvfs room;
  if (strlen(parent) + 32 > sizeof w->folder) return set_error(error, UFO_USAGE, "the name of the folder is too long");
  snprintf(w->folder, sizeof w->folder, "%s/ufostore-bench.XXXXXX", parent);
  if (!mkdtemp(w->folder)) {
    w->folder[0] = 0;
    return set_errno(error, "%s: cannot make a folder for the data", parent);
  }
  /* One store of each kind, raw copies, what is rewritten, and what is left over by it. */
  uint64_t needed = w->data_bytes * 10;
  if (!statvfs(parent, &room) && (uint64_t)room.f_bavail * room.f_frsize < needed)
    return set_error(error, UFO_FULL, "%s: %llu MiB of free disk space are needed; see --folder and --budget", parent,
                     (unsigned long long)(needed >> 20));
  return UFO_OK;
}

void workspace_path(const workspace *w, const char *name, char out[PATH_MAX]) {
  snprintf(out, PATH_MAX, "%s/%s", w->folder, name);
}

void workspace_close(workspace *w) {
  if (!w->folder[0]) return;
  DIR *folder = opendir(w->folder);
  for (struct dirent *entry; folder && (entry = readdir(folder));) {
    char path[PATH_MAX];
    if (entry->d_name[0] == '.' && (!entry->d_name[1] || entry->d_name[1] == '.')) continue;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", w->folder, entry->d_name) < sizeof path) unlink(path);
  }
  if (folder) closedir(folder);
  rmdir(w->folder);
  w->folder[0] = 0;
}

ufo_status workspace_check(const workspace *w, ufo_error *error) {
  if (!w->interrupted || !w->interrupted()) return UFO_OK;
  set_error(error, UFO_END, "interrupted");
  return UFO_END;
}

/* ---- data ---- */

static ufo_status write_all(const workspace *w, ufo_writer *writer, uint64_t period, dataset *set, ufo_error *error) {
  double *block = aligned_alloc(64, BLOCK_COUNT * sizeof *block);
  if (!block) return set_error(error, UFO_FULL, "no memory for a block of data");
  lanes l = {0};
  ufo_status status = UFO_OK;
  for (uint64_t at = 0; !status && at < set->count; at += BLOCK_COUNT) {
    uint64_t count = set->count - at < BLOCK_COUNT ? set->count - at : BLOCK_COUNT;
    data_fill(set->kind, period ? at % period : at, count, block);
    sum_add(&l, block, count);
    status = workspace_check(w, error);
    if (!status) status = ufo_writer_write(writer, block, count * sizeof *block, error);
  }
  set->sum = sum_total(&l);
  free(block);
  return status;
}

static ufo_status store_all(const workspace *w, ufo_store *store, uint64_t period, dataset *set, ufo_error *error) {
  const ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_DOUBLE};
  ufo_txn *txn;
  ufo_writer *writer;
  ufo_status status = ufo_txn_begin(store, &txn, error);
  if (status) return status;
  status = ufo_writer_open(txn, DATASET_NAME, &spec, &writer, error);
  if (!status) {
    status = write_all(w, writer, period, set, error);
    if (status) ufo_writer_cancel(writer);
    else status = ufo_writer_finish(writer, error);
  }
  if (!status) status = ufo_txn_commit(txn, error);
  if (status) ufo_txn_abort(txn);
  return status;
}

/* The codec of most chunks, and the encoded size. */
static ufo_status look_up(ufo_store *store, dataset *set, ufo_error *error) {
  ufo_object_info info = {.struct_size = sizeof info};
  ufo_status status = ufo_store_info(store, NULL, DATASET_NAME, 0, &info, error);
  if (status) return status;
  set->stored_bytes = info.stored_bytes;
  for (int codec = 0; codec < UFO_CODEC_COUNT; codec++)
    if (info.codec_chunks[codec] > info.codec_chunks[set->codec]) set->codec = (ufo_codec)codec;
  return UFO_OK;
}

ufo_status dataset_create(const workspace *w, const char *file, data_kind kind, uint64_t bytes, uint64_t period,
                          dataset *set, ufo_error *error) {
  ufo_store *store;
  *set = (dataset){.kind = kind, .bytes = bytes, .count = bytes / sizeof(double)};
  workspace_path(w, file, set->path);
  const ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_CREATE};
  ufo_status status = ufo_store_open(set->path, &options, &store, error);
  if (status) return status;
  status = store_all(w, store, period, set, error);
  if (!status) status = look_up(store, set, error);
  ufo_store_close(store);
  if (!status) status = page_cache_warm(set->path, error);
  return status;
}

ufo_status workspace_dataset(workspace *w, data_kind kind, const dataset **out, ufo_error *error) {
  if (!w->made[kind]) {
    char file[64];
    snprintf(file, sizeof file, "%s.ufo", data_name(kind));
    ufo_status status = dataset_create(w, file, kind, w->data_bytes, 0, &w->sets[kind], error);
    if (status) return status;
    w->made[kind] = true;
  }
  *out = &w->sets[kind];
  return UFO_OK;
}

/* ---- pools and views ---- */

ufo_status dataset_open(const dataset *set, bool writable, ufo_store **store_out, ufo_error *error) {
  const ufo_store_options options = {.struct_size = sizeof options,
                                     .mode = writable ? UFO_OPEN_READ_WRITE : UFO_OPEN_READ_ONLY};
  return ufo_store_open(set->path, &options, store_out, error);
}

ufo_status bench_pool(uint64_t budget_bytes, ufo_pool **pool_out, ufo_error *error) {
  const ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = budget_bytes};
  return ufo_pool_create(&options, pool_out, error);
}

ufo_status dataset_view(ufo_store *store, uint64_t budget_bytes, opened *o, ufo_error *error) {
  *o = (opened){0};
  ufo_status status = bench_pool(budget_bytes, &o->pool, error);
  if (!status) status = ufo_view_open(store, NULL, o->pool, DATASET_NAME, NULL, &o->view, error);
  if (status) {
    ufo_status closing = opened_close(o, NULL);
    (void)closing;
    return status;
  }
  o->values = ufo_view_data(o->view);
  return UFO_OK;
}

ufo_status opened_close(opened *o, ufo_error *error) {
  ufo_status status = UFO_OK;
  ufo_pool_stats stats = {.struct_size = sizeof stats};
  if (o->pool) ufo_pool_get_stats(o->pool, &stats);
  ufo_view_release(o->view);
  if (o->pool) status = ufo_pool_destroy(o->pool, error);
  *o = (opened){0};
  if (status || stats.resident_bytes_peak <= stats.budget_bytes) return status;
  return error ? set_error(error, UFO_FULL, "%llu bytes were in memory with a budget of %llu",
                           (unsigned long long)stats.resident_bytes_peak, (unsigned long long)stats.budget_bytes)
               : UFO_FULL;
}
