#include "util/fail.h"
#include "util/utf8.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(fail, fills_code_and_message_and_keeps_errno) {
  ufo_error error = {.os_errno = 77};
  errno = EINTR;
  cr_assert_eq(ufo_fail(&error, UFO_CORRUPT, "chunk %d of \"%s\"", 3, "x"), UFO_CORRUPT);
  cr_assert_eq(error.code, UFO_CORRUPT);
  cr_assert_eq(error.os_errno, 0);
  cr_assert_str_eq(error.message, "chunk 3 of \"x\"");
  cr_assert_eq(errno, EINTR);
}

Test(fail, needs_no_error_to_fill) {
  cr_assert_eq(ufo_fail(NULL, UFO_FULL, "%s", "nobody listens"), UFO_FULL);
  cr_assert_eq(ufo_fail_errno(NULL, ENOSPC, "write"), UFO_FULL);
  cr_assert_eq(ufo_fail_prefix(NULL, UFO_IO, "store"), UFO_IO);
}

Test(fail, errno_becomes_a_status_and_a_cause) {
  const struct {
    int os_errno;
    ufo_status status;
  } cases[] = {{ENOSPC, UFO_FULL}, {EDQUOT, UFO_FULL},    {ENOMEM, UFO_FULL}, {EMFILE, UFO_FULL},
               {ENFILE, UFO_FULL}, {ENOENT, UFO_MISSING}, {EACCES, UFO_IO},   {EIO, UFO_IO}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    ufo_error error = {0};
    errno = EINTR;
    cr_assert_eq(ufo_fail_errno(&error, cases[i].os_errno, "open \"%s\"", "f"), cases[i].status);
    cr_assert_eq(error.code, cases[i].status);
    cr_assert_eq(error.os_errno, cases[i].os_errno);
    cr_assert_eq(strncmp(error.message, "open \"f\": ", 10), 0, "%s", error.message);
    cr_assert_str_eq(error.message + 10, strerror(cases[i].os_errno));
    cr_assert_eq(errno, EINTR);
  }
}

Test(fail, prefix_keeps_the_cause) {
  ufo_error error = {0};
  ufo_fail_errno(&error, EIO, "read");
  char before[UFO_ERROR_MESSAGE_BYTES];
  strcpy(before, error.message);
  cr_assert_eq(ufo_fail_prefix(&error, UFO_IO, "chunk %d", 7), UFO_IO);
  cr_assert_eq(strncmp(error.message, "chunk 7: ", 9), 0);
  cr_assert_str_eq(error.message + 9, before);
  cr_assert_eq(error.os_errno, EIO);
}

/* Messages of every length around the limit, of characters of 1 to 4 bytes: what is left is text and fits. */
Test(fail, long_messages_are_cut_between_characters) {
  const char *characters[] = {"a", "\xC3\xBC", "\xE2\x82\xAC", "\xF0\x9F\x9A\x80"};
  static char text[2 * UFO_ERROR_MESSAGE_BYTES];
  for (int c = 0; c < 4; c++)
    for (size_t lead = 0; lead < 5; lead++)
      for (int how = 0; how < 3; how++) {
        text[0] = '\0';
        for (size_t i = 0; i < lead; i++) strcat(text, "-");
        while (strlen(text) < 1500) strcat(text, characters[c]);
        ufo_error error = {.message = "cause"};
        if (how == 0) ufo_fail(&error, UFO_IO, "%s", text);
        if (how == 1) ufo_fail_errno(&error, EIO, "%s", text);
        if (how == 2) ufo_fail_prefix(&error, UFO_IO, "%s", text);
        size_t length = strnlen(error.message, sizeof error.message);
        cr_assert_lt(length, sizeof error.message);
        cr_assert_geq(length, sizeof error.message - 5);
        cr_assert(ufo_utf8_is_text(error.message, length), "character %d, lead %zu, way %d", c, lead, how);
        cr_assert_eq(strncmp(error.message, text, length), 0);
      }
}

/* The cause may push a message over the limit that would itself have fitted. */
Test(fail, a_cause_that_does_not_fit_is_cut) {
  ufo_error error;
  char text[UFO_ERROR_MESSAGE_BYTES];
  for (size_t n = sizeof text - 12; n < sizeof text; n++) {
    memset(text, 'x', n);
    text[n] = '\0';
    ufo_fail_errno(&error, EIO, "%s", text);
    cr_assert_lt(strnlen(error.message, sizeof error.message), sizeof error.message);
  }
}

Test(fail, every_status_has_a_name) {
  for (int status = UFO_UNSUPPORTED; status <= UFO_END; status++)
    cr_assert_str_neq(ufo_status_name((ufo_status)status), "unknown");
  cr_assert_str_eq(ufo_status_name(UFO_CONFLICT), "conflict");
  cr_assert_str_eq(ufo_status_name((ufo_status)55), "unknown");
  cr_assert_str_eq(ufo_version(), UFO_VERSION);
}
