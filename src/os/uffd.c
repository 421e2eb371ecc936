/* Facts relied on (Documentation/admin-guide/mm/userfaultfd.rst and the ioctl_userfaultfd manual pages):
 *  - UFFDIO_COPY may stop half way with EAGAIN and the signed count of bytes done in `copy`: resume.
 *  - An ioctl that fails wakes nobody.
 *  - UFFDIO_COPY with MODE_WP fills and protects in one step, so no write can slip in between.
 *  - MADV_DONTNEED removes poison (probed on 6.18).
 *  - A thread that waits for a page goes on waiting when its mapping is replaced. WAKE finds it by the address all the
 *    same; so does the end of the descriptor, which comes when the last call that uses it returns: a poll() holds it.
 *    Woken, it faults again and meets the new mapping, or zeros if there is none; protection is gone (probed on 6.18).
 */
#include "os/uffd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/memory.h"
#include "util/checked.h"
#include "util/fail.h"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

/* From Linux 6.6 and 6.8; Debian 12's headers are older. */
#define FEATURE_POISON ((uint64_t)1 << 14)
#define FEATURE_MOVE ((uint64_t)1 << 16)
struct poison_request {
  struct uffdio_range range;
  uint64_t mode;
  int64_t updated;
};
#define IOC_POISON _IOWR(UFFDIO, 0x08, struct poison_request)
struct move_request {
  uint64_t target, source, bytes, mode;
  int64_t moved;
};
#define IOC_MOVE _IOWR(UFFDIO, 0x05, struct move_request)
#define MOVE_WITHOUT_WAKE ((uint64_t)1)

static const uint64_t needed_features = UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_THREAD_ID;

static int open_device(void) {
  int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
  if (device < 0) return -1;
  int fd = ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
  close(device);
  return fd;
}

static int open_call(int flags) { return (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | flags); }

static ufo_status refuse(ufo_error *error, int cause) {
  if (cause == EMFILE || cause == ENFILE || cause == ENOMEM)
    return ufo_fail_errno(error, cause, "cannot create a userfaultfd");
  ufo_status status = ufo_fail_errno(
      error, cause,
      "cannot create a userfaultfd: the kernel or a seccomp profile refuses it. Remedies: Linux 5.11 or newer; in a "
      "container, a seccomp profile that allows userfaultfd (docker run --security-opt seccomp=...) or the device "
      "/dev/userfaultfd passed in; otherwise run as root or set sysctl vm.unprivileged_userfaultfd=1");
  (void)status;
  if (error) error->code = UFO_UNSUPPORTED;
  return UFO_UNSUPPORTED;
}

/* One handshake per descriptor: the first asks what there is, the second takes what we use. */
static bool handshake(int fd, uint64_t *features) {
  struct uffdio_api api = {.api = UFFD_API, .features = *features};
  if (ioctl(fd, UFFDIO_API, &api)) return false;
  *features = api.features;
  return true;
}

static int open_any(bool user_faults_only, bool *kernel_faults) {
  if (!user_faults_only) {
    *kernel_faults = true;
    int fd = open_device();
    if (fd < 0) fd = open_call(0);
    if (fd >= 0) return fd;
  }
  *kernel_faults = false;
  return open_call(UFFD_USER_MODE_ONLY);
}

/* ---- a kernel that refuses ------------------------------------------------------------------------------------------
 */

/* About a second for a shortage, which passes; about 20 ms for what the kernel never answers without a reason. */
enum { PATIENCE = 1000, PATIENCE_UNEXPECTED = 20, PATIENCE_AT_ONCE = 10 };

/* A call was refused for the `tries`th time in a row, with `cause`. True after a while: it is to be tried again. */
static bool try_again(unsigned *tries, int cause) {
  bool shortage = cause == EAGAIN || cause == ENOMEM || cause == EINTR;
  if (++*tries >= (shortage ? PATIENCE : PATIENCE_UNEXPECTED)) return false;
  if (shortage && *tries < PATIENCE_AT_ONCE) sched_yield();
  else usleep(1000);
  return true;
}

static void end_reading(const ufo_uffd *uffd) {
  uint64_t one = 1;
  /* Cannot fail, since the counter starts at 0 and is never read; but who waits for the end would wait for ever. */
  for (int attempt = 0; attempt < 100 && write(uffd->stop_fd, &one, sizeof one) != (ssize_t)sizeof one; attempt++) {
  }
}

void ufo_uffd_give_up(ufo_uffd *uffd, const char *call, int cause) {
  int none = 0;
  if (!atomic_compare_exchange_strong(&uffd->failed, &none, cause ? cause : EIO)) return;
  atomic_store(&uffd->failed_call, call);
  end_reading(uffd);
}

ufo_status ufo_uffd_explain(const ufo_uffd *uffd, ufo_error *error) {
  const char *call = atomic_load(&uffd->failed_call);
  ufo_fail_errno(error, atomic_load(&uffd->failed), "the kernel goes on refusing %s", call ? call : "a call");
  if (error) error->code = UFO_IO; /* whatever the number: nothing is full or missing */
  return UFO_IO;
}

void ufo_uffd_retire(ufo_uffd *uffd) {
  /* The number must not become another file's, since others may be about to use it. */
  int result;
  do result = dup3(uffd->empty_fd, uffd->fd, O_CLOEXEC);
  while (result < 0 && (errno == EINTR || errno == EBUSY));
}

/* ---- opening --------------------------------------------------------------------------------------------------------
 */

ufo_status ufo_uffd_open(ufo_uffd *uffd, unsigned without, ufo_error *error) {
  bool user_faults_only = without & UFO_UFFD_USER_FAULTS_ONLY;
  *uffd = (ufo_uffd){.fd = -1, .stop_fd = -1, .empty_fd = -1};
  uint64_t offered = 0;
  int probe = open_any(user_faults_only, &uffd->kernel_faults);
  if (probe < 0) return refuse(error, errno);
  bool answered = handshake(probe, &offered);
  int cause = errno;
  close(probe);
  if (!answered) return refuse(error, cause);
  if ((offered & needed_features) != needed_features)
    return ufo_fail(error, UFO_UNSUPPORTED,
                    "this kernel's userfaultfd cannot write-protect anonymous memory (features 0x%llx); Linux 5.11 or "
                    "newer on x86-64, 6.10 or newer on arm64 is needed",
                    (unsigned long long)offered);
  bool poisons = (offered & FEATURE_POISON) && !(without & UFO_UFFD_NO_POISON);
  atomic_store(&uffd->can_poison, poisons);
  uffd->can_move = (offered & FEATURE_MOVE) && !(without & UFO_UFFD_NO_MOVE);
  uffd->fd = open_any(user_faults_only, &uffd->kernel_faults);
  if (uffd->fd < 0) return refuse(error, errno);
  uint64_t wanted = needed_features | (poisons ? FEATURE_POISON : 0) | (uffd->can_move ? FEATURE_MOVE : 0);
  if (!handshake(uffd->fd, &wanted)) {
    ufo_status status = refuse(error, errno);
    ufo_uffd_close(uffd);
    return status;
  }
  uffd->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  /* Opened ahead: a chunk must be able to fail when the process has run out of descriptors. */
  if (uffd->stop_fd >= 0) uffd->empty_fd = ufo_memory_empty_file();
  if (uffd->stop_fd < 0 || uffd->empty_fd < 0) {
    ufo_status status = ufo_fail_errno(error, errno, "cannot create the descriptors of a pool");
    ufo_uffd_close(uffd);
    return status;
  }
  return UFO_OK;
}

void ufo_uffd_close(ufo_uffd *uffd) {
  if (uffd->fd >= 0) close(uffd->fd);
  if (uffd->stop_fd >= 0) close(uffd->stop_fd);
  if (uffd->empty_fd >= 0) close(uffd->empty_fd);
  uffd->fd = uffd->stop_fd = uffd->empty_fd = -1;
}

bool ufo_uffd_register(const ufo_uffd *uffd, void *address, uint64_t bytes) {
  struct uffdio_register request = {.range = {(uint64_t)(uintptr_t)address, bytes},
                                    .mode = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP};
  return ioctl(uffd->fd, UFFDIO_REGISTER, &request) == 0;
}

bool ufo_uffd_register_target(const ufo_uffd *uffd, void *address, uint64_t bytes) {
  struct uffdio_register request = {.range = {(uint64_t)(uintptr_t)address, bytes}, .mode = UFFDIO_REGISTER_MODE_WP};
  return ioctl(uffd->fd, UFFDIO_REGISTER, &request) == 0;
}

/* Bit 57 of a page's word tells: Documentation/admin-guide/mm/pagemap.rst. */
static bool all_protected(const char *address, uint64_t bytes) {
  enum { BATCH = 512 };
  uint64_t words[BATCH], page = ufo_page_bytes(), count = bytes / page, first = (uint64_t)(uintptr_t)address / page;
  int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  bool protected_ = file >= 0;
  for (uint64_t done = 0; protected_ && done < count; done += BATCH) {
    size_t some = (size_t)ufo_min(count - done, BATCH) * sizeof *words;
    protected_ = pread(file, words, some, (off_t)((first + done) * sizeof *words)) == (ssize_t)some;
    for (size_t i = 0; protected_ && i < some / sizeof *words; i++) protected_ = words[i] >> 57 & 1;
  }
  if (file >= 0) close(file);
  return protected_;
}

bool ufo_uffd_split_keeps_protection(ufo_uffd *uffd, void *target, void *source, uint64_t bytes) {
  memset(source, 0, bytes);
  bool kept = ufo_uffd_move(uffd, target, source, bytes) && ufo_uffd_protect(uffd, target, bytes, true);
  if (kept) ufo_memory_split_huge(target, bytes);
  kept = kept && all_protected(target, bytes);
  ufo_memory_drop(target, bytes);
  ufo_memory_drop(source, bytes);
  return kept;
}

bool ufo_uffd_unregister(const ufo_uffd *uffd, void *address, uint64_t bytes) {
  struct uffdio_range range = {(uint64_t)(uintptr_t)address, bytes};
  return ioctl(uffd->fd, UFFDIO_UNREGISTER, &range) == 0;
}

bool ufo_uffd_next(ufo_uffd *uffd, ufo_fault *fault) {
  struct pollfd watched[2] = {{.fd = uffd->fd, .events = POLLIN}, {.fd = uffd->stop_fd, .events = POLLIN}};
  unsigned refused = 0;
  while (!atomic_load(&uffd->stopped) && !ufo_uffd_has_failed(uffd)) {
    struct uffd_msg message;
    /* Taken before the read: a message that can be read is of a thread that still waits. */
    fault->read_ns = ufo_clock_monotonic_ns();
    ssize_t got = read(uffd->fd, &message, sizeof message);
    if (got == (ssize_t)sizeof message && message.event == UFFD_EVENT_PAGEFAULT) {
      fault->address = message.arg.pagefault.address;
      fault->write = (message.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WRITE) != 0;
      fault->protected_ = (message.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP) != 0;
      fault->thread = (int)message.arg.pagefault.feat.ptid;
      return true;
    }
    /* Not that another reader was faster, or nothing is there yet? */
    int cause = got < 0 ? errno : EIO;
    if (cause != EAGAIN && cause != EINTR && !try_again(&refused, cause)) ufo_uffd_give_up(uffd, "read", cause);
    if (poll(watched, 2, -1) < 0) {
      usleep(1000);
      continue;
    }
    if (watched[1].revents) return false;
    if (watched[0].revents & (POLLERR | POLLNVAL)) ufo_uffd_give_up(uffd, "poll", EIO);
  }
  return false;
}

void ufo_uffd_stop(ufo_uffd *uffd) {
  atomic_store(&uffd->stopped, true);
  end_reading(uffd);
}

bool ufo_uffd_copy(const ufo_uffd *uffd, void *address, const void *source, uint64_t bytes, bool protect) {
  uint64_t done = 0;
  unsigned tries = 0;
  while (done < bytes) {
    struct uffdio_copy request = {.dst = (uint64_t)(uintptr_t)address + done,
                                  .src = (uint64_t)(uintptr_t)source + done,
                                  .len = bytes - done,
                                  .mode = protect ? UFFDIO_COPY_MODE_WP : 0};
    if (ioctl(uffd->fd, UFFDIO_COPY, &request) == 0) return true;
    if (errno != EAGAIN) return false;
    if (request.copy > 0) {
      done += (uint64_t)request.copy;
      tries = 0;
    } else if (!try_again(&tries, EAGAIN)) {
      errno = EAGAIN;
      return false;
    }
  }
  return true;
}

/* Seen on 6.18: where small pages are moved and the kernel has to try again in the middle, it begins with the first one
 * again, finds it moved and says EEXIST, and that nothing was moved. */
bool ufo_uffd_move(const ufo_uffd *uffd, void *address, void *source, uint64_t bytes) {
  uint64_t done = 0;
  unsigned tries = 0;
  while (done < bytes) {
    struct move_request request = {.target = (uint64_t)(uintptr_t)address + done,
                                   .source = (uint64_t)(uintptr_t)source + done,
                                   .bytes = bytes - done,
                                   .mode = MOVE_WITHOUT_WAKE};
    if (ioctl(uffd->fd, IOC_MOVE, &request) == 0) return true;
    if (errno != EAGAIN) return false;
    if (request.moved > 0) {
      done += (uint64_t)request.moved;
      tries = 0;
    } else if (!try_again(&tries, EAGAIN)) {
      errno = EAGAIN;
      return false;
    }
  }
  return true;
}

bool ufo_uffd_protect(ufo_uffd *uffd, void *address, uint64_t bytes, bool protect) {
  struct uffdio_writeprotect request = {.range = {(uint64_t)(uintptr_t)address, bytes},
                                        .mode = protect ? UFFDIO_WRITEPROTECT_MODE_WP : 0};
  unsigned tries = 0;
  while (!ufo_uffd_has_failed(uffd)) {
    if (ioctl(uffd->fd, UFFDIO_WRITEPROTECT, &request) == 0) return true;
    int cause = errno;
    /* Who cannot protect has other ways; but a page that stays protected is written to for ever. */
    bool again = (!protect || cause == EAGAIN) && try_again(&tries, cause);
    if (!again && !protect) ufo_uffd_give_up(uffd, "UFFDIO_WRITEPROTECT", cause);
    errno = cause;
    if (!again) return false;
  }
  errno = atomic_load(&uffd->failed);
  return false;
}

void ufo_uffd_wake(ufo_uffd *uffd, void *address, uint64_t bytes) {
  struct uffdio_range range = {(uint64_t)(uintptr_t)address, bytes};
  for (unsigned tries = 0; ioctl(uffd->fd, UFFDIO_WAKE, &range) && !ufo_uffd_has_failed(uffd);) {
    int cause = errno;
    if (!try_again(&tries, cause)) ufo_uffd_give_up(uffd, "UFFDIO_WAKE", cause);
  }
}

static bool poison_by_marker(const ufo_uffd *uffd, void *address, uint64_t bytes) {
  uint64_t done = 0;
  unsigned tries = 0;
  while (done < bytes) {
    struct poison_request request = {.range = {(uint64_t)(uintptr_t)address + done, bytes - done}};
    if (ioctl(uffd->fd, IOC_POISON, &request) == 0) return true;
    if (errno != EAGAIN) return false;
    if (request.updated > 0) done += (uint64_t)request.updated;
    else if (!try_again(&tries, EAGAIN)) return false;
  }
  return true;
}

bool ufo_uffd_poison(ufo_uffd *uffd, void *address, uint64_t bytes) {
  if (atomic_load(&uffd->can_poison)) {
    if (poison_by_marker(uffd, address, bytes)) return true;
    /* A page of a copy that failed half way is in the way. */
    if (ufo_memory_drop(address, bytes) && poison_by_marker(uffd, address, bytes)) return true;
    /* No memory for markers, say. A chunk that can neither be filled nor fail would be touched for ever. */
    atomic_store(&uffd->can_poison, false);
  }
  bool mapped = ufo_memory_map_sigbus(address, bytes, uffd->empty_fd);
  ufo_uffd_wake(uffd, address, bytes);
  return mapped;
}

bool ufo_uffd_unpoison(const ufo_uffd *uffd, void *address, uint64_t bytes, bool writable) {
  if (atomic_load(&uffd->can_poison)) return ufo_memory_drop(address, bytes);
  /* Inaccessible until it is registered: another thread's touch must not find zeros in between. */
  if (!ufo_memory_replace_forbidden(address, bytes)) return false;
  if (ufo_uffd_register(uffd, address, bytes) && ufo_memory_allow(address, bytes, writable)) return true;
  ufo_memory_map_sigbus(address, bytes, uffd->empty_fd);
  return false;
}
