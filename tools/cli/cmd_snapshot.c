/* cmd_snapshot.c - `ufostore snapshot`: makes, lists and removes snapshots of a store. */
#include "args.h"
#include "json.h"
#include "print.h"

#include <string.h>

enum { OPT_JSON };

static const option_spec options[] = {
    [OPT_JSON] = {"json", 0, NULL, "with ls: exact figures, as JSON"},
    {0},
};

static const char *const actions[] = {"create", "ls", "rm", NULL};

static int change(const char *path, const char *label, bool create) {
  int status = EXIT_DONE;
  ufo_error error = {0};
  ufo_store *store = open_store(path, true, &status);
  if (!store) return status;
  ufo_status result = create ? ufo_snapshot_create(store, label, &error) : ufo_snapshot_remove(store, label, &error);
  if (result) status = fail_status(path, NULL, &error);
  ufo_store_close(store);
  return status;
}

/* ---- ls -------------------------------------------------------------------------------------------------------- */

static int add_row(void *user, const ufo_snapshot_info *info) {
  char text[4 * UFO_NAME_MAX + 8];
  text_table *t = user;
  text_table_add(t, format_time(text, sizeof text, info->created_ns, true));
  text_table_add(t, format_count(text, sizeof text, info->objects));
  text_table_add(t, format_size(text, sizeof text, info->held_bytes));
  text_table_add(t, escape_into(text, sizeof text, info->label, strlen(info->label)));
  return interrupted();
}

static int add_json(void *user, const ufo_snapshot_info *info) {
  char time[48];
  json *j = user;
  json_open(j, NULL, '{');
  json_string(j, "label", info->label);
  json_string(j, "created", format_time_utc(time, sizeof time, info->created_ns));
  json_unsigned(j, "generation", info->generation);
  json_unsigned(j, "objects", info->objects);
  json_unsigned(j, "held_bytes", info->held_bytes);
  json_close(j, '}');
  return interrupted();
}

static int list(const char *path, bool as_json) {
  static const char *const columns[] = {"<created", ">objects", ">held", "<label", NULL};
  int status = EXIT_DONE;
  ufo_error error = {0};
  ufo_store *store = open_store(path, false, &status);
  if (!store) return status;
  catch_signals();
  json j = {.file = stdout};
  text_table *t = as_json ? NULL : text_table_create(columns);
  if (as_json) json_open(&j, NULL, '[');
  ufo_status result =
      as_json ? ufo_snapshot_list(store, add_json, &j, &error) : ufo_snapshot_list(store, add_row, t, &error);
  if (interrupted()) status = fail_interrupted("not all snapshots are listed");
  else if (result) status = fail_status(path, NULL, &error);
  if (as_json && !result) json_close(&j, ']');
  if (!as_json && !text_table_print(t, stdout, "")) status = fail("%s: cannot list the snapshots: out of memory", path);
  ufo_store_close(store);
  return finish_output(status);
}

static int run(const arguments *args) {
  const char *action = args->operands[0], *path = args->operands[1];
  const char *label = args->operand_count > 2 ? args->operands[2] : NULL;
  bool lists = strcmp(action, "ls") == 0, creates = strcmp(action, "create") == 0;
  if (!lists && !creates && strcmp(action, "rm") != 0) {
    const char *near = args_nearest(action, actions);
    if (near) return fail_usage(&cmd_snapshot, "'%s' is not create, ls or rm; did you mean '%s'?", action, near);
    return fail_usage(&cmd_snapshot, "'%s' is not create, ls or rm", action);
  }
  if (lists && label) return fail_usage(&cmd_snapshot, "unexpected argument '%s'", label);
  if (!lists && !label) return fail_usage(&cmd_snapshot, "the snapshot's LABEL is missing");
  if (!lists && args->values[OPT_JSON]) return fail_usage(&cmd_snapshot, "'--json' is for ls");
  return lists ? list(path, args->values[OPT_JSON]) : change(path, label, creates);
}

const command cmd_snapshot = {
    .name = "snapshot",
    .operands = "create|ls|rm PATH [LABEL]",
    .summary = "keep a store as it is now, under a label",
    .details =
        "  create PATH LABEL   keeps every object as it is now; takes no room but that of what is changed later\n"
        "  ls PATH             lists them, the oldest first; 'held' is what removing that one alone would free\n"
        "  rm PATH LABEL       lets it go; the room is used again, and given back by `ufostore compact`\n\n"
        "ls, info, get and export read a snapshot with --snapshot LABEL.",
    .operands_min = 2,
    .operands_max = 3,
    .options = options,
    .run = run,
};
