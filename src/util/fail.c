/* Messages are formatted straight into the caller's ufo_error. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* the strerror_r that returns the text */
#endif
#define UFO_FAIL_C
#include "util/fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *ufo_status_name(ufo_status status) {
  switch (status) {
  case UFO_OK:
    return "ok";
  case UFO_END:
    return "end";
  case UFO_IO:
    return "io";
  case UFO_CORRUPT:
    return "corrupt";
  case UFO_CONFLICT:
    return "conflict";
  case UFO_FULL:
    return "full";
  case UFO_MISSING:
    return "missing";
  case UFO_USAGE:
    return "usage";
  case UFO_UNSUPPORTED:
    return "unsupported";
  }
  return "unknown";
}

const char *ufo_version(void) { return UFO_VERSION; }

/* Cuts a message that filled its buffer back to a whole UTF-8 character. */
static void trim(char *message, int length) {
  if (length < UFO_ERROR_MESSAGE_BYTES) return;
  size_t end = UFO_ERROR_MESSAGE_BYTES - 1;
  while (end > 0 && ((unsigned char)message[end - 1] & 0xC0) == 0x80) end--;
  if (end > 0 && (unsigned char)message[end - 1] >= 0xC0) end--;
  message[end] = '\0';
}

ufo_status ufo_fail(ufo_error *error, ufo_status code, const char *format, ...) {
  if (!error) return code;
  int saved = errno;
  error->code = code;
  error->os_errno = 0;
  va_list arguments;
  va_start(arguments, format);
  trim(error->message, vsnprintf(error->message, sizeof error->message, format, arguments));
  va_end(arguments);
  errno = saved;
  return code;
}

static ufo_status status_of_errno(int os_errno) {
  switch (os_errno) {
  case ENOSPC:
  case EDQUOT:
  case ENOMEM:
  case EMFILE:
  case ENFILE:
    return UFO_FULL;
  case ENOENT:
    return UFO_MISSING;
  default:
    return UFO_IO;
  }
}

ufo_status ufo_fail_errno(ufo_error *error, int os_errno, const char *format, ...) {
  ufo_status code = status_of_errno(os_errno);
  if (!error) return code;
  int saved = errno;
  error->code = code;
  error->os_errno = os_errno;
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  if (length < 0) length = 0;
  if (length < UFO_ERROR_MESSAGE_BYTES) {
    char text[128];
    /* The GNU strerror_r may return a static string instead of filling the buffer. */
    const char *cause = strerror_r(os_errno, text, sizeof text);
    length += snprintf(error->message + length, sizeof error->message - (size_t)length, ": %s", cause);
  }
  trim(error->message, length);
  errno = saved;
  return code;
}

ufo_status ufo_fail_prefix(ufo_error *error, ufo_status code, const char *format, ...) {
  if (!error) return code;
  int saved = errno;
  error->code = code;
  char old[UFO_ERROR_MESSAGE_BYTES];
  memcpy(old, error->message, sizeof old);
  old[sizeof old - 1] = '\0'; /* the message may be a callback's, written without much care */
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  if (length < 0) length = 0;
  if (length < UFO_ERROR_MESSAGE_BYTES)
    length += snprintf(error->message + length, sizeof error->message - (size_t)length, ": %s", old);
  trim(error->message, length);
  errno = saved;
  return code;
}
