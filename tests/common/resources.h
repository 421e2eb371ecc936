/* resources.h - what this process holds at the moment, as the system sees it: for tests that want it to stay flat. */
#ifndef UFO_TEST_RESOURCES_H
#define UFO_TEST_RESOURCES_H

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct resources {
  uint64_t descriptors, mappings, threads;
  uint64_t locks; /* ranges of the file that was named, locked by any process */
  uint64_t resident_bytes;
  uint64_t written_bytes; /* by system calls, since the process began */
} resources;

static inline uint64_t count_entries_of(const char *folder) {
  DIR *directory = opendir(folder);
  uint64_t count = 0;
  if (!directory) return 0;
  while (readdir(directory)) count++;
  closedir(directory);
  return count - 2; /* . and .. */
}

static inline uint64_t count_lines_of(const char *path, const char *with) {
  FILE *file = fopen(path, "r");
  char line[4096];
  uint64_t count = 0;
  if (!file) return 0;
  while (fgets(line, sizeof line, file)) count += !with || strstr(line, with);
  fclose(file);
  return count;
}

/* Ranges that anybody has locked, asked for one after the other. (/proc/locks is written piece by piece: while other
 * tests lock and unlock, lines come twice, or not at all.) */
static inline uint64_t count_locks_on(const char *path) {
  int file = open(path, O_RDWR | O_CLOEXEC);
  uint64_t count = 0;
  struct flock range = {0};
  for (int64_t at = 0; file >= 0; count++) {
    range = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at};
    if (fcntl(file, F_OFD_GETLK, &range) || range.l_type == F_UNLCK) break;
    if (range.l_len == 0 || range.l_start + range.l_len <= at) break; /* the last; or one that cannot be */
    at = range.l_start + range.l_len;
  }
  if (file >= 0) close(file);
  return count;
}

static inline resources resources_now(const char *locked_path) {
  resources now = {.descriptors = count_entries_of("/proc/self/fd") - 1, /* the one that counts them */
                   .mappings = count_lines_of("/proc/self/maps", NULL),
                   .threads = count_entries_of("/proc/self/task")};
  if (locked_path) now.locks = count_locks_on(locked_path);
  FILE *statm = fopen("/proc/self/statm", "r");
  uint64_t total = 0, resident = 0;
  if (statm && fscanf(statm, "%" SCNu64 " %" SCNu64, &total, &resident) == 2) {
    now.resident_bytes = resident * (uint64_t)sysconf(_SC_PAGESIZE);
  }
  if (statm) fclose(statm);
  FILE *io = fopen("/proc/self/io", "r");
  char line[64];
  while (io && fgets(line, sizeof line, io)) {
    if (sscanf(line, "wchar: %" SCNu64, &now.written_bytes) == 1) break;
  }
  if (io) fclose(io);
  return now;
}

#endif
