/* version.h - the version of ufostore, and the mark that makes a name public. */
#ifndef UFOSTORE_VERSION_H
#define UFOSTORE_VERSION_H

#define UFO_VERSION_MAJOR 0
#define UFO_VERSION_MINOR 1
#define UFO_VERSION_PATCH 0
#define UFO_VERSION "0.1.0"

/* Everything else in the library is built with hidden visibility; so is this where UFO_STATIC is defined, for programs
 * that compile the library into themselves. */
#if defined(__GNUC__) && !defined(UFO_STATIC)
#define UFO_API __attribute__((visibility("default")))
#else
#define UFO_API
#endif
#if defined(__GNUC__)
#define UFO_MUST_CHECK __attribute__((warn_unused_result))
#else
#define UFO_MUST_CHECK
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that is running, as "major.minor.patch". Static storage; any thread. */
UFO_API const char *ufo_version(void);

#ifdef __cplusplus
}
#endif
#endif
