/* input.h - the text of a CSV file as UTF-8: a window that moves over it. */
#ifndef UFO_CSV_INPUT_H
#define UFO_CSV_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ufostore/error.h>

#include "csv/utf16.h"

#define UFO_CSV_WINDOW_BYTES ((size_t)256 << 10)
#define UFO_CSV_WINDOW_MAX ((size_t)256 << 20) /* a record that needs more is a missing quote */

/* The text that is not taken yet is bytes[at .. filled), which ..._more() may move; behind it is a line end, for those
 * who look for one without counting. */
typedef struct ufo_csv_input {
  int fd;
  const char *name; /* of the file, for messages */
  char *bytes;
  size_t at, filled, capacity;
  bool started, ended;  /* there is no more behind `filled` */
  uint64_t read;        /* bytes of the file */
  ufo_csv_utf16 *utf16; /* NULL: the file is not in it */
} ufo_csv_input;

/* From where `fd` stands; it and `name` must outlive the input. `window`: bytes, 0 for the usual. False: no memory. */
bool ufo_csv_input_open(ufo_csv_input *input, int fd, const char *name, size_t window);
void ufo_csv_input_close(ufo_csv_input *input);

/* As much more text as the window holds, which is made larger if nothing of it is taken; or it has ended. `line` is
 * where the text that is not taken begins, for messages. */
ufo_status ufo_csv_input_more(ufo_csv_input *input, uint64_t line, ufo_error *error);

#endif
