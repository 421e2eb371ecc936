/* A limit on the memory of a process group (cgroup v1 or v2): with a budget below it, ten times as much data is written
 * through a view, committed and read; with one above it the kernel kills the process, and what was committed is there.
 *
 *   fault_memory_cgroup               the test; exit status 77: no memory cgroup can be made here
 *   fault_memory_cgroup PATH BUDGET   the work alone, in whatever limits the caller has set; 0: the default budget */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <ufostore/ufostore.h>

#include "child.h"
#include "demand.h"
#include "tally.h"

#define MIB (UINT64_C(1) << 20)
#define LIMIT (40 * MIB)
#define BODY (10 * LIMIT)
#define LENGTH (BODY / 8)

static ufo_error error;

/* Half of each chunk's bytes compress away. */
static uint64_t value(uint64_t i) { return (i * UINT64_C(0x9E3779B97F4A7C15)) >> 32 | 1; }

static int work(const char *path, uint64_t budget) {
  ufo_store *store;
  ufo_pool *pool;
  ufo_txn *txn;
  ufo_view *view;
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = budget};
  ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_DOUBLE, .length = LENGTH};
  int32_t mark = 7;
  ufo_object_spec small = {.struct_size = sizeof small, .type = UFO_INTEGER, .length = 1};
  DEMAND(ufo_store_open(path, NULL, &store, &error) == UFO_OK);
  DEMAND(ufo_txn_begin(store, &txn, &error) == UFO_OK && ufo_txn_put(txn, "mark", &small, &mark, &error) == UFO_OK &&
         ufo_txn_commit(txn, &error) == UFO_OK);
  DEMAND(ufo_pool_create(&options, &pool, &error) == UFO_OK);
  DEMAND(ufo_txn_begin(store, &txn, &error) == UFO_OK && ufo_txn_create(txn, "x", &spec, &error) == UFO_OK);
  DEMAND(ufo_view_open(store, txn, pool, "x", NULL, &view, &error) == UFO_OK);
  uint64_t *data = ufo_view_data(view);
  for (uint64_t i = 0; i < LENGTH; i++) data[i] = value(i);
  DEMAND(ufo_txn_put_view(txn, "x", view, UFO_PUT_CHECKED, &error) == UFO_OK);
  DEMAND(ufo_txn_commit(txn, &error) == UFO_OK);
  ufo_view_release(view);
  DEMAND(ufo_view_open(store, NULL, pool, "x", NULL, &view, &error) == UFO_OK);
  data = ufo_view_data(view);
  for (uint64_t i = 0; i < LENGTH; i++) DEMAND(data[i] == value(i));
  ufo_view_release(view);
  DEMAND(ufo_pool_destroy(pool, &error) == UFO_OK);
  ufo_store_close(store);
  return 0;
}

static int judge(const char *path) {
  ufo_store *store;
  int32_t mark = 0;
  DEMAND(ufo_store_open(path, NULL, &store, &error) == UFO_OK);
  DEMAND(ufo_store_verify(store, NULL, NULL, NULL, &error) == UFO_OK);
  DEMAND(ufo_store_read(store, NULL, "mark", 0, 0, 1, &mark, &error) == UFO_OK && mark == 7);
  ufo_store_close(store);
  return 0;
}

static int write_text(const char *folder, const char *name, const char *text) {
  char path[400];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  if (!file) return 0;
  int done = fputs(text, file) >= 0;
  return fclose(file) == 0 && done;
}

/* Makes a group with the limit; its folder, or an empty string. */
static void make_group(char folder[300]) {
  static const char *const roots[][2] = {{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
                                         {"/sys/fs/cgroup", "memory.max"}};
  char limit[32];
  snprintf(limit, sizeof limit, "%" PRIu64, LIMIT);
  for (int v = 0; v < 2; v++) {
    snprintf(folder, 300, "%s/ufo-test-%d", roots[v][0], (int)getpid());
    if (mkdir(folder, 0700) == 0) {
      if (write_text(folder, roots[v][1], limit)) {
        (void)write_text(folder, "memory.swap.max", "0");
        return;
      }
      rmdir(folder);
    }
  }
  folder[0] = '\0';
}

/* The exit status, or 128 + signal. */
static int in_group(const char *folder, const char *path, uint64_t budget) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    if (!write_text(folder, "cgroup.procs", "0")) _exit(77);
    alarm(100);
    _exit(work(path, budget));
  }
  return wait_for(child);
}

int main(int argc, char **argv) {
  if (argc == 3) return work(argv[1], strtoull(argv[2], NULL, 10));
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  puts("not with a sanitizer, which takes memory of its own");
  return 77;
#endif
  char work_folder[300], path[320], group[300];
  if (make_folder(work_folder, sizeof work_folder, NULL)) return 2;
  snprintf(path, sizeof path, "%s/s.ufo", work_folder);
  make_group(group);
  int failed = 0;
  static const struct {
    uint64_t budget;
    int killed;
  } runs[] = {{12 * MIB, 0}, {0, 0}, {BODY * 2, 1}};
  for (size_t i = 0; group[0] && i < sizeof runs / sizeof *runs && !failed; i++) {
    empty_folder(work_folder);
    int result = in_group(group, path, runs[i].budget);
    printf("limit %d MiB, budget %d MiB, data %d MiB: %d\n", (int)(LIMIT / MIB), (int)(runs[i].budget / MIB),
           (int)(BODY / MIB), result);
    failed = result != (runs[i].killed ? 128 + SIGKILL : 0) || judge(path) != 0;
  }
  remove_folder(work_folder);
  if (!group[0]) {
    puts("no memory cgroup can be made here: that needs root, and the memory controller");
    return 77;
  }
  for (int i = 0; i < 100 && rmdir(group) != 0; i++) usleep(20000);
  if (!failed) tally(sizeof runs / sizeof *runs, "runs under a limit of memory");
  return failed;
}
