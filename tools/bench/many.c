/* many.c - many objects: opening a store that has them, and having views of many at once. */
#include "cases.h"
#include "cli/cli.h"
#include "clock.h"
#include "objects.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct state {
  uint64_t objects, opens, views;
  char path[PATH_MAX], bare_path[PATH_MAX];
  ufo_pool *pool;
  double *times;
  ufo_view **opened;
  void **maps;
} state;

static ufo_status prepare(workspace *w, const bench_case *self, void **state_out, ufo_error *error) {
  (void)self;
  state *s = calloc(1, sizeof *s);
  *state_out = s;
  if (!s) return set_error(error, UFO_FULL, "no memory");
  s->objects = w->quick ? 2000 : 100000;
  s->views = w->quick ? 1000 : 10000;
  s->opens = w->quick ? 5 : 30;
  s->times = malloc(s->opens * sizeof *s->times);
  s->opened = calloc(s->views, sizeof(ufo_view *));
  s->maps = calloc(s->views, sizeof(void *));
  if (!s->times || !s->opened || !s->maps) return set_error(error, UFO_FULL, "no memory");
  workspace_path(w, "objects.ufo", s->path);
  ufo_status status = UFO_OK;
  if (access(s->path, F_OK)) status = objects_create(w, "objects.ufo", s->objects, s->path, error);
  return status ? status : bench_pool(w->budget_bytes, &s->pool, error);
}

static void finish(workspace *w, void *argument, result *r) {
  (void)w, (void)r;
  state *s = argument;
  if (!s) return;
  ufo_pool_destroy(s->pool, NULL);
  free(s->times);
  free(s->opened);
  free(s->maps);
  free(s);
}

static double median_of(double *values, uint64_t count) {
  sort_doubles(values, count);
  return quantile(values, count, 0.5);
}

/* ---- opening ---- */

enum { OPEN, OPEN_BARE, OPEN_READ_ONLY };

static const series_spec open_series[] = {
    [OPEN] = {"ufostore", ROLE_FIGURE, "ms", "opening the store read-write, a view, its first element; median"},
    [OPEN_BARE] = {"lmdb", ROLE_LIMIT, "ms", "opening an LMDB file with as many records, getting one; median"},
    [OPEN_READ_ONLY] = {"read_only", ROLE_MORE, "ms", "ufostore, read-only"},
    {0},
};
static const goal_spec open_goals[] = {{"open and map, ms", OPEN, NOT_A_SERIES, true, 2.0}, {0}};

static ufo_status bare_error(ufo_error *error, int code) {
  return set_error(error, UFO_IO, "bare LMDB: %s", mdb_strerror(code));
}

/* Names as keys, records of 100 bytes. */
static int fill_bare(const state *s, MDB_env *env) {
  static char record[100];
  MDB_txn *txn;
  MDB_dbi dbi;
  int code = mdb_txn_begin(env, NULL, 0, &txn);
  if (code) return code;
  code = mdb_dbi_open(txn, NULL, 0, &dbi);
  for (uint64_t i = 0; !code && i < s->objects; i++) {
    char name[32];
    object_name(i, name);
    MDB_val k = {strlen(name), name}, v = {sizeof record, record};
    code = mdb_put(txn, dbi, &k, &v, MDB_APPEND);
  }
  if (!code) return mdb_txn_commit(txn);
  mdb_txn_abort(txn);
  return code;
}

static int get_bare(MDB_env *env, uint64_t number) {
  MDB_txn *txn;
  MDB_dbi dbi;
  char name[32];
  object_name(number, name);
  MDB_val k = {strlen(name), name}, v;
  int code = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
  if (code) return code;
  code = mdb_dbi_open(txn, NULL, 0, &dbi);
  if (!code) code = mdb_get(txn, dbi, &k, &v);
  mdb_txn_abort(txn);
  return code;
}

static int open_bare(const state *s, MDB_env **env_out) {
  int code = mdb_env_create(env_out);
  if (!code) code = mdb_env_set_mapsize(*env_out, (size_t)1 << 30);
  if (!code) code = mdb_env_open(*env_out, s->bare_path, MDB_NOSUBDIR | MDB_NOTLS, 0600);
  return code;
}

static ufo_status open_prepare(workspace *w, const bench_case *self, void **state_out, ufo_error *error) {
  MDB_env *env = NULL;
  ufo_status status = prepare(w, self, state_out, error);
  if (status) return status;
  state *s = *state_out;
  workspace_path(w, "objects.mdb", s->bare_path);
  int code = open_bare(s, &env);
  if (!code) code = fill_bare(s, env);
  if (env) mdb_env_close(env);
  return code ? bare_error(error, code) : UFO_OK;
}

static ufo_status time_opens(state *s, ufo_open_mode mode, double *out, ufo_error *error) {
  for (uint64_t i = 0; i < s->opens; i++) {
    uint64_t ns;
    ufo_status status = objects_open_one(s->path, mode, s->pool, mix(i) % s->objects, &ns, error);
    if (status) return status;
    s->times[i] = (double)ns / 1e6;
  }
  *out = median_of(s->times, s->opens);
  return UFO_OK;
}

static ufo_status time_bare(state *s, double *out, ufo_error *error) {
  for (uint64_t i = 0; i < s->opens; i++) {
    MDB_env *env = NULL;
    uint64_t begin = now_ns();
    int code = open_bare(s, &env);
    if (!code) code = get_bare(env, mix(i) % s->objects);
    s->times[i] = (double)(now_ns() - begin) / 1e6;
    if (env) mdb_env_close(env);
    if (code) return bare_error(error, code);
  }
  *out = median_of(s->times, s->opens);
  return UFO_OK;
}

static ufo_status open_run(workspace *w, void *argument, round_samples *round, ufo_error *error) {
  (void)w;
  ufo_status status = time_opens(argument, UFO_OPEN_READ_WRITE, &round->sample[OPEN], error);
  if (!status) status = time_bare(argument, &round->sample[OPEN_BARE], error);
  if (!status) status = time_opens(argument, UFO_OPEN_READ_ONLY, &round->sample[OPEN_READ_ONLY], error);
  return status;
}

const bench_case case_open = {.name = "open",
                              .title = "opening a store of 100,000 objects and mapping one",
                              .series = open_series,
                              .goals = open_goals,
                              .prepare = open_prepare,
                              .run = open_run,
                              .finish = finish};

/* ---- views ---- */

enum { VIEWS, VIEWS_BARE, DESCRIPTORS, MAPPINGS };

static const series_spec views_series[] = {
    [VIEWS] = {"ufostore", ROLE_FIGURE, "s", "opening 10,000 views, all at once, and releasing them"},
    [VIEWS_BARE] = {"mmap", ROLE_LIMIT, "s", "as many mappings, registered with one userfaultfd, and unmapping them"},
    [DESCRIPTORS] = {"descriptors", ROLE_MORE, "", "file descriptors that the open views take"},
    [MAPPINGS] = {"mappings", ROLE_MORE, "", "mappings that the open views take, of vm.max_map_count"},
    {0},
};
static const goal_spec views_goals[] = {{"10,000 views, s", VIEWS, NOT_A_SERIES, true, 1.0}, {0}};

static double count_descriptors(void) {
  DIR *folder = opendir("/proc/self/fd");
  double count = 0;
  while (folder && readdir(folder)) count++;
  if (folder) closedir(folder);
  return count;
}

static double count_mappings(void) {
  FILE *file = fopen("/proc/self/maps", "re");
  double count = 0;
  for (int byte; file && (byte = getc(file)) != EOF;) count += byte == '\n';
  if (file) fclose(file);
  return count;
}

static ufo_status time_views(state *s, round_samples *round, ufo_error *error) {
  ufo_store *store;
  const ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  ufo_status status = ufo_store_open(s->path, &options, &store, error);
  if (status) return status;
  double descriptors = count_descriptors(), mappings = count_mappings();
  uint64_t count = 0, begin = now_ns();
  for (; count < s->views; count++) {
    char name[32];
    object_name(count, name);
    if ((status = ufo_view_open(store, NULL, s->pool, name, NULL, &s->opened[count], error))) break;
  }
  uint64_t ns = now_ns() - begin;
  round->sample[DESCRIPTORS] = count_descriptors() - descriptors;
  round->sample[MAPPINGS] = count_mappings() - mappings;
  begin = now_ns();
  for (uint64_t i = 0; i < count; i++) ufo_view_release(s->opened[i]);
  /* Of fewer views, scaled to 10,000. */
  round->sample[VIEWS] = (double)(ns + now_ns() - begin) / 1e9 * 10000 / (double)s->views;
  ufo_store_close(store);
  return status;
}

static ufo_status time_maps(state *s, double *out, ufo_error *error) {
  const size_t bytes = 64 * 1024;
  struct uffdio_api api = {.api = UFFD_API};
  int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | 1 /* UFFD_USER_MODE_ONLY */);
  bool sound = fd >= 0 && !ioctl(fd, UFFDIO_API, &api);
  uint64_t count = 0, begin = now_ns();
  for (; sound && count < s->views; count++) {
    s->maps[count] = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (s->maps[count] == MAP_FAILED) break;
    struct uffdio_register request = {.range = {(uint64_t)(uintptr_t)s->maps[count], bytes},
                                      .mode = UFFDIO_REGISTER_MODE_MISSING};
    sound = !ioctl(fd, UFFDIO_REGISTER, &request);
  }
  ufo_status status =
      count == s->views && sound ? UFO_OK : set_errno(error, "cannot map %llu regions", (unsigned long long)s->views);
  for (uint64_t i = 0; i < count; i++) munmap(s->maps[i], bytes);
  *out = (double)(now_ns() - begin) / 1e9 * 10000 / (double)s->views;
  if (fd >= 0) close(fd);
  return status;
}

static ufo_status views_run(workspace *w, void *argument, round_samples *round, ufo_error *error) {
  (void)w;
  ufo_status status = time_views(argument, round, error);
  if (!status) status = time_maps(argument, &round->sample[VIEWS_BARE], error);
  return status;
}

const bench_case case_views = {.name = "views",
                               .title = "creating and releasing 10,000 views",
                               .series = views_series,
                               .goals = views_goals,
                               .prepare = prepare,
                               .run = views_run,
                               .finish = finish};
