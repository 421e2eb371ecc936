/* cmd_verify.c - `ufostore verify`: reads and checks everything in a store, changes nothing. */
#include "cli.h"
#include "print.h"
#include "progress.h"

#include <string.h>
#include <sys/stat.h>

enum { OPT_PREFLIGHT, OPT_SALVAGE };

typedef struct walk {
  progress p;
  uint64_t damages;
} walk;

static int report(void *user, const ufo_damage *damage) {
  walk *w = user;
  w->damages++;
  progress_end(&w->p);
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
  return interrupted();
}

static int on_progress(void *user, uint64_t done, uint64_t total) {
  walk *w = user;
  progress_update(&w->p, done, total);
  return interrupted();
}

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
 * name there may be another file by then. NULL: *status is set. */
static ufo_store *open_after_preflight(const char *path, int *status) {
  ufo_error error = {0};
  ufo_store *store = NULL;
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY, .preflight = 1};
  walk w = {.p = progress_start("preflight")};
  ufo_status result = ufo_store_preflight(path, on_progress, &w, &error);
  progress_end(&w.p);
  if (!result && !interrupted()) result = ufo_store_open(path, &options, &store, &error);
  if (interrupted()) *status = fail_interrupted("the store was not checked to its end");
  else if (result) *status = fail_status(path, NULL, &error);
  if (*status == EXIT_DONE) return store;
  ufo_store_close(store);
  return NULL;
}

/* The store itself need not be one that can be opened. */
static int run_salvage(const char *path, const char *out) {
  ufo_error error = {0};
  catch_signals();
  walk w = {.p = progress_start("salvage")};
  ufo_status result = ufo_store_salvage(path, out, report, on_progress, &w, &error);
  progress_end(&w.p);
  if (interrupted()) return finish_output(fail_interrupted("nothing was salvaged"));
  if (result && !(result == UFO_CORRUPT && w.damages && is_there(out))) return fail_status(path, NULL, &error);
  print_escaped(stdout, out, strlen(out), true);
  if (!result) puts(": all of it was sound (the current versions: snapshots are not copied)");
  else printf(": %llu %s\n", (unsigned long long)w.damages, w.damages == 1 ? "loss or doubt" : "losses or doubts");
  return finish_output(result ? EXIT_DAMAGED : EXIT_DONE);
}

static int run(const arguments *args) {
  const char *path = args->operands[0];
  int status = EXIT_DONE;
  bool preflight = args->values[OPT_PREFLIGHT];
  if (preflight && args->values[OPT_SALVAGE]) {
    return fail_usage(&cmd_verify, "'--salvage' does without '--preflight': it trusts no page of the file");
  }
  if (args->values[OPT_SALVAGE]) return run_salvage(path, args->values[OPT_SALVAGE]);
  if (preflight) catch_signals();
  ufo_store *store = preflight ? open_after_preflight(path, &status) : open_store(path, false, &status);
  if (!store) return status;
  ufo_error error = {0};
  catch_signals();
  walk w = {.p = progress_start("verify")};
  ufo_status result = ufo_store_verify(store, report, on_progress, &w, &error);
  progress_end(&w.p);
  if (interrupted()) {
    status = fail_interrupted("the store was not checked to its end");
  } else if (w.damages) {
    print_escaped(stdout, path, strlen(path), true);
    printf(": %llu %s\n", (unsigned long long)w.damages, w.damages == 1 ? "damage" : "damages");
    status = EXIT_DAMAGED;
    if (error.os_errno) status = fail_status(path, NULL, &error); /* some of it could not be read */
  } else if (result) {
    status = fail_status(path, NULL, &error);
  } else {
    print_sound(store, path);
  }
  ufo_store_close(store);
  return finish_output(status);
}

static const option_spec options[] = {
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
        "are lost cannot be read there either. Objects without a name are called lost+found/object-NUMBER.",
    .operands_min = 1,
    .operands_max = 1,
    .options = options,
    .run = run,
};
