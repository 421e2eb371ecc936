/* bench.c - see bench.h. */
#include "bench.h"

#include "case.h"
#include "cli/cli.h"
#include "machine.h"
#include "result_json.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

#define BUDGET_DEFAULT (UINT64_C(128) << 20)
#define BUDGET_QUICK (UINT64_C(16) << 20)
enum { RUNS_DEFAULT = 5, RUNS_QUICK = 1 };

static int case_total(void) {
  int count = 1; /* there is one */
  while (bench_cases[count]) count++;
  return count;
}

const char *bench_case_name(int index) { return index < case_total() ? bench_cases[index]->name : NULL; }
const char *bench_case_title(int index) { return index < case_total() ? bench_cases[index]->title : NULL; }

static bool means(const char *word, const bench_case *c) {
  size_t length = strlen(word);
  return strncmp(c->name, word, length) == 0 && (!c->name[length] || c->name[length] == '-');
}

bool bench_knows(const char *word) {
  for (int i = 0; bench_cases[i]; i++)
    if (means(word, bench_cases[i])) return true;
  return false;
}

static bool is_chosen(const bench_options *options, const bench_case *c) {
  for (int i = 0; i < options->case_count; i++)
    if (means(options->cases[i], c)) return true;
  return options->case_count == 0;
}

static const char *folder_of(const bench_options *options) {
  const char *temporary = getenv("TMPDIR");
  if (options->folder) return options->folder;
  return temporary && *temporary ? temporary : "/var/tmp";
}

static ufo_status run_chosen(workspace *w, const bench_options *options, result *results, int *count, int *failed,
                             ufo_error *error) {
  for (int i = 0; bench_cases[i]; i++) {
    if (!is_chosen(options, bench_cases[i])) continue;
    result *r = &results[(*count)++];
    ufo_status status = case_run(w, bench_cases[i], r, error);
    if (status) return status;
    *failed += r->state == CASE_FAILED;
    if (!options->json) table_print_case(r);
  }
  return UFO_OK;
}

ufo_status bench_run(const bench_options *options, int *failed_out, ufo_error *error) {
  const bool quick = options->quick;
  workspace w = {.quick = quick, .interrupted = options->interrupted};
  machine m;
  int count = 0;
  *failed_out = 0;
  w.budget_bytes = options->budget_bytes ? options->budget_bytes : quick ? BUDGET_QUICK : BUDGET_DEFAULT;
  w.budget_bytes -= w.budget_bytes % (1 << 20);
  w.data_bytes = 4 * w.budget_bytes;
  w.runs = options->runs ? options->runs : quick ? RUNS_QUICK : RUNS_DEFAULT;
  if (w.runs > RUNS_MAX) return set_error(error, UFO_USAGE, "at most %d runs are possible", RUNS_MAX);
  result *results = calloc((size_t)case_total(), sizeof *results);
  if (!results) return set_error(error, UFO_FULL, "no memory for the results");
  ufo_status status = workspace_open(&w, folder_of(options), error);
  if (!status) {
    machine_look(&m, w.folder);
    if (!options->json) table_print_head(&m, &w);
    status = run_chosen(&w, options, results, &count, failed_out, error);
  }
  if (!status && options->json) result_json_print(&m, &w, results, count);
  else if (!status) table_print_summary(results, count);
  workspace_close(&w);
  free(results);
  return status;
}
