/* lines.h - lines of text become strings: the other way round from `get --as text`. */
#ifndef UFOSTORE_CLI_LINES_H
#define UFOSTORE_CLI_LINES_H

#include <ufostore/ufostore.h>

/* Writes each line of `fd` to the writer, the last one also without a line end: UTF-8, in which \n, \t, \r, \xHH and \\
 * stand for what they say, and a line NA for a missing string. UFO_USAGE, with the number of the line: it is not UTF-8,
 * has a zero byte, or a backslash before something else; UFO_END if a signal came. */
ufo_status lines_copy(int fd, const char *file, ufo_text_writer *writer, ufo_error *error);

#endif
