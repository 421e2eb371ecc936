/* power.h - records the life of a store, and judges what a loss of power at any point of it leaves. */
#ifndef UFO_TEST_POWER_H
#define UFO_TEST_POWER_H

#include "common/child.h"
#include "crash/judge.h"
#include "crash/replay.h"
#include "crash/world.h"

enum { ACK_OPEN, ACK_GENERATION, ACK_COPY, ACK_NO_COPY };
enum { VARIANTS = 6 };

/* ---- recording --------------------------------------------------------------------------------------------------- */

static inline int power_life(const char *path, uint64_t generations) {
  world w = {.path = path, .attempts = 1};
  const char *failed = NULL;
  if (world_open(&w) != UFO_OK) failed = "open";
  else record_ack(ACK_OPEN, 0);
  for (uint64_t g = 1; !failed && g <= generations; g++) {
    if (one_generation(&w, g) != UFO_OK) failed = "generation";
    if (failed) break;
    record_ack(ACK_GENERATION, g);
    bool copies = g % shape.period == shape.copy_at;
    if (copies) record_ack(ACK_NO_COPY, g); /* the one before is removed */
    failed = follow_up(&w, g);
    if (copies && !failed) record_ack(ACK_COPY, g);
  }
  if (failed) fprintf(stderr, "%s: %s\n", failed, error.message);
  world_close(&w);
  return failed ? 1 : 0;
}

/* The record holds all that happened if a replay of all of it gives the very file. */
static inline int power_compare(const record_log *log, const char *path) {
  const record *next;
  disk *d = disk_after(log, log->count, DROP_NOTHING, &next);
  if (!d) return 1;
  bool whole = !d->unknown && !log->overflowed;
  uint64_t id = disk_file_now(d, strrchr(path, '/') + 1);
  disk_make_durable(d, id);
  const disk_file *file = disk_find(d, id);
  FILE *real = fopen(path, "rb");
  bool same = whole && real != NULL;
  for (uint64_t at = 0; same && at < file->size; at++) same = fgetc(real) == file->bytes[at];
  same = same && fgetc(real) == EOF;
  if (real) fclose(real);
  disk_free(d);
  return same ? 0 : 1;
}

/* The record of a store's life in `folder`, in shared memory; NULL if that failed. */
static inline record_log *power_record(const char *folder, uint64_t generations) {
  char path[4096];
  record_log *log = shared_memory(RECORD_LOG_BYTES);
  if (!log) return NULL;
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    snprintf(recorded_folder, sizeof recorded_folder, "%s", folder);
    recording = log;
    _exit(power_life(path, generations));
  }
  int result = wait_for(child);
  if (result == 0 && power_compare(log, path) != 0) {
    fprintf(stderr, "the record does not give the file that was written\n");
    result = 1;
  }
  if (result == 0) return log;
  munmap(log, RECORD_LOG_BYTES);
  return NULL;
}

/* ---- judging ----------------------------------------------------------------------------------------------------- */

typedef struct outcome {
  atomic_uint_fast64_t states, bad;
} outcome;

/* LMDB's lock file is not there, or nothing but zeros, or noise. */
static inline void leave_lock_file(const char *path, uint64_t state) {
  char name[4200];
  static uint8_t bytes[65664];
  snprintf(name, sizeof name, "%s-lock", path);
  if (state % 3 == 0) {
    unlink(name);
    return;
  }
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = state % 3 == 1 ? 0 : (uint8_t)mix(state + i / 64);
  disk_file file = {.bytes = bytes, .size = sizeof bytes};
  (void)!write_image(name, &file);
}

static inline int judge_after_loss(const char *path, const disk *d) {
  judge_is_last = 1;
  uint64_t acked = d->acks[ACK_GENERATION] ? d->acks[ACK_GENERATION] - 1 : 0, found;
  if (access(path, F_OK) != 0) {
    DEMAND(d->acks[ACK_OPEN] == 0);
    return 0;
  }
  if (judge(path, acked, acked + 1, &found)) return 1;
  uint64_t copied = d->acks[ACK_COPY] > d->acks[ACK_NO_COPY] - 1 ? d->acks[ACK_COPY] : 0;
  char copy[COPY_NAME_BYTES];
  copy_name(copy, path);
  if (copied) DEMAND(access(copy, F_OK) == 0);
  return judge_copy(path, copied ? copied - 1 : 0, copied ? copied - 1 : acked);
}

/* One state: nothing of what was pending, all of it, or some; 0 if it is as promised. */
static inline int power_state(disk *d, uint64_t prefix, unsigned variant, const char *folder) {
  static const unsigned percent[VARIANTS] = {0, 100, 50, 90, 10, 50};
  char path[4096];
  chance c = {.state = mix(mix(seed + prefix) + variant), .percent = percent[variant]};
  snprintf(path, sizeof path, "%s/s.ufo", folder);
  empty_folder(folder);
  if (disk_image(d, folder, &c) != 0) {
    fprintf(stderr, "cannot write an image in %s\n", folder);
    return 2;
  }
  leave_lock_file(path, mix(c.state));
  return judge_after_loss(path, d);
}

/* In a child, since what is damaged may kill it: all states while call `prefix` is being made. 0 if as promised. */
static inline int power_prefix(const record_log *log, uint64_t prefix, dropped planted, const char *folder,
                               outcome *out) {
  const record *next;
  disk *d = disk_after(log, prefix, planted, &next);
  if (!d) return 2;
  bool open = next && (next->kind == RECORD_WRITE_DS || next->kind == RECORD_WRITE || next->kind == RECORD_TRUNCATE);
  if (open) d->pending[d->pending_count++] = next;
  if (next && next->kind >= RECORD_NAME && next->kind <= RECORD_RENAME)
    d->names_pending[d->names_pending_count++] = next;
  bool certain = d->pending_count == 0 && d->names_pending_count == 0;
  int wrong = 0;
  for (unsigned variant = 0; variant < (certain ? 1 : VARIANTS) && !wrong; variant++) {
    pid_t child = fork();
    if (child == 0) {
      alarm(60);
      _exit(power_state(d, prefix, variant, folder));
    }
    wrong = wait_for(child);
    atomic_fetch_add(&out->states, 1);
    if (!wrong) continue;
    atomic_fetch_add(&out->bad, 1);
    if (!judge_is_quiet)
      fprintf(stderr, "seed %" PRIu64 ", call %" PRIu64 " of %" PRIu64 ", variant %u: %d\n", seed, prefix, log->count,
              variant, wrong);
  }
  disk_free(d);
  return wrong;
}

#endif
