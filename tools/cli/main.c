/* main.c - `ufostore`: finds the command, parses its arguments, runs it.
 *
 * A command is added by a cmd_*.c file, its declaration in cli.h and its line in the table below. */
#include "args.h"
#include "print.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const command *const commands[] = {
    &cmd_create, &cmd_ls, &cmd_info, &cmd_stat,     &cmd_put,    &cmd_get,     &cmd_import,
    &cmd_export, &cmd_rm, &cmd_mv,   &cmd_snapshot, &cmd_verify, &cmd_compact, &cmd_bench,
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void print_commands(void) {
  puts("usage: ufostore COMMAND ...\n\n"
       "Durable vectors and data frames in one file, shared with R and C.\n");
  for (int i = 0; i < COMMAND_COUNT; i++) printf("  %-8s %s\n", commands[i]->name, commands[i]->summary);
  puts("\n'ufostore COMMAND --help' tells how each is used. '--' ends options. Exit status: 0 done, 1 failed,\n"
       "2 wrong usage, 3 the file is not a store, or damaged.");
}

static void print_command(const command *cmd) {
  bool any = false;
  printf("usage: ufostore %s ", cmd->name);
  for (const option_spec *spec = cmd->options; spec && spec->name; spec++) {
    if (spec - cmd->options < cmd->options_required) printf("--%s %s ", spec->name, spec->value);
    any |= spec->what != NULL;
  }
  printf("%s%s\n\n%s\n", any ? "[OPTIONS] " : "", cmd->operands, cmd->summary);
  if (cmd->details) printf("\n%s\n", cmd->details);
  if (any) putchar('\n');
  for (const option_spec *spec = cmd->options; spec && spec->name; spec++) {
    char left[64], letter[8] = "    ";
    if (!spec->what) continue;
    if (spec->letter) snprintf(letter, sizeof letter, "-%c, ", spec->letter);
    snprintf(left, sizeof left, "%s--%s %s", letter, spec->name, spec->value ? spec->value : "");
    printf("  %-20s %s\n", left, spec->what);
  }
}

static int unknown_command(const char *word) {
  const char *names[COMMAND_COUNT + 1];
  for (int i = 0; i < COMMAND_COUNT; i++) names[i] = commands[i]->name;
  names[COMMAND_COUNT] = NULL;
  const char *near = args_nearest(word, names);
  const char *what = word[0] == '-' ? "option" : "command";
  if (near) return fail_usage(NULL, "unknown %s '%s'; did you mean '%s'?", what, word, near);
  return fail_usage(NULL, "unknown %s '%s'", what, word);
}

static const command *find_command(const char *word) {
  for (int i = 0; i < COMMAND_COUNT; i++)
    if (strcmp(word, commands[i]->name) == 0) return commands[i];
  return NULL;
}

/* A standard descriptor that the caller closed would become the store's, and a message or data meant for it be written
 * into the store. So its number is taken by /dev/null, opened the wrong way: what uses it still fails with EBADF. */
static bool fill_standard_descriptors(void) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
    if (fcntl(fd, F_GETFD) >= 0) continue;
    /* The lowest free number is the one that is given. */
    if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) return false;
  }
  return true;
}

int main(int argc, char **argv) {
  if (!fill_standard_descriptors()) return EXIT_FAILED; /* nowhere to say why */
  signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error to be reported, like any other */
  signal(SIGXFSZ, SIG_IGN); /* and so is a limit on the size of files */
  if (argc < 2) return fail_usage(NULL, "a command is missing");
  const char *word = argv[1];
  if (strcmp(word, "--version") == 0) {
    printf("ufostore %s\n", ufo_version());
    return finish_output(EXIT_DONE);
  }
  const command *cmd = NULL;
  bool help = strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
  if (help && argc > 2 && !(cmd = find_command(argv[2]))) return unknown_command(argv[2]);
  arguments args;
  if (!help) {
    cmd = find_command(word);
    if (!cmd) return unknown_command(word);
    int status = args_parse(cmd, argc - 2, (const char **)(void *)(argv + 2), &args, &help);
    if (status) return status;
  }
  if (!help) return cmd->run(&args);
  if (cmd) print_command(cmd);
  else print_commands();
  return finish_output(EXIT_DONE);
}
