# Sourced by shell tests: counting for the table that tools/test prints, and how thorough to be. See tally.h.

# tally COUNT WHAT
tally() {
  local count=$1
  shift
  echo "counted: $count $*"
  if [ -n "${UFO_TALLY:-}" ]; then printf '%s\t%s\n' "$count" "$*" >>"$UFO_TALLY"; fi
}

nightly() {
  [ "${UFO_TEST_LEVEL:-}" = nightly ] || [ "${UFO_TEST_LEVEL:-}" = release ]
}
