/* progress.h - a progress bar on standard error. It appears only on a terminal, and only once the work has taken more
 * than a second; it erases itself at the end. */
#ifndef UFOSTORE_CLI_PROGRESS_H
#define UFOSTORE_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct progress {
  const char *label;
  uint64_t start_ns, drawn_ns;
  bool terminal, drawn;
} progress;

progress progress_start(const char *label);
/* Cheap enough to be called for every block of work. `total` 0: not known, only the amount is shown. */
void progress_update(progress *p, uint64_t done_bytes, uint64_t total_bytes);
void progress_end(progress *p);

#endif
