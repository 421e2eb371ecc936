/* cmd_import.c - `ufostore import`: a CSV file becomes a data frame, in one transaction. */
#include "args.h"
#include "new_store.h"
#include "print.h"
#include "progress.h"
#include "spool.h"

#include <string.h>
#include <unistd.h>

enum { OPT_DELIM, OPT_NO_HEADER, OPT_NA };

static const option_spec options[] = {
    [OPT_DELIM] = {"delim", 'd', "C", "the character between fields; 'tab' for a tab; default ','"},
    [OPT_NO_HEADER] = {"no-header", 0, NULL, "the first line is data; columns are named V1, V2, ..."},
    [OPT_NA] = {"na", 0, "STRING", "what stands for a missing value, besides an empty field; default NA"},
    {0},
};

/* What is to be read, and how far it is. */
typedef struct source {
  int fd;
  const char *file; /* for messages */
  const char *na[2];
  ufo_csv_options options;
  progress bar;
} source;

static int parse(const arguments *args, source *s) {
  const char *delim = args->values[OPT_DELIM];
  s->na[0] = "";
  s->na[1] = args->values[OPT_NA] ? args->values[OPT_NA] : "NA";
  s->options = (ufo_csv_options){
      .struct_size = sizeof s->options, .no_header = args->values[OPT_NO_HEADER] != NULL, .na = s->na, .na_count = 2};
  if (!delim) return EXIT_DONE;
  if (strcmp(delim, "tab") == 0 || strcmp(delim, "\\t") == 0) delim = "\t";
  bool one = delim[0] && !delim[1] && (delim[0] == '\t' || (delim[0] >= 0x20 && delim[0] < 0x7F));
  if (!one || delim[0] == '"' || delim[0] == '.')
    return fail_usage(&cmd_import, "'%s' cannot be the delimiter: it is one ASCII character, and no quote or point",
                      delim);
  s->options.delimiter = delim[0];
  return EXIT_DONE;
}

static int on_progress(void *user, uint64_t done, uint64_t total) {
  progress_update(user, done, total);
  return interrupted();
}

static ufo_status load(ufo_csv *csv, ufo_store *store, const char *name, progress *bar, ufo_error *error) {
  ufo_txn *txn = NULL;
  ufo_status status = ufo_txn_begin(store, &txn, error);
  if (!status) status = ufo_csv_load(csv, txn, name, on_progress, bar, error);
  if (!status && interrupted()) status = UFO_END;
  if (!status) status = ufo_txn_commit(txn, error);
  if (status) ufo_txn_abort(txn);
  return status;
}

static void print_summary(const char *name, const ufo_csv *csv) {
  static const char *const words[UFO_CSV_TYPES] = {
      [UFO_CSV_LOGICAL] = "logical", [UFO_CSV_INTEGER] = "integer", [UFO_CSV_DOUBLE] = "double",
      [UFO_CSV_DATE] = "date",       [UFO_CSV_TIME] = "time",       [UFO_CSV_TEXT] = "text"};
  uint64_t row_count = ufo_csv_rows(csv), column_count = ufo_csv_columns(csv, UFO_CSV_GUESS);
  char rows[32], columns[32];
  const char *comma = "";
  print_escaped(stdout, name, strlen(name), true);
  printf(": %s %s, %s %s (", format_count(rows, sizeof rows, row_count), row_count == 1 ? "row" : "rows",
         format_count(columns, sizeof columns, column_count), column_count == 1 ? "column" : "columns");
  for (int type = 0; type < UFO_CSV_TYPES; type++) {
    uint64_t count = words[type] ? ufo_csv_columns(csv, (ufo_csv_type)type) : 0;
    if (!count) continue;
    printf("%s%llu %s", comma, (unsigned long long)count, words[type]);
    comma = ", ";
  }
  puts(")");
}

/* Both passes. The store is opened, and made if missing, only when the whole file was found good. */
static int import(const char *path, const char *name, source *s) {
  ufo_csv *csv = NULL;
  ufo_error error = {0};
  int status = EXIT_DONE;
  ufo_store *store = NULL;
  bool made = false;
  s->bar = progress_start("import");
  ufo_status result = ufo_csv_scan(s->fd, s->file, &s->options, on_progress, &s->bar, &csv, &error);
  if (!result) {
    store = open_or_make_store(path, &made, &status);
    if (store) result = load(csv, store, name, &s->bar, &error);
  }
  progress_end(&s->bar);
  ufo_store_close(store);
  if (result && made) unmake_store(path);
  if (result == UFO_END) status = fail_interrupted("nothing was stored");
  else if (result) status = fail_status(path, name, &error);
  else if (store) print_summary(name, csv);
  ufo_csv_free(csv);
  return finish_output(status);
}

static int run(const arguments *args) {
  const char *path = args->operands[0], *name = args->operands[1], *file = args->operands[2];
  source s = {.file = strcmp(file, "-") == 0 ? "standard input" : file};
  ufo_error error = {0};
  uint64_t bytes;
  int status = parse(args, &s);
  if (status) return status;
  catch_signals();
  ufo_status result = spool_open(file, &s.fd, &bytes, &error);
  if (result == UFO_END) return fail_interrupted("nothing was stored");
  if (result) return fail_status(path, name, &error);
  status = import(path, name, &s);
  close(s.fd);
  return status;
}

const command cmd_import = {
    .name = "import",
    .operands = "PATH NAME FILE.csv",
    .summary = "store a CSV file as a data frame",
    .details =
        "Fields may be in double quotes and then hold anything, a quote doubled. The type of a column is found from\n"
        "all of it: logical (TRUE, FALSE, T, F, true, false), integer, double, date (2013-02-28), time\n"
        "(2013-02-28 05:15:00, UTC), else text; numbers with leading zeros and whole numbers from 2^53 on stay text.\n"
        "An empty field and NA are missing; in quotes they are text where the column is. '-' is standard input.\n"
        "The store is created if it is missing. A NAME that is there becomes a new object, whose versions begin at 1 "
        "again.\n"
        "All is stored or nothing.",
    .operands_min = 3,
    .operands_max = 3,
    .options = options,
    .run = run,
};
