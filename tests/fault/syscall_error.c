/* syscall_error.c - every system call of a store's life fails with every error that it can plausibly give, once, and
 * then for ever until the program is told that the cause is gone; those that move bytes are cut short, too.
 *
 * Demanded: no signal, no hang; an error with the right code that names the store; memory readable meanwhile, or an
 * error of ufo_guarded, and right afterwards; the same process gets through once the cause is gone; no descriptor and
 * no temporary file is left; verify passes. `syscall_error list` names the points, and `syscall_error "fsync 1: EIO
 * once"` tries that one. */
#include "crash/subject.h"
#include "crash/sweep.h"

enum { ERRORS_MAX = 8, POINTS_MAX = 100000, ALL_ERRORS_BELOW = 60 };

typedef struct plausible {
  long call;
  const char *name;
  int once[ERRORS_MAX]; /* ends with 0 */
  bool lasts;           /* the same errors can also last */
  bool shortens;
} plausible;

#define CALL(name) SYS_##name, #name

/* Not here: futex, sigprocmask and their like, whose errors mean a broken program; brk, whose failure is not an error
 * number. Not for ever: errors of write, which serves an eventfd here and does not fail for long; and what means "not
 * now". A kernel that goes on refusing to read faults, to wake or to lift protection breaks the pool. */
static const plausible plausibles[] = {
    {CALL(openat), {EMFILE, ENFILE, EACCES, EIO, ENOMEM, ENOSPC, EPERM}, true, false},
    {CALL(close), {EIO, EINTR}, true, false},
    {CALL(pread64), {EIO, ENOMEM}, true, true},
    {CALL(preadv2), {EAGAIN, ENOSYS, EOPNOTSUPP, EIO}, true, false},
    {CALL(fadvise64), {EINVAL, EIO}, true, false},
    {CALL(pwrite64), {EIO, ENOSPC, EDQUOT, EPERM}, true, true},
    {CALL(writev), {EIO, ENOSPC, EDQUOT, EPERM}, true, true},
    {CALL(fdatasync), {EIO, ENOSPC, EDQUOT}, true, false},
    {CALL(fsync), {EIO, ENOSPC, EDQUOT}, true, false},
    {CALL(ftruncate), {EIO, ENOSPC, EPERM}, true, false},
    {CALL(lseek), {EIO}, true, false},
    {CALL(mmap), {ENOMEM}, true, false},
    {CALL(munmap), {ENOMEM}, true, false},
    {CALL(mprotect), {ENOMEM, EACCES}, true, false},
    {CALL(madvise), {ENOMEM, EINVAL}, true, false},
    {CALL(munlock), {ENOMEM, EPERM}, true, false},
    {CALL(ioctl), {ENOMEM, EPERM, EINVAL}, true, false},
    {CALL(userfaultfd), {EPERM, ENOSYS, ENOMEM, EMFILE}, true, false},
    {CALL(eventfd2), {EMFILE, ENOMEM}, true, false},
    {CALL(memfd_create), {EMFILE, ENOMEM}, true, false},
    {CALL(fcntl), {ENOLCK, EIO}, true, false},
    {CALL(newfstatat), {EIO, ENOMEM, EACCES}, true, false},
    {CALL(fstatfs), {EIO}, true, false},
    {CALL(statfs), {EIO}, true, false},
    {CALL(renameat2), {EIO, ENOSPC, EDQUOT, EACCES, EINVAL}, true, false},
    {CALL(rename), {EIO, ENOSPC, EDQUOT, EACCES}, true, false},
    {CALL(link), {EIO, ENOSPC, EDQUOT, EPERM}, true, false},
    {CALL(unlink), {EIO, EACCES}, true, false},
    {CALL(fchown), {EPERM, EIO}, true, false},
    {CALL(fchmod), {EPERM, EIO}, true, false},
    {CALL(chown), {EPERM, EIO}, true, false},
    {CALL(chmod), {EPERM, EIO}, true, false},
    {CALL(clone3), {EAGAIN, ENOMEM}, true, false},
    {CALL(getrandom), {ENOSYS, EINTR}, true, false},
    {CALL(readlink), {EIO, EACCES}, true, false},
    {CALL(access), {EIO, EACCES}, true, false},
    {CALL(sysinfo), {EPERM}, true, false},
    {CALL(uname), {EPERM}, true, false},
    {CALL(prctl), {EINVAL}, true, false},
    {CALL(read), {EIO, ENOMEM}, true, false},
    {CALL(read), {EINTR, EAGAIN}, false, false},
    {CALL(write), {EINTR, EIO}, false, false},
    {CALL(poll), {EINTR, ENOMEM}, true, false},
    {CALL_PROTECT_IOCTL, "ioctl(writeprotect)", {EAGAIN, ENOMEM, EINVAL}, true, false},
    {CALL_SURE_IOCTL, "ioctl(wake or unregister)", {EINVAL, ENOMEM}, true, false},
    {CALL_UFFD_IOCTL, "ioctl(any)", {EINVAL, ENOMEM, EPERM}, true, false},
    /* Once more, for what passes by itself. */
    {CALL_COPY_IOCTL, "ioctl(copy)", {ENOMEM}, true, false},
    {CALL_COPY_IOCTL, "ioctl(copy)", {EAGAIN}, true, false},
    {CALL(madvise), {EAGAIN}, false, false},
    {CALL(fcntl), {EINTR}, false, false},
    {CALL(pread64), {EINTR}, false, false},
    {CALL(pwrite64), {EINTR}, false, false},
    {CALL(writev), {EINTR}, false, false},
    {CALL(openat), {EINTR}, false, false},
    {CALL(fdatasync), {EINTR}, false, false},
};

typedef struct point {
  const plausible *of;
  injection what;
} point;

static point *points;
static uint64_t point_count;

static void add_point(const plausible *of, uint64_t number, int error_number, bool forever, int shorten) {
  if (point_count == POINTS_MAX) return;
  points[point_count++] =
      (point){of, {.call = of->call, .number = number, .error = error_number, .forever = forever, .shorten = shorten}};
}

/* Calls that are made very often take their errors in turn. */
static void add_points(const plausible *of, uint64_t calls) {
  uint64_t errors = 0;
  while (errors < ERRORS_MAX && of->once[errors]) errors++;
  for (uint64_t number = 1; number <= calls; number++) {
    for (uint64_t e = 0; e < errors; e++) {
      if (calls >= ALL_ERRORS_BELOW && number % errors != e) continue;
      add_point(of, number, of->once[e], false, 0);
      if (of->lasts) add_point(of, number, of->once[e], true, 0);
    }
    if (of->shortens) {
      add_point(of, number, 0, false, 2);
      /* Nothing at all; a read does so at a file's end, where LMDB takes the file for a new one. */
      add_point(of, number, 0, false, 1 << 30);
    }
  }
}

/* Places where something was wrong once: opening looped for ever where a file could not be examined, a compaction was
 * lost for the same reason, and a chunk that could neither be filled nor poisoned was touched for ever; threads waited
 * for ever where faults could not be read, or threads not be woken; LMDB began a store anew whose header it could not
 * read. And a few syncs that fail, since nothing matters
 * more. */
static bool is_remembered(const point *p) {
  if (p->of->call == SYS_pread64) return p->what.shorten > 2 && p->what.number <= 16;
  if (p->of->call == SYS_read || p->of->call == CALL_UFFD_IOCTL)
    return p->what.forever && p->what.error != ENOMEM && p->what.number % 40 == 9;
  if (p->of->call == CALL_COPY_IOCTL) return p->what.forever && p->what.number <= 2;
  if (p->of->call == SYS_fdatasync) return p->what.error == EIO && p->what.number % 6 == 4;
  if (p->of->call != SYS_newfstatat) return false;
  return p->what.forever ? p->what.error == EACCES && p->what.number % 4 == 3
                         : p->what.error == EIO && p->what.number % 4 == 2;
}

static uint64_t remembered_first(void) {
  uint64_t first = 0;
  for (uint64_t i = 0; i < point_count; i++) {
    if (!is_remembered(&points[i])) continue;
    point found_here = points[i];
    points[i] = points[first];
    points[first++] = found_here;
  }
  return first;
}

static const char *describe(const point *p) {
  static char text[128];
  if (p->what.shorten) {
    snprintf(text, sizeof text, "%s %llu cut to 1/%d", p->of->name, (unsigned long long)p->what.number,
             p->what.shorten);
  } else {
    snprintf(text, sizeof text, "%s %llu: %s %s", p->of->name, (unsigned long long)p->what.number,
             strerrorname_np(p->what.error), p->what.forever ? "for ever" : "once");
  }
  return text;
}

/* ---- one point --------------------------------------------------------------------------------------------------- */

static report *shared;
static uint64_t *found;

static void begin(void) {
  shared = shared_memory(sizeof *shared + sizeof *found);
  if (!shared) _exit(2);
  found = (uint64_t *)(shared + 1);
}

/* The code that belongs to the error, where the step reported the error that was injected. */
static bool right_code(const ufo_error *e, const injection *what) {
  if (strstr(e->message, "the pool is broken")) return e->code == UFO_IO;
  if (what->shorten) return e->code == UFO_IO || e->code == UFO_FULL || e->code == UFO_CORRUPT;
  if (e->os_errno != what->error) return true;
  switch (what->error) {
  case ENOSPC:
  case EDQUOT:
  case ENOMEM:
  case EMFILE:
  case ENFILE:
    return e->code == UFO_FULL || e->code == UFO_UNSUPPORTED;
  default:
    return e->code == UFO_IO || e->code == UFO_UNSUPPORTED || e->code == UFO_FULL;
  }
}

/* Everything but a pool and its memory knows which store it is about. */
static bool names_store(const ufo_error *e, const char *step) {
  return strstr(e->message, "s.ufo") || !strcmp(step, "create a pool") || strstr(e->message, "chunk of") ||
         strstr(e->message, "region") || strstr(e->message, "the pool is broken");
}

static int try_point(uint64_t number, const char *folder) {
  const point *p = &points[number];
  char path[4000];
  traced result;
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  subject s = {.path = path, .report = shared, .persistent = true};
  memset(shared, 0, sizeof *shared);
  trace(subject_run, &s, &p->what, 60, &result);
  uint64_t acked = atomic_load(&shared->acked);
  bool unlinks = p->of->call == SYS_unlink;
  const char *wrong = NULL;
  if (result.hung) wrong = "it hung";
  else if (result.status == 8) wrong = "descriptors were left open";
  else if (result.status != 0) wrong = "it did not get through";
  else if (acked != DENSE_GENERATIONS) wrong = "not all generations were acknowledged";
  else if (judge_in_child(path, acked, found) != 0 || *found != acked) wrong = "the store is not as promised";
  else if (leftovers(folder) > 0 && !unlinks) wrong = "a temporary file was left";
  else if (shared->failures && !right_code(&shared->first, &p->what)) wrong = "the code is not right";
  else if (shared->failures && !names_store(&shared->first, shared->first_step)) wrong = "the store is not named";
  if (!wrong && !getenv("UFO_POINT")) return 0;
  fprintf(stderr, "%s: %s (status %d, after generation %llu, %u failures; %s: %d %s)\n", describe(p),
          wrong ? wrong : "as promised", result.status, (unsigned long long)acked, shared->failures, shared->first_step,
          (int)shared->first.code, shared->first.message);
  return wrong != NULL;
}

int main(int argc, char **argv) {
  traced counted;
  begin();
  int failed = subject_count(shared, &counted);
  if (failed) return failed;
  points = calloc(POINTS_MAX, sizeof *points);
  if (!points) return 2;
  for (size_t i = 0; i < sizeof plausibles / sizeof *plausibles; i++)
    add_points(&plausibles[i], counted.calls[plausibles[i].call]);
  uint64_t first = remembered_first();
  if (argc > 1 && !strcmp(argv[1], "list")) {
    for (uint64_t i = 0; i < point_count; i++) printf("%llu %s\n", (unsigned long long)i, describe(&points[i]));
    return 0;
  }
  if (argc > 1) { /* numbers differ from run to run, since threads take turns differently */
    uint64_t chosen = 0;
    while (chosen < point_count && strcmp(describe(&points[chosen]), argv[1]) != 0) chosen++;
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, chosen);
    if (chosen == point_count || setenv("UFO_POINT", text, 1) != 0) {
      fprintf(stderr, "no such point: %s\n", argv[1]);
      return 2;
    }
  }
  sweep all = {.points = point_count,
               .first = first,
               .base = fast_folder(),
               .begin = begin,
               .try_point = try_point,
               .seconds = 12};
  int result = sweep_run(&all);
  printf("%llu of %llu points\n", (unsigned long long)all.tried, (unsigned long long)all.points);
  tally(all.tried, "runs with an error from a system call");
  free(points);
  return result;
}
