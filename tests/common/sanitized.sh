#!/bin/bash
# sanitized.sh REPORT COMMAND...: runs a test built with a sanitizer; any report, from whichever process, fails it.
#
# - Signals stay the library's: address sanitizer must not take SIGSEGV, SIGBUS and SIGFPE, which the tests raise.
# - Sanitizer runtimes of this age do not start under strongly randomised addresses, so that is switched off where the
#   system allows it.
set -u
report=$1
shift
mkdir -p "$(dirname "$report")"
rm -f "$report".*

# Leaks in code that is not ours are suppressed by function; each has its reason in lsan.supp.
here=$(cd "$(dirname "$0")" && pwd)
export ASAN_OPTIONS="handle_segv=0:handle_sigbus=0:handle_sigfpe=0:detect_leaks=1:log_path=$report${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
export LSAN_OPTIONS="suppressions=$here/lsan.supp:print_suppressions=0:log_path=$report"
export UBSAN_OPTIONS="print_stacktrace=1:log_path=$report"
export TSAN_OPTIONS="second_deadlock_stack=1:log_path=$report${TSAN_OPTIONS:+:$TSAN_OPTIONS}"

if setarch -R true 2>/dev/null; then
  setarch -R "$@"
else
  "$@"
fi
status=$?
for file in "$report".*; do
  [ -s "$file" ] || continue
  echo "--- sanitizer report $file"
  head -c 20000 "$file"
  status=1
done
exit $status
