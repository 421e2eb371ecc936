/* hash.h - XXH3-64 of long pieces, by wider registers where the processor has them.
 *
 * The value is that of XXH3_64bits(), always; only the speed differs. Distributions build libxxhash for the oldest
 * processor of a kind: 64 KiB in the cache take it 3.3 us, and 1.1 us with AVX2. */
#ifndef UFO_UTIL_HASH_H
#define UFO_UTIL_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Thread-safe; allocates nothing and cannot fail. For less than some hundred bytes XXH3_64bits() is as good. */
uint64_t ufo_hash(const void *bytes, size_t count);

#ifdef __x86_64__
uint64_t ufo_hash_avx2(const void *bytes, size_t count); /* only where the processor has AVX2 */
#endif

#endif
