/* versions.c - see versions.h. */
#include "versions.h"

#include "cli.h"
#include "json.h"
#include "meaning.h"
#include "print.h"

#include <string.h>

typedef struct printing {
  ufo_store *store;
  const char *name;
  text_table *table; /* NULL: JSON */
  json j;
} printing;

/* What is serialized is counted in bytes by the library. */
static uint64_t length_of(const printing *p, const ufo_version_info *info) {
  meaning m;
  if (meaning_read(p->store, p->name, info->version, &m, NULL)) return info->length;
  uint64_t length = m.info.type == UFO_SERIALIZED && m.length_known ? m.length : info->length;
  meaning_free(&m);
  return length;
}

static void add_json(printing *p, const ufo_version_info *info) {
  char time[48];
  json *j = &p->j;
  json_open(j, NULL, '{');
  json_unsigned(j, "version", info->version);
  json_string(j, "changed", format_time_utc(time, sizeof time, info->changed_ns));
  json_unsigned(j, "length", length_of(p, info));
  json_unsigned(j, "chunks_changed", info->chunks_changed);
  json_unsigned(j, "stored_bytes", info->stored_bytes);
  json_bool(j, "current", info->is_current);
  json_bool(j, "open", info->is_open);
  json_unsigned(j, "snapshots", info->snapshots);
  if (*info->snapshot) json_string(j, "snapshot", info->snapshot);
  else json_null(j, "snapshot");
  json_close(j, '}');
}

static void add_row(printing *p, const ufo_version_info *info) {
  char text[4 * UFO_NAME_MAX + 64];
  text_table *t = p->table;
  snprintf(text, sizeof text, "%llu", (unsigned long long)info->version);
  text_table_add(t, text);
  text_table_add(t, format_time(text, sizeof text, info->changed_ns, true));
  text_table_add(t, format_count(text, sizeof text, length_of(p, info)));
  text_table_add(t, format_count(text, sizeof text, info->chunks_changed));
  text_table_add(t, format_size(text, sizeof text, info->stored_bytes));
  text_table_add(t, info->is_current ? "current" : info->is_open ? "in use" : "");
  escape_into(text, 4 * UFO_NAME_MAX + 1, info->snapshot, strlen(info->snapshot));
  size_t length = strlen(text);
  if (info->snapshots > 1)
    snprintf(text + length, sizeof text - length, " and %llu more", (unsigned long long)info->snapshots - 1);
  text_table_add(t, text);
}

static int visit(void *user, const ufo_version_info *info) {
  printing *p = user;
  if (p->table) add_row(p, info);
  else add_json(p, info);
  return 0;
}

ufo_status print_versions(ufo_store *store, const char *name, bool as_json, ufo_error *error) {
  static const char *const columns[] = {">version", "<changed", ">length",   ">chunks changed",
                                        ">stored",  "<state",   "<snapshot", NULL};
  printing p = {.store = store, .name = name, .j = {.file = stdout}};
  if (!as_json && !(p.table = text_table_create(columns)))
    return set_error(error, UFO_FULL, "cannot list the versions of '%s': no memory", name);
  /* Nothing is printed of what does not exist. */
  ufo_object_info info = {.struct_size = sizeof info};
  ufo_status status = ufo_store_info(store, NULL, name, 0, &info, error);
  if (as_json && !status) json_open(&p.j, NULL, '[');
  if (!status) status = ufo_store_versions(store, name, visit, &p, error);
  if (as_json && !status) json_close(&p.j, ']');
  if (as_json) return status;
  if (status) {
    text_table_free(p.table);
    return status;
  }
  if (!text_table_print(p.table, stdout, ""))
    return set_error(error, UFO_FULL, "cannot list the versions of '%s': no memory", name);
  return UFO_OK;
}
