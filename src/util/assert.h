/* assert.h - what must hold if this library is right. Never for input, which is checked and reported. */
#ifndef UFO_UTIL_ASSERT_H
#define UFO_UTIL_ASSERT_H

/* Checked builds (dev, asan, tsan) stop at the spot, for the debugger and the core file to show: the library prints
 * nothing. Other builds do not evaluate `condition`, but compile it, so that its names stay used. */
#ifdef UFO_CHECKED
#define UFO_ASSERT(condition) ((condition) ? (void)0 : __builtin_trap())
#else
#define UFO_ASSERT(condition) ((void)sizeof((condition) ? 1 : 0))
#endif

#endif
