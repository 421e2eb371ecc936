/* cmd_import.c - `ufostore import`: a CSV file becomes a data frame, in one transaction. */
#include "args.h"
#include "csv_import.h"
#include "new_store.h"
#include "print.h"
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

static int parse(const arguments *args, csv_source *source) {
  const char *delim = args->values[OPT_DELIM];
  source->header = !args->values[OPT_NO_HEADER];
  source->na = args->values[OPT_NA] ? args->values[OPT_NA] : "NA";
  source->delimiter = ',';
  if (!delim) return EXIT_DONE;
  if (strcmp(delim, "tab") == 0 || strcmp(delim, "\\t") == 0) delim = "\t";
  bool one = delim[0] && !delim[1] && (delim[0] == '\t' || (delim[0] >= 0x20 && delim[0] < 0x7F));
  if (!one || delim[0] == '"')
    return fail_usage(&cmd_import, "'%s' cannot be the delimiter: it is one ASCII character, and no quote", delim);
  source->delimiter = delim[0];
  return EXIT_DONE;
}

static ufo_status load(const csv_source *source, const csv_table *table, ufo_store *store, const char *name,
                       progress *p, ufo_error *error) {
  ufo_txn *txn = NULL;
  ufo_status status = ufo_txn_begin(store, &txn, error);
  if (!status) status = csv_load(source, table, store, txn, name, p, error);
  if (!status && interrupted()) status = UFO_END;
  if (!status) status = ufo_txn_commit(txn, error);
  if (status) ufo_txn_abort(txn);
  return status;
}

static void print_summary(const char *name, const csv_table *table) {
  static const char *const words[] = {"logical", "integer", "double", "text"};
  size_t counts[4] = {0};
  char rows[32], columns[32];
  const char *comma = "";
  for (size_t i = 0; i < table->column_count; i++) counts[csv_inferred(&table->columns[i])]++;
  print_escaped(stdout, name, strlen(name), true);
  printf(": %s %s, %s %s (", format_count(rows, sizeof rows, table->row_count), table->row_count == 1 ? "row" : "rows",
         format_count(columns, sizeof columns, table->column_count), table->column_count == 1 ? "column" : "columns");
  for (int type = 0; type < 4; type++) {
    if (!counts[type]) continue;
    printf("%s%zu %s", comma, counts[type], words[type]);
    comma = ", ";
  }
  puts(")");
}

/* Both passes. The store is opened, and made if missing, only when the whole file was found good. */
static int import(const char *path, const char *name, const csv_source *source) {
  csv_table table;
  ufo_error error = {0};
  int status = EXIT_DONE;
  progress p = progress_start("import");
  ufo_store *store = NULL;
  bool made = false;
  ufo_status result = csv_scan(source, &table, &p, &error);
  if (!result) {
    store = open_or_make_store(path, &made, &status);
    if (store) result = load(source, &table, store, name, &p, &error);
  }
  progress_end(&p);
  ufo_store_close(store);
  if (result && made) unmake_store(path);
  if (result == UFO_END) status = fail_interrupted("nothing was stored");
  else if (result) status = fail_status(path, name, &error);
  else if (store) print_summary(name, &table);
  csv_table_free(&table);
  return finish_output(status);
}

static int run(const arguments *args) {
  const char *path = args->operands[0], *name = args->operands[1], *file = args->operands[2];
  csv_source source = {.file = strcmp(file, "-") == 0 ? "standard input" : file};
  ufo_error error = {0};
  int status = parse(args, &source);
  if (status) return status;
  catch_signals();
  ufo_status result = spool_open(file, &source.fd, &source.bytes, &error);
  if (result == UFO_END) return fail_interrupted("nothing was stored");
  if (result) return fail_status(path, name, &error);
  status = import(path, name, &source);
  close(source.fd);
  return status;
}

const command cmd_import = {
    .name = "import",
    .operands = "PATH NAME FILE.csv",
    .summary = "store a CSV file as a data frame",
    .details =
        "Fields may be in double quotes and then hold anything, a quote doubled. The type of a column is found from\n"
        "all of it: logical (TRUE, FALSE, T, F, true, false), integer, double, else text; numbers with leading zeros\n"
        "and whole numbers from 2^53 on stay text. An empty field and NA are missing; in quotes they are text where "
        "the\n"
        "column is. Dates are text for now. '-' is standard input. The store is created if it is missing. A NAME\n"
        "that is there becomes a new object, whose versions begin at 1 again. All is stored or nothing.",
    .operands_min = 3,
    .operands_max = 3,
    .options = options,
    .run = run,
};
