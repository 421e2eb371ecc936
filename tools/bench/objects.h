/* objects.h - a store of many small objects. */
#ifndef UFOSTORE_BENCH_OBJECTS_H
#define UFOSTORE_BENCH_OBJECTS_H

#include "workspace.h"

enum { OBJECT_ELEMENTS = 8 }; /* doubles: element k of object i is i + k */

/* Objects are called "object-0000000" and so on. */
void object_name(uint64_t number, char out[32]);

/* Makes the store in `file` of the workspace, in transactions of 10,000. *path_out as workspace_path. */
ufo_status objects_create(const workspace *w, const char *file, uint64_t count, char path_out[PATH_MAX],
                          ufo_error *error);

/* Opens the store, maps object `number`, reads an element of it; *ns_out is the time of this. Then closes both. */
ufo_status objects_open_one(const char *path, ufo_open_mode mode, ufo_pool *pool, uint64_t number, uint64_t *ns_out,
                            ufo_error *error);

#endif
