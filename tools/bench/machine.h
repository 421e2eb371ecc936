/* machine.h - what the figures were measured on. */
#ifndef UFOSTORE_BENCH_MACHINE_H
#define UFOSTORE_BENCH_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <ufostore/pool.h>

typedef struct machine {
  char processor[128];
  unsigned cores; /* that this process may use */
  uint64_t memory_bytes;
  char kernel[160];
  char huge_pages[64];  /* the choice among always, madvise, never */
  char file_system[64]; /* of the folder with the data */
  char build[96];       /* compiler, optimisation */
  double load; /* of the last minute, before the first case: more than 0.2 means that others used the machine */
  uint64_t uffd_features;
  bool privileged; /* by its user: root */
  ufo_status pool_status;
  ufo_pool_capabilities capabilities; /* if pool_status is UFO_OK */
} machine;

void machine_look(machine *m, const char *folder);

/* Processor time, in seconds over all cores, that everybody but this process and its ended children has used, or the
 * host took away, since the machine was started. What the kernel's own threads do for this process is in it, too. */
double machine_others_s(void);

#endif
