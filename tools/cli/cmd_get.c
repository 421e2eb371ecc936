/* cmd_get.c - `ufostore get`: the elements of an object on standard output. */
#include "args.h"
#include "column.h"
#include "csv_writer.h"
#include "elements.h"
#include "meaning.h"
#include "print.h"

#include <stdlib.h>
#include <string.h>

enum { OPT_RANGE, OPT_AS, OPT_VERSION, OPT_SNAPSHOT };

static const option_spec options[] = {
    [OPT_RANGE] = {"range", 'r', "A:B", "elements (rows) A to B - 1, from 0; 'A:' to the end, ':B' from the start"},
    [OPT_AS] = {"as", 'a', "FORM", "text (one element a line), raw (bytes) or csv; a data frame is csv by default"},
    [OPT_VERSION] = {"version", 0, "N", "an earlier version that is kept: 'info --versions' lists them"},
    [OPT_SNAPSHOT] = {"snapshot", 0, "LABEL", "the object as it was at that snapshot"},
    {0},
};

#define MEMORY_BYTES (UINT64_C(64) << 20)
#define OUTPUT "standard output"

typedef struct request {
  ufo_store *store;
  const char *name;
  uint64_t version, first, end;
} request;

static ufo_status cannot_write(ufo_error *error) { return set_errno(error, "cannot write to %s", OUTPUT); }

static ufo_status get_text(const request *r, ufo_error *error) {
  column *c = NULL;
  cell item;
  ufo_status status = column_open(r->store, r->name, r->version, r->first, r->end, MEMORY_BYTES, &c, error);
  if (status) return status;
  while (!(status = column_next(c, &item, error))) {
    /* A string may hold a line end, which would make two elements of it. */
    if (item.is_text && !item.is_na) print_escaped(stdout, item.text, item.length, true);
    else fwrite_unlocked(item.text, 1, item.length, stdout);
    putc_unlocked('\n', stdout);
    if (ferror_unlocked(stdout)) {
      status = cannot_write(error);
      break;
    }
  }
  column_close(c);
  return status == UFO_END ? UFO_OK : status;
}

static ufo_status get_raw(const request *r, ufo_error *error) {
  meaning m;
  ufo_status status = meaning_read(r->store, r->name, r->version, &m, error);
  if (status) return status;
  uint64_t end = r->end;
  elements source = elements_of(r->store, r->name, &m.info);
  if (m.info.type == UFO_CHARACTER)
    status = set_error(error, UFO_USAGE, "%s: object '%s' has strings, not bytes; use --as text or csv",
                       ufo_store_path(r->store), r->name);
  if (m.info.type == UFO_LIST)
    status = set_error(error, UFO_USAGE, "%s: object '%s' is a %s, which has no bytes of its own; name an element",
                       ufo_store_path(r->store), r->name, m.label);
  if (!status) status = range_resolve(r->store, r->name, m.info.length, r->first, &end, error);
  uint64_t block = status ? 1 : elements_per_block(&m.info, MEMORY_BYTES);
  unsigned char *buffer = status ? NULL : malloc(block * m.info.element_bytes);
  if (!status && !buffer) status = set_errno(error, "cannot read object '%s'", r->name);
  for (uint64_t at = r->first; !status && at < end;) {
    uint64_t count = block - at % block;
    if (count > end - at) count = end - at;
    status = elements_read(&source, at, count, buffer, error);
    if (!status && fwrite(buffer, m.info.element_bytes, count, stdout) != count) status = cannot_write(error);
    at += count;
  }
  free(buffer);
  meaning_free(&m);
  return status;
}

static int parse(const arguments *args, request *r, const char **form_out) {
  static const char *const forms[] = {"text", "raw", "csv", NULL};
  const char *range = args->values[OPT_RANGE], *version = args->values[OPT_VERSION], *form = args->values[OPT_AS];
  r->end = UINT64_MAX;
  if (range && !args_range(range, &r->first, &r->end))
    return fail_usage(&cmd_get, "'%s' is no range; write A:B, A: or :B with whole numbers from 0, A not above B",
                      range);
  if (version && (!args_number(version, &r->version) || !r->version))
    return fail_usage(&cmd_get, "'%s' is no version; it is a whole number from 1", version);
  *form_out = NULL;
  for (unsigned i = 0; form && forms[i]; i++)
    if (strcmp(form, forms[i]) == 0) *form_out = forms[i];
  if (form && !*form_out) return fail_usage(&cmd_get, "'%s' is no form: it is text, raw or csv", form);
  return EXIT_DONE;
}

/* A list's elements are objects of their own; for a version of the list that is not current, the snapshot that has it
 * keeps them, and it is read there. The request then has another store, and `name_then`. */
static ufo_status go_to_version(request *r, char name_then[UFO_NAME_MAX + 1], ufo_error *error) {
  ufo_object_info info = {.struct_size = sizeof info};
  char label[UFO_NAME_MAX + 1];
  ufo_store *at = NULL;
  ufo_status status = ufo_store_info(r->store, NULL, r->name, 0, &info, error);
  bool has_parts = info.type == UFO_LIST || info.type == UFO_CHARACTER;
  if (status || !has_parts || info.version == r->version) return status;
  const ufo_store_options there = {.struct_size = sizeof there, .mode = UFO_OPEN_READ_ONLY, .snapshot = label};
  status = ufo_snapshot_of_version(r->store, r->name, r->version, label, name_then, error);
  if (!status) status = ufo_store_open(ufo_store_path(r->store), &there, &at, error);
  if (status) return status;
  ufo_store_close(r->store);
  r->store = at;
  r->name = name_then;
  r->version = 0;
  return UFO_OK;
}

static int run(const arguments *args) {
  const char *path = args->operands[0], *form;
  char name_then[UFO_NAME_MAX + 1];
  request r = {.name = args->operands[1]};
  int status = parse(args, &r, &form);
  if (status) return status;
  r.store = open_store_at(path, args->values[OPT_SNAPSHOT], &status);
  if (!r.store) return status;
  ufo_error error = {0};
  ufo_status result = r.version ? go_to_version(&r, name_then, &error) : UFO_OK;
  if (!result && !form) {
    meaning m;
    result = meaning_read(r.store, r.name, r.version, &m, &error);
    form = !result && m.kind == KIND_DATA_FRAME ? "csv" : "text";
    if (!result) meaning_free(&m);
  }
  if (!result) {
    if (*form == 't') result = get_text(&r, &error);
    else if (*form == 'r') result = get_raw(&r, &error);
    else result = csv_write(r.store, r.name, r.version, r.first, r.end, stdout, OUTPUT, NULL, &error);
  }
  status = result ? fail_status(path, r.name, &error) : finish_output(EXIT_DONE);
  ufo_store_close(r.store);
  return status;
}

const command cmd_get = {
    .name = "get",
    .operands = "PATH NAME",
    .summary = "print the elements of an object",
    .details =
        "Text is as in R: NA, TRUE, 1.5, 1+2i, two hex digits for raw; factors by label, dates and times in ISO\n"
        "form (UTC); in strings, control bytes and backslashes are escaped. Doubles have the digits that give the\n"
        "same number back. NAME may be an element of a list or a column of a data frame: 'trips$fare'.",
    .operands_min = 2,
    .operands_max = 2,
    .options = options,
    .run = run,
};
