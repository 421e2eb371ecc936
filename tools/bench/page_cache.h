/* page_cache.h - whether a file is in memory, and how fast the device gives it. */
#ifndef UFOSTORE_BENCH_PAGE_CACHE_H
#define UFOSTORE_BENCH_PAGE_CACHE_H

#include <stdint.h>
#include <ufostore/error.h>

/* Reads the whole file. */
ufo_status page_cache_warm(const char *path, ufo_error *error);

/* Syncs the file and takes its pages out of the page cache (POSIX_FADV_DONTNEED: no right is needed, but nobody may
 * have it mapped), and makes sure by mincore(). UFO_UNSUPPORTED: more than one page in a hundred stays in memory, as on
 * tmpfs.
 */
ufo_status page_cache_drop(const char *path, ufo_error *error);

/* Reads the file from its beginning to its end in large pieces, through the page cache or past it (`direct`, which not
 * every file system can: UFO_UNSUPPORTED). *gb_per_s_out: 10^9 bytes a second. */
ufo_status page_cache_read(const char *path, int direct, double *gb_per_s_out, ufo_error *error);

#endif
