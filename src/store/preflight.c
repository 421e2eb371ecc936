/* preflight.c - what can be known of an LMDB file before LMDB maps it.
 *
 * LMDB 0.9 trusts its header: a page size of zero is a division by zero, a file shorter than its header says is a
 * SIGBUS. So the two meta pages are read with pread and checked first. Offsets below are those of LMDB 0.9's data
 * version 1 on 64-bit little-endian machines: a 16-byte page header, then MDB_meta. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/engine.h"
#include "util/bytes.h"
#include "util/checked.h"
#include "util/fail.h"

enum {
  META_BYTES = 152, /* page header and MDB_meta */
  AT_FLAGS = 10,
  AT_MAGIC = 16,
  AT_VERSION = 20,
  AT_PAGE_BYTES = 40, /* mm_dbs[FREE_DBI].md_pad */
  AT_LAST_PAGE = 136,
  AT_TXN = 144,
  PAGE_META = 0x08,
};
#define LMDB_MAGIC 0xBEEFC0DEu
#define LMDB_VERSION 1u
#define LMDB_VERSION_DEVELOPMENT 999u

static ufo_status read_meta(int fd, uint64_t offset, uint8_t *meta, const char *path, ufo_error *error) {
  ssize_t got;
  do got = pread(fd, meta, META_BYTES, (off_t)offset);
  while (got < 0 && errno == EINTR);
  if (got < 0) return ufo_fail_errno(error, errno, "cannot read the header of store %s", path);
  if (got < META_BYTES) {
    return ufo_fail(error, UFO_CORRUPT, "%s is not a ufostore file, or was cut short: its header is incomplete", path);
  }
  return UFO_OK;
}

static ufo_status check_meta(const uint8_t *meta, const char *path, ufo_error *error) {
  if (ufo_get_le32(meta + AT_MAGIC) != LMDB_MAGIC || !(ufo_get_le16(meta + AT_FLAGS) & PAGE_META)) {
    return ufo_fail(error, UFO_CORRUPT, "%s is not a ufostore file: it has no LMDB header", path);
  }
  uint32_t version = ufo_get_le32(meta + AT_VERSION);
  if (version != LMDB_VERSION) {
    return ufo_fail(
        error, UFO_UNSUPPORTED,
        "%s is an LMDB file of data version %u%s; this build reads version %u (LMDB 0.9): rewrite the store "
        "with a release that reads it",
        path, version, version == LMDB_VERSION_DEVELOPMENT ? " (a development version)" : "", LMDB_VERSION);
  }
  return UFO_OK;
}

ufo_status ufo_engine_preflight(int fd, const char *path, ufo_error *error) {
  struct stat file;
  if (fstat(fd, &file)) return ufo_fail_errno(error, errno, "cannot examine store %s", path);
  if (!S_ISREG(file.st_mode))
    return ufo_fail(error, UFO_CORRUPT, "%s is not a ufostore file: not a regular file", path);
  if (file.st_size == 0) return ufo_fail(error, UFO_CORRUPT, "%s is not a ufostore file: it is empty", path);

  uint8_t meta[2][META_BYTES];
  ufo_status status = read_meta(fd, 0, meta[0], path, error);
  if (!status) status = check_meta(meta[0], path, error);
  if (status) return status;
  uint32_t page_bytes = ufo_get_le32(meta[0] + AT_PAGE_BYTES);
  if (!ufo_is_power_of_two(page_bytes) || page_bytes < 4096 || page_bytes > 32768) {
    return ufo_fail(error, UFO_CORRUPT, "the header of store %s is damaged: page size %u", path, page_bytes);
  }
  status = read_meta(fd, page_bytes, meta[1], path, error);
  if (!status) status = check_meta(meta[1], path, error);
  if (status) return status;
  if (ufo_get_le32(meta[1] + AT_PAGE_BYTES) != page_bytes) {
    return ufo_fail(error, UFO_CORRUPT, "the header of store %s is damaged: page sizes %u and %u", path, page_bytes,
                    ufo_get_le32(meta[1] + AT_PAGE_BYTES));
  }
  const uint8_t *newest = ufo_get_le64(meta[1] + AT_TXN) > ufo_get_le64(meta[0] + AT_TXN) ? meta[1] : meta[0];
  uint64_t last_page = ufo_get_le64(newest + AT_LAST_PAGE), needed;
  if (ufo_add_overflows(last_page, 1, &needed) || ufo_mul_overflows(needed, page_bytes, &needed)) {
    return ufo_fail(error, UFO_CORRUPT, "the header of store %s is damaged: last page %llu", path,
                    (unsigned long long)last_page);
  }
  /* Asked for only now: another process may just have made the file, and then its header, say more. */
  if (fstat(fd, &file)) return ufo_fail_errno(error, errno, "cannot examine store %s", path);
  uint64_t file_bytes = (uint64_t)file.st_size;
  if (needed > file_bytes) {
    return ufo_fail(error, UFO_CORRUPT,
                    "store %s was cut short: it should have %llu bytes and has %llu; restore it from a copy", path,
                    (unsigned long long)needed, (unsigned long long)file_bytes);
  }
  return UFO_OK;
}
