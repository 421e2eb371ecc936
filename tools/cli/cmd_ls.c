/* cmd_ls.c - `ufostore ls`: the objects of a store. */
#include "cli.h"
#include "describe.h"
#include "print.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_LONG, OPT_JSON, OPT_SNAPSHOT };

static const option_spec options[] = {
    [OPT_LONG] = {"long", 'l', NULL, "type, length, stored size, ratio, version and time of each"},
    [OPT_JSON] = {"json", 0, NULL, "everything, as JSON"},
    [OPT_SNAPSHOT] = {"snapshot", 0, "LABEL", "the store as it was at that snapshot"},
    {0},
};

static void add_row(text_table *t, const meaning *m) {
  char text[4 * UFO_NAME_MAX + 8];
  text_table_add(t, m->label);
  text_table_add(t, m->shape);
  text_table_add(t, format_size(text, sizeof text, m->info.stored_bytes));
  text_table_add(t, format_ratio(text, sizeof text, m->raw_bytes, m->info.stored_bytes));
  snprintf(text, sizeof text, "%llu", (unsigned long long)m->info.version);
  text_table_add(t, text);
  text_table_add(t, format_time(text, sizeof text, m->info.changed_ns, false));
  text_table_add(t, escape_into(text, sizeof text, m->info.name, strlen(m->info.name)));
}

/* ---- what an object means ---- */

/* In a damaged or hostile file any number of names may lead to one list. To find out what it means takes a look at all
 * that is in it, so meanings of lists that are not short are remembered (without their attributes). */
enum { REMEMBERED_MIN = 16 };

static int by_version(const void *left, const void *right) {
  const ufo_object_info *a = &((const meaning *)left)->info, *b = &((const meaning *)right)->info;
  if (a->id != b->id) return a->id < b->id ? -1 : 1;
  return a->version < b->version ? -1 : a->version > b->version;
}

/* As meaning_read, of the object that was listed as `info`. */
static ufo_status find_meaning(ufo_store *store, const ufo_object_info *info, void **known, meaning *m,
                               ufo_error *error) {
  const meaning wanted = {.info = *info};
  meaning *const *found = info->type == UFO_LIST ? tfind(&wanted, known, by_version) : NULL;
  if (found) {
    *m = **found;
    memcpy(m->info.name, info->name, sizeof m->info.name);
    return UFO_OK;
  }
  ufo_status status = meaning_read(store, info->name, 0, m, error);
  if (status || m->info.type != UFO_LIST || m->info.length < REMEMBERED_MIN) return status;
  meaning *kept = malloc(sizeof *kept);
  if (!kept) return UFO_OK;
  *kept = *m;
  kept->attributes = NULL;
  found = tsearch(kept, known, by_version);
  if (!found || *found != kept) free(kept);
  return UFO_OK;
}

/* ---- */

/* Walks the objects; `t` for the long form, `j` for JSON, neither for plain names. */
static ufo_status walk(ufo_store *store, text_table *t, json *j, ufo_error *error) {
  void *known = NULL;
  ufo_store_iterator *iterator = NULL;
  ufo_object_info info = {.struct_size = sizeof info};
  ufo_status status = ufo_store_list(store, NULL, &iterator, error);
  while (!status && !(status = ufo_store_iterator_next(iterator, &info, error))) {
    if (!t && !j) {
      print_escaped(stdout, info.name, strlen(info.name), true);
      putchar('\n');
      continue;
    }
    meaning m;
    status = find_meaning(store, &info, &known, &m, error);
    if (status == UFO_MISSING) { /* removed since it was listed */
      status = UFO_OK;
      continue;
    }
    if (status) break;
    if (j) {
      json_open(j, NULL, '{');
      describe_json(j, &m);
      json_close(j, '}');
    } else {
      add_row(t, &m);
    }
    meaning_free(&m);
  }
  tdestroy(known, free);
  if (iterator) ufo_store_iterator_free(iterator);
  return status == UFO_END ? UFO_OK : status;
}

static int run(const arguments *args) {
  static const char *const columns[] = {"<type", ">length", ">stored", ">ratio", ">version", "<changed", "<name", NULL};
  const char *path = args->operands[0];
  bool as_json = args->values[OPT_JSON], as_table = args->values[OPT_LONG] && !as_json;
  int status = EXIT_DONE;
  ufo_store *store = open_store_at(path, args->values[OPT_SNAPSHOT], &status);
  if (!store) return status;
  ufo_error error = {0};
  json j = {.file = stdout};
  text_table *t = as_table ? text_table_create(columns) : NULL;
  if (as_json) json_open(&j, NULL, '[');
  ufo_status result = walk(store, t, as_json ? &j : NULL, &error);
  if (result) status = fail_status(path, NULL, &error);
  if (as_json && !result) json_close(&j, ']');
  if (as_table && !text_table_print(t, stdout, "")) status = fail("%s: cannot list the objects: out of memory", path);
  ufo_store_close(store);
  return finish_output(status);
}

const command cmd_ls = {
    .name = "ls",
    .operands = "PATH",
    .summary = "list the objects of a store",
    .details = "Names are printed one a line, in byte order, with control bytes and backslashes escaped.",
    .operands_min = 1,
    .operands_max = 1,
    .options = options,
    .run = run,
};
