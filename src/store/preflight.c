/* preflight.c - see preflight.h.
 *
 * LMDB 0.9 trusts its header: a page size of zero is a division by zero, a file shorter than its header says is a
 * SIGBUS. So the two meta pages are read and checked before every opening; the pages that they lead to, on demand, or
 * if the file is shorter.
 *
 * A FILE IN USE  A walk begins at the newest meta page, of transaction N. What it leads to is written to again by
 * transaction N + 3 at the earliest: N + 1 is the first that can free it, and LMDB takes up only what was freed two
 * transactions before. So if the newest meta page is still N or N + 1 when the walk ends, nobody wrote to what was
 * walked; else the walk is repeated. Later transactions are made by LMDB from a sound state, and sound. */
#include "store/preflight.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/standard_files.h"
#include "util/checked.h"
#include "util/fail.h"

#define LMDB_MAGIC 0xBEEFC0DEu
#define LMDB_VERSION 1u
#define LMDB_VERSION_DEVELOPMENT 999u
enum { WALKS_MAX = 8, READS_MAX = 100 };

/* ---- the meta pages ---------------------------------------------------------------------------------------------- */

static ufo_status read_meta(const ufo_preflight_input *input, uint64_t offset, ufo_page_meta *meta, ufo_error *error) {
  uint8_t bytes[UFO_PAGE_META_BYTES], again[UFO_PAGE_META_BYTES];
  if (input->size(input->source) < offset + sizeof bytes) {
    return ufo_fail(error, UFO_CORRUPT, "%s is not a ufostore file, or was cut short: its header is incomplete",
                    input->name);
  }
  ufo_status status = input->read(input->source, offset, bytes, sizeof bytes, error);
  for (int i = 0; i < READS_MAX && !status; i++) { /* until nobody was writing it meanwhile */
    status = input->read(input->source, offset, again, sizeof again, error);
    if (!status && memcmp(bytes, again, sizeof bytes) == 0) break;
    memcpy(bytes, again, sizeof bytes);
  }
  if (status) return status;
  ufo_page_read_meta(bytes, meta);
  if (meta->magic != LMDB_MAGIC || !(meta->page_flags & UFO_PAGE_META)) {
    return ufo_fail(error, UFO_CORRUPT, "%s is not a ufostore file: it has no LMDB header", input->name);
  }
  if (meta->version == LMDB_VERSION) return UFO_OK;
  return ufo_fail(error, UFO_UNSUPPORTED,
                  "%s is an LMDB file of data version %u%s; this build reads version %u (LMDB 0.9): rewrite the store "
                  "with a release that reads it",
                  input->name, meta->version,
                  meta->version == LMDB_VERSION_DEVELOPMENT ? " (a development version)" : "", LMDB_VERSION);
}

static ufo_status fail_header(const ufo_preflight_input *input, uint64_t page, const char *cause, ufo_error *error) {
  return ufo_fail(error, UFO_CORRUPT, "the header of store %s is damaged: page %llu: %s", input->name,
                  (unsigned long long)page, cause);
}

/* The newest one leads to all that is used; of the other one only what LMDB looks at to find that. */
static ufo_status check_metas(const ufo_preflight_input *input, const ufo_page_meta metas[2],
                              const ufo_page_meta *newest, ufo_error *error) {
  for (unsigned i = 0; i < 2; i++) {
    const char *cause = metas[i].number != i ? "it carries another page's number" : ufo_page_check_meta(&metas[i]);
    if (cause) return fail_header(input, i, cause, error);
  }
  const char *cause = ufo_page_check_tree(&newest->free, newest->last_page, true);
  if (!cause) cause = ufo_page_check_tree(&newest->tables, newest->last_page, false);
  return cause ? fail_header(input, newest->number, cause, error) : UFO_OK;
}

static ufo_status fail_short(const ufo_preflight_input *input, const ufo_page_meta *meta, ufo_error *error) {
  return ufo_fail(error, UFO_CORRUPT,
                  "store %s was cut short: it should have %llu bytes and has %llu; restore it from a copy", input->name,
                  (unsigned long long)(meta->last_page + 1) * meta->page_bytes,
                  (unsigned long long)input->size(input->source));
}

ufo_status ufo_preflight_header(const ufo_preflight_input *input, ufo_page_meta *newest, bool *short_out,
                                ufo_error *error) {
  *short_out = false;
  ufo_page_meta metas[2];
  ufo_status status = read_meta(input, 0, &metas[0], error);
  if (status) return status;
  uint32_t page_bytes = metas[0].page_bytes;
  if (!ufo_is_power_of_two(page_bytes) || page_bytes < UFO_PAGE_BYTES_MIN || page_bytes > UFO_PAGE_BYTES_MAX) {
    return ufo_fail(error, UFO_CORRUPT, "the header of store %s is damaged: page size %u", input->name, page_bytes);
  }
  status = read_meta(input, page_bytes, &metas[1], error);
  if (status) return status;
  if (metas[1].page_bytes != page_bytes) {
    return ufo_fail(error, UFO_CORRUPT, "the header of store %s is damaged: page sizes %u and %u", input->name,
                    page_bytes, metas[1].page_bytes);
  }
  *newest = metas[1].txn > metas[0].txn ? metas[1] : metas[0];
  uint64_t needed;
  if (ufo_add_overflows(newest->last_page, 1, &needed) || ufo_mul_overflows(needed, page_bytes, &needed)) {
    return ufo_fail(error, UFO_CORRUPT, "the header of store %s is damaged: last page %llu", input->name,
                    (unsigned long long)newest->last_page);
  }
  /* Asked for only now: another process may just have made the file, and then its header, say more. */
  uint64_t file_bytes = input->size(input->source);
  *short_out = needed > file_bytes;
  /* Free pages are listed in the file, by 8 bytes each. */
  if (*short_out && (needed - file_bytes) / page_bytes > file_bytes / 8) return fail_short(input, newest, error);
  return check_metas(input, metas, newest, error);
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

ufo_status ufo_preflight_run(const ufo_preflight_input *input, ufo_progress_fn progress, void *user, ufo_error *error) {
  for (int i = 0; i < WALKS_MAX; i++) {
    ufo_page_meta before, after;
    ufo_error found = {0}, ignored;
    bool is_short, is_short_now;
    ufo_status status = ufo_preflight_header(input, &before, &is_short, error);
    if (status) return status;
    status = ufo_preflight_walk(input, &before, progress, user, &found);
    bool overtaken = !ufo_preflight_header(input, &after, &is_short_now, &ignored) && after.txn > before.txn + 1;
    if (status == UFO_END || !overtaken) {
      if (status == UFO_CORRUPT && is_short) return fail_short(input, &before, error);
      if (status && error) *error = found;
      return status;
    }
  }
  return ufo_fail(
      error, UFO_IO,
      "cannot look at the pages of store %s: others change it faster than it can be read; try again when it "
      "is not in use",
      input->name);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

typedef struct file_source {
  int fd;
  const char *path;
} file_source;

static ufo_status read_file(void *source, uint64_t offset, void *buffer, size_t bytes, ufo_error *error) {
  const file_source *file = source;
  uint8_t *target = buffer;
  while (bytes > 0) {
    ssize_t got = pread(file->fd, target, bytes, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return ufo_fail_errno(error, errno, "cannot read %zu bytes at offset %llu of store %s", bytes,
                            (unsigned long long)offset, file->path);
    }
    if (got == 0) {
      return ufo_fail(error, UFO_CORRUPT, "store %s was cut short: it ends before byte %llu", file->path,
                      (unsigned long long)(offset + bytes));
    }
    offset += (uint64_t)got;
    target += got;
    bytes -= (size_t)got;
  }
  return UFO_OK;
}

static uint64_t size_of_file(void *source) {
  const file_source *file = source;
  struct stat now;
  return fstat(file->fd, &now) ? 0 : (uint64_t)now.st_size;
}

/* With its header or, if `whole`, all of it. */
static ufo_status look_at_file(int fd, const char *path, bool whole, ufo_progress_fn progress, void *user,
                               ufo_error *error) {
  struct stat file;
  ufo_page_meta meta;
  file_source source = {fd, path};
  ufo_preflight_input input = {.read = read_file, .size = size_of_file, .source = &source, .name = path};
  if (fstat(fd, &file)) return ufo_fail_errno(error, errno, "cannot examine store %s", path);
  if (!S_ISREG(file.st_mode))
    return ufo_fail(error, UFO_CORRUPT, "%s is not a ufostore file: not a regular file", path);
  if (file.st_size == 0) return ufo_fail(error, UFO_CORRUPT, "%s is not a ufostore file: it is empty", path);
  ufo_status status = UFO_OK;
  if (!whole) status = ufo_preflight_header(&input, &meta, &whole, error);
  return whole && !status ? ufo_preflight_run(&input, progress, user, error) : status;
}

ufo_status ufo_engine_preflight(int fd, const char *path, ufo_error *error) {
  return look_at_file(fd, path, false, NULL, NULL, error);
}

ufo_status ufo_preflight_file(int fd, const char *path, ufo_progress_fn progress, void *user, ufo_error *error) {
  return look_at_file(fd, path, true, progress, user, error);
}

ufo_status ufo_store_preflight(const char *path, ufo_progress_fn progress, void *user, ufo_error *error) {
  if (!path || !*path) return ufo_fail(error, UFO_USAGE, "a store needs a path");
  ufo_guard_standard_files();
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0 && errno == ENOENT) return ufo_fail(error, UFO_MISSING, "cannot open store %s: no such file", path);
  if (fd < 0) return ufo_fail_errno(error, errno, "cannot open store %s for reading", path);
  ufo_status status = ufo_preflight_file(fd, path, progress, user, error);
  close(fd);
  return status;
}
