/* args.h - reading a command line after a command's table of options. */
#ifndef UFOSTORE_CLI_ARGS_H
#define UFOSTORE_CLI_ARGS_H

#include "cli.h"

/* Parses argv[0 .. argc-1] (what follows the command's name). Options may stand anywhere before "--"; "-" alone is an
 * operand. On a wrong usage prints it and returns EXIT_USAGE; *help_out is set if --help was asked for, and operands
 * are then not counted. args->operands is argv itself, reordered. */
int args_parse(const command *cmd, int argc, const char **argv, arguments *args, bool *help_out);

/* A number of bytes such as "65536", "64K", "64KB", "64KiB", "1 MiB" (units of 1024). False if it is none. */
bool args_size(const char *text, uint64_t *bytes_out);

/* A plain decimal number. False if it is none, is negative or does not fit. */
bool args_number(const char *text, uint64_t *number_out);

/* "A:B", "A:", ":B" or ":". An open end is UINT64_MAX. False if it is none or A > B. */
bool args_range(const char *text, uint64_t *first_out, uint64_t *end_out);

/* The word of `words` (ending with NULL) that is nearest to `word`, or NULL if none is near. */
const char *args_nearest(const char *word, const char *const *words);

#endif
