/* lines.c - see lines.h. */
#include "lines.h"

#include "cli.h"
#include "progress.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int hex_digit(char c) {
  static const char digits[] = "0123456789abcdef";
  const char *at = c ? strchr(digits, c | 0x20) : NULL;
  return at ? (int)(at - digits) : -1;
}

/* In place. False: there is no such escape. */
static bool unescape(char *text, size_t *length) {
  size_t to = 0;
  for (size_t i = 0; i < *length; i++) {
    char c = text[i], next = i + 1 < *length ? text[i + 1] : 0;
    if (c != '\\') {
      text[to++] = c;
      continue;
    }
    i++;
    if (next == 'n') text[to++] = '\n';
    else if (next == 't') text[to++] = '\t';
    else if (next == 'r') text[to++] = '\r';
    else if (next == '\\') text[to++] = '\\';
    else {
      int high = next == 'x' && i + 2 < *length ? hex_digit(text[i + 1]) : -1,
          low = high < 0 ? -1 : hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return false;
      text[to++] = (char)((unsigned)high << 4 | (unsigned)low);
      i += 2;
    }
  }
  *length = to;
  return true;
}

static ufo_status write_line(char *text, size_t length, ufo_text_writer *writer, const char *file, uint64_t number,
                             ufo_error *error) {
  const char *wrong = NULL;
  ufo_string string = {.encoding = UFO_ENCODING_UTF8};
  if (length != 2 || memcmp(text, "NA", 2) != 0) {
    if (!unescape(text, &length)) wrong = "has a backslash that escapes nothing; write \\\\ for one";
    else if (memchr(text, 0, length)) wrong = "has a zero byte, which no string can have";
    else if (!utf8_valid(text, length)) wrong = "is not UTF-8";
    string.bytes = text;
    string.length = length;
  }
  if (wrong)
    return set_error(error, UFO_USAGE, "'%s': line %llu %s; nothing was stored", file, (unsigned long long)number,
                     wrong);
  return ufo_text_writer_write(writer, &string, 1, error);
}

ufo_status lines_copy(int fd, const char *file, ufo_text_writer *writer, ufo_error *error) {
  struct stat facts;
  uint64_t done = 0, number = 0, total = fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) ? (uint64_t)facts.st_size : 0;
  char *line = NULL;
  size_t capacity = 0;
  int copy = dup(fd);
  FILE *stream = copy < 0 ? NULL : fdopen(copy, "r");
  if (!stream) {
    if (copy >= 0) close(copy);
    return set_errno(error, "cannot read '%s'", file);
  }
  progress p = progress_start("put");
  ufo_status status = UFO_OK;
  while (!status) {
    errno = 0;
    ssize_t length = getline(&line, &capacity, stream);
    if (interrupted()) status = UFO_END;
    else if (length < 0 && (ferror(stream) || errno == ENOMEM)) status = set_errno(error, "cannot read '%s'", file);
    if (length < 0 || status) break;
    done += (uint64_t)length;
    size_t bytes = (size_t)length - (line[length - 1] == '\n');
    status = write_line(line, bytes, writer, file, ++number, error);
    if (number % 4096 == 0) progress_update(&p, done, total);
  }
  progress_end(&p);
  free(line);
  fclose(stream);
  return status;
}
