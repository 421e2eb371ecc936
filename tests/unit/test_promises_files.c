/* Files that are not stores, are not whole, may not be read, or are open twice: an error each, no hang, no signal, and
 * never a wrong value. */
#include "fixture.h"

TestSuite(promises_files, .init = fixture_make, .fini = fixture_remove, .timeout = 60);

static void make_file(const char *path, const void *bytes, size_t n) {
  FILE *file = fopen(path, "w");
  cr_assert(file && fwrite(bytes, 1, n, file) == n && fclose(file) == 0);
}

/* Opening must fail in every mode but CREATE with one of these, and leave the file as it is. */
static void refused(const char *path, ufo_status one, ufo_status other) {
  for (int mode = UFO_OPEN_READ_ONLY; mode <= UFO_OPEN_READ_WRITE; mode++) {
    ufo_store_options options = {.struct_size = sizeof options, .mode = (ufo_open_mode)mode};
    ufo_store *store = (ufo_store *)&options;
    error = (ufo_error){0};
    ufo_status status = ufo_store_open(path, &options, &store, &error);
    cr_assert(status == one || status == other, "%s opened with %s: %s", path, ufo_status_name(status), error.message);
    cr_assert_eq(store, NULL);
    cr_assert(strstr(error.message, strrchr(path, '/') + 1), "the message names the file: %s", error.message);
  }
}

Test(promises_files, foreign) {
  uint64_t state = 1;
  uint8_t noise[20000];
  random_fill(&state, noise, sizeof noise);
  static const char text[] = "just, some, text\n1, 2, 3\n";
  uint8_t sqlite[4096] = "SQLite format 3";
  uint8_t zeros[16384] = {0};
  struct {
    const char *name;
    const void *bytes;
    size_t n;
  } files[] = {{"empty", "", 0},         {"text", text, sizeof text},    {"one-byte", "u", 1},
               {"sqlite", sqlite, 4096}, {"noise", noise, sizeof noise}, {"zeros", zeros, sizeof zeros}};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char *path = in_folder(files[i].name);
    make_file(path, files[i].bytes, files[i].n);
    refused(path, UFO_CORRUPT, UFO_UNSUPPORTED);
    cr_assert_eq(size_of_file(path), files[i].n, "%s was changed", path);
  }
}

Test(promises_files, not_files) {
  refused(fixture_folder, UFO_IO, UFO_CORRUPT);
  cr_assert_eq(mkfifo(in_folder("fifo"), 0600), 0);
  refused(in_folder("fifo"), UFO_IO, UFO_CORRUPT); /* and does not wait for a writer */
  refused("/dev/null", UFO_IO, UFO_CORRUPT);
  ufo_store *store;
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  FAILS(UFO_MISSING, ufo_store_open(in_folder("nothing"), &options, &store, &error));
  FAILS(UFO_MISSING, ufo_store_open(in_folder("nothing/at/all"), &options, &store, &error));
  error = (ufo_error){0};
  ufo_status status = ufo_store_open(in_folder("nothing/at/all"), NULL, &store, &error);
  cr_assert(status == UFO_IO || status == UFO_MISSING, "%s", ufo_status_name(status));
  cr_assert_eq(symlink(in_folder("target"), in_folder("dangling")), 0);
  FAILS(UFO_MISSING, ufo_store_open(in_folder("dangling"), &options, &store, &error));
  /* Read-write may refuse or create; never half of it. */
  if (ufo_store_open(in_folder("dangling"), NULL, &store, &error) == UFO_OK) {
    put_now(store, "x", spec_of(UFO_RAW, 0, 1, 0), "x");
    ufo_store_close(store);
  } else {
    cr_assert_neq(access(in_folder("target"), F_OK), 0);
  }
}

/* Stores are made under a temporary name, which is nobody's business. */
Test(promises_files, messages_name_what_was_asked_for) {
  char expected[PATH_MAX + 200];
  ufo_store *store = open_store(in_folder("s.ufo")), *second;
  FAILS(UFO_MISSING, ufo_store_open(in_folder("no/such"), NULL, &second, &error));
  snprintf(expected, sizeof expected, "cannot create store %s: No such file or directory", in_folder("no/such"));
  cr_assert_str_eq(error.message, expected);
  FAILS(UFO_MISSING, ufo_store_compact(store, in_folder("no/such"), &error));
  cr_assert(strstr(error.message, in_folder("no/such")) && !strstr(error.message, ".ufostore-"), "%s", error.message);
  ufo_store_close(store);
}

Test(promises_files, modes_of_opening) {
  ufo_store *store, *again = NULL;
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_CREATE};
  OK(ufo_store_open(in_folder("s.ufo"), &options, &store, &error));
  cr_assert_eq(ufo_store_path(store)[0], '/');
  cr_assert_not(ufo_store_is_read_only(store));
  FAILS(UFO_USAGE, ufo_store_open(in_folder("s.ufo"), &options, &again, &error));
  ufo_store_close(store);
  FAILS(UFO_USAGE, ufo_store_open(in_folder("s.ufo"), &options, &again, &error));
  make_file(in_folder("foreign"), "abc", 3);
  FAILS(UFO_USAGE, ufo_store_open(in_folder("foreign"), &options, &again, &error));
  cr_assert_eq(size_of_file(in_folder("foreign")), 3);
}

Test(promises_files, permissions) {
  struct stat info;
  mode_t before = umask(0);
  ufo_store *store = open_store(in_folder("private.ufo"));
  put_now(store, "x", spec_of(UFO_RAW, 0, 1, 0), "x");
  cr_assert(stat(in_folder("private.ufo"), &info) == 0 && (info.st_mode & 0777) == 0600, "%o", info.st_mode & 0777);
  if (stat(in_folder("private.ufo-lock"), &info) == 0)
    cr_assert_eq(info.st_mode & 0077, 0, "the lock file is open to others: %o", info.st_mode & 0777);
  ufo_store_close(store);
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_CREATE, .permissions = 0640};
  OK(ufo_store_open(in_folder("group.ufo"), &options, &store, &error));
  cr_assert(stat(in_folder("group.ufo"), &info) == 0 && (info.st_mode & 0777) == 0640, "%o", info.st_mode & 0777);
  ufo_store_close(store);
  cr_assert_eq(chmod(in_folder("group.ufo"), 0604), 0);
  store = open_store(in_folder("group.ufo"));
  put_now(store, "x", spec_of(UFO_RAW, 0, 1, 0), "x");
  ufo_store_close(store);
  cr_assert(stat(in_folder("group.ufo"), &info) == 0 && (info.st_mode & 0777) == 0604, "existing modes are kept");
  umask(before);
}

/* As an ordinary user, where this is run by root. */
static int become_ordinary(void) {
  return geteuid() != 0 || (setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
}

static int open_unreadable(void *path) {
  ufo_store *store;
  CHECK(become_ordinary());
  CHECK(ufo_store_open(path, NULL, &store, &error) == UFO_IO);
  CHECK(error.os_errno == EACCES || error.os_errno == EPERM);
  CHECK(store == NULL);
  return 0;
}

Test(promises_files, unreadable) {
  ufo_store_close(open_store(in_folder("s.ufo")));
  cr_assert(chmod(fixture_folder, 0755) == 0 && chmod(in_folder("s.ufo"), 0) == 0);
  cr_assert_eq(in_child(open_unreadable, in_folder("s.ufo"), 20), 0);
}

/* A file that may be read, in a folder where no lock file can be made. */
static int open_readable(void *path) {
  ufo_store *store;
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  CHECK(become_ordinary());
  ufo_status status = ufo_store_open(path, &options, &store, &error);
  if (status == UFO_IO) return 77; /* refused, and said so */
  CHECK(status == UFO_OK);
  int32_t value = 0;
  CHECK(ufo_store_read(store, NULL, "x", 0, 0, 1, &value, &error) == UFO_OK);
  CHECK(value == 41);
  ufo_store_close(store);
  CHECK(ufo_store_open(path, NULL, &store, &error) != UFO_OK || ufo_store_is_read_only(store));
  return 0;
}

Test(promises_files, readable_by_others) {
  ufo_store *store = open_store(in_folder("s.ufo"));
  put_now(store, "x", spec_of(UFO_INTEGER, 0, 1, 0), &(int32_t){41});
  ufo_store_close(store);
  remove(in_folder("s.ufo-lock"));
  cr_assert(chmod(in_folder("s.ufo"), 0444) == 0 && chmod(fixture_folder, 0555) == 0);
  int result = in_child(open_readable, in_folder("s.ufo"), 20);
  chmod(fixture_folder, 0755);
  cr_assert_eq(result, 0, "gave %d", result);
}

/* ---- truncation ----------------------------------------------------------------------------------------------------
 */

enum { LENGTH = 30000 };

static int open_truncated(void *path) {
  ufo_store *store;
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  int32_t *values = malloc(LENGTH * 4);
  ufo_status status = ufo_store_open(path, &options, &store, &error);
  if (status != UFO_OK) {
    CHECK(status == UFO_CORRUPT);
    CHECK(error.message[0]);
    return 0;
  }
  status = ufo_store_read(store, NULL, "x", 0, 0, LENGTH, values, &error);
  if (status == UFO_CORRUPT) return 0;
  CHECK(status == UFO_OK);
  for (int i = 0; i < LENGTH; i++) CHECK(values[i] == (int32_t)mix((uint64_t)i));
  return 42; /* whole after all */
}

Test(promises_files, truncated) {
  ufo_store *store = open_store(in_folder("s.ufo"));
  int32_t *values = malloc(LENGTH * 4);
  for (int i = 0; i < LENGTH; i++) values[i] = (int32_t)mix((uint64_t)i);
  put_now(store, "x", spec_of(UFO_INTEGER, 0, LENGTH, 0), values);
  ufo_store_close(store);
  uint64_t size = size_of_file(in_folder("s.ufo"));
  uint8_t *bytes = malloc(size);
  FILE *file = fopen(in_folder("s.ufo"), "r");
  cr_assert(file && fread(bytes, 1, size, file) == size);
  fclose(file);
  uint64_t sizes[] = {1,     100,      4095,     4096,         4097,        8191,    8192,
                      12288, size / 3, size / 2, size - 40000, size - 4096, size - 1};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    make_file(in_folder("cut.ufo"), bytes, sizes[i]);
    remove(in_folder("cut.ufo-lock"));
    int result = in_child(open_truncated, in_folder("cut.ufo"), 20);
    cr_assert(result == 0 || (result == 42 && size - sizes[i] <= 8192), "cut to %" PRIu64 " of %" PRIu64 " gave %d",
              sizes[i], size, result);
  }
  make_file(in_folder("whole.ufo"), bytes, size);
  cr_assert_eq(in_child(open_truncated, in_folder("whole.ufo"), 20), 42);
  free(bytes), free(values);
}

/* ---- open more than once
 * --------------------------------------------------------------------------------------------- */

Test(promises_files, two_handles_see_each_other) {
  ufo_store *one = open_store(in_folder("s.ufo")), *two = open_store(in_folder("s.ufo"));
  cr_assert_eq(symlink(in_folder("s.ufo"), in_folder("link.ufo")), 0);
  ufo_store *three = NULL;
  OK(ufo_store_open(in_folder("link.ufo"), NULL, &three, &error));
  ufo_store *handles[] = {one, two, three};
  int32_t value;
  for (int32_t i = 0; i < 9; i++) {
    put_now(handles[i % 3], "x", spec_of(UFO_INTEGER, 0, 1, 0), &i);
    for (int h = 0; h < 3; h++) {
      OK(ufo_store_read(handles[h], NULL, "x", 0, 0, 1, &value, &error));
      cr_assert_eq(value, i);
    }
  }
  ufo_txn *a = begin(one), *b = begin(two); /* two transactions at once, on different objects */
  value = 100;
  ufo_object_spec spec = spec_of(UFO_INTEGER, 0, 1, 0);
  OK(ufo_txn_put(a, "a", &spec, &value, &error));
  OK(ufo_txn_put(b, "b", &spec, &value, &error));
  OK(ufo_txn_commit(b, &error));
  OK(ufo_txn_commit(a, &error));
  a = begin(one), b = begin(three); /* and on the same: the first to commit wins */
  OK(ufo_txn_write(a, "x", 0, 1, &(int32_t){1}, &error));
  OK(ufo_txn_write(b, "x", 0, 1, &(int32_t){2}, &error));
  OK(ufo_txn_commit(b, &error));
  FAILS(UFO_CONFLICT, ufo_txn_commit(a, &error));
  ufo_txn_abort(a);
  ufo_store_close(one);
  OK(ufo_store_read(two, NULL, "x", 0, 0, 1, &value, &error));
  cr_assert_eq(value, 2);
  ufo_store_close(two);
  ufo_store_close(three);
}

/* A read-only handle beside a writing one stays read-only and sees its commits. */
Test(promises_files, read_only_beside_read_write) {
  ufo_store *writer = open_store(in_folder("s.ufo")), *reader;
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  OK(ufo_store_open(in_folder("s.ufo"), &options, &reader, &error));
  ufo_txn *txn = NULL;
  FAILS(UFO_USAGE, ufo_txn_begin(reader, &txn, &error));
  put_now(writer, "x", spec_of(UFO_INTEGER, 0, 1, 0), &(int32_t){3});
  int32_t value = 0;
  OK(ufo_store_read(reader, NULL, "x", 0, 0, 1, &value, &error));
  cr_assert_eq(value, 3);
  ufo_store_close(writer);
  OK(ufo_store_read(reader, NULL, "x", 0, 0, 1, &value, &error));
  ufo_store_close(reader);
  OK(ufo_store_open(in_folder("s.ufo"), &options, &reader, &error)); /* read-only first, then read-write */
  writer = open_store(in_folder("s.ufo"));
  put_now(writer, "x", spec_of(UFO_INTEGER, 0, 1, 0), &(int32_t){4});
  OK(ufo_store_read(reader, NULL, "x", 0, 0, 1, &value, &error));
  cr_assert_eq(value, 4);
  FAILS(UFO_USAGE, ufo_txn_begin(reader, &txn, &error));
  ufo_store_close(reader);
  ufo_store_close(writer);
}

/* Two processes count the same element up, each retrying after a conflict: nothing is lost. */
static int count_up(void *path) {
  ufo_store *store;
  CHECK(ufo_store_open(path, NULL, &store, &error) == UFO_OK);
  for (int i = 0; i < 100; i++) {
    for (;;) {
      int32_t value;
      ufo_txn *txn;
      CHECK(ufo_txn_begin(store, &txn, &error) == UFO_OK);
      /* The first edit fixes the version that the commit is checked against; the value is read after it. */
      CHECK(ufo_txn_set_attributes(txn, "n", NULL, &error) == UFO_OK);
      CHECK(ufo_store_read(store, txn, "n", 0, 0, 1, &value, &error) == UFO_OK);
      value++;
      CHECK(ufo_txn_write(txn, "n", 0, 1, &value, &error) == UFO_OK);
      ufo_status status = ufo_txn_commit(txn, &error);
      if (status == UFO_OK) break;
      CHECK(status == UFO_CONFLICT);
      ufo_txn_abort(txn);
    }
  }
  ufo_store_close(store);
  return 0;
}

Test(promises_files, two_processes_lose_no_update) {
  char *path = in_folder("s.ufo");
  ufo_store *store = open_store(path);
  put_now(store, "n", spec_of(UFO_INTEGER, 0, 1, 0), &(int32_t){0});
  ufo_store_close(store);
  pid_t children[3];
  fflush(NULL);
  for (int c = 0; c < 3; c++) {
    children[c] = fork();
    if (children[c] == 0) {
      alarm(50);
      _exit(count_up(path));
    }
  }
  for (int c = 0; c < 3; c++) {
    int result = wait_for(children[c]);
    cr_assert_eq(result, 0, "process %d gave %d", c, result);
  }
  store = open_store(path);
  int32_t value;
  OK(ufo_store_read(store, NULL, "n", 0, 0, 1, &value, &error));
  cr_assert_eq(value, 300);
  cr_assert_eq(info_of(store, NULL, "n").version, 301);
  assert_sound(store);
  ufo_store_close(store);
}

/* ---- compaction
 * ------------------------------------------------------------------------------------------------------ */

Test(promises_files, compact) {
  ufo_store *store = open_store(in_folder("s.ufo"));
  enum { MANY = 400000 };
  uint64_t *noise = malloc(MANY * 8);
  for (uint64_t i = 0; i < MANY; i++) noise[i] = mix(i);
  put_now(store, "x", spec_of(UFO_DOUBLE, 0, 1000, 0), noise);
  put_now(store, "large", spec_of(UFO_DOUBLE, 0, MANY, 0), noise);
  remove_now(store, "large");
  uint64_t size = size_of_file(in_folder("s.ufo"));
  OK(ufo_store_compact(store, in_folder("copy.ufo"), &error));
  cr_assert_lt(size_of_file(in_folder("copy.ufo")), size / 4);
  FAILS(UFO_USAGE, ufo_store_compact(store, in_folder("copy.ufo"), &error));
  ufo_store *other = open_store(in_folder("s.ufo"));
  FAILS(UFO_USAGE, ufo_store_compact(store, NULL, &error));
  ufo_store_close(other);
  OK(ufo_store_compact(store, NULL, &error));
  cr_assert_lt(size_of_file(in_folder("s.ufo")), size / 4);
  assert_content(store, NULL, "x", noise, 8000);
  put_now(store, "y", spec_of(UFO_DOUBLE, 0, 1000, 0), noise + 1000);
  ufo_store_close(store);
  store = open_store(in_folder("s.ufo"));
  assert_content(store, NULL, "x", noise, 8000);
  assert_content(store, NULL, "y", noise + 1000, 8000);
  assert_sound(store);
  ufo_store_close(store);
  store = open_store(in_folder("copy.ufo"));
  assert_content(store, NULL, "x", noise, 8000);
  assert_sound(store);
  ufo_store_close(store);
  free(noise);
}
