/* findings.h - what `ufostore verify` finds, as lines for people or as one JSON document. */
#ifndef UFOSTORE_CLI_FINDINGS_H
#define UFOSTORE_CLI_FINDINGS_H

#include "cli.h"
#include "json.h"
#include "progress.h"

typedef struct findings {
  progress p;
  json j;
  bool as_json, begun;
  const char *path, *out; /* `out`: the store to salvage to; NULL: nothing is salvaged */
  bool preflight;
  uint64_t count;
  bool complete; /* all was looked at */
} findings;

/* Callbacks of the library; `user` is a findings. They stop when a signal came. */
int findings_report(void *user, const ufo_damage *damage);
int findings_progress(void *user, uint64_t done, uint64_t total);

/* The store was refused as a whole; the message was printed already. */
void findings_refuse(findings *f, const ufo_error *error);

/* Ends the progress and, as JSON, the document. `store` is the one that was checked, or that was made, for its counts;
 * NULL: they are not known. */
void findings_end(findings *f, ufo_store *store);

#endif
