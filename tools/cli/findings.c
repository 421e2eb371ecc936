/* findings.c - see findings.h. */
#include "findings.h"

#include "print.h"

#include <string.h>

/* ---- one ------------------------------------------------------------------------------------------------------- */

static void print_line(const ufo_damage *damage) {
  if (damage->name) {
    print_escaped(stdout, damage->name, strlen(damage->name), true);
    if (damage->version) printf("  version %llu", (unsigned long long)damage->version);
    if (damage->count)
      printf("  elements %llu:%llu", (unsigned long long)damage->first,
             (unsigned long long)(damage->first + damage->count));
  } else {
    fputs("(store)", stdout);
  }
  fputs("  ", stdout);
  const char *cause = damage->cause ? damage->cause : "damaged";
  print_escaped(stdout, cause, strlen(cause), false);
  putchar('\n');
}

static void print_span(json *j, const char *key, uint64_t first, uint64_t count) {
  if (!count) {
    json_null(j, key);
    return;
  }
  json_open(j, key, '{');
  json_unsigned(j, "first", first);
  json_unsigned(j, "count", count);
  json_close(j, '}');
}

static void print_object(json *j, const ufo_damage *damage) {
  json_open(j, NULL, '{');
  json_string(j, "kind", ufo_damage_kind_name(damage->kind));
  if (damage->name) json_string(j, "object", damage->name);
  else json_null(j, "object");
  if (damage->name && damage->version) json_unsigned(j, "version", damage->version);
  else json_null(j, "version");
  print_span(j, "elements", damage->first, damage->count);
  print_span(j, "chunks", damage->first_chunk, damage->chunks);
  json_string(j, "text", damage->cause ? damage->cause : "damaged");
  json_close(j, '}');
}

/* ---- the document ---------------------------------------------------------------------------------------------- */

static void begin(findings *f) {
  if (f->begun) return;
  f->begun = true;
  f->j.file = stdout;
  json_open(&f->j, NULL, '{');
  json_string(&f->j, "path", f->path);
  json_bool(&f->j, "preflight", f->preflight);
  if (f->out) json_string(&f->j, "salvaged_to", f->out);
  else json_null(&f->j, "salvaged_to");
  json_open(&f->j, "findings", '[');
}

int findings_report(void *user, const ufo_damage *damage) {
  findings *f = user;
  f->count++;
  progress_end(&f->p);
  if (f->as_json) {
    begin(f);
    print_object(&f->j, damage);
  } else {
    print_line(damage);
  }
  return interrupted();
}

int findings_progress(void *user, uint64_t done, uint64_t total) {
  findings *f = user;
  progress_update(&f->p, done, total);
  return interrupted();
}

void findings_refuse(findings *f, const ufo_error *error) {
  const ufo_damage whole = {.kind = UFO_DAMAGE_STORE, .cause = error->message};
  if (f->as_json) findings_report(f, &whole);
}

static void print_counts(json *j, const char *key, ufo_store *store) {
  ufo_store_stat stat = {.struct_size = sizeof stat};
  if (!store || ufo_store_get_stat(store, &stat, NULL)) {
    json_null(j, key);
    return;
  }
  json_open(j, key, '{');
  json_unsigned(j, "generation", stat.generation);
  json_unsigned(j, "objects", stat.objects);
  json_unsigned(j, "blobs", stat.blobs);
  json_unsigned(j, "blob_bytes", stat.blob_bytes);
  json_unsigned(j, "staged_blobs", stat.staged_blobs);
  json_unsigned(j, "garbage", stat.garbage);
  json_unsigned(j, "file_bytes", stat.file_bytes);
  json_close(j, '}');
}

void findings_end(findings *f, ufo_store *store) {
  progress_end(&f->p);
  if (!f->as_json) return;
  begin(f);
  json_close(&f->j, ']');
  json_bool(&f->j, "complete", f->complete);
  json_bool(&f->j, "sound", f->complete && !f->count);
  print_counts(&f->j, f->out ? "saved" : "checked", store);
  json_close(&f->j, '}');
}
