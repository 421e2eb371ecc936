/* create.h - making a store's file appear whole or not at all. */
#ifndef UFO_STORE_CREATE_H
#define UFO_STORE_CREATE_H

#include "store/record.h"

/* Makes the file of an empty store under `path`. *exists_out instead of an error: something has that name already. */
ufo_status ufo_create_file(const char *path, unsigned permissions, uint32_t default_chunk_bytes, bool *exists_out,
                           ufo_error *error);

/* Makes sure that no lock file of an earlier store is in the way: UFO_USAGE if that one is still open somewhere. */
ufo_status ufo_create_clear_name(const char *path, ufo_error *error);
/* A name for a temporary file beside `path`; malloc'ed, NULL: out of memory. */
char *ufo_create_temporary_name(const char *path);
/* What became of a name: even if making it durable failed after it was given, it has been given. */
typedef enum ufo_naming { UFO_NAME_NOT_GIVEN, UFO_NAME_GIVEN, UFO_NAME_TAKEN } ufo_naming;

/* Makes a finished temporary file durable and gives it its name. If that is taken: `replace` takes it, otherwise it is
 * TAKEN, which is no error. The temporary file is gone afterwards, in every case. */
ufo_status ufo_create_publish(const char *temporary, const char *path, bool replace, ufo_naming *naming_out,
                              ufo_error *error);

#endif
