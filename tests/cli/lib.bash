# lib.bash - what the tests of the command line share. A test sources it first:
#
#   . "$(dirname "$0")/lib.bash"
#
# Each test works in a fresh folder, which is removed at its end. `ufo` runs the tool and keeps what it said in the
# files out and err and its exit status in $status; `expect` and the checks below end the test with a message that
# shows them. perl (of the base system) makes binary data; python3 and Rscript are used where they are installed.
set -u
: "${UFOSTORE_BIN:?the path of the ufostore binary}"
# By hand, the binary's path is enough.
: "${UFOSTORE_SOURCE:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
: "${UFOSTORE_BUILD:=$(cd "$(dirname "$UFOSTORE_BIN")" && pwd)}"
UFOSTORE_BIN=$(realpath "$UFOSTORE_BIN")
export LC_ALL=C.UTF-8 TZ=UTC
work=$(mktemp -d "${TMPDIR:-/tmp}/ufostore-cli.XXXXXX") || exit 1
trap 'keep_stores; rm -rf "$work"' EXIT

# Moves the stores that the test leaves into the folder UFO_TEST_KEEP, where another reader judges them afterwards
# (fault/reader_stores.sh). Not of a size that takes it long.
keep_stores() {
  [ -n "${UFO_TEST_KEEP:-}" ] || return 0
  local store number=0
  find "$work" -type f -name '*.ufo' -size -8192k -print0 | while IFS= read -r -d '' store; do
    mv "$store" "$UFO_TEST_KEEP/cli-$(basename "$0" .sh)-$$-$((number++)).ufo"
  done
}
cd "$work" || exit 1
status=0
last=
preloaded=

ufo() {
  last="ufostore $*"
  timeout 60 env LD_PRELOAD="$preloaded" "$UFOSTORE_BIN" "$@" >out 2>err
  status=$?
}

failed() {
  printf 'FAILED: %s\n' "$*" >&2
  printf '  command: %s\n  status:  %s\n' "$last" "$status" >&2
  [ -s out ] && { echo '  output:' >&2; head -c 2000 out | head -20 | sed 's/^/    /' >&2; }
  [ -s err ] && { echo '  errors:' >&2; head -c 2000 err | head -20 | sed 's/^/    /' >&2; }
  exit 1
}

# expect STATUS ARGUMENTS...: runs the tool, which must end with STATUS, and say something on standard error exactly if
# that is 1 or 2.
expect() {
  local wanted=$1
  shift
  ufo "$@"
  [ "$status" = "$wanted" ] || failed "exit status $status, expected $wanted"
  if [ "$wanted" = 0 ]; then
    [ ! -s err ] || failed "messages although it went well"
  elif [ "$wanted" != 3 ]; then
    [ -s err ] || failed "no message"
    grep -q '^ufostore: ' err || failed "the message does not say who speaks"
  fi
}

says() { grep -qF -- "$1" err || failed "standard error does not say '$1'"; }
shows() { grep -qF -- "$1" out || failed "the output does not show '$1'"; }
hides() { ! grep -qF -- "$1" out || failed "the output shows '$1'"; }
same() { cmp "$1" "$2" >&2 || failed "$1 and $2 differ"; }
output_is() {
  printf '%s\n' "$@" >wanted
  cmp -s wanted out || { diff wanted out | head -20 >&2; failed "another output was expected"; }
}

# The output is valid JSON, as far as an installed program can tell.
valid_json() {
  command -v python3 >/dev/null 2>&1 || return 0
  python3 -c 'import json,sys; json.load(open(sys.argv[1], encoding="utf-8"))' out 2>json_error || failed "no valid JSON: $(tail -1 json_error)"
}

# preload FILE: compiles tests/cli/FILE, which takes the place of functions of other libraries, and runs the tool with it
# from now on. The runtime of the address sanitizer wants to be the first that is loaded.
preload() {
  local runtime= object=$work/${1%.c}.so
  case ${UFOSTORE_SANITIZE:-} in *address*) runtime=$("${CC:-cc}" -print-file-name=libasan.so) ;; esac
  "${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -shared -fPIC "$UFOSTORE_SOURCE/tests/cli/$1" -o "$object" -ldl \
    >out 2>err || failed "$1 does not compile"
  preloaded="$runtime $object"
}

doubles() { perl -e 'print pack("d<*", map { lc eq "nan" ? "NaN" : $_ } @ARGV)' -- "$@"; }
integers() { perl -e 'print pack("l<*", @ARGV)' -- "$@"; }
