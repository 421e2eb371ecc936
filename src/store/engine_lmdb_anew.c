/* engine_lmdb_anew.c - LMDB must not begin a store anew.
 *
 * LMDB takes a file for a new one if the first read of its header finds nothing, and then writes an empty header over
 * its first two pages. The read that finds nothing may be a mistake of the file system, or another program may have
 * emptied the file a moment ago. LMDB cannot be told that the file exists, and asks nobody before it writes. So the
 * header is read immediately before, through a descriptor of the file, which refuses what is empty by then; and what
 * LMDB would overwrite is kept, and put back if it did so although the file had not been emptied. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/memory.h"
#include "store/engine_lmdb.h"
#include "store/pages.h"
#include "util/checked.h"
#include "util/fail.h"

/* Of a new file, whatever that of this one is. */
static uint64_t page_bytes(void) { return ufo_min(ufo_page_bytes(), UFO_PAGE_BYTES_MAX); }

/* Both pages, or less if the file ends before. A file that had a header has a first byte. */
static ufo_status read_start(const char *path, int fd, uint8_t *buffer, uint64_t *bytes_out, ufo_error *error) {
  uint64_t wanted = 2 * page_bytes(), done = 0;
  for (int attempt = 0; done < wanted && attempt < 3;) {
    ssize_t got = pread(fd, buffer + done, wanted - done, (off_t)done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ufo_fail_errno(error, errno, "cannot read the header of store %s", path);
    if (got == 0) attempt++; /* the end, which will be so again */
    done += (uint64_t)got;
  }
  *bytes_out = done;
  if (done >= UFO_PAGE_META_BYTES) return UFO_OK;
  return ufo_fail(error, UFO_CORRUPT, "store %s was cut short while it was being opened", path);
}

/* A header as LMDB makes it for a new file: two pages without a transaction. */
static bool is_new(const uint8_t *start, uint64_t bytes) {
  if (bytes < page_bytes() + UFO_PAGE_META_BYTES) return false;
  for (uint64_t page = 0; page < 2; page++) {
    ufo_page_meta meta;
    ufo_page_read_meta(start + page * page_bytes(), &meta);
    if (meta.page_flags != UFO_PAGE_META || meta.txn != 0 || meta.last_page != 1) return false;
  }
  return true;
}

void ufo_lmdb_header_free(ufo_lmdb_header *header) {
  free(header->start);
  header->start = NULL;
}

ufo_status ufo_lmdb_header_keep(const char *path, int fd, ufo_lmdb_header *header, ufo_error *error) {
  struct stat file;
  *header = (ufo_lmdb_header){.fd = fd, .start = malloc(2 * page_bytes())};
  if (!header->start) return ufo_fail(error, UFO_FULL, "cannot open store %s: out of memory", path);
  ufo_status status = ufo_engine_preflight(fd, path, error);
  if (!status) status = read_start(path, fd, header->start, &header->bytes, error);
  if (!status && fstat(fd, &file)) status = ufo_fail_errno(error, errno, "cannot examine store %s", path);
  if (!status) header->file_bytes = (uint64_t)file.st_size;
  if (status) ufo_lmdb_header_free(header);
  return status;
}

static ufo_status put_back(const char *path, const ufo_lmdb_header *header, ufo_error *error) {
  for (uint64_t done = 0; done < header->bytes;) {
    ssize_t put = pwrite(header->fd, header->start + done, header->bytes - done, (off_t)done);
    if (put < 0 && errno != EINTR)
      return ufo_fail_errno(error, errno, "the header of store %s was overwritten and cannot be put back", path);
    if (put > 0) done += (uint64_t)put;
  }
  if (fsync(header->fd))
    return ufo_fail_errno(error, errno, "the header of store %s was put back, but not made durable", path);
  return ufo_fail(error, UFO_IO,
                  "cannot open store %s: a read of its header found nothing, although it is there; nothing was changed",
                  path);
}

ufo_status ufo_lmdb_header_check(const char *path, const ufo_lmdb_header *header, ufo_error *error) {
  struct stat file;
  uint64_t bytes;
  uint8_t *now = malloc(2 * page_bytes());
  if (!now) return ufo_fail(error, UFO_FULL, "cannot open store %s: out of memory", path);
  ufo_status status = read_start(path, header->fd, now, &bytes, error);
  bool begun = !status && is_new(now, bytes) && !is_new(header->start, header->bytes);
  free(now);
  if (!begun) return status;
  if (fstat(header->fd, &file)) return ufo_fail_errno(error, errno, "cannot examine store %s", path);
  if ((uint64_t)file.st_size >= header->file_bytes) return put_back(path, header, error);
  return ufo_fail(error, UFO_CORRUPT,
                  "store %s was emptied by another program while it was being opened: it had %llu bytes; restore it "
                  "from a copy",
                  path, (unsigned long long)header->file_bytes);
}
