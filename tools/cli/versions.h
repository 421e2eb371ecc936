/* versions.h - the versions of an object that can be read, as a table or as JSON. */
#ifndef UFOSTORE_CLI_VERSIONS_H
#define UFOSTORE_CLI_VERSIONS_H

#include <stdbool.h>
#include <ufostore/ufostore.h>

/* On standard output, the newest first. Lengths are what `ufostore info` shows: elements of a vector, of a character
 * vector strings, columns of a data frame. */
ufo_status print_versions(ufo_store *store, const char *name, bool as_json, ufo_error *error);

#endif
