/* utf8.h - is this text? */
#ifndef UFO_UTIL_UTF8_H
#define UFO_UTIL_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Are these `length` bytes well-formed UTF-8 (no overlong forms, no surrogates, at most U+10FFFF) without a NUL? */
bool ufo_utf8_is_text(const char *bytes, size_t length);

#endif
