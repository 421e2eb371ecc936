/* elements.h - reads one version of an object, block after block, by its address.
 *
 * Other processes may commit meanwhile. An address can then come to mean another object, and a superseded version go
 * away, since only views keep one. Each block is therefore read at the version that was found first, and taken only if
 * the address still leads to the same object: what is put together is always of one version, or reading ends in
 * UFO_CONFLICT. */
#ifndef UFOSTORE_CLI_ELEMENTS_H
#define UFOSTORE_CLI_ELEMENTS_H

#include <ufostore/ufostore.h>

typedef struct elements {
  ufo_store *store;
  const char *address;
  uint64_t id, version;
} elements;

/* Takes what `info`, got from `address`, says; both pointers must outlive the reading. */
elements elements_of(ufo_store *store, const char *address, const ufo_object_info *info);

/* As ufo_store_read. */
ufo_status elements_read(const elements *e, uint64_t first, uint64_t count, void *buffer, ufo_error *error);

/* As ufo_text_read. */
ufo_status elements_strings(const elements *e, uint64_t first, uint64_t count, ufo_string_fn visit, void *user,
                            ufo_error *error);

/* UFO_CONFLICT if the address does not lead to this object (any more). */
ufo_status elements_check(const elements *e, ufo_error *error);

/* Elements (not strings) to read at once, so that whole chunks are decoded once within `memory_bytes` where that can
 * be. */
uint64_t elements_per_block(const ufo_object_info *info, uint64_t memory_bytes);

#endif
