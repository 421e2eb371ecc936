/* fuzz.h - what the fuzz targets share: promises that stop the program, buffers that end at a guard page, and a reader
 * that turns input into numbers. Everything is static: one include per target. */
#ifndef UFO_TEST_FUZZ_H
#define UFO_TEST_FUZZ_H

#include <ftw.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A target may say how many mutations of its corpus the gate tries; standalone.c has a number for those that do not. */
extern unsigned fuzz_mutations;

/* What must hold for any input. Stops in every build. */
#define PROMISE(condition)                                                                                             \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #condition);                                  \
      abort();                                                                                                         \
    }                                                                                                                  \
  } while (0)

/* ---- buffers ----------------------------------------------------------------------------------------------------- */

/* Room for up to GUARDED_MAX bytes that end directly before a page without access: one byte too far is a SIGSEGV, in
 * builds without a sanitizer too. */
#define GUARDED_MAX ((size_t)1 << 20)

typedef struct guarded {
  uint8_t *end;
} guarded;

static inline uint8_t *guarded_room(guarded *g, size_t bytes) {
  if (!g->end) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *base = mmap(NULL, GUARDED_MAX + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    PROMISE(base != MAP_FAILED && !mprotect(base + GUARDED_MAX, page, PROT_NONE));
    g->end = base + GUARDED_MAX;
  }
  PROMISE(bytes <= GUARDED_MAX);
  return g->end - bytes;
}

static inline uint8_t *guarded_copy(guarded *g, const void *data, size_t bytes) {
  uint8_t *room = guarded_room(g, bytes);
  if (bytes) memcpy(room, data, bytes);
  return room;
}

/* ---- input ------------------------------------------------------------------------------------------------------- */

typedef struct input {
  const uint8_t *at;
  size_t left;
} input;

/* The next byte; 0 when there are none left. */
static inline uint8_t take_byte(input *in) {
  if (!in->left) return 0;
  in->left--;
  return *in->at++;
}

static inline uint64_t take_number(input *in, unsigned bytes) {
  uint64_t number = 0;
  for (unsigned i = 0; i < bytes; i++) number |= (uint64_t)take_byte(in) << (8 * i);
  return number;
}

/* ---- scratch ----------------------------------------------------------------------------------------------------- */

static char fuzz_folder_path[64];

static inline int fuzz_unlink(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info, (void)kind, (void)walk;
  return remove(path);
}

static inline void fuzz_remove_folder(void) { nftw(fuzz_folder_path, fuzz_unlink, 8, FTW_DEPTH | FTW_PHYS); }

/* A folder in memory, made once per process and removed at its end; what a target that was stopped leaves is small. */
static inline const char *fuzz_folder(void) {
  char *folder = fuzz_folder_path;
  if (!folder[0]) {
    snprintf(folder, sizeof fuzz_folder_path, "%s/ufo-fuzz-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    PROMISE(mkdtemp(folder));
    atexit(fuzz_remove_folder);
  }
  return folder;
}

#endif
