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
#include <ftw.h>
#include <stdbool.h>

#include "golden_make.h"
#include "tally.h"

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static uint64_t longest = UINT64_MAX;

static int read_body(ufo_store *store, const char *name, uint64_t version, const ufo_object_info *info, char text[65]) {
  enum { PIECE = 1 << 20 };
  static uint8_t piece[PIECE];
  sha256 hash;
  sha256_begin(&hash);
  for (uint64_t first = 0, count; first < info->length; first += count) {
    count = PIECE / info->element_bytes < info->length - first ? PIECE / info->element_bytes : info->length - first;
    if (ufo_store_read(store, NULL, name, version, first, count, piece, &error)) return 1;
    sha256_add(&hash, piece, count * info->element_bytes);
  }
  sha256_end(&hash, text);
  return 0;
}

/* `version` 0 is the current one, which is what elements of lists are addressed by. */
static int print_object(FILE *out, ufo_store *store, const char *name, uint64_t version) {
  ufo_object_info info = {.struct_size = sizeof info};
  ufo_attributes *attributes = NULL;
  char body[65] = "-";
  if (ufo_store_info(store, NULL, name, version, &info, &error)) return 1;
  if (info.type != UFO_LIST && info.length * info.element_bytes <= longest &&
      read_body(store, name, version, &info, body))
    return 1;
  if (ufo_store_attributes(store, NULL, name, version, &attributes, &error)) return 1;
  digest_line(out, name, info.version, info.type, info.element_bytes, info.length, body, attributes);
  ufo_attributes_free(attributes);
  for (uint64_t i = 0; info.type == UFO_LIST && i < info.length; i++) {
    char child[2 * UFO_NAME_MAX];
    snprintf(child, sizeof child, "%s[[%" PRIu64 "]]", name, i + 1);
    if (print_object(out, store, child, version)) return 1;
  }
  return 0;
}

/* Older versions need a read-write handle. */
static int print_store(FILE *out, ufo_store *store) {
  ufo_store_iterator *iterator = NULL;
  ufo_object_info info = {.struct_size = sizeof info}, old = {.struct_size = sizeof old};
  if (ufo_store_list(store, NULL, &iterator, &error)) return 1;
  int status = 0;
  while (!status && (status = ufo_store_iterator_next(iterator, &info, &error)) == UFO_OK) {
    status = print_object(out, store, info.name, 0);
    for (uint64_t version = info.version - 1; !ufo_store_is_read_only(store) && !status && version > 0; version--)
      if (ufo_store_info(store, NULL, info.name, version, &old, NULL) == UFO_OK)
        status = print_object(out, store, info.name, version);
  }
  ufo_store_iterator_free(iterator);
  return status != UFO_END;
}

static int digest(FILE *out, const char *path, ufo_open_mode mode, const char *label) {
  const ufo_store_options options = {.struct_size = sizeof options, .mode = mode, .snapshot = label};
  ufo_store *store = NULL;
  if (ufo_store_open(path, &options, &store, &error)) return 1;
  int status = print_store(out, store);
  ufo_store_close(store);
  return status;
}

/* ---- files that must open ---------------------------------------------------------------------------------------- */

static char scratch[1024];
static uint64_t files_read, objects_read, files_refused, files_salvaged;

static int complain(const char *what, const char *detail) {
  fprintf(stderr, "%s: %s%s%s\n", work.path, what, *detail ? ": " : "", detail);
  return 1;
}

/* The lines of a manifest for a file, or "FILE@LABEL". */
static char *manifest_lines(const char *manifest, const char *file) {
  char *lines = NULL, *line = NULL;
  size_t size = 0, room = 0, length = strlen(file);
  FILE *in = fopen(manifest, "r"), *out = open_memstream(&lines, &size);
  if (!in || !out) exit(complain("no manifest", manifest));
  while (getline(&line, &room, in) > 0)
    if (strncmp(line, file, length) == 0 && line[length] == '\t') fputs(line + length + 1, out);
  free(line);
  fclose(in), fclose(out);
  return lines;
}

/* Two digests line by line. Of a name, versions that are not the newest may be missing in `found`: what nobody holds is
 * reclaimed by the first that opens the store for writing. */
static int compare(const char *expected, const char *found) {
  char name[2 * UFO_NAME_MAX] = "";
  while (*expected) {
    size_t length = strcspn(expected, "\n") + 1, tab = strcspn(expected, "\t") + 1;
    if (strncmp(expected, found, length) == 0) found += length, objects_read++;
    else if (strncmp(expected, name, tab) != 0) break;
    snprintf(name, sizeof name, "%.*s", (int)tab, expected);
    expected += length;
  }
  if (!*expected && !*found) return 0;
  fprintf(stderr, "expected: %.*s\nfound:    %.*s\n", (int)strcspn(expected, "\n"), expected, (int)strcspn(found, "\n"),
          found);
  return complain("another content than MANIFEST says", "");
}

static int check_digest(const char *manifest, const char *file, ufo_open_mode mode, const char *label) {
  char key[2 * UFO_NAME_MAX], *found = NULL;
  size_t size = 0;
  snprintf(key, sizeof key, "%s%s%s", file, label ? "@" : "", label ? label : "");
  char *expected = manifest_lines(manifest, key);
  FILE *out = open_memstream(&found, &size);
  int status = !out || digest(out, work.path, mode, label);
  if (out) fclose(out);
  status = status ? complain("cannot be read", error.message) : compare(expected, found);
  free(expected), free(found);
  return status;
}

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

/* A copy of FOLDER/FILE as work.path. */
static void take(const char *folder, const char *file) {
  char from[2400];
  snprintf(from, sizeof from, "%s/%s", folder, file);
  snprintf(work.path, sizeof work.path, "%s/%s", scratch, file);
  copy_file(from, work.path);
}

/* ---- what is salvaged of them ------------------------------------------------------------------------------------ */

enum { PAGE = 4096 };

static int salvage_to(char out[1100], ufo_status *status_out) {
  snprintf(out, 1100, "%s/salvaged.ufo", scratch);
  unlink(out);
  files_salvaged++;
  *status_out = ufo_store_salvage(work.path, out, NULL, NULL, NULL, &error);
  return *status_out != UFO_OK && *status_out != UFO_CORRUPT;
}

static int salvage_whole(const char *manifest, const char *file) {
  char out[1100], *found = NULL, *expected = manifest_lines(manifest, file);
  size_t size = 0;
  ufo_status status;
  if (salvage_to(out, &status) || status) return complain("cannot be salvaged", error.message);
  FILE *lines = open_memstream(&found, &size);
  int wrong = !lines || digest(lines, out, UFO_OPEN_READ_ONLY, NULL);
  if (lines) fclose(lines);
  wrong = wrong ? complain("what was salvaged cannot be read", error.message) : compare(expected, found);
  free(expected), free(found);
  return wrong;
}

/* Is it in a manifest as it is? */
static bool is_plain(const char *name) {
  for (; *name; name++)
    if ((unsigned char)*name < 0x20 || *name == 0x7F || *name == '\\') return false;
  return true;
}

/* All values of an object, if all can be read, are those of some version of some object: of that name if it has it. */
static int is_known(ufo_store *store, const char *name, const char *expected) {
  ufo_object_info info = {.struct_size = sizeof info};
  char body[65];
  if (ufo_store_info(store, NULL, name, 0, &info, &error)) return 0;
  for (uint64_t i = 0; info.type == UFO_LIST && i < info.length; i++) {
    char child[2 * UFO_NAME_MAX];
    snprintf(child, sizeof child, "%s[[%" PRIu64 "]]", name, i + 1);
    if (!is_known(store, child, expected)) return 0;
  }
  if (info.type == UFO_LIST || (info.type == UFO_RAW && info.length == 0)) return 1; /* in place of an element, too */
  if (read_body(store, name, 0, &info, body)) return error.code == UFO_CORRUPT;
  for (const char *at = expected; (at = strstr(at, body)); at++) {
    const char *line = at;
    while (line > expected && line[-1] != '\n') line--;
    bool elsewhere = strncmp(name, "lost+found/", 11) == 0 || strchr(name, '[') || !is_plain(name);
    if (elsewhere || strncmp(line, name, strlen(name)) == 0) return 1;
  }
  return 0;
}

static int salvage_part(const char *manifest, const char *folder, const char *file, uint64_t page) {
  static const uint8_t zeros[PAGE];
  char out[1100], what[64], *expected = manifest_lines(manifest, file);
  ufo_status status;
  snprintf(what, sizeof what, "without page %" PRIu64, page);
  take(folder, file);
  FILE *hurt = fopen(work.path, "r+b");
  if (!hurt || fseek(hurt, (long)(page * PAGE), SEEK_SET) || fwrite(zeros, PAGE, 1, hurt) != 1 || fclose(hurt))
    return complain(what, "cannot be written");
  if (salvage_to(out, &status)) return complain(what, error.message);
  ufo_store *store = NULL;
  ufo_store_iterator *iterator = NULL;
  const ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  ufo_object_info info = {.struct_size = sizeof info};
  int wrong = ufo_store_open(out, &options, &store, &error) || ufo_store_list(store, NULL, &iterator, &error);
  while (!wrong && !(status = ufo_store_iterator_next(iterator, &info, &error))) {
    if (!is_known(store, info.name, expected)) wrong = complain(what, info.name);
  }
  ufo_store_iterator_free(iterator);
  ufo_store_close(store);
  free(expected);
  return wrong;
}

/* At night all of them; else those of format 1.0 with the most to lose, for each salvage waits for the disk. */
static bool has_its_turn(const char *folder, const char *file) {
  static const char *const some[] = {"lists.ufo", "sparse.ufo", "versions.ufo"};
  for (size_t i = 0; i < sizeof some / sizeof *some; i++)
    if (strcmp(file, some[i]) == 0 && strstr(folder, "/1.0")) return true;
  return nightly();
}

static int salvage_parts(const char *manifest, const char *folder, const char *file) {
  struct stat facts;
  if (!has_its_turn(folder, file)) return 0;
  int wrong = stat(work.path, &facts) != 0;
  for (uint64_t page = 0; !wrong && page < (uint64_t)facts.st_size / PAGE; page++)
    wrong = salvage_part(manifest, folder, file, page);
  return wrong;
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
    int ended = 0;
    files_refused++;
    if (waitpid(child, &ended, 0) != child || WIFSIGNALED(ended)) status = complain("ended by a signal", words);
    else if (ended != 0) status = complain("should be refused", words);
  }
  fclose(in);
  return status;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info, (void)kind, (void)walk;
  return remove(path);
}

static int test(void) {
  const char *source = getenv("UFOSTORE_SOURCE"), *base = getenv("TMPDIR");
  char golden[1024], folder[2048];
  snprintf(golden, sizeof golden, "%s/store-format/golden", source ? source : ".");
  const char *fast =
      access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp"; /* what is durable is not the question */
  snprintf(scratch, sizeof scratch, "%s/ufo-golden-XXXXXX", base && *base ? base : fast);
  if (!mkdtemp(scratch)) return complain("no scratch folder", scratch);
  int status = 0;
  DIR *entries = opendir(golden);
  if (!entries) return complain("no folder", golden);
  for (struct dirent *entry; (entry = readdir(entries));) {
    snprintf(folder, sizeof folder, "%s/%s", golden, entry->d_name);
    if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') status |= check_folder(folder);
    else if (strcmp(entry->d_name, "refused") == 0) status |= check_refused(folder);
  }
  closedir(entries);
  nftw(scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
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
