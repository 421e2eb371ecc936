/* Two names for one file, or two files for one name, while it is open somewhere: refused, and nothing is lost. */
#include "fixture.h"

#include <fcntl.h>

enum { LENGTH = 100 };

static int32_t values[LENGTH];

static void make(void) {
  fixture_make();
  for (int i = 0; i < LENGTH; i++) values[i] = (int32_t)mix((uint64_t)i);
}

TestSuite(binding, .init = make, .fini = fixture_remove, .timeout = 60);

static void put_x(ufo_store *store) { put_now(store, "x", spec_of(UFO_INTEGER, 0, LENGTH, 0), values); }

/* ---- another process --------------------------------------------------------------------------------------------- */

/* Opens a store by exec'ing nothing and sharing nothing: it is forked before this process opens any. */
typedef struct other {
  int ask[2], answer[2];
  pid_t child;
} other;

typedef struct request {
  char path[PATH_MAX];
  ufo_open_mode mode;
  bool close;
} request;

typedef struct reply {
  ufo_status status;
  char message[1024];
} reply;

static int serve(const other *of) {
  request asked;
  ufo_store *store = NULL;
  while (read(of->ask[0], &asked, sizeof asked) == sizeof asked) {
    reply given = {.status = UFO_OK};
    if (asked.close) {
      ufo_store_close(store);
      store = NULL;
    } else {
      ufo_store_options options = {.struct_size = sizeof options, .mode = asked.mode};
      error = (ufo_error){0};
      given.status = ufo_store_open(asked.path, &options, &store, &error);
      snprintf(given.message, sizeof given.message, "%s", error.message);
    }
    if (write(of->answer[1], &given, sizeof given) != sizeof given) return 1;
  }
  return 0;
}

static other start_other(void) {
  other made;
  cr_assert(pipe(made.ask) == 0 && pipe(made.answer) == 0);
  made.child = fork();
  if (made.child == 0) {
    alarm(30);
    close(made.ask[1]);
    _exit(serve(&made));
  }
  close(made.ask[0]);
  return made;
}

static reply ask(const other *of, const request *asked) {
  reply given;
  cr_assert_eq(write(of->ask[1], asked, sizeof *asked), sizeof *asked);
  cr_assert_eq(read(of->answer[0], &given, sizeof given), sizeof given);
  return given;
}

static reply open_there(const other *of, const char *path, ufo_open_mode mode) {
  request asked = {.mode = mode};
  snprintf(asked.path, sizeof asked.path, "%s", path);
  return ask(of, &asked);
}

static void close_there(const other *of) { ask(of, &(request){.close = true}); }

static void refused_there(const other *of, const char *path, ufo_open_mode mode, const char *reason) {
  reply given = open_there(of, path, mode);
  cr_assert_eq(given.status, UFO_USAGE, "%s: %s", ufo_status_name(given.status), given.message);
  cr_assert(strstr(given.message, reason), "%s", given.message);
}

static void opened_there(const other *of, const char *path, ufo_open_mode mode) {
  reply given = open_there(of, path, mode);
  cr_assert_eq(given.status, UFO_OK, "%s", given.message);
  close_there(of);
}

static void end_other(const other *of) {
  close(of->ask[1]);
  cr_assert_eq(wait_for(of->child), 0);
}

/* ---- one file, two names ----------------------------------------------------------------------------------------- */

Test(binding, a_hard_link) {
  other there = start_other();
  ufo_store *store = open_store(in_folder("s.ufo"));
  put_x(store);
  cr_assert_eq(link(in_folder("s.ufo"), in_folder("link.ufo")), 0);
  refused_there(&there, in_folder("link.ufo"), UFO_OPEN_READ_WRITE, "another name");
  refused_there(&there, in_folder("link.ufo"), UFO_OPEN_READ_ONLY, "another name");
  opened_there(&there, in_folder("s.ufo"), UFO_OPEN_READ_WRITE);
  ufo_store *second = open_store(in_folder("link.ufo")); /* here it is the same one */
  ufo_store_close(store);
  put_x(second);
  refused_there(&there, in_folder("link.ufo"), UFO_OPEN_READ_WRITE, "another name");
  ufo_store_close(second);
  opened_there(&there, in_folder("link.ufo"), UFO_OPEN_READ_WRITE);
  end_other(&there);
}

Test(binding, renamed_while_open) {
  other there = start_other();
  ufo_store *store = open_store(in_folder("s.ufo"));
  cr_assert_eq(rename(in_folder("s.ufo"), in_folder("t.ufo")), 0);
  refused_there(&there, in_folder("t.ufo"), UFO_OPEN_READ_WRITE, "another name");
  put_x(store);
  ufo_store_close(store);
  opened_there(&there, in_folder("t.ufo"), UFO_OPEN_READ_WRITE);
  end_other(&there);
  store = open_store(in_folder("t.ufo"));
  assert_content(store, NULL, "x", values, sizeof values);
  ufo_store_close(store);
}

Test(binding, its_lock_file_deleted_while_open) {
  other there = start_other();
  ufo_store *store = open_store(in_folder("s.ufo"));
  cr_assert_eq(unlink(in_folder("s.ufo-lock")), 0);
  refused_there(&there, in_folder("s.ufo"), UFO_OPEN_READ_WRITE, "lock file was deleted");
  put_x(store);
  ufo_store_close(store);
  opened_there(&there, in_folder("s.ufo"), UFO_OPEN_READ_WRITE);
  end_other(&there);
}

/* ---- one name, two files ----------------------------------------------------------------------------------------- */

/* As scripts do that begin with a fresh store. The one that was deleted goes on, and the two know nothing of each
 * other: with a common lock file, a commit of either was lost. */
static void made_anew(ufo_store *store, ufo_store *anew) {
  for (uint64_t i = 0; i < 20; i++) {
    put_x(store);
    put_now(anew, "y", spec_of(UFO_INTEGER, 0, 1, 0), &(int32_t){(int32_t)i});
  }
  assert_content(store, NULL, "x", values, sizeof values);
  ufo_object_info info = {.struct_size = sizeof info};
  FAILS(UFO_MISSING, ufo_store_info(store, NULL, "y", 0, &info, &error));
  FAILS(UFO_MISSING, ufo_store_info(anew, NULL, "x", 0, &info, &error));
  assert_sound(store);
  ufo_store_close(store);
  ufo_store_close(anew);
  anew = open_store(in_folder("s.ufo"));
  assert_content(anew, NULL, "y", &(int32_t){19}, 4);
  assert_sound(anew);
  ufo_store_close(anew);
}

Test(binding, deleted_while_open_and_made_anew_here) {
  other there = start_other();
  ufo_store *store = open_store(in_folder("s.ufo"));
  put_x(store);
  cr_assert_eq(unlink(in_folder("s.ufo")), 0);
  ufo_store *anew = open_store(in_folder("s.ufo"));
  opened_there(&there, in_folder("s.ufo"), UFO_OPEN_READ_WRITE);
  made_anew(store, anew);
  end_other(&there);
}

Test(binding, deleted_while_open_and_made_anew_elsewhere) {
  other there = start_other();
  ufo_store *store = open_store(in_folder("s.ufo"));
  put_x(store);
  cr_assert_eq(unlink(in_folder("s.ufo")), 0);
  opened_there(&there, in_folder("s.ufo"), UFO_OPEN_CREATE);
  put_x(store);
  made_anew(store, open_store(in_folder("s.ufo")));
  end_other(&there);
}

/* The renamed one is bound to the old lock file still. */
Test(binding, renamed_while_open_and_made_anew) {
  other there = start_other();
  ufo_store *store = open_store(in_folder("s.ufo"));
  cr_assert_eq(rename(in_folder("s.ufo"), in_folder("t.ufo")), 0);
  ufo_store *anew = open_store(in_folder("s.ufo"));
  opened_there(&there, in_folder("s.ufo"), UFO_OPEN_READ_WRITE);
  refused_there(&there, in_folder("t.ufo"), UFO_OPEN_READ_WRITE, "another name");
  made_anew(store, anew);
  opened_there(&there, in_folder("t.ufo"), UFO_OPEN_READ_WRITE);
  end_other(&there);
}

Test(binding, replaced_while_open) {
  other there = start_other();
  ufo_store *store = open_store(in_folder("s.ufo"));
  ufo_store_close(open_store(in_folder("t.ufo")));
  cr_assert_eq(rename(in_folder("t.ufo"), in_folder("s.ufo")), 0);
  refused_there(&there, in_folder("s.ufo"), UFO_OPEN_READ_ONLY, "still open");
  ufo_store *second;
  FAILS(UFO_USAGE, ufo_store_open(in_folder("s.ufo"), NULL, &second, &error));
  ufo_store_close(store);
  opened_there(&there, in_folder("s.ufo"), UFO_OPEN_READ_ONLY);
  end_other(&there);
}

Test(binding, a_lock_file_that_nobody_uses_is_removed) {
  struct stat before, after;
  ufo_store_close(open_store(in_folder("s.ufo")));
  int fd = open(in_folder("s.ufo-lock"), O_RDONLY); /* keeps its inode from being taken again */
  cr_assert(fd >= 0 && fstat(fd, &before) == 0);
  cr_assert_eq(unlink(in_folder("s.ufo")), 0);
  ufo_store *store = open_store(in_folder("s.ufo"));
  cr_assert_eq(stat(in_folder("s.ufo-lock"), &after), 0);
  cr_assert_neq(after.st_ino, before.st_ino);
  ufo_store_close(store);
  close(fd);
}

/* ---- what goes on working ---------------------------------------------------------------------------------------- */

Test(binding, compacted_it_is_bound_again) {
  other there = start_other();
  ufo_store *store = open_store(in_folder("s.ufo"));
  put_x(store);
  for (int i = 0; i < 3; i++) OK(ufo_store_compact(store, NULL, &error));
  opened_there(&there, in_folder("s.ufo"), UFO_OPEN_READ_WRITE);
  cr_assert_eq(link(in_folder("s.ufo"), in_folder("link.ufo")), 0);
  refused_there(&there, in_folder("link.ufo"), UFO_OPEN_READ_WRITE, "another name");
  put_x(store);
  ufo_store_close(store);
  opened_there(&there, in_folder("link.ufo"), UFO_OPEN_READ_WRITE);
  end_other(&there);
}

static int write_inherited(void *store) {
  ufo_txn *txn;
  CHECK(!ufo_txn_begin(store, &txn, &error));
  CHECK(!ufo_txn_write(txn, "x", 0, 1, values, &error));
  CHECK(!ufo_txn_commit(txn, &error));
  return 0;
}

Test(binding, children_share_it) {
  other there = start_other();
  ufo_store *store = open_store(in_folder("s.ufo"));
  put_x(store);
  for (int i = 0; i < 3; i++) {
    cr_assert_eq(in_child(write_inherited, store, 20), 0);
    write_now(store, "x", 1, 1, values);
    opened_there(&there, in_folder("s.ufo"), UFO_OPEN_READ_WRITE);
  }
  ufo_store_close(store);
  end_other(&there);
}

/* ---- whose lock file --------------------------------------------------------------------------------------------- */

enum { NOBODY = 65534 };

static int open_as_nobody(void *refused) {
  ufo_store *store;
  CHECK(setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0);
  ufo_status status = ufo_store_open(in_folder("s.ufo"), NULL, &store, &error);
  if (refused) {
    CHECK(status == UFO_IO && error.os_errno == EACCES);
    CHECK(strstr(error.message, "s.ufo-lock") && strstr(error.message, "may be removed"));
    return 0;
  }
  CHECK(status == UFO_OK);
  ufo_store_close(store);
  return 0;
}

/* Root only looks; the owner can still write. */
Test(binding, a_lock_file_made_by_root) {
  if (geteuid() != 0) return;
  struct stat file;
  ufo_store_close(open_store(in_folder("s.ufo")));
  cr_assert(chown(fixture_folder, NOBODY, NOBODY) == 0 && chown(in_folder("s.ufo"), NOBODY, NOBODY) == 0);
  cr_assert(chmod(in_folder("s.ufo"), 0660) == 0 && unlink(in_folder("s.ufo-lock")) == 0);
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  ufo_store *store;
  OK(ufo_store_open(in_folder("s.ufo"), &options, &store, &error));
  cr_assert(stat(in_folder("s.ufo-lock"), &file) == 0 && file.st_uid == NOBODY && file.st_gid == NOBODY);
  cr_assert_eq(file.st_mode & 0777, 0660, "%o", file.st_mode);
  ufo_store_close(store);
  cr_assert_eq(in_child(open_as_nobody, NULL, 20), 0);
  cr_assert(chown(in_folder("s.ufo-lock"), 0, 0) == 0 && chmod(in_folder("s.ufo-lock"), 0600) == 0);
  cr_assert_eq(in_child(open_as_nobody, in_folder("s.ufo-lock"), 20), 0);
}
