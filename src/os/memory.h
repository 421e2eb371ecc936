/* memory.h - address space and physical memory. */
#ifndef UFO_OS_MEMORY_H
#define UFO_OS_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <ufostore/error.h>

uint64_t ufo_page_bytes(void); /* constant for the process */

/* Private anonymous memory that takes room only where it is touched. `bytes` is a multiple of the page. NULL: errno. */
void *ufo_memory_reserve(uint64_t bytes, bool writable);
/* The same, but inaccessible until ufo_memory_allow, never locked in memory (mlockall) and never of huge pages, so that
 * what is absent in it stays absent. */
void *ufo_memory_reserve_watched(uint64_t bytes);
/* The same, beginning at a multiple of `alignment`, a power of two of at least a page. */
void *ufo_memory_reserve_watched_aligned(uint64_t bytes, uint64_t alignment);
/* Asks the kernel to back the range by huge pages from now on, where it has any, or not to. */
void ufo_memory_want_huge(void *address, uint64_t bytes, bool huge);
/* Where a part of a huge page is dropped or protected alone, the kernel keeps all of its memory until the last part is
 * dropped. This takes the page apart, so that each part is memory of its own; content and protection stay. */
void ufo_memory_split_huge(void *address, uint64_t bytes);
/* As ufo_memory_reserve at a fixed place inside an existing reservation, replacing what is there. */
bool ufo_memory_replace(void *address, uint64_t bytes, bool writable);
void ufo_memory_release(void *address, uint64_t bytes);
/* Drops the pages; the next touch faults. The range must be whole pages. */
bool ufo_memory_drop(void *address, uint64_t bytes);
/* Any access from now on raises SIGSEGV. Splits no mapping if the range is a whole one. False: errno. */
bool ufo_memory_forbid(void *address, uint64_t bytes);
/* The same, with fresh memory in the place of what was there; undone by ufo_memory_allow. */
bool ufo_memory_replace_forbidden(void *address, uint64_t bytes);
bool ufo_memory_allow(void *address, uint64_t bytes, bool writable);
/* A descriptor of an empty file in memory, or -1 and errno. */
int ufo_memory_empty_file(void);
/* Any access from now on raises SIGBUS, on every kernel: a mapping past the end of that file. */
bool ufo_memory_map_sigbus(void *address, uint64_t bytes, int empty_file);

/* A reservation that counts as several mappings against the system's limit, so that giving it back makes room for some.
 * `bytes_out` is for ufo_memory_release. NULL if there was no room even now. */
void *ufo_memory_reserve_mappings(uint64_t *bytes_out);

/* Copies managed memory that other threads may be writing to. The caller has made sure (by write protection, or
 * because it will compare states afterwards) that a torn copy is never used; thread sanitizers need not look. */
void ufo_memory_copy_shared(void *target, const void *source, uint64_t bytes);

/* Gives free pages of the heap back to the system. The allocator keeps what a batch of buffers took, in each thread's
 * arena, and that would count against the memory that was promised. Walks the heap: for the end of large batches. */
void ufo_memory_trim_heap(void);

/* Bytes of files that this process has mapped and in memory, of all its mappings together. 0: not known. */
uint64_t ufo_memory_mapped_file_bytes(void);

/* What this process may use: physical memory, or less if its memory cgroup allows less. */
uint64_t ufo_memory_limit_bytes(void);

#endif
