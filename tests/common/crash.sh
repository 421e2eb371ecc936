# Sourced by the scripts here: the program, a scratch folder, and how thorough to be.
torture=$UFOSTORE_BUILD/tests/crash_torture
if [ ! -x "$torture" ]; then echo "no $torture"; exit 1; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

nightly() {
  [ "${UFO_TEST_LEVEL:-}" = nightly ] || [ "${UFO_TEST_LEVEL:-}" = release ]
}

# What was counted, for the table that tools/test prints: tally COUNT WHAT. See tally.h.
tally() {
  local count=$1
  shift
  echo "counted: $count $*"
  if [ -n "${UFO_TALLY:-}" ]; then printf '%s\t%s\n' "$count" "$*" >>"$UFO_TALLY"; fi
}

# Can strace attach and inject here? Not in every container; and sanitizers do not run under it.
need_strace() {
  if [ -n "${UFOSTORE_SANITIZE:-}" ]; then echo "not with a sanitizer"; exit 77; fi
  if ! command -v strace >/dev/null; then echo "strace is not installed"; exit 77; fi
  strace -qq -o /dev/null -e trace=getppid -e inject=getppid:error=EPERM:when=1 true 2>/dev/null || {
    echo "strace cannot trace here"
    exit 77
  }
}

# The most calls that one thread made of those named: $1 calls, then the command.
count_calls() {
  local calls=$1
  shift
  strace -f -qq -o "$work/trace" -e trace="$calls" "$@" >/dev/null
  awk '/\(/ && !/resumed/ { n[$1]++ } END { for (t in n) if (n[t] > most) most = n[t]; print most + 0 }' "$work/trace"
}

# About $2 of the numbers 1 .. $1: the first twenty, which create the store, and others spread evenly.
some_points() {
  local most=$1 wanted=$2
  if nightly || [ "$most" -le "$wanted" ]; then seq 1 "$most"; return; fi
  seq 1 20
  seq 21 $(((most - 20) / (wanted - 20) + 1)) "$most"
}
