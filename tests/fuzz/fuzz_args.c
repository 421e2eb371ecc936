/* The command line: sizes, numbers, ranges, options and the guess at a misspelt word, from any text.
 *
 * Input: lines; each is one argument. The first is also read as a size, a number and a range. */
#include "fuzz.h"

#include <stdarg.h>

#include "cli/args.h"

/* In place of the tool's own (CMakeLists.txt): the text is made, as there, but not printed. */
int __wrap_fail_usage(const command *cmd, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_fail_usage(const command *cmd, const char *format, ...) {
  char text[4096];
  va_list values;
  va_start(values, format);
  PROMISE(vsnprintf(text, sizeof text, format, values) > 0 && cmd);
  va_end(values);
  return EXIT_USAGE;
}

static void check_numbers(const char *text) {
  uint64_t number = 0, bytes = 0, first = 0, end = 0;
  bool is_number = args_number(text, &number);
  if (is_number) {
    char *rest;
    PROMISE(strtoull(text, &rest, 10) == number && !*rest);
    PROMISE(args_size(text, &bytes) == (strlen(text) < 24) && (strlen(text) >= 24 || bytes == number));
  }
  if (args_size(text, &bytes)) PROMISE(text[0] >= '0' && text[0] <= '9');
  if (args_range(text, &first, &end)) PROMISE(first <= end && strchr(text, ':'));
}

static void check_options(int argc, const char **argv) {
  static const option_spec options[] = {{"range", 'r', "A:B", "Elements."},
                                        {"json", 0, NULL, "As JSON."},
                                        {"long", 'l', NULL, "More."},
                                        {"old", 0, "X", NULL},
                                        {0}};
  static const command cmd = {.name = "get", .operands_min = 1, .operands_max = 3, .options = options};
  const char *moved[66];
  memcpy(moved, argv, (size_t)argc * sizeof *argv);
  arguments args;
  bool help;
  int status = args_parse(&cmd, argc, moved, &args, &help);
  PROMISE(status == EXIT_DONE || status == EXIT_USAGE);
  if (status || help) return;
  PROMISE(args.operand_count >= 1 && args.operand_count <= 3);
  for (int i = 0; i < args.operand_count; i++) PROMISE(args.operands[i][0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > 4096) return 0;
  char *text = malloc(size + 1);
  PROMISE(text);
  if (size) memcpy(text, data, size);
  text[size] = 0;
  const char *argv[65];
  int argc = 0;
  for (char *at = text, *next; at && argc < 64; at = next) {
    next = strchr(at, '\n');
    if (next) *next++ = 0;
    argv[argc++] = at;
  }
  check_numbers(argv[0]);
  check_options(argc, argv);
  static const char *const words[] = {"create", "import", "export", "verify", "compact", "info", NULL};
  const char *near = args_nearest(argv[0], words);
  if (near) PROMISE(*argv[0]);
  free(text);
  return 0;
}
