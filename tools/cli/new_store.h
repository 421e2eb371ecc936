/* new_store.h - the store that put and import make if there is none, and take away again if nothing came of it. */
#ifndef UFOSTORE_CLI_NEW_STORE_H
#define UFOSTORE_CLI_NEW_STORE_H

#include <stdbool.h>
#include <ufostore/ufostore.h>

/* Opens the store at `path` for writing and creates it if it is missing: *made_out says whether this call did. On
 * failure prints the message, sets *status_out and returns NULL. */
ufo_store *open_or_make_store(const char *path, bool *made_out, int *status_out);

/* Removes the file of a store that this process made and has closed, and its lock file: if nothing was committed to it,
 * and nobody else has it open. Else, and in doubt, leaves it. */
void unmake_store(const char *path);

#endif
