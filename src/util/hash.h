/* hash.h - the checksum of long runs of bytes: XXH3-64, as fast as this processor can.
 *
 * The library's own XXH3_64bits is compiled for the oldest processor that it may meet: 19 GB/s from the cache, where
 * the same function in AVX2 does 50 (64 KiB, AMD EPYC). Every chunk is hashed when it is read, and again when its
 * window was moved in. */
#ifndef UFO_UTIL_HASH_H
#define UFO_UTIL_HASH_H

#include <stddef.h>
#include <stdint.h>

/* XXH3-64 with no seed, the same on every processor. Any thread; no side effects. */
uint64_t ufo_hash(const void *bytes, size_t count);

#endif
