/* whole_run.h - one of everything that a program does with a store, as steps that may each be tried again after an
 * error: create, put, write through views that spill, commit, read, list, snapshot, fork, verify, compact, close.
 *
 * A step returns a status with `error` filled; what it reads is compared there and then, and a difference ends the
 * process. Included once, after refusing.h; set `folder`, `path` and `copy` first. */
#ifndef UFO_TEST_WHOLE_RUN_H
#define UFO_TEST_WHOLE_RUN_H

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <ufostore/ufostore.h>
#include <unistd.h>

enum { CHUNK = 4096, PER_CHUNK = CHUNK / 8, CHUNKS = 24, LENGTH = CHUNKS * PER_CHUNK, BUDGET = 8 * CHUNK };

static ufo_error error;
static char path[3100], copy[3100], folder[3000];
static ufo_store *store, *past;
static ufo_pool *pool;
static ufo_txn *txn;
static ufo_view *view, *second, *staged;
static uint64_t buffer[2 * LENGTH];

static uint64_t value(uint64_t kind, uint64_t i) {
  uint64_t x = (kind * 1000003 + i) * UINT64_C(0x9E3779B97F4A7C15);
  return (x ^ (x >> 29)) * UINT64_C(0xBF58476D1CE4E5B9) | 1; /* never zero */
}

static const uint64_t *values(uint64_t kind) {
  for (uint64_t i = 0; i < LENGTH; i++) buffer[i] = value(kind, i);
  return buffer;
}

static ufo_object_spec spec_of(uint64_t length) {
  return (ufo_object_spec){
      .struct_size = sizeof(ufo_object_spec), .type = UFO_DOUBLE, .length = length, .chunk_bytes = CHUNK};
}

#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    ufo_status status_ = (call);                                                                                       \
    if (status_ != UFO_OK) return status_;                                                                             \
  } while (0)

/* Something is not as promised, whatever failed before. */
#define DEMAND(condition)                                                                                              \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "not as promised, %s:%d: %s (%s)\n", __FILE__, __LINE__, #condition, error.message);             \
      _exit(1);                                                                                                        \
    }                                                                                                                  \
  } while (0)

static ufo_status open_store(void) { return ufo_store_open(path, NULL, &store, &error); }

static ufo_status open_pool(void) {
  ufo_pool_options options = {
      .struct_size = sizeof options, .budget_bytes = BUDGET, .resolver_threads = 2, .scratch_dir = folder};
  return ufo_pool_create(&options, &pool, &error);
}

static ufo_status begin(void) { return ufo_txn_begin(store, &txn, &error); }

static ufo_status commit(void) {
  TRY(ufo_txn_commit(txn, &error));
  txn = NULL;
  return UFO_OK;
}

static ufo_status put(void) {
  ufo_object_spec spec = spec_of(LENGTH);
  return ufo_txn_put(txn, "a", &spec, values(1), &error);
}

static ufo_status create(void) {
  ufo_object_spec spec = spec_of(1000000);
  return ufo_txn_create(txn, "zeros", &spec, &error);
}

static ufo_status write_pieces(void) {
  ufo_object_spec spec = spec_of(0);
  ufo_writer *writer;
  TRY(ufo_writer_open(txn, "pieces", &spec, &writer, &error));
  const char *bytes = (const char *)values(2);
  for (uint64_t at = 0; at < 3 * CHUNK; at += CHUNK / 2) {
    ufo_status status = ufo_writer_write(writer, bytes + at, CHUNK / 2, &error);
    if (status != UFO_OK) {
      ufo_writer_cancel(writer);
      return status;
    }
  }
  return ufo_writer_finish(writer, &error);
}

static ufo_status set_attributes(void) {
  ufo_attributes *attributes;
  const char *names[] = {"one", NULL, "three"};
  int32_t dim[] = {3, 4};
  TRY(ufo_attributes_create(&attributes, &error));
  ufo_status status = ufo_attributes_set_strings(attributes, "names", names, NULL, 3, &error);
  if (status == UFO_OK) status = ufo_attributes_set(attributes, "dim", UFO_ATTRIBUTE_INTEGER, dim, 2, &error);
  if (status == UFO_OK) status = ufo_txn_set_attributes(txn, "a", attributes, &error);
  ufo_attributes_free(attributes);
  return status;
}

/* All or nothing, with edits of its own: so that it may be tried again whichever of them failed. */
static ufo_status put_list(void) {
  ufo_object_spec spec = spec_of(1000);
  TRY(ufo_txn_put(txn, ".x", &spec, values(3), &error));
  TRY(ufo_txn_put(txn, ".y", &spec, values(4), &error));
  return ufo_txn_put_list(txn, "list", (const char *const[]){".x", ".y"}, 2, &error);
}

static ufo_status open_view(void) { return ufo_view_open(store, NULL, pool, "a", NULL, &view, &error); }
static ufo_status open_staged(void) { return ufo_view_open(store, txn, pool, "a", NULL, &staged, &error); }

typedef struct scan {
  volatile uint64_t *data;
  uint64_t kind, count;
} scan;

static int read_all(void *user) {
  scan *s = user;
  for (uint64_t i = 0; i < s->count; i++)
    if (s->data[i] != value(s->kind, i)) {
      fprintf(stderr, "element %" PRIu64 " is %" PRIx64 "\n", i, s->data[i]);
      _exit(1);
    }
  return 0;
}

static int write_all(void *user) {
  scan *s = user;
  for (uint64_t i = 0; i < s->count; i++) s->data[i] = value(s->kind, i);
  return 0;
}

static ufo_status guarded(ufo_guarded_fn run, ufo_view *of, uint64_t kind) {
  scan s = {ufo_view_data(of), kind, ufo_view_length(of)};
  return ufo_guarded(NULL, run, &s, NULL, &error);
}

static ufo_status read_view(void) { return guarded(read_all, view, 1); }
static ufo_status write_view(void) { return guarded(write_all, view, 5); }
static ufo_status read_written(void) { return guarded(read_all, view, 5); }
static ufo_status clone_view(void) { return ufo_view_clone(view, &second, &error); }
static ufo_status read_clone(void) { return guarded(read_all, second, 5); }
static ufo_status write_clone(void) { return guarded(write_all, second, 6); }
static ufo_status write_staged(void) { return guarded(write_all, staged, 7); }
static ufo_status put_staged(void) { return ufo_txn_put_view(txn, "a", staged, UFO_PUT_CHECKED, &error); }
static ufo_status put_clone(void) { return ufo_txn_put_view(txn, "clone", second, UFO_PUT_CHECKED, &error); }

static ufo_status advise(void) {
  ufo_region *region = ufo_view_region(view);
  TRY(ufo_region_advise(region, 0, 4 * CHUNK, UFO_ADVICE_DONTNEED, &error));
  TRY(ufo_region_advise(region, 0, 4 * CHUNK, UFO_ADVICE_WILLNEED, &error));
  TRY(ufo_region_pin(region, 0, 2 * CHUNK, 1, &error));
  ufo_region_unpin(region, 0, 2 * CHUNK);
  return ufo_region_flush(region, &error);
}

static int count_run(void *user, uint64_t first, uint64_t count) {
  (void)first;
  *(uint64_t *)user += count;
  return 0;
}

static ufo_status changed(void) {
  uint64_t count = 0;
  TRY(ufo_view_changed(view, count_run, &count, &error));
  DEMAND(count == LENGTH);
  return UFO_OK;
}

static ufo_status append(void) { return ufo_txn_append(txn, "pieces", values(8), 700, &error); }
static ufo_status append_column(void) { return ufo_txn_append(txn, "list[[2]]", values(8), 700, &error); }
static ufo_status overwrite(void) { return ufo_txn_write(txn, "zeros", 5000, 700, values(9), &error); }
static ufo_status rename_it(void) { return ufo_txn_rename(txn, "clone", "renamed", &error); }
static ufo_status remove_it(void) { return ufo_txn_remove(txn, "list", &error); }
static ufo_status abort_it(void) {
  ufo_txn_abort(txn);
  txn = NULL;
  return UFO_OK;
}

static ufo_status right(ufo_store *from, const char *name, uint64_t first, uint64_t count, uint64_t kind) {
  TRY(ufo_store_read(from, NULL, name, 0, first, count, buffer, &error));
  for (uint64_t i = 0; i < count; i++) DEMAND(buffer[i] == value(kind, i));
  return UFO_OK;
}

static ufo_status read_column(void) {
  TRY(right(store, "list[[2]]", 0, 1000, 4));
  return right(store, "list[[2]]", 1000, 700, 8);
}

static ufo_status read_store(void) {
  TRY(right(store, "a", 0, LENGTH, 7));
  TRY(right(store, "renamed", 0, LENGTH, 6));
  TRY(right(store, "pieces", 0, 3 * PER_CHUNK, 2));
  TRY(right(store, "pieces", 3 * PER_CHUNK, 700, 8));
  TRY(right(store, "zeros", 5000, 700, 9));
  TRY(ufo_store_read(store, NULL, "zeros", 0, 0, 5000, buffer, &error));
  for (uint64_t i = 0; i < 5000; i++) DEMAND(buffer[i] == 0);
  return UFO_OK;
}

static ufo_status list_store(void) {
  ufo_store_iterator *iterator;
  ufo_object_info info = {.struct_size = sizeof info};
  TRY(ufo_store_list(store, NULL, &iterator, &error));
  int count = 0;
  ufo_status status;
  while ((status = ufo_store_iterator_next(iterator, &info, &error)) == UFO_OK) count++;
  ufo_store_iterator_free(iterator);
  if (status != UFO_END) return status;
  DEMAND(count == 4);
  return UFO_OK;
}

static ufo_status get_attributes(void) {
  ufo_attributes *attributes;
  ufo_attribute found;
  TRY(ufo_store_attributes(store, NULL, "a", 0, &attributes, &error));
  DEMAND(ufo_attributes_count(attributes) == 2 && ufo_attributes_find(attributes, "names", &found) && found.count == 3);
  ufo_attributes_free(attributes);
  return UFO_OK;
}

static int show_damage(void *user, const ufo_damage *damage) {
  (void)user;
  fprintf(stderr, "damage: %s: %s\n", damage->name ? damage->name : "(store)", damage->cause);
  return 0;
}

static ufo_status verify(void) { return ufo_store_verify(store, show_damage, NULL, NULL, &error); }

static ufo_status stat_store(void) {
  ufo_store_stat stat = {.struct_size = sizeof stat};
  return ufo_store_get_stat(store, &stat, &error);
}

static ufo_status make_snapshot(void) { return ufo_snapshot_create(store, "q3", &error); }

static int one_snapshot(void *user, const ufo_snapshot_info *info) {
  DEMAND(strcmp(info->label, "q3") == 0);
  ++*(int *)user;
  return 0;
}
static int one_version(void *user, const ufo_version_info *info) {
  (void)info;
  ++*(int *)user;
  return 0;
}

static ufo_status list_snapshots(void) {
  int snapshots = 0, versions = 0;
  TRY(ufo_snapshot_list(store, one_snapshot, &snapshots, &error));
  TRY(ufo_store_versions(store, "a", one_version, &versions, &error));
  DEMAND(snapshots == 1 && versions >= 1);
  return UFO_OK;
}

static ufo_status open_past(void) {
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY, .snapshot = "q3"};
  return ufo_store_open(path, &options, &past, &error);
}
static ufo_status read_past(void) { return right(past, "a", 0, LENGTH, 7); }
static ufo_status close_past(void) {
  ufo_store_close(past);
  past = NULL;
  return UFO_OK;
}
static ufo_status put_again(void) {
  ufo_object_spec spec = spec_of(LENGTH);
  return ufo_txn_put(txn, "a", &spec, values(10), &error);
}
static ufo_status read_again(void) { return right(store, "a", 0, LENGTH, 10); }
static ufo_status remove_snapshot(void) { return ufo_snapshot_remove(store, "q3", &error); }

static ufo_status compact_copy(void) {
  struct stat info;
  ufo_status status = ufo_store_compact(store, copy, &error);
  DEMAND((stat(copy, &info) == 0) == (status == UFO_OK));
  return status;
}

static ufo_status release_views(void) {
  ufo_view_release(view);
  ufo_view_release(second);
  ufo_view_release(staged);
  view = second = staged = NULL;
  return UFO_OK;
}

static ufo_status compact_in_place(void) { return ufo_store_compact(store, NULL, &error); }

/* A child reads what its parent wrote, through memory and from the store. It may fail, if it says so. */
enum { CHILD_REPORTED = 3 };

static ufo_status use_in_child(void) {
  fflush(NULL);
  pid_t child = fork();
  if (child < 0) return UFO_OK;
  if (child == 0) {
    alarm(20);
    ufo_status status = read_written();
    if (status == UFO_OK) status = right(store, "pieces", 0, 3 * PER_CHUNK, 2);
    if (status == UFO_OK) status = guarded(write_all, view, 11);
    if (status == UFO_OK) status = guarded(read_all, view, 11);
    if (status != UFO_OK) DEMAND(error.code == status && error.message[0]);
    _exit(status == UFO_OK ? 0 : CHILD_REPORTED);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  error = (ufo_error){.code = UFO_FULL, .message = "the child failed"};
  if (!WIFEXITED(status)) fprintf(stderr, "the child was ended by signal %d\n", WTERMSIG(status));
  DEMAND(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == CHILD_REPORTED));
  DEMAND(WEXITSTATUS(status) == 0 || atomic_load(&shared->injected) > 0);
  return WEXITSTATUS(status) ? UFO_FULL : UFO_OK;
}

static ufo_status sequence(void) {
  ufo_region_options options = {
      .struct_size = sizeof options, .element_bytes = 4, .count = 5000, .chunk_elements = 1024};
  ufo_region *region;
  TRY(ufo_sequence_integer(1, 2, 5000, &options.source, &error));
  ufo_status status = ufo_region_create(pool, &options, &region, &error);
  if (status != UFO_OK) {
    options.source.destroy(options.source.user);
    return status;
  }
  ufo_region_release(region);
  return UFO_OK;
}

static ufo_status shrink(void) {
  TRY(ufo_pool_set_budget(pool, BUDGET / 2, &error));
  return ufo_pool_set_budget(pool, BUDGET, &error);
}

static ufo_status end(void) {
  ufo_store_close(store);
  store = NULL;
  ufo_pool *ended = pool;
  pool = NULL;
  return ufo_pool_destroy(ended, &error);
}

/* clang-format off */
#define STEP(function) {#function, function}
static const struct step {
  const char *name;
  ufo_status (*run)(void);
} steps[] = {
    STEP(open_store), STEP(open_pool), STEP(begin), STEP(put), STEP(create), STEP(write_pieces), STEP(set_attributes),
    STEP(put_list), STEP(commit), STEP(open_view), STEP(read_view), STEP(write_view), STEP(advise), STEP(changed),
    STEP(clone_view), STEP(read_clone), STEP(write_clone), STEP(begin), STEP(open_staged), STEP(write_staged),
    STEP(put_staged), STEP(put_clone), STEP(commit), STEP(begin), STEP(append_column), STEP(commit), STEP(read_column),
    STEP(begin), STEP(append), STEP(overwrite), STEP(rename_it), STEP(remove_it), STEP(commit), STEP(begin), STEP(put_again), STEP(abort_it), STEP(read_store), STEP(list_store),
    STEP(get_attributes), STEP(stat_store), STEP(verify), STEP(use_in_child), STEP(read_written), STEP(make_snapshot),
    STEP(begin), STEP(put_again), STEP(commit), STEP(list_snapshots), STEP(open_past), STEP(read_past),
    STEP(close_past), STEP(read_again), STEP(verify), STEP(compact_copy), STEP(shrink), STEP(sequence),
    STEP(release_views), STEP(remove_snapshot), STEP(compact_in_place), STEP(verify), STEP(end),
};
/* clang-format on */

#endif
