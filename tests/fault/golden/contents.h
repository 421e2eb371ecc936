/* contents.h - what a store holds, as lines in the form of digest.h, read through the library. */
#ifndef UFO_TEST_GOLDEN_CONTENTS_H
#define UFO_TEST_GOLDEN_CONTENTS_H

#include "fault/golden/oracle.h"

static uint64_t longest = UINT64_MAX; /* bytes of a body that is hashed */

static int read_body(ufo_store *store, const char *name, uint64_t version, const ufo_object_info *info, char text[65]) {
  enum { PIECE = 1 << 20 };
  static uint8_t piece[PIECE];
  sha256 hash;
  sha256_begin(&hash);
  for (uint64_t first = 0, count; first < info->length; first += count) {
    count = PIECE / info->element_bytes < info->length - first ? PIECE / info->element_bytes : info->length - first;
    if (ufo_store_read(store, NULL, name, version, first, count, piece, &error)) return 1;
    sha256_add(&hash, piece, count * info->element_bytes);
  }
  sha256_end(&hash, text);
  return 0;
}

/* Words and text are the children of strings. */
static uint64_t children_of(const ufo_object_info *info) {
  return info->type == UFO_LIST ? info->length : info->type == UFO_CHARACTER ? 2 : 0;
}

/* `version` 0 is the current one, which is what elements of lists are addressed by. */
static int print_object(FILE *out, ufo_store *store, const char *name, uint64_t version) {
  ufo_object_info info = {.struct_size = sizeof info};
  ufo_attributes *attributes = NULL;
  char body[65] = "-";
  if (ufo_store_info(store, NULL, name, version, &info, &error)) return 1;
  uint64_t children = children_of(&info);
  if (info.type != UFO_LIST && info.type != UFO_CHARACTER && info.length * info.element_bytes <= longest &&
      read_body(store, name, version, &info, body))
    return 1;
  if (ufo_store_attributes(store, NULL, name, version, &attributes, &error)) return 1;
  digest_line(out, name, info.version, info.type, info.element_bytes, info.length, body, attributes);
  ufo_attributes_free(attributes);
  for (uint64_t i = 0; i < children; i++) {
    char child[2 * UFO_NAME_MAX];
    snprintf(child, sizeof child, "%s[[%" PRIu64 "]]", name, i + 1);
    if (print_object(out, store, child, version)) return 1;
  }
  return 0;
}

/* Older versions need a read-write handle. */
static int print_store(FILE *out, ufo_store *store) {
  ufo_store_iterator *iterator = NULL;
  ufo_object_info info = {.struct_size = sizeof info}, old = {.struct_size = sizeof old};
  if (ufo_store_list(store, NULL, &iterator, &error)) return 1;
  int status = 0;
  while (!status && (status = ufo_store_iterator_next(iterator, &info, &error)) == UFO_OK) {
    status = print_object(out, store, info.name, 0);
    for (uint64_t version = info.version - 1; !ufo_store_is_read_only(store) && !status && version > 0; version--)
      if (ufo_store_info(store, NULL, info.name, version, &old, NULL) == UFO_OK)
        status = print_object(out, store, info.name, version);
  }
  ufo_store_iterator_free(iterator);
  return status != UFO_END;
}

static int digest(FILE *out, const char *path, ufo_open_mode mode, const char *label) {
  const ufo_store_options options = {.struct_size = sizeof options, .mode = mode, .snapshot = label};
  ufo_store *store = NULL;
  if (ufo_store_open(path, &options, &store, &error)) return 1;
  int status = print_store(out, store);
  ufo_store_close(store);
  return status;
}

#endif
