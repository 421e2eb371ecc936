/* golden.c - stores of every release must open for ever, and files that are none must be refused.
 *
 *   golden               the test. The C library reads every file of store-format/golden/VERSION/ as its MANIFEST says,
 *                        through a read-only and through a read-write handle, then changes it; salvages it, whole and
 *                        without any one of its pages; and refuses what store-format/golden/refused/ holds
 *   golden make FOLDER   makes the files of the format's present version, and MANIFEST from the values put in
 *   golden digest MOST STORE...  prints stores as in digest.h, of several each line after the path; "-" instead of the
 *                        hashes of bodies of more than MOST bytes
 *
 * golden_reader.sh does the same with the independent reader and the command-line tool. */
#include <dirent.h>

#include "fault/golden/make.h"
#include "fault/golden/salvage.h"

static uint64_t files_read, files_refused;

/* ---- files that must open ---------------------------------------------------------------------------------------- */

typedef struct labels {
  const char *manifest, *file;
} labels;

static int check_snapshot(void *user, const ufo_snapshot_info *info) {
  const labels *l = (const labels *)user;
  return check_digest(l->manifest, l->file, UFO_OPEN_READ_ONLY, info->label);
}

/* What an old store must still allow: a commit, a snapshot. */
static int change(const char *manifest, const char *file) {
  const ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_INTEGER, .length = 1};
  labels l = {manifest, file};
  ufo_store *store = NULL;
  ufo_txn *txn = NULL;
  if (ufo_store_open(work.path, NULL, &store, &error)) return complain("cannot be opened", error.message);
  int status = ufo_snapshot_list(store, check_snapshot, &l, &error) != UFO_OK ||
               ufo_snapshot_create(store, "now", &error) || ufo_txn_begin(store, &txn, &error) ||
               ufo_txn_put(txn, "zz", &spec, &(int32_t){5}, &error) || ufo_txn_remove(txn, "zz", &error) ||
               ufo_txn_commit(txn, &error) || ufo_snapshot_remove(store, "now", &error) ||
               ufo_store_verify(store, NULL, NULL, NULL, &error);
  ufo_store_close(store);
  return status ? complain("cannot be changed", error.message) : 0;
}

static int check_folder(const char *folder) {
  char manifest[2100];
  int status = 0;
  snprintf(manifest, sizeof manifest, "%s/MANIFEST", folder);
  DIR *entries = opendir(folder);
  if (!entries) return complain("no folder", folder);
  for (struct dirent *entry; (entry = readdir(entries));) {
    const char *end = strrchr(entry->d_name, '.');
    if (!end || strcmp(end, ".ufo") != 0) continue;
    take(folder, entry->d_name);
    files_read++;
    status |= check_digest(manifest, entry->d_name, UFO_OPEN_READ_ONLY, NULL);
    status |= check_digest(manifest, entry->d_name, UFO_OPEN_READ_WRITE, NULL);
    status |= change(manifest, entry->d_name);
    status |= check_digest(manifest, entry->d_name, UFO_OPEN_READ_ONLY, NULL);
    take(folder, entry->d_name);
    status |= salvage_whole(manifest, entry->d_name);
    status |= salvage_parts(manifest, folder, entry->d_name);
  }
  closedir(entries);
  return status;
}

/* ---- files that must be refused ---------------------------------------------------------------------------------- */

/* 3 means damage and 1 another refusal, as for the exit status of the command-line tool. */
static int as_exit(ufo_status status) { return status == UFO_OK ? 0 : status == UFO_CORRUPT ? 3 : 1; }

static int read_object(ufo_store *store, const char *name) {
  ufo_object_info info = {.struct_size = sizeof info};
  uint8_t bytes[8192];
  ufo_status status = ufo_store_info(store, NULL, name, 0, &info, &error);
  if (!status) status = ufo_store_read(store, NULL, name, 0, 0, info.length, bytes, &error);
  return as_exit(status);
}

/* Runs in a child: a signal would be a failure, not the end of the test. */
static int refuse(int verifying, const char *what, int reading) {
  const ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  ufo_store *store = NULL;
  ufo_status status = ufo_store_open(work.path, &options, &store, &error);
  if (strcmp(what, "-") == 0) {
    if (as_exit(status) != reading || !error.message[0]) return complain("not refused as it should be", error.message);
    return 0;
  }
  if (status) return complain("cannot be opened", error.message);
  if (as_exit(ufo_store_verify(store, NULL, NULL, NULL, &error)) != verifying)
    return complain("verified with another result", error.message);
  int hurt = strcmp(what, "read-only") != 0 && strcmp(what, "sound") != 0;
  if (hurt && read_object(store, what) != reading) return complain("read with another result", error.message);
  if (read_object(store, strcmp(what, "b") == 0 ? "a" : "b") != 0)
    return complain("what is not hurt cannot be read", error.message);
  ufo_store_close(store);
  if (hurt) return 0;
  ufo_txn *txn = NULL;
  status = ufo_store_open(work.path, NULL, &store, &error);
  if (!status) status = ufo_txn_begin(store, &txn, &error);
  if (!status) status = ufo_txn_remove(txn, "b", &error);
  if (!status) status = ufo_txn_commit(txn, &error);
  if ((status == UFO_OK) != (strcmp(what, "sound") == 0)) return complain("may it be written?", error.message);
  return 0;
}

static int check_refused(const char *folder) {
  char manifest[2100], file[256], what[256], words[512];
  int verifying, reading, status = 0;
  snprintf(manifest, sizeof manifest, "%s/MANIFEST", folder);
  FILE *in = fopen(manifest, "r");
  if (!in) return complain("no manifest", manifest);
  while (fscanf(in, "%255s %*d %d\t%255[^\t]\t%*d %d\t%511[^\n]\n", file, &verifying, what, &reading, words) == 5) {
    take(folder, file);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
      alarm(20);
      _exit(refuse(verifying, what, reading));
    }
    files_refused++;
    int ended = wait_for(child);
    if (ended >= 128) status = complain("ended by a signal", words);
    else if (ended != 0) status = complain("should be refused", words);
  }
  fclose(in);
  return status;
}

static int test(void) {
  const char *source = getenv("UFOSTORE_SOURCE");
  char golden[1024], folder[2048];
  snprintf(golden, sizeof golden, "%s/store-format/golden", source ? source : ".");
  /* What is durable is not the question. */
  if (make_folder(scratch, sizeof scratch, fast_folder())) return complain("no scratch folder", scratch);
  int status = 0;
  DIR *entries = opendir(golden);
  if (!entries) return complain("no folder", golden);
  for (struct dirent *entry; (entry = readdir(entries));) {
    snprintf(folder, sizeof folder, "%s/%s", golden, entry->d_name);
    if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') status |= check_folder(folder);
    else if (strcmp(entry->d_name, "refused") == 0) status |= check_refused(folder);
  }
  closedir(entries);
  remove_folder(scratch);
  tally(files_read, "golden files read by the library");
  tally(files_salvaged, "golden files salvaged, whole or in part");
  tally(files_refused, "golden files refused by the library");
  printf("%" PRIu64 " lines of MANIFEST held\n", objects_read);
  return status || files_read == 0 || files_refused == 0;
}

int main(int argc, char **argv) {
  if (argc == 1) return test();
  if (argc == 3 && strcmp(argv[1], "make") == 0) return golden_make(argv[2]);
  if (argc < 4 || strcmp(argv[1], "digest") != 0) return 2;
  longest = strtoull(argv[2], NULL, 10);
  int failed = 0;
  for (int i = 3; i < argc; i++) {
    char *lines = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&lines, &size);
    if (!out) return 1;
    if (digest(out, argv[i], UFO_OPEN_READ_ONLY, NULL)) failed = 1, printf("%s: %s\n", argv[i], error.message);
    fclose(out);
    for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n"))
      printf("%s%s%s\n", argc > 4 ? argv[i] : "", argc > 4 ? "\t" : "", line);
    free(lines);
  }
  return failed;
}
