/* page_cache.c - see page_cache.h. */
#include "page_cache.h"

#include "cli/cli.h"
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PIECE_BYTES = 4 * 1024 * 1024 };

/* Reads to the end; *bytes_out is how much. */
static ufo_status read_all(int fd, const char *path, uint64_t *bytes_out, ufo_error *error) {
  void *piece;
  uint64_t bytes = 0;
  if (posix_memalign(&piece, 4096, PIECE_BYTES)) return set_error(error, UFO_FULL, "no memory to read %s", path);
  ssize_t got;
  while ((got = pread(fd, piece, PIECE_BYTES, (off_t)bytes)) > 0) bytes += (uint64_t)got;
  free(piece);
  *bytes_out = bytes;
  return got < 0 ? set_errno(error, "%s: cannot read", path) : UFO_OK;
}

ufo_status page_cache_warm(const char *path, ufo_error *error) {
  uint64_t bytes;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return set_errno(error, "%s: cannot open", path);
  ufo_status status = read_all(fd, path, &bytes, error);
  close(fd);
  return status;
}

ufo_status page_cache_read(const char *path, int direct, double *gb_per_s_out, ufo_error *error) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | (direct ? O_DIRECT : 0));
  if (fd < 0) {
    ufo_status status = set_errno(error, "%s: cannot open", path);
    return errno == EINVAL ? UFO_UNSUPPORTED : status;
  }
  if (!direct) posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  uint64_t bytes = 0, begin = now_ns();
  ufo_status status = read_all(fd, path, &bytes, error);
  *gb_per_s_out = gb_per_s(bytes, now_ns() - begin);
  close(fd);
  return status;
}

static ufo_status count_resident(int fd, const char *path, uint64_t *resident_out, uint64_t *pages_out,
                                 ufo_error *error) {
  struct stat facts;
  if (fstat(fd, &facts)) return set_errno(error, "%s: cannot look at the file", path);
  size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = ((size_t)facts.st_size + page - 1) / page;
  *pages_out = pages;
  *resident_out = 0;
  if (pages == 0) return UFO_OK;
  unsigned char *in_memory = malloc(pages);
  void *map = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_SHARED, fd, 0);
  ufo_status status = UFO_OK;
  if (!in_memory || map == MAP_FAILED || mincore(map, (size_t)facts.st_size, in_memory))
    status = set_errno(error, "%s: cannot tell what is in the page cache", path);
  for (size_t i = 0; !status && i < pages; i++) *resident_out += in_memory[i] & 1;
  if (map != MAP_FAILED) munmap(map, (size_t)facts.st_size);
  free(in_memory);
  return status;
}

ufo_status page_cache_drop(const char *path, ufo_error *error) {
  uint64_t resident = 0, pages = 0;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return set_errno(error, "%s: cannot open", path);
  ufo_status status = UFO_OK;
  if (fsync(fd)) status = set_errno(error, "%s: cannot sync", path);
  /* Pages that are under way to the disk stay for a moment. */
  for (int attempt = 0; !status && attempt < 20; attempt++) {
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    status = count_resident(fd, path, &resident, &pages, error);
    if (resident <= pages / 100) break;
    usleep(50000);
  }
  close(fd);
  if (status || resident <= pages / 100) return status;
  return set_error(error, UFO_UNSUPPORTED, "%llu of %llu pages of %s stay in the page cache",
                   (unsigned long long)resident, (unsigned long long)pages, path);
}
