/* verify_unreadable.c - `ufostore verify` where the disk gives an error for one read, or for all from one on.
 *
 * What cannot be read is not known to be damaged: the exit status is 1, and standard error names the store, the cause
 * and, where it is a chunk, the object and its elements. Damage that was found besides is status 3 as ever, and
 * standard error tells of the rest. */
#include "common/child.h"
#include "crash/tracer.h"
#include "tally.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <ufostore/ufostore.h>

enum { CHUNKS = 12, ELEMENTS = 512, TEXT_BYTES = 8000 };

static char folder[3000], path[3100];
static ufo_error error;

static int make_store(void) {
  static double values[CHUNKS * ELEMENTS];
  ufo_store *store;
  ufo_txn *txn;
  ufo_object_spec spec = {
      .struct_size = sizeof spec, .type = UFO_DOUBLE, .length = CHUNKS * ELEMENTS, .chunk_bytes = ELEMENTS * 8};
  uint64_t random = 1;
  for (int i = 0; i < CHUNKS * ELEMENTS; i++) { /* too wild to be compressed into its record */
    random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    values[i] = (double)(int64_t)random / 3.0;
  }
  return ufo_store_open(path, NULL, &store, &error) || ufo_txn_begin(store, &txn, &error) ||
         ufo_txn_put(txn, "prices", &spec, values, &error) || ufo_txn_commit(txn, &error) ||
         (ufo_store_close(store), 0);
}

/* Overwrites a few bytes in the last third of the file, where the values are. */
static int damage(void) {
  struct stat file;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &file)) return -1;
  ssize_t put = pwrite(fd, "damaged!", 8, file.st_size / 3 * 2);
  close(fd);
  return put == 8 ? 0 : -1;
}

static int run_tool(void *user) {
  const char *tool = user;
  char name[3200];
  snprintf(name, sizeof name, "%s/out", folder);
  int out = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  snprintf(name, sizeof name, "%s/err", folder);
  int err = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (dup2(out, 1) < 0 || dup2(err, 2) < 0) return 99;
  execl(tool, tool, "verify", path, (char *)NULL);
  return 98;
}

static const char *said(const char *stream) {
  static char text[TEXT_BYTES];
  char name[3200];
  snprintf(name, sizeof name, "%s/%s", folder, stream);
  FILE *file = fopen(name, "re");
  size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
  if (file) fclose(file);
  text[length] = '\0';
  return text;
}

/* Is what the tool said about an error of the disk as it should be? `named` counts those that name the object. */
static bool told_well(const traced *result, bool damaged, int *named) {
  const char *text = said("err");
  if (result->hung || !result->hit) return !result->hung;
  if (result->status == 127) return true;             /* the system's loader reads, too */
  if (result->status == 0) return !damaged && !*text; /* what can be done without, as how the file is mapped */
  if (result->status != 1 && !(damaged && result->status == 3)) return false;
  if (result->status == 3 && !*text) return !strstr(said("out"), "Input/output error");
  bool names = strstr(text, "'prices'") && strstr(text, "elements");
  *named += names;
  return strstr(text, "s.ufo") && strstr(text, "Input/output error");
}

static int sweep_reads(char *tool, bool damaged, uint64_t *tried) {
  traced counted, result;
  int wrong = 0, named = 0;
  if (!trace(run_tool, tool, NULL, 60, &counted)) return 77;
  if (counted.status != (damaged ? 3 : 0)) {
    fprintf(stderr, "undisturbed, it ended with %d: %s\n", counted.status, said("err"));
    return 1;
  }
  for (uint64_t number = 1; number <= counted.calls[SYS_pread64]; number++) {
    for (int forever = 0; forever < 2; forever++) {
      injection what = {.call = SYS_pread64, .number = number, .forever = forever, .error = EIO};
      trace(run_tool, tool, &what, 60, &result);
      ++*tried;
      if (told_well(&result, damaged, &named)) continue;
      fprintf(stderr, "read %d of %s file%s: it ended with %d%s and said: %s\n", (int)number,
              damaged ? "a damaged" : "the", forever ? " and all after it" : "", result.status,
              result.hung ? " (it hung)" : "", said("err"));
      wrong++;
    }
  }
  if (named < CHUNKS) fprintf(stderr, "only %d times the elements were named\n", named);
  return wrong > 0 || named < CHUNKS;
}

int main(void) {
  const char *given = getenv("UFOSTORE_BIN");
  char tool[4000];
  uint64_t tried = 0;
  snprintf(tool, sizeof tool, "%s", given ? given : "build/dev/ufostore");
  if (make_folder(folder, sizeof folder, fast_folder())) return 2;
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  int result = make_store() ? 2 : sweep_reads(tool, false, &tried);
  if (result == 0) result = damage() ? 2 : sweep_reads(tool, true, &tried);
  if (result == 77) printf("cannot trace here, or not with this build\n");
  if (result == 2) fprintf(stderr, "cannot make the store: %s\n", error.message);
  remove_folder(folder);
  tally(tried, "verifications of a store that cannot be read");
  return result;
}
