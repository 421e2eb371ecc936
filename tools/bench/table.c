/* table.c - see table.h. */
#include "table.h"

#include "cli/print.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *role_name(series_role role) {
  static const char *const names[] = {"figure", "limit", "reference", "more"};
  return names[role];
}

/* Three significant digits, or all before the point. */
static const char *number(char out[32], double value) {
  if (!isfinite(value)) return "-";
  double size = fabs(value);
  int decimals = size >= 100 || size == 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4;
  if (size >= 1e7) snprintf(out, 32, "%.3g", value);
  else snprintf(out, 32, "%.*f", decimals, value);
  return out;
}

void table_print_head(const machine *m, const workspace *w) {
  char a[32], b[32];
  printf("ufostore %s, budget %s, data %s, %u round%s%s\n", ufo_version(), format_size(a, sizeof a, w->budget_bytes),
         format_size(b, sizeof b, w->data_bytes), w->runs, w->runs == 1 ? "" : "s",
         w->quick ? " (quick: to see that it runs, not to measure)" : "");
  printf("  processor    %s, %u core%s\n", m->processor, m->cores, m->cores == 1 ? "" : "s");
  printf("  memory       %s, transparent huge pages: %s\n", format_size(a, sizeof a, m->memory_bytes), m->huge_pages);
  printf("  kernel       %s, %s\n", m->kernel, m->privileged ? "as root" : "as an ordinary user");
  printf("  userfaultfd  features 0x%llx", (unsigned long long)m->uffd_features);
  if (m->pool_status) printf(", not usable\n");
  else
    printf("; kernel faults %s, UFFDIO_MOVE %s, UFFDIO_POISON %s\n", m->capabilities.kernel_faults ? "yes" : "no",
           m->capabilities.move ? "yes" : "no", m->capabilities.poison ? "yes" : "no");
  printf("  data in      %s (%s)\n", w->folder, m->file_system);
  printf("  build        %s\n", m->build);
  printf("  load before  %.2f%s\n", m->load, m->load > 0.2 ? " (others use this machine: figures are disturbed)" : "");
  fflush(stdout);
}

static void print_series(const result *r) {
  static const char *const columns[] = {"<", "<series", ">median", "<unit", ">least", ">most", "<what", NULL};
  text_table *t = text_table_create(columns);
  for (int i = 0; r->of->series[i].key; i++) {
    const series_spec *s = &r->of->series[i];
    char text[32];
    text_table_add(t, role_name(s->role));
    text_table_add(t, s->key);
    text_table_add(t, number(text, r->series[i].median));
    text_table_add(t, s->unit);
    text_table_add(t, number(text, r->series[i].min));
    text_table_add(t, number(text, r->series[i].max));
    text_table_add(t, s->what);
  }
  text_table_print(t, stdout, "  ");
}

static void print_curves(const result *r) {
  const char *columns[CURVES_MAX + 2];
  char heads[CURVES_MAX + 1][64], text[32];
  snprintf(heads[0], sizeof heads[0], ">%s", r->curves[0].x_unit);
  columns[0] = heads[0];
  for (unsigned i = 0; i < r->curve_count; i++) {
    snprintf(heads[i + 1], sizeof heads[i + 1], ">%s, %s", r->curves[i].key, r->curves[i].y_unit);
    columns[i + 1] = heads[i + 1];
  }
  columns[r->curve_count + 1] = NULL;
  text_table *t = text_table_create(columns);
  for (unsigned k = 0; k < r->curves[0].count; k++) {
    snprintf(text, sizeof text, "%g", r->curves[0].x[k]);
    text_table_add(t, text);
    for (unsigned i = 0; i < r->curve_count; i++)
      text_table_add(t, k < r->curves[i].count ? number(text, r->curves[i].y[k]) : "-");
  }
  text_table_print(t, stdout, "  ");
}

static const char *verdict(const struct verdict *v) { return !v->known ? "not measured" : v->met ? "met" : "MISSED"; }

static void print_goal(const char *label, const goal_spec *goal, const struct verdict *v) {
  char a[32], b[32];
  printf("  %-13s %-44s %8s  (%s %s)  %s\n", label, goal->what, number(a, v->ratio),
         goal->at_most ? "at most" : "at least", number(b, goal->target), verdict(v));
}

void table_print_case(const result *r) {
  printf("\n%s: %s\n", r->of->name, r->of->title);
  if (r->reason[0]) {
    static const char *const words[] = {"note", "not run", "FAILED"};
    printf("  %s: ", words[r->state]);
    print_escaped(stdout, r->reason, strlen(r->reason), false);
    putchar('\n');
  }
  if (r->state == CASE_RAN) {
    if (r->of->series[0].key) print_series(r);
    if (r->curve_count) print_curves(r);
    for (int i = 0; r->of->goals && r->of->goals[i].what; i++) print_goal("goal", &r->of->goals[i], &r->goals[i]);
    if (r->others > OTHERS_MAX) printf("  disturbed: others used %.2f cores meanwhile\n", r->others);
  }
  fflush(stdout);
}

void table_print_summary(const result *results, int count) {
  int met = 0, missed = 0, not_run = 0, failed = 0, disturbed = 0;
  printf("\nall goals\n");
  for (int k = 0; k < count; k++) {
    const result *r = &results[k];
    not_run += r->state == CASE_NOT_RUN;
    failed += r->state == CASE_FAILED;
    disturbed += r->others > OTHERS_MAX;
    if (r->state != CASE_RAN) printf("  %-13s %s\n", r->of->name, r->state == CASE_NOT_RUN ? "not run" : "FAILED");
    for (int i = 0; r->state == CASE_RAN && r->of->goals && r->of->goals[i].what; i++) {
      print_goal(r->of->name, &r->of->goals[i], &r->goals[i]);
      met += r->goals[i].met;
      missed += !r->goals[i].met;
    }
  }
  printf("%d met, %d missed; %d case%s not run, %d failed\n", met, missed, not_run, not_run == 1 ? "" : "s", failed);
  if (disturbed)
    printf("others used the machine during %d of %d cases: run them again when it is idle\n", disturbed, count);
}
