/* cmd_verify.c - `ufostore verify`: reads and checks everything in a store, changes nothing. */
#include "cli.h"
#include "findings.h"
#include "print.h"

#include <string.h>
#include <sys/stat.h>

enum { OPT_JSON, OPT_PREFLIGHT, OPT_SALVAGE };

static bool is_there(const char *path) {
  struct stat file;
  return stat(path, &file) == 0;
}

static void print_sound(ufo_store *store, const char *path) {
  ufo_store_stat stat = {.struct_size = sizeof stat};
  char objects[32], blobs[32], bytes[32];
  print_escaped(stdout, path, strlen(path), true);
  if (ufo_store_get_stat(store, &stat, NULL)) {
    puts(": sound");
    return;
  }
  printf(": sound (%s %s, %s in %s %s)\n", format_count(objects, sizeof objects, stat.objects),
         stat.objects == 1 ? "object" : "objects", format_size(bytes, sizeof bytes, stat.blob_bytes),
         format_count(blobs, sizeof blobs, stat.blobs), stat.blobs == 1 ? "blob" : "blobs");
}

/* Looks at the pages, with a progress bar, then opens what it sees to be sound: the option looks again, since under the
 * name there may be another file by then. */
static ufo_status open_after_preflight(findings *f, ufo_store **store, ufo_error *error) {
  const ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY, .preflight = 1};
  f->p = progress_start("preflight");
  ufo_status result = ufo_store_preflight(f->path, findings_progress, f, error);
  progress_end(&f->p);
  return result || interrupted() ? result : ufo_store_open(f->path, &options, store, error);
}

static ufo_status open_as_it_is(const findings *f, ufo_store **store, ufo_error *error) {
  const ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  return ufo_store_open(f->path, &options, store, error);
}

/* What does not open because it is damaged is a finding; what cannot be read at all is none. */
static int refuse(findings *f, const ufo_error *error) {
  int status = fail_status(f->path, NULL, error);
  if (status != EXIT_DAMAGED) return status;
  findings_refuse(f, error);
  findings_end(f, NULL);
  return finish_output(status);
}

/* The store itself need not be one that can be opened. */
static int run_salvage(findings *f) {
  ufo_error error = {0};
  ufo_store *made = NULL;
  catch_signals();
  f->p = progress_start("salvage");
  ufo_status result = ufo_store_salvage(f->path, f->out, findings_report, findings_progress, f, &error);
  progress_end(&f->p);
  f->complete = !result || (result == UFO_CORRUPT && f->count && is_there(f->out));
  int status = result ? EXIT_DAMAGED : EXIT_DONE;
  if (interrupted()) {
    f->complete = false;
    status = fail_interrupted("nothing was salvaged");
  } else if (!f->complete) {
    if (!f->count) return refuse(f, &error);
    status = fail_status(f->path, NULL, &error);
  } else if (!f->as_json) {
    print_escaped(stdout, f->out, strlen(f->out), true);
    if (!result) puts(": all of it was sound (the current versions: snapshots are not copied)");
    else printf(": %llu %s\n", (unsigned long long)f->count, f->count == 1 ? "loss or doubt" : "losses or doubts");
  } else {
    const ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
    if (ufo_store_open(f->out, &options, &made, NULL)) made = NULL; /* then there are no counts */
  }
  findings_end(f, made);
  ufo_store_close(made);
  return finish_output(status);
}

static int run_verify(findings *f) {
  ufo_error error = {0};
  ufo_store *store = NULL;
  int status = EXIT_DONE;
  if (f->preflight) catch_signals();
  ufo_status result = f->preflight ? open_after_preflight(f, &store, &error) : open_as_it_is(f, &store, &error);
  if (result && !interrupted()) return refuse(f, &error);
  catch_signals();
  if (store) {
    f->p = progress_start("verify");
    result = ufo_store_verify(store, findings_report, findings_progress, f, &error);
    progress_end(&f->p);
  }
  f->complete = !interrupted() && (!result || (result == UFO_CORRUPT && f->count && !error.os_errno));
  if (interrupted()) {
    status = fail_interrupted("the store was not checked to its end");
  } else if (f->count) {
    if (!f->as_json) {
      print_escaped(stdout, f->path, strlen(f->path), true);
      printf(": %llu %s\n", (unsigned long long)f->count, f->count == 1 ? "damage" : "damages");
    }
    int said = f->complete ? EXIT_DAMAGED : fail_status(f->path, NULL, &error);
    status = error.os_errno ? said : EXIT_DAMAGED; /* some of it could not be read */
  } else if (result) {
    status = fail_status(f->path, NULL, &error);
  } else if (!f->as_json) {
    print_sound(store, f->path);
  }
  findings_end(f, store);
  ufo_store_close(store);
  return finish_output(status);
}

static int run(const arguments *args) {
  findings f = {.path = args->operands[0],
                .as_json = args->values[OPT_JSON],
                .preflight = args->values[OPT_PREFLIGHT],
                .out = args->values[OPT_SALVAGE]};
  if (f.preflight && f.out)
    return fail_usage(&cmd_verify, "'--salvage' does without '--preflight': it trusts no page of the file");
  return f.out ? run_salvage(&f) : run_verify(&f);
}

static const option_spec options[] = {
    [OPT_JSON] = {"json", 0, NULL, "what was checked and what was found, as JSON"},
    [OPT_PREFLIGHT] = {"preflight", 0, NULL, "look at every page of the file first, as for a file from a stranger"},
    [OPT_SALVAGE] = {"salvage", 0, "OUT", "copy all that is sound into the new store OUT"},
    {0},
};

const command cmd_verify = {
    .name = "verify",
    .operands = "PATH",
    .summary = "check every record and every chunk of a store",
    .details =
        "Each damage is a line: object, version, elements (from 0, end excluded), cause. The exit status is 3 if\n"
        "there is any. What is not named can still be read. A chunk that the system refuses to read is a line, too,\n"
        "and an error; if nothing else is wrong, the exit status is 1.\n"
        "With --preflight a file that could harm whoever opens it is refused, with exit status 3 and the page that is\n"
        "to blame, before anything trusts it.\n"
        "With --salvage, PATH may be damaged so badly that it does not open; no process may have it open. It is not\n"
        "changed. The current version of each object comes to OUT; what is lost or in doubt is named, and chunks that\n"
        "are lost cannot be read there either. Objects without a name are called lost+found/object-NUMBER.\n"
        "With --json, standard output is one document: each finding with its kind, object, version, elements, chunks "
        "and\n"
        "text, then whether all was looked at, and counts of what was.",
    .operands_min = 1,
    .operands_max = 1,
    .options = options,
    .run = run,
};
