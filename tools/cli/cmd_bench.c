/* cmd_bench.c - `ufostore bench`: how fast this machine is with stored data, and how fast it could be. The benchmark
 * itself is in tools/bench. */
#include "args.h"
#include "bench/bench.h"
#include "print.h"

#include <stdio.h>

enum { OPT_QUICK, OPT_JSON, OPT_LIST, OPT_FOLDER, OPT_BUDGET, OPT_RUNS };
enum { OPERANDS_MAX = 32 };

static const option_spec options[] = {
    [OPT_QUICK] = {"quick", 0, NULL, "small data and one round, to see that everything runs"},
    [OPT_JSON] = {"json", 0, NULL, "all samples, as JSON"},
    [OPT_LIST] = {"list", 0, NULL, "list the cases, run none"},
    [OPT_FOLDER] = {"folder", 0, "DIR", "for the data, removed afterwards; else $TMPDIR or /var/tmp"},
    [OPT_BUDGET] = {"budget", 0, "SIZE", "memory budget, 128M if not given; data are four times as long"},
    [OPT_RUNS] = {"runs", 0, "N", "measured rounds, 5 if not given"},
    {0},
};

static int list_cases(void) {
  for (int i = 0; bench_case_name(i); i++) printf("%-14s %s\n", bench_case_name(i), bench_case_title(i));
  return finish_output(EXIT_DONE);
}

static int refuse_case(const char *word) {
  const char *names[64];
  int count = 0;
  for (; count < 63 && bench_case_name(count); count++) names[count] = bench_case_name(count);
  names[count] = NULL;
  const char *near = args_nearest(word, names);
  if (near) return fail_usage(&cmd_bench, "unknown case '%s'; did you mean '%s'?", word, near);
  return fail_usage(&cmd_bench, "unknown case '%s'; 'ufostore bench --list' shows them", word);
}

static int run(const arguments *args) {
  uint64_t runs = 0;
  bench_options bench = {.cases = args->operands,
                         .case_count = args->operand_count,
                         .quick = args->values[OPT_QUICK] != NULL,
                         .json = args->values[OPT_JSON] != NULL,
                         .folder = args->values[OPT_FOLDER],
                         .interrupted = interrupted};
  for (int i = 0; i < args->operand_count; i++)
    if (!bench_knows(args->operands[i])) return refuse_case(args->operands[i]);
  const char *budget = args->values[OPT_BUDGET];
  if (budget && (!args_size(budget, &bench.budget_bytes) || bench.budget_bytes < BENCH_BUDGET_MIN ||
                 bench.budget_bytes > UINT64_C(1) << 40))
    return fail_usage(&cmd_bench, "the budget '%s' is not a size from 4M on", budget);
  if (args->values[OPT_RUNS] && (!args_number(args->values[OPT_RUNS], &runs) || runs < 1 || runs > 100))
    return fail_usage(&cmd_bench, "'%s' is not a number of rounds, 1 to 100", args->values[OPT_RUNS]);
  bench.runs = (unsigned)runs;
  if (args->values[OPT_LIST]) return list_cases();
  ufo_error error = {0};
  int failed = 0;
  catch_signals();
  ufo_status status = bench_run(&bench, &failed, &error);
  if (status == UFO_END && interrupted()) return fail_interrupted("the data of the benchmark were removed");
  if (status) return fail_status(NULL, NULL, &error);
  return finish_output(failed ? EXIT_FAILED : EXIT_DONE);
}

const command cmd_bench = {
    .name = "bench",
    .operands = "[CASE...]",
    .summary = "measure speed against the limits of this machine",
    .details =
        "Each case prints its figure, the limit and the reference measured in the same run, the ratios and what they\n"
        "should reach. Without CASE all are run, which takes some minutes, 2 GiB of memory and 6 GiB of disk space; "
        "'scan'\n"
        "means all cases whose names begin with 'scan-'. A goal that is missed is no failure; a wrong sum is.",
    .operands_min = 0,
    .operands_max = OPERANDS_MAX,
    .options = options,
    .run = run,
};
