/* cmd_info.c - `ufostore info`: all there is to know about one object without reading its data. */
#include "cli.h"
#include "describe.h"
#include "print.h"
#include "versions.h"

#include <stdlib.h>
#include <string.h>

enum { OPT_JSON, OPT_VERSIONS, OPT_SNAPSHOT };

static const option_spec options[] = {
    [OPT_JSON] = {"json", 0, NULL, "exact figures, as JSON"},
    [OPT_VERSIONS] = {"versions", 0, NULL, "the versions that can be read, and what keeps each"},
    [OPT_SNAPSHOT] = {"snapshot", 0, "LABEL", "the object as it was at that snapshot"},
    {0},
};

static const char *plural(uint64_t count, const char *one, const char *many) { return count == 1 ? one : many; }

static void line(const char *label, const char *text) { printf("  %-11s %s\n", label, text); }

static void print_sizes(const meaning *m) {
  const ufo_object_info *info = &m->info;
  char a[48], b[48], text[160];
  format_size(a, sizeof a, info->stored_bytes);
  format_size(b, sizeof b, m->raw_bytes);
  char ratio[32];
  snprintf(text, sizeof text, "%s of %s (%s)", a, b,
           format_ratio(ratio, sizeof ratio, m->raw_bytes, info->stored_bytes));
  line("stored", text);
  format_count(a, sizeof a, info->chunk_count);
  if (info->type == UFO_LIST) {
    line("chunks", a);
  } else {
    snprintf(text, sizeof text, "%s of %s", a, format_size(b, sizeof b, info->chunk_bytes));
    line("chunks", text);
  }
  format_count(a, sizeof a, info->chunks_written);
  format_count(b, sizeof b, info->chunks_changed);
  snprintf(text, sizeof text, "%s, %s by this version", a, b);
  line("written", text);
  printf("  %-11s ", "codecs");
  describe_codecs(stdout, info);
  putchar('\n');
}

static void print_head(const meaning *m, const char *name) {
  const ufo_object_info *info = &m->info;
  char text[128], count[32];
  print_escaped(stdout, name, strlen(name), true);
  printf(": %s", m->label);
  if (m->kind == KIND_DATA_FRAME) {
    printf(", %s %s", format_count(count, sizeof count, m->length), plural(m->length, "row", "rows"));
    printf(" of %s %s\n", format_count(count, sizeof count, info->length), plural(info->length, "column", "columns"));
  } else if (m->length_known) {
    printf(", %s %s", format_count(count, sizeof count, m->length), plural(m->length, "element", "elements"));
    printf(strchr(m->shape, 'x') ? " (%s)\n" : "\n", m->shape);
  } else {
    printf(", an R object of %s\n", format_size(text, sizeof text, info->length));
  }
  if (strcmp(m->label, ufo_type_name(info->type)) != 0) line("stored as", ufo_type_name(info->type));
  print_sizes(m);
  snprintf(text, sizeof text, "%llu", (unsigned long long)info->version);
  line("version", text);
  snprintf(text, sizeof text, "%llu", (unsigned long long)info->id);
  line("id", text);
  line("created", format_time(text, sizeof text, info->created_ns, true));
  line("changed", format_time(text, sizeof text, info->changed_ns, true));
}

static void print_attributes(const meaning *m) {
  ufo_attribute attribute;
  size_t widest = 0;
  char key[4 * UFO_ATTRIBUTE_KEY_MAX + 1];
  for (uint64_t i = 0; ufo_attributes_at(m->attributes, i, &attribute); i++) {
    size_t width = text_width(escape_into(key, sizeof key, attribute.key, strlen(attribute.key)));
    if (width > widest) widest = width;
  }
  if (!widest) return;
  puts("\nattributes");
  for (uint64_t i = 0; ufo_attributes_at(m->attributes, i, &attribute); i++) {
    escape_into(key, sizeof key, attribute.key, strlen(attribute.key));
    printf("  %s%*s  ", key, (int)(widest - text_width(key)), "");
    describe_attribute(stdout, &attribute);
    putchar('\n');
  }
}

/* Reads child `index` of a list as `meaning_read` would. */
static ufo_status read_child(ufo_store *store, const char *name, uint64_t version, uint64_t index, meaning *child,
                             ufo_error *error) {
  ufo_object_info named = {.struct_size = sizeof named};
  char *address = child_address(name, index);
  if (!address) return set_errno(error, "cannot read object '%s'", name);
  ufo_status status = ufo_store_child_info(store, NULL, name, version, index, &named, error);
  if (!status) status = meaning_read(store, address, named.version, child, error);
  if (!status) memcpy(child->info.name, named.name, sizeof named.name); /* the element's name, not its address */
  free(address);
  return status;
}

static ufo_status print_children(ufo_store *store, const char *name, const meaning *m, ufo_error *error) {
  static const char *const columns[] = {"<name", "<type", ">length", ">stored", ">ratio", ">changed chunks", NULL};
  text_table *t = text_table_create(columns);
  char text[4 * UFO_NAME_MAX + 32], changed[32], count[32];
  ufo_status status = UFO_OK;
  for (uint64_t i = 0; i < m->info.length && !status; i++) {
    meaning child;
    status = read_child(store, name, m->info.version, i, &child, error);
    if (status) break;
    if (*child.info.name) escape_into(text, sizeof text, child.info.name, strlen(child.info.name));
    else snprintf(text, sizeof text, "[[%llu]]", (unsigned long long)i + 1);
    text_table_add(t, text);
    text_table_add(t, child.label);
    text_table_add(t, child.shape);
    text_table_add(t, format_size(text, sizeof text, child.info.stored_bytes));
    text_table_add(t, format_ratio(text, sizeof text, child.raw_bytes, child.info.stored_bytes));
    snprintf(text, sizeof text, "%s of %s", format_count(changed, sizeof changed, child.info.chunks_changed),
             format_count(count, sizeof count, child.info.chunk_count));
    text_table_add(t, text);
    meaning_free(&child);
  }
  printf("\n%s\n", m->kind == KIND_DATA_FRAME ? "columns" : "elements");
  if (!text_table_print(t, stdout, "  ") && !status)
    status = set_error(error, UFO_FULL, "cannot list '%s': no memory", name);
  return status;
}

static ufo_status write_json(ufo_store *store, const char *name, const meaning *m, ufo_error *error) {
  json j = {.file = stdout};
  ufo_attribute attribute;
  json_open(&j, NULL, '{');
  describe_json(&j, m);
  json_open(&j, "attributes", '{');
  for (uint64_t i = 0; ufo_attributes_at(m->attributes, i, &attribute); i++) describe_attribute_json(&j, &attribute);
  json_close(&j, '}');
  if (m->info.type == UFO_LIST) {
    json_open(&j, "children", '[');
    for (uint64_t i = 0; i < m->info.length; i++) {
      meaning child;
      ufo_status status = read_child(store, name, m->info.version, i, &child, error);
      if (status) return status;
      json_open(&j, NULL, '{');
      describe_json(&j, &child);
      json_close(&j, '}');
      meaning_free(&child);
    }
    json_close(&j, ']');
  }
  json_close(&j, '}');
  return UFO_OK;
}

static int run(const arguments *args) {
  const char *path = args->operands[0], *name = args->operands[1];
  int status = EXIT_DONE;
  ufo_store *store = open_store_at(path, args->values[OPT_SNAPSHOT], &status);
  if (!store) return status;
  ufo_error error = {0};
  meaning m;
  bool versions = args->values[OPT_VERSIONS];
  ufo_status result =
      versions ? print_versions(store, name, args->values[OPT_JSON], &error) : meaning_read(store, name, 0, &m, &error);
  if (!result && !versions) {
    if (args->values[OPT_JSON]) {
      result = write_json(store, name, &m, &error);
    } else {
      print_head(&m, name);
      if (m.info.type == UFO_LIST) result = print_children(store, name, &m, &error);
      print_attributes(&m);
    }
    meaning_free(&m);
  }
  if (result) status = fail_status(path, name, &error);
  ufo_store_close(store);
  return finish_output(status);
}

const command cmd_info = {
    .name = "info",
    .operands = "PATH NAME",
    .summary = "what an object is: type, sizes, codecs, version, attributes",
    .details = "NAME may be an element of a list or a column of a data frame: 'trips$fare' or 'trips[[3]]'.",
    .operands_min = 2,
    .operands_max = 2,
    .options = options,
    .run = run,
};
