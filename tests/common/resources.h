/* resources.h - what this process holds at the moment, as the system sees it: for tests that want it to stay flat. */
#ifndef UFO_TEST_RESOURCES_H
#define UFO_TEST_RESOURCES_H

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

typedef struct resources {
  uint64_t descriptors, mappings, threads;
  uint64_t locks; /* on the file that was named, of all processes */
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

static inline resources resources_now(const char *locked_path) {
  resources now = {.descriptors = count_entries_of("/proc/self/fd") - 1, /* the one that counts them */
                   .mappings = count_lines_of("/proc/self/maps", NULL),
                   .threads = count_entries_of("/proc/self/task")};
  struct stat file;
  if (locked_path && stat(locked_path, &file) == 0) {
    char inode[48];
    /* With its device: other files, of other tests, may have the same number. */
    snprintf(inode, sizeof inode, "%02x:%02x:%" PRIu64 " ", major(file.st_dev), minor(file.st_dev),
             (uint64_t)file.st_ino);
    /* The kernel writes that list piece by piece: while other tests lock and unlock, a line may come twice. */
    now.locks = UINT64_MAX;
    for (int i = 0; i < 5; i++) {
      uint64_t count = count_lines_of("/proc/locks", inode);
      if (count < now.locks) now.locks = count;
    }
  }
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
