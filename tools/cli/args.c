/* args.c - see args.h. Kept apart from getopt for one reason: a wrong option is answered with the command's own usage
 * line and, where there is one, the option that was probably meant. */
#include "args.h"

#include <stdlib.h>
#include <string.h>

static int unknown_option(const command *cmd, const char *text) {
  const char *names[OPTION_MAX + 2];
  int count = 0;
  for (const option_spec *spec = cmd->options; spec && spec->name; spec++)
    if (spec->what) names[count++] = spec->name;
  names[count++] = "help";
  names[count] = NULL;
  size_t length = strcspn(text, "=");
  char word[32] = "";
  if (length < sizeof word) memcpy(word, text, length), word[length] = 0;
  const char *near = strncmp(text, "--", 2) == 0 ? args_nearest(word + 2, names) : NULL;
  if (near) return fail_usage(cmd, "unknown option '%s'; did you mean '--%s'?", text, near);
  return fail_usage(cmd, "unknown option '%s'", text);
}

/* The option at `text`; *attached_out is what follows '=' or the letter, or NULL. */
static int find_option(const command *cmd, const char *text, const char **attached_out) {
  *attached_out = NULL;
  if (!cmd->options) return -1;
  for (int i = 0; cmd->options[i].name; i++) {
    const option_spec *spec = &cmd->options[i];
    if (text[1] != '-') {
      if (!spec->letter || text[1] != spec->letter) continue;
      if (text[2]) *attached_out = text + 2;
      return i;
    }
    size_t length = strlen(spec->name);
    if (strncmp(text + 2, spec->name, length) != 0) continue;
    if (text[2 + length] == '=') *attached_out = text + 2 + length + 1;
    else if (text[2 + length]) continue;
    return i;
  }
  return -1;
}

static int check_operands(const command *cmd, const arguments *args) {
  if (args->operand_count < cmd->operands_min) return fail_usage(cmd, "too few arguments");
  if (args->operand_count > cmd->operands_max)
    return fail_usage(cmd, "unexpected argument '%s'", args->operands[cmd->operands_max]);
  /* Only FILE and OUT may be left out; an empty one is a shell variable that was not set. */
  for (int i = 0; i < args->operand_count; i++)
    if (!*args->operands[i]) return fail_usage(cmd, "argument %d is empty", i + 1);
  return EXIT_DONE;
}

int args_parse(const command *cmd, int argc, const char **argv, arguments *args, bool *help_out) {
  *args = (arguments){.operands = argv};
  *help_out = false;
  bool options_end = false;
  for (int i = 0; i < argc; i++) {
    const char *text = argv[i];
    if (options_end || text[0] != '-' || !text[1]) {
      argv[args->operand_count++] = text; /* never ahead of i */
    } else if (strcmp(text, "--") == 0) {
      options_end = true;
    } else if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0) {
      *help_out = true;
      return EXIT_DONE;
    } else {
      const char *value;
      int index = find_option(cmd, text, &value);
      if (index < 0) return unknown_option(cmd, text);
      const option_spec *spec = &cmd->options[index];
      if (!spec->value) {
        if (value) return fail_usage(cmd, "option '--%s' takes no value", spec->name);
        value = "";
      } else if (!value) {
        if (i + 1 == argc) return fail_usage(cmd, "option '--%s' needs %s", spec->name, spec->value);
        value = argv[++i];
      }
      if (args->values[index]) return fail_usage(cmd, "option '--%s' is given twice", spec->name);
      args->values[index] = value;
    }
  }
  return check_operands(cmd, args);
}

bool args_number(const char *text, uint64_t *number_out) {
  uint64_t number = 0;
  if (!*text) return false;
  for (; *text; text++) {
    if (*text < '0' || *text > '9') return false;
    if (__builtin_mul_overflow(number, (uint64_t)10, &number) ||
        __builtin_add_overflow(number, (uint64_t)(*text - '0'), &number))
      return false;
  }
  *number_out = number;
  return true;
}

bool args_size(const char *text, uint64_t *bytes_out) {
  static const char *const units[] = {"", "K", "M", "G", "T"};
  char digits[24];
  size_t length = strspn(text, "0123456789");
  if (length == 0 || length >= sizeof digits) return false;
  memcpy(digits, text, length);
  digits[length] = 0;
  uint64_t number;
  if (!args_number(digits, &number)) return false;
  text += length;
  while (*text == ' ') text++;
  for (unsigned power = 0; power < sizeof units / sizeof *units; power++) {
    const char *rest = text;
    if (power && (rest[0] | 0x20) != (units[power][0] | 0x20)) continue;
    if (power) rest++;
    if (*rest && strcasecmp(rest, "B") != 0 && (!power || strcasecmp(rest, "iB") != 0)) continue;
    return !__builtin_mul_overflow(number, UINT64_C(1) << (10 * power), bytes_out);
  }
  return false;
}

bool args_range(const char *text, uint64_t *first_out, uint64_t *end_out) {
  const char *colon = strchr(text, ':');
  char first[24] = "0";
  if (!colon || (size_t)(colon - text) >= sizeof first) return false;
  if (colon != text) memcpy(first, text, (size_t)(colon - text)), first[colon - text] = 0;
  *end_out = UINT64_MAX;
  if (!args_number(first, first_out)) return false;
  if (colon[1] && !args_number(colon + 1, end_out)) return false;
  bool in_order = *first_out <= *end_out;
  if (colon[1] && *end_out == UINT64_MAX) { /* not an open end; past the end of any object, as it was */
    --*end_out;
    if (*first_out > *end_out) *first_out = *end_out;
  }
  return in_order;
}

/* Edits (insert, drop, change, swap neighbours) from one short word to another. */
static unsigned distance(const char *a, const char *b) {
  enum { MAX = 32 };
  unsigned rows[MAX + 1][MAX + 1];
  size_t a_length = strlen(a), b_length = strlen(b);
  if (a_length > MAX || b_length > MAX) return MAX;
  for (size_t i = 0; i <= a_length; i++) rows[i][0] = (unsigned)i;
  for (size_t j = 0; j <= b_length; j++) rows[0][j] = (unsigned)j;
  for (size_t i = 1; i <= a_length; i++) {
    for (size_t j = 1; j <= b_length; j++) {
      unsigned best = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
      if (rows[i - 1][j] + 1 < best) best = rows[i - 1][j] + 1;
      if (rows[i][j - 1] + 1 < best) best = rows[i][j - 1] + 1;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && rows[i - 2][j - 2] + 1 < best)
        best = rows[i - 2][j - 2] + 1;
      rows[i][j] = best;
    }
  }
  return rows[a_length][b_length];
}

const char *args_nearest(const char *word, const char *const *words) {
  const char *nearest = NULL;
  unsigned least = 3; /* further away is another word, not a slip */
  size_t length = strlen(word);
  for (; *words; words++) {
    unsigned edits = distance(word, *words);
    bool beginning = length >= 2 && strncmp(*words, word, length) == 0;
    if (beginning) edits = 1;
    if (edits < least && (edits < length || beginning)) least = edits, nearest = *words;
  }
  return nearest;
}
