/* machine.c - see machine.h. */
#include "machine.h"

#include "workspace.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

static void cut_line_end(char *text) { text[strcspn(text, "\n")] = 0; }

static bool read_line(const char *path, char *line, int size) {
  FILE *file = fopen(path, "re");
  bool got = file && fgets(line, size, file);
  if (file) fclose(file);
  if (got) cut_line_end(line);
  return got;
}

static void look_processor(machine *m) {
  char line[256];
  snprintf(m->processor, sizeof m->processor, "unknown");
  FILE *file = fopen("/proc/cpuinfo", "re");
  while (file && fgets(line, sizeof line, file)) {
    const char *value = strchr(line, ':');
    if (!value || strncmp(line, "model name", 10) != 0) continue;
    cut_line_end(line);
    snprintf(m->processor, sizeof m->processor, "%.120s", value + 1 + strspn(value + 1, " "));
    break;
  }
  if (file) fclose(file);
  cpu_set_t set;
  m->cores = sched_getaffinity(0, sizeof set, &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

/* The word in brackets of "always [madvise] never". */
static void look_huge_pages(machine *m) {
  char line[128] = "";
  snprintf(m->huge_pages, sizeof m->huge_pages, "none");
  if (!read_line("/sys/kernel/mm/transparent_hugepage/enabled", line, sizeof line)) return;
  char *begin = strchr(line, '['), *end = begin ? strchr(begin, ']') : NULL;
  if (end) snprintf(m->huge_pages, sizeof m->huge_pages, "%.*s", (int)(end - begin - 1), begin + 1);
}

/* The type of the mount with the folder's device number: the field after " - " of its line in mountinfo. */
static void look_file_system(machine *m, const char *folder) {
  struct stat facts;
  char line[1024], device[32];
  snprintf(m->file_system, sizeof m->file_system, "unknown");
  if (stat(folder, &facts)) return;
  snprintf(device, sizeof device, " %u:%u ", major(facts.st_dev), minor(facts.st_dev));
  FILE *file = fopen("/proc/self/mountinfo", "re");
  while (file && fgets(line, sizeof line, file)) {
    const char *type = strstr(line, " - ");
    if (!strstr(line, device) || !type) continue;
    snprintf(m->file_system, sizeof m->file_system, "%.*s", (int)strcspn(type + 3, " "), type + 3);
    break;
  }
  if (file) fclose(file);
}

static void look_faults(machine *m) {
  ufo_pool *pool = NULL;
  m->capabilities.struct_size = sizeof m->capabilities;
  m->pool_status = bench_pool(UINT64_C(16) << 20, &pool, NULL);
  if (!m->pool_status) {
    ufo_pool_get_capabilities(pool, &m->capabilities);
    ufo_pool_destroy(pool, NULL);
  }
  int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
  if (fd < 0) fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */);
  if (fd < 0) return;
  struct uffdio_api api = {.api = UFFD_API};
  if (!ioctl(fd, UFFDIO_API, &api)) m->uffd_features = api.features;
  close(fd);
}

void machine_look(machine *m, const char *folder) {
  struct utsname kernel;
  *m = (machine){.privileged = geteuid() == 0};
  look_processor(m);
  look_huge_pages(m);
  look_file_system(m, folder);
  look_faults(m);
  m->memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
  if (!uname(&kernel))
    snprintf(m->kernel, sizeof m->kernel, "%.20s %.64s %.64s", kernel.sysname, kernel.release, kernel.machine);
#ifdef NDEBUG
  const char *checks = "without assertions";
#else
  const char *checks = "with assertions: not for measuring";
#endif
#ifdef __clang__
  const char *compiler = "clang";
#else
  const char *compiler = "gcc";
#endif
  snprintf(m->build, sizeof m->build, "%s %.20s, %s", compiler, __VERSION__, checks);
  if (getloadavg(&m->load, 1) != 1) m->load = -1;
}

static double seconds_of(int who) {
  struct rusage usage;
  if (getrusage(who, &usage)) return 0;
  return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
         ((double)usage.ru_utime.tv_usec + (double)usage.ru_stime.tv_usec) / 1e6;
}

double machine_others_s(void) {
  char line[256] = "";
  unsigned long long user = 0, nice = 0, system = 0, interrupts = 0, soft = 0, stolen = 0;
  if (!read_line("/proc/stat", line, sizeof line)) return 0;
  // NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers
  if (sscanf(line, "cpu %llu %llu %llu %*u %*u %llu %llu %llu", &user, &nice, &system, &interrupts, &soft, &stolen) !=
      6)
    return 0;
  double all = (double)(user + nice + system + interrupts + soft + stolen) / (double)sysconf(_SC_CLK_TCK);
  return all - seconds_of(RUSAGE_SELF) - seconds_of(RUSAGE_CHILDREN);
}
