/* progress.c - see progress.h. */
#include "progress.h"

#include "print.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { BAR_WIDTH = 30 };
#define SECOND_NS UINT64_C(1000000000)

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

progress progress_start(const char *label) {
  return (progress){.label = label, .start_ns = now_ns(), .terminal = isatty(STDERR_FILENO) == 1};
}

static void draw(progress *p, uint64_t done, uint64_t total, uint64_t elapsed_ns) {
  char amount[32], rate[32];
  format_size(amount, sizeof amount, done);
  format_size(rate, sizeof rate, (uint64_t)((double)done * 1e9 / (double)elapsed_ns));
  if (!total) {
    fprintf(stderr, "\r%s  %s, %s/s \033[K", p->label, amount, rate);
    return;
  }
  if (done > total) done = total;
  double share = (double)done / (double)total;
  int filled = (int)(share * BAR_WIDTH);
  unsigned left = share > 0.01 ? (unsigned)((double)elapsed_ns / 1e9 * (1 - share) / share + 0.5) : 0;
  fprintf(stderr, "\r%s [", p->label);
  for (int i = 0; i < BAR_WIDTH; i++) putc(i < filled ? '=' : i == filled ? '>' : ' ', stderr);
  fprintf(stderr, "] %3d%%  %s/s", (int)(share * 100), rate);
  if (left) fprintf(stderr, "  %u:%02u left", left / 60, left % 60);
  fputs("\033[K", stderr);
}

void progress_update(progress *p, uint64_t done_bytes, uint64_t total_bytes) {
  if (!p->terminal) return;
  uint64_t now = now_ns();
  if (now - p->start_ns < SECOND_NS || now - p->drawn_ns < SECOND_NS / 10) return;
  p->drawn_ns = now;
  p->drawn = true;
  draw(p, done_bytes, total_bytes, now - p->start_ns);
  fflush(stderr);
}

void progress_end(progress *p) {
  if (!p->drawn) return;
  fputs("\r\033[K", stderr);
  fflush(stderr);
  p->drawn = false;
}
