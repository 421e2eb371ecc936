/* reference.c - see reference.h. */
#include "reference.h"

#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

struct reference {
  reference_options options;
  uint8_t *body;
  uint64_t chunk_count, resident, oldest; /* the queue holds `resident` chunks, the first at `oldest` */
  uint64_t *queue, queue_room;
  bool *is_resident;
  uint8_t *buffer;
  int uffd, stop_fd;
  bool failed, running;
  pthread_t thread;
};

static void *chunk_address(const reference *r, uint64_t chunk) { return r->body + chunk * r->options.chunk_bytes; }

static struct uffdio_range range_of(const reference *r, uint64_t chunk) {
  return (struct uffdio_range){(uint64_t)(uintptr_t)chunk_address(r, chunk), r->options.chunk_bytes};
}

/* What is left of the memory reads as zeros from here on, so nobody hangs, and the sum that the caller compares is
 * wrong. */
static void give_up(reference *r) {
  struct uffdio_range all = {(uint64_t)(uintptr_t)r->body, r->chunk_count * r->options.chunk_bytes};
  r->failed = true;
  ioctl(r->uffd, UFFDIO_UNREGISTER, &all);
}

static void serve(reference *r, uint64_t address) {
  uint64_t chunk = (address - (uint64_t)(uintptr_t)r->body) / r->options.chunk_bytes;
  if (r->is_resident[chunk]) { /* another thread's fault in the same chunk came first */
    struct uffdio_range range = range_of(r, chunk);
    ioctl(r->uffd, UFFDIO_WAKE, &range);
    return;
  }
  if (!r->options.fill(r->options.user, chunk, r->buffer)) {
    give_up(r);
    return;
  }
  if (r->resident == r->queue_room) {
    uint64_t victim = r->queue[r->oldest];
    r->oldest = (r->oldest + 1) % r->queue_room;
    r->resident--;
    r->is_resident[victim] = false;
    madvise(chunk_address(r, victim), r->options.chunk_bytes, MADV_DONTNEED);
  }
  struct uffdio_copy copy = {.dst = (uint64_t)(uintptr_t)chunk_address(r, chunk),
                             .src = (uint64_t)(uintptr_t)r->buffer,
                             .len = r->options.chunk_bytes};
  while (ioctl(r->uffd, UFFDIO_COPY, &copy)) {
    if (errno != EAGAIN) {
      give_up(r);
      return;
    }
    if (copy.copy > 0) { /* done in part */
      copy.dst += (uint64_t)copy.copy;
      copy.src += (uint64_t)copy.copy;
      copy.len -= (uint64_t)copy.copy;
    }
    copy.copy = 0;
  }
  r->is_resident[chunk] = true;
  r->queue[(r->oldest + r->resident++) % r->queue_room] = chunk;
}

static void *run(void *argument) {
  reference *r = argument;
  struct pollfd polled[2] = {{.fd = r->uffd, .events = POLLIN}, {.fd = r->stop_fd, .events = POLLIN}};
  for (;;) {
    struct uffd_msg message;
    if (poll(polled, 2, -1) < 0 && errno != EINTR) break;
    if (polled[1].revents) break;
    if (read(r->uffd, &message, sizeof message) != (ssize_t)sizeof message) continue;
    if (message.event == UFFD_EVENT_PAGEFAULT && !r->failed) serve(r, message.arg.pagefault.address);
  }
  return NULL;
}

static int open_uffd(void) {
  int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
  return fd;
}

static ufo_status start(reference *r, ufo_error *error) {
  uint64_t bytes = r->options.bytes, room = r->options.budget_bytes / r->options.chunk_bytes;
  r->chunk_count = bytes / r->options.chunk_bytes;
  r->queue_room = room ? room : 1;
  r->queue = calloc(r->queue_room, sizeof *r->queue);
  r->is_resident = calloc(r->chunk_count ? r->chunk_count : 1, sizeof *r->is_resident);
  if (!r->queue || !r->is_resident || posix_memalign((void **)&r->buffer, 4096, r->options.chunk_bytes))
    return set_error(error, UFO_FULL, "no memory for the reference handler");
  memset(r->buffer, 0, r->options.chunk_bytes);
  void *body = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (body == MAP_FAILED) return set_errno(error, "cannot map %llu bytes", (unsigned long long)bytes);
  r->body = body;
  r->uffd = open_uffd();
  struct uffdio_api api = {.api = UFFD_API};
  struct uffdio_register request = {.range = {(uint64_t)(uintptr_t)body, bytes}, .mode = UFFDIO_REGISTER_MODE_MISSING};
  if (r->uffd < 0 || ioctl(r->uffd, UFFDIO_API, &api) || ioctl(r->uffd, UFFDIO_REGISTER, &request)) {
    set_errno(error, "the reference handler cannot use userfaultfd");
    return error->code = UFO_UNSUPPORTED;
  }
  r->stop_fd = eventfd(0, EFD_CLOEXEC);
  if (r->stop_fd < 0) return set_errno(error, "the reference handler cannot be stopped");
  if ((errno = pthread_create(&r->thread, NULL, run, r))) return set_errno(error, "cannot start the reference handler");
  r->running = true;
  return UFO_OK;
}

ufo_status reference_start(const reference_options *options, reference **out, ufo_error *error) {
  *out = NULL;
  reference *r = calloc(1, sizeof *r);
  if (!r) return set_error(error, UFO_FULL, "no memory for the reference handler");
  r->options = *options;
  r->uffd = r->stop_fd = -1;
  ufo_status status = start(r, error);
  if (status) reference_stop(r);
  else *out = r;
  return status;
}

void *reference_body(const reference *r) { return r->body; }

bool reference_stop(reference *r) {
  if (!r) return true;
  if (r->running) {
    uint64_t one = 1;
    if (write(r->stop_fd, &one, sizeof one) == (ssize_t)sizeof one) pthread_join(r->thread, NULL);
  }
  if (r->body) munmap(r->body, r->options.bytes);
  if (r->uffd >= 0) close(r->uffd);
  if (r->stop_fd >= 0) close(r->stop_fd);
  free(r->queue);
  free(r->is_resident);
  free(r->buffer);
  bool sound = !r->failed;
  free(r);
  return sound;
}
