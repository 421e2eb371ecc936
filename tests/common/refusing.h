/* refusing.h - allocations that fail when they are told to, for a program linked with --wrap of the functions below
 * (see CMakeLists.txt). Included once. */
#ifndef UFO_TEST_REFUSING_H
#define UFO_TEST_REFUSING_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Shared with children: what a forked child allocates counts in the same row. */
static struct shared {
  _Atomic long count, fail_at, injected;
  _Atomic int armed, for_ever;
  void *_Atomic where; /* the caller that was refused first */
} * shared;
static _Atomic long living; /* allocated and not freed */

static int refused(void *where) {
  if (!shared || !atomic_load(&shared->armed)) return 0;
  long n = atomic_fetch_add(&shared->count, 1) + 1;
  if (n != shared->fail_at && !(shared->for_ever && n > shared->fail_at)) return 0;
  if (atomic_fetch_add(&shared->injected, 1) == 0) shared->where = where;
  return 1;
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
int __real_posix_memalign(void **out, size_t alignment, size_t bytes);
char *__real_strdup(const char *text);
void __real_free(void *memory);
void *__real_mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
int __wrap_posix_memalign(void **out, size_t alignment, size_t bytes);
char *__wrap_strdup(const char *text);
void __wrap_free(void *memory);
void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument);

static void *counted(void *memory) {
  if (memory) atomic_fetch_add(&living, 1);
  return memory;
}

static void *nothing(void) {
  errno = ENOMEM;
  return NULL;
}

#define CALLER __builtin_return_address(0)

void *__wrap_malloc(size_t bytes) { return refused(CALLER) ? nothing() : counted(__real_malloc(bytes)); }
void *__wrap_calloc(size_t count, size_t bytes) {
  return refused(CALLER) ? nothing() : counted(__real_calloc(count, bytes));
}
void *__wrap_realloc(void *memory, size_t bytes) {
  if (refused(CALLER)) return nothing();
  void *moved = __real_realloc(memory, bytes);
  return memory ? moved : counted(moved);
}
int __wrap_posix_memalign(void **out, size_t alignment, size_t bytes) {
  if (refused(CALLER)) return ENOMEM;
  int failed = __real_posix_memalign(out, alignment, bytes);
  if (!failed) counted(*out);
  return failed;
}
char *__wrap_strdup(const char *text) { return refused(CALLER) ? nothing() : counted(__real_strdup(text)); }
void __wrap_free(void *memory) {
  if (memory) atomic_fetch_sub(&living, 1);
  __real_free(memory);
}
void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset) {
  if (!refused(CALLER)) return __real_mmap(address, bytes, protection, flags, file, offset);
  errno = ENOMEM;
  return MAP_FAILED;
}
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument) {
  return refused(CALLER) ? EAGAIN : __real_pthread_create(thread, attributes, run, argument);
}

#endif
