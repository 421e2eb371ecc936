/* cmd_stat.c - `ufostore stat`: the figures of a whole store. */
#include "cli.h"
#include "json.h"
#include "print.h"

#include <string.h>

enum { OPT_JSON };

static const option_spec options[] = {
    [OPT_JSON] = {"json", 0, NULL, "exact figures, as JSON"},
    {0},
};

static void print_json(const char *path, const ufo_store_stat *stat) {
  json j = {.file = stdout};
  json_open(&j, NULL, '{');
  json_string(&j, "path", path);
  json_string(&j, "uuid", stat->uuid);
  json_unsigned(&j, "format_major", stat->format_major);
  json_unsigned(&j, "format_minor", stat->format_minor);
  json_unsigned(&j, "objects", stat->objects);
  json_unsigned(&j, "generation", stat->generation);
  json_unsigned(&j, "file_bytes", stat->file_bytes);
  json_unsigned(&j, "used_bytes", stat->used_bytes);
  json_unsigned(&j, "free_bytes", stat->free_bytes);
  json_unsigned(&j, "map_bytes", stat->map_bytes);
  json_unsigned(&j, "element_bytes", stat->element_bytes);
  json_unsigned(&j, "live_bytes", stat->live_bytes);
  json_unsigned(&j, "blobs", stat->blobs);
  json_unsigned(&j, "blob_bytes", stat->blob_bytes);
  json_unsigned(&j, "staged_blobs", stat->staged_blobs);
  json_unsigned(&j, "staged_bytes", stat->staged_bytes);
  json_unsigned(&j, "garbage", stat->garbage);
  json_close(&j, '}');
}

static void line(const char *label, const char *text) { printf("  %-11s %s\n", label, text); }

static void print_text(const char *path, const ufo_store_stat *stat) {
  char a[48], b[48], c[48], text[192];
  print_escaped(stdout, path, strlen(path), true);
  printf(": %s %s\n", format_count(a, sizeof a, stat->objects), stat->objects == 1 ? "object" : "objects");
  snprintf(text, sizeof text, "%s (%s in use, %s free for reuse)", format_size(a, sizeof a, stat->file_bytes),
           format_size(b, sizeof b, stat->used_bytes), format_size(c, sizeof c, stat->free_bytes));
  line("file", text);
  snprintf(text, sizeof text, "%s", format_size(a, sizeof a, stat->element_bytes));
  line("data", text);
  snprintf(text, sizeof text, "%s (%s)", format_size(a, sizeof a, stat->live_bytes),
           format_ratio(b, sizeof b, stat->element_bytes, stat->live_bytes));
  line("compressed", text);
  snprintf(text, sizeof text, "%s, %s", format_count(a, sizeof a, stat->blobs),
           format_size(b, sizeof b, stat->blob_bytes));
  line("blobs", text);
  snprintf(text, sizeof text, "%s, %s", format_count(a, sizeof a, stat->staged_blobs),
           format_size(b, sizeof b, stat->staged_bytes));
  line("staged", text);
  snprintf(text, sizeof text, "%s superseded %s to be reclaimed", format_count(a, sizeof a, stat->garbage),
           stat->garbage == 1 ? "entry" : "entries");
  line("garbage", text);
  line("commits", format_count(a, sizeof a, stat->generation));
  line("limit", format_size(a, sizeof a, stat->map_bytes));
  snprintf(text, sizeof text, "%u.%u", stat->format_major, stat->format_minor);
  line("format", text);
  line("uuid", stat->uuid);
}

static int run(const arguments *args) {
  const char *path = args->operands[0];
  int status = EXIT_DONE;
  ufo_store *store = open_store(path, false, &status);
  if (!store) return status;
  ufo_error error = {0};
  ufo_store_stat stat = {.struct_size = sizeof stat};
  if (ufo_store_get_stat(store, &stat, &error)) status = fail_status(path, NULL, &error);
  else if (args->values[OPT_JSON]) print_json(path, &stat);
  else print_text(path, &stat);
  ufo_store_close(store);
  return finish_output(status);
}

const command cmd_stat = {
    .name = "stat",
    .operands = "PATH",
    .summary = "sizes and counts of a whole store",
    .operands_min = 1,
    .operands_max = 1,
    .options = options,
    .run = run,
};
