/* spool.c - see spool.h. */
#include "spool.h"

#include "cli.h"
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 256 * 1024 };

static int open_unlinked(void) {
  const char *folders[] = {getenv("TMPDIR"), "/var/tmp", "/tmp"};
  for (unsigned i = 0; i < sizeof folders / sizeof *folders; i++) {
    if (!folders[i] || !*folders[i]) continue;
    int fd = open(folders[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) return fd;
    char name[4096]; /* a file system without O_TMPFILE */
    if (snprintf(name, sizeof name, "%s/ufostore-XXXXXX", folders[i]) >= (int)sizeof name) continue;
    fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0) continue;
    unlink(name);
    return fd;
  }
  return -1;
}

static ufo_status write_all(int fd, const char *data, size_t bytes, ufo_error *error) {
  while (bytes) {
    ssize_t done = write(fd, data, bytes);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return set_errno(error, "cannot keep the input in a temporary file (see TMPDIR)");
    data += done;
    bytes -= (size_t)done;
  }
  return UFO_OK;
}

static ufo_status copy_all(int from, const char *name, int to, uint64_t *bytes_out, ufo_error *error) {
  char *piece = malloc(PIECE_BYTES);
  if (!piece) return set_errno(error, "cannot read '%s'", name);
  progress p = progress_start("read");
  ufo_status status = UFO_OK;
  *bytes_out = 0;
  while (!status) {
    ssize_t got = read(from, piece, PIECE_BYTES);
    if (interrupted()) status = UFO_END;
    else if (got < 0 && errno != EINTR) status = set_errno(error, "cannot read '%s'", name);
    else if (!got) break;
    else if (got > 0) status = write_all(to, piece, (size_t)got, error);
    if (got > 0) progress_update(&p, *bytes_out += (uint64_t)got, 0);
  }
  progress_end(&p);
  free(piece);
  return status;
}

ufo_status spool_open(const char *file, int *fd_out, uint64_t *bytes_out, ufo_error *error) {
  bool standard = strcmp(file, "-") == 0;
  const char *name = standard ? "standard input" : file;
  struct stat facts;
  *fd_out = -1;
  int fd = standard ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return set_errno(error, "cannot read '%s'", name);
  ufo_status status = UFO_OK;
  if (fstat(fd, &facts)) status = set_errno(error, "cannot read '%s'", name);
  else if (S_ISDIR(facts.st_mode)) status = set_error(error, UFO_IO, "cannot read '%s': it is a directory", name);
  if (status) {
    close(fd);
    return status;
  }
  /* Standard input from a file may stand anywhere in it, so it is copied too. */
  if (S_ISREG(facts.st_mode) && !standard) {
    *fd_out = fd;
    *bytes_out = (uint64_t)facts.st_size;
    return UFO_OK;
  }
  int spooled = open_unlinked();
  if (spooled < 0) status = set_errno(error, "cannot make a temporary file for '%s' (see TMPDIR)", name);
  else status = copy_all(fd, name, spooled, bytes_out, error);
  close(fd);
  if (status && spooled >= 0) close(spooled);
  else *fd_out = spooled;
  return status;
}
