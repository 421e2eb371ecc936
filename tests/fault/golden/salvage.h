/* salvage.h - what is salvaged of a golden file: all of it, and what is left when any one of its pages is gone. */
#ifndef UFO_TEST_GOLDEN_SALVAGE_H
#define UFO_TEST_GOLDEN_SALVAGE_H

#include <stdbool.h>

#include "fault/golden/manifest.h"
#include "tally.h"

static uint64_t files_salvaged;

enum { PAGE = 4096 };

static int salvage_to(char out[1100], ufo_status *status_out) {
  snprintf(out, 1100, "%s/salvaged.ufo", scratch);
  unlink(out);
  files_salvaged++;
  *status_out = ufo_store_salvage(work.path, out, NULL, NULL, NULL, &error);
  return *status_out != UFO_OK && *status_out != UFO_CORRUPT;
}

static int salvage_whole(const char *manifest, const char *file) {
  char out[1100], *found = NULL, *expected = manifest_lines(manifest, file);
  size_t size = 0;
  ufo_status status;
  if (salvage_to(out, &status) || status) return complain("cannot be salvaged", error.message);
  FILE *lines = open_memstream(&found, &size);
  int wrong = !lines || digest(lines, out, UFO_OPEN_READ_ONLY, NULL);
  if (lines) fclose(lines);
  wrong = wrong ? complain("what was salvaged cannot be read", error.message) : compare(expected, found);
  free(expected), free(found);
  return wrong;
}

/* Is it in a manifest as it is? */
static bool is_plain(const char *name) {
  for (; *name; name++)
    if ((unsigned char)*name < 0x20 || *name == 0x7F || *name == '\\') return false;
  return true;
}

/* All values of an object, if all can be read, are those of some version of some object: of that name if it has it. */
static int is_known(ufo_store *store, const char *name, const char *expected) {
  ufo_object_info info = {.struct_size = sizeof info};
  char body[65];
  if (ufo_store_info(store, NULL, name, 0, &info, &error)) return 0;
  uint64_t children = children_of(&info);
  for (uint64_t i = 0; i < children; i++) {
    char child[2 * UFO_NAME_MAX];
    snprintf(child, sizeof child, "%s[[%" PRIu64 "]]", name, i + 1);
    if (!is_known(store, child, expected)) return 0;
  }
  if (children > 0 || info.type == UFO_LIST || (info.type == UFO_RAW && info.length == 0))
    return 1; /* in place of an element, too */
  if (read_body(store, name, 0, &info, body)) return error.code == UFO_CORRUPT;
  for (const char *at = expected; (at = strstr(at, body)); at++) {
    const char *line = at;
    while (line > expected && line[-1] != '\n') line--;
    bool elsewhere = strncmp(name, "lost+found/", 11) == 0 || strchr(name, '[') || !is_plain(name);
    if (elsewhere || strncmp(line, name, strlen(name)) == 0) return 1;
  }
  return 0;
}

static int salvage_part(const char *manifest, const char *folder, const char *file, uint64_t page) {
  static const uint8_t zeros[PAGE];
  char out[1100], what[64], *expected = manifest_lines(manifest, file);
  ufo_status status;
  snprintf(what, sizeof what, "without page %" PRIu64, page);
  take(folder, file);
  FILE *hurt = fopen(work.path, "r+b");
  if (!hurt || fseek(hurt, (long)(page * PAGE), SEEK_SET) || fwrite(zeros, PAGE, 1, hurt) != 1 || fclose(hurt))
    return complain(what, "cannot be written");
  if (salvage_to(out, &status)) return complain(what, error.message);
  ufo_store *store = NULL;
  ufo_store_iterator *iterator = NULL;
  const ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  ufo_object_info info = {.struct_size = sizeof info};
  int wrong = ufo_store_open(out, &options, &store, &error) || ufo_store_list(store, NULL, &iterator, &error);
  while (!wrong && !(status = ufo_store_iterator_next(iterator, &info, &error))) {
    if (!is_known(store, info.name, expected)) wrong = complain(what, info.name);
  }
  ufo_store_iterator_free(iterator);
  ufo_store_close(store);
  free(expected);
  return wrong;
}

/* At night all of them; else those of format 1.0 with the most to lose, for each salvage waits for the disk. */
static bool has_its_turn(const char *folder, const char *file) {
  static const char *const some[] = {"lists.ufo", "sparse.ufo", "versions.ufo"};
  for (size_t i = 0; i < sizeof some / sizeof *some; i++)
    if (strcmp(file, some[i]) == 0 && strstr(folder, "/1.0")) return true;
  return nightly();
}

static int salvage_parts(const char *manifest, const char *folder, const char *file) {
  struct stat facts;
  if (!has_its_turn(folder, file)) return 0;
  int wrong = stat(work.path, &facts) != 0;
  for (uint64_t page = 0; !wrong && page < (uint64_t)facts.st_size / PAGE; page++)
    wrong = salvage_part(manifest, folder, file, page);
  return wrong;
}

#endif
