/* manifest.h - the file that is looked at, and what MANIFEST says of it. */
#ifndef UFO_TEST_GOLDEN_MANIFEST_H
#define UFO_TEST_GOLDEN_MANIFEST_H

#include "fault/golden/contents.h"

static char scratch[1024]; /* the folder of work.path */
static uint64_t objects_read;

/* A copy of FOLDER/FILE as work.path. */
static void take(const char *folder, const char *file) {
  char from[2400];
  snprintf(from, sizeof from, "%s/%s", folder, file);
  snprintf(work.path, sizeof work.path, "%s/%s", scratch, file);
  copy_file(from, work.path);
}

static int complain(const char *what, const char *detail) {
  fprintf(stderr, "%s: %s%s%s\n", work.path, what, *detail ? ": " : "", detail);
  return 1;
}

/* The lines of a manifest for a file, or "FILE@LABEL". */
static char *manifest_lines(const char *manifest, const char *file) {
  char *lines = NULL, *line = NULL;
  size_t size = 0, room = 0, length = strlen(file);
  FILE *in = fopen(manifest, "r"), *out = open_memstream(&lines, &size);
  if (!in || !out) exit(complain("no manifest", manifest));
  while (getline(&line, &room, in) > 0)
    if (strncmp(line, file, length) == 0 && line[length] == '\t') fputs(line + length + 1, out);
  free(line);
  fclose(in), fclose(out);
  return lines;
}

/* Two digests line by line. Of a name, versions that are not the newest may be missing in `found`: what nobody holds is
 * reclaimed by the first that opens the store for writing. */
static int compare(const char *expected, const char *found) {
  char name[2 * UFO_NAME_MAX] = "";
  while (*expected) {
    size_t length = strcspn(expected, "\n") + 1, tab = strcspn(expected, "\t") + 1;
    if (strncmp(expected, found, length) == 0) found += length, objects_read++;
    else if (strncmp(expected, name, tab) != 0) break;
    snprintf(name, sizeof name, "%.*s", (int)tab, expected);
    expected += length;
  }
  if (!*expected && !*found) return 0;
  fprintf(stderr, "expected: %.*s\nfound:    %.*s\n", (int)strcspn(expected, "\n"), expected, (int)strcspn(found, "\n"),
          found);
  return complain("another content than MANIFEST says", "");
}

static int check_digest(const char *manifest, const char *file, ufo_open_mode mode, const char *label) {
  char key[2 * UFO_NAME_MAX], *found = NULL;
  size_t size = 0;
  snprintf(key, sizeof key, "%s%s%s", file, label ? "@" : "", label ? label : "");
  char *expected = manifest_lines(manifest, key);
  FILE *out = open_memstream(&found, &size);
  int status = !out || digest(out, work.path, mode, label);
  if (out) fclose(out);
  status = status ? complain("cannot be read", error.message) : compare(expected, found);
  free(expected), free(found);
  return status;
}

#endif
