/* result_json.c - see result_json.h. */
#include "result_json.h"

#include "cli/json.h"
#include "table.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

static void print_number(json *j, const char *key, double value) {
  if (isfinite(value)) json_double(j, key, value);
  else json_null(j, key);
}

static void print_machine(json *j, const machine *m) {
  json_open(j, "machine", '{');
  json_string(j, "processor", m->processor);
  json_unsigned(j, "cores", m->cores);
  json_unsigned(j, "memory_bytes", m->memory_bytes);
  json_string(j, "kernel", m->kernel);
  json_bool(j, "root", m->privileged);
  json_string(j, "huge_pages", m->huge_pages);
  json_string(j, "file_system", m->file_system);
  json_string(j, "build", m->build);
  json_double(j, "load_before", m->load);
  json_unsigned(j, "userfaultfd_features", m->uffd_features);
  json_bool(j, "pool", m->pool_status == UFO_OK);
  json_bool(j, "kernel_faults", m->capabilities.kernel_faults);
  json_bool(j, "move", m->capabilities.move);
  json_bool(j, "poison", m->capabilities.poison);
  json_close(j, '}');
}

static void print_series(json *j, const result *r) {
  json_open(j, "series", '[');
  for (int i = 0; r->of->series[i].key; i++) {
    const series_spec *s = &r->of->series[i];
    json_open(j, NULL, '{');
    json_string(j, "key", s->key);
    json_string(j, "role", role_name(s->role));
    json_string(j, "what", s->what);
    json_string(j, "unit", s->unit);
    print_number(j, "median", r->series[i].median);
    print_number(j, "min", r->series[i].min);
    print_number(j, "q1", r->series[i].q1);
    print_number(j, "q3", r->series[i].q3);
    print_number(j, "max", r->series[i].max);
    json_open(j, "samples", '[');
    for (unsigned k = 0; k < r->sample_count[i]; k++) print_number(j, NULL, r->samples[i][k]);
    json_close(j, ']');
    json_close(j, '}');
  }
  json_close(j, ']');
}

static void print_goals(json *j, const result *r) {
  json_open(j, "goals", '[');
  for (int i = 0; r->of->goals && r->of->goals[i].what; i++) {
    const goal_spec *goal = &r->of->goals[i];
    json_open(j, NULL, '{');
    json_string(j, "what", goal->what);
    json_string(j, "figure", r->of->series[goal->figure].key);
    if (goal->divisor == NOT_A_SERIES) json_null(j, "divisor");
    else json_string(j, "divisor", r->of->series[goal->divisor].key);
    print_number(j, "ratio", r->goals[i].ratio);
    json_string(j, "relation", goal->at_most ? "at most" : "at least");
    json_double(j, "target", goal->target);
    if (r->goals[i].known) json_bool(j, "met", r->goals[i].met);
    else json_null(j, "met");
    json_close(j, '}');
  }
  json_close(j, ']');
}

static void print_curves(json *j, const result *r) {
  json_open(j, "curves", '[');
  for (unsigned i = 0; i < r->curve_count; i++) {
    const curve *c = &r->curves[i];
    json_open(j, NULL, '{');
    json_string(j, "key", c->key);
    json_string(j, "x_unit", c->x_unit);
    json_string(j, "y_unit", c->y_unit);
    json_open(j, "x", '[');
    for (unsigned k = 0; k < c->count; k++) print_number(j, NULL, c->x[k]);
    json_close(j, ']');
    json_open(j, "y", '[');
    for (unsigned k = 0; k < c->count; k++) print_number(j, NULL, c->y[k]);
    json_close(j, ']');
    json_close(j, '}');
  }
  json_close(j, ']');
}

static void print_case(json *j, const result *r) {
  static const char *const states[] = {"ran", "not run", "failed"};
  json_open(j, NULL, '{');
  json_string(j, "name", r->of->name);
  json_string(j, "title", r->of->title);
  json_string(j, "state", states[r->state]);
  if (r->reason[0]) json_string(j, "reason", r->reason);
  json_double(j, "seconds", r->seconds);
  print_number(j, "others_cores", r->others);
  json_unsigned(j, "rounds", r->rounds);
  print_series(j, r);
  print_goals(j, r);
  print_curves(j, r);
  json_close(j, '}');
}

void result_json_print(const machine *m, const workspace *w, const result *results, int count) {
  json j = {.file = stdout};
  json_open(&j, NULL, '{');
  json_unsigned(&j, "format", 1);
  json_string(&j, "ufostore", ufo_version());
  json_signed(&j, "time", (int64_t)time(NULL));
  json_unsigned(&j, "budget_bytes", w->budget_bytes);
  json_unsigned(&j, "data_bytes", w->data_bytes);
  json_unsigned(&j, "rounds", w->runs);
  json_bool(&j, "quick", w->quick);
  print_machine(&j, m);
  json_open(&j, "cases", '[');
  for (int i = 0; i < count; i++) print_case(&j, &results[i]);
  json_close(&j, ']');
  json_close(&j, '}');
}
