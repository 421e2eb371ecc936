#include "os/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

uint64_t ufo_page_bytes(void) {
  static uint64_t page;
  uint64_t known = __atomic_load_n(&page, __ATOMIC_RELAXED);
  if (known) return known;
  long answer = sysconf(_SC_PAGESIZE);
  known = answer > 0 ? (uint64_t)answer : 4096;
  __atomic_store_n(&page, known, __ATOMIC_RELAXED);
  return known;
}

static int protection(bool writable) { return writable ? PROT_READ | PROT_WRITE : PROT_READ; }

static const int reserve_flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

void *ufo_memory_reserve(uint64_t bytes, bool writable) {
  void *address = mmap(NULL, bytes, protection(writable), reserve_flags, -1, 0);
  return address == MAP_FAILED ? NULL : address;
}

void ufo_memory_want_huge(void *address, uint64_t bytes, bool huge) {
  madvise(address, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE); /* fails where there are none, which is as good */
}

/* Where the process locks all its memory (mlockall), an accessible mapping is filled with zeros at once, and pages of
 * it could not be dropped; and a huge page made of it by the kernel would fill in zeros for what is absent. */
static bool keep_to_ourselves(void *address, uint64_t bytes) {
  ufo_memory_want_huge(address, bytes, false);
  return munlock(address, bytes) == 0;
}

void *ufo_memory_reserve_watched(uint64_t bytes) {
  void *address = mmap(NULL, bytes, PROT_NONE, reserve_flags, -1, 0);
  if (address == MAP_FAILED) return NULL;
  if (keep_to_ourselves(address, bytes)) return address;
  int cause = errno;
  munmap(address, bytes);
  errno = cause;
  return NULL;
}

void *ufo_memory_reserve_watched_aligned(uint64_t bytes, uint64_t alignment) {
  if (bytes > UINT64_MAX - alignment) return errno = ENOMEM, NULL;
  char *wide = ufo_memory_reserve_watched(bytes + alignment);
  if (!wide) return NULL;
  uint64_t before = -(uint64_t)(uintptr_t)wide & (alignment - 1);
  if (before) munmap(wide, before);
  if (alignment > before) munmap(wide + before + bytes, alignment - before);
  return wide + before;
}

/* That MADV_COLD for less than the page splits it is behaviour, not documented: measured on 6.18, where dropping 31 of
 * the 32 chunks of each page freed nothing without it and all of it with it. Older kernels than 5.4 know no MADV_COLD;
 * they have no UFFDIO_MOVE either, so no huge page comes about. */
void ufo_memory_split_huge(void *address, uint64_t bytes) {
  uint64_t page = ufo_page_bytes();
  if (bytes > page) madvise(address, page, MADV_COLD);
}

bool ufo_memory_replace(void *address, uint64_t bytes, bool writable) {
  return mmap(address, bytes, protection(writable), reserve_flags | MAP_FIXED, -1, 0) != MAP_FAILED;
}

void ufo_memory_release(void *address, uint64_t bytes) {
  if (address) munmap(address, bytes);
}

bool ufo_memory_drop(void *address, uint64_t bytes) {
  /* EAGAIN is a kernel resource shortage that passes. */
  int result;
  do result = madvise(address, bytes, MADV_DONTNEED);
  while (result && errno == EAGAIN);
  return result == 0;
}

bool ufo_memory_forbid(void *address, uint64_t bytes) { return mprotect(address, bytes, PROT_NONE) == 0; }

bool ufo_memory_replace_forbidden(void *address, uint64_t bytes) {
  return mmap(address, bytes, PROT_NONE, reserve_flags | MAP_FIXED, -1, 0) != MAP_FAILED &&
         keep_to_ourselves(address, bytes);
}

bool ufo_memory_allow(void *address, uint64_t bytes, bool writable) {
  return mprotect(address, bytes, protection(writable)) == 0;
}

int ufo_memory_empty_file(void) { return memfd_create("ufostore-failed-chunk", MFD_CLOEXEC); }

bool ufo_memory_map_sigbus(void *address, uint64_t bytes, int empty_file) {
  /* Any offset is past the end; with these the kernel makes one mapping of neighbours. */
  off_t offset = (off_t)(uintptr_t)address;
  return mmap(address, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, empty_file, offset) != MAP_FAILED;
}

void *ufo_memory_reserve_mappings(uint64_t *bytes_out) {
  enum { MAPPINGS = 9 };
  uint64_t page = ufo_page_bytes();
  *bytes_out = MAPPINGS * page;
  char *address = mmap(NULL, *bytes_out, PROT_NONE, reserve_flags, -1, 0);
  if (address == MAP_FAILED) return NULL;
  for (int i = 1; i < MAPPINGS; i += 2) mprotect(address + (uint64_t)i * page, page, PROT_READ);
  return address;
}

/* Own loop: sanitizers intercept memcpy even in functions that they are told to leave alone. */
__attribute__((no_sanitize("thread"), no_sanitize("address"))) void
ufo_memory_copy_shared(void *target, const void *source, uint64_t bytes) {
  uint64_t *to = target;
  const uint64_t *from = source;
  uint64_t words = bytes / sizeof *to;
  for (uint64_t i = 0; i < words; i++) to[i] = from[i];
  for (uint64_t i = words * sizeof *to; i < bytes; i++) ((uint8_t *)target)[i] = ((const uint8_t *)source)[i];
}

void ufo_memory_trim_heap(void) { malloc_trim(0); }

uint64_t ufo_memory_mapped_file_bytes(void) {
  char text[128];
  unsigned long long size, resident, shared;
  int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC); /* anew each time: a child's would be its parent's */
  if (file < 0) return 0;
  ssize_t got = read(file, text, sizeof text - 1);
  close(file);
  if (got <= 0) return 0;
  text[got] = '\0';
  return sscanf(text, "%llu %llu %llu", &size, &resident, &shared) == 3 ? shared * ufo_page_bytes() : 0;
}

/* The number in a one-line file of the cgroup file system; UINT64_MAX for "max", a missing file or nonsense. */
static uint64_t read_limit(const char *path) {
  uint64_t limit = UINT64_MAX;
  FILE *file = fopen(path, "re");
  if (!file) return limit;
  char line[64];
  if (fgets(line, sizeof line, file) && line[0] >= '0' && line[0] <= '9') limit = strtoull(line, NULL, 10);
  fclose(file);
  return limit;
}

/* The limits of this process's own memory cgroup and of all above it, for version 2 ("0::/path") and 1
 * ("7:memory:/path"); see cgroups(7). */
static uint64_t cgroup_limit(void) {
  uint64_t least = UINT64_MAX;
  FILE *file = fopen("/proc/self/cgroup", "re");
  if (!file) return least;
  char line[1024];
  while (fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path) continue;
    *path++ = '\0';
    controllers++;
    bool unified = *controllers == '\0';
    if (!unified && strcmp(controllers, "memory") != 0) continue;
    for (;;) {
      char name[1200];
      snprintf(name, sizeof name,
               unified ? "/sys/fs/cgroup%s/memory.max" : "/sys/fs/cgroup/memory%s/memory.limit_in_bytes",
               strcmp(path, "/") == 0 ? "" : path);
      uint64_t limit = read_limit(name);
      if (limit < least) least = limit;
      char *slash = strrchr(path, '/');
      if (!slash || path[0] == '\0') break;
      *slash = '\0';
    }
  }
  fclose(file);
  return least;
}

uint64_t ufo_memory_limit_bytes(void) {
  long pages = sysconf(_SC_PHYS_PAGES);
  uint64_t physical = pages > 0 ? (uint64_t)pages * ufo_page_bytes() : (uint64_t)1 << 30;
  uint64_t limit = cgroup_limit();
  return limit < physical ? limit : physical;
}
