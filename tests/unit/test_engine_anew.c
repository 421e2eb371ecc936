/* LMDB begins a file anew whose header it cannot read: a store that exists gets its header back, and one that another
 * program emptied is not taken for a new one. */
#include "fixture.h"

#include <fcntl.h>

#include "store/engine_lmdb.h"

static int fd;
static int32_t values[3] = {4, 5, 6};

static void make(void) {
  fixture_make();
  ufo_store *store = open_store(in_folder("s.ufo"));
  put_now(store, "x", spec_of(UFO_INTEGER, 0, 3, 0), values);
  ufo_store_close(store);
  fd = open(in_folder("s.ufo"), O_RDWR | O_CLOEXEC);
  cr_assert_geq(fd, 0);
}

static void end(void) {
  close(fd);
  fixture_remove();
}

TestSuite(engine_anew, .init = make, .fini = end, .timeout = 30);

/* What LMDB does to an empty file: the first two pages of a new one. */
static void begin_anew(const char *name) {
  MDB_env *env;
  cr_assert_eq(mdb_env_create(&env), 0);
  cr_assert_eq(mdb_env_open(env, in_folder(name), MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
  mdb_env_close(env);
}

static void overwrite_header(void) {
  uint8_t pages[2 * 4096];
  begin_anew("new");
  int new = open(in_folder("new"), O_RDONLY | O_CLOEXEC);
  cr_assert_eq(read(new, pages, sizeof pages), (ssize_t)sizeof pages);
  close(new);
  cr_assert_eq(pwrite(fd, pages, sizeof pages, 0), (ssize_t)sizeof pages);
}

static void assert_intact(void) {
  ufo_store *store = open_store(in_folder("s.ufo"));
  assert_content(store, NULL, "x", values, sizeof values);
  assert_sound(store);
  ufo_store_close(store);
}

Test(engine_anew, a_header_that_lmdb_overwrote_is_put_back) {
  ufo_lmdb_header header;
  OK(ufo_lmdb_header_keep(in_folder("s.ufo"), fd, &header, &error));
  overwrite_header();
  FAILS(UFO_IO, ufo_lmdb_header_check(in_folder("s.ufo"), &header, &error));
  cr_assert_not_null(strstr(error.message, "s.ufo"));
  OK(ufo_lmdb_header_check(in_folder("s.ufo"), &header, &error));
  ufo_lmdb_header_free(&header);
  assert_intact();
}

Test(engine_anew, an_emptied_file_is_an_error_and_left_to_who_emptied_it) {
  ufo_lmdb_header header;
  uint8_t after[2 * 4096];
  OK(ufo_lmdb_header_keep(in_folder("s.ufo"), fd, &header, &error));
  cr_assert_eq(ftruncate(fd, 0), 0);
  begin_anew("s.ufo");
  FAILS(UFO_CORRUPT, ufo_lmdb_header_check(in_folder("s.ufo"), &header, &error));
  cr_assert_not_null(strstr(error.message, "emptied"), "%s", error.message);
  cr_assert_eq(pread(fd, after, sizeof after, 0), (ssize_t)sizeof after);
  cr_assert(memcmp(after, header.start, sizeof after) != 0);
  ufo_lmdb_header_free(&header);
}

Test(engine_anew, a_file_that_is_empty_already_is_refused_before) {
  ufo_lmdb_header header;
  cr_assert_eq(ftruncate(fd, 0), 0);
  FAILS(UFO_CORRUPT, ufo_lmdb_header_keep(in_folder("s.ufo"), fd, &header, &error));
}

Test(engine_anew, what_was_not_overwritten_stays) {
  ufo_lmdb_header header;
  OK(ufo_lmdb_header_keep(in_folder("s.ufo"), fd, &header, &error));
  ufo_store *store = open_store(in_folder("s.ufo"));
  put_now(store, "y", spec_of(UFO_INTEGER, 0, 3, 0), values); /* a header of a later transaction */
  ufo_store_close(store);
  OK(ufo_lmdb_header_check(in_folder("s.ufo"), &header, &error));
  ufo_lmdb_header_free(&header);
  assert_intact();
}
